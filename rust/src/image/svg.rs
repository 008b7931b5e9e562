//! SVG and SVGZ by resvg, drawn at the size that is wanted: a drawing has no resolution of its own.
//!
//! Nothing outside the file is read: no linked pictures, style sheets or files, no network. Pictures inside it (as
//! `data:` URLs) are drawn within the same limits as files. Text is drawn with the fonts that are installed on the
//! machine, which are looked up once in a process, when the first drawing with text comes; without fonts, text is left
//! out.

use std::borrow::Cow;
use std::io::Read;
use std::sync::{Arc, LazyLock};
use std::thread;

use flate2::read::MultiGzDecoder;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Error, Group, ImageHrefResolver, ImageKind, Node, Options, Tree, fontdb};

use super::memory::{self, Limits};
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture, Want, probe};
use crate::error::{CoreError, ErrorClass, Result};
use crate::{guard, sniff};

/// Longest text of a drawing, after it is unpacked. Parsed it takes some ten times that.
const MAX_TEXT: u64 = 64 << 20;

/// Elements may nest a thousand deep, and parser and renderer call themselves for each.
const STACK: usize = 64 << 20;

/// Canvases that one group may need: its own, that of its mask or clip path, that of a filter.
const LAYERS_OF_A_GROUP: u64 = 3;

/// The fonts of the machine.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_system_fonts();
    Arc::new(fonts)
});

/// Whether a file that begins with `data` is a drawing, packed or not.
pub fn is_svg(data: &[u8]) -> bool {
    if !is_packed(data) {
        return sniff::sniff(data, b"") == SVG;
    }
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(data).take(sniff::HEAD as u64);
    // A damaged end does not matter here.
    let _ = reader.read_to_end(&mut unpacked);
    sniff::sniff(&unpacked, b"") == SVG
}

fn is_packed(data: &[u8]) -> bool {
    sniff::sniff(data, b"") == "application/gzip"
}

const SVG: &str = "image/svg+xml";

/// The drawing's own size, in pixels of CSS, rounded up.
///
/// # Errors
/// `corrupt`, `unsupported` or `too_large`.
pub fn header(data: &[u8]) -> Result<Header> {
    let limits = Limits::with_max_pixels(0);
    let (width, height) = on_a_large_stack(|| Ok(own_size(&parsed(data, limits)?)))?;
    Ok(Header {
        format: Format::Svg,
        width: width.ceil() as u32,
        height: height.ceil() as u32,
        orientation: Orientation::UPRIGHT,
    })
}

/// Draw so that the longest side is exactly what is wanted, larger than the drawing's own size if need be.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Pixels>> {
    let limits = *limits;
    let pixels = on_a_large_stack(|| drawn(&parsed(data, limits)?, want, &limits))?;
    Ok(Picture::unscaled(pixels, Orientation::UPRIGHT))
}

/// Run `work` on a thread whose stack suffices for deeply nested elements.
fn on_a_large_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || guard::catch(work))?;
        let lost = |_| {
            Err(CoreError::new(
                ErrorClass::Crash,
                "a drawing's thread was lost",
            ))
        };
        worker.join().unwrap_or_else(lost)
    })
}

fn parsed(data: &[u8], limits: Limits) -> Result<Tree> {
    let bytes = unpacked(data)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| CoreError::new(ErrorClass::Unsupported, "an SVG that is not in UTF-8"))?;
    let mut options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(move |mime, data, options| {
                picture_inside(mime, data, options, limits)
            }),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    if text.contains("<text") || text.contains(":text") {
        options.fontdb = Arc::clone(&FONTS);
    }
    Tree::from_str(text, &options).map_err(explain)
}

/// A picture in a `data:` URL, if it is one that may be drawn. resvg would decode it whatever its size.
fn picture_inside(
    mime: &str,
    data: Arc<Vec<u8>>,
    options: &Options<'_>,
    limits: Limits,
) -> Option<ImageKind> {
    if is_svg(&data) {
        let text = unpacked(&data).ok()?;
        let data = Arc::new(text.into_owned());
        return ImageHrefResolver::default_data_resolver()(SVG, data, options);
    }
    let header = probe(&data, 0).ok()?;
    limits.check_size(header.width, header.height).ok()?;
    let pixels = memory::area(header.width, header.height) as u64;
    limits.check_bytes(pixels * 8).ok()?;
    ImageHrefResolver::default_data_resolver()(mime, data, options)
}

/// The text of a drawing, unpacked if need be.
fn unpacked(data: &[u8]) -> Result<Cow<'_, [u8]>> {
    let too_large = || {
        CoreError::new(
            ErrorClass::TooLarge,
            format!("an SVG of more than {} MiB of text", MAX_TEXT >> 20),
        )
    };
    if !is_packed(data) {
        return match data.len() as u64 <= MAX_TEXT {
            true => Ok(Cow::Borrowed(data)),
            false => Err(too_large()),
        };
    }
    let mut text = Vec::new();
    let mut reader = MultiGzDecoder::new(data).take(MAX_TEXT + 1);
    reader
        .read_to_end(&mut text)
        .map_err(|error| CoreError::new(ErrorClass::Corrupt, format!("damaged SVGZ: {error}")))?;
    match text.len() as u64 <= MAX_TEXT {
        true => Ok(Cow::Owned(text)),
        false => Err(too_large()),
    }
}

