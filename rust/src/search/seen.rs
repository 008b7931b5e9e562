//! Words that were seen before in this thread, with their plain form and their stem: most words of a text are.

use std::cell::RefCell;
use std::collections::HashMap;

use super::fold::push_folded;
use super::language::{LANGUAGES, Language};

/// Longer words are not kept.
const LONGEST: usize = 24;

/// So many words of a language are kept; then all are forgotten.
const MOST: usize = 1 << 15;

struct Seen {
    folded: Box<str>,
    stem: Box<str>,
}

thread_local! {
    static SEEN: RefCell<Vec<HashMap<Box<str>, Seen>>> =
        RefCell::new(LANGUAGES.iter().map(|_| HashMap::new()).collect());
}

/// Write the plain form of a word and its stem into `folded` and `stem`, which are empty. `word`: as it is written;
/// `language`: its number among [`LANGUAGES`].
pub fn folded_and_stem(word: &str, language: usize, folded: &mut String, stem: &mut String) {
    SEEN.with_borrow_mut(|seen| {
        let seen = &mut seen[language];
        let language = &LANGUAGES[language];
        if word.len() > LONGEST {
            compute(word, language, folded, stem);
            return;
        }
        if let Some(known) = seen.get(word) {
            folded.push_str(&known.folded);
            stem.push_str(&known.stem);
            return;
        }
        compute(word, language, folded, stem);
        if seen.len() >= MOST {
            seen.clear();
        }
        let known = Seen {
            folded: folded.as_str().into(),
            stem: stem.as_str().into(),
        };
        seen.insert(word.into(), known);
    });
}

fn compute(word: &str, language: &Language, folded: &mut String, stem: &mut String) {
    word.chars().for_each(|c| push_folded(c, folded));
    if folded.is_empty() {
        return;
    }
    let lower;
    let cut = if word.is_ascii() {
        language.stem(folded)
    } else {
        lower = word
            .chars()
            .flat_map(char::to_lowercase)
            .collect::<String>();
        language.stem(&lower)
    };
    cut.chars().for_each(|c| push_folded(c, stem));
    if stem.is_empty() {
        stem.push_str(folded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::language::named;

    fn both(word: &str, code: &str) -> (String, String) {
        let (mut folded, mut stem) = (String::new(), String::new());
        let language = named(code).and_then(Language::number);
        folded_and_stem(word, language.unwrap_or(0), &mut folded, &mut stem);
        (folded, stem)
    }

    #[test]
    fn a_word_that_was_seen_has_the_same_stem_again() {
        for _ in 0..2 {
            assert_eq!(both("Running", "en"), ("running".into(), "run".into()));
            assert_eq!(both("Häuser", "de"), ("hauser".into(), "haus".into()));
            assert_eq!(both("running", "de").1, both("running", "de").1);
            assert_eq!(both("\u{301}", "en"), (String::new(), String::new()));
        }
        for number in 0..MOST + 2 {
            both(&format!("w{number}"), "en");
        }
        assert_eq!(both("Running", "en"), ("running".into(), "run".into()));
    }
}
