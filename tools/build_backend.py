"""The PEP 517 build backend: maturin, with the native tools it needs put in place first.

``pip install .`` calls the hooks below. Each finds or fetches nasm (see ``native.py``), keeps the build folder of a git
checkout in the user's cache, and hands over to maturin.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import maturin

import native

get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist
get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
build_sdist = maturin.build_sdist

ConfigSettings = Mapping[str, Any] | None


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: ConfigSettings = None) -> str:
    return _prepared(lambda: maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings))


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(
    wheel_directory: str, config_settings: ConfigSettings = None, metadata_directory: str | None = None
) -> str:
    return _built(lambda: maturin.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: ConfigSettings = None, metadata_directory: str | None = None
) -> str:
    return _built(lambda: maturin.build_editable(wheel_directory, config_settings, metadata_directory))


def _prepared(hook: Callable[[], str]) -> str:
    """Metadata need no assembler, only cargo; say so before maturin fails with a traceback."""
    try:
        _check_compilers()
    except native.MissingToolError as error:
        raise SystemExit(f"error: {error}") from None
    return hook()


def _check_compilers() -> None:
    # Where there is no cargo, maturin asks for puccinialin, which brings one.
    native.check_compilers(rust=find_spec("puccinialin") is None)


def _built(hook: Callable[[], str]) -> str:
    try:
        _check_compilers()
        if not native.add_nasm(os.environ):
            arguments = os.environ.get("MATURIN_PEP517_ARGS", "")
            os.environ["MATURIN_PEP517_ARGS"] = f"{arguments} --no-default-features".strip()
    except native.MissingToolError as error:
        raise SystemExit(f"error: {error}") from None
    native.leave_out_jpeg_programs(os.environ)
    target = native.set_target_dir(os.environ)
    with native.exclusive(target, os.environ):
        return hook()
