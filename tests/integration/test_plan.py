"""Plans say what would be made and why, change nothing, and agree with what is then made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import pillion
from pillion.catalog.queue import claim, finish
from pillion.catalog.requests import cancel
from pillion.errors import ErrorClass, UsageError
from pillion.job import job_failed_once
from pillion.kinds.thumbnail.generator import ImageThumbGenerator
from pillion.library.plan import GenerationPlan, Reason
from pillion.model import Failure, SidecarStatus
from tests.support.program import run, run_json

pytestmark = pytest.mark.usefixtures("both_catalogs")


@pytest.fixture
def folder(tmp_path: Path, photo: Path, rotated_photo: Path) -> Path:
    made = tmp_path / "pictures"
    (made / "trip").mkdir(parents=True)
    shutil.copy(photo, made / "a.jpg")
    shutil.copy(rotated_photo, made / "trip" / "b.jpg")
    return made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[pillion.Library]:
    with pillion.Library.open(tmp_path / "library", policy="mobile") as opened:
        yield opened


def _summary(plan: GenerationPlan) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for line in plan.lines:
        key = (line.variant, line.reason.value)
        found[key] = found.get(key, 0) + line.number
    return found


def test_a_folder_is_planned_before_it_is_indexed_and_nothing_is_written(
    library: pillion.Library, folder: Path
) -> None:
    before = library.status()
    plan = library.plan(folder)
    assert _summary(plan) == {("grid@2x", "not_indexed"): 2, ("icon", "not_indexed"): 2}
    assert not plan.measured
    assert plan.seconds > 0
    assert library.plan(folder, walk=False).lines == []
    assert library.plan(folder / "trip").number == 2
    assert library.status() == before
    assert library.locations() == []


def test_what_is_queued_is_planned_as_missing_and_then_no_more(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    assert _summary(library.plan()) == {("grid@2x", "missing"): 2, ("icon", "missing"): 2}
    assert _summary(library.plan(folder / "trip")) == {("grid@2x", "missing"): 1, ("icon", "missing"): 1}
    assert library.plan(folder / "a.jpg").number == 2
    library.run()
    assert library.plan().lines == []
    shutil.copy(folder / "a.jpg", folder / "new.jpg")
    assert _summary(library.plan()) == {("grid@2x", "not_indexed"): 1, ("icon", "not_indexed"): 1}


def test_estimates_come_from_what_was_measured(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    again = library.plans.regeneration(kind="thumb", variant="icon")
    usage = library.maintenance.usage().to_json()["kinds"]["thumb"]["variants"]["icon"]
    assert again.measured
    assert (again.number, again.lines[0].reason) == (2, Reason.ASKED)
    assert again.bytes == pytest.approx(usage["bytes"])
    assert again.seconds > 0


def test_a_changed_policy_shows_before_the_index(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    plan = library.plan(policy="desktop", kinds=["thumb"])
    assert _summary(plan) == {(name, "missing"): 2 for name in ("detail@1x", "grid@2x", "grid@3x")}
    assert plan.dropped == 2
    library.index(policy="desktop", kinds=["thumb"])
    pending = [item.variant for item in library.ls()]
    assert sorted(pending) == sorted(["detail@1x", "grid@2x", "grid@3x"] * 2)


def test_a_newer_generator_makes_just_its_sidecars_stale_and_they_are_served_until_replaced(
    library: pillion.Library, folder: Path, text_pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(text_pdf, folder / "c.pdf")
    library.index(folder)
    library.run()
    monkeypatch.setattr(ImageThumbGenerator, "version", 99)
    plan = library.plan()
    assert _summary(plan) == {("grid@2x", "stale"): 2, ("icon", "stale"): 2}
    (change,) = plan.lines[0].changes
    assert (change.part, change.new) == ("version", 99)
    assert plan.lines[0].status is SidecarStatus.READY

    assert library.plans.regeneration(stale=True, under=folder / "trip").number == 2
    assert library.regenerate(stale=True, variant="icon") == 2
    item = next(item for item in library.ls() if item.sources[0].endswith("a.jpg") and item.variant == "icon")
    answer = library.sidecars.get_or_enqueue(item.content_uuid, "thumb", "icon")
    assert isinstance(answer, pillion.Ready)
    assert answer.stale
    library.run()
    assert _summary(library.plan()) == {("grid@2x", "stale"): 2}
    assert library.index().queued == 2
    library.run()
    assert library.plan().lines == []
    assert library.status().sidecars["thumb"] == {SidecarStatus.READY: 6}


def test_regenerate_takes_a_folder_a_kind_or_a_variant(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    assert library.regenerate(under=folder / "trip", variant="icon") == 1
    assert _summary(library.plan()) == {("icon", "asked"): 1}
    library.run()
    assert library.regenerate(kind="thumb") == 4
    with pytest.raises(UsageError, match="There is no variant"):
        library.regenerate(variant="grid@9x")
    with pytest.raises(UsageError, match="does not exist"):
        library.regenerate(under=folder / "nowhere")


def test_a_sidecar_that_nobody_but_a_caller_wants_is_planned_too(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    library.run()
    (uuid,) = library.find(str(folder / "a.jpg"))
    library.sidecars.get_or_enqueue(uuid, "thumb", "detail@2x")
    assert _summary(library.plan()) == {("detail@2x", "missing"): 1}


def test_the_commands(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "library"
    run_json("index", folder, "--library", path, "--policy", "mobile")
    assert run("plan", "--library", path).stdout == "There is nothing to make.\n"
    told = run_json("plan", folder, "--library", path, "--policy", "desktop", "--kinds", "thumb")
    assert told["sidecars"] == 4
    assert {line["reason"] for line in told["lines"]} == {"missing"}
    dry = run_json("regenerate", "--all", "--dry-run", "--library", path)
    assert (dry["sidecars"], dry["measured"]) == (4, True)
    assert run_json("regenerate", "--under", folder / "trip", "--library", path) == {"queued": 2}
    wrong = run("regenerate", "--library", path)
    assert (wrong.returncode, "--all" in wrong.stderr) == (2, True)


def test_tries_that_are_due_again_are_planned_with_what_went_wrong(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    database = library._database
    with database.write() as connection:
        (job,) = claim(connection, "thumb", owner="o", token="t", now=1.0, limit=1)
        failure = Failure(error_class=ErrorClass.TIMEOUT, message="too slow")
        finish(connection, [(job.id, "t", job_failed_once(0, failure, 1.0))], 1.0)
    plan = library.plan()
    retried = [line for line in plan.lines if line.reason is Reason.RETRY]
    assert [(line.number, line.error_class) for line in retried] == [(1, "timeout"), (1, "timeout")]
    assert plan.number == 4


def test_what_failed_for_want_of_its_file_is_planned_for_the_next_index(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    (folder / "a.jpg").rename(folder / "elsewhere.jpg")
    library.run()
    assert {item.state for item in library.ls()} == {SidecarStatus.READY, SidecarStatus.FAILED}
    (folder / "elsewhere.jpg").rename(folder / "a.jpg")
    lines = library.plan(walk=False).lines
    assert {(line.reason, line.error_class, line.number) for line in lines} == {(Reason.RETRY, "missing_source", 1)}
    library.index()
    library.run()
    assert library.plan().lines == []


def test_what_was_cancelled_is_not_planned_until_somebody_asks(library: pillion.Library, folder: Path) -> None:
    library.index(folder)
    with library._database.write() as connection:
        cancel(connection, ["thumb"], None, 1.0)
    assert library.plan(walk=False).lines == []
    assert library.regenerate(variant="icon") == 2
    assert _summary(library.plan(walk=False)) == {("icon", "missing"): 2}
