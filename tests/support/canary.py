"""A file and a port that nobody may touch, and files that try to make a reader touch them."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support import media, office, pdfs

SECRET = "canarysecretword"
_IN_ACCESS, _IN_OPEN = 0x1, 0x20


@dataclass
class Canary:
    """``file`` holds :data:`SECRET`, ``picture`` is a red PNG, ``sound`` a tone; ``url`` is of a port on loopback."""

    folder: Path
    url: str
    touched: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "canary.txt"

    @property
    def picture(self) -> Path:
        return self.folder / "canary.png"

    @property
    def sound(self) -> Path:
        return self.folder / "canary.wav"

    def ways(self, path: Path | None = None) -> list[str]:
        """How a file may name it: absolute, as a URL of a file, relative, and on the network."""
        path = path or self.file
        return [str(path), path.as_uri(), f"canary/{path.name}", f"{self.url}/{path.name}"]


@contextmanager
def watched(home: Path) -> Iterator[Canary]:
    """A canary in the folder ``canary`` of ``home``. What touches it is in ``touched`` when the block has ended."""
    folder = home / "canary"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        canary = Canary(folder, f"http://127.0.0.1:{server.getsockname()[1]}")
        canary.file.write_text(f"{SECRET}\n")
        Image.new("RGB", (64, 64), (255, 0, 0)).save(canary.picture)
        media.write_wav(canary.sound, media.tone(1))
        port = threading.Thread(target=_answer, args=(server, canary))
        port.start()
        with _inotify(folder) as seen:
            yield canary
            canary.touched += seen()
        server.shutdown(socket.SHUT_RDWR)
        port.join()


def _answer(server: socket.socket, canary: Canary) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        canary.touched.append("the port")
        connection.close()


@contextmanager
def _inotify(folder: Path) -> Iterator[Callable[[], list[str]]]:
    """Names of the files in a folder that were opened or read since."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(folder), _IN_ACCESS | _IN_OPEN) >= 0
    try:
        yield lambda: _names(watch)
    finally:
        os.close(watch)


def _names(watch: int) -> list[str]:
    try:
        data = os.read(watch, 1 << 16)
    except BlockingIOError:
        return []
    found, at = [], 0
    while at < len(data):
        _, _, _, size = struct.unpack_from("iIII", data, at)
        found.append(data[at + 16 : at + 16 + size].rstrip(b"\0").decode() or "the folder")
        at += 16 + size
    return found


# media ----------------------------------------------------------------------------------------------------------------


def _playlist(canary: Canary) -> bytes:
    entries = "".join(f"#EXTINF:5,\n{way}\n" for way in [*canary.ways(canary.sound), f"pipe:{canary.sound}"])
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{canary.url}/key"\n#EXT-X-MAP:URI="{canary.sound.as_uri()}"\n'
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n{key}{entries}#EXT-X-ENDLIST\n".encode()


def _concat(canary: Canary) -> bytes:
    return ("ffconcat version 1.0\n" + "".join(f"file '{way}'\n" for way in canary.ways(canary.sound))).encode()


def _sdp(canary: Canary) -> bytes:
    port = canary.url.rpartition(":")[2]
    return (
        f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:rtsp://127.0.0.1:{port}/\r\n"
        f"m=audio {port} RTP/AVP 0\r\n"
    ).encode()


def _dash(canary: Canary) -> bytes:
    urls = "".join(f"<BaseURL>{way}</BaseURL>" for way in canary.ways(canary.sound))
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT5S"'
        ' profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="audio/mp4">'
        f'<Representation id="1" bandwidth="1" codecs="mp4a.40.2">{urls}<SegmentBase/></Representation>'
        "</AdaptationSet></Period></MPD>"
    ).encode()


def _imf(canary: Canary) -> bytes:
    return (
        '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
        f"<Id>urn:uuid:{canary.url}</Id><SegmentList/></CompositionPlaylist>"
    ).encode()


def _pls(canary: Canary) -> bytes:
    return ("[playlist]\n" + "".join(f"File{n}={way}\n" for n, way in enumerate(canary.ways(canary.sound), 1))).encode()


def _asx(canary: Canary) -> bytes:
    entries = "".join(f'<entry><ref href="{way}"/></entry>' for way in canary.ways(canary.sound))
    return f'<asx version="3.0">{entries}</asx>'.encode()


def _asf_redirector(canary: Canary) -> bytes:
    entries = "".join(f"Ref{n}={way}\r\n" for n, way in enumerate(canary.ways(canary.sound), 1))
    return f"[Reference]\r\n{entries}".encode()


