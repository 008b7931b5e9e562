//! PNG: all colour types and depths, interlaced or not; of an animation the default image.

use std::borrow::Cow;
use std::io::Cursor;

use png::{ColorType, Decoder, DecodingError, Transformations};

use super::colour::Deep;
use super::memory::{self, Limits};
use super::orient::{self, Orientation};
use super::partial;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture, cicp, gamma};
use crate::error::{CoreError, ErrorClass, Result};

/// Size, from the first chunk, and orientation, if its chunk comes before the picture.
///
/// # Errors
/// `corrupt` or `too_large`.
pub fn header(data: &[u8], limits: &Limits) -> Result<Header> {
    let reading = Reading {
        limits,
        ignores_checksums: true,
    };
    let mut decoder = reading.decoder(data);
    let info = decoder.read_header_info().map_err(explain)?;
    let (width, height) = (info.width, info.height);
    let orientation = decoder
        .read_info()
        .map_or(Orientation::UPRIGHT, |reader| orientation(reader.info()));
    Ok(Header {
        format: Format::Png,
        width,
        height,
        orientation,
    })
}

/// Decode to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let data = &*masked_transparency(data);
    let strict = Reading {
        limits,
        ignores_checksums: false,
    };
    match decode_by(data, strict) {
        Err(error) if error.class == ErrorClass::Corrupt && error.message.contains("CRC") => {
            let lenient = Reading {
                ignores_checksums: true,
                ..strict
            };
            let picture = decode_by(data, lenient).map_err(|_| error)?;
            Ok(Picture {
                damage: Some("a checksum of the PNG is wrong".to_owned()),
                ..picture
            })
        }
        Err(error) if error.class == ErrorClass::Corrupt => match without_interruptions(data) {
            Some(joined) => {
                let picture = decode_by(&joined, strict).map_err(|_| error)?;
                Ok(Picture {
                    damage: Some("other chunks amid those of the picture".to_owned()),
                    ..picture
                })
            }
            None => Err(error),
        },
        result => result,
    }
}

/// The file without the chunks that stand between those of the picture, which must be one behind the other; `None`
/// where there are none.
fn without_interruptions(data: &[u8]) -> Option<Vec<u8>> {
    const SIGNATURE: usize = 8;
    let mut chunks = Vec::new();
    let mut at = SIGNATURE;
    while let Some(head) = data.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let end = at.saturating_add(length).saturating_add(12).min(data.len());
        chunks.push((&head[4..] == b"IDAT", at..end));
        at = end;
    }
    let first = chunks.iter().position(|(is_picture, _)| *is_picture)?;
    let last = chunks.iter().rposition(|(is_picture, _)| *is_picture)?;
    if chunks[first..last]
        .iter()
        .all(|(is_picture, _)| *is_picture)
    {
        return None;
    }
    let mut joined = data.get(..SIGNATURE)?.to_vec();
    for (index, (is_picture, place)) in chunks.into_iter().enumerate() {
        if is_picture || index < first || index > last {
            joined.extend_from_slice(&data[place]);
        }
    }
    Some(joined)
}

/// How to read a file.
#[derive(Clone, Copy)]
struct Reading<'a> {
    limits: &'a Limits,
    /// A picture whose checksums are wrong may be right in all that shows.
    ignores_checksums: bool,
}

/// The file, its transparent grey cut to the bits that pixels have: writers let more of them stand, which mean nothing
/// (PNG specification, 11.3.1.1).
fn masked_transparency(data: &[u8]) -> Cow<'_, [u8]> {
    const HEADER: usize = 8 + 8 + 13;
    let Some(&[depth @ (1 | 2 | 4), 0]) = data.get(HEADER - 5..HEADER - 3) else {
        return Cow::Borrowed(data);
    };
    let mut at = HEADER + 4;
    while let Some(&[a, b, c, d, ref name @ ..]) = data.get(at..at + 8) {
        match name {
            b"tRNS" if [a, b, c, d] == [0, 0, 0, 2] && data.len() >= at + 14 => {
                let value = [0, data[at + 9] & ((1 << depth) - 1)];
                if data[at + 8..at + 10] == value {
                    return Cow::Borrowed(data);
                }
                let mut changed = data.to_vec();
                changed[at + 8..at + 10].copy_from_slice(&value);
                let mut checksum = flate2::Crc::new();
                checksum.update(&changed[at + 4..at + 10]);
                changed[at + 10..at + 14].copy_from_slice(&checksum.sum().to_be_bytes());
                return Cow::Owned(changed);
            }
            b"IDAT" => break,
            _ => {}
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        at = match at.checked_add(length).and_then(|end| end.checked_add(12)) {
            Some(next) => next,
            None => break,
        };
    }
    Cow::Borrowed(data)
}

