"""Overload on a real service: it sheds with 503 before it slows, holds few bodies, and starves nobody."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pimcollect.shedding import BODIES, SMALL_BYTES, Budget
from tests.embedded.front import LARGEST, Front
from tests.embedded.places import wait_for

pytestmark = pytest.mark.slow
_ROOM = BODIES * LARGEST


def body(number: int, size: int = 0) -> bytes:
    return json.dumps({"_uuid": f"{number}", "a": "x" * size}).encode()


def test_a_budget_never_lends_more_than_it_has() -> None:
    budget = Budget(10)
    assert [budget.charge(6), budget.charge(5), budget.charge(4), budget.charge(1)] == [True, False, True, False]
    budget.release(6)
    assert budget.charge(6)


def test_while_the_database_hangs_senders_hear_503_at_once_and_what_was_accepted_is_there(front: Front) -> None:
    with psycopg.connect(front.database_url()) as database:
        before = database.execute("SELECT count(*) FROM entries").fetchone()
    with ThreadPoolExecutor(60) as pool, psycopg.connect(front.database_url()) as database:
        database.execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
        first = [pool.submit(front.post, body(number)) for number in range(20)]
        time.sleep(3.0)
        late = [pool.submit(front.post, body(100 + number)) for number in range(20)]
        answers = [one.result() for one in late]
        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < 1.0
        assert front.service.ask("/healthz") == 200
        database.rollback()
        statuses = Counter(one.result()[0] for one in first)
    assert set(statuses) == {202}
    with psycopg.connect(front.database_url()) as database:
        after = database.execute("SELECT count(*) FROM entries").fetchone()
    assert (after or (0,))[0] - (before or (0,))[0] == 20
    assert front.post(body(1))[0] == 202


def test_large_bodies_that_do_not_fit_any_more_are_told_503_and_never_cut_off(front: Front) -> None:
    before = front.memory()
    half = [front.begin(LARGEST, LARGEST - 1000) for _ in range(BODIES)]
    try:
        wait_for(front.has_read_all, seconds=10)
        assert front.post(body(9, LARGEST - 1000))[0] == 503, "a large one comes again"
        half += [front.begin(LARGEST, LARGEST - 1000) for _ in range(BODIES)]
        assert front.post(body(7))[0] == 202, "a small one passes"
        assert front.post(body(8, SMALL_BYTES - 1000))[0] == 202
        assert front.memory() - before < 3 * _ROOM
        answers: Counter[bytes] = Counter()
        for connection in half:
            connection.sendall(b" " * 1000)
            answers[connection.recv(12)] += 1
        assert answers == {b"HTTP/1.1 202": BODIES, b"HTTP/1.1 503": BODIES}
    finally:
        for connection in half:
            connection.close()
    wait_for(lambda: front.post(body(10, LARGEST - 1000))[0] == 202, seconds=10)


def test_a_sender_that_leaves_in_the_middle_gives_back_its_room(front: Front) -> None:
    for _ in range(3):
        for connection in [front.begin(LARGEST, LARGEST - 1000) for _ in range(BODIES)]:
            connection.close()
    wait_for(lambda: front.post(body(11, LARGEST - 1000))[0] == 202, seconds=10)


@pytest.mark.parametrize("size", [LARGEST + 1, 2 * LARGEST])
def test_a_body_that_is_too_large_is_read_and_told_413(front: Front, size: int) -> None:
    assert front.post(b" " * size)[0] == 413


def test_a_phone_is_told_in_openrosa_and_its_language_what_the_server_itself_refuses(front: Front) -> None:
    host, _, port = front.service.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = (
            "POST /phones/submission HTTP/1.1\r\nHost: x\r\nAccept-Language: fr\r\nContent-Length: 50000000000\r\n\r\n"
        )
        connection.sendall(head.encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 413")
    for part in (b"x-openrosa-version: 1.0", b"content-language: fr", b"<openrosaresponse", b"date: "):
        assert part in answer.lower()
    assert b"Request Entity" not in answer.partition(b"\r\n")[2]


def test_the_largest_body_is_taken(front: Front) -> None:
    whole = b'{"_uuid": "whole"}'
    assert front.post(whole + b" " * (LARGEST - len(whole)))[0] == 202


def test_a_chunked_body_is_bounded_too(front: Front) -> None:
    host, _, port = front.service.host.partition(":")
    for size, expected in ((1000, b"HTTP/1.1 202"), (2 * LARGEST, b"HTTP/1.1 413")):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = "".join(f"{name}: {value}\r\n" for name, value in front.headers.items())
            start = f"POST {front.path} HTTP/1.1\r\nHost: x\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
            connection.sendall(start.encode() + f"{size:x}\r\n".encode() + b" " * size + b"\r\n0\r\n\r\n")
            assert connection.recv(12) == expected


def test_three_hundred_slow_senders_stall_nobody(front: Front) -> None:
    slow = [front.begin(100_000, 10) for _ in range(300)]
    try:
        waits = [front.post(body(number))[1] for number in range(200, 230)]
        assert sorted(waits)[-2] < 1.0
    finally:
        for connection in slow:
            connection.close()


def test_nothing_of_it_stands_in_the_log(front: Front) -> None:
    said = (front.service.home.parent / "stderr.txt").read_text()
    secret = next(iter(front.headers.values()))
    assert secret not in said
    assert "Traceback" not in said
    assert os.path.basename(front.path) not in said
