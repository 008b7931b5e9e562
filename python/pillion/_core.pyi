"""The Rust core. Every function releases the GIL while it works and raises ItemError with a class on failure.

Paths are ``str``, ``bytes`` or ``os.PathLike``; names that are not UTF-8 are kept byte for byte. Long calls poll for
Ctrl-C about every 50 ms and raise KeyboardInterrupt. ``progress`` functions are called as often, and once more at the
end; what they raise ends the call. ``threads``: 0 means one per core.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Generic, Self, TypeAlias, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from pillion.errors import ItemError

AnyPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Spec: TypeAlias = tuple[str, int, int] | tuple[str, int, int, int]
"""A thumbnail to make: name, longest side in pixels, WebP quality (0 to 100) and WebP effort (0 to 6), which may be left
out where a ``method`` argument gives it for all."""

Pixels: TypeAlias = NDArray[np.uint8] | memoryview
"""Decoded pixels: an array, or a buffer of rows, columns and channels."""

_Path = TypeVar("_Path", bound=str | os.PathLike[str])

__version__: str
ERROR_CLASSES: list[str]
"""Names of the Rust error classes, checked in a test against :class:`pillion.errors.ErrorClass`."""
SUMS_INT8_EXACTLY: bool
"""Whether this processor's products of 8-bit numbers are exact in libraries: x86 before VNNI cuts sums to 16 bits."""

# walk -----------------------------------------------------------------------------------------------------------------

_FoundFile: TypeAlias = tuple[bytes, int, int, int, int]
"""(path relative to the root, size in bytes, mtime, inode, ctime) of a regular file; times in ns since 1970."""

@final
class FoundFiles:
    """Files sorted by path, in 56 bytes each and their paths: a list of such tuples takes several times as much."""

    def __new__(cls, files: Sequence[_FoundFile] = ...) -> Self: ...
    def append(self, file: _FoundFile) -> None:
        """Add one; :meth:`sort` before the next look."""
    def extend(self, prefix: bytes, other: FoundFiles) -> None:
        """Add those of ``other`` with ``prefix`` before their paths; :meth:`sort` before the next look."""
    def sort(self) -> None: ...
    def find(self, path: bytes) -> tuple[int, int, int, int, int] | None:
        """(place, size, mtime, inode, ctime) of the file with this path. Fast where paths are asked for in order."""
    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> _FoundFile: ...
    def __iter__(self) -> Iterator[_FoundFile]: ...

@final
class WalkResult:
    """What a walk found, sorted by path."""

    @property
    def files(self) -> FoundFiles:
        """The regular files; always the same object."""
    @property
    def problems(self) -> list[tuple[bytes, str, str]]:
        """(relative path, error class, message) of what could not be read or was left out with a reason."""
    @property
    def folders(self) -> int: ...
    @property
    def libraries(self) -> list[bytes]:
        """Relative paths of folders that are Pillion libraries; ``b""`` is the root. They were not entered."""
    @property
    def system(self) -> list[bytes]:
        """Relative paths of folders that a system or a NAS keeps for itself. They were not entered."""
    @property
    def links(self) -> list[bytes]:
        """Relative paths of symbolic links to folders. They were not followed."""
    @property
    def file_links(self) -> list[bytes]:
        """Relative paths of symbolic links to regular files. They were not followed."""

def walk(
    root: AnyPath,
    *,
    ignore: Sequence[str] = ...,
    exclude: Sequence[bytes] = ...,
    hidden: bool = False,
    system: bool = False,
    parts: Sequence[bytes] | None = None,
    threads: int = 0,
    progress: Callable[[int], None] | None = None,
) -> WalkResult:
    """Find the regular files below ``root`` in parallel. Symbolic links are left out and not followed.

    ``ignore``: gitignore-style globs, relative to ``root``; the last that matches decides. ``exclude``: folders not to
    enter, by their exact relative paths. ``hidden``: take names that start with a dot. ``system``: enter folders such as
    ``@eaDir`` and ``$RECYCLE.BIN``. A Pillion library is never entered. ``progress``: (files found). Pipes, sockets and devices are problems of class ``unsupported``,
    unreadable folders of class ``missing_source``.

    ``parts``: look only at these files and folders, by their relative paths, as the whole walk would find them. Those
    that are not there, or lie in a folder that the whole walk does not enter, are left out without a word.

    Raises ItemError (``missing_source``) when ``root`` is not a readable folder, ValueError for a bad glob.
    """

