use crate::dispatcher::tracked::TrackedStack;
use crate::error::Error;

pub(in crate::guard_dog) fn describe(stack: &TrackedStack) -> Result<String, Error> {
    if stack.freeze().is_empty() {
        return Ok(String::new());
    }
    Err(Error::Unavailable(
        "there are some, but only their own thread, which is stuck, may look at them: on this system no copy of the \
         process can be made that could"
            .into(),
    ))
}
