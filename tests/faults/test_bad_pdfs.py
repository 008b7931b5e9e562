"""PDFs that are damaged, huge or hostile: what can be read is read, the rest is named, and nothing hangs."""

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from pillion.errors import ErrorClass, ItemError
from pillion.kinds.execute import ExecutionTask
from pillion.kinds.ocr import pdf as ocr_pdf
from pillion.kinds.ocr import tesseract
from pillion.kinds.ocr.recognise import recognise
from pillion.kinds.ocr.result import OcrResult
from pillion.kinds.registry import find
from pillion.model import Empty, GenerationRequest
from pillion.pool.pool import WorkerPool
from pillion.readers.pdf import document as pdfium
from tests.support import media, pdfs


def read(path: Path, data: bytes) -> OcrResult:
    path.write_bytes(data)
    return recognise(path, is_pdf=True, languages=("eng",))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "bad.pdf"


def numbered(count: int) -> list[pdfs.Page]:
    return [
        pdfs.Page(content=pdfs.text(f"This is the page with the number {number}.")) for number in range(1, count + 1)
    ]


def raw(*objects: bytes) -> bytes:
    """A PDF of these objects after a catalog (1) whose page tree is object 2."""
    return pdfs.joined([b"<< /Type /Catalog /Pages 2 0 R >>", *objects])


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)


def test_a_damaged_page_is_left_out_and_named(source: Path) -> None:
    data = pdfs.write(numbered(3))
    second = data.index(b"/Type /Page ", data.index(b"/Type /Page ") + 1)
    result = read(source, data[:second] + b"/Type /Rage " + data[second + 12 :].replace(b"/Contents", b"/Kontents", 1))
    assert [page.number for page in result.pages if page.lines] == [1, 3]
    missing = pdfs.write(numbered(3)).replace(b"/Kids [", b"/Kids [99 0 R ").replace(b"/Count 3", b"/Count 4")
    result = read(source, missing)
    assert [page.text[-2:] for page in result.pages if page.lines] == ["1.", "2.", "3."]
    assert result.notes == ("page 1 of the PDF is damaged",)


def test_a_file_cut_short_gives_the_pages_that_are_whole_or_is_corrupt(source: Path) -> None:
    data = pdfs.write(numbered(4))
    outcomes = []
    for part in (0.3, 0.6, 0.9, 0.98):
        try:
            result = read(source, data[: int(part * len(data))])
        except ItemError as error:
            outcomes.append(str(error.error_class))
        else:
            outcomes.append(" ".join(page.text[-2:] for page in result.pages if page.lines))
            assert result.notes[-1] == "the PDF is cut short or damaged, so pages may be missing"
    assert outcomes[0] == "corrupt"
    assert outcomes[1] == "1. 2."
    assert outcomes[-1] == "1. 2. 3. 4."
    with pytest.raises(ItemError) as caught:
        read(source, data[:20])
    assert caught.value.error_class is ErrorClass.CORRUPT


