"""Settling: one transaction, the body shredded in it, and nothing that consent did not open."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.errors import PimError
from pimcollect.tables.entries import MOST_ATTEMPTS
from pimcollect.vault import HandsKeys, create_open_key, open_value
from tests.bench.grounds import environment
from tests.factories.households import SCENARIOS, Household, write_kobo
from workers import settle as settling
from workers.settle import settle_batch

BASE = SCENARIOS["base_answers"]
AGREED = {"ref_want": "yes", "ref_consent": "yes", "ref_whom": "self", "ref_scope": ["contact"]}
PLACE = {"clo_place_adm1": "XX01", "clo_place_adm2": "XX0101", "clo_place_adm3": "XX010101"}


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def one(engine: Engine, query: str) -> dict[str, Any]:
    (row,) = rows(engine, query)
    return row


def test_a_refusal_keeps_nothing_but_a_tally(household: Household, engine: Engine) -> None:
    household.post({**BASE, **PLACE, **AGREED, "con_interview": "no", "inc_urgent": "yes", "ref_name": "Canary"})
    assert household.settle() == 1
    submission = one(engine, "SELECT * FROM submissions")
    assert (submission["state"], submission["shared"], submission["restricted"]) == ("tombstone", None, None)
    assert submission["place"] == "XX01"
    assert one(engine, "SELECT kind, place, n FROM tallies") == {"kind": "refused", "place": "XX01", "n": 1}
    for table in ("cases", "referrals", "notices"):
        assert rows(engine, f"SELECT * FROM {table}") == []
    assert one(engine, "SELECT state, reason, body FROM entries") == {
        "state": "settled",
        "reason": "refused",
        "body": None,
    }


@pytest.mark.parametrize("answer", [None, "maybe", "YES", "yes yes", ["yes"], {"yes": "yes"}, 1])
def test_consent_that_is_not_one_plain_known_yes_is_no(household: Household, engine: Engine, answer: Any) -> None:
    body, _ = write_kobo(BASE, frozen=household.frozen)
    document = json.loads(body)
    (path,) = [key for key in document if key.endswith("con_interview")]
    document[path] = answer
    household.door.post(json.dumps(document).encode())
    household.settle()
    assert one(engine, "SELECT state FROM submissions") == {"state": "tombstone"}


@pytest.mark.parametrize("scenario", SCENARIOS["scenarios"], ids=lambda one: one["id"])
def test_every_scenario_gives_its_result_through_the_real_pipeline(
    household: Household, engine: Engine, scenario: dict[str, Any]
) -> None:
    answers = {key: value for key, value in {**BASE, **scenario["answers"]}.items() if value is not None}
    household.post(answers)
    household.settle()
    submission = one(engine, "SELECT state, may_share, shared FROM submissions")
    kept_as = (
        "tombstone" if submission["state"] == "tombstone" else "shareable" if submission["may_share"] else "internal"
    )
    assert kept_as == scenario["store"]
    followed = [[row["pathway"], row["urgency"], row["course"]] for row in rows(engine, "SELECT * FROM referrals")]
    counted = {row["detail"] for row in rows(engine, "SELECT detail FROM tallies WHERE kind = 'unreferred'")}
    assert sorted(followed) == sorted(row for row in scenario["result"] if row[2] != "count_only")
    assert counted == {row[0] for row in scenario["result"] if row[2] == "count_only"}
    if bands := scenario.get("also", {}).get("roster_bands"):
        assert [member["age"] for member in submission["shared"]["roster"]] == bands


def test_a_case_names_only_what_the_person_agreed_to_tell(
    household: Household, engine: Engine, hands_keys: HandsKeys
) -> None:
    household.post(
        {**BASE, **PLACE, **AGREED, "svc_ill": "yes", "ref_name": "Auntie Canary", "ref_contact": "market, noon"}
    )
    household.settle()
    case = one(engine, "SELECT * FROM cases")
    opened = json.loads(open_value(case["sealed"], ring=hands_keys.cases, context=f"case|{case['id']}"))
    assert "Auntie Canary" in json.dumps(opened)
    assert "XX0101" not in json.dumps(opened)
    household.post({**BASE, **PLACE, **AGREED, "svc_ill": "yes", "ref_name": "Canary", "ref_scope": ["need"]})
    household.settle()
    newest = rows(engine, "SELECT * FROM cases ORDER BY opened_at")[-1]
    assert b"Canary" not in open_value(newest["sealed"], ring=hands_keys.cases, context=f"case|{newest['id']}")


def test_without_consent_to_refer_an_urgent_need_alerts_without_identity(household: Household, engine: Engine) -> None:
    household.post({**BASE, **PLACE, "inc_urgent": "yes", "ref_name": "Canary"})
    household.settle()
    referral = one(engine, "SELECT * FROM referrals")
    assert (referral["course"], referral["case_id"]) == ("supervisor_alert_no_identity", None)
    assert rows(engine, "SELECT * FROM cases") == []


def test_a_lesser_need_without_consent_is_counted_and_linked_to_nothing(household: Household, engine: Engine) -> None:
    household.post({**BASE, **PLACE, "hlp_evict": "verbal"})
    household.settle()
    assert rows(engine, "SELECT * FROM referrals") == []
    tally = one(engine, "SELECT kind, detail, place, n FROM tallies")
    assert tally == {"kind": "unreferred", "detail": "RP-HLP", "place": "XX0101", "n": 1}


def test_nobody_to_serve_is_no_service_and_counted(household: Household, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE services SET is_suspended = true"))
    household.post({**BASE, **PLACE, **AGREED, "svc_ill": "yes"})
    household.settle()
    assert one(engine, "SELECT state, service FROM referrals") == {"state": "no_service", "service": None}
    assert one(engine, "SELECT kind, detail FROM tallies") == {"kind": "no_service", "detail": "RP-MED"}


def test_settling_twice_changes_nothing(household: Household, engine: Engine) -> None:
    household.post({**BASE, **AGREED, "svc_ill": "yes"})
    assert household.settle() == 1
    before = rows(engine, "SELECT * FROM submissions"), rows(engine, "SELECT * FROM referrals")
    assert household.settle() == 0
    assert (rows(engine, "SELECT * FROM submissions"), rows(engine, "SELECT * FROM referrals")) == before


def test_what_says_that_it_answers_another_form_of_ours_is_held_and_a_name_that_nobody_knows_says_nothing(
    household: Household, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO forms (id, title) VALUES ('pc_form', 'Another one')"))
    held = household.post(BASE, _xform_id_string="pc_form")
    kept = household.post(BASE, _xform_id_string="aUidOfAProjectThatNobodyConnected")
    household.settle()
    assert one(engine, "SELECT reason, body IS NOT NULL AS is_sealed FROM entries WHERE state = 'held'") == {
        "reason": "other_form",
        "is_sealed": True,
    }
    assert one(engine, "SELECT root_id FROM submissions") == {"root_id": kept} != {"root_id": held}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "unreadable"),
        (b'{"consent": "no", "consent": "yes"}', "unreadable"),
        (b"<!DOCTYPE a><a/>", "unreadable"),
        (b'{"base64EncryptedKey": "x", "encryptedXmlFile": "submission.xml.enc"}', "encrypted"),
        (b'<data id="f" encrypted="yes"><base64EncryptedKey>x</base64EncryptedKey></data>', "encrypted"),
        (b"{}", "unreadable"),
        (b'{"n": "plain", "_uuid": "1"}', "other_form"),
        (b'{"pim_form_id": "ki", "_uuid": "3"}', "other_form"),
        (b'{"pim_form_id": "ki", "pim_catalogue_version": "1999.1-00000000", "_uuid": "4"}', "other_form"),
        (b'{"pim_catalogue_version": "1999.1-00000000", "_uuid": "2"}', "unknown_version"),
    ],
)
def test_what_cannot_be_settled_is_held_sealed_with_its_reason(
    household: Household, engine: Engine, body: bytes, reason: str
) -> None:
    household.door.post(body)
    household.settle()
    entry = one(engine, "SELECT state, reason, body IS NOT NULL AS is_sealed FROM entries")
    assert entry == {"state": "held", "reason": reason, "is_sealed": True}
    assert rows(engine, "SELECT * FROM submissions") == []


def test_a_lost_key_holds_the_entry_and_a_key_that_comes_back_settles_it(household: Household, engine: Engine) -> None:
    household.post(BASE)
    kept = household.hands.read_keys
    others = replace(kept(), intake=(create_open_key(),))
    household.hands.read_keys = lambda: others
    try:
        household.settle()
        assert one(engine, "SELECT state, reason FROM entries") == {"state": "held", "reason": "key_missing"}
    finally:
        household.hands.read_keys = kept


def test_a_bad_entry_falls_out_of_its_batch_alone_and_is_held_after_several_tries(
    household: Household, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        household.post(BASE)
    bad = household.post({**BASE, "doc_birth": 3})
    real = settling.decide

    def fail_on_three(raw: Any, *rest: Any, **more: Any) -> Any:
        if any(key.endswith("doc_birth") and value == "3" for key, value in raw.items()):
            raise RuntimeError("a bug of ours")
        return real(raw, *rest, **more)

    monkeypatch.setattr(settling, "decide", fail_on_three)
    household.settle()
    assert len(rows(engine, "SELECT * FROM submissions")) == 3
    assert one(engine, "SELECT reason FROM entries WHERE state = 'held'") == {"reason": "failing"}
    assert not rows(engine, f"SELECT * FROM submissions WHERE root_id = '{bad}'")


def test_a_full_disk_is_no_fault_of_an_entry_however_often_it_is_tried(
    household: Household, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_PAUSE_SECONDS", 0.0)
    for _ in range(2):
        household.post(BASE)
    full = "BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ {full} $$"))
        connection.execute(
            text("CREATE TRIGGER full_disk BEFORE INSERT ON submissions FOR EACH ROW EXECUTE FUNCTION is_full()")
        )
    for _ in range(MOST_ATTEMPTS + 2):
        household.settle()
    assert rows(engine, "SELECT DISTINCT state, attempts FROM entries") == [{"state": "untouched", "attempts": 0}]
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER full_disk ON submissions"))
    household.settle()
    assert len(rows(engine, "SELECT * FROM submissions")) == 2


_HANGING = """
from workers import settle
real = settle.decide
def decide(raw, *rest, **named):
    hangs = any(key.endswith("doc_birth") and value == "3" for key, value in raw.items())
    while hangs:
        pass
    return real(raw, *rest, **named)