fn decode_by(data: &[u8], reading: Reading<'_>) -> Result<Picture<Pixels>> {
    let limits = reading.limits;
    let mut decoder = reading.decoder(data);
    let info = decoder.read_header_info().map_err(explain)?;
    let (width, height) = (info.width, info.height);
    limits.check_size(width, height)?;
    if info.bit_depth == png::BitDepth::Sixteen
        && let Some(picture) = deep(data, reading)?
    {
        return Ok(picture);
    }
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(explain)?;
    let (colour, _) = reader.output_color_type();
    let bytes = memory::area(width, height) as u64 * colour.samples() as u64;
    limits.check_bytes(bytes)?;
    let mut samples = memory::zeroed(bytes as usize)?;
    let truncated = match reader.next_frame(&mut samples) {
        Ok(_) => false,
        Err(error) if ends_early(&error) => {
            let rows = rows_there(data, reading, &mut samples, colour.samples())?;
            partial::check_rows(rows, height)?;
            let blank = partial::blank_of(matches!(
                colour,
                ColorType::Rgba | ColorType::GrayscaleAlpha
            ));
            let done = rows as usize * width as usize * colour.samples();
            samples[done..].fill(blank);
            true
        }
        Err(error) => return Err(explain(error)),
    };
    let (layout, samples) = match colour {
        ColorType::Grayscale => (Layout::Gray, samples),
        ColorType::Rgb => (Layout::Rgb, samples),
        ColorType::Rgba => (Layout::Rgba, samples),
        ColorType::GrayscaleAlpha => {
            limits.check_bytes(bytes * 3)?;
            (Layout::Rgba, rgba_from_gray_alpha(&samples))
        }
        ColorType::Indexed => {
            return Err(CoreError::new(
                ErrorClass::Crash,
                "the PNG decoder did not apply the palette",
            ));
        }
    };
    let pixels = Pixels {
        width,
        height,
        layout,
        data: samples,
    };
    let info = reader.info();
    let profile = profile(info);
    Ok(Picture::unscaled(pixels, orientation(info))
        .with_profile(profile)
        .with_truncated(truncated))
}

/// A whole picture of 16 bits in another colour space than sRGB, converted before it is rounded to 8. `None` for others.
fn deep(data: &[u8], reading: Reading<'_>) -> Result<Option<Picture<Pixels>>> {
    let limits = reading.limits;
    let mut decoder = reading.decoder(data);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(explain)?;
    let (colour, depth) = reader.output_color_type();
    let layout = match colour {
        ColorType::Grayscale => Layout::Gray,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::GrayscaleAlpha | ColorType::Indexed => return Ok(None),
    };
    let profile = profile(reader.info());
    let conversion = Deep::new(profile.as_deref(), layout);
    let Some(conversion) = conversion.filter(|_| depth == png::BitDepth::Sixteen) else {
        return Ok(None);
    };
    let size = (reader.info().width, reader.info().height);
    let count = memory::area(size.0, size.1) * layout.channels();
    limits.check_bytes(count as u64 * 3)?;
    let mut bytes = memory::zeroed(count * 2)?;
    if reader.next_frame(&mut bytes).is_err() {
        return Ok(None);
    }
    let mut pixels = Pixels::zeroed(size.0, size.1, layout)?;
    let stride = pixels.stride();
    let mut line = Vec::with_capacity(stride);
    let (pairs, _) = bytes.as_chunks::<2>();
    for (row, target) in pairs
        .chunks_exact(stride)
        .zip(pixels.data.chunks_exact_mut(stride))
    {
        line.clear();
        line.extend(row.iter().map(|&pair| u16::from_be_bytes(pair)));
        conversion.convert(&line, target);
    }
    Ok(Some(Picture::unscaled(pixels, orientation(reader.info()))))
}

