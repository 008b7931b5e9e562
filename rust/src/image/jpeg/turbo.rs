//! A safe face for the parts of libjpeg-turbo's TurboJPEG 3 interface that the JPEG decoder needs.

use std::ffi::CStr;
use std::ptr::NonNull;

use libc::c_int;
use turbojpeg_sys as sys;

use super::info::{Colour, Info, Sampling, Scale, Verdict};
use crate::error::{CoreError, ErrorClass, Result};
use crate::image::pixels::{Layout, Plane, Planes, Range};

/// Most scans of a progressive picture; real ones have about ten, bombs have many thousands.
const MAX_SCANS: c_int = 500;

/// One libjpeg-turbo decompressor, for one picture: a handle keeps tables from the picture before, which would make
/// the pixels of a damaged file depend on its predecessor.
pub struct Decompressor {
    handle: NonNull<libc::c_void>,
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the handle came from tj3Init, is owned by this value alone and not used afterwards.
        unsafe { sys::tj3Destroy(self.handle.as_ptr()) }
    }
}

impl Decompressor {
    /// A decompressor that holds at most `max_bytes` in libjpeg's own buffers.
    ///
    /// # Errors
    /// `oom` when libjpeg-turbo cannot allocate its state.
    pub fn new(max_bytes: u64) -> Result<Self> {
        // SAFETY: tj3Init has no preconditions; null means failure.
        let handle = unsafe { sys::tj3Init(sys::TJINIT_TJINIT_DECOMPRESS as c_int) };
        let handle = NonNull::new(handle)
            .ok_or_else(|| CoreError::new(ErrorClass::Oom, "no memory for the JPEG decoder"))?;
        let decompressor = Self { handle };
        let megabytes = c_int::try_from(max_bytes >> 20).unwrap_or(c_int::MAX);
        decompressor.set(sys::TJPARAM_TJPARAM_MAXMEMORY as c_int, megabytes.max(1))?;
        decompressor.set(sys::TJPARAM_TJPARAM_SCANLIMIT as c_int, MAX_SCANS)?;
        decompressor.set(sys::TJPARAM_TJPARAM_SAVEMARKERS as c_int, 0)?;
        Ok(decompressor)
    }

    /// Parse the headers.
    ///
    /// # Errors
    /// `corrupt` when they are damaged; `unsupported` for colour models libjpeg-turbo does not name.
    pub fn read_header(&mut self, jpeg: &[u8]) -> Result<Info> {
        // SAFETY: pointer and length describe `jpeg`, which is only read during the call.
        let code = unsafe { sys::tj3DecompressHeader(self.raw(), jpeg.as_ptr(), jpeg.len() as _) };
        self.verdict(code)?;
        let width = self.get_u32(sys::TJPARAM_TJPARAM_JPEGWIDTH as c_int);
        let height = self.get_u32(sys::TJPARAM_TJPARAM_JPEGHEIGHT as c_int);
        if width == 0 || height == 0 {
            return Err(CoreError::new(
                ErrorClass::Corrupt,
                "a JPEG without a picture",
            ));
        }
        let colour = match self.get(sys::TJPARAM_TJPARAM_COLORSPACE as c_int) {
            value if value == sys::TJCS_TJCS_GRAY as c_int => Colour::Gray,
            value if value == sys::TJCS_TJCS_YCbCr as c_int => Colour::Ycc,
            value if value == sys::TJCS_TJCS_RGB as c_int => Colour::Rgb,
            value if value == sys::TJCS_TJCS_CMYK as c_int => Colour::Cmyk,
            value if value == sys::TJCS_TJCS_YCCK as c_int => Colour::Cmyk,
            _ => {
                return Err(CoreError::new(
                    ErrorClass::Unsupported,
                    "a JPEG of an unknown colour model",
                ));
            }
        };
        Ok(Info {
            width,
            height,
            colour,
            sampling: Sampling(self.get(sys::TJPARAM_TJPARAM_SUBSAMP as c_int)),
            precision: self.get_u32(sys::TJPARAM_TJPARAM_PRECISION as c_int),
            progressive: self.get(sys::TJPARAM_TJPARAM_PROGRESSIVE as c_int) == 1,
            lossless: self.get(sys::TJPARAM_TJPARAM_LOSSLESS as c_int) == 1,
        })
    }

