//! The decoder for the usual JPEG beside libjpeg-turbo: the same picture, and never sound where that one complains.

use libc::c_int;
use turbojpeg_sys as sys;

use super::*;
use crate::image::jpeg::info::{Scale, Verdict};
use crate::image::jpeg::turbo::Decompressor;

/// How a test picture is encoded.
#[derive(Clone, Copy)]
struct Encoding {
    size: (u32, u32),
    sampling: c_int,
    quality: c_int,
    parameter: Option<(u32, c_int)>,
}

const USUAL: Encoding = Encoding {
    size: (203, 149),
    sampling: sys::TJSAMP_TJSAMP_420,
    quality: 92,
    parameter: None,
};

/// Waves, edges and noise, as JPEG.
fn encoded(encoding: Encoding) -> Vec<u8> {
    let (width, height) = encoding.size;
    let mut state = 7u32;
    let mut samples = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let wave = (f64::from(x + y * channel) / 9.0).sin() * 60.0 + 110.0;
                let edge = if (x / 24 + y / 17) % 2 == 0 {
                    40.0
                } else {
                    0.0
                };
                samples.push((wave + edge + f64::from(state >> 28)) as u8);
            }
        }
    }
    // SAFETY: the handle is used by this function alone; the buffer holds `height` rows of `3 * width` bytes; the
    // output is allocated by TurboJPEG, copied here and freed by it.
    unsafe {
        let handle = sys::tj3Init(sys::TJINIT_TJINIT_COMPRESS as c_int);
        let set = |name: u32, value| assert_eq!(sys::tj3Set(handle, name as c_int, value), 0);
        set(sys::TJPARAM_TJPARAM_SUBSAMP, encoding.sampling);
        set(sys::TJPARAM_TJPARAM_QUALITY, encoding.quality);
        if let Some((name, value)) = encoding.parameter {
            set(name, value);
        }
        let (mut out, mut length) = (std::ptr::null_mut(), 0);
        let code = sys::tj3Compress8(
            handle,
            samples.as_ptr(),
            width as c_int,
            3 * width as c_int,
            height as c_int,
            sys::TJPF_TJPF_RGB as c_int,
            &raw mut out,
            &raw mut length,
        );
        assert_eq!(code, 0);
        let jpeg = std::slice::from_raw_parts(out, length as usize).to_vec();
        sys::tj3Free(out.cast());
        sys::tj3Destroy(handle);
        jpeg
    }
}

/// What both decoders make of a file: ours, and libjpeg-turbo's where it gets to the end.
fn both(jpeg: &[u8], side: usize) -> (Option<Planes>, Option<(Planes, Verdict)>) {
    let mut turbo = Decompressor::new(64 << 20).expect("a handle");
    let Ok(info) = turbo.read_header(jpeg) else {
        return (None, None);
    };
    let scale = Scale(side as u32);
    let size = (scale.apply(info.width), scale.apply(info.height));
    if !info.sampling.is_known() || info.width.max(info.height) > 4096 {
        return (None, None);
    }
    turbo.set_scale(scale).expect("known");
    let sizes = info.sampling.plane_sizes(size);
    let ours = planes(jpeg, side, (info.width, info.height), sizes);
    let theirs = turbo.decompress_planes(jpeg, size, info.sampling).ok();
    (ours, theirs)
}

/// Over all but the last row and column, which may be padding beyond the picture.
fn mean_difference(ours: &Plane, theirs: &Plane) -> f64 {
    assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
    let (columns, rows) = (ours.width as usize, ours.height as usize - 1);
    let mut sum = 0;
    for row in 0..rows {
        for place in row * columns..(row + 1) * columns - 1 {
            sum += u32::from(ours.data[place].abs_diff(theirs.data[place]));
        }
    }
    f64::from(sum) / (rows * (columns - 1)) as f64
}

#[test]
fn the_picture_is_that_of_libjpeg_turbo() {
    let samplings = [
        sys::TJSAMP_TJSAMP_420,
        sys::TJSAMP_TJSAMP_422,
        sys::TJSAMP_TJSAMP_440,
        sys::TJSAMP_TJSAMP_444,
    ];
    for sampling in samplings {
        for (quality, parameter) in [
            (92, None),
            (30, None),
            (100, Some((sys::TJPARAM_TJPARAM_OPTIMIZE, 1))),
            (85, Some((sys::TJPARAM_TJPARAM_RESTARTBLOCKS, 5))),
        ] {
            let jpeg = encoded(Encoding {
                sampling,
                quality,
                parameter,
                ..USUAL
            });
            for side in [1, 2, 4] {
                let (ours, theirs) = both(&jpeg, side);
                let (ours, (theirs, verdict)) = (ours.expect("usual"), theirs.expect("sound"));
                assert_eq!(verdict, Verdict::Sound);
                // The two transforms cut frequencies off at other places.
                let limit = if side == 1 { 0.01 } else { 4.0 };
                for (a, b) in [
                    (&ours.y, &theirs.y),
                    (&ours.u, &theirs.u),
                    (&ours.v, &theirs.v),
                ] {
                    let difference = mean_difference(a, b);
                    assert!(
                        difference < limit,
                        "{sampling} {quality} {side}: {difference}"
                    );
                }
            }
        }
    }
}

#[test]
fn other_sorts_of_file_are_left_to_libjpeg_turbo() {
    for (sampling, parameter) in [
        (
            sys::TJSAMP_TJSAMP_420,
            Some((sys::TJPARAM_TJPARAM_PROGRESSIVE, 1)),
        ),
        (
            sys::TJSAMP_TJSAMP_420,
            Some((sys::TJPARAM_TJPARAM_ARITHMETIC, 1)),
        ),
        (sys::TJSAMP_TJSAMP_411, None),
    ] {
        let jpeg = encoded(Encoding {
            sampling,
            parameter,
            ..USUAL
        });
        let (ours, theirs) = both(&jpeg, 4);
        assert!(ours.is_none());
        assert!(theirs.is_some());
    }
}

#[test]
fn what_ends_early_is_not_sound() {
    let jpeg = encoded(USUAL);
    for length in 0..jpeg.len() {
        assert!(planes(&jpeg[..length], 2, USUAL.size, [(51, 38); 3]).is_none());
    }
}

#[test]
fn damage_that_libjpeg_turbo_sees_is_seen_here() {
    let mut state = 1u64;
    let (mut sound, mut refused) = (0, 0);
    for restarts in [None, Some((sys::TJPARAM_TJPARAM_RESTARTBLOCKS, 3))] {
        let whole = encoded(Encoding {
            size: (64, 48),
            parameter: restarts,
            ..USUAL
        });
        for _ in 0..3000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let bit = (state >> 20) as usize % (whole.len() * 8);
            let mut jpeg = whole.clone();
            jpeg[bit / 8] ^= 1 << (bit % 8);
            match both(&jpeg, 4) {
                (Some(_), Some((_, verdict))) => {
                    assert_eq!(verdict, Verdict::Sound, "bit {bit}");
                    sound += 1;
                }
                (Some(_), None) => panic!("bit {bit}: libjpeg-turbo refused it"),
                (None, _) => refused += 1,
            }
        }
    }
    assert!(sound > 100 && refused > 100, "{sound} {refused}");
}
