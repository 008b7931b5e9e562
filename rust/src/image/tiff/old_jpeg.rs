//! The JPEG of TIFF 6.0 (section 22, compression 6), which writers took as they liked: a whole JPEG file beside the
//! strips, or its headers there and the scan in the strips, or the tables by themselves and the rest told by tags.

use super::directory::{Directory, tag};
use super::grid::Grid;
use super::jpeg::{ADOBE_RGB, EOI, SOI, fitted};
use super::{corrupt, stored, unsupported};
use crate::error::{CoreError, Result};
use crate::image::memory::Limits;
use crate::image::pixels::Pixels;
use crate::image::{Want, jpeg};

const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const RST0: u8 = 0xd0;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;
const APP14: u8 = 0xee;

/// Decode the picture; whether it ends early.
pub fn decode(directory: &Directory<'_>, grid: &Grid, limits: &Limits) -> Result<(Pixels, bool)> {
    let offset = directory.number_or(tag::JPEG_INTERCHANGE, 0);
    let length = match directory.number_or(tag::JPEG_INTERCHANGE_LENGTH, 0) {
        0 => u64::MAX,
        length => length,
    };
    let beside = match offset {
        0 => &[],
        offset => directory.slice_up_to(offset, length),
    };
    let headers = Headers::read(beside);
    let whole = match headers.scan {
        Some(_) if headers.frame.is_some() => {
            whole_stream(directory, grid, offset, beside, &headers)
        }
        _ => None,
    };
    let built = |first: Option<CoreError>| -> Result<(Pixels, bool)> {
        let stream = built_stream(directory, grid, &headers);
        let made = stream.and_then(|stream| decoded(&stream, grid, limits));
        made.map_err(|error| first.unwrap_or(error))
    };
    match whole.map(|stream| decoded(&stream, grid, limits)) {
        Some(Ok(picture)) => Ok(picture),
        Some(Err(error)) => built(Some(error)),
        None => built(None),
    }
}

fn decoded(stream: &[u8], grid: &Grid, limits: &Limits) -> Result<(Pixels, bool)> {
    let picture = jpeg::decode(stream, Want::Full, limits)?;
    let pixels = fitted(picture.raster, (grid.width, grid.height), limits)?;
    Ok((pixels, picture.truncated))
}

/// The file beside the strips, with its scan: up to the end of the strips, where these follow.
fn whole_stream(
    directory: &Directory<'_>,
    grid: &Grid,
    offset: u64,
    beside: &[u8],
    headers: &Headers<'_>,
) -> Option<Vec<u8>> {
    let scan = headers.scan?;
    let end_of_headers = offset + scan as u64;
    let mut end = offset + beside.len() as u64;
    let mut follow = false;
    for (start, length) in grid.places() {
        if start == end_of_headers {
            follow = true;
        }
        if (offset..=end).contains(&start) {
            end = end.max(start.saturating_add(length));
        }
    }
    if !follow && beside.len() < scan + 2 {
        return None;
    }
    let stream = directory.slice_up_to(offset, end - offset);
    Some(with_end(stream.to_vec()))
}

fn with_end(mut stream: Vec<u8>) -> Vec<u8> {
    if !stream.ends_with(EOI) {
        stream.extend(EOI);
    }
    stream
}