# watch ----------------------------------------------------------------------------------------------------------------

@final
class Watcher:
    """Watches trees of folders for changes, by inotify on Linux.

    It may be used by several threads. ``most_folders``: how many folders it may watch in all; beyond, it is as if the
    system's limit were reached.
    """

    def __new__(cls, *, most_folders: int | None = None) -> Watcher: ...
    def add(
        self,
        number: int,
        root: AnyPath,
        *,
        ignore: Sequence[str] = ...,
        exclude: Sequence[bytes] = ...,
        hidden: bool = False,
        system: bool = False,
    ) -> tuple[int, list[bytes], str | None]:
        """Watch those folders of a tree that :func:`walk` enters, under a number that is not in use.

        Returns (folders watched, folders that are not because a limit is reached, that limit: ``watches`` or
        ``instances``); what is below such a folder is not watched either, and ``b""`` is the root. What happens from
        now on is told, so a scan that begins after this call misses nothing.

        Raises ItemError (``missing_source``) when ``root`` is not a readable folder, ValueError for a bad glob.
        """

    def remove(self, number: int) -> None:
        """End the watch of a tree, if there is one. What was not told is dropped."""

    @property
    def folders(self) -> int:
        """How many folders are watched, as of when they were added."""

    def next(self, timeout: float) -> list[tuple[int, bytes, str]]:
        """Wait until something happens, at most ``timeout`` seconds, and tell all that did: each path once, sorted.

        (number of the tree, path in it, what): ``writing`` (made or changed and not closed since), ``written`` (closed
        after that, moved here, or given other times or rights), ``gone``, ``folder`` (new here: look at all in it; it
        is watched by now), ``rescan`` (notices were lost: look at all in this folder), ``unwatched`` (a new folder that
        cannot be watched because a limit is reached). The root of the tree itself is ``gone`` when it was removed.
        Memory is bounded: where more than 65,536 paths wait, a ``rescan`` stands for them.

        Raises ValueError for a negative timeout.
        """

    def wake(self) -> None:
        """Let a call of :meth:`next` return at once, or the next one."""

# identify -------------------------------------------------------------------------------------------------------------

@final
class HashResult:
    """A content's identity. It passes between processes.

    ``hash``: 64 hex digits. Raises ValueError for anything else.
    """

    def __new__(cls, hash: str, size: int, sampled: bool) -> HashResult: ...
    def __reduce__(self) -> tuple[type[HashResult], tuple[str, int, bool]]: ...
    @property
    def content_uuid(self) -> str:
        """Canonical lower-case UUID (version 8, RFC 9562) made from the first 16 bytes of the hash."""
    @property
    def hash(self) -> str:
        """64 hex digits: BLAKE3 of the whole file, or the sampled hash of a large one."""
    @property
    def sampled(self) -> bool: ...
    @property
    def size(self) -> int: ...

def hash_file(path: AnyPath, *, sample_above: int = 67108864) -> HashResult:
    """Hash one file; a symbolic link is followed. Larger than ``sample_above`` bytes: the sampled hash.

    Raises ItemError: ``missing_source``, ``unsupported`` (not a regular file), ``changed_source``, ``io_transient``.
    """

def hash_bytes(data: bytes, *, sample_above: int = 67108864) -> HashResult:
    """The same as :func:`hash_file` of a file with these bytes."""

def identify_files(
    root: AnyPath,
    files: Sequence[tuple[bytes, int, int]],
    *,
    sample_above: int = 67108864,
    follow: bool = False,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[str, str, str, Facts | None] | tuple[str, str]]:
    """Hash and sniff many files in parallel, each opened once, and read what they say of themselves.

    ``files``: (path relative to ``root``, size, mtime_ns) as the walk saw them. Returns, in the same order,
    (content_uuid, hash, mime, facts) or, on failure, (error class, message); a file whose size or mtime is not what the
    walk saw, before or after the read, gives ``changed_source``, and so does a symbolic link unless ``follow``.
    ``progress``: (files done, bytes read).

    Raises ItemError (``missing_source``) when ``root`` is not a readable folder.
    """

