"""The text of a file, step by step: an image or the pages of a PDF. How a page is recognised is in page.py.

A PDF's own text is taken where that is real text. Pages are recognised by Tesseract: lines below lines on an even
background, where it is the better engine. Photographs are recognised by PP-OCR, which finds text anywhere in a picture.
The profile of an image decides between the two; where Tesseract makes little sense of something like a page, PP-OCR has
its turn.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pillion import _core, extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import models, pdf, ppocr, tesseract
from pillion.kinds.ocr.blocks import ocr_page
from pillion.kinds.ocr.curl import BentSource, bend_of
from pillion.kinds.ocr.ideographs import Ideographs
from pillion.kinds.ocr.kind import AUTO
from pillion.kinds.ocr.known import as_text, known_in, words_in
from pillion.kinds.ocr.layout import (
    SIDEWAYS_TURNS,
    Gray,
    as_rules,
    dark_on_light,
    dark_rim,
    gray_of,
    print_gray_of,
)
from pillion.kinds.ocr.page import (
    Begun,
    ImageSource,
    PageSource,
    PictureSource,
    RecognisedPage,
    begin_beside,
    is_drawn,
    part,
    recognise_page,
)
from pillion.kinds.ocr.photograph import (
    LARGEST_SIDE,
    LevelPrint,
    level_print,
    level_print_in,
    recognise_level_print,
    recognise_photograph,
    small_print_in,
)
from pillion.kinds.ocr.ppocr import Region
from pillion.kinds.ocr.result import Direction, Notes, OcrPage, OcrResult, are_unspaced, mean_confidence
from pillion.kinds.ocr.rows import Shown
from pillion.kinds.ocr.segments import (
    SURE,
    UNREADABLE,
)
from pillion.kinds.ocr.sheet import Sheet, SheetPicture, SheetSource, page_in_picture, sheet_in
from pillion.kinds.ocr.slip import lines_of_slip
from pillion.kinds.ocr.tesseract import Recognisers
from pillion.kinds.ocr.unread import is_unread, sentence
from pillion.machine import beside, spread
from pillion.pool import keepalive
from pillion.readers.images.decode import opened, pages
from pillion.readers.pdf import document as pdfium

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    from pillion.extras import lazy_numpy as np


def recognise(
    path: Path,
    *,
    is_pdf: bool,
    languages: str | Sequence[str],
    tessdata: str | None = None,
    engine: str = AUTO,
    passwords: str | None = None,
) -> OcrResult:
    """The text of a file; pages without lines where there is none. Raises ItemError; UsageError for what is no
    language.

    ``engine``: the one for images, ``tesseract`` or ``rapidocr``; ``auto``: the one that suits the image, or the page
    of a PDF that is one.
    ``passwords``: a file of passwords for PDFs, see :func:`pillion.readers.pdf.document.opened`.
    """
    recognisers = Recognisers(languages, tessdata, _ideographs if engine == AUTO else _no_ideographs)
    if is_pdf:
        return _recognise_pdf(path, recognisers, passwords, has_ppocr=engine == AUTO and models.has_networks())
    if "numpy" not in sys.modules:
        extras.require("ocr", "pictures of text", "numpy")
    return _recognise_images(path, recognisers, engine)


def _ideographs() -> Ideographs | None:
    return Ideographs(lambda: ppocr.loaded().line_reader()) if models.has_networks() else None


def _no_ideographs() -> None:
    return None


# an image, or several in a file ---------------------------------------------------------------------------------------

_PROFILE_SIDE = 1600
_LARGEST_LOOKED_AT = 2400
"""A larger picture of a page is drawn again, smaller, to tell what it shows."""
_LARGE_PIXELS = 40_000_000
"""A larger picture is not decoded at two sizes at once, which takes twice the memory."""
_UNSURE = 80.0
"""Mean confidence below which PP-OCR has its turn: most such pages it reads better (docs/performance-ocr.md)."""
_NOISE = 70.0
_AS_LONG = 0.8
"""The share of its letters and digits below which another reading has lost a part of the page."""
_ENGLISH = ("eng",)
_SLIP = 1.7
_UNSURE_SLIP = 92.0
"""A picture so many times as long as wide is a slip of a till, faint or of dots, and PP-OCR reads it better where
Tesseract is not sure. Not pages: PP-OCR reads rows across their columns."""
_SAMPLE = 24
_CLEAN = 94.0
"""So many lines of a slip, and the mean confidence of the core from which it is a page of clean print."""
_LINES = 50.0
"""Mean confidence of the core below which what was found without the detector are no lines, or on their side."""
_SURE_SLIP = 95.0
"""Mean confidence from which a slip is not laid out as a page, too."""


def _recognise_images(path: Path, recognisers: Recognisers, engine: str) -> OcrResult:
    """All pages of a TIFF, the one of others. A page that cannot be read is left out with a note, unless all are."""
    numbers = pages(path)
    notes = Notes()
    done: list[tuple[int, OcrResult]] = []
    first: ItemError | None = None
    for place, number in enumerate(numbers[: pdf.MAX_OCR_PAGES], 1):
        if done:
            keepalive.beat()
        try:
            picture = opened(path, page=number)
            done.append((place, _recognise_image(picture, recognisers, engine)))
        except ItemError as error:
            if len(numbers) == 1:
                raise
            notes.left_out(pdf.of_page(place, error))
            first = first or error
            continue
        for note in picture.notes:
            notes.missing(note if len(numbers) == 1 else f"page {place}: {note}")
    for note in recognisers.notes:
        notes.add(note)
    if not done:
        raise first or ItemError(ErrorClass.CORRUPT, "the file has no page")
    if len(numbers) > pdf.MAX_OCR_PAGES:
        notes.missing(f"only the first {pdf.MAX_OCR_PAGES} of {len(numbers)} pages were read")
    return _joined(done, notes)


def _joined(results: Sequence[tuple[int, OcrResult]], notes: Notes) -> OcrResult:
    """One result of those of the pages, which may differ in their engine: that of most of them is named."""
    engines = Counter((result.engine, result.engine_version) for _, result in results)
    ((engine, version), _), *_ = engines.most_common(1)
    return OcrResult(
        engine=engine,
        engine_version=version,
        languages=tuple(dict.fromkeys(language for _, result in results for language in result.languages)),
        pages=tuple(replace(page, number=number) for number, result in results for page in result.pages),
        notes=notes.texts(),
        partial=notes.partial,
    )


def _recognise_image(picture: PictureSource, recognisers: Recognisers, engine: str) -> OcrResult:
    # Where only a part of the extra is installed, photographs wait for the rest of it: the recipe names the networks.
    has_ppocr = engine == ppocr.NAME or (engine == AUTO and models.has_networks())
    if engine == ppocr.NAME:
        return _by_ppocr(picture)
    if has_ppocr and _is_slip(picture) and recognisers.languages == _ENGLISH:
        return _maybe_slip(picture, recognisers)
    return _as_seen(picture, _seen(picture, recognisers, photographs=has_ppocr), recognisers, has_ppocr=has_ppocr)


def _maybe_slip(picture: PictureSource, recognisers: Recognisers) -> OcrResult:
    """What has the form of a till's slip. Few of these can Tesseract's layout read, so their lines are found without
    it, while they are looked at; and PP-OCR reads what the core is not sure of.

    Clean print is no slip, and is laid out as a page; so is what is in another language, or makes little sense. Before
    that PP-OCR's detector looks for the lines, which finds more of what is faint, crumpled or askew, but takes as long
    as all that is read.
    """
    with beside(partial(_print_in, picture), tesseract.MAX_THREADS) as begun:
        with part("look"):
            seen = _shown(ImageSource.of(picture), _PROFILE_SIDE, photographs=True)
        found = begun.result()
    if seen.sheet is not None:
        return _as_seen(picture, seen, recognisers, has_ppocr=True)
    if seen.is_photograph:
        return _by_ppocr(picture)
    slip = _slip(picture, found, recognisers, least=_LINES) if found is not None else _NotSure(None)
    if isinstance(slip, _NotSure) and not slip.is_page:
        small_print = _small_print_in(picture)
        slip = _slip(picture, level_print(picture, small_print), recognisers) if small_print else _NotSure(None)
    if isinstance(slip, OcrResult):
        return slip
    return _as_seen(picture, seen, recognisers, has_ppocr=True, slip=slip.reading)


@dataclass(frozen=True, slots=True, eq=False)
class _NotSure:
    """What was not read as a slip. ``reading``: what it says, not surely. ``is_page``: it is to be laid out."""

    reading: OcrResult | None
    is_page: bool = False


def _print_in(picture: PictureSource) -> LevelPrint | None:
    """Its lines, found without a network; None where there is little print."""
    with part("layout"):
        pixels = picture.pixels(LARGEST_SIDE)
        places = lines_of_slip(print_gray_of(pixels))
        return level_print_in(picture, pixels, places) if places else None


def _slip(
    picture: PictureSource, found: LevelPrint, recognisers: Recognisers, *, least: float = 0.0
) -> OcrResult | _NotSure:
    """The slip by the core where that is sure, else by PP-OCR; not where it is clean print or in another language.

    ``least``: the mean confidence of the core below which what was found are no lines.
    """
    with part("read"):
        gray = found.gray()
        known = known_in(gray, found.regions[:_SAMPLE], recognisers.read)
        text = as_text(known)
        if text.confidence < least:
            return _NotSure(None)
        if text.confidence >= _CLEAN or recognisers.languages_to_try(text):
            return _NotSure(None, is_page=True)
        known += known_in(gray, found.regions[_SAMPLE:], recognisers.read)
        page = recognise_level_print(found, known, ppocr.loaded(), is_latin=True)
        slip = _result_of(page, picture, picture, None)
    return slip if (slip.pages[0].confidence or 0.0) >= _SURE_SLIP else _NotSure(slip)


def _as_seen(
    picture: PictureSource, seen: _Seen, recognisers: Recognisers, *, has_ppocr: bool, slip: OcrResult | None = None
) -> OcrResult:
    """A photograph by PP-OCR, a page by Tesseract, and one of which that makes little sense by PP-OCR, too.

    ``slip``: how PP-OCR read it before.
    """
    if seen.is_photograph and seen.sheet is None:
        return _by_ppocr(picture)
    whole = seen.whole or ImageSource.of(picture)
    alone = whole if seen.sheet is None else SheetSource.of(picture, seen.sheet)
    only, found = _read_page(alone, recognisers, picture, seen.begun)
    if seen.sheet is not None and _confidence(only, found) < _UNSURE and not seen.is_photograph:
        # What looks like a sheet may be a bright part of something else.
        read = (only, found), _read_page(whole, recognisers, picture)
        only, found = max(read, key=lambda one: _score(one[0]))
    if has_ppocr and _confidence(only, found) < _sure_enough(only):
        other = slip or _again(picture, seen.sheet, only)
        if _is_better(other.pages[0], only, may_be_short=seen.is_photograph):
            _note_unread(found.unread, other.pages[0], recognisers)
            return other
    _note_unread(found.unread, only, recognisers)
    engine, version = _reader_of(only, recognisers)
    languages = only.languages or recognisers.languages
    return OcrResult(engine=engine, engine_version=version, languages=languages, pages=(only,))


def _is_better(other: OcrPage, only: OcrPage, *, may_be_short: bool) -> bool:
    """Whether PP-OCR's reading of a page is. ``only``: Tesseract's, or that of the lines that its layout found.

    Where PP-OCR's own recogniser was not sure of those lines, they are none.
    """
    if _is_ideographic(only):
        return (other.confidence or 0.0) > (only.confidence or 0.0)
    is_as_long = may_be_short or _letters(other) >= _AS_LONG * _letters(only)
    return _score(other) > _score(only) and is_as_long


def _is_ideographic(only: OcrPage) -> bool:
    """Whether it is Chinese or Japanese in lines that run across."""
    return only.direction is not Direction.DOWN and not models.IDEOGRAPHIC.isdisjoint(only.languages)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a picture shows. ``sheet``: the sheet of paper in it that is to be read by itself. ``is_photograph``: it is
    none of a page. ``whole``: all of it as a page, where that is known. ``begun``: that page so far, where it was drawn
    meanwhile.
    """

    sheet: Sheet | None
    is_photograph: bool = False
    whole: ImageSource | None = None
    begun: Begun | None = None


