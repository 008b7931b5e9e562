//! Colour spaces by an exponent and primaries, as PNG's gAMA and cHRM chunks state them, put into the words of an ICC
//! profile.

use moxcms::{Chromaticity, ColorPrimaries, ColorProfile, ToneReprCurve};

/// x and y of white, red, green and blue.
pub type Primaries = [(f32, f32); 4];

/// sRGB's own.
const SRGB: Primaries = [(0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)];

/// A profile of an exponent (light = number ^ gamma) and primaries. `None` where they mean sRGB, whose curve those chunks
/// can only tell by the exponent 2.2, and for absurd exponents.
pub fn profile(gamma: f32, primaries: Option<Primaries>, is_grey: bool) -> Option<Vec<u8>> {
    if !(0.1..=10.0).contains(&gamma) {
        return None;
    }
    let is_srgb_gamma = (gamma - 2.2).abs() < 0.02;
    let near = |(one, other): (&(f32, f32), &(f32, f32))| {
        (one.0 - other.0).abs() < 0.002 && (one.1 - other.1).abs() < 0.002
    };
    let primaries = primaries.unwrap_or(SRGB);
    let are_srgb = is_grey || primaries.iter().zip(&SRGB).all(near);
    if is_srgb_gamma && are_srgb {
        return None;
    }
    if is_grey {
        return ColorProfile::new_gray_with_gamma(gamma).encode().ok();
    }
    let [white, red, green, blue] = primaries.map(|(x, y)| Chromaticity::new(x, y));
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    if !is_srgb_gamma {
        let curve = ToneReprCurve::Parametric(vec![gamma]);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
    }
    profile.encode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::pixels::{Layout, Pixels};
    use crate::image::{cicp, colour};

    fn srgb_of(profile: Option<&[u8]>, layout: Layout, numbers: &[u8]) -> Vec<u8> {
        let pixels = Pixels {
            width: 1,
            height: 1,
            layout,
            data: numbers.to_vec(),
        };
        colour::to_srgb(pixels, profile).expect("small").data
    }

    #[test]
    fn srgb_needs_no_profile() {
        assert_eq!(profile(2.2, None, false), None);
        assert_eq!(profile(2.2, Some(SRGB), false), None);
        assert_eq!(profile(2.2, None, true), None);
        assert_eq!(profile(0.0, None, false), None);
        assert_eq!(profile(f32::NAN, None, false), None);
    }

    #[test]
    fn gamma_and_primaries_are_honoured() {
        let linear = profile(1.0, None, false).expect("another curve");
        let made = srgb_of(Some(&linear), Layout::Rgb, &[55, 55, 55]);
        assert!(
            made.iter().all(|value| value.abs_diff(128) <= 1),
            "{made:?}"
        );
        let grey = profile(1.0, None, true).expect("another curve");
        assert!(srgb_of(Some(&grey), Layout::Gray, &[55])[0].abs_diff(128) <= 1);
        // Primaries of Adobe RGB, whose green is far outside sRGB: red and blue of a green are clipped to 0.
        let adobe = [(0.3127, 0.3290), (0.64, 0.33), (0.21, 0.71), (0.15, 0.06)];
        let wide = profile(2.2, Some(adobe), false).expect("other primaries");
        let made = srgb_of(Some(&wide), Layout::Rgb, &[0, 200, 0]);
        assert!(made[0] == 0 && made[1].abs_diff(200) <= 4, "{made:?}");
    }

    #[test]
    fn pq_is_mapped_and_not_merely_decoded() {
        let profile = cicp::profile(9, 16).expect("known");
        for layout in [Layout::Rgb, Layout::Gray] {
            let white = vec![148; layout.channels()];
            let made = srgb_of(Some(&profile), layout, &white);
            assert!(
                made.iter().all(|value| (215..=235).contains(value)),
                "{made:?}"
            );
        }
    }
}