FACTS_VERSION: int
"""Of the rules by which facts are read: where it is raised, they are read again."""

Facts: TypeAlias = tuple[int | None, str]
"""The capture date in ms since 1970 by the clock on the wall, if there is one; a JSON object (docs/facts.md)."""

def file_facts(path: AnyPath) -> tuple[str, Facts | None]:
    """The mime type of a file, and what it says of itself: None if it says nothing, or is of a type that is not read.

    Raises ItemError (``missing_source``; ``unsupported`` for what is no regular file).
    """

def sniff(head: bytes, name: bytes = b"") -> str:
    """The mime type from the first bytes of a file (give 65536 or all). ``name`` breaks ties that bytes leave open
    (text/markdown against text/plain). ``application/x-empty`` for no bytes, ``application/octet-stream`` if unknown."""

def sniff_file(path: AnyPath) -> str:
    """The mime type of a file, from its first bytes; of zip files and old office documents also from their directories.

    Raises ItemError (``missing_source``, ``io_transient``; ``unsupported`` for what is no regular file).
    """

def claimed_type(name: bytes) -> str | None:
    """What a file is taken for whose bytes are unknown: the picture, sound or film that its name claims.

    None if it claims none of these. Whether it is one, the engine that reads the type decides.
    """

def mime_from_name(name: bytes) -> str:
    """The mime type that the file name's extension claims; ``application/octet-stream`` if it claims none."""

def media_class(mime: str) -> str:
    """``image``, ``pdf``, ``video``, ``audio``, ``text`` or ``other``: the values of :class:`pillion.model.MediaClass`.

    Parameters (``; charset=utf-8``) and letter case do not matter.
    """

# paths ----------------------------------------------------------------------------------------------------------------

def content_uuid(hash: str) -> str:
    """The uuid of a content hash given as 64 lower-case hex digits; ValueError for anything else."""

def sidecar_path(content_uuid: str, kind_dir: str, variant: str, extension: str) -> str:
    """``content/{h0}/{h1}/{content_uuid}/{kind_dir}/{variant}.{ext}``, relative to the library's ``sidecars/``.

    Raises ValueError for anything that is not a canonical uuid or would leave the folder.
    """

def exists_many(root: AnyPath, relative: Sequence[str], *, threads: int = 0) -> list[bool]:
    """Whether each path below ``root`` is a regular file, in their order.

    False for absolute paths and those with ``..``; links are not followed in a path's last part. Nothing exists below
    a ``root`` that is not there. Raises ItemError when it cannot tell (an I/O error, permission denied).
    """

def sync_filesystem(path: AnyPath) -> None:
    """Make all that was written to the file system holding ``path`` durable (syncfs on Linux, sync elsewhere).

    Raises ItemError: ``missing_source``, ``disk_full``, ``io_transient``.
    """

# schedule -------------------------------------------------------------------------------------------------------------

def plan_batches(
    jobs: Sequence[tuple[int, int, int, float]], *, max_items: int = 16, max_cost: float = 1.0
) -> list[list[int]]:
    """Group jobs (id, priority, kind ordinal, cost in seconds) into batches to hand to workers.

    A batch holds one kind and one priority, at most ``max_items`` jobs and (unless it is a single job) at most
    ``max_cost``. Batches come in order of priority (lower first), then kind, then the order given.

    Raises ValueError for ``max_items`` < 1 and for costs that are negative or not finite (``max_cost`` may be inf).
    """

# image ----------------------------------------------------------------------------------------------------------------

@final
class FormatInfo:
    """A picture format that the core reads."""

    @property
    def name(self) -> str:
        """``jpeg``, ``png``, ``gif``...: what :attr:`ImageInfo.format` says."""
    @property
    def mime_types(self) -> list[str]:
        """Its types, as :func:`sniff` gives them."""
    @property
    def extensions(self) -> list[str]:
        """Usual file name extensions, without the dot."""
    @property
    def decoder(self) -> str:
        """The library compiled in; ``pillion`` where the decoder is the core's own."""
    @property
    def alpha(self) -> bool:
        """Whether transparency is kept."""
    @property
    def icc(self) -> bool:
        """Whether an ICC profile in the file is honoured."""
    @property
    def note(self) -> str:
        """What is read and what is not."""

