"""Text in photographs, through ``pillion.ocr`` and a library; and what happens where rapidocr is not installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

import pillion
from pillion.errors import ErrorClass, ItemError
from pillion.kinds.ocr import models, ppocr
from pillion.kinds.ocr.generator import OcrGenerator
from pillion.kinds.ocr.recognise import recognise
from pillion.library.plan import Reason
from tests.support import media, photos, signs

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signs.photo_with(tmp_path_factory.mktemp("signs") / "shop.jpg", "Quigley & Sons", "fine clocks")


def schema() -> object:
    return json.loads((Path(pillion.__file__).parent / "kinds" / "ocr" / "schema-3.json").read_text())


def test_a_sign_in_a_photograph(shop: Path) -> None:
    result = pillion.ocr(shop)
    assert (result.engine, result.languages) == ("rapidocr", ())
    assert result.text == "Quigley & Sons\nfine clocks"
    document = json.loads(result.to_json())
    jsonschema.validate(document, schema())
    (page,) = document["pages"]
    assert (page["width"], page["height"], page["rotation"]) == (1600, 1200, 0)
    left, top, right, bottom = page["lines"][0]["words"][0]["box"]
    assert 400 < left < right < 1200
    assert 400 < top < bottom < 800
    assert pillion.ocr(shop).to_json() == result.to_json()


@pytest.mark.parametrize(("turned", "rotation"), [(90, 270), (180, 180), (270, 90), (30, 0)])
def test_signs_whichever_way_up(turned: float, rotation: int, tmp_path: Path) -> None:
    (page,) = pillion.ocr(signs.photo_with(tmp_path / "turned.jpg", "FRAGILE", "glass", turned=turned)).pages
    assert (page.text, page.rotation) == ("FRAGILE\nglass", rotation)


def test_small_print_is_seen_at_the_second_look(tmp_path: Path) -> None:
    path = signs.photo_with(tmp_path / "far.jpg", "Harbour office", pixels=17, turned=2)
    assert pillion.ocr(path).text == "Harbour office"


@pytest.mark.parametrize("seed", [1, 5])
def test_no_text_is_invented(seed: int, tmp_path: Path) -> None:
    result = pillion.ocr(photos.write_photo(tmp_path / "bare.jpg", seed=seed))
    assert result.text == ""


def test_texture_is_no_text(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rough = Image.fromarray(rng.integers(0, 255, (150, 200, 3), np.uint8)).resize((1600, 1200))
    rough.save(tmp_path / "rough.png")
    assert pillion.ocr(tmp_path / "rough.png").text == ""


def test_pages_stay_with_tesseract(text_page: Path) -> None:
    assert pillion.ocr(text_page).engine == "tesseract"


def test_a_setting_forces_either(shop: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.png"
    media.page("The quick brown fox", dpi=150).save(page)

    def engine(path: Path, name: str) -> str:
        return recognise(path, is_pdf=False, languages=["eng"], engine=name).engine

    assert engine(shop, "tesseract") == "tesseract"
    assert engine(page, "rapidocr") == "rapidocr"


def test_without_rapidocr_tesseract_reads_photographs(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "network_files", list)
    ppocr.loaded.cache_clear()
    assert pillion.ocr(shop).engine == "tesseract"
    with pytest.raises(ItemError, match=r"pillion\[photos\]") as caught:
        recognise(shop, is_pdf=False, languages=["eng"], engine="rapidocr")
    assert caught.value.error_class is ErrorClass.MISSING_TOOL


def test_the_recipe_of_images_and_pdfs_names_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = OcrGenerator()

    def settings(mime: str, **chosen: str) -> dict[str, object]:
        return dict(generator.recipe(mime, "default", {"languages": ["eng"], **chosen}).settings)

    assert settings("image/jpeg")["photographs"] == models.networks_identity()
    assert settings("image/jpeg", engine="tesseract") == {"languages": ["eng"], "engine": "tesseract"}
    # A page of a PDF may be a photograph; an engine that is forced is that of images.
    assert settings("application/pdf")["photographs"] == models.networks_identity()
    assert settings("application/pdf", engine="rapidocr") == {"languages": ["eng"]}
    monkeypatch.setattr(models, "network_files", list)
    assert settings("image/jpeg") == {"languages": ["eng"]}
    # Asked for and not installed: it waits for it, and is not made again when it has been made.
    assert settings("image/jpeg", engine="rapidocr")["photographs"] == models.networks_identity()


def test_a_library_reads_photographs_again_when_the_extra_comes(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(shop, folder)
    with pillion.Library.open(tmp_path / "library", policy="desktop") as library:
        library.add_location(folder)
        with monkeypatch.context() as without:
            without.setattr(models, "network_files", list)
            library.index(kinds=["ocr"])
            library.run()
        (line,) = library.plan(kinds=["ocr"]).lines
        (change,) = line.changes
        assert (line.reason, change.part, change.old) == (Reason.STALE, "setting photographs", None)
        library.index(kinds=["ocr"])
        library.run()
        assert library.plan(kinds=["ocr"]).lines == []
        (item,) = library.ls(kind="ocr")
        answer = library.sidecars.get_or_enqueue(item.content_uuid, "ocr", "default")
        assert isinstance(answer, pillion.Ready)
        assert not answer.stale
        assert "Quigley" in json.loads(answer.path.read_bytes())["text"]
