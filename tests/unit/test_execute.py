"""Tasks that are worked on together: what one gets from it, and that nothing is lost where it does not work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pillion.errors import ErrorClass
from pillion.kinds import execute, registry
from pillion.kinds.execute import ExecutionTask
from pillion.model import DEFAULT_VARIANT, Failure, GenerationRequest, Produced, Recipe, SidecarFormat
from pillion.pool.sandbox import Policy
from pillion.queue import jobs
from pillion.store import staged_path


class Together:
    """Answers with what it prepared, or with "alone"."""

    kind = "transcript"
    name = "together"
    version = 1
    fails = False

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def accepts(self, mime: str) -> bool:
        return True

    def recipe(self, mime: str, variant: str, settings: Mapping[str, Any]) -> Recipe:
        return Recipe(generator=self.name, version=self.version)

    def prepare(self, requests: Sequence[GenerationRequest]) -> Sequence[Any]:
        self.seen.append([request.source.name for request in requests])
        if self.fails:
            raise RuntimeError("no")
        return [None if request.source.name == "left" else request.source.name for request in requests]

    def generate(self, request: GenerationRequest) -> tuple[Produced, ...]:
        data = (request.prepared or "alone").encode()
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=data),)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Together:
    made = Together()
    monkeypatch.setattr(registry, "find", lambda kind, mime: made)
    return made


def task(folder: Path, name: str, *, missing: bool = False) -> ExecutionTask:
    path = folder / name
    path.write_text("some sound")
    stat = path.stat()
    if missing:
        path.unlink()
    return ExecutionTask(
        kind="transcript",
        variants=(DEFAULT_VARIANT,),
        mime="audio/wav",
        sources=((os.fsencode(path), stat.st_size, stat.st_mtime_ns),),
        settings={},
        texts={},
        staging=bytes(folder / f"staged.{name}"),
    )


def made(one: ExecutionTask) -> str:
    result = execute.execute(one).result
    assert isinstance(result, tuple), result
    return staged_path(os.fsdecode(one.staging), result[0].variant).read_text()


def test_of_the_names_of_a_content_those_that_claim_its_type_are_read_first() -> None:
    sources = tuple((name, 1, 1) for name in (b"/a", b"/b.jpg", b"/c.h263", b"/d"))
    ordered = jobs._named_alike_first(sources, "video/h263")
    assert [name for name, _, _ in ordered] == [b"/c.h263", b"/a", b"/b.jpg", b"/d"]


def test_each_task_gets_what_was_prepared_for_it_once(together: Together, tmp_path: Path) -> None:
    first, left, gone, last = (task(tmp_path, name, missing=name == "gone") for name in ("a", "left", "gone", "b"))
    execute.prepare([first, left, gone, last])
    assert together.seen == [["a", "left", "b"]]
    assert [made(one) for one in (last, left, first, first)] == ["b", "alone", "a", "alone"]
    assert not isinstance(execute.execute(gone).result, tuple)


def test_what_was_prepared_of_a_file_that_changes_is_not_used(together: Together, tmp_path: Path) -> None:
    first, last = task(tmp_path, "a"), task(tmp_path, "b")
    execute.prepare([first, last])
    (tmp_path / "a").write_text("another sound")
    assert not isinstance(execute.execute(first).result, tuple)


def test_tasks_are_made_alone_where_it_fails(together: Together, tmp_path: Path) -> None:
    together.fails = True
    first, last = task(tmp_path, "a"), task(tmp_path, "b")
    execute.prepare([first, last])
    assert (made(first), made(last)) == ("alone", "alone")


class Swaps(Together):
    """Before it reads its source, somebody puts a link in its place, to a file of the same size and time."""

    def __init__(self, secret: Path) -> None:
        super().__init__()
        self.secret = secret

    def generate(self, request: GenerationRequest) -> tuple[Produced, ...]:
        swap(request.source, self.secret)
        return (Produced(variant=DEFAULT_VARIANT, format=SidecarFormat.JSON, data=request.source.read_bytes()),)


def swap(path: Path, secret: Path) -> None:
    stat = path.stat()
    os.utime(secret, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    path.unlink()
    path.symlink_to(secret)


@pytest.mark.parametrize("follows", [False, True])
def test_a_link_of_the_same_size_and_time_put_in_place_before_the_reading_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("some other")
    monkeypatch.setattr(registry, "find", lambda kind, mime: Swaps(secret))
    one = replace(task(tmp_path, "a.wav"), follows=follows)
    result = execute.execute(one).result
    assert isinstance(result, Failure)
    assert result.error_class is ErrorClass.CHANGED_SOURCE
    assert not staged_path(os.fsdecode(one.staging), DEFAULT_VARIANT).exists()


def test_a_link_of_the_same_size_and_time_put_in_place_before_the_job_is_a_change(
    tmp_path: Path, together: Together
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("some other")
    one = task(tmp_path, "a.wav")
    swap(tmp_path / "a.wav", secret)
    result = execute.execute(replace(one, follows=False)).result
    assert isinstance(result, Failure)
    assert result.error_class is ErrorClass.CHANGED_SOURCE
    assert made(one) == "alone"


def test_workers_of_jobs_may_use_what_any_job_needs_besides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PILLION_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv(execute.WRITES, f"{tmp_path / 'one'}{os.pathsep}{tmp_path / 'two'}")
    policy = execute.for_jobs(Policy(reads=(b"/sources",), home=b"/home", prefix="owner."))
    assert (policy.home, policy.prefix) == (b"/home", "owner.")
    assert {b"/sources", os.fsencode(tmp_path / "models")} <= set(policy.reads)
    assert list(policy.reads) == sorted(set(policy.reads))
    assert set(map(os.fsencode, (tmp_path / "one", tmp_path / "two"))) <= set(policy.writes)
    assert policy.programs == execute.programs()
