"""POST /webhooks/<key>: what Kobo and its kin push. Answers 202, 401, 405, 413 or 503, and never repeats what came.

Kobo tries again after 502 to 504 only; 500, 429 and redirects lose data there (measured), so none of them is ever
sent. Kobo keeps and shows the answer's body: it holds a receipt or a code, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from psycopg import Error as DriverError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from pimcollect.db import LostConnectionError, borrow
from pimcollect.doorbell import Bell
from pimcollect.errors import ErrorCode
from pimcollect.log import open_log
from pimcollect.tables.connections import ask_fetch
from pimcollect.tables.forms import find_hook
from pimcollect.tables.marks import Refusal
from pimcollect.vault import DoorKeys
from webhooks.hooks import SECRET_HEADER, Hook, Hooks, allows_caller, knows_secret
from webhooks.inbox import Receipt, accept

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
_log = open_log("door")
_RETRY_SECONDS = "30"
_SECRET_HEADERS = (SECRET_HEADER, "X-API-Key")
"""Ours, and the one header that ODK Central's webhook can send."""


@dataclass(frozen=True)
class Door:
    """What the door needs; put into app.extensions["door"]."""

    engine: Engine
    """Of autocommit: a put is one statement, durable when it is answered."""
    read_keys: Callable[[], DoorKeys]
    """The door's keys; others as soon as the file was replaced."""
    hooks: Hooks
    bell: Bell

    @property
    def keys(self) -> DoorKeys:
        """The door's keys as they are now."""
        return self.read_keys()


def create_door(door: Door, *, max_body_bytes: int) -> Flask:
    """A small application that has this one route: no session, no cookie and no member comes near it.

    Beside the pages' own application, whose hooks would take longer than sealing and storing a delivery does.
    """
    app = Flask("webhooks")
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    # a sender follows no redirect: a trailing slash is the same address at once, and `//` is another one
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.extensions["door"] = door
    app.register_blueprint(blueprint)
    app.register_error_handler(404, lambda _: _refuse(ErrorCode.NOT_FOUND, 404))
    return app


def _refuse(code: ErrorCode, status: int) -> Response:
    answer = jsonify({"error": code.value})
    answer.status_code = status
    if status == 503:
        answer.headers["Retry-After"] = _RETRY_SECONDS
    return answer


def _offered_secrets() -> list[str]:
    """The secret as our own header, as Central's, as the password of Basic, or as a Bearer token; never in a query.

    Where one of the headers is sent it alone counts: an Authorization beside it is for a proxy in front of us.
    """
    offered = [secret for header in _SECRET_HEADERS if (secret := request.headers.get(header)) is not None]
    return offered or _offered_in_authorization()


def _offered_in_authorization() -> list[str]:
    offered = []
    for header in request.headers.getlist("Authorization"):
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "bearer":
            offered.append(rest.strip())
    authorization = request.authorization
    if authorization is not None and authorization.type == "basic" and authorization.password:
        offered.append(authorization.password)
    return offered


def _find_fault(hook: Hook | None, in_address: str) -> Refusal | None:
    """None when the request knows the hook's secret and comes from where it may, else why not. `in_address` = the
    secret behind the key, which counts only for a hook whose sender can carry it nowhere else."""
    offered = [in_address, *request.headers.getlist(SECRET_HEADER)] if in_address else _offered_secrets()
    is_known = knows_secret(hook, offered)
    if hook is None or not is_known or hook.is_secret_in_address != bool(in_address):
        return Refusal.WRONG_SECRET
    return None if allows_caller(hook, request.remote_addr) else Refusal.NETWORK


def _find_trusted(door: Door, address: str) -> Hook | None:
    """The hook, if the request knows its secret. A refusal is checked against the row itself before it is given."""
    key, _, in_address = address.partition(".")
    hook = door.hooks.find(key)
    return hook if _find_fault(hook, in_address) is None else _find_trusted_fresh(door, address)


def _find_trusted_fresh(door: Door, address: str) -> Hook | None:
    key, _, in_address = address.partition(".")
    row = door.hooks.read(key)
    hook = door.hooks.remember(key, row)
    fault = _find_fault(hook, in_address)
    if fault is None:
        return hook
    if hook is None:
        fault = Refusal.UNKNOWN if row is None else Refusal.CLOSED
    door.hooks.marks.note_refusal(fault, None if row is None else row.id)
    return None


def _ask_fetch(door: Door, hook: Hook) -> bool:
    """Have the server that hinted asked soon what happened there; False when the form is connected to none of its kind,
    or the hook was changed since it was read."""
    with Session(door.engine) as session, session.begin():
        row = find_hook(session, hook.key)
        if row is None or row.revision != hook.revision:
            return False
        connections = ask_fetch(session, hook.form, server=hook.server)
    for connection in connections:
        door.bell.ring_fetch(connection)
    return bool(connections)


def _put(door: Door, hook: Hook, body: bytes) -> Receipt | None:
    """Keep one delivery. A hint is followed instead; without a connection to follow it, it is kept for a person."""
    delivery = hook.reader.read_delivery(body)
    if delivery.is_hint and _ask_fetch(door, hook):
        return Receipt(uuid4(), is_new=False)
    try:
        with borrow(door.engine) as connection:
            return accept(connection, body, delivery, via=hook, keys=door.keys)
    except LostConnectionError:  # whether or not the put arrived, it may be put again
        with borrow(door.engine) as connection:
            return accept(connection, body, delivery, via=hook, keys=door.keys)


def _read_body(door: Door, hook: Hook | None) -> bytes:
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        if hook is not None:
            door.hooks.marks.note_refusal(Refusal.TOO_LARGE, hook.id)
        raise


@blueprint.post("/<key>")
def receive(key: str) -> Response:
    """Take one delivery. 202 {"receipt": id} only after the commit."""
    door: Door = current_app.extensions["door"]
    hook = _find_trusted(door, key)
    body = _read_body(door, hook)
    receipt = _put(door, hook, body) if hook else None
    if hook is not None and receipt is None:  # the hook was rotated or closed since this process last read it
        hook = _find_trusted_fresh(door, key)
        receipt = _put(door, hook, body) if hook else None
    if hook is None or receipt is None:
        known = door.hooks.recall(key.partition(".")[0])
        if known is None:
            _log.warning("refused", code=ErrorCode.WRONG_SECRET)
        else:
            _log.warning("refused", code=ErrorCode.WRONG_SECRET, hook=known.id)
        return _refuse(ErrorCode.WRONG_SECRET, 401)
    door.hooks.marks.note(hook.id)
    if receipt.is_new:
        door.bell.ring_entry_soon(receipt.entry)
    return Response(f'{{"receipt":"{receipt.entry}"}}\n', 202, mimetype="application/json")


@blueprint.errorhandler(RequestEntityTooLarge)
def _too_large(_: RequestEntityTooLarge) -> Response:
    _log.warning("refused", code=ErrorCode.TOO_LARGE)
    return _refuse(ErrorCode.TOO_LARGE, 413)


@blueprint.errorhandler(Exception)
def _away(error: Exception) -> Response:
    """Whatever goes wrong here is temporary to the sender, who must keep the delivery and come again."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        return _refuse(ErrorCode.BAD_BODY, error.code)
    kind = "database" if isinstance(error, SQLAlchemyError | DriverError | LostConnectionError) else "other"
    _log.error("away", code=ErrorCode.AWAY, kind=kind, error=type(error).__name__)
    return _refuse(ErrorCode.AWAY, 503)
