//! The items of a HEIF file (ISO/IEC 23008-12): what the file's pictures are, where their data lie, what they need.

use std::borrow::Cow;

use super::boxes::{Boxes, Kind, damaged, versioned};
use crate::error::{CoreError, ErrorClass, Result};
use crate::image::bytes::Reader;

/// Most items of a file that are looked at: the tiles of the largest pictures are some hundreds.
const MAX_ITEMS: usize = 10_000;

/// A property that an item may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property<'data> {
    /// Width and height in pixels (`ispe`).
    Size(u32, u32),
    /// An ICC profile (`colr`).
    Profile(&'data [u8]),
    /// Code points of ITU-T H.273 (`colr`).
    Coded(Coded),
    /// Quarter turns against the clock (`irot`).
    Turn(u8),
    /// Exchange of top and bottom (0) or of left and right (1) (`imir`).
    Mirror(u8),
    /// What an auxiliary picture is (`auxC`).
    Auxiliary(&'data [u8]),
    /// What is cut out before turning (`clap`): width, height, and how far its centre is right of and below that of
    /// the picture, each as a numerator and a denominator.
    Aperture([(u32, u32); 4]),
    /// More than 8 bits a sample (`av1C`).
    Deep,
    /// Known, and of no use here.
    Other,
    /// Not known.
    Unknown(Kind),
}

/// How numbers map to colours: code points of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coded {
    pub primaries: u8,
    pub transfer: u8,
    pub matrix: u8,
    pub is_full_range: bool,
}

/// One item.
#[derive(Clone, Debug, Default)]
struct Item {
    id: u32,
    kind: Kind,
    is_in_idat: bool,
    /// Offset and length of each part.
    extents: Vec<(u64, u64)>,
    /// Numbers of properties, and whether a reader must understand them.
    properties: Vec<(usize, bool)>,
}

/// A reference from an item to others.
#[derive(Clone, Debug)]
struct Reference {
    kind: Kind,
    from: u32,
    to: Vec<u32>,
}

/// All items of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Items<'data> {
    file: &'data [u8],
    idat: &'data [u8],
    pub primary: u32,
    items: Vec<Item>,
    references: Vec<Reference>,
    properties: Vec<Property<'data>>,
}

impl<'data> Items<'data> {
    /// Read the `meta` box of a file.
    ///
    /// # Errors
    /// `corrupt`, or `unsupported` for a file without items (a bare sequence).
    pub fn read(file: &'data [u8]) -> Result<Self> {
        let meta = Boxes::new(file).find(*b"meta")?.ok_or_else(|| {
            CoreError::new(ErrorClass::Unsupported, "an AVIF without a still picture")
        })?;
        let (_, _, reader) = versioned(meta)?;
        let mut made = Self {
            file,
            ..Self::default()
        };
        // Locations and associations name items, so the list of items comes first, wherever it is.
        let boxes = Boxes::new(reader.rest());
        if let Some(list) = boxes.clone().find(*b"iinf")? {
            made.read_infos(list)?;
        }
        for part in boxes {
            let (kind, content) = part?;
            match &kind {
                b"pitm" => made.read_primary(content)?,
                b"iloc" => made.read_locations(content)?,
                b"iref" => made.read_references(content)?,
                b"iprp" => made.read_properties(content)?,
                b"idat" => made.idat = content,
                _ => {}
            }
        }
        Ok(made)
    }

    /// The kind of an item, `av01` or `grid` for those read here.
    pub fn kind(&self, id: u32) -> Result<Kind> {
        self.item(id).map(|item| item.kind)
    }

