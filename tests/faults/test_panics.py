"""A panic of a library in Rust is a damaged file: no caller ends by it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import pillion
from pillion import extras
from pillion.errors import ErrorClass, ItemError
from pillion.kinds import registry
from pillion.kinds.execute import ExecutionTask, execute
from pillion.model import Failure, SidecarKind
from pillion.panics import is_panic
from pillion.readers.documents.base import damage_is_corrupt


class PanicException(BaseException):
    """As pyo3 defines it in each library."""


def test_a_panic_is_known() -> None:
    assert is_panic(PanicException())
    assert not any(map(is_panic, (KeyboardInterrupt(), SystemExit(), ValueError())))


@pytest.mark.parametrize("guard", [extras.needed(), damage_is_corrupt("book")])
def test_it_is_a_damaged_file(guard: AbstractContextManager[object]) -> None:
    with pytest.raises(ItemError) as raised, guard:
        raise PanicException("attempt to subtract with overflow")
    assert raised.value.error_class == "corrupt"
    with pytest.raises(KeyboardInterrupt), extras.needed(), damage_is_corrupt("it"):
        raise KeyboardInterrupt


def test_a_public_function_raises_typed_errors_only() -> None:
    for error, error_class in ((MemoryError(), "oom"), (OSError(5, "no"), "io_transient"), (KeyError("x"), "crash")):
        with pytest.raises(ItemError) as raised, extras.needed():
            raise error
        assert raised.value.error_class == error_class


class _Panics:
    kind, name, version = "thumb", "panics", 1

    def generate(self, _request: object) -> object:
        raise PanicException("index out of bounds")


def test_a_worker_reports_it_as_corrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", lambda *_: _Panics())
    picture = tmp_path / "x.jpg"
    picture.touch()
    task = ExecutionTask(
        kind=SidecarKind("thumb"),
        variants=("icon",),
        mime="image/jpeg",
        sources=((bytes(picture), 0, picture.stat().st_mtime_ns),),
        settings={},
        texts={},
        staging=bytes(tmp_path / "staged"),
    )
    result = execute(task).result
    assert isinstance(result, Failure)
    assert (result.error_class, result.message) == (ErrorClass.CORRUPT, "Its reader gave up (index out of bounds).")


def test_every_public_function_is_guarded() -> None:
    readers = (
        "decode",
        "thumbnail",
        "file_thumbnail",
        "thumbhash",
        "ocr",
        "transcribe",
        "file_text",
        "export",
        "embed",
    )
    assert [name for name in readers if not hasattr(getattr(pillion, name), "__wrapped__")] == []
