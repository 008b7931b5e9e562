//! ICC profiles, in a TIFF of one pixel: grey, RGB, RGB with alpha, or CMYK.
#![no_main]

use _core::image::{self, Limits};
use libfuzzer_sys::fuzz_target;

/// Samples of a pixel and TIFF's number of the colour model.
const MODELS: [(u32, u32); 4] = [(1, 1), (3, 2), (4, 2), (4, 5)];

fuzz_target!(|data: &[u8]| {
    let Some((choice, profile)) = data.split_first() else {
        return;
    };
    let (samples, model) = MODELS[usize::from(choice % 4)];
    let tags: [(u16, u16, u32, u32); 8] = [
        (256, 4, 1, 1),
        (257, 4, 1, 1),
        (258, 4, 1, 8),
        (262, 4, 1, model),
        (273, 4, 1, 4),
        (277, 4, 1, samples),
        (279, 4, 1, samples),
        (34_675, 7, profile.len() as u32, 114),
    ];
    // Magic, place of the directory, two unused bytes before it that keep it even; the pixel is the header itself.
    let mut file = b"II*\0\x0c\0\0\0\x01\x02\x03\x04\x08\0".to_vec();
    for (tag, kind, count, value) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    debug_assert_eq!(file.len(), 114);
    file.extend(profile);
    let made = image::decode_upright(&file, None, &Limits::with_max_pixels(16));
    assert!(made.is_ok(), "a profile never keeps a picture from being shown: {made:?}");
});
