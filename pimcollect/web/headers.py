"""What a request to a page may weigh, and the headers that every answer carries, whatever route gave it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from pimcollect.web.accounts import present_member

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""No script at all, nothing from elsewhere, in nobody's frame."""

ALWAYS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
_NOT_KEPT = "no-store, private"
_STATIC_SECONDS = 86_400
_LARGEST_PAGE_FORM = 64 * 1024
_DOORS = ("/webhooks/", "/phones/")
_UPLOADS = ("bank_changes.preview", "bank_intake.preview")
"""Routes that a member sends a file to."""


def guard_headers(app: Flask, *, is_https: bool) -> None:
    """Put the headers on every answer. Only the style sheet and the pictures may be kept by a browser."""

    @app.before_request
    def limit_forms() -> None:
        # deliveries have their own, larger limit, and so have files of members who are logged in
        if not request.path.startswith(_DOORS) and not (request.endpoint in _UPLOADS and present_member()):
            request.max_content_length = _LARGEST_PAGE_FORM

    @app.after_request
    def add_headers(answer: Response) -> Response:
        for name, value in ALWAYS.items():
            answer.headers[name] = value
        if is_https or request.is_secure:
            answer.headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
        if request.endpoint == "static" and answer.status_code in (200, 304):
            answer.headers["Cache-Control"] = f"public, max-age={_STATIC_SECONDS}"
        else:
            answer.headers["Cache-Control"] = _NOT_KEPT
        return answer


def carry_headers(door: WSGIApplication, *, is_https: bool) -> WSGIApplication:
    """The same headers on every answer of the door, none of which may be kept.

    Around the application, not inside: as one list they cost a delivery a twentieth of what setting each one does.
    """
    always = [*ALWAYS.items(), ("Cache-Control", _NOT_KEPT)]
    secure = [*always, ("Strict-Transport-Security", _STRICT_TRANSPORT)]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        more = secure if is_https or environ["wsgi.url_scheme"] == "https" else always

        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            return start_response(status, headers + more, error)

        return door(environ, start)

    return answer
