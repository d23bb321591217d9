"""The golden scenarios of the bank, and some more of the same kind, decided as they must be."""

from __future__ import annotations

from typing import Any

import pytest

from pimcollect.domain.answers import flatten
from pimcollect.domain.decide import decide
from pimcollect.domain.outcomes import Kept, Refused
from pimcollect.domain.rehearsal import rehearse
from tests.factories.versions import BASE, DOCUMENT, RECEIVED, directory, household

AGREED = {"ref_want": "yes", "ref_consent": "yes"}
OUR_OWN: list[dict[str, Any]] = [
    {"id": "consent absent", "answers": {"con_interview": None}, "store": "tombstone", "result": []},
    {"id": "never understood", "answers": {"con_understood": "could_not"}, "store": "tombstone", "result": []},
    {"id": "understanding unknown", "answers": {"con_understood": None}, "store": "tombstone", "result": []},
    {"id": "age unknown", "answers": {"con_adult": None}, "store": "tombstone", "result": []},
    {
        "id": "refused, yet everything answered",
        "answers": {"con_interview": "no", "inc_urgent": "yes", **AGREED},
        "store": "tombstone",
        "result": [],
    },
    {"id": "not shared", "answers": {"con_share": "no"}, "store": "internal", "result": []},
    {"id": "sharing not asked", "answers": {"con_share": None}, "store": "internal", "result": []},
    {
        "id": "a forged screening result",
        "answers": {
            "ers_setting": "officials",
            "ers_decision": "all",
            "inc_missing": "child",
            "doc_nat": "yes",
            **AGREED,
        },
        "store": "shareable",
        "result": [],
        "also": {"ers_decision": "general", "dropped": ["inc_missing", "doc_nat"]},
    },
    {
        "id": "distress, help wanted",
        "answers": {"ers_danger": "strong", "inc_urgent": "yes", "ref_service": ["mhpss"], **AGREED},
        "store": "shareable",
        "result": [["RP-PSS", "R", "referral"]],
        "also": {"ers_decision": "stop", "dropped": ["inc_urgent", "svc_ill"]},
    },
    {
        "id": "a threat closes the offer too",
        "answers": {"ers_danger": "threat", "clo_harm": "afraid", "ref_service": ["mhpss"], **AGREED},
        "store": "shareable",
        "result": [["SUP", "U", "ticket_no_identity"]],
        "also": {"ers_decision": "stop", "dropped": ["ref_want", "ref_service"]},
    },
    {
        "id": "apart",
        "answers": {"ers_setting": "children", "ers_aside": "yes", "tip_held": ["wages"]},
        "store": "shareable",
        "result": [["RP-TIP", "H", "count_only"]],
        "also": {"ers_decision": "apart"},
    },
    {
        "id": "services for women without consent are never an alert",
        "answers": {"ref_want": "yes", "ref_service": ["women"]},
        "store": "shareable",
        "result": [["RP-GBV", "U", "count_only"]],
    },
    {
        "id": "what was asked for counts only when help is wanted",
        "answers": {"ref_want": "no", "ref_service": ["medical", "legal"]},
        "store": "shareable",
        "result": [],
    },
    {
        "id": "another need leads nowhere by itself",
        "answers": {"ref_service": ["other", "legal"], **AGREED},
        "store": "shareable",
        "result": [["RP-LEGAL", "R", "referral"]],
    },
    {
        "id": "for whom is not told",
        "answers": {"svc_ill": "yes", "ref_whom": None, **AGREED},
        "store": "shareable",
        "result": [["RP-MED", "U", "supervisor_alert_no_identity"]],
    },
    {
        "id": "a member without an age may be an adult",
        "answers": {"roster": [{"age": 12}, {"sex": "female"}]},
        "store": "shareable",
        "result": [],
    },
    {
        "id": "an adult in the house",
        "answers": {"roster": [{"age": 18}, {"age": 4, "caregiver": "yes"}]},
        "store": "shareable",
        "result": [],
        "also": {"roster_bands": ["18-59", "0-4"]},
    },
    {
        "id": "hazards are a ticket, also with consent",
        "answers": {"exo_seen": "heard", **AGREED},
        "store": "shareable",
        "result": [["RP-EOR", "H", "ticket_no_identity"]],
    },
    {
        "id": "unknown raises nothing",
        "answers": {"doc_nat": "pns", "svc_ill": "dk", "cpr_distress": ["dk"], "tip_held": ["pns"], "hlp_proof": "dk"},
        "store": "shareable",
        "result": [],
    },
    {
        "id": "stateless is not displaced, and an untold group neither",
        "answers": {"hlp_proof": "no", "dem_group": None},
        "store": "shareable",
        "result": [],
    },
]


@pytest.mark.parametrize("scenario", [*DOCUMENT["scenarios"], *OUR_OWN], ids=lambda one: str(one["id"]))
def test_each_scenario_is_decided_as_expected(scenario: dict[str, Any]) -> None:
    rehearsed = rehearse(scenario, BASE, household(), directory(), received_at=RECEIVED)
    assert rehearsed.differences == ()


@pytest.mark.parametrize("scenario", [*DOCUMENT["scenarios"], *OUR_OWN], ids=lambda one: str(one["id"]))
def test_the_flat_shape_of_a_server_leads_to_the_same_decision(scenario: dict[str, Any]) -> None:
    raw = flatten({**BASE, **scenario["answers"]}, household().version)
    assert all(isinstance(value, (str, list)) for value in raw.values())
    decision = decide(raw, household(), directory(), received_at=RECEIVED)
    if scenario["store"] == "tombstone":
        assert isinstance(decision, Refused)
        return
    assert isinstance(decision, Kept)
    assert decision.may_share == (scenario["store"] == "shareable")
    assert [[item.pathway, item.urgency, item.course] for item in decision.items] == scenario["result"]


def test_a_wrong_expectation_is_told() -> None:
    wrong = {"id": "x", "answers": {"svc_ill": "yes"}, "store": "internal", "result": [["RP-CP", "U", "referral"]]}
    assert len(rehearse(wrong, BASE, household(), directory(), received_at=RECEIVED).differences) == 3
