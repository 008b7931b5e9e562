//! Portable anymaps: PBM, PGM and PPM, as text or bytes (P1 to P6), and PAM (P7).
//!
//! Source: the manual pages pbm(5), pgm(5), ppm(5) and pam(5) of Netpbm.

use super::bytes::Reader;
use super::memory::{self, Limits};
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Longest line of a PAM header that is looked at.
const MAX_LINE: usize = 256;

/// How the samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// Bits as the characters 0 and 1; 1 is black.
    TextBits,
    /// Decimal numbers.
    Text,
    /// Eight bits in a byte, rows padded to bytes; 1 is black.
    Bits,
    /// One byte a sample, or two, the high one first.
    Bytes,
}

/// What comes before the samples.
#[derive(Debug)]
struct Start {
    width: u32,
    height: u32,
    channels: usize,
    /// The value of a full sample.
    max: u32,
    coding: Coding,
}

/// Size.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8]) -> Result<Header> {
    let start = start(&mut Reader::new(data))?;
    Ok(Header {
        format: Format::Pnm,
        width: start.width,
        height: start.height,
        orientation: Orientation::UPRIGHT,
    })
}

/// Decode the first picture of the file to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut reader = Reader::new(data);
    let start = start(&mut reader)?;
    limits.check_size(start.width, start.height)?;
    let area = memory::area(start.width, start.height);
    let layout = match start.channels {
        1 => Layout::Gray,
        3 => Layout::Rgb,
        _ => Layout::Rgba,
    };
    let count = area * start.channels;
    limits.check_bytes((count + area * layout.channels()) as u64)?;
    let mut samples = memory::zeroed(count)?;
    fill(&mut samples, &mut reader, &start)?;
    let data = match start.channels {
        2 => samples
            .chunks_exact(2)
            .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
            .collect(),
        _ => samples,
    };
    let pixels = Pixels {
        width: start.width,
        height: start.height,
        layout,
        data,
    };
    Ok(Picture::unscaled(pixels, Orientation::UPRIGHT))
}

fn fill(samples: &mut [u8], reader: &mut Reader<'_>, start: &Start) -> Result<()> {
    let scale = |value: u32| ((value.min(start.max) * 255 + start.max / 2) / start.max) as u8;
    match start.coding {
        Coding::Bytes if start.max == 255 => {
            samples.copy_from_slice(reader.take(samples.len())?);
        }
        Coding::Bytes if start.max < 255 => {
            let source = reader.take(samples.len())?;
            for (sample, &value) in samples.iter_mut().zip(source) {
                *sample = scale(value.into());
            }
        }
        Coding::Bytes => {
            let (source, _) = reader.take(samples.len() * 2)?.as_chunks::<2>();
            for (sample, &value) in samples.iter_mut().zip(source) {
                *sample = scale(u16::from_be_bytes(value).into());
            }
        }
        Coding::Bits => {
            let width = start.width as usize;
            for row in samples.chunks_exact_mut(width) {
                let source = reader.take(width.div_ceil(8))?;
                for (x, sample) in row.iter_mut().enumerate() {
                    let is_black = source[x / 8] >> (7 - x % 8) & 1 == 1;
                    *sample = if is_black { 0 } else { 255 };
                }
            }
        }
        Coding::Text => {
            for sample in samples {
                *sample = scale(number(reader)?);
            }
        }
        Coding::TextBits => {
            for sample in samples {
                *sample = match skip_space(reader)? {
                    b'0' => 255,
                    b'1' => 0,
                    _ => return Err(damaged()),
                };
            }
        }
    }
    Ok(())
}

fn start(reader: &mut Reader<'_>) -> Result<Start> {
    let [_, kind] = reader.array()?;
    if kind == b'7' {
        return pam_start(reader);
    }
    let (width, height) = (number(reader)?, number(reader)?);
    let coding = match kind {
        b'1' => Coding::TextBits,
        b'2' | b'3' => Coding::Text,
        b'4' => Coding::Bits,
        _ => Coding::Bytes,
    };
    let max = match coding {
        Coding::TextBits | Coding::Bits => 1,
        // One space character after it, which `number` has read, ends the header.
        Coding::Text | Coding::Bytes => number(reader)?,
    };
    let channels = if matches!(kind, b'3' | b'6') { 3 } else { 1 };
    checked(width, height, channels, max, coding)
}

/// The header of a PAM: lines of a word and its value, up to `ENDHDR`.
fn pam_start(reader: &mut Reader<'_>) -> Result<Start> {
    let (mut width, mut height, mut depth, mut max) = (None, None, None, None);
    line(reader)?;
    loop {
        let text = std::str::from_utf8(line(reader)?).map_err(|_| damaged())?;
        let mut words = text.split_ascii_whitespace();
        let place = match words.next() {
            Some("ENDHDR") => break,
            Some("WIDTH") => &mut width,
            Some("HEIGHT") => &mut height,
            Some("DEPTH") => &mut depth,
            Some("MAXVAL") => &mut max,
            // The number of channels says as much as the tuple type; the rest is comments.
            _ => continue,
        };
        *place = words.next().and_then(|word| word.parse::<u32>().ok());
    }
    let (Some(width), Some(height), Some(depth), Some(max)) = (width, height, depth, max) else {
        return Err(damaged());
    };
    if !(1..=4).contains(&depth) {
        return Err(CoreError::new(
            ErrorClass::Unsupported,
            format!("a PAM of {depth} channels"),
        ));
    }
    checked(width, height, depth as usize, max, Coding::Bytes)
}