/// The ICC profile, or one of what other chunks say: by the PNG specification (3rd edition, 4.3) cICP counts before
/// iCCP, that before sRGB, and gAMA and cHRM last.
fn profile(info: &png::Info<'_>) -> Option<Vec<u8>> {
    if let Some(points) = &info.coding_independent_code_points {
        return cicp::profile(points.color_primaries, points.transfer_function);
    }
    if let Some(profile) = info.icc_profile.as_deref() {
        return Some(profile.to_vec());
    }
    if info.srgb.is_some() {
        return None;
    }
    let exponent = info.gama_chunk.map(|gamma| gamma.into_value())?;
    let place = |(x, y): (png::ScaledFloat, png::ScaledFloat)| (x.into_value(), y.into_value());
    let primaries = info
        .chrm_chunk
        .map(|chrm| [chrm.white, chrm.red, chrm.green, chrm.blue].map(place));
    let is_grey = matches!(
        info.color_type,
        ColorType::Grayscale | ColorType::GrayscaleAlpha
    );
    gamma::profile(1.0 / exponent, primaries, is_grey)
}

/// The file ends, or its compressed data does.
fn ends_early(error: &DecodingError) -> bool {
    match error {
        DecodingError::IoError(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
        DecodingError::Format(error) => error.to_string().contains("InsufficientInput"),
        _ => false,
    }
}

/// Decode again row by row, until the data ends; how many rows of the picture are there. The rows of an interlaced
/// picture's passes stand for those that are missing between them.
fn rows_there(
    data: &[u8],
    reading: Reading<'_>,
    samples: &mut [u8],
    channels: usize,
) -> Result<u32> {
    let mut decoder = reading.decoder(data);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(explain)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let stride = width as usize * channels;
    let mut rows = 0_u32;
    while let Ok(Some(row)) = reader.next_interlaced_row() {
        match row.interlace() {
            png::InterlaceInfo::Null(_) => {
                let target = samples.chunks_exact_mut(stride).nth(rows as usize);
                if let Some(target) = target {
                    target.copy_from_slice(&row.data()[..stride]);
                }
                rows += 1;
            }
            png::InterlaceInfo::Adam7(info) => {
                let bits = (8 * channels) as u8;
                png::splat_interlaced_row(samples, stride, row.data(), info, bits);
                rows = rows.saturating_add(ADAM7_ROWS);
            }
        }
    }
    Ok(rows.min(height))
}

/// Rows that one row of the first pass of an interlaced picture stands for.
const ADAM7_ROWS: u32 = 8;

impl Reading<'_> {
    fn decoder<'data>(&self, data: &'data [u8]) -> Decoder<Cursor<&'data [u8]>> {
        let bytes = usize::try_from(self.limits.max_bytes).unwrap_or(usize::MAX);
        let mut decoder = Decoder::new_with_limits(Cursor::new(data), png::Limits { bytes });
        decoder.set_ignore_text_chunk(true);
        decoder.ignore_checksums(self.ignores_checksums);
        decoder
    }
}

fn orientation(info: &png::Info<'_>) -> Orientation {
    info.exif_metadata
        .as_deref()
        .map_or(Orientation::UPRIGHT, orient::from_exif)
}

fn rgba_from_gray_alpha(samples: &[u8]) -> Vec<u8> {
    samples
        .chunks_exact(2)
        .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
        .collect()
}

/// The class and words for what the png crate reports.
fn explain(error: DecodingError) -> CoreError {
    match error {
        DecodingError::LimitsExceeded => {
            CoreError::new(ErrorClass::TooLarge, "the PNG needs too much memory")
        }
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            CoreError::new(ErrorClass::Corrupt, "the PNG ends early")
        }
        DecodingError::IoError(error) => error.into(),
        DecodingError::Format(error) => {
            CoreError::new(ErrorClass::Corrupt, format!("damaged PNG: {error}"))
        }
        DecodingError::Parameter(error) => {
            CoreError::new(ErrorClass::Corrupt, format!("damaged PNG: {error}"))
        }
    }
}
