"""What a page says when something is missing, refused or broken. Nothing of the request is repeated."""

from __future__ import annotations

import json
from http import HTTPStatus

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from pimcollect.errors import ErrorCode, PimError
from pimcollect.log import open_log

_log = open_log("pages")
_STATUS = {
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_POSSIBLE_NOW: HTTPStatus.CONFLICT,
    ErrorCode.AWAY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def find_status(error: PimError) -> int:
    """The status of a page that says what was wrong in its own words."""
    return _STATUS.get(error.code, HTTPStatus.UNPROCESSABLE_ENTITY)


_DOOR = ("/webhooks", "/openrosa")


def say_status(status: int) -> tuple[str, str]:
    """Heading and sentence for a status, in the page's language."""
    said = {
        400: (
            gettext("This did not work"),
            gettext("The page was open for too long, or the address is not complete. Go back, reload and try again."),
        ),
        403: (gettext("Not for your role"), gettext("Ask an administrator if you need this.")),
        404: (gettext("Nothing here"), gettext("This page does not exist, or it is not yours to see.")),
        405: (gettext("This did not work"), gettext("Go back and try again.")),
        409: (gettext("Not possible now"), gettext("Something changed in the meantime. Look again.")),
        413: (gettext("Too large"), gettext("That was more than this page takes.")),
        429: (gettext("Too many tries"), gettext("Wait a quarter of an hour, then try again.")),
        503: (
            gettext("Away for a moment"),
            gettext("A part of the service does not answer. Nothing was lost; try again in a minute."),
        ),
    }
    broken = (gettext("Something broke"), gettext("It is our mistake. Nothing was changed; tell your administrator."))
    return said.get(status, broken)


def _problem(status: int, code: str) -> Response:
    answer = make_response(json.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "code": code}))
    answer.status_code = status
    answer.content_type = "application/problem+json"
    return answer


def _wants_page() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "text/html"


def _answer(status: int, code: str) -> Response:
    if request.path.startswith(_DOOR):
        answer = make_response(json.dumps({"error": code}), status)
        answer.content_type = "application/json"
    elif _wants_page():
        title, sentence = say_status(status)
        answer = make_response(render_template("error.html", title=title, sentence=sentence, is_error=True), status)
    else:
        answer = _problem(status, code)
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        answer.headers["Retry-After"] = "30" if status == HTTPStatus.SERVICE_UNAVAILABLE else "900"
    return answer


def _refuse_unfit(_: DataError) -> Response:
    """A text that no database keeps, such as one with NUL: no page of ours sends it."""
    return _answer(HTTPStatus.BAD_REQUEST, "bad_request")


def answer_errors(app: Flask) -> None:
    """Answer every error outside the door's own blueprint."""
    app.register_error_handler(DataError, _refuse_unfit)

    @app.errorhandler(PimError)
    def known(error: PimError) -> Response:
        return _answer(_STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR), error.code.value)

    @app.errorhandler(CSRFError)
    def stale(_: CSRFError) -> Response:
        return _answer(HTTPStatus.BAD_REQUEST, "csrf")

    @app.errorhandler(RateLimitExceeded)
    def throttled(_: RateLimitExceeded) -> Response:
        return _answer(HTTPStatus.TOO_MANY_REQUESTS, "too_many_tries")

    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
            return error
        answer = _answer(error.code, HTTPStatus(error.code).name.lower())
        for name, value in error.get_headers():
            if name == "Allow":
                answer.headers[name] = value
        return answer

    @app.errorhandler(OperationalError)
    @app.errorhandler(PoolTimeout)
    def away(error: Exception) -> Response:
        _log.error("away", code=ErrorCode.AWAY, kind="database", error=type(error).__name__)
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.AWAY.value)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        _log.error("broken", error=type(error).__name__, route=(request.endpoint or "").lower())
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "broken")