    /// Scale what the next decompression yields.
    ///
    /// # Errors
    /// `crash` for a scale libjpeg-turbo does not know: a bug here.
    pub fn set_scale(&mut self, scale: Scale) -> Result<()> {
        let factor = sys::tjscalingfactor {
            num: scale.0 as c_int,
            denom: 8,
        };
        let factor = reduced(factor);
        // SAFETY: the handle is live; the factor is passed by value.
        match unsafe { sys::tj3SetScalingFactor(self.raw(), factor) } {
            0 => Ok(()),
            _ => Err(CoreError::new(ErrorClass::Crash, self.message())),
        }
    }

    /// Decompress 8-bit samples into `out`, which must hold `width * height` pixels of `target` at the scale set,
    /// `size` (`width` and `height`) being what [`Scale::apply`] makes of the header's sides.
    ///
    /// # Errors
    /// `corrupt` when nothing can be decoded, `crash` when `out` is of the wrong size: a bug here.
    pub fn decompress(
        &mut self,
        jpeg: &[u8],
        out: &mut [u8],
        size: (u32, u32),
        target: Layout,
    ) -> Result<Verdict> {
        let pitch = checked_pitch(out, size, target)?;
        // SAFETY: `jpeg` is read within its length. libjpeg writes `pitch` bytes into each of the scaled height's
        // rows; the header was read from the same bytes by this handle, so `size` is what it
        // computes again, and `out` was just checked to hold them.
        let code = unsafe {
            sys::tj3Decompress8(
                self.raw(),
                jpeg.as_ptr(),
                jpeg.len() as _,
                out.as_mut_ptr(),
                pitch as c_int,
                code(target),
            )
        };
        self.verdict(code)
    }

    /// As [`Self::decompress`] for samples of 9 to 16 bits (`precision`), which are rounded to 8.
    ///
    /// # Errors
    /// As [`Self::decompress`], and `oom`.
    pub fn decompress_deep(
        &mut self,
        jpeg: &[u8],
        out: &mut [u8],
        size: (u32, u32),
        target: Layout,
        precision: u32,
    ) -> Result<Verdict> {
        let pitch = checked_pitch(out, size, target)?;
        let mut samples: Vec<u16> = Vec::new();
        samples
            .try_reserve_exact(out.len())
            .map_err(|_| CoreError::new(ErrorClass::Oom, "no memory for a deep JPEG"))?;
        samples.resize(out.len(), 0);
        let (handle, start, length) = (self.raw(), jpeg.as_ptr(), jpeg.len() as _);
        let (target, pitch) = (code(target), pitch as c_int);
        // SAFETY: as for `decompress`; there are as many samples as `out` has, and pitches are counted in samples,
        // which have 16 bits in both functions.
        let code = unsafe {
            if precision <= 12 {
                let samples = samples.as_mut_ptr().cast();
                sys::tj3Decompress12(handle, start, length, samples, pitch, target)
            } else {
                sys::tj3Decompress16(handle, start, length, samples.as_mut_ptr(), pitch, target)
            }
        };
        let max = (1u32 << precision) - 1;
        for (target, &sample) in out.iter_mut().zip(&samples) {
            *target = ((u32::from(sample) * 255 + max / 2) / max) as u8;
        }
        self.verdict(code)
    }

    /// Decompress YCbCr without converting it; `(width, height)` is as for [`Self::decompress`]. The planes are as
    /// large as libjpeg-turbo pads them: the picture may cover a little less.
    ///
    /// # Errors
    /// As [`Self::decompress`], and `oom`.
    pub fn decompress_planes(
        &mut self,
        jpeg: &[u8],
        size: (u32, u32),
        sampling: Sampling,
    ) -> Result<(Planes, Verdict)> {
        let plane = |index| {
            let (columns, rows) = sampling.plane_size(index, size);
            Plane::zeroed(columns, rows)
        };
        let (mut y, mut u, mut v) = (plane(0)?, plane(1)?, plane(2)?);
        if y.data.is_empty() || u.data.is_empty() || (u.width, u.height) != (v.width, v.height) {
            return Err(CoreError::new(
                ErrorClass::Crash,
                "JPEG planes of impossible size",
            ));
        }
        let mut planes = [
            y.data.as_mut_ptr(),
            u.data.as_mut_ptr(),
            v.data.as_mut_ptr(),
        ];
        let mut strides = [y.width as c_int, u.width as c_int, v.width as c_int];
        // SAFETY: `jpeg` is read within its length. libjpeg-turbo computes the planes' sizes by the same functions
        // as above from the scaled size and the sampling, which this handle read from the same bytes.
        let code = unsafe {
            sys::tj3DecompressToYUVPlanes8(
                self.raw(),
                jpeg.as_ptr(),
                jpeg.len() as _,
                planes.as_mut_ptr(),
                strides.as_mut_ptr(),
            )
        };
        let verdict = self.verdict(code)?;
        let range = Range::Full;
        Ok((Planes { y, u, v, range }, verdict))
    }

