//! Text cut into words, as they are indexed and as they are searched for.
//!
//! A word is a run of letters, digits and marks; in scripts without spaces each character is one. So `12.50`,
//! `2024-03-05` and `IMG_1234.jpg` are words in a row, and found as such a row. A language stands before a text to be
//! indexed as two private characters, since a tokeniser of tantivy is given nothing but the text.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::fold::{is_unspaced, push_folded};
use super::language::{LANGUAGES, Language, is_common, named};
use super::pairs::{Pairs, unchosen};
use super::seen::folded_and_stem;

/// Longer words are cut: nobody types them, and tantivy refuses terms of 64 KiB.
const LONGEST: usize = 120;

/// The first of the characters that stand for a language. U+E000 to U+F8FF are private: no text means anything by them.
const FIRST_MARK: u32 = 0xe100;

/// The mark of a language, to stand before the text.
#[must_use]
pub fn mark(language: Option<&Language>) -> char {
    let at = language.and_then(Language::number);
    char::from_u32(FIRST_MARK + at.map_or(0, |at| at as u32 + 1)).unwrap_or('\u{e100}')
}

fn split_mark(text: &str) -> (Option<&'static Language>, &str) {
    let mut chars = text.chars();
    let Some(number) = chars
        .next()
        .and_then(|c| (c as u32).checked_sub(FIRST_MARK))
    else {
        return (None, text);
    };
    match number {
        0 => (None, chars.as_str()),
        _ => match LANGUAGES.get(number as usize - 1) {
            Some(language) => (Some(language), chars.as_str()),
            None => (None, text),
        },
    }
}

/// The number of the language whose mark stands before a text, from 1 on; 0 if it has none.
#[must_use]
pub fn mark_number(marked: &str) -> usize {
    let (language, _) = split_mark(marked);
    language.and_then(Language::number).map_or(0, |at| at + 1)
}

/// How many bytes the mark before a text takes; 0 if there is none.
#[must_use]
pub fn mark_length(marked: &str) -> usize {
    marked.len() - split_mark(marked).1.len()
}

/// A word and where it stands in the text, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Without case and accents.
    pub folded: String,
    /// The stem, without accents; the same as `folded` where the language has none.
    pub stem: String,
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether it is one character of a script without spaces.
    pub unspaced: bool,
}

/// Whether a character is a combining mark.
pub(super) fn is_mark(c: char) -> bool {
    // What is neither letter nor sign, yet part of a word: combining marks.
    unicode_normalization::char::is_combining_mark(c)
}

/// The next word, if there is nothing but ASCII up to its end and after it.
fn plain_span(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from
        + text[from..]
            .iter()
            .position(|c| c.is_ascii_alphanumeric() || !c.is_ascii())?;
    let length = text[start..]
        .iter()
        .position(|c| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len() - start);
    let ended = text.get(start + length).is_none_or(u8::is_ascii);
    (length > 0 && ended).then_some((start, start + length))
}

/// The next run of characters that make a word, from byte `from`.
fn next_span(text: &str, from: usize) -> Option<(usize, usize, bool)> {
    if let Some((start, end)) = plain_span(text.as_bytes(), from) {
        return Some((start, end, false));
    }
    let mut start = None;
    for (at, c) in text[from..].char_indices() {
        let at = from + at;
        let unspaced = is_unspaced(c) && (c.is_alphanumeric() || is_mark(c));
        match start {
            None if unspaced => {
                let mut end = at + c.len_utf8();
                // The marks of the character belong to it.
                for mark in text[end..].chars().take_while(|&mark| is_mark(mark)) {
                    end += mark.len_utf8();
                }
                for mark in text[end..]
                    .chars()
                    .take_while(|mark| matches!(mark, '\u{ff9e}' | '\u{ff9f}'))
                {
                    end += mark.len_utf8();
                }
                return Some((at, end, true));
            }
            None if c.is_alphanumeric() => start = Some(at),
            Some(start) if unspaced || !(c.is_alphanumeric() || is_mark(c)) => {
                return Some((start, at, false));
            }
            _ => {}
        }
    }
    start.map(|start| (start, text.len(), false))
}

