//! Products of int8 weights with int8 rows, exact in int32, and the functions of the gates, in f32.
//!
//! The same numbers come out on every processor: sums are of whole numbers, and nothing is fused.

use super::reader::{Reader, corrupt, unsupported};
use crate::error::Result;
use crate::rounding;

/// Outputs in a block: a register of 512 bits holds so many int32.
pub(super) const LANES: usize = 16;
/// Inputs that one instruction multiplies and adds for each output.
const GROUP: usize = 4;
const MAX_SIDE: usize = 1 << 16;
/// int8 values stand for -1 to 1.
const ONE: f32 = 127.0;
const INT8: u8 = 1;
const DOUBLE: u8 = 128;

/// Weights of int8 with a scale for each output, ready for the kernels: `blocks` of [`LANES`] outputs, and in each the
/// weights of [`GROUP`] inputs after one another.
pub(super) struct Matrix {
    pub inputs: usize,
    pub outputs: usize,
    groups: usize,
    packed: Vec<[i8; LANES * GROUP]>,
    bias: Vec<[i32; LANES]>,
    /// `bias` less 128 x the sum of the weights: where the rows have 128 added to them.
    raised_bias: Vec<[i32; LANES]>,
    scales: Vec<[f32; LANES]>,
    /// No scale is below 0: the largest sum of products is the largest product.
    is_rising: bool,
}

/// Weights as they are in a file: rows of outputs, the last column for the bias.
pub(super) struct Weights {
    rows: usize,
    columns: usize,
    values: Vec<i8>,
    scales: Vec<f32>,
}

impl Weights {
    /// Tesseract's `WeightMatrix` (lstm/weightmatrix.cpp) with whole weights; `unsupported` are those with others.
    pub fn read(reader: &mut Reader) -> Result<Self> {
        let mode = reader.u8()?;
        if mode & INT8 == 0 || mode & DOUBLE == 0 {
            return Err(unsupported("its weights are not int8"));
        }
        let (rows, columns) = (reader.size(MAX_SIDE)?, reader.size(MAX_SIDE)?);
        reader.u8()?; // the unused cell
        if rows == 0 || columns < 2 {
            return Err(corrupt("a layer without weights"));
        }
        // No processor's way has to think of -128, which has no positive counterpart; Tesseract makes none.
        let values = reader.bytes(rows * columns)?.iter();
        let values = values.map(|&byte| (byte as i8).max(-127)).collect();
        let count = reader.size(1 << 24)?;
        if count < rows {
            return Err(corrupt("a layer without scales"));
        }
        let mut scales = Vec::with_capacity(rows);
        for number in 0..count {
            let scale = reader.f64()?;
            if number < rows {
                scales.push(scale as f32 / ONE);
            }
        }
        Ok(Self {
            rows,
            columns,
            values,
            scales,
        })
    }
}

impl Matrix {
    /// The rows of all `parts` below each other; they must have `inputs` + 1 columns.
    pub fn stacked(parts: &[Weights], inputs: usize) -> Result<Self> {
        let outputs = parts.iter().map(|part| part.rows).sum();
        if parts.iter().any(|part| part.columns != inputs + 1) || outputs > MAX_SIDE {
            return Err(corrupt("a layer does not fit the one before it"));
        }
        let groups = inputs.div_ceil(GROUP);
        let blocks = usize::div_ceil(outputs, LANES);
        let mut matrix = Self {
            inputs,
            outputs,
            groups,
            packed: vec![[0; LANES * GROUP]; blocks * groups],
            bias: vec![[0; LANES]; blocks],
            raised_bias: vec![[0; LANES]; blocks],
            scales: vec![[0.0; LANES]; blocks],
            is_rising: parts
                .iter()
                .flat_map(|part| &part.scales)
                .all(|&scale| scale >= 0.0),
        };
        let rows = parts
            .iter()
            .flat_map(|part| part.values.chunks_exact(part.columns).zip(&part.scales));
        for (output, (row, &scale)) in rows.enumerate() {
            let (block, lane) = (output / LANES, output % LANES);
            for (input, &weight) in row[..inputs].iter().enumerate() {
                let place = block * groups + input / GROUP;
                matrix.packed[place][lane * GROUP + input % GROUP] = weight;
            }
            let sum: i32 = row[..inputs].iter().map(|&weight| i32::from(weight)).sum();
            let bias = i32::from(row[inputs]) * 127;
            matrix.bias[block][lane] = bias;
            matrix.raised_bias[block][lane] = bias - 128 * sum;
            matrix.scales[block][lane] = scale;
        }
        Ok(matrix)
    }

