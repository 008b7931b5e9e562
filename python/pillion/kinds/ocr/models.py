"""What OCR recognises with: Tesseract's data for each language, and the networks of PP-OCR.

Which there are, which are installed and where, their hashes for recipes, and the commands that install more; and in
which of the languages a text is. Loads no engine. The only importer of py3langid.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
import os
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillion.errors import UsageError
from pillion.kinds.ocr.kind import AUTO, OCR
from pillion.kinds.settings import is_strings, nearest
from pillion.quoting import quoted
from pillion.weights.cache import filled_folder, sha256_of
from pillion.weights.known import missing
from pillion.weights.outside import made_outside
from pillion.weights.rows import ModelRow

# Tesseract's languages ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Language:
    """``code``: Tesseract's; ``iso``: ISO 639-1, empty where there is none; ``script``: ISO 15924 in lower case."""

    code: str
    iso: str
    script: str
    name: str


# Code, ISO 639-1, script, name; from Tesseract's list of data files (https://tesseract-ocr.github.io/tessdoc/Data-Files).
_TABLE = """
afr af latn Afrikaans
amh am ethi Amharic
ara ar arab Arabic
asm as beng Assamese
aze az latn Azerbaijani
bel be cyrl Belarusian
ben bn beng Bengali
bos bs latn Bosnian
bre br latn Breton
bul bg cyrl Bulgarian
cat ca latn Catalan
ceb - latn Cebuano
ces cs latn Czech
chi_sim zh hans Chinese (simplified)
chi_tra zh hant Chinese (traditional)
cos co latn Corsican
cym cy latn Welsh
dan da latn Danish
deu de latn German
div dv thaa Dhivehi
ell el grek Greek
eng en latn English
epo eo latn Esperanto
est et latn Estonian
eus eu latn Basque
fao fo latn Faroese
fas fa arab Persian
fil tl latn Filipino
fin fi latn Finnish
fra fr latn French
fry fy latn Western Frisian
gla gd latn Scottish Gaelic
gle ga latn Irish
glg gl latn Galician
guj gu gujr Gujarati
hat ht latn Haitian
heb he hebr Hebrew
hin hi deva Hindi
hrv hr latn Croatian
hun hu latn Hungarian
hye hy armn Armenian
ind id latn Indonesian
isl is latn Icelandic
ita it latn Italian
jav jv latn Javanese
jpn ja jpan Japanese
kan kn knda Kannada
kat ka geor Georgian
kaz kk cyrl Kazakh
khm km khmr Khmer
kir ky cyrl Kyrgyz
kmr ku latn Kurdish (Kurmanji)
kor ko kore Korean
lao lo laoo Lao
lat la latn Latin
lav lv latn Latvian
lit lt latn Lithuanian
ltz lb latn Luxembourgish
mal ml mlym Malayalam
mar mr deva Marathi
mkd mk cyrl Macedonian
mlt mt latn Maltese
mon mn cyrl Mongolian
mri mi latn Maori
msa ms latn Malay
mya my mymr Burmese
nep ne deva Nepali
nld nl latn Dutch
nor no latn Norwegian
oci oc latn Occitan
ori or orya Odia
pan pa guru Punjabi
pol pl latn Polish
por pt latn Portuguese
pus ps arab Pashto
que qu latn Quechua
ron ro latn Romanian
rus ru cyrl Russian
san sa deva Sanskrit
sin si sinh Sinhala
slk sk latn Slovak
slv sl latn Slovenian
snd sd arab Sindhi
spa es latn Spanish
sqi sq latn Albanian
srp sr cyrl Serbian
sun su latn Sundanese
swa sw latn Swahili
swe sv latn Swedish
tam ta taml Tamil
tat tt cyrl Tatar
tel te telu Telugu
tgk tg cyrl Tajik
tha th thai Thai
tir ti ethi Tigrinya
tur tr latn Turkish
uig ug arab Uyghur
ukr uk cyrl Ukrainian
urd ur arab Urdu
uzb uz latn Uzbek
vie vi latn Vietnamese
yid yi hebr Yiddish
yor yo latn Yoruba
"""