def _seen(picture: PictureSource, recognisers: Recognisers, *, photographs: bool) -> _Seen:
    """What the picture shows, by its pixels at one size. ``photographs``: whether those are read by themselves.

    Else that size is the one at which the page is laid out, so that nothing is decoded twice. Where photographs are
    read, the page is begun meanwhile: most pictures of text are pages.
    """
    if not photographs:
        whole = ImageSource.of(picture)
        return _shown(whole, whole.first_side, photographs=False)
    if picture.width * picture.height > _LARGE_PIXELS:
        return _shown(ImageSource.of(picture), _PROFILE_SIDE, photographs=True)
    begun, seen = begin_beside(picture, recognisers, partial(_shown, side=_PROFILE_SIDE, photographs=True))
    return seen if seen.is_photograph or seen.sheet is not None else replace(seen, begun=begun)


def _shown(whole: ImageSource, side: int | None, *, photographs: bool) -> _Seen:
    """``side``: the longest one of the pixels that are looked at; without ``photographs``, that of its first scale."""
    pixels = whole.picture.pixels(side)
    gray = gray_of(pixels)
    sheet = _sheet_of_print(whole.picture, pixels, gray)
    if not photographs:
        return _Seen(sheet, whole=replace(whole, drawn=gray))
    return _Seen(sheet, not _core.look(gray).is_paper and not is_drawn(gray), whole)