/// Walks over the words of a text with one word as its buffer.
struct Walk<'a> {
    text: &'a str,
    /// Its number.
    language: Option<usize>,
    at: usize,
    word: Word,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, language: Option<&'static Language>) -> Self {
        Self {
            text,
            language: language.and_then(Language::number),
            at: 0,
            word: Word::default(),
        }
    }

    fn next(&mut self) -> bool {
        loop {
            let Some((start, end, unspaced)) = next_span(self.text, self.at) else {
                return false;
            };
            self.at = end;
            let mut cut = end.min(start + LONGEST);
            while !self.text.is_char_boundary(cut) {
                cut -= 1;
            }
            let span = &self.text[start..cut];
            let word = &mut self.word;
            (word.start, word.end, word.unspaced) = (start, end, unspaced);
            word.folded.clear();
            word.stem.clear();
            let numeric = span.as_bytes()[0].is_ascii_digit();
            match self.language.filter(|_| !unspaced && !numeric) {
                Some(language) => {
                    folded_and_stem(span, language, &mut word.folded, &mut word.stem);
                }
                None => {
                    span.chars().for_each(|c| push_folded(c, &mut word.folded));
                    word.stem.push_str(&word.folded);
                }
            }
            if !word.folded.is_empty() {
                return true;
            }
        }
    }
}

/// The words of a text.
#[must_use]
pub fn words(text: &str, language: Option<&'static Language>) -> Vec<Word> {
    let mut walk = Walk::new(text, language);
    let mut found = Vec::new();
    while walk.next() {
        found.push(walk.word.clone());
    }
    found
}

/// Go through the words of a text.
pub fn each_word(text: &str, language: Option<&'static Language>, mut see: impl FnMut(&Word)) {
    let mut walk = Walk::new(text, language);
    while walk.next() {
        see(&walk.word);
    }
}

/// The words of a text with a language's mark before it.
#[must_use]
pub fn marked_words(text: &str) -> Vec<Word> {
    let (language, text) = split_mark(text);
    words(text, language)
}

/// The stems that a word may have in these languages, and the word itself, each once.
#[must_use]
pub fn stems(word: &str, languages: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let all = std::iter::once(None).chain(languages.iter().map(|code| named(code)));
    for language in all {
        for word in words(word, language) {
            if !found.contains(&word.stem) {
                found.push(word.stem);
            }
        }
    }
    found
}

/// The common stems of an index that is written, once they are chosen.
pub type Chosen = Arc<OnceLock<Arc<Pairs>>>;

/// The tokeniser of the field of stems: one for each word, in its place.
#[derive(Clone, Default)]
pub struct StemTokenizer(pub Chosen);

/// The tokeniser of the field of words as written: those that differ from their stems, the numbers and letters in mixed
/// ones, pairs of characters of scripts without spaces, pairs of words that hardly any text does without, and the
/// numbers of pairs of common stems.
#[derive(Clone, Default)]
pub struct FormTokenizer(pub Chosen);

/// The tokens of the field of words as written, of a text whose stems were cut last in this thread: the index asks for
/// both, one after the other, and walks over the text once.
#[derive(Default)]
struct Forms {
    text: String,
    /// Whether the text was gone through to its end.
    whole: bool,
    tokens: String,
    /// Where each of them ends in `tokens`.
    ends: Vec<usize>,
    /// The last character of a script without spaces, and where it ended.
    last: Option<(String, usize)>,
    /// The word before, if hardly any text does without it.
    common: String,
    /// None where common stems were not chosen when this text was begun.
    pairs: Option<Arc<Pairs>>,
    /// The stem of the word before, if it is common.
    stem: String,
}

thread_local! {
    static FORMS: RefCell<Forms> = RefCell::default();
}

impl Forms {
    /// Of a text that is still to be walked over.
    fn begun(text: &str, chosen: &Chosen) -> Self {
        let mut forms = FORMS.take();
        forms.text.clear();
        forms.text.push_str(text);
        forms.whole = false;
        forms.tokens.clear();
        forms.ends.clear();
        forms.last = None;
        forms.common.clear();
        forms.stem.clear();
        forms.pairs = chosen.get().cloned();
        if forms.pairs.is_none() {
            forms.tokens.push(unchosen());
            forms.ends.push(forms.tokens.len());
        }
        forms
    }

