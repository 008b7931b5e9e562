//! Decompression of one strip or tile into the bytes that TIFF calls uncompressed.

use std::io::Read;

use flate2::read::ZlibDecoder;
use weezl::{BitOrder, LzwStatus};

use super::fax::{self, Fax};
use super::grid::Extent;
use super::logluv::{self, Form};
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
    /// Differences of grey samples of 4 bits.
    ThunderScan,
    /// Logarithmic samples: runs of the bytes of equal weight of a row, or packed as they are.
    Logarithms(Form),
}

/// The bytes of `extent`, and how many of its lines are damaged and shown by others.
///
/// # Errors
/// `corrupt` when the data is damaged or ends early.
pub fn decompress(codec: Codec, data: &[u8], extent: Extent) -> Result<(Vec<u8>, usize)> {
    let length = extent.bytes();
    let mut damaged = 0;
    let bytes = match codec {
        Codec::None => data.get(..length).map(<[u8]>::to_vec),
        Codec::Fax(variant) => fax::decode(variant, data, extent).map(|decoded| {
            damaged = decoded.damaged;
            decoded.rows
        }),
        Codec::Logarithms(Form::Packed) => data.get(..length).map(<[u8]>::to_vec),
        Codec::Logarithms(form) => logluv::planes(form.size(), data, extent),
        Codec::Lzw => lzw(data, length),
        Codec::Deflate => deflate(data, length),
        Codec::PackBits => packbits(data, length),
        Codec::ThunderScan => thunder_scan(data, extent).map(|(rows, missing)| {
            damaged = missing;
            rows
        }),
    };
    bytes.map(|bytes| (bytes, damaged)).ok_or_else(|| {
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

/// Samples of 4 bits, each row by itself: the two highest bits of a byte say what the others are. 0: how often the last
/// sample comes again. 1 and 2: three differences of two bits, two of three, of which one value means none. 3: a sample.
/// Nothing without a whole row; also how many rows are missing at the end.
fn thunder_scan(data: &[u8], extent: Extent) -> Option<(Vec<u8>, usize)> {
    const TWO: [u8; 4] = [0, 1, 0, 15];
    const THREE: [u8; 8] = [0, 1, 2, 3, 0, 13, 14, 15];
    let mut bytes = vec![0; extent.bytes()];
    let mut codes = data.iter();
    for (index, row) in bytes.chunks_exact_mut(extent.stride).enumerate() {
        let (mut column, mut last) = (0, 0u8);
        let mut put = |sample: u8, times: usize| {
            for _ in 0..times {
                if let Some(byte) = row.get_mut(column / 2) {
                    *byte |= if column % 2 == 0 { sample << 4 } else { sample };
                }
                column += 1;
            }
            column
        };
        let mut reached = 0;
        while reached < extent.width {
            let Some(&code) = codes.next() else {
                return (index > 0).then_some((bytes, extent.rows - index));
            };
            match code >> 6 {
                0 => reached = put(last, usize::from(code & 63)),
                1 => {
                    for shift in [4, 2, 0] {
                        let index = usize::from(code >> shift & 3);
                        if index != 2 {
                            last = (last + TWO[index]) & 15;
                            reached = put(last, 1);
                        }
                    }
                }
                2 => {
                    for shift in [3, 0] {
                        let index = usize::from(code >> shift & 7);
                        if index != 4 {
                            last = (last + THREE[index]) & 15;
                            reached = put(last, 1);
                        }
                    }
                }
                _ => {
                    last = code & 15;
                    reached = put(last, 1);
                }
            }
        }
    }
    Some((bytes, 0))
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
    fn thunder_scan_adds_differences() {
        let extent = Extent {
            width: 5,
            stride: 3,
            rows: 1,
        };
        // 9; twice again; one more, none, one less.
        let packed = [0b1100_1001, 2, 0b0101_1011];
        let bytes = thunder_scan(&packed, extent);
        assert_eq!(bytes, Some((vec![0x99, 0x9a, 0x90], 0)));
        assert_eq!(thunder_scan(&packed[..2], extent), None);
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
