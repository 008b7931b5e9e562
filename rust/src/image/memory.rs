//! Allocation that fails with a typed error instead of aborting, and the limits that guard it.

use crate::error::{CoreError, ErrorClass, Result};

/// Most bytes that one decode may hold in pixel buffers of its own.
pub const DECODE_BUDGET: u64 = 1 << 30;

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// The widest or highest picture that is accepted, in pixels.
pub const MAX_DIMENSION: u32 = 1 << 20;

/// What a caller allows one picture to cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most pixels (width times height) that a header may announce.
    pub max_pixels: u64,
    /// Most bytes of decoded pixels.
    pub max_bytes: u64,
}

impl Limits {
    /// Limits with the given number of pixels and the default memory budget.
    pub const fn with_max_pixels(max_pixels: u64) -> Self {
        Self {
            max_pixels,
            max_bytes: DECODE_BUDGET,
        }
    }

    /// Check the size a header announces, before anything is allocated for it.
    ///
    /// # Errors
    /// `corrupt` for an empty picture, `too_large` above the limits.
    pub fn check_size(&self, width: u32, height: u32) -> Result<()> {
        if width == 0 || height == 0 {
            return Err(CoreError::new(
                ErrorClass::Corrupt,
                format!("the header announces an empty picture ({width} x {height} pixels)"),
            ));
        }
        let limit = if width > MAX_DIMENSION || height > MAX_DIMENSION {
            format!("{MAX_DIMENSION} pixels a side")
        } else if u64::from(width) * u64::from(height) > self.max_pixels {
            format!("{} pixels", self.max_pixels)
        } else {
            return Ok(());
        };
        Err(CoreError::new(
            ErrorClass::TooLarge,
            format!("the picture has {width} x {height} pixels, more than the limit of {limit}"),
        ))
    }

    /// Check the bytes a decoder is about to hold.
    ///
    /// # Errors
    /// `too_large` above the memory budget.
    pub fn check_bytes(&self, bytes: u64) -> Result<()> {
        if bytes > self.max_bytes {
            return Err(CoreError::new(
                ErrorClass::TooLarge,
                format!(
                    "decoding needs {} MiB, more than the budget of {} MiB",
                    bytes >> 20,
                    self.max_bytes >> 20
                ),
            ));
        }
        Ok(())
    }
}

/// Samples in a plane of this size. Sizes have passed [`Limits::check_size`], so the product fits.
pub fn area(width: u32, height: u32) -> usize {
    width as usize * height as usize
}

/// A vector of `len` zero bytes.
///
/// # Errors
/// `oom` when the allocator refuses.
pub fn zeroed(len: usize) -> Result<Vec<u8>> {
    // `vec![0; n]` asks the allocator for zeroed memory, which costs nothing for fresh pages, but aborts
    // on failure; a trial reservation turns a refusal into an error first.
    let mut probe: Vec<u8> = Vec::new();
    probe.try_reserve_exact(len).map_err(|_| {
        CoreError::new(
            ErrorClass::Oom,
            format!("no memory for {} MiB of pixels", len >> 20),
        )
    })?;
    drop(probe);
    Ok(vec![0; len])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_too_large_and_an_empty_picture_corrupt() {
        let limits = Limits::with_max_pixels(268_435_456);
        let class = |w, h| limits.check_size(w, h).err().map(|error| error.class);
        assert_eq!(class(50_000, 50_000), Some(ErrorClass::TooLarge));
        assert_eq!(class(u32::MAX, 1), Some(ErrorClass::TooLarge));
        assert_eq!(class(0, 10), Some(ErrorClass::Corrupt));
        assert_eq!(class(16_384, 16_384), None);
        let wide = limits
            .check_size(u32::MAX, 1)
            .expect_err("a line of pixels");
        assert!(wide.message.ends_with("pixels a side"), "{}", wide.message);
    }

    #[test]
    fn impossible_memory_is_an_error() {
        let error = zeroed(isize::MAX as usize).expect_err("more than the address space");
        assert_eq!(error.class, ErrorClass::Oom);
    }
}
