//! The characters that a model knows, and the codes of the network's classes for them.

use std::collections::HashMap;

use super::reader::{Reader, corrupt, unsupported};
use crate::error::Result;

/// The number of the space; and of a place without a character of its own.
pub(super) const SPACE: u32 = 0;
pub(super) const NONE: u32 = u32::MAX;
const MAX_CHARACTERS: usize = 1 << 17;
const MAX_CODES: usize = 9;
const DIGIT: u32 = 8;

/// A character, or several that are one class. `digit`: it counts as one in the dictionary of numbers.
pub(super) struct Character {
    pub text: String,
    pub digit: bool,
}

/// Scripts that are read from right to left, or written without spaces: their words are not put together here.
const OTHER_WAYS: [&str; 9] = [
    "Arabic", "Hebrew", "Syriac", "Thaana", "Han", "Hiragana", "Katakana", "Hangul", "Thai",
];

/// Tesseract's `unicharset` (ccutil/unicharset.cpp): a count, and a line for each character, with its properties in
/// hexadecimal digits and, later on, the name of its script.
pub(super) fn characters(part: &[u8]) -> Result<Vec<Character>> {
    let text = std::str::from_utf8(part).map_err(|_| corrupt("its characters are not UTF-8"))?;
    let mut lines = text.lines();
    let count = lines.next().and_then(|line| line.trim().parse().ok());
    let count = count.filter(|&count| count <= MAX_CHARACTERS);
    let count = count.ok_or_else(|| corrupt("its characters are not counted"))?;
    let mut characters = Vec::with_capacity(count);
    for line in lines.by_ref().take(count) {
        let mut fields = line.split_ascii_whitespace();
        let text = fields
            .next()
            .ok_or_else(|| corrupt("a character without a text"))?;
        let properties = fields
            .next()
            .and_then(|field| u32::from_str_radix(field, 16).ok());
        let properties = properties.ok_or_else(|| corrupt("a character without properties"))?;
        if fields
            .by_ref()
            .take(2)
            .any(|field| OTHER_WAYS.contains(&field))
        {
            return Err(unsupported(
                "its script has words without spaces, or runs from right to left",
            ));
        }
        let text = if text == "NULL" { " " } else { text };
        characters.push(Character {
            text: text.to_owned(),
            digit: properties & DIGIT != 0,
        });
    }
    if characters.len() < count {
        return Err(corrupt("its characters end too early"));
    }
    Ok(characters)
}

/// Codes in order: each place of the tree is a beginning of the codes of some characters.
pub(super) struct Codes {
    places: Vec<Place>,
    /// The place after each code that a character begins with, which most have alone; [`NONE`] for others.
    first: Vec<u32>,
    /// One more than the largest code.
    pub range: usize,
}

#[derive(Default)]
struct Place {
    next: HashMap<u32, u32>,
    character: Option<u32>,
}

impl Codes {
    /// The place before the first code.
    pub const ROOT: u32 = 0;

    /// Tesseract's `UnicharCompress` (ccutil/unicharcompress.h): for each character a byte, a length and int32 codes.
    pub fn read(part: &[u8], characters: usize, classes: usize) -> Result<Self> {
        let mut reader = Reader(part);
        let count = reader.size(MAX_CHARACTERS)?;
        let mut codes = Self {
            places: vec![Place::default()],
            first: Vec::new(),
            range: 0,
        };
        for number in 0..count {
            reader.u8()?;
            let length = reader.size(MAX_CODES)?;
            let mut place = Self::ROOT;
            for _ in 0..length {
                let code = reader.size(classes.saturating_sub(1))?;
                codes.range = codes.range.max(code + 1);
                place = codes.step_or_grow(place, code as u32);
            }
            if length > 0 && number < characters {
                codes.places[place as usize].character = Some(number as u32);
            }
        }
        codes.first = vec![NONE; codes.range];
        for (&code, &place) in &codes.places[Self::ROOT as usize].next {
            codes.first[code as usize] = place;
        }
        if codes
            .after(Self::ROOT, 0)
            .and_then(|place| codes.character(place))
            != Some(SPACE)
        {
            return Err(corrupt("its space has no code of its own"));
        }
        Ok(codes)
    }

    fn step_or_grow(&mut self, place: u32, code: u32) -> u32 {
        let new = self.places.len() as u32;
        let found = *self.places[place as usize].next.entry(code).or_insert(new);
        if found == new {
            self.places.push(Place::default());
        }
        found
    }

    /// The place after a code, if any character has codes that begin so.
    pub fn after(&self, place: u32, code: u32) -> Option<u32> {
        if place == Self::ROOT {
            let first = self.first.get(code as usize).copied();
            return first.filter(|&place| place != NONE);
        }
        self.places[place as usize].next.get(&code).copied()
    }

    /// The character whose codes end at a place.
    pub fn character(&self, place: u32) -> Option<u32> {
        self.places[place as usize].character
    }

    /// Whether codes go on after a place.
    pub fn goes_on(&self, place: u32) -> bool {
        !self.places[place as usize].next.is_empty()
    }
}