def _smil(canary: Canary) -> bytes:
    return "".join(f'<smil><body><audio src="{way}"/></body></smil>' for way in canary.ways(canary.sound)).encode()


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def _mov_of_references(canary: Canary) -> bytes:
    """A QuickTime whose sound lies in another file: an alias of a Mac with the whole path, and a URL."""
    path = os.fsencode(canary.sound)
    name = path.rpartition(b"/")[2]
    head = bytes(4) + struct.pack(">HH", 150 + 4 + len(path), 2) + bytes(2) + bytes([3]) + b"dsk".ljust(27, b"\0")
    alias = (head + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0")).ljust(150, b"\0")
    alias += struct.pack(">HH", 2, len(path)) + path + struct.pack(">hH", -1, 0)
    url = canary.sound.as_uri().encode() + b"\0"
    entries = _box(b"alis", bytes(4), alias) + _box(b"url ", bytes(4), url) + _box(b"rsrc", bytes(4), alias)
    data = _box(b"dinf", _box(b"dref", bytes(4), struct.pack(">I", 3), entries))
    sound = struct.pack(">I4s6xH8xHHI", 36, b"sowt", 1, 1, 16, 0) + struct.pack(">I", 16000 << 16)
    tables = _box(b"stsd", bytes(4), struct.pack(">I", 1), sound) + _box(
        b"stts", bytes(4), struct.pack(">III", 1, 800, 1)
    )
    tables += _box(b"stsc", bytes(4), struct.pack(">IIII", 1, 1, 800, 1)) + _box(
        b"stsz", bytes(4), struct.pack(">II", 2, 800)
    )
    tables += _box(b"stco", bytes(4), struct.pack(">II", 1, 44))
    mdia = _box(b"mdhd", bytes(12), struct.pack(">IIHH", 16000, 800, 0, 0))
    mdia += _box(b"hdlr", bytes(4), b"mhlrsoun", bytes(13))
    mdia += _box(b"minf", _box(b"smhd", bytes(8)), data, _box(b"stbl", tables))
    header = bytes(12) + struct.pack(">II", 16000, 800) + bytes(80)
    track = _box(b"tkhd", struct.pack(">IIIIII", 15, 0, 0, 1, 0, 800), bytes(60))
    moov = _box(b"moov", _box(b"mvhd", header), _box(b"trak", track, _box(b"mdia", mdia)))
    # A film that is somewhere else altogether.
    links = _box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(url)), url)
    return _box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + moov + _box(b"moov", _box(b"rmra", _box(b"rmda", links)))


def _matroska_of_links(canary: Canary) -> bytes:
    """A Matroska whose segment names the files before and behind it, and which holds a font of that name."""

    def element(number: int, content: bytes) -> bytes:
        size = struct.pack(">Q", len(content) | 1 << 56)
        return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + content

    names = str(canary.sound).encode()
    info = (
        element(0x3CB923, bytes(16))
        + element(0x3C83AB, names)
        + element(0x3EB923, bytes(16))
        + element(0x3E83BB, names)
    )
    info += element(0x2AD7B1, struct.pack(">I", 1_000_000))
    file = element(0x61A7, element(0x466E, names) + element(0x4660, b"font/ttf") + element(0x465C, b"x"))
    track = element(0xD7, b"\1") + element(0x73C5, b"\1") + element(0x83, b"\2") + element(0x86, b"A_PCM/INT/LIT")
    track += element(0xE1, element(0xB5, struct.pack(">f", 16000)) + element(0x9F, b"\1") + element(0x6264, b"\x10"))
    block = element(0xA3, b"\x81\0\0\x80" + bytes(3200))
    body = element(0x1549A966, info) + element(0x1654AE6B, element(0xAE, track)) + element(0x1941A469, file)
    body += element(0x1F43B675, element(0xE7, b"\0") + block)
    head = element(0x4282, b"matroska") + element(0x4287, b"\4") + element(0x4285, b"\2")
    return element(0x1A45DFA3, head) + element(0x18538067, body)


def _subtitles(canary: Canary) -> bytes:
    return (
        f"[Script Info]\nScriptType: v4.00+\nVideo File: {canary.sound}\nAudio File: {canary.sound}\n"
        f"[V4+ Styles]\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,,,,,{{\\1img({canary.picture})}}words\n"
    ).encode()


def _vobsub(canary: Canary) -> bytes:
    return f"# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n# {canary.sound}\n".encode()