def _sheet_of_print(picture: PictureSource, pixels: NDArray[np.uint8], gray: Gray) -> Sheet | None:
    """The sheet in a picture that is to be read by itself. ``pixels``, ``gray``: the picture, smaller."""
    sheet = sheet_in(picture, pixels) if dark_rim(pixels) is not None else None
    if sheet is None:
        return None
    size = float(picture.width), float(picture.height)
    alone = dark_on_light(sheet.drawn(gray, size, gray.shape[1] / size[0]))
    return sheet if _core.look(alone).is_paper else None


_FLAT = 95.0
"""Mean confidence from which the lines of a page that was lit unevenly are taken for straight."""


def _read_page(
    source: ImageSource | SheetSource, recognisers: Recognisers, picture: PictureSource, begun: Begun | None = None
) -> tuple[OcrPage, RecognisedPage]:
    """The page by Tesseract, with its boxes in the picture; where its lines bend, maybe with these made straight. And
    how it was read as it is.
    """
    found = _recognised_page(source, recognisers, begun)
    only = _stored(found, source, picture)
    straight = _straightened(found, only, picture, recognisers, begun) if isinstance(source, ImageSource) else None
    return only if straight is None else max(only, straight, key=_score), found


def _note_unread(letters: int, only: OcrPage, recognisers: Recognisers) -> None:
    """Say what to do where print makes no sense. ``letters``: those unread; ``only``: how it was read in the end."""
    if letters and is_unread(letters, only):
        recognisers.note(sentence(recognisers.all_languages))


