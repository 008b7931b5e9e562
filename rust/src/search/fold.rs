//! Characters as they are compared: lower case, without accents, wide and compatible forms made plain.

use unicode_normalization::char::{compose, decompose_compatible};

/// Marks that are accents: of Latin, Greek and Cyrillic, and the points of Hebrew and Arabic. In other scripts a mark is
/// a letter (the vowels of Devanagari), and stays.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Letters that Unicode does not decompose, as people type them without a keyboard for them.
const fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ħ' | 'Ħ' => "h",
        'ı' | 'İ' => "i",
        'ł' | 'Ł' => "l",
        'þ' | 'Þ' => "th",
        'ŋ' | 'Ŋ' => "n",
        'ς' => "σ",
        // The letter tatweel only stretches a word.
        'ـ' => "",
        'أ' | 'إ' | 'آ' | 'ٱ' => "ا",
        'ى' => "ي",
        'ة' => "ه",
        _ => return None,
    })
}

/// Scripts that are written without spaces between words: each character is a word of its own.
#[must_use]
pub const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{0f00}'..='\u{0fff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
        | '\u{3031}'..='\u{3035}' | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{318f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{ffa0}'..='\u{ffdc}' | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{323af}')
}

/// Add the plain form of a character to `out`.
pub fn push_folded(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    if let Some(text) = plain(c) {
        out.push_str(text);
        return;
    }
    if is_unspaced(c) {
        push_unspaced(c, out);
        return;
    }
    decompose_compatible(c, |part| {
        if is_accent(part) {
            return;
        }
        match plain(part) {
            Some(text) => out.push_str(text),
            None => part.to_lowercase().for_each(|lower| {
                if !is_accent(lower) {
                    out.push(lower);
                }
            }),
        }
    });
}

/// Han, kana and Hangul: half-width and compatible forms become the usual ones; kana keep their marks.
fn push_unspaced(c: char, out: &mut String) {
    if ('\u{ac00}'..='\u{d7a3}').contains(&c) {
        out.push(c);
        return;
    }
    if matches!(c, '\u{3099}' | '\u{309a}' | '\u{ff9e}' | '\u{ff9f}') {
        let mark = if matches!(c, '\u{309a}' | '\u{ff9f}') {
            '\u{309a}'
        } else {
            '\u{3099}'
        };
        if let Some(whole) = out.chars().next_back().and_then(|last| compose(last, mark)) {
            out.pop();
            out.push(whole);
        }
        return;
    }
    let before = out.len();
    decompose_compatible(c, |part| {
        let last = out[before..].chars().next_back();
        match last.and_then(|last| compose(last, part)) {
            Some(whole) => {
                out.pop();
                out.push(whole);
            }
            None => out.push(part),
        }
    });
}

/// The plain form of a text.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_folded(c, &mut out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        for (text, plain) in [
            ("Crème BRÛLÉE", "creme brulee"),
            ("Straße", "strasse"),
            ("Ångström", "angstrom"),
            ("Ærø", "aero"),
            ("Łódź", "lodz"),
            ("ΆΝΘΡΩΠΟΣ άνθρωπος", "ανθρωποσ ανθρωποσ"),
            ("Ёлка", "елка"),
            ("İstanbul ılık", "istanbul ilik"),
            ("ｗｉｄｅ ﬁne", "wide fine"),
            ("مُحَمَّد", "محمد"),
        ] {
            assert_eq!(folded(text), plain, "{text}");
        }
    }

    #[test]
    fn marks_that_are_letters_stay() {
        assert_eq!(folded("हिन्दी"), "हिन्दी");
        assert_eq!(folded("がカ한국"), "がカ한국");
        assert_eq!(folded("ｶﾞ"), "ガ");
        assert_eq!(folded("か\u{3099}"), "が");
    }
}
