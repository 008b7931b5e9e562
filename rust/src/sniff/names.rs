//! What a file's name says about its type, and what a type is for us.

use super::UNKNOWN;

/// The extension of a path's last part, in lower case; empty if it has none (or one too long to be one).
pub(super) fn extension(name: &[u8]) -> Vec<u8> {
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    match name.iter().rposition(|&byte| byte == b'.') {
        Some(dot) if dot > 0 && name.len() - dot <= 12 => name[dot + 1..].to_ascii_lowercase(),
        _ => Vec::new(),
    }
}

/// The type that the name's extension claims, without a look at the bytes; [`UNKNOWN`] if it claims none.
#[must_use]
pub fn mime_from_name(name: &[u8]) -> &'static str {
    match extension(name).as_slice() {
        b"" => UNKNOWN,
        ext => picture(ext)
            .or_else(|| sound_or_video(ext))
            .or_else(|| text(ext))
            .or_else(|| other(ext))
            .unwrap_or(UNKNOWN),
    }
}

/// What Pillion does with a type: `image`, `pdf`, `video`, `audio`, `text` or `other`, the values of
/// `pillion.model.MediaClass`. Parameters (`; charset=utf-8`) and letter case do not matter.
#[must_use]
pub fn media_class(mime: &str) -> &'static str {
    let mime = mime
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match mime.as_str() {
        "application/pdf" => "pdf",
        "application/vnd.rn-realmedia" | "application/mxf" => "video",
        "application/json"
        | "application/x-ndjson"
        | "application/geo+json"
        | "application/x-ipynb+json"
        | "application/ld+json"
        | "application/xml"
        | "application/javascript"
        | "application/toml"
        | "application/yaml"
        | "application/sql"
        | "application/x-subrip"
        | "application/x-tex"
        | "message/rfc822"
        | "application/mbox"
        | "application/rtf"
        | "application/epub+zip"
        | "application/vnd.ms-excel"
        | "application/x-ooxml-protected" => "text",
        office if OFFICE.iter().any(|start| office.starts_with(start)) => "text",
        other => match other.split_once('/') {
            Some(("image", _)) => "image",
            Some(("video", _)) => "video",
            Some(("audio", _)) => "audio",
            Some(("text", _)) => "text",
            _ => "other",
        },
    }
}

/// How the types of office documents begin whose text Pillion reads; templates have types of their own behind them.
const OFFICE: [&str; 7] = [
    "application/vnd.openxmlformats-officedocument.wordprocessingml.",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.",
    "application/vnd.openxmlformats-officedocument.presentationml.",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.graphics",
];

fn picture(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"jpg" | b"jpeg" | b"jpe" | b"jfif" => "image/jpeg",
        b"png" | b"apng" => "image/png",
        b"gif" => "image/gif",
        b"bmp" | b"dib" => "image/bmp",
        b"tif" | b"tiff" => "image/tiff",
        b"webp" => "image/webp",
        b"avif" => "image/avif",
        b"heic" => "image/heic",
        b"heif" | b"hif" => "image/heif",
        b"jxl" => "image/jxl",
        b"jp2" | b"j2k" | b"jpf" | b"jpx" => "image/jp2",
        b"svg" | b"svgz" => "image/svg+xml",
        b"psd" | b"psb" => "image/vnd.adobe.photoshop",
        b"ico" | b"cur" => "image/x-icon",
        b"qoi" => "image/qoi",
        b"pbm" | b"pgm" | b"ppm" | b"pnm" | b"pam" => "image/x-portable-anymap",
        b"exr" => "image/x-exr",
        b"hdr" => "image/vnd.radiance",
        b"xcf" => "image/x-xcf",
        b"dds" => "image/x-dds",
        b"icns" => "image/icns",
        b"sgi" | b"rgb" | b"rgba" | b"bw" => "image/sgi",
        b"pcx" => "image/x-pcx",
        b"ras" | b"sun" => "image/x-sun-raster",
        b"tga" | b"icb" | b"vda" | b"vst" => "image/x-tga",
        b"jxr" | b"wdp" => "image/vnd.ms-photo",
        b"djvu" | b"djv" => "image/vnd.djvu",
        b"dng" => "image/x-adobe-dng",
        b"cr2" => "image/x-canon-cr2",
        b"cr3" => "image/x-canon-cr3",
        b"crw" => "image/x-canon-crw",
        b"nef" | b"nrw" => "image/x-nikon-nef",
        b"arw" | b"sr2" | b"srf" => "image/x-sony-arw",
        b"raf" => "image/x-fuji-raf",
        b"rw2" => "image/x-panasonic-rw2",
        b"orf" => "image/x-olympus-orf",
        b"pef" => "image/x-pentax-pef",
        b"srw" => "image/x-samsung-srw",
        b"mrw" => "image/x-minolta-mrw",
        b"x3f" => "image/x-sigma-x3f",
        _ => return None,
    })
}

