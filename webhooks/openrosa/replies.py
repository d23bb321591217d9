"""Answers as OpenRosa wants them: its headers on all of them, its XML around every message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from xml.sax.saxutils import escape, quoteattr

from flask import Response, request

from webhooks.openrosa.words import DEFAULT, LANGUAGES, WORDS

RETRY_SECONDS = "30"
_XML = "text/xml; charset=utf-8"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SUCCESS = ("stored", "more", "known")


def choose_language() -> str:
    """The language that the phone asks for, if we speak it."""
    if "Accept-Language" not in request.headers:
        return DEFAULT
    return request.accept_languages.best_match(LANGUAGES, default=DEFAULT) or DEFAULT


def tell(word: str, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    """A message for the enumerator, by the word it has in `words.WORDS`."""
    language = choose_language()
    nature = "submit_success" if word in _SUCCESS else "error"
    body = (
        f'{_DECLARATION}<OpenRosaResponse xmlns="http://openrosa.org/http/response">'
        f'<message nature="{nature}">{escape(WORDS[word][language])}</message></OpenRosaResponse>'
    )
    answer = Response(body, status, content_type=_XML)
    answer.headers["Content-Language"] = language
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    if status == 503:
        answer.headers["Retry-After"] = RETRY_SECONDS
    return answer


def send_xml(body: str | bytes) -> Response:
    """A list, a form, a manifest."""
    answer = Response(body, 200, content_type=_XML)
    answer.headers["Content-Language"] = choose_language()
    return answer


def mark(answer: Response) -> Response:
    """What every answer carries."""
    answer.headers["X-OpenRosa-Version"] = "1.0"
    answer.headers["Date"] = formatdate(usegmt=True)
    return answer


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
