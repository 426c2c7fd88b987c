//! [`check`]: a protocol, what its peers do, and many networks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::driver::{ClientId, Simulation};
use super::failure::Failure;
use super::faults::{Faults, Struck};
use super::script::Script;
use crate::drivers::event_loop::{Config, Ended};
use crate::sansio::{Limits, Protocol};

/// Checks a protocol that needs no state: see [`Check`], which it is in its shortest form.
///
/// ```
/// use switchboard::simulation::{check, script, seeds};
/// use switchboard::{Protocol, Transport};
///
/// struct Echo;
///
/// impl<S> Protocol<S> for Echo {
///     fn received(&mut self, transport: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
///         transport.write(bytes);
///         bytes.len()
///     }
/// }
///
/// check(|| Echo, [script().send("abc").expect("abc").close()], seeds(20));
/// ```
///
/// # Panics
///
/// With the [`Failure`], which says how to repeat it.
#[track_caller]
pub fn check<P: Protocol<()>>(
    factory: impl FnMut() -> P + Send + 'static,
    conversations: impl IntoIterator<Item = Script>,
    seeds: impl IntoIterator<Item = u64>,
) -> Report {
    check_with(|| (), factory, conversations, seeds)
}

/// Checks a protocol whose connections share a state. Each run begins with one that `state`
/// makes.
///
/// # Panics
///
/// With the [`Failure`], which says how to repeat it.
#[track_caller]
pub fn check_with<S: 'static, P: Protocol<S>>(
    state: impl FnMut() -> S + 'static,
    factory: impl FnMut() -> P + Send + 'static,
    conversations: impl IntoIterator<Item = Script>,
    seeds: impl IntoIterator<Item = u64>,
) -> Report {
    let check = Check::new(state, factory);
    check.run(conversations, seeds).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a protocol against scripted conversations on many networks, and holds it to what must
/// always be so.
///
/// Each conversation is first played on a network without fault: that is what its client should
/// get. Then, for each seed,
///
/// * each is played alone on a network with every [harmless fault](Faults::rough), where its
///   client must get the same bytes;
/// * all are played at once on a [hostile network](Faults::hostile), and the loop is drained.
///
/// The wall clock stands still, so that what shows it comes out the same.
///
/// All along it is watched that the calls come in their order, `closed` once and last; that
/// everything read is offered once and in order; that limits are kept; that nothing is sent after
/// the end; that everything queued is sent or told as unsent; that every connection has a
/// deadline and the loop wakes up for it; and that at the end nothing is held.
pub struct Check<S> {
    make_state: Box<dyn FnMut() -> S>,
    factory: SharedFactory<S>,
    limits: Limits,
    config: Config,
    rough: Faults,
    hostile: Faults,
}

type SharedFactory<S> = Arc<Mutex<dyn FnMut() -> Box<dyn Protocol<S>> + Send>>;

/// What a [`Check`] has done.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Simulations that were run.
    pub runs: u64,
    /// Clients that took part.
    pub clients: u64,
    /// Bytes that the loop read and wrote.
    pub bytes: u64,
    /// How often each kind of fault struck.
    pub struck: Struck,
}

