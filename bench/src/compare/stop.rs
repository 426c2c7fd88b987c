//! Ctrl-C: the first asks the comparison to end and to write what is finished,
//! the second ends this program at once.
//!
//! Whatever way it ends, the children end with it: the kernel kills each when
//! its parent is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Attempt, Outcome};

/// What a shell reports of a program that Ctrl-C ended.
const EXIT_CODE: i32 = 130;

/// Whether somebody asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for the signals that a terminal or a service manager ends with.
    pub(crate) fn on_signals() -> Outcome<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order the first signal finds the flag unset.
            flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(&stop.0))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.0)))
                .attempt("cannot listen for signals")?;
        }
        Ok(stop)
    }

    /// Whether to stop now.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
