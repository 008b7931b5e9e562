//! Bitmaps made by hand, of the sorts that no library writes.

use super::*;

const LIMITS: Limits = Limits::with_max_pixels(1 << 20);

/// A file of a header (without its size), what follows it, and pixels.
fn file(header: &[u8], between: &[u8], pixels: &[u8]) -> Vec<u8> {
    let size = 4 + header.len();
    let offset = FILE_HEADER + size + between.len();
    let mut data = b"BM".to_vec();
    data.extend(((offset + pixels.len()) as u32).to_le_bytes());
    data.extend([0; 4]);
    data.extend((offset as u32).to_le_bytes());
    data.extend((size as u32).to_le_bytes());
    data.extend(header);
    data.extend(between);
    data.extend(pixels);
    data
}

/// A header of Windows 3, without its size.
fn windows(width: i32, height: i32, bits: u16, compression: u32) -> Vec<u8> {
    let mut header = width.to_le_bytes().to_vec();
    header.extend(height.to_le_bytes());
    header.extend([1, 0]);
    header.extend(bits.to_le_bytes());
    header.extend(compression.to_le_bytes());
    header.extend([0; 20]);
    header
}

fn decoded(data: &[u8]) -> (Layout, Vec<u8>) {
    let picture = decode(data, &LIMITS).expect("sound");
    assert!(!picture.truncated);
    (picture.raster.layout, picture.raster.data)
}

/// Black, red, green, blue.
const PALETTE: [u8; 16] = [0, 0, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0];
const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const CLEAR: [u8; 4] = [0; 4];

#[test]
fn runs_of_four_bits_take_turns_and_deltas_leave_pixels_out() {
    let runs = [
        4, 0x12, // red and green twice
        0, 0, // next row
        0, 2, 1, 0, // one to the right
        0, 3, 0x32, 0x10, // three as they are
        0, 1,
    ];
    let (layout, data) = decoded(&file(&windows(4, 2, 4, 2), &PALETTE, &runs));
    assert_eq!(layout, Layout::Rgba);
    let upper = [CLEAR, BLUE, GREEN, RED].concat();
    assert_eq!(data, [upper, [RED, GREEN, RED, GREEN].concat()].concat());
}

#[test]
fn runs_that_leave_the_picture_and_the_data_are_bounded() {
    let runs = [9, 1, 0, 2, 255, 255, 7, 1];
    let (_, data) = decoded(&file(&windows(2, 1, 8, 1), &PALETTE, &runs));
    assert_eq!(data, [255, 0, 0, 255, 0, 0]);
    let cut = file(&windows(2, 4, 8, 1), &PALETTE, &[2, 1, 0, 0, 2, 2, 0, 0, 2]);
    let picture = decode(&cut, &LIMITS).expect("two rows of four");
    assert!(picture.truncated);
    assert_eq!(picture.raster.data[3 * 8..], [RED, RED].concat());
}

#[test]
fn runs_of_colours_and_rows_of_os2_are_read() {
    let mut header = windows(2, 1, 24, 4);
    header.resize(60, 0);
    let (layout, data) = decoded(&file(&header, &[], &[2, 0, 0, 255, 0, 1]));
    assert_eq!((layout, data), (Layout::Rgb, vec![255, 0, 0, 255, 0, 0]));
    // OS/2 1.x: 16 bits for a side, three bytes for a colour.
    let header = [2, 0, 1, 0, 1, 0, 1, 0];
    let (_, data) = decoded(&file(&header, &[0, 0, 0, 0, 0, 255], &[0x40, 0, 0, 0]));
    assert_eq!(data, [0, 0, 0, 255, 0, 0]);
}

#[test]
fn masks_behind_the_header_have_alpha_with_compression_6() {
    let masks = [0xf800u32, 0x07c0, 0x003e, 0x0001]
        .map(u32::to_le_bytes)
        .concat();
    let pixels = [0x01, 0xf8, 0x3e, 0x00];
    let (layout, data) = decoded(&file(&windows(2, -1, 16, 6), &masks, &pixels));
    assert_eq!(layout, Layout::Rgba);
    assert_eq!(data, [RED, [0, 0, 255, 0]].concat());
    let (layout, data) = decoded(&file(&windows(1, 1, 32, 3), &masks[..12], &[0, 0xf8, 0, 9]));
    assert_eq!((layout, data), (Layout::Rgb, vec![255, 0, 0]));
}

#[test]
fn upper_rows_that_are_missing_are_grey() {
    let mut data = file(&windows(1, 2, 24, 0), &[], &[0, 0, 255, 0]);
    let picture = decode(&data, &LIMITS).expect("one row of two");
    assert!(picture.truncated);
    assert_eq!(picture.raster.data, [128, 128, 128, 255, 0, 0]);
    // A place of the pixels outside the file: they follow the header.
    data[10..14].copy_from_slice(&u32::MAX.to_le_bytes());
    data.extend([0, 255, 0, 0]);
    assert_eq!(decoded(&data).1, [0, 255, 0, 255, 0, 0]);
}

#[test]
fn nonsense_is_refused() {
    for data in [
        b"BM".to_vec(),
        file(&windows(1, 1, 7, 0), &[], &[0]),
        file(&[0; 4], &[], &[]),
    ] {
        assert!(decode(&data, &LIMITS).is_err());
    }
    let error = decode(
        &file(&windows(i32::MIN, i32::MIN, 24, 0), &[], &[]),
        &LIMITS,
    );
    assert_eq!(error.expect_err("a bomb").class, ErrorClass::TooLarge);
}
