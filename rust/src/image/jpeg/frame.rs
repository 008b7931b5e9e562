//! The headers and the entropy-coded data of a baseline JPEG of the usual sort, as cameras write it.

use std::ops::Range;

use super::huffman::Table;

/// Luma and two of chroma.
pub const COMPONENTS: usize = 3;

/// One component of the frame.
#[derive(Clone, Copy)]
pub struct Component {
    pub id: u8,
    /// Blocks in one MCU, across and down.
    pub blocks: (usize, usize),
    pub quantiser: usize,
    pub dc: usize,
    pub ac: usize,
}

/// What stands before the entropy-coded data (T.81, annex B).
pub struct Frame<'data> {
    pub size: (u32, u32),
    pub components: [Component; COMPONENTS],
    /// In zigzag order.
    pub quantisers: [Option<[u16; 64]>; 4],
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: usize,
    pub scan: &'data [u8],
}

impl<'data> Frame<'data> {
    /// None for what is not the usual sort of file.
    pub fn parse(jpeg: &'data [u8]) -> Option<Self> {
        let mut frame = Self {
            size: (0, 0),
            components: [Component {
                id: 0,
                blocks: (0, 0),
                quantiser: 0,
                dc: 0,
                ac: 0,
            }; COMPONENTS],
            quantisers: [None; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart_interval: 0,
            scan: &[],
        };
        let mut rest = jpeg.strip_prefix(b"\xff\xd8")?;
        loop {
            let [0xff, marker, high, low, ..] = *rest else {
                return None;
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let payload = rest.get(4..2 + length)?;
            rest = rest.get(2 + length..)?;
            match marker {
                0xc0 | 0xc1 => frame.start_of_frame(payload)?,
                0xc4 => frame.huffman_tables(payload)?,
                0xdb => frame.quantisation_tables(payload)?,
                0xdd => {
                    let interval = u16::from_be_bytes(payload.try_into().ok()?);
                    frame.restart_interval = usize::from(interval);
                }
                0xda => {
                    frame.start_of_scan(payload)?;
                    frame.scan = rest;
                    return Some(frame);
                }
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    fn start_of_frame(&mut self, payload: &[u8]) -> Option<()> {
        let (&[8, h1, h0, w1, w0, 3], components) = payload.split_first_chunk()? else {
            return None;
        };
        if self.size != (0, 0) || components.len() != 9 {
            return None;
        }
        self.size = (
            u16::from_be_bytes([w1, w0]).into(),
            u16::from_be_bytes([h1, h0]).into(),
        );
        for (component, bytes) in self.components.iter_mut().zip(components.chunks_exact(3)) {
            component.id = bytes[0];
            component.blocks = (usize::from(bytes[1] >> 4), usize::from(bytes[1] & 15));
            component.quantiser = usize::from(bytes[2]);
        }
        let [luma, u, v] = self.components.map(|component| component.blocks);
        let is_usual = matches!(luma, (1 | 2, 1 | 2)) && u == (1, 1) && v == (1, 1);
        is_usual.then_some(())
    }

    fn huffman_tables(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((&class, tail)) = payload.split_first() {
            let (counts, tail) = tail.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = tail.get(..total)?;
            payload = &tail[total..];
            let table = Table::new(counts, symbols, class >> 4 == 0)?;
            let place = usize::from(class & 15);
            match class >> 4 {
                0 => *self.dc.get_mut(place)? = Some(table),
                1 => *self.ac.get_mut(place)? = Some(table),
                _ => return None,
            }
        }
        Some(())
    }

    fn quantisation_tables(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((&kind, tail)) = payload.split_first() {
            let table = self.quantisers.get_mut(usize::from(kind & 15))?;
            if kind >> 4 != 0 {
                return None;
            }
            let (values, tail) = tail.split_first_chunk::<64>()?;
            *table = Some(values.map(u16::from));
            payload = tail;
        }
        Some(())
    }

    fn start_of_scan(&mut self, payload: &[u8]) -> Option<()> {
        let &[3, y, y_tables, u, u_tables, v, v_tables, 0, 63, 0] = payload else {
            return None;
        };
        let parts = [(y, y_tables), (u, u_tables), (v, v_tables)];
        for (component, (id, tables)) in self.components.iter_mut().zip(parts) {
            if component.id != id {
                return None;
            }
            component.dc = usize::from(tables >> 4);
            component.ac = usize::from(tables & 15);
        }
        (self.size.0 > 0 && self.size.1 > 0).then_some(())
    }

    /// MCUs across and down.
    pub fn mcus(&self) -> (usize, usize) {
        let (across, down) = self.components[0].blocks;
        (
            (self.size.0 as usize).div_ceil(8 * across),
            (self.size.1 as usize).div_ceil(8 * down),
        )
    }
}

/// The entropy-coded data without the zero bytes behind each 0xff (T.81, F.1.2.3), cut at the restart markers.
pub struct Scan {
    /// All intervals, one after another.
    pub data: Vec<u8>,
    /// Where each of them lies in `data`.
    pub intervals: Vec<Range<usize>>,
}

impl Scan {
    /// None when a marker is out of order, or the end is missing.
    pub fn unstuff(scan: &[u8]) -> Option<Self> {
        let mut data = Vec::new();
        data.try_reserve_exact(scan.len()).ok()?;
        let mut intervals = Vec::new();
        let (mut rest, mut start) = (scan, 0);
        loop {
            let at = memchr::memchr(0xff, rest)?;
            data.extend_from_slice(&rest[..at]);
            let marker = *rest.get(at + 1)?;
            rest = &rest[at + 2..];
            match marker {
                0 => data.push(0xff),
                0xd0..=0xd7 if usize::from(marker - 0xd0) == intervals.len() % 8 => {
                    intervals.push(start..data.len());
                    start = data.len();
                }
                0xd9 => {
                    intervals.push(start..data.len());
                    return Some(Self { data, intervals });
                }
                _ => return None,
            }
        }
    }
}
