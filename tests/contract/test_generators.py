"""What every generator must keep, whatever it makes: see pillion.kinds.generator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import msgpack
import pytest

from pillion.errors import ErrorClass, ItemError
from pillion.kinds import registry
from pillion.kinds.generator import Generator
from pillion.kinds.ocr.result import OCR_SCHEMA_VERSION
from pillion.kinds.registry import canonical, find
from pillion.model import Empty, Generated, GenerationRequest, Produced, SidecarFormat, SidecarKind
from tests.support import speech, towers

MIMES = {
    "thumb-image": "image/jpeg",
    "thumb-pdf": "application/pdf",
    "thumb-video": "video/mp4",
    "ocr": "image/png",
    "transcript": "audio/wav",
    "text": "text/plain",
    "embeddings": "text/plain",
    "picture-embeddings": "image/jpeg",
    "thumbstrip": "video/mp4",
    "proxy": "video/mp4",
}
SCHEMAS = {"ocr": OCR_SCHEMA_VERSION}
ALL = [generator for kind in registry.names() for generator in registry.generators(kind)]
by_name = pytest.mark.parametrize("generator", ALL, ids=lambda generator: generator.name)


def request_for(generator: Generator, source: Path, mime: str | None = None, **more: Any) -> GenerationRequest:
    variants = registry.spec(generator.kind).variants
    if generator.name == "picture-embeddings":
        # It reads a picture, and that is its thumbnail.
        more["texts"] = {SidecarKind("thumb"): source}
    return GenerationRequest(
        kind=generator.kind, variants=variants, source=source, mime=mime or MIMES[generator.name], **more
    )


@pytest.fixture(autouse=True)
def _model_of_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only model whose weights no package carries is a small one of the tests."""
    case = getattr(request.node, "callspec", None)
    generator = case.params.get("generator") if case is not None else None
    if generator is not None and generator.name == "picture-embeddings":
        monkeypatch.setenv("PILLION_MODELS", str(request.getfixturevalue("small_model")))


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    towers.write_model(root)
    return root


@pytest.fixture(scope="module")
def short_speech(samples: Path) -> Path:
    return speech.say("Good morning, and welcome to the station.", "en", samples / "short.wav")


@pytest.fixture(scope="module")
def already_made() -> dict[str, Generated]:
    """What each generator made of its good source: made once, for several tests to compare with."""
    return {}


@pytest.fixture
def source_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Generator], Path]:
    """A good source for a generator."""

    def source(generator: Generator) -> Path:
        fixtures = {
            "thumb-image": "photo",
            "thumb-pdf": "text_pdf",
            "thumb-video": "silent_video",
            "ocr": "text_page",
            "transcript": "short_speech",
            "thumbstrip": "silent_video",
            "proxy": "silent_video",
            "picture-embeddings": "photo",
        }
        if generator.name in fixtures:
            path = request.getfixturevalue(fixtures[generator.name])
            assert isinstance(path, Path)
            return path
        text = tmp_path / "note.txt"
        text.write_text("The harbour opens at nine. " * 60)
        return text

    return source


def test_names_are_unique() -> None:
    assert sorted(generator.name for generator in ALL) == sorted(MIMES)


@by_name
def test_is_found_by_kind_and_type(generator: Generator) -> None:
    assert generator.accepts(MIMES[generator.name])
    assert find(generator.kind, MIMES[generator.name]) is generator
    assert not generator.accepts("application/octet-stream")


def test_nothing_is_found_for_what_cannot_be() -> None:
    assert find("transcript", "image/png") is None
    assert find("thumb", "text/plain") is None


@by_name
def test_recipe_is_stable(generator: Generator) -> None:
    for variant in registry.spec(generator.kind).variants:
        first = generator.recipe(MIMES[generator.name], variant, {})
        assert canonical(first) == canonical(generator.recipe(MIMES[generator.name], variant, {}))
        assert first.generator == generator.name
        assert first.version == generator.version
        json.loads(canonical(first))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ocr", {"languages": ["deu"]}),
        ("ocr", {"languages": ["eng", "deu"]}),
        ("transcript", {"model": "tiny.en"}),
        ("transcript", {"language": "fr"}),
        ("embeddings", {"compute": "float32"}),
    ],
)
def test_recipe_tells_settings_apart(name: str, settings: dict[str, Any]) -> None:
    generator = next(generator for generator in ALL if generator.name == name)
    variant = registry.spec(generator.kind).variants[0]
    assert canonical(generator.recipe("", variant, settings)) != canonical(generator.recipe("", variant, {}))