# drawings, PDFs, documents -------------------------------------------------------------------------------------------


def _svg(canary: Canary) -> bytes:
    images = "".join(
        f'<image href="{way}" width="9" height="9"/><image xlink:href="{way}" width="9" height="9"/>'
        f'<use href="{way}#a"/><feImage href="{way}"/><script href="{way}"/><xi:include href="{way}" parse="text"/>'
        f'<a href="{way}"><text font-family="C" x="2" y="9">Hi</text></a>'
        for way in canary.ways(canary.picture)
    )
    style = "".join(
        f"@import url('{way}'); @font-face {{ font-family: C; src: url('{way}') }} rect {{ fill: url('{way}#p') }}"
        for way in canary.ways()
    )
    return (
        f'<?xml version="1.0"?><?xml-stylesheet href="{canary.url}/x.css" type="text/css"?>'
        f'<!DOCTYPE svg SYSTEM "{canary.file.as_uri()}" [<!ENTITY e SYSTEM "{canary.file.as_uri()}">]>'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        ' xmlns:xi="http://www.w3.org/2001/XInclude" width="60" height="60">'
        f"<style>{style}</style><filter id='f'>{images}</filter><rect width='50' height='50'/>{images}</svg>"
    ).encode()


def _svg_of_entities(canary: Canary) -> bytes:
    return (
        f'<!DOCTYPE svg [<!ENTITY e SYSTEM "{canary.file}"><!ENTITY % p SYSTEM "{canary.url}/d"> %p;]>'
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60"><text y="20">&e;</text></svg>'
    ).encode()


def _pdf(canary: Canary) -> bytes:
    """Actions at every event, streams in other files, forms and pictures by reference, and what a viewer would start."""
    file = f"({canary.file})"
    embedded = f"<< /Type /Filespec /F {file} /UF {file} >>"
    actions = [
        f"<< /S /URI /URI ({canary.url}) >>",
        f"<< /S /Launch /F {file} /Unix {file} >>",
        f"<< /S /GoToR /F {file} /D [0 /Fit] >>",
        f"<< /S /GoToE /F {file} /T << /R /C /N (a) >> >>",
        f"<< /S /SubmitForm /F << /FS /URL /F ({canary.url}/f) >> >>",
        f"<< /S /ImportData /F {file} >>",
        f"<< /S /Thread /F {file} /D 0 >>",
        f"<< /S /JavaScript /JS (app.launchURL\\('{canary.url}'\\); util.readFileIntoStream\\({file}\\);) >>",
    ]
    chain = actions[0].removesuffix(">>") + f"/Next [{' '.join(actions[1:])}] >>"
    events = " ".join(
        f"/{name} {chain}" for name in ("O", "C", "WC", "WS", "DS", "WP", "DP", "K", "F", "V", "E", "X", "Fo")
    )
    notes = [
        f"<< /Type /Annot /Subtype /Link /Rect [10 10 90 90] /A {chain} /AA << {events} >> >>",
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (x) /Rect [10 100 90 120] /AA << {events} >> >>",
        f"<< /Type /Annot /Subtype /FileAttachment /Rect [10 130 30 150] /FS {embedded} >>",
        f"<< /Type /Annot /Subtype /Movie /Rect [10 160 30 180] /Movie << /F {file} >> /A true >>",
        f"<< /Type /Annot /Subtype /Screen /Rect [10 190 30 210] /A << /S /Rendition /OP 4 /R << /S /MR /C << /S /MCD /D"
        f" {embedded} >> >> >> >>",
    ]
    xfa = (
        f'<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"><!DOCTYPE a [<!ENTITY e SYSTEM "{canary.file.as_uri()}">]>'
        f'<template><subform><event activity="initialize"><submit target="{canary.url}"/></event></subform></template>'
        f'<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><a href="{canary.url}">&e;</a>'
        "</xfa:data></xfa:datasets></xdp:xdp>"
    )
    catalog = (
        f"/OpenAction {chain} /AA << {events} >> /URI << /Base ({canary.url}) >> /Names << /EmbeddedFiles << /Names"
        f" [(a) {embedded}] >> /JavaScript << /Names [(a) {actions[-1]}] >> >> /Metadata << /F {file} /Length 0 >>"
    )
    return pdfs.with_annotations(pdfs.text("A page of words"), notes, catalog, xfa)


