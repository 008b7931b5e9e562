//! AVIF: AV1 pictures in a HEIF container, 8 to 12 bits, also put together from a grid of tiles.
//!
//! Sources: ISO/IEC 23008-12 (HEIF), "AV1 Image File Format" 1.1. The picture is turned by the `irot` and `imir`
//! properties alone: an orientation in EXIF data repeats them. Before that a clean aperture (`clap`) is cut out.

mod av1;
mod boxes;
mod frame;
mod items;

use boxes::damaged;
use frame::{Frame, Samples};
use items::{Coded, Items, Property};

use super::bytes::Reader;
use super::memory::{self, Limits};
use super::orient::Orientation;
use super::pixels::{Layout, Pixels, Plane, Planes, Range, Raster};
use super::{Format, Header, Picture, cicp};
use crate::error::{CoreError, ErrorClass, Result};

/// Names of alpha as an auxiliary picture.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
];

/// Bytes held for a pixel, by what decoding pictures of 12 megapixels was measured to take: the decoder's own buffers,
/// planes of 16 bits, and RGBA.
const WORKING_BYTES: u64 = 12;

/// The same for more than 8 bits a sample.
const DEEP_WORKING_BYTES: u64 = 28;

/// What the primary item's properties say.
struct Shown<'data> {
    width: u32,
    height: u32,
    /// What is cut out of it.
    aperture: Option<Aperture>,
    orientation: Orientation,
    profile: Option<&'data [u8]>,
    coded: Option<Coded>,
    /// Bytes that decoding holds for each pixel.
    working_bytes: u64,
}

impl Shown<'_> {
    /// Columns and rows of what is shown, not turned yet.
    fn size(&self) -> (u32, u32) {
        self.aperture
            .as_ref()
            .map_or((self.width, self.height), |cut| (cut.width, cut.height))
    }
}

/// A part of a picture.
struct Aperture {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Aperture {
    /// The part of a picture of this size that a clean aperture means (ISO/IEC 14496-12, 12.1.4); `None` where it is no
    /// whole pixels in the picture, or all of it.
    fn of(values: [(u32, u32); 4], size: (u32, u32)) -> Option<Self> {
        let [width, height, right, down] = values;
        let cut = |(length, per): (u32, u32), (offset, offset_per): (u32, u32), side: u32| {
            let (per, offset_per) = (i64::from(per), i64::from(offset_per));
            let whole = |value: i64, per: i64| (per != 0 && value % per == 0).then(|| value / per);
            let length = whole(length.into(), per)?;
            // Its centre is that of the picture, moved by the offset, which has a sign.
            let twice = i64::from(side) - length + whole(2 * i64::from(offset as i32), offset_per)?;
            let start = whole(twice, 2)?;
            let fits = length > 0 && start >= 0 && start + length <= side.into();
            fits.then_some((start as u32, length as u32))
        };
        let (left, width) = cut(width, right, size.0)?;
        let (top, height) = cut(height, down, size.1)?;
        ((width, height) != size).then_some(Self {
            left,
            top,
            width,
            height,
        })
    }
}

/// Size and orientation.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8]) -> Result<Header> {
    let items = Items::read(data)?;
    let shown = shown(&items, items.primary)?;
    let (width, height) = shown.size();
    Ok(Header {
        format: Format::Avif,
        width,
        height,
        orientation: shown.orientation,
    })
}

/// Decode to interleaved samples of 8 bits.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let opened = Opened::new(data, limits)?;
    let pixels = opened.pixels(limits)?;
    Ok(opened.picture(pixels))
}

/// Decode as [`decode`], but leave planes that WebP can take (8 bits, 4:2:0, the matrix of BT.601, sRGB) as they are.
///
/// # Errors
/// As [`decode`].
pub fn decode_raster(data: &[u8], limits: &Limits) -> Result<Picture<Raster>> {
    let opened = Opened::new(data, limits)?;
    if opened.is_plain() {
        let planes = opened.planes()?;
        return Ok(opened.picture(Raster::Planes(planes)));
    }
    let pixels = opened.pixels(limits)?;
    Ok(opened.picture(pixels).into_raster())
}

