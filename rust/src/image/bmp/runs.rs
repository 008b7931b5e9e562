//! Runs: pairs of a count and a value; after a count of 0 an escape.

/// A pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Into the palette.
    Index(u8),
    /// Red, green, blue.
    Colour([u8; 3]),
}

const END_OF_LINE: u8 = 0;
const END_OF_PICTURE: u8 = 1;
const DELTA: u8 = 2;

/// Call `put` with column, row (the first that is stored being 0) and value of each pixel that the runs have; those
/// outside the picture and those that are jumped over are left out. How many rows there are, before the data ends.
pub fn decode(
    data: &[u8],
    bits: usize,
    (width, height): (usize, usize),
    mut put: impl FnMut(usize, usize, Value),
) -> usize {
    let mut rest = data;
    let (mut column, mut row) = (0usize, 0usize);
    let mut pen = |column: usize, row: usize, value: Value| {
        if column < width && row < height {
            put(column, row, value);
        }
    };
    // Some writers leave out the mark at the end.
    while row < height {
        let Some((&[count, second], tail)) = rest.split_first_chunk::<2>() else {
            return if column > 0 { row + 1 } else { row };
        };
        match (count, second) {
            (0, END_OF_LINE) => {
                (column, row) = (0, row + 1);
                rest = tail;
            }
            (0, END_OF_PICTURE) => return height,
            (0, DELTA) => {
                let Some((&[right, down], tail)) = tail.split_first_chunk::<2>() else {
                    return row;
                };
                (column, row) = (column + usize::from(right), row + usize::from(down));
                rest = tail;
            }
            (0, count) => {
                let count = usize::from(count);
                let length = (count * bits).div_ceil(8);
                let there = &tail[..length.min(tail.len())];
                for index in 0..count {
                    match literal(there, bits, index) {
                        Some(value) => pen(column, row, value),
                        None => return row,
                    }
                    column += 1;
                }
                rest = tail.get(length.next_multiple_of(2)..).unwrap_or_default();
            }
            (count, _) => {
                let length = if bits == 24 { 3 } else { 1 };
                let Some(run) = rest.get(1..1 + length) else {
                    return row;
                };
                for index in 0..usize::from(count) {
                    let value = match run {
                        &[blue, green, red] => Value::Colour([red, green, blue]),
                        // Of 4 bits two indices take turns.
                        run if bits == 4 => Value::Index(run[0] >> (4 - index % 2 * 4) & 15),
                        run => Value::Index(run[0]),
                    };
                    pen(column, row, value);
                    column += 1;
                }
                rest = &rest[1 + length..];
            }
        }
    }
    height
}

/// The pixel at `index` of a row of pixels as they are.
fn literal(bytes: &[u8], bits: usize, index: usize) -> Option<Value> {
    Some(match bits {
        24 => {
            let &[blue, green, red] = bytes.get(index * 3..index * 3 + 3)? else {
                return None;
            };
            Value::Colour([red, green, blue])
        }
        4 => Value::Index(bytes.get(index / 2)? >> (4 - index % 2 * 4) & 15),
        _ => Value::Index(*bytes.get(index)?),
    })
}
