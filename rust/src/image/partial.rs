//! Files that end early: what is there is shown, the rest is blank, and the picture is marked.
//!
//! The blank is mid-grey, as libjpeg leaves it, or transparent where the picture has alpha: neither looks like part of
//! a picture. Too little of it is no picture.

use super::pixels::{Layout, Pixels};
use crate::error::{CoreError, ErrorClass, Result};

/// A picture needs one row in this many to be shown.
const LEAST_SHARE: u32 = 20;

/// Mid-grey, the value of JPEG's zero coefficients.
const BLANK: u8 = 128;

/// Refuse a picture of which only `rows` of `height` rows are there, if that is too little.
///
/// # Errors
/// `corrupt`.
pub fn check_rows(rows: u32, height: u32) -> Result<()> {
    if rows == 0 || rows < height / LEAST_SHARE {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            format!("the file ends early: {rows} of {height} rows of the picture are there"),
        ));
    }
    Ok(())
}

/// The value of every sample of a blank pixel.
pub fn blank_of(has_alpha: bool) -> u8 {
    if has_alpha { 0 } else { BLANK }
}

/// Blank all rows from `rows` on.
pub fn blank_from(pixels: &mut Pixels, rows: u32) {
    let start = pixels.stride() * rows as usize;
    let Some(rest) = pixels.data.get_mut(start..) else {
        return;
    };
    match pixels.layout {
        // Half of the black ink alone: half of all four would be nearly black.
        Layout::Cmyk => {
            for ink in rest.as_chunks_mut().0 {
                *ink = [0, 0, 0, 255 - BLANK];
            }
        }
        layout => rest.fill(blank_of(layout == Layout::Rgba)),
    }
}

/// Rows down to the last one that a JPEG decoder did not leave blank. `samples` are as libjpeg gives them, in rows of
/// `stride` bytes.
pub fn rows_of_jpeg(samples: &[u8], stride: usize) -> u32 {
    let is_shown = |row: &[u8]| row.iter().any(|&sample| sample != BLANK);
    let mut rows = samples.chunks_exact(stride.max(1));
    rows.rposition(is_shown).map_or(0, |last| last as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_is_shown_and_a_sliver_is_not() {
        assert!(check_rows(50, 1000).is_ok());
        assert!(check_rows(1, 10).is_ok());
        for (rows, height) in [(49, 1000), (0, 10), (0, 1)] {
            let error = check_rows(rows, height).expect_err("too little");
            assert_eq!(error.class, ErrorClass::Corrupt);
        }
    }

    #[test]
    fn blank_rows_are_told_from_the_end() {
        let mut pixels = Pixels {
            width: 2,
            height: 4,
            layout: Layout::Gray,
            data: vec![128, 128, 1, 128, 9, 9, 9, 9],
        };
        blank_from(&mut pixels, 2);
        assert_eq!(pixels.data, [128, 128, 1, 128, 128, 128, 128, 128]);
        assert_eq!(rows_of_jpeg(&pixels.data, 2), 2);
    }
}
