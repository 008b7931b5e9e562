//! QOI, the "Quite OK Image" format (qoiformat.org, version 1.0 of the specification).

use super::bytes::Reader;
use super::memory::{self, Limits};
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Size.
///
/// # Errors
/// `corrupt`.
pub fn header(data: &[u8]) -> Result<Header> {
    let (width, height, _) = start(&mut Reader::new(data))?;
    Ok(Header {
        format: Format::Qoi,
        width,
        height,
        orientation: Orientation::UPRIGHT,
    })
}

/// Decode.
///
/// # Errors
/// `corrupt`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut reader = Reader::new(data);
    let (width, height, layout) = start(&mut reader)?;
    limits.check_size(width, height)?;
    let bytes = memory::area(width, height) * layout.channels();
    limits.check_bytes(bytes as u64)?;
    let mut samples = memory::zeroed(bytes)?;
    match layout {
        Layout::Rgba => unpack::<4>(&mut reader, &mut samples)?,
        _ => unpack::<3>(&mut reader, &mut samples)?,
    }
    let pixels = Pixels {
        width,
        height,
        layout,
        data: samples,
    };
    Ok(Picture::unscaled(pixels, Orientation::UPRIGHT))
}

/// The 14 bytes at the start. Whether the numbers are linear light is "purely informative" and left aside.
fn start(reader: &mut Reader<'_>) -> Result<(u32, u32, Layout)> {
    reader.take(4)?;
    let (width, height) = (reader.u32()?, reader.u32()?);
    let layout = match reader.u8()? {
        3 => Layout::Rgb,
        4 => Layout::Rgba,
        channels => {
            return Err(CoreError::new(
                ErrorClass::Corrupt,
                format!("a QOI of {channels} channels"),
            ));
        }
    };
    reader.u8()?;
    Ok((width, height, layout))
}

/// Fill `samples`, of `CHANNELS` bytes a pixel, from the stream of operations.
fn unpack<const CHANNELS: usize>(reader: &mut Reader<'_>, samples: &mut [u8]) -> Result<()> {
    let mut seen = [[0u8; 4]; 64];
    let mut pixel = [0, 0, 0, 255];
    let mut repeats = 0;
    for target in samples.chunks_exact_mut(CHANNELS) {
        if repeats > 0 {
            repeats -= 1;
        } else {
            let first = reader.u8()?;
            match (first >> 6, first & 63) {
                (3, 62) => pixel[..3].copy_from_slice(reader.take(3)?),
                (3, 63) => pixel = reader.array()?,
                (3, more) => repeats = more,
                (0, index) => pixel = seen[usize::from(index)],
                (1, steps) => shift(&mut pixel, small_steps(steps)),
                (_, green) => shift(&mut pixel, luma_steps(green, reader.u8()?)),
            }
            seen[place(pixel)] = pixel;
        }
        target.copy_from_slice(&pixel[..CHANNELS]);
    }
    Ok(())
}

/// Two bits for each of red, green and blue, -2 to 1.
fn small_steps(bits: u8) -> [u8; 3] {
    [bits >> 4, bits >> 2, bits].map(|step| (step & 3).wrapping_sub(2))
}

/// Green in six bits, -32 to 31; red and blue relative to it in four bits each, -8 to 7.
fn luma_steps(green: u8, others: u8) -> [u8; 3] {
    let green = green.wrapping_sub(32);
    let other = |step: u8| green.wrapping_add(step).wrapping_sub(8);
    [other(others >> 4), green, other(others & 15)]
}

fn shift(pixel: &mut [u8; 4], steps: [u8; 3]) {
    for (value, step) in pixel.iter_mut().zip(steps) {
        *value = value.wrapping_add(step);
    }
}

/// Where a colour is kept in the table of colours seen.
fn place([red, green, blue, alpha]: [u8; 4]) -> usize {
    let sum =
        u32::from(red) * 3 + u32::from(green) * 5 + u32::from(blue) * 7 + u32::from(alpha) * 11;
    (sum % 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(operations: &[u8], pixels: u32) -> Result<Vec<u8>> {
        let data = [&head(pixels, 1, 0), operations].concat();
        decode(&data, &Limits::with_max_pixels(1000)).map(|picture| picture.raster.data)
    }

    fn head(width: u32, height: u32, colours: u8) -> Vec<u8> {
        let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
        [b"qoif", width.as_slice(), &height, &[4, colours]].concat()
    }

    #[test]
    fn every_operation_does_what_the_specification_says() {
        let operations = [
            0xff,
            10,
            20,
            30,
            40, // RGBA
            0xfe,
            1,
            2,
            3,                 // RGB
            0x40 | 0b11_00_10, // +1, -2, 0
            0x80 | 33,
            0x9a,                          // green +1, red +1+1, blue +1+2
            0xc1,                          // two repeats
            place([10, 20, 30, 40]) as u8, // from the table
        ];
        let expected = [
            [10, 20, 30, 40],
            [1, 2, 3, 40],
            [2, 0, 3, 40],
            [4, 1, 6, 40],
            [4, 1, 6, 40],
            [4, 1, 6, 40],
            [10, 20, 30, 40],
        ];
        assert_eq!(decoded(&operations, 7), Ok(expected.concat()));
    }

    /// Where the image crate says `corrupt`: a file cut in its end mark (none is there in the other tests), a byte
    /// about colours that the specification calls informative, and more pixels than anybody has.
    #[test]
    fn what_does_not_matter_is_left_aside() {
        let pixel = [0xff, 1, 2, 3, 4];
        let data = [&head(1, 1, 2), pixel.as_slice(), &[0, 0, 0]].concat();
        let limits = Limits::with_max_pixels(1000);
        let picture = decode(&data, &limits).expect("one pixel");
        assert_eq!(picture.raster.data, [1, 2, 3, 4]);
        let error = decode(&head(60_000, 60_000, 0), &limits).expect_err("a bomb");
        assert_eq!(error.class, ErrorClass::TooLarge);
    }

    #[test]
    fn a_stream_that_ends_early_is_corrupt() {
        let class = |made: Result<Vec<u8>>| made.map_err(|error| error.class);
        assert_eq!(class(decoded(&[0xfe, 1, 2], 1)), Err(ErrorClass::Corrupt));
        assert_eq!(class(decoded(&[0xc0], 2)), Err(ErrorClass::Corrupt));
        assert_eq!(class(decoded(&[0xc0], 1001)), Err(ErrorClass::TooLarge));
    }
}
