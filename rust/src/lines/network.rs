//! The network of a model: read from its bytes, and run on many lines at once.

use super::kernel::{Largest, Matrix, Weights, all_tanh, softmax, steps};
use super::reader::{Reader, corrupt, unsupported};
use crate::error::Result;

/// Networks in networks. Tesseract's own are three deep.
const MAX_DEPTH: usize = 12;
const MAX_SIDE: usize = 1 << 12;
/// So many lines, or columns of them, take a step of a cell together.
const TOGETHER: usize = 48;
/// Of the pictures of lines. Tesseract's are of 36 to 48.
const MAX_HEIGHT: usize = 256;
const MAX_SHRINK: usize = 64;
const TRAINING: u8 = 1;
const OWN_RATES: i32 = 64;

/// A layer, or several. What they do is that of Tesseract's classes of the same names (src/lstm).
pub(super) enum Layer {
    Input,
    Series(Vec<Layer>),
    Convolve {
        half_x: usize,
        half_y: usize,
    },
    Maxpool {
        x: usize,
        y: usize,
    },
    Tanh(Matrix),
    Softmax(Matrix),
    Lstm {
        gates: Matrix,
        size: usize,
        last_only: bool,
    },
    ReversedX(Box<Layer>),
    Transposed(Box<Layer>),
}

/// A network for lines of text. `height`: of its pictures; `classes`: of its outputs; `shrink`: pixels for each output.
pub(super) struct Network {
    layers: Layer,
    pub height: usize,
    pub classes: usize,
    pub shrink: usize,
}

/// Values of a picture, -127 to 127 for -1 to 1: rows of columns of features.
#[derive(Clone, Default)]
pub(super) struct Values {
    pub height: usize,
    pub width: usize,
    pub features: usize,
    pub data: Vec<i8>,
}

/// The shares of the classes at each step of a line.
#[derive(Default)]
pub(super) struct Outputs {
    pub classes: usize,
    pub data: Vec<f32>,
}

impl Outputs {
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &[f32]> {
        self.data.chunks_exact(self.classes.max(1))
    }
}

/// Layers by number, as early versions name them (`NetworkType`, lstm/network.h).
const KINDS: [&[u8]; 23] = [
    b"",
    b"Input",
    b"Convolve",
    b"Maxpool",
    b"Parallel",
    b"Replicated",
    b"ParBidiLSTM",
    b"DepParUDLSTM",
    b"Par2dLSTM",
    b"Series",
    b"Reconfig",
    b"RTLReversed",
    b"TTBReversed",
    b"XYTranspose",
    b"LSTM",
    b"SummLSTM",
    b"Logistic",
    b"LinLogistic",
    b"LinTanh",
    b"Tanh",
    b"Relu",
    b"Linear",
    b"Softmax",
];

struct Header {
    kind: Vec<u8>,
    training: bool,
    flags: i32,
    inputs: usize,
    outputs: usize,
}

fn header(reader: &mut Reader) -> Result<Header> {
    let kind = match reader.u8()? {
        0 => reader.text()?,
        number => *KINDS.get(usize::from(number)).unwrap_or(&&b"?"[..]),
    };
    let kind = kind.to_vec();
    let training = reader.u8()? == TRAINING;
    reader.u8()?; // whether errors are passed back
    let flags = reader.i32()?;
    let (inputs, outputs) = (reader.size(1 << 20)?, reader.size(1 << 20)?);
    reader.i32()?; // the number of weights
    reader.text()?; // its name
    Ok(Header {
        kind,
        training,
        flags,
        inputs,
        outputs,
    })
}

/// What comes out of the layers so far, while they are read: features, height if known, and pixels for each column.
#[derive(Clone, Copy)]
struct Shape {
    features: usize,
    height: usize,
    width_1: bool,
    shrink: usize,
}

impl Network {
    /// Raises `corrupt`, and `unsupported` for what Tesseract can run and this cannot.
    pub fn read(reader: &mut Reader) -> Result<Self> {
        let mut shape = Shape {
            features: 0,
            height: 0,
            width_1: false,
            shrink: 1,
        };
        let mut height = 0;
        let layers = layer(reader, &mut shape, &mut height, 0)?;
        let Layer::Series(inner) = &layers else {
            return Err(unsupported("its network is not a series"));
        };
        if !matches!(inner.first(), Some(Layer::Input))
            || !matches!(inner.last(), Some(Layer::Softmax(_)))
        {
            return Err(unsupported("its network is not one for lines"));
        }
        if shape.height != 1 || shape.width_1 {
            return Err(unsupported("its network does not end in one row"));
        }
        Ok(Self {
            height,
            classes: shape.features,
            shrink: shape.shrink,
            layers,
        })
    }

