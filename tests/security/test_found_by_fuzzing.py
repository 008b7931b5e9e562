"""What ``make fuzz-files`` found: each is read, or ends with a typed error, in no time."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import mail, table
from pillion.readers.media import film, opening, sound
from tests.contract.test_formats import write_film
from tests.support import films


def test_indented_lines_after_a_word_with_a_colon_are_looked_at_once() -> None:
    # A page of text as pdftotext lays it out. Each further line doubled the time, and more.
    page = b"Number:  1172\n" + b"".join(b" " * 30 + b"a line %d\n" % line for line in range(60)) + b"Signed\n"
    assert not mail.is_message(page)
    assert mail.is_message(b"To: Ben\nX-Note: a\n" + b"    folded\n" * 60 + b"Mime-Version: 1.0\n\nText")


def test_a_track_that_begins_amid_a_film_does_not_end_it(tmp_path: Path) -> None:
    path = tmp_path / "a.flv"
    shades = [np.full((64, 64, 3), shade, np.uint8) for shade in range(10, 250, 2)]
    pictures = [av.VideoFrame.from_ndarray(shade, format="rgb24") for shade in shades]
    films.write_frames(path, pictures, codec="flv")
    data = path.read_bytes()
    tags = _tags(data)
    sound = b"\x2f" + bytes(40)
    late = b"\x08" + len(sound).to_bytes(3, "big") + bytes(7) + sound + (11 + len(sound)).to_bytes(4, "big")
    # Behind all that FFmpeg looks at when it opens the file.
    where = [at for at, kind in tags if kind == 9][-1]
    path.write_bytes(data[:where] + late + data[where:])
    with opening.opened(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in opening.packets_of(container, stream) if packet.size]
    assert len(packets) == len(pictures)
    assert film.representative_frame(path, max_side=64).pixels.shape == (64, 64, 3)


def _tags(data: bytes) -> list[tuple[int, int]]:
    """Place and kind of each tag of an FLV."""
    found, at = [], 13
    while at + 11 <= len(data):
        found.append((at, data[at]))
        at += 15 + int.from_bytes(data[at + 1 : at + 4], "big")
    return found


def test_messages_about_damaged_frames_hold_nobody_up(tmp_path: Path) -> None:
    # A deadlock holds the interpreter's lock, so it is looked for in a process of its own.
    path = tmp_path / "a.dv"
    write_film(path, "dv", "dvvideo")
    data = bytearray(path.read_bytes())
    dice = random.Random(1)
    for at in range(2000, len(data)):
        if at % 80 > 20:
            data[at] = dice.randrange(256)
    path.write_bytes(data)
    subprocess.run([sys.executable, "-c", GIVES_UP_EARLY, str(path)], check=True, timeout=100)


@pytest.mark.parametrize("rate", [7_000_000, 117_835_012])
def test_sound_of_a_million_times_a_second_is_not_resampled(tmp_path: Path, rate: int) -> None:
    # FFmpeg would build a filter as long as one sample of ours lasts: seconds and gigabytes for 4 kB.
    path = tmp_path / "a.wav"
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16) + b"data" + struct.pack("<I", 4000)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + 4000) + head + bytes(4000))
    with pytest.raises(ItemError, match="samples a second") as caught:
        list(sound.audio_blocks(path))
    assert caught.value.error_class is ErrorClass.CORRUPT


GIVES_UP_EARLY = """
import sys
from pathlib import Path
from pillion.readers.media import opening

for _ in range(30):
    with opening.opened(Path(sys.argv[1])) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        decoder.thread_type, decoder.thread_count = "FRAME", 4
        packets = opening.packets_of(container, stream)
        for _ in range(4):
            decoder.decode(next(packets))
    # Freed while its threads are at work.
    del container, stream, decoder, packets
"""


def test_a_part_without_a_name_is_passed_over(tmp_path: Path) -> None:
    book = tmp_path / "a.epub"
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(zipfile.ZipInfo("x"), "a part")
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.getinfo("x").filename = ""
    with zipfile.ZipFile(book) as archive:
        assert "" in archive.namelist()
    with pytest.raises(ItemError) as caught:
        table.read(book, "application/epub+zip")
    assert caught.value.error_class is ErrorClass.CORRUPT
