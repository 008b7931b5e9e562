//! What a content is known by: the BLAKE3 hash of its bytes, or of samples of them when they are many.
//!
//! The plain hash is what `b3sum` prints. The sampled hash runs BLAKE3 in its key derivation mode, so no sampled hash
//! can be equal to a plain one. Its input is: the size (u64, little-endian), the first MiB, [`BLOCKS`] blocks of
//! [`BLOCK`] bytes spread evenly over the middle, the last MiB; or the size and all bytes where that is less.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use blake3::Hasher;

use crate::error::{CoreError, ErrorClass, Result};
use crate::paths::{hex, uuid_of};

/// Contents larger than this, in bytes, get the sampled hash unless the caller says otherwise.
pub const SAMPLE_ABOVE: u64 = 64 << 20;
/// Changing any of the numbers below changes identities: then the context must change too.
const SAMPLE_CONTEXT: &str = "pillion 2026-11-22 sampled content hash v1";
const ENDS: u64 = 1 << 20;
/// Bytes in one block of the middle.
pub const BLOCK: u64 = 64 << 10;
/// Number of blocks of the middle.
pub const BLOCKS: u64 = 64;
/// Size of each thread's read buffer: it stays in the second-level cache between the read and the hash.
pub const BUFFER: usize = 256 << 10;

/// A content's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHash {
    /// The hash.
    pub hash: [u8; 32],
    /// Whether only samples were hashed.
    pub sampled: bool,
    /// Bytes in the content.
    pub size: u64,
}

impl ContentHash {
    /// 64 lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.hash)
    }

    /// The content's uuid; see [`uuid_of`].
    #[must_use]
    pub fn uuid(&self) -> String {
        uuid_of(&self.hash)
    }

    /// That of 64 hex digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(hex: &str, size: u64, sampled: bool) -> Option<Self> {
        let hash = blake3::Hash::from_hex(hex).ok()?.into();
        Some(Self {
            hash,
            sampled,
            size,
        })
    }
}

/// Hash bytes in memory; the same as hashing a file of them.
#[must_use]
pub fn hash_bytes(data: &[u8], sample_above: u64) -> ContentHash {
    let size = data.len() as u64;
    let (mut hasher, ranges) = plan(size, sample_above);
    for (offset, length) in ranges {
        hasher.update(&data[offset as usize..(offset + length) as usize]);
    }
    finish(&hasher, size, sample_above)
}

/// Hash `size` bytes that `read_at(buffer, offset)` gives; it returns how many bytes it read, 0 at the end.
///
/// `on_head` gets the first bytes, at most [`BUFFER`] of them. `bytes_read` counts. `cancel` ends it with an error
/// that nobody will see.
///
/// # Errors
///
/// `changed_source` when the end comes before `size` bytes; else what `read_at` returns.
pub fn hash_reader(
    size: u64,
    sample_above: u64,
    buffer: &mut [u8],
    cancel: &AtomicBool,
    bytes_read: &AtomicU64,
    mut read_at: impl FnMut(&mut [u8], u64) -> Result<usize>,
    on_head: impl FnOnce(&[u8]),
) -> Result<ContentHash> {
    let (mut hasher, ranges) = plan(size, sample_above);
    let mut on_head = Some(on_head);
    for (start, length) in ranges {
        let (mut offset, end) = (start, start + length);
        while offset < end {
            if cancel.load(Ordering::Relaxed) {
                return Err(CoreError::new(ErrorClass::IoTransient, "cancelled"));
            }
            let want = (end - offset).min(buffer.len() as u64) as usize;
            let mut got = read_at(&mut buffer[..want], offset)?;
            // The head is to be whole even where a read gives little.
            while got < want && on_head.is_some() {
                match read_at(&mut buffer[got..want], offset + got as u64)? {
                    0 => break,
                    more => got += more,
                }
            }
            if got == 0 {
                let message = "the file became shorter while it was read";
                return Err(CoreError::new(ErrorClass::ChangedSource, message));
            }
            if let Some(on_head) = on_head.take() {
                on_head(&buffer[..got]);
            }
            hasher.update(&buffer[..got]);
            bytes_read.fetch_add(got as u64, Ordering::Relaxed);
            offset += got as u64;
        }
    }
    if let Some(on_head) = on_head.take() {
        on_head(&[]);
    }
    Ok(finish(&hasher, size, sample_above))
}

