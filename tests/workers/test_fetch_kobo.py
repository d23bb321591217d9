"""Pulling from Kobo: all of it, once, however it fails on the way; edits and deletions that nobody pushes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from pimcollect.config import Settings
from tests.factories.connections import Connected, connect
from tests.factories.households import SCENARIOS
from tests.reenacted.kobo import ReenactedKobo
from tests.reenacted.server import Reply
from workers.fetch import fetch_one

BASE = SCENARIOS["base_answers"]
PLACE = {"clo_place_adm1": "XX01", "clo_place_adm2": "XX0101"}
AGREED = {"ref_want": "yes", "ref_consent": "yes", "ref_whom": "self", "ref_scope": ["contact", "need"]}
URGENT = {**BASE, **PLACE, **AGREED, "svc_ill": "yes", "ref_name": "Auntie Canary"}


@pytest.fixture
def kobo() -> Iterator[ReenactedKobo]:
    kobo = ReenactedKobo()
    with kobo.listen():
        yield kobo


@pytest.fixture
def connected(settings: Settings, engine: Engine, kobo: ReenactedKobo) -> Iterator[Connected]:
    connected = connect(settings, engine, kobo, there=kobo.uid, secret=kobo.token)
    yield connected
    connected.hands.engine.dispose()


def fill(kobo: ReenactedKobo, connected: Connected, count: int, answers: dict[str, Any] = BASE) -> list[int]:
    varied = [{**answers, "doc_birth": number % 9} if answers is BASE else answers for number in range(count)]
    return [kobo.submit(connected.write(one)) for one in varied]


def editions(connected: Connected) -> dict[str, str]:
    return {row["root_id"]: row["edition_id"] for row in connected.read("SELECT * FROM submissions WHERE state = 'kept'")}  # fmt: skip  # noqa: E501


def upstream(kobo: ReenactedKobo) -> dict[str, str]:
    return {row["meta/rootUuid"].removeprefix("uuid:"): row["_uuid"] for row in kobo.rows.values()}


def test_what_was_there_before_is_fetched_to_the_very_end(kobo: ReenactedKobo, connected: Connected) -> None:
    kobo.cap = 7
    fill(kobo, connected, 40)
    assert connected.pull()
    assert editions(connected) == upstream(kobo)
    row = connected.row()
    assert (row["count_there"], row["failures"], row["pulled_at"] is not None) == (40, 0, True)
    assert connected.read("SELECT count(*) AS n FROM copies") == [{"n": 40}]
    assert connected.pull()
    assert len(connected.read("SELECT * FROM entries")) == 40


def test_edits_that_nobody_pushes_are_seen(kobo: ReenactedKobo, connected: Connected) -> None:
    numbers = fill(kobo, connected, 6)
    connected.pull()
    kobo.edit(numbers[2], **{"dem_group": "idp"})
    for _ in range(3):  # only the last of these is ever shown
        kobo.edit(numbers[4])
    connected.pull()
    assert editions(connected) == upstream(kobo)
    assert connected.read("SELECT * FROM entries WHERE state = 'held'") == []


def test_what_is_deleted_there_is_erased_here(kobo: ReenactedKobo, connected: Connected) -> None:
    numbers = fill(kobo, connected, 5, URGENT)
    connected.pull()
    assert len(connected.read("SELECT * FROM cases WHERE sealed IS NOT NULL")) == 5
    late = kobo.delete(numbers[1])
    connected.pull()
    assert editions(connected) == upstream(kobo)
    assert len(connected.read("SELECT * FROM cases WHERE sealed IS NOT NULL")) == 4
    assert len(connected.read("SELECT * FROM referrals WHERE state = 'recalled'")) == 1
    assert len(connected.read("SELECT * FROM notices WHERE kind = 'recalled'")) == 1
    (tombstone,) = connected.read("SELECT * FROM submissions WHERE state = 'tombstone'")
    assert tombstone["erased_at"] is not None
    # a late copy of it, edited or not, brings nothing back
    kobo.rows[numbers[1]] = late
    kobo.edit(numbers[1])
    connected.pull()
    assert len(connected.read("SELECT * FROM submissions WHERE state = 'kept'")) == 4
    assert len(connected.read("SELECT * FROM cases WHERE sealed IS NOT NULL")) == 4


def test_a_deletion_before_anything_settled_leaves_nothing_to_settle(kobo: ReenactedKobo, connected: Connected) -> None:
    (number,) = fill(kobo, connected, 1, URGENT)

    fetch_one(connected.hands, connected.connection)
    late = kobo.delete(number)
    connected.pull()
    assert connected.read("SELECT state, reason, body FROM entries") == [
        {"state": "settled", "reason": "erased", "body": None}
    ]
    kobo.rows[number] = late
    connected.pull()
    assert connected.read("SELECT * FROM referrals") == []


def test_a_deletion_in_a_form_without_a_version_shreds_what_waits(kobo: ReenactedKobo, connected: Connected) -> None:
    (number,) = fill(kobo, connected, 1)
    fetch_one(connected.hands, connected.connection)
    connected.change("DELETE FROM form_versions")
    kobo.delete(number)
    assert fetch_one(connected.hands, connected.connection)
    assert connected.read("SELECT reason, body FROM entries") == [{"reason": "erased", "body": None}]


def test_a_server_that_shows_nothing_erases_nothing(kobo: ReenactedKobo, connected: Connected) -> None:
    fill(kobo, connected, 30)
    connected.pull()
    kept = dict(kobo.rows)
    kobo.rows.clear()
    assert not connected.pull()
    assert connected.row()["reason"] == "many_gone"
    assert len(editions(connected)) == 30
    kobo.rows = kept
    assert connected.pull()
    kobo.rows.clear()
    connected.change("UPDATE connections SET may_erase = true")
    assert connected.pull()
    assert editions(connected) == {}
    assert connected.row()["may_erase"] is False


def test_busy_broken_and_cut_pages_are_asked_for_again(kobo: ReenactedKobo, connected: Connected) -> None:
    kobo.cap = 10
    fill(kobo, connected, 50)
    kobo.trouble(
        Reply(429, headers={"Retry-After": "0"}), None, Reply(503), None, Reply(200, b'{"results": [', cut=5), None,
        Reply(200, b'{"results": [{'), None, Reply(200, b"<html>login</html>"),
    )  # fmt: skip
    assert connected.pull()
    assert editions(connected) == upstream(kobo)


LASTING = [
    (Reply(401), "refused"),
    (Reply(404), "not_found"),
    (Reply(429, headers={"Retry-After": "7200"}), "away"),
    (Reply(200, b'{"results": 3, "count": 1}'), "bad_answer"),
    (Reply(200, b'{"results": [{"_uuid": "x"}], "count": 1}'), "bad_answer"),
    (Reply(200, b'{"results": [{"_id": 9}, {"_id": 3}], "count": 2}'), "bad_answer"),
    (Reply(200, b'{"results": [{"_id": 9, "_id": 10}], "count": 2}'), "bad_answer"),
]


def test_what_does_not_pass_is_told_and_tried_later_and_later(kobo: ReenactedKobo, connected: Connected) -> None:
    fill(kobo, connected, 3)
    pauses = []
    for number, (reply, reason) in enumerate(LASTING, 1):
        kobo.trouble(*[reply] * 9)
        assert not connected.pull()
        row = connected.row()
        assert (row["reason"], row["failures"]) == (reason, number)
        pauses.append(round((row["next_at"] - row["tried_at"]).total_seconds() / 60))
        kobo.troubles.clear()
    assert pauses == [15, 2, 120, 8, 15, 15, 15]
    assert connected.pull()
    assert (connected.row()["reason"], connected.row()["failures"]) == (None, 0)
    assert editions(connected) == upstream(kobo)


def test_pages_that_shift_while_somebody_pages_lose_nothing(kobo: ReenactedKobo, connected: Connected) -> None:
    kobo.cap = 5
    numbers = fill(kobo, connected, 30)
    gone = iter(numbers[:10])

    def shift() -> None:
        number = next(gone, None)
        if number is not None:
            kobo.delete(number)
            fill(kobo, connected, 1)

    kobo.on_page = shift
    connected.pull()
    kobo.on_page = None
    connected.pull()
    assert editions(connected) == upstream(kobo)


def test_a_row_that_shows_up_below_the_newest_number_is_not_missed(kobo: ReenactedKobo, connected: Connected) -> None:
    numbers = fill(kobo, connected, 4)
    hidden = kobo.rows.pop(numbers[1])
    connected.pull()
    kobo.rows[numbers[1]] = hidden
    connected.pull()
    assert editions(connected) == upstream(kobo)


def test_a_pull_whose_turn_is_over_goes_on_where_it_was(kobo: ReenactedKobo, connected: Connected) -> None:
    kobo.cap = 5
    fill(kobo, connected, 23)
    turns = 0
    while not connected.pull(seconds=0.0):
        turns += 1
        assert turns < 20
    assert editions(connected) == upstream(kobo)
    asked = [one for one in kobo.asked if '"$gt": 0' in one.query.get("query", "") and "fields" not in one.query]
    assert len(asked) == 1  # the first page was asked for once only


def test_an_edition_that_a_hook_brought_first_is_one_entry(kobo: ReenactedKobo, connected: Connected) -> None:
    row = connected.write(BASE)
    number = kobo.submit(row)

    assert connected.household.door.post(json.dumps(kobo.rows[number]).encode()).status_code == 202
    connected.pull()
    assert [one["via"] for one in connected.read("SELECT via FROM entries")] == ["hook"]
    kobo.edit(number)
    connected.pull()
    assert [one["via"] for one in connected.read("SELECT via FROM entries ORDER BY received_at")] == ["hook", "pull"]
    assert editions(connected) == upstream(kobo)


def test_consent_withdrawn_there_is_withdrawn_here(kobo: ReenactedKobo, connected: Connected) -> None:
    (number,) = fill(kobo, connected, 1, URGENT)
    connected.pull()
    (consent,) = [key for key in kobo.rows[number] if key.endswith("con_interview")]
    kobo.edit(number, **{consent: "no"})
    connected.pull()
    assert connected.read("SELECT state, shared, alike FROM submissions") == [
        {"state": "tombstone", "shared": None, "alike": None}
    ]
    assert [row["state"] for row in connected.read("SELECT state FROM referrals")] == ["recalled"]
    assert connected.read("SELECT * FROM cases WHERE sealed IS NOT NULL") == []


def test_two_pulls_of_one_connection_never_run_at_once(
    kobo: ReenactedKobo, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kobo, connected, 2)
    seen: list[bool] = []

    def look(_: Any) -> bool:

        seen.append(fetch_one(connected.hands, connected.connection))
        return True

    monkeypatch.setattr("workers.fetch.pull_all", look)
    assert connected.pull()
    assert seen == [False]


def test_a_token_is_told_to_its_server_alone_and_stands_nowhere(
    kobo: ReenactedKobo, connected: Connected, caplog: pytest.LogCaptureFixture
) -> None:
    fill(kobo, connected, 1)
    kobo.trouble(Reply(302, headers={"Location": "http://elsewhere.example/x"}))
    connected.pull()
    assert connected.row()["reason"] == "elsewhere", "no setting lets it go there"
    assert kobo.token not in caplog.text
    assert kobo.token not in str(connected.read("SELECT c::text, (SELECT string_agg(j::text, '') FROM journal j) FROM connections c"))  # fmt: skip  # noqa: E501


def test_a_page_is_stored_with_as_many_statements_however_long_it_is(kobo: ReenactedKobo, connected: Connected) -> None:

    def count(rows: int) -> int:
        fill(kobo, connected, rows)
        asked: list[str] = []

        def note(_: Any, __: Any, statement: str, *___: Any) -> None:
            asked.append(statement)

        event.listen(connected.hands.engine, "before_cursor_execute", note)

        fetch_one(connected.hands, connected.connection)
        event.remove(connected.hands.engine, "before_cursor_execute", note)
        return len(asked)

    count(1)
    assert count(60) <= count(2) + 2
