//! Logarithmic samples of high dynamic range: LogL of 16 bits, LogLuv of 24 and 32 (Ward Larson, "LogLuv Encoding for
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

/// How the bits of a sample are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Luminance of 16 bits.
    Grey,
    /// Luminance of 10 bits, and the number of a square of the (u', v') diagram.
    Packed,
    /// Luminance of 16 bits, u' and v' of 8.
    Planes,
}

impl Form {
    /// Bytes of a sample.
    pub const fn size(self) -> usize {
        match self {
            Self::Grey => 2,
            Self::Packed => 3,
            Self::Planes => 4,
        }
    }

    /// The light of a sample; `None` of those that have the sign of negative light, which there is not.
    pub fn light(self, code: u32) -> Option<f32> {
        match self {
            Self::Grey => long_luminance(code),
            Self::Packed => Some(short_luminance(code >> 14 & 0x3ff)),
            Self::Planes => long_luminance(code >> 16),
        }
    }

    /// A sample in sRGB, its light multiplied with `scale`; three times the same of grey.
    pub fn colour(self, code: u32, scale: f32) -> [u8; 3] {
        let y = self.light(code).unwrap_or(0.0) * scale;
        match self {
            Self::Grey => [linear_to_srgb(y); 3],
            Self::Packed => srgb(y, square(code & 0x3fff).unwrap_or(NEUTRAL)),
            Self::Planes => {
                let part = |code: u32| ((code & 255) as f32 + 0.5) / CHROMA;
                srgb(y, (part(code >> 8), part(code)))
            }
        }
    }
}

/// The light of a code of 16 bits, whose highest is the sign.
fn long_luminance(code: u32) -> Option<f32> {
    match code {
        0 => Some(0.0),
        1..0x8000 => Some((2f32).powf((code as f32 + 0.5) / STEPS + LEAST)),
        _ => None,
    }
}

/// The light of a code of 10 bits.
fn short_luminance(code: u32) -> f32 {
    match code {
        0 => 0.0,
        _ => (2f32).powf((code as f32 + 0.5) / 64.0 - 12.0),
    }
}

/// u' and v' of the middle of a square, if there is one of this number.
fn square(number: u32) -> Option<(f32, f32)> {
    let mut left = number;
    for (row, &(start, count)) in ROWS.iter().enumerate() {
        if let Some(less) = left.checked_sub(count.into()) {
            left = less;
            continue;
        }
        let u = start as f32 / 1e6 + (left as f32 + 0.5) * SQUARE;
        return Some((u, LEAST_V + (row as f32 + 0.5) * SQUARE));
    }
    None
}

/// Light of this luminance, u' and v' in sRGB.
fn srgb(y: f32, (u, v): (f32, f32)) -> [u8; 3] {
    let x = 9.0 * u / (4.0 * v) * y;
    let z = (12.0 - 3.0 * u - 20.0 * v) / (4.0 * v) * y;
    // White has equal energy in this format. To linear light of the primaries of sRGB (ITU-R BT.709), with their white for
    // it.
    [
        2.690 * x - 1.276 * y - 0.414 * z,
        -1.022 * x + 1.978 * y + 0.044 * z,
        0.061 * x - 0.224 * y + 1.163 * z,
    ]
    .map(linear_to_srgb)
}

/// What to multiply light with: 1 where half of the samples are darker than white and not nearly black, else so much that
/// half of them are darker than a middle grey.
pub fn scale(mut lights: Vec<f32>) -> f32 {
    if lights.is_empty() {
        return 1.0;
    }
    let place = lights.len() / 2;
    let (_, &mut middle, _) =
        lights.select_nth_unstable_by(place, |one, other| other.total_cmp(one));
    if (0.01..1.0).contains(&middle) {
        1.0
    } else {
        0.18 / middle.max(1e-12)
    }
}

/// Side of a square of the (u', v') diagram.
const SQUARE: f32 = 0.0035;
/// v' at the lower side of the first row.
const LEAST_V: f32 = 0.016_94;
/// u' and v' of what has a number that no square has: as much of each primary (equal energy).
const NEUTRAL: (f32, f32) = (4.0 / 19.0, 9.0 / 19.0);

