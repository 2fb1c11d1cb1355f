//! What a completion says of the request that it ends: the 64 bits that the kernel hands back.

/// Whose request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserData {
    /// Nobody waits for it.
    Nobody,
    /// The one that watches the waker.
    Wake,
    /// The poll request `arm` of the registration at `index`.
    Poll { index: u32, arm: u32 },
    /// An operation that the ring does for somebody else.
    Operation(OperationId),
}

/// Names an operation in flight: a place in its owner's table, and a generation that the place never had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperationId {
    /// Below [`OperationId::PLACES`].
    pub(crate) place: u32,
    pub(crate) generation: u32,
}

impl OperationId {
    pub(crate) const PLACES: u32 = 1 << PLACE_BITS;
}

/// Who it is, in eight bits; below them the place, above them the number that tells the place's users apart.
const PLACE_BITS: u32 = 24;
const NOBODY: u64 = 0;
const WAKE: u64 = 1;
const POLL: u64 = 2;
const OPERATION: u64 = 3;

impl UserData {
    pub(super) const fn encode(self) -> u64 {
        match self {
            UserData::Nobody => NOBODY << PLACE_BITS,
            UserData::Wake => WAKE << PLACE_BITS,
            UserData::Poll { index, arm } => pack(POLL, index, arm),
            UserData::Operation(id) => pack(OPERATION, id.place, id.generation),
        }
    }

    pub(super) fn decode(word: u64) -> UserData {
        let place = word as u32 & (OperationId::PLACES - 1);
        let number = (word >> 32) as u32;
        match word >> PLACE_BITS & 0xff {
            WAKE => UserData::Wake,
            POLL => UserData::Poll { index: place, arm: number },
            OPERATION => UserData::Operation(OperationId { place, generation: number }),
            _ => UserData::Nobody,
        }
    }
}

const fn pack(who: u64, place: u32, number: u32) -> u64 {
    debug_assert!(place < OperationId::PLACES);
    (number as u64) << 32 | who << PLACE_BITS | place as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was() {
        let last = OperationId::PLACES - 1;
        let operation = OperationId { place: last, generation: u32::MAX };
        for user_data in [
            UserData::Nobody,
            UserData::Wake,
            UserData::Poll { index: 0, arm: 1 },
            UserData::Poll { index: last, arm: u32::MAX },
            UserData::Operation(operation),
        ] {
            assert_eq!(UserData::decode(user_data.encode()), user_data);
        }
    }
}