    fn raw(&self) -> sys::tjhandle {
        self.handle.as_ptr()
    }

    fn get(&self, parameter: c_int) -> c_int {
        // SAFETY: the handle is live; unknown parameters give -1.
        unsafe { sys::tj3Get(self.raw(), parameter) }
    }

    fn get_u32(&self, parameter: c_int) -> u32 {
        u32::try_from(self.get(parameter)).unwrap_or(0)
    }

    fn set(&self, parameter: c_int, value: c_int) -> Result<()> {
        // SAFETY: the handle is live; bad parameters are reported.
        match unsafe { sys::tj3Set(self.raw(), parameter, value) } {
            0 => Ok(()),
            _ => Err(CoreError::new(ErrorClass::Crash, self.message())),
        }
    }

    /// The last message of libjpeg, without the name of the function it was raised in.
    fn message(&self) -> String {
        // SAFETY: the handle is live; TurboJPEG returns a NUL-terminated string that it owns, copied here at once.
        let text = unsafe { CStr::from_ptr(sys::tj3GetErrorStr(self.raw())) };
        let text = text.to_string_lossy();
        match text.split_once("(): ") {
            Some((_, message)) => message.to_owned(),
            None => text.into_owned(),
        }
    }

    /// Tell apart success, warnings and failure.
    fn verdict(&self, code: c_int) -> Result<Verdict> {
        if code == 0 {
            return Ok(Verdict::Sound);
        }
        let message = self.message();
        // SAFETY: the handle is live.
        let severity = unsafe { sys::tj3GetErrorCode(self.raw()) };
        if severity == sys::TJERR_TJERR_WARNING as c_int {
            // Of several warnings libjpeg keeps the first.
            return Ok(if is_harmless(&message) {
                Verdict::Sound
            } else if message.starts_with("Premature end of JPEG file") {
                Verdict::EndsEarly
            } else {
                Verdict::Damaged(message)
            });
        }
        let class = match message.as_str() {
            text if text.starts_with("Insufficient memory") => ErrorClass::TooLarge,
            text if text.starts_with("Backing store not supported") => ErrorClass::TooLarge,
            text if text.starts_with("Memory allocation failure") => ErrorClass::Oom,
            text if text.starts_with("Unsupported") => ErrorClass::Unsupported,
            _ => ErrorClass::Corrupt,
        };
        Err(CoreError::new(class, message))
    }
}

/// Warnings that leave the picture whole. TurboJPEG tells its warnings apart by text only; the texts are those of
/// jerror.h in the copy of libjpeg-turbo that is compiled in.
fn is_harmless(message: &str) -> bool {
    message.contains("extraneous bytes before marker")
        || message.starts_with("Unknown Adobe color transform code")
        || message.starts_with("Inconsistent progression sequence")
        || message.starts_with("Warning: unknown JFIF revision number")
}

/// Samples of one row, if `out` holds `size` pixels.
fn checked_pitch(out: &[u8], (width, height): (u32, u32), target: Layout) -> Result<usize> {
    let pitch = width as usize * target.channels();
    if out.len() == pitch * height as usize {
        return Ok(pitch);
    }
    Err(CoreError::new(
        ErrorClass::Crash,
        "a JPEG buffer of the wrong size",
    ))
}

/// TurboJPEG's name for a layout; alpha is set to 255, inks come as stored.
const fn code(layout: Layout) -> c_int {
    let code = match layout {
        Layout::Gray => sys::TJPF_TJPF_GRAY,
        Layout::Rgb => sys::TJPF_TJPF_RGB,
        Layout::Rgba => sys::TJPF_TJPF_RGBA,
        Layout::Cmyk => sys::TJPF_TJPF_CMYK,
    };
    code as c_int
}

/// TurboJPEG knows its factors in lowest terms only.
fn reduced(factor: sys::tjscalingfactor) -> sys::tjscalingfactor {
    let mut factor = factor;
    while factor.num % 2 == 0 && factor.denom % 2 == 0 {
        factor.num /= 2;
        factor.denom /= 2;
    }
    factor
}

#[cfg(test)]
#[path = "turbo_tests.rs"]
mod tests;
