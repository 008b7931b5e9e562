//! The models are made here, of random weights: what they read means nothing, but it is read the same way everywhere.

use super::kernel::{Matrix, Weights, exp, quantised};
use super::network::{Layer, Values, flattened, forward, run_near};
use super::reader::Reader;
use super::words::Words;
use super::*;
use crate::error::ErrorClass;

/// A generator of whole numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn weight(&mut self) -> u8 {
        (self.throw(255) as i32 - 127) as i8 as u8
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn numbers(out: &mut Vec<u8>, numbers: &[i32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn header(out: &mut Vec<u8>, kind: &str, inputs: i32, outputs: i32) {
    out.push(0);
    text(out, kind);
    out.extend([0, 0]);
    numbers(out, &[0, inputs, outputs, 0]);
    text(out, kind);
}

fn weights(out: &mut Vec<u8>, dice: &mut Dice, outputs: i32, inputs: i32) {
    out.push(0x81);
    numbers(out, &[outputs, inputs + 1]);
    out.push(0);
    out.extend((0..outputs * (inputs + 1)).map(|_| dice.weight()));
    numbers(out, &[outputs]);
    out.extend((0..outputs).flat_map(|_| 0.02_f64.to_le_bytes()));
}

fn cells(out: &mut Vec<u8>, dice: &mut Dice, kind: &str, inputs: i32, size: i32) {
    header(out, kind, inputs, size);
    numbers(out, &[inputs + size]);
    for _ in 0..4 {
        weights(out, dice, size, inputs + size);
    }
}

const LETTERS: [&str; 5] = ["NULL", "a", "b", "c", "1"];

/// The network of Tesseract's fast models, smaller: [1,12,0,1 Ct3,3,4 Mp3,3 Lfys8 Lfx6 Lrx6 O1c6].
fn lstm() -> Vec<u8> {
    let mut dice = Dice(88_172_645_463_325_252);
    let mut out = Vec::new();
    let classes = LETTERS.len() as i32 + 1;
    header(&mut out, "Series", 12, classes);
    numbers(&mut out, &[7]);
    header(&mut out, "Input", 12, 1);
    numbers(&mut out, &[1, 12, 0, 1, 0]);
    header(&mut out, "Series", 1, 4);
    numbers(&mut out, &[2]);
    header(&mut out, "Convolve", 1, 9);
    numbers(&mut out, &[1, 1]);
    header(&mut out, "Tanh", 9, 4);
    weights(&mut out, &mut dice, 4, 9);
    header(&mut out, "Maxpool", 4, 4);
    numbers(&mut out, &[3, 3]);
    header(&mut out, "XYTranspose", 4, 8);
    numbers(&mut out, &[1]);
    cells(&mut out, &mut dice, "SummLSTM", 4, 8);
    cells(&mut out, &mut dice, "LSTM", 8, 6);
    header(&mut out, "RTLReversed", 6, 6);
    numbers(&mut out, &[1]);
    cells(&mut out, &mut dice, "LSTM", 6, 6);
    header(&mut out, "Softmax", 6, classes);
    weights(&mut out, &mut dice, classes, 6);
    text(&mut out, "[a network]");
    numbers(&mut out, &[65, 0, 3, classes - 1, 0, 0, 0]);
    out
}

/// Edges of (letter, last of its node, end of a word, node it leads to).
fn graph(edges: &[(u64, bool, bool, u64)]) -> Vec<u8> {
    let mut out = 42_i16.to_le_bytes().to_vec();
    numbers(&mut out, &[8, edges.len() as i32]);
    for &(letter, last, end, node) in edges {
        let edge = letter | u64::from(last) << 3 | u64::from(end) << 5 | node << 6;
        out.extend(edge.to_le_bytes());
    }
    out
}

/// A file with these parts, by their numbers.
fn file(parts: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut offsets = [-1_i64; 24];
    let mut at = 4 + 24 * 8;
    for (number, part) in parts {
        offsets[*number] = at;
        at += part.len() as i64;
    }
    let mut out = 24_u32.to_le_bytes().to_vec();
    out.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    out.extend(parts.iter().flat_map(|(_, part)| part));
    out
}

fn characters_part() -> Vec<u8> {
    let mut out = format!("{}\n", LETTERS.len());
    for letter in LETTERS {
        let properties = if letter == "1" { 8 } else { 3 };
        out += &format!("{letter} {properties} 0,255,0,255,0,0,0,0,0,0 Latin 0 0 0 {letter}\t# \n");
    }
    out.into_bytes()
}

fn codes_part() -> Vec<u8> {
    let mut out = Vec::new();
    numbers(&mut out, &[LETTERS.len() as i32]);
    for code in 0..LETTERS.len() as i32 {
        out.push(1);
        numbers(&mut out, &[1, code]);
    }
    out
}

fn model() -> Vec<u8> {
    file(&[
        (17, lstm()),
        // A word alone; "ab".
        (18, graph(&[(0, true, true, 0)])),
        (19, graph(&[(1, true, false, 1), (2, true, true, 0)])),
        (21, characters_part()),
        (22, codes_part()),
    ])
}

fn page() -> (Vec<u8>, usize, usize) {
    let (width, height) = (160, 60);
    let mut dice = Dice(7);
    let data = (0..width * height).map(|_| if dice.throw(3) == 0 { 20 } else { 240 });
    (data.collect(), width, height)
}

fn some_lines() -> Vec<Line> {
    let line = |left, top, right, bottom| Line {
        area: [left, top, right, bottom],
        rows: [top - 2, bottom + 2],
    };
    vec![
        line(4, 4, 150, 20),
        line(10, 22, 90, 31),
        line(3, 35, 158, 55),
        line(0, 0, 2, 2),
        line(9, 9, 9, 9),
    ]
}

fn read(model: &Model, lines: &[Line]) -> Vec<Vec<LineWord>> {
    let (data, width, height) = page();
    model.read_lines(
        Page {
            data: &data,
            width,
            height,
        },
        lines,
    )
}

#[test]
fn lines_are_read_together_as_they_are_alone() {
    let model = Model::read(&model()).unwrap();
    let together = read(&model, &some_lines());
    assert!(together.iter().any(|words| !words.is_empty()));
    for (line, words) in some_lines().iter().zip(together) {
        assert_eq!(read(&model, &[*line]), [words]);
    }
}

#[test]
fn damaged_models_are_refused_or_run() {
    let whole = model();
    for length in 0..whole.len() {
        if length % 31 == 0 || length < 300 {
            let class = Model::read(&whole[..length]).err().map(|error| error.class);
            assert!(
                matches!(class, Some(ErrorClass::Corrupt | ErrorClass::Unsupported)),
                "{length}"
            );
        }
    }
    let mut dice = Dice(99);
    for _ in 0..400 {
        let mut damaged = whole.clone();
        for _ in 0..=dice.throw(3) {
            let place = dice.throw(damaged.len() as u64) as usize;
            damaged[place] = dice.throw(256) as u8;
        }
        if let Ok(model) = Model::read(&damaged) {
            read(&model, &some_lines()[..2]);
        }
    }
}

#[test]
fn a_model_for_other_scripts_is_left_to_tesseract() {
    let characters = String::from_utf8(characters_part()).unwrap();
    let parts = |script: &str| {
        file(&[
            (17, lstm()),
            (21, characters.replace("Latin", script).into_bytes()),
            (22, codes_part()),
        ])
    };
    assert!(Model::read(&parts("Cyrillic")).is_ok());
    for script in ["Arabic", "Han", "Thai"] {
        let error = Model::read(&parts(script)).err().unwrap();
        assert_eq!(error.class, ErrorClass::Unsupported);
    }
}

#[test]
fn products_are_the_same_on_every_processor() {
    let mut dice = Dice(5);
    for (outputs, inputs) in [(1, 1), (16, 9), (70, 13), (384, 65)] {
        let mut bytes = Vec::new();
        weights(&mut bytes, &mut dice, outputs, inputs);
        let part = Weights::read(&mut Reader(&bytes)).unwrap();
        let matrix = Matrix::stacked(&[part], inputs as usize).unwrap();
        for count in [1, 2, 5, 6, 13] {
            let mut rows = vec![0; count * matrix.row_stride()];
            for row in rows.chunks_exact_mut(matrix.row_stride()) {
                row[..inputs as usize].fill_with(|| (dice.weight() as i8).max(-127));
            }
            let mut found = vec![0.0; count * matrix.out_stride()];
            matrix.multiply(&rows, &mut found);
            for (row, found) in rows
                .chunks_exact(matrix.row_stride())
                .zip(found.chunks_exact(matrix.out_stride()))
            {
                for output in 0..outputs as usize {
                    let weights = &bytes[10 + output * (inputs as usize + 1)..][..=inputs as usize];
                    let weight = |place: usize| i32::from((weights[place] as i8).max(-127));
                    let sum: i32 = (0..inputs as usize)
                        .map(|place| weight(place) * i32::from(row[place]))
                        .sum();
                    let want =
                        (sum + 127 * weight(inputs as usize)) as f32 * (0.02_f64 as f32 / 127.0);
                    assert!((found[output] - want).abs() <= 1e-6 * want.abs().max(1.0));
                }
            }
        }
    }
}

#[test]
fn the_largest_of_an_area_is_what_layers_in_turn_make_of_it() {
    let mut dice = Dice(9);
    let mut bytes = Vec::new();
    weights(&mut bytes, &mut dice, 16, 9);
    let part = Weights::read(&mut Reader(&bytes)).unwrap();
    let near = Layer::Series(vec![
        Layer::Convolve {
            half_x: 1,
            half_y: 1,
        },
        Layer::Tanh(Matrix::stacked(&[part], 9).unwrap()),
    ]);
    let mut layers = [near, Layer::Input];
    for (height, width, y) in [(36, 100, 2), (36, 100, 3), (7, 3, 2), (7, 3, 3), (3, 2, 2)] {
        layers[1] = Layer::Maxpool { x: 3, y };
        let picture = Values {
            height,
            width,
            features: 1,
            data: (0..height * width)
                .map(|_| (dice.weight() as i8).max(-127))
                .collect(),
        };
        let in_turn = layers.iter().fold(vec![picture.clone()], |values, layer| {
            forward(layer, values, 7)
        });
        let found = run_near(&flattened(&layers), picture, 7);
        assert_eq!((found.height, found.width), (height / y, width / 3));
        assert_eq!(found.data, in_turn[0].data);
    }
}

#[test]
fn bytes_are_those_that_a_cast_makes() {
    for step in -1_100_000..=1_100_000 {
        let x = step as f32 / 1e6;
        let scaled = (x * 127.0).clamp(-127.0, 127.0);
        let want = (scaled + f32::copysign(0.5, scaled)) as i32;
        assert_eq!(i32::from(quantised(x)), want, "{x}");
    }
    let just_below = f32::from_bits((0.5_f32 / 127.0).to_bits() - 1);
    for x in [just_below, -just_below, 0.0, -0.0] {
        let want = (x * 127.0 + f32::copysign(0.5, x)) as i32;
        assert_eq!(i32::from(quantised(x)), want, "{x}");
    }
}

#[test]
fn powers_of_e_are_right() {
    for step in -8000..8000 {
        let x = step as f32 / 100.0;
        let want = f64::from(x).exp();
        assert!((f64::from(exp(x)) / want - 1.0).abs() < 3e-6, "{x}");
    }
}

#[test]
fn a_dictionary_follows_words_and_marks() {
    let parts = model();
    let words = Words::read(&super::reader::parts(&parts).unwrap())
        .unwrap()
        .unwrap();
    let known = |letter: u32| Character {
        text: LETTERS[letter as usize].into(),
        digit: letter == 4,
    };
    let start = words.start();
    let a = words.further(&start, 1, &known(1)).unwrap();
    assert!(!a.is_word);
    let ab = words.further(&a.positions, 2, &known(2)).unwrap();
    assert!(ab.is_word);
    assert!(words.further(&start, 2, &known(2)).is_none());
    assert!(words.further(&ab.positions, 1, &known(1)).is_none());
}
