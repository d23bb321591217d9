"""Answers as OpenRosa wants them: its headers on all of them, its XML around every message."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from flask import Response, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from webhooks.openrosa.words import DEFAULT, LANGUAGES, WORDS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PREFIX = "/phones"
"""How the addresses of this door begin."""
VERSION = "1.0"
RETRY_SECONDS = "30"
_EARLY = {413: "too_large", 503: "away"}
_XML = "text/xml; charset=utf-8"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SUCCESS = ("stored", "more", "known")


def choose_language() -> str:
    """The language that the phone asks for, if we speak it."""
    if "HTTP_ACCEPT_LANGUAGE" not in request.environ:
        return DEFAULT
    return request.accept_languages.best_match(LANGUAGES, default=DEFAULT) or DEFAULT


def tell(word: str, status: int) -> Response:
    """A message for the enumerator, by the word it has in `words.WORDS`."""
    language = choose_language()
    told = [("Content-Language", language)]
    if status == 503:
        told.append(("Retry-After", RETRY_SECONDS))
    return Response(_write_message(word, language), status, told, content_type=_XML)


class FixedAnswer(Response):
    """An answer that is always the same: written once, and sent as it is by many threads."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[str, str]]) -> None:
        super().__init__(body, status, headers, content_type=_XML)
        self._body, self._listed = [body], [*self.headers.to_wsgi_list(), ("Content-Length", str(len(body)))]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer to a POST, without working out again what it consists of."""
        start_response(self.status, self._listed)
        return self._body


def confirm(word: str, status: int) -> Response:
    """The same as `tell`, for what most submissions hear: written once for each language."""
    return _write_fixed(word, status, choose_language())


@cache
def _write_fixed(word: str, status: int, language: str) -> FixedAnswer:
    return FixedAnswer(_write_message(word, language), status, [("Content-Language", language)])


def tell_early(path: str, status: int, languages: str) -> tuple[list[tuple[str, str]], bytes] | None:
    """What a phone hears from the server itself, before any application: too much, too large, or no request at all.

    Headers and body; None for a path that no phone calls.
    """
    if not path.startswith(f"{PREFIX}/"):
        return None
    accepted = parse_accept_header(languages, LanguageAccept)
    language = accepted.best_match(LANGUAGES, default=DEFAULT) or DEFAULT
    headers = [("Content-Type", _XML), ("Content-Language", language), ("X-OpenRosa-Version", VERSION)]
    headers.append(("Cache-Control", "no-store"))
    if status == 503:
        headers.append(("Retry-After", RETRY_SECONDS))
    return headers, _write_message(_EARLY.get(status, "unreadable"), language)


@cache
def _write_message(word: str, language: str) -> bytes:
    nature = "submit_success" if word in _SUCCESS else "error"
    return (
        f'{_DECLARATION}<OpenRosaResponse xmlns="http://openrosa.org/http/response">'
        f'<message nature="{nature}">{escape(WORDS[word][language])}</message></OpenRosaResponse>'
    ).encode()


def send_xml(body: str | bytes) -> Response:
    """A list, a form, a manifest."""
    return Response(body, 200, [("Content-Language", choose_language())], content_type=_XML)


def carry_openrosa(door: WSGIApplication, *, most_bytes: int) -> WSGIApplication:
    """What every answer carries: version, date, and how many bytes one post may have. Around the application: as one
    list they cost a submission a fraction of what setting each one does."""
    always = [("X-OpenRosa-Version", VERSION), ("X-OpenRosa-Accept-Content-Length", str(most_bytes))]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            return start_response(status, [*headers, *always, ("Date", _write_date(int(time.time())))], error)

        return door(environ, start)

    return answer


@lru_cache(maxsize=2)
def _write_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def element(name: str, text: str) -> str:
    """One XML element with a text; characters that no XML may hold are left out."""
    return f"<{name}>{escape(_printable(text))}</{name}>"


def wrap(name: str, inner: Iterable[str], **attributes: str) -> str:
    """An XML element around others."""
    listed = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{listed}>{''.join(inner)}</{name}>"


def document(root: str) -> str:
    """A whole XML document."""
    return f"{_DECLARATION}{root}"


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter >= " " and not "\ud800" <= letter <= "\udfff")
