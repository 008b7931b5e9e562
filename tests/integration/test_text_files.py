"""Text files as people have them: found by their bytes, whatever the encoding, and read without a wrong letter."""

from __future__ import annotations

from pathlib import Path

import pytest

import pillion
from pillion import _core, api
from pillion.errors import ItemError

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. Договор аренды подписан вчера вечером.\n"
JAPANESE = "会議室の予約は明日の午後三時です。議題は来年度の予算と新しい図書館の建設計画についてです。\n"
CHINESE = "会议定于明天下午三点举行，讨论明年的预算以及新图书馆的建设计划。请各位提前阅读相关资料。\n"
TRADITIONAL = "會議定於明天下午三點舉行，討論明年的預算以及新圖書館的建設計劃。請各位提前閱讀相關資料。\n"
KOREAN = "회의는 내일 오후 세 시에 도서관에서 열립니다. 참석자는 자료를 미리 읽어 주십시오.\n"
GREEK = "Η συνάντηση θα γίνει αύριο το απόγευμα στις τρεις στη βιβλιοθήκη της Αθήνας.\n"
HEBREW = "הפגישה תתקיים מחר בשעה שלוש אחר הצהריים בספרייה העירונית בירושלים.\n"
ARABIC = "سيعقد الاجتماع غدا في الساعة الثالثة بعد الظهر في مكتبة المدينة الجديدة.\n"
THAI = "การประชุมจะจัดขึ้นในวันพรุ่งนี้เวลาบ่ายสามโมงที่ห้องสมุดของเมือง กรุณาอ่านเอกสารล่วงหน้า\n"
POLISH = "Zażółć gęślą jaźń. Źdźbło trawy świeci się w słońcu; późną nocą wrócił do domu.\n"
FRENCH = "L'été dernier, nous avons mangé des crêpes à la châtaigne près de l'église.\n"
TURKISH = "Toplantı yarın öğleden sonra saat üçte şehir kütüphanesinde yapılacak, lütfen geç kalmayın.\n"
UKRAINIAN = "Засідання відбудеться завтра о третій годині дня в міській бібліотеці Києва, приходьте вчасно.\n"

WRITTEN = [
    *((RUSSIAN, name) for name in ("cp1251", "koi8-r", "iso-8859-5", "cp866", "cp855", "mac-cyrillic", "utf-16-le")),
    *((JAPANESE, name) for name in ("cp932", "euc-jp", "iso-2022-jp", "utf-16-be")),
    *((CHINESE, name) for name in ("gb18030", "gbk", "gb2312", "utf-16-le", "utf-32-be")),
    (TRADITIONAL, "big5"),
    *((KOREAN, name) for name in ("euc-kr", "cp949", "iso-2022-kr")),
    *((GREEK, name) for name in ("cp1253", "iso-8859-7", "cp737")),
    *((HEBREW, name) for name in ("cp1255", "iso-8859-8")),
    *((ARABIC, name) for name in ("cp1256", "iso-8859-6")),
    (THAI, "cp874"),
    *((POLISH, name) for name in ("cp1250", "iso-8859-2", "cp852")),
    *((FRENCH, name) for name in ("cp1252", "iso-8859-15", "mac-roman", "cp850", "utf-16-le", "utf-32-le")),
    *((TURKISH, name) for name in ("cp1254", "cp857")),
    *((UKRAINIAN, name) for name in ("koi8-u", "cp1251")),
]


def text_of(path: Path) -> str:
    return "\n".join(part.text for part in pillion.file_text(path).parts)


@pytest.mark.parametrize(("text", "encoding"), WRITTEN)
@pytest.mark.parametrize("name", ["a.txt", "a"])
def test_a_text_is_read_in_its_encoding(name: str, text: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes((text * 4).encode(encoding))
    assert _core.sniff_file(path) == "text/plain"
    assert text_of(path) == (text * 4).strip()


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-16-le", "utf-16", "utf-8-sig"])
def test_subtitles_are_found_and_read(encoding: str, tmp_path: Path) -> None:
    lines = ("Привет, как дела сегодня?", "Хорошо, спасибо. А у тебя?", "Пойдём домой, уже поздно.")
    text = "".join(f"{n}\r\n00:00:0{n},000 --> 00:00:0{n},900\r\n{line}\r\n\r\n" for n, line in enumerate(lines, 1))
    path = tmp_path / "movie.srt"
    path.write_bytes(text.encode(encoding))
    assert _core.sniff_file(path) == "application/x-subrip"
    read = text_of(path)
    assert all(line in read for line in lines)


def test_a_log_with_zeros_in_it_is_text_without_them(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"line one with a NUL\0 in it\nline two is fine\n" * 20 + bytes(300) + b"after the crash\n\x1a")
    assert _core.sniff_file(path) == "text/plain"
    text = text_of(path)
    assert "\0" not in text
    assert "\x1a" not in text
    assert text.endswith("after the crash")


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff"])
def test_a_mark_alone_is_a_text_without_letters(mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(mark)
    assert _core.media_class(_core.sniff_file(path)) == "text"
    assert text_of(path) == ""


@pytest.mark.parametrize(
    ("name", "data", "mime"),
    [
        ("a.ts", b"export const name: string = 'x';\n" * 9, "text/x-typescript"),
        ("a.ts", (b"\x47\x40\0\x10" + b"\xff" * 184) * 9, "video/mp2t"),
        ("a.ts", b"\x05" * 90 + (b"\x47\x40\0\x10" + bytes(range(184))) * 9, "video/mp2t"),
        ("a.ts", b"\xff" * 90 + (b"\x47\x40\0\x10" + b"\xff" * 184) * 9, "video/mp2t"),
        ("a.txt", b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
        ("a.jpg", "Привет, мир. Это не картинка.\n".encode("cp1251") * 4, "text/plain"),
        ("a.mp3", b"<!DOCTYPE html><title>404</title>" * 9, "text/html"),
        ("a.xml", "<?xml version='1.0' encoding='IBM037'?><a>x</a>".encode("cp037"), "text/xml"),
        ("a.dat", b"RIFF\x10\0\0\0CDXAfmt ", "video/mpeg"),
        ("a.doc", b"\x7fELF\x02\x01\x01" + bytes(60), "application/x-elf"),
        ("a.sh", b"#!/bin/sh\ntail -n +3 $0 | tar x\nexit\n" + bytes(range(256)) * 400, "application/octet-stream"),
    ],
)
def test_bytes_count_more_than_endings(name: str, data: bytes, mime: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert _core.sniff_file(path) == mime


def test_one_huge_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(RUSSIAN.strip().encode("cp1251") * 30_000)
    assert _core.sniff_file(path) == "text/plain"
    assert text_of(path).startswith(RUSSIAN.strip() * 2)


def test_pages_are_read_by_mark_then_declaration(tmp_path: Path) -> None:
    page = f"<html><head><meta charset='windows-1251'><title>x</title></head><body><p>{RUSSIAN}</p></body></html>"
    for encoding in ("cp1251", "utf-8-sig", "utf-16"):
        path = tmp_path / f"{encoding}.html"
        path.write_bytes(page.encode(encoding))
        assert RUSSIAN.strip() in text_of(path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(256)) * 20)
    assert api.sniff(path) == "application/octet-stream"
    with pytest.raises(ItemError) as caught:
        pillion.file_text(path)
    assert caught.value.error_class == "unsupported"
