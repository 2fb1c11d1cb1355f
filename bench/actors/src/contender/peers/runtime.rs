//! The runtime that tasks, and actors made of tasks, run on.

use std::future::Future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    CurrentThread,
    /// A worker for each processor.
    MultiThread,
}

impl Flavor {
    pub fn build(self) -> Runtime {
        let mut builder = match self {
            Flavor::CurrentThread => Builder::new_current_thread(),
            Flavor::MultiThread => Builder::new_multi_thread(),
        };
        builder.enable_time().build().expect("a runtime starts")
    }

    /// The output of `task`, which runs where the actors do.
    pub fn run<T: Send + 'static>(self, task: impl Future<Output = T> + Send + 'static) -> T {
        let runtime = self.build();
        runtime.block_on(async { tokio::spawn(task).await.expect("the task ends") })
    }
}

/// A runtime that other threads than this one run; they end, and its tasks, when this is dropped.
pub struct Background {
    pub runtime: Arc<Runtime>,
    runner: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Background {
    pub fn new(flavor: Flavor) -> Background {
        let runtime = Arc::new(flavor.build());
        let runner = (flavor == Flavor::CurrentThread).then(|| {
            let (stop, stopped) = oneshot::channel();
            let runtime = runtime.clone();
            (stop, thread::spawn(move || drop(runtime.block_on(stopped))))
        });
        Background { runtime, runner }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.runner.take() {
            drop(stop);
            thread.join().expect("no task panics");
        }
    }
}
