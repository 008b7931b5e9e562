"""Fixtures every test may use: sample media, made once per run and never written to by tests."""

from __future__ import annotations

import compileall
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

import pillion
from pillion.catalog.database import Database
from pillion.catalog.opening import open_database
from pillion.library import library, opening
from pillion.library.opening import Place
from tests.support import media, photos, postgres, speech, watching

# A shell ignores Ctrl-C for what it runs in the background, and the programs that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


# Where the environment forbids Python to keep what it compiles, each program that a test starts would compile all anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# And where it has Python write each line at once, nothing would show what a user's program keeps for its end.
os.environ.pop("PYTHONUNBUFFERED", None)
sys.dont_write_bytecode = False


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile Pillion once: confined workers may not keep what they compile."""
    if not hasattr(session.config, "workerinput"):
        compileall.compile_dir(Path(pillion.__file__).parent, quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fast tests first, slow ones last, otherwise in the order found.

    Where several processes run them, each begins with its share of the slow ones: pytest-xdist cuts the list into as
    many pieces, and lets those that are done take from the ends of the others. So the last tests are fast ones.
    """
    slow = [item for item in items if item.get_closest_marker("slow")]
    fast = [item for item in items if not item.get_closest_marker("slow")]
    processes: int = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = [*fast, *slow] if processes == 1 else _dealt(fast, slow, processes)


def _dealt(fast: Sequence[pytest.Item], slow: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """All in pieces of equal length, each with its slow ones first."""
    order: list[pytest.Item] = []
    for number in range(1, processes + 1):
        before, after = (len(slow) * place // processes for place in (number - 1, number))
        order += slow[before:after]
        order += fast[len(order) - after : (len(fast) + len(slow)) * number // processes - after]
    return order


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the sample files below. Copy a file before you change it."""
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="session")
def photo(samples: Path) -> Path:
    """A JPEG photograph, 1600 x 1200."""
    return photos.write_photo(samples / "photo.jpg", seed=1)


@pytest.fixture(scope="session")
def rotated_photo(samples: Path) -> Path:
    """The same scene at 1200 x 800, stored turned by 90 degrees with EXIF orientation 6."""
    return photos.write_photo(samples / "rotated.jpg", seed=1, size=(1200, 800), orientation=6)


@pytest.fixture(scope="session")
def text_page(samples: Path) -> Path:
    """A page of type (media.PAGE_TEXT) as a PNG, 300 dpi."""
    return media.write_page(samples / "page.png")


@pytest.fixture(scope="session")
def german_page(samples: Path) -> Path:
    """A page of German type (media.GERMAN_PAGE_TEXT) as a TIFF, 300 dpi."""
    return media.write_page(samples / "seite.tif", media.GERMAN_PAGE_TEXT, font="Times-Roman")


@pytest.fixture(scope="session")
def text_pdf(samples: Path) -> Path:
    """Two pages with a text layer: media.PAGE_TEXT and media.GERMAN_PAGE_TEXT."""
    return media.write_pdf(samples / "text.pdf", [media.PAGE_TEXT, media.GERMAN_PAGE_TEXT])


@pytest.fixture(scope="session")
def scanned_pdf(samples: Path) -> Path:
    """One page that is only a picture of media.PAGE_TEXT."""
    return media.write_pdf(samples / "scan.pdf", [media.scanned(media.page())])


@pytest.fixture(scope="session")
def encrypted_pdf(samples: Path) -> Path:
    """A PDF that opens only with the password ``secret``."""
    return media.write_pdf(samples / "encrypted.pdf", [media.PAGE_TEXT], password="secret")


@pytest.fixture(scope="session")
def speech_wav(samples: Path) -> Path:
    """About 15 seconds of English speech: speech.SENTENCES["en"]."""
    return speech.say(speech.SENTENCES["en"], "en", samples / "speech.wav")


@pytest.fixture(scope="session")
def german_speech_wav(samples: Path) -> Path:
    """About 10 seconds of German speech: speech.SENTENCES["de"]."""
    return speech.say(speech.SENTENCES["de"], "de", samples / "sprache.wav")


@pytest.fixture(scope="session")
def silent_wav(samples: Path) -> Path:
    """Three seconds in which nobody speaks."""
    return media.write_wav(samples / "silence.wav", media.silence(3))


@pytest.fixture(scope="session")
def talking_video(samples: Path, speech_wav: Path) -> Path:
    """An MP4 (H.264, AAC), black for its first second, with the speech of ``speech_wav``."""
    return media.write_video(samples / "talk.mp4", speech=speech_wav)


@pytest.fixture(scope="session")
def silent_video(samples: Path) -> Path:
    """A four-second MKV without a sound track, black for its first second."""
    return media.write_video(samples / "silent.mkv")


@pytest.fixture
def short_queue() -> Iterator[None]:
    """The kernel keeps few notices of changed files."""
    with watching.short_queue():
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server with a database that holds an empty catalog, of which each test has a copy."""
    with postgres.running() as server:
        server.execute(f"CREATE DATABASE {postgres.TEMPLATE} TEMPLATE template0")
        made = open_database(server.url(postgres.TEMPLATE))
        made.prepare()
        made.close()
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of a PostgreSQL database with an empty catalog."""
    name = postgres_server.create(postgres.TEMPLATE)
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_catalog(tmp_path: Path) -> Iterator[Database]:
    """An empty catalog in a SQLite file."""
    opened = Database(tmp_path / "catalog.sqlite")
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty catalog, on each of the databases that there may be."""
    if request.param == "sqlite":
        place: str | Path = tmp_path / "catalog.sqlite"
    else:
        place = request.getfixturevalue("postgres_url")
    opened = open_database(place)
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def both_catalogs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Libraries that this process makes have their catalog in their folder, and then each in a PostgreSQL database.

    Another process that is given the folder does not know of the database: tests that need that are ``in_folder``.
    """
    if request.param != "sqlite" and request.node.get_closest_marker("in_folder"):
        pytest.skip("It needs a catalog in the library's folder.")
    if request.param == "sqlite":
        yield
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    made: dict[Path, str] = {}

    def place_of(path: str | os.PathLike[str], sidecars: str | os.PathLike[str] | None = None) -> Place:
        place = opening.place_of(path, sidecars)
        if place.url is not None or (place.root / opening.CATALOG).exists():
            return place
        if place.root not in made:
            made[place.root] = server.create(postgres.TEMPLATE)
        return Place(place.root, server.url(made[place.root]), place.sidecars)

    monkeypatch.setattr(library, "place_of", place_of)
    yield
    for name in made.values():
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
