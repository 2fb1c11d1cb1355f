//! What an actor is told, other than by messages, as a job on its loop.

use std::sync::Arc;

use super::base::{Control, Node};
use super::cell::Cell;
use super::{Actor, kin};
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::post::Job;

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