def formats() -> list[FormatInfo]:
    """Every picture format that the core reads, one row each."""

@final
class ImageInfo:
    @property
    def format(self) -> str:
        """A name in :func:`formats`."""
    @property
    def width(self) -> int:
        """Pixels, after orientation."""
    @property
    def height(self) -> int: ...
    @property
    def orientation(self) -> int:
        """EXIF orientation, 1 to 8."""

@final
class Thumbnail:
    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def data(self) -> bytes:
        """A whole WebP file."""
    @property
    def thumbhash(self) -> bytes:
        """The ThumbHash of the picture: the same for all sizes made in one call."""
    @property
    def likeness(self) -> bytes:
        """The perceptual hash of the picture, 32 bytes, from the same pixels; zeros for a picture of one colour."""
    @property
    def truncated(self) -> bool:
        """Whether the file ends early: what is there is shown, and the rest is mid-grey, or transparent."""
    @property
    def damaged(self) -> bool:
        """Whether the file is damaged, and what can be read of it is shown."""

def image_format(source: str | os.PathLike[str] | bytes) -> str | None:
    """The name in :func:`formats` of what a file or its bytes are, from all of it; None for what is not read here.

    Unlike :func:`sniff` this tells a camera raw file that is a TIFF inside from other TIFFs without its name.
    """

def probe(source: AnyPath | bytes, *, page: int = 0) -> ImageInfo:
    """Read the header only, of a page of :func:`pages`; 0 is the first. NOTE ``bytes`` are file contents for the image functions, never a path."""

def pages(source: AnyPath | bytes) -> list[int]:
    """The numbers of the pages of a file: several in a TIFF, one in all others. Thumbnails, masks and smaller copies in a
    TIFF are no pages, so numbers may be left out.
    """

def damage(source: AnyPath | bytes, *, page: int = 0, max_pixels: int = 268435456) -> str | None:
    """What is damaged in a page that :func:`decode` reads all the same: lines of a fax. None where nothing is."""

def thumbnails(
    source: str | os.PathLike[str] | bytes,
    specs: Sequence[Spec],
    *,
    max_pixels: int = 268435456,
    method: int = ...,
) -> list[Thumbnail]:
    """Thumbnails of an image file (path) or its bytes: one read, one decode for all ``specs``.

    Never upscales. Upright by EXIF; no metadata is kept. ``method``: WebP effort, 0 (fast) to 6 (small).
    """

@final
class ThumbnailBatch(Generic[_Path]):
    """The iterator of :func:`thumbnail_batch`. Use it from one thread at a time."""

    def __iter__(self) -> ThumbnailBatch[_Path]: ...
    def __next__(self) -> tuple[_Path, list[Thumbnail] | ItemError]: ...
    def close(self) -> None:
        """Stop: each thread ends the picture it is at; what was not handed out is dropped. Deletion does the same."""

def thumbnail_batch(
    paths: Iterable[_Path],
    specs: Sequence[Spec],
    *,
    threads: int = 0,
    max_pixels: int = 268435456,
    method: int = ...,
) -> ThumbnailBatch[_Path]:
    """Thumbnails of many files on ``threads`` threads: (path as given, thumbnails or the error), as they finish.

    Takes paths from ``paths`` only as threads get free: two for each thread are in flight at most. What ``paths`` raises,
    or TypeError for what is not a path, ends the iteration. Ctrl-C is seen within 50 ms of waiting.
    """

def thumbnails_from_pixels(pixels: Pixels, specs: Sequence[Spec], *, method: int = ...) -> list[Thumbnail]:
    """The same for decoded pixels: uint8, shape (H, W, 3) RGB or (H, W, 4) RGBA, C-contiguous.

    TypeError or ValueError for an array or buffer of another sort.
    """

def thumbnails_from_decoded(
    pixels: Pixels,
    specs: Sequence[Spec],
    *,
    icc: bytes | None = None,
    cicp: tuple[int, int] | None = None,
    max_side: int | None = None,
    method: int = ...,
    damaged: bool = False,
) -> list[Thumbnail]:
    """:func:`thumbnails_from_pixels` of what :func:`srgb_from_pixels` gives, which takes the same; marked ``damaged``."""

