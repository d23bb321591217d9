"""What goes wrong around a pull: consents that flip, hints of nothing, files that come late or broken, a restored
backup, a backlog while somebody pages, a token that is taken away (F11, F12, F13, F24, F27)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from pimcollect.actions.connections import close_connection
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode
from pimcollect.servers.answers import ServerError
from pimcollect.tables.connections import ask_fetch, find_due_connections
from tests.factories.connections import Connected, connect, connect_again
from tests.reenacted.kobo import ReenactedKobo
from tests.reenacted.server import Reply
from tests.workers.test_fetch_kobo import URGENT, editions, fill, upstream
from workers.fetch import fetch_due

TABLES = ("connections", "copies", "entries", "submissions", "cases", "referrals", "referral_moves", "notices", "tallies")  # fmt: skip  # noqa: E501


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


def test_a_hundred_consents_that_flip_there_stop_a_hundred_referrals_here(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    numbers = fill(kobo, connected, 100, URGENT)
    connected.pull()
    # the receivers of some were told, some accepted: those too are taken back
    connected.change("UPDATE referrals SET state = 'sent'")
    connected.change("UPDATE referrals SET state = 'accepted' WHERE reference < 'R-H'")
    (consent,) = [path for path in kobo.rows[numbers[0]] if path.endswith("con_interview")]
    for number in numbers:
        kobo.edit(number, **{consent: "no"})
    connected.pull()
    assert connected.read("SELECT state, count(*) AS n FROM referrals GROUP BY 1") == [{"state": "recalled", "n": 100}]
    assert connected.read("SELECT count(*) AS n FROM cases WHERE sealed IS NOT NULL") == [{"n": 0}]
    assert connected.read("SELECT DISTINCT state, shared FROM submissions") == [{"state": "tombstone", "shared": None}]


def test_a_hint_of_nothing_makes_nothing_and_one_before_its_commit_is_looked_for_again(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    connected.pull()
    with connected.hands.sessions.begin() as session:
        assert find_due_connections(session) == []
        assert ask_fetch(session, "hh") == [connected.connection]
    connected.change("UPDATE connections SET next_at = clock_timestamp()")  # 30 seconds after the pull before
    assert fetch_due(connected.hands) == 1
    assert connected.read("SELECT * FROM entries") == []
    row = connected.row()
    assert 50 < (row["next_at"] - row["pulled_at"]).total_seconds() < 70
    # now what was hinted at is committed there
    fill(kobo, connected, 1)
    connected.change("UPDATE connections SET next_at = clock_timestamp(), asked_at = now() - interval '2 minutes'")
    assert fetch_due(connected.hands) == 1
    connected.household.settle()
    assert editions(connected) == upstream(kobo)
    row = connected.row()
    assert (row["next_at"] - row["pulled_at"]).total_seconds() > 800


def test_files_come_late_never_twice_cut_or_empty_and_answers_do_not_wait_for_them(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    (number,) = fill(kobo, connected, 1)
    connected.pull()
    assert editions(connected) == upstream(kobo)
    there = str(number)
    names = ["photo.jpg", "empty.jpg", "never.jpg"]
    assert connected.read_files(there, names) == {}
    kobo.attach(number, "photo.jpg", b"jpeg, all of it")
    kobo.attach(number, "photo.jpg", b"jpeg, all of it")
    kobo.attach(number, "empty.jpg", b"")
    kobo.trouble(None, Reply(200, b"jpeg, all of it", cut=4))
    found = connected.read_files(there, names)
    assert found == {"photo.jpg": b"jpeg, all of it", "empty.jpg": b""}
    with pytest.raises(ServerError) as caught:
        connected.read_files(there, names[:1], most_bytes=5)
    assert caught.value.code is ErrorCode.TOO_LARGE
    kobo.rows[number]["_attachments"] = [{**one, "is_deleted": True} for one in kobo.rows[number]["_attachments"]]
    assert connected.read_files(there, names) == {}


def test_after_yesterdays_backup_the_gap_is_closed_and_what_was_deleted_stays_dead(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    numbers = fill(kobo, connected, 6, URGENT)
    connected.pull()
    kobo.delete(numbers[0])
    connected.pull()
    backup = {table: connected.read(f"SELECT jsonb_agg(t) AS rows FROM {table} t")[0]["rows"] for table in TABLES}
    # a day goes by
    late = kobo.rows[numbers[1]]
    kobo.delete(numbers[1])
    kobo.edit(numbers[2])
    fill(kobo, connected, 3)
    connected.pull()
    # the disk is lost
    for table in reversed(TABLES):
        connected.change(f"DELETE FROM {table}")
    for table in TABLES:
        rows = json.dumps(backup[table] or []).replace("'", "''").replace(":", "\\:")
        connected.change(f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL\\:\\:{table}, '{rows}')")
    connected.pull()
    assert editions(connected) == upstream(kobo)
    states = connected.read("SELECT count(*) AS n FROM submissions WHERE erased_at IS NOT NULL")
    assert states == [{"n": 2}]
    kobo.rows[numbers[1]] = late
    connected.pull()
    assert late["_uuid"] not in editions(connected)
    assert connected.read("SELECT count(*) AS n FROM cases WHERE sealed IS NOT NULL") == [{"n": 4}]


def test_a_token_that_is_taken_away_is_told_and_a_backlog_is_fetched_when_it_is_back(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    kobo.cap = 50
    fill(kobo, connected, 120)
    pages = 0

    def take_away() -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            kobo.token = "another"

    kobo.on_page = take_away
    assert not connected.pull()
    assert connected.row()["reason"] == "refused"
    before = len(editions(connected))
    assert 0 < before < 120
    kobo.token, kobo.on_page = "kobotoken", None
    fill(kobo, connected, 30)
    assert connected.pull()
    assert editions(connected) == upstream(kobo)


def test_a_name_that_leads_nowhere_is_not_told_as_a_server_that_is_away(connected: Connected) -> None:
    connected.change("UPDATE connections SET base = 'https://kobo.invalid'")
    assert not connected.pull()
    row = connected.row()
    assert (row["reason"], row["failures"]) == ("unknown_name", 1)
    assert row["next_at"] > row["tried_at"]


def test_a_server_that_asked_to_be_left_alone_is_whoever_asks_for_a_pull_meanwhile(
    kobo: ReenactedKobo, connected: Connected
) -> None:
    kobo.trouble(Reply(429, headers={"Retry-After": "3600"}))
    assert not connected.pull()
    connected.change("UPDATE connections SET tried_at = tried_at - interval '5 minutes'")
    with connected.hands.sessions.begin() as session:
        ask_fetch(session, connected.row()["form"])
    row = connected.row()
    assert (row["next_at"] - row["tried_at"]).total_seconds() > 3500
    connected.change("UPDATE connections SET next_at = now(), not_before = now()")
    assert connected.pull()
    assert connected.row()["not_before"] is None


@pytest.mark.parametrize("is_many", [False, True])
def test_what_was_deleted_between_two_connections_of_one_form_is_missed(
    kobo: ReenactedKobo, connected: Connected, *, is_many: bool
) -> None:
    numbers = fill(kobo, connected, 30)
    connected.pull()
    with connected.hands.sessions.begin() as session:
        close_connection(session, COMMAND_LINE, connected.connection)
    for number in numbers[: 28 if is_many else 2]:
        kobo.delete(number)
    again = connect_again(connected, kobo, there=kobo.uid, secret=kobo.token)
    assert again.pull() is not is_many
    if is_many:
        assert again.read("SELECT reason FROM connections WHERE closed_at IS NULL") == [{"reason": "many_gone"}]
    assert len(editions(again)) == (30 if is_many else 28)
    assert again.read("SELECT count(*) AS n FROM entries") == [{"n": 30}]
