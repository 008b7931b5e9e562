"""A file opens nothing but itself: a table of files that name others, for each way out, through every public reader."""

from __future__ import annotations

import socket
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import pytest
from lxml import etree

import pillion
from pillion import _core, api
from pillion.errors import ItemError
from pillion.readers import media as sounds
from pillion.readers.documents import table
from tests.support.canary import FILES, SECRET, Canary, hostile, watched


def _identified(path: Path) -> str:
    return f"{_core.sniff_file(path)} {api.sniff(path)} {api.is_picture(path)} {api.has_thumbnail(path)}"


def _thumbnails(path: Path) -> str:
    made = api.file_thumbnail(path, ["grid@2x"])
    return f"{sorted(made)} {api.thumbhash(made['grid@2x']).hex()}"


def _sound(path: Path) -> str:
    info = sounds.probe(path)
    return f"{info} {sum(map(len, sounds.audio_blocks(path)))}"


def _documents(path: Path) -> str:
    """By every engine, whatever the first bytes say."""
    texts = []
    for engine in table.ENGINES:
        for mime in sorted(engine.MIMES)[:1] or ["text/plain"]:
            try:
                result = engine.read(path, mime)
            except ItemError as error:
                texts.append(error.message)
            else:
                texts += [result.text, *result.notes, *(part.name for part in result.parts)]
    return "\n".join(texts)


READERS: Mapping[str, Callable[[Path], object]] = {
    "identify": _identified,
    "thumbnails": _thumbnails,
    "pixels": lambda path: pillion.decode(path).shape,
    "OCR": lambda path: pillion.ocr(path).text,
    "text": lambda path: api.file_text(path).text,
    "transcripts": _sound,
    "every document reader": _documents,
}


@pytest.mark.models
@pytest.mark.parametrize("name", FILES)
def test_a_file_opens_nothing_but_itself(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Names that are not absolute would be found from here.
    monkeypatch.chdir(tmp_path)
    said = []
    with watched(tmp_path) as canary:
        path = tmp_path / name
        path.write_bytes(hostile(canary, name, tmp_path))
        for read in READERS.values():
            try:
                said.append(str(read(path)))
            except ItemError as error:
                said.append(f"{error.message} {error.stderr_tail}")
    assert canary.touched == []
    assert SECRET not in "\n".join(said)


# that the table would tell --------------------------------------------------------------------------------------------


def _opened(canary: Canary, path: Path) -> None:
    canary.file.read_text()


def _connected(canary: Canary, path: Path) -> None:
    there = urllib.parse.urlsplit(canary.url)
    with socket.create_connection((there.hostname, there.port)) as connection:
        connection.recv(1)


def _concatenated(canary: Canary, path: Path) -> None:
    path.write_text(f"ffconcat version 1.0\nfile '{canary.sound}'\n")
    with av.open(str(path), options={"safe": "0"}) as container:
        assert container.streams.audio


def _expanded(canary: Canary, path: Path) -> None:
    path.write_text(f'<!DOCTYPE a [<!ENTITY e SYSTEM "{canary.file.as_uri()}">]><a>&e;</a>')
    assert SECRET in str(etree.parse(str(path), etree.XMLParser(resolve_entities=True)).getroot().text)


@pytest.mark.parametrize("deed", [_opened, _connected, _concatenated, _expanded])
def test_what_touches_the_canary_is_seen(deed: Callable[[Canary, Path], None], tmp_path: Path) -> None:
    with watched(tmp_path) as canary:
        deed(canary, tmp_path / "careless")
    assert canary.touched
