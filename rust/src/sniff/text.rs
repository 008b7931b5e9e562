//! Which sort of text bytes are, if they are text.

use super::coding::{Coding, beginning, coding};
use super::magic::late_pdf;
use super::{media_class, mime_from_name};

/// How much is looked at to find out which sort of text it is, and how much of messages, which may hold anything behind.
const START: usize = 4096;

/// The type of text, or None if these bytes are not text.
pub(super) fn sniff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let by_name = mime_from_name(name);
    let named =
        media_class(by_name) == "text" && !PACKED.iter().any(|start| by_name.starts_with(start));
    let start = &head[..head.len().min(START)];
    let Some(written) = coding(head, named) else {
        // A message may have an attachment in 8-bit bytes.
        let message = coding(start, named).filter(|_| head.len() > start.len())?;
        return known(start, message, by_name)
            .or(named.then_some(by_name))
            .filter(|mime| matches!(*mime, "message/rfc822" | "application/mbox"));
    };
    if let Some(mime) = known(start, written, by_name) {
        return Some(mime);
    }
    if late_pdf(head) && by_name == "application/pdf" {
        return Some(by_name);
    }
    // A name may say which sort of text it is, but not that text is something else.
    Some(if media_class(by_name) == "text" {
        by_name
    } else {
        "text/plain"
    })
}

/// Types with text in them that are no plain text, so that a name of theirs does not make bytes text.
const PACKED: [&str; 4] = [
    "application/vnd.",
    "application/epub",
    "application/x-ooxml",
    "application/rtf",
];

fn known(start: &[u8], written: Coding, by_name: &'static str) -> Option<&'static str> {
    let text = beginning(start, written, START);
    let body = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    by_content(body.trim_ascii_start(), by_name)
}

/// Text that says itself what it is.
fn by_content(body: &[u8], by_name: &'static str) -> Option<&'static str> {
    let starts = |start: &str| {
        body.get(..start.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
    };
    if starts("<?xml") || starts("<!--") {
        return markup(body).or((starts("<?xml") && by_name != "text/html").then_some("text/xml"));
    }
    if starts("<!doctype html") || ["<html", "<head", "<body"].into_iter().any(starts) {
        return Some("text/html");
    }
    if starts("<svg") || starts("<!doctype svg") {
        return Some("image/svg+xml");
    }
    if starts("/* XPM */") {
        return Some("image/x-xpixmap");
    }
    if starts("#define ") && is_bitmap(body) {
        return Some("image/x-xbitmap");
    }
    if let Some(line) = body.strip_prefix(b"#!") {
        let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
        return interpreter(&String::from_utf8_lossy(line));
    }
    let known = [
        ("WEBVTT", "text/vtt"),
        ("#EXTM3U", "text/x-playlist"),
        ("[Script Info]", "text/x-ssa"),
        ("BEGIN:VCALENDAR", "text/calendar"),
        ("BEGIN:VCARD", "text/vcard"),
        ("Return-Path: ", "message/rfc822"),
        ("Delivered-To: ", "message/rfc822"),
        ("Received: from ", "message/rfc822"),
        ("Received: by ", "message/rfc822"),
        ("MIME-Version: ", "message/rfc822"),
        ("Message-ID: <", "message/rfc822"),
    ];
    if let Some((_, mime)) = known.into_iter().find(|(start, _)| starts(start)) {
        return Some(mime);
    }
    if is_mailbox(body) {
        return Some("application/mbox");
    }
    let json =
        matches!(body, [b'{', rest @ ..] if matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]));
    (json && !by_name.ends_with("json") && media_class(by_name) != "text")
        .then_some("application/json")
}

/// A picture of X11 as source code: its width, its height, its bits.
fn is_bitmap(body: &[u8]) -> bool {
    let defines = |line: Option<&[u8]>, what: &[u8]| {
        line.is_some_and(|line| line.starts_with(b"#define ") && super::contains(line, what))
    };
    let mut lines = body.split(|&byte| byte == b'\n');
    defines(lines.next(), b"_width ")
        && defines(lines.next(), b"_height ")
        && super::contains(body, b"_bits[]")
}

/// Messages one after the other (RFC 4155): a line "From ", a sender and a date, which ends with a year or a zone; then
/// headers.
fn is_mailbox(body: &[u8]) -> bool {
    let mut lines = body
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_end);
    let (Some(first), Some(header)) = (lines.next(), lines.next()) else {
        return false;
    };
    let name = header
        .split(|&byte| byte == b':')
        .next()
        .unwrap_or_default();
    first.starts_with(b"From ")
        && first
            .windows(5)
            .any(|part| part[0] == b' ' && part[1..].iter().all(u8::is_ascii_digit))
        && name.len() < header.len()
        && !name.is_empty()
        && name
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What the first element of XML or HTML is, behind declarations and comments.
fn markup(mut body: &[u8]) -> Option<&'static str> {
    while let Some(at) = body.iter().position(|&byte| byte == b'<') {
        body = &body[at..];
        let end: &[u8] = match body {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?' | b'!', ..] => b">",
            _ => {
                let tag = body[1..]
                    .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b':')
                    .next()?;
                return match tag.to_ascii_lowercase().as_slice() {
                    b"svg" | b"svg:svg" => Some("image/svg+xml"),
                    b"html" | b"head" | b"body" => Some("text/html"),
                    _ => None,
                };
            }
        };
        let length = body.windows(end.len()).position(|window| window == end)?;
        body = &body[length + end.len()..];
    }
    None
}

fn interpreter(line: &str) -> Option<&'static str> {
    let mut words = line
        .split([' ', '/', '\t', '\r'])
        .filter(|word| !word.is_empty());
    words.find_map(|word| match word {
        _ if word.starts_with("python") => Some("text/x-python"),
        "sh" | "bash" | "dash" | "zsh" | "ksh" => Some("text/x-shellscript"),
        "perl" => Some("text/x-perl"),
        "ruby" => Some("text/x-ruby"),
        "node" | "deno" => Some("text/javascript"),
        _ => None,
    })
}
