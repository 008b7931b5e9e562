"""What files say of themselves, as the core reads it: files made here by several writers, and damaged ones."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pillion import _core
from pillion.facts import MediaFacts
from tests.support import raws
from tests.support.heics import heic


def said(path: Path) -> dict[str, Any]:
    _, found = _core.file_facts(path)
    return {} if found is None else dict(MediaFacts.of(found[1]).to_json())


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def camera(**more: Any) -> bytes:
    """A block of EXIF by Pillow."""
    exif = Image.Exif()
    exif[0x10F], exif[0x110] = "Canon", "EOS 5D"
    exif[0x112] = more.get("orientation", 1)
    inner: dict[int, Any] = {}
    inner[0x9003] = more.get("date", "2024:05:31 14:03:22")
    inner[0x9291] = "12"
    if "offset" in more:
        inner[0x9011] = more["offset"]
    inner[0x829A], inner[0x829D], inner[0x8827], inner[0x920A] = 0.004, 2.8, 400, 50.0
    inner[0xA434] = "EF50mm f/1.8"
    place: dict[int, Any] = {}
    place[1], place[2], place[3], place[4] = "S", (33.0, 51.0, 30.0), "E", (151.0, 12.0, 0.0)
    place[5], place[6] = b"\x00", 34.5
    if "gps" in more:
        place[7], place[0x1D] = more["gps"]
    exif[0x8769], exif[0x8825] = inner, place
    return exif.tobytes()


CAMERA = {
    "taken_from": "exif",
    "latitude": -33.8583333,
    "longitude": 151.2,
    "altitude": 34.5,
    "make": "Canon",
    "model": "EOS 5D",
    "lens": "EF50mm f/1.8",
    "exposure": 0.004,
    "aperture": 2.8,
    "iso": 400,
    "focal_length": 50.0,
}

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description photoshop:DateCreated="2020-02-29T23:59:58.5-03:30"'
    b' tiff:Make="Leica"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIC"])
def test_a_photograph_says_when_where_and_with_what(tmp_path: Path, form: str) -> None:
    picture = Image.new("RGB", (64, 48), "red")
    exif = camera(offset="+10:00")
    if form == "HEIC":
        path = written(tmp_path, "a.heic", heic(picture, exif=exif))
    else:
        path = tmp_path / f"a.{form.lower()}"
        picture.save(path, form, exif=exif)
    found = said(path)
    assert {name: value for name, value in found.items() if name != "orientation"} == {
        **CAMERA,
        "taken": "2024-05-31T14:03:22.120+10:00",
        "width": 64,
        "height": 48,
    }


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "HEIC"])
def test_width_and_height_are_as_shown(tmp_path: Path, form: str, orientation: int) -> None:
    picture = Image.new("RGB", (64, 48), "red")
    exif = camera(orientation=orientation)
    path = tmp_path / "a"
    if form == "HEIC":
        path.write_bytes(heic(picture, exif=exif))
    else:
        picture.save(path, form, exif=exif)
    found = said(path)
    assert (found["width"], found["height"]) == ((48, 64) if orientation >= 5 else (64, 48))


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        ({}, "2024-05-31T14:03:22.120"),
        ({"gps": ((12.0, 3.0, 20.0), "2024:05:31")}, "2024-05-31T14:03:22.120+02:00"),
        # The satellites were last seen hours ago.
        ({"gps": ((9.0, 40.0, 0.0), "2024:05:31")}, "2024-05-31T14:03:22.120"),
        ({"date": "0000:00:00 00:00:00"}, None),
        ({"date": "    :  :     :  :  "}, None),
        ({"date": "1904:01:01 00:00:00"}, None),
        ({"date": "0000:00:00 00:00:00", "gps": ((12.0, 3.0, 20.0), "2024:05:31")}, "2024-05-31T12:03:20Z"),
    ],
)
def test_zones_are_kept_where_they_are_known_and_nonsense_is_none(
    tmp_path: Path, facts: dict[str, Any], taken: str | None
) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (8, 8)).save(path, exif=camera(**facts))
    assert said(path).get("taken") == taken


def test_xmp_in_the_file_says_what_exif_does_not(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8))
    picture.save(tmp_path / "a.jpg", xmp=XMP)
    picture.save(tmp_path / "a.webp", xmp=XMP)
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    picture.save(tmp_path / "a.png", pnginfo=info)
    for name in ("a.jpg", "a.webp", "a.png"):
        found = said(tmp_path / name)
        assert (found["taken"], found["taken_from"], found["make"]) == ("2020-02-29T23:59:58.500-03:30", "xmp", "Leica")


def test_text_of_a_png_is_a_date(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Creation Time", "Fri, 31 May 2024 14:03:22 +0200", zip=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert said(tmp_path / "a.png")["taken"] == "2024-05-31T14:03:22+02:00"


def test_iptc_of_a_jpeg_is_a_date(tmp_path: Path) -> None:
    fields = b"\x1c\x02\x37\x00\x0820240531\x1c\x02\x3c\x00\x0b140322+0200"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(fields)) + fields + b"\0" * (len(fields) % 2)
    body = b"Photoshop 3.0\0" + resource
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    data = buffer.getvalue()
    path = written(tmp_path, "a.jpg", data[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + data[2:])
    found = said(path)
    assert (found["taken"], found["taken_from"]) == ("2024-05-31T14:03:22+02:00", "iptc")


@pytest.mark.parametrize("maker", [raws.cr2, raws.nef, raws.arw, raws.dng, raws.pef, raws.srw, raws.orf, raws.raf])
def test_raw_files_say_how_large_they_are_shown(tmp_path: Path, maker: Callable[[int], bytes]) -> None:
    found = said(written(tmp_path, f"a.{maker.__name__}", maker(1)))
    turned = said(written(tmp_path, f"b.{maker.__name__}", maker(6)))
    assert (found["width"], found["height"]) == (turned["height"], turned["width"])


# films and sound ------------------------------------------------------------------------------------------------------


def _film(path: Path, codec: str, **metadata: str) -> Path:
    options = {"movflags": "use_metadata_tags"} if path.suffix == ".mov" else {}
    with av.open(str(path), "w", options=options) as out:
        for name, value in metadata.items():
            out.metadata[name] = value
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"), ("a.webm", "libvpx")])
def test_a_film_says_when_it_was_made_and_how_long_it_is(tmp_path: Path, name: str, codec: str) -> None:
    found = said(_film(tmp_path / name, codec, creation_time="2024-05-31T12:03:22Z"))
    assert (found["taken"], found["width"], found["height"]) == ("2024-05-31T12:03:22Z", 64, 48)
    assert found["duration"] == pytest.approx(2.0, abs=0.1)
    assert len(found["codecs"]) == 1


def test_a_film_of_a_phone_says_its_zone_and_place(tmp_path: Path) -> None:
    keys = {
        "com.apple.quicktime.creationdate": "2024-05-31T14:03:22+0200",
        "com.apple.quicktime.location.ISO6709": "+52.5083-013.4100+034.000/",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 15",
        "com.apple.quicktime.content.identifier": "CD28D161-0000",
    }
    found = said(_film(tmp_path / "a.mov", "mpeg4", creation_time="2024-05-31T12:03:25Z", **keys))
    assert found["taken"] == "2024-05-31T14:03:22+02:00"
    assert (found["latitude"], found["longitude"], found["altitude"]) == (52.5083, -13.41, 34.0)
    assert (found["make"], found["model"], found["live_id"]) == ("Apple", "iPhone 15", "CD28D161-0000")


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.flac", "flac", 44100),
        ("a.opus", "libopus", 48000),
        ("a.mp3", "libmp3lame", 44100),
        ("a.wav", "pcm_s16le", 44100),
        ("a.aiff", "pcm_s16be", 44100),
        ("a.m4a", "aac", 44100),
    ],
)
def test_sound_says_how_long_it_is(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    with av.open(str(tmp_path / name), "w") as out:
        out.metadata["date"] = "2019-07-04"
        stream = out.add_stream(codec, rate=rate, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, rate * 3), np.int16), format="s16", layout="mono")
        sound.rate = rate
        for frame in (*av.AudioResampler(stream.format, "mono", rate, stream.frame_size or None).resample(sound), None):
            for packet in stream.encode(frame):
                out.mux(packet)
    found = said(tmp_path / name)
    assert found["duration"] == pytest.approx(3.0, abs=0.1)
    if name not in ("a.wav", "a.aiff"):
        assert found["taken"] == "2019-07-04"


def test_a_motion_photo_says_where_its_film_is(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", "mpeg4").read_bytes()
    item = b'<Container:Item Item:Semantic="%s" Item:Length="%d" Item:Padding="0"/>'
    new = item % (b"Primary", 0) + item % (b"MotionPhoto", len(film))
    old = b'<rdf:Description GCamera:MicroVideo="1" GCamera:MicroVideoOffset="%d"/>' % len(film)
    for packet in (new, old):
        Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", xmp=packet)
        still = (tmp_path / "a.jpg").read_bytes()
        assert "motion" not in said(tmp_path / "a.jpg")
        found = said(written(tmp_path, "b.jpg", still + film))
        assert found["motion"] == [len(still), len(film)]


def test_the_trailer_of_a_motion_photo_says_where_its_film_is(tmp_path: Path) -> None:
    film = _film(tmp_path / "a.mp4", "mpeg4").read_bytes()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    still = (tmp_path / "a.jpg").read_bytes()
    name = b"MotionPhoto_Data"
    block = struct.pack("<HHI", 0, 0x0A30, len(name)) + name + film
    head = b"SEFH" + struct.pack("<IIHHII", 106, 1, 0, 0x0A30, len(block), len(block))
    data = still + block + head + struct.pack("<I", len(head)) + b"SEFT"
    assert said(written(tmp_path, "b.jpg", data))["motion"] == [len(still) + 8 + len(name), len(film)]


# documents ------------------------------------------------------------------------------------------------------------


def test_documents_say_when_they_were_made_and_how_long_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml", "<Types/>")
        out.writestr("word/document.xml", "<w:document/>")
        out.writestr("docProps/core.xml", '<c><dcterms:created xsi:type="x">2024-05-31T12:03:22Z</dcterms:created></c>')
        out.writestr("docProps/app.xml", "<p><Pages>12</Pages></p>")
    assert said(tmp_path / "a.docx") == {"taken": "2024-05-31T12:03:22Z", "taken_from": "document", "pages": 12}


_PDF = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[]/Count 7>>",
    b"<</Producer(x)/CreationDate(D:20240531140322+02'00')>>",
)


def _plain_pdf() -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(_PDF, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<</Size 4/Root 1 0 R/Info 3 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 4\n0000000000 65535 f \n" + table + end


def _packed_pdf() -> bytes:
    """Its objects are in a stream, its table in another, with the predictor that all programs use."""
    heads, bodies = b"", b""
    for number, body in enumerate(_PDF, 1):
        heads += b"%d %d " % (number, len(bodies))
        bodies += body + b" "
    stream = zlib.compress(heads + bodies)
    out = b"%PDF-1.5\n"
    where = len(out)
    about = b"<</Type/ObjStm/N 3/First %d/Length %d/Filter/FlateDecode>>" % (len(heads), len(stream))
    out += b"4 0 obj\n" + about + b"stream\r\n" + stream + b"\nendstream\nendobj\n"
    rows = [(0, 0, 255), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, where, 0), (1, len(out), 0)]
    lines = [struct.pack(">BHB", *row) for row in rows]
    above, packed = bytes(4), b""
    for line in lines:
        packed += b"\x02" + bytes((new - old) % 256 for new, old in zip(line, above, strict=True))
        above = line
    table = zlib.compress(packed)
    about = b"<</Type/XRef/W[1 2 1]/Size 6/Root 1 0 R/Info 3 0 R/Length %d/Filter/FlateDecode" % len(table)
    about += b"/DecodeParms<</Columns 4/Predictor 12>>>>"
    end = b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % len(out)
    return out + b"5 0 obj\n" + about + b"stream\n" + table + end


@pytest.mark.parametrize("maker", [_plain_pdf, _packed_pdf])
def test_a_pdf_says_when_it_was_made_and_how_many_pages_it_has(tmp_path: Path, maker: Callable[[], bytes]) -> None:
    found = said(written(tmp_path, "a.pdf", maker()))
    assert found == {"taken": "2024-05-31T14:03:22+02:00", "taken_from": "document", "pages": 7}


# damaged files --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples_of_all(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    folder = tmp_path_factory.mktemp("facts")
    picture = Image.new("RGB", (16, 8))
    for ending in ("jpg", "png", "webp", "avif", "tiff"):
        picture.save(folder / f"a.{ending}", exif=camera(), xmp=XMP)
    _film(folder / "a.mp4", "mpeg4", creation_time="2024-05-31T12:03:22Z")
    _film(folder / "a.mkv", "mpeg4", creation_time="2024-05-31T12:03:22Z")
    for maker in (raws.cr3, raws.raf, raws.nef):
        (folder / f"a.{maker.__name__}").write_bytes(maker(6))
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_say_less_and_stop_nothing(
    samples_of_all: list[tuple[str, bytes]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name, whole = data.draw(st.sampled_from(samples_of_all))
    damaged = bytearray(whole[: data.draw(st.integers(16, len(whole)))])
    for _ in range(data.draw(st.integers(0, 8))):
        damaged[data.draw(st.integers(8, min(len(damaged), 4096) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFF]))
    path = written(tmp_path_factory.getbasetemp(), name, bytes(damaged))
    _, found = _core.file_facts(path)
    if found is not None:
        json.loads(found[1])
