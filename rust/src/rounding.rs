//! Numbers of 32 bits made whole, many at once.
//!
//! A cast looks at each number by itself for what an integer cannot hold. Where a number as large as these constants is
//! added, the sum is whole, and its lowest bits are the whole number: of two as near, the even one.

/// 2^23: for numbers from 0 on, less than that.
const WHOLE: f32 = 8_388_608.0;

/// 1.5 x 2^23: for numbers of either sign, from -2^22 to 2^22.
pub const SIGNED: f32 = 12_582_912.0;

/// A number from 0 to 2^23 without its fraction.
#[inline(always)]
pub fn down(number: f32) -> u32 {
    let sum = number + WHOLE;
    let is_up = sum - WHOLE > number;
    (sum.to_bits().wrapping_sub(WHOLE.to_bits())).wrapping_sub(u32::from(is_up))
}

/// The nearest to a number from 0 to 255, of two the even one.
#[inline(always)]
pub fn half_even(number: f32) -> u8 {
    (number + WHOLE).to_bits() as u8
}

/// The nearest to a number from 0 to 255, of two the larger one.
#[inline(always)]
pub fn half_up(number: f32) -> u8 {
    let sum = number + WHOLE;
    let is_half_less = number - (sum - WHOLE) >= 0.5;
    (sum.to_bits() + u32::from(is_half_less)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_as_by_the_slow_ways() {
        for number in (0..255 * 64).map(|step| step as f32 / 64.0) {
            assert_eq!(half_up(number), (number + 0.5).floor() as u8, "{number}");
            assert_eq!(
                half_even(number),
                number.round_ties_even() as u8,
                "{number}"
            );
        }
    }

    #[test]
    fn without_fraction_as_by_a_cast() {
        for step in 0..2_000_000 {
            let number = step as f32 * 0.006_1;
            assert_eq!(down(number), number as u32, "{number}");
        }
        for number in [0.499_999_97, 0.999_999_94, 1.0, 254.999_98, 8_388_607.5] {
            assert_eq!(down(number), number as u32, "{number}");
        }
    }
}
