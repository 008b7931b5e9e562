"""The page: its few files, read once, and signing in to it.

The files are in ``page/``: plain modules that need no build. Their policy (CSP) lets them load and run only what is on
this server, and no style or script that stands in a document. A browser sends its token in a cookie that no script can
read, since neither a picture nor an event source can send one in a header.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from pillion.server.guard import COOKIE
from pillion.server.http import SAFE, Answer, Headers, Problem, Request, Stream, has_match
from pillion.server.routes import Param, Reply, Route, get
from pillion.server.schemas import text

if TYPE_CHECKING:
    from pillion.server.app import Api

_TYPES = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
}
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'"
)
"""What the page may load, and from where."""
_SAFETY: Headers = [*SAFE, (b"content-security-policy", POLICY), (b"cross-origin-opener-policy", b"same-origin")]
_COOKIE_S = 400 * 86400
"""Browsers keep no cookie for longer."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page. ``etag``: of its bytes, so that a browser that has them is sent none."""

    body: bytes
    kind: bytes
    etag: bytes


@functools.cache
def files() -> Mapping[str, File]:
    """The files of the page, by name."""
    found = {}
    for file in resources.files("pillion.server").joinpath("page").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            body = file.read_bytes()
            found[file.name] = File(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode())
    return found


async def show_page(_api: Api, request: Request) -> Stream:
    """The document, or one of the files that it names."""
    name = request.values.get("file", "index.html")
    file = files().get(name)
    if file is None:
        raise Problem(404, "The page has no such file.")
    headers: Headers = [(b"etag", file.etag), (b"cache-control", b"no-cache")]
    match = request.headers.get(b"if-none-match")
    if match is not None and has_match(match, file.etag):
        return Stream(304, _pieces(b""), headers, safety=_SAFETY)
    whole: Headers = [(b"content-type", file.kind), (b"content-length", b"%d" % len(file.body))]
    return Stream(200, _pieces(file.body), [*headers, *whole], safety=_SAFETY)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    if body:
        yield body


async def sign_in(api: Api, request: Request) -> Answer:
    """Take a token, and give it to the browser in a cookie. Raises Problem: 401 for a wrong one, 429 for too many."""
    token = request.values["token"]
    if api.guard.tokens.find(token) is None:
        api.guard.tries.take(request.client)
        raise Problem(401, "This token is not known here, or was revoked.")
    return _with_cookie(request, token, _COOKIE_S)


async def sign_out(_api: Api, request: Request) -> Answer:
    """Have the browser forget its token."""
    return _with_cookie(request, "", 0)


def _with_cookie(request: Request, token: str, seconds: int) -> Answer:
    secure = "; Secure" if request.scope.get("scheme") == "https" else ""
    cookie = f"{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    return Answer(204, b"", headers=[(b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")])


_FILE = Param(name="file", schema=text(maxLength=64), text="The file.", example="app.js")
_SHOWN = Reply(text="The file.", media="*/*", headers={"ETag": "Of its bytes."})
_SAME = {304: Reply(text="The client has it.", media="")}

ROUTES: tuple[Route, ...] = (
    get("page", "page", "/", "The page.", show_page, _SHOWN, other_replies=_SAME, open_to_all=True),
    get(
        "page",
        "page_file",
        "/page/{file}",
        "A file of the page.",
        show_page,
        _SHOWN,
        path_params=(_FILE,),
        other_replies=_SAME,
        open_to_all=True,
    ),
)
"""The page's files: not part of the API."""
