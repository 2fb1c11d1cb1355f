//! How an actor is reached: messages, and what its kin tell it, as jobs on its loop.

use std::sync::Arc;

use super::base::{Control, Node};
use super::cell::Cell;
use super::{Actor, kin};
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::post::Job;

/// A message on its way. Should the loop be shut down before it arrives, it is dropped, and counted.
pub(crate) struct Delivery<A: Actor> {
    ticket: Ticket<A>,
    sender: Sender,
    message: A::Message,
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Anybody,
    Itself,
}

impl<A: Actor> Delivery<A> {
    #[inline]
    pub(crate) fn new(to: Arc<Cell<A>>, sender: Sender, message: A::Message) -> Delivery<A> {
        Delivery { ticket: Ticket(Some(to)), sender, message }
    }

    /// The message, which was refused, for the sender to count.
    pub(crate) fn take_back(self) -> A::Message {
        drop(self.ticket.into_cell());
        self.message
    }
}

/// Counts the message as taken out, if it is dropped.
struct Ticket<A: Actor>(Option<Arc<Cell<A>>>);

impl<A: Actor> Ticket<A> {
    /// The cell, to count by itself what becomes of the message.
    #[inline]
    fn into_cell(mut self) -> Option<Arc<Cell<A>>> {
        self.0.take()
    }
}

impl<A: Actor> Drop for Ticket<A> {
    fn drop(&mut self) {
        if let Some(cell) = &self.0 {
            cell.base().count_taken();
        }
    }
}

impl<A: Actor> Job for Delivery<A> {
    fn run(self) -> Outcome {
        let Delivery { ticket, sender, message } = self;
        if let Some(cell) = ticket.into_cell()
            && let Some(on_loop) = cell.base().core.running_here()
        {
            cell.deliver(on_loop, sender, message);
        }
        Ok(())
    }
}

/// What an actor is told by its kin, or by itself, once. Should the loop be shut down before it arrives, the actor
/// is lost.
pub(crate) struct Instruction<A: Actor> {
    cell: Option<Arc<Cell<A>>>,
    control: Option<Control>,
}

impl<A: Actor> Instruction<A> {
    pub(crate) fn new(to: Arc<Cell<A>>, control: Control) -> Instruction<A> {
        Instruction { cell: Some(to), control: Some(control) }
    }

    /// It was refused: the sender sees to what follows.
    pub(crate) fn take_back(mut self) {
        self.cell = None;
    }
}

impl<A: Actor> Job for Instruction<A> {
    fn run(mut self) -> Outcome {
        if let (Some(cell), Some(control)) = (self.cell.take(), self.control.take())
            && let Some(on_loop) = cell.base().core.running_here()
        {
            cell.obey(on_loop, control);
        }
        Ok(())
    }
}

impl<A: Actor> Drop for Instruction<A> {
    fn drop(&mut self) {
        let is_news = !matches!(self.control, Some(Control::Signal(_)));
        if let Some(cell) = self.cell.take().filter(|_| is_news) {
            let node: Arc<dyn Node> = cell;
            kin::lost(&node);
        }
    }
}
