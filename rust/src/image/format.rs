//! Which decoder a file is for, told from its first bytes and never from its name; and the table of what is read here.

use super::{raw, svg};

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
    /// A camera's raw file, shown by the preview in it.
    Raw,
    /// AV1 pictures in a HEIF container.
    Avif,
    /// JPEG XL, bare or in a container.
    Jxl,
    /// The "Quite OK Image" format.
    Qoi,
    /// Netpbm's portable anymaps.
    Pnm,
    /// Photoshop documents.
    Psd,
    /// Scalable Vector Graphics, also packed by gzip.
    Svg,
}

/// What is known of a format before any file of it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The name Python sees.
    pub name: &'static str,
    /// Its types, as `sniff` gives them.
    pub mime_types: &'static [&'static str],
    /// Usual file name extensions, without the dot.
    pub extensions: &'static [&'static str],
    /// The library that decodes it; `pillion` where the code is in this crate.
    pub decoder: &'static str,
    /// Whether transparency is kept.
    pub alpha: bool,
    /// Whether an ICC profile in the file is honoured.
    pub icc: bool,
    /// What is read and what is not, in a few words.
    pub note: &'static str,
}

impl Format {
    /// Every format, in the order people look for them.
    pub const ALL: [Self; 14] = [
        Self::Jpeg,
        Self::Png,
        Self::Gif,
        Self::Webp,
        Self::Avif,
        Self::Jxl,
        Self::Tiff,
        Self::Bmp,
        Self::Ico,
        Self::Svg,
        Self::Psd,
        Self::Pnm,
        Self::Qoi,
        Self::Raw,
    ];

    /// The format of a file that begins with `data`, by its magic bytes.
    pub fn sniff(data: &[u8]) -> Option<Self> {
        match data {
            _ if raw::is_raw(data) => Some(Self::Raw),
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
            [_, _, _, _, b'f', b't', b'y', b'p', ..] if brands_avif(data) => Some(Self::Avif),
            [0xff, 0x0a, ..] => Some(Self::Jxl),
            _ if data.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") => Some(Self::Jxl),
            [b'q', b'o', b'i', b'f', ..] => Some(Self::Qoi),
            [b'P', b'1'..=b'7', next, ..] if next.is_ascii_whitespace() => Some(Self::Pnm),
            [b'8', b'B', b'P', b'S', 0, 1 | 2, ..] => Some(Self::Psd),
            _ if svg::is_svg(data) => Some(Self::Svg),
            _ => None,
        }
    }

    /// The name Python sees.
    pub const fn name(self) -> &'static str {
        self.about().name
    }

    /// The format's row in the table of formats.
    pub const fn about(self) -> &'static About {
        match self {
            Self::Jpeg => &About {
                name: "jpeg",
                mime_types: &["image/jpeg"],
                extensions: &["jpg", "jpeg", "jpe", "jfif"],
                decoder: "libjpeg-turbo",
                alpha: false,
                icc: true,
                note: "baseline, progressive, arithmetic and lossless coding, 8 to 16 bits, grey, RGB, CMYK and YCCK",
            },
            Self::Png => &About {
                name: "png",
                mime_types: &["image/png"],
                extensions: &["png", "apng"],
                decoder: "png",
                alpha: true,
                icc: true,
                note: "all colour types, 1 to 16 bits, interlaced; of an animation the default image",
            },
            Self::Gif => &About {
                name: "gif",
                mime_types: &["image/gif"],
                extensions: &["gif"],
                decoder: "gif",
                alpha: true,
                icc: false,
                note: "the first frame",
            },
            Self::Webp => &About {
                name: "webp",
                mime_types: &["image/webp"],
                extensions: &["webp"],
                decoder: "libwebp",
                alpha: true,
                icc: true,
                note: "lossy and lossless; of an animation the first frame",
            },
            Self::Avif => &About {
                name: "avif",
                mime_types: &["image/avif"],
                extensions: &["avif"],
                decoder: "rav1d",
                alpha: true,
                icc: true,
                note: "8 to 12 bits, grids, rotation and mirroring; of a sequence its still picture",
            },
            Self::Jxl => &About {
                name: "jxl",
                mime_types: &["image/jxl"],
                extensions: &["jxl"],
                decoder: "jxl",
                alpha: true,
                icc: true,
                note: "lossy, lossless and recompressed JPEG, grey, RGB and CMYK; of an animation the first frame",
            },
            Self::Tiff => &About {
                name: "tiff",
                mime_types: &["image/tiff"],
                extensions: &["tif", "tiff"],
                decoder: "pillion",
                alpha: true,
                icc: true,
                note: "strips, tiles, planes, 1 to 64 bits, LZW, deflate, PackBits, fax, JPEG; the first page",
            },
            Self::Bmp => &About {
                name: "bmp",
                mime_types: &["image/bmp"],
                extensions: &["bmp", "dib"],
                decoder: "image",
                alpha: true,
                icc: false,
                note: "Windows and OS/2, palette, RLE, 16 to 32 bits",
            },
            Self::Ico => &About {
                name: "ico",
                mime_types: &["image/x-icon"],
                extensions: &["ico", "cur"],
                decoder: "image",
                alpha: true,
                icc: false,
                note: "icons and cursors, BMP or PNG inside; the largest picture",
            },
            Self::Raw => &About {
                name: "raw",
                mime_types: &[
                    "image/x-adobe-dng",
                    "image/x-canon-cr2",
                    "image/x-canon-cr3",
                    "image/x-fuji-raf",
                    "image/x-nikon-nef",
                    "image/x-olympus-orf",
                    "image/x-panasonic-rw2",
                    "image/x-pentax-pef",
                    "image/x-samsung-srw",
                    "image/x-sony-arw",
                ],
                extensions: &[
                    "dng", "cr2", "cr3", "raf", "nef", "nrw", "orf", "rw2", "pef", "srw", "arw",
                    "sr2",
                ],
                decoder: "libjpeg-turbo",
                alpha: false,
                icc: true,
                note: "camera raw, by the smallest preview in it that is large enough",
            },
            Self::Svg => &About {
                name: "svg",
                mime_types: &["image/svg+xml"],
                extensions: &["svg", "svgz"],
                decoder: "resvg",
                alpha: true,
                icc: false,
                note: "drawn at the wanted size; nothing outside the file is read; text in installed fonts",
            },
            Self::Psd => &About {
                name: "psd",
                mime_types: &["image/vnd.adobe.photoshop"],
                extensions: &["psd", "psb"],
                decoder: "pillion",
                alpha: true,
                icc: true,
                note: "the merged picture: bilevel, grey, indexed, RGB and CMYK, 8 to 32 bits; no Lab",
            },
            Self::Pnm => &About {
                name: "pnm",
                mime_types: &["image/x-portable-anymap"],
                extensions: &["pbm", "pgm", "ppm", "pnm", "pam"],
                decoder: "pillion",
                alpha: true,
                icc: false,
                note: "P1 to P7, up to 16 bits; the first picture",
            },
            Self::Qoi => &About {
                name: "qoi",
                mime_types: &["image/qoi"],
                extensions: &["qoi"],
                decoder: "pillion",
                alpha: true,
                icc: false,
                note: "RGB and RGBA",
            },
        }
    }
}

