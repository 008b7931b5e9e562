//! Facts as a JSON object, in the order of docs/facts.md.

use std::fmt::Write as _;

use super::Facts;

/// The object; none if there is nothing to say.
pub fn object(facts: &Facts) -> Option<String> {
    let mut out = Object(String::new());
    if let Some((stamp, from)) = facts.taken() {
        out.text("taken", &stamp.text());
        out.text("taken_from", from);
    }
    if let Some((width, height)) = facts.shown() {
        out.plain("width", width);
        out.plain("height", height);
    }
    out.maybe("orientation", facts.orientation);
    out.number("duration", facts.duration, 1e3);
    out.number("latitude", facts.latitude, 1e7);
    out.number("longitude", facts.longitude, 1e7);
    out.number("altitude", facts.altitude, 1e2);
    for (name, text) in [
        ("make", &facts.make),
        ("model", &facts.model),
        ("lens", &facts.lens),
    ] {
        if let Some(text) = text {
            out.text(name, text);
        }
    }
    out.number("exposure", facts.exposure, 1e7);
    out.number("aperture", facts.aperture, 1e2);
    out.maybe("iso", facts.iso);
    out.number("focal_length", facts.focal_length, 1e2);
    if !facts.codecs.is_empty() {
        let mut list = String::new();
        for codec in &facts.codecs {
            if !list.is_empty() {
                list.push(',');
            }
            quote(&mut list, codec);
        }
        out.plain("codecs", format_args!("[{list}]"));
    }
    out.maybe("pages", facts.pages);
    if let Some((offset, length)) = facts.motion {
        out.plain("motion", format_args!("[{offset},{length}]"));
    }
    if let Some(id) = &facts.live_id {
        out.text("live_id", id);
    }
    out.end()
}

struct Object(String);

impl Object {
    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        let _ = write!(self.0, "\"{name}\":{value}");
    }

    fn text(&mut self, name: &str, value: &str) {
        let mut quoted = String::new();
        quote(&mut quoted, value);
        self.plain(name, quoted);
    }

    fn maybe(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.plain(name, value);
        }
    }

    /// Rounded to `1 / scale`.
    fn number(&mut self, name: &str, value: Option<f64>, scale: f64) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.plain(name, (value * scale).round() / scale);
        }
    }

    fn end(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}