    /// The outputs for pictures of the right height. `seed`: of the noise around each of them.
    pub fn run(&self, pictures: Vec<Values>, seed: u64) -> Vec<Outputs> {
        let Layer::Series(layers) = &self.layers else {
            return Vec::new();
        };
        // What looks only at neighbours is done for one picture after the other: it stays near the processor.
        let near = layers.iter().take_while(|layer| layer.is_near()).count();
        let (near, far) = layers.split_at(near);
        let near = flattened(near);
        let in_turn = pictures.into_iter().map(|one| run_near(&near, one, seed));
        let mut values: Vec<Values> = in_turn.collect();
        let mut outputs = Vec::new();
        for layer in far {
            if let Layer::Softmax(matrix) = layer {
                outputs = values.iter().map(|one| shares(matrix, one)).collect();
            } else {
                values = forward(layer, values, seed);
            }
        }
        outputs
    }
}

impl Layer {
    /// Whether each place depends on those around it only.
    fn is_near(&self) -> bool {
        match self {
            Self::Input | Self::Convolve { .. } | Self::Maxpool { .. } | Self::Tanh(_) => true,
            Self::Series(layers) => layers.iter().all(Self::is_near),
            _ => false,
        }
    }
}

/// The layers, and those in series among them.
pub(super) fn flattened(layers: &[Layer]) -> Vec<&Layer> {
    let mut flat = Vec::new();
    for layer in layers {
        if let Layer::Series(inner) = layer {
            flat.extend(flattened(inner));
        } else {
            flat.push(layer);
        }
    }
    flat
}

/// Layers that look only at neighbours.
pub(super) fn run_near(mut layers: &[&Layer], mut values: Values, seed: u64) -> Values {
    while let [first, rest @ ..] = layers {
        if let [
            Layer::Convolve { half_x, half_y },
            Layer::Tanh(matrix),
            Layer::Maxpool { x, y },
            rest @ ..,
        ] = layers
        {
            values = convolved(&values, [*half_x, *half_y], matrix, [*x, *y], seed);
            layers = rest;
        } else {
            values = forward(first, vec![values], seed).pop().unwrap_or_default();
            layers = rest;
        }
    }
    values
}

