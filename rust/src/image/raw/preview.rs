//! One JPEG inside a raw file, and which of several to take.

use crate::image::Want;
use crate::image::jpeg;
use crate::image::orient::Orientation;
use crate::sniff::sniff;

/// Sides in proportions that differ by more than this are those of a thumbnail with black bars.
const SAME_SHAPE: f64 = 0.02;

/// A JPEG that shows the whole picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview<'data> {
    /// From its first marker; what follows its last may belong to something else.
    pub data: &'data [u8],
    /// Stored width and height in pixels.
    pub size: (u32, u32),
    /// The orientation stated in it, or else by the directory that led to it.
    pub orientation: Option<Orientation>,
}

impl<'data> Preview<'data> {
    /// A preview, if these bytes are a JPEG that viewers show: 8 bits, grey or colour. Raw samples are often JPEG of the
    /// lossless sort.
    pub fn new(data: &'data [u8]) -> Option<Self> {
        if sniff(data, b"") != "image/jpeg" {
            return None;
        }
        let (marker, frame) = jpeg::segments(data).find(|(marker, _)| is_frame_header(*marker))?;
        let [8, high, low, wide, narrow, 1 | 3, ..] = *frame else {
            return None;
        };
        let height = u32::from(u16::from_be_bytes([high, low]));
        let width = u32::from(u16::from_be_bytes([wide, narrow]));
        let is_shown = matches!(marker, 0xc0..=0xc2) && width > 0 && height > 0;
        is_shown.then(|| Self {
            data,
            size: (width, height),
            orientation: jpeg::stated_orientation(data),
        })
    }

    /// The same where the preview says nothing about its orientation and its directory does.
    pub fn or_turned(self, orientation: Option<Orientation>) -> Self {
        Self {
            orientation: self.orientation.or(orientation),
            ..self
        }
    }

    fn area(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// The long side over the short one.
    fn shape(&self) -> f64 {
        let (width, height) = self.size;
        f64::from(width.max(height)) / f64::from(width.min(height))
    }
}

/// SOF0 to SOF15 without DHT, JPG and DAC, which lie between them (T.81, table B.1).
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// The smallest preview whose longest side is at least what is wanted, else the largest.
pub fn choose<'a, 'data>(previews: &'a [Preview<'data>], want: Want) -> Option<&'a Preview<'data>> {
    let largest = previews.iter().max_by_key(|preview| preview.area())?;
    let Want::AtLeast(side) = want else {
        return Some(largest);
    };
    let is_enough = |preview: &&Preview<'_>| {
        let is_whole = (preview.shape() / largest.shape() - 1.0).abs() <= SAME_SHAPE;
        is_whole && preview.size.0.max(preview.size.1) >= side
    };
    let enough = previews.iter().filter(is_enough);
    enough
        .min_by_key(|preview| preview.area())
        .or(Some(largest))
}
