//! What is kept of notices, as pure logic; real notices are tested from Python.

use notify::event::{DataChange, MetadataKind, RemoveKind};

use super::*;

fn rules() -> Rules {
    Rules {
        ignores: Ignores::new(&["*.tmp", "build/"]).unwrap(),
        hidden: false,
        system: false,
        exclude: Vec::new(),
    }
}

#[test]
fn the_last_notice_of_a_path_counts() {
    let mut pending = Pending::default();
    for (seen, want) in [
        (Seen::Writing, Seen::Writing),
        (Seen::Touched, Seen::Writing),
        (Seen::Written, Seen::Written),
        (Seen::Gone, Seen::Gone),
        (Seen::Touched, Seen::Gone),
        (Seen::Folder, Seen::Folder),
    ] {
        pending.note(b"a", seen, &rules());
        assert_eq!(pending.paths[b"a".as_slice()], want);
    }
    assert_eq!(pending.paths.len(), 1);
}

#[test]
fn what_is_left_out_is_not_kept() {
    let mut pending = Pending::default();
    for path in [b"a.tmp".as_slice(), b".h", b"x/.h", b"x/b.tmp", b""] {
        pending.note(path, Seen::Written, &rules());
    }
    assert!(pending.is_empty());
    // The glob may not mean this one, which may be a folder.
    pending.note(b"f.tmp", Seen::Folder, &rules());
    pending.note(b"build", Seen::Written, &rules());
    pending.note(b"", Seen::Gone, &rules());
    assert_eq!(pending.paths.len(), 3);
}

#[test]
fn a_rescan_stands_for_all_below() {
    let mut pending = Pending::default();
    for path in [b"a/b/c".as_slice(), b"a/d", b"ab"] {
        pending.note(path, Seen::Written, &rules());
    }
    pending.rescan(b"a/b".to_vec());
    pending.rescan(b"a".to_vec());
    pending.note(b"a/e", Seen::Written, &rules());
    assert_eq!(pending.paths.keys().collect::<Vec<_>>(), [b"ab"]);
    assert_eq!(pending.rescans.iter().collect::<Vec<_>>(), [b"a"]);
}

#[test]
fn more_than_is_worth_keeping_is_a_rescan() {
    let mut pending = Pending::default();
    for number in 0..=MOST_PENDING {
        pending.note(
            format!("x/y/{}/{number}", number % 3).as_bytes(),
            Seen::Written,
            &rules(),
        );
    }
    assert!(pending.paths.is_empty());
    assert_eq!(pending.rescans.iter().collect::<Vec<_>>(), [b"x/y"]);
}

#[test]
fn notices_have_their_meaning() {
    for (kind, want) in [
        (EventKind::Create(CreateKind::File), Some(Seen::Writing)),
        (EventKind::Create(CreateKind::Folder), Some(Seen::Folder)),
        (
            EventKind::Modify(ModifyKind::Data(DataChange::Any)),
            Some(Seen::Writing),
        ),
        (
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
            Some(Seen::Touched),
        ),
        (
            EventKind::Modify(ModifyKind::Name(RenameMode::From)),
            Some(Seen::Gone),
        ),
        (
            EventKind::Modify(ModifyKind::Name(RenameMode::To)),
            Some(Seen::Arrived),
        ),
        (EventKind::Modify(ModifyKind::Name(RenameMode::Both)), None),
        (EventKind::Remove(RemoveKind::Folder), Some(Seen::Gone)),
        (
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            Some(Seen::Written),
        ),
        (EventKind::Access(AccessKind::Close(AccessMode::Read)), None),
        (EventKind::Access(AccessKind::Open(AccessMode::Any)), None),
    ] {
        assert_eq!(meaning(kind), want, "{kind:?}");
    }
}

#[test]
fn folders_are_reduced_to_the_one_that_holds_them() {
    let few = vec![b"a".to_vec(), b"b/c".to_vec()];
    assert_eq!(reduced(few.clone()), few);
    let many = (0..100).map(|number| format!("a/b/{number}/x").into_bytes());
    assert_eq!(reduced(many.collect()), [b"a/b"]);
    let apart = (0..100).map(|number| format!("{number}/x").into_bytes());
    assert_eq!(reduced(apart.collect()), [b""]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_move_is_told_once_by_the_folder_that_held_it() {
    let shared = Shared::default();
    lock(&shared.state).trees.insert(1, Pending::default());
    let root = Path::new("/root");
    let moved = EventKind::Modify(ModifyKind::Name(RenameMode::From));
    let taken = |event: notify::Event| {
        shared.see(1, root, &rules(), Ok(event));
        let taken = shared.take(Duration::ZERO).unwrap_or_default();
        let paths = taken.into_iter().flat_map(|(_, pending)| pending.paths);
        paths.map(|(path, _)| path).collect::<Vec<_>>()
    };
    let by_parent = notify::Event::new(moved).set_tracker(7);
    assert_eq!(taken(by_parent.add_path(root.join("in"))), [b"in"]);
    let by_itself = notify::Event::new(moved);
    assert!(taken(by_itself.clone().add_path(root.join("in"))).is_empty());
    // Nobody else tells of a root.
    assert_eq!(taken(by_itself.add_path(root.to_owned())), [b""]);
}
