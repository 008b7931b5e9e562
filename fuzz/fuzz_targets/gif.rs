//! GIF: blocks and the first frame.
#![no_main]

use _core::image::{self, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let file = [b"GIF89a", data].concat();
    let _ = image::decode_upright(&file, None, &Limits::with_max_pixels(1 << 16));
});
