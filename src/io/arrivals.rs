//! What has come in on a stream and its receiver was not told yet.

use std::collections::VecDeque;

use super::error::{Received, Receiver};
use super::ring::Lease;
use crate::dispatcher::closure::Outcome;
use crate::error::Error;

pub(super) enum Arrived {
    Lent(Lease),
    Data(Vec<u8>),
    End,
    Failed(Error),
}

/// In order. As a rule there is one at most, for which no other memory is touched.
#[derive(Default)]
pub(super) struct Arrivals {
    first: Option<Arrived>,
    /// None without a first one.
    others: VecDeque<Arrived>,
}

impl Arrived {
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Arrived::End | Arrived::Failed(_))
    }

    pub(super) fn tell(self, receiver: &mut Receiver) -> Outcome {
        match self {
            Arrived::Lent(lease) => receiver(Received::Data(lease.bytes())),
            Arrived::Data(bytes) => receiver(Received::Data(&bytes)),
            Arrived::End => receiver(Received::End),
            Arrived::Failed(error) => receiver(Received::Failed(error)),
        }
    }
}

impl From<Received<'_>> for Arrived {
    fn from(received: Received<'_>) -> Arrived {
        match received {
            Received::Data(bytes) => Arrived::Data(bytes.to_vec()),
            Received::End => Arrived::End,
            Received::Failed(error) => Arrived::Failed(error),
        }
    }
}

impl Arrivals {
    pub(super) fn push_back(&mut self, arrived: Arrived) {
        if self.first.is_none() {
            self.first = Some(arrived);
        } else {
            self.others.push_back(arrived);
        }
    }

    /// Puts it before what else has arrived.
    pub(super) fn push_front(&mut self, arrived: Arrived) {
        if let Some(second) = self.first.replace(arrived) {
            self.others.push_front(second);
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<Arrived> {
        let first = self.first.take()?;
        self.first = self.others.pop_front();
        Some(first)
    }

    /// Nothing more will arrive.
    pub(super) fn has_end(&self) -> bool {
        self.others.back().or(self.first.as_ref()).is_some_and(Arrived::is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_in_order() {
        let mut arrivals = Arrivals::default();
        let data = |byte| Arrived::Data(vec![byte]);
        (2..5).for_each(|byte| arrivals.push_back(data(byte)));
        arrivals.push_front(data(1));
        assert!(!arrivals.has_end());
        arrivals.push_back(Arrived::End);
        assert!(arrivals.has_end());
        for byte in 1..5 {
            assert!(matches!(arrivals.pop_front(), Some(Arrived::Data(bytes)) if bytes == [byte]));
        }
        assert!(arrivals.has_end());
        assert!(matches!(arrivals.pop_front(), Some(Arrived::End)));
        assert!(arrivals.pop_front().is_none() && !arrivals.has_end());
    }
}
