//! Camera raw files, by the JPEG previews that cameras put into them. Nothing is developed here.
//!
//! Each container lists its previews in directories of its own: `tree` walks TIFF directories (CR2, NEF, NRW, ARW, SR2,
//! DNG, PEF, SRW, and with other magic numbers RW2 and ORF), `notes` knows the makers' notes, `boxes` CR3, and RAF has a
//! fixed header. Bytes are never searched for a JPEG: what lies between directories may be anything.

mod boxes;
mod notes;
mod preview;
mod tree;

pub use tree::is_raw as is_raw_tiff;

use preview::Preview;

use super::jpeg;
use super::memory::Limits;
use super::orient::Orientation;
use super::pixels::{Pixels, Raster};
use super::tiff;
use super::{Format, Header, Picture, Want};
use crate::error::{CoreError, ErrorClass, Result};
use crate::sniff::sniff;

/// What the directories of a raw file lead to.
#[derive(Default)]
struct Contents<'data> {
    previews: Vec<Preview<'data>>,
    /// How to turn what was seen upright, as the file states it for all its pictures.
    orientation: Option<Orientation>,
    /// Small pictures that are not JPEG.
    others: Vec<tiff::Directory<'data>>,
}

/// Size and orientation of the largest preview.
///
/// # Errors
/// `unsupported` when there is none.
pub fn header(data: &[u8]) -> Result<Header> {
    let contents = contents(data);
    let (size, orientation) = match preview::choose(&contents.previews, Want::Full) {
        Some(preview) => (preview.size, preview.upright_by(&contents)),
        None => {
            let directory = other(&contents)?;
            let size = tiff::size(directory)?;
            (size, contents.orientation.unwrap_or(Orientation::UPRIGHT))
        }
    };
    Ok(Header {
        format: Format::Raw,
        width: size.0,
        height: size.1,
        orientation,
    })
}

/// Decode the smallest preview that is large enough, else the largest.
///
/// # Errors
/// `unsupported` when there is none, and what decoding a JPEG or TIFF gives.
pub fn decode(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Pixels>> {
    let contents = contents(data);
    match preview::choose(&contents.previews, want) {
        Some(preview) => {
            let picture = jpeg::decode(preview.data, want, limits)?;
            Ok(turned(picture, preview.upright_by(&contents)))
        }
        None => {
            let picture = tiff::decode_directory(other(&contents)?, limits)?;
            Ok(turned(
                picture,
                contents.orientation.unwrap_or(Orientation::UPRIGHT),
            ))
        }
    }
}

/// Decode as [`decode`], in the form that thumbnails are cheapest made of.
///
/// # Errors
/// As [`decode`].
pub fn decode_raster(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Raster>> {
    let contents = contents(data);
    match preview::choose(&contents.previews, want) {
        Some(preview) => {
            let picture = jpeg::decode_raster(preview.data, want, limits)?;
            Ok(turned(picture, preview.upright_by(&contents)))
        }
        None => decode(data, want, limits).map(Picture::into_raster),
    }
}

fn turned<T>(picture: Picture<T>, orientation: Orientation) -> Picture<T> {
    Picture {
        orientation,
        ..picture
    }
}

impl Preview<'_> {
    /// Its own word counts first: a camera that turns the preview says so in it.
    fn upright_by(&self, contents: &Contents<'_>) -> Orientation {
        self.orientation
            .or(contents.orientation)
            .unwrap_or(Orientation::UPRIGHT)
    }
}

/// The largest picture that is not JPEG, for files that have no other.
fn other<'a, 'data>(contents: &'a Contents<'data>) -> Result<&'a tiff::Directory<'data>> {
    let area = |directory: &&tiff::Directory<'_>| {
        tiff::size(directory).map_or(0, |(width, height)| u64::from(width) * u64::from(height))
    };
    contents.others.iter().max_by_key(area).ok_or_else(|| {
        CoreError::new(
            ErrorClass::Unsupported,
            "a camera raw file without a preview: to develop it, run pip install 'pillion[raw]'",
        )
    })
}

fn contents(data: &[u8]) -> Contents<'_> {
    match sniff(data, b"") {
        "image/x-fuji-raf" => fuji(data),
        "image/x-canon-cr3" => boxes::contents(data),
        _ => tree::contents(data),
    }
}

/// Where a RAF file says where its JPEG is: offset and length, big-endian.
const RAF_PREVIEW: usize = 84;

fn fuji(data: &[u8]) -> Contents<'_> {
    let number = |at: usize| {
        let bytes = data.get(at..at + 4)?;
        usize::try_from(tiff::Endian::Big.number(bytes)).ok()
    };
    let part = || {
        let start = number(RAF_PREVIEW)?;
        data.get(start..start.checked_add(number(RAF_PREVIEW + 4)?)?)
    };
    Contents {
        previews: part().and_then(Preview::new).into_iter().collect(),
        ..Contents::default()
    }
}

#[cfg(test)]
mod tests;
