//! Vectors as codes, one bit or eight for a number, and how far a query is from them: the inner loops of the scan.

/// What a vector may have: whole words of bits, and as many as the largest models give.
#[must_use]
pub fn is_known(dimensions: usize) -> bool {
    dimensions.is_multiple_of(64) && (64..=4096).contains(&dimensions)
}

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
pub(super) fn coded(vector: &[f32]) -> (Vec<u8>, Vec<u8>, [u8; 2]) {
    let mut bits = vec![0; vector.len().div_ceil(8)];
    let mut codes = vec![0; vector.len()];
    let largest = vector
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let bytes = scale_bytes(largest);
    let scale = scale_of(bytes);
    for (at, &value) in vector.iter().enumerate() {
        bits[at / 8] |= u8::from(value > 0.0) << (at % 8);
        codes[at] = (value / scale).round().clamp(-127.0, 127.0) as i8 as u8;
    }
    (bits, codes, bytes)
}

/// One-bit codes as they are compared.
pub(super) fn words_of(bits: &[u8]) -> Vec<u64> {
    let words = bits.as_chunks::<8>().0;
    words
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes))
        .collect()
}

#[inline(always)]
fn row_distance(query: &[u64], row: &[u8]) -> u16 {
    let mut number = 0;
    for (mine, theirs) in query.iter().zip(row.as_chunks::<8>().0) {
        number += (mine ^ u64::from_le_bytes(*theirs)).count_ones();
    }
    number as u16
}

/// A number of words that the compiler knows makes loops without branches.
#[inline(always)]
fn distances_of<const WORDS: usize>(query: &[u64; WORDS], bits: &[u8], out: &mut [u16]) {
    for (row, out) in bits.chunks_exact(WORDS * 8).zip(out) {
        *out = row_distance(query, row);
    }
}

#[inline(always)]
fn block_distances_here(query: &[u64], bits: &[u8], out: &mut [u16]) {
    // 384 dimensions, and 768.
    if let Ok(query) = query.try_into() {
        return distances_of::<6>(query, bits, out);
    }
    if let Ok(query) = query.try_into() {
        return distances_of::<12>(query, bits, out);
    }
    for (row, out) in bits.chunks_exact(query.len() * 8).zip(out) {
        *out = row_distance(query, row);
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
fn block_distances_avx2(query: &[u64], bits: &[u8], out: &mut [u16]) {
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
pub(super) fn block_distances(query: &[u64], bits: &[u8], out: &mut [u16]) {
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
