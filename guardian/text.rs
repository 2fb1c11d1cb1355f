//! Text in a buffer of fixed size: paths, for a program without a heap.

use core::ffi::CStr;

/// Text that ends with a zero, of at most `N - 1` bytes.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    pub fn new() -> Text<N> {
        Text { bytes: [0; N], length: 0 }
    }

    /// Appends; `None` if it does not fit.
    pub fn push(mut self, more: &[u8]) -> Option<Text<N>> {
        let end = self.length.checked_add(more.len()).filter(|&end| end < N)?;
        self.bytes[self.length..end].copy_from_slice(more);
        self.length = end;
        Some(self)
    }

    /// Appends a number that is not negative.
    pub fn push_number(self, number: i32) -> Option<Text<N>> {
        let mut digits = [0; 10];
        let mut first = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return self.push(&digits[first..]);
            }
        }
    }

    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}
