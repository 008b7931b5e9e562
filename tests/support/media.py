"""Text pages, PDFs, sound, video and broken files with known contents.

Text pages are real type (Helvetica, Times or Courier, Latin-1), set by PDFium from a PDF that is written here by hand,
so the ground truth is the text itself.
"""

from __future__ import annotations

import hashlib
import io
import struct
import textwrap
import wave
import zlib
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pypdfium2
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from tests.support import photos
from tests.support.edits import edit_rate

PAGE_TEXT = """\
The Harbour Library

The library at the harbour opens at nine every morning except Sunday. It keeps
maps of the coast, letters of old sailors and a small room full of sheet music.
Visitors may read all day long, but nothing leaves the house. The oldest map
shows an island that no ship has ever found again, and the keeper likes to say
that the draughtsman only wanted a reason to sail on.

In winter the stove in the reading room is lit before dawn. Fishermen come in
to warm their hands, look up the tides and argue about the weather. Nobody asks
them to be quiet. A line painted on the door frame marks the flood of the year
when the river rose above the lower shelves and the books were carried upstairs
by a chain of forty neighbours.

Children learn to bind a book on Saturdays. They fold the paper, sew it with a
waxed thread, and glue the cover on. The first book is always a diary, because
the keeper believes that whoever can make a diary will also find something to
write in it.
"""

GERMAN_PAGE_TEXT = """\
Die Bibliothek am Hafen

Die Bibliothek öffnet jeden Morgen um neun Uhr. Sie bewahrt Karten der Küste,
Briefe alter Seeleute und einen kleinen Raum voller Noten auf. Besucher dürfen
den ganzen Tag lesen, aber nichts verlässt das Haus. Die älteste Karte zeigt
eine Insel, die kein Schiff je wiedergefunden hat.

Im Winter wird der Ofen im Lesesaal vor der Dämmerung geheizt. Die Fischer
kommen herein, wärmen sich die Hände und streiten über das Wetter. Niemand
bittet sie, leise zu sein. Ein Strich am Türrahmen zeigt, wie hoch das Wasser
stand, als der Fluss über die unteren Regale stieg.
"""

A4 = (595, 842)
"""Width and height in points (1/72 inch)."""


# PDF ------------------------------------------------------------------------------------------------------------------


def pdf_bytes(
    pages: Sequence[str | Image.Image],
    *,
    font: str = "Helvetica",
    font_size: float = 11,
    password: str | None = None,
    page_size: tuple[int, int] = A4,
) -> bytes:
    """A PDF 1.4 file. A page given as text gets a text layer; one given as a picture is a scan: one image, no text.

    ``password`` encrypts the file (RC4, 128 bits) so that it cannot be opened without.
    """
    width, height = page_size
    objects: list[tuple[str, bytes | None]] = [
        ("<< /Type /Catalog /Pages 2 0 R >>", None),
        ("", None),
        (f"<< /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>", None),
    ]
    kids = []
    for page in pages:
        if isinstance(page, str):
            content, resources = _text_content(page, font_size, height), "/Font << /F1 3 0 R >>"
        else:
            image = io.BytesIO()
            page.convert("L" if page.mode in "1L" else "RGB").save(image, "JPEG", quality=85)
            colours = "DeviceGray" if page.mode in "1L" else "DeviceRGB"
            objects.append(
                (
                    f"<< /Type /XObject /Subtype /Image /Width {page.width} /Height {page.height} "
                    f"/ColorSpace /{colours} /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>",
                    image.getvalue(),
                )
            )
            resources = f"/XObject << /Im1 {len(objects)} 0 R >>"
            content = f"q {width} 0 0 {height} 0 0 cm /Im1 Do Q".encode()
        objects.append(("<< /Length %d >>", content))
        objects.append(
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Resources << {resources} >> "
                f"/Contents {len(objects)} 0 R >>",
                None,
            )
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = (f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>", None)
    return _write_pdf(objects, password)


def _text_content(text: str, size: float, height: int) -> bytes:
    lines = []
    for line in text.splitlines():
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        lines.append(b"(" + escaped.encode("cp1252") + b") Tj T*")
    return f"BT /F1 {size} Tf {size * 1.45:.2f} TL 72 {height - 90} Td\n".encode() + b"\n".join(lines) + b"\nET"


def _write_pdf(objects: list[tuple[str, bytes | None]], password: str | None) -> bytes:
    file_id = hashlib.md5(repr(objects).encode()).digest()
    key, encryption = (None, "") if password is None else _encryption(password.encode("latin-1"), file_id)
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, (head, stream) in enumerate(objects, 1):
        offsets.append(len(out))
        if stream is not None:
            if key is not None:
                salt = struct.pack("<I", number)[:3] + b"\0\0"
                stream = _rc4(hashlib.md5(key + salt).digest(), stream)
            head = head % len(stream)
        out += f"{number} 0 obj\n{head}\n".encode()
        if stream is not None:
            out += b"stream\n" + stream + b"\nendstream\n"
        out += b"endobj\n"
    if encryption:
        offsets.append(len(out))
        out += f"{len(offsets)} 0 obj\n{encryption}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    encrypt = f" /Encrypt {len(offsets)} 0 R" if encryption else ""
    identity = f"[<{file_id.hex()}> <{file_id.hex()}>]"
    out += f"trailer\n<< /Size {len(offsets) + 1} /Root 1 0 R{encrypt} /ID {identity} >>\n".encode()
    out += f"startxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


_PASSWORD_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def _encryption(password: bytes, file_id: bytes) -> tuple[bytes, str]:
    """Key and encryption dictionary of the standard security handler, revision 3 (PDF 1.4 reference, section 3.5)."""
    padded = (password + _PASSWORD_PADDING)[:32]

    owner_key = padded
    for _ in range(51):
        owner_key = hashlib.md5(owner_key).digest()
    owner = padded
    for i in range(20):
        owner = _rc4(bytes(b ^ i for b in owner_key), owner)

    permissions = -4
    key = hashlib.md5(padded + owner + struct.pack("<i", permissions) + file_id).digest()
    for _ in range(50):
        key = hashlib.md5(key).digest()
    user = hashlib.md5(_PASSWORD_PADDING + file_id).digest()
    for i in range(20):
        user = _rc4(bytes(b ^ i for b in key), user)
    user += bytes(16)
    return key, (f"<< /Filter /Standard /V 2 /R 3 /Length 128 /P {permissions} /O <{owner.hex()}> /U <{user.hex()}> >>")


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) & 255])
    return bytes(out)