fn checked(width: u32, height: u32, channels: usize, max: u32, coding: Coding) -> Result<Start> {
    if !(1..=65_535).contains(&max) {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            format!("an anymap whose largest sample is {max}"),
        ));
    }
    Ok(Start {
        width,
        height,
        channels,
        max,
        coding,
    })
}

/// The next line, without its end.
fn line<'data>(reader: &mut Reader<'data>) -> Result<&'data [u8]> {
    let rest = reader.rest();
    let head = &rest[..rest.len().min(MAX_LINE)];
    let end = head
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(damaged)?;
    reader.take(end + 1).map(|line| &line[..end])
}

/// The next character that is neither space nor in a comment.
fn skip_space(reader: &mut Reader<'_>) -> Result<u8> {
    loop {
        match reader.u8()? {
            b'#' => while !matches!(reader.u8()?, b'\n' | b'\r') {},
            byte if byte.is_ascii_whitespace() => {}
            byte => return Ok(byte),
        }
    }
}

/// The next decimal number and the one character after it.
fn number(reader: &mut Reader<'_>) -> Result<u32> {
    let mut byte = skip_space(reader)?;
    let mut value: u32 = 0;
    loop {
        let digit = char::from(byte).to_digit(10).ok_or_else(damaged)?;
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(digit))
            .ok_or_else(damaged)?;
        if reader.is_empty() {
            return Ok(value);
        }
        byte = reader.u8()?;
        if byte.is_ascii_whitespace() {
            return Ok(value);
        }
    }
}

fn damaged() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "damaged anymap")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(data: &[u8]) -> Result<(Layout, Vec<u8>)> {
        decode(data, &Limits::with_max_pixels(1000))
            .map(|picture| (picture.raster.layout, picture.raster.data))
    }

    #[test]
    fn text_and_bytes_say_the_same() {
        let grey = Ok((Layout::Gray, vec![0, 255, 128, 64]));
        assert_eq!(decoded(b"P2 # a comment\n2 2\n255\n0 255\n128 64"), grey);
        assert_eq!(decoded(b"P5\n2 2\n255\n\x00\xff\x80\x40"), grey);
        assert_eq!(
            decoded(b"P5 2 2 65535\n\x00\x00\xff\xff\x80\x80\x40\x40"),
            grey
        );
        let bits = Ok((Layout::Gray, vec![0, 255, 255, 0]));
        assert_eq!(decoded(b"P1\n2 2\n10\n0 1\n"), bits);
        assert_eq!(decoded(b"P4\n2 2\n\x80\x40"), bits);
        assert_eq!(
            decoded(b"P6 1 1 3\n\x00\x01\x03"),
            Ok((Layout::Rgb, vec![0, 85, 255]))
        );
    }

    #[test]
    fn pam_knows_alpha() {
        let head = b"P7\nWIDTH 1\n# a comment\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n";
        let data = [head.as_slice(), &[7, 9]].concat();
        assert_eq!(decoded(&data), Ok((Layout::Rgba, vec![7, 7, 7, 9])));
    }

    /// Netpbm's own readers take these; the image crate's does not.
    #[test]
    fn unusual_files_are_read() {
        let comments = b"P2\n2 1\n# one\n255\n# two\n7 # three\n8\n";
        assert_eq!(decoded(comments), Ok((Layout::Gray, vec![7, 8])));
        let bits = b"P1\n2 1\n# one\n10";
        assert_eq!(decoded(bits), Ok((Layout::Gray, vec![0, 255])));
        let head = "P7\nWIDTH 1\n\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE frame\nENDHDR\n";
        let data = [head.as_bytes(), &[1, 2, 3, 4]].concat();
        assert_eq!(decoded(&data), Ok((Layout::Rgba, vec![1, 2, 3, 4])));
    }

    #[test]
    fn damaged_headers_have_their_class() {
        let class = |data: &[u8]| decoded(data).map_err(|error| error.class);
        assert_eq!(class(b"P5 2 2 0\n...."), Err(ErrorClass::Corrupt));
        assert_eq!(class(b"P5 2 2 255\n.."), Err(ErrorClass::Corrupt));
        assert_eq!(class(b"P5 2 x 255\n"), Err(ErrorClass::Corrupt));
        assert_eq!(class(b"P5 99999999999 2 255\n"), Err(ErrorClass::Corrupt));
        assert_eq!(class(b"P5 0 2 255\n"), Err(ErrorClass::Corrupt));
        assert_eq!(class(b"P5 60000 60000 255\n"), Err(ErrorClass::TooLarge));
    }
}
