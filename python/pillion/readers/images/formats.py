"""The table of picture formats: which are read, by which decoder, and what must be installed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pillion import _core
from pillion.readers.images.base import PictureEngine
from pillion.readers.images.decode import ENGINES

_CORE: Mapping[str, _core.FormatInfo] = {mime: info for info in _core.formats() for mime in info.mime_types}
_EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "image/heic": ("heic",),
    "image/heif": ("heif", "hif"),
    "image/icns": ("icns",),
    "image/jp2": ("jp2", "j2k", "jpf", "jpx", "jpc", "j2c"),
    "image/sgi": ("sgi", "rgb", "rgba", "bw"),
    "image/x-adobe-dng": ("dng",),
    "image/x-canon-cr2": ("cr2",),
    "image/x-canon-cr3": ("cr3",),
    "image/x-canon-crw": ("crw",),
    "image/x-dds": ("dds",),
    "image/x-fuji-raf": ("raf",),
    "image/x-minolta-mrw": ("mrw",),
    "image/x-nikon-nef": ("nef", "nrw"),
    "image/x-olympus-orf": ("orf",),
    "image/x-panasonic-rw2": ("rw2",),
    "image/x-pcx": ("pcx",),
    "image/fits": ("fits", "fts"),
    "image/x-blp": ("blp",),
    "image/x-dcx": ("dcx",),
    "image/x-ftex": ("ftc", "ftu"),
    "image/x-gimp-gbr": ("gbr",),
    "image/x-msp": ("msp",),
    "image/x-photo-cd": ("pcd",),
    "image/x-pixar": ("pxr",),
    "image/x-xbitmap": ("xbm",),
    "image/x-xpixmap": ("xpm",),
    "image/x-pentax-pef": ("pef",),
    "image/x-samsung-srw": ("srw",),
    "image/x-sigma-x3f": ("x3f",),
    "image/x-sony-arw": ("arw", "sr2", "srf"),
    "image/x-sun-raster": ("ras", "sun"),
    "image/x-tga": ("tga", "icb", "vda", "vst"),
}
_NAMES: Mapping[str, tuple[str, ...]] = {
    "heic": ("image/heic", "image/heic-sequence", "image/heif"),
    "icns": ("image/icns",),
    "jpeg2000": ("image/jp2",),
    "sgi": ("image/sgi",),
    "dds": ("image/x-dds",),
    "pcx": ("image/x-pcx",),
    "blp": ("image/x-blp",),
    "dcx": ("image/x-dcx",),
    "fits": ("image/fits",),
    "ftex": ("image/x-ftex",),
    "gimp-brush": ("image/x-gimp-gbr",),
    "msp": ("image/x-msp",),
    "photo-cd": ("image/x-photo-cd",),
    "pixar": ("image/x-pixar",),
    "xbm": ("image/x-xbitmap",),
    "xpm": ("image/x-xpixmap",),
    "sun": ("image/x-sun-raster",),
    "tga": ("image/x-tga",),
}
"""Format -> its types, for those that the core does not read. All others of an engine are its camera raw files."""


@dataclass(frozen=True, slots=True)
class FormatRow:
    """One row of the table of formats: its decoder, whether that is installed, and the extra that installs it."""

    format: str
    extensions: tuple[str, ...]
    mime_types: tuple[str, ...]
    decoder: str
    reads: str
    alpha: bool
    icc: bool
    installed: bool
    extra: str | None


def formats() -> list[FormatRow]:
    """Every format with every decoder that reads it: the core's rows, then those of the engines, in order of trial."""
    rows = [
        FormatRow(
            format=info.name,
            extensions=tuple(info.extensions),
            mime_types=tuple(info.mime_types),
            decoder=info.decoder,
            reads=info.note,
            alpha=info.alpha,
            icc=info.icc,
            installed=True,
            extra=None,
        )
        for info in _core.formats()
    ]
    return [*rows, *(row for engine in ENGINES for row in _rows(engine))]


def _rows(engine: PictureEngine) -> list[FormatRow]:
    groups = {name: mimes for name, mimes in _NAMES.items() if set(mimes) <= set(engine.MIMES)}
    groups |= {info.name: (mime,) for mime, info in _CORE.items() if mime in engine.MIMES and len(info.mime_types) == 1}
    named = {mime for mimes in groups.values() for mime in mimes}
    rest = tuple(sorted(set(engine.MIMES) - named))
    if rest:
        groups["raw"] = rest
    return [_row(engine, name, mimes) for name, mimes in groups.items()]


def _extensions(mime: str) -> tuple[str, ...]:
    info = _CORE.get(mime)
    return tuple(info.extensions) if info and len(info.mime_types) == 1 else _EXTENSIONS.get(mime, ())


def _row(engine: PictureEngine, name: str, mimes: tuple[str, ...]) -> FormatRow:
    return FormatRow(
        format=name,
        extensions=tuple(extension for mime in mimes for extension in _extensions(mime)),
        mime_types=mimes,
        decoder=engine.NAME,
        reads=engine.NOTE,
        alpha=engine.ALPHA,
        icc=engine.ICC,
        installed=engine.missing(mimes[0]) is None,
        extra=engine.EXTRA,
    )
