"""Broken requests at the socket (the T list): refused in their class, no row, nothing repeated, the next is taken."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import psycopg
import pytest
from lxml import etree
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import OpenedHook, close_hook, open_hook, rotate_hook
from pimcollect.actions.phones import PhoneSecret, add_phone, renew_phone, revoke_phone
from pimcollect.db import open_engine
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import read_door_keys
from tests.embedded.framing import (
    CANARY,
    TAKEN,
    Case,
    Target,
    list_of_account,
    list_of_device,
    list_of_hook,
)
from tests.embedded.front import Front
from tests.factories.collect import write_digest
from tests.factories.phones import write_post
from webhooks.hooks import SECRET_HEADER

pytestmark = pytest.mark.slow
_SUBMISSION = "/phones/submission"
_JSON = b'{"_uuid": "t", "name": "Nadia-Canary"}'
_HINT = b'{"type": "submission.create", "id": "t", "data": {"name": "Nadia-Canary"}}'
_XML = f'<data id="f" version="9"><name>{CANARY}</name><meta><instanceID>uuid:t</instanceID></meta></data>'.encode()
_UNREAD = {"T08-no-method", "T-long-header", "T-header-without-colon", "T-blank-in-name"}
"""Refused before the address was known: nobody can tell that it is a phone's."""


@pytest.fixture
def session(front: Front) -> Iterator[Session]:
    engine = open_engine(front.database_url())
    with Session(engine) as session:
        yield session
    engine.dispose()


def release_form(session: Session) -> None:
    """A form that phones have, and that no worker can read."""
    connection = session.connection()
    version = uuid4()
    connection.exec_driver_sql(
        "INSERT INTO form_versions (id, form, version, sha256, document, xlsx, xform)"
        " VALUES (%s, 'f', '1', %s, '{}', '', '')",
        (version, version.hex),
    )
    connection.exec_driver_sql(
        "INSERT INTO phone_forms (version, form, form_id, stated, md5) VALUES (%s, 'f', 'f', '1', %s)",
        (version, version.hex),
    )


def open_target(front: Front, session: Session, door: str) -> Target:
    """One of the doors, and everybody who may not come in there."""
    with session.begin():
        return _open_hook(session, door) if door in ("kobo", "central") else _open_phone(front, session, door)


def _open_hook(session: Session, server: str) -> Target:
    other, closed = (open_hook(session, COMMAND_LINE, server=server, form="f") for _ in range(2))
    close_hook(session, COMMAND_LINE, closed.id)
    secrets = [open_hook(session, COMMAND_LINE, server=server, form="f")]
    for _ in range(2):
        secrets.append(rotate_hook(session, COMMAND_LINE, secrets[0].id))
    hook: OpenedHook = secrets[-1]
    header = "X-API-Key" if server == "central" else SECRET_HEADER
    return Target(
        path=hook.path,
        secret=hook.secret,
        body=_HINT if server == "central" else _JSON,
        sign=lambda *_: f"{header}: {hook.secret}",
        rows=list_of_hook(other=other.secret, rotated=secrets[0].secret, closed=closed.path),
        header=header,
    )


def _open_phone(front: Front, session: Session, kind: str) -> Target:
    release_form(session)
    keys = read_door_keys(front.service.home / "keys" / "door.json")
    names = [f"{kind}-{which}-{uuid4().hex[:6]}" for which in ("mine", "other", "renewed", "ended")]
    added = [add_phone(session, COMMAND_LINE, name=name, kind=PhoneKind(kind), keys=keys) for name in names]
    mine, other, renewed, ended = added
    renew_phone(session, COMMAND_LINE, name=renewed.name, keys=keys)
    revoke_phone(session, COMMAND_LINE, name=ended.name)
    body, content_type = write_post(_XML)
    account = mine
    if kind == "device":
        account = add_phone(session, COMMAND_LINE, name=f"{mine.name}-too", kind=PhoneKind.ACCOUNT, keys=keys)
    sign = make_signer(front, account)
    is_device = kind == "device"
    return Target(
        path=f"/phones/key/{mine.secret}/submission" if is_device else _SUBMISSION,
        secret=mine.secret,
        body=body,
        sign=(lambda *_: "") if is_device else lambda method, uri: sign(method=method, uri=uri),
        rows=list_of_device(name=mine.name, password=account.secret, renewed=renewed.secret, ended=ended.secret)
        if is_device
        else list_of_account(sign, account=mine, other=other.name, renewed=renewed, ended=ended),
        type=content_type,
        is_phone=True,
    )


