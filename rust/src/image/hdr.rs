//! High dynamic range to what an sRGB screen shows.
//!
//! Code values become light by SMPTE ST 2084 (PQ) or ARIB STD-B67 (HLG, with the system gamma of ITU-R BT.2100 for a
//! screen of 1000 cd/m²). The brightest of a pixel's channels is then brought from 0..1000 cd/m² to 0..203, the white of
//! ITU-R BT.2408, along the curve of ITU-R BT.2390 (section 5.4.1: straight up to a knee, a Hermite spline above it), and
//! the others by the same factor, so that hues stay. What lies outside sRGB's primaries is clipped.

use moxcms::{ColorProfile, TransferCharacteristics};

/// Brightest light that is told apart, in cd/m²: what most pictures are graded for.
const PEAK: f32 = 1000.0;

/// What becomes white, in cd/m².
const WHITE: f32 = 203.0;

/// HLG's system gamma at [`PEAK`].
const SYSTEM_GAMMA: f32 = 1.2;

/// Share of red, green and blue in the luminance of BT.2020.
const LUMINANCE: [f32; 3] = [0.2627, 0.6780, 0.0593];

/// Entries of the tables less one.
const STEPS: usize = 4095;

/// The conversion of one colour space.
pub struct ToneMap {
    /// Code value to light: cd/m² for PQ, relative light of the scene for HLG.
    light: Vec<f32>,
    is_hlg: bool,
    /// What the channels are multiplied with, by the square root of the brightest.
    gain: Vec<f32>,
    /// Linear light to linear sRGB.
    primaries: [[f32; 3]; 3],
    /// sRGB numbers, by the square root of the linear light.
    coded: Vec<u8>,
}

impl ToneMap {
    /// The conversion of a profile's primaries and the transfer its code points name; `None` if that is not HDR.
    pub fn new(profile: &ColorProfile) -> Option<Self> {
        let transfer = profile.cicp?.transfer_characteristics;
        let to_light = match transfer {
            TransferCharacteristics::Smpte2084 => pq_to_light,
            TransferCharacteristics::Hlg => hlg_to_light,
            _ => return None,
        };
        let table = |value: &dyn Fn(f32) -> f32| -> Vec<f32> {
            (0..=STEPS)
                .map(|step| value(step as f32 / STEPS as f32))
                .collect()
        };
        let matrix = profile.transform_matrix(&ColorProfile::new_srgb()).v;
        Some(Self {
            light: table(&to_light),
            is_hlg: transfer == TransferCharacteristics::Hlg,
            gain: table(&|root| gain(root * root * PEAK)),
            primaries: matrix.map(|row| row.map(|factor| factor as f32)),
            coded: table(&|root| srgb_of_light(root * root) * 255.0 + 0.5)
                .into_iter()
                .map(|value| value as u8)
                .collect(),
        })
    }

    /// sRGB numbers of a pixel's code values (0 to 1).
    pub fn pixel(&self, codes: [f32; 3]) -> [u8; 3] {
        let light = self.shown(codes.map(|code| self.light[step(code)]));
        let brightest = light.into_iter().fold(0.0, f32::max);
        let gain = self.gain[step((brightest / PEAK).sqrt())] / WHITE;
        let light = light.map(|channel| channel * gain);
        self.primaries.map(|row| {
            let channel = row[0] * light[0] + row[1] * light[1] + row[2] * light[2];
            self.coded[step(channel.max(0.0).sqrt())]
        })
    }

    /// Light of the screen, in cd/m².
    fn shown(&self, light: [f32; 3]) -> [f32; 3] {
        if !self.is_hlg {
            return light.map(|channel| channel.min(PEAK));
        }
        let luminance: f32 = light
            .iter()
            .zip(LUMINANCE)
            .map(|(channel, share)| channel * share)
            .sum();
        let factor = PEAK * luminance.powf(SYSTEM_GAMMA - 1.0);
        light.map(|channel| (channel * factor).min(PEAK))
    }
}

/// The entry of a table for 0 to 1.
fn step(value: f32) -> usize {
    (value.clamp(0.0, 1.0) * STEPS as f32 + 0.5) as usize
}

/// The constants of ST 2084.
mod pq {
    pub const M1: f32 = 2610.0 / 16_384.0;
    pub const M2: f32 = 2523.0 / 4096.0 * 128.0;
    pub const C1: f32 = 3424.0 / 4096.0;
    pub const C2: f32 = 2413.0 / 4096.0 * 32.0;
    pub const C3: f32 = 2392.0 / 4096.0 * 32.0;
    pub const MOST: f32 = 10_000.0;
}

