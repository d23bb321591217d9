"""The door: durable before it answers, one entry for one edition, and it never repeats what came."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import close_hook, rotate_hook
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import SETTLE, Bell
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import HandsKeys, open_value
from tests.factories.door import OpenDoor, make_app, open_door, put_form
from tests.payloads import read_wire
from webhooks.hooks import SECRET_HEADER

WIRE = read_wire()


@pytest.fixture
def door(settings: Settings, engine: Engine) -> OpenDoor:
    return open_door(settings, engine)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM entries")).scalar_one()


def test_a_wrong_or_missing_secret_is_401_and_leaves_no_row(door: OpenDoor, engine: Engine) -> None:
    body = WIRE["k01"]["body"]
    for headers in ({}, {SECRET_HEADER: "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        answer = door.client.post(door.url, data=body, headers=headers)
        assert (answer.status_code, answer.json) == (401, {"error": "wrong_secret"})
    assert door.client.post(f"{door.url}?secret={door.hook.secret}", data=body).status_code == 401
    assert door.client.post("/webhooks/nobody", data=body, headers={SECRET_HEADER: door.hook.secret}).status_code == 401
    assert count(engine) == 0


@pytest.mark.parametrize("key", ["%00", "a%00b", "%ff", "x" * 100_000, "a b", ".", "a.b.c", "%F0%9F%98%80"])
def test_an_address_that_is_none_is_401_and_never_an_error(door: OpenDoor, key: str) -> None:
    assert door.client.post(f"/webhooks/{key}", data=b"{}").status_code == 401


def test_two_different_secrets_at_once_are_refused(door: OpenDoor, engine: Engine) -> None:
    headers = [(SECRET_HEADER, door.hook.secret), (SECRET_HEADER, "other")]
    assert door.client.post(door.url, data=WIRE["k01"]["body"], headers=headers).status_code == 401
    headers = [("Authorization", f"Bearer {door.hook.secret}"), (SECRET_HEADER, "other")]
    assert door.client.post(door.url, data=WIRE["k01"]["body"], headers=headers).status_code == 401
    assert count(engine) == 0


def test_an_authorization_that_is_meant_for_a_proxy_in_front_does_not_close_the_door(door: OpenDoor) -> None:
    sent = dict(WIRE["k03"]["headers"])
    answer = door.post(WIRE["k03"]["body"], Authorization=sent["Authorization"])
    assert answer.status_code == 202


def test_the_secret_of_another_hook_does_not_open_this_one(door: OpenDoor, settings: Settings, engine: Engine) -> None:
    other = open_door(settings, engine, form="other")
    answer = door.client.post(door.url, data=b"{}", headers={SECRET_HEADER: other.hook.secret})
    assert answer.status_code == 401


@pytest.mark.parametrize("wire", ["k01", "k02", "k03", "k09", "k10"])
def test_what_kobo_really_sent_is_accepted(door: OpenDoor, wire: str) -> None:
    answer = door.post(WIRE[wire]["body"], **{"Content-Type": dict(WIRE[wire]["headers"])["Content-Type"]})
    assert answer.status_code == 202
    assert set(answer.json) == {"receipt"}


def test_basic_and_bearer_carry_the_secret_too(door: OpenDoor) -> None:
    basic = door.client.post(door.url, data=b"{}", auth=("pim", door.hook.secret))
    bearer = door.client.post(door.url, data=b"{}", headers={"Authorization": f"Bearer {door.hook.secret}"})
    assert (basic.status_code, bearer.status_code) == (202, 202)


def test_what_other_hooks_bring_of_an_edition_waits_beside_the_first_once_each_for_a_worker_to_compare(
    settings: Settings, engine: Engine
) -> None:
    wires = ("k05", "k03", "k01", "k04", "k02")
    doors = {wire: open_door(settings, engine) for wire in wires}
    receipts = [doors[wire].post(WIRE[wire]["body"]).json["receipt"] for wire in (*wires, *wires)]
    assert receipts[:5] == receipts[5:]
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, state, reason, contradicts_entry FROM entries")).all()
    first = next(row for row in found if row.reason is None)
    assert {row.state for row in found} == {"untouched"}
    assert {row.contradicts_entry for row in found if row.reason == "second"} == {first.id}
    assert {str(row.id) for row in found} == set(receipts)


def test_a_fuller_copy_takes_the_place_of_a_subset_that_was_looked_at(
    settings: Settings, door: OpenDoor, engine: Engine, hands_keys: HandsKeys
) -> None:
    whole = open_door(settings, engine)

    def stored() -> bytes:
        with engine.connect() as connection:
            row = connection.execute(text("SELECT form, identity, body FROM entries")).one()
        return open_value(row.body, ring=hands_keys.intake, context=entry_context(row.form, row.identity))

    door.post(WIRE["k04"]["body"])
    assert stored() == WIRE["k04"]["body"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET state = 'held', reason = 'unknown_version'"))
    whole.post(WIRE["k01"]["body"])
    assert stored() == WIRE["k01"]["body"]


def test_six_at_once_are_one_entry(settings: Settings, engine: Engine, door: OpenDoor) -> None:
    app = make_app(settings)

    def post(_: int) -> tuple[int, str]:
        answer = app.test_client().post(door.url, data=WIRE["k01"]["body"], headers={SECRET_HEADER: door.hook.secret})
        return answer.status_code, answer.json["receipt"]

    for _ in range(10):
        with ThreadPoolExecutor(6) as pool:
            answers = set(pool.map(post, range(6)))
        assert len(answers) == 1
    assert count(engine) == 1
    app.extensions["door"].engine.dispose()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"[1]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"consent": "no", "consent": "yes"}',
        b'{"a": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\\ud800"}',
        b'{"a\\u0000": "\\u0000"}',
        b"[" * 200_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"<a>" * 1000 + b"</a>" * 1000,
        b'{"_uuid": ' + b"9" * 5000 + b"}",
    ],
)
def test_bad_content_from_a_trusted_sender_is_kept_sealed_and_never_an_error(
    door: OpenDoor, engine: Engine, body: bytes
) -> None:
    answer = door.post(body)
    assert answer.status_code == 202
    assert count(engine) == 1
    assert door.post(WIRE["k01"]["body"]).status_code == 202


def test_a_body_over_the_limit_is_413_and_leaves_no_row(settings: Settings, engine: Engine, door: OpenDoor) -> None:
    answer = door.post(b"x" * (settings.max_body_bytes + 1))
    assert (answer.status_code, answer.json) == (413, {"error": "too_large"})
    assert count(engine) == 0


def test_a_database_that_is_away_is_503_with_when_to_come_again(
    settings: Settings, engine: Engine, door: OpenDoor
) -> None:
    away = open_engine("postgresql://nobody@127.0.0.1:1/none")
    app = make_app(settings, away)
    answer = app.test_client().post(door.url, data=b"{}", headers={SECRET_HEADER: door.hook.secret})
    assert (answer.status_code, answer.json) == (503, {"error": "away"})
    assert int(answer.headers["Retry-After"]) > 0


def test_after_a_restart_of_the_database_the_next_delivery_is_taken_at_once(
    settings: Settings, engine: Engine, door: OpenDoor
) -> None:
    puts = open_engine(settings.database_url, is_autocommit=True)
    client = make_app(settings, engine, puts=puts).test_client()

    def post(wire: str) -> int:
        headers = {SECRET_HEADER: door.hook.secret}
        return int(client.post(door.url, data=WIRE[wire]["body"], headers=headers).status_code)

    assert post("k01") == 202
    with engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        ).scalar_one()
    assert ended > 0
    assert [post(wire) for wire in ("k01", "k06", "k09")] == [202, 202, 202]
    assert count(engine) == 3
    puts.dispose()


def wait_for_depth(bell: Bell, depth: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if bell.depth(SETTLE) == depth:
            return True
        time.sleep(0.01)
    return False


def test_a_rush_of_deliveries_is_one_ring_and_the_next_rush_another(settings: Settings, door: OpenDoor) -> None:
    bell = Bell(settings.redis_url)
    for number in range(30):
        door.post(b'{"_uuid": "%d"}' % number)
    assert wait_for_depth(bell, 1)
    bell.quiet(SETTLE)
    for number in range(30, 60):
        door.post(b'{"_uuid": "%d"}' % number)
    assert wait_for_depth(bell, 2)
    bell._redis.close()


def test_without_a_queue_a_delivery_is_taken_all_the_same_and_at_once(
    settings: Settings, engine: Engine, door: OpenDoor
) -> None:
    client = make_app(replace(settings, redis_url="redis://127.0.0.1:1/0"), engine).test_client()
    for wire in ("k01", "k06", "k09"):
        started = time.monotonic()
        answer = client.post(door.url, data=WIRE[wire]["body"], headers={SECRET_HEADER: door.hook.secret})
        assert answer.status_code == 202
        assert time.monotonic() - started < 0.5
    assert count(engine) == 3


def test_other_methods_are_405_and_nothing_redirects(door: OpenDoor) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert door.client.open(door.url, method=method).status_code == 405
    assert door.client.post(f"{door.url}/", data=b"{}").status_code == 401


@pytest.mark.parametrize("server", ["kobo", "ona"])
def test_a_slash_at_the_end_of_the_address_loses_nothing_and_opens_nothing(
    settings: Settings, engine: Engine, server: str
) -> None:
    door = open_door(settings, engine, server=server)
    secret = {} if door.hook.is_secret_in_address else {SECRET_HEADER: door.hook.secret}
    assert door.client.post(f"{door.hook.path}/", data=b'{"_uuid": "1"}', headers=secret).status_code == 202
    assert count(engine) == 1
    for path, headers in ((f"{door.hook.path}x/", secret), (f"/webhooks/{door.hook.key}/", {})):
        assert door.client.post(path, data=b'{"_uuid": "2"}', headers=headers).status_code == 401
    assert door.client.get(f"{door.hook.path}/").status_code == 405
    assert count(engine) == 1


def test_the_answer_repeats_nothing_of_what_came(door: OpenDoor) -> None:
    secret_word = "Nadia-Canary"
    for body in (b'{"name": "%s", "_uuid": "1"}' % secret_word.encode(), secret_word.encode(), b"<a>Nadia-Canary</a>"):
        answer = door.post(body)
        assert secret_word not in answer.text + str(answer.headers)


def test_the_stored_body_is_sealed_and_opens_only_in_its_own_row(
    door: OpenDoor, engine: Engine, hands_keys: HandsKeys
) -> None:
    door.post(WIRE["k01"]["body"])
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM entries")).one()
    assert b"Khin" not in bytes(row.body)
    assert b"Khin" in open_value(row.body, ring=hands_keys.intake, context=entry_context(row.form, row.identity))
    assert "60ebd0dd" not in json.dumps([str(value) for value in row])


def test_after_two_rotations_the_first_secret_is_dead_and_the_last_two_live(door: OpenDoor, engine: Engine) -> None:
    def status(secret: str) -> int:
        return int(door.client.post(door.url, data=b"{}", headers={SECRET_HEADER: secret}).status_code)

    secrets = [door.hook.secret]
    for _ in range(2):
        with Session(engine) as session, session.begin():
            secrets.append(rotate_hook(session, COMMAND_LINE, door.hook.id).secret)
        assert status(secrets[-1]) == 202
    assert [status(secret) for secret in secrets] == [401, 202, 202]


def test_the_secret_before_the_newest_still_works_where_the_hook_was_known_before_the_rotation(
    door: OpenDoor, engine: Engine
) -> None:
    assert door.post(b'{"_uuid": "before"}').status_code == 202
    with Session(engine) as session, session.begin():
        rotate_hook(session, COMMAND_LINE, door.hook.id)
    assert door.post(b'{"_uuid": "after"}').status_code == 202
    assert count(engine) == 2


def test_a_closed_hook_refuses_at_once_also_where_it_was_known(door: OpenDoor, engine: Engine) -> None:
    assert door.post(b"{}").status_code == 202
    with Session(engine) as session, session.begin():
        close_hook(session, COMMAND_LINE, door.hook.id)
    assert door.post(b'{"a": "b"}').status_code == 401
    assert count(engine) == 1


def test_a_body_that_came_before_opens_no_closed_hook_and_revives_no_dead_secret(
    door: OpenDoor, engine: Engine
) -> None:
    body = b'{"_uuid": "again"}'
    assert [door.post(body).status_code, door.post(body).status_code] == [202, 202]
    for _ in range(2):
        with Session(engine) as session, session.begin():
            newest = rotate_hook(session, COMMAND_LINE, door.hook.id).secret
    assert door.post(body).status_code == 401
    assert door.client.post(door.url, data=body, headers={SECRET_HEADER: newest}).status_code == 202
    with Session(engine) as session, session.begin():
        close_hook(session, COMMAND_LINE, door.hook.id)
    assert door.client.post(door.url, data=body, headers={SECRET_HEADER: newest}).status_code == 401


def test_the_receipt_tells_nothing_of_the_body(settings: Settings, engine: Engine) -> None:
    receipts = []
    for form in ("one", "two"):
        with Session(engine) as session, session.begin():
            put_form(session, form)
        receipts.append(open_door(settings, engine, form=form).post(WIRE["k01"]["body"]).json["receipt"])
    assert receipts[0] != receipts[1]


@pytest.mark.parametrize("broken", [ValueError("closed file"), OSError(9, "closed"), ConnectionError("away")])
def test_a_bell_whose_line_breaks_in_the_middle_says_so_and_rests(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise broken

    bell = Bell(settings.redis_url)
    monkeypatch.setattr(bell._redis, "set", fail)
    assert not bell.ring_entry(uuid4())
    monkeypatch.undo()
    assert not bell.ring_entry(uuid4()), "it rests for some seconds"
