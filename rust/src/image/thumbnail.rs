//! Thumbnails: one decode, one raster of 1024 pixels made from it, and the small sizes from that.
//!
//! Which sizes are asked for together never changes the bytes of any of them: each is made by a way that only the
//! picture and its own size decide. So a thumbnail that is asked for alone is the one that a batch would have made.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::encode;
use super::likeness::{self, HASH_BYTES};
use super::memory::Limits;
use super::orient::{self, Orientation};
use super::pixels::{Pixels, Raster};
use super::thumbhash as hashing;
use super::{Picture, Want, colour, resize};
use crate::error::Result;

/// Longest side of the raster that smaller thumbnails are made from, in pixels; pictures are decoded for at least this.
const MASTER: u32 = 1024;

/// A thumbnail is made from the master only when that is at least this many times its size: below, the second
/// convolution shows as softness (docs/performance.md).
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
    /// Its perceptual hash, from the same pixels.
    pub likeness: [u8; HASH_BYTES],
    /// Whether the file ends early and only what is there is shown.
    pub truncated: bool,
    /// Whether the file is damaged, and what can be read of it is shown.
    pub damaged: bool,
}

/// Upright thumbnails of an encoded picture, in the order of `specs`. One decode serves all that are at most [`MASTER`]
/// large; each larger size has a decode of its own where the decoder can scale.
///
/// # Errors
/// Those of decoding and encoding.
pub fn thumbnails(data: &[u8], specs: &[Spec], limits: &Limits) -> Result<Vec<Thumbnail>> {
    let mut by_want: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, spec) in specs.iter().enumerate() {
        by_want.entry(want(side(spec))).or_default().push(index);
    }
    if by_want.len() > 1 && !super::scales_while_decoding(data) {
        by_want = BTreeMap::from([(u32::MAX, (0..specs.len()).collect())]);
    }
    let mut made: Vec<(usize, Thumbnail)> = Vec::with_capacity(specs.len());
    for (side, indices) in by_want {
        let picture = super::decode_raster(data, Want::AtLeast(side), limits)?;
        let some: Vec<Spec> = indices.iter().map(|&index| specs[index].clone()).collect();
        made.extend(indices.into_iter().zip(render(&picture, &some)?));
    }
    made.sort_by_key(|(index, _)| *index);
    let mut made: Vec<Thumbnail> = made.into_iter().map(|(_, thumbnail)| thumbnail).collect();
    same_hashes(&mut made);
    Ok(made)
}

/// The longest side to decode for, for a thumbnail of `side`.
fn want(side: u32) -> u32 {
    side.max(MASTER)
}

/// All sizes of a picture carry the hashes of its smallest decode.
fn same_hashes(made: &mut [Thumbnail]) {
    let smallest = made
        .iter()
        .min_by_key(|thumbnail| thumbnail.width.max(thumbnail.height));
    let Some((thumbhash, likeness)) =
        smallest.map(|thumbnail| (thumbnail.thumbhash.clone(), thumbnail.likeness))
    else {
        return;
    };
    for thumbnail in made {
        thumbnail.thumbhash.clone_from(&thumbhash);
        thumbnail.likeness = likeness;
    }
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
    let picture = super::decode_raster(data, Want::AtLeast(MASTER), limits)?;
    hash(&Source::new(&picture))
}

/// The ThumbHash of pixels that are upright already.
///
/// # Errors
/// `oom`.
pub fn thumbhash_from_pixels(pixels: Pixels) -> Result<Vec<u8>> {
    let picture = Picture::unscaled(pixels, Orientation::UPRIGHT).into_raster();
    hash(&Source::new(&picture))
}

fn hash(source: &Source<'_>) -> Result<Vec<u8>> {
    Ok(hashing::encode(&*source.upright(hashing::MAX_SIDE)?))
}

