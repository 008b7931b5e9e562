"""Searching a library whose sidecars are written by the tests: what is found, where, and in which order."""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pillion.errors import LibraryError, UsageError
from pillion.kinds.embedding import minilm
from pillion.library import Library
from pillion.library.searching import REBUILT, since_seconds
from pillion.search import checking, index
from pillion.search.find import Hit
from pillion.search.keeping import Keeper
from tests.support import office
from tests.support.kills import write_picture
from tests.support.searching import add_page, embeddings_of, pages_json, speech_json, unit_vectors

pytestmark = pytest.mark.usefixtures("both_catalogs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library") as opened:
        yield opened


def names(hits: Sequence[Hit]) -> list[str]:
    return [os.path.basename(hit.path) for hit in hits]


def found(library: Library, query: str, **choice: Any) -> list[str]:
    return names(library.search(query, **choice))


def add_sound(library: Library, folder: Path, name: str, sidecar: bytes) -> str:
    """A sound file, which is told by its first bytes, and its transcript."""
    (folder / name).write_bytes(b"fLaC\x00\x00\x00\x22" + name.encode() * 20)
    library.index(folder, kinds=["thumb"])
    (uuid,) = library.find(folder / name)
    library.record(uuid, "transcript", "default", sidecar)
    return uuid


def test_words_are_found_where_they_stand(library: Library, folder: Path) -> None:
    add_page(library, folder, "letter.jpg", ["Dear Anna,", "thank you for the plum jam."], ["The second page."])
    (hit,) = library.search("plum jam")
    assert hit.path == str(folder / "letter.jpg")
    assert hit.why == ["words"]
    assert hit.type == "image/jpeg"
    (passage,) = hit.passages
    assert passage.where == {"kind": "ocr", "page": 1, "box": [10, 0, 200, 35]}
    assert [passage.text[start:end] for start, end in passage.marks] == ["plum", "jam"]
    (second,) = library.search("second page")
    assert second.passages[0].where["page"] == 2


def test_speech_is_found_at_its_second(library: Library, folder: Path) -> None:
    segments = [(0.0, 20.0, "Welcome to the station."), (20.0, 29.0, "Mind the gap."), (40.0, 44.0, "The next train.")]
    add_sound(library, folder, "station.flac", speech_json(*segments))
    (hit,) = library.search("next train")
    assert hit.passages[0].where == {"kind": "transcript", "seconds": [40.0, 44.0]}
    (hit,) = library.search("gap")
    assert hit.passages[0].where == {"kind": "transcript", "seconds": [20.0, 29.0]}
    (hit,) = library.search("station gap")
    assert hit.passages[0].where["seconds"] == [0.0, 29.0]


def test_forms_accents_and_typos(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["The libraries of the harbour were closed and the cafés are open."])
    add_page(library, folder, "b.jpg", ["Die Häuser und das Straßenfest sind weit von der Brücke."], languages=["deu"])
    for query in ("library", "LIBRARIES", "cafe", "Cafés", "harbuor", "harbor"):
        assert found(library, query) == ["a.jpg"], query
    for query in ("Haus", "strassenfest", "brucke", "Brücken", "Strasenfest"):
        assert found(library, query)[:1] == ["b.jpg"], query
    assert found(library, "opan") == [], "a typo in a short word is not forgiven"


def test_no_typo_is_forgiven_in_what_is_left_of_a_word(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["nel quarto giorno della settimana, a grande richiesta"], languages=["ita"])
    add_page(library, folder, "b.jpg", ["eine Bahn, ein grauer Stein und das Quartier"], languages=["deu"])
    add_page(library, folder, "c.jpg", ["the libraries of the grey harbour"])
    assert found(library, "quartzite") == []
    assert found(library, "gregor") == []
    assert found(library, "libaries") == ["c.jpg"]
    assert found(library, "libary") == ["c.jpg"], "the stems differ by one letter"


