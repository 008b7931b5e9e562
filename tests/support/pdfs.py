"""PDFs written by hand, object by object: pages that are turned and cropped, broken fonts, hidden text, rubbish."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

A4 = (595, 842)
HELVETICA = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


@dataclass(frozen=True, kw_only=True)
class Page:
    """``content``: the operators that draw it. ``more``: further entries of its dictionary, such as ``/Rotate 90``."""

    content: bytes = b""
    size: tuple[float, float] = A4
    images: Mapping[str, Image.Image] = field(default_factory=dict)
    font: str = "F1"
    more: str = ""


def text(
    lines: str, *, at: tuple[float, float] = (72, 750), size: float = 11, font: str = "F1", mode: int = 0
) -> bytes:
    """Lines of text from ``at`` (of the first base line) downwards. ``mode``: 3 is drawn in no ink."""
    shown = [
        b"(" + line.encode("cp1252").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)") + b") Tj T*"
        for line in lines.splitlines()
    ]
    start = f"BT /{font} {size} Tf {mode} Tr {size * 1.45:.2f} TL {at[0]} {at[1]} Td\n"
    return start.encode() + b"\n".join(shown) + b"\nET\n"


def image(name: str, box: tuple[float, float, float, float]) -> bytes:
    """Draw an image into ``box``: left, bottom, width, height."""
    left, bottom, width, height = box
    return f"q {width} 0 0 {height} {left} {bottom} cm /{name} Do Q\n".encode()


def write(pages: Sequence[Page], fonts: Mapping[str, tuple[str, str | None]] | None = None) -> bytes:
    """A PDF 1.4 file. ``fonts``: name -> (dictionary, its ToUnicode table); ``F1`` is Helvetica."""
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]

    def add(data: bytes) -> int:
        objects.append(data)
        return len(objects)

    names = []
    for name, (dictionary, table) in {"F1": (HELVETICA, None), **(fonts or {})}.items():
        if table is not None:
            dictionary = dictionary.replace(">>", f"/ToUnicode {add(_stream(table.encode()))} 0 R >>")
        names.append(f"/{name} {add(dictionary.encode())} 0 R")
    kids = []
    for page in pages:
        pictures = " ".join(f"/{name} {add(_image(picture))} 0 R" for name, picture in page.images.items())
        content = add(_stream(page.content))
        resources = f"<< /Font << {' '.join(names)} >> /XObject << {pictures} >> >>"
        box = f"[0 0 {page.size[0]} {page.size[1]}]"
        media = "" if "/MediaBox" in page.more else f"/MediaBox {box}"
        head = f"<< /Type /Page /Parent 2 0 R {media} {page.more} /Resources {resources} /Contents {content} 0 R >>"
        kids.append(f"{add(head.encode())} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    return joined(objects)


def joined(objects: Sequence[bytes]) -> bytes:
    """Objects 1, 2, ... as a file whose catalog is the first."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, data in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start)
    return bytes(out)


def with_annotations(content: bytes, annotations: Sequence[str], catalog: str, xfa: str = "") -> bytes:
    """A page with annotations, of which the widgets are the fields of a form. ``xfa``: the data of an XFA form."""
    first = 7
    fields = [f"{first + index} 0 R" for index, item in enumerate(annotations) if "/Widget" in item]
    kids = " ".join(f"{first + index} 0 R" for index in range(len(annotations)))
    data = "/XFA [(datasets) 6 0 R]" if xfa else ""
    resources = "<< /Font << /F1 5 0 R >> >>"
    fill = f"<< /Fields [{' '.join(fields)}] /DR {resources} /DA (/F1 12 Tf 0 g) /NeedAppearances true {data} >>"
    objects: list[str | bytes] = [
        f"<< /Type /Catalog /Pages 2 0 R /AcroForm {fill} {catalog} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {A4[0]} {A4[1]}] /Resources {resources} /Contents 4 0 R"
        f" /Annots [{kids}] >>",
        _stream(content),
        HELVETICA,
        _stream(xfa.encode()),
        *annotations,
    ]
    return joined([item if isinstance(item, bytes) else item.encode() for item in objects])


def _stream(data: bytes) -> bytes:
    packed = zlib.compress(data)
    return b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)


def _image(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    gray = picture.mode in "1L"
    picture.convert("L" if gray else "RGB").save(data, "JPEG", quality=90)
    head = (
        f"<< /Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /BitsPerComponent 8 "
        f"/ColorSpace /{'DeviceGray' if gray else 'DeviceRGB'} /Filter /DCTDecode /Length {len(data.getvalue())} >>"
    )
    return head.encode() + b"\nstream\n" + data.getvalue() + b"\nendstream"


def to_unicode(table: Mapping[int, str]) -> str:
    """A ToUnicode table for a font of one byte a letter: what its codes are said to mean."""
    rows = "\n".join(
        f"<{code:02X}> <{''.join(f'{ord(letter):04X}' for letter in meant)}>" for code, meant in table.items()
    )
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Made def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<00> <FF>\nendcodespacerange\n"
        f"{len(table)} beginbfchar\n{rows}\nendbfchar\nendcmap\nend\nend\n"
    )
