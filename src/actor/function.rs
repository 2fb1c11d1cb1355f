//! Actors that are a function.

use super::{Actor, ActorResult, Context};

/// An actor that does nothing but handle messages, with a function.
///
/// ```
/// use mcp_event::actor::{Function, System};
///
/// let system = System::new(1)?;
/// let printer = system.spawn(Function::new(|text: String, _| {
///     println!("{text}");
///     Ok(())
/// }))?;
/// printer.tell("hello".into())?;
/// system.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Function<M: Send + 'static> {
    function: Handler<M>,
}

type Handler<M> = Box<dyn FnMut(M, &mut Context<'_, Function<M>>) -> ActorResult + Send>;

impl<M: Send + 'static> Function<M> {
    /// An actor that handles each message with `function`.
    pub fn new(
        function: impl FnMut(M, &mut Context<'_, Function<M>>) -> ActorResult + Send + 'static,
    ) -> Function<M> {
        Function { function: Box::new(function) }
    }
}

impl<M: Send + 'static> Actor for Function<M> {
    type Message = M;

    fn handle(&mut self, message: M, context: &mut Context<'_, Self>) -> ActorResult {
        (self.function)(message, context)
    }
}
