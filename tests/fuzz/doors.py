"""The HTTP doors as an OpenAPI document, for a tool that makes requests out of it. It describes; nothing serves it."""

from __future__ import annotations

from typing import Any

_JSON = {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}
_ANY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_XML = {"text/xml": {"schema": {"type": "string"}}}


def _answers(*statuses: int) -> dict[str, Any]:
    return {str(status): {"description": "as documented"} for status in statuses}


def _named(name: str, place: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string", **schema}}


def describe(*, hook: str, ona: str, phone: str) -> dict[str, Any]:
    """The document; `hook`, `ona` and `phone` are paths with working secrets, `hook` without its header."""
    secret = _named("X-Pim-Secret", "header")
    version = _named("version", "path", format="uuid")
    submission = {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "xml_submission_file": {"type": "string", "format": "binary"},
                    "a.jpg": {"type": "string", "format": "binary"},
                    "*isIncomplete*": {"type": "string"},
                },
            }
        },
        **_ANY,
    }
    paths: dict[str, Any] = {
        hook: {
            "post": {
                "parameters": [secret, _named("Authorization", "header"), _named("secret", "query")],
                "requestBody": {"content": {**_JSON, **_ANY, **_XML}},
                "responses": _answers(202, 401, 413, 503),
            }
        },
        ona: {"post": {"requestBody": {"content": {**_JSON, **_ANY}}, "responses": _answers(202, 401, 413, 503)}},
        "/webhooks/{key}": {
            "post": {
                "parameters": [_named("key", "path", minLength=1), secret],
                "requestBody": {"content": _JSON},
                "responses": _answers(401, 404, 413, 503),
            }
        },
        f"{phone}/submission": {
            "post": {
                "parameters": [_named("deviceID", "query"), _named("X-OpenRosa-Version", "header")],
                "requestBody": {"content": submission},
                "responses": _answers(201, 202, 400, 401, 403, 404, 409, 411, 413, 415, 503),
            },
            "head": {"responses": _answers(204)},
        },
        f"{phone}/formList": {
            "get": {
                "parameters": [_named("formID", "query"), _named("listAllVersions", "query")],
                "responses": _answers(200),
            }
        },
        "/phones/key/{token}/formList": {
            "get": {"parameters": [_named("token", "path", minLength=1)], "responses": _answers(400, 403, 404)}
        },
        "/phones/formList": {
            "get": {"parameters": [_named("Authorization", "header")], "responses": _answers(400, 401, 429)}
        },
        "/healthz": {"get": {"responses": _answers(200)}},
        "/readyz": {"get": {"responses": _answers(200, 503)}},
        "/metrics": {"get": {"parameters": [_named("Authorization", "header")], "responses": _answers(200, 401)}},
        "/login": {
            "get": {"parameters": [_named("next", "query")], "responses": _answers(200, 303)},
            "post": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    name: {"type": "string"} for name in ("email", "password", "csrf_token", "next")
                                },
                            }
                        }
                    }
                },
                "responses": _answers(200, 400, 429),
            },
        },
        "/language/{code}": {
            "get": {
                "parameters": [_named("code", "path", minLength=1), _named("next", "query")],
                "responses": _answers(303, 302, 404),
            }
        },
    }
    for what in ("form.xml", "manifest", "files/{name}", "integrity/{name}"):
        names = [_named("name", "path", minLength=1)] if "{name}" in what else []
        paths[f"{phone}/forms/{{version}}/{what}"] = {
            "get": {"parameters": [version, *names, _named("id", "query")], "responses": _answers(200, 400, 404)}
        }
    return {"openapi": "3.1.0", "info": {"title": "doors", "version": "1"}, "paths": paths}