# text pages -----------------------------------------------------------------------------------------------------------


def page(text: str = PAGE_TEXT, *, dpi: int = 300, font: str = "Helvetica", font_size: float = 11) -> Image.Image:
    """A page of type as a clean scan (greyscale; A4, so 2479 x 3508 pixels at 300 dpi)."""
    document = pypdfium2.PdfDocument(pdf_bytes([text], font=font, font_size=font_size))
    try:
        rendered: Image.Image = document[0].render(scale=dpi / 72, grayscale=True).to_pil()
        return rendered.convert("L")
    finally:
        document.close()


def scanned(picture: Image.Image, *, seed: int = 0, tilt: float = 0.4) -> Image.Image:
    """``picture`` as a flatbed scanner would see it: slightly tilted, paper not quite white, a little noise."""
    rng = np.random.default_rng(seed)
    turned = picture.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=255)
    pixels = np.asarray(turned, np.float32) * (225 / 255) + 15
    pixels += rng.normal(0, 4, pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "L")


def write_page(path: Path, text: str = PAGE_TEXT, *, dpi: int = 300, **options: Any) -> Path:
    """A text page as PNG, TIFF or JPEG, by the extension of ``path``."""
    extra = {"compression": "tiff_deflate"} if path.suffix in {".tif", ".tiff"} else {}
    page(text, dpi=dpi, **options).save(path, dpi=(dpi, dpi), **extra)
    return path


def write_pdf(path: Path, pages: Sequence[str | Image.Image], **options: Any) -> Path:
    """See :func:`pdf_bytes`."""
    path.write_bytes(pdf_bytes(pages, **options))
    return path


def wrapped(text: str, width: int = 78) -> str:
    """``text`` in lines that fit on a page."""
    return "\n".join(textwrap.wrap(text, width))


def character_error_rate(expected: str, seen: str) -> float:
    """Edits (of characters) that turn ``seen`` into ``expected``, per expected character. White space is one blank."""
    return edit_rate(" ".join(expected.split()), " ".join(seen.split()))


# sound and video ------------------------------------------------------------------------------------------------------


def read_wav(path: Path) -> tuple[NDArray[np.int16], int]:
    """Samples of a mono 16-bit WAV file, shape (n,), and the sample rate in Hz."""
    with wave.open(str(path), "rb") as sound:
        assert sound.getnchannels() == 1
        assert sound.getsampwidth() == 2
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16), sound.getframerate()


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.tobytes())
    return path