/// The perceptual hash of pixels that are upright already, as [`thumbnails_from_pixels`] gives it.
///
/// # Errors
/// `oom`.
pub fn likeness_from_pixels(pixels: Pixels) -> Result<[u8; HASH_BYTES]> {
    let picture = Picture::unscaled(pixels, Orientation::UPRIGHT).into_raster();
    let small = Source::new(&picture);
    Ok(likeness::encode(&*small.upright(hashing::MAX_SIDE)?))
}

/// The longest side that can be asked of a WebP file.
fn side(spec: &Spec) -> u32 {
    spec.max_side.clamp(1, encode::MAX_SIDE)
}

fn render(picture: &Picture<Raster>, specs: &[Spec]) -> Result<Vec<Thumbnail>> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let source = Source::new(picture);
    let small = source.upright(hashing::MAX_SIDE)?;
    let (thumbhash, likeness) = (hashing::encode(&small), likeness::encode(&small));
    let render_one = |spec: &Spec| {
        let raster = source.upright(side(spec))?;
        Ok(Thumbnail {
            name: spec.name.clone(),
            width: raster.width(),
            height: raster.height(),
            data: encode::webp(&raster, spec.quality, spec.method)?,
            thumbhash: thumbhash.clone(),
            likeness,
            truncated: picture.truncated,
            damaged: picture.damage.is_some(),
        })
    };
    specs.iter().map(render_one).collect()
}

/// A decoded picture and its upright master, which is made when it is first needed.
struct Source<'picture> {
    picture: &'picture Picture<Raster>,
    master: OnceCell<Raster>,
}

impl<'picture> Source<'picture> {
    fn new(picture: &'picture Picture<Raster>) -> Self {
        Self {
            picture,
            master: OnceCell::new(),
        }
    }

    /// The picture upright with a longest side of at most `side`.
    fn upright(&self, side: u32) -> Result<Cow<'_, Raster>> {
        let (width, height) = self.picture.full_size;
        let size = resize::fit(width, height, side);
        let master = resize::fit(width, height, MASTER);
        if size == master {
            return self.master().map(Cow::Borrowed);
        }
        let longest = |size: (u32, u32)| f64::from(size.0.max(size.1));
        if longest(master) < CASCADE * longest(size) {
            return self.directly(size).map(Cow::Owned);
        }
        let master = self.master()?;
        let extent = (master.width().into(), master.height().into());
        let upright = self.picture.orientation.upright_size(size.0, size.1);
        resize::raster(master, extent, upright).map(Cow::Owned)
    }

    fn master(&self) -> Result<&Raster> {
        if let Some(made) = self.master.get() {
            return Ok(made);
        }
        let (width, height) = self.picture.full_size;
        let made = self.directly(resize::fit(width, height, MASTER))?;
        Ok(self.master.get_or_init(|| made))
    }

    /// The stored picture scaled to `size`, converted and turned upright.
    fn directly(&self, size: (u32, u32)) -> Result<Raster> {
        let picture = self.picture;
        let raster = match resize::raster(&picture.raster, picture.extent, size)? {
            Raster::Pixels(pixels) => {
                Raster::Pixels(colour::to_srgb(pixels, picture.profile.as_deref())?)
            }
            planes => planes,
        };
        orient::upright(raster, picture.orientation)
    }
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
    fn a_size_has_the_same_bytes_alone_and_among_others() {
        let mut pixels = Pixels::zeroed(3000, 2000, Layout::Rgb).expect("small");
        for (index, sample) in pixels.data.iter_mut().enumerate() {
            *sample = (index % 251) as u8 ^ (index / 9000) as u8;
        }
        let specs = [2048, 1024, 768, 512, 256, 128].map(|side| spec("a", side));
        let together = thumbnails_from_pixels(pixels.clone(), &specs).expect("encodes");
        for (one, among) in specs.iter().zip(&together) {
            let alone = thumbnails_from_pixels(pixels.clone(), std::slice::from_ref(one));
            assert!(alone.expect("encodes")[0] == *among, "{}", one.max_side);
        }
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
