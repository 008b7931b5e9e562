//! The bytes of one file, read here and there, within a budget: no file makes this read more, whatever it says.

/// How many bytes are read of one file beyond its head, at most.
const BYTES: usize = 2 << 20;
/// How often it is read, at most.
const READS: usize = 4000;

/// Reads into the buffer from an offset; gives how many bytes it read, fewer only at the end or on an error.
pub type ReadAt<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> usize;

/// An open file of which the first bytes are in memory.
pub struct Source<'a> {
    head: &'a [u8],
    /// Bytes in the file.
    pub size: u64,
    read: ReadAt<'a>,
    bytes_left: usize,
    reads_left: usize,
}

impl<'a> Source<'a> {
    /// A file of `size` bytes that begins with `head`.
    pub fn new(head: &'a [u8], size: u64, read: ReadAt<'a>) -> Self {
        Self {
            head,
            size,
            read,
            bytes_left: BYTES,
            reads_left: READS,
        }
    }

    /// Up to `length` bytes from an offset: fewer at the end of the file, and once the budget is spent.
    pub fn bytes(&mut self, offset: u64, length: usize) -> Vec<u8> {
        let length = self.size.saturating_sub(offset).min(length as u64) as usize;
        if self.reads_left == 0 || length == 0 {
            return Vec::new();
        }
        self.reads_left -= 1;
        let start = offset as usize;
        if let Some(found) = self.head.get(start..start.saturating_add(length)) {
            return found.to_vec();
        }
        let length = length.min(self.bytes_left);
        self.bytes_left -= length;
        let mut bytes = vec![0; length];
        let got = (self.read)(offset, &mut bytes);
        bytes.truncate(got);
        bytes
    }

    /// Exactly `length` bytes, or none.
    pub fn exactly(&mut self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let bytes = self.bytes(offset, length);
        (bytes.len() == length).then_some(bytes)
    }

    /// The first bytes, as many as are in memory.
    pub fn head(&self) -> &'a [u8] {
        self.head
    }
}

/// Two bytes at a place, big-endian; none where they end early, as for those below.
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk::<2>()?))
}

/// Four bytes, big-endian.
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

/// Eight bytes, big-endian.
pub fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk::<8>()?))
}

/// Two bytes, little-endian.
pub fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk::<2>()?))
}

/// Four bytes, little-endian.
pub fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

/// Eight bytes, little-endian.
pub fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?))
}
