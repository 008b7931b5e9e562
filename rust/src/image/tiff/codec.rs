//! Decompression of one strip or tile into the bytes that TIFF calls uncompressed.

use std::io::Read;

use flate2::read::ZlibDecoder;
use weezl::{BitOrder, LzwStatus};

use super::fax::{self, Fax};
use super::grid::Extent;
use crate::error::{CoreError, ErrorClass, Result};

/// Byte-wise compression schemes; JPEG is not among them for it yields pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    None,
    /// ITU-T T.4 and T.6.
    Fax(Fax),
    /// LZW, of TIFF 6.0 or of earlier writers.
    Lzw,
    /// Zlib.
    Deflate,
    /// Runs of bytes.
    PackBits,
}

/// The bytes of `extent`.
///
/// # Errors
/// `corrupt` when the data is damaged or ends early.
pub fn decompress(codec: Codec, data: &[u8], extent: Extent) -> Result<Vec<u8>> {
    let length = extent.bytes();
    let bytes = match codec {
        Codec::None => data.get(..length).map(<[u8]>::to_vec),
        Codec::Fax(variant) => fax::decode(variant, data, extent),
        Codec::Lzw => lzw(data, length),
        Codec::Deflate => deflate(data, length),
        Codec::PackBits => packbits(data, length),
    };
    bytes.ok_or_else(|| {
        CoreError::new(
            ErrorClass::Corrupt,
            "the TIFF's compressed data is damaged or ends early",
        )
    })
}

fn lzw(data: &[u8], length: usize) -> Option<Vec<u8>> {
    // Writers before TIFF 5.0 filled bytes from the low end: their streams begin with the clear code 256 as 00 01.
    let mut decoder = match data {
        [0, second, ..] if second & 1 == 1 => weezl::decode::Decoder::new(BitOrder::Lsb, 8),
        _ => weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    let mut bytes = vec![0; length];
    let (mut read, mut written) = (0, 0);
    while written < length {
        let step = decoder.decode_bytes(&data[read..], &mut bytes[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            _ => break,
        }
    }
    (written == length).then_some(bytes)
}

fn deflate(data: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    ZlibDecoder::new(data).read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn packbits(data: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    let mut rest = data;
    while bytes.len() < length {
        let (&head, tail) = rest.split_first()?;
        match head as i8 {
            -128 => rest = tail,
            head @ 0.. => {
                let (literal, tail) = tail.split_at_checked(head as usize + 1)?;
                bytes.extend_from_slice(literal);
                rest = tail;
            }
            head => {
                let (&value, tail) = tail.split_first()?;
                bytes.extend(std::iter::repeat_n(value, (1 - isize::from(head)) as usize));
                rest = tail;
            }
        }
    }
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packbits_of_the_specification() {
        // The example of Apple's Technical Note TN1023.
        let packed = [
            0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7,
            0xaa,
        ];
        let mut plain = vec![0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a];
        plain.extend([0xaa; 4]);
        plain.extend([0x80, 0x00, 0x2a, 0x22]);
        plain.extend([0xaa; 10]);
        assert_eq!(packbits(&packed, 24), Some(plain));
        assert_eq!(packbits(&packed[..5], 24), None);
    }

    #[test]
    fn data_that_ends_early_is_refused() {
        let extent = Extent {
            width: 10,
            stride: 10,
            rows: 10,
        };
        for codec in [Codec::None, Codec::Lzw, Codec::Deflate, Codec::PackBits] {
            let error = decompress(codec, &[1, 2, 3], extent).expect_err("too short");
            assert_eq!(error.class, ErrorClass::Corrupt, "{codec:?}");
        }
    }
}
