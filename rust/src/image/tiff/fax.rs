//! Fax compression: ITU-T T.4 (Group 3, one- and two-dimensional), T.6 (Group 4) and TIFF's modified Huffman.
//!
//! A line is a list of the columns where the colour changes, beginning with white; the code tables are the fax
//! crate's.

use std::convert::Infallible;

use fax::BitReader;
use fax::maps::{Mode, black, mode, white};

use super::grid::Extent;

/// The variants that TIFF names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fax {
    /// Compression 2: lines of runs, each padded to a byte, without end-of-line codes.
    ModifiedHuffman,
    /// Compression 3: lines of runs or, where tagged so (`two_dimensional`), coded against the line above.
    Group3 {
        /// Bit 0 of T4Options.
        two_dimensional: bool,
    },
    /// Compression 4: every line is coded against the line above.
    Group4,
}

/// Rows of packed bits, 1 for black, or nothing when the very first line is damaged. A later damaged line ends the
/// picture; what follows stays white, as fax machines have it.
pub fn decode(variant: Fax, data: &[u8], extent: Extent) -> Option<Vec<u8>> {
    let mut reader = Bits { data, at: 0 };
    let width = u32::try_from(extent.width).ok()?;
    let mut above: Vec<u32> = Vec::new();
    let mut rows = vec![0; extent.bytes()];
    for (index, row) in rows.chunks_exact_mut(extent.stride).enumerate() {
        let line = match variant {
            Fax::ModifiedHuffman => {
                reader.align();
                one_dimensional(&mut reader, width)
            }
            Fax::Group3 { two_dimensional } => group3(&mut reader, two_dimensional, &above, width),
            Fax::Group4 => against(&mut reader, &above, width),
        };
        match line {
            Some(line) => above = line,
            None if index == 0 => return None,
            None => break,
        }
        paint(&above, row, extent.width);
    }
    Some(rows)
}

/// Bits of a byte slice, highest first; zeros after the end, so that codes can be peeked there.
struct Bits<'data> {
    data: &'data [u8],
    at: usize,
}

impl Bits<'_> {
    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn left(&self) -> usize {
        (self.data.len() * 8).saturating_sub(self.at)
    }

    fn byte(&self, index: usize) -> u32 {
        self.data.get(index).copied().unwrap_or(0).into()
    }
}

impl BitReader for Bits<'_> {
    type Error = Infallible;

    fn peek(&self, bits: u8) -> Option<u16> {
        if self.left() == 0 {
            return None;
        }
        let first = self.at / 8;
        let window = self.byte(first) << 16 | self.byte(first + 1) << 8 | self.byte(first + 2);
        let shifted = window << (8 + self.at % 8);
        Some((shifted >> (32 - u32::from(bits))) as u16)
    }

    fn consume(&mut self, bits: u8) -> Result<(), Infallible> {
        self.at += usize::from(bits);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (self.at.next_multiple_of(8) - self.at) as u8
    }
}

/// The length of one run: make-up codes of 64 and more, then a terminating code.
fn run(reader: &mut Bits<'_>, is_black: bool) -> Option<u32> {
    let mut length = 0u32;
    loop {
        let part = if is_black {
            black::decode(reader)?
        } else {
            white::decode(reader)?
        };
        length = length.checked_add(part.into())?;
        if part < 64 {
            return Some(length);
        }
    }
}

fn one_dimensional(reader: &mut Bits<'_>, width: u32) -> Option<Vec<u32>> {
    let mut line = Vec::new();
    let (mut column, mut is_black) = (0u32, false);
    while column < width {
        column = column.checked_add(run(reader, is_black)?)?.min(width);
        push(&mut line, column);
        is_black = !is_black;
    }
    Some(line)
}

/// A line of Group 3: an end-of-line code (11 zeros or more, then 1), in two-dimensional data a tag bit, the line.
fn group3(reader: &mut Bits<'_>, tagged: bool, above: &[u32], width: u32) -> Option<Vec<u32>> {
    let start = reader.at;
    let mut zeros = 0;
    while reader.peek(1)? == 0 {
        reader.at += 1;
        zeros += 1;
    }
    if zeros >= 11 {
        reader.at += 1;
    } else {
        // Some writers leave the codes out.
        reader.at = start;
        if tagged {
            return None;
        }
    }
    if tagged {
        let is_one_dimensional = reader.peek(1)? == 1;
        reader.at += 1;
        if !is_one_dimensional {
            return against(reader, above, width);
        }
    }
    one_dimensional(reader, width)
}

