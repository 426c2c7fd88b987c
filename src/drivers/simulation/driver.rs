//! [`Simulation`]: the engine on a simulated network.

use std::time::Duration;

use super::client::Client;
use super::dice::Dice;
use super::failure::{Failure, lines_shown};
use super::faults::Faults;
use super::ledger::SharedLedger;
use super::network::Simulated;
use super::world::World;
use crate::drivers::event_loop::{Budget, Config, Deadline, Ended, Engine, Trouble, Turn, Wait};
use crate::sansio::Error;

/// The event loop on a simulated network, in virtual time. See the [module](super).
pub struct Simulation<S: 'static> {
    pub(super) engine: Engine<S, Simulated>,
    pub(super) net: Simulated,
    pub(super) ledger: SharedLedger,
    pub(super) seed: u64,
    /// What decides how much a turn may do, apart from what decides about the network.
    dice: Dice,
    /// None: of each turn anew.
    thrift: Option<Thrift>,
    pub(super) is_draining: bool,
    patience: Duration,
    /// Turns in a row in which there was something to do and nothing was done.
    pub(super) vain: usize,
    pub(super) troubles: Vec<(Trouble, u64)>,
    pub(super) curbed: u64,
}

/// How much the turns of a run may do.
#[derive(Clone, Copy, Debug)]
enum Thrift {
    /// As much as by default.
    Generous,
    /// One or a few of everything.
    Scanty,
    /// As much as there is time for.
    Timed,
}

/// A client of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub(super) usize);

impl<S: 'static> Simulation<S> {
    /// A loop on a network without fault, on which `seed` decides all that is left to chance.
    ///
    /// # Panics
    ///
    /// Never in practice: the simulated network cannot fail to be made.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Faults::none())
    }

    /// A loop on a network with `faults`.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with(seed: u64, faults: Faults) -> Self {
        Self::with_config(seed, faults, Config::default()).expect("the default can work")
    }

    /// A loop with `config`, whose clock is not used: time is the simulation's.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a configuration that cannot work.
    pub fn with_config(seed: u64, faults: Faults, config: Config) -> Result<Self, Error> {
        config.check()?;
        let net = Simulated::new(World::new(seed, faults));
        let ledger = net.world().ledger.clone();
        let mut dice = Dice::new(!seed);
        let thrifts =
            [Some(Thrift::Generous), Some(Thrift::Scanty), Some(Thrift::Timed), None, None];
        let thrift = *dice.pick(&thrifts);
        let engine = Engine::new(net.clone(), config)
            .map_err(|error| Error::io("cannot make a simulation", error))?;
        let (troubles, patience) = (Vec::new(), Duration::from_secs(24 * 3600));
        let (is_draining, vain, curbed) = (false, 0, 0);
        Ok(Self {
            engine,
            net,
            ledger,
            seed,
            dice,
            thrift,
            is_draining,
            patience,
            vain,
            troubles,
            curbed,
        })
    }

    /// Keeps the whole trace, not its end alone.
    #[must_use]
    pub fn keeping_trace(self) -> Self {
        self.ledger.lock().trace.keep_all();
        self
    }

    /// Lets the wall clock stand still, so that what shows it comes out the same however long
    /// things take.
    #[must_use]
    pub fn freezing_wall_clock(self) -> Self {
        self.net.world().is_wall_frozen = true;
        self
    }

    /// Sets how long a run may take, in virtual time: a day. Longer is a [`Failure`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Running.
