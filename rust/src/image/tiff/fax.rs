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

/// What is there of the rows.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Rows of packed bits, 1 for black.
    pub rows: Vec<u8>,
    /// Lines that are damaged or missing. Those amid the picture show what is above them, those behind the last are white.
    pub damaged: usize,
}

/// The rows, or nothing when not one line is sound.
///
/// Group 3 goes on at the next end-of-line code (two-dimensional: at the next line that is coded alone), as fax machines
/// do (T.4, 4.1.4). The others have no place to go on at.
pub fn decode(variant: Fax, data: &[u8], extent: Extent) -> Option<Decoded> {
    let width = u32::try_from(extent.width).ok()?;
    let mut lines = Lines {
        variant,
        reader: Bits { data, at: 0 },
        above: Vec::new(),
        width,
        has_ends: matches!(variant, Fax::Group3 { .. }) && has_end_of_line(data),
        is_lost: false,
    };
    let mut rows = vec![0; extent.bytes()];
    let (mut sound, mut damaged, mut seen) = (0, 0, 0);
    for row in rows.chunks_exact_mut(extent.stride) {
        match lines.next() {
            Line::Sound => sound += 1,
            Line::Damaged => damaged += 1,
            Line::Lost => {
                damaged += extent.rows - seen;
                break;
            }
            Line::End => break,
        }
        seen += 1;
        paint(&lines.above, row, extent.width);
    }
    (sound > 0 || extent.rows == 0).then_some(Decoded { rows, damaged })
}

/// What came of reading a line.
enum Line {
    /// It is the line above the next one now.
    Sound,
    /// The line above stands for it.
    Damaged,
    /// It is damaged, and there is no place to go on at.
    Lost,
    /// The data says that the picture ends here.
    End,
}

/// Consecutive end-of-line codes that end a page; six by T.4, but some may be damaged.
const ENDS_OF_PAGE: usize = 3;

struct Lines<'data> {
    variant: Fax,
    reader: Bits<'data>,
    /// The changes of the last line.
    above: Vec<u32>,
    width: u32,
    /// The lines of Group 3 begin with codes, as they should.
    has_ends: bool,
    /// Two-dimensional lines mean nothing until one is coded alone again.
    is_lost: bool,
}

impl Lines<'_> {
    fn next(&mut self) -> Line {
        let line = match self.variant {
            Fax::ModifiedHuffman => {
                self.reader.align();
                one_dimensional(&mut self.reader, self.width)
            }
            Fax::Group3 { two_dimensional } if self.has_ends => {
                return self.marked(two_dimensional);
            }
            Fax::Group3 { .. } => one_dimensional(&mut self.reader, self.width),
            Fax::Group4 if self.reader.is_at_end_of_line() => return Line::End,
            Fax::Group4 => against(&mut self.reader, &self.above, self.width),
        };
        match line {
            Some(line) => {
                self.above = line;
                Line::Sound
            }
            None => Line::Lost,
        }
    }

    /// A line of Group 3: an end-of-line code, in two-dimensional data a tag bit, the line.
    fn marked(&mut self, tagged: bool) -> Line {
        let mut ends = 0;
        let mut is_alone = true;
        while self.reader.take_end_of_line() {
            ends += 1;
            if tagged {
                is_alone = self.reader.peek(1) == Some(1);
                self.reader.at += 1;
            }
        }
        if ends >= ENDS_OF_PAGE || self.reader.left() == 0 {
            return Line::End;
        }
        let start = self.reader.at;
        // Some writers leave out the first code.
        let line = if self.is_lost && !is_alone {
            None
        } else if is_alone {
            match runs(&mut self.reader, self.width) {
                Ok(line) => Some(line),
                Err(mut line) => {
                    // A line that its end cuts short is white from there.
                    if self.reader.is_at_end_of_line() && !line.is_empty() {
                        line.truncate(line.len() / 2 * 2);
                        self.above = line;
                    }
                    None
                }
            }
        } else {
            against(&mut self.reader, &self.above, self.width)
        };
        let is_followed = self.reader.is_at_end_of_line() || self.reader.is_nearly_empty();
        match line {
            Some(line) if is_followed => {
                self.above = line;
                self.is_lost = false;
                Line::Sound
            }
            _ => {
                self.is_lost = tagged;
                // From its beginning, for what was taken for codes may be a part of the end.
                self.reader.at = start;
                self.reader.seek_end_of_line();
                Line::Damaged
            }
        }
    }
}

/// Zeros of an end-of-line code; a 1 follows. There may be more, to fill a byte or time.
const ZEROS: usize = 11;

