//! Colour spaces by code points (ITU-T H.273), as AVIF names them, put into the words of an ICC profile.

use moxcms::{CicpColorPrimaries, CicpProfile, ColorProfile};
use moxcms::{MatrixCoefficients, TransferCharacteristics};

/// BT.709, which is sRGB's, and "unspecified".
const PRIMARIES_OF_SRGB: [u8; 2] = [1, 2];

/// sRGB and "unspecified"; and the camera curves of BT.709, BT.601 and BT.2020, which all viewers show as if they were
/// sRGB's.
const TRANSFERS_OF_SRGB: [u8; 6] = [13, 2, 1, 6, 14, 15];

/// An ICC profile, with the code points in its `cicp` tag; None for sRGB and for what is reserved.
pub fn profile(primaries: u8, transfer: u8) -> Option<Vec<u8>> {
    if PRIMARIES_OF_SRGB.contains(&primaries) && TRANSFERS_OF_SRGB.contains(&transfer) {
        return None;
    }
    let transfer = if TRANSFERS_OF_SRGB.contains(&transfer) {
        13
    } else {
        transfer
    };
    let made = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    made.red_trc.as_ref()?;
    made.encode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::colour;
    use crate::image::pixels::{Layout, Pixels};

    #[test]
    fn srgb_and_nonsense_need_no_profile() {
        assert_eq!(profile(1, 13), None);
        assert_eq!(profile(1, 1), None);
        assert_eq!(profile(2, 2), None);
        assert_eq!(profile(77, 13), None);
        assert_eq!(profile(9, 0), None);
    }

    #[test]
    fn display_p3_is_converted_as_its_profile_would_be() {
        let pixel = Pixels {
            width: 1,
            height: 1,
            layout: Layout::Rgb,
            data: vec![200, 100, 50],
        };
        let made = colour::to_srgb(pixel, profile(12, 13).as_deref()).expect("small");
        let expected = [215, 93, 31];
        assert!(
            made.data
                .iter()
                .zip(expected)
                .all(|(a, b)| a.abs_diff(b) <= 1),
            "{made:?}"
        );
    }
}
