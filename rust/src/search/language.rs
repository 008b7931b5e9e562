//! Languages: which a text is in, by its commonest words, and how words of it are cut to their stems.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use frostem::{Algorithm, Stemmer};

use super::fold::folded;

/// A language with stems.
#[derive(Clone, Copy)]
pub struct Language {
    /// ISO 639-1.
    pub code: &'static str,
    /// ISO 639-2, as Tesseract names it.
    long: &'static str,
    algorithm: Algorithm,
    /// Words that hardly any text of some length does without, lower case.
    common: &'static [&'static str],
}

/// Every language with stems. The order decides where two find as many common words.
pub const LANGUAGES: &[Language] = &[
    language(
        "en",
        "eng",
        Algorithm::English,
        &[
            "the", "and", "of", "to", "is", "that", "with", "for", "was", "this", "are", "you",
            "in", "on", "by", "from", "as", "at", "an", "be", "it", "or", "not", "which", "have",
            "a", "how", "can", "than", "into", "between", "its",
        ],
    ),
    language(
        "de",
        "deu",
        Algorithm::German,
        &[
            "der", "die", "und", "das", "ist", "nicht", "ein", "eine", "mit", "zu", "den", "von",
            "in", "im", "auf", "für", "sich", "auch", "dem", "bei", "als", "es", "an", "wir",
            "ich", "des", "zum", "oder", "wie",
        ],
    ),
    language(
        "fr",
        "fra",
        Algorithm::French,
        &[
            "le", "la", "les", "et", "des", "est", "une", "dans", "pour", "que", "du", "pas", "de",
            "un", "en", "au", "sur", "par", "avec", "qui", "ne", "se", "ce", "il", "je", "nous",
            "vous", "ou", "aux",
        ],
    ),
    language(
        "es",
        "spa",
        Algorithm::Spanish,
        &[
            "el", "los", "las", "y", "del", "que", "una", "por", "con", "para", "es", "como", "de",
            "la", "en", "un", "no", "se", "a", "al", "lo", "su", "más", "o", "si", "sobre", "sin",
        ],
    ),
    language(
        "it",
        "ita",
        Algorithm::Italian,
        &[
            "il", "di", "che", "della", "per", "una", "sono", "con", "non", "gli", "dei", "nel",
            "la", "un", "in", "a", "è", "e", "del", "le", "si", "da", "al", "lo", "più", "ma",
            "come",
        ],
    ),
    language(
        "pt",
        "por",
        Algorithm::Portuguese,
        &[
            "o", "os", "que", "não", "uma", "para", "com", "em", "da", "dos", "ao", "mais", "de",
            "a", "do", "e", "um", "no", "na", "se", "é", "por", "as", "sem", "como",
        ],
    ),
    language(
        "nl",
        "nld",
        Algorithm::Dutch,
        &[
            "het", "een", "van", "en", "niet", "dat", "zijn", "voor", "met", "ook", "aan", "naar",
            "de", "in", "is", "op", "te", "er", "je", "ik", "of", "bij", "uit", "om",
        ],
    ),
    language(
        "sv",
        "swe",
        Algorithm::Swedish,
        &[
            "och", "att", "det", "som", "är", "inte", "på", "för", "av", "jag", "den", "till",
            "en", "i", "ett", "med", "har", "om", "vi", "de",
        ],
    ),
    language(
        "da",
        "dan",
        Algorithm::Danish,
        &[
            "og", "at", "det", "som", "er", "ikke", "på", "af", "til", "jeg", "den", "der", "en",
            "i", "et", "med", "har", "for", "vi", "de",
        ],
    ),
    language(
        "no",
        "nor",
        Algorithm::Norwegian,
        &[
            "og", "at", "det", "som", "er", "ikke", "på", "av", "til", "jeg", "være", "fra", "en",
            "i", "et", "med", "har", "for", "vi", "de",
        ],
    ),
    language(
        "fi",
        "fin",
        Algorithm::Finnish,
        &[
            "ja", "on", "ei", "että", "se", "hän", "mutta", "oli", "kun", "niin", "ovat", "myös",
            "tai", "kuin", "joka",
        ],
    ),
    language(
        "hu",
        "hun",
        Algorithm::Hungarian,
        &[
            "az", "és", "hogy", "nem", "egy", "van", "is", "ez", "meg", "volt", "csak", "mint",
            "a", "vagy", "de", "ha",
        ],
    ),
    language(
        "ro",
        "ron",
        Algorithm::Romanian,
        &[
            "și", "de", "în", "la", "cu", "pe", "nu", "este", "care", "din", "sunt", "mai", "un",
            "o", "pentru", "sau", "al",
        ],
    ),
    language(
        "tr",
        "tur",
        Algorithm::Turkish,
        &[
            "ve", "bir", "bu", "için", "ile", "da", "de", "çok", "ne", "gibi", "olan", "daha",
            "mi", "en", "var",
        ],
    ),
    language(
        "ru",
        "rus",
        Algorithm::Russian,
        &[
            "и", "в", "не", "на", "что", "с", "по", "это", "как", "он", "из", "для", "а", "к", "о",
            "у", "от", "за",
        ],
    ),
    language(
        "el",
        "ell",
        Algorithm::Greek,
        &[
            "και",
            "το",
            "η",
            "της",
            "να",
            "του",
            "από",
            "που",
            "είναι",
            "με",
            "για",
            "την",
        ],
    ),
    language(
        "ar",
        "ara",
        Algorithm::Arabic,
        &[
            "في", "من", "على", "أن", "إلى", "هذا", "ما", "لا", "التي", "عن", "مع", "كان",
        ],
    ),
    language(
        "ta",
        "tam",
        Algorithm::Tamil,
        &["ஒரு", "என்று", "மற்றும்", "இந்த", "என", "அந்த", "இது", "உள்ள"],
    ),
];

