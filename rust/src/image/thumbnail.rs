//! Thumbnails: one decode, then each size from the smallest raster that is large enough.

use super::encode;
use super::memory::Limits;
use super::orient::{self, Orientation};
use super::pixels::{Pixels, Raster};
use super::thumbhash as hashing;
use super::{Picture, Want, colour, resize};
use crate::error::Result;

/// A smaller thumbnail is made from a larger one only when that is at least this many times its size: below, the
/// second convolution shows as softness (docs/performance.md).
const CASCADE: f64 = 1.3;

/// One thumbnail to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What the caller calls it.
    pub name: String,
    /// Longest side in pixels; smaller pictures keep their size.
    pub max_side: u32,
    /// WebP quality, 0 to 100.
    pub quality: u8,
    /// WebP effort, 0 to 6.
    pub method: u8,
}

/// One thumbnail made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// The name in the [`Spec`].
    pub name: String,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// A whole WebP file.
    pub data: Vec<u8>,
    /// The ThumbHash of the picture, the same for all its sizes.
    pub thumbhash: Vec<u8>,
    /// Whether the file ends early and only what is there is shown.
    pub truncated: bool,
}

/// Upright thumbnails of an encoded picture, in the order of `specs`.
///
/// # Errors
/// Those of decoding and encoding.
pub fn thumbnails(data: &[u8], specs: &[Spec], limits: &Limits) -> Result<Vec<Thumbnail>> {
    let Some(largest) = specs.iter().map(side).max() else {
        return Ok(Vec::new());
    };
    let picture = super::decode_raster(data, Want::AtLeast(largest), limits)?;
    render(&picture, specs)
}

/// Thumbnails of pixels that are upright already.
///
/// # Errors
/// Those of encoding.
pub fn thumbnails_from_pixels(pixels: Pixels, specs: &[Spec]) -> Result<Vec<Thumbnail>> {
    render(
        &Picture::unscaled(pixels, Orientation::UPRIGHT).into_raster(),
        specs,
    )
}

/// The ThumbHash of an encoded picture, upright.
///
/// # Errors
/// Those of decoding.
pub fn thumbhash(data: &[u8], limits: &Limits) -> Result<Vec<u8>> {
    let picture = super::decode_raster(data, Want::AtLeast(hashing::MAX_SIDE), limits)?;
    hash(&picture, &[])
}

/// The ThumbHash of pixels that are upright already.
///
/// # Errors
/// `oom`.
pub fn thumbhash_from_pixels(pixels: Pixels) -> Result<Vec<u8>> {
    let picture = Picture::unscaled(pixels, Orientation::UPRIGHT).into_raster();
    hash(&picture, &[])
}

fn hash(picture: &Picture<Raster>, larger: &[Raster]) -> Result<Vec<u8>> {
    let raster = scaled(picture, larger, hashing::MAX_SIDE)?;
    Ok(hashing::encode(&raster))
}

/// The longest side that can be asked of a WebP file.
fn side(spec: &Spec) -> u32 {
    spec.max_side.clamp(1, encode::MAX_SIDE)
}

fn render(picture: &Picture<Raster>, specs: &[Spec]) -> Result<Vec<Thumbnail>> {
    let mut order: Vec<usize> = (0..specs.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(side(&specs[index])));
    let mut rasters: Vec<Raster> = Vec::with_capacity(specs.len());
    let mut made: Vec<(usize, Thumbnail)> = Vec::with_capacity(specs.len());
    for index in order {
        let spec = &specs[index];
        let raster = scaled(picture, &rasters, side(spec))?;
        let thumbnail = Thumbnail {
            name: spec.name.clone(),
            width: raster.width(),
            height: raster.height(),
            data: encode::webp(&raster, spec.quality, spec.method)?,
            thumbhash: Vec::new(),
            truncated: picture.truncated,
        };
        made.push((index, thumbnail));
        rasters.push(raster);
    }
    let thumbhash = hash(picture, &rasters)?;
    for (_, thumbnail) in &mut made {
        thumbnail.thumbhash.clone_from(&thumbhash);
    }
    made.sort_by_key(|(index, _)| *index);
    Ok(made.into_iter().map(|(_, thumbnail)| thumbnail).collect())
}

/// The picture upright with a longest side of at most `side`, from the smallest raster that will do. `larger` are
/// the upright rasters made before, largest first.
fn scaled(picture: &Picture<Raster>, larger: &[Raster], side: u32) -> Result<Raster> {
    let (width, height) = picture.full_size;
    let size = resize::fit(width, height, side);
    let upright = picture.orientation.upright_size(size.0, size.1);
    let is_enough = |raster: &&Raster| {
        let (width, height) = (raster.width(), raster.height());
        (width, height) == upright
            || f64::from(width.max(height)) >= CASCADE * f64::from(upright.0.max(upright.1))
    };
    if let Some(source) = larger.iter().rev().find(is_enough) {
        let extent = (source.width().into(), source.height().into());
        return resize::raster(source, extent, upright);
    }
    let raster = match resize::raster(&picture.raster, picture.extent, size)? {
        Raster::Pixels(pixels) => {
            Raster::Pixels(colour::to_srgb(pixels, picture.profile.as_deref())?)
        }
        planes => planes,
    };
    orient::upright(raster, picture.orientation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::pixels::Layout;

    fn spec(name: &str, max_side: u32) -> Spec {
        Spec {
            name: name.to_owned(),
            max_side,
            quality: 80,
            method: 0,
        }
    }

    #[test]
    fn thumbnails_come_in_the_order_asked_for() {
        let pixels = Pixels::zeroed(400, 200, Layout::Rgb).expect("small");
        let made =
            thumbnails_from_pixels(pixels, &[spec("b", 64), spec("c", 1000), spec("a", 200)])
                .expect("encodes");
        let sizes: Vec<_> = made
            .iter()
            .map(|thumbnail| (thumbnail.name.as_str(), thumbnail.width, thumbnail.height))
            .collect();
        assert_eq!(sizes, [("b", 64, 32), ("c", 400, 200), ("a", 200, 100)]);
    }

    #[test]
    fn nothing_asked_for_is_nothing_done() {
        let limits = Limits::with_max_pixels(1);
        assert_eq!(thumbnails(b"not a picture", &[], &limits), Ok(Vec::new()));
    }

    #[test]
    fn turned_pictures_change_sides() {
        let pixels = Pixels::zeroed(400, 200, Layout::Gray).expect("small");
        let picture = Picture::unscaled(pixels, Orientation::from_tag(6)).into_raster();
        let made = render(&picture, &[spec("a", 100), spec("b", 50)]).expect("encodes");
        assert_eq!((made[0].width, made[0].height), (50, 100));
        assert_eq!((made[1].width, made[1].height), (25, 50));
    }
}
