use super::*;

/// A document of 2 x 1 pixels: header, palette, layers, one channel after the other as 8-bit samples.
fn document(mode: u16, palette: &[u8], layers: &[u8], channels: &[&[u8]]) -> Vec<u8> {
    deep_document(mode, 8, [palette, &[], layers], channels)
}

/// The same with samples of `depth` bits; the sections are the palette, the image resources and the layers.
fn deep_document(mode: u16, depth: u8, sections: [&[u8]; 3], channels: &[&[u8]]) -> Vec<u8> {
    let mut data = b"8BPS\0\x01\0\0\0\0\0\0".to_vec();
    data.extend((channels.len() as u16).to_be_bytes());
    data.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, depth]);
    data.extend(mode.to_be_bytes());
    for section in sections {
        data.extend((section.len() as u32).to_be_bytes());
        data.extend(section);
    }
    data.extend([0, 0]);
    data.extend(channels.concat());
    data
}

fn decoded(data: &[u8]) -> Result<(Layout, Vec<u8>)> {
    decode(data, &Limits::with_max_pixels(1000))
        .map(|picture| (picture.raster.layout, picture.raster.data))
}

/// Layer information that says: one layer, and the first alpha channel is the transparency.
const TRANSPARENT: &[u8] = &[0, 0, 0, 2, 0xff, 0xff];

/// An image resource.
fn block(id: u16, content: &[u8]) -> Vec<u8> {
    let mut block = b"8BIM".to_vec();
    block.extend(id.to_be_bytes());
    block.extend([3, b'a', b'b', b'c']);
    block.extend((content.len() as u32).to_be_bytes());
    block.extend(content);
    block.resize(block.len().next_multiple_of(2), 0);
    block
}

#[test]
fn channels_are_interleaved() {
    let data = document(3, &[], &[], &[&[1, 4], &[2, 5], &[3, 6]]);
    assert_eq!(decoded(&data), Ok((Layout::Rgb, vec![1, 2, 3, 4, 5, 6])));
    let data = document(4, &[], &[], &[&[255, 0], &[255, 0], &[255, 0], &[254, 0]]);
    let inks = vec![0, 0, 0, 1, 255, 255, 255, 255];
    assert_eq!(decoded(&data), Ok((Layout::Cmyk, inks)));
}

#[test]
fn saved_selections_are_not_transparency() {
    let channels: [&[u8]; 2] = [&[100, 200], &[0, 0]];
    let data = document(1, &[], &[], &channels);
    assert_eq!(decoded(&data), Ok((Layout::Gray, vec![100, 200])));
    let data = document(1, &[], TRANSPARENT, &channels);
    let clear = vec![100, 100, 100, 0, 200, 200, 200, 0];
    assert_eq!(decoded(&data), Ok((Layout::Rgba, clear)));
}

#[test]
fn the_white_below_half_transparent_colours_is_taken_away() {
    // Black at half over white is 127 or 128; full colours stay.
    let data = document(1, &[], TRANSPARENT, &[&[127, 50], &[128, 255]]);
    let glass = vec![0, 0, 0, 128, 50, 50, 50, 255];
    assert_eq!(decoded(&data), Ok((Layout::Rgba, glass)));
    let inks: [&[u8]; 5] = [
        &[255, 0],
        &[255, 255],
        &[255, 255],
        &[255, 255],
        &[255, 255],
    ];
    let cyan = vec![255, 255, 255, 255, 0, 255, 255, 255];
    assert_eq!(
        decoded(&document(4, &[], TRANSPARENT, &inks)),
        Ok((Layout::Rgba, cyan))
    );
}

#[test]
fn palettes_are_applied_and_needed() {
    let palette: Vec<u8> = (0..768)
        .map(|index| (index / 256 * 50 + index % 50) as u8)
        .collect();
    let data = document(2, &palette, &[], &[&[0, 1]]);
    assert_eq!(
        decoded(&data).map(|(_, data)| data),
        Ok(vec![0, 56, 112, 1, 57, 113])
    );
    let class = decoded(&document(2, &[], &[], &[&[0, 1]])).map_err(|error| error.class);
    assert_eq!(class, Err(ErrorClass::Corrupt));
}

#[test]
fn resources_are_found_and_damaged_ones_left_aside() {
    let list = [block(1000, b"odd"), block(ICC_PROFILE, b"profile")].concat();
    let mut between = Between::default();
    resources(&list, &mut between);
    assert_eq!(between.profile, Some(b"profile".as_slice()));
    let mut between = Between::default();
    resources(&list[..20], &mut between);
    assert_eq!(between.profile, None);
}

#[test]
fn light_with_a_linear_profile_is_coded_once() {
    let mut linear = moxcms::ColorProfile::new_srgb();
    let line = moxcms::ToneReprCurve::Parametric(vec![1.0]);
    linear.red_trc = Some(line.clone());
    linear.green_trc = Some(line.clone());
    linear.blue_trc = Some(line);
    linear.cicp = None;
    let resources = block(ICC_PROFILE, &linear.encode().expect("a profile"));
    // A light of 0.214 is the middle of sRGB's codes.
    let channel = [0.214_041_14_f32.to_be_bytes(), 1.0_f32.to_be_bytes()].concat();
    let data = deep_document(3, 32, [&[], &resources, &[]], &[channel.as_slice(); 3]);
    let picture = decode(&data, &Limits::with_max_pixels(1000)).expect("a picture");
    let shown = colour::to_srgb(picture.raster, picture.profile.as_deref()).expect("colours");
    assert_eq!(shown.data, [128, 128, 128, 255, 255, 255]);
}
