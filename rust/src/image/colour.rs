//! Colour management: from a picture's ICC profile to sRGB, by moxcms.
//!
//! Conversion comes after scaling, when few pixels are left. A profile that is damaged, or not of the picture's
//! colour model, is left aside, as browsers do: the numbers then count as sRGB, as grey of sRGB's curve, or as inks
//! that multiply. Profiles of HDR spaces are told by their code points and tone-mapped (`hdr`). Samples of 16 bits are
//! converted before they are rounded to 8: linear and HDR numbers have too few of those in the dark.

use std::sync::{Arc, Mutex, PoisonError};

use moxcms::{ColorProfile, DataColorSpace, Layout as CmsLayout};
use moxcms::{RenderingIntent, TransformOptions};
use moxcms::{Transform8BitExecutor, Transform16BitExecutor};

use super::hdr::ToneMap;
use super::memory;
use super::pixels::{Layout, Pixels};
use crate::error::{CoreError, ErrorClass, Result};
use crate::guard;

/// Conversions kept for the next picture with the same profile: cameras of a library are few.
const KEPT: usize = 16;

/// Differences from sRGB up to this many steps of 255 are rounding, not another colour space.
const ROUNDING: u8 = 2;

/// What a profile asks for.
enum Conversion {
    /// Nothing: it is sRGB in other words, or cannot be used.
    None,
    /// Other values for grey.
    Curve(Box<[u8; 256]>),
    /// RGB or RGBA to the same of sRGB, CMYK to RGB.
    Colours(Arc<Transform8BitExecutor>),
    /// HDR RGB or RGBA to the same of sRGB.
    Tones(Box<ToneMap>),
}

type Key = ([u8; 32], Layout);

static CACHE: Mutex<Vec<(Key, Arc<Conversion>)>> = Mutex::new(Vec::new());

/// Whether samples of `layout` would change on their way to sRGB.
pub fn needs_conversion(profile: Option<&[u8]>, layout: Layout) -> bool {
    layout == Layout::Cmyk || !matches!(*conversion(profile, layout), Conversion::None)
}

/// The same picture in sRGB: grey, RGB or RGBA.
///
/// # Errors
/// `oom` when the memory for the result cannot be had.
pub fn to_srgb(pixels: Pixels, profile: Option<&[u8]>) -> Result<Pixels> {
    match &*conversion(profile, pixels.layout) {
        Conversion::None if pixels.layout == Layout::Cmyk => rgb_from_inks(&pixels),
        Conversion::None => Ok(pixels),
        Conversion::Curve(curve) => {
            let mut pixels = pixels;
            for value in &mut pixels.data {
                *value = curve[usize::from(*value)];
            }
            Ok(pixels)
        }
        Conversion::Colours(transform) => converted(&pixels, transform.as_ref()),
        Conversion::Tones(map) => {
            let mut pixels = pixels;
            for pixel in pixels.data.chunks_exact_mut(pixels.layout.channels()) {
                let codes = [0, 1, 2].map(|index| f32::from(pixel[index]) / 255.0);
                pixel[..3].copy_from_slice(&map.pixel(codes));
            }
            Ok(pixels)
        }
    }
}

/// The profile with sRGB's curve in place of its own, for samples of linear light that were coded with that curve.
/// `None` for a profile that is not made of three primaries and curves.
pub fn with_srgb_curve(profile: &[u8]) -> Option<Vec<u8>> {
    let made = guard::catch(|| {
        let profile = ColorProfile::new_from_slice(profile).ok();
        let plain = profile.filter(|profile| {
            profile.color_space == DataColorSpace::Rgb && profile.lut_a_to_b_perceptual.is_none()
        });
        Ok(plain.and_then(|mut profile| {
            let srgb = ColorProfile::new_srgb();
            profile.red_trc = srgb.red_trc;
            profile.green_trc = srgb.green_trc;
            profile.blue_trc = srgb.blue_trc;
            profile.cicp = None;
            profile.encode().ok()
        }))
    });
    made.ok().flatten()
}

/// The way from 16-bit samples of another colour space to 8 bits of sRGB.
pub struct Deep {
    channels: usize,
    conversion: Arc<Conversion>,
    transform: Option<Arc<Transform16BitExecutor>>,
}

impl Deep {
    /// The conversion of grey, RGB or RGBA; `None` where 16 bits can be rounded at once, for nothing else changes.
    pub fn new(profile: Option<&[u8]>, layout: Layout) -> Option<Self> {
        let conversion = conversion(profile, layout);
        let transform = match &*conversion {
            Conversion::None => return None,
            Conversion::Tones(_) => None,
            Conversion::Curve(_) | Conversion::Colours(_) => {
                Some(deep_transform(profile?, layout)?)
            }
        };
        Some(Self {
            channels: layout.channels(),
            conversion,
            transform,
        })
    }

