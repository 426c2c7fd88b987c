//! tokio: a task that may be dropped, on one thread or among workers.

use std::io;
use std::marker::PhantomData;

use switchboard::embed::{self, OwnPoll};
use switchboard::{Config, Error};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::tasks::{TaskBell, accompany};
use super::{Aside, Bell, Driven, Host, Visitor, visitor};

/// See the module.
pub(crate) struct Tokio<F> {
    runtime: Runtime,
    bell: TaskBell,
    flavor: PhantomData<F>,
}

/// Which of its schedulers.
pub(crate) trait Flavor {
    fn builder() -> Builder;
}

/// All tasks on one thread.
pub(crate) struct CurrentThread;
/// The guest's task among two workers.
pub(crate) struct MultiThread;

impl Flavor for CurrentThread {
    fn builder() -> Builder {
        Builder::new_current_thread()
    }
}

impl Flavor for MultiThread {
    fn builder() -> Builder {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    }
}

impl<S: Send + 'static, F: Flavor> Host<S> for Tokio<F> {
    type Poll = OwnPoll;

    fn new() -> io::Result<Self> {
        let runtime = F::builder().enable_all().build()?;
        Ok(Self { runtime, bell: TaskBell::default(), flavor: PhantomData })
    }

    fn guest(&mut self, config: Config, state: S) -> Result<Visitor<S>, Error> {
        visitor(config, state)
    }

    fn bell(&self) -> Bell {
        self.bell.rope()
    }

    fn drive(&mut self, mut visitor: Visitor<S>, aside: Aside) -> io::Result<Driven<S>> {
        let bell = self.bell.clone();
        // A task, because what is given to `block_on` itself is run by no worker.
        let task = self.runtime.spawn(async move {
            let guest = embed::tokio::drive(&mut visitor.server, &mut visitor.state);
            let ended = accompany(guest, &bell, aside, sleep).await.transpose();
            ended.map(|ended| (visitor, ended))
        });
        self.runtime.block_on(task).map_err(io::Error::other)?
    }

    fn alone(&mut self) -> io::Result<()> {
        self.runtime.block_on(self.bell.rings());
        Ok(())
    }
}