    /// Bytes from one row of inputs to the next.
    pub fn row_stride(&self) -> usize {
        self.groups * GROUP
    }

    /// Numbers from one row of outputs to the next.
    pub fn out_stride(&self) -> usize {
        self.bias.len() * LANES
    }

    /// The product of each of `rows` (-127 to 127, for -1 to 1; the rest of a stride 0), plus the bias.
    pub fn multiply(&self, rows: &[i8], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") && has!("avx512vnni") {
                // SAFETY: the processor has these instructions.
                return unsafe { x86::multiply_vnni(self, rows, out) };
            }
            if has!("avx2") {
                // SAFETY: the processor has these instructions.
                return unsafe { x86::multiply_avx2(self, rows, out) };
            }
        }
        self.multiply_here(rows, out);
    }

    fn multiply_here(&self, rows: &[i8], out: &mut [f32]) {
        let strides = rows
            .chunks_exact(self.row_stride())
            .zip(out.chunks_exact_mut(self.out_stride()));
        for (row, out) in strides {
            let (row, _) = row.as_chunks::<GROUP>();
            let blocks = self.packed.chunks_exact(self.groups).zip(&self.bias);
            let (lanes, _) = out.as_chunks_mut::<LANES>();
            for (((block, bias), scales), out) in blocks.zip(&self.scales).zip(lanes) {
                let mut sums = *bias;
                for (weights, four) in block.iter().zip(row) {
                    let (each, _) = weights.as_chunks::<GROUP>();
                    for (sum, weights) in sums.iter_mut().zip(each) {
                        for (&weight, &value) in weights.iter().zip(four) {
                            *sum += i32::from(weight) * i32::from(value);
                        }
                    }
                }
                for lane in 0..LANES {
                    out[lane] = sums[lane] as f32 * scales[lane];
                }
            }
        }
    }
}

/// The largest of the products of the places in each area of a picture: `x` by `y` places of rows that are `width` long.
pub(super) struct Largest<'a> {
    matrix: &'a Matrix,
    width: usize,
    x: usize,
    y: usize,
    sums: Vec<f32>,
}

impl<'a> Largest<'a> {
    pub fn new(matrix: &'a Matrix, width: usize, [x, y]: [usize; 2]) -> Self {
        Self {
            matrix,
            width,
            x,
            y,
            sums: Vec::new(),
        }
    }