def test_phrases_prefixes_exclusions_and_alternatives(library: Library, folder: Path) -> None:
    add_page(library, folder, "one.jpg", ["the harbour library opens at nine"])
    add_page(library, folder, "two.jpg", ["the library by the harbour, a draft"])
    assert found(library, '"harbour library"') == ["one.jpg"]
    assert sorted(found(library, "harbour library")) == ["one.jpg", "two.jpg"]
    assert found(library, "harbour library")[0] == "one.jpg", "words that stand together count more"
    assert found(library, "library -draft") == ["one.jpg"]
    assert found(library, "librar* -opens") == ["two.jpg"]
    assert sorted(found(library, "opens OR draft")) == ["one.jpg", "two.jpg"]
    assert found(library, '"library harbour"') == []
    assert found(library, "harbour nine") == ["one.jpg"], "a file with all words is shown without those with some"


def test_rows_of_words_are_found_however_common_they_are(library: Library, folder: Path) -> None:
    add_page(library, folder, "play.jpg", ["To be, or not", "to be: that is the question, whether"])
    add_page(library, folder, "other.jpg", ["not or be to not be the is that question of the being"])
    add_page(library, folder, "german.jpg", ["Die Häuser der großen Stadt und die Straßen in der Stadt"])
    add_page(library, folder, "lines.jpg", ["東京", "都の図書館"])
    assert found(library, '"to be or not to be"') == ["play.jpg"]
    assert found(library, '"or not"') == ["play.jpg"]
    assert found(library, "that-is-the-quest*") == found(library, '"the question whether"') == ["play.jpg"]
    assert found(library, '"der großen Stadt"') == found(library, '"in der Stadt"') == ["german.jpg"]
    assert found(library, '"of the being"') == ["other.jpg"]
    assert found(library, "東京都の") == ["lines.jpg"], "a run goes on in the next line"
    assert found(library, '+"to be" +question') == ["play.jpg"]
    assert found(library, 'question -"to be"') == ["other.jpg"]
    (hit,) = library.search('"or not to be"')
    assert [hit.passages[0].text[start:end] for start, end in hit.passages[0].marks] == ["or not\nto be"]


def test_numbers_amounts_and_dates_as_they_are_written(library: Library, folder: Path) -> None:
    add_page(library, folder, "bill.jpg", ["Invoice 2024-0815 of 2024-03-05", "Total: 1.234,50 EUR"])
    add_page(library, folder, "other.jpg", ["Invoice 0815-2024 of 2024-05-03", "Total: 50,1.234 EUR"])
    for query in ("2024-0815", "2024-03-05", "1.234,50"):
        assert found(library, query) == ["bill.jpg"], query


def test_names_and_folders_are_found(library: Library, folder: Path) -> None:
    add_page(library, folder, "Norway trip/IMG_1234.jpg", ["nothing of it"])
    write_picture(folder / "Norway trip" / "holidayPhoto7.jpg", seed=3)
    library.index(folder, kinds=["thumb"])
    assert found(library, "IMG_1234.jpg") == ["IMG_1234.jpg"]
    assert found(library, "1234") == ["IMG_1234.jpg"]
    assert found(library, "holiday") == ["holidayPhoto7.jpg"]
    assert sorted(found(library, "norway")) == ["IMG_1234.jpg", "holidayPhoto7.jpg"]
    hit = library.search("holiday photo")[0]
    assert hit.why == ["name"]
    assert hit.passages[0].where == {"kind": "name"}
    assert found(library, "norway", kinds=["ocr"]) == []


def test_planted_strings_of_chinese_japanese_and_korean(library: Library, folder: Path) -> None:
    chance = random.Random(14)
    scripts = {
        "中": range(0x4E00, 0x9FA5),
        "か": range(0x3041, 0x3096),
        "カ": range(0x30A1, 0x30FA),
        "한": range(0xAC00, 0xD7A3),
    }
    planted: list[tuple[str, str]] = []
    for number in range(10):
        lines = []
        for at in range(20):
            letters = list(scripts.values())[at % 4]
            text = "".join(chr(chance.choice(letters)) for _ in range(40))
            size = at % 3 + 1
            start = chance.randrange(40 - size)
            planted.append((f"{number}.jpg", text[start : start + size]))
            lines.append(text)
        add_page(library, folder, f"{number}.jpg", lines)
    assert len(planted) == 200
    missed = [(name, text) for name, text in planted if name not in found(library, text, limit=50)]
    assert missed == []


