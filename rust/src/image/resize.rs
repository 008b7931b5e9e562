//! Scaling down, with SIMD, by convolution.

use std::cell::RefCell;
use std::sync::LazyLock;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{Filter, FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::memory;
use super::pixels::{Layout, Pixels, Plane, Planes, Raster};
use crate::error::{CoreError, ErrorClass, Result};

/// Lobes of the Lanczos window on each side.
const LOBES: usize = 3;

/// Entries of the filter's table for each unit of distance. Interpolated linearly they are wrong by less than 1e-5,
/// while the weights made of them keep 14 bits.
const STEPS: usize = 256;

/// Lanczos with three lobes, for distances 0 to 3. From a table, because the sines of all weights of a picture take as
/// long as a tenth of its decoding (docs/performance.md).
static LANCZOS: LazyLock<[f64; LOBES * STEPS + 2]> =
    LazyLock::new(|| std::array::from_fn(|index| lanczos(index as f64 / STEPS as f64)));

/// sinc(x) * sinc(x / 3), and 0 from 3 on (Duchon, "Lanczos Filtering in One and Two Dimensions", 1979).
fn lanczos(distance: f64) -> f64 {
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    if distance < LOBES as f64 {
        sinc(distance) * sinc(distance / LOBES as f64)
    } else {
        0.0
    }
}

/// [`lanczos`] from its table.
fn tabled_lanczos(offset: f64) -> f64 {
    let place = offset.abs() * STEPS as f64;
    let index = place as usize;
    match LANCZOS.get(index..index + 2) {
        Some(&[left, right]) => left + (right - left) * (place - index as f64),
        _ => 0.0,
    }
}

/// Measured sharper than bicubic, at 5 % more time for the whole of a thumbnail (docs/performance.md).
static FILTER: LazyLock<ResizeAlg> = LazyLock::new(|| {
    let tabled = Filter::new("tabled Lanczos", tabled_lanczos, LOBES as f64);
    ResizeAlg::Convolution(tabled.map_or(FilterType::Lanczos3, FilterType::Custom))
});

/// Scratch memory a thread may keep from one picture to the next, in bytes.
const KEPT_SCRATCH: usize = 32 << 20;

thread_local! {
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// Width and height whose longest side is at most `max_side`: the other side rounded to the nearest pixel, at least
/// one. Never larger than the source.
pub fn fit(width: u32, height: u32, max_side: u32) -> (u32, u32) {
    let longest = width.max(height);
    let side = max_side.max(1);
    if longest <= side {
        return (width, height);
    }
    let scaled = |length: u32| {
        let doubled = 2 * u64::from(length) * u64::from(side) + u64::from(longest);
        (doubled / (2 * u64::from(longest))).max(1) as u32
    };
    (scaled(width), scaled(height))
}

/// `raster`, of which the picture covers `extent` pixels, scaled to `size`.
///
/// # Errors
/// `oom` when the memory for the result cannot be had.
pub fn raster(raster: &Raster, extent: (f64, f64), size: (u32, u32)) -> Result<Raster> {
    match raster {
        Raster::Pixels(source) => pixels(source, extent, size).map(Raster::Pixels),
        Raster::Planes(source) => planes(source, extent, size).map(Raster::Planes),
    }
}

/// Interleaved pixels scaled to `size`; colours are weighted by alpha.
///
/// # Errors
/// `oom` when the memory for the result cannot be had.
pub fn pixels(source: &Pixels, extent: (f64, f64), size: (u32, u32)) -> Result<Pixels> {
    let kind = match source.layout {
        Layout::Gray => PixelType::U8,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba => PixelType::U8x4,
    };
    let source_size = (source.width, source.height);
    Ok(Pixels {
        width: size.0,
        height: size.1,
        layout: source.layout,
        data: samples(&source.data, source_size, kind, extent, size)?,
    })
}

/// Luma scaled to `size`, chroma to half of it, rounded up: the sampling that WebP stores.
fn planes(source: &Planes, extent: (f64, f64), size: (u32, u32)) -> Result<Planes> {
    let half = (size.0.div_ceil(2), size.1.div_ceil(2));
    let chroma = |extent: f64, chroma: u32, luma: u32| {
        let covered = extent * f64::from(chroma) / f64::from(luma);
        // The last chroma sample of an odd side belongs to one luma sample only, but counts as one all the same.
        covered.ceil().min(chroma.into())
    };
    let chroma_extent = (
        chroma(extent.0, source.u.width, source.y.width),
        chroma(extent.1, source.u.height, source.y.height),
    );
    Ok(Planes {
        y: plane(&source.y, extent, size)?,
        u: plane(&source.u, chroma_extent, half)?,
        v: plane(&source.v, chroma_extent, half)?,
        range: source.range,
    })
}

fn plane(source: &Plane, extent: (f64, f64), size: (u32, u32)) -> Result<Plane> {
    let source_size = (source.width, source.height);
    Ok(Plane {
        width: size.0,
        height: size.1,
        data: samples(&source.data, source_size, PixelType::U8, extent, size)?,
    })
}

/// Scale interleaved samples of one type; a plain copy when nothing changes.
fn samples(
    data: &[u8],
    (width, height): (u32, u32),
    kind: PixelType,
    extent: (f64, f64),
    size: (u32, u32),
) -> Result<Vec<u8>> {
    if (width, height) == size {
        return Ok(data.to_vec());
    }
    let mut scaled = memory::zeroed(memory::area(size.0, size.1) * kind.size())?;
    let source = ImageRef::new(width, height, data, kind).map_err(|error| bug(&error))?;
    let mut target =
        Image::from_slice_u8(size.0, size.1, &mut scaled, kind).map_err(|error| bug(&error))?;
    let options = ResizeOptions::new()
        .resize_alg(*FILTER)
        .use_alpha(kind == PixelType::U8x4)
        .crop(0.0, 0.0, extent.0, extent.1);
    RESIZER.with_borrow_mut(|resizer| {
        let outcome = resizer.resize(&source, &mut target, &options);
        if resizer.size_of_internal_buffers() > KEPT_SCRATCH {
            resizer.reset_internal_buffers();
        }
        outcome.map_err(|error| bug(&error))
    })?;
    Ok(scaled)
}

/// Sizes and types are ours, so a refusal is a bug here.
fn bug(error: &impl std::fmt::Display) -> CoreError {
    CoreError::new(ErrorClass::Crash, format!("resizing: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_side_is_met_and_the_other_rounded() {
        assert_eq!(fit(4032, 3024, 1024), (1024, 768));
        assert_eq!(fit(3024, 4032, 512), (384, 512));
        assert_eq!(fit(1000, 333, 100), (100, 33));
        assert_eq!(fit(1000, 335, 100), (100, 34));
        assert_eq!(fit(20_000, 3, 1024), (1024, 1));
    }

    #[test]
    fn the_table_follows_the_formula() {
        for step in -40_000..40_000 {
            let offset = f64::from(step) / 10_000.0;
            let difference = tabled_lanczos(offset) - lanczos(offset.abs());
            assert!(difference.abs() < 1e-5, "{offset}: {difference}");
        }
    }

    #[test]
    fn nothing_is_ever_upscaled() {
        assert_eq!(fit(100, 50, 1024), (100, 50));
        assert_eq!(fit(1, 1, 0), (1, 1));
    }

    #[test]
    fn transparent_colours_do_not_bleed() {
        // Left half transparent green, right half opaque red: the scaled pixels hold red only.
        let row = [
            [0, 255, 0, 0],
            [0, 255, 0, 0],
            [255, 0, 0, 255],
            [255, 0, 0, 255],
        ];
        let source = Pixels {
            width: 4,
            height: 4,
            layout: Layout::Rgba,
            data: row.concat().repeat(4),
        };
        let scaled = pixels(&source, (4.0, 4.0), (2, 2)).expect("small");
        for pixel in scaled.data.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
            assert_eq!(pixel[..3], [255, 0, 0]);
        }
    }

    #[test]
    fn flat_planes_stay_flat() {
        let flat = |width, height, value| Plane {
            width,
            height,
            data: vec![value; (width * height) as usize],
        };
        let source = Raster::Planes(Planes {
            y: flat(41, 31, 77),
            u: flat(21, 16, 99),
            v: flat(21, 16, 111),
            range: crate::image::pixels::Range::Full,
        });
        let Raster::Planes(scaled) = raster(&source, (41.0, 31.0), (13, 9)).expect("small") else {
            panic!("planes stay planes")
        };
        assert_eq!(scaled.y, flat(13, 9, 77));
        assert_eq!(scaled.u, flat(7, 5, 99));
        assert_eq!(scaled.v, flat(7, 5, 111));
    }
}