def _languages() -> dict[str, Language]:
    rows = (line.split(" ", 3) for line in _TABLE.strip().splitlines())
    return {code: Language(code, iso.strip("-"), script, name) for code, iso, script, name in rows}


LANGUAGES = _languages()
"""The languages that Tesseract has data for, by its code."""

PACKAGES = ("eng", "deu", "jpn")
"""Languages whose data is on the Python package index."""
_SHA256 = {
    "eng": "7d4322bd2a7749724879683fc3912cb542f19906c83bcc1a52132556427170b2",
    "deu": "19d219bbb6672c869d20a9636c6816a81eb9a71796cb93ebe0cb1530e2cdb22d",
}
"""Of the ``tessdata-fast-*`` packages: stands in recipes for a language that is not installed yet."""


def data_folders(explicit: str | None = None) -> list[Path]:
    """The existing folders that may hold ``*.traineddata``, best first."""
    named = [explicit, os.environ.get("PILLION_MODELS") and f"{os.environ['PILLION_MODELS']}/tessdata"]
    named.append(os.environ.get("TESSDATA_PREFIX"))
    found = [Path(name).expanduser() for name in named if name]
    # TESSDATA_PREFIX named the folder above in older versions of Tesseract.
    found += [folder / "tessdata" for folder in found]
    found += [Path(prefix) / "share" / "tessdata" for prefix in dict.fromkeys((sys.prefix, sys.base_prefix))]
    found += sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"), reverse=True)
    found += [Path("/usr/share/tessdata"), Path("/usr/local/share/tessdata"), Path("/opt/homebrew/share/tessdata")]
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def language_folder(languages: Sequence[str], explicit: str | None = None) -> Path:
    """A folder with the data of all ``languages``. Raises ItemError (missing_tool) naming those without data.

    Tesseract opens one folder only, so languages spread over several are gathered by links in the cache folder.
    """
    if any(".." in language.split("/") or language.startswith("/") for language in languages):
        raise missing(f"there are no such languages: {', '.join(languages)}")
    folders = data_folders(explicit)
    for folder in folders:
        if all((folder / f"{language}.traineddata").is_file() for language in languages):
            return folder
    files = {language: _file_in(language, folders) for language in languages}
    without = [language for language, file in files.items() if file is None]
    if without:
        raise missing(f"Tesseract has no data for {', '.join(without)}: run {install_command(without)}")
    return gathered(list(languages), explicit)


@made_outside
def gathered(languages: list[str], explicit: str | None) -> Path:
    """A folder in the cache with links to the data of these installed languages."""
    folders = data_folders(explicit)
    found = {language: _file_in(language, folders) for language in languages}
    files = {language: file for language, file in found.items() if file is not None}

    def link(folder: Path) -> None:
        for language, file in files.items():
            (folder / f"{language}.traineddata").symlink_to(file.resolve())

    name = "-".join(f"{language}.{sha256_of(file)[:8]}" for language, file in sorted(files.items()))
    return filled_folder(f"tessdata-{name}", link)


def languages_identity(languages: Sequence[str], explicit: str | None = None) -> str:
    """``eng@sha256:...+deu@sha256:...`` for recipes; with ``auto`` the named ones first, then all others installed."""
    folders = data_folders(explicit)
    if AUTO in languages:
        named = [language for language in languages if language != AUTO]
        languages = [*named, *(code for code in installed_languages(explicit) if code not in named)] or ["eng"]
    else:
        # They read what stands in columns, and are looked for where a language is named.
        columns = vertical_languages(explicit)
        more = [columns[language] for language in languages if language in columns]
        languages = list(dict.fromkeys([*languages, *more]))
    return "+".join(f"{language}@sha256:{_sha256(language, folders)}" for language in languages)


def _sha256(language: str, folders: Sequence[Path]) -> str:
    file = _file_in(language, folders)
    return sha256_of(file) if file else _SHA256.get(language, "missing")