impl<S: 'static> Simulation<S> {
    /// Makes turns until every client is done, or the loop is stopped or drained: then it says
    /// how it ended. The seed decides how much each turn may do.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a client did not get what it expects, the engine broke a promise, or
    /// the run comes to no end.
    pub fn run(&mut self, state: &mut S) -> Result<Option<Ended>, Failure> {
        self.run_until(state, |simulation| {
            !simulation.is_draining && simulation.net.world().clients.iter().all(Client::is_done)
        })
    }

    /// Makes turns until nothing is left: every client is done, every connection closed, and
    /// nothing on its way. Clients that stay are waited for, so they must be drained.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and where something is left that should not be: bytes that are
    /// still counted as held, or a protocol that was not told of its end.
    pub fn settle(&mut self, state: &mut S) -> Result<Option<Ended>, Failure> {
        let ended = self.run_until(state, |simulation| {
            let world = simulation.net.world();
            let is_over = world.clients.iter().all(Client::is_done) && world.is_quiet();
            // The last call of the last connection may have asked for another.
            let is_at_rest = simulation.engine.next_deadline() != Deadline::Now;
            is_over && simulation.engine.stats().open == 0 && is_at_rest
        })?;
        if ended.is_none() || matches!(ended, Some(Ended::Drained(_))) {
            self.check_leftovers()?;
        }
        Ok(ended)
    }

    /// Makes turns for `time`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_for(&mut self, time: Duration, state: &mut S) -> Result<Option<Ended>, Failure> {
        let until = self.elapsed() + time;
        while self.elapsed() < until {
            let left = until - self.elapsed();
            let budget = self.draw_budget();
            let turn = self.turn(Wait::UpTo(left), budget, state)?;
            if turn.ended.is_some() {
                return Ok(turn.ended);
            }
        }
        Ok(None)
    }

    /// Makes one turn: see [`EventLoop::turn`](crate::EventLoop::turn).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn turn(&mut self, wait: Wait, budget: Budget, state: &mut S) -> Result<Turn, Failure> {
        let before = self.engine.next_deadline();
        let witness = Witness { seed: self.seed, ledger: self.ledger.clone(), is_needed: true };
        let turned = self.engine.turn(wait, budget, state);
        let checked = match turned {
            Ok(turn) => {
                self.is_draining &= turn.ended.is_none();
                self.note_turn(&turn, &budget);
                self.check_turn(&turn, before).map(|()| turn)
            }
            Err(error) => Err(self.failure(format!("the poll failed: {error}"))),
        };
        witness.leave();
        checked
    }

    fn run_until(
        &mut self,
        state: &mut S,
        is_over: impl Fn(&Self) -> bool,
    ) -> Result<Option<Ended>, Failure> {
        let began = self.elapsed();
        while !is_over(self) {
            let (wait, budget) = (self.draw_wait(), self.draw_budget());
            let turn = self.turn(wait, budget, state)?;
            if turn.ended.is_some() {
                return Ok(turn.ended);
            }
            let is_stuck = std::mem::take(&mut self.net.world().is_stuck);
            if (is_stuck && !is_over(self)) || self.elapsed() - began > self.patience {
                return Err(self.no_end(is_stuck));
            }
        }
        Ok(None)
    }

    fn draw_wait(&mut self) -> Wait {
        match self.dice.below(8) {
            0 => Wait::No,
            1 => Wait::UpTo(self.dice.time_below(Duration::from_millis(50))),
            _ => Wait::Forever,
        }
    }

    fn draw_budget(&mut self) -> Budget {
        let kinds = [Thrift::Generous, Thrift::Scanty, Thrift::Timed];
        match self.thrift.unwrap_or_else(|| *self.dice.pick(&kinds)) {
            Thrift::Generous => Budget::default(),
            Thrift::Scanty => Budget::default()
                .connections(self.dice.between(0, 3))
                .accepts(self.dice.between(0, 2))
                .deadlines(self.dice.between(0, 2))
                .requests(self.dice.between(0, 4)),
            Thrift::Timed => {
                // A little longer than until something happens, so that the time ends a turn
                // that has work.
                let deadline = match self.engine.next_deadline() {
                    Deadline::Now => Some(self.now()),
                    Deadline::At(at) => Some(at),
                    Deadline::Never => None,
                };
                let until = self.net.world().next_event(deadline);
                Budget::until(until + self.dice.time_below(Duration::from_micros(40)))
            }
        }
    }
}

/// Tells of the seed when a panic leaves a turn.
struct Witness {
    seed: u64,
    ledger: SharedLedger,
    is_needed: bool,
}

impl Witness {
    fn leave(mut self) {
        self.is_needed = false;
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if self.is_needed {
            let trace = self.ledger.lock().trace.tail(lines_shown());
            let finding = "a panic left a turn".to_owned();
            eprintln!("{}", Failure { seed: self.seed, finding, trace });
        }
    }
}
