//! Which decoder a file is for, told from its bytes and never from its name; and the table of what is read here.

use super::{raw, svg};
use crate::sniff::sniff;

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

    /// The format of a file that begins with `data`: by its type, and where a type may be two formats by what is inside.
    pub fn sniff(data: &[u8]) -> Option<Self> {
        let mime = sniff(data, b"");
        match mime {
            "application/gzip" => svg::is_svg(data).then_some(Self::Svg),
            // Most raw formats are TIFF; only the directories tell.
            "image/tiff" | "image/x-adobe-dng" if raw::is_raw_tiff(data) => Some(Self::Raw),
            "image/tiff" | "image/x-adobe-dng" => Some(Self::Tiff),
            _ => Self::ALL
                .into_iter()
                .find(|format| format.about().mime_types.contains(&mime)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::mime_from_name;

    #[test]
    fn formats_are_told_by_their_magic() {
        let bmp = [b"BM".as_slice(), &[0; 12], &[40, 0, 0, 0]].concat();
        let mut icon = b"\0\0\x01\0\x01\0".to_vec();
        icon.resize(22, 0);
        icon[18] = 22;
        for (head, format) in [
            (b"\xff\xd8\xff\xe0".as_slice(), Some(Format::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Some(Format::Png)),
            (b"GIF89a", Some(Format::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some(Format::Webp)),
            (b"II*\0", Some(Format::Tiff)),
            (b"MM\0+\0\x08\0\0", Some(Format::Tiff)),
            (&bmp, Some(Format::Bmp)),
            (&icon, Some(Format::Ico)),
            (&icon[..21], None),
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

    /// Some types are told apart by the name alone (`image/x-nikon-nef`), so not all of them come from bytes.
    #[test]
    fn no_type_belongs_to_two_formats() {
        for about in Format::ALL.map(Format::about) {
            for mime in about.mime_types {
                let owners = Format::ALL.map(Format::about);
                let owners = owners.iter().filter(|row| row.mime_types.contains(mime));
                assert_eq!(owners.count(), 1, "{mime}");
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