def _pdf_of_streams_elsewhere(canary: Canary) -> bytes:
    """The page, its picture and its font lie in other files (ISO 32000-1, 7.3.8: /F), and so does a form (8.10.4)."""
    file = f"/F ({canary.picture})"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents [4 0 R 6 0 R] /Resources << /XObject << /I 5 0 R"
        b" /R 7 0 R >> /Font << /F1 8 0 R >> >> >>",
        f"<< /Length 0 {file} >>\nstream\n\nendstream".encode(),
        f"<< /Type /XObject /Subtype /Image /Width 64 /Height 64 /BitsPerComponent 8 /ColorSpace /DeviceRGB {file} /Length"
        " 0 /OPI << /2.0 << /Type /OPI /Version 2.0 /F (" + str(canary.picture) + ") >> >> >>\nstream\n\nendstream",
        b"<< /Length 56 >>\nstream\nq 90 0 0 90 9 9 cm /I Do /R Do Q BT /F1 9 Tf (Hi) Tj ET  \nendstream",
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Ref << {file} /Page 0 >> /Length 0 >>\nstream\n\nendstream".encode(),
        b"<< /Type /Font /Subtype /TrueType /BaseFont /C /FontDescriptor 9 0 R >>",
        b"<< /Type /FontDescriptor /FontName /C /Flags 4 /FontFile2 10 0 R >>",
        f"<< /Length 0 {file} >>\nstream\n\nendstream".encode(),
    ]
    return pdfs.joined([item if isinstance(item, bytes) else item.encode() for item in objects])


def _html(canary: Canary) -> bytes:
    tags = "".join(
        f'<img src="{way}"><link rel="stylesheet" href="{way}"><script src="{way}"></script><iframe src="{way}"></iframe>'
        f'<object data="{way}"></object><embed src="{way}"><video src="{way}"></video>'
        f'<meta http-equiv="refresh" content="0; url={way}"><base href="{way}">'
        for way in canary.ways()
    )
    return (
        f'<!DOCTYPE html SYSTEM "{canary.file.as_uri()}" [<!ENTITY e SYSTEM "{canary.file.as_uri()}">]>'
        f"<html><head><title>T</title></head><body>{tags}<p>Words &e; here</p></body></html>"
    ).encode()


def _xml(canary: Canary) -> bytes:
    includes = "".join(f'<xi:include href="{way}" parse="text"/>' for way in canary.ways())
    return (
        f'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="{canary.file.as_uri()}"?>'
        f'<!DOCTYPE a SYSTEM "{canary.url}/a.dtd" [<!ENTITY e SYSTEM "{canary.file.as_uri()}">'
        f'<!ENTITY % p SYSTEM "{canary.file.as_uri()}"> %p;]>'
        f'<a xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{canary.url} {canary.file.as_uri()}">{includes}<b>Words &e;</b></a>'
    ).encode()


def _mail(canary: Canary) -> bytes:
    ways = "".join(
        f'--b\r\nContent-Type: message/external-body; access-type={kind}; name="{canary.file}"; url="{canary.url}";'
        f' site="127.0.0.1"; directory="{canary.folder}"\r\n\r\nContent-Type: text/plain\r\n\r\n'
        for kind in ("local-file", "URL", "anon-ftp")
    )
    html = f"--b\r\nContent-Type: text/html\r\nContent-Location: {canary.file.as_uri()}\r\n\r\n".encode() + _html(
        canary
    )
    head = 'Subject: S\r\nFrom: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n'
    return head.encode() + ways.encode() + html + b"\r\n--b--\r\n"


def _rtf(canary: Canary) -> bytes:
    fields = "".join(
        rf'{{\field{{\*\fldinst {code} "{way}"}}{{\fldrslt Words}}}}'
        for way in canary.ways()
        for code in ("INCLUDETEXT", "INCLUDEPICTURE", "HYPERLINK", "DDEAUTO cmd", "LINK Word.Document")
    )
    return (r"{\rtf1\ansi{\*\template " + str(canary.file) + "}" + fields + r"\par End}").encode()


