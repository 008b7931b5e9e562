//! Whether bytes are text in some encoding. Which one it is, the reader finds out; here cheap counts must keep text
//! and binary data apart.

use std::ops::RangeInclusive;

/// How text is written, as far as that decides how its first bytes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// ASCII bytes mean ASCII: UTF-8 and all encodings of one or two bytes a character.
    Ascii,
    /// Units of so many bytes, the least significant first or last.
    Wide { bytes: usize, little: bool },
    /// XML as mainframes write it.
    Ebcdic,
}

use Coding::{Ascii, Ebcdic, Wide};

/// `<?xml` in EBCDIC.
const EBCDIC_XML: &[u8] = b"\x4c\x6f\xa7\x94\x93";

const UTF16: [Coding; 2] = [
    Wide {
        bytes: 2,
        little: true,
    },
    Wide {
        bytes: 2,
        little: false,
    },
];
const UTF32: [Coding; 2] = [
    Wide {
        bytes: 4,
        little: true,
    },
    Wide {
        bytes: 4,
        little: false,
    },
];

/// How the text in `head` is written; None if it is no text. `named`: whether the name says that it is text, so that
/// less evidence is enough.
pub(super) fn coding(head: &[u8], named: bool) -> Option<Coding> {
    if let Some((coding, mark)) = marked(head) {
        return (!bad_wide(&head[mark..], coding)).then_some(coding);
    }
    if head.starts_with(EBCDIC_XML) {
        return Some(Ebcdic);
    }
    let body = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if is_plain(body) {
        return Some(Ascii);
    }
    // Most binary data shows in its first bytes that it is none.
    let first = Controls::of(&body[..body.len().min(START)]);
    // Text without a mark in units of two or four bytes has zeros, or bytes that look like control characters.
    if first.nul + first.others > 0 {
        let unmarked = UTF32.into_iter().chain(UTF16);
        if let Some(coding) = unmarked
            .into_iter()
            .find(|&coding| is_wide(head, coding, named))
        {
            return Some(coding);
        }
    }
    if first.others * 16 > first.all || first.nul_runs * 12 > first.all {
        return None;
    }
    let controls = Controls::of(body);
    if !controls.are_few(named) {
        return None;
    }
    let start = &body[..body.len().min(LETTERS)];
    let counts = Counts::of(start);
    let narrow = named
        || counts.high == 0
        || counts.is_unicode(start)
        || is_one_byte(&counts, &controls)
        || is_two_bytes(start, &counts);
    narrow.then_some(Ascii)
}

/// How much is looked at first.
const START: usize = 4096;
/// How much is looked at to tell letters from other bytes: it takes longer than the rest.
const LETTERS: usize = 16 << 10;

/// Whether this is UTF-8 without a control character, as most text is. It takes a tenth of the time of [`Counts`].
fn is_plain(body: &[u8]) -> bool {
    let plain = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0, |sum, &byte| sum | u8::from(is_control(byte)))
            == 0
    };
    // The head may end within a character.
    body.chunks(1024).all(plain)
        && std::str::from_utf8(body)
            .err()
            .is_none_or(|error| error.error_len().is_none())
}

/// Bytes that no text has: NUL, the control characters but those that terminals know, and DEL.
const fn is_control(byte: u8) -> bool {
    (byte < 0x08) | ((byte > 0x0d) & (byte < 0x20) & (byte != 0x1b)) | (byte == 0x7f)
}

/// The first `most` characters in UTF-8, for a look at how the text begins.
pub(super) fn beginning(head: &[u8], coding: Coding, most: usize) -> Vec<u8> {
    match coding {
        Ascii => head[..head.len().min(most)].to_vec(),
        Ebcdic => b"<?xml".to_vec(),
        Wide { .. } => {
            let mark = marked(head).map_or(0, |(_, mark)| mark);
            let letters = characters(&head[mark..], coding).take(most);
            letters
                .map(|letter| letter.unwrap_or('\u{fffd}'))
                .collect::<String>()
                .into_bytes()
        }
    }
}

