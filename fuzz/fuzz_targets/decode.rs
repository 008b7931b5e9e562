//! Small pictures of every format, to thumbnails.
#![no_main]

use _core::image::{self, Limits, Spec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::with_max_pixels(1 << 16);
    let spec = |max_side| Spec {
        name: String::new(),
        max_side,
        quality: 50,
        method: 0,
    };
    let _ = image::thumbnails(data, &[spec(16), spec(64)], &limits);
});