fn sound_or_video(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"mp3" | b"mp2" | b"mpga" => "audio/mpeg",
        b"m4a" | b"m4b" => "audio/mp4",
        b"aac" => "audio/aac",
        b"wav" => "audio/wav",
        b"flac" => "audio/flac",
        b"ogg" | b"oga" | b"opus" | b"spx" => "audio/ogg",
        b"weba" => "audio/webm",
        b"mka" => "audio/x-matroska",
        b"aif" | b"aiff" | b"aifc" => "audio/aiff",
        b"amr" => "audio/amr",
        b"awb" => "audio/amr-wb",
        b"wma" => "audio/x-ms-wma",
        b"mid" | b"midi" => "audio/midi",
        b"au" | b"snd" => "audio/basic",
        b"caf" => "audio/x-caf",
        b"wv" => "audio/x-wavpack",
        b"ape" => "audio/x-ape",
        b"dsf" => "audio/x-dsf",
        b"mp4" => "video/mp4",
        b"mov" | b"qt" => "video/quicktime",
        b"m4v" => "video/x-m4v",
        b"3gp" => "video/3gpp",
        b"3g2" => "video/3gpp2",
        b"webm" => "video/webm",
        b"mkv" => "video/x-matroska",
        b"avi" => "video/x-msvideo",
        b"wmv" => "video/x-ms-wmv",
        b"asf" => "video/x-ms-asf",
        b"flv" => "video/x-flv",
        b"mts" | b"m2ts" => "video/mp2t",
        b"mpg" | b"mpeg" | b"vob" | b"m2v" => "video/mpeg",
        b"ogv" => "video/ogg",
        b"rm" | b"rmvb" => "application/vnd.rn-realmedia",
        b"mxf" => "application/mxf",
        _ => return None,
    })
}

