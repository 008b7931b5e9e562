//! TIFF: directories, strips, tiles, codecs and colour models.
#![no_main]

use _core::image::{self, Limits};
use libfuzzer_sys::fuzz_target;

const MAGIC: [&[u8]; 4] = [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"];

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let file = [MAGIC[usize::from(choice % 4)], rest].concat();
    let _ = image::decode_upright(&file, Some(64), &Limits::with_max_pixels(1 << 16));
});
