"""The extras of the package: which Python packages each brings, and the one command that installs what is missing.

Only the core, the catalog, thumbnails and the text of PDFs come with ``pip install pillion``. Imports nothing but
:mod:`pillion.errors`, and loads no package that it looks for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pillion.errors import ErrorClass, ItemError, PillionError
from pillion.panics import is_panic

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "cluster": {"obstore": "obstore", "psycopg": "psycopg"},
    "dask": {"distributed": "distributed"},
    "documents": {
        "chardet": "chardet",
        "lxml": "lxml",
        "olefile": "olefile",
    },
    "embeddings": {
        "ctranslate2": "ctranslate2",
        "msgpack": "msgpack",
        "numpy": "numpy",
        "tokenizers": "tokenizers",
    },
    "heif": {"numpy": "numpy", "pi_heif": "pi-heif"},
    "ocr": {"numpy": "numpy", "py3langid": "py3langid", "pytesseract": "pytesseract", "tesserocr": "tesserocr"},
    "photos": {"onnxruntime": "onnxruntime", "rapidocr": "rapidocr"},
    "pictures": {
        "msgpack": "msgpack",
        "numpy": "numpy",
        "onnxruntime": "onnxruntime",
        "tokenizers": "tokenizers",
    },
    "raw": {"numpy": "numpy", "rawpy": "rawpy"},
    "serve": {"httptools": "httptools", "uvicorn": "uvicorn", "uvloop": "uvloop"},
    "speech": {"av": "av", "ctranslate2": "ctranslate2", "faster_whisper": "faster-whisper", "numpy": "numpy"},
    "video": {"av": "av", "numpy": "numpy"},
}
"""Extra -> import name -> package. A test compares it with pyproject.toml."""


def command(extra: str) -> str:
    """What installs an extra."""
    return f"pip install 'pillion[{extra}]'"


def missing(extra: str, use: str, *modules: str) -> str | None:
    """What ``use`` needs and does not find, with the command, in one sentence; None if nothing. Loads nothing.

    ``use`` is a plural. ``modules``: import names of those packages of the extra that are needed (default: all).
    """
    packages = EXTRAS[extra]
    for module in modules or packages:
        if importlib.util.find_spec(module) is None:
            package = packages.get(module, module)
            return f"{use} need the Python package {package}, which is not installed: run {command(extra)}"
    return None


def require(extra: str, use: str, *modules: str) -> None:
    """Raises ItemError (missing_tool) with what :func:`missing` says."""
    problem = missing(extra, use, *modules)
    if problem:
        raise ItemError(ErrorClass.MISSING_TOOL, problem)


def require_numpy(use: str) -> None:
    """Raises ItemError (missing_tool) where numpy is missing, which several extras bring and which can be had alone."""
    if importlib.util.find_spec("numpy") is None:
        problem = f"{use} need the Python package numpy, which is not installed: run pip install numpy"
        raise ItemError(ErrorClass.MISSING_TOOL, problem)


class _LazyNumpy:
    """numpy for text recognition, imported when something of it is first used.

    The steps of recognition can so be imported where only the text of PDFs is read, which needs none of it.
    """

    def __getattr__(self, name: str) -> Any:
        require("ocr", "pictures of text", "numpy")
        import numpy

        value = getattr(numpy, name)
        setattr(self, name, value)
        return value


lazy_numpy = _LazyNumpy()


@contextmanager
def needed() -> Iterator[None]:
    """While inside, every error is a typed one, whatever a library raises: of Pillion's own or ItemError.

    ``missing_tool`` for a package that cannot be imported, ``oom``, ``io_transient`` for an error of the system,
    ``corrupt`` for a panic of a library in Rust, and ``crash`` for what no library should raise.
    """
    try:
        yield
    except PillionError:
        raise
    except ImportError as error:
        raise not_importable(error) from error
    except MemoryError as error:
        raise ItemError(ErrorClass.OOM, "not enough memory") from error
    except OSError as error:
        raise ItemError(ErrorClass.IO_TRANSIENT, f"the file cannot be read ({error.strerror or error})") from error
    except Exception as error:
        raise ItemError(ErrorClass.CRASH, f"{type(error).__name__}: {error}"[:500]) from error
    except BaseException as error:
        if not is_panic(error):
            raise
        raise ItemError(ErrorClass.CORRUPT, "the file is damaged: its reader gave up") from error


def not_importable(error: ImportError) -> ItemError:
    """What a package that cannot be imported means: a tool is missing, whichever extra it belongs to."""
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, packages in EXTRAS.items() if module in packages), "all")
    return ItemError(ErrorClass.MISSING_TOOL, f"a Python package cannot be imported ({error}): run {command(extra)}")
