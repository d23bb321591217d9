"""Bad bodies at the hooks: always 202 to a trusted sender, then held or settled as said, never a yes, never told."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pimcollect.log import configure_logging
from pimcollect.tables.replays import release_entry, shred_entry
from tests.badinput.bodies import CANARY, EITHER, HELD, SETTLED, Case, list_json, list_mutations, list_xml
from tests.factories.households import SCENARIOS, Household, freeze, write_kobo
from tests.factories.kobo import read_asset

ANSWERS = {**SCENARIOS["base_answers"], "con_interview": "no"}
_MOST_MEMORY = 400 * 1024 * 1024
_FROZEN = freeze()
CONSENT = next(question.path for question in _FROZEN.version.questions if question.key == "con_interview")


def good_json() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write_kobo(ANSWERS, frozen=_FROZEN, root="good")[0])
    return found


def good_xml() -> bytes:
    """The same answers as XML, whose consent is a no too."""
    asset = read_asset(_FROZEN.xform)
    nodes: dict[str, str] = {}
    flat = {path: value for path, value in good_json().items() if isinstance(value, str) and path[0] != "_"}
    lines = [f'<{asset.uid} id="{asset.uid}">']
    for path, value in sorted(flat.items()):
        parts = path.split("/")
        nodes[path] = value
        lines.append("".join(f"<{part}>" for part in parts) + value + "".join(f"</{part}>" for part in reversed(parts)))
    return "".join([*lines, f"</{asset.uid}>"]).encode()


def list_cases() -> list[Case]:
    body = json.dumps(good_json()).encode()
    return [
        *list_json(good_json(), consent=CONSENT),
        *list_mutations(body, kind="J"),
        *list_xml(good_xml(), consent=CONSENT),
        *list_mutations(good_xml(), kind="X"),
    ]


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def test_there_are_at_least_seventy_five_and_each_has_its_own_name() -> None:
    names = [case.id for case in list_cases()]
    assert len(names) >= 75
    assert len(set(names)) == len(names)


def test_every_bad_body_is_kept_judged_and_told_to_nobody(
    household: Household, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    capfd.readouterr()
    wrong = []
    for case in list_cases():
        came = judge(household, engine, case)
        lines = capfd.readouterr().err
        said = [line for line in lines.splitlines() if line]
        if came is not None or CANARY in lines or "Traceback" in lines or len(said) > 1:
            wrong.append((case.id, came, said[:2]))
    assert wrong == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < _MOST_MEMORY
    assert rows(engine, "SELECT id FROM submissions WHERE state = 'kept'") == [], "nobody here agreed"
    for table in ("cases", "referrals", "notices"):
        assert rows(engine, f"SELECT id FROM {table}") == []
    with engine.connect() as connection:
        for table in ("submissions", "journal", "tallies"):
            kept = connection.execute(text(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t"))
            assert CANARY not in kept.scalar_one()


def judge(household: Household, engine: Engine, case: Case) -> str | None:
    """What is wrong with how a case went; None when nothing is."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM entries"))
        connection.execute(text("DELETE FROM submissions"))
    began = time.monotonic()
    answer = household.door.post(case.body)
    if answer.status_code != 202 or set(answer.json) != {"receipt"} or CANARY in answer.text + str(answer.headers):
        return f"answered {answer.status_code}"
    household.settle()
    if time.monotonic() - began > 5:
        return "took too long"
    (entry,) = rows(engine, "SELECT state, reason, fault FROM entries")
    if entry["state"] not in (HELD, SETTLED) or case.comes not in (EITHER, entry["state"]):
        return f"{entry['state']} {entry['reason']}"
    if entry["state"] == HELD and case.reason not in (None, entry["reason"]):
        return f"held for {entry['reason']}"
    if case.fault is not None and case.fault != entry["fault"]:
        return f"unreadable because of {entry['fault']}"
    if entry["reason"] == "failing":
        return "it failed"
    good = household.door.post(b'{"_uuid": "next", "a": "b"}')
    return None if good.status_code == 202 else f"the next one: {good.status_code}"


def test_an_entry_says_in_which_way_it_is_unreadable_until_it_is_tried_again_or_shredded(
    household: Household, engine: Engine
) -> None:
    household.door.post(f'{{"_uuid": "1", "a": "{CANARY}", "a": "y"}}'.encode())
    household.settle()
    (entry,) = rows(engine, "SELECT id, fault, entries::text AS everything FROM entries")
    assert entry["fault"] == "twice"
    assert CANARY not in entry["everything"]
    with household.hands.sessions.begin() as session:
        release_entry(session, entry["id"])
    assert rows(engine, "SELECT state, fault FROM entries") == [{"state": "untouched", "fault": None}]
    household.settle()
    with household.hands.sessions.begin() as session:
        shred_entry(session, entry["id"], reason="discarded")
    assert rows(engine, "SELECT reason, fault FROM entries") == [{"reason": "discarded", "fault": None}]