def test_recipe_needs_no_known_model() -> None:
    generator = find("transcript", "audio/wav")
    assert generator is not None
    assert "no-such-model" in generator.recipe("audio/wav", "default", {"model": "no-such-model"}).model


def test_import_and_recipe_load_no_engine() -> None:
    code = """
import sys
from pillion.kinds import registry
ALL = [each for kind in registry.names() for each in registry.generators(kind)]
for generator in ALL:
    for variant in registry.spec(generator.kind).variants:
        for mime in ("image/png", "image/heic", "image/x-adobe-dng"):
            generator.recipe(mime, variant, {})
engines = "numpy tesserocr pytesseract PIL pi_heif rawpy pypdfium2 av faster_whisper ctranslate2".split()
engines += ["onnxruntime", "tokenizers", "rapidocr", "cv2"]
print(*[name for name in engines if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []


@by_name
@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nrubbish", b"%PDF-1.4 rubbish", bytes(range(256)) * 64])
def test_rubbish_gives_a_typed_error(generator: Generator, content: bytes, tmp_path: Path) -> None:
    if generator.kind in ("text", "embeddings"):
        pytest.skip("any bytes are text to somebody")
    source = tmp_path / "rubbish"
    source.write_bytes(content)
    with pytest.raises(ItemError) as caught:
        generator.generate(request_for(generator, source))
    assert caught.value.error_class in (ErrorClass.CORRUPT, ErrorClass.UNSUPPORTED)
    assert str(source) not in caught.value.message


@by_name
def test_a_file_cut_short_gives_a_typed_error_or_what_is_left(
    generator: Generator, source_of: Callable[[Generator], Path], tmp_path: Path
) -> None:
    data = source_of(generator).read_bytes()
    for part in (0.02, 0.7):
        source = tmp_path / f"cut{part}"
        source.write_bytes(data[: int(len(data) * part)])
        assert outcome(generator, source) in (None, ErrorClass.CORRUPT, ErrorClass.UNSUPPORTED)


def outcome(generator: Generator, source: Path) -> ErrorClass | None:
    try:
        generator.generate(request_for(generator, source))
    except ItemError as error:
        return error.error_class
    return None


@by_name
def test_a_missing_source_is_said_to_be_missing(generator: Generator, tmp_path: Path) -> None:
    with pytest.raises(ItemError) as caught:
        generator.generate(request_for(generator, tmp_path / "gone"))
    assert caught.value.error_class is ErrorClass.MISSING_SOURCE


@by_name
def test_same_source_same_bytes(
    generator: Generator, source_of: Callable[[Generator], Path], already_made: dict[str, Generated]
) -> None:
    source = source_of(generator)
    before = sorted(source.parent.iterdir()), source.stat().st_mtime_ns
    first = generator.generate(request_for(generator, source))
    already_made[generator.name] = first
    assert not isinstance(first, Empty)
    assert first == generator.generate(request_for(generator, source))
    assert [made.variant for made in first] == list(registry.spec(generator.kind).variants)
    assert (sorted(source.parent.iterdir()), source.stat().st_mtime_ns) == before
    for made in first:
        check(generator.kind, made)


@by_name
def test_names_that_are_not_utf8(
    generator: Generator,
    source_of: Callable[[Generator], Path],
    already_made: dict[str, Generated],
    tmp_path: Path,
) -> None:
    source = Path(str(tmp_path), b"caf\xe9 http: %d".decode("utf-8", "surrogateescape"))
    source.write_bytes(source_of(generator).read_bytes())
    made = generator.generate(request_for(generator, source))
    assert made
    assert made == already_made.get(generator.name, made)


def check(kind: SidecarKind, made: Produced) -> None:
    """That a sidecar is what docs/sidecar-formats.md says."""
    if made.format is SidecarFormat.WEBP:
        assert made.data[:4] == b"RIFF"
        assert made.data[8:12] == b"WEBP"
        return
    if made.format is SidecarFormat.WEBM:
        assert made.data[:4] == b"\x1a\x45\xdf\xa3"
        return
    folder = registry.spec(kind).generators[0].rpartition(".")[0]
    schema = json.loads((resources.files(folder) / f"schema-{SCHEMAS.get(kind, 1)}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    if made.format is SidecarFormat.JSON:
        document = json.loads(made.data)
        assert made.data.endswith(b"}\n")
    else:
        document = msgpack.unpackb(made.data)
        stored = document.pop("vectors") if "chunks" in document else document.pop("vector")
        assert len(stored) == 4 * document["dim"] * len(document.get("chunks", "1"))
    jsonschema.validate(document, schema)
