"""One decision for everybody: without consent nothing stays, and no untreated value comes out but in a package."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimcollect.domain.answers import flatten
from pimcollect.domain.decide import decide, prepare
from pimcollect.domain.outcomes import Course, Decision, Held, HeldReason, Item, Kept, PathwayRule, Refused, Service
from pimcollect.domain.version import ConsentMap, Pathway, RequestMap
from pimcollect.errors import PimError
from tests.factories.versions import BASE, RECEIVED, bank_version, directory, household, question, small_version

NAME, PHONE = "Auntie Silverleaf", "0999 4417 820"
PLACE = {"clo_place_adm1": "XX01", "clo_place_adm2": "XX0101", "clo_place_adm3": "XX010101"}
AGREED = {"ref_want": "yes", "ref_consent": "yes", "ref_scope": ["contact"], "ref_name": NAME, "ref_contact": PHONE}
ALL = tuple(PathwayRule(code, f"service-{code}") for code in bank_version().pathways)


def send(*, more: dict[str, Any] | None = None, rules: tuple[PathwayRule, ...] = ALL, **answers: Any) -> Decision:
    raw = flatten({**BASE, **PLACE, **answers}, bank_version())
    return decide({**raw, **(more or {})}, household(), directory(*rules), received_at=RECEIVED)


def kept(**answers: Any) -> Kept:
    decision = send(**answers)
    assert isinstance(decision, Kept)
    return decision


def only(decision: Kept) -> Item:
    assert len(decision.items) == 1
    return decision.items[0]


def test_a_body_of_another_form_is_held() -> None:
    other = decide({"q1": "yes", "_id": 3}, household(), directory(), received_at=RECEIVED)
    assert other == Held(HeldReason.OTHER_FORM)


@pytest.mark.parametrize("consent", ["no", None, "", "unheard_of", "yes yes", "YES", 1, True, ["yes"], {"x": "yes"}])
def test_a_refusal_keeps_nothing_but_month_and_first_level_area(consent: Any) -> None:
    raw = flatten({**BASE, **PLACE, **AGREED, "inc_urgent": "yes"}, bank_version())
    path = next(path for path in raw if path.endswith("con_interview"))
    refused = decide({**raw, path: consent}, household(), directory(*ALL), received_at=RECEIVED)
    assert refused == Refused(month=date(2026, 11, 1), place="XX01", said_no=consent not in (None, ""))


def test_a_no_beside_a_question_that_is_left_out_is_said_and_a_yes_beside_one_is_none() -> None:
    raw = flatten({**BASE, **PLACE, **AGREED}, bank_version())
    adult, asked = (next(path for path in raw if path.endswith(name)) for name in ("con_adult", "con_interview"))
    for answer, is_said in (("no", True), ("yes", False)):
        some = {path: value for path, value in raw.items() if path != adult} | {asked: answer}
        refused = decide(some, household(), directory(*ALL), received_at=RECEIVED)
        assert isinstance(refused, Refused)
        assert (refused.said_no, refused.was_asked) == (is_said, True)


def test_a_refusal_without_a_known_place_has_none() -> None:
    assert send(con_adult="no", clo_place_adm1="nowhere", clo_place_adm2=None, clo_place_adm3=None) == Refused(
        date(2026, 11, 1), None
    )


def test_a_form_that_names_no_consent_keeps_nothing() -> None:
    silent = prepare(small_version(question("n", "integer"), consent=ConsentMap(keep=())))
    assert isinstance(decide({"agree": "yes", "n": "1"}, silent, directory(), received_at=RECEIVED), Refused)


def test_a_kept_submission_is_counted_at_the_second_level() -> None:
    decision = kept()
    assert (decision.month, decision.place, decision.may_share) == (date(2026, 11, 1), "XX0101", True)
    assert kept(clo_place_adm3=None, clo_place_adm2=None).place == "XX01"


def test_name_and_contact_come_out_only_in_the_package_of_a_person_who_agreed() -> None:
    decision = kept(hlp_evict="written", **AGREED)
    item = only(decision)
    assert item.course is Course.REFERRAL
    assert item.package == {"ref_name": NAME, "ref_contact": PHONE}
    assert item.service == "service-RP-HLP"
    assert (item.urgency, item.due_at) == ("H", RECEIVED + timedelta(hours=72))
    stored = repr((decision.treated, decision.place, decision.closed))
    assert NAME not in stored
    assert PHONE not in stored


@pytest.mark.parametrize(
    "said",
    [
        {"ref_consent": "no"},
        {"ref_consent": None},
        {"ref_want": "no"},
        {"ref_whom": "adult_absent"},
        {"ref_whom": None},
    ],
)
def test_without_consent_to_refer_there_is_no_package_at_all(said: dict[str, Any]) -> None:
    decision = kept(hlp_evict="written", inc_urgent="yes", **{**AGREED, **said})
    assert [item.course for item in decision.items] == [Course.COUNT, Course.ALERT]
    assert NAME not in repr(decision)
    assert PHONE not in repr(decision)
    assert [item.service for item in decision.items] == [None, "service-SUP"]
    assert decision.items[0].due_at is None


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ([], {}),
        (["need"], {"ref_service": ("legal",)}),
        (["place"], {"clo_place_adm2": "XX0101"}),
        (["family"], {"roster": [{"age": "18-59"}, {"age": "5-11", "caregiver": "yes"}]}),
        (["contact"], {"ref_name": NAME, "ref_contact": PHONE}),
    ],
)
def test_a_package_holds_only_what_may_be_told(scope: list[str], told: dict[str, Any]) -> None:
    decision = kept(
        **{**AGREED, "ref_scope": scope},
        ref_service=["legal"],
        roster=[{"age": 41}, {"age": 9, "caregiver": "yes"}],
    )
    package = only(decision).package
    assert package == told


def test_a_receiver_is_not_told_of_the_other_needs() -> None:
    decision = kept(**{**AGREED, "ref_scope": ["need"]}, ref_service=["legal", "medical", "other"], svc_ill="yes")
    assert [(item.pathway, item.package) for item in decision.items] == [
        ("RP-LEGAL", {"ref_service": ("legal",)}),
        ("RP-MED", {"ref_service": ("medical",)}),
    ]
    assert decision.items[1].flags == ("FR17", "request:medical")
    assert decision.treated.findings["ref_service request_other"] == 1


def test_one_item_for_one_pathway_with_the_highest_urgency_and_all_reasons() -> None:
    item = only(kept(inc_missing="adult", mov_separated="child"))
    assert (item.pathway, item.urgency, item.flags) == ("RP-FTR", "H", ("FR03a", "FR08b"))


def test_a_person_whom_nobody_serves_is_still_an_item() -> None:
    decision = send(hlp_evict="written", rules=(), **AGREED)
    assert isinstance(decision, Kept)
    assert (only(decision).course, only(decision).service) == (Course.REFERRAL, None)


def test_a_service_is_over_on_the_day_after_its_last() -> None:
    rule = PathwayRule("RP-HLP", "S")
    raw = flatten({**BASE, **PLACE, **AGREED, "hlp_evict": "written"}, bank_version())
    for last, service in ((date(2026, 11, 20), "S"), (date(2026, 11, 19), None)):
        places = directory(rule, services=[Service("S", valid_until=last)])
        decision = decide(raw, household(), places, received_at=datetime(2026, 11, 20, 23, 59, tzinfo=UTC))
        assert isinstance(decision, Kept)
        assert decision.items[0].service == service


def test_what_the_server_works_out_itself_replaces_what_was_sent() -> None:
    roster = [{"age": 70, "rel": "head"}, {"age": 9}]
    decision = send(roster=roster, more={"dem/dem_hhtype": "other"})
    assert isinstance(decision, Kept)
    assert decision.treated.shared["dem_hhtype"] == "older_headed"
    unknown = send(more={"dem/dem_hhtype": "child_headed"})
    assert isinstance(unknown, Kept)
    assert "dem_hhtype" not in unknown.treated.shared


@pytest.mark.parametrize("form", ["hh", "hh_core", "ki", "fgd", "obs"])
def test_a_canary_in_every_field_and_beside_them_is_found_nowhere(form: str) -> None:
    prepared = prepare(bank_version(form))
    canary = "Zanzibar Quux"
    raw: dict[str, Any] = {}
    for asked in prepared.version.questions:
        if asked.type in ("text", "calculate", "hidden", "date", "integer") and not asked.repeat:
            raw[asked.path] = canary
    yes = {item.question: item.accepted[0] for item in prepared.version.consent.keep}
    beside = {
        "_geolocation": [16.8, 96.1],
        "_submitted_by": canary,
        "_attachments": [{"filename": canary, "download_url": canary}],
        "_notes": [canary],
        "_validation_status": {"by_whom": canary},
        "meta/instanceName": canary,
        "meta/audit": canary,
        "deviceid": canary,
        "phonenumber": canary,
        "email": canary,
        "unknown/field": canary,
        canary: "x",
    }
    decision = decide({**raw, **flatten(yes, prepared.version), **beside}, prepared, directory(), received_at=RECEIVED)
    assert isinstance(decision, Kept)
    kept_as_told = {"pim_form_id", "pim_catalogue_version"} & decision.treated.shared.keys()
    shared = {key: value for key, value in decision.treated.shared.items() if key not in kept_as_told}
    everything = repr((shared, decision.treated.restricted, decision.treated.findings, decision.items, decision.closed))
    assert canary not in everything
    assert "16.8" not in everything
    assert decision.treated.findings["unknown_fields"] == 2


def test_deciding_changes_nothing_that_it_was_given_and_is_the_same_twice() -> None:
    raw = flatten({**BASE, **PLACE, **AGREED, "hlp_evict": "written", "roster": [{"age": 40}]}, bank_version())
    before = copy.deepcopy(raw)
    first = decide(raw, household(), directory(*ALL), received_at=RECEIVED)
    second = decide(dict(reversed(raw.items())), household(), directory(*reversed(ALL)), received_at=RECEIVED)
    assert raw == before
    assert first == second


@pytest.mark.parametrize(
    "broken",
    [
        {"requests": RequestMap("ref_want", "ref_service", {"legal": "NOWHERE"})},
        {"pathways": {}},
        {"pathways": {code: Pathway(code, "", "SOON", True) for code in bank_version().pathways}},
    ],
)
def test_a_version_whose_rules_lead_nowhere_cannot_be_prepared(broken: dict[str, Any]) -> None:
    with pytest.raises(PimError) as refused:
        prepare(type(bank_version())(**{**bank_version().__dict__, **broken}))
    assert refused.value.remedy


_PATHS = [asked.path for asked in bank_version().questions] + ["dem/roster", "_id", "x", "meta/instanceID"]
_CODES = sorted({choice.code for listed in bank_version().choices.values() for choice in listed})
_MEMBER_PATHS = [asked.path for asked in bank_version().questions if asked.repeat]
_SCALARS = st.one_of(
    st.sampled_from(_CODES), st.text(max_size=12), st.none(), st.integers(), st.floats(), st.booleans()
)
_VALUES = st.one_of(
    _SCALARS,
    st.lists(st.sampled_from(_CODES), max_size=3).map(" ".join),
    st.lists(st.dictionaries(st.sampled_from(_MEMBER_PATHS), _SCALARS, max_size=4), max_size=3),
)
_AGREE = flatten({"con_adult": "yes", "con_understood": "correct", "con_interview": "yes"}, bank_version())


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(_PATHS), _VALUES, max_size=25))
def test_no_body_makes_it_fail_or_brings_a_package_without_consent(raw: dict[str, Any]) -> None:
    for body in (raw, {**raw, **_AGREE}):
        decision = decide(body, household(), directory(*ALL), received_at=RECEIVED)
        if isinstance(decision, Kept):
            for item in decision.items:
                assert (item.package is not None) == (item.course is Course.REFERRAL)
            if not any(value == "yes" for path, value in body.items() if path.endswith("ref_consent")):
                assert all(item.course is not Course.REFERRAL for item in decision.items)
