//! The samples of a Photoshop document: one channel after the other, raw or run-length coded.

use super::{Mode, Start};
use crate::error::{CoreError, ErrorClass, Result};
use crate::image::bytes::Reader;
use crate::image::memory;

/// The channels of the merged picture, in the order of the file.
pub(super) struct Planes<'data> {
    reader: Reader<'data>,
    /// For run-length coding: the length of each coded row.
    lengths: Option<Reader<'data>>,
    is_large: bool,
    rows: usize,
    columns: usize,
    depth: u16,
    is_bilevel: bool,
    /// One row as bytes.
    row: Vec<u8>,
}

impl<'data> Planes<'data> {
    /// Read what comes before the first channel.
    ///
    /// # Errors
    /// `corrupt`, `unsupported` or `oom`.
    pub fn new(reader: &mut Reader<'data>, start: &Start) -> Result<Self> {
        let rows = start.height as usize;
        let lengths = match reader.u16()? {
            0 => None,
            1 => {
                let size = if start.is_large { 4 } else { 2 };
                Some(Reader::new(reader.take(rows * start.channels * size)?))
            }
            coding => {
                return Err(CoreError::new(
                    ErrorClass::Unsupported,
                    format!("a Photoshop document with coding {coding} of its merged picture"),
                ));
            }
        };
        let columns = start.width as usize;
        let bytes = (columns * usize::from(start.depth)).div_ceil(8);
        Ok(Self {
            reader: *reader,
            lengths,
            is_large: start.is_large,
            rows,
            columns,
            depth: start.depth,
            is_bilevel: start.mode == Mode::Bilevel,
            row: memory::zeroed(bytes)?,
        })
    }

    /// Decode the next channel to 8 bits a sample, into every `step`-th byte of `target`.
    ///
    /// # Errors
    /// `corrupt`.
    pub fn next_into(&mut self, target: &mut [u8], step: usize) -> Result<()> {
        for row in 0..self.rows {
            match &mut self.lengths {
                None => {
                    let source = self.reader.take(self.row.len())?;
                    self.row.copy_from_slice(source);
                }
                Some(lengths) => {
                    let length = match self.is_large {
                        true => lengths.u32()? as usize,
                        false => usize::from(lengths.u16()?),
                    };
                    unpack(self.reader.take(length)?, &mut self.row)?;
                }
            }
            let target = target
                .iter_mut()
                .skip(row * self.columns * step)
                .step_by(step);
            to_bytes(
                &self.row,
                self.depth,
                self.is_bilevel,
                target.take(self.columns),
            );
        }
        Ok(())
    }
}

/// PackBits: a count of bytes to copy, or one of repeats of a byte.
fn unpack(coded: &[u8], row: &mut [u8]) -> Result<()> {
    let mut reader = Reader::new(coded);
    let mut filled = 0;
    while filled < row.len() {
        let count = reader.u8()?;
        let target = &mut row[filled..];
        let length = match count {
            0..=127 => usize::from(count) + 1,
            128 => continue,
            129..=255 => 257 - usize::from(count),
        };
        let target = target.get_mut(..length).ok_or_else(|| {
            CoreError::new(
                ErrorClass::Corrupt,
                "a row of the PSD is longer than the picture is wide",
            )
        })?;
        if count < 128 {
            target.copy_from_slice(reader.take(length)?);
        } else {
            target.fill(reader.u8()?);
        }
        filled += length;
    }
    Ok(())
}

/// Samples of `depth` bits as bytes. Bilevel 1 is black; 32 bits are floats of linear light.
fn to_bytes<'a>(
    row: &[u8],
    depth: u16,
    is_bilevel: bool,
    target: impl Iterator<Item = &'a mut u8>,
) {
    match depth {
        16 => {
            let (samples, _) = row.as_chunks::<2>();
            for (target, &sample) in target.zip(samples) {
                *target = ((u32::from(u16::from_be_bytes(sample)) * 255 + 32_767) / 65_535) as u8;
            }
        }
        32 => {
            let (samples, _) = row.as_chunks::<4>();
            for (target, &sample) in target.zip(samples) {
                *target = srgb_from_light(f32::from_be_bytes(sample));
            }
        }
        1 if is_bilevel => {
            for (x, target) in target.enumerate() {
                *target = if row[x / 8] >> (7 - x % 8) & 1 == 1 {
                    0
                } else {
                    255
                };
            }
        }
        _ => {
            for (target, &sample) in target.zip(row) {
                *target = sample;
            }
        }
    }
}

/// Source: IEC 61966-2-1.
fn srgb_from_light(light: f32) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let coded = if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    (coded * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_are_unpacked() {
        let mut row = [0; 7];
        let coded = [2, 1, 2, 3, 128, 253, 9, 77];
        assert_eq!(unpack(&coded, &mut row), Ok(()));
        assert_eq!(row, [1, 2, 3, 9, 9, 9, 9]);
        assert!(unpack(&coded, &mut [0; 6]).is_err(), "too long");
        assert!(unpack(&coded[..6], &mut row).is_err(), "too short");
    }

    #[test]
    fn light_is_coded() {
        let made = [0.0, 0.214_041_14, 1.0, 7.0, f32::NAN].map(srgb_from_light);
        assert_eq!(made, [0, 128, 255, 255, 0]);
    }
}