def _straightened(
    found: RecognisedPage, only: OcrPage, picture: PictureSource, recognisers: Recognisers, begun: Begun | None
) -> OcrPage | None:
    """The page in a picture with its lines made straight; None where these do not bend, or were read well as they are.

    ``found``, ``only``: how it was read as it is. ``begun``: it as it was drawn; a page that was never in front of a
    lens is no bent sheet, however uneven its pictures and shades are.
    """
    may_bend = found.was_uneven and not found.rotation and not found.down
    if not may_bend or (only.confidence or 0.0) >= _FLAT or (begun is not None and is_drawn(begun.gray)):
        return None
    whole = ImageSource.of(picture)
    bend = bend_of(_core.levelled(whole.gray(whole.first_scale)), whole.size)
    if bend is None:
        return None
    straight = BentSource(whole, bend)
    return _stored(_recognised_page(straight, recognisers), straight, picture)


def _recognised_page(source: PageSource, recognisers: Recognisers, begun: Begun | None = None) -> RecognisedPage:
    found = recognise_page(source, recognisers, begun)
    if found.on_side and not found.down and (mean_confidence(found.lines) or 0.0) < SURE:
        recognisers.note_columns(found.languages)
    return found


def _stored(found: RecognisedPage, source: ImageSource | SheetSource | BentSource, picture: PictureSource) -> OcrPage:
    only = ocr_page(
        1,
        source.size,
        "pixel",
        found.lines,
        found.rotation,
        languages=found.languages,
        figures=found.figures,
        skew=found.skew,
        down=found.down,
    )
    size = float(picture.width), float(picture.height)
    if isinstance(source, SheetSource):
        return page_in_picture(only, source.sheet, size)
    return page_in_picture(only, source.bend, size) if isinstance(source, BentSource) else only


