use super::*;

#[test]
fn scaled_sides_round_up() {
    assert_eq!(Scale(4).apply(4032), 2016);
    assert_eq!(Scale(1).apply(9), 2);
    assert_eq!(Scale::FULL.apply(7), 7);
}

#[test]
fn every_eighth_is_a_scale_of_the_library() {
    let mut decompressor = Decompressor::new(1 << 20).expect("a handle");
    for eighths in 1..=8 {
        decompressor.set_scale(Scale(eighths)).expect("known");
    }
}

/// A grey JPEG of 16 x 16 pixels, a horizontal ramp, coded with an option of TurboJPEG's.
fn ramp(option: c_int) -> Vec<u8> {
    let pixels: Vec<u8> = (0..256).map(|index| (index % 16 * 16) as u8).collect();
    let mut made = std::ptr::null_mut();
    let mut length = 0;
    // SAFETY: the pixels are as many as the sides say; the output is copied within its length and freed by the
    // library that allocated it, as is the handle.
    unsafe {
        let handle = sys::tj3Init(sys::TJINIT_TJINIT_COMPRESS as c_int);
        assert!(!handle.is_null());
        for (name, value) in [
            (sys::TJPARAM_TJPARAM_QUALITY as c_int, 95),
            (
                sys::TJPARAM_TJPARAM_SUBSAMP as c_int,
                sys::TJSAMP_TJSAMP_GRAY as c_int,
            ),
            (option, 1),
        ] {
            assert_eq!(sys::tj3Set(handle, name, value), 0);
        }
        let grey = code(Layout::Gray);
        let start = pixels.as_ptr();
        let code = sys::tj3Compress8(
            handle,
            start,
            16,
            0,
            16,
            grey,
            &raw mut made,
            &raw mut length,
        );
        assert_eq!(code, 0);
        let copy = std::slice::from_raw_parts(made, length as usize).to_vec();
        sys::tj3Free(made.cast());
        sys::tj3Destroy(handle);
        copy
    }
}

#[test]
fn arithmetic_coding_is_read() {
    let plain = ramp(sys::TJPARAM_TJPARAM_OPTIMIZE as c_int);
    let arithmetic = ramp(sys::TJPARAM_TJPARAM_ARITHMETIC as c_int);
    assert!(
        arithmetic.windows(2).any(|pair| pair == [0xff, 0xc9]),
        "SOF9"
    );
    let pixels = [plain, arithmetic].map(|jpeg| {
        let mut decompressor = Decompressor::new(1 << 20).expect("a handle");
        decompressor.read_header(&jpeg).expect("sound");
        let mut pixels = vec![0; 256];
        let verdict = decompressor.decompress(&jpeg, &mut pixels, (16, 16), Layout::Gray);
        assert_eq!(verdict, Ok(Verdict::Sound));
        pixels
    });
    assert_eq!(pixels[0], pixels[1]);
    assert!(pixels[0][15].abs_diff(240) < 8);
}

#[test]
fn garbage_is_corrupt() {
    let mut decompressor = Decompressor::new(1 << 20).expect("a handle");
    let error = decompressor
        .read_header(b"\xff\xd8\xff\xe0nonsense")
        .expect_err("not a JPEG");
    assert_eq!(error.class, ErrorClass::Corrupt);
}
