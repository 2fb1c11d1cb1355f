//! Other libraries of actors, and threads with mailboxes.

mod actix;
mod kameo;
mod ractor;
mod runtime;
mod threads;
mod tokio;

use self::runtime::Flavor;
use super::{BATCH, BURST, Contender, Countdown, Tally, from_threads, random, until};

pub fn all() -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(tokio::Tasks(Flavor::CurrentThread)),
        Box::new(tokio::Tasks(Flavor::MultiThread)),
        Box::new(actix::Actix),
        Box::new(ractor::Ractor(Flavor::CurrentThread)),
        Box::new(ractor::Ractor(Flavor::MultiThread)),
        Box::new(kameo::Kameo(Flavor::CurrentThread)),
        Box::new(kameo::Kameo(Flavor::MultiThread)),
        Box::new(threads::Threads::<threads::Crossbeam>::new()),
        Box::new(threads::Threads::<threads::Locked>::new()),
    ]
}
