pub(crate) struct SigpipeBlocked;

impl SigpipeBlocked {
    pub(crate) fn new() -> SigpipeBlocked {
        SigpipeBlocked
    }

    pub(crate) fn take_back(&self) {}
}