const fn language(
    code: &'static str,
    long: &'static str,
    algorithm: Algorithm,
    common: &'static [&'static str],
) -> Language {
    Language {
        code,
        long,
        algorithm,
        common,
    }
}

/// How much of a text is looked at to find its language.
const LOOKED_AT: usize = 4000;

const LONGEST_COMMON: usize = 32;

/// Each common word with its number, and the numbers of its languages.
static COMMON: OnceLock<HashMap<&'static str, (usize, Vec<usize>)>> = OnceLock::new();

fn common_words() -> HashMap<&'static str, (usize, Vec<usize>)> {
    let mut found: HashMap<&'static str, (usize, Vec<usize>)> = HashMap::new();
    for (at, language) in LANGUAGES.iter().enumerate() {
        for word in language.common {
            let number = found.len();
            found.entry(word).or_insert((number, Vec::new())).1.push(at);
        }
    }
    found
}

/// The language of a code of two or three letters; None where it has no stems here.
#[must_use]
pub fn named(code: &str) -> Option<&'static Language> {
    LANGUAGES
        .iter()
        .find(|language| language.code == code || language.long == code)
}

/// The language most of whose commonest words are in the text. Of a text that has none of any, which only short ones do,
/// it is English where its letters are ASCII: its stems do no harm to a name. None where nothing tells.
///
/// How many different ones are there counts first, so that one short word many times (`on`, `de`) does not decide.
#[must_use]
pub fn guessed(text: &str) -> Option<&'static Language> {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut counts = [(0_usize, 0_usize); LANGUAGES.len()];
    let common = COMMON.get_or_init(common_words);
    let mut known = vec![false; common.len()];
    let mut lower = String::new();
    let (mut letters, mut ascii) = (false, true);
    for word in text[..end]
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
    {
        letters = true;
        ascii &= word.is_ascii();
        // Longer ones are not looked up: no common word has more bytes.
        if word.len() > LONGEST_COMMON {
            continue;
        }
        lower.clear();
        if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
        } else {
            lower.extend(word.chars().flat_map(char::to_lowercase));
        }
        let Some((number, languages)) = common.get(lower.as_str()) else {
            continue;
        };
        let new = usize::from(!std::mem::replace(&mut known[*number], true));
        for &at in languages {
            counts[at].0 += new;
            counts[at].1 += 1;
        }
    }
    let most = counts.iter().copied().max().filter(|count| count.0 > 0);
    match most {
        Some(most) => counts
            .iter()
            .position(|&count| count == most)
            .map(|at| &LANGUAGES[at]),
        None if letters && ascii => named("en"),
        None => None,
    }
}

/// Folded forms of the words that hardly any text does without, in any language.
static FOLDED: OnceLock<HashSet<String>> = OnceLock::new();

/// Whether a folded word is one of those that hardly any text does without.
#[must_use]
pub fn is_common(word: &str) -> bool {
    let all = || LANGUAGES.iter().flat_map(|language| language.common);
    let known = FOLDED.get_or_init(|| all().map(|word| folded(word)).collect());
    word.len() <= LONGEST_COMMON && known.contains(word)
}

/// Those words and their stems, folded.
static FOLDED_STEMS: OnceLock<HashSet<String>> = OnceLock::new();

/// Whether a folded stem may be of one of those words.
#[must_use]
pub fn is_common_stem(stem: &str) -> bool {
    let of = |language: &'static Language| {
        let both = move |word: &&str| [folded(word), folded(&language.stem(word))];
        language.common.iter().flat_map(both)
    };
    FOLDED_STEMS
        .get_or_init(|| LANGUAGES.iter().flat_map(of).collect())
        .contains(stem)
}

impl Language {
    /// Its place among [`LANGUAGES`].
    #[must_use]
    pub fn number(&self) -> Option<usize> {
        LANGUAGES.iter().position(|other| other.code == self.code)
    }

    /// The stem of a word in lower case with its accents.
    #[must_use]
    pub fn stem<'a>(&self, word: &'a str) -> Cow<'a, str> {
        Stemmer::new(self.algorithm).stem(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_by_their_common_words() {
        for (text, code) in [
            ("The letter is about the harbour and the library.", "en"),
            ("Der Brief ist über den Hafen und die Bücherei.", "de"),
            ("La lettre est dans la boîte et les enfants sont là.", "fr"),
            ("Письмо о гавани и о том, что он не был на берегу", "ru"),
            ("measurement of dielectric constants", "en"),
            ("Rechnung für Strom", "de"),
            ("facturas de la luz y del gas", "es"),
            ("on the stability on which flow depends on walls", "en"),
            ("fast transistor counters", "en"),
        ] {
            assert_eq!(
                guessed(text).map(|language| language.code),
                Some(code),
                "{text}"
            );
        }
        assert!(guessed("Müller Größe").is_none());
        assert!(guessed("55 12").is_none() && guessed("").is_none());
    }

    #[test]
    fn both_sorts_of_codes_are_known() {
        assert_eq!(named("deu").map(|language| language.code), Some("de"));
        assert_eq!(named("de").map(|language| language.code), Some("de"));
        assert!(named("tlh").is_none());
    }

    #[test]
    fn no_word_makes_a_stemmer_fail() {
        for language in LANGUAGES {
            for word in [
                "",
                "a",
                "é",
                "running",
                "häuser",
                "ß",
                "нибудь",
                "가",
                "\u{1f600}",
                "x1y2",
            ] {
                let _ = language.stem(word);
            }
        }
    }
}