IDEOGRAPHIC = frozenset({"chi_sim", "chi_tra", "jpn"})
"""Languages whose lines PP-OCR's recogniser reads: see ideographs.py."""
VERTICAL = ("chi_sim", "chi_tra", "jpn", "kor")
"""Languages that are written in columns, too; Tesseract has data of its own for that."""
VERTICAL_CODES = frozenset(f"{language}_vert" for language in VERTICAL)
"""Of that data."""


def vertical_languages(explicit: str | None = None) -> dict[str, str]:
    """For each language the one with the data for its columns, where that is installed."""
    folders = data_folders(explicit)
    found = {language: f"{language}_vert" for language in VERTICAL}
    return {language: code for language, code in found.items() if _file_in(code, folders) is not None}


def lacking_columns(languages: Sequence[str], explicit: str | None = None) -> str | None:
    """What to install so that columns in these languages can be read, in one sentence; None if nothing is lacking."""
    there = vertical_languages(explicit)
    without = [f"{language}_vert" for language in languages if language in VERTICAL and language not in there]
    if not without:
        return None
    return f"Tesseract has no data for text in columns ({', '.join(without)}): run {install_command(without)}"


def language_file(language: str, explicit: str | None = None) -> Path | None:
    """The file with the data of a language; None when there is none."""
    return _file_in(language, data_folders(explicit))


