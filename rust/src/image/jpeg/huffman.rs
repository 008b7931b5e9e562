//! Huffman codes of sequential JPEG (T.81, F.2.2), a code and the value behind it looked up together.

use std::ops::Range;

/// Bits that one lookup sees. At 11, nearly all symbols of a photograph are found at once, and the two tables for AC
/// together fill half of a first-level cache.
const LOOKUP: u32 = 11;

/// The longest code.
const LONGEST: usize = 16;

/// One table. An entry for the next [`LOOKUP`] bits: the bits used by code and value in bits 0 to 7, how far the position
/// moves in bits 8 to 15, the value in bits 16 to 31. Where only the code fits into a lookup, the move is [`LONG`] and the
/// value is the code's symbol and, in its upper byte, length.
pub struct Table {
    entries: Box<[u32; 1 << LOOKUP]>,
    /// The first two coefficients, where both fit into a lookup: half the lookups of a photograph. As in `entries`, but
    /// the bits of both in bits 0 to 7, their moves in bits 8 to 23, their values in bits 32 to 63. With one only, the
    /// second moves by 0 and has the same value.
    pairs: Box<[u64; 1 << LOOKUP]>,
    /// For each length of code, the first code that is longer, left-aligned to 16 bits.
    limits: [u32; LONGEST + 1],
    /// For each length: where its first symbol stands, less its first code.
    offsets: [i32; LONGEST + 1],
    symbols: [u8; 256],
    is_dc: bool,
}

/// Symbols that can be looked up between two calls of [`Bits::refill`].
pub const STEPS: u32 = 56 / LOOKUP;

/// How far the position moves at the end of a block, and where a code and its value are longer than a lookup: beyond
/// every position there is, so that a decoder needs one comparison for both.
pub const END: usize = 64;
const LONG: usize = 128;

/// What one code and the bits behind it say.
#[derive(Clone, Copy)]
pub struct Step {
    /// The coefficient, or for DC the difference; 0 for sixteen zeros.
    pub value: i32,
    /// How many positions it stands after the one before: 1 to 16, or [`END`].
    pub advance: usize,
}

impl Table {
    /// From the number of codes of each length and the symbols in order of their codes. None if they make no sense.
    pub fn new(counts: &[u8; LONGEST], symbols: &[u8], is_dc: bool) -> Option<Self> {
        let mut table = Self {
            entries: vec![(LONG as u32) << 8; 1 << LOOKUP].try_into().ok()?,
            pairs: vec![0; 1 << LOOKUP].try_into().ok()?,
            limits: [0; LONGEST + 1],
            offsets: [0; LONGEST + 1],
            symbols: [0; 256],
            is_dc,
        };
        table
            .symbols
            .get_mut(..symbols.len())?
            .copy_from_slice(symbols);
        let largest = if is_dc { 11 } else { 255 };
        if symbols.iter().any(|&symbol| symbol > largest) {
            return None;
        }
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=LONGEST {
            table.offsets[length] = index as i32 - code as i32;
            for _ in 0..counts[length - 1] {
                if code >= 1 << length {
                    return None;
                }
                table.fill(code, length as u32, *symbols.get(index)?);
                code += 1;
                index += 1;
            }
            table.limits[length] = code << (LONGEST - length);
            code <<= 1;
        }
        table.pair_up();
        Some(table)
    }

    fn pair_up(&mut self) {
        for index in 0..1usize << LOOKUP {
            let first = self.entries[index];
            let (used, advance) = (first & 0xff, first >> 8 & 0xff);
            let second = self.entries[index << used & ((1 << LOOKUP) - 1)];
            let (more, beyond) = (second & 0xff, second >> 8 & 0xff);
            let both = (advance as usize) < END && (beyond as usize) < END && used + more <= LOOKUP;
            let (used, beyond, second) = match both {
                true => (used + more, beyond, second),
                false => (used, 0, first),
            };
            let values = u64::from(second >> 16) << 48 | u64::from(first >> 16) << 32;
            self.pairs[index] = values | u64::from(beyond << 16 | advance << 8 | used);
        }
    }

    /// Enter all that begins with `code`.
    fn fill(&mut self, code: u32, length: u32, symbol: u8) {
        let (run, size) = self.parts(symbol);
        let used = length + size;
        if used > LOOKUP {
            if length <= LOOKUP {
                let entry = (length << 8 | u32::from(symbol)) << 16 | (LONG as u32) << 8;
                let spare = LOOKUP - length;
                let first = (code << spare) as usize;
                self.entries[first..first + (1 << spare)].fill(entry);
            }
            return;
        }
        let advance = if self.ends(symbol) { END } else { run + 1 };
        let spare = LOOKUP - used;
        for bits in 0..1u32 << size {
            let value = extend(bits, size) as i16 as u16;
            let entry = u32::from(value) << 16 | (advance as u32) << 8 | used;
            let first = ((code << size | bits) << spare) as usize;
            self.entries[first..first + (1 << spare)].fill(entry);
        }
    }

    /// Zeros before the value, and the bits of the value.
    #[inline(always)]
    fn parts(&self, symbol: u8) -> (usize, u32) {
        if self.is_dc {
            (0, u32::from(symbol))
        } else {
            (usize::from(symbol >> 4), u32::from(symbol & 15))
        }
    }

