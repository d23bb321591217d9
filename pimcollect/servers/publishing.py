"""What every server's publishing shares: one request for one step, what its answer taught, and refusals in words."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pimcollect.domain.releases import Order, Seen, Stop, Wanted, Ways
from pimcollect.servers.answers import Answer, ServerError, bad_answer

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_WORDS = 300
"""Characters of a server's own text that are kept."""
_TAG = re.compile(r"<[^<>]{0,500}>")
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S*", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=!$]{40,}")
_SPACE = re.compile(r"\s+")
_DEPTH = 6
_SHORTEST_SECRET = 5


@dataclass(frozen=True)
class File:
    """A file to put there."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Job:
    """All that writing a request takes. Made anew for each run."""

    wanted: Wanted
    title: str
    mark: str
    """One word of ours in the form's description, by which it is found again."""
    place: str = ""
    """The form there, as far as it is known."""
    project: str = ""
    """Central: the project."""
    secret: str = field(default="", repr=False)
    """What the hook proves itself with."""
    xlsx: bytes = field(default=b"", repr=False)
    known: frozenset[str] = frozenset()
    """Every version of this form that was ever frozen here."""
    accepts_warnings: bool = False


@dataclass(frozen=True)
class Request:
    """One call. `accept` are the statuses that `learn` understands; every other one is an error of the client's."""

    method: str
    path: str
    accept: tuple[int, ...] = (200,)
    parts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """For requests: params, json, data, files, headers."""


class Publisher(Protocol):
    """A server's module."""

    WAYS: Ways

    def ask(self, order: Order, job: Job, seen: Seen, file: File | None) -> Request:
        """The request that a step makes."""
        ...

    def learn(self, order: Order, job: Job, seen: Seen, answer: Answer) -> Seen:
        """What is known after its answer. Raises Stop for what only a person can mend."""
        ...


def read_object(answer: Answer) -> dict[str, Any]:
    """The answer as a JSON object."""
    content = answer.read_json()
    if not isinstance(content, dict):
        raise bad_answer(answer.host, "it is no JSON object")
    return content


def read_rows(answer: Answer) -> list[dict[str, Any]]:
    """The answer as a list of JSON objects, bare or under `results`."""
    content = answer.read_json()
    rows = content.get("results") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise bad_answer(answer.host, "it is no list of objects")
    return rows


def read_text(row: Mapping[str, Any], name: str) -> str:
    """A text of an object; empty when it is absent or something else. Numbers as text."""
    value = row.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def read_id(row: Mapping[str, Any], name: str, answer: Answer) -> str:
    """An id that goes into addresses: letters, digits, `_`, `-`, `.`. Raises ServerError for anything else."""
    text = read_text(row, name)
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", text) or set(text) == {"."}:
        raise bad_answer(answer.host, f"{name} is no id")
    return text


def digest_content(content: object) -> str:
    """Equal for equal content, whatever the order of keys. Keys that begin with `$` are the server's own."""
    text = json.dumps(_bare(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _bare(value: object) -> object:
    if isinstance(value, dict):
        return {key: _bare(one) for key, one in value.items() if not str(key).startswith("$")}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return value


def refuse(reason: str, answer: Answer, *names: str) -> Stop:
    """A refusal with the server's own words, out of these fields of its answer or of all of it."""
    try:
        content = answer.read_json()
    except ServerError:  # whatever it is, it is no text for people
        content = None
    found: object = content
    if isinstance(content, dict):
        found = [content[name] for name in names if content.get(name)] or content
    return Stop(reason, clean_words(" ".join(_texts(found))))


def _texts(value: object, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value[: 4 * MOST_WORDS]]
    if depth > _DEPTH:
        return []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found: list[str] = []
    for one in inner:
        found += _texts(one, depth + 1)
        if len(found) > 20:
            break
    return found


def clean_words(text: str) -> str:
    """A server's text as it may be shown: one line, short, without markup, addresses, keys and invisible signs."""
    text = _ADDRESS.sub("(address)", _TAG.sub(" ", text[: 8 * MOST_WORDS]))
    text = _TOKEN.sub("(key)", text)
    text = "".join(one if unicodedata.category(one)[0] not in "C" or one in "\n\t" else "" for one in text)
    text = _SPACE.sub(" ", text).strip()
    return text if len(text) <= MOST_WORDS else f"{text[: MOST_WORDS - 1]}…"


def hide_secrets(words: str, secrets: Iterable[str]) -> str:
    """A server's words without what we told it in confidence, should it repeat that."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:  # a shorter one would be part of any word
            words = words.replace(secret, "(key)")
    return words[:MOST_WORDS]