def _file_in(language: str, folders: Sequence[Path]) -> Path | None:
    paths = (folder / f"{language}.traineddata" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def installed_languages(explicit: str | None = None) -> list[str]:
    """The languages whose data is installed, sorted."""
    return sorted(_language_files(explicit))


def _language_files(explicit: str | None = None) -> dict[str, Path]:
    """Language -> the file of its data in the best folder that has one, for the installed ones."""
    files: dict[str, Path] = {}
    for folder in data_folders(explicit):
        for file in folder.glob("*.traineddata"):
            files.setdefault(file.stem, file)
    return {code: file for code, file in files.items() if code not in ("osd", "equ")}


def named_languages(names: str | Sequence[str]) -> tuple[str, ...]:
    """Tesseract's codes for languages, each named by that code, by ISO's such as ``en``, or several as ``eng+deu``.

    ``auto`` stays what it is. Of several with one ISO code, the one that is installed counts. Raises UsageError for
    what is no language.
    """
    parts = [part for name in ([names] if isinstance(names, str) else names) for part in name.split("+")]
    if all(part == AUTO or part in LANGUAGES for part in parts):
        return tuple(parts)
    rows = language_rows()
    codes = {row.iso: row.code for row in reversed(rows) if row.iso}
    codes.update({row.code: row.code for row in rows}, auto=AUTO)
    for part in parts:
        if part not in codes and not _may_be_data(part):
            called = {row.name.casefold(): row.code for row in rows}.get(part.casefold())
            near = f"; did you mean '{called}'?" if called else nearest(part, list(codes)) or ":"
            raise UsageError(f"There is no language '{quoted(part)}'{near} 'pillion languages --all' lists them.")
    return tuple(codes.get(part, part) for part in parts)


def languages_here(names: str | Sequence[str], explicit: str | None = None) -> tuple[tuple[str, ...], list[str]]:
    """The codes of :func:`named_languages`, and with ``auto`` among them the languages that are installed.

    Raises UsageError.
    """
    languages = named_languages(names)
    return languages, installed_languages(explicit) if AUTO in languages else []


def other_scripts(languages: Sequence[str], more: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Of ``more`` languages one for each script that none of ``languages`` is in."""
    tried = {LANGUAGES[code].script for code in languages if code in LANGUAGES}
    chosen = []
    for code in more:
        script = LANGUAGES[code].script if code in LANGUAGES else code
        if script not in tried:
            tried.add(script)
            chosen.append((code,))
    return tuple(chosen)


def languages_setting(value: Any) -> str | None:
    """What ``ocr.languages`` in config.toml must be; None where it is right. See pillion/kinds/settings.py."""
    expected = 'a list of "auto" and language codes, e.g. ["auto"] or ["eng", "deu"]'
    if not is_strings(value) or not value:
        return expected
    try:
        named_languages(value)
    except UsageError as error:
        return f"{expected}: {error}".removesuffix(".")
    return None


_MAY_BE_DATA = re.compile(r"[a-z]{3}(_[A-Za-z]+)*|[^/]+/[^/]+")


def _may_be_data(code: str) -> bool:
    """Whether it may be data that nobody lists: of a script, of a form such as ``deu_latf``, or one's own.

    It need not be there now: a library does not fail to open because the disk with its data is not mounted.
    """
    return _MAY_BE_DATA.fullmatch(code) is not None


def install_command(languages: Sequence[str]) -> str:
    """The command that installs the data of these languages."""
    if all(language in PACKAGES for language in languages):
        return "pip install " + " ".join(f"tessdata.fast-{language}" for language in languages)
    return "apt-get install " + " ".join(f"tesseract-ocr-{language.replace('_', '-')}" for language in languages)


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """One language. ``code``: Tesseract's; ``iso``: ISO 639-1, empty where there is none or it is not known.

    ``file``: its data, None where it is not installed; ``size`` in bytes. ``install``: the command that installs it.
    """

    code: str
    iso: str
    name: str
    file: Path | None
    size: int
    install: str


def language_rows() -> list[LanguageRow]:
    """All languages, the installed ones first, each part sorted by code."""
    files = _language_files()
    rows = [_row(code, files.get(code)) for code in sorted({*LANGUAGES, *files})]
    return sorted(rows, key=lambda row: row.file is None)


def _row(code: str, file: Path | None) -> LanguageRow:
    known = LANGUAGES.get(code)
    return LanguageRow(
        code=code,
        iso=known.iso if known else "",
        name=known.name if known else code,
        file=file,
        size=file.stat().st_size if file else 0,
        install=install_command([code]),
    )


# the language of a text -----------------------------------------------------------------------------------------------

_MIN_LETTERS = 24
"""A shorter text does not show which language it is in."""
_LIKELY = 0.8
_loading = threading.Lock()


def language_of(text: str, codes: Iterable[str]) -> str | None:
    """In which of these languages (Tesseract's codes) a text is; None where that is not clear."""
    if sum(character.isalpha() for character in text) < _MIN_LETTERS:
        return None
    by_iso = {LANGUAGES[code].iso: code for code in codes if code in LANGUAGES}
    iso, probability = identify_language(text, by_iso)
    return by_iso[iso] if probability >= _LIKELY else None


def identify_language(text: str, among: Iterable[str]) -> tuple[str, float]:
    """The likeliest of some languages (ISO 639-1) and its probability, 0 to 1, by py3langid.

    ``("", 0.0)`` when py3langid knows fewer than two of them.
    """
    with _loading:
        codes = tuple(sorted(set(among) & identifiable_languages()))
        identifier = _identifier(codes) if len(codes) > 1 else None
    if identifier is None:
        return "", 0.0
    code, probability = identifier.classify(text)
    return str(code), float(probability)


@functools.cache
def identifiable_languages() -> frozenset[str]:
    """All languages that py3langid knows (ISO 639-1). Loads its model: half a second, 70 MB."""
    return frozenset(str(code) for code in _langid_model().labels)


@functools.lru_cache(maxsize=4)
def _identifier(codes: tuple[str, ...]) -> Any:
    """A shallow copy for these languages: the large tables are shared."""
    identifier = copy.copy(_langid_model())
    identifier.set_languages(list(codes))
    return identifier


@functools.cache
def _langid_model() -> Any:
    from py3langid import langid

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


# PP-OCR's networks ----------------------------------------------------------------------------------------------------

_OURS = "PP-OCRv6_rec_tiny_latin.onnx"
NETWORKS = {
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    _OURS: "835de804863f8e0d9980e343582d9413f4f47de884ce70ec4d580175d8efc74f",
}
"""File name -> SHA-256: the detector, the recogniser, and a quick one, in that order. The first two are in the package
rapidocr. The last is in this one: tools/quick_network.py."""
INSTALL_NETWORKS = "pip install 'pillion[photos]'"
_REINSTALL_NETWORKS = "pip install --force-reinstall --no-deps"


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """Where PP-OCR's networks are. ``quick``: recognises Latin letters alone, in a seventh of the time."""

    detector: Path
    recogniser: Path
    quick: Path


def verified_networks() -> NetworkFiles:
    """The files, their hashes checked. Raises ItemError (missing_tool)."""
    problem = networks_problem()
    if problem is not None:
        raise missing(problem)
    files = network_files()
    for file in files:
        if sha256_of(file) != NETWORKS[file.name]:
            raise missing(
                f"the text model {file.name} is damaged (its hash is not the known one): run {_reinstall(file)}"
            )
    return NetworkFiles(*files)


def _reinstall(file: Path) -> str:
    return f"{_REINSTALL_NETWORKS} {'pillion' if file.name == _OURS else repr('rapidocr>=3.10,<3.11')}"


def network_files() -> list[Path]:
    """Where the files should be; empty when the package is not installed. The package is not imported."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(next(iter(spec.submodule_search_locations))) / "models"
    return [Path(__file__).with_name(name) if name == _OURS else folder / name for name in NETWORKS]


def networks_problem() -> str | None:
    """One sentence that says which file is missing and how to get it; None when all are there."""
    files = network_files()
    if not files:
        return f"what reads text in photographs is not installed: run {INSTALL_NETWORKS}"
    absent = [file for file in files if not file.is_file()]
    return f"the text model {absent[0].name} is missing: run {_reinstall(absent[0])}" if absent else None


def has_networks() -> bool:
    """Whether the user has installed the extra. A part of it that is missing is a fault of the machine, no choice."""
    return bool(network_files())


def networks_identity() -> str:
    """``PP-OCRv6_det_small@sha256:...+PP-OCRv6_rec_small@sha256:...`` for recipes: no others are ever used."""
    return "+".join(f"{name.removesuffix('.onnx')}@sha256:{digest}" for name, digest in NETWORKS.items())


# the table of models --------------------------------------------------------------------------------------------------


def rows() -> list[ModelRow]:
    """For ``pillion models``: the languages that are installed or that pip installs, and the networks."""
    installed = installed_languages()
    columns = {f"{language}_vert" for language in installed if language in VERTICAL}
    languages = sorted({*installed, *columns, *PACKAGES})
    return [*map(_row_of_language, languages), *map(_row_of_network, NETWORKS)]


def _row_of_language(language: str) -> ModelRow:
    return _model_row(
        f"tessdata-{language}",
        "folder",
        language_file(language),
        looked_in=tuple(f"folder: {folder}" for folder in data_folders()),
        online=install_command([language]),
        offline=f"copy {language}.traineddata to $PILLION_MODELS/tessdata/",
    )


def _row_of_network(name: str) -> ModelRow:
    is_there = "installed" if network_files() else "not installed"
    return _model_row(
        name.removesuffix(".onnx"),
        "package",
        next((file for file in network_files() if file.name == name and file.is_file()), None),
        looked_in=("package: pillion" if name == _OURS else f"package: rapidocr ({is_there})",),
        online=INSTALL_NETWORKS,
        offline="pip download rapidocr elsewhere, then pip install --no-index --find-links FOLDER rapidocr",
    )


def _model_row(
    name: str, place: str, file: Path | None, *, looked_in: tuple[str, ...], online: str, offline: str
) -> ModelRow:
    return ModelRow(
        name=name,
        kind=OCR,
        installed=file is not None,
        place=place if file else "",
        path=str(file) if file else None,
        bytes=file.stat().st_size if file else None,
        sha256=sha256_of(file) if file else None,
        looked_in=looked_in,
        online=online,
        offline=offline,
    )