fn layer(
    reader: &mut Reader,
    shape: &mut Shape,
    height: &mut usize,
    depth: usize,
) -> Result<Layer> {
    if depth > MAX_DEPTH {
        return Err(corrupt("its network is too deep"));
    }
    let head = header(reader)?;
    if head.training {
        return Err(unsupported("its training has not ended"));
    }
    let fits = |shape: &Shape, inputs: usize| {
        (shape.features == inputs && inputs <= MAX_SIDE)
            .then_some(())
            .ok_or_else(|| corrupt("a layer does not fit the one before it"))
    };
    Ok(match head.kind.as_slice() {
        b"Input" => {
            if depth != 1 {
                return Err(corrupt("pictures come in within its network"));
            }
            reader.i32()?; // pictures at once
            let (rows, columns, features) = (
                reader.size(MAX_SIDE)?,
                reader.size(MAX_SIDE)?,
                reader.size(MAX_SIDE)?,
            );
            reader.i32()?; // how it was trained
            if !(2..=MAX_HEIGHT).contains(&rows) || columns != 0 || features != 1 {
                return Err(unsupported("it is not for gray lines of one height"));
            }
            *height = rows;
            *shape = Shape {
                features,
                height: rows,
                width_1: false,
                shrink: 1,
            };
            Layer::Input
        }
        b"Series" => {
            let count = reader.size(64)?;
            let layers = (0..count)
                .map(|number| {
                    let layer = layer(reader, shape, height, depth + 1)?;
                    let misplaced = match layer {
                        Layer::Input => number != 0 || depth != 0,
                        Layer::Softmax(_) => number + 1 != count || depth != 0,
                        _ => false,
                    };
                    if misplaced {
                        Err(corrupt("a layer is in the wrong place"))
                    } else {
                        Ok(layer)
                    }
                })
                .collect::<Result<_>>()?;
            skip_rates(reader, &head)?;
            Layer::Series(layers)
        }
        b"Convolve" => {
            fits(shape, head.inputs)?;
            let (half_x, half_y) = (reader.size(16)?, reader.size(16)?);
            shape.features *= (2 * half_x + 1) * (2 * half_y + 1);
            Layer::Convolve { half_x, half_y }
        }
        b"Maxpool" => {
            fits(shape, head.inputs)?;
            let (x, y) = (reader.size(64)?, reader.size(64)?);
            if x == 0 || y == 0 || shape.height / y == 0 || shape.shrink * x > MAX_SHRINK {
                return Err(corrupt("a layer shrinks pictures to nothing"));
            }
            shape.height /= y;
            shape.shrink *= x;
            Layer::Maxpool { x, y }
        }
        b"Tanh" | b"Softmax" => {
            fits(shape, head.inputs)?;
            let matrix = Matrix::stacked(&[Weights::read(reader)?], head.inputs)?;
            shape.features = matrix.outputs;
            if head.kind == b"Tanh" {
                Layer::Tanh(matrix)
            } else {
                Layer::Softmax(matrix)
            }
        }
        b"LSTM" | b"SummLSTM" => {
            fits(shape, head.inputs)?;
            let together = reader.size(1 << 16)?;
            let gates = [(); 4].map(|()| Weights::read(reader));
            let mut parts = Vec::new();
            for gate in gates {
                parts.push(gate?);
            }
            let gates = Matrix::stacked(&parts, together)?;
            let size = gates.outputs / 4;
            if together != head.inputs + size || head.outputs != size || gates.outputs != 4 * size {
                return Err(unsupported("its cells look at two neighbours"));
            }
            let last_only = head.kind == b"SummLSTM";
            shape.features = size;
            shape.width_1 |= last_only;
            Layer::Lstm {
                gates,
                size,
                last_only,
            }
        }
        b"RTLReversed" => {
            inner_count(reader)?;
            let inner = layer(reader, shape, height, depth + 1)?;
            skip_rates(reader, &head)?;
            Layer::ReversedX(Box::new(inner))
        }
        b"XYTranspose" => {
            inner_count(reader)?;
            let inner = layer(reader, shape, height, depth + 1)?;
            if !matches!(
                inner,
                Layer::Lstm {
                    last_only: true,
                    ..
                }
            ) {
                return Err(unsupported("it reads columns in a way of its own"));
            }
            skip_rates(reader, &head)?;
            shape.height = 1;
            shape.width_1 = false;
            Layer::Transposed(Box::new(inner))
        }
        kind => {
            let kind = String::from_utf8_lossy(kind);
            return Err(unsupported(&format!("it has a layer of the kind {kind:?}")));
        }
    })
}

/// How fast each of its layers was trained.
fn skip_rates(reader: &mut Reader, head: &Header) -> Result<()> {
    if head.flags & OWN_RATES != 0 {
        let rates = reader.size(1 << 16)?;
        reader.bytes(4 * rates)?;
    }
    Ok(())
}

fn inner_count(reader: &mut Reader) -> Result<()> {
    if reader.size(64)? == 1 {
        Ok(())
    } else {
        Err(corrupt("one layer was expected"))
    }
}

pub(super) fn forward(layer: &Layer, values: Vec<Values>, seed: u64) -> Vec<Values> {
    match layer {
        Layer::Input | Layer::Softmax(_) => values,
        Layer::Series(layers) => layers
            .iter()
            .fold(values, |values, layer| forward(layer, values, seed)),
        Layer::Convolve { half_x, half_y } => values
            .iter()
            .map(|one| {
                let features = one.features * (2 * half_x + 1) * (2 * half_y + 1);
                Values {
                    features,
                    data: stacked(one, *half_x, *half_y, seed, features),
                    ..*one
                }
            })
            .collect(),
        Layer::Maxpool { x, y } => values.iter().map(|one| pooled(one, *x, *y)).collect(),
        Layer::Tanh(matrix) => values.iter().map(|one| dense(matrix, one)).collect(),
        Layer::Lstm {
            gates,
            size,
            last_only,
        } => cells(gates, *size, *last_only, &values),
        Layer::ReversedX(inner) => {
            let values = forward(inner, values.iter().map(reversed).collect(), seed);
            values.iter().map(reversed).collect()
        }
        Layer::Transposed(inner) => {
            let values = forward(inner, values.iter().map(transposed).collect(), seed);
            values.iter().map(transposed).collect()
        }
    }
}

/// Tesseract's generator of noise (`TRand`, ccutil/helpers.h): what lies around a picture is noise, the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> i8 {
        let whole = self.whole();
        let value = 127.0 * 2.0 * f64::from(whole) / f64::from(i32::MAX) - 127.0;
        value.round() as i8
    }

    fn whole(&mut self) -> i32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i32
    }
}

