//! Several registrations of one fd are told in the order of their creation (F13), whatever order the kernel has.

use std::collections::HashMap;

use super::{OsFd, Ready};

/// Brings one fd's registrations to the place of the first of them in the batch, the oldest first. `origin` knows a
/// token's fd, and a number that grows from creation to creation.
pub(super) fn by_creation(batch: &mut [Ready], origin: impl Fn(u64) -> Option<(OsFd, u64)>) {
    if batch.len() < 2 {
        return;
    }
    let mut first_of = HashMap::new();
    let mut ordered: Vec<_> = batch
        .iter()
        .enumerate()
        .map(|(place, item)| match origin(item.token) {
            Some((fd, created)) => (*first_of.entry(fd).or_insert(place), created, *item),
            None => (place, 0, *item),
        })
        .collect();
    ordered.sort_by_key(|(place, created, _)| (*place, *created));
    batch.iter_mut().zip(ordered).for_each(|(slot, (_, _, item))| *slot = item);
}