def _confidence(only: OcrPage, found: RecognisedPage) -> float:
    """The mean over the words of a page and those that were left out: PP-OCR finds words in pictures, too."""
    words = [word.confidence for line in only.lines for word in line.words if word.confidence is not None]
    return sum([*words, *found.left_out]) / max(1, len(words) + len(found.left_out))


def _sure_enough(only: OcrPage) -> float:
    """The mean confidence from which a page is not read again. PP-OCR's network has no letters with accents, and it
    reads the tiers of columns on a page as if they were one.
    """
    if only.direction is Direction.DOWN:
        return UNREADABLE
    return _UNSURE_SLIP if _is_slip(only) and only.languages in ((), _ENGLISH) else _UNSURE


def _is_slip(sized: OcrPage | PictureSource) -> bool:
    """Whether it is that long along its text: one that is so wide is a slide."""
    on_side = isinstance(sized, OcrPage) and sized.rotation % 180 != 0
    width, height = (sized.height, sized.width) if on_side else (sized.width, sized.height)
    return height >= _SLIP * width


def _small_print_in(picture: PictureSource) -> list[Region]:
    with part("layout"):
        return small_print_in(picture, ppocr.loaded())


def _again(picture: PictureSource, sheet: Sheet | None, before: OcrPage) -> OcrResult:
    """By PP-OCR what was read before. What is sure in it is not read again, where it is level print."""
    is_level = sheet is None and before.rotation == 0 and before.direction is not Direction.DOWN
    words = [word for line in before.lines for word in line.words] if is_level else []
    small_print = _small_print_in(picture) if words else []
    if not small_print:
        return _by_ppocr(picture, sheet)
    with part("again"):
        found = level_print(picture, small_print)
        shown = Shown.SLIP if _is_slip(picture) else Shown.PAGE
        page = recognise_level_print(found, words_in(found.places, words), ppocr.loaded(), shown)
        return _result_of(page, picture, picture, None)


def _by_ppocr(picture: PictureSource, sheet: Sheet | None = None) -> OcrResult:
    """As a photograph, of a sheet in it alone if there is one."""
    source = picture if sheet is None else SheetPicture(picture, sheet)
    return _result_of(recognise_photograph(source, ppocr.loaded()), source, picture, sheet)


def _result_of(found: RecognisedPage, source: PictureSource, picture: PictureSource, sheet: Sheet | None) -> OcrResult:
    """PP-OCR does not say in which language the text is. ``source``: in whose pixels it was found."""
    down = found.rotation == 90 * SIDEWAYS_TURNS and are_unspaced(line.text for line in found.lines)
    rotation = 0 if down else found.rotation
    size = source.width, source.height
    only = ocr_page(1, size, "pixel", found.lines, rotation, skew=0.0 if down else found.skew, down=down)
    if sheet is not None:
        only = page_in_picture(only, sheet, (float(picture.width), float(picture.height)))
    return OcrResult(engine=ppocr.NAME, engine_version=ppocr.version(), languages=(), pages=(only,))


def _letters(only: OcrPage) -> int:
    """How many letters and digits a page has: rules and leaders are read as rows of marks."""
    return sum(map(str.isalnum, only.text))


def _score(only: OcrPage) -> float:
    """Orders two results for one picture: characters, weighted by their confidence above that of noise."""
    words = [word for line in only.lines for word in line.words]
    return sum(max(0.0, (word.confidence or 0.0) - _NOISE) * len(word.text) for word in words)


# a PDF ----------------------------------------------------------------------------------------------------------------


