"""What the API says of films: addresses with endings, where what one names beside itself is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest

from pillion import Library
from pillion.kinds.thumbstrip.index import index_of
from tests.support import films, shown
from tests.support.serving import API, Served, is_problem, serving


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``library`` with the thumbnails, sheets and transcript of a film."""
    home = tmp_path_factory.mktemp("films")
    (home / "files").mkdir()
    films.write_numbered(home / "files" / "a.mp4", films.even(60))
    with Library.open(home / "library", policy="server") as library:
        library.index(home / "files", kinds=["thumb", "thumbstrip"])
        library.run(kinds=["thumb", "thumbstrip"])
        library.record(uuid_of(library), "transcript", "default", json.dumps(shown.transcript()).encode())
    return home


def uuid_of(library: Library) -> str:
    """The only film."""
    (uuid,) = {row.content_uuid for row in library.ls()}
    return uuid


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serving(home / "library", "--no-work", "--no-watch") as server:
        yield server


@pytest.fixture
def sheets(served: Served) -> str:
    """The address below which the film's sheets are."""
    (item,) = served.get("items")["items"]
    return f"{API}/sidecars/{item['content_uuid']}/thumbstrip"


def test_the_pictures_that_a_webvtt_names_are_beside_it(served: Served, sheets: str) -> None:
    address = f"{sheets}/10x10.vtt"
    answer = served.ask(address)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/vtt; charset=utf-8")
    named = {urldefrag(urljoin(address, line)).url for line in answer.body.decode().split("\n") if "#xywh=" in line}
    assert named == {f"{sheets}/10x10.webp"}
    sheet = served.ask(*named)
    assert (sheet.status, sheet.headers["content-type"]) == (200, "image/webp")
    assert sheet.body == served.ask(f"{sheets}/10x10").body
    index = served.get(f"{sheets}/10x10.json")
    assert index == json.loads(index_of(sheet.body).to_json())
    places = [line.partition("#xywh=")[2] for line in answer.body.decode().split("\n") if "#xywh=" in line]
    assert places == [",".join(map(str, tile["xywh"])) for tile in index["tiles"]]


def test_an_export_has_a_tag(served: Served, sheets: str) -> None:
    answer = served.ask(f"{sheets}/5x5.vtt")
    again = served.ask(f"{sheets}/5x5.vtt", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_who_waits_for_an_export_is_sent_to_it(home: Path, sheets: str) -> None:
    address = sheets.replace("thumbstrip", "proxy/480p.webm")
    with serving(home / "library", "--no-work", "--no-watch") as server:
        answer = server.ask(address)
    assert (answer.status, answer.headers["location"]) == (202, address)


def test_subtitles_have_addresses(served: Served, sheets: str) -> None:
    address = sheets.replace("thumbstrip", "transcript/default")
    assert served.ask(f"{address}.vtt").body.startswith(b"WEBVTT\n")
    srt = served.ask(f"{address}.srt")
    assert srt.headers["content-type"] == "application/x-subrip; charset=utf-8"
    assert shown.SPOKEN[1][2] in srt.body.decode()
    assert served.get(f"{address}.json") == served.get(address)


@pytest.mark.parametrize("ending", [".pdf", ".jpg", ".vtt.vtt", ".srt", ".", ".webp.webp"])
def test_other_endings_are_not_found(served: Served, sheets: str, ending: str) -> None:
    assert is_problem(served.ask(f"{sheets}/10x10{ending}"), 404)


def test_a_sidecar_in_another_format_than_its_ending_is_not_found(served: Served, sheets: str) -> None:
    (item,) = served.get("items")["items"]
    address = sheets.replace("thumbstrip", f"thumb/{next(iter(item['thumbs']))}")
    assert served.ask(f"{address}.webp").status == 200
    assert served.ask(f"{address}.webp").body == served.ask(address).body
    assert is_problem(served.ask(f"{address}.jpg"), 404)