def test_any_query_is_answered(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["the quick brown fox", "привет мир", "שלום", "ภาษาไทย"])
    for query in (
        "",
        "x" * 10_000,
        "the " * 3000,
        '"',
        "-",
        "* * *",
        "a:b AND (c",
        "\x00",
        "\N{GRINNING FACE}",
        "of the and",
    ):
        library.search(query)
    for query in ("мир", "שלום", "ภาษา", "the"):
        assert found(library, query) == ["a.jpg"], query


def test_what_is_gone_or_changed_is_not_shown(library: Library, folder: Path) -> None:
    add_page(library, folder, "gone.jpg", ["the word marzipan"])
    add_page(library, folder, "stays.jpg", ["the word marzipan too"])
    assert sorted(found(library, "marzipan")) == ["gone.jpg", "stays.jpg"]
    (folder / "gone.jpg").unlink()
    library.index(folder, kinds=["thumb"])
    assert found(library, "marzipan") == ["stays.jpg"]
    assert found(library, "gone") == []
    write_picture(folder / "stays.jpg", seed=99)
    library.index(folder, kinds=["thumb"])
    assert found(library, "marzipan") == []
    assert found(library, "stays") == ["stays.jpg"]


def test_a_sidecar_that_is_made_again_replaces_its_passages(library: Library, folder: Path) -> None:
    uuid = add_page(library, folder, "a.jpg", ["first reading"])
    assert found(library, "first") == ["a.jpg"]
    library.record(uuid, "ocr", "default", pages_json(["second reading"]))
    assert found(library, "first") == []
    assert found(library, "second") == ["a.jpg"]


def test_a_file_is_searched_by_type_folder_and_time(library: Library, folder: Path) -> None:
    add_page(library, folder, "old/a.jpg", ["marzipan"])
    add_page(library, folder, "new/b.jpg", ["marzipan"])
    add_sound(library, folder, "c.flac", speech_json((0.0, 2.0, "marzipan")))
    os.utime(folder / "old" / "a.jpg", (time.time(), since_seconds("2001-02-03")))
    library.index(folder, kinds=["thumb"])
    assert sorted(found(library, "marzipan", types=["image"])) == ["a.jpg", "b.jpg"]
    assert found(library, "marzipan", types=["flac"]) == ["c.flac"]
    assert found(library, "marzipan", types=["image/jpeg"], under=folder / "old") == ["a.jpg"]
    assert found(library, "marzipan", types=["pdf"], under=folder.parent) == []
    for types in (["nope"], [""], ["image", "nope"]):
        with pytest.raises(UsageError, match=r"choose from image, pdf, .*, MIME types such as"):
            library.search("marzipan", types=types)
    with pytest.raises(UsageError, match="is in no watched folder"):
        library.search("marzipan", under=folder.parent / "elsewhere")
    assert sorted(found(library, "marzipan", since="2002")) == ["b.jpg", "c.flac"]
    assert found(library, "marzipan", kinds=["transcript"]) == ["c.flac"]
    assert len(found(library, "marzipan", limit=2)) == 2
    with pytest.raises(UsageError, match="no date"):
        library.search("marzipan", since="yesterday")
    with pytest.raises(UsageError, match="kind"):
        library.search("marzipan", kinds=["smell"])


