//! Names that are computed: content uuids and where sidecars lie.

use crate::error::Invalid;

/// Lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The uuid that stands for a content hash: its first 16 bytes with the version (8) and variant bits of RFC 9562.
#[must_use]
pub fn uuid_of(hash: &[u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

/// [`uuid_of`] for a hash written as 64 lower-case hex digits.
///
/// # Errors
///
/// Anything else than 64 lower-case hex digits.
pub fn content_uuid(hash: &str) -> Result<String, Invalid> {
    let wrong = || {
        Invalid(format!(
            "a content hash has 64 lower-case hex digits, not {hash:?}"
        ))
    };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(wrong()),
    };
    let digits: &[u8; 64] = hash.as_bytes().try_into().map_err(|_| wrong())?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(uuid_of(&bytes))
}

/// `content/{h0}/{h1}/{content_uuid}/{kind_dir}/{variant}.{ext}`; h0 and h1 are the first two byte pairs of the uuid.
///
/// # Errors
///
/// A uuid that is not canonical (lower case, with dashes), or a part that is empty or has other characters than
/// `a-z 0-9 _ -` (kind folder), `A-Z a-z 0-9 @ . _ + -` and a leading dot (variant), `a-z 0-9` (extension).
pub fn sidecar_path(
    uuid: &str,
    kind_dir: &str,
    variant: &str,
    extension: &str,
) -> Result<String, Invalid> {
    let checks: [(&str, &str, bool); 4] = [
        ("content uuid", uuid, is_canonical_uuid(uuid)),
        (
            "kind folder",
            kind_dir,
            made_of(
                kind_dir,
                |c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'),
            ),
        ),
        (
            "variant",
            variant,
            !variant.starts_with('.')
                && made_of(variant, |c| {
                    c.is_ascii_alphanumeric() || matches!(c, b'@' | b'.' | b'_' | b'+' | b'-')
                }),
        ),
        (
            "extension",
            extension,
            made_of(extension, |c| matches!(c, b'a'..=b'z' | b'0'..=b'9')),
        ),
    ];
    for (part, value, fine) in checks {
        if !fine {
            return Err(Invalid(format!("not a {part}: {value:?}")));
        }
    }
    let (h0, h1) = (&uuid[..2], &uuid[2..4]);
    Ok(format!(
        "content/{h0}/{h1}/{uuid}/{kind_dir}/{variant}.{extension}"
    ))
}

/// Whether all of `text` is allowed and it is neither empty nor too long for a file name.
fn made_of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_canonical_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "af1349b9-f5f9-81a6-a040-4dea36dcc949";

    #[test]
    fn the_uuid_has_version_and_variant() {
        let hash = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(content_uuid(hash).unwrap(), UUID);
        assert_eq!(uuid_of(&[0xff; 32]), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(uuid_of(&[0; 32]), "00000000-0000-8000-8000-000000000000");
    }

    #[test]
    fn other_hashes_are_refused() {
        for wrong in ["", "af", &"A".repeat(64), &"g".repeat(64), &"é".repeat(32)] {
            assert!(content_uuid(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sidecars_have_their_place() {
        assert_eq!(
            sidecar_path(UUID, "thumbs", "grid@2x", "webp").unwrap(),
            format!("content/af/13/{UUID}/thumbs/grid@2x.webp")
        );
        assert!(sidecar_path(UUID, "embeddings", "all-MiniLM-L6-v2", "msgpack").is_ok());
    }

    #[test]
    fn nothing_leaves_the_folder() {
        for (uuid, kind, variant, extension) in [
            (
                "../../../../etc/passwd/aaaaaaaaaaaaaaa",
                "thumbs",
                "a",
                "webp",
            ),
            (&UUID.to_uppercase(), "thumbs", "a", "webp"),
            (&UUID.replace('-', "0"), "thumbs", "a", "webp"),
            (UUID, "..", "a", "webp"),
            (UUID, "", "a", "webp"),
            (UUID, "thumbs", "../a", "webp"),
            (UUID, "thumbs", "..", "webp"),
            (UUID, "thumbs", "a/b", "webp"),
            (UUID, "thumbs", "", "webp"),
            (UUID, "thumbs", "a\0", "webp"),
            (UUID, "thumbs", "é", "webp"),
            (UUID, "thumbs", &"a".repeat(300), "webp"),
            (UUID, "thumbs", "a", ""),
            (UUID, "thumbs", "a", "we/bp"),
        ] {
            assert!(sidecar_path(uuid, kind, variant, extension).is_err());
        }
    }
}