    /// `places`: the inputs of the places of `y` rows; `most`: for each area the outputs, in the strides of the matrix.
    pub fn of(&mut self, places: &[i8], most: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let fits = (self.x, self.y) == (x86::SIDE, x86::SIDE) && self.matrix.is_rising;
            if fits && has!("avx512f") && has!("avx512bw") && has!("avx512vnni") {
                // SAFETY: the processor has these instructions.
                return unsafe { x86::largest_vnni(self.matrix, self.width, places, most) };
            }
        }
        self.of_here(places, most);
    }

    fn of_here(&mut self, places: &[i8], most: &mut [f32]) {
        let (stride, out_stride) = (self.matrix.row_stride(), self.matrix.out_stride());
        self.sums.resize(self.width * out_stride, 0.0);
        most.fill(f32::NEG_INFINITY);
        for row in places.chunks_exact((self.width * stride).max(1)) {
            self.matrix.multiply(row, &mut self.sums);
            let areas = most.chunks_exact_mut(out_stride);
            for (most, area) in areas.zip(self.sums.chunks_exact(self.x * out_stride)) {
                for place in area.chunks_exact(out_stride) {
                    for (most, &sum) in most.iter_mut().zip(place) {
                        *most = if sum > *most { sum } else { *most };
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{GROUP, LANES, Matrix};
    use std::arch::x86_64::*;

    /// With 128 added to each: the instruction multiplies bytes without signs by those with.
    fn raised(rows: &[i8]) -> Vec<u8> {
        rows.iter().map(|&value| value as u8 ^ 128).collect()
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn multiply_vnni(matrix: &Matrix, rows: &[i8], out: &mut [f32]) {
        let (stride, out_stride) = (matrix.row_stride(), matrix.out_stride());
        let rows = raised(rows);
        let rows = rows.chunks(6 * stride).zip(out.chunks_mut(6 * out_stride));
        for (rows, out) in rows {
            match rows.len() / stride {
                1 => blocks_vnni::<1>(matrix, rows, out),
                2 => blocks_vnni::<2>(matrix, rows, out),
                3 => blocks_vnni::<3>(matrix, rows, out),
                4 => blocks_vnni::<4>(matrix, rows, out),
                5 => blocks_vnni::<5>(matrix, rows, out),
                _ => blocks_vnni::<6>(matrix, rows, out),
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn blocks_vnni<const R: usize>(matrix: &Matrix, rows: &[u8], out: &mut [f32]) {
        let blocks = matrix.bias.len();
        let mut block = 0;
        while block + 4 <= blocks {
            tile_vnni::<R, 4>(matrix, block, rows, out);
            block += 4;
        }
        while block < blocks {
            tile_vnni::<R, 1>(matrix, block, rows, out);
            block += 1;
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn tile_vnni<const R: usize, const B: usize>(
        matrix: &Matrix,
        block: usize,
        rows: &[u8],
        out: &mut [f32],
    ) {
        let groups = matrix.groups;
        let mut sums = [[_mm512_setzero_si512(); B]; R];
        for sums in &mut sums {
            for (number, sum) in sums.iter_mut().enumerate() {
                *sum = load(&matrix.raised_bias[block + number]);
            }
        }
        let rows: [&[[u8; GROUP]]; R] =
            std::array::from_fn(|row| rows[row * groups * GROUP..][..groups * GROUP].as_chunks().0);
        let parts: [&[[i8; LANES * GROUP]]; B] =
            std::array::from_fn(|number| &matrix.packed[(block + number) * groups..][..groups]);
        for group in 0..groups {
            let weights: [__m512i; B] = std::array::from_fn(|number| load(&parts[number][group]));
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let four = _mm512_set1_epi32(i32::from_le_bytes(row[group]));
                for (sum, &weights) in sums.iter_mut().zip(&weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, four, weights);
                }
            }
        }
        let stride = matrix.out_stride();
        for (row, sums) in sums.iter().enumerate() {
            let out = &mut out[row * stride + block * LANES..][..B * LANES];
            for ((out, &sum), scales) in out
                .as_chunks_mut()
                .0
                .iter_mut()
                .zip(sums)
                .zip(&matrix.scales[block..])
            {
                store(
                    out,
                    _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_castsi512_ps(load(scales))),
                );
            }
        }
    }

    /// The sides of the areas of [`largest_vnni`].
    pub(super) const SIDE: usize = 3;

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn largest_vnni(matrix: &Matrix, width: usize, places: &[i8], most: &mut [f32]) {
        let (groups, row) = (matrix.groups, width * matrix.groups);
        let places = raised(places);
        let (places, _) = places.as_chunks::<GROUP>();
        let areas = most.chunks_exact_mut(matrix.out_stride());
        for (area, most) in areas.take(width / SIDE).enumerate() {
            let lines: [&[[u8; GROUP]]; SIDE] =
                std::array::from_fn(|y| &places[y * row + area * SIDE * groups..][..SIDE * groups]);
            for (block, most) in most.as_chunks_mut().0.iter_mut().enumerate() {
                let weights = &matrix.packed[block * groups..][..groups];
                let mut sums = [[load(&matrix.raised_bias[block]); SIDE]; SIDE];
                for (group, weights) in weights.iter().enumerate() {
                    let weights = load(weights);
                    for (sums, line) in sums.iter_mut().zip(&lines) {
                        for (x, sum) in sums.iter_mut().enumerate() {
                            let four = i32::from_le_bytes(line[x * groups + group]);
                            let four = _mm512_set1_epi32(four);
                            *sum = _mm512_dpbusd_epi32(*sum, four, weights);
                        }
                    }
                }
                let [mut largest, other, last] = sums
                    .map(|[one, two, three]| _mm512_max_epi32(_mm512_max_epi32(one, two), three));
                largest = _mm512_max_epi32(_mm512_max_epi32(largest, other), last);
                let scales = _mm512_castsi512_ps(load(&matrix.scales[block]));
                store(most, _mm512_mul_ps(_mm512_cvtepi32_ps(largest), scales));
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load<T>(from: &T) -> __m512i {
        const { assert!(size_of::<T>() == 64) };
        // SAFETY: the reference is to 64 bytes, and the instruction needs no alignment.
        unsafe { _mm512_loadu_si512(std::ptr::from_ref(from).cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(to: &mut [f32; LANES], values: __m512) {
        // SAFETY: the reference is to 64 bytes, and the instruction needs no alignment.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), values) }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn multiply_avx2(matrix: &Matrix, rows: &[i8], out: &mut [f32]) {
        let (stride, out_stride) = (matrix.row_stride(), matrix.out_stride());
        let rows = rows.chunks(4 * stride).zip(out.chunks_mut(4 * out_stride));
        for (rows, out) in rows {
            for block in 0..matrix.bias.len() {
                match rows.len() / stride {
                    1 => tile_avx2::<1>(matrix, block, rows, out),
                    2 => tile_avx2::<2>(matrix, block, rows, out),
                    3 => tile_avx2::<3>(matrix, block, rows, out),
                    _ => tile_avx2::<4>(matrix, block, rows, out),
                }
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn tile_avx2<const R: usize>(matrix: &Matrix, block: usize, rows: &[i8], out: &mut [f32]) {
        let groups = matrix.groups;
        let mut sums = [halves(&matrix.bias[block]); R];
        let ones = _mm256_set1_epi16(1);
        let rows: [&[[i8; GROUP]]; R] =
            std::array::from_fn(|row| rows[row * groups * GROUP..][..groups * GROUP].as_chunks().0);
        for (group, weights) in matrix.packed[block * groups..][..groups].iter().enumerate() {
            let weights = halves(weights);
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let four = row[group].map(|value| value as u8);
                let four = _mm256_set1_epi32(i32::from_le_bytes(four));
                let size = _mm256_abs_epi8(four);
                for (sum, &weights) in sums.iter_mut().zip(&weights) {
                    // Two products of at most 127 x 127 do not overflow int16.
                    let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(weights, four));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        let stride = matrix.out_stride();
        for (row, sums) in sums.iter().enumerate() {
            let out = &mut out[row * stride + block * LANES..][..LANES];
            let scales = halves(&matrix.scales[block]);
            for ((out, &sum), scales) in out.as_chunks_mut().0.iter_mut().zip(sums).zip(scales) {
                let values = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_castsi256_ps(scales));
                store_half(out, values);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves<T>(from: &T) -> [__m256i; 2] {
        const { assert!(size_of::<T>() == 64) };
        let from = std::ptr::from_ref(from).cast::<__m256i>();
        // SAFETY: the reference is to 64 bytes, twice 32, and the instruction needs no alignment.
        unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_half(to: &mut [f32; LANES / 2], values: __m256) {
        // SAFETY: the reference is to 32 bytes, and the instruction needs no alignment.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), values) }
    }
}

// functions of numbers --------------------------------------------------------------------------------------------------

/// e to the power of `x`, to seven digits; `x` is kept within -86 and 86.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    exp_within::<86>(x)
}

/// The same, `x` kept within other bounds.
#[inline(always)]
fn exp_within<const BOUND: i32>(x: f32) -> f32 {
    let x = x.clamp(-(BOUND as f32), BOUND as f32);
    let raised = x * std::f32::consts::LOG2_E + rounding::SIGNED;
    let whole = raised - rounding::SIGNED;
    let rest = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    // The best polynomial of this degree within half of the logarithm of 2: 1e-7 from it at most.
    let mut sum = 8.290_304e-3_f32;
    for factor in [4.189_797_5e-2, 0.166_676_37, 0.499_991_5, 0.999_999_7, 1.0] {
        sum = sum * rest + factor;
    }
    let power = raised
        .to_bits()
        .wrapping_sub(rounding::SIGNED.to_bits())
        .wrapping_add(127);
    sum * f32::from_bits(power << 23)
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 / (1.0 + exp(-2.0 * x)) - 1.0
}

/// The int8 of a number from -1 to 1, halves away from 0.
#[inline(always)]
pub(super) fn quantised(x: f32) -> i8 {
    let scaled = (x * ONE).clamp(-ONE, ONE);
    let whole = (scaled + f32::copysign(0.5, scaled)).trunc();
    (whole + rounding::SIGNED).to_bits() as i8
}

/// A function in three builds of the same code, the one for this processor called.
macro_rules! on_this_processor {
    ($name:ident, $avx512:ident, $avx2:ident, $here:ident, ($($argument:ident: $type:ty),*)) => {
        pub(super) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::is_x86_feature_detected as has;
                if has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq") {
                    // SAFETY: the processor has these instructions.
                    return unsafe { $avx512($($argument),*) };
                }
                if has!("avx2") {
                    // SAFETY: the processor has these instructions.
                    return unsafe { $avx2($($argument),*) };
                }
            }
            $here($($argument),*);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
        fn $avx512($($argument: $type),*) {
            $here($($argument),*);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $avx2($($argument: $type),*) {
            $here($($argument),*);
        }
    };
}

on_this_processor!(steps, steps_avx512, steps_avx2, steps_here,
    (gates: &[f32], stride: usize, states: &mut [f32], size: usize, outputs: &mut [i8]));

/// One step of cells of one `size`, whose gates are `stride` apart.
#[inline(always)]
fn steps_here(gates: &[f32], stride: usize, states: &mut [f32], size: usize, outputs: &mut [i8]) {
    let cells = states
        .chunks_exact_mut(size)
        .zip(outputs.chunks_exact_mut(size));
    for (gates, (state, output)) in gates.chunks_exact(stride).zip(cells) {
        step_here(gates, state, output);
    }
}

/// One step of a cell: `gates` are four times the size of `state`: for what comes in, whether it is let in, whether the
/// state is kept, and whether it is let out (lstm/lstm.cpp).
#[inline(always)]
fn step_here(gates: &[f32], state: &mut [f32], output: &mut [i8]) {
    let size = state.len();
    let (input, rest) = gates.split_at(size);
    let (enter, rest) = rest.split_at(size);
    let (keep, rest) = rest.split_at(size);
    let leave = &rest[..size];
    let output = &mut output[..size];
    // Logistic functions, 1 / (1 + e^-x), and tangents, (1 - e^-2x) / (1 + e^-2x), over one divisor for each sum: to
    // divide takes as long as the rest. Beyond 25 they are 1 in every digit, and three of them still fit.
    for number in 0..size {
        let forget = 1.0 + exp_within::<25>(-keep[number]);
        let shut = 1.0 + exp_within::<25>(-enter[number]);
        let come = exp_within::<25>(-2.0 * input[number]);
        let both = (1.0 + come) * shut;
        let value = (state[number] * both + (1.0 - come) * forget) / (forget * both);
        let value = value.clamp(-100.0, 100.0);
        state[number] = value;
        let go = exp_within::<25>(-2.0 * value);
        let held = 1.0 + exp_within::<25>(-leave[number]);
        output[number] = quantised((1.0 - go) / ((1.0 + go) * held));
    }
}

on_this_processor!(all_tanh, tanh_avx512, tanh_avx2, tanh_here, (values: &[f32], output: &mut [i8]));

/// The hyperbolic tangent of each.
#[inline(always)]
fn tanh_here(values: &[f32], output: &mut [i8]) {
    for (output, &value) in output.iter_mut().zip(values) {
        *output = quantised(tanh(value));
    }
}

on_this_processor!(softmax, softmax_avx512, softmax_avx2, softmax_here, (values: &mut [f32]));

/// Their shares of the sum of e to the power of each.
#[inline(always)]
fn softmax_here(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::MIN, f32::max);
    for value in values.iter_mut() {
        *value = exp(*value - largest);
    }
    let sum: f32 = values.iter().sum();
    for value in values {
        *value /= sum;
    }
}
