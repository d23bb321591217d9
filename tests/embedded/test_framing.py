"""Broken requests at the socket (the T list): refused in their class, no row, nothing repeated, the next is taken."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psycopg
import pytest

from tests.embedded.front import Front

pytestmark = pytest.mark.slow
CANARY = "Nadia-Canary"
AUTH, REJ, OK, BIG = {401, 403}, {400, 404, 405, 411, 414, 415, 431}, {202}, {413}
CUT = {0, 400}
"""The connection is closed, or it is told that it is broken: a body that was cut off leaves no row."""
_BODY = b'{"_uuid": "t", "name": "Nadia-Canary"}'


@dataclass(frozen=True)
class Case:
    """One request, written by hand. PATH, SECRET and NAME stand for those of the hook."""

    id: str
    head: str
    comes: frozenset[int]
    body: bytes = _BODY
    length: str | None = "Content-Length: LENGTH"


def case(name: str, head: str, comes: set[int], **more: object) -> Case:
    return Case(name, head, frozenset(comes), **more)  # type: ignore[arg-type]


POST, KNOWN = "POST PATH HTTP/1.1\nHost: x", "NAME: SECRET"
GOOD = f"{POST}\n{KNOWN}"
CASES = [
    case("T00-good", GOOD, OK),
    case("T01-no-auth", POST, AUTH),
    case("T02-wrong-secret", f"{POST}\nNAME: {CANARY}", AUTH),
    case("T02-empty-secret", f"{POST}\nNAME:", AUTH),
    case("T02-long-secret", f"{POST}\nNAME: {'x' * 10_000}", AUTH),
    case("T02-secret-in-other-letters", f"{POST}\nNAME: \u00e9\u00fc", AUTH),
    case("T05-secret-in-query", "POST PATH?secret=SECRET HTTP/1.1\nHost: x", AUTH),
    case("T05-secret-in-path", "POST PATH.SECRET HTTP/1.1\nHost: x", AUTH),
    case("T05-secret-in-cookie", f"{POST}\nCookie: X-Pim-Secret=SECRET", AUTH),
    case("T06-two-secrets", f"{GOOD}\nNAME: other", AUTH),
    case("T06-two-kinds-that-differ", f"{GOOD}\nX-API-Key: other", AUTH),
    case("T06-bad-basic", f"{POST}\nAuthorization: Basic ####", AUTH),
    case("T06-digest", f'{POST}\nAuthorization: Digest username="{CANARY}"', AUTH),
    case("T08-get", f"GET PATH HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T08-put", f"PUT PATH HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T08-delete", f"DELETE PATH HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T08-no-method", f"{CANARY} PATH HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T09-trace", f"TRACE PATH HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T09-connect", f"CONNECT x:443 HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T10-no-content-type", GOOD, OK),
    case("T11-wrong-type", f"{GOOD}\nContent-Type: image/png", OK),
    case("T12-two-types", f"{GOOD}\nContent-Type: text/xml\nContent-Type: application/json", OK),
    case("T13-utf-7", f"{GOOD}\nContent-Type: application/json; charset=utf-7", OK),
    case("T14-utf-16", f"{GOOD}\nContent-Type: application/json; charset=utf-16", OK),
    case("T15-unknown-encoding", f"{GOOD}\nContent-Encoding: {CANARY}", OK),
    case("T-slash", f"POST PATH/ HTTP/1.1\nHost: x\n{KNOWN}", REJ | AUTH),
    case("T-two-slashes", f"POST /PATH HTTP/1.1\nHost: x\n{KNOWN}", OK | REJ | AUTH),
    case("T-dots", f"POST /webhooks/../PATH HTTP/1.1\nHost: x\n{KNOWN}", REJ | AUTH),
    case("T-nul-in-path", f"POST PATH%00 HTTP/1.1\nHost: x\n{KNOWN}", REJ | AUTH),
    case("T-bad-percent", f"POST PATH%zz HTTP/1.1\nHost: x\n{KNOWN}", REJ | AUTH),
    case("T-bad-utf-8-in-path", f"POST PATH%ff%fe HTTP/1.1\nHost: x\n{KNOWN}", REJ | AUTH),
    case("T-long-path", f"POST /webhooks/{'x' * 100_000} HTTP/1.1\nHost: x\n{KNOWN}", REJ | AUTH),
    case("T-whole-address", f"POST http://x/{CANARY} HTTP/1.1\nHost: x\n{KNOWN}", REJ),
    case("T-no-host", f"POST PATH HTTP/1.1\n{KNOWN}", OK | REJ),
    case("T-strange-host", f"POST PATH HTTP/1.1\nHost: {CANARY}:x\n{KNOWN}", OK | REJ),
    case("T-http-1.0", f"POST PATH HTTP/1.0\n{KNOWN}", OK),
    case("T-http-9", f"POST PATH HTTP/9.9\nHost: x\n{KNOWN}", OK | REJ),
    case("T-no-version", "POST PATH", REJ | CUT | AUTH),
    case("T-forwarded", f"{GOOD}\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: gopher\nForwarded: for={CANARY}", OK),
    case("T-override", f"{GOOD}\nX-HTTP-Method-Override: DELETE", OK),
    case("T-thousand-headers", GOOD + "".join(f"\nX-{n}: 1" for n in range(1000)), OK | REJ),
    case("T-long-header", f"{GOOD}\nX-Long: {'x' * 300_000}", REJ),
    case("T-folded-header", f"{GOOD}\nX-Folded: a\n b", OK | REJ),
    case("T-header-without-colon", f"{GOOD}\n{CANARY}", REJ),
    case("T-blank-in-name", f"{GOOD}\nX Blank: 1", REJ),
    case("T-no-length", GOOD, OK | REJ, length=None, body=b""),
    case("T-negative-length", GOOD, REJ, length="Content-Length: -1"),
    case("T-length-is-a-word", GOOD, REJ, length=f"Content-Length: {CANARY}"),
    case("T-length-with-a-plus", GOOD, REJ, length="Content-Length: +5"),
    case("T-two-lengths", GOOD, REJ, length="Content-Length: 1\nContent-Length: 5"),
    case(
        "T-length-and-chunked",
        GOOD,
        REJ | OK,
        length="Content-Length: 4\nTransfer-Encoding: chunked",
        body=b"0\r\n\r\n",
    ),
    case("T-giant-length", GOOD, BIG, length="Content-Length: 99999999999999999999"),
    case("T-longer-than-its-length", GOOD, OK, length="Content-Length: 5"),
    case("T-shorter-than-its-length", GOOD, CUT, length="Content-Length: 500"),
    case("T-gzip-transfer", GOOD, REJ, length="Transfer-Encoding: gzip"),
    case("T-bad-chunk", GOOD, REJ, length="Transfer-Encoding: chunked", body=b"zz\r\nNadia-Canary\r\n0\r\n\r\n"),
    case("T-negative-chunk", GOOD, REJ, length="Transfer-Encoding: chunked", body=b"-5\r\nhello\r\n0\r\n\r\n"),
    case("T-chunk-without-end", GOOD, CUT, length="Transfer-Encoding: chunked", body=b"5\r\nhel"),
    case("T-expect", f"{GOOD}\nExpect: 200-maybe", OK),
]


def write(front: Front, one: Case) -> bytes:
    (name, secret), lines = next(iter(front.headers.items())), [one.head]
    if one.length is not None:
        lines.append(one.length.replace("LENGTH", str(len(one.body))))
    head = "\n".join(lines).replace("PATH", front.path).replace("NAME", name).replace("SECRET", secret)
    return head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + one.body


def send(front: Front, text: bytes) -> tuple[int, bytes]:
    """Status (0 when it was only closed) and the whole answer."""
    host, _, port = front.service.host.partition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:  # it may be closed on the other side before all of it is sent
            pass
    for line in answer.split(b"\r\n"):
        if line.startswith(b"HTTP/1.") and not line.startswith(b"HTTP/1.1 100"):
            return int(line.split()[1]), answer
    return 0, answer


def count(front: Front) -> int:
    with psycopg.connect(front.database_url()) as database:
        row = database.execute("SELECT count(*) FROM entries").fetchone()
    return int((row or (0,))[0])


def test_every_broken_request_comes_to_its_class_and_the_next_one_is_taken(front: Front) -> None:
    wrong = []
    for one in CASES:
        before = count(front)
        status, answer = send(front, write(front, one))
        grown = count(front) - before
        if status not in one.comes or (status != 202 and grown) or CANARY.encode() in answer:
            wrong.append((one.id, status, grown))
        if b"Traceback" in answer or status >= 500:
            wrong.append((one.id, status, grown))
        if front.post(b'{"_uuid": "next"}')[0] != 202:
            wrong.append((one.id, "the next one", 0))
    assert not wrong, wrong
    assert CANARY not in (front.service.home.parent / "stderr.txt").read_text()