/// What stands before a scan.
#[derive(Default)]
struct Headers<'data> {
    /// Marker and payload of all tables, and of Adobe's mark.
    tables: Vec<(u8, &'data [u8])>,
    /// The same of the frame.
    frame: Option<(u8, &'data [u8])>,
    /// The payload of the scan's header.
    scan_header: Option<&'data [u8]>,
    /// Where the scan begins.
    scan: Option<usize>,
}

impl<'data> Headers<'data> {
    /// Of a stream that begins as a JPEG file, or with a part of its headers; empty for others.
    fn read(stream: &'data [u8]) -> Self {
        let mut headers = Self::default();
        let mut at = match stream {
            [0xff, 0xd8, ..] => 2,
            // A strip that begins with the header of its scan, or with tables.
            [0xff, DHT | SOS | DQT | DRI, ..] => 0,
            _ => return headers,
        };
        while let Some(&[0xff, marker, high, low]) = stream.get(at..at + 4) {
            if marker == 0xff {
                at += 1;
                continue;
            }
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(payload) = stream.get(at + 4..at + 2 + length) else {
                break;
            };
            at += 2 + length;
            match marker {
                DQT | DHT | DRI | APP14 => headers.tables.push((marker, payload)),
                SOS => {
                    headers.scan_header = Some(payload);
                    headers.scan = Some(at);
                    break;
                }
                SOF0..=0xcf if marker != 0xc8 && marker != 0xcc => {
                    headers.frame = Some((marker, payload));
                }
                _ => {}
            }
        }
        headers
    }
}

/// A stream of all that the file has of one: tables, frame, scan header, and the strips as parts of the scan.
fn built_stream(directory: &Directory<'_>, grid: &Grid, beside: &Headers<'_>) -> Result<Vec<u8>> {
    let mut strips = Vec::new();
    for index in 0..grid.count() {
        strips.push(grid.chunk(directory, 0, index)?.data);
    }
    let first = strips.first().copied().unwrap_or_default();
    let own = Headers::read(first);
    let channels = stored::channels(directory)?;
    let factors = factors(directory, channels);
    let mut stream = SOI.to_vec();
    if stored::photometric(directory) == 2 {
        stream.extend(ADOBE_RGB);
    }
    let tables = [beside, &own].into_iter().flat_map(|part| &part.tables);
    let mut has_tables = false;
    let mut has_interval = false;
    let mut most_tables = 0;
    for &(marker, payload) in tables {
        has_tables |= marker == DQT;
        if marker == DHT {
            most_tables = most_tables.max(last_table(payload));
        }
        has_interval |= marker == DRI;
        segment(&mut stream, marker, payload);
    }
    if !has_tables {
        tables_of_tags(directory, channels, &mut stream)?;
        most_tables = channels;
    }
    let frame = own.frame.or(beside.frame);
    let components = match frame {
        Some((marker, payload)) if payload.len() > 6 => {
            // The height may be that of a strip.
            let mut payload = payload.to_vec();
            payload[1..3].copy_from_slice(&(grid.height as u16).to_be_bytes());
            payload[3..5].copy_from_slice(&(grid.width as u16).to_be_bytes());
            segment(&mut stream, marker, &payload);
            payload[6..]
                .chunks_exact(3)
                .map(|component| (component[0], component[1]))
                .collect::<Vec<_>>()
        }
        _ => frame_of_tags(grid, channels, factors, &mut stream),
    };
    if !has_interval {
        restart_interval(directory, grid, &components, &mut stream);
    }
    match own.scan_header.or(beside.scan_header) {
        Some(header) => segment(&mut stream, SOS, header),
        None => {
            let mut header = vec![components.len() as u8];
            for (index, &(id, _)) in components.iter().enumerate() {
                // One table of each for a component, or one for luma and one for chroma.
                let table = if most_tables > 1 {
                    index
                } else {
                    index.min(most_tables)
                };
                header.extend([id, (table as u8) << 4 | table as u8]);
            }
            header.extend([0, 63, 0]);
            segment(&mut stream, SOS, &header);
        }
    }
    let last = strips.len().saturating_sub(1);
    for (index, strip) in strips.iter().enumerate() {
        let data = match Headers::read(strip).scan {
            Some(start) => &strip[start..],
            None => strip,
        };
        let data = data.strip_suffix(EOI).unwrap_or(data);
        stream.extend(data);
        let is_marked = matches!(data, [.., 0xff, RST0..=0xd7]);
        if index < last && !is_marked {
            stream.extend([0xff, RST0 + (index % 8) as u8]);
        }
    }
    Ok(with_end(stream))
}

/// The highest number of the Huffman tables of a segment.
fn last_table(mut payload: &[u8]) -> usize {
    let mut most = 0;
    while let Some((&[number, ..], counts)) = payload
        .split_first_chunk::<1>()
        .and_then(|(number, rest)| Some((number, rest.first_chunk::<16>()?)))
    {
        most = most.max(usize::from(number & 15));
        let values: usize = counts.iter().map(|&count| usize::from(count)).sum();
        payload = payload.get(17 + values..).unwrap_or_default();
    }
    most
}

fn segment(stream: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    stream.extend([0xff, marker]);
    stream.extend((payload.len() as u16 + 2).to_be_bytes());
    stream.extend(payload);
}

/// How many samples of the first component there are for one of the others, across and down.
fn factors(directory: &Directory<'_>, channels: usize) -> (u8, u8) {
    let stated = directory.numbers(tag::YCBCR_SUBSAMPLING);
    match (channels, stated.as_deref()) {
        (3, Some(&[across @ 1..=4, down @ 1..=4, ..])) => (across as u8, down as u8),
        (3, _) if stored::photometric(directory) == 6 => (2, 2),
        _ => (1, 1),
    }
}

/// The tables that tags 519 to 521 lead to, one of each for a component.
fn tables_of_tags(directory: &Directory<'_>, channels: usize, stream: &mut Vec<u8>) -> Result<()> {
    let places = |tag| directory.numbers(tag).unwrap_or_default();
    let quantisers = places(tag::JPEG_QUANTISERS);
    if quantisers.is_empty() {
        return Err(unsupported("a TIFF of old-style JPEG without tables"));
    }
    let short = || corrupt("the tables of the TIFF's JPEG lie outside the file");
    for (index, &offset) in quantisers.iter().take(channels).enumerate() {
        let table = directory.slice(offset, 64).ok_or_else(short)?;
        segment(stream, DQT, &[&[index as u8], table].concat());
    }
    for (class, tag) in [(0x00, tag::JPEG_DC_TABLES), (0x10, tag::JPEG_AC_TABLES)] {
        for (index, &offset) in places(tag).iter().take(channels).enumerate() {
            let counts = directory.slice(offset, 16).ok_or_else(short)?;
            let values = counts.iter().map(|&count| u64::from(count)).sum::<u64>();
            let table = directory.slice(offset, 16 + values).ok_or_else(short)?;
            segment(stream, DHT, &[&[class | index as u8], table].concat());
        }
    }
    Ok(())
}

/// A baseline frame of components 1, 2, ...; gives their numbers and factors.
fn frame_of_tags(
    grid: &Grid,
    channels: usize,
    (across, down): (u8, u8),
    stream: &mut Vec<u8>,
) -> Vec<(u8, u8)> {
    let component = |index: usize| match index {
        0 => (1, across << 4 | down),
        index => (index as u8 + 1, 0x11),
    };
    let components: Vec<(u8, u8)> = (0..channels.min(4)).map(component).collect();
    let mut frame = vec![8];
    frame.extend((grid.height as u16).to_be_bytes());
    frame.extend((grid.width as u16).to_be_bytes());
    frame.push(components.len() as u8);
    for (index, &(id, factors)) in components.iter().enumerate() {
        frame.extend([id, factors, index as u8]);
    }
    segment(stream, SOF0, &frame);
    components
}

/// How many blocks stand between restart markers: as stated, or those of a strip where there are several.
fn restart_interval(
    directory: &Directory<'_>,
    grid: &Grid,
    components: &[(u8, u8)],
    stream: &mut Vec<u8>,
) {
    let most = |part: fn(u8) -> u8| components.iter().map(|&(_, factors)| part(factors)).max();
    let across = most(|factors| factors >> 4).unwrap_or(1).max(1);
    let down = most(|factors| factors & 15).unwrap_or(1).max(1);
    let blocks = grid.width.div_ceil(8 * u32::from(across))
        * grid.chunk_height.div_ceil(8 * u32::from(down));
    let interval = match directory.number_or(tag::JPEG_RESTART_INTERVAL, 0) {
        0 if grid.count() > 1 => blocks.into(),
        interval => interval,
    };
    if let Ok(interval @ 1..) = u16::try_from(interval) {
        segment(stream, DRI, &interval.to_be_bytes());
    }
}