/// A file whose primary picture has been decoded.
struct Opened<'data> {
    items: Items<'data>,
    shown: Shown<'data>,
    frame: Frame,
    /// The file's word on colours, else the stream's.
    coded: Coded,
    profile: Option<Vec<u8>>,
    alpha: Option<Alpha>,
}

/// The items that hold the transparency.
enum Alpha {
    /// One of the size of the picture, which may be a grid itself.
    Whole(u32),
    /// One for each tile of the picture's grid.
    Tiles(Vec<u32>),
}

impl<'data> Opened<'data> {
    fn new(data: &'data [u8], limits: &Limits) -> Result<Self> {
        let items = Items::read(data)?;
        let shown = shown(&items, items.primary)?;
        limits.check_size(shown.width, shown.height)?;
        limits.check_bytes(memory::area(shown.width, shown.height) as u64 * shown.working_bytes)?;
        let frame = decoded(&items, items.primary, limits)?;
        let coded = shown.coded.unwrap_or(frame.coded);
        let profile = match shown.profile {
            Some(profile) => Some(profile.to_vec()),
            None => cicp::profile(coded.primaries, coded.transfer),
        };
        let alpha = alpha_of(&items, items.primary)?;
        Ok(Self {
            items,
            shown,
            frame,
            coded,
            profile,
            alpha,
        })
    }

    fn picture<T>(self, raster: T) -> Picture<T> {
        let (width, height) = self.shown.size();
        Picture {
            raster,
            orientation: self.shown.orientation,
            full_size: (width, height),
            extent: (width.into(), height.into()),
            profile: self.profile,
            truncated: false,
            damage: None,
        }
    }

    /// Whether the planes are what [`Planes`] means.
    fn is_plain(&self) -> bool {
        let frame = &self.frame;
        frame.depth == 8
            && frame.halves_columns
            && frame.halves_rows
            && matches!(self.coded.matrix, 2 | 5 | 6)
            && self.alpha.is_none()
            && self.shown.aperture.is_none()
            && self.profile.is_none()
    }

    fn planes(&self) -> Result<Planes> {
        let plane = |samples: &Samples| -> Result<Plane> {
            let mut plane = Plane::zeroed(samples.width, samples.height)?;
            for (target, &sample) in plane.data.iter_mut().zip(&samples.data) {
                *target = sample as u8;
            }
            Ok(plane)
        };
        let [y, u, v] = self.frame.planes.as_slice() else {
            return Err(damaged());
        };
        Ok(Planes {
            y: plane(y)?,
            u: plane(u)?,
            v: plane(v)?,
            range: if self.coded.is_full_range {
                Range::Full
            } else {
                Range::Limited
            },
        })
    }

    fn pixels(&self, limits: &Limits) -> Result<Pixels> {
        let whole = self.whole(limits)?;
        Ok(match &self.shown.aperture {
            Some(cut) => whole.cut(cut.left, cut.top, cut.width, cut.height),
            None => whole,
        })
    }

    fn whole(&self, limits: &Limits) -> Result<Pixels> {
        let (layout, samples) = if self.frame.is_grey() {
            (Layout::Gray, self.frame.luma(self.coded.is_full_range))
        } else {
            (Layout::Rgb, self.frame.rgb(self.coded)?)
        };
        let pixels = Pixels {
            width: self.shown.width,
            height: self.shown.height,
            layout,
            data: samples,
        };
        let primary = self.items.primary;
        let (alpha, is_multiplied) = match &self.alpha {
            None => return Ok(pixels),
            Some(Alpha::Whole(id)) => (
                decoded(&self.items, *id, limits)?,
                self.items.targets(primary, *b"prem").contains(id),
            ),
            Some(Alpha::Tiles(ids)) => {
                let tile = self.items.targets(primary, *b"dimg").first();
                let is_multiplied = tile.zip(ids.first()).is_some_and(|(&tile, alpha)| {
                    self.items.targets(tile, *b"prem").contains(alpha)
                });
                (grid(&self.items, primary, ids, limits)?, is_multiplied)
            }
        };
        if alpha.size() != self.frame.size() {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                "an AVIF whose alpha has another size than its colours",
            ));
        }
        let alpha = alpha.luma(alpha.coded.is_full_range);
        Ok(with_alpha(pixels, &alpha, is_multiplied))
    }
}