def decode(
    source: str | os.PathLike[str] | bytes,
    *,
    max_side: int | None = None,
    max_pixels: int = 268435456,
    page: int = 0,
) -> NDArray[np.uint8]:
    """Upright pixels, shape (H, W, 3) or (H, W, 4) when the picture has alpha; scaled down to ``max_side`` if larger.

    ``page``: one of :func:`pages`.
    """

def thumbhash(source: str | os.PathLike[str] | bytes | Pixels, *, max_pixels: int = 268435456) -> bytes:
    """The ThumbHash (https://evanw.github.io/thumbhash/) of an image file, its bytes, or decoded pixels.

    At most 25 bytes that show roughly what is there. Pixels are upright sRGB, uint8, shape (H, W, 3) or (H, W, 4).
    """

def thumbhash_pixels(hash: bytes) -> NDArray[np.uint8]:
    """What a ThumbHash shows: RGBA, shape (H, W, 4), 32 pixels on the longer side. ValueError for other bytes."""

def srgb_from_pixels(
    pixels: Pixels,
    *,
    icc: bytes | None = None,
    cicp: tuple[int, int] | None = None,
    max_side: int | None = None,
) -> NDArray[np.uint8]:
    """Pixels that another decoder gave, scaled down to ``max_side`` and converted to sRGB.

    Their colours are those of the ICC profile, else of the code points (primaries, transfer) of ITU-T H.273, else sRGB.
    ``pixels``: uint8, shape (H, W, 3) or (H, W, 4) with straight alpha, C-contiguous, upright. Alpha that is opaque
    everywhere is dropped. A profile that is damaged or of another colour model is left aside.
    """

# pages ----------------------------------------------------------------------------------------------------------------
# Gray pictures: uint8, shape (H, W), C-contiguous, at most 1,000,000 rows or columns; ValueError for others.

@final
class Look:
    """What a look at a gray picture found: print or photograph, and how the print lies."""

    @property
    def is_paper(self) -> bool:
        """A scan, a screenshot, or a page in a photograph; also a picture with nothing on it."""
    @property
    def print(self) -> float:
        """The share of the places with something on them that look like print, 0 to 1."""
    @property
    def density(self) -> float:
        """The share of all places that look like print, 0 to 1."""
    @property
    def skew(self) -> float:
        """Degrees clockwise by which lines are turned from the nearest axis, -15 to 15."""
    @property
    def sideways(self) -> bool:
        """Whether lines run downwards or upwards."""
    @property
    def uneven(self) -> float:
        """By how much the brightness of the ground differs between places with print, 0 to 255."""
    @property
    def area(self) -> tuple[int, int, int, int]:
        """Around all print: left, top, right, bottom in pixels; zeros if there is none."""

def look(gray: NDArray[np.uint8]) -> Look:
    """Look at a picture: a few milliseconds for a megapixel."""

def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The brightness of RGB or RGBA, shape (H, W, 3 or 4), whatever its alpha: ITU-R BT.601 in 256ths, rounded down."""

def gray_histogram(gray: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """How often each of the 256 values is there."""

def binarised(gray: NDArray[np.uint8]) -> tuple[int, bytes]:
    """In black and white, as Tesseract 5 does it by itself: (bytes of a row, rows of bits); white pixels are ones."""

def print_of(gray: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Where a picture looks like print: (its ink, which tiles of 24 x 24 pixels of that are print, the side of a square
    of the picture for each pixel). The longer side of the ink is at most 1,200 pixels."""

def rulings(gray: NDArray[np.uint8], height: float) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """(Thin lines across, those down, the gray of the ground). Boxes of shape (n, 4): left, top, right, bottom.

    ``height``: of lines of text.
    """

