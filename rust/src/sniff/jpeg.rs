//! The segments of a JPEG (ITU-T T.81, annex B), read as libjpeg does: it leaves out bytes between them that belong to
//! none, which some programs leave behind.

/// Frame header markers: SOF0 to SOF15, without the three that are something else.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Marker segments (marker byte, payload) up to the first scan.
pub fn segments(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (marker, behind) = next_marker(rest)?;
        let length = behind.first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).max(2);
        let payload = behind.get(2..length)?;
        rest = &behind[length..];
        Some((marker, payload))
    })
}

/// The next marker that has a segment, and what is behind it; none at a scan and at the end of the picture.
fn next_marker(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        rest = &rest[memchr::memchr(0xff, rest)?..];
        rest = &rest[rest.iter().position(|&byte| byte != 0xff)?..];
        let (&marker, behind) = rest.split_first()?;
        rest = behind;
        match marker {
            // A stuffed byte, and markers without a segment.
            0 | 1 | 0xd0..=0xd7 => {}
            0xd9 | 0xda => return None,
            marker => return Some((marker, behind)),
        }
    }
}

/// Whether a file that begins with the marker of an image is one: the next marker follows at once, or behind other bytes
/// there are segments that hold what only those of a JPEG do.
pub(super) fn is_jpeg(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xd8\xff")
        || segments(head).any(|(marker, payload)| match marker {
            0xe0 => payload.starts_with(b"JFIF\0"),
            0xe1 => payload.starts_with(b"Exif\0\0"),
            0xee => payload.starts_with(b"Adobe\0"),
            marker if is_frame(marker) => match payload {
                [8 | 12 | 16, _, _, _, _, count, components @ ..] => {
                    components.len() == usize::from(*count) * 3 && !components.is_empty()
                }
                _ => false,
            },
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_end_at_the_scan_and_survive_nonsense() {
        let data = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xe1\0\x02\xff\xda\0\x02rest";
        let found: Vec<_> = segments(data).collect();
        assert_eq!(found, [(0xe0, b"ab".as_slice()), (0xe1, b"")]);
        assert_eq!(segments(b"\xff\xd8\xff\xe0\xff\xff").count(), 0);
        assert_eq!(segments(b"").count(), 0);
    }

    #[test]
    fn bytes_between_segments_belong_to_none() {
        let data = b"\xff\xd8\0\x01\xff\0\xfe\xff\xff\xe0\0\x04ab\x01\xff\xd0\x02\xff\xe1\0\x03c\xff\xd9\xff\xe2\0\x02";
        let found: Vec<_> = segments(data).collect();
        assert_eq!(found, [(0xe0, b"ab".as_slice()), (0xe1, b"c")]);
    }

    #[test]
    fn a_picture_is_known_behind_other_bytes() {
        let other: Vec<u8> = (0..=255).collect();
        let frame = b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0".as_slice();
        let jfif = b"\xff\xe0\0\x07JFIF\0".as_slice();
        for part in [frame, jfif] {
            assert!(is_jpeg(&[b"\xff\xd8", other.as_slice(), part].concat()));
        }
        assert!(is_jpeg(b"\xff\xd8\xff\xdb"));
        for bytes in [
            b"\xff\xd8".as_slice(),
            b"\xff\xd8plain text",
            b"\xff\xd8\0\0\xff\xe0\0\x08hello\0",
            b"\xff\xd8\0\0\xff\xc0\0\x08\x08\0\x08\0\x08\x01",
        ] {
            assert!(!is_jpeg(bytes), "{bytes:?}");
        }
    }
}