def _recognise_pdf(path: Path, recognisers: Recognisers, passwords: str | None, *, has_ppocr: bool) -> OcrResult:
    """First all pages are inspected, one after the other, which takes milliseconds each. Then those with something to
    recognise are spread over the free cores.
    """
    with pdfium.opened(path, passwords) as document:
        notes = Notes()
        drafts = pdf.inspected(document, notes)
        chosen = pdf.to_recognise(drafts, notes)
        recognised: dict[int, OcrPage] = {}
        # A PDF with real text on all pages needs no Tesseract: it is looked for and loaded for the first picture.
        engine = (pdfium.NAME, pdfium.version())
        engines: set[str] = set()
        tasks = (partial(_recognise_pdf_page, document, draft, recognisers, has_ppocr) for draft in chosen)
        for draft, outcome in zip(chosen, spread(tasks, tesseract.MAX_THREADS), strict=True):
            keepalive.beat()
            if isinstance(outcome, ItemError):
                notes.left_out(outcome)
            else:
                recognised[draft.number], engine = outcome
                engines.add(engine[0])
        pages = pdf.assembled(document, drafts, recognised, notes)
    for note in recognisers.notes:
        notes.add(note)
    if tesseract.NAME in engines:
        engine = (tesseract.NAME, recognisers.engine.version())
    languages = tuple(dict.fromkeys(language for one in pages for language in one.languages))
    return OcrResult(
        engine=engine[0],
        engine_version=engine[1],
        languages=languages or recognisers.languages,
        pages=tuple(pages),
        notes=notes.texts(),
        partial=notes.partial,
    )


_ByEngine = tuple[OcrPage, tuple[str, str]]
"""A page, and who read it, with the version."""


def _recognise_pdf_page(
    document: pdfium.Document, draft: pdf.Draft, recognisers: Recognisers, has_ppocr: bool
) -> _ByEngine | ItemError:
    """The page, or why it is left out. Raises ItemError where that is not the page's own fault."""
    try:
        with document.page(draft.number - 1) as drawn:
            source, picture = pdf.PdfPageSource.of(drawn, draft), pdf.PagePicture.of(drawn, draft)
            if picture is not None:
                return _recognise_page_picture(source, picture, draft, recognisers, has_ppocr=has_ppocr)
            found = _recognised_page(source, recognisers)
            only = pdf.merged(draft, found)
            _note_unread(found.unread, only, recognisers)
            return only, _reader_of(only, recognisers)
    except ItemError as error:
        return pdf.left_out(draft, error)


def _recognise_page_picture(
    source: pdf.PdfPageSource, picture: pdf.PagePicture, draft: pdf.Draft, recognisers: Recognisers, *, has_ppocr: bool
) -> _ByEngine:
    """A page that is a picture: as one in a file where it shows a photograph or a sheet, else as any page.

    Most are scans: what tells them apart are the pixels at which the page is laid out, so that these are drawn once.
    """
    with part("draw"):
        gray = picture.gray(source.first_scale)
    with part("look"):
        profile = _core.look(gray)
        # Small pictures on large pages are drawn larger than they are.
        small = gray if max(gray.shape) <= _LARGEST_LOOKED_AT else gray_of(picture.pixels(_PROFILE_SIDE))
        is_paper = (profile if small is gray else _core.look(small)).is_paper
        sheet = _sheet_of_print(picture, pdf.in_colours(small), small)
    if sheet is not None or (has_ppocr and not is_paper):
        seen = _Seen(sheet, has_ppocr and not is_paper)
        result = _as_seen(picture, seen, recognisers, has_ppocr=has_ppocr)
        return _on_page(result.pages[0], picture, draft), (result.engine, result.engine_version)
    printed = as_rules(dark_on_light(gray))
    begun = Begun(printed, profile if printed is gray else _core.look(printed))
    found = _recognised_page(source, recognisers, begun)
    only = pdf.merged(draft, found)
    straight = _straightened(found, only, picture, recognisers, begun)
    if straight is not None:
        only = max(only, _on_page(straight, picture, draft), key=_score)
    _note_unread(found.unread, only, recognisers)
    return only, _reader_of(only, recognisers)


def _on_page(found: OcrPage, picture: pdf.PagePicture, draft: pdf.Draft) -> OcrPage:
    """What was read in the pixels of a page's picture, on the page."""
    return replace(page_in_picture(found, picture, picture.size), number=draft.number, unit="point")


def _reader_of(only: OcrPage, recognisers: Recognisers) -> tuple[str, str]:
    """Who read a page that Tesseract laid out, with the version."""
    if _is_ideographic(only) and recognisers.ideographs is not None:
        return ppocr.NAME, ppocr.version()
    return tesseract.NAME, recognisers.engine.version()
