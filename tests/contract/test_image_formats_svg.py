"""Drawings: right at every size, and closed to the world outside the file."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from pillion import _core
from pillion.errors import ItemError
from tests.support.pictures import chart, encoded
from tests.support.ssim import ssim

SHAPES = """<svg xmlns="http://www.w3.org/2000/svg" width="160" height="120" viewBox="0 0 160 120">
<defs><linearGradient id="sky" x1="0" x2="1"><stop offset="0" stop-color="#204080"/>
<stop offset="1" stop-color="#f0c040"/></linearGradient></defs>
<rect width="160" height="120" fill="url(#sky)"/>
<circle cx="40" cy="30" r="20" fill="yellow"/>
<path d="M 10 100 C 60 20 90 140 150 60" fill="none" stroke="white" stroke-width="6"/>
<g transform="rotate(20 120 30)"><rect x="100" y="20" width="40" height="20" fill="crimson" opacity="0.6"/></g>
</svg>"""

STYLED = """<?xml version="1.0"?><!-- drawn by another program -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg:svg xmlns:svg="http://www.w3.org/2000/svg" viewBox="-10 -10 100 60" width="40mm" height="24mm">
<svg:style>.a { fill: teal } .b { stroke: #111; stroke-width: 3; fill: orange; fill-opacity: .5 }</svg:style>
<svg:polygon class="a" points="0,0 40,0 20,40"/><svg:ellipse class="b" cx="60" cy="20" rx="22" ry="14"/>
<svg:use href="#none"/>
</svg:svg>"""

CLEAR = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 60 90">
<clipPath id="c"><circle cx="30" cy="45" r="28"/></clipPath>
<mask id="m"><rect width="60" height="90" fill="#999"/></mask>
<g id="g" clip-path="url(#c)"><rect width="60" height="45" fill="#c33"/>
<rect y="45" width="60" height="45" fill="#36c"/></g>
<use xlink:href="#g" transform="scale(.3)" mask="url(#m)"/>
</svg>"""

DRAWINGS = {"shapes": SHAPES, "styled": STYLED, "clear": CLEAR}


def over_grey(pixels: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    if pixels.shape[2] == 3:
        return pixels.astype(float)
    alpha = pixels[..., 3:] / 255
    return pixels[..., :3] * alpha + 128 * (1 - alpha)


def drawn_by_librsvg(text: str, width: int, height: int) -> np.ndarray:  # type: ignore[type-arg]
    natural = pyvips.Image.new_from_buffer(text.encode(), "")
    scale = max(width, height) / max(natural.width, natural.height)
    image = pyvips.Image.new_from_buffer(text.encode(), "", scale=scale)
    image = image.thumbnail_image(width, height=height, size="force")
    return np.asarray(image.numpy())


@pytest.mark.parametrize("side", [64, 300])
@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_those_of_librsvg(name: str, side: int) -> None:
    text = DRAWINGS[name]
    made = _core.decode(text.encode(), max_side=side)
    height, width = made.shape[:2]
    assert max(width, height) == side
    expected = drawn_by_librsvg(text, width, height)
    assert ssim(over_grey(made), over_grey(expected)) >= 0.95
    if made.shape[2] == 4:
        assert np.abs(made[..., 3].astype(float) - expected[..., 3]).mean() < 3


def test_a_small_drawing_fills_every_thumbnail() -> None:
    """A drawing has no pixels that enlarging could blur."""
    small = SHAPES.replace('width="160" height="120"', 'width="16" height="12"', 1)
    assert _core.decode(small.encode()).shape[:2] == (12, 16)
    made = _core.thumbnails(small.encode(), [("a", 128, 95), ("b", 512, 95)])
    assert [(thumbnail.width, thumbnail.height) for thumbnail in made] == [(128, 96), (512, 384)]
    assert ssim(_core.decode(made[1].data), drawn_by_librsvg(SHAPES, 512, 384)) >= 0.95


def test_packed_drawings_are_the_same(tmp_path: Path) -> None:
    packed = gzip.compress(SHAPES.encode())
    assert np.array_equal(_core.decode(packed), _core.decode(SHAPES.encode()))
    assert _core.probe(packed).format == "svg"
    assert _core.sniff(packed, b"drawing.svgz") == "image/svg+xml"
    assert _core.sniff(packed, b"drawing.gz") == "application/gzip"


def with_picture(href: str) -> bytes:
    link = "http://www.w3.org/1999/xlink"
    body = f'<rect width="40" height="40" fill="white"/><image width="40" height="40" xlink:href="{href}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="{link}" width="40" height="40">'
    return f"{head}{body}</svg>".encode()


def data_url(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(("file_format", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_pictures_inside_are_drawn(file_format: str, mime: str) -> None:
    made = _core.decode(with_picture(data_url(encoded(chart(40, 40), file_format), mime)))
    assert ssim(made, np.asarray(chart(40, 40))) >= 0.95


def test_nothing_outside_the_file_is_read(tmp_path: Path) -> None:
    picture = tmp_path / "secret.png"
    Image.new("RGB", (40, 40), "black").save(picture)
    for href in (str(picture), f"file://{picture}", picture.name, "http://127.0.0.1:9/secret.png"):
        drawing = tmp_path / "drawing.svg"
        drawing.write_bytes(with_picture(href))
        assert (_core.decode(drawing) == 255).all(), href
    entity = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file://{picture}">]>'.encode()
    with pytest.raises(ItemError) as caught:
        _core.decode(entity + with_picture("").replace(b"</svg>", b"&x;</svg>"))
    assert caught.value.error_class == "corrupt"


def test_a_bomb_inside_is_left_out() -> None:
    png = encoded(Image.new("1", (4000, 4000)), "PNG")
    assert (_core.decode(with_picture(data_url(png, "image/png")), max_pixels=1_000_000) == 255).all()


@pytest.mark.parametrize(
    ("data", "error_class"),
    [
        (SHAPES[:-20].encode(), "corrupt"),
        (SHAPES.encode("utf-16"), "unsupported"),
        (gzip.compress(SHAPES.encode())[:-20], "corrupt"),
        (gzip.compress(b"just text", mtime=0), "unsupported"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="0" height="10"/>', "corrupt"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="90000" height="90000"/>', "too_large"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 5000 + b"</g>" * 5000 + b"</svg>", "corrupt"),
    ],
)
def test_drawings_that_cannot_be_drawn_have_their_class(data: bytes, error_class: str) -> None:
    with pytest.raises(ItemError) as caught:
        _core.decode(data)
    assert caught.value.error_class == error_class