    /// Convert whole pixels; both slices hold as many samples.
    pub fn convert(&self, source: &[u16], target: &mut [u8]) {
        let mut converted = source.to_vec();
        if let Some(transform) = &self.transform {
            // It fails for lengths that differ, and these do not.
            let _ = transform.transform(source, &mut converted);
        }
        if let Conversion::Tones(map) = &*self.conversion {
            for pixel in converted.chunks_exact_mut(self.channels) {
                let (colour, _) = pixel.split_at_mut(3.min(self.channels));
                if let &mut [red, green, blue] = colour {
                    let codes = [red, green, blue].map(|code| f32::from(code) / 65_535.0);
                    colour.copy_from_slice(&map.pixel(codes).map(|value| u16::from(value) * 257));
                }
            }
        }
        for (to, from) in target.iter_mut().zip(converted) {
            *to = byte(from);
        }
    }
}

/// 16 bits to the nearest 8.
fn byte(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_767) / 65_535) as u8
}

fn deep_transform(profile: &[u8], layout: Layout) -> Option<Arc<Transform16BitExecutor>> {
    let layout = match layout {
        Layout::Gray => CmsLayout::Gray,
        Layout::Rgb => CmsLayout::Rgb,
        Layout::Rgba => CmsLayout::Rgba,
        Layout::Cmyk => return None,
    };
    let made = guard::catch(|| {
        let profile = ColorProfile::new_from_slice(profile).ok();
        let srgb = match layout {
            CmsLayout::Gray => grey_of_srgb(),
            _ => ColorProfile::new_srgb(),
        };
        // HDR grey is a curve of its own, which this transform does not know.
        let profile = profile.filter(|profile| ToneMap::new(profile).is_none());
        Ok(profile.and_then(|profile| {
            profile
                .create_transform_16bit(layout, &srgb, layout, options())
                .ok()
        }))
    });
    made.ok().flatten()
}

/// Grey of sRGB's curve.
fn grey_of_srgb() -> ColorProfile {
    let srgb = ColorProfile::new_srgb();
    let mut grey = ColorProfile::new_gray_with_gamma(1.0);
    grey.gray_trc = srgb.green_trc;
    grey
}

fn converted(pixels: &Pixels, transform: &Transform8BitExecutor) -> Result<Pixels> {
    let layout = match pixels.layout {
        Layout::Cmyk => Layout::Rgb,
        other => other,
    };
    let size = memory::area(pixels.width, pixels.height) * layout.channels();
    let mut data = memory::zeroed(size)?;
    transform
        .transform(&pixels.data, &mut data)
        .map_err(|error| CoreError::new(ErrorClass::Crash, format!("colours: {error}")))?;
    Ok(Pixels {
        width: pixels.width,
        height: pixels.height,
        layout,
        data,
    })
}

/// Inks without a profile multiply: R = 255 * (1 - C) * (1 - K).
fn rgb_from_inks(pixels: &Pixels) -> Result<Pixels> {
    let mut data = memory::zeroed(memory::area(pixels.width, pixels.height) * 3)?;
    for (ink, rgb) in pixels.data.chunks_exact(4).zip(data.chunks_exact_mut(3)) {
        let light = 255 - u32::from(ink[3]);
        for (value, &ink) in rgb.iter_mut().zip(ink) {
            *value = (((255 - u32::from(ink)) * light + 127) / 255) as u8;
        }
    }
    Ok(Pixels {
        width: pixels.width,
        height: pixels.height,
        layout: Layout::Rgb,
        data,
    })
}

/// The conversion for a profile, from the cache or made and kept there.
fn conversion(profile: Option<&[u8]>, layout: Layout) -> Arc<Conversion> {
    let Some(profile) = profile else {
        return Arc::new(Conversion::None);
    };
    let key = (*blake3::hash(profile).as_bytes(), layout);
    if let Some(known) = recall(&key) {
        return known;
    }
    // The parser meets arbitrary bytes: should it panic, the profile counts as damaged.
    let made = guard::catch(|| Ok(make(profile, layout)));
    let made = Arc::new(made.ok().flatten().unwrap_or(Conversion::None));
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= KEPT {
        cache.remove(0);
    }
    cache.push((key, Arc::clone(&made)));
    made
}

fn recall(key: &Key) -> Option<Arc<Conversion>> {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = cache.iter().position(|(known, _)| known == key)?;
    let entry = cache.remove(place);
    let conversion = Arc::clone(&entry.1);
    cache.push(entry);
    Some(conversion)
}

fn make(profile: &[u8], layout: Layout) -> Option<Conversion> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if let Some(map) = ToneMap::new(&profile) {
        return match layout {
            Layout::Gray => {
                let grey = |value: u8| map.pixel([f32::from(value) / 255.0; 3])[1];
                Some(Conversion::Curve(Box::new(std::array::from_fn(|value| {
                    grey(value as u8)
                }))))
            }
            Layout::Rgb | Layout::Rgba => Some(Conversion::Tones(Box::new(map))),
            Layout::Cmyk => None,
        };
    }
    match (layout, profile.color_space) {
        (Layout::Gray, DataColorSpace::Gray) => grey_curve(&profile, CmsLayout::Gray),
        (Layout::Gray, DataColorSpace::Rgb) => grey_curve(&profile, CmsLayout::Rgb),
        (Layout::Rgb, DataColorSpace::Rgb) => colours(&profile, CmsLayout::Rgb),
        (Layout::Rgba, DataColorSpace::Rgb) => colours(&profile, CmsLayout::Rgba),
        (Layout::Cmyk, DataColorSpace::Cmyk) => {
            transform(&profile, CmsLayout::Rgba, CmsLayout::Rgb).map(Conversion::Colours)
        }
        _ => None,
    }
}

fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::Perceptual,
        prefer_fixed_point: false,
        ..TransformOptions::default()
    }
}

fn transform(
    profile: &ColorProfile,
    from: CmsLayout,
    to: CmsLayout,
) -> Option<Arc<Transform8BitExecutor>> {
    let srgb = ColorProfile::new_srgb();
    profile
        .create_transform_8bit(from, &srgb, to, options())
        .ok()
}

/// What becomes of each grey.
fn grey_curve(profile: &ColorProfile, from: CmsLayout) -> Option<Conversion> {
    let source: Vec<u8> = match from {
        CmsLayout::Gray => (0..=255).collect(),
        _ => (0..=255).flat_map(|grey| [grey; 3]).collect(),
    };
    let mut target = [0; 256 * 3];
    transform(profile, from, CmsLayout::Rgb)?
        .transform(&source, &mut target)
        .ok()?;
    let curve: [u8; 256] = std::array::from_fn(|grey| target[grey * 3 + 1]);
    let is_identity = (0..=255u8)
        .zip(curve)
        .all(|(grey, value)| grey.abs_diff(value) <= ROUNDING);
    Some(if is_identity {
        Conversion::None
    } else {
        Conversion::Curve(Box::new(curve))
    })
}

fn colours(profile: &ColorProfile, layout: CmsLayout) -> Option<Conversion> {
    if is_srgb(profile)? {
        return Some(Conversion::None);
    }
    transform(profile, layout, layout).map(Conversion::Colours)
}

/// Whether colours all over the cube keep their numbers.
fn is_srgb(profile: &ColorProfile) -> Option<bool> {
    const STEPS: [u8; 9] = [0, 16, 48, 96, 128, 160, 192, 224, 255];
    let mut source = Vec::with_capacity(STEPS.len().pow(3) * 3);
    for red in STEPS {
        for green in STEPS {
            source.extend(STEPS.iter().flat_map(|&blue| [red, green, blue]));
        }
    }
    let mut target = vec![0; source.len()];
    transform(profile, CmsLayout::Rgb, CmsLayout::Rgb)?
        .transform(&source, &mut target)
        .ok()?;
    let mut pairs = source.iter().zip(&target);
    Some(pairs.all(|(&from, &to)| from.abs_diff(to) <= ROUNDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(profile: &ColorProfile) -> Vec<u8> {
        profile.encode().expect("a profile of the library itself")
    }

    fn pixel(layout: Layout, data: &[u8]) -> Pixels {
        Pixels {
            width: 1,
            height: 1,
            layout,
            data: data.to_vec(),
        }
    }

    #[test]
    fn srgb_in_other_words_is_left_alone() {
        let profile = encoded(&ColorProfile::new_srgb());
        assert!(!needs_conversion(Some(&profile), Layout::Rgb));
        assert!(!needs_conversion(Some(&profile), Layout::Rgba));
        assert!(!needs_conversion(None, Layout::Rgb));
        assert!(needs_conversion(None, Layout::Cmyk));
    }

    #[test]
    fn display_p3_is_converted() {
        let profile = encoded(&ColorProfile::new_display_p3());
        assert!(needs_conversion(Some(&profile), Layout::Rgb));
        // P3 (200, 100, 50) is sRGB (214.9, 92.6, 30.9), by the matrices of SMPTE EG 432-1 and IEC 61966-2-1.
        let made = to_srgb(pixel(Layout::Rgba, &[200, 100, 50, 77]), Some(&profile));
        let made = made.expect("small").data;
        let expected = [215, 93, 31, 77];
        assert!(
            made.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1),
            "{made:?}"
        );
    }

    #[test]
    fn grey_of_another_gamma_is_converted() {
        let profile = encoded(&ColorProfile::new_gray_with_gamma(1.0));
        let made = to_srgb(pixel(Layout::Gray, &[55]), Some(&profile)).expect("small");
        assert!(made.data[0].abs_diff(128) <= 1, "{made:?}");
    }

    #[test]
    fn damaged_and_foreign_profiles_are_left_aside() {
        let p3 = encoded(&ColorProfile::new_display_p3());
        assert!(!needs_conversion(Some(&p3[..100]), Layout::Rgb));
        assert!(!needs_conversion(Some(b"nonsense"), Layout::Rgb));
        let inks = pixel(Layout::Cmyk, &[255, 0, 0, 0]);
        let made = to_srgb(inks, Some(&p3)).expect("small");
        assert_eq!(made, pixel(Layout::Rgb, &[0, 255, 255]));
    }
}
