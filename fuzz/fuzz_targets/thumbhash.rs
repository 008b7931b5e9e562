//! ThumbHashes from strangers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(pixels) = _core::image::thumbhash_pixels(data) {
        assert_eq!(pixels.data.len(), (pixels.width * pixels.height * 4) as usize);
        assert_eq!(pixels.width.max(pixels.height), 32);
    }
});
