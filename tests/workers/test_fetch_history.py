"""Kobo's project history, where a token may read it, says sooner where to look; it decides nothing, and may be away."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from pimcollect.config import Settings
from pimcollect.db import transaction
from tests.factories.connections import Connected, connect
from tests.reenacted.kobo import ADDRESS, STAFF, ReenactedKobo
from tests.reenacted.server import Asked, Reply, json_reply
from tests.workers.test_fetch_kobo import URGENT, editions, fill, upstream

DUE = "UPDATE connections SET compared_at = now() - interval '2 days'"
"""What comes by the clock: the whole list after a day."""


@pytest.fixture
def kobo() -> Iterator[ReenactedKobo]:
    kobo = ReenactedKobo()
    kobo.may_manage = True
    with kobo.listen():
        yield kobo


@pytest.fixture
def connected(settings: Settings, engine: Engine, kobo: ReenactedKobo) -> Iterator[Connected]:
    connected = connect(settings, engine, kobo, there=kobo.uid, secret=kobo.token)
    yield connected
    connected.hands.engine.dispose()


def history_asked(kobo: ReenactedKobo) -> list[Asked]:
    return [one for one in kobo.asked if one.path.endswith("/history/")]


def lists_asked(kobo: ReenactedKobo) -> list[Asked]:
    """The list of all; that of the edited ones is asked for each time."""
    return [one for one in kobo.asked if "fields" in one.query and "deprecatedID" not in one.query["query"]]


def state(connected: Connected) -> str:
    return str(connected.row()["cursor"]["history"]["state"])


def erased(connected: Connected) -> set[str]:
    return {row["root_id"] for row in connected.read("SELECT root_id FROM submissions WHERE erased_at IS NOT NULL")}


@pytest.mark.parametrize("status", [403, 404])
def test_without_the_right_all_is_found_as_before_and_it_is_not_asked_for_again_that_day(
    kobo: ReenactedKobo, connected: Connected, status: int
) -> None:
    numbers = fill(kobo, connected, 5)
    kobo.trouble(None, Reply(status))
    assert connected.pull()
    kobo.edit(numbers[0])
    kobo.delete(numbers[1])
    assert connected.pull()
    assert editions(connected) == upstream(kobo)
    assert (state(connected), len(history_asked(kobo)), connected.row()["failures"]) == ("not_allowed", 1, 0)
    # a day later the right is there
    connected.change("UPDATE connections SET cursor = jsonb_set(cursor, '{history,after}', '\"2026-01-01T00:00:00Z\"')")
    assert connected.pull()
    assert state(connected) == "read"


TROUBLES = {
    "busy": Reply(429, headers={"Retry-After": "7200"}),
    "away": Reply(503),
    "login": Reply(200, b"<html>log in</html>"),
    "cut": Reply(200, b'{"count": 1, "results": [{"meta', cut=25),
    "no list": json_reply({"count": 1}),
    "no count": json_reply({"results": []}),
    "capped": json_reply({"count": 5, "results": []}),
    "circle": json_reply({"count": 1, "results": [{"metadata": {"submission": {"root_uuid": "a"}}}] * 2}),
    "nameless": json_reply({"count": 1, "results": [{"metadata": {"submission": {"submitted_by": STAFF}}}]}),
    "elsewhere": Reply(302, headers={"Location": "http://elsewhere.example/"}),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_history_in_trouble_stops_no_pull(
    kobo: ReenactedKobo, connected: Connected, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pimcollect.servers.http._FIRST_WAIT", 0.0)
    numbers = fill(kobo, connected, 4)
    assert connected.pull()
    since = connected.row()["cursor"]["history"]["since"]
    kobo.edit(numbers[0])
    kobo.delete(numbers[1])
    kobo.asked.clear()
    whole = kobo._tell_history
    monkeypatch.setattr(kobo, "_tell_history", lambda asked: TROUBLES[name])
    assert connected.pull()
    assert editions(connected) == upstream(kobo)
    assert (state(connected), connected.row()["cursor"]["history"]["since"]) == ("in_trouble", since)
    monkeypatch.setattr(kobo, "_tell_history", whole)
    kobo.asked.clear()
    assert connected.pull()
    assert (state(connected), len(history_asked(kobo))) == (("in_trouble", 0) if name == "busy" else ("read", 1))


def test_a_token_that_ends_while_the_history_is_read_is_told(kobo: ReenactedKobo, connected: Connected) -> None:
    kobo.trouble(None, Reply(401))
    assert not connected.pull()
    assert connected.row()["reason"] == "refused"


def test_what_it_tells_is_asked_for_by_name_and_no_list_is_read(kobo: ReenactedKobo, connected: Connected) -> None:
    numbers = fill(kobo, connected, 30, URGENT)
    assert connected.pull()
    kobo.asked.clear()
    (consent,) = [path for path in kobo.rows[numbers[0]] if path.endswith("con_interview")]
    kobo.edit(numbers[0], **{consent: "no"})
    for _ in range(3):
        kobo.edit(numbers[1])
    for number in numbers[5:8]:
        kobo.delete(number)
    fill(kobo, connected, 1)
    assert connected.pull()
    withdrawn = kobo.rows[numbers[0]]["meta/rootUuid"].removeprefix("uuid:")
    assert editions(connected) == {root: one for root, one in upstream(kobo).items() if root != withdrawn}
    assert (len(erased(connected)), connected.row()["failures"]) == (3, 0)
    assert connected.read("SELECT count(*) AS n FROM cases WHERE sealed IS NOT NULL") == [{"n": 26}]
    assert lists_asked(kobo) == []
    # after a day all are listed all the same
    connected.change(DUE)
    assert connected.pull()
    assert len(lists_asked(kobo)) == 2  # to its empty page


def test_it_is_read_to_its_end_while_it_grows(kobo: ReenactedKobo, connected: Connected) -> None:
    numbers = fill(kobo, connected, 25)
    assert connected.pull()
    kobo.cap = 3
    for number in numbers[:20]:
        kobo.edit(number)
    more = iter(numbers[20:])

    def grow() -> None:
        number = next(more, None)
        if number is not None:
            kobo.edit(number)

    kobo.on_page, kobo.asked[:] = grow, []
    assert connected.pull()
    assert len(history_asked(kobo)) >= 8
    kobo.on_page = None
    assert connected.pull()
    assert editions(connected) == upstream(kobo)
    assert lists_asked(kobo) == []


@pytest.mark.parametrize("told", [25, 15, 0])
def test_many_deletions_wait_for_a_person_however_many_of_them_it_tells(
    kobo: ReenactedKobo, connected: Connected, told: int
) -> None:
    numbers = fill(kobo, connected, 30)
    assert connected.pull()
    for number in numbers[:25]:
        kobo.delete(number)
    kobo.history = [row for row in kobo.history if row["action"] == "delete-submission"][:told]
    for _ in range(2):
        assert not connected.pull()
        assert connected.row()["reason"] == "many_gone"
        assert len(editions(connected)) == 30
    connected.change("UPDATE connections SET may_erase = true")
    assert connected.pull()
    assert editions(connected) == upstream(kobo)
    assert (len(erased(connected)), connected.row()["may_erase"]) == (25, False)


@pytest.mark.parametrize("may_manage", [False, True])
def test_one_whose_own_id_is_its_number_there_cannot_be_asked_for_and_stops_nothing(
    kobo: ReenactedKobo, connected: Connected, *, may_manage: bool
) -> None:
    kobo.may_manage = may_manage
    odd = kobo.submit(connected.write(URGENT, root="1"))
    numbers = fill(kobo, connected, 3)
    assert odd == 1
    assert connected.pull()
    # another one goes, of which no history tells, while of this one something is told
    kobo.delete(numbers[0])
    kobo.history.clear()
    kobo.edit(odd)
    assert connected.pull()
    assert sorted(editions(connected).values()) == sorted(upstream(kobo).values())
    kobo.delete(odd)
    assert connected.pull()
    assert editions(connected) == upstream(kobo)


def disturb(kobo: ReenactedKobo, chance: random.Random, late: list[dict[str, Any]]) -> None:
    """Rows come late, double, in any order, of submissions that nobody has, and of deletions that never were."""
    rows = kobo.history + late
    chance.shuffle(rows)
    late[:] = [row for row in rows if chance.random() < 0.3]
    kobo.history = [row for row in rows if row not in late]
    kobo.history += [row for row in kobo.history if chance.random() < 0.3]
    unknown = {"meta/rootUuid": f"uuid:{chance.random()}"}
    for row in (unknown, chance.choice(list(kobo.rows.values()))):
        kobo.log(chance.choice(("modify-submission", "delete-submission")), row)
    chance.shuffle(kobo.history)


@pytest.mark.parametrize("seed", range(12))
def test_in_any_order_late_double_or_of_unknown_ones_the_end_is_that_of_comparing(
    kobo: ReenactedKobo, connected: Connected, seed: int
) -> None:
    chance, late, gone = random.Random(seed), [], set()  # noqa: S311 - repeatable
    numbers = fill(kobo, connected, 14, URGENT)
    kobo.cap = chance.choice((2, 5, 1000))
    for _ in range(4):
        connected.pull(seconds=chance.choice((0.0, float("inf"))))
        for number in chance.sample(sorted(kobo.rows), 4):
            kobo.edit(number, doc_birth=str(chance.randrange(9)))
        number = chance.choice(sorted(kobo.rows))
        gone.add(kobo.delete(number)["meta/rootUuid"].removeprefix("uuid:"))
        numbers += fill(kobo, connected, 1)
        disturb(kobo, chance, late)
    connected.change(DUE)
    assert connected.pull()
    assert editions(connected) == upstream(kobo)
    ever_here = {row["root_id"] for row in connected.read("SELECT root_id FROM submissions")}
    assert erased(connected) == gone & ever_here
    assert connected.read("SELECT count(*) AS n FROM copies") == [{"n": len(kobo.rows)}]
    assert connected.read("SELECT reason FROM entries WHERE state <> 'settled'") == []


def test_killed_between_any_two_commits_it_goes_on(
    kobo: ReenactedKobo, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, turn = fill(kobo, connected, 30), 0
    assert connected.pull()
    left = 0

    def die(sessions: sessionmaker[Session]) -> AbstractContextManager[Session]:
        nonlocal left
        left -= 1
        if left < 0:
            raise MemoryError
        return transaction(sessions)

    monkeypatch.setattr("workers.pull.transaction", die)
    is_whole = False
    while not is_whole:
        kobo.edit(numbers[turn])
        if turn % 2:  # the next deletion makes the counts differ, for which all is listed
            kobo.delete(numbers.pop())
        # an hour ago: once it was read it is not told again
        at = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        kobo.history[-2:] = [{**row, "date_created": at} for row in kobo.history[-2:]]
        connected.change(
            f"UPDATE connections SET cursor = jsonb_set(cursor, '{{history,since}}', to_jsonb('{at}'\\:\\:text))"
        )
        left, turn = turn, turn + 1
        is_whole = connected.pull()
        left = 1000
        assert connected.pull()
        assert editions(connected) == upstream(kobo)
    assert turn > 5


def test_who_did_it_and_from_where_is_kept_nowhere(
    kobo: ReenactedKobo, connected: Connected, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = fill(kobo, connected, 3)
    assert connected.pull()
    kobo.edit(numbers[0])
    kobo.delete(numbers[1])
    assert connected.pull()
    kobo.history[-1]["metadata"]["submission"].pop("root_uuid")
    assert connected.pull()
    assert state(connected) == "in_trouble"
    assert STAFF in json.dumps(kobo.history)
    with engine.connect() as connection:
        for table in connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
            for canary in (STAFF, ADDRESS):
                found = connection.scalar(
                    text(f"SELECT count(*) FROM {table} AS one WHERE one::text LIKE '%{canary}%'")
                )
                assert (table, found) == (table, 0)
    assert STAFF not in caplog.text
    assert ADDRESS not in caplog.text
