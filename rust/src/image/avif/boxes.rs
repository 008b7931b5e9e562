//! Boxes of the ISO base media file format (ISO/IEC 14496-12): a length, a name of four letters, the content.

use crate::error::{CoreError, ErrorClass, Result};
use crate::image::bytes::Reader;

/// A box's name.
pub(super) type Kind = [u8; 4];

/// The boxes one after the other in a byte string.
#[derive(Clone, Debug)]
pub(super) struct Boxes<'data>(Reader<'data>);

impl<'data> Boxes<'data> {
    pub const fn new(data: &'data [u8]) -> Self {
        Self(Reader::new(data))
    }

    /// The next box; None at the end.
    fn advance(&mut self) -> Result<Option<(Kind, &'data [u8])>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let length = self.0.u32()?;
        let kind = self.0.array()?;
        let content = match length {
            // To the end of the file.
            0 => self.0.take(self.0.rest().len())?,
            1 => {
                let length = self.0.u64()?;
                self.0
                    .take_long(length.checked_sub(16).ok_or_else(damaged)?)?
            }
            _ => self
                .0
                .take_long(u64::from(length).checked_sub(8).ok_or_else(damaged)?)?,
        };
        Ok(Some((kind, content)))
    }

    /// The content of the first box of this kind.
    pub fn find(self, wanted: Kind) -> Result<Option<&'data [u8]>> {
        for found in self {
            let (kind, content) = found?;
            if kind == wanted {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }
}

impl<'data> Iterator for Boxes<'data> {
    type Item = Result<(Kind, &'data [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.advance().transpose();
        if let Some(Err(_)) = step {
            // One error ends it.
            self.0 = Reader::new(&[]);
        }
        step
    }
}

/// The version, the flags and the rest of a "full box".
pub(super) fn versioned(content: &[u8]) -> Result<(u8, u32, Reader<'_>)> {
    let mut reader = Reader::new(content);
    let start = reader.u32()?;
    Ok(((start >> 24) as u8, start & 0x00ff_ffff, reader))
}

pub(super) fn damaged() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "damaged AVIF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_every_kind_of_length_are_walked() {
        let data = b"\0\0\0\x0aaaaa12\0\0\0\x01bbbb\0\0\0\0\0\0\0\x113\0\0\0\0cccc45";
        let kinds: Vec<_> = Boxes::new(data).collect::<Result<_>>().expect("sound");
        assert_eq!(
            kinds,
            [
                (*b"aaaa", b"12".as_slice()),
                (*b"bbbb", b"3"),
                (*b"cccc", b"45"),
            ]
        );
        assert_eq!(Boxes::new(data).find(*b"bbbb"), Ok(Some(b"3".as_slice())));
        assert_eq!(Boxes::new(data).find(*b"dddd"), Ok(None));
    }

    #[test]
    fn lengths_that_lie_are_corrupt_and_end_the_walk() {
        for data in [
            b"\0\0\0\x07aaaa".as_slice(),
            b"\0\0\0\x0aaaaa1",
            b"\0\0\0\x01aaaa\0\0\0\0\0\0\0\x01",
            b"\0\0",
        ] {
            let steps: Vec<_> = Boxes::new(data).collect();
            assert_eq!(steps.len(), 1, "{data:?}");
            assert!(steps[0].is_err(), "{data:?}");
        }
    }
}