/// Whether there is an end-of-line code anywhere.
fn has_end_of_line(data: &[u8]) -> bool {
    let mut reader = Bits { data, at: 0 };
    reader.seek_end_of_line();
    reader.left() > 0
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

    /// Whether what is left is padding at most.
    fn is_nearly_empty(&self) -> bool {
        self.left() < 16 && (self.at..self.data.len() * 8).all(|at| !self.is_set(at))
    }

    fn is_set(&self, at: usize) -> bool {
        self.byte(at / 8) & (0x80 >> (at % 8)) != 0
    }

    /// How many zeros there are from here to the next 1; None when there is no 1 any more.
    fn zeros(&self) -> Option<usize> {
        let end = self.data.len() * 8;
        let mut at = self.at;
        while at < end && !self.is_set(at) {
            // Fill can be long.
            at += if at.is_multiple_of(8) && self.byte(at / 8) == 0 {
                8
            } else {
                1
            };
        }
        (at < end).then(|| at - self.at)
    }

    fn is_at_end_of_line(&self) -> bool {
        self.zeros().is_some_and(|zeros| zeros >= ZEROS)
    }

    fn take_end_of_line(&mut self) -> bool {
        match self.zeros() {
            Some(zeros) if zeros >= ZEROS => {
                self.at += zeros + 1;
                true
            }
            _ => false,
        }
    }

    /// Go to the next end-of-line code, or to the end.
    fn seek_end_of_line(&mut self) {
        loop {
            match self.zeros() {
                Some(zeros) if zeros >= ZEROS => return,
                Some(zeros) => self.at += zeros + 1,
                None => {
                    self.at = self.data.len() * 8;
                    return;
                }
            }
        }
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
    runs(reader, width).ok()
}

/// A line of runs, or what there is of it before a code that is none.
fn runs(reader: &mut Bits<'_>, width: u32) -> Result<Vec<u32>, Vec<u32>> {
    let mut line = Vec::new();
    let (mut column, mut is_black) = (0u32, false);
    while column < width {
        let before = reader.at;
        let next = run(reader, is_black).and_then(|length| column.checked_add(length));
        let Some(next) = next else {
            reader.at = before;
            return Err(line);
        };
        column = next.min(width);
        push(&mut line, column);
        is_black = !is_black;
    }
    Ok(line)
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
        assert_eq!((rows.rows, rows.damaged), (vec![0, 0, 0b0000_1110, 0], 0));
    }

    #[test]
    fn group4_repeats_the_line_above() {
        // Horizontal 001, white 4 1011, black 3 10, V0 1 (to the end); then V0 V0 V0.
        let data = [0b0011_0111, 0b0111_1000];
        let rows = decode(Fax::Group4, &data, EXTENT).expect("sound");
        assert_eq!(rows.rows, [0b0000_1110, 0, 0b0000_1110, 0]);
    }

    /// Bits as text, blanks between them for people.
    fn bits(text: &str) -> Vec<u8> {
        let bits: Vec<bool> = text
            .chars()
            .filter(|letter| *letter != ' ')
            .map(|letter| letter == '1')
            .collect();
        bits.chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .map(|(index, &bit)| u8::from(bit) << (7 - index))
                    .sum()
            })
            .collect()
    }

    const THREE: Extent = Extent {
        width: 12,
        stride: 2,
        rows: 3,
    };
    /// White 4, black 3, white 5.
    const LINE: &str = "1011 10 1100";
    const END: &str = "000000000001";

    #[test]
    fn a_damaged_line_of_group3_costs_itself() {
        let variant = Fax::Group3 {
            two_dimensional: false,
        };
        // Fill before the codes, as writers have it that align them to bytes.
        let data = bits(&format!(
            "0000{END}{LINE}00{END}1011 0000 0000 1{END}{LINE}000{END}"
        ));
        let decoded = decode(variant, &data, THREE).expect("two sound lines");
        assert_eq!(decoded.damaged, 1);
        assert_eq!(decoded.rows, [0b0000_1110, 0].repeat(3));
    }

    #[test]
    fn a_page_that_ends_before_its_height_is_white_below() {
        let variant = Fax::Group3 {
            two_dimensional: false,
        };
        let data = bits(&format!("{END}{LINE}{}", END.repeat(6)));
        let decoded = decode(variant, &data, THREE).expect("a sound line");
        assert_eq!(decoded.damaged, 0);
        assert_eq!(decoded.rows, [0b0000_1110, 0, 0, 0, 0, 0]);
        assert_eq!(
            decode(variant, &bits(&format!("{END}0000 0001 1")), THREE),
            None
        );
    }

    #[test]
    fn two_dimensional_lines_wait_for_one_that_is_coded_alone() {
        let variant = Fax::Group3 {
            two_dimensional: true,
        };
        let extent = Extent { rows: 4, ..THREE };
        // Alone; damaged; against a line that is not known; alone.
        let data = bits(&format!(
            "{END}1{LINE}{END}0 0000 0001{END}0 1 1 1{END}1{LINE}{END}1"
        ));
        let decoded = decode(variant, &data, extent).expect("two sound lines");
        assert_eq!(decoded.damaged, 2);
        assert_eq!(decoded.rows, [0b0000_1110, 0].repeat(4));
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
