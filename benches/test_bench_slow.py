"""What 100 small files that take long cost 1,000 good ones: the time until all thumbnails of the good ones are there.

The slow ones are SVGs (turbulence, morphology) and PDFs (forms that draw themselves) of a few hundred bytes; each would
use ten seconds of a processor, or two gigabytes. Half of them are found before the good ones. Goal: at most 20 % more.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pillion import Library
from tests.support import pdfs, photos
from tests.support.waiting import wait_until

GOOD, SLOW = 1000, 100
SMOKE_GOOD, SMOKE_SLOW = 20, 4
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000">'
    '<filter id="f" x="0" y="0" width="1" height="1">'
    '{filter}</filter><rect width="4000" height="4000" filter="url(#f)"/><!-- {number} --></svg>'
)
_FILTERS = (
    '<feTurbulence baseFrequency="0.1" numOctaves="1000000"/>',
    '<feMorphology operator="dilate" radius="900"/>',
)


def _pdf(number: int) -> bytes:
    """A page with a form that draws itself twice."""
    form = b"/X Do /X Do %% %d" % number
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 5 0 R"
        b" /Resources << /XObject << /X 4 0 R >> >> >>"
    )
    return pdfs.joined(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page,
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 300 300] /Resources << /XObject << /X 4 0 R >> >>"
            b" /Length %d >>\nstream\n%s\nendstream" % (len(form), form),
            b"<< /Length 5 >>\nstream\n/X Do\nendstream",
        ]
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> Path:
    root = tmp_path_factory.mktemp("good")
    for seed in range(SMOKE_GOOD if smoke else GOOD):
        photos.write_photo(root / f"m{seed:04}.jpg", seed=seed, size=(400, 300) if smoke else (1600, 1200))
    return root


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, smoke: bool) -> Path:
    root = tmp_path_factory.mktemp("slow")
    for number in range(SMOKE_SLOW if smoke else SLOW):
        name = f"{'az'[number % 2]}{number:03}"
        if number % 3 == 2:
            (root / f"{name}.pdf").write_bytes(_pdf(number))
        else:
            (root / f"{name}.svg").write_text(_SVG.format(filter=_FILTERS[number % 3], number=number))
    return root


@pytest.mark.parametrize("beside", ["nothing", "100 slow files"])
def test_good_files(
    benchmark: BenchmarkFixture, good: Path, slow: Path, tmp_path: Path, beside: str, smoke: bool
) -> None:
    """From the queue to the last thumbnail of a good file."""
    numbers = iter(range(1000))

    def made() -> tuple[tuple[Library, int], dict[str, object]]:
        folder = tmp_path / f"files{next(numbers)}"
        folder.mkdir()
        for source in [*good.iterdir(), *(slow.iterdir() if beside != "nothing" else ())]:
            (folder / source.name).write_bytes(source.read_bytes())
        library = Library.open(tmp_path / f"library{next(numbers)}", policy="mobile")
        library.add_location(folder)
        library.index(kinds=["thumb"])
        (each,) = _one(library, "SELECT count(*) FROM sidecars GROUP BY content_uuid LIMIT 1")
        return (library, each * len(list(good.iterdir()))), {}

    def run(library: Library, every: int) -> None:
        library.start(kinds=["thumb"])
        wait_until(lambda: _one(library, "SELECT count(*) FROM sidecars WHERE status = 'ready'") == (every,), "thumbs")

    def end(library: Library, every: int) -> None:
        library.close()

    benchmark.pedantic(run, setup=made, teardown=end, rounds=1 if smoke else 3)


def _one(library: Library, query: str) -> tuple[int, ...]:
    with library._database.read() as connection:
        return tuple(connection.exec_driver_sql(query).one())