    /// Whether the symbol says that a block has no more.
    #[inline(always)]
    fn ends(&self, symbol: u8) -> bool {
        !self.is_dc && symbol & 15 == 0 && symbol != 0xf0
    }
}

/// A value from its bits: those that begin with 0 are negative (T.81, F.2.2.1).
#[inline(always)]
fn extend(bits: u32, size: u32) -> i32 {
    if size == 0 || bits >> (size - 1) != 0 {
        bits as i32
    } else {
        bits as i32 - (1 << size) + 1
    }
}

/// Bits of one restart interval, most significant first. A copy is kept in registers while a block is decoded, so
/// what is rarely done takes and gives back a copy: a reference would force it into memory.
#[derive(Clone, Copy)]
pub struct Bits<'data> {
    data: &'data [u8],
    /// The next byte to load.
    next: usize,
    end: usize,
    /// The next bits, left-aligned; `count` of them are accounted for.
    buffer: u64,
    count: u32,
}

impl<'data> Bits<'data> {
    /// The bits of `range`. Reading beyond it gives whatever follows, which [`Self::are_used_up`] finds out.
    pub fn new(data: &'data [u8], range: Range<usize>) -> Self {
        Self {
            data,
            next: range.start,
            end: range.end,
            buffer: 0,
            count: 0,
        }
    }

    /// Have at least 56 bits at hand (zeros, beyond the data).
    #[inline(always)]
    pub fn refill(&mut self) {
        let word = match self.data.get(self.next..self.next + 8) {
            Some(bytes) => u64::from_be_bytes(bytes.try_into().unwrap_or_default()),
            None => last_word(self.data, self.next),
        };
        self.buffer |= word >> self.count;
        self.next += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// Take one symbol off, if a lookup shows it; at least [`LOOKUP`] bits must be at hand. Else nothing is taken off,
    /// and the step leads beyond every position: ask [`Self::long_step`].
    #[inline(always)]
    pub fn step(&mut self, table: &Table) -> Step {
        let entry = table.entries[(self.buffer >> (64 - LOOKUP)) as usize];
        self.skip(entry & 0xff);
        Step {
            value: entry as i32 >> 16,
            advance: (entry >> 8 & 0xff) as usize,
        }
    }

    /// Take one or two symbols off, if a lookup shows them; as [`Self::step`].
    #[inline(always)]
    pub fn steps(&mut self, table: &Table) -> [Step; 2] {
        let entry = table.pairs[(self.buffer >> (64 - LOOKUP)) as usize];
        self.skip(entry as u32 & 0xff);
        [
            Step {
                value: (entry >> 32) as i16 as i32,
                advance: (entry >> 8 & 0xff) as usize,
            },
            Step {
                value: (entry as i64 >> 48) as i32,
                advance: (entry >> 16 & 0xff) as usize,
            },
        ]
    }

    /// The symbol behind `step` where a lookup did not show it, then a refill. None where no code stands.
    #[inline(always)]
    pub fn long_step(&mut self, step: Step, table: &Table) -> Option<Step> {
        if step.advance != LONG {
            return Some(step);
        }
        let (rest, step) = long_step(*self, step.value as u32, table)?;
        *self = rest;
        Some(step)
    }

    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count -= bits;
    }

    /// Whether all was read but the padding of the last byte, and nothing beyond it.
    pub fn are_used_up(&self) -> bool {
        let used = self.next as u64 * 8 - u64::from(self.count);
        let all = self.end as u64 * 8;
        used <= all && all - used < 8
    }
}

/// The bytes from `next` on, at most eight, and zeros.
#[cold]
#[inline(never)]
fn last_word(data: &[u8], next: usize) -> u64 {
    let rest = data.get(next..).unwrap_or_default();
    let mut word = [0; 8];
    for (byte, &value) in word.iter_mut().zip(rest) {
        *byte = value;
    }
    u64::from_be_bytes(word)
}

/// A symbol that the lookup does not show: what follows it, and itself.
#[inline(never)]
fn long_step<'data>(
    mut bits: Bits<'data>,
    known: u32,
    table: &Table,
) -> Option<(Bits<'data>, Step)> {
    bits.refill();
    let (length, symbol) = match known {
        0 => long_code((bits.buffer >> 48) as u32, table)?,
        _ => (known >> 8, known as u8),
    };
    bits.skip(length);
    let (run, size) = table.parts(symbol);
    let value = match size {
        0 => 0,
        size => bits.buffer >> (64 - size),
    };
    bits.skip(size);
    bits.refill();
    let step = Step {
        value: extend(value as u32, size),
        advance: if table.ends(symbol) { END } else { run + 1 },
    };
    Some((bits, step))
}

/// Length and symbol of a code that is longer than a lookup, from the next 16 bits.
fn long_code(head: u32, table: &Table) -> Option<(u32, u8)> {
    let length = (1..=LONGEST).find(|&length| head < table.limits[length])?;
    let code = (head >> (LONGEST - length)) as i32;
    let index = usize::try_from(code + table.offsets[length]).ok()?;
    Some((length as u32, *table.symbols.get(index)?))
}
