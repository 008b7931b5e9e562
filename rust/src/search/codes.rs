//! Vectors as codes, one bit or eight for a number, and how far a query is from them: the inner loops of the scan.

/// What a vector has.
pub const DIMENSIONS: usize = 384;
/// The bytes of its one-bit code.
pub(super) const BITS: usize = DIMENSIONS / 8;

/// The scale as the upper half of a float, rounded up, so that no code is cut.
fn scale_bytes(largest: f32) -> [u8; 2] {
    let bits = (largest / 127.0).max(1e-9).to_bits();
    (((bits >> 16) + 1) as u16).to_le_bytes()
}

/// A scale from its bytes.
pub(super) fn scale_of(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// The signs of a vector's numbers, its numbers as int8, and their scale.
pub(super) fn coded(vector: &[f32]) -> ([u8; BITS], [u8; DIMENSIONS], [u8; 2]) {
    let mut bits = [0; BITS];
    let mut codes = [0; DIMENSIONS];
    let largest = vector
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let bytes = scale_bytes(largest);
    let scale = scale_of(bytes);
    for (at, &value) in vector.iter().enumerate().take(DIMENSIONS) {
        bits[at / 8] |= u8::from(value > 0.0) << (at % 8);
        codes[at] = (value / scale).round().clamp(-127.0, 127.0) as i8 as u8;
    }
    (bits, codes, bytes)
}

/// One-bit codes as they are compared.
pub(super) fn words_of(bits: &[u8; BITS]) -> [u64; BITS / 8] {
    let mut found = [0; BITS / 8];
    for (word, bytes) in found.iter_mut().zip(bits.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    found
}

#[inline(always)]
fn block_distances_here(query: &[u64; BITS / 8], bits: &[u8], out: &mut [u16]) {
    for (row, out) in bits.as_chunks::<BITS>().0.iter().zip(out) {
        let mut number = 0;
        for (mine, theirs) in query.iter().zip(row.as_chunks::<8>().0) {
            number += (mine ^ u64::from_le_bytes(*theirs)).count_ones();
        }
        *out = number as u16;
    }
}

#[inline(always)]
fn dot_here(query: &[f32], codes: &[u8]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (values, codes) in query
        .as_chunks::<16>()
        .0
        .iter()
        .zip(codes.as_chunks::<16>().0)
    {
        for lane in 0..16 {
            sums[lane] += values[lane] * f32::from(codes[lane] as i8);
        }
    }
    sums.iter().sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1,bmi2,fma")]
fn block_distances_avx2(query: &[u64; BITS / 8], bits: &[u8], out: &mut [u16]) {
    block_distances_here(query, bits, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1,bmi2,fma")]
fn dot_avx2(query: &[f32], codes: &[u8]) -> f32 {
    dot_here(query, codes)
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx2") && has!("popcnt") && has!("bmi1") && has!("bmi2") && has!("fma")
}

/// In how many bits a query differs from each row of a block.
pub(super) fn block_distances(query: &[u64; BITS / 8], bits: &[u8], out: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has these instructions.
        return unsafe { block_distances_avx2(query, bits, out) };
    }
    block_distances_here(query, bits, out);
}

/// The product of a query with int8 codes, without their scale.
pub(super) fn dot(query: &[f32], codes: &[u8]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has these instructions.
        return unsafe { dot_avx2(query, codes) };
    }
    dot_here(query, codes)
}