    /// The item's data, put together if it lies in parts.
    pub fn data(&self, id: u32) -> Result<Cow<'data, [u8]>> {
        let item = self.item(id)?;
        let source = if item.is_in_idat {
            self.idat
        } else {
            self.file
        };
        let part = |&(offset, length): &(u64, u64)| {
            let rest = usize::try_from(offset)
                .ok()
                .and_then(|offset| source.get(offset..));
            match (rest, usize::try_from(length)) {
                (Some(rest), Ok(0)) => Ok(rest),
                (Some(rest), Ok(length)) => rest.get(..length).ok_or_else(damaged),
                _ => Err(damaged()),
            }
        };
        if let [whole] = item.extents.as_slice() {
            return part(whole).map(Cow::Borrowed);
        }
        let mut data = Vec::new();
        for extent in &item.extents {
            data.extend_from_slice(part(extent)?);
            if data.len() > source.len() {
                // The same bytes over and over.
                return Err(damaged());
            }
        }
        Ok(Cow::Owned(data))
    }

    /// The item's properties, in the order in which they apply.
    ///
    /// # Errors
    /// `unsupported` when one that must be understood is not.
    pub fn properties(&self, id: u32) -> Result<Vec<Property<'data>>> {
        let mut found = Vec::new();
        for &(index, is_essential) in &self.item(id)?.properties {
            match self.properties.get(index) {
                Some(Property::Unknown(kind)) if is_essential => {
                    let kind = kind.escape_ascii();
                    return Err(CoreError::new(
                        ErrorClass::Unsupported,
                        format!("an AVIF with the property {kind}"),
                    ));
                }
                Some(&property) => found.push(property),
                None => return Err(damaged()),
            }
        }
        Ok(found)
    }

    /// Items that `id` refers to, in order.
    pub fn targets(&self, id: u32, kind: Kind) -> &[u32] {
        let fits = |reference: &&Reference| reference.from == id && reference.kind == kind;
        let found = self.references.iter().find(fits);
        found.map_or(&[], |reference| reference.to.as_slice())
    }

    /// Items that refer to `id`.
    pub fn sources(&self, id: u32, kind: Kind) -> impl Iterator<Item = u32> {
        self.references
            .iter()
            .filter(move |reference| reference.kind == kind && reference.to.contains(&id))
            .map(|reference| reference.from)
    }

    fn item(&self, id: u32) -> Result<&Item> {
        let found = self.items.iter().find(|item| item.id == id);
        found.ok_or_else(damaged)
    }

    fn read_primary(&mut self, content: &[u8]) -> Result<()> {
        let (version, _, mut reader) = versioned(content)?;
        self.primary = number(&mut reader, version > 0)?;
        Ok(())
    }

    fn read_infos(&mut self, content: &[u8]) -> Result<()> {
        let (version, _, mut reader) = versioned(content)?;
        number(&mut reader, version > 0)?;
        for entry in Boxes::new(reader.rest()) {
            let (kind, content) = entry?;
            let (version, _, mut reader) = versioned(content)?;
            if kind == *b"infe" && version >= 2 {
                let id = number(&mut reader, version > 2)?;
                reader.u16()?;
                if self.items.len() == MAX_ITEMS {
                    return Err(CoreError::new(
                        ErrorClass::TooLarge,
                        "an AVIF of too many items",
                    ));
                }
                self.items.push(Item {
                    id,
                    kind: reader.array()?,
                    ..Item::default()
                });
            }
        }
        Ok(())
    }

    fn read_locations(&mut self, content: &[u8]) -> Result<()> {
        let (version, _, mut reader) = versioned(content)?;
        let [sizes, more] = reader.array()?;
        let (offset_size, length_size) = (sizes >> 4, sizes & 15);
        let (base_size, index_size) = (more >> 4, if version > 0 { more & 15 } else { 0 });
        for _ in 0..number(&mut reader, version > 1)? {
            let id = number(&mut reader, version > 1)?;
            let method = if version > 0 { reader.u16()? & 15 } else { 0 };
            reader.u16()?;
            let base = reader.sized(base_size)?;
            let mut extents = Vec::new();
            for _ in 0..reader.u16()? {
                reader.sized(index_size)?;
                let offset = reader.sized(offset_size)?;
                let offset = base.checked_add(offset).ok_or_else(damaged)?;
                extents.push((offset, reader.sized(length_size)?));
            }
            // Items of data inside other items (2) do not occur with pictures; they stay without data.
            if let Some(item) = self
                .items
                .iter_mut()
                .find(|item| item.id == id && method < 2)
            {
                item.is_in_idat = method == 1;
                item.extents = extents;
            }
        }
        Ok(())
    }

    fn read_references(&mut self, content: &[u8]) -> Result<()> {
        let (version, _, reader) = versioned(content)?;
        for entry in Boxes::new(reader.rest()) {
            let (kind, content) = entry?;
            let mut reader = Reader::new(content);
            let from = number(&mut reader, version > 0)?;
            let count = reader.u16()?;
            let to = (0..count).map(|_| number(&mut reader, version > 0));
            self.references.push(Reference {
                kind,
                from,
                to: to.collect::<Result<_>>()?,
            });
        }
        Ok(())
    }

    fn read_properties(&mut self, content: &'data [u8]) -> Result<()> {
        for part in Boxes::new(content) {
            let (kind, content) = part?;
            match &kind {
                b"ipco" => {
                    for property in Boxes::new(content) {
                        let (kind, content) = property?;
                        self.properties.push(property_of(kind, content)?);
                    }
                }
                b"ipma" => self.read_associations(content)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_associations(&mut self, content: &[u8]) -> Result<()> {
        let (version, flags, mut reader) = versioned(content)?;
        for _ in 0..reader.u32()? {
            let id = number(&mut reader, version > 0)?;
            let mut properties = Vec::new();
            for _ in 0..reader.u8()? {
                let (is_essential, index) = if flags & 1 == 1 {
                    let value = reader.u16()?;
                    (value >> 15 == 1, value & 0x7fff)
                } else {
                    let value = reader.u8()?;
                    (value >> 7 == 1, u16::from(value & 0x7f))
                };
                // They are counted from 1; 0 is none.
                if let Some(index) = index.checked_sub(1) {
                    properties.push((index.into(), is_essential));
                }
            }
            if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
                item.properties.append(&mut properties);
            }
        }
        Ok(())
    }
}

fn property_of(kind: Kind, content: &[u8]) -> Result<Property<'_>> {
    let mut reader = Reader::new(content);
    Ok(match &kind {
        b"ispe" => {
            reader.u32()?;
            Property::Size(reader.u32()?, reader.u32()?)
        }
        b"colr" => match &reader.array()? {
            b"prof" | b"rICC" => Property::Profile(reader.rest()),
            b"nclx" => Property::Coded(Coded {
                primaries: code_point(&mut reader)?,
                transfer: code_point(&mut reader)?,
                matrix: code_point(&mut reader)?,
                is_full_range: reader.u8()? >> 7 == 1,
            }),
            _ => Property::Other,
        },
        b"irot" => Property::Turn(reader.u8()? & 3),
        b"imir" => Property::Mirror(reader.u8()? & 1),
        b"auxC" => {
            reader.u32()?;
            let name = reader.rest().split(|&byte| byte == 0).next();
            Property::Auxiliary(name.unwrap_or_default())
        }
        b"av1C" => {
            reader.u16()?;
            // The third byte: tier, high bit depth, twelve bits, grey, sampling.
            match reader.u8()? >> 6 & 1 {
                1 => Property::Deep,
                _ => Property::Other,
            }
        }
        b"clap" => {
            let mut fraction = || -> Result<_> { Ok((reader.u32()?, reader.u32()?)) };
            Property::Aperture([fraction()?, fraction()?, fraction()?, fraction()?])
        }
        b"pixi" | b"pasp" | b"clli" | b"mdcv" | b"cclv" | b"a1lx" | b"lsel" => Property::Other,
        _ => Property::Unknown(kind),
    })
}

/// A code point takes 16 bits in the file; those in use have 8.
fn code_point(reader: &mut Reader<'_>) -> Result<u8> {
    Ok(u8::try_from(reader.u16()?).unwrap_or(2))
}

/// A number of 16 bits, or of 32 in later versions of a box.
fn number(reader: &mut Reader<'_>, is_long: bool) -> Result<u32> {
    if is_long {
        reader.u32()
    } else {
        reader.u16().map(u32::from)
    }
}
