//! GIF: the first frame, on its transparent canvas.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::memory::Limits;
use super::orient::Orientation;
use super::partial;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Size of the canvas, from the screen descriptor and the first frame.
///
/// # Errors
/// `corrupt`.
pub fn header(data: &[u8]) -> Result<Header> {
    let mut decoder = DecodeOptions::new().read_info(data).map_err(explain)?;
    let screen = (decoder.width(), decoder.height());
    let (width, height) = match decoder.next_frame_info() {
        Ok(Some(frame)) => canvas_size(screen, frame),
        _ => (screen.0.into(), screen.1.into()),
    };
    Ok(Header {
        format: Format::Gif,
        width,
        height,
        orientation: Orientation::UPRIGHT,
    })
}

/// The size of the screen, or, as browsers have it, of what the first frame needs: some writers make the screen too small.
fn canvas_size(screen: (u16, u16), frame: &gif::Frame<'_>) -> (u32, u32) {
    let side = |screen: u16, start: u16, length: u16| {
        u32::from(screen).max(u32::from(start) + u32::from(length))
    };
    (
        side(screen.0, frame.left, frame.width),
        side(screen.1, frame.top, frame.height),
    )
}

/// Decode the first frame and place it on the canvas.
///
/// # Errors
/// `corrupt`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    if let Some(bytes) = NonZeroU64::new(limits.max_bytes) {
        options.set_memory_limit(MemoryLimit::Bytes(bytes));
    }
    let mut decoder = options.read_info(data).map_err(explain)?;
    let screen = (decoder.width(), decoder.height());
    limits.check_size(screen.0.max(1).into(), screen.1.max(1).into())?;
    let info = decoder.next_frame_info().map_err(explain)?;
    let frame = info.ok_or_else(|| CoreError::new(ErrorClass::Corrupt, "a GIF without a frame"))?;
    limits.check_size(frame.width.into(), frame.height.into())?;
    let (width, height) = canvas_size(screen, frame);
    limits.check_size(width, height)?;
    let frame_height = u32::from(frame.height);
    let is_interlaced = frame.interlaced;
    let place = Place {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
    };
    let mut samples = super::memory::zeroed(decoder.buffer_size())?;
    let truncated = match decoder.read_into_buffer(&mut samples) {
        Ok(()) => false,
        Err(DecodingError::UnexpectedEof) => {
            if is_interlaced {
                fill_gaps(&mut samples, place.width);
            }
            partial::check_rows(opaque_rows(&samples, place.width), frame_height)?;
            true
        }
        Err(error) => return Err(explain(error)),
    };
    let canvas = if place.covers(width) && samples.len() == width as usize * height as usize * 4 {
        Pixels {
            width,
            height,
            layout: Layout::Rgba,
            data: samples,
        }
    } else {
        let mut canvas = Pixels::zeroed(width, height, Layout::Rgba)?;
        place.paste(&samples, &mut canvas);
        canvas
    };
    Ok(Picture::unscaled(canvas, Orientation::UPRIGHT).with_truncated(truncated))
}

/// Of an interlaced frame that ends early: let the rows that are there stand for those that are missing below them, up to
/// the next of the first pass.
fn fill_gaps(samples: &mut [u8], width: usize) {
    const PASS: usize = 8;
    let stride = (width * 4).max(4);
    for block in samples.chunks_mut(stride * PASS) {
        for start in (stride..block.len()).step_by(stride) {
            let (above, row) = block.split_at_mut(start);
            let row = &mut row[..stride];
            if row.chunks_exact(4).all(|pixel| pixel[3] == 0) {
                row.copy_from_slice(&above[start - stride..]);
            }
        }
    }
}

/// Rows of RGBA pixels down to the last one with something in it.
fn opaque_rows(samples: &[u8], width: usize) -> u32 {
    let is_shown = |row: &[u8]| row.chunks_exact(4).any(|pixel| pixel[3] > 0);
    let mut rows = samples.chunks_exact((width * 4).max(4));
    rows.rposition(is_shown).map_or(0, |last| last as u32 + 1)
}

/// Where a frame lies on the canvas, in pixels.
struct Place {
    left: usize,
    top: usize,
    width: usize,
}

impl Place {
    fn covers(&self, canvas_width: u32) -> bool {
        (self.left, self.top, self.width) == (0, 0, canvas_width as usize)
    }

    /// Copy the frame's RGBA rows onto the canvas; what lies outside is left out.
    fn paste(&self, frame: &[u8], canvas: &mut Pixels) {
        let stride = canvas.stride();
        let visible = self.width * 4;
        let visible = visible.min(stride.saturating_sub(self.left * 4));
        let rows = canvas.data.chunks_exact_mut(stride).skip(self.top);
        for (source, target) in frame.chunks_exact(self.width * 4).zip(rows) {
            if visible > 0 {
                target[self.left * 4..][..visible].copy_from_slice(&source[..visible]);
            }
        }
    }
}

fn explain(error: DecodingError) -> CoreError {
    match error {
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => {
            CoreError::new(ErrorClass::TooLarge, "the GIF needs too much memory")
        }
        DecodingError::UnexpectedEof => CoreError::new(ErrorClass::Corrupt, "the GIF ends early"),
        DecodingError::Io(error) => error.into(),
        error => CoreError::new(ErrorClass::Corrupt, format!("damaged GIF: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_for_those_that_are_missing_below_them() {
        let row = |value: u8| [value, value, value, 255];
        let mut samples = [row(1), [0; 4], row(2), [0; 4], [0; 4]].concat();
        samples.extend([[0; 4]; 3].concat());
        samples.extend([0; 8]);
        fill_gaps(&mut samples, 1);
        let expected = [[row(1); 2].concat(), [row(2); 6].concat(), vec![0; 8]].concat();
        assert_eq!(samples, expected);
        assert_eq!(opaque_rows(&samples, 1), 8);
    }

    #[test]
    fn frames_are_clipped_to_the_canvas() {
        let mut canvas = Pixels::zeroed(3, 2, Layout::Rgba).expect("small");
        let place = Place {
            left: 2,
            top: 1,
            width: 2,
        };
        place.paste(&[9; 16], &mut canvas);
        assert_eq!(canvas.data[..20], [0; 20]);
        assert_eq!(canvas.data[20..], [9; 4]);
        let outside = Place {
            left: 5,
            top: 0,
            width: 1,
        };
        outside.paste(&[7; 4], &mut canvas);
        assert_eq!(canvas.data[..20], [0; 20]);
    }
}