/// The neighbours of each place stacked as its features, in so many bytes, `stride`: column after column from the left,
/// each from the top.
fn stacked(values: &Values, half_x: usize, half_y: usize, seed: u64, stride: usize) -> Vec<i8> {
    let mut noise = Noise(seed);
    noise.whole();
    let features = values.features * (2 * half_x + 1) * (2 * half_y + 1);
    let (width, height) = (values.width, values.height);
    let mut data = Vec::with_capacity(width * height * stride);
    let more = stride - features;
    let are_nine = values.features == 1 && half_x == 1 && half_y == 1 && stride == NINE;
    let mut columns = Vec::new();
    for y in 0..height {
        let mut x = 0;
        while x < width {
            if x == 1 && are_nine && (1..height - 1).contains(&y) && width > 2 {
                let [above, here, below] =
                    [y - 1, y, y + 1].map(|row| &values.data[row * width..][..width]);
                columns.clear();
                let three = above.iter().zip(here).zip(below);
                columns.extend(three.map(|((&above, &here), &below)| [above, here, below, 0]));
                let start = data.len();
                data.resize(start + (width - 2) * NINE, 0);
                stack_nine(&columns, data[start..].as_chunks_mut().0);
                x = width - 1;
                continue;
            }
            for step_x in 0..=2 * half_x {
                let at_x = (x + step_x).checked_sub(half_x).filter(|&at| at < width);
                for step_y in 0..=2 * half_y {
                    let at_y = (y + step_y).checked_sub(half_y).filter(|&at| at < height);
                    if let (Some(at_x), Some(at_y)) = (at_x, at_y) {
                        let start = (at_y * width + at_x) * values.features;
                        data.extend_from_slice(&values.data[start..start + values.features]);
                    } else {
                        data.extend((0..values.features).map(|_| noise.next()));
                    }
                }
            }
            data.resize(data.len() + more, 0);
            x += 1;
        }
    }
    data
}

/// Nine bytes, and three that are 0.
const NINE: usize = 12;

/// Three columns of three, and a 0 after each, for each place: the 0 is where the next column begins.
fn stack_nine(columns: &[[i8; 4]], places: &mut [[i8; NINE]]) {
    for (place, three) in places.iter_mut().zip(columns.windows(3)) {
        place[..4].copy_from_slice(&three[0]);
        place[3..7].copy_from_slice(&three[1]);
        place[6..10].copy_from_slice(&three[2]);
    }
}

/// The largest tangent in each area of `x` by `y` places of what a matrix makes of each place's neighbours. Of the products the
/// largest has the largest tangent, so only its is computed.
fn convolved(
    values: &Values,
    [half_x, half_y]: [usize; 2],
    matrix: &Matrix,
    [x, y]: [usize; 2],
    seed: u64,
) -> Values {
    let (height, width) = (values.height / y, values.width / x);
    let (size, stride, out_stride) = (matrix.outputs, matrix.row_stride(), matrix.out_stride());
    let places = stacked(values, half_x, half_y, seed, stride);
    let mut most = vec![0.0; width * out_stride];
    let mut made = vec![0; width * out_stride];
    let mut data = Vec::with_capacity(height * width * size);
    let row = (values.width * stride).max(1);
    let mut largest = Largest::new(matrix, values.width, [x, y]);
    for rows in places.chunks_exact(y * row) {
        largest.of(rows, &mut most);
        all_tanh(&most, &mut made);
        for place in made.chunks_exact(out_stride) {
            data.extend_from_slice(&place[..size]);
        }
    }
    Values {
        height,
        width,
        features: size,
        data,
    }
}

fn pooled(values: &Values, x: usize, y: usize) -> Values {
    let (height, width, features) = (values.height / y, values.width / x, values.features);
    let mut data = vec![i8::MIN; height * width * features];
    for (place, most) in data.chunks_exact_mut(features.max(1)).enumerate() {
        let (row, column) = (place / width, place % width);
        for in_y in row * y..(row + 1) * y {
            let start = (in_y * values.width + column * x) * features;
            for one in values.data[start..start + x * features].chunks_exact(features) {
                for (most, &value) in most.iter_mut().zip(one) {
                    *most = (*most).max(value);
                }
            }
        }
    }
    Values {
        height,
        width,
        features,
        data,
    }
}

fn reversed(values: &Values) -> Values {
    let mut data = Vec::with_capacity(values.data.len());
    for row in values
        .data
        .chunks_exact((values.width * values.features).max(1))
    {
        for place in row.chunks_exact(values.features.max(1)).rev() {
            data.extend_from_slice(place);
        }
    }
    Values { data, ..*values }
}

