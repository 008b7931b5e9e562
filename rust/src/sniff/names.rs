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
        "application/vnd.rn-realmedia"
        | "application/mxf"
        | "application/vnd.adobe.flash.movie" => "video",
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
        | "application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint"
        | "application/vnd.ms-outlook"
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
        b"avif" | b"avifs" => "image/avif",
        b"heic" => "image/heic",
        b"heif" | b"hif" => "image/heif",
        b"jxl" => "image/jxl",
        b"jp2" | b"j2k" | b"jpf" | b"jpx" | b"jpc" | b"j2c" => "image/jp2",
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
        b"blp" => "image/x-blp",
        b"dcx" => "image/x-dcx",
        b"fits" | b"fts" => "image/fits",
        b"ftc" | b"ftu" => "image/x-ftex",
        b"gbr" => "image/x-gimp-gbr",
        b"msp" => "image/x-msp",
        b"pcd" => "image/x-photo-cd",
        b"pxr" => "image/x-pixar",
        b"xbm" => "image/x-xbitmap",
        b"xpm" => "image/x-xpixmap",
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
    sound(ext).or_else(|| video(ext)).or_else(|| game(ext))
}

fn sound(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"mp3" | b"mp2" | b"mpga" | b"mp1" | b"m2a" | b"mpa" => "audio/mpeg",
        b"m4a" | b"m4b" | b"m4r" | b"m4p" => "audio/mp4",
        b"aac" | b"adts" => "audio/aac",
        b"loas" | b"latm" => "audio/x-latm",
        b"wav" | b"wave" | b"rf64" | b"bw64" | b"bwf" => "audio/wav",
        b"w64" => "audio/x-w64",
        b"flac" => "audio/flac",
        b"ogg" | b"oga" | b"opus" | b"spx" => "audio/ogg",
        b"weba" => "audio/webm",
        b"mka" => "audio/x-matroska",
        b"aif" | b"aiff" | b"aifc" => "audio/aiff",
        b"8svx" | b"svx" => "audio/x-8svx",
        b"amr" => "audio/amr",
        b"awb" => "audio/amr-wb",
        b"ac3" => "audio/ac3",
        b"eac3" | b"ec3" => "audio/eac3",
        b"ac4" => "audio/ac4",
        b"dts" => "audio/vnd.dts",
        b"dtshd" => "audio/vnd.dts.hd",
        b"thd" | b"mlp" => "audio/vnd.dolby.mlp",
        b"wma" => "audio/x-ms-wma",
        b"mid" | b"midi" => "audio/midi",
        b"au" | b"snd" => "audio/basic",
        b"caf" => "audio/x-caf",
        b"wv" => "audio/x-wavpack",
        b"ape" | b"apl" => "audio/x-ape",
        b"tta" => "audio/x-tta",
        b"tak" => "audio/x-tak",
        b"shn" => "audio/x-shorten",
        b"mpc" | b"mp+" | b"mpp" => "audio/x-musepack",
        b"rka" => "audio/x-rka",
        b"bonk" => "audio/x-bonk",
        b"apc" => "audio/x-apc",
        b"osq" => "audio/x-osq",
        b"wa" => "audio/x-wavarc",
        b"qoa" => "audio/x-qoa",
        b"dsf" => "audio/x-dsf",
        b"dff" => "audio/x-dff",
        b"wsd" => "audio/x-wsd",
        b"ra" | b"ram" => "audio/vnd.rn-realaudio",
        b"aa" => "audio/x-aa",
        b"aax" | b"aaxc" => "audio/x-aax",
        b"dss" | b"ds2" => "audio/x-dss",
        b"oma" | b"omg" | b"aa3" => "audio/x-oma",
        b"aea" => "audio/x-aea",
        b"vqf" | b"vql" | b"vqe" => "audio/x-twinvq",
        b"voc" => "audio/x-voc",
        b"sph" | b"nist" => "audio/x-nist",
        b"sf" | b"ircam" => "audio/x-ircam",
        b"pvf" => "audio/x-pvf",
        b"paf" | b"fap" => "audio/x-paf",
        b"sds" => "audio/x-sds",
        b"sdx" => "audio/x-sdx",
        b"avr" => "audio/x-avr",
        b"wve" => "audio/x-wve",
        b"sox" => "audio/x-sox",
        b"nsp" => "audio/x-nsp",
        b"mmf" => "audio/x-smaf",
        b"qcp" => "audio/qcelp",
        b"xwma" => "audio/x-xwma",
        b"gsm" => "audio/x-gsm",
        b"g722" | b"722" => "audio/g722",
        b"g723_1" | b"tco" | b"rco" => "audio/g723",
        b"g728" => "audio/g728",
        b"g729" => "audio/g729",
        b"sln" => "audio/x-sln",
        b"lbc" | b"ilbc" => "audio/ilbc",
        b"lc3" => "audio/x-lc3",
        b"c2" => "audio/x-codec2",
        b"sbc" | b"msbc" => "audio/x-sbc",
        b"aptx" => "audio/x-aptx",
        b"aptxhd" => "audio/x-aptx-hd",
        b"dfpwm" => "audio/x-dfpwm",
        b"302" | b"daud" => "audio/x-daud",
        b"iamf" => "audio/iamf",
        b"laf" => "audio/x-laf",
        _ => return None,
    })
}