def levelled(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Paper in uneven light made evenly white: each pixel divided by the ground around it."""

def enlarged(gray: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture in another ``size`` (H, W), bilinear, to the nearest gray.

    Raises ValueError for a picture or a ``size`` without pixels, and for a ``size`` beyond 268,435,456 of them.
    """

def warped(
    gray: NDArray[np.uint8],
    map: Sequence[float],
    size: tuple[int, int],
    *,
    ground: int = 255,
) -> NDArray[np.uint8]:
    """A picture of ``size`` (H, W) seen through a projective map; ``ground`` where the picture has nothing.

    ``map``: (a, b, c, d, e, f, g, h), by which (x, y) of the result shows ((ax + by + c) / w, (dx + ey + f) / w) of the
    picture, w = gx + hy + 1. The middle of the first pixel is at (0.5, 0.5). Bilinear.
    """

@final
class LineModel:
    """A model of Tesseract's for one language (``.traineddata``), run on many lines at once. Serves all threads."""

    def __new__(cls, data: bytes) -> LineModel:
        """Raises ItemError: ``corrupt``, and ``unsupported`` for what Tesseract can run and the core cannot: weights that
        are not int8, other layers, scripts without spaces or from right to left."""
    def read(self, gray: NDArray[np.uint8], lines: NDArray[np.int32]) -> list[list[tuple[str, float, list[int]]]]:
        """The words of each line: text, confidence (0 to 100) and the box around the ink: left, top, right, bottom.

        ``lines``: shape (n, 6), pixels: left, top, right and bottom of its ink; the rows above and below what is read.
        """

def sandbox_support() -> tuple[int, bool, str]:
    """What of a sandbox the kernel has: (version of Landlock's interface, 0 for none; seccomp filters; what is missing
    and why, empty where nothing is)."""

def confine(
    grants: Sequence[tuple[AnyPath, Sequence[str]]],
    calls: Sequence[tuple[str, str, Sequence[tuple[int, int, Sequence[int], bool]]]],
    newest: int,
) -> tuple[int, bool, str]:
    """Confine this process and all that it starts, for good; returns what holds, as :func:`sandbox_support`.

    ``grants``: (path, what may be done there: "read", "write", "remove", "execute", "device"); a path that is not there
    grants nothing. ``calls``: (name of a system call, "refuse", "missing" or "kill", tests); a test: (number of the
    argument, mask, values, whether only these are allowed and not the refused ones); without tests it holds always.
    ``newest``: the highest version of Landlock's interface to use, 0 for none.

    Raises ValueError for an unknown name, ItemError (``crash``) where other threads run already or the kernel refuses.
    """

# search ---------------------------------------------------------------------------------------------------------------

@final
class WordIndex:
    """The index of words in a folder, in tantivy (rust/src/search/words.rs). One thread at a time uses it.

    A document is a passage, or the names of a content; its key is the content's uuid and a letter. Clauses are
    (1 must, 0 should, -1 must not; ``word``, ``prefix`` or ``phrase``; text). Raises ItemError: ``missing_source`` if
    there is none, ``corrupt`` if it cannot be read, ``disk_full``.
    """

    def __new__(
        cls, folder: str | os.PathLike[str], *, writable: bool = False, fresh: bool = False, memory: int = 30000000
    ) -> Self: ...
    def payload(self) -> str | None:
        """That of the last commit; None before the first."""
    def __len__(self) -> int: ...
    def reload(self) -> None:
        """See the state of the last commit from now on."""
    def delete(self, key: str) -> None:
        """Delete the documents with this key."""
    def add(self, key: str, text: str, language: str, place: str) -> str | None:
        """Add a passage; returns the code of the language whose stems it has."""
    def add_names(self, key: str, names: str, folders: str, digest: int) -> None:
        """Add the names of a content. ``digest``: the caller's own, 64 bits."""
    def commit(self, payload: str) -> None:
        """Make what was added and deleted durable and visible."""
    def close(self) -> None:
        """Wait for merges, and let others write."""
    def digests(self) -> list[tuple[str, int]]:
        """(key, digest) of the names of each content."""
    def counts(self) -> list[tuple[str, int]]:
        """Every key, with how many documents have it."""
    def damaged(self) -> list[Path]:
        """The files whose bytes are not those that were written."""
    def search(
        self,
        clauses: Sequence[tuple[int, str, str]],
        limit: int,
        *,
        names: bool = False,
        languages: Sequence[str] = ...,
        contents: Sequence[str] | None = None,
        letters: str = "",
        typos: bool = False,
    ) -> list[tuple[int, int, str, float]]:
        """(segment, number, key, BM25) of the best documents, best first.

        ``contents``: only documents of these, whose keys have one of the ``letters`` (none: any).
        """
    def having(
        self,
        groups: Sequence[Sequence[tuple[int, str, str]]],
        contents: Sequence[str],
        *,
        languages: Sequence[str] = ...,
    ) -> list[list[str]]:
        """Which of these contents have any clause of each group, in their text or their names."""
    def stored(self, addresses: Sequence[tuple[int, int]]) -> list[tuple[str, str]]:
        """(text with the mark of its language, place) of documents by (segment, number)."""
    def marked(
        self,
        addresses: Sequence[tuple[int, int]],
        clauses: Sequence[tuple[int, str, str]],
        *,
        languages: Sequence[str] = ...,
        typos: bool = ...,
    ) -> list[tuple[str, str, str, list[tuple[int, int, int]]]]:
        """The same, and what ``search_marks`` gives for each."""
    def rarities(self, stems: Sequence[str]) -> list[float]:
        """BM25's inverse document frequency of each stem."""

@final
class VectorFile:
    """A file of vectors, all of as many dimensions (rust/src/search/vectors.rs). One thread at a time uses it.

    Contents are the 16 bytes of their uuids. Raises ItemError as :class:`WordIndex` does.
    """

    def __new__(cls, path: str | os.PathLike[str], *, writable: bool = False, fresh: int | None = None) -> Self:
        """``fresh``: begin an empty file for vectors of so many dimensions, of 64 to 4096 in steps of 64."""
    @property
    def dimensions(self) -> int:
        """What each vector has."""
    def stamp(self) -> str:
        """That of the last commit."""
    def counts(self) -> tuple[int, int]:
        """(rows, of them removed)"""
    def append(self, content: bytes, vectors: NDArray[np.float32]) -> None:
        """Add the vectors of a content, shape (n, dimensions), unit length."""
    def remove(self, contents: Sequence[bytes]) -> int:
        """Remove the rows of contents; returns how many."""
    def commit(self, stamp: str) -> None:
        """Make it durable and visible. ``stamp``: at most 200 bytes."""
    def compacted(self, path: str | os.PathLike[str]) -> None:
        """Write what is not removed to a new file."""
    def contents(self) -> list[tuple[bytes, int]]:
        """(content, rows) of each."""
    def scan(
        self, query: NDArray[np.float32], limit: int, *, among: Sequence[bytes] | None = None, threads: int = 0
    ) -> list[tuple[int, bytes, int, float]]:
        """(row, content, chunk, cosine) of the nearest rows, best first."""
    def scores(self, query: NDArray[np.float32], rows: Sequence[int]) -> list[float]:
        """The products of rows with a query."""
    def vector(self, row: int) -> NDArray[np.float32]:
        """A row as it is stored, shape (dimensions,)."""
    def rows_of(self, content: bytes) -> list[int]:
        """The rows of a content."""

def folded(text: str) -> str:
    """A text as words are compared: lower case, without accents."""

def search_marks(
    text: str, clauses: Sequence[tuple[int, str, str]], *, languages: Sequence[str] = ..., typos: bool = False
) -> tuple[str, list[tuple[int, int, int]]]:
    """A stored text without its mark, and (start, end, number of the clause) of what matches, in characters."""

def search_stems(text: str, languages: Sequence[str] | None = None) -> list[str]:
    """The stems of a stored text, in order. With ``languages``: those that a typed word may have in any of them."""

def likeness_hash(pixels: Pixels) -> bytes:
    """The perceptual hash of upright sRGB pixels, uint8, shape (H, W, 3) or (H, W, 4): 32 bytes, as of a thumbnail."""

def likeness_pairs(hashes: Sequence[bytes], most: int, most_low: int) -> list[tuple[int, int, int, int]]:
    """(first, second, bits, low) of hashes that differ in at most ``most`` bits, or in at most ``most_low`` of the 64 of
    the lowest frequencies, turned or mirrored in any way."""

def likeness_distances(hash: bytes, others: Sequence[bytes]) -> list[int]:
    """The bits in which each hash differs from one, turned or mirrored in the nearest way."""