    /// Of this text: kept, or walked over now.
    fn of(text: &str, chosen: &Chosen) -> Self {
        let kept = FORMS.take();
        if kept.whole && kept.text == text {
            return kept;
        }
        FORMS.set(kept);
        let mut forms = Self::begun(text, chosen);
        let (language, plain) = split_mark(text);
        let mut walk = Walk::new(plain, language);
        while walk.next() {
            forms.add(&walk.word, plain);
        }
        forms.whole = true;
        forms
    }

    fn push(&mut self, token: &str) {
        self.tokens.push_str(token);
        self.ends.push(self.tokens.len());
    }

    /// A word of this text.
    fn add(&mut self, word: &Word, text: &str) {
        if word.unspaced {
            if let Some((before, end)) = &self.last
                && stand_together(text, *end, word.start)
            {
                self.tokens.push_str(before);
                self.push(&word.folded);
            }
            let mut last = self.last.take().map_or_else(String::new, |(text, _)| text);
            last.clear();
            last.push_str(&word.folded);
            self.last = Some((last, word.end));
            self.common.clear();
            self.stem.clear();
            return;
        }
        self.add_pair(word);
        if is_common(&word.folded) {
            if !self.common.is_empty() {
                self.tokens.push_str(&self.common);
                self.tokens.push(' ');
                self.push(&word.folded);
            }
            self.common.clear();
            self.common.push_str(&word.folded);
        } else {
            self.common.clear();
        }
        if word.stem != word.folded {
            self.push(&word.folded);
        }
        for part in mixed_parts(&word.folded) {
            self.push(&part);
        }
    }
}

impl Forms {
    /// The number of a word and the one before it, if both are common.
    fn add_pair(&mut self, word: &Word) {
        let Some(pairs) = &self.pairs else {
            return;
        };
        let common = pairs.common(&word.stem).is_some();
        if common
            && !self.stem.is_empty()
            && let Some(number) = pairs.term(&self.stem, &word.stem)
        {
            self.tokens.push(number);
            self.ends.push(self.tokens.len());
        }
        self.stem.clear();
        if common {
            self.stem.push_str(&word.stem);
        }
    }
}

/// Whether nothing but the end of a line, or spaces, stand between two characters of a text, which end and start there.
#[must_use]
pub fn stand_together(text: &str, end: usize, start: usize) -> bool {
    let between = text.get(end..start);
    between.is_some_and(|between| between.chars().all(char::is_whitespace))
}

impl Tokenizer for StemTokenizer {
    type TokenStream<'a> = StemStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> StemStream<'a> {
        let (language, plain) = split_mark(text);
        StemStream {
            walk: Walk::new(plain, language),
            token: Token::default(),
            forms: Forms::begun(text, &self.0),
        }
    }
}

/// See [`StemTokenizer`].
pub struct StemStream<'a> {
    walk: Walk<'a>,
    token: Token,
    forms: Forms,
}

impl Drop for StemStream<'_> {
    fn drop(&mut self) {
        FORMS.set(std::mem::take(&mut self.forms));
    }
}

impl TokenStream for StemStream<'_> {
    fn advance(&mut self) -> bool {
        if !self.walk.next() {
            self.forms.whole = true;
            return false;
        }
        self.forms.add(&self.walk.word, self.walk.text);
        std::mem::swap(&mut self.token.text, &mut self.walk.word.stem);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

impl Tokenizer for FormTokenizer {
    type TokenStream<'a> = FormStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> FormStream {
        FormStream {
            forms: Forms::of(text, &self.0),
            at: 0,
            token: Token::default(),
        }
    }
}

/// See [`FormTokenizer`].
pub struct FormStream {
    forms: Forms,
    at: usize,
    token: Token,
}

impl Drop for FormStream {
    fn drop(&mut self) {
        FORMS.set(std::mem::take(&mut self.forms));
    }
}