def _notebook(canary: Canary) -> bytes:
    return (
        '{"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["![a](' + canary.file.as_uri() + ') words"],'
        ' "attachments": {}}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    ).encode()


# zipped ---------------------------------------------------------------------------------------------------------------

_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _with_every_link(canary: Canary, folder: Path, ending: str) -> bytes:
    """A document in whose every relationship, reference and declaration the canary is named."""
    source = office.write(folder, ending)
    with zipfile.ZipFile(source) as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    path = folder / f"linked.{ending}"
    office.write_zip(path, {name: _linked(canary, name, data) for name, data in parts.items()})
    return path.read_bytes()


def _linked(canary: Canary, name: str, data: bytes) -> bytes:
    if name.endswith(".rels"):
        kinds = (
            "image",
            "oleObject",
            "attachedTemplate",
            "subDocument",
            "externalLink",
            "hyperlink",
            "aFChunk",
            "frame",
        )
        more = "".join(
            f'<Relationship Id="x{number}{kind}" Type="{_R}/{kind}" Target="{way}" TargetMode="External"/>'
            for number, way in enumerate(canary.ways())
            for kind in kinds
        )
        return data.replace(b"</Relationships>", more.encode() + b"</Relationships>")
    if not name.endswith((".xml", ".xhtml", ".opf")) or name in ("[Content_Types].xml", "META-INF/manifest.xml"):
        return data
    links = "".join(
        f'<x:link xmlns:x="http://www.w3.org/1999/xlink" x:href="{way}" src="{way}"/>'
        f'<draw:image xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
        f' xmlns:k="http://www.w3.org/1999/xlink" k:href="{way}"/>'
        f'<text:section-source xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
        f' xmlns:k="http://www.w3.org/1999/xlink" k:href="{way}"/>'
        f'<w:altChunk xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="{_R}" r:id="x0aFChunk"/>'
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{way}" parse="text"/>'
        for way in canary.ways()
    )
    start = data.index(b"?>") + 2 if data.startswith(b"<?xml") else 0
    body, _, end = data[start:].rpartition(b"</")
    if b"<!DOCTYPE" not in body:
        root = body.lstrip()[1:].split(b" ")[0].split(b">")[0].decode()
        body = (
            f'<!DOCTYPE {root} SYSTEM "{canary.url}/d.dtd" [<!ENTITY e SYSTEM "{canary.file.as_uri()}">'
            f'<!ENTITY % p SYSTEM "{canary.file.as_uri()}"> %p;]>'
        ).encode() + body
        links += "&e;"
    return data[:start] + body + links.encode() + b"</" + end


# pictures -------------------------------------------------------------------------------------------------------------


def _eps(canary: Canary) -> bytes:
    return (
        f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({canary.file}) (r) file 99 string readstring pop show\n"
        f"({canary.file}) run\n%%EOF\n"
    ).encode()


def _tiff_of_a_name(canary: Canary) -> bytes:
    """A TIFF with the canary in its XMP and its name (DocumentName, ImageDescription)."""
    import io

    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a href="{canary.url}">{canary.file}</a></x:xmpmeta>'
    made = io.BytesIO()
    picture = Image.fromarray(np.zeros((16, 16, 3), np.uint8))
    picture.save(made, "TIFF", tiffinfo={269: str(canary.file), 270: str(canary.file), 700: xmp.encode()})
    return made.getvalue()


_PLAIN: Mapping[str, Callable[[Canary], bytes]] = {
    "playlist.m3u8": _playlist,
    "playlist.mp3": _playlist,
    "script.ffconcat": _concat,
    "script.mp4": _concat,
    "session.sdp": _sdp,
    "session.wav": _sdp,
    "manifest.mpd": _dash,
    "manifest.mp4": _dash,
    "composition.xml": _imf,
    "list.pls": _pls,
    "list.asx": _asx,
    "list.wma": _asf_redirector,
    "list.ram": lambda canary: canary.url.encode() + b"\n",
    "list.smil": _smil,
    "references.mov": _mov_of_references,
    "links.mkv": _matroska_of_links,
    "subtitles.ass": _subtitles,
    "subtitles.idx": _vobsub,
    "picture%d.png.mp4": _playlist,
    "drawing.svg": _svg,
    "entities.svg": _svg_of_entities,
    "actions.pdf": _pdf,
    "streams.pdf": _pdf_of_streams_elsewhere,
    "page.html": _html,
    "page.xhtml": _html,
    "data.xml": _xml,
    "mail.eml": _mail,
    "page.mhtml": _mail,
    "text.rtf": _rtf,
    "notebook.ipynb": _notebook,
    "drawing.eps": _eps,
    "drawing.ps": _eps,
    "names.tif": _tiff_of_a_name,
}
FILES = (*_PLAIN, *(f"linked.{ending}" for ending in office.ZIPPED))
"""A file for each way out."""


def hostile(canary: Canary, name: str, folder: Path) -> bytes:
    """The file of this name. ``folder``: where it may be put together."""
    return _PLAIN[name](canary) if name in _PLAIN else _with_every_link(canary, folder, name.rpartition(".")[2])
