"""The last day of settled entries: their rows go in small batches, and a copy that comes afterwards changes nothing."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from tests.factories.households import SCENARIOS, Household, write_kobo
from workers import retention
from workers.retention import retain

ANSWERS = {**SCENARIOS["base_answers"], "inc_urgent": "yes"}
AGREED = {"ref_want": "yes", "ref_consent": "yes", "ref_whom": "self", "ref_scope": ["contact"]}


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def age(engine: Engine, days: int) -> None:
    run(engine, f"UPDATE entries SET settled_at = settled_at - make_interval(days => {days})")
    run(engine, f"UPDATE journal SET at = at - make_interval(days => {days})")


PICTURE = """
    SELECT (SELECT json_agg(s ORDER BY s.root_id) FROM (SELECT root_id, edition_id, state, shared, digest,
                    superseded FROM submissions) s)::text AS submissions,
           (SELECT json_agg(r ORDER BY r.reference) FROM (SELECT reference, state, digest FROM referrals) r)::text AS r,
           (SELECT count(*) FROM notices) AS notices, (SELECT count(*) FROM cases WHERE sealed IS NOT NULL) AS cases,
           (SELECT coalesce(sum(n), 0) FROM tallies) AS tallies
"""


def test_what_waits_or_is_held_is_never_purged_however_old(household: Household, engine: Engine) -> None:
    household.door.post(b"{")
    household.settle()
    household.post(ANSWERS)
    run(engine, "UPDATE entries SET received_at = now() - interval '9 years'")
    retain(household.hands.sessions, entry_days=1, quarantine_days=14)
    assert sorted(row["state"] for row in rows(engine, "SELECT state FROM entries")) == ["held", "untouched"]


def test_a_settled_entry_goes_on_its_day_and_not_before(household: Household, engine: Engine) -> None:
    household.post(ANSWERS)
    household.settle()
    age(engine, 29)
    retain(household.hands.sessions, entry_days=30, quarantine_days=14)
    assert len(rows(engine, "SELECT id FROM entries")) == 1
    age(engine, 1)
    retain(household.hands.sessions, entry_days=30, quarantine_days=14)
    assert rows(engine, "SELECT id FROM entries") == []
    assert len(rows(engine, "SELECT id FROM submissions")) == 1
    assert rows(engine, "SELECT id FROM journal WHERE actor = 'workers' AND noun = 'entries'") == []
    assert rows(engine, "SELECT actor FROM journal WHERE actor = 'command line'"), "what people did stays"


def test_late_copies_of_every_edition_change_nothing_after_the_purge(household: Household, engine: Engine) -> None:
    first, root = write_kobo({**ANSWERS, **AGREED}, frozen=household.frozen)
    edit, _ = write_kobo(
        {**ANSWERS, **AGREED, "ref_scope": ["contact", "facts"]},
        frozen=household.frozen,
        root=root,
        edition=str(uuid4()),
        **{"meta/deprecatedID": f"uuid:{root}"},
    )
    refusal, _ = write_kobo({**ANSWERS, "con_interview": "no"}, frozen=household.frozen)
    nameless = json.loads(write_kobo(ANSWERS, frozen=household.frozen)[0])
    for name in ("meta/instanceID", "meta/rootUuid", "_uuid"):
        del nameless[name]
    bodies = (first, edit, refusal, json.dumps(nameless).encode())
    for body in bodies:
        household.door.post(body)
        household.settle()
    (before,) = rows(engine, PICTURE)
    age(engine, 91)
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert rows(engine, "SELECT id FROM entries") == []
    for body in (*reversed(bodies), *bodies):
        assert household.door.post(body).status_code == 202
        household.settle()
    assert rows(engine, PICTURE) == [before]
    assert {row["state"] for row in rows(engine, "SELECT state FROM entries")} == {"settled"}


def test_a_subset_that_comes_after_the_purge_does_not_take_the_place_of_the_whole(
    household: Household, engine: Engine
) -> None:
    whole, _ = write_kobo({**ANSWERS, **AGREED}, frozen=household.frozen)
    subset = {name: value for name, value in json.loads(whole).items() if "con_" not in name}
    household.door.post(whole)
    household.settle()
    (before,) = rows(engine, PICTURE)
    age(engine, 91)
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    household.door.post(json.dumps(subset).encode())
    household.settle()
    assert rows(engine, PICTURE) == [before]


def test_it_purges_in_small_batches_and_leaves_the_rest_for_the_next_minute(
    household: Household, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        household.post(ANSWERS)
    household.settle()
    age(engine, 91)
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "_PURGE_SECONDS", 0.0)
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert len(rows(engine, "SELECT id FROM entries")) == 7
    monkeypatch.setattr(retention, "_PURGE_SECONDS", 5.0)
    retain(household.hands.sessions, entry_days=90, quarantine_days=14)
    assert rows(engine, "SELECT id FROM entries") == []


def test_finding_what_is_due_reads_its_index_and_not_the_table(household: Household, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(
            text(
                "EXPLAIN SELECT id FROM entries WHERE state = 'settled' AND settled_at < now() - interval '9 days'"
                " ORDER BY settled_at LIMIT 500"
            )
        )
        assert "entries_settled" in str(plan.all())