/// The rows of squares that cover the colours there are, from the least v' up: u' at the left side in millionths, and how
/// many squares (uvcode.h of libtiff, of which these are the numbers).
#[rustfmt::skip]
const ROWS: [(u32, u8); 163] = [
    (247663, 4), (243779, 6), (241684, 7), (237874, 9), (235906, 10), (232153, 12), (228352, 14),
    (226259, 15), (222371, 17), (220410, 18), (214710, 21), (212714, 22), (210721, 23),
    (204976, 26), (202986, 27), (199245, 29), (195525, 31), (193560, 32), (189878, 34),
    (186216, 36), (186216, 36), (182592, 38), (179003, 40), (175466, 42), (172001, 44),
    (172001, 44), (168612, 46), (168612, 46), (163575, 49), (158642, 52), (158642, 52),
    (158642, 52), (153815, 55), (153815, 55), (149097, 58), (149097, 58), (142746, 62),
    (142746, 62), (142746, 62), (138270, 65), (138270, 65), (138270, 65), (132166, 69),
    (132166, 69), (126204, 73), (126204, 73), (126204, 73), (120381, 77), (120381, 77),
    (120381, 77), (120381, 77), (112962, 82), (112962, 82), (112962, 82), (107450, 86),
    (107450, 86), (107450, 86), (107450, 86), (100343, 91), (100343, 91), (100343, 91),
    (95126, 95), (95126, 95), (95126, 95), (95126, 95), (88276, 100), (88276, 100), (88276, 100),
    (88276, 100), (81523, 105), (81523, 105), (81523, 105), (81523, 105), (74861, 110),
    (74861, 110), (74861, 110), (74861, 110), (68290, 115), (68290, 115), (68290, 115),
    (68290, 115), (63573, 119), (63573, 119), (63573, 119), (63573, 119), (57219, 124),
    (57219, 124), (57219, 124), (57219, 124), (50985, 129), (50985, 129), (50985, 129),
    (50985, 129), (50985, 129), (44859, 134), (44859, 134), (44859, 134), (44859, 134),
    (40571, 138), (40571, 138), (40571, 138), (40571, 138), (36339, 142), (36339, 142),
    (36339, 142), (36339, 142), (32139, 146), (32139, 146), (32139, 146), (32139, 146),
    (27947, 150), (27947, 150), (27947, 150), (23739, 154), (23739, 154), (23739, 154),
    (23739, 154), (19504, 158), (19504, 158), (19504, 158), (16976, 161), (16976, 161),
    (16976, 161), (16976, 161), (12639, 165), (12639, 165), (12639, 165), (9991, 168),
    (9991, 168), (9991, 168), (9016, 170), (9016, 170), (9016, 170), (6217, 173), (6217, 173),
    (5097, 175), (5097, 175), (5097, 175), (3909, 177), (3909, 177), (2340, 177), (2389, 170),
    (1068, 164), (1653, 157), (717, 150), (1614, 143), (270, 136), (484, 129), (1103, 123),
    (1242, 115), (1188, 109), (1011, 103), (709, 97), (301, 89), (2416, 82), (3251, 76),
    (3246, 69), (4141, 62), (5963, 55), (8839, 47), (10490, 40), (16994, 31), (23659, 21),
];

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
        assert_eq!(Form::Grey.colour(one, 1.0), [255; 3]);
        assert_eq!(Form::Grey.colour(0, 1.0), [0; 3]);
        assert_eq!(Form::Grey.colour(0x8000 | one, 1.0), [0; 3]);
        // u' and v' of equal energy are 0.2105 and 0.4737.
        let [red, green, blue] = Form::Planes.colour(one << 16 | 86 << 8 | 194, 1.0);
        assert!(red.min(green).min(blue) >= 252, "{red} {green} {blue}");
    }

    #[test]
    fn squares_are_numbered_by_rows() {
        let count: u32 = ROWS.iter().map(|&(_, count)| u32::from(count)).sum();
        assert_eq!(count, 16_289);
        let near = |number, (u, v): (f32, f32)| {
            let (found_u, found_v) = square(number).expect("a square");
            assert!(
                (found_u - u).abs() < 1e-5 && (found_v - v).abs() < 1e-5,
                "{number}"
            );
        };
        near(0, (0.247_663 + 0.001_75, 0.018_69));
        near(4, (0.243_779 + 0.001_75, 0.022_19));
        near(9, (0.243_779 + 5.5 * 0.0035, 0.022_19));
        near(10, (0.241_684 + 0.001_75, 0.025_69));
        assert!(square(16_288).is_some());
        assert_eq!(square(16_289), None);
    }

    #[test]
    fn packed_samples_are_the_colours_of_those_in_planes() {
        for (u, v) in [
            (0.198f32, 0.468f32),
            (0.45, 0.52),
            (0.12, 0.56),
            (0.18, 0.2),
        ] {
            let near = |&number: &u32| {
                let (x, y) = square(number).expect("a square");
                (x - u).abs() <= SQUARE / 2.0 && (y - v).abs() <= SQUARE / 2.0
            };
            let number = (0..16_289).find(near).expect("a square of this colour");
            let code = (u * CHROMA) as u32 * 256 + (v * CHROMA) as u32;
            // Half a middle light: 2^-1.
            let packed = Form::Packed.colour((11 * 64) << 14 | number, 0.5);
            let planes = Form::Planes.colour((63 * 256) << 16 | code, 0.5);
            for (one, other) in packed.into_iter().zip(planes) {
                assert!(one.abs_diff(other) <= 8, "{packed:?} {planes:?}");
            }
        }
        // A number that no square has is as bright, and grey.
        let [red, green, blue] = Form::Packed.colour((11 * 64) << 14 | 0x3fff, 1.0);
        assert!(
            red.abs_diff(green) < 2 && green.abs_diff(blue) < 2,
            "{red} {green} {blue}"
        );
    }

    #[test]
    fn half_of_the_samples_are_darker_than_a_middle_grey() {
        assert_eq!(scale(vec![0.5, 0.2, 0.1]), 1.0);
        assert!((scale(vec![36.0, 18.0, 9.0]) - 0.01).abs() < 1e-6);
        assert_eq!(scale(Vec::new()), 1.0);
    }
}
