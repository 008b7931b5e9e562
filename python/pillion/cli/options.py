"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pillion.errors import UsageError
from pillion.quoting import quoted

if TYPE_CHECKING:
    from pillion.library import Library
    from pillion.model import SidecarKind

STAYS = "pillion.stays"
"""In a context's ``meta``: the command runs until it is stopped, so SIGTERM is its usual end."""
FINDS = "pillion.finds"
"""In a context's ``meta``: exit code 1 says that nothing was found, so any error ends with 2, as those of grep do."""
LIBRARY_VARIABLE = "PILLION_LIBRARY"
SIDECARS_VARIABLE = "PILLION_SIDECARS"
_SIDECARS = "pillion.sidecars"
"""In a context's ``meta``: where the sidecars are, and whether that was given on the command line."""

F = TypeVar("F", bound=Callable[..., Any])


class _FilePath(click.Path):
    """A path, but not an empty one, which would mean the current folder: it comes from a variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Ends with a usage error for an empty one."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


class _FileOrAddress(_FilePath):
    """The path of a file, or the address of a sidecar in the command's library, which is the path of that."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises UsageError for an address of which nothing is there."""
        from pillion.model import SidecarUri

        if isinstance(value, str) and SidecarUri.is_one(value):
            value = _path_at(value, ctx.params.get("library") if ctx else None)
        return super().convert(value, param, ctx)


def _path_at(address: str, library: Path | None) -> Path:
    from pillion.library.sidecars import Ready

    with open_library(library or _library_of_variable()) as opened:
        found = opened.resolve(address, "local_only")
    if not isinstance(found, Ready):
        raise UsageError(f"Nothing is there at {quoted(address)}; 'pillion cat' makes it.")
    return found.path


def _library_of_variable() -> Path | str | None:
    from pillion.model import is_catalog_url

    named = os.environ.get(LIBRARY_VARIABLE)
    return named if is_catalog_url(named) else Path(named) if named else None


PATH = _FilePath(path_type=Path)
FILE = _FileOrAddress(path_type=Path)


def default_library() -> Path:
    """Where the library is when nothing says otherwise."""
    import platformdirs

    return Path(platformdirs.user_data_dir("pillion", appauthor=False)) / "library"


class _Library(_FilePath):
    """The folder of a library, or the address of its catalog, which stays text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A path, or the address."""
        from pillion.model import is_catalog_url

        return value if is_catalog_url(value) else super().convert(value, param, ctx)


def _note_sidecars(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    given = ctx.get_parameter_source(str(param.name))
    ctx.meta[_SIDECARS] = (value, given is click.core.ParameterSource.COMMANDLINE)
    return value


LIBRARY = _Library(path_type=Path)


def _of_group(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    return ctx.obj if value is None else value


def _sidecars_of_group(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    return value if value is None else _note_sidecars(ctx, param, value)


def _library(**more: Any) -> Callable[[F], F]:
    said = "The library's folder (default: one in your user data folder), or postgresql://USER@HOST/DATABASE."
    return click.option(*("--library", "-l"), type=LIBRARY, is_eager=True, help=said, **more)


def _sidecars(callback: Callable[..., Any], **more: Any) -> Callable[[F], F]:
    said = "Where the sidecars are, if elsewhere: s3://bucket/prefix, or for a catalog on PostgreSQL a folder."
    return click.option(
        "--sidecars", metavar="WHERE", is_eager=True, expose_value=False, callback=callback, help=said, **more
    )


def library_option(command: F) -> F:
    """Which library a command is for: its options."""
    sidecars = _sidecars(_note_sidecars, envvar=SIDECARS_VARIABLE, show_envvar=True)
    return _library(envvar=LIBRARY_VARIABLE, show_envvar=True)(sidecars(command))


def library_after(command: F) -> F:
    """The same for a command of a group that has them, and its library in ``obj``: they may stand behind it, too."""
    return _library(callback=_of_group)(_sidecars(_sidecars_of_group)(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, and nothing else there.")
kind_option = click.option("--kind", "-k", help="Only this kind, such as thumb or ocr.")
kinds_option = click.option("--kinds", help="Only these kinds, separated by commas, such as thumb,ocr.")


def ocr_languages(_ctx: click.Context, _param: click.Parameter, named: tuple[str, ...]) -> tuple[str, ...]:
    """Tesseract's codes for what was named: a code, an ISO code such as ``en``, or several as ``eng+deu``.

    Raises UsageError for what is no language.
    """
    if not named:
        return ()
    from pillion.kinds.ocr.models import named_languages

    return named_languages(named)


def sidecars_for(library: Path | str | None) -> str | None:
    """Where the options say that sidecars are; the environment says so for catalogs on PostgreSQL only."""
    from pillion.model import is_catalog_url

    ctx = click.get_current_context(silent=True)
    value, given = (ctx.meta.get(_SIDECARS) if ctx is not None else None) or (None, False)
    found: str | None = value if given or is_catalog_url(library) else None
    return found


def library_folder(library: Path | str | None) -> Path:
    """The folder of the library that the options name."""
    from pillion.library.opening import place_of

    return place_of(library or default_library(), sidecars_for(library)).root


def refuse_new_for_nothing(library: Path | str | None, paths: tuple[Path, ...]) -> None:
    """No library is made where the folders for it are mistyped or missing. Raises UsageError."""
    from pillion.library import CATALOG
    from pillion.library.arguments import existing_folder
    from pillion.model import is_catalog_url

    if is_catalog_url(library) or (library_folder(library) / CATALOG).exists():
        return
    for path in paths:
        existing_folder(path)


def open_library(path: Path | str | None, *, create: bool = False, policy: str | None = None) -> Library:
    """Open the library that the options name."""
    import logging

    from pillion.library import Library

    # What SQLAlchemy logs when Ctrl-C comes while a connection is closed, it raises as well.
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
    return Library.open(path or default_library(), sidecars=sidecars_for(path), create=create, policy=policy)


def split_kinds(text: str | None) -> list[SidecarKind] | None:
    """``thumb,ocr`` as a list; None stays None. Raises UsageError for an unknown kind, and for none at all."""
    from pillion.kinds.registry import parse_kinds

    if text is None:
        return None
    named = [part.strip() for part in text.split(",") if part.strip()]
    if not named:
        # Nothing would be made, and be called a success: it comes from a variable that is not set.
        raise UsageError("--kinds names no kind; leave it out for all of them.")
    return list(parse_kinds(named))


def one_content(library: Library, what: str) -> str:
    """The content that ``what`` (a path, or the beginning of a uuid) means. Raises UsageError unless it is one."""
    found = library.find(what)
    if not found:
        raise UsageError(f"The library {library.root} knows no content '{quoted(what)}'.")
    if len(found) > 1:
        raise UsageError(f"'{quoted(what)}' may mean {len(found)} contents: {', '.join(found)}; give more of it.")
    return found[0]


printable = quoted
"""A path for people; JSON has it as it is."""