/// The hasher to use and the (offset, length) ranges to feed it, in order.
fn plan(size: u64, sample_above: u64) -> (Hasher, Vec<(u64, u64)>) {
    if size <= sample_above {
        return (Hasher::new(), vec![(0, size)]);
    }
    let mut hasher = Hasher::new_derive_key(SAMPLE_CONTEXT);
    hasher.update(&size.to_le_bytes());
    if size <= 2 * ENDS + BLOCKS * BLOCK {
        return (hasher, vec![(0, size)]);
    }
    let stride = (size - 2 * ENDS - BLOCK) / (BLOCKS - 1);
    let middle = (0..BLOCKS).map(|index| (ENDS + index * stride, BLOCK));
    let mut ranges = vec![(0, ENDS)];
    ranges.extend(middle);
    ranges.push((size - ENDS, ENDS));
    (hasher, ranges)
}

fn finish(hasher: &Hasher, size: u64, sample_above: u64) -> ContentHash {
    ContentHash {
        hash: *hasher.finalize().as_bytes(),
        sampled: size > sample_above,
        size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 9 << 20;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|index| (index * 7 % 251) as u8).collect()
    }

    fn read(data: &[u8], sample_above: u64, at_most: usize) -> (Result<ContentHash>, Vec<u8>, u64) {
        let mut head = Vec::new();
        let count = AtomicU64::new(0);
        let result = hash_reader(
            data.len() as u64,
            sample_above,
            &mut [0; 4096],
            &AtomicBool::new(false),
            &count,
            |buffer, offset| {
                let rest = &data[offset as usize..];
                let count = rest.len().min(buffer.len()).min(at_most);
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            },
            |bytes| head.extend_from_slice(bytes),
        );
        (result, head, count.into_inner())
    }

    #[test]
    fn the_plain_hash_is_blake3() {
        // The value that `b3sum` prints for an empty file, from the BLAKE3 test vectors.
        let hash = hash_bytes(b"", SAMPLE_ABOVE);
        assert_eq!(
            hash.hex(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert!(!hash.sampled);
    }

    #[test]
    fn reading_and_memory_agree() {
        for size in [0, 1, 4095, 4096, 4097, LARGE] {
            let data = bytes(size);
            for sample_above in [0, 1000, SAMPLE_ABOVE] {
                for at_most in [1000, usize::MAX] {
                    let (hash, head, _) = read(&data, sample_above, at_most);
                    assert_eq!(hash.unwrap(), hash_bytes(&data, sample_above));
                    assert_eq!(head, data[..size.min(4096)]);
                }
            }
        }
    }

    #[test]
    fn sampled_and_plain_are_never_equal_even_over_all_bytes() {
        let data = bytes(5000);
        let plain = hash_bytes(&data, 5000);
        let sampled = hash_bytes(&data, 4999);
        assert!(!plain.sampled && sampled.sampled);
        assert_ne!(plain.hash, sampled.hash);
    }

    #[test]
    fn the_sampled_hash_reads_little_and_sees_both_ends_the_blocks_and_the_size() {
        let data = bytes(LARGE);
        let (hash, _, count) = read(&data, 0, usize::MAX);
        assert_eq!(count, 2 * ENDS + BLOCKS * BLOCK);
        let hash = hash.unwrap();
        let last_block = LARGE - ENDS as usize - BLOCK as usize / 2;
        for place in [0, LARGE - 1, ENDS as usize + 5, last_block] {
            let mut other = data.clone();
            other[place] ^= 1;
            assert_ne!(hash_bytes(&other, 0).hash, hash.hash, "byte {place}");
        }
        assert_ne!(hash_bytes(&data[..LARGE - 1], 0).hash, hash.hash);
    }

    #[test]
    fn samples_stay_inside_and_apart_whatever_the_size() {
        for size in [2 * ENDS + BLOCKS * BLOCK + 1, 1 << 33, u64::MAX] {
            let (_, ranges) = plan(size, 0);
            for pair in ranges.windows(2) {
                assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{size}: {pair:?}");
            }
            let (offset, length) = ranges[ranges.len() - 1];
            assert_eq!(offset + length, size);
        }
    }

    #[test]
    fn a_file_that_shrinks_has_changed() {
        let result = hash_reader(
            10,
            SAMPLE_ABOVE,
            &mut [0; 16],
            &AtomicBool::new(false),
            &AtomicU64::new(0),
            |_, offset| Ok(usize::from(offset == 0) * 3),
            |_| {},
        );
        assert_eq!(result.unwrap_err().class, ErrorClass::ChangedSource);
    }
}
