"""The OpenAPI document, made from the table of routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pillion import __version__
from pillion.server.http import Answer, Request, json_answer

if TYPE_CHECKING:
    from pillion.server.app import Api
    from pillion.server.routes import Param, Reply, Route
    from pillion.server.schemas import Schema

_TAGS = {
    "items": "The contents of the library",
    "files": "Sidecars and originals",
    "find": "Search, similar files, duplicates",
    "work": "What is to be made, what failed, and asking again",
    "devices": "What a library answers to other devices",
    "workers": "Work on other machines, without a mount; with a token of the scope 'work'",
    "server": "The server itself, and signing in to it",
}
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "parameter": {"type": "string"},
        "error_class": {"type": ["string", "null"]},
        "state": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
_PROBLEMS: Mapping[int, str] = {
    401: "A token is needed, or the one given is not known.",
    403: "Another site's page, another name of this server, or a change of what is read-only.",
    404: "There is no such thing.",
    405: "This cannot be done with it.",
    408: "The request did not arrive in time.",
    409: "What is there is damaged.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    416: "There are no such bytes.",
    422: "A parameter or the body is wrong.",
    429: "This client asks too often: see Retry-After.",
    500: "The server made a mistake.",
    501: "A tool or a package is missing.",
    503: "The library is busy or cannot be used: see Retry-After.",
    507: "The disk is full.",
}
_OF_FILES = (409, 416)


async def show_document(api: Api, _request: Request) -> Answer:
    """The document."""
    return json_answer(api.document)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of an API with these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pillion",
            "version": __version__,
            "summary": "Thumbnails, text, transcripts and search of a library of files",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.text,
        "parameters": [
            *(_parameter(param, "path") for param in route.path_params),
            *(_parameter(param, "query") for param in route.query),
        ],
        "responses": {
            **{str(status): _reply(reply) for status, reply in sorted(route.replies.items())},
            **{str(status): _problem(status) for status in _problems_of(route)},
        },
    }
    if route.body is not None:
        content: dict[str, Any] = {"schema": route.body}
        if route.body_example is not None:
            content["example"] = route.body_example
        required = bool(route.body.get("required"))
        operation["requestBody"] = {"required": required, "content": {"application/json": content}}
    if route.upload:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _problems_of(route: Route) -> Sequence[int]:
    left = [status for status in _PROBLEMS if status not in route.replies]
    return left if 206 in route.replies else [status for status in left if status not in _OF_FILES]


def _parameter(param: Param, place: str) -> dict[str, Any]:
    schema = _or_empty(param.schema) if param.may_be_empty and place == "query" else _not_empty(param.schema)
    described: dict[str, Any] = {
        "name": param.name,
        "in": place,
        "description": param.text,
        "required": param.required or place == "path",
        "schema": {"type": "array", "items": schema, "minItems": 1, "maxItems": param.most} if param.many else schema,
    }
    if param.many:
        described.update(style="form", explode=False)
    if param.example is not None:
        described["example"] = param.example.split(",") if param.many else param.example
    return described


def _not_empty(schema: Schema) -> Schema:
    return {"minLength": 1, **schema} if schema["type"] == "string" and "enum" not in schema else schema


def _or_empty(schema: Schema) -> Schema:
    """What may also be empty, as a parameter that is left out is."""
    if schema["type"] != "string":
        return {"anyOf": [schema, {"const": ""}]}
    loose = dict(schema)
    if "enum" in loose:
        loose["enum"] = [*loose["enum"], ""]
    if "pattern" in loose:
        loose["pattern"] = f"^$|{loose['pattern']}"
    return loose


def _reply(reply: Reply) -> dict[str, Any]:
    described: dict[str, Any] = {"description": reply.text}
    if reply.media:
        content: dict[str, Any] = {} if reply.schema is None else {"schema": reply.schema}
        if reply.example is not None:
            content["example"] = reply.example
        described["content"] = {reply.media: content, **({reply.also: {}} if reply.also else {})}
    if reply.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in reply.headers.items()
        }
    return described


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _PROBLEMS[status], "content": content}
