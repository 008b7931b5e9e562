//! Whether bytes are text, and which sort.

use super::magic::late_pdf;
use super::{media_class, mime_from_name};

/// The type of text, or None if these bytes are not text.
pub(super) fn sniff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    if !is_text(head) {
        return None;
    }
    let body = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let by_name = mime_from_name(name);
    if let Some(mime) = by_content(body, by_name) {
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
    if let Some(line) = body.strip_prefix(b"#!") {
        let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
        return interpreter(&String::from_utf8_lossy(line));
    }
    let known = [
        ("WEBVTT", "text/vtt"),
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

/// UTF-8, UTF-16 with a byte order mark, or bytes that look like Latin-1.
fn is_text(head: &[u8]) -> bool {
    if let [0xff, 0xfe, rest @ ..] = head {
        return is_utf16(rest, u16::from_le_bytes);
    }
    if let [0xfe, 0xff, rest @ ..] = head {
        return is_utf16(rest, u16::from_be_bytes);
    }
    if head.iter().copied().any(is_control) {
        return false;
    }
    match std::str::from_utf8(head) {
        Ok(_) => true,
        // The head may end within a character.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0 || is_latin1(head),
    }
}

/// Bytes that no text has: the control characters but those that terminals know, and DEL.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=0x07 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

fn is_utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> bool {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut characters = char::decode_utf16(units).peekable();
    while let Some(character) = characters.next() {
        match character {
            Ok(character) if u8::try_from(character).is_ok_and(is_control) => return false,
            // The head may end between two halves of a character.
            Err(_) if characters.peek().is_some() => return false,
            _ => {}
        }
    }
    true
}

/// Western text in one byte per character: few letters beyond ASCII, hardly any in the range that Latin-1 leaves to
/// control characters and Windows-1252 fills with quotation marks.
fn is_latin1(head: &[u8]) -> bool {
    let high = head.iter().filter(|&&byte| byte >= 0x80).count();
    let marks = head
        .iter()
        .filter(|&&byte| (0x80..0xa0).contains(&byte))
        .count();
    high * 10 <= head.len() * 4 && marks * 20 <= head.len()
}
