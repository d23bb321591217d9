"""The routes of the phones' door: with and without a trailing slash, for devices by token and for accounts by Digest.

Never a redirect: a phone follows none when it sends. Whatever goes wrong is told in OpenRosa's own XML.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, Flask, Response, current_app, request
from psycopg import Error as DriverError
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from pimcollect.db import LostConnectionError
from pimcollect.errors import ErrorCode, PimError
from pimcollect.log import open_log
from pimcollect.servers.odk import read_submission
from pimcollect.tables.form_files import find_form_file
from pimcollect.tables.marks import PhoneRefusal
from pimcollect.tables.phones import find_phone_form
from webhooks.openrosa.callers import Caller, RefusedError
from webhooks.openrosa.door import PhoneDoor
from webhooks.openrosa.entity_lists import CONTENT_TYPE, send_rows
from webhooks.openrosa.lists import find_xform, write_form_list, write_integrity, write_manifest
from webhooks.openrosa.posts import read_post
from webhooks.openrosa.replies import PREFIX, carry_openrosa, confirm, send_xml, tell
from webhooks.openrosa.submission import STATUS, Fate, Sent, is_known, take

_BY_TOKEN = "/key/<token>"  # noqa: S105 - a pattern of addresses
_OVERHEAD = 400_000
"""What the parts of a post weigh beside their contents, at most."""
_USUAL = 10_000_000
"""What phones take a server for that says nothing: they split posts above it."""
_COUNTED = frozenset(PhoneRefusal)
"""What is told and was kept nowhere; what else is refused lies in the inbox, held."""
_REFUSED = {ErrorCode.BAD_BODY: PhoneRefusal.UNREADABLE, ErrorCode.TOO_LARGE: PhoneRefusal.TOO_LARGE}
_WORDS = {413: "too_large", 405: "other_method"}
_log = open_log("phones")
_View = Callable[..., Response]


def create_phone_door(door: PhoneDoor) -> Flask:
    """A small application of its own: no session, no cookie and no member comes near it."""
    app = Flask("webhooks.openrosa", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = door.largest
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.url_map.strict_slashes = False
    app.extensions["phones"] = door
    app.register_blueprint(_make_blueprint())
    app.register_error_handler(Exception, _answer_error)
    most_bytes = min(_USUAL, door.largest - _OVERHEAD)
    app.wsgi_app = carry_openrosa(app.wsgi_app, most_bytes=most_bytes)  # type: ignore[assignment, method-assign]
    return app


def _door() -> PhoneDoor:
    door: PhoneDoor = current_app.extensions["phones"]
    return door


def _make_blueprint() -> Blueprint:
    phones = Blueprint("phones", __name__, url_prefix=PREFIX)
    version = "/forms/<uuid:version>"
    for path, view in (
        ("/formList", _send_list),
        (f"{version}/form.xml", _send_form),
        (f"{version}/manifest", _send_manifest),
        (f"{version}/files/<name>", _send_file),
        (f"{version}/integrity/<name>", _send_integrity),
    ):
        guarded = _let_in(view)
        for above in ("", _BY_TOKEN):
            phones.add_url_rule(f"{above}{path}", view_func=guarded, methods=["GET"])
    for above in ("", _BY_TOKEN):
        phones.add_url_rule(
            f"{above}/submission", view_func=_submission, methods=["HEAD", "POST"], provide_automatic_options=False
        )
    return phones


def _let_in(view: _View) -> _View:
    """Only whoever is let in, by the row as it is now."""

    @wraps(view)
    def guarded(token: str | None = None, **named: Any) -> Response:
        _door().callers.find(request, token, may_remember=False)
        return view(base=_base(token), **named)

    return guarded


def _base(token: str | None) -> str:
    """The address that the phone itself calls us by. Behind a proxy that is not configured the scheme is known from
    our own public address, if that is the host that was called."""
    host, scheme = request.host, request.scheme
    public = urlsplit(_door().public_url)
    if public.netloc == host:
        scheme = public.scheme
    return f"{scheme}://{host}{request.root_path}{PREFIX}" + ("" if token is None else f"/key/{token}")


def _send_list(*, base: str) -> Response:
    wants_all = request.args.get("listAllVersions", "").lower() == "true"
    with Session(_door().engine) as session:
        # a sign that no database keeps is in no form's id
        form_id = request.args.get("formID", "").replace("\0", "\ufffd") or None
        return send_xml(write_form_list(session, base=base, form_id=form_id, all_versions=wants_all))


def _send_form(*, base: str, version: UUID) -> Response:
    with Session(_door().engine) as session:
        xform = find_xform(session, version)
    return tell("unknown_form", 404) if xform is None else send_xml(xform.encode())


def _send_manifest(*, base: str, version: UUID) -> Response:
    with Session(_door().engine) as session:
        shown = find_phone_form(session, version)
    return tell("unknown_form", 404) if shown is None else send_xml(write_manifest(_door().engine, shown, base=base))


def _send_file(*, base: str, version: UUID, name: str) -> Response:
    with Session(_door().engine) as session:
        shown = find_phone_form(session, version)
        file = None if shown is None else find_form_file(session, version, name)
        if shown is None or file is None:
            return tell("nothing_here", 404)
        content = file.content  # loaded while the session is open
    if file.is_entity_list:
        return Response(send_rows(_door().engine, file), 200, content_type=CONTENT_TYPE)
    return Response(content, 200, content_type=file.content_type)


def _send_integrity(*, base: str, version: UUID, name: str) -> Response:
    ids = [one for text in request.args.getlist("id") for one in text.split(",") if one]
    with Session(_door().engine) as session:
        shown = find_phone_form(session, version)
        told = None if shown is None else write_integrity(session, shown, name, ids)
    return tell("nothing_here", 404) if told is None else send_xml(told)


def _submission(token: str | None = None) -> Response:
    door = _door()
    caller = door.callers.find(request, token, may_remember=request.method == "POST")
    if request.method == "HEAD":
        answer = Response(status=204)
        del answer.headers["Content-Type"]
        return answer
    try:
        return _receive(door, caller, token)
    except (PimError, RequestEntityTooLarge) as error:
        if why := _name_refusal(error):
            door.marks.note_phone_refusal(why, caller.id)
        raise


def _receive(door: PhoneDoor, caller: Caller, token: str | None) -> Response:
    """Take one submission. 201 or 202 only after the commit."""
    said = request.headers
    post = read_post(request.get_data(cache=False), said.get("Content-Type", ""), said.get("Content-Encoding", ""))
    delivery = read_submission(post.xml, names=post.files.keys())
    form_id = delivery.form or ""
    form = door.forms.find(form_id)
    fate = take(door, Sent(post, delivery, form, caller)) if form is not None else None
    if fate is None:  # the phone or the form was changed since this process last looked, or the form is not open
        caller = door.callers.find_again(request, caller, token)
        found = door.forms.look_up(form_id)
        if found is None:
            door.marks.note_phone_refusal(PhoneRefusal.UNKNOWN_FORM, caller.id)
            return tell("unknown_form", 404)
        sent = Sent(post, delivery, found[0], caller)
        fate = take(door, sent) if found[1] else Fate.KNOWN if is_known(door, sent) else None
    word, status = ("closed_form", 403) if fate is None else (fate.value, STATUS[fate])
    if word in _COUNTED:
        door.marks.note_phone_refusal(PhoneRefusal(word), caller.id)
    return confirm(word, status)


def _name_refusal(error: Exception) -> PhoneRefusal | None:
    code = error.code if isinstance(error, PimError) else ErrorCode.TOO_LARGE
    return _REFUSED.get(code)


def _answer_error(error: Exception) -> Response:
    """Bad content is the phone's; whatever else goes wrong is temporary to it, and it comes again."""
    if isinstance(error, RefusedError):
        return error.answer
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        code = ErrorCode.TOO_LARGE if error.code == 413 else ErrorCode.NOT_FOUND
        _log.warning("refused", code=code, status=error.code)
        answer = tell(_WORDS.get(error.code, "nothing_here"), error.code)
        if isinstance(error, MethodNotAllowed):
            answer.allow.update(error.valid_methods or ())
        return answer
    if isinstance(error, PimError) and error.code in (ErrorCode.BAD_BODY, ErrorCode.TOO_LARGE):
        _log.warning("refused", code=error.code)
        is_large = error.code is ErrorCode.TOO_LARGE
        return tell("too_large" if is_large else "unreadable", 413 if is_large else 400)
    if isinstance(error, DataError) and request.method == "GET":  # an address with signs that no database keeps
        return tell("nothing_here", 404)
    kind = "database" if isinstance(error, SQLAlchemyError | DriverError | LostConnectionError) else "other"
    _log.error("away", code=ErrorCode.AWAY, kind=kind, error=type(error).__name__)
    return tell("away", 503)