/// A line coded against the line above (T.4, 4.2): a0, a1, a2 are changes of this line, b1, b2 of that above.
fn against(reader: &mut Bits<'_>, above: &[u32], width: u32) -> Option<Vec<u32>> {
    let mut line = Vec::new();
    let (mut a0, mut is_black, mut begun) = (0u32, false, false);
    while a0 < width {
        let (b1, b2) = changes_above(above, a0, begun, is_black, width);
        match mode::decode(reader)? {
            Mode::Pass => a0 = b2,
            Mode::Vertical(delta) => {
                let a1 = b1.checked_add_signed(delta.into())?;
                if a1 > width || a1 < a0 {
                    return None;
                }
                push(&mut line, a1);
                a0 = a1;
                is_black = !is_black;
            }
            Mode::Horizontal => {
                for colour in [is_black, !is_black] {
                    a0 = a0.checked_add(run(reader, colour)?)?.min(width);
                    push(&mut line, a0);
                }
            }
            Mode::Extension | Mode::EOF => return None,
        }
        begun = true;
    }
    Some(line)
}

/// The first change above that lies right of `a0` (or on it, at the line's start) and is to the other colour than
/// the current one, and the change after it.
fn changes_above(above: &[u32], a0: u32, begun: bool, is_black: bool, width: u32) -> (u32, u32) {
    // Lines hold changes in order, so those left of a0 are skipped by bisection; even ones are to black.
    let mut index = above.partition_point(|&change| change < a0 || begun && change == a0);
    if (index % 2 == 0) == is_black {
        index += 1;
    }
    let change = |index: usize| above.get(index).copied().unwrap_or(width);
    (change(index), change(index + 1))
}

/// Add a change; two at the same column cancel, for a run of no length is none.
fn push(line: &mut Vec<u32>, change: u32) {
    if line.last() == Some(&change) {
        line.pop();
    } else {
        line.push(change);
    }
}

/// Set the bits of the black runs.
fn paint(line: &[u32], row: &mut [u8], width: usize) {
    for run in line.chunks(2) {
        let end = run.get(1).map_or(width, |&end| end as usize);
        fill(row, run[0] as usize, end);
    }
}

fn fill(row: &mut [u8], start: usize, end: usize) {
    for column in start..end {
        row[column / 8] |= 0x80 >> (column % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent {
        width: 12,
        stride: 2,
        rows: 2,
    };

    #[test]
    fn runs_become_bits() {
        let mut row = [0; 2];
        paint(&[3, 5, 9, 12], &mut row, 12);
        assert_eq!(row, [0b0001_1000, 0b0111_0000]);
        let mut row = [0; 2];
        paint(&[0, 2, 11], &mut row, 12);
        assert_eq!(row, [0b1100_0000, 0b0001_0000]);
    }

    #[test]
    fn modified_huffman_lines_begin_on_bytes() {
        // White 12 is 001000; the second line: white 4 (1011), black 3 (10), white 5 (1100).
        let data = [0b0010_0000, 0b1011_1011, 0b0000_0000];
        let rows = decode(Fax::ModifiedHuffman, &data, EXTENT).expect("sound");
        assert_eq!(rows, [0, 0, 0b0000_1110, 0]);
    }

    #[test]
    fn group4_repeats_the_line_above() {
        // Horizontal 001, white 4 1011, black 3 10, V0 1 (to the end); then V0 V0 V0.
        let data = [0b0011_0111, 0b0111_1000];
        let rows = decode(Fax::Group4, &data, EXTENT).expect("sound");
        assert_eq!(rows, [0b0000_1110, 0, 0b0000_1110, 0]);
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut state = 1u32;
        for variant in [
            Fax::ModifiedHuffman,
            Fax::Group3 {
                two_dimensional: true,
            },
            Fax::Group3 {
                two_dimensional: false,
            },
            Fax::Group4,
        ] {
            for _ in 0..500 {
                let data: Vec<u8> = (0..40)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        (state >> 24) as u8
                    })
                    .collect();
                let _ = decode(variant, &data, EXTENT);
            }
        }
    }
}