/// cd/m² of a PQ code value.
fn pq_to_light(code: f32) -> f32 {
    let root = code.powf(1.0 / pq::M2);
    let ratio = (root - pq::C1).max(0.0) / (pq::C2 - pq::C3 * root);
    pq::MOST * ratio.powf(1.0 / pq::M1)
}

/// The PQ code value of cd/m².
fn light_to_pq(light: f32) -> f32 {
    let power = (light / pq::MOST).powf(pq::M1);
    ((pq::C1 + pq::C2 * power) / (1.0 + pq::C3 * power)).powf(pq::M2)
}

/// Relative light of the scene of an HLG code value.
fn hlg_to_light(code: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_7;
    if code <= 0.5 {
        code * code / 3.0
    } else {
        (((code - C) / A).exp() + B) / 12.0
    }
}

/// What light of this many cd/m² is multiplied with, so that [`PEAK`] becomes [`WHITE`].
fn gain(light: f32) -> f32 {
    let peak = light_to_pq(PEAK);
    let target = light_to_pq(WHITE) / peak;
    let knee = 1.5 * target - 0.5;
    let value = light_to_pq(light) / peak;
    if value <= knee || light <= 0.0 {
        return 1.0;
    }
    let t = (value - knee) / (1.0 - knee);
    let (square, cube) = (t * t, t * t * t);
    let bent = (2.0 * cube - 3.0 * square + 1.0) * knee
        + (cube - 2.0 * square + t) * (1.0 - knee)
        + (3.0 * square - 2.0 * cube) * target;
    pq_to_light(bent * peak) / light
}

/// The sRGB value (0 to 1) of linear light (IEC 61966-2-1).
fn srgb_of_light(light: f32) -> f32 {
    if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(profile: &ColorProfile) -> ToneMap {
        ToneMap::new(profile).expect("HDR")
    }

    #[test]
    fn pq_goes_there_and_back() {
        for light in [0.1, 1.0, 100.0, 203.0, 1000.0, 10_000.0] {
            let there = light_to_pq(light);
            assert!((pq_to_light(there) / light - 1.0).abs() < 1e-3, "{light}");
        }
        // The values of BT.2408, table 1: 203 cd/m² are 58 % PQ.
        assert!((light_to_pq(203.0) - 0.5807).abs() < 1e-3);
    }

    #[test]
    fn white_is_bright_but_not_the_brightest() {
        let map = map(&ColorProfile::new_bt2020_pq());
        let grey = |light: f32| map.pixel([light_to_pq(light); 3])[1];
        assert_eq!(grey(0.0), 0);
        assert!((215..=235).contains(&grey(203.0)), "{}", grey(203.0));
        assert_eq!(grey(1000.0), 255);
        assert_eq!(grey(10_000.0), 255);
        // Below the knee nothing changes but the white: 50 cd/m² of 203 are sRGB 136.
        assert!(grey(50.0).abs_diff(136) <= 1, "{}", grey(50.0));
    }

    #[test]
    fn brighter_is_never_darker_and_grey_stays_grey() {
        for profile in [
            ColorProfile::new_bt2020_pq(),
            ColorProfile::new_bt2020_hlg(),
        ] {
            let map = map(&profile);
            let mut last = 0;
            for step in 0..=1000 {
                let [red, green, blue] = map.pixel([step as f32 / 1000.0; 3]);
                assert!(green >= last, "{step}");
                assert!(
                    red.abs_diff(green) <= 1 && blue.abs_diff(green) <= 1,
                    "{step}"
                );
                last = green;
            }
            assert_eq!(last, 255);
        }
    }

    #[test]
    fn both_systems_agree_on_white() {
        // BT.2408: diffuse white is 75 % HLG and 58 % PQ.
        let pq = map(&ColorProfile::new_bt2020_pq()).pixel([0.5807; 3])[1];
        let hlg = map(&ColorProfile::new_bt2020_hlg()).pixel([0.75; 3])[1];
        assert!(pq.abs_diff(hlg) <= 2, "{pq} {hlg}");
    }

    #[test]
    fn other_profiles_are_not_hdr() {
        assert!(ToneMap::new(&ColorProfile::new_display_p3()).is_none());
    }
}
