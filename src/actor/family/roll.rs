//! Who is known by numbers that mostly grow: an ordered map in which the newcomer costs next to nothing.

/// In the order of their numbers.
pub(super) struct Roll<T> {
    /// Those that were removed leave an empty entry, unless it is the last, until too many are empty.
    entries: Vec<(u64, Option<T>)>,
    len: usize,
}

/// So few entries need no care.
const FEW: usize = 16;

impl<T> Default for Roll<T> {
    fn default() -> Roll<T> {
        Roll { entries: Vec::new(), len: 0 }
    }
}

impl<T> Roll<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one whose number is new. It may be lower than others': numbers are given out before they come here.
    pub(super) fn insert(&mut self, number: u64, value: T) {
        self.len += 1;
        match self.find(number) {
            Err(end) if end == self.entries.len() => self.entries.push((number, Some(value))),
            Err(index) => self.entries.insert(index, (number, Some(value))),
            Ok(index) => self.entries[index].1 = Some(value),
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.find(number).ok().and_then(|index| self.entries[index].1.as_ref())
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.find(number).ok().and_then(|index| self.entries[index].1.as_mut())
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.get(number).is_some()
    }

    pub(super) fn remove(&mut self, number: u64) {
        let Ok(index) = self.find(number) else { return };
        if self.entries[index].1.take().is_none() {
            return;
        }
        self.len -= 1;
        while self.entries.pop_if(|(_, value)| value.is_none()).is_some() {}
        if self.entries.len() > 2 * self.len + FEW {
            self.entries.retain(|(_, value)| value.is_some());
        }
        if self.entries.capacity() > 4 * self.len + FEW {
            self.entries.shrink_to(2 * self.len);
        }
    }

    /// From that number on.
    pub(super) fn from(&self, first: u64) -> impl Iterator<Item = (u64, &T)> {
        let begin = self.entries.partition_point(|(number, _)| *number < first);
        self.entries[begin..].iter().filter_map(|(number, value)| Some((*number, value.as_ref()?)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.from(0)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    pub(super) fn last(&self) -> Option<(u64, &T)> {
        self.entries.last().and_then(|(number, value)| Some((*number, value.as_ref()?)))
    }

    pub(super) fn into_values(self) -> impl DoubleEndedIterator<Item = T> {
        self.entries.into_iter().filter_map(|(_, value)| value)
    }

    /// The entry of a number, or where it belongs. Mostly the question is about the last, or about a new one.
    fn find(&self, number: u64) -> Result<usize, usize> {
        match self.entries.last() {
            Some((last, _)) if *last == number => Ok(self.entries.len() - 1),
            Some((last, _)) if *last > number => self.entries.binary_search_by_key(&number, |entry| entry.0),
            _ => Err(self.entries.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u64),
        Remove(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            // A number that grows, now and then one that comes late, and later again.
            (0..3u64).prop_map(Step::Insert),
            (0..100u64).prop_map(Step::Remove),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn is_an_ordered_map(steps in steps()) {
            let (mut roll, mut model, mut next) = (Roll::default(), BTreeMap::new(), 100);
            for step in steps {
                match step {
                    Step::Insert(back) => {
                        next += 2;
                        let number = next - 3 * back;
                        model.entry(number).or_insert_with(|| {
                            roll.insert(number, number);
                            number
                        });
                    }
                    Step::Remove(back) => {
                        let number = next - back;
                        roll.remove(number);
                        model.remove(&number);
                        prop_assert!(!roll.contains(number));
                    }
                }
                prop_assert_eq!(roll.is_empty(), model.is_empty());
                prop_assert_eq!(roll.last(), model.last_key_value().map(|(number, value)| (*number, value)));
                let first = next - 50;
                prop_assert!(roll.from(first).map(|(number, _)| number).eq(model.range(first..).map(|(number, _)| *number)));
                prop_assert_eq!(roll.get(first), model.get(&first));
                prop_assert_eq!(roll.get_mut(first), model.get_mut(&first));
            }
            prop_assert!(roll.values().eq(model.values()));
            prop_assert!(roll.into_values().rev().eq(model.into_values().rev()));
        }
    }

    #[test]
    fn those_who_leave_give_their_room_back() {
        let mut roll = Roll::default();
        (0..1000).for_each(|number| roll.insert(number, ()));
        (0..990).for_each(|number| roll.remove(number));
        assert!(roll.entries.capacity() <= 4 * 10 + FEW, "{}", roll.entries.capacity());
        assert!(roll.iter().map(|(number, ())| number).eq(990..1000));
    }
}
