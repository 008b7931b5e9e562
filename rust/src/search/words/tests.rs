//! Tests of the index of words.

use tantivy::query::Occur;

use super::*;
use crate::testing::Folder;

fn clause(sort: Sort, text: &str) -> Clause {
    Clause {
        occur: Occur::Should,
        sort,
        text: text.to_owned(),
    }
}

/// A key whose uuid begins with this digit.
fn key(digit: char) -> String {
    format!("{digit}0000000-0000-8000-8000-000000000000o")
}

fn keys_of(index: &WordIndex, sort: Sort, text: &str, typos: bool) -> Vec<String> {
    let languages = ["en".to_owned()];
    let clauses = [clause(sort, text)];
    let found = index.search(&clauses, Among::Passages, &languages, 10, None, typos);
    let mut keys: Vec<_> = found.unwrap().into_iter().map(|one| one.key).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn what_is_added_is_found_until_it_is_deleted() {
    let folder = Folder::new(&[]);
    let mut index = WordIndex::open_writable(folder.path(), true, 15_000_000).unwrap();
    index
        .add(&key('a'), "The libraries of the harbour", "eng", "1")
        .unwrap();
    index.add(&key('b'), "東京都の図書館", "", "2").unwrap();
    index.add(&key('c'), "Invoice 2024-03-05", "", "3").unwrap();
    assert!(index.is_empty(), "nothing is seen before it is committed");
    index.commit("one").unwrap();
    assert_eq!(keys_of(&index, Sort::Word, "Library", false), [key('a')]);
    assert_eq!(keys_of(&index, Sort::Word, "harbuor", true), [key('a')]);
    assert!(keys_of(&index, Sort::Word, "harbuor", false).is_empty());
    assert_eq!(keys_of(&index, Sort::Prefix, "librar", false), [key('a')]);
    assert_eq!(keys_of(&index, Sort::Word, "図書", false), [key('b')]);
    assert_eq!(
        keys_of(&index, Sort::Phrase, "2024-03-05", false),
        [key('c')]
    );
    assert!(keys_of(&index, Sort::Phrase, "03-2024", false).is_empty());
    let all = index.counts_of_keys().unwrap();
    assert_eq!(all.len(), 3);
    index.delete(&key('a')).unwrap();
    index.commit("two").unwrap();
    assert!(keys_of(&index, Sort::Word, "harbour", false).is_empty());
    index.close().unwrap();
    let mut read = WordIndex::open(folder.path()).unwrap();
    assert_eq!(
        (read.len(), read.payload().unwrap().as_deref()),
        (2, Some("two"))
    );
    assert!(read.damaged().unwrap().is_empty());
    assert_eq!(
        read.add(&key('a'), "x", "", "").err().unwrap().class,
        ErrorClass::Unsupported
    );
}

#[test]
fn rows_are_seen_in_texts() {
    let folder = Folder::new(&[]);
    let mut index = WordIndex::open_writable(folder.path(), true, 15_000_000).unwrap();
    for (digit, text) in [
        ('a', "The dying plum trees, and plum jams: plum trees again"),
        ('b', "trees of plum are trees"),
        ('c', "to be or not to be"),
        ('d', "be to not or"),
        ('e', "プラムジャムの東京\n都"),
    ] {
        for _ in 0..2 {
            // Added twice, so that words have numbers.
            index.delete(&key(digit)).unwrap();
            index.add(&key(digit), text, "", "").unwrap();
        }
    }
    index.commit("").unwrap();
    for (sort, text, found) in [
        (Sort::Phrase, "plum tree", "a"),
        (Sort::Word, "plum-tree", "a"),
        (Sort::Phrase, "die plum trees", "a"),
        (Sort::Phrase, "tree plum", ""),
        (Sort::Prefix, "plum ja", "a"),
        (Sort::Prefix, "plum jax", ""),
        (Sort::Phrase, "or not to be", "c"),
        (Sort::Phrase, "to be", "c"),
        (Sort::Phrase, "be to", "d"),
        (Sort::Prefix, "to be o", "c"),
        (Sort::Word, "東京", "e"),
        (Sort::Word, "東京都", "e"),
        (Sort::Word, "京東", ""),
        (Sort::Word, "ムジャム", "e"),
        (Sort::Word, "ムャジ", ""),
    ] {
        let expected: Vec<String> = found.chars().map(key).collect();
        assert_eq!(keys_of(&index, sort, text, false), expected, "{text}");
        let choice = Choice::new(
            &[key('b'), key('c'), key('e')].map(|mut key| {
                key.pop();
                key
            }),
            "",
        )
        .unwrap();
        let clauses = vec![clause(sort, text)];
        let among: Vec<String> = expected
            .iter()
            .filter(|one| ['b', 'c', 'e'].iter().any(|digit| one.starts_with(*digit)))
            .map(|one| one[..one.len() - 1].to_owned())
            .collect();
        let having = index.having(std::slice::from_ref(&clauses), &choice, &["en".to_owned()]);
        assert_eq!(having.unwrap().concat(), among, "{text}");
        let chosen = index
            .search(
                &clauses,
                Among::Passages,
                &["en".to_owned()],
                10,
                Some(&choice),
                false,
            )
            .unwrap();
        let chosen: Vec<&str> = chosen
            .iter()
            .map(|one| &one.key[..one.key.len() - 1])
            .collect();
        assert_eq!(chosen, among, "{text}");
    }
}

#[test]
fn words_that_were_numbered_and_not_committed_do_no_harm() {
    let folder = Folder::new(&[]);
    let mut index = WordIndex::open_writable(folder.path(), true, 15_000_000).unwrap();
    let texts_of = |index: &WordIndex| {
        let found = index.search(
            &[clause(Sort::Word, "jam")],
            Among::Passages,
            &[],
            9,
            None,
            false,
        );
        let addresses: Vec<_> = found.unwrap().iter().map(|one| one.address).collect();
        let stored = index.stored_of(&addresses, |_| ()).unwrap();
        let mut texts: Vec<String> = stored.into_iter().map(|(one, ())| one.text).collect();
        texts.sort();
        texts
    };
    index.add(&key('a'), "plum jam of plum", "eng", "").unwrap();
    index.commit("one").unwrap();
    // Killed before and after the vocabulary was written.
    for saved in [false, true] {
        index
            .add(&key('b'), "lost words jam lost words", "eng", "")
            .unwrap();
        if saved {
            Arc::make_mut(&mut index.vocabulary)
                .save(folder.path())
                .unwrap();
        }
        drop(index);
        index = WordIndex::open_writable(folder.path(), false, 15_000_000).unwrap();
    }
    index
        .add(&key('c'), "cherry jam or cherry or plum", "eng", "")
        .unwrap();
    index.commit("two").unwrap();
    let texts = [
        "\u{e101}cherry jam or cherry or plum",
        "\u{e101}plum jam of plum",
    ];
    assert_eq!(texts_of(&index), texts);
    let mut read = WordIndex::open(folder.path()).unwrap();
    assert_eq!(texts_of(&read), texts);
    index.delete(&key('c')).unwrap();
    for _ in 0..2 {
        index
            .add(&key('d'), "more jam and more", "eng", "")
            .unwrap();
    }
    index.commit("three").unwrap();
    read.reload().unwrap();
    assert_eq!(texts_of(&read).len(), 3);
    index.close().unwrap();
    std::fs::remove_file(folder.path().join(vocabulary::FILE)).unwrap();
    assert_eq!(
        WordIndex::open(folder.path()).err().unwrap().class,
        ErrorClass::Corrupt
    );
    assert_eq!(read.damaged().unwrap(), [Path::new(vocabulary::FILE)]);
}

#[test]
fn a_choice_of_common_stems_that_was_not_committed_is_made_again() {
    let folder = Folder::new(&[]);
    let mut index = WordIndex::open_writable(folder.path(), true, 15_000_000).unwrap();
    index.commit("none").unwrap();
    for saved in [false, true] {
        for number in 0..COUNTED {
            let text = match number % 5 {
                0 => "boats sail home",
                1 => "sail the boats",
                _ => "boats that sail",
            };
            index.add(&key('a'), text, "eng", "").unwrap();
        }
        assert!(index.vocabulary.pairs().is_some());
        if saved {
            Arc::make_mut(&mut index.vocabulary)
                .save(folder.path())
                .unwrap();
        }
        drop(index);
        index = WordIndex::open_writable(folder.path(), false, 15_000_000).unwrap();
        assert!(index.is_empty());
        assert_eq!(index.vocabulary.pairs().is_some(), saved);
    }
    for (digit, text) in [('b', "boats sail"), ('c', "sail home, boats that sail")] {
        index.add(&key(digit), text, "eng", "").unwrap();
    }
    index.commit("one").unwrap();
    index.close().unwrap();
    let read = WordIndex::open(folder.path()).unwrap();
    assert_eq!(
        keys_of(&read, Sort::Phrase, "boats sail", false),
        [key('b')]
    );
    assert_eq!(
        keys_of(&read, Sort::Phrase, "boat sails", false),
        [key('b')]
    );
    assert!(keys_of(&read, Sort::Phrase, "sail boats", false).is_empty());
    assert_eq!(keys_of(&read, Sort::Phrase, "that sail", false), [key('c')]);
}

#[test]
fn keys_are_a_uuid_and_a_letter() {
    assert_eq!(unpacked(&packed(&key('a')).unwrap()), key('a'));
    for wrong in [
        "",
        "o",
        "ao",
        "0000000é",
        &key('a')[1..],
        &format!("0{}", key('a')),
    ] {
        assert_eq!(
            packed(wrong).err().unwrap().class,
            ErrorClass::Unsupported,
            "{wrong}"
        );
    }
    assert_eq!(unpacked(b"short"), "");
}

#[test]
fn a_form_that_few_have_counts_as_the_word_itself() {
    let folder = Folder::new(&[]);
    let mut index = WordIndex::open_writable(folder.path(), true, 15_000_000).unwrap();
    for digit in "0123456789".chars() {
        index
            .add(&key(digit), "the measurements", "eng", "")
            .unwrap();
    }
    index.add(&key('a'), "der measurement", "deu", "").unwrap();
    index.add(&key('b'), "the measurement", "eng", "").unwrap();
    index.commit("").unwrap();
    let languages = ["en".to_owned(), "de".to_owned()];
    let clauses = [clause(Sort::Word, "measurement")];
    let found = index
        .search(&clauses, Among::Passages, &languages, 20, None, false)
        .unwrap();
    assert_eq!(found.len(), 12);
    let scores: Vec<f32> = found.iter().map(|one| one.score).collect();
    let (most, least) = (scores[0], scores[scores.len() - 1]);
    assert!(most < least * 1.3, "{scores:?}");
}

#[test]
fn an_index_that_is_none_is_told_by_its_class() {
    let folder = Folder::new(&[("meta.json", "nonsense")]);
    assert_eq!(
        WordIndex::open(folder.path()).err().unwrap().class,
        ErrorClass::Corrupt
    );
    let none = folder.path().join("none");
    assert_eq!(
        WordIndex::open(&none).err().unwrap().class,
        ErrorClass::MissingSource
    );
}