/// UTF-16 or UTF-32 by its byte order mark, and the mark's length.
fn marked(head: &[u8]) -> Option<(Coding, usize)> {
    match head {
        [0xff, 0xfe, 0, 0, ..] if head.len().is_multiple_of(4) => Some((UTF32[0], 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((UTF32[1], 4)),
        [0xff, 0xfe, ..] => Some((UTF16[0], 2)),
        [0xfe, 0xff, ..] => Some((UTF16[1], 2)),
        _ => None,
    }
}

// one and two bytes a character ----------------------------------------------------------------------------------------

/// The bytes that no text has.
struct Controls {
    all: usize,
    nul: usize,
    /// Runs of NUL: a crash leaves blocks of them in a log.
    nul_runs: usize,
    others: usize,
}

impl Controls {
    fn of(body: &[u8]) -> Self {
        // The end-of-file mark of DOS and CP/M, with what fills its last block.
        let body = match body.iter().rposition(|&byte| byte != 0x1a && byte != 0) {
            Some(last) if body[last + 1..].first() == Some(&0x1a) => &body[..=last],
            _ => body,
        };
        // ISO-2022-KR shifts between two sets.
        let shifting = memchr::memmem::find(&body[..body.len().min(4096)], b"\x1b$)C").is_some();
        let shifts = if shifting {
            count(body, |byte| matches!(byte, 0x0e | 0x0f))
        } else {
            0
        };
        let nul = count(body, |byte| byte == 0);
        Self {
            all: body.len(),
            nul,
            nul_runs: if nul == 0 { 0 } else { nul_runs(body) },
            others: count(body, is_control) - nul - shifts,
        }
    }

    /// Whether there are no more than a damaged or odd text has.
    fn are_few(&self, named: bool) -> bool {
        let (nul, others) = if named { (24, 25) } else { (40, 200) };
        self.nul_runs * nul <= self.all
            && self.others * others <= self.all
            && self.nul * 10 <= self.all * 9
    }
}

/// How many bytes are such.
fn count(body: &[u8], is: impl Fn(u8) -> bool) -> usize {
    count_pairs(body, body, |byte, _| is(byte))
}

/// How many pairs of the bytes at the same place in both are such, in arrays of a fixed length and sums of one byte: so
/// processors look at many at once.
fn count_pairs(first: &[u8], second: &[u8], is: impl Fn(u8, u8) -> bool) -> usize {
    const AT_ONCE: usize = 128;
    let length = first.len().min(second.len());
    let (first_chunks, first_rest) = first[..length].as_chunks::<AT_ONCE>();
    let (second_chunks, second_rest) = second[..length].as_chunks::<AT_ONCE>();
    let sum = |first: &[u8], second: &[u8]| {
        let pairs = first.iter().zip(second);
        pairs.fold(0_u8, |sum, (&a, &b)| sum + u8::from(is(a, b)))
    };
    let chunks = first_chunks.iter().zip(second_chunks);
    let whole: usize = chunks.map(|(a, b)| usize::from(sum(a, b))).sum();
    whole + usize::from(sum(first_rest, second_rest))
}

fn nul_runs(body: &[u8]) -> usize {
    let rest = body.get(1..).unwrap_or_default();
    count_pairs(body, rest, |before, byte| (byte == 0) & (before != 0))
        + usize::from(body.first() == Some(&0))
}

/// What there is of each sort of letter.
struct Counts {
    all: usize,
    white: usize,
    high: usize,
    /// Bytes that Latin-1 leaves to control characters.
    marks: usize,
    letters: usize,
    /// Consonants of Thai, its vowels and tones above and below, and those of them that stand on a consonant.
    thai: [usize; 3],
    /// The most bytes in a row without white space.
    longest: usize,
}

impl Counts {
    fn of(body: &[u8]) -> Self {
        let mut number = [0_usize; 256];
        for &byte in body {
            number[usize::from(byte)] += 1;
        }
        let sum =
            |bytes: RangeInclusive<u8>| bytes.map(|byte| number[usize::from(byte)]).sum::<usize>();
        let mut counts = Self {
            all: body.len(),
            white: number[9] + number[10] + number[13] + number[32],
            high: sum(0x80..=0xff),
            marks: sum(0x80..=0x9f),
            letters: sum(b'A'..=b'Z') + sum(b'a'..=b'z'),
            thai: [sum(0xa1..=0xce), 0, 0],
            longest: body
                .split(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '))
                .map(<[u8]>::len)
                .max()
                .unwrap_or(0),
        };
        if counts.high * 2 >= counts.all {
            for pair in body.windows(2) {
                if matches!(pair[1], 0xd1 | 0xd4..=0xda | 0xe7..=0xec) {
                    counts.thai[1] += 1;
                    let stands = matches!(pair[0], 0xa1..=0xce | 0xd1..=0xda | 0xe7..=0xec);
                    counts.thai[2] += usize::from(stands);
                }
            }
        }
        counts
    }

    /// UTF-8, where the head may end within a character and single characters may be damaged.
    fn is_unicode(&self, body: &[u8]) -> bool {
        if self.high == 0 {
            return true;
        }
        let (mut rest, mut bad) = (body, 0);
        loop {
            match std::str::from_utf8(rest) {
                Ok(_) => break,
                Err(error) => match error.error_len() {
                    None => break,
                    Some(length) => {
                        bad += length;
                        if bad * 20 > self.high {
                            return false;
                        }
                        rest = &rest[error.valid_up_to() + length..];
                    }
                },
            }
        }
        bad == 0 && (self.high > 2 || body.len() > self.high || std::str::from_utf8(body).is_ok())
            || bad * 20 <= self.high
    }
}

/// Words of letters beyond ASCII with white space between them, as all alphabets have them.
fn is_one_byte(counts: &Counts, controls: &Controls) -> bool {
    // Western: few letters beyond ASCII, hardly any in the range that Windows-1252 fills with quotation marks.
    let western = counts.high * 10 <= counts.all * 4 && counts.marks * 20 <= counts.all;
    let words = counts.white * 20 >= counts.all && counts.longest <= 200;
    let some_words = counts.white * 50 >= counts.all && counts.longest <= 600;
    // Nearly all ASCII, in lines of any length.
    let rare = counts.high * 50 <= counts.all && controls.others == 0 && controls.nul == 0;
    // Thai has no spaces between its words.
    let [consonants, signs, on_consonants] = counts.thai;
    let thai = counts.high * 2 >= counts.all
        && counts.white > 0
        && counts.marks * 20 <= counts.high
        && consonants * 5 >= counts.high * 2
        && signs * 10 >= counts.high
        && on_consonants * 100 >= signs * 97;
    rare || thai
        || western && some_words
        || words && (counts.high + counts.letters) * 2 >= counts.all
}

/// A way to write East Asian text: which bytes begin a pair, which end it, and which pairs nearly all text has many of.
struct Pairs {
    lead: &'static [RangeInclusive<u8>],
    trail: &'static [RangeInclusive<u8>],
    usual: &'static [(RangeInclusive<u8>, RangeInclusive<u8>)],
    /// Bytes that are a character by themselves.
    single: RangeInclusive<u8>,
}

const NONE: RangeInclusive<u8> = RangeInclusive::new(1, 0);
/// Nothing of interest: `RangeInclusive::new(1, 0)` is empty.
const PAIRS: [Pairs; 6] = [
    // EUC-JP: kana, punctuation and the first level of kanji
    Pairs {
        lead: &[0x8e..=0x8f, 0xa1..=0xfe],
        trail: &[0xa1..=0xfe],
        usual: &[(0xa4..=0xa5, 0xa1..=0xfe), (0xa1..=0xa1, 0xa1..=0xfe)],
        single: NONE,
    },
    // GB 2312: the first level of hanzi, and punctuation
    Pairs {
        lead: &[0xa1..=0xf7],
        trail: &[0xa1..=0xfe],
        usual: &[(0xb0..=0xd7, 0xa1..=0xfe), (0xa1..=0xa3, 0xa1..=0xfe)],
        single: NONE,
    },
    // GBK and GB 18030, whose four bytes look like two pairs
    Pairs {
        lead: &[0x81..=0xfe],
        trail: &[0x30..=0x39, 0x40..=0x7e, 0x80..=0xfe],
        usual: &[(0xb0..=0xd7, 0xa1..=0xfe), (0xa1..=0xa3, 0xa1..=0xfe)],
        single: 0x80..=0x80,
    },
    // Windows-949: the syllables in common use
    Pairs {
        lead: &[0x81..=0xfd],
        trail: &[0x41..=0x5a, 0x61..=0x7a, 0x81..=0xfe],
        usual: &[(0xb0..=0xc8, 0xa1..=0xfe)],
        single: NONE,
    },
    // Shift_JIS: kana, and the first level of kanji
    Pairs {
        lead: &[0x81..=0x9f, 0xe0..=0xfc],
        trail: &[0x40..=0x7e, 0x80..=0xfc],
        usual: &[
            (0x82..=0x82, 0x9f..=0xf1),
            (0x83..=0x83, 0x40..=0x96),
            (0x81..=0x81, 0x40..=0x5b),
        ],
        single: 0xa1..=0xdf,
    },
    // Big5: the hanzi in common use, and punctuation
    Pairs {
        lead: &[0x81..=0xfe],
        trail: &[0x40..=0x7e, 0xa1..=0xfe],
        usual: &[
            (0xa4..=0xc6, 0x40..=0x7e),
            (0xa4..=0xc6, 0xa1..=0xfe),
            (0xa1..=0xa1, 0x40..=0xbf),
        ],
        single: NONE,
    },
];

/// Hardly a byte that is no part of a pair, and the pairs that such text has.
fn is_two_bytes(body: &[u8], counts: &Counts) -> bool {
    counts.high >= 8 && PAIRS.iter().any(|pairs| fits(body, pairs))
}

fn fits(body: &[u8], set: &Pairs) -> bool {
    let within =
        |ranges: &[RangeInclusive<u8>], byte: u8| ranges.iter().any(|range| range.contains(&byte));
    let (mut pairs, mut usual, mut near, mut single, mut bad, mut at) = (0, 0, 0, 0, 0, 0);
    while let Some(&lead) = body.get(at) {
        at += 1;
        if lead < 0x80 {
            continue;
        }
        match body.get(at) {
            Some(&trail) if within(set.lead, lead) && within(set.trail, trail) => {
                pairs += 1;
                near += usize::from(lead.abs_diff(trail) <= 2);
                usual += usize::from(
                    set.usual
                        .iter()
                        .any(|(first, second)| first.contains(&lead) && second.contains(&trail)),
                );
                at += 1;
            }
            None => {}
            Some(_) if set.single.contains(&lead) => single += 1,
            Some(_) => bad += 1,
        }
        if bad > 2 && bad * 50 > pairs + single {
            return false;
        }
    }
    // Samples of sound and pictures are like their neighbours; the two bytes of a letter are not.
    let smooth = near * 4 > pairs + single;
    !smooth
        && bad * 50 <= pairs + single
        && usual * 20 >= (pairs + single) * if set.lead.len() == 2 { 6 } else { 11 }
}

// two and four bytes a unit --------------------------------------------------------------------------------------------

/// The characters of UTF-16 or UTF-32; None for what is none.
fn characters(body: &[u8], coding: Coding) -> Box<dyn Iterator<Item = Option<char>> + '_> {
    let Wide { bytes, little } = coding else {
        return Box::new(std::iter::empty());
    };
    let value = move |unit: &[u8]| {
        let digits = unit.iter().map(|&byte| u32::from(byte));
        if little {
            digits.rev().fold(0, |sum, digit| sum << 8 | digit)
        } else {
            digits.fold(0, |sum, digit| sum << 8 | digit)
        }
    };
    let units = body.chunks_exact(bytes).map(value);
    if bytes == 4 {
        return Box::new(units.map(char::from_u32));
    }
    // At most 0xffff, as a unit has two bytes.
    let units = units.map(|unit| unit as u16);
    Box::new(char::decode_utf16(units).map(Result::ok))
}

/// Letters of alphabets and syllabaries, and the punctuation that goes with them.
fn is_script(letter: char) -> bool {
    matches!(u32::from(letter),
        0xa0..=0x24f | 0x2b0..=0x36f | 0x370..=0x52f | 0x531..=0x5ff | 0x600..=0x6ff | 0x900..=0xdff
        | 0xe00..=0xe7f | 0x10a0..=0x10ff | 0x1100..=0x11ff | 0x1e00..=0x1fff | 0x2000..=0x206f
        | 0x20a0..=0x20bf | 0x2100..=0x214f | 0x2190..=0x21ff | 0x2460..=0x24ff | 0x2500..=0x27bf
        | 0x3000..=0x30ff | 0x3105..=0x318e | 0x3200..=0x33ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff01..=0xffe6 | 0x10000..=0x1faff | 0x20000..=0x2ffff)
}

/// What every text has, in every script: spaces, ends of lines, digits, punctuation.
fn is_common(letter: char) -> bool {
    matches!(
        letter,
        ' '..='~' | '\n' | '\r' | '\t' | '、' | '。' | '，' | '！' | '：' | '？' | '；'
    )
}

/// Text behind a mark: a mark alone is one, but binary data may begin with its bytes.
fn bad_wide(body: &[u8], coding: Coding) -> bool {
    let (mut all, mut bad) = (0, 0);
    for letter in characters(body, coding) {
        all += 1;
        let is_bad = letter.is_none_or(|letter| {
            matches!(letter, '\0'..='\x08' | '\x0e'..='\x1a' | '\x1c'..='\x1f' | '\u{fffe}' | '\u{ffff}')
        });
        bad += usize::from(is_bad);
    }
    // The head may end between two halves of a character.
    bad > 1 && bad * 50 > all
        || bad == 1 && all < 50 && characters(body, coding).last() != Some(None)
}

/// Text without a mark: nearly all characters belong to some script, some to all scripts, and hardly any to none.
fn is_wide(head: &[u8], coding: Coding, named: bool) -> bool {
    let Wide { bytes, .. } = coding else {
        return false;
    };
    let (mut all, mut common, mut script, mut other, mut near) = (0, 0, 0, 0, 0);
    let mut before = 0;
    // How many characters there are of each 256: an alphabet fits into one.
    let mut blocks = [0_usize; 256];
    for letter in characters(head, coding) {
        all += 1;
        let number = letter.map_or(0, u32::from);
        near += usize::from(number.abs_diff(before) <= 2);
        before = number;
        match letter {
            Some(letter) if is_common(letter) => common += 1,
            Some(letter) if is_script(letter) => {
                script += 1;
                blocks[(number >> 8 & 0xff) as usize] += 1;
            }
            _ => other += 1,
        }
        if other > 4 && other * 20 > all {
            return false;
        }
    }
    let one_alphabet = blocks.iter().any(|&block| block * 10 >= all * 8);
    // Samples of sound and pictures are like their neighbours; letters are not.
    head.len() >= 4 * bytes.min(2)
        && (near * 2 <= all || all < 64)
        && (named || all >= 32 || common * 2 >= all)
        && (common * 50 >= all || common > 0 && one_alphabet)
        && (other * 50 <= all || other <= 1 && all >= 20)
        && (script == 0 || common * 20 >= all || common >= 2 || one_alphabet)
}
