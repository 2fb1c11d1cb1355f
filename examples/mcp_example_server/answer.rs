//! Answers: the right to answer one request, alone or as part of a batch. One that is dropped unused leaves
//! the request unanswered, as is due when it was cancelled.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::json_rpc::{self, RpcError};
use super::outlet::Outlet;

pub struct Answer {
    id: Value,
    destination: Destination,
}

/// Where the answer to a message goes.
#[derive(Clone)]
pub enum Destination {
    Alone(Arc<Outlet>),
    Batch(Arc<Batch>),
}

/// The answers to a batch. They leave together, when the last of its calls has let go of them.
pub struct Batch {
    outlet: Arc<Outlet>,
    answers: Mutex<Vec<Value>>,
}

impl Answer {
    pub fn new(id: Value, destination: Destination) -> Answer {
        Answer { id, destination }
    }

    /// The same answer, under an id that nobody asked with.
    pub fn misdirected(self) -> Answer {
        Answer { id: format!("not {}", self.id).into(), ..self }
    }

    pub fn send(self, outcome: Result<Value, RpcError>) {
        let message = match outcome {
            Ok(result) => json_rpc::result(&self.id, result),
            Err(error) => json_rpc::error(&self.id, error),
        };
        match self.destination {
            Destination::Alone(outlet) => outlet.answer(&message),
            Destination::Batch(batch) => {
                batch.answers.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            }
        }
    }
}

impl Batch {
    pub fn new(outlet: Arc<Outlet>) -> Batch {
        Batch { outlet, answers: Mutex::default() }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let answers = self.answers.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !answers.is_empty() {
            self.outlet.answer(&Value::Array(std::mem::take(answers)));
        }
    }
}
