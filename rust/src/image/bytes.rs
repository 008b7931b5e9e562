//! Reading big-endian structures from bytes that may end anywhere.

use crate::error::{CoreError, ErrorClass, Result};

/// A place in a byte string that only moves forward.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'data> {
    rest: &'data [u8],
}

impl<'data> Reader<'data> {
    /// A reader at the start of `data`.
    pub const fn new(data: &'data [u8]) -> Self {
        Self { rest: data }
    }

    /// All that has not been read.
    pub const fn rest(&self) -> &'data [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// `corrupt` when there are fewer, as for all methods below.
    pub fn take(&mut self, count: usize) -> Result<&'data [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next bytes, as many as an array holds.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// A number of 0 (which is 0), 4 or 8 bytes.
    pub fn sized(&mut self, bytes: u8) -> Result<u64> {
        match bytes {
            0 => Ok(0),
            4 => self.u32().map(u64::from),
            8 => self.u64(),
            _ => Err(CoreError::new(
                ErrorClass::Corrupt,
                format!("a number of {bytes} bytes"),
            )),
        }
    }

    /// The next `count` bytes, when the count comes from the file as 64 bits.
    pub fn take_long(&mut self, count: u64) -> Result<&'data [u8]> {
        self.take(usize::try_from(count).map_err(|_| ends_early())?)
    }
}

fn ends_early() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "the file ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(0x0203));
        assert!(reader.u32().is_err());
        assert!(reader.take_long(u64::MAX).is_err());
        assert_eq!(reader.take(2), Ok([4, 5].as_slice()));
        assert!(reader.is_empty());
        assert_eq!(reader.sized(0), Ok(0));
        assert!(reader.sized(3).is_err());
    }
}