fn with_alpha(pixels: Pixels, alpha: &[u8], is_multiplied: bool) -> Pixels {
    let colours = pixels.with_colour();
    let (source, _) = colours.data.as_chunks::<3>();
    let pixel = |(colour, &alpha): (&[u8; 3], &u8)| {
        let [red, green, blue] = match alpha {
            1..=254 if is_multiplied => colour.map(|value| {
                let alpha = u32::from(alpha);
                ((u32::from(value) * 255 + alpha / 2) / alpha).min(255) as u8
            }),
            _ => *colour,
        };
        [red, green, blue, alpha]
    };
    Pixels {
        layout: Layout::Rgba,
        data: source.iter().zip(alpha).flat_map(pixel).collect(),
        ..colours
    }
}

fn shown<'data>(items: &Items<'data>, id: u32) -> Result<Shown<'data>> {
    let mut shown = Shown {
        width: 0,
        height: 0,
        aperture: None,
        orientation: Orientation::UPRIGHT,
        profile: None,
        coded: None,
        working_bytes: WORKING_BYTES,
    };
    let mut aperture = None;
    for property in items.properties(id)? {
        match property {
            Property::Aperture(values) => aperture = Some(values),
            Property::Size(width, height) => (shown.width, shown.height) = (width, height),
            Property::Profile(profile) => shown.profile = Some(profile),
            Property::Coded(coded) => shown.coded = Some(coded),
            Property::Turn(quarters) => {
                for _ in 0..quarters {
                    shown.orientation = shown.orientation.then_turned_left();
                }
            }
            Property::Deep => shown.working_bytes = DEEP_WORKING_BYTES,
            Property::Mirror(0) => shown.orientation = shown.orientation.then_upside_down(),
            Property::Mirror(_) => shown.orientation = shown.orientation.then_mirrored(),
            Property::Auxiliary(_) | Property::Other | Property::Unknown(_) => {}
        }
    }
    let size = (shown.width, shown.height);
    shown.aperture = aperture.and_then(|values| Aperture::of(values, size));
    Ok(shown)
}

/// The items that hold the transparency of `id`, a picture or a grid of them.
fn alpha_of(items: &Items<'_>, id: u32) -> Result<Option<Alpha>> {
    if let Some(alpha) = alpha_item(items, id)? {
        return Ok(Some(Alpha::Whole(alpha)));
    }
    if items.kind(id)? != *b"grid" {
        return Ok(None);
    }
    let mut tiles = Vec::new();
    for &tile in items.targets(id, *b"dimg") {
        match alpha_item(items, tile)? {
            Some(alpha) => tiles.push(alpha),
            None => return Ok(None),
        }
    }
    Ok((!tiles.is_empty()).then_some(Alpha::Tiles(tiles)))
}

fn alpha_item(items: &Items<'_>, id: u32) -> Result<Option<u32>> {
    for auxiliary in items.sources(id, *b"auxl") {
        let is_alpha = |property: &Property<'_>| match property {
            Property::Auxiliary(name) => ALPHA.contains(name),
            _ => false,
        };
        if items.properties(auxiliary)?.iter().any(is_alpha) {
            return Ok(Some(auxiliary));
        }
    }
    Ok(None)
}

