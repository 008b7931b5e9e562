"""What a route is, and how requests find theirs and are checked by it; the table itself is in ``operations.py``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pillion.server.http import Answer, Problem, Request, Stream
from pillion.server.schemas import Schema
from pillion.server.tokens import EVERYTHING

if TYPE_CHECKING:
    from pillion.server.app import Api

Handler = Callable[["Api", Request], Awaitable[Answer | Stream]]

API = "/api/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Param:
    """A parameter. ``schema``: a JSON Schema of type string, integer, number or boolean; ``many``: commas part values,
    of which there may be ``most``. ``example``: a value as it stands in an address.

    A text that is empty is as one that is left out, also among many; so is another one where ``or_empty`` says so. Any
    other is wrong.
    """

    name: str
    schema: Schema
    text: str
    example: Any = None
    required: bool = False
    many: bool = False
    most: int = 50
    or_empty: bool = False

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty value is taken, as if it were left out."""
        return self.or_empty or (self.schema["type"] == "string" and not self.required)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer that a route may give. ``schema``: of its JSON; None: other bytes, of ``media``."""

    text: str
    schema: Schema | None = None
    media: str = "application/json"
    example: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    also: str = ""
    """Another type that the answer may be of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One operation. ``changes``: it changes something; ``open_to_all``: no token is needed, even where one is;

    ``signed``: a signature in the address may stand for a token. ``body``: a JSON Schema of the object it takes;
    ``upload``: it takes bytes. ``scope``: of the tokens that open it.
    """

    method: str
    path: str
    name: str
    tag: str
    text: str
    handler: Handler
    path_params: Sequence[Param] = ()
    query: Sequence[Param] = ()
    body: Schema | None = None
    body_example: Any = None
    replies: Mapping[int, Reply] = field(default_factory=dict)
    changes: bool = False
    open_to_all: bool = False
    signed: bool = False
    scope: str = EVERYTHING
    upload: bool = False


def get(
    tag: str,
    name: str,
    path: str,
    text: str,
    handler: Handler,
    reply: Reply,
    *query: Param,
    path_params: Sequence[Param] = (),
    other_replies: Mapping[int, Reply] | None = None,
    open_to_all: bool = False,
    signed: bool = False,
) -> Route:
    """A route that is only read, with its answer of 200 and, by status, others."""
    return Route(
        method="GET",
        path=path,
        name=name,
        tag=tag,
        text=text,
        handler=handler,
        path_params=path_params,
        query=query,
        replies={200: reply, **(other_replies or {})},
        open_to_all=open_to_all,
        signed=signed,
    )


def post(
    tag: str,
    name: str,
    path: str,
    text: str,
    handler: Handler,
    body: Schema,
    example: object,
    replies: Mapping[int, Reply],
    *,
    changes: bool = False,
    open_to_all: bool = False,
) -> Route:
    """A route that takes a body, of which ``example`` is one."""
    return Route(
        method="POST",
        path=path,
        name=name,
        tag=tag,
        text=text,
        handler=handler,
        body=body,
        body_example=example,
        replies=replies,
        changes=changes,
        open_to_all=open_to_all,
    )


class Table:
    """The routes by path. Of a path with a parameter, each segment is one value, and never a slash."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = routes
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        for path, methods in by_path.items():
            if "{" in path:
                pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
                self._patterns.append((re.compile(pattern), methods))
            else:
                self._fixed[path] = methods

    def find(self, request: Request) -> Route:
        """The route of a request, whose ``values`` are set. Raises Problem: 404, 405, 422."""
        methods, parts = self._at(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        route = methods.get(method)
        if route is None:
            allowed = sorted({*methods, "HEAD"} if "GET" in methods else methods)
            headers = [(b"allow", ", ".join(allowed).encode())]
            raise Problem(405, f"{request.method} is not possible here.", headers=headers, allowed=allowed)
        # An address of the page may carry whatever a browser or a link adds.
        request.values = _checked(route, parts, request.query if route.path.startswith(API) else {})
        return route

    def _at(self, path: str) -> tuple[Mapping[str, Route], Mapping[str, str]]:
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, {}
        for pattern, found in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return found, match.groupdict()
        raise Problem(404, f"There is nothing at this address; {API}/openapi.json says what can be asked.")


def _checked(route: Route, parts: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
    _refuse_unknown(route, query)
    values: dict[str, Any] = {}
    for param in route.path_params:
        values[param.name] = value_of(param, parts[param.name])
    for param in route.query:
        text = query.get(param.name)
        if text is not None and not (text == "" and param.may_be_empty):
            values[param.name] = _many_of(param, text) if param.many else value_of(param, text)
        elif param.required:
            raise Problem(422, f"The parameter '{param.name}' is missing.", parameter=param.name)
        elif "default" in param.schema:
            values[param.name] = param.schema["default"]
    return values


def _refuse_unknown(route: Route, query: Mapping[str, str]) -> None:
    """A misspelt filter that was left out would answer something else than was asked."""
    names = {param.name for param in route.query}
    unknown = sorted(set(query) - names)
    if unknown:
        choice = f"choose from {', '.join(sorted(names))}" if names else "there are none here"
        raise _wrong(unknown[0][:50], f"there is no such parameter; {choice}")


def _many_of(param: Param, text: str) -> list[Any]:
    parts = text.split(",")
    if len(parts) > param.most:
        raise _wrong(param.name, f"at most {param.most} are taken")
    if "" in parts and not param.may_be_empty:
        raise _wrong(param.name, "a value is empty")
    return [value_of(param, part) for part in parts if part]


def value_of(param: Param, text: str) -> Any:
    """The value of a parameter, from its text. Raises Problem (422)."""
    kind = param.schema["type"]
    value: Any = text
    if kind in ("integer", "number"):
        if len(text) >= 20 or not _NUMBERS[kind].fullmatch(text):
            raise _wrong(param.name, f"'{text[:50]}' is no {kind}")
        value = int(text) if kind == "integer" else float(text)
    elif kind == "boolean":
        if text not in ("true", "false"):
            raise _wrong(param.name, "write true or false")
        value = text == "true"
    check_value(param.name, param.schema, value)
    return value


def check_body(schema: Schema, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body with what has a default. Raises Problem (422) for one that is not as the schema says."""
    known = schema["properties"]
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise _wrong(unknown[0][:50], "there is no such member")
    for name in schema.get("required", ()):
        if name not in body:
            raise _wrong(name, "it is missing")
    values = {name: part["default"] for name, part in known.items() if "default" in part}
    for name, value in body.items():
        check_value(name, known[name], value)
        values[name] = value
    return values


_NUMBERS = {
    "integer": re.compile(r"-?(0|[1-9][0-9]*)"),
    "number": re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"),
}
"""Numbers as JSON has them."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def check_value(name: str, schema: Schema, value: Any) -> None:
    """Raise Problem (422) unless a value is as its schema says."""
    kind = schema["type"]
    if type(value) not in _TYPES[kind]:
        raise _wrong(name, f"it must be of type {kind}")
    if kind in ("integer", "number"):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            raise _wrong(name, _range(schema))
    elif kind == "string":
        _check_text(name, schema, value)
    elif kind == "array":
        if len(value) > schema.get("maxItems", len(value)):
            raise _wrong(name, f"at most {schema['maxItems']} are taken")
        for item in value:
            check_value(name, schema["items"], item)


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is None:
        return f"it must be at least {low}"
    return f"it must be from {low} to {high}"


def _check_text(name: str, schema: Schema, value: str) -> None:
    if "enum" in schema and value not in schema["enum"]:
        raise _wrong(name, f"choose from {', '.join(schema['enum'])}")
    if len(value) > schema.get("maxLength", len(value)):
        raise _wrong(name, f"it may have at most {schema['maxLength']} characters")
    if len(value) < schema.get("minLength", 0):
        raise _wrong(name, "it is empty")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        title = schema.get("title")
        raise _wrong(name, f"it is no {title}" if title else f"it must be like {schema['pattern']}")
    if "\0" in value:
        raise _wrong(name, "it may not have a NUL")


def _wrong(name: str, why: str) -> Problem:
    return Problem(422, f"'{name}': {why}.", parameter=name)