settle.decide, settle.DECIDE_SECONDS = decide, 2.0
settle.settle("rung")
"""


def test_a_decision_that_never_ends_takes_its_process_down_and_not_its_neighbours(
    household: Household, engine: Engine, settings: Settings
) -> None:
    household.post(BASE)
    hangs = household.post({**BASE, "doc_birth": 3, "ref_name": "Canary"})
    for attempt in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", _HANGING], env=environment(settings), capture_output=True, timeout=60, check=False
        )
        assert done.returncode != 0
        assert b"in decide" in done.stderr, "it says where"
        assert not any(word.encode() in done.stderr for word in ("Canary", hangs, "doc_birth")), "and no value"
        assert one(engine, "SELECT max(attempts) AS n FROM entries WHERE state = 'untouched'") == {"n": attempt}
    assert len(rows(engine, "SELECT * FROM submissions")) == 1, "the other one was settled by the second process"


def test_an_edit_takes_the_place_of_its_edition_and_a_late_original_does_not_come_back(
    household: Household, engine: Engine
) -> None:
    root, second = str(uuid4()), str(uuid4())
    household.post({**BASE, "doc_birth": 2}, root=root, edition=second, **{"meta/deprecatedID": f"uuid:{root}"})
    household.settle()
    household.post({**BASE, "doc_birth": 1}, root=root)
    household.settle()
    submission = one(engine, "SELECT edition_id, shared FROM submissions")
    assert submission["edition_id"] == second
    assert [row["reason"] for row in rows(engine, "SELECT reason FROM entries ORDER BY received_at")] == [
        "kept",
        "superseded",
    ]


def test_withdrawn_consent_erases_answers_recalls_referrals_and_shreds_cases(
    household: Household, engine: Engine
) -> None:
    root, second = str(uuid4()), str(uuid4())
    household.post({**BASE, **PLACE, **AGREED, "svc_ill": "yes", "ref_name": "Canary"}, root=root)
    household.settle()
    assert one(engine, "SELECT sealed IS NOT NULL AS is_there FROM cases") == {"is_there": True}
    household.post({**BASE, "con_interview": "no"}, root=root, edition=second, **{"meta/deprecatedID": f"uuid:{root}"})
    household.settle()
    assert one(engine, "SELECT state, shared FROM submissions") == {"state": "tombstone", "shared": None}
    assert one(engine, "SELECT state FROM referrals") == {"state": "recalled"}
    assert one(engine, "SELECT sealed FROM cases") == {"sealed": None}
    assert {row["kind"] for row in rows(engine, "SELECT kind FROM notices")} == {"new", "recalled"}


def test_an_edition_that_changes_nothing_notifies_nobody_again(household: Household, engine: Engine) -> None:
    root, second = str(uuid4()), str(uuid4())
    answers = {**BASE, **PLACE, **AGREED, "svc_ill": "yes", "ref_name": "Canary"}
    household.post(answers, root=root)
    household.settle()
    household.post(answers, root=root, edition=second, **{"meta/deprecatedID": f"uuid:{root}"})
    household.settle()
    assert len(rows(engine, "SELECT * FROM notices")) == 1
    assert rows(engine, "SELECT reason FROM entries ORDER BY received_at")[-1] == {"reason": "unchanged"}


def test_a_subset_that_came_first_is_decided_anew_by_the_whole(household: Household, engine: Engine) -> None:
    body, root = write_kobo(BASE, frozen=household.frozen)
    document = json.loads(body)
    subset = {key: value for key, value in document.items() if key.startswith(("meta/", "_uuid")) or "con_" in key}
    household.door.post(json.dumps(subset).encode())
    household.settle()
    household.door.post(body)
    household.settle()
    assert "dem_group" in one(engine, "SELECT shared FROM submissions")["shared"]
    assert one(engine, "SELECT root_id FROM submissions") == {"root_id": root}


def test_a_batch_asks_the_same_number_of_questions_however_large_it_is(household: Household, engine: Engine) -> None:
    from sqlalchemy import event

    def settle(count: int) -> int:
        for _ in range(count):
            household.post({**BASE, **AGREED, "svc_ill": "yes"})
        asked: list[str] = []

        def note(_: Any, __: Any, statement: str, *___: Any) -> None:
            asked.append(statement)

        event.listen(household.hands.engine, "before_cursor_execute", note)
        settle_batch(household.hands)
        event.remove(household.hands.engine, "before_cursor_execute", note)
        return len(asked)

    settle(1)
    assert settle(40) <= settle(2) + 2


def test_an_error_while_settling_tells_no_value(household: Household, engine: Engine) -> None:
    with pytest.raises(PimError) as caught:
        open_value(b"0123456789", ring=household.hands.keys.intake, context="entry")
    assert "0123456789" not in str(caught.value)


def test_consent_given_again_brings_the_referral_back_with_a_case_of_its_own(
    household: Household, engine: Engine
) -> None:
    first, second, third = (str(uuid4()) for _ in range(3))
    answers = {**BASE, **PLACE, **AGREED, "svc_ill": "yes", "ref_name": "Canary"}
    household.post(answers, root=first)
    household.settle()
    household.post(
        {**BASE, **PLACE, "svc_ill": "no"}, root=first, edition=second, **{"meta/deprecatedID": f"uuid:{first}"}
    )
    household.settle()
    assert one(engine, "SELECT state FROM referrals") == {"state": "recalled"}
    household.post(answers, root=first, edition=third, **{"meta/deprecatedID": f"uuid:{second}"})
    household.settle()
    assert one(engine, "SELECT state FROM referrals") == {"state": "waiting"}
    assert one(engine, "SELECT sealed IS NOT NULL AS is_there, shredded_at FROM cases") == {
        "is_there": True,
        "shredded_at": None,
    }
    assert [row["kind"] for row in rows(engine, "SELECT kind FROM notices ORDER BY kind, edition")] == [
        "new",
        "new",
        "recalled",
    ]


def test_an_edition_that_changes_nothing_leaves_a_service_chosen_by_hand(household: Household, engine: Engine) -> None:
    root, second = str(uuid4()), str(uuid4())
    answers = {**BASE, **PLACE, **AGREED, "svc_ill": "yes"}
    household.post(answers, root=root)
    household.settle()
    with engine.begin() as connection:
        connection.execute(text("UPDATE referrals SET service = 'supervisor', state = 'accepted'"))
    household.post(
        {**answers, "doc_birth": 1, "mov_intent": "stay"},
        root=root,
        edition=second,
        **{"meta/deprecatedID": f"uuid:{root}"},
    )
    household.settle()
    assert {"service": "supervisor", "state": "accepted"} in rows(
        engine, "SELECT service, state FROM referrals WHERE pathway = 'RP-MED'"
    )
