use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;
use crate::testing::Folder;

fn run(folder: &Folder, globs: &[&str], hidden: bool, threads: usize) -> Walk {
    let ignores = Ignores::new(globs).unwrap();
    let options = Options {
        ignores: &ignores,
        hidden,
        system: false,
        exclude: &[],
        threads,
    };
    walk(
        folder.path(),
        options,
        &AtomicBool::new(false),
        &AtomicU64::new(0),
    )
    .unwrap()
}

fn paths(walk: &Walk) -> Vec<&str> {
    let paths = walk.entries.iter();
    paths
        .map(|entry| std::str::from_utf8(&entry.path).unwrap())
        .collect()
}

#[test]
fn files_come_sorted_by_path_with_their_size() {
    let folder = Folder::new(&[("b/x", "12"), ("a", "1"), ("b.txt", ""), ("b/c/d", "123")]);
    for threads in [0, 1, 4] {
        let walk = run(&folder, &[], false, threads);
        assert_eq!(paths(&walk), ["a", "b.txt", "b/c/d", "b/x"]);
        assert_eq!(
            walk.entries
                .iter()
                .map(|entry| entry.size)
                .collect::<Vec<_>>(),
            [1, 0, 3, 2]
        );
        assert_eq!(walk.folders, 3);
        assert_eq!(walk.problems, []);
    }
}

#[test]
fn hidden_files_and_folders_are_left_out_unless_asked_for() {
    let folder = Folder::new(&[(".a", ""), (".b/c", ""), ("d", "")]);
    assert_eq!(paths(&run(&folder, &[], false, 1)), ["d"]);
    assert_eq!(paths(&run(&folder, &[], true, 1)), [".a", ".b/c", "d"]);
}

#[test]
fn ignored_folders_are_not_entered() {
    let folder = Folder::new(&[("skip/a", ""), ("b/skip/c", ""), ("d.log", ""), ("e", "")]);
    let walk = run(&folder, &["skip/", "*.log"], false, 2);
    assert_eq!(paths(&walk), ["e"]);
    assert_eq!(walk.folders, 2);
}

#[test]
fn links_are_not_followed_and_special_files_are_problems() {
    let folder = Folder::new(&[("a/b", "")]);
    symlink("..", folder.path().join("a/loop")).unwrap();
    symlink("b", folder.path().join("a/link")).unwrap();
    let _socket = UnixListener::bind(folder.path().join("a/socket")).unwrap();
    let walk = run(&folder, &[], false, 2);
    assert_eq!(paths(&walk), ["a/b"]);
    assert_eq!(walk.problems.len(), 1);
    assert_eq!(walk.problems[0].path, b"a/socket");
    assert_eq!(walk.problems[0].error.class, ErrorClass::Unsupported);
}

#[test]
fn a_large_folder_is_shared_out_and_loses_nothing() {
    let folder = Folder::new(&[]);
    let count = STAT_BATCH * 3 + 7;
    for number in 0..count {
        fs::write(folder.path().join(format!("{number:05}")), "").unwrap();
    }
    let found = AtomicU64::new(0);
    let ignores = Ignores::new::<&str>(&[]).unwrap();
    let options = Options {
        ignores: &ignores,
        hidden: false,
        system: false,
        exclude: &[],
        threads: 3,
    };
    let walk = walk(folder.path(), options, &AtomicBool::new(false), &found).unwrap();
    assert_eq!(walk.entries.len(), count);
    assert_eq!(found.into_inner(), count as u64);
    assert!(walk.entries.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn a_cancelled_walk_ends_at_once() {
    let folder = Folder::new(&[("a", "")]);
    let ignores = Ignores::new::<&str>(&[]).unwrap();
    let options = Options {
        ignores: &ignores,
        hidden: false,
        system: false,
        exclude: &[],
        threads: 2,
    };
    let walk = walk(
        folder.path(),
        options,
        &AtomicBool::new(true),
        &AtomicU64::new(0),
    )
    .unwrap();
    assert_eq!(walk.entries, []);
}

#[test]
fn a_root_that_is_no_folder_is_missing() {
    let folder = Folder::new(&[("file", "")]);
    for name in ["file", "nothing"] {
        let error = open_root(&folder.path().join(name)).unwrap_err();
        assert_eq!(error.class, ErrorClass::MissingSource);
    }
}

#[test]
fn a_library_is_never_entered_whoever_owns_it() {
    let folder = Folder::new(&[
        ("a.txt", "1"),
        ("marked/.pillion-library", ""),
        ("marked/sidecars/x.webp", "1"),
        ("[old] {one}/catalog.sqlite", "1"),
        ("[old] {one}/sidecars/y.webp", "1"),
        ("almost/catalog.sqlite", "1"),
    ]);
    for hidden in [false, true] {
        let walk = run(&folder, &[], hidden, 2);
        assert_eq!(paths(&walk), ["a.txt", "almost/catalog.sqlite"]);
        assert_eq!(walk.libraries, [&b"[old] {one}"[..], b"marked"]);
    }
}

#[test]
fn folders_of_the_system_are_left_out_and_named() {
    let folder = Folder::new(&[
        ("a", "1"),
        ("@eaDir/a/thumb", "1"),
        ("b/#recycle/old", "1"),
        ("$Recycle.Bin/x", "1"),
        (".Trash-1000/y", "1"),
    ]);
    let walk = run(&folder, &[], true, 2);
    assert_eq!(paths(&walk), ["a"]);
    assert_eq!(walk.system.len(), 4);
}

#[test]
fn folders_are_excluded_by_their_exact_path() {
    let folder = Folder::new(&[("x*y/a", "1"), ("xzy/a", "1"), ("deep/x*y/a", "1")]);
    let ignores = Ignores::new::<&str>(&[]).unwrap();
    let options = Options {
        ignores: &ignores,
        hidden: false,
        system: false,
        exclude: &[b"x*y".to_vec()],
        threads: 1,
    };
    let walk = walk(
        folder.path(),
        options,
        &AtomicBool::new(false),
        &AtomicU64::new(0),
    )
    .unwrap();
    assert_eq!(paths(&walk), ["deep/x*y/a", "xzy/a"]);
}

#[test]
fn links_to_folders_are_named_and_not_followed() {
    let folder = Folder::new(&[("a/x", "1"), ("y", "1")]);
    symlink("a", folder.path().join("inside")).unwrap();
    symlink("..", folder.path().join("a/up")).unwrap();
    symlink("y", folder.path().join("file")).unwrap();
    symlink("nowhere", folder.path().join("dead")).unwrap();
    symlink("a", folder.path().join(".hidden")).unwrap();
    let walk = run(&folder, &[], false, 2);
    assert_eq!(paths(&walk), ["a/x", "y"]);
    assert_eq!(walk.links, [b"a/up".to_vec(), b"inside".to_vec()]);
    assert_eq!(walk.file_links, [b"file".to_vec()]);
    assert!(run(&folder, &["file"], false, 1).file_links.is_empty());
    assert_eq!(
        run(&folder, &["inside/"], false, 1).links,
        [b"a/up".to_vec()]
    );
}
