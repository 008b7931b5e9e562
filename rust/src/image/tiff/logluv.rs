//! Logarithmic samples of high dynamic range: LogL and LogLuv of 16 and 32 bits (Ward Larson, "LogLuv Encoding for
//! Full-Gamut, High-Dynamic Range Images", Journal of Graphics Tools 3(1), 1998).

use super::grid::Extent;
use super::samples::linear_to_srgb;

/// Steps of the logarithm of luminance in a factor of two.
const STEPS: f32 = 256.0;
/// The logarithm of luminance of code 0.
const LEAST: f32 = -64.0;
/// Codes of u' and v' for one unit.
const CHROMA: f32 = 410.0;

/// Rows of `size` bytes a sample, big-endian, from runs: for each row the highest bytes of all its samples, then the
/// next ones. A head byte of 128 and more is a run of head - 126 equal bytes, a lower one that many bytes as they are.
pub fn planes(size: usize, data: &[u8], extent: Extent) -> Option<Vec<u8>> {
    let mut bytes = vec![0; extent.bytes()];
    let mut rest = data;
    for row in bytes.chunks_exact_mut(extent.stride) {
        for plane in 0..size {
            let mut column = 0;
            while column < extent.width {
                let (&head, tail) = rest.split_first()?;
                let head = usize::from(head);
                let count = if head >= 128 { head - 126 } else { head };
                let length = if head >= 128 { 1 } else { head };
                let (source, tail) = tail.split_at_checked(length)?;
                rest = tail;
                let end = (column + count).min(extent.width);
                for (index, place) in (column..end).enumerate() {
                    row[place * size + plane] = source[index.min(length - 1)];
                }
                if count == 0 {
                    continue;
                }
                column = end;
            }
        }
    }
    Some(bytes)
}

/// The light of a code of 16 bits; its highest bit is the sign, and there is no negative light.
fn luminance(code: u32) -> f32 {
    match code {
        1..0x8000 => (2f32).powf((code as f32 + 0.5) / STEPS + LEAST),
        _ => 0.0,
    }
}

/// A grey sample of 16 bits in sRGB.
pub fn grey(code: u32, scale: f32) -> u8 {
    linear_to_srgb(luminance(code) * scale)
}

/// A sample of 32 bits, luminance, u' and v', in sRGB.
pub fn colour(code: u32, scale: f32) -> [u8; 3] {
    let y = luminance(code >> 16) * scale;
    let u = ((code >> 8 & 255) as f32 + 0.5) / CHROMA;
    let v = ((code & 255) as f32 + 0.5) / CHROMA;
    let x = 9.0 * u / (4.0 * v) * y;
    let z = (12.0 - 3.0 * u - 20.0 * v) / (4.0 * v) * y;
    // XYZ of D65 to linear sRGB (IEC 61966-2-1).
    [
        3.240_6 * x - 1.537_2 * y - 0.498_6 * z,
        -0.968_9 * x + 1.875_8 * y + 0.041_5 * z,
        0.055_7 * x - 0.204 * y + 1.057 * z,
    ]
    .map(linear_to_srgb)
}

/// What to multiply light with: 1 where half of the samples are darker than white and not nearly black, else so much that
/// half of them are darker than a middle grey.
pub fn scale(codes: impl Iterator<Item = u32>) -> f32 {
    let mut counts = vec![0u32; 0x8000];
    let mut total = 0u32;
    for code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
            total += 1;
        }
    }
    let mut above = 0;
    for (code, count) in counts.iter().enumerate().rev() {
        above += count;
        if above > total / 2 {
            let middle = luminance(code as u32);
            return if (0.01..1.0).contains(&middle) {
                1.0
            } else {
                0.18 / middle.max(1e-12)
            };
        }
    }
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_planes_become_samples() {
        let extent = Extent {
            width: 3,
            stride: 6,
            rows: 1,
        };
        // Three times 0x40; then 1, 2 and 3 as they are.
        let bytes = planes(2, &[129, 0x40, 3, 1, 2, 3], extent);
        assert_eq!(bytes, Some(vec![0x40, 1, 0x40, 2, 0x40, 3]));
        assert_eq!(planes(2, &[129, 0x40, 3, 1], extent), None);
    }

    #[test]
    fn light_of_one_is_white() {
        let one = 64 * 256;
        assert_eq!(grey(one, 1.0), 255);
        assert_eq!(grey(0, 1.0), 0);
        assert_eq!(grey(0x8000 | one, 1.0), 0);
        // u' and v' of D65 are 0.1978 and 0.4683.
        let [red, green, blue] = colour(one << 16 | 81 << 8 | 192, 1.0);
        assert!(red.min(green).min(blue) >= 252, "{red} {green} {blue}");
    }
}