fn video(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"mp4" | b"f4v" | b"ism" | b"isma" | b"ismv" | b"psp" | b"m4s" | b"cmfv" | b"mp4v"
        | b"mpg4" => "video/mp4",
        b"mov" | b"qt" | b"mqv" | b"mj2" => "video/quicktime",
        b"m4v" => "video/x-m4v",
        b"3gp" => "video/3gpp",
        b"3g2" => "video/3gpp2",
        b"webm" => "video/webm",
        b"mkv" | b"mk3d" | b"mks" => "video/x-matroska",
        b"avi" | b"divx" | b"xvid" | b"amv" => "video/x-msvideo",
        b"wmv" => "video/x-ms-wmv",
        b"asf" | b"dvr-ms" => "video/x-ms-asf",
        b"wtv" => "video/x-wtv",
        b"flv" | b"kux" => "video/x-flv",
        b"swf" => "application/vnd.adobe.flash.movie",
        b"mts" | b"m2ts" | b"m2t" | b"trp" | b"tp" | b"ssif" => "video/mp2t",
        b"mpg" | b"mpeg" | b"vob" | b"m2v" | b"m1v" | b"mpe" | b"mpv" | b"m2p" | b"mp2v"
        | b"evo" | b"vro" | b"tod" => "video/mpeg",
        b"ogv" | b"ogm" => "video/ogg",
        b"rm" | b"rmvb" | b"rv" | b"ivr" => "application/vnd.rn-realmedia",
        b"mxf" => "application/mxf",
        b"gxf" => "video/x-gxf",
        b"lxf" => "video/x-lxf",
        b"dv" | b"dif" => "video/dv",
        b"264" | b"avc" | b"h264" | b"h26l" | b"jsv" => "video/h264",
        b"265" | b"h265" | b"hevc" => "video/h265",
        b"266" | b"h266" | b"vvc" => "video/h266",
        b"h261" => "video/h261",
        b"h263" => "video/h263",
        b"evc" => "video/x-evc",
        b"avs" | b"avs2" => "video/x-avs",
        b"avs3" => "video/x-avs3",
        b"obu" | b"av1" => "video/x-obu",
        b"ivf" => "video/x-ivf",
        b"vc1" | b"rcv" => "video/x-vc1",
        b"drc" => "video/x-dirac",
        b"dnxhd" | b"dnxhr" => "video/x-dnxhd",
        b"mjpg" | b"mjpeg" => "video/x-mjpeg",
        b"mpo" => "image/jpeg",
        b"apv" => "video/x-apv",
        b"y4m" => "video/x-yuv4mpeg",
        b"nut" => "video/x-nut",
        b"nuv" => "video/x-nuv",
        b"nsv" => "video/x-nsv",
        b"pva" => "video/x-pva",
        b"ty" | b"ty+" => "video/x-tivo",
        b"dav" => "video/x-dhav",
        b"ifv" => "video/x-ifv",
        b"mxg" => "video/x-mxpeg",
        b"viv" => "video/x-vivo",
        b"fli" | b"flc" => "video/x-flic",
        b"flm" => "video/x-filmstrip",
        b"cine" => "video/x-cine",
        b"r3d" => "video/x-r3d",
        b"mlv" => "video/x-mlv",
        b"ser" => "video/x-ser",
        b"cdg" => "video/x-cdg",
        b"cdxl" | b"xl" => "video/x-cdxl",
        b"ipu" => "video/x-ipu",
        b"pdv" => "video/x-pdv",
        b"v210" => "video/x-v210",
        _ => return None,
    })
}

