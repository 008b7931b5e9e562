//! A gray picture to be looked at, and made smaller by whole numbers.

/// Eight-bit gray, row after row without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Gray<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub data: &'a [u8],
}

impl<'a> Gray<'a> {
    /// `None` unless `data` has exactly the size.
    pub fn new(width: usize, height: usize, data: &'a [u8]) -> Option<Self> {
        let fits = width > 0 && height > 0 && width.checked_mul(height) == Some(data.len());
        fits.then_some(Self {
            width,
            height,
            data,
        })
    }

    /// One row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.data[y * self.width..][..self.width]
    }
}

/// A gray picture of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayBuf {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub data: Vec<u8>,
}

impl GrayBuf {
    /// To be looked at.
    pub fn as_gray(&self) -> Gray<'_> {
        Gray {
            width: self.width,
            height: self.height,
            data: &self.data,
        }
    }
}

/// Each pixel the mean of `factor` x `factor` of the picture; what is left over at the right and below is dropped, but
/// never all of it.
pub fn reduced(gray: Gray<'_>, factor: usize) -> GrayBuf {
    let factor = factor.clamp(1, gray.width.min(gray.height));
    let (width, height) = (gray.width / factor, gray.height / factor);
    let mut data = Vec::with_capacity(width * height);
    let mut sums = vec![0_u32; width];
    let area = (factor * factor) as u32;
    for y in 0..height {
        sums.fill(0);
        for row in y * factor..(y + 1) * factor {
            for (sum, pixels) in sums.iter_mut().zip(gray.row(row).chunks_exact(factor)) {
                *sum += pixels.iter().map(|&value| u32::from(value)).sum::<u32>();
            }
        }
        data.extend(sums.iter().map(|&sum| ((sum + area / 2) / area) as u8));
    }
    GrayBuf {
        width,
        height,
        data,
    }
}
