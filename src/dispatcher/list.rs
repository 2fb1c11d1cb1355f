//! An intrusive, circular, doubly linked list: O(1) to append, and to unlink without knowing the list.
//!
//! The links live in handles (see [`cell`](super::cell)), so arming a timer or scheduling a callback allocates
//! nothing. Only the loop's owner touches them.

use std::cell::Cell;
use std::ptr;

/// A member's links, or a list's sentinel. Null links: in no list.
pub(crate) struct Links {
    previous: Cell<*const Links>,
    next: Cell<*const Links>,
}

impl Links {
    pub(crate) const fn new() -> Links {
        Links { previous: Cell::new(ptr::null()), next: Cell::new(ptr::null()) }
    }

    pub(crate) fn is_linked(&self) -> bool {
        !self.next.get().is_null()
    }

    /// Leaves its list, if it is in one.
    pub(crate) fn unlink(&self) {
        let (previous, next) = (self.previous.get(), self.next.get());
        if next.is_null() {
            return;
        }
        // SAFETY: members and sentinels stay in place while linked (the invariant of `List::push_back`).
        unsafe {
            (*previous).next.set(next);
            (*next).previous.set(previous);
        }
        self.previous.set(ptr::null());
        self.next.set(ptr::null());
    }
}

/// A list's sentinel. It must not move once something was appended.
pub(crate) struct List(Links);

impl List {
    pub(crate) const fn new() -> List {
        List(Links::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        let next = self.0.next.get();
        next.is_null() || ptr::eq(next, &self.0)
    }

    /// Whether it has a single member.
    pub(crate) fn has_one(&self) -> bool {
        !self.is_empty() && ptr::eq(self.0.next.get(), self.0.previous.get())
    }

    fn last(&self) -> &Links {
        if !self.0.is_linked() {
            self.0.next.set(&self.0);
            self.0.previous.set(&self.0);
        }
        // SAFETY: never null once initialised; members stay in place while linked.
        unsafe { &*self.0.previous.get() }
    }

    /// Appends `links`.
    ///
    /// # Safety
    /// `links` is in no list, and neither it nor `self` moves or is freed while it is linked.
    pub(crate) unsafe fn push_back(&self, links: *const Links) {
        let last = self.last();
        // SAFETY: the caller's promise.
        unsafe {
            (*links).previous.set(last);
            (*links).next.set(&self.0);
        }
        last.next.set(links);
        self.0.previous.set(links);
    }

    /// Inserts `links` before those members at the list's end of which `is_later` says so.
    ///
    /// # Safety
    /// As for [`List::push_back`].
    pub(crate) unsafe fn insert_before_later(
        &self,
        links: *const Links,
        is_later: impl Fn(*const Links) -> bool,
    ) {
        let mut previous: *const Links = self.last();
        // SAFETY: the caller's promise; members stay in place while linked.
        unsafe {
            while !ptr::eq(previous, &self.0) && is_later(previous) {
                previous = (*previous).previous.get();
            }
            let next = (*previous).next.replace(links);
            (*next).previous.set(links);
            (*links).previous.set(previous);
            (*links).next.set(next);
        }
    }

    /// The first member.
    pub(crate) fn front(&self) -> Option<*const Links> {
        (!self.is_empty()).then(|| self.0.next.get())
    }

    pub(crate) fn pop_front(&self) -> Option<*const Links> {
        let first = self.front()?;
        // SAFETY: members stay in place while linked.
        unsafe { (*first).unlink() };
        Some(first)
    }

    /// The last member.
    pub(crate) fn back(&self) -> Option<*const Links> {
        (!self.is_empty()).then(|| self.0.previous.get())
    }

    /// The members, in order; none may leave or join meanwhile.
    pub(crate) fn iter(&self) -> impl Iterator<Item = *const Links> + '_ {
        let end: *const Links = &self.0;
        // SAFETY: members stay in place while linked.
        std::iter::successors(self.front(), |links| Some(unsafe { (**links).next.get() }))
            .take_while(move |links| !ptr::eq(*links, end))
    }

    /// Moves all members of `other` to the end of this list, in their order.
    pub(crate) fn append(&self, other: &List) {
        if other.is_empty() {
            return;
        }
        let last = self.last();
        let (first, end) = (other.0.next.get(), other.0.previous.get());
        // SAFETY: members stay in place while linked.
        unsafe {
            last.next.set(first);
            (*first).previous.set(last);
            (*end).next.set(&self.0);
        }
        self.0.previous.set(end);
        other.0.next.set(&other.0);
        other.0.previous.set(&other.0);
    }
}
