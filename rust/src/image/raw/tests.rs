use super::*;
use crate::image::tiff::Endian;

/// The headers of a JPEG of this size, up to its scan.
fn jpeg(width: u16, height: u16, marker: u8) -> Vec<u8> {
    let mut data = b"\xff\xd8\xff".to_vec();
    data.extend([marker, 0, 17, 8]);
    data.extend(height.to_be_bytes());
    data.extend(width.to_be_bytes());
    data.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    data.extend(b"\xff\xda\0\x02\xff\xd9");
    data
}

fn previews(sizes: &[(u16, u16)]) -> Vec<Vec<u8>> {
    sizes
        .iter()
        .map(|size| jpeg(size.0, size.1, 0xc0))
        .collect()
}

/// The size that is chosen among previews of these sizes.
fn chosen(sizes: &[(u16, u16)], want: Want) -> Option<(u32, u32)> {
    let files = previews(sizes);
    let previews: Vec<_> = files.iter().filter_map(|file| Preview::new(file)).collect();
    preview::choose(&previews, want).map(|preview| preview.size)
}

#[test]
fn the_smallest_preview_that_is_enough_is_chosen() {
    let sizes = [(6000, 4000), (160, 120), (1620, 1080), (570, 380)];
    assert_eq!(chosen(&sizes, Want::Full), Some((6000, 4000)));
    assert_eq!(chosen(&sizes, Want::AtLeast(512)), Some((570, 380)));
    assert_eq!(chosen(&sizes, Want::AtLeast(1024)), Some((1620, 1080)));
    assert_eq!(chosen(&sizes, Want::AtLeast(9000)), Some((6000, 4000)));
    assert_eq!(chosen(&[], Want::Full), None);
}

#[test]
fn thumbnails_with_black_bars_are_passed_over() {
    let sizes = [(160, 120), (1620, 1080)];
    assert_eq!(chosen(&sizes, Want::AtLeast(128)), Some((1620, 1080)));
    let turned = [(107, 160), (1620, 1080)];
    assert_eq!(chosen(&turned, Want::AtLeast(128)), Some((107, 160)));
}

#[test]
fn raw_samples_in_lossless_jpeg_are_no_preview() {
    assert!(Preview::new(&jpeg(6000, 4000, 0xc0)).is_some());
    assert!(Preview::new(&jpeg(6000, 4000, 0xc2)).is_some());
    assert_eq!(Preview::new(&jpeg(6000, 4000, 0xc3)), None);
    assert_eq!(Preview::new(&jpeg(0, 4000, 0xc0)), None);
    let mut deep = jpeg(6000, 4000, 0xc1);
    deep[6] = 12;
    assert_eq!(Preview::new(&deep), None);
    assert_eq!(Preview::new(b"\xff\xd8\xff"), None);
}

/// A TIFF directory; values of up to four bytes only. Followed by the offset of the next.
fn directory(entries: &[(u16, u16, u32)], next: u32) -> Vec<u8> {
    let mut data = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, value) in entries {
        data.extend(tag.to_le_bytes());
        data.extend(kind.to_le_bytes());
        data.extend(1u32.to_le_bytes());
        data.extend(value.to_le_bytes());
    }
    data.extend(next.to_le_bytes());
    data
}

fn tiff_of(body: &[u8]) -> Vec<u8> {
    [b"II*\0\x08\0\0\0".as_slice(), body].concat()
}

#[test]
fn directories_that_lead_back_to_themselves_end() {
    let circle = tiff_of(&directory(&[(262, 3, 32_803), (330, 4, 8)], 8));
    assert!(is_raw_tiff(&circle));
    let error = header(&circle).expect_err("no preview");
    assert_eq!(error.class, ErrorClass::Unsupported);
    assert!(error.message.contains("pillion[raw]"));
}

#[test]
fn a_plain_tiff_is_not_raw() {
    assert!(!is_raw_tiff(&tiff_of(&directory(
        &[(262, 3, 2), (259, 3, 5)],
        0
    ))));
    assert!(!is_raw_tiff(b"II*\0\xff\xff\xff\xff"));
    assert!(!is_raw_tiff(b"MM\0*"));
}

#[test]
fn the_chain_is_followed_and_orientation_comes_from_its_start() {
    let second = 8 + 2 + 2 * 12 + 4;
    let mut data = tiff_of(&directory(&[(262, 3, 32_803), (274, 3, 6)], second));
    let at = second + 2 + 2 * 12 + 4;
    let file = jpeg(640, 480, 0xc0);
    data.extend(directory(&[(513, 4, at), (514, 4, file.len() as u32)], 0));
    data.extend(&file);
    let found = header(&data).expect("a preview");
    assert_eq!((found.width, found.height), (640, 480));
    assert_eq!(found.upright_size(), (480, 640));
}

#[test]
fn boxes_of_absurd_length_are_left() {
    let mut data = b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom".to_vec();
    assert_eq!(Format::sniff(&data), Some(Format::Raw));
    data.extend(b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff");
    data.extend(b"\xff\xff\xff\xffuuid");
    assert!(header(&data).is_err());
    // A length below that of the header itself.
    data.extend(b"\0\0\0\x04moov");
    assert!(header(&data).is_err());
}

#[test]
fn notes_with_wild_offsets_lead_nowhere() {
    for note in [
        b"Nikon\0\x02\x10\0\0II*\0\xff\xff\xff\xff".as_slice(),
        b"Nikon\0\x02\x10\0\0",
        b"OLYMPUS\0II\x03\0\x01\0\x20\x20\x0d\0\x01\0\0\0\xff\xff\xff\xff\0\0\0\0",
        b"SONY DSC \0\0\0\xff\xff",
        b"",
    ] {
        let place = (0, note.len() as u64);
        assert_eq!(notes::previews(note, Endian::Little, place), []);
        assert_eq!(notes::previews(note, Endian::Big, (u64::MAX, 9)), []);
    }
}