impl<S: 'static> Check<S> {
    /// A check of what `factory` makes, with a state of `state` for each run.
    #[must_use]
    pub fn new<P: Protocol<S>>(
        state: impl FnMut() -> S + 'static,
        mut factory: impl FnMut() -> P + Send + 'static,
    ) -> Self {
        let factory = move || Box::new(factory()) as Box<dyn Protocol<S>>;
        Self {
            make_state: Box::new(state),
            factory: Arc::new(Mutex::new(factory)),
            limits: Limits::default(),
            config: Config::default(),
            rough: Faults::rough(),
            hostile: Faults::hostile(),
        }
    }

    /// Sets the limits of each connection.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the loop's configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the faults under which a client must get the same bytes.
    #[must_use]
    pub fn rough(mut self, faults: Faults) -> Self {
        self.rough = faults;
        self
    }

    /// Sets the faults under which all conversations are played at once.
    #[must_use]
    pub fn hostile(mut self, faults: Faults) -> Self {
        self.hostile = faults;
        self
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// The first [`Failure`].
    ///
    /// # Panics
    ///
    /// Where limits or configuration cannot work, and where the protocol panics.
    pub fn run(
        mut self,
        conversations: impl IntoIterator<Item = Script>,
        seeds: impl IntoIterator<Item = u64>,
    ) -> Result<Report, Failure> {
        let scripts: Vec<_> = conversations.into_iter().collect();
        let mut report = Report::default();
        let mut expected = Vec::new();
        for script in &scripts {
            expected.push(self.play_alone(0, Faults::none(), script, &mut report)?.0);
        }
        for seed in seeds {
            for (number, script) in scripts.iter().enumerate() {
                let rough = self.rough.clone().varied(seed);
                let (got, simulation) = self.play_alone(seed, rough, script, &mut report)?;
                if got != expected[number] {
                    let finding = difference(number, &expected[number], &got);
                    return Err(simulation.failure(finding));
                }
            }
            self.play_all(seed, &scripts, &mut report)?;
        }
        Ok(report)
    }

    fn play_alone(
        &mut self,
        seed: u64,
        faults: Faults,
        script: &Script,
        report: &mut Report,
    ) -> Result<(Vec<u8>, Simulation<S>), Failure> {
        let mut simulation = self.open(seed, faults);
        let client = self.enter(&mut simulation, script.clone());
        self.play(&mut simulation, report)?;
        Ok((simulation.received(client), simulation))
    }

    fn play_all(
        &mut self,
        seed: u64,
        scripts: &[Script],
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut simulation = self.open(seed, self.hostile.clone().varied(seed));
        for script in scripts {
            let mut script = script.clone();
            script.is_loose = true;
            self.enter(&mut simulation, script);
        }
        self.play(&mut simulation, report)
    }

    fn open(&self, seed: u64, faults: Faults) -> Simulation<S> {
        let simulation = Simulation::with_config(seed, faults, self.config.clone());
        let mut simulation =
            simulation.unwrap_or_else(|error| panic!("{error}")).freezing_wall_clock();
        let factory = Arc::clone(&self.factory);
        let make = move |_| {
            let mut factory = factory.lock().unwrap_or_else(PoisonError::into_inner);
            (*factory)()
        };
        let (address, options) = (SERVER.parse().expect("it is one"), self.limits.clone().into());
        let listened = simulation.listen_boxed(address, &options, Box::new(make));
        listened.unwrap_or_else(|error| panic!("{error}"));
        simulation
    }

    fn enter(&self, simulation: &mut Simulation<S>, script: Script) -> ClientId {
        simulation.client(SERVER, script).expect("it is an address")
    }

    /// Runs it to its end, and drains.
    fn play(&mut self, simulation: &mut Simulation<S>, report: &mut Report) -> Result<(), Failure> {
        let mut state = (self.make_state)();
        let ended = simulation.run(&mut state)?;
        if !matches!(ended, Some(Ended::Stopped)) {
            simulation.drain(GRACE);
            simulation.run(&mut state)?;
            simulation.settle(&mut state)?;
        }
        let stats = simulation.stats();
        report.runs += 1;
        report.clients += simulation.client_count() as u64;
        report.bytes += stats.bytes_in + stats.bytes_out;
        report.struck.add(&simulation.struck());
        Ok(())
    }
}

impl<S> std::fmt::Debug for Check<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("limits", &self.limits).finish_non_exhaustive()
    }
}

fn difference(number: usize, expected: &[u8], got: &[u8]) -> String {
    let same = expected.iter().zip(got).take_while(|(one, other)| one == other).count();
    format!(
        "the client of conversation {number} gets other bytes than without faults: after {same} \
         bytes {}, not {}",
        super::client::shown(&got[same..]),
        super::client::shown(&expected[same..])
    )
}

/// Where the protocol listens.
const SERVER: &str = "10.0.0.1:7000";
/// How long what was begun may take when the loop is drained.
const GRACE: Duration = Duration::from_secs(5);
