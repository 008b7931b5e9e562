"""Who may use the server: tokens, of which the library keeps only hashes, and signatures of single addresses.

``tokens.json`` in the library holds, for each token, a name and the SHA-256 of it: a token is 256 random bits, so that
nothing slower is needed. ``signing.key`` holds the key of signatures. Both can be read by their owner alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pillion.errors import LibraryError, UsageError

PREFIX = "pillion_"
"""How a token begins, so that one that is published by mistake is recognised."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}", re.ASCII)
_MOST = 1000


EVERYTHING, WORK = "all", "work"
SCOPES = (EVERYTHING, WORK)
"""What a token opens: everything but the work API, or that alone."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a token. ``created_at``: seconds since 1970; ``sha256``: in hexadecimal."""

    name: str
    created_at: float
    sha256: str
    scope: str = EVERYTHING


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    version: int = 1
    tokens: list[Token] = []


class Tokens:
    """The tokens of the library in a folder."""

    def __init__(self, root: Path) -> None:
        self._path = root / "tokens.json"
        self._key_path = root / "signing.key"
        self._signature: tuple[int, ...] | None = None
        self._known: list[Token] = []

    def create(self, name: str, scope: str = EVERYTHING) -> str:
        """A new token, which is kept nowhere: show it once. Raises UsageError for a name that is taken or odd."""
        if scope not in SCOPES:
            raise UsageError(f"There is no scope {scope!r}; choose from {', '.join(SCOPES)}.")
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for a token: use up to 64 letters, digits, spaces and ._@-")
        text = PREFIX + secrets.token_urlsafe(32)
        with self._changing() as tokens:
            if any(token.name == name for token in tokens):
                raise UsageError(f"There is a token {name!r} already; revoke it, or choose another name.")
            if len(tokens) >= _MOST:
                raise UsageError(f"There are {_MOST:,} tokens already; revoke some.")
            tokens.append(Token(name=name, created_at=time.time(), sha256=_hashed(text), scope=scope))
        return text

    def revoke(self, name: str) -> None:
        """From now on this token opens nothing. Raises UsageError if there is none of this name."""
        with self._changing() as tokens:
            left = [token for token in tokens if token.name != name]
            if len(left) == len(tokens):
                raise UsageError(f"There is no token {name!r}; 'pillion token list' shows them.")
            tokens[:] = left

    def all(self) -> Sequence[Token]:
        """The tokens, oldest first. Raises LibraryError if they cannot be read."""
        try:
            found = os.stat(self._path)
            signature = (found.st_mtime_ns, found.st_size, found.st_ino)
            if signature != self._signature:
                self._known, self._signature = self._read(), signature
        except FileNotFoundError:
            self._known, self._signature = [], None
        except OSError as error:
            raise LibraryError(f"Cannot read {self._path}: {error.strerror}.") from error
        return self._known

    def find(self, text: str) -> Token | None:
        """What is kept of a token; None if it is none. It takes as long whichever token it is like."""
        digest, found = _hashed(text), None
        for token in self.all():
            if hmac.compare_digest(token.sha256, digest):
                found = token
        return found

    def _read(self) -> list[Token]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept).tokens
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LibraryError(f"{self._path} is damaged ({error}): remove it, and make new tokens.") from error

    @contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        """The tokens, which are written back at the end; others wait meanwhile. Raises LibraryError."""
        try:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                tokens = list(self.all())
                yield tokens
                _write(self._path, msgspec.json.format(msgspec.json.encode(_Kept(tokens=tokens)), indent=1))
            finally:
                os.close(folder)
        except OSError as error:
            raise LibraryError(f"Cannot write {self._path}: {error.strerror}.") from error

    # signatures -------------------------------------------------------------------------------------------------------

    def sign(self, address: str, expires: int) -> str:
        """The signature of an address until a time in seconds since 1970, in hexadecimal."""
        return hmac.new(self._signing_key(), f"{address}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def is_signed(self, address: str, expires: str, signature: str) -> bool:
        """Whether this is an address' signature, and still holds."""
        if not (expires.isdigit() and len(expires) < 16 and signature.isascii()):
            return False
        expected = self.sign(address, int(expires))
        return hmac.compare_digest(expected, signature) and time.time() < int(expires)

    def _signing_key(self) -> bytes:
        """The key as it is now: one that is removed ends what it signed at once, also on a server that runs."""
        try:
            key = self._key_path.read_bytes()
        except FileNotFoundError:
            _write(self._key_path, secrets.token_bytes(32))
            key = self._key_path.read_bytes()
        if len(key) != 32:
            raise LibraryError(f"{self._key_path} is damaged: remove it; addresses that it signed end with it.")
        return key


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """A file that its owner alone can read, whole or not at all. Raises OSError."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)