fn text(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"txt" | b"text" | b"log" | b"ini" | b"cfg" | b"conf" => "text/plain",
        b"md" | b"markdown" | b"mkd" => "text/markdown",
        b"rst" => "text/x-rst",
        b"adoc" | b"asciidoc" => "text/asciidoc",
        b"org" => "text/x-org",
        b"html" | b"htm" | b"xhtml" => "text/html",
        b"css" => "text/css",
        b"csv" => "text/csv",
        b"tsv" => "text/tab-separated-values",
        b"xml" | b"xsd" | b"xsl" | b"gpx" | b"kml" => "text/xml",
        b"vtt" => "text/vtt",
        b"srt" => "application/x-subrip",
        b"ics" => "text/calendar",
        b"vcf" => "text/vcard",
        b"eml" => "message/rfc822",
        b"mbox" => "application/mbox",
        b"json" => "application/json",
        b"jsonl" | b"ndjson" => "application/x-ndjson",
        b"geojson" => "application/geo+json",
        b"ipynb" => "application/x-ipynb+json",
        b"toml" => "application/toml",
        b"yaml" | b"yml" => "application/yaml",
        b"sql" => "application/sql",
        b"tex" => "application/x-tex",
        b"bib" => "text/x-bibtex",
        b"js" | b"mjs" | b"cjs" => "text/javascript",
        // .ts is text here: transport streams are known by their bytes.
        b"ts" | b"tsx" => "text/x-typescript",
        b"py" | b"pyi" => "text/x-python",
        b"c" | b"h" => "text/x-c",
        b"cc" | b"cpp" | b"cxx" | b"hpp" | b"hh" => "text/x-c++",
        b"cs" => "text/x-csharp",
        b"java" => "text/x-java",
        b"kt" => "text/x-kotlin",
        b"swift" => "text/x-swift",
        b"rs" => "text/x-rust",
        b"go" => "text/x-go",
        b"rb" => "text/x-ruby",
        b"pl" | b"pm" => "text/x-perl",
        b"php" => "text/x-php",
        b"lua" => "text/x-lua",
        b"r" => "text/x-r",
        b"sh" | b"bash" | b"zsh" => "text/x-shellscript",
        b"diff" | b"patch" => "text/x-diff",
        _ => return None,
    })
}

fn other(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"pdf" => "application/pdf",
        b"ps" | b"eps" => "application/postscript",
        b"rtf" => "application/rtf",
        b"doc" => "application/msword",
        b"xls" => "application/vnd.ms-excel",
        b"ppt" => "application/vnd.ms-powerpoint",
        b"msg" => "application/vnd.ms-outlook",
        b"msi" => "application/x-msi",
        b"docx" | b"docm" | b"dotx" | b"dotm" => {
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        }
        b"xlsx" | b"xlsm" | b"xlsb" | b"xltx" | b"xltm" => {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        }
        b"pptx" | b"pptm" | b"ppsx" | b"ppsm" | b"potx" | b"potm" => {
            "application/vnd.openxmlformats-officedocument.presentationml.presentation"
        }
        b"odt" => "application/vnd.oasis.opendocument.text",
        b"ods" => "application/vnd.oasis.opendocument.spreadsheet",
        b"odp" => "application/vnd.oasis.opendocument.presentation",
        b"odg" => "application/vnd.oasis.opendocument.graphics",
        b"ott" => "application/vnd.oasis.opendocument.text-template",
        b"ots" => "application/vnd.oasis.opendocument.spreadsheet-template",
        b"otp" => "application/vnd.oasis.opendocument.presentation-template",
        b"epub" => "application/epub+zip",
        b"zip" => "application/zip",
        b"jar" => "application/java-archive",
        b"apk" => "application/vnd.android.package-archive",
        b"gz" | b"tgz" => "application/gzip",
        b"bz2" => "application/x-bzip2",
        b"xz" => "application/x-xz",
        b"zst" => "application/zstd",
        b"lz4" => "application/x-lz4",
        b"7z" => "application/x-7z-compressed",
        b"rar" => "application/vnd.rar",
        b"tar" => "application/x-tar",
        b"cab" => "application/vnd.ms-cab-compressed",
        b"deb" => "application/vnd.debian.binary-package",
        b"rpm" => "application/x-rpm",
        b"sqlite" | b"sqlite3" | b"db3" => "application/vnd.sqlite3",
        b"exe" | b"dll" => "application/vnd.microsoft.portable-executable",
        b"wasm" => "application/wasm",
        b"npy" => "application/x-npy",
        b"parquet" => "application/vnd.apache.parquet",
        b"gguf" => "application/x-gguf",
        b"h5" | b"hdf5" => "application/x-hdf5",
        b"woff" => "font/woff",
        b"woff2" => "font/woff2",
        b"otf" => "font/otf",
        b"ttf" => "font/ttf",
        b"ttc" => "font/collection",
        _ => return None,
    })
}
