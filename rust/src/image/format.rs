//! Which decoder a file is for, told from its first bytes and never from its name.

/// A picture format this module decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// Portable Network Graphics, also animated.
    Png,
    /// GIF 87a and 89a.
    Gif,
    /// Windows and OS/2 bitmaps.
    Bmp,
    /// Windows icons and cursors.
    Ico,
    /// TIFF 6.0 and BigTIFF.
    Tiff,
    /// WebP: lossy, lossless, extended, animated.
    Webp,
}

impl Format {
    /// The format of a file that begins with `data`, by its magic bytes.
    pub fn sniff(data: &[u8]) -> Option<Self> {
        match data {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::Webp),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [0, 0, 1 | 2, 0, count, high, ..] if (*count, *high) != (0, 0) => Some(Self::Ico),
            [b'B', b'M', ..] if bmp_header_size_is_known(data) => Some(Self::Bmp),
            _ => None,
        }
    }

    /// The name Python sees.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Ico => "ico",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
        }
    }
}

/// `BM` alone also begins ordinary text; the size of the info header that follows has few legal values.
fn bmp_header_size_is_known(data: &[u8]) -> bool {
    data.get(14..18).is_some_and(|size| {
        matches!(
            u32::from_le_bytes([size[0], size[1], size[2], size[3]]),
            12 | 16 | 40 | 52 | 56 | 64 | 108 | 124
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_magic() {
        let bmp = [b"BM".as_slice(), &[0; 12], &[40, 0, 0, 0]].concat();
        for (head, format) in [
            (b"\xff\xd8\xff\xe0".as_slice(), Some(Format::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Some(Format::Png)),
            (b"GIF89a", Some(Format::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(Format::Webp)),
            (b"II*\0", Some(Format::Tiff)),
            (b"MM\0+\0\x08\0\0", Some(Format::Tiff)),
            (&bmp, Some(Format::Bmp)),
            (b"\0\0\x01\0\x01\0", Some(Format::Ico)),
            (b"BMW is a maker of cars", None),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(Format::sniff(head), format, "{head:?}");
        }
    }
}