/// Whether the brands of a file of ISO media name AVIF: first, or beside a general brand of HEIF.
fn brands_avif(data: &[u8]) -> bool {
    let length = data
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize);
    let brands = data.get(8..length.clamp(8, data.len())).unwrap_or_default();
    let (brands, _) = brands.as_chunks::<4>();
    let names_it = |brand: &[u8; 4]| matches!(brand, b"avif" | b"avis");
    let Some((major, rest)) = brands.split_first() else {
        return false;
    };
    match major {
        // The version comes between them.
        b"mif1" | b"msf1" | b"miaf" | b"mif2" => rest.iter().skip(1).any(names_it),
        major => names_it(major),
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
    use crate::sniff::mime_from_name;

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
            (b"\xff\x0a\x7f", Some(Format::Jxl)),
            (b"\0\0\0\x14ftypavif\0\0\0\0mif1", Some(Format::Avif)),
            (b"\0\0\0\x14ftypmif1\0\0\0\0avif", Some(Format::Avif)),
            (b"\0\0\0\x14ftypmif1\0\0\0\0heic", None),
            (b"\0\0\0\x10ftypmif1\0\0\0\0avif", None),
            (b"\0\0\0\x14ftypisom\0\0\0\0avif", None),
            (b"\0\0\0\x0cJXL \r\n\x87\n", Some(Format::Jxl)),
            (b"qoif\0\0\0\x01", Some(Format::Qoi)),
            (b"P6\n# made by", Some(Format::Pnm)),
            (b"P7\nWIDTH 3", Some(Format::Pnm)),
            (b"P8\n", None),
            (b"8BPS\0\x02", Some(Format::Psd)),
            (b"8BPS\0\x03", None),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                Some(Format::Svg),
            ),
            (b"BMW is a maker of cars", None),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(Format::sniff(head), format, "{head:?}");
        }
    }

    #[test]
    fn the_table_agrees_with_the_names_of_files() {
        for about in Format::ALL.map(Format::about) {
            for extension in about.extensions {
                let name = format!("picture.{extension}");
                let mime = mime_from_name(name.as_bytes());
                assert!(about.mime_types.contains(&mime), "{extension} is {mime}");
            }
        }
    }

    #[test]
    fn every_format_has_one_row() {
        for (index, format) in Format::ALL.into_iter().enumerate() {
            let name = format.name();
            let first = Format::ALL.iter().position(|other| other.name() == name);
            assert_eq!(first, Some(index), "{name}");
        }
    }
}