def test_one_content_is_one_hit_with_all_its_copies(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"] * 3, ["marzipan again"])
    (folder / "copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    library.index(folder, kinds=["thumb"])
    (hit,) = library.search("marzipan")
    assert sorted(map(os.path.basename, hit.paths)) == ["a.jpg", "copy.jpg"]
    assert len(hit.passages) == 2
    assert [group.kind for group in library.searching.duplicates()] == ["exact"]


def test_of_equal_hits_the_newer_comes_first(library: Library, folder: Path) -> None:
    for name, year in (("a.jpg", "2001"), ("b.jpg", "2021"), ("c.jpg", "2011")):
        add_page(library, folder, name, ["marzipan"])
        os.utime(folder / name, (time.time(), since_seconds(year)))
    library.index(folder, kinds=["thumb"])
    assert found(library, "marzipan") == ["b.jpg", "c.jpg", "a.jpg"]


def test_meaning_is_found_and_joined_with_words(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(3, seed=1)
    texts = ["We sailed on the lake.", "The bill of the plumber.", "Boat sheds are for sale."]
    for at, text in enumerate(texts):
        (folder / f"{at}.txt").write_text(text)
        library.index(folder, kinds=["thumb"])
        (uuid,) = library.find(folder / f"{at}.txt")
        library.record(uuid, "embeddings", "all-MiniLM-L6-v2", embeddings_of([{"text": text}], vectors[at : at + 1]))
    near = vectors[0] * 0.9 + vectors[2] * 0.4
    monkeypatch.setattr(minilm, "embed", lambda texts, **_: (near / (near @ near) ** 0.5)[None])
    hits = library.search("boat trip")
    assert names(hits) == ["2.txt", "0.txt"] or names(hits) == ["0.txt", "2.txt"]
    by_name = {os.path.basename(hit.path): hit for hit in hits}
    assert by_name["0.txt"].why == ["meaning"]
    assert by_name["0.txt"].passages[0].text == texts[0]
    assert by_name["0.txt"].passages[0].where == {"kind": "file"}
    assert by_name["2.txt"].why == ["words", "meaning"]
    assert names(library.search("boat trip -sailed")) == ["2.txt"], "an exclusion counts for meaning, too"
    assert names(library.searching.search("boat", words=False).hits)[0] == "0.txt"


def test_files_of_another_subject_are_not_like_each_other(library: Library, folder: Path) -> None:
    mine, near, far = unit_vectors(3, seed=1)
    near = mine * 0.3 + (near - (near @ mine) * mine) * 0.95
    far = mine * 0.2 + (far - (far @ mine) * mine) * 0.98
    for name, vector in {"mine": mine, "near": near, "far": far}.items():
        (folder / f"{name}.txt").write_text(name)
        library.index(folder, kinds=["thumb"])
        (uuid,) = library.find(folder / f"{name}.txt")
        unit = vector / (vector @ vector) ** 0.5
        library.record(uuid, "embeddings", "all-MiniLM-L6-v2", embeddings_of([{"text": name}], unit[None]))
    path = folder / "mine.txt"
    like = library.searching.similar(path, content_uuid=library.find(path)[0]).hits
    assert names(like) == ["near.txt"]
    assert like[0].why == ["meaning"]


def test_text_files_are_found_without_an_embedding_model(library: Library, folder: Path) -> None:
    (folder / "note.txt").write_text("Remember the marzipan.\n")
    library.index(folder, kinds=["text"])
    library.run()
    (hit,) = library.search("marzipan")
    assert hit.passages[0].where == {"kind": "file"}


@pytest.mark.parametrize(
    ("ending", "query", "where"),
    [
        ("docx", 0, {}),
        ("pptx", 1, {"part": "slide"}),
        ("xlsx", 0, {"part": "sheet", "number": 1, "name": "Costs"}),
        ("ods", 0, {"part": "sheet", "number": 1, "name": "Kosten"}),
        ("epub", 0, {"part": "chapter"}),
        ("eml", 0, {"part": "message"}),
        ("html", 0, {}),
        ("rtf", 0, {}),
    ],
)
def test_documents_are_found_by_their_text_alone(
    library: Library, folder: Path, ending: str, query: int, where: dict[str, Any]
) -> None:
    path = office.write(folder, ending)
    part, number, name, text = office.TEXTS[ending][query]
    library.index(folder, kinds=["text"])
    library.run()
    word = max(text.split(), key=len)
    (hit,) = library.search(f'"{word}"')
    assert hit.path == str(path)
    found = hit.passages[0].where
    assert found["kind"] == "file"
    assert [hit.passages[0].text[start:end] for start, end in hit.passages[0].marks]
    if part == "body":
        assert found == {"kind": "file"}
    else:
        assert (found["part"], found["number"], found.get("name", "")) == (part, number, name)
        assert where.items() <= found.items()


def test_a_cell_of_a_sheet_is_named(library: Library, folder: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(folder / "a.xlsx"))
    book.add_worksheet("Empty")
    sheet = book.add_worksheet("Budget")
    sheet.write(6, 1, "marzipan")
    sheet.write(6, 27, "nougat")
    for row in range(20, 400):
        sheet.write_row(row, 2, ["filler of a long table", f"item{row}"])
    sheet.write_comment(8, 3, "praline in a comment")
    book.close()
    body = (
        '<table:table table:name="T"><table:table-row table:number-rows-repeated="9"><table:table-cell/>'
        '</table:table-row><table:table-row><table:table-cell table:number-columns-repeated="3"/>'
        "<table:table-cell><text:p>nougatine</text:p></table:table-cell></table:table-row></table:table>"
    )
    names = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    names += 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    names += 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    content = f"<office:document-content {names}><office:body><office:spreadsheet>{body}</office:spreadsheet>"
    content += "</office:body></office:document-content>"
    office.write_zip(folder / "b.ods", {"mimetype": mime, "content.xml": content})
    library.index(folder, kinds=["text"])
    library.run()
    places = {
        query: library.search(query)[0].passages[0].where for query in ("marzipan", "nougat", "item333", "praline")
    }
    sheet_of = {"kind": "file", "part": "sheet", "number": 2, "name": "Budget"}
    assert places == {
        "marzipan": sheet_of | {"cell": "B7"},
        "nougat": sheet_of | {"cell": "AB7"},
        "item333": sheet_of | {"cell": "D334"},
        "praline": sheet_of,
    }
    assert library.search("nougatine")[0].passages[0].where["cell"] == "D10"


def test_a_damaged_index_is_built_again_with_one_sentence(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    assert found(library, "marzipan") == ["a.jpg"]
    words = library.root / "search" / "words"
    for path in words.glob("*.store"):
        path.write_bytes(b"\xff" * path.stat().st_size)
    assert any(item.problem == "search" for item in library.verify())
    (words / "meta.json").write_bytes(b"nonsense")
    with Library.open(library.root) as again:
        answer = again.searching.search("marzipan")
        assert names(answer.hits) == ["a.jpg"]
        assert REBUILT in answer.notes
        assert again.verify() == []
        (library.root / "search" / "vectors").unlink()
        assert names(again.searching.search("marzipan").hits) == ["a.jpg"]
    for damaged in (b"", (words / "vocabulary").read_bytes()[:-1]):
        (words / "vocabulary").write_bytes(damaged)
        assert any(item.problem == "search" for item in library.verify())
        with Library.open(library.root) as again:
            assert names(again.searching.search("marzipan").hits) == ["a.jpg"]
    with Library.open(library.root) as again:
        (library.root / "search" / "vectors").write_bytes(b"nonsense" * 1000)
        assert [item.action for item in again.maintenance.repair()] == ["removed"]
        assert again.verify() == []
        assert found(again, "marzipan") == ["a.jpg"]
        assert again.maintenance.usage().search_bytes > 0


@pytest.mark.parametrize("data", [b"\xff" * 20, b""])
def test_a_damaged_sidecar_that_an_index_leaves_out_is_told(library: Library, folder: Path, data: bytes) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    add_page(library, folder, "b.jpg", ["nougat"])
    (sidecar,) = (item.path for item in library.ls(kind="ocr") if item.sources[0].endswith("b.jpg"))
    assert sidecar is not None
    Path(sidecar).write_bytes(data)
    answer = library.searching.search("nougat")
    assert names(answer.hits) == []
    assert answer.notes == ("1 sidecar is damaged or gone, so text is not found: run 'pillion verify --repair'.",)
    assert library.searching.search("marzipan").notes == ()


def test_work_tells_of_damaged_sidecars_that_the_index_leaves_out(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    uuid = add_page(library, folder, "b.jpg", ["nougat"])
    (sidecar,) = (item.path for item in library.ls(kind="ocr") if item.sources[0].endswith("b.jpg"))
    assert sidecar is not None
    whole = Path(sidecar).read_bytes()
    Path(sidecar).write_bytes(b"")
    note = "1 sidecar is damaged or gone, so text is not found: run 'pillion verify --repair'."
    assert library.run().notices == {"search": note}
    assert library.run().notices == {}, "the index has seen it"
    keeper = Keeper(library._database, library._store)
    keeper.stop()
    index.remove(library.root)
    keeper.look()
    assert keeper.problem == note
    keeper.look()
    assert keeper.problem == note, "while nothing has changed"
    library.record(uuid, "ocr", "default", whole)
    keeper.look()
    assert keeper.problem is None
    assert found(library, "nougat") == ["b.jpg"]


def test_a_folder_in_place_of_the_lock_of_the_index_is_mended(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    assert found(library, "marzipan") == ["a.jpg"]
    lock = library.root / "search" / "lock"
    lock.unlink()
    (lock / "within").mkdir(parents=True)
    with Library.open(library.root) as again:
        assert found(again, "marzipan") == ["a.jpg"]
        assert again.verify() == []
    assert lock.is_file()


def test_an_index_that_may_not_be_read_hides_nothing_else(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    assert found(library, "marzipan") == ["a.jpg"]
    (sidecar,) = (item.path for item in library.ls(kind="ocr"))
    assert sidecar is not None
    Path(sidecar).write_bytes(b"")
    words = str(library.root / "search" / "words")

    def refused(_root: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", words)

    monkeypatch.setattr(checking, "Reader", refused)
    lost, search = library.verify()
    assert (lost.problem, search.problem) == ("damaged", "search")
    assert f"({words}: Permission denied)" in search.message


def test_an_index_that_was_made_without_numpy_gets_its_vectors_later(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = add_page(library, folder, "a.jpg", ["marzipan"])
    vectors = embeddings_of([{"text": "marzipan"}], unit_vectors(1, seed=1))
    library.record(uuid, "embeddings", "all-MiniLM-L6-v2", vectors)
    with monkeypatch.context() as without:
        without.setattr(index, "has_numpy", lambda: False)
        library.run()
        assert not index.has_vectors(library.root, index.VECTORS)
        library.run()
    library.run()
    assert index.has_vectors(library.root, index.VECTORS)
    assert found(library, "marzipan") == ["a.jpg"]
    turn = index.Reader(library.root).state.turn
    library.run()
    assert index.Reader(library.root).state.turn == turn, "it is built once"


def test_a_library_that_is_only_read_is_searched(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    with Library.open(library.root) as reading:
        reading.searching._read_only = True
        with pytest.raises(LibraryError, match="no search index yet"):
            reading.search("marzipan")
    assert found(library, "marzipan") == ["a.jpg"]
    add_page(library, folder, "b.jpg", ["marzipan"])
    with Library.open(library.root) as reading:
        reading.searching._read_only = True
        answer = reading.searching.search("marzipan")
        assert names(answer.hits) == ["a.jpg"]
        assert "behind" in answer.notes[0]


@pytest.mark.in_folder
def test_a_reconciled_library_has_its_index_built_again(library: Library, folder: Path) -> None:
    add_page(library, folder, "a.jpg", ["marzipan"])
    assert found(library, "marzipan") == ["a.jpg"]
    root = library.root
    library.close()
    Library.reconcile(root, rebuild=True)
    with Library.open(root) as again:
        again.index(folder, kinds=["thumb"])
        assert found(again, "marzipan") == ["a.jpg"]
