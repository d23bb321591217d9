"""From what a phone sent to the monitor's page: what the person agreed to tell, in words, and nothing else anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from pimcollect.config import Settings
from pimcollect.domain.roles import Role
from pimcollect.tables.referrals import ReferralRow
from tests.factories.families import CANARY_CONTACT, CANARY_NAME, EVICTED
from tests.factories.households import Household, open_household
from tests.web.site import Site

TOLD = {
    **EVICTED,
    "roster": [
        {"sex": "female", "age": 41, "rel": "head"},
        {"sex": "male", "age": 3, "rel": "child", "caregiver": "yes"},
    ],
    "ref_scope": ["contact", "place", "need", "family"],
}


@pytest.fixture
def household(settings: Settings, engine: Engine) -> Iterator[Household]:
    made = open_household(settings, engine)
    yield made
    made.hands.engine.dispose()


def test_a_monitor_reads_what_the_person_agreed_to_tell_and_in_which_words(site: Site, household: Household) -> None:
    household.post(TOLD)
    household.settle()
    row = site.desk.read(ReferralRow, pathway="RP-HLP")
    visitor = site.logged_in(Role.MONITOR, service=row.service)
    path = f"/referrals/{row.reference}"
    page = visitor.read(path).text
    assert "Housing, land and property counselling" in page
    assert CANARY_NAME not in page
    visitor.send(f"{path}/accept")
    with site.hands_at_work():
        shown = visitor.send(f"{path}/reveal", reason="contact").text
    for said in (
        "<dt>Name to use</dt>",
        CANARY_NAME,
        "<dt>Safe way and time to reach</dt>",
        CANARY_CONTACT,
        "<dt>Help asked for</dt>",
        "House, land or eviction problem",
        "<dt>District</dt>",
        "<dt>Family member 1</dt>",
        "<dt>Family member 2</dt>",
        "Age: 0-4 · Sex: Male · Relation: Daughter or son · Caregiver lives here: Yes",
    ):
        assert said in shown, said
    for raw in ("ref_name", "XX0101", "housing", "mem_sex", "{", "&#39;"):
        assert raw not in shown.partition("</section>")[0].partition('class="person"')[2], raw
    for other in ("/referrals", path, "/"):
        assert CANARY_NAME not in visitor.read(other).text


def test_an_overseer_meets_the_reference_and_never_the_person(site: Site, household: Household) -> None:
    household.post(TOLD)
    household.settle()
    row = site.desk.read(ReferralRow, pathway="RP-HLP")
    visitor = site.logged_in(Role.IMO, Role.DPO, Role.ADMIN)
    for path in ("/", "/referrals", f"/referrals/{row.reference}", "/submissions", "/inbox", "/metrics"):
        page = visitor.read(path).text
        for secret in (CANARY_NAME, CANARY_CONTACT, "RP-HLP", "Housing, land and property counselling"):
            assert secret not in page, path
    assert visitor.send(f"/referrals/{row.reference}/reveal", reason="contact").status_code == 403