def make_signer(front: Front, account: PhoneSecret) -> Callable[..., str]:
    """Writes lines of Digest, each with a count of its own."""
    _, asked = send(front, b"GET /phones/formList HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    challenge, counts = dict(re.findall(r'(realm|nonce)="([^"]*)"', asked.decode())), itertools.count(1)

    def sign(**said: str) -> str:
        signed = {"method": "POST", "uri": _SUBMISSION, "name": account.name, "password": account.secret, **said}
        return f"Authorization: {write_digest(challenge, count=next(counts), **signed)}"

    return sign


def send(front: Front, text: bytes) -> tuple[int, bytes]:
    """Status (0 when it was only closed) and the whole answer."""
    host, _, port = front.service.host.partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        with suppress(OSError):  # it may be closed on the other side before all of it is sent
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):  # what was answered before that is still here to be read
            while piece := connection.recv(65536):
                answer += piece
    for line in answer.split(b"\r\n"):
        if line.startswith(b"HTTP/1.") and not line.startswith(b"HTTP/1.1 100"):
            return int(line.split()[1]), answer
    return 0, answer


def count(front: Front) -> int:
    with psycopg.connect(front.database_url()) as database:
        row = database.execute("SELECT count(*) FROM entries").fetchone()
    return int((row or (0,))[0])


def is_openrosa(answer: bytes) -> bool:
    """Whether the first answer is one that a phone understands."""
    head, _, body = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n"))}
    if (headers.get("content-type"), headers.get("x-openrosa-version")) != ("text/xml; charset=utf-8", "1.0"):
        return False
    told = body[: int(headers.get("content-length", len(body)))]
    return not told or etree.fromstring(told).tag == "{http://openrosa.org/http/response}OpenRosaResponse"


def judge(front: Front, target: Target, case: Case) -> str | None:
    """What is wrong with how one came out; None when nothing is."""
    before, text = count(front), target.write(case)
    status, answer = send(front, text)
    grown = count(front) - before
    if status not in case.comes(is_phone=target.is_phone) or (status not in TAKEN and grown):
        return f"{status}, {grown} rows"
    if CANARY.encode() in answer or b"Traceback" in answer or status >= 500:
        return f"{status}: {answer[:200]!r}"
    is_heard = status and case.id not in _UNREAD and text.split(b" ")[1].startswith(b"/phones/")
    if target.is_phone and is_heard and not is_openrosa(answer):
        return f"{status}, no OpenRosa: {answer[:300]!r}"
    good = target.write(Case("the next one", "POST PATH HTTP/1.1\nHost: x\nConnection: close\nKNOWN", TAKEN))
    after, _ = send(front, good)
    return None if after in TAKEN else f"the next one: {after}"


@pytest.mark.parametrize("door", ["kobo", "central", "account", "device"])
def test_every_broken_request_comes_to_its_class_and_the_next_one_is_taken(
    front: Front, session: Session, door: str
) -> None:
    target = open_target(front, session, door)
    cases = list(target.list_cases())
    assert len({case.id for case in cases}) == len(cases) >= 70
    wrong = [(case.id, found) for case in cases if (found := judge(front, target, case)) is not None]
    assert not wrong, wrong
    assert CANARY not in (front.service.home.parent / "stderr.txt").read_text()