/// The samples of an item: a picture, or a grid of them. Their size is the one its properties announce.
fn decoded(items: &Items<'_>, id: u32, limits: &Limits) -> Result<Frame> {
    let frame = match &items.kind(id)? {
        b"av01" => av1::decode(&items.data(id)?, limits)?,
        b"grid" => grid(items, id, items.targets(id, *b"dimg"), limits)?,
        kind => {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                format!("an AVIF whose picture is of kind {}", kind.escape_ascii()),
            ));
        }
    };
    let shown = shown(items, id)?;
    let stated = (shown.width, shown.height);
    // Some writers leave out the size of what holds the transparency.
    if frame.size() != stated && stated != (0, 0) {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            "an AVIF whose picture has another size than its header announces",
        ));
    }
    Ok(frame)
}

/// Tiles of one size, row by row, cut at the right and at the bottom.
fn grid(items: &Items<'_>, id: u32, tiles: &[u32], limits: &Limits) -> Result<Frame> {
    let data = items.data(id)?;
    let mut reader = Reader::new(&data);
    let [_, flags, rows, columns] = reader.array()?;
    let (rows, columns) = (u32::from(rows) + 1, u32::from(columns) + 1);
    let mut side = || {
        if flags & 1 == 1 {
            reader.u32()
        } else {
            reader.u16().map(u32::from)
        }
    };
    let (width, height) = (side()?, side()?);
    limits.check_size(width, height)?;
    limits.check_bytes(memory::area(width, height) as u64 * DEEP_WORKING_BYTES)?;
    if tiles.len() as u64 != u64::from(rows) * u64::from(columns) {
        return Err(damaged());
    }
    let mut canvas: Option<Frame> = None;
    let mut place = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    for &tile in tiles {
        if items.kind(tile)? != *b"av01" {
            return Err(damaged());
        }
        let tile = av1::decode(&items.data(tile)?, limits)?;
        let canvas = match &mut canvas {
            Some(canvas) => canvas,
            None => canvas.insert(empty_like(&tile, (width, height), (columns, rows))?),
        };
        let (column, row) = place.next().ok_or_else(damaged)?;
        paste(canvas, &tile, (column, row))?;
    }
    canvas.ok_or_else(damaged)
}

/// A frame for a grid of tiles like this one, which must cover it.
fn empty_like(tile: &Frame, (width, height): (u32, u32), tiles: (u32, u32)) -> Result<Frame> {
    let (tile_width, tile_height) = tile.size();
    let covers =
        |side: u32, tile: u32, count: u32| u64::from(tile) * u64::from(count) >= side.into();
    if !covers(width, tile_width, tiles.0) || !covers(height, tile_height, tiles.1) {
        return Err(damaged());
    }
    let plane = |index: usize| {
        let halves = |is_halved: bool, side: u32| match is_halved && index > 0 {
            true => side.div_ceil(2),
            false => side,
        };
        Samples::zeroed(
            halves(tile.halves_columns, width),
            halves(tile.halves_rows, height),
        )
    };
    Ok(Frame {
        depth: tile.depth,
        halves_columns: tile.halves_columns,
        halves_rows: tile.halves_rows,
        planes: (0..tile.planes.len()).map(plane).collect::<Result<_>>()?,
        coded: tile.coded,
    })
}

/// Put a tile, which must be like the others, at its place: columns and rows counted in tiles.
fn paste(canvas: &mut Frame, tile: &Frame, (column, row): (u32, u32)) -> Result<()> {
    let kind = |frame: &Frame| {
        let halves = (frame.halves_columns, frame.halves_rows);
        (frame.depth, halves, frame.planes.len())
    };
    if kind(canvas) != kind(tile) {
        return Err(damaged());
    }
    for (target, source) in canvas.planes.iter_mut().zip(&tile.planes) {
        let (left, top) = (column * source.width, row * source.height);
        target.paste(source, left, top);
    }
    Ok(())
}
