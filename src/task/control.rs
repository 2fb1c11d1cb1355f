//! What the owner of a task may ask of it, whatever does it.

use crate::dispatcher::Label;

/// A task, as its [`Task`](super::Task) sees it.
pub(crate) trait Control: Send + Sync {
    /// Ends it, as far as that is still possible.
    fn abort(&self);

    /// Whether its outcome is there.
    fn is_done(&self) -> bool;

    /// Whether this thread is one that the task may need, so that it must not wait for it.
    fn is_own_thread(&self) -> bool;

    /// Names it in reports.
    fn set_label(&self, label: Label);
}
