//! One picture of an AV1 stream, by rav1d (a port of dav1d to Rust, with the same interface).

use std::ffi::{c_int, c_uint, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dLogger, Dav1dSettings};
use rav1d::include::dav1d::headers::{
    DAV1D_PIXEL_LAYOUT_I400, DAV1D_PIXEL_LAYOUT_I420, DAV1D_PIXEL_LAYOUT_I422,
};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib::{
    dav1d_close, dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture,
    dav1d_open, dav1d_picture_unref, dav1d_send_data,
};

use super::frame::{Frame, Samples};
use super::items::Coded;
use crate::error::{CoreError, ErrorClass, Result};
use crate::image::memory::Limits;

/// Threads of one decoder.
const THREADS: c_int = 2;

/// Decode the picture of an item's data.
///
/// # Errors
/// `corrupt`, `too_large`, `unsupported` or `oom`.
pub(super) fn decode(data: &[u8], limits: &Limits) -> Result<Frame> {
    let mut decoder = Decoder::open(limits)?;
    decoder.send(data)?;
    let picture = decoder.picture()?;
    picture.frame(limits)
}

/// A decoder of this library; closed when dropped.
struct Decoder(Option<Dav1dContext>);

impl Decoder {
    fn open(limits: &Limits) -> Result<Self> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the pointer is valid for writes; the function fills the whole structure, so that it is initialised.
        let mut settings = unsafe {
            dav1d_default_settings(NonNull::from(&mut settings).cast());
            settings.assume_init()
        };
        // Two frames at a time, though there is only one: with a single one, rav1d 1.1 panics at every error in the
        // data of a frame (it takes the frame's header away and then asks for it), and a panic cannot leave its
        // functions. The result does not depend on the number of threads.
        settings.n_threads = THREADS;
        settings.max_frame_delay = THREADS;
        // The best of several layers, and nothing else.
        settings.all_layers = 0;
        settings.frame_size_limit = c_uint::try_from(limits.max_pixels).unwrap_or(c_uint::MAX);
        // SAFETY: there is no callback that could be called.
        settings.logger = unsafe { Dav1dLogger::new(None, None) };
        let mut decoder = Self(None);
        // SAFETY: both pointers are valid for the call.
        let result = unsafe {
            dav1d_open(
                Some(NonNull::from(&mut decoder.0)),
                Some(NonNull::from(&mut settings)),
            )
        };
        check(result.0)?;
        Ok(decoder)
    }

    fn send(&mut self, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Err(CoreError::new(ErrorClass::Corrupt, "an AVIF without data"));
        }
        let mut input = Dav1dData::default();
        // SAFETY: `input` is valid for writes.
        let buffer = unsafe { dav1d_data_create(Some(NonNull::from(&mut input)), data.len()) };
        if buffer.is_null() {
            return Err(CoreError::new(
                ErrorClass::Oom,
                "no memory for the AV1 data",
            ));
        }
        // SAFETY: the buffer was made with room for `data.len()` bytes and is nobody else's yet.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), buffer, data.len()) };
        // SAFETY: the context is open; `input` is valid. What the decoder does not take stays in `input`.
        let result = unsafe { dav1d_send_data(self.0, Some(NonNull::from(&mut input))) };
        if result.0 != 0 {
            // SAFETY: `input` is valid, and empty if it was taken.
            unsafe { dav1d_data_unref(Some(NonNull::from(&mut input))) };
        }
        check(result.0)
    }

    /// The picture, waited for: the first call for it only asks the decoder to finish what it has.
    fn picture(&mut self) -> Result<Decoded> {
        let mut picture = Decoded(Dav1dPicture::default());
        let mut result = -libc::EAGAIN;
        for _ in 0..=THREADS {
            picture.release_messages();
            // SAFETY: the context is open, the picture valid for writes, and empty while there is none.
            result = unsafe { dav1d_get_picture(self.0, Some(NonNull::from(&mut picture.0))) }.0;
            if result != -libc::EAGAIN {
                break;
            }
        }
        check(result)?;
        Ok(picture)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if self.0.is_some() {
            // SAFETY: the context is open and not used afterwards.
            unsafe { dav1d_close(Some(NonNull::from(&mut self.0))) };
        }
    }
}

/// A picture in the decoder's memory; given back when dropped.
struct Decoded(Dav1dPicture);

impl Drop for Decoded {
    fn drop(&mut self) {
        // SAFETY: the picture is valid, and empty if none was decoded.
        unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.0))) };
        self.release_messages();
    }
}