/// The runs of digits and of others in a word that has both.
pub fn mixed_parts(word: &str) -> Vec<String> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || digits == word.len() {
        return Vec::new();
    }
    let mut parts: Vec<String> = Vec::new();
    let mut was = None;
    for c in word.chars() {
        let digit = c.is_ascii_digit();
        if was != Some(digit) {
            parts.push(String::new());
            was = Some(digit);
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

impl TokenStream for FormStream {
    fn advance(&mut self) -> bool {
        let Some(&end) = self.forms.ends.get(self.at) else {
            return false;
        };
        let start = self.at.checked_sub(1).map_or(0, |at| self.forms.ends[at]);
        self.token.text.clear();
        self.token.text.push_str(&self.forms.tokens[start..end]);
        self.token.position = self.token.position.wrapping_add(1);
        self.at += 1;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded_of(text: &str) -> Vec<String> {
        words(text, None)
            .into_iter()
            .map(|word| word.folded)
            .collect()
    }

    fn forms(text: &str) -> Vec<String> {
        let mut tokenizer = FormTokenizer::default();
        let mut stream = tokenizer.token_stream(text);
        let mut found = Vec::new();
        while stream.advance() {
            found.push(stream.token().text.clone());
        }
        assert_eq!(found.remove(0), unchosen().to_string());
        found
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        assert_eq!(
            folded_of("IMG_1234.jpg, 12.50 €"),
            ["img", "1234", "jpg", "12", "50"]
        );
        assert_eq!(folded_of("L'été à Paris"), ["l", "ete", "a", "paris"]);
        assert_eq!(folded_of("東京tower"), ["東", "京", "tower"]);
        assert_eq!(folded_of("हिन्दी"), ["हिन्दी"]);
        assert_eq!(folded_of("ภาษา"), ["ภ", "า", "ษ", "า"]);
        assert_eq!(folded_of("e\u{301}t"), ["et"]);
        assert!(folded_of(" ,;-\u{301}").is_empty());
    }

    #[test]
    fn a_mark_chooses_the_stems() {
        let text = format!("{}running libraries", mark(named("en")));
        let stems: Vec<_> = marked_words(&text)
            .into_iter()
            .map(|word| word.stem)
            .collect();
        assert_eq!(stems, ["run", "librari"]);
        assert_eq!(forms(&text), ["running", "libraries"]);
        assert_eq!(
            forms(&format!("{}running", mark(None))),
            Vec::<String>::new()
        );
    }

    #[test]
    fn pairs_and_parts_are_words_too() {
        assert_eq!(forms("東京都。中"), ["東京", "京都"]);
        assert_eq!(forms("東京\n都a中"), ["東京", "京都"]);
        assert_eq!(forms("IMG1234"), ["img", "1234"]);
    }

    #[test]
    fn common_words_are_pairs() {
        let text = format!("{}To be, or not: für die \u{1f600} cat of", mark(None));
        assert_eq!(
            forms(&text),
            ["to be", "be or", "or not", "not fur", "fur die"]
        );
        assert_eq!(forms("the 東 the"), Vec::<String>::new());
    }

    #[test]
    fn words_as_written_are_the_same_after_the_stems_were_cut() {
        let texts = [
            format!("{}running IMG1234 東京都 libraries", mark(named("en"))),
            format!("{}running 東", mark(None)),
            String::new(),
        ];
        for text in &texts {
            let alone = forms(text);
            let mut stems = StemTokenizer::default();
            let mut stream = stems.token_stream(text);
            while stream.advance() {}
            drop(stream);
            assert_eq!(forms(text), alone);
            // A stream that was left in the middle is not taken for the whole.
            let mut stream = stems.token_stream(text);
            stream.advance();
            drop(stream);
            assert_eq!(forms(text), alone);
        }
        assert_eq!(
            forms(&texts[0]),
            ["running", "img", "1234", "東京", "京都", "libraries"]
        );
    }

    #[test]
    fn a_word_has_the_stems_of_all_languages() {
        let found = stems("running", &["en".into(), "de".into()]);
        assert!(found.contains(&"running".to_owned()) && found.contains(&"run".to_owned()));
    }

    #[test]
    fn a_text_cannot_pass_for_a_mark() {
        let text = format!("{}{}running", mark(None), mark(named("en")));
        assert_eq!(marked_words(&text)[0].stem, "running");
    }
}