/// Sound and video of games, under the names of their files.
fn game(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"acm" => "audio/x-acm",
        b"aud" => "audio/x-wsaud",
        b"adp" | b"dtk" => "audio/x-adp",
        b"ads" | b"ss2" => "audio/x-ads",
        b"adx" => "audio/x-adx",
        b"afc" => "audio/x-afc",
        b"aix" => "audio/x-aix",
        b"ast" => "audio/x-ast",
        b"bcstm" | b"bfstm" => "audio/x-bfstm",
        b"brstm" => "audio/x-brstm",
        b"binka" => "audio/x-binka",
        b"fsb" => "audio/x-fsb",
        b"fwse" => "audio/x-fwse",
        b"genh" => "audio/x-genh",
        b"hca" => "audio/x-hca",
        b"mca" => "audio/x-mca",
        b"msf" => "audio/x-msf",
        b"mtaf" => "audio/x-mtaf",
        b"musx" => "audio/x-musx",
        b"rsd" => "audio/x-rsd",
        b"rso" => "audio/x-rso",
        b"sdns" => "audio/x-sdns",
        b"sdr2" => "audio/x-sdr2",
        b"son" => "video/x-siff",
        b"svag" => "audio/x-svag",
        b"svs" => "audio/x-svs",
        b"vag" => "audio/x-vag",
        b"way" => "audio/x-wady",
        b"xmd" => "audio/x-xmd",
        b"xvag" => "audio/x-xvag",
        b"bik" | b"bk2" => "video/x-bink",
        b"bmv" => "video/x-bmv",
        b"cdata" => "video/x-ea-cdata",
        b"imx" => "video/x-simbiosis",
        b"lvf" => "video/x-lvf",
        b"mods" => "video/x-mods",
        b"moflex" => "video/x-moflex",
        b"mve" => "video/x-mve",
        b"mvi" => "video/x-mvi",
        b"rl2" => "video/x-rl2",
        b"roq" => "video/x-roq",
        b"sga" => "video/x-sga",
        b"smk" => "video/x-smacker",
        b"str" => "video/x-str",
        b"thp" => "video/x-thp",
        b"txd" => "video/x-txd",
        b"usm" => "video/x-usm",
        b"xmv" => "video/x-xmv",
        b"yop" => "video/x-yop",
        _ => return None,
    })
}

fn text(ext: &[u8]) -> Option<&'static str> {
    Some(match ext {
        b"txt" | b"text" | b"log" | b"ini" | b"cfg" | b"conf" | b"asc" | b"nfo" | b"diz"
        | b"ans" | b"properties" | b"reg" | b"inf" | b"bat" | b"cmd" | b"vbs" | b"bas" | b"pas"
        | b"strings" | b"po" | b"pot" | b"vim" | b"idx" | b"sbg" => "text/plain",
        b"ass" | b"ssa" => "text/x-ssa",
        b"sub" | b"mpl2" | b"jss" | b"aqt" | b"pjs" | b"rt" | b"scc" | b"mcc" | b"sbv" => {
            "text/x-subtitles"
        }
        b"smi" | b"sami" => "text/x-sami",
        b"lrc" => "text/x-lrc",
        b"cue" => "text/x-cue",
        b"m3u" | b"m3u8" | b"pls" => "text/x-playlist",
        b"md" | b"markdown" | b"mkd" => "text/markdown",
        b"rst" => "text/x-rst",
        b"adoc" | b"asciidoc" => "text/asciidoc",
        b"org" => "text/x-org",
        b"html" | b"htm" | b"xhtml" | b"xht" | b"shtml" => "text/html",
        b"css" => "text/css",
        b"csv" => "text/csv",
        b"tsv" => "text/tab-separated-values",
        b"xml" | b"xsd" | b"xsl" | b"gpx" | b"kml" | b"ttml" | b"dfxp" | b"xspf" => "text/xml",
        b"vtt" | b"webvtt" => "text/vtt",
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
        b"doc" | b"dot" => "application/msword",
        b"xls" | b"xlt" | b"xlw" => "application/vnd.ms-excel",
        b"ppt" | b"pps" => "application/vnd.ms-powerpoint",
        b"msg" | b"oft" => "application/vnd.ms-outlook",
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