fn transposed(values: &Values) -> Values {
    let (height, width, features) = (values.width, values.height, values.features);
    let mut data = Vec::with_capacity(values.data.len());
    for y in 0..height {
        for x in 0..width {
            let start = (x * values.width + y) * features;
            data.extend_from_slice(&values.data[start..start + features]);
        }
    }
    Values {
        height,
        width,
        features,
        data,
    }
}

/// The products of all places, `TOGETHER` at a time: a number of places, and their products in the strides of `matrix`.
fn products(matrix: &Matrix, values: &Values, mut each: impl FnMut(usize, &mut [f32])) {
    let (stride, out_stride) = (matrix.row_stride(), matrix.out_stride());
    let mut rows = vec![0; TOGETHER * stride];
    let mut out = vec![0.0; TOGETHER * out_stride];
    for places in values.data.chunks(TOGETHER * matrix.inputs) {
        let count = places.len() / matrix.inputs;
        for (row, place) in rows
            .chunks_exact_mut(stride)
            .zip(places.chunks_exact(matrix.inputs))
        {
            row[..matrix.inputs].copy_from_slice(place);
        }
        let out = &mut out[..count * out_stride];
        matrix.multiply(&rows[..count * stride], out);
        each(count, out);
    }
}

fn dense(matrix: &Matrix, values: &Values) -> Values {
    let (size, stride) = (matrix.outputs, matrix.out_stride());
    let mut data = Vec::with_capacity(values.height * values.width * size);
    let mut made = vec![0; TOGETHER * stride];
    products(matrix, values, |count, sums| {
        let made = &mut made[..count * stride];
        all_tanh(sums, made);
        for place in made.chunks_exact(stride) {
            data.extend_from_slice(&place[..size]);
        }
    });
    Values {
        features: size,
        data,
        ..*values
    }
}

fn shares(matrix: &Matrix, values: &Values) -> Outputs {
    let mut data = Vec::with_capacity(values.width * matrix.outputs);
    products(matrix, values, |_, sums| {
        for sums in sums.chunks_exact_mut(matrix.out_stride()) {
            let sums = &mut sums[..matrix.outputs];
            softmax(sums);
            data.extend_from_slice(sums);
        }
    });
    Outputs {
        classes: matrix.outputs,
        data,
    }
}

/// Cells along all rows of all pictures, those of about the same length together.
fn cells(gates: &Matrix, size: usize, last_only: bool, values: &[Values]) -> Vec<Values> {
    let inputs = gates.inputs - size;
    let mut outputs: Vec<Values> = values
        .iter()
        .map(|one| {
            let width = if last_only { 1 } else { one.width };
            Values {
                height: one.height,
                width,
                features: size,
                data: vec![0; one.height * width * size],
            }
        })
        .collect();
    let mut rows: Vec<(usize, usize)> = values
        .iter()
        .enumerate()
        .flat_map(|(number, one)| (0..one.height).map(move |row| (number, row)))
        .collect();
    rows.sort_by_key(|&(number, _)| std::cmp::Reverse(values[number].width));
    let (stride, out_stride) = (gates.row_stride(), gates.out_stride());
    let mut sums = vec![0.0; TOGETHER * out_stride];
    let mut made = vec![0; TOGETHER * size];
    for rows in rows.chunks(TOGETHER) {
        let mut sources = vec![0_i8; rows.len() * stride];
        let mut states = vec![0.0_f32; rows.len() * size];
        let mut running = rows.len();
        for t in 0..values[rows[0].0].width {
            while values[rows[running - 1].0].width <= t {
                running -= 1;
            }
            for (&(number, row), source) in
                rows[..running].iter().zip(sources.chunks_exact_mut(stride))
            {
                let from = (row * values[number].width + t) * inputs;
                source[..inputs].copy_from_slice(&values[number].data[from..from + inputs]);
            }
            gates.multiply(
                &sources[..running * stride],
                &mut sums[..running * out_stride],
            );
            steps(
                &sums[..running * out_stride],
                out_stride,
                &mut states[..running * size],
                size,
                &mut made[..running * size],
            );
            let each = sources
                .chunks_exact_mut(stride)
                .zip(made.chunks_exact(size));
            for (&(number, row), (source, made)) in rows[..running].iter().zip(each) {
                source[inputs..inputs + size].copy_from_slice(made);
                let width = values[number].width;
                if last_only && t + 1 < width {
                    continue;
                }
                let place = if last_only { row } else { row * width + t };
                outputs[number].data[place * size..][..size].copy_from_slice(made);
            }
        }
    }
    outputs
}