def silence(seconds: float, rate: int = 16000) -> NDArray[np.int16]:
    return np.zeros(int(seconds * rate), np.int16)


def tone(seconds: float, rate: int = 16000, frequency: float = 440) -> NDArray[np.int16]:
    """Sound without speech."""
    t = np.arange(int(seconds * rate)) / rate
    return (np.sin(2 * np.pi * frequency * t) * 8000).astype(np.int16)


def write_tracks(path: Path, tracks: Sequence[tuple[Path, str]], *, default: int) -> Path:
    """A file with an audio track for each (mono WAV file, ISO 639-2 language); ``default`` counts from 1."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (source, language) in enumerate(tracks, 1):
            samples, rate = read_wav(source)
            stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
            stream.metadata["language"] = language
            stream.disposition = Disposition.default if number == default else Disposition(0)
            streams.append((stream, samples, rate))
        for stream, samples, rate in streams:
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


_AUDIO_CODECS = {".flac": "flac", ".mp3": "libmp3lame", ".m4a": "aac", ".ogg": "libopus", ".wav": "pcm_s16le"}


def write_audio(path: Path, samples: NDArray[np.int16], rate: int = 16000) -> Path:
    """Mono sound as FLAC, MP3, M4A, Ogg Opus or WAV, by the extension of ``path``."""
    with av.open(str(path), "w") as container:
        codec = _AUDIO_CODECS[path.suffix]
        stream: Any = container.add_stream(codec, rate=48000 if codec == "libopus" else rate)
        stream.layout = "mono"
        _encode_audio(container, stream, samples, rate)
    return path


def _encode_audio(container: Any, stream: Any, samples: NDArray[np.int16], rate: int) -> None:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    frame.pts = 0
    frame.time_base = Fraction(1, rate)
    for resampled in av.AudioResampler(format=stream.format, layout="mono", rate=stream.rate).resample(frame):
        container.mux(stream.encode(resampled))
    container.mux(stream.encode(None))


def write_video(
    path: Path,
    *,
    seconds: float = 4,
    speech: Path | None = None,
    size: tuple[int, int] = (640, 360),
    fps: int = 12,
    black: float = 1,
    seed: int = 1,
) -> Path:
    """A video (MP4 or MKV by the extension; H.264, AAC) that starts black, then pans over a landscape.

    ``black``: seconds of black at the start. ``speech``: a WAV file for the sound track, from the start; the video is
    made at least as long. Without it there is no sound track.
    """
    width, height = size
    sound, rate = (None, 0) if speech is None else read_wav(speech)
    if sound is not None:
        seconds = max(seconds, len(sound) / rate)
    scene = np.asarray(photos.photo(seed, (width * 2, height)))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "28"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        # The muxer writes its header with the first packet, so every stream must be there before.
        audio: Any = None
        if sound is not None:
            audio = container.add_stream("aac", rate=rate)
            audio.layout = "mono"
        count = int(seconds * fps)
        for number in range(count):
            left = int(width * number / count)
            pixels = scene[:, left : left + width]
            if number < black * fps:
                pixels = np.zeros_like(pixels)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _encode_audio(container, audio, sound, rate)
    return path


# broken and hostile files ---------------------------------------------------------------------------------------------


def truncated(data: bytes, keep: float = 0.4) -> bytes:
    """The first part of a file, as after a broken copy."""
    return data[: int(len(data) * keep)]


def png_bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A small, valid PNG that unpacks to ``width`` x ``height`` pixels (grey, 8 bits)."""
    # All bytes are zero, so one compressed piece that ends on a full flush can be repeated as it is.
    total = height * (1 + width)
    piece = min(total, 16_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    rest = packer.compress(bytes(total % piece)) + packer.flush()
    checksum = (total % 65521) << 16 | 1  # Adler-32 of that many zeros
    data = b"\x78\xda" + packed * (total // piece) + rest + struct.pack(">I", checksum)
    return _png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), data)


def _png(header: bytes, data: bytes) -> bytes:
    out = bytearray(b"\x89PNG\r\n\x1a\n")
    for name, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
        out += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return bytes(out)


def is_ordered(values: Sequence[float]) -> bool:
    """Whether times never go backwards."""
    return all(a <= b for a, b in pairwise(values))