impl Decoded {
    /// Free the one thing that an empty picture of rav1d 1.1 owns: a list of no ITU-T T.35 messages. Whatever writes
    /// over the picture, or forgets it, would leak that.
    fn release_messages(&mut self) {
        if let Some(list) = self.0.itut_t35_ref.take() {
            // SAFETY: rav1d made it of an `Arc`, and nothing else in the picture, which is empty, refers to it.
            drop(unsafe { list.into_arc() });
        }
    }

    /// A copy of the samples.
    fn frame(&self, limits: &Limits) -> Result<Frame> {
        let parameters = &self.0.p;
        let (width, height) = (parameters.w as u32, parameters.h as u32);
        limits.check_size(width, height)?;
        let (halves_columns, halves_rows) = match parameters.layout {
            DAV1D_PIXEL_LAYOUT_I420 => (true, true),
            DAV1D_PIXEL_LAYOUT_I422 => (true, false),
            _ => (false, false),
        };
        let chroma = (
            if halves_columns {
                width.div_ceil(2)
            } else {
                width
            },
            if halves_rows {
                height.div_ceil(2)
            } else {
                height
            },
        );
        let is_grey = parameters.layout == DAV1D_PIXEL_LAYOUT_I400;
        let planes = if is_grey { 1 } else { 3 };
        let copied = (0..planes).map(|plane| {
            let size = if plane == 0 { (width, height) } else { chroma };
            self.plane(plane, size)
        });
        Ok(Frame {
            depth: parameters.bpc as u32,
            halves_columns,
            halves_rows,
            planes: copied.collect::<Result<_>>()?,
            coded: self.coded()?,
        })
    }

    fn plane(&self, plane: usize, (width, height): (u32, u32)) -> Result<Samples> {
        let mut samples = Samples::zeroed(width, height)?;
        let start = self.0.data[plane].ok_or_else(no_picture)?;
        let stride = self.0.stride[plane.min(1)];
        let columns = width as usize;
        for (y, row) in samples.data.chunks_exact_mut(columns).enumerate() {
            // SAFETY: the decoder's plane has `height` rows of at least `columns` samples, `stride` bytes apart; rows
            // of more than 8 bits are aligned to 2 bytes. Nobody writes to them: the picture is finished.
            unsafe {
                let source = start.as_ptr().byte_offset(stride * y as isize);
                copy_row(source, self.0.p.bpc, row);
            }
        }
        Ok(samples)
    }

    /// What the stream says of its colours.
    fn coded(&self) -> Result<Coded> {
        let sequence = self.0.seq_hdr.ok_or_else(no_picture)?;
        // SAFETY: the header lives as long as the picture that points to it.
        let sequence = unsafe { sequence.as_ref() };
        let code = |value: c_uint| u8::try_from(value).unwrap_or(2);
        Ok(Coded {
            primaries: code(sequence.pri),
            transfer: code(sequence.trc),
            matrix: code(sequence.mtrx),
            is_full_range: sequence.color_range != 0,
        })
    }
}

/// Samples of one row as 16 bits.
///
/// # Safety
/// `source` points to `row.len()` samples of one byte for a depth of 8, else of two, aligned.
unsafe fn copy_row(source: *const c_void, depth: c_int, row: &mut [u16]) {
    if depth == 8 {
        // SAFETY: the caller's promise.
        let source = unsafe { std::slice::from_raw_parts(source.cast::<u8>(), row.len()) };
        for (sample, &value) in row.iter_mut().zip(source) {
            *sample = value.into();
        }
    } else {
        // SAFETY: the caller's promise.
        let source = unsafe { std::slice::from_raw_parts(source.cast::<u16>(), row.len()) };
        row.copy_from_slice(source);
    }
}

/// dav1d's results: 0, or an error number of the system, negated.
fn check(result: c_int) -> Result<()> {
    let (class, message) = match -result {
        0 => return Ok(()),
        libc::ENOMEM => (ErrorClass::Oom, "no memory to decode the AVIF"),
        libc::ERANGE => (ErrorClass::TooLarge, "the AVIF has too many pixels"),
        libc::ENOPROTOOPT => (
            ErrorClass::Unsupported,
            "an AVIF of a depth that is not read",
        ),
        libc::EAGAIN => (ErrorClass::Corrupt, "the AVIF ends early"),
        _ => (ErrorClass::Corrupt, "damaged AVIF: not a sound AV1 stream"),
    };
    Err(CoreError::new(class, message))
}

fn no_picture() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "an AVIF without a picture")
}