fn own_size(tree: &Tree) -> (f32, f32) {
    let size = tree.size();
    (size.width(), size.height())
}

fn drawn(tree: &Tree, want: Want, limits: &Limits) -> Result<Pixels> {
    let (own_width, own_height) = own_size(tree);
    let scale = want
        .longest_side()
        .map_or(1.0, |side| side as f32 / own_width.max(own_height));
    let side = |length: f32| ((length * scale).round() as u32).max(1);
    let (width, height) = match want {
        Want::Full => (own_width.ceil() as u32, own_height.ceil() as u32),
        Want::AtLeast(_) => (side(own_width), side(own_height)),
    };
    limits.check_size(width, height)?;
    let layers = 1 + LAYERS_OF_A_GROUP * nested_layers(tree.root());
    let bytes = memory::area(width, height) as u64 * 4;
    limits.check_bytes(bytes.saturating_mul(layers))?;
    // A trial, because the canvas itself would abort.
    drop(memory::zeroed(bytes as usize)?);
    let mut canvas = Pixmap::new(width, height)
        .ok_or_else(|| CoreError::new(ErrorClass::TooLarge, "a drawing that is too large"))?;
    let transform = Transform::from_scale(width as f32 / own_width, height as f32 / own_height);
    resvg::render(tree, transform, &mut canvas.as_mut());
    Ok(Pixels {
        width,
        height,
        layout: Layout::Rgba,
        data: canvas.take_demultiplied(),
    })
}

/// How many groups that need a canvas of their own lie in each other.
fn nested_layers(group: &Group) -> u64 {
    let below = group.children().iter().map(|node| match node {
        Node::Group(group) => nested_layers(group),
        Node::Image(image) => match image.kind() {
            ImageKind::SVG(tree) => 1 + nested_layers(tree.root()),
            _ => 1,
        },
        _ => 0,
    });
    below.max().unwrap_or(0) + u64::from(group.should_isolate())
}

fn explain(error: Error) -> CoreError {
    let class = match error {
        Error::ElementsLimitReached => ErrorClass::TooLarge,
        Error::NotAnUtf8Str => ErrorClass::Unsupported,
        _ => ErrorClass::Corrupt,
    };
    CoreError::new(class, format!("SVG: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const RED: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' width='4' height='2'>\
        <rect width='2' height='2' fill='red'/></svg>";

    fn packed(data: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(data).expect("memory");
        packer.finish().expect("memory")
    }

    fn class(data: &[u8]) -> Option<ErrorClass> {
        let limits = Limits::with_max_pixels(1 << 24);
        decode(data, Want::Full, &limits)
            .err()
            .map(|error| error.class)
    }

    #[test]
    fn drawings_are_recognised() {
        assert!(is_svg(RED));
        assert!(is_svg(&packed(RED)));
        assert!(!is_svg(&packed(b"hello")));
        assert!(!is_svg(b"<html><svg></svg></html>"));
        assert!(!is_svg(&[0x1f, 0x8b, 8]));
    }

    #[test]
    fn the_size_is_the_wanted_one() {
        let limits = Limits::with_max_pixels(1 << 24);
        for (want, size) in [(Want::Full, (4, 2)), (Want::AtLeast(100), (100, 50))] {
            let made = decode(RED, want, &limits).expect("sound").raster;
            assert_eq!((made.width, made.height), size);
            assert_eq!(made.data[..4], [255, 0, 0, 255]);
            assert_eq!(made.data[made.stride() - 4..made.stride()], [0; 4]);
        }
    }

    #[test]
    fn bombs_are_too_large() {
        let zeros = packed(&[b"<svg>".as_slice(), &vec![b' '; MAX_TEXT as usize]].concat());
        assert_eq!(class(&zeros), Some(ErrorClass::TooLarge));
        let wide = b"<svg xmlns='http://www.w3.org/2000/svg' width='99999' height='99999'/>";
        assert_eq!(class(wide), Some(ErrorClass::TooLarge));
        let start = "<g opacity='.5'>".repeat(900);
        let shape = "<rect width='3000' height='3000'/>";
        let end = "</g>".repeat(900);
        let head = "<svg xmlns='http://www.w3.org/2000/svg' width='3000' height='3000'>";
        let layers = format!("{head}{start}{shape}{end}</svg>");
        assert_eq!(class(layers.as_bytes()), Some(ErrorClass::TooLarge));
    }

    #[test]
    fn damage_is_corrupt() {
        assert_eq!(class(&RED[..80]), Some(ErrorClass::Corrupt));
        assert_eq!(class(&packed(RED)[..30]), Some(ErrorClass::Corrupt));
        let endless = b"<!DOCTYPE svg [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><svg>&a;</svg>";
        assert_eq!(class(endless), Some(ErrorClass::Corrupt));
    }
}
