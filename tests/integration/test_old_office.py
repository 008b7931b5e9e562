"""Office before 2007 and Outlook: their text as it was seen, and no damage that does worse than fail with its class."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.readers.documents import outlook
from pillion.readers.documents import table as documents
from tests.support import streams

DOC, XLS, PPT, MSG = (
    f"application/{name}" for name in ("msword", "vnd.ms-excel", "vnd.ms-powerpoint", "vnd.ms-outlook")
)
BODY = (
    "The plum harvest starts on Friday.\rName\x07Trees\x07\x07Orchard\x07forty\x07\x07"
    'See \x13 HYPERLINK "http://x" \x14the map\x15, not the old one – über\x0bAll.\r'
)


def read(tmp_path: Path, data: bytes, mime: str) -> list[tuple[str, str, bool]]:
    """Name, text and whether it is hidden of each part."""
    path = tmp_path / "a"
    path.write_bytes(data)
    result = documents.read(path, mime)
    return [(part.name, part.text, part.hidden) for part in result.parts]


def failure(tmp_path: Path, data: bytes, mime: str) -> ItemError:
    with pytest.raises(ItemError) as caught:
        read(tmp_path, data, mime)
    return caught.value


def a_word() -> bytes:
    return streams.word(BODY, headers="On each page\r", notes="\x02 A note.\r", deleted="not the old one – ")


def a_show() -> bytes:
    slides = [("Plums", "Forty trees", "Speak up", False), ("Später", "Quinces", "", True)]
    return streams.show(slides, stale="An old version")


def a_message() -> dict[str, bytes]:
    top = {"0037": "Harvest", "0C1A": "Anna", "5D01": "anna@example.org", "0E04": "Ben", "1000": "Bring baskets.\r\n"}
    found = streams.message(top)
    found |= {"__attach_version1.0_#00000000/__substg1.0_3707001F": "list.xlsx".encode("utf-16-le")}
    inner = "__attach_version1.0_#00000001/__substg1.0_3701000D/"
    found |= streams.message({"0037001E": "Спелые".encode("cp1251"), "1000": "Yes."}, page=1251, place=inner)
    return found


def a_book() -> bytes:
    cells = streams.biff(0xFD, struct.pack("<HHHI", 0, 0, 0, 0)) + streams.biff(0xFD, struct.pack("<HHHI", 0, 1, 0, 1))
    cells += streams.biff(0x203, struct.pack("<HHHd", 1, 0, 1, 45351)) + streams.biff(
        0x203, struct.pack("<HHHd", 1, 1, 2, 0.195)
    )
    cells += streams.biff(0x27E, struct.pack("<HHHI", 2, 0, 0, 4915 << 2 | 2))
    cells += streams.biff(0x203, struct.pack("<HHHd", 2, 1, 0, 4915123456789))
    cells += streams.biff(0xBD, struct.pack("<HHHIHIH", 3, 0, 0, 700 << 2 | 3, 0, 5 << 2 | 2, 1))
    cells += streams.biff(0x205, struct.pack("<HHHBB", 4, 0, 0, 1, 0)) + streams.biff(
        0x205, struct.pack("<HHHBB", 4, 1, 0, 7, 1)
    )
    formula = struct.pack("<HHH", 5, 0, 0) + b"\0\0\0\0\0\0\xff\xff" + bytes(8)
    cells += streams.biff(0x06, formula) + streams.biff(0x207, struct.pack("<HB", 6, 0) + b"joined")
    cells += streams.biff(0x14, struct.pack("<HB", 17, 0) + b"&CPage &P Private")
    cells += (
        streams.biff(0x1B6, struct.pack("<HH6xHH4x", 0, 0, 4, 0))
        + streams.biff(0x3C, b"\0jam!")
        + streams.biff(0x3C, bytes(8))
    )
    # The second text goes on in the next record, with letters of two bytes.
    shared = [struct.pack("<II", 2, 2) + struct.pack("<HB", 4, 0) + b"Plum" + struct.pack("<HB", 6, 0) + b"Qui"]
    shared += [b"\1" + "nçé".encode("utf-16-le")]
    hidden = streams.biff(0x204, struct.pack("<HHHHB", 0, 0, 0, 6, 0) + b"secret")
    return streams.book([("Costs", 0, cells), ("Old", 1, hidden)], strings=shared, formats=["dd.mm.yyyy", "0.0%"])


def test_word(tmp_path: Path) -> None:
    text = (
        "The plum harvest starts on Friday.\nName\tTrees\nOrchard\tforty\nSee the map, über\nAll.\n\n"
        "On each page\n\nA note."
    )
    assert read(tmp_path, a_word(), DOC) == [("", text, False)]


def test_fonts_of_word_6_tell_the_script(tmp_path: Path) -> None:
    runs = [
        (b"4 sk\xf3re a p", 0),
        (b"\xf8", 1),
        (b"ed 7 lety; ", 0),
        ("Четыре".encode("cp1251"), 2),
        (b" caf\xe9\r", 0),
    ]
    data = streams.old_word(runs, [0, 238, 204])
    assert read(tmp_path, data, DOC) == [("", "4 skóre a před 7 lety; Четыре café", False)]
    # Without those fonts all is Western, and a table that is torn costs nothing else.
    assert read(tmp_path, streams.old_word(runs[:3], [0, 0, 2]), DOC) == [("", "4 skóre a pøed 7 lety;", False)]
    assert read(tmp_path, streams.old_word(runs[:3], []), DOC) == [("", "4 skóre a pøed 7 lety;", False)]


def test_slides(tmp_path: Path) -> None:
    parts = [("Plums", "Plums\nForty trees\n\nSpeak up", False), ("Später", "Später\nQuinces", True)]
    assert read(tmp_path, a_show(), PPT) == parts


def test_messages(tmp_path: Path) -> None:
    first = "Subject: Harvest\nFrom: Anna <anna@example.org>\nTo: Ben\n\nBring baskets.\n\nAttached: list.xlsx"
    parts = [("Harvest", first, False), ("Спелые", "Subject: Спелые\n\nYes.", False)]
    assert read(tmp_path, streams.compound(a_message()), MSG) == parts


def test_addresses_of_recipients_stand_beside_their_names(tmp_path: Path) -> None:
    found = streams.message({"0037": "Harvest", "0e04": "Ben; Clara Quince; dora@example.org", "0e03": "Emil"})
    people = [("Ben", {"3003": "/O=FARM/CN=BEN", "39fe": "ben@example.org"}), ("Emil", {"3003": "emil@example.org"})]
    people += [("dora@example.org", {"3003": "dora@example.org"})]
    for number, (name, addresses) in enumerate(people):
        place = f"__recip_version1.0_#{number:08X}/"
        found |= streams.message({"3001": name, **addresses}, place=place)
    text = read(tmp_path, streams.compound(found), MSG)[0][1]
    assert text.splitlines()[1:] == [
        "To: Ben <ben@example.org>; Clara Quince; dora@example.org",
        "Cc: Emil <emil@example.org>",
    ]


def test_a_message_in_html_and_in_rich_text(tmp_path: Path) -> None:
    page = streams.message({"0037": "H", "10130102": b"<p>Only <b>HTML</b></p>"})
    assert read(tmp_path, streams.compound(page), MSG)[0][1] == "Subject: H\n\nOnly HTML"
    rich = rb"{\rtf1\ansi Plums and more plums\par}"
    stored = struct.pack("<IIII", len(rich) + 12, len(rich), 0x414C454D, 0) + rich
    assert outlook.unpacked(stored) == rich
    message = streams.message({"0037": "R", "10090102": stored})
    assert read(tmp_path, streams.compound(message), MSG)[0][1] == "Subject: R\n\nPlums and more plums"


def test_compressed_rich_text() -> None:
    # The example of MS-OXRTFCP, 3.1.1.
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert outlook.unpacked(packed) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"


def test_workbook(tmp_path: Path) -> None:
    costs = "Plum\tQuinçé\n29.02.2024\t19.5%\n4915\t4915123456789\n7\t5\nTRUE\t#DIV/0!\njoined\n\nPage  Private\n\njam!"
    found = read(tmp_path, a_book(), XLS)
    assert found == [("Costs", costs.replace("Page  Private", "Page Private"), False), ("Old", "secret", True)]


def test_the_name_does_not_decide(tmp_path: Path) -> None:
    assert read(tmp_path, a_word(), XLS)[0][1].startswith("The plum harvest")
    assert read(tmp_path, a_book(), PPT)[0][0] == "Costs"
    assert failure(tmp_path, streams.compound({"Other": b"x"}), DOC).error_class is ErrorClass.UNSUPPORTED


def test_passwords_are_named(tmp_path: Path) -> None:
    locked = [
        (streams.word("Secret\r", flags=0x0300), DOC),
        (streams.show([("Secret", "", "", False)], locked=True), PPT),
        (streams.book([("S", 0, b"")], more=streams.biff(0x2F, bytes(54))), XLS),
        (streams.compound({"EncryptedPackage": b"x" * 100, "EncryptionInfo": b"y" * 100}), documents.PROTECTED),
    ]
    for data, mime in locked:
        error = failure(tmp_path, data, mime)
        assert error.error_class is ErrorClass.UNSUPPORTED
        assert error.message == "the document is protected with a password"


@pytest.mark.parametrize("what", ["doc", "ppt", "msg", "xls"])
def test_no_damage_raises_anything_else(tmp_path: Path, what: str) -> None:
    good, mime = {
        "doc": (a_word(), DOC),
        "ppt": (a_show(), PPT),
        "msg": (streams.compound(a_message()), MSG),
        "xls": (a_book(), XLS),
    }[what]
    rng = random.Random(what)
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(len(data))
            if rng.random() < 0.8:
                data[at] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
            else:
                del data[at : at + rng.randint(1, 600)]
        with contextlib.suppress(ItemError):
            read(tmp_path, bytes(data), mime)