@pytest.mark.parametrize(
    "data",
    [
        raw(b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
        raw(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
        raw(b"<< /Type /Pages /Kids [] /Count 0 >>"),
        raw(b"<< /Type /Pages /Kids [9 0 R] /Count 1 >>"),
        b"%PDF-1.7\nnothing more",
    ],
    ids=["its own kid", "a circle", "no pages", "no such page", "no objects"],
)
def test_a_page_tree_that_leads_nowhere_is_corrupt(data: bytes, source: Path) -> None:
    with pytest.raises(ItemError) as caught:
        read(source, data)
    assert caught.value.error_class is ErrorClass.CORRUPT


@pytest.mark.parametrize(
    "box", ["[0 0 0 0]", "[0 0 0 700]", "[5 5 5 5]", "[600 800 0 0]", "[0 0 1e9 1e9]", "[0 0 nan 5]", "[]"]
)
def test_pages_of_odd_sizes_do_no_harm(box: str, source: Path) -> None:
    content = pdfs.text("This is the page with the number 1.", at=(72, 300))
    result = read(source, pdfs.write([pdfs.Page(content=content, more=f"/MediaBox {box}")]))
    assert all(page.width > 0 and page.height > 0 for page in result.pages)


@pytest.mark.models
def test_a_page_metres_wide_is_read_within_the_cap_of_pixels(source: Path) -> None:
    picture = media.page("Ten metres of harbour wall\nfrom pier to lighthouse", dpi=100, font_size=40)
    size = (28_000, 40_000)
    page = pdfs.Page(content=pdfs.image("Im", (0, 0, *size)), images={"Im": picture}, size=size)
    result = read(source, pdfs.write([page]))
    assert "lighthouse" in result.text
    with pdfium.opened(source) as document, document.page(0) as opened:
        assert opened.gray(10.0).size <= 1.01 * pdfium.MAX_PIXELS


def within_itself(times: int) -> bytes:
    """A page with a form that draws itself so many times."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R "
        b"/Resources << /XObject << /F 5 0 R >> >> >>"
    )
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 5 0 R >> >>"
    form = stream(b"q /F Do Q " * times, head)
    return raw(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, stream(b"/F Do"), form)


def test_a_form_within_itself_ends(source: Path) -> None:
    assert read(source, within_itself(1)).text == ""


def test_an_endless_page_is_stopped_from_outside(source: Path) -> None:
    """PDFium takes exponential time for it, within one call."""
    source.write_bytes(within_itself(50))
    stat = source.stat()
    task = ExecutionTask(
        kind="ocr",
        variants=("default",),
        mime="application/pdf",
        sources=((os.fsencode(source), stat.st_size, stat.st_mtime_ns),),
        settings={},
        texts={},
        staging=bytes(source.with_name("staged")),
    )
    pool = WorkerPool("pillion.kinds.execute:execute", size=1, memory_limit=2 << 30, recycle_bytes=2 << 30)
    try:
        (future,) = pool.submit_batch("ocr", [(task, 2.0)])
        with pytest.raises(ItemError) as caught:
            future.result(120)
        assert caught.value.error_class in (ErrorClass.TOO_LARGE, ErrorClass.TIMEOUT, ErrorClass.OOM)
    finally:
        pool.shutdown(cancel_futures=True)


def test_pages_that_share_everything_are_read_by_the_thousand(source: Path) -> None:
    """Ten thousand pages, one content."""
    kids = b" ".join(b"5 0 R" for _ in range(10_000))
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>"
    )
    content = stream(pdfs.text("One of ten thousand pages.", at=(20, 200)))
    result = read(source, raw(b"<< /Type /Pages /Kids [%s] /Count 10000 >>" % kids, font, content, page))
    assert len(result.pages) == 10_000
    assert result.pages[-1].text == "One of ten thousand pages."
    assert result.notes == ()


def test_more_pages_than_are_looked_at_are_said(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_pdf, "MAX_PAGES", 3)
    result = read(source, pdfs.write(numbered(5)))
    assert len(result.pages) == 3
    assert result.notes == ("only the first 3 pages were looked at",)


@pytest.mark.models
def test_more_scans_than_are_read_are_said(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_pdf, "MAX_OCR_PAGES", 1)
    picture = media.page("The harbour wall", dpi=100, font_size=20)
    scan = pdfs.Page(content=pdfs.image("Im", (0, 0, 595, 842)), images={"Im": picture})
    result = read(source, pdfs.write([scan, *numbered(1), scan]))
    assert [page.number for page in result.pages] == [1, 2]
    assert result.notes == ("only the first 1 pages that are pictures were read",)


ART = b"".join(b"%d %d m %d %d l S\n" % (n * 7 % 595, n * 13 % 842, n * 11 % 595, n * 17 % 842) for n in range(60_000))


@pytest.mark.models
def test_a_page_that_takes_too_long_is_left_out(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_pdf, "PAGE_SECONDS", 0.05)
    result = read(source, pdfs.write([*numbered(1), pdfs.Page(content=ART), *numbered(1)]))
    assert [page.number for page in result.pages] == [1, 3]
    assert result.notes == ("page 2 took too long and was left out",)
    with pytest.raises(ItemError, match="page 1 took too long") as caught:
        read(source, pdfs.write([pdfs.Page(content=ART)]))
    assert caught.value.error_class is ErrorClass.TIMEOUT


@pytest.mark.models
def test_reading_stops_when_its_time_is_up(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract, "_MAX_SECONDS", 0.001)
    scan = pdfs.Page(content=pdfs.image("Im", (0, 0, 595, 842)), images={"Im": media.page(dpi=150)})
    result = read(source, pdfs.write([*numbered(1), scan]))
    assert [page.number for page in result.pages] == [1]
    assert result.notes == ("page 2 took too long and was left out",)


def test_drawing_stops_when_its_time_is_up(source: Path) -> None:
    source.write_bytes(pdfs.write([pdfs.Page(content=ART)]))
    with pdfium.opened(source) as document, document.page(0) as page:
        with pytest.raises(ItemError) as caught:
            page.gray(2.0, until=time.monotonic() - 1)
        assert caught.value.error_class is ErrorClass.TIMEOUT
        assert page.gray(0.2).min() < 255


@pytest.mark.models
def test_a_picture_that_claims_to_be_huge(source: Path) -> None:
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R "
        b"/Resources << /XObject << /I 5 0 R >> >> >>"
    )
    lies = stream(
        zlib.compress(bytes(1000)),
        b"/Type /XObject /Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        b"/Filter /FlateDecode",
    )
    data = raw(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, stream(b"q 200 0 0 200 0 0 cm /I Do Q"), lies)
    assert read(source, data).text == ""


@pytest.mark.models
def test_a_content_of_a_million_lines(source: Path) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"0 0 m 1 1 l S " * 100_000) for _ in range(5)) + packer.flush()
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R >>"
    data = raw(b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, stream(packed, b"/Filter /FlateDecode"))
    assert read(source, data).text == ""


def test_an_empty_pdf_is_empty(source: Path) -> None:
    source.write_bytes(pdfs.write([pdfs.Page(), pdfs.Page()]))
    generator = find("ocr", "application/pdf")
    assert generator is not None
    request = GenerationRequest(kind="ocr", variants=("default",), source=source, mime="application/pdf")
    assert generator.generate(request) == Empty(note="no text found")


def test_a_picture_that_is_damaged_leaves_the_text(source: Path) -> None:
    page = pdfs.Page(
        content=pdfs.text("The picture below is broken.") + pdfs.image("Im", (72, 300, 300, 300)),
        images={"Im": Image.new("L", (300, 300), 200)},
    )
    data = pdfs.write([page])
    at = data.index(b"/DCTDecode")
    start = data.index(b"stream\n", at) + 7
    result = read(source, data[:start] + bytes(200) + data[start + 200 :])
    assert result.text == "The picture below is broken."
