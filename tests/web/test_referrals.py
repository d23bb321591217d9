"""Referrals in pages: only those addressed to the own service, only possible moves, a name shown once."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, select

from pimcollect.domain.roles import Role
from pimcollect.tables.catalogue import PathwayRuleRow, PlaceRow
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.referrals import CaseRow, ReferralRow, RevealRow
from pimcollect.vault import seal_value
from tests.factories.referrals import CANARY
from tests.web.site import Site, read_text

_PLACES = (("XX", 0, None), ("XX01", 1, "XX"), ("XX0101", 2, "XX01"), ("XX02", 1, "XX"))


def read_row(site: Site, row: ReferralRow) -> ReferralRow:
    found: ReferralRow = site.desk.read(ReferralRow, id=row.id)
    return found


def count(site: Site, kind: type[Any]) -> int:
    with site.desk.hands.sessions() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_a_monitor_sees_only_what_is_addressed_to_the_own_service(site: Site) -> None:
    visitor = site.monitor("SAFE-NORTH")
    site.service("SAFE-SOUTH")
    mine, foreign = site.desk.referral("SAFE-NORTH"), site.desk.referral("SAFE-SOUTH")
    listed = visitor.read("/referrals").text
    assert mine.reference in listed
    assert foreign.reference not in listed
    assert visitor.read(f"/referrals/{mine.reference}").status_code == 200
    for act in ("", "/accept", "/decline", "/reveal", "/close"):
        path = f"/referrals/{foreign.reference}{act}"
        answer = visitor.send(path, reason="contact") if act else visitor.read(path)
        nobodys = visitor.send(f"/referrals/R-NOBODY{act}") if act else visitor.read("/referrals/R-NOBODY")
        assert (answer.status_code, answer.text) == (404, nobodys.text), act
    assert read_row(site, foreign).state == "waiting"


def test_the_pathway_is_shown_to_the_addressed_service_and_not_to_overseers(site: Site) -> None:
    monitor = site.monitor("SAFE-NORTH")
    overseer = site.logged_in(Role.DPO, mail="dpo@example.org")
    row = site.desk.referral("SAFE-NORTH", pathway="RP-CP")
    path = f"/referrals/{row.reference}"
    assert "Child protection case management" in monitor.read(path).text
    told = overseer.read(path).text
    assert row.reference in told
    assert "Child protection" not in told
    assert "RP-CP" not in told


def test_the_most_urgent_stands_first_and_the_overdue_are_marked(site: Site) -> None:
    visitor = site.monitor()
    routine, urgent = site.desk.referral(urgency="R"), site.desk.referral(urgency="U")
    with site.desk.hands.sessions.begin() as session:
        session.get_one(ReferralRow, routine.id).due_at = func.now() - func.make_interval(0, 0, 0, 1)
    listed = visitor.read("/referrals").text
    assert listed.index(urgent.reference) < listed.index(routine.reference)
    assert listed.count("Overdue") == 1


def test_what_nobody_serves_stands_first_for_the_information_officer(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    site.service("SAFE-NORTH")
    served, unserved = site.desk.referral(urgency="U"), site.desk.referral(None, urgency="R")
    listed = visitor.read("/referrals").text
    assert listed.index(unserved.reference) < listed.index(served.reference)
    answer = visitor.send(f"/referrals/{unserved.reference}/reroute", service="SAFE-NORTH")
    assert answer.status_code == 303
    assert (read_row(site, unserved).state, read_row(site, unserved).service) == ("waiting", "SAFE-NORTH")


def test_services_that_serve_it_there_stand_first_and_the_one_that_declined_is_marked(site: Site) -> None:
    imo = site.logged_in(Role.IMO)
    for code in ("AAA", "HERE", "WOMEN", "SAFE-NORTH"):
        site.service(code, title=f"Desk {code}")
    with site.desk.hands.sessions.begin() as session:
        session.add_all(PlaceRow(code=code, level=level, parent=up, names={}) for code, level, up in _PLACES)
        session.flush()
        rules = [
            ("HERE", "XX01", None),
            ("WOMEN", "XX0101", "female"),
            ("SAFE-NORTH", None, None),
            ("AAA", "XX02", None),
        ]
        session.add_all(PathwayRuleRow(pathway="RP-SAFE", service=s, place=p, sex=x) for s, p, x in rules)
    page = imo.read(f"/referrals/{site.desk.referral(state='declined').reference}").text
    assert re.findall(r'name="service" value="([^"]+)"', page) == ["WOMEN", "HERE", "SAFE-NORTH", "AAA"]
    told = read_text(page)
    assert told.index("the most specific first") < told.index("Only for: Female") < told.index("Desk HERE")
    assert told.index("Desk SAFE-NORTH") < told.index("It has declined this one.") < told.index("The others:")


def test_what_a_member_accepted_who_is_away_goes_to_a_colleague_through_the_information_officer(site: Site) -> None:
    away = site.monitor()
    imo = site.logged_in(Role.IMO, mail="imo@example.org")
    row = site.desk.referral()
    path = f"/referrals/{row.reference}"
    away.send(f"{path}/accept")
    colleague = site.logged_in(Role.MONITOR, mail="colleague@example.org", service="SAFE-NORTH")
    assert "tell the information officer" in colleague.read(path).text
    assert colleague.send(f"{path}/reopen").status_code == 403
    assert "Ask the service again" in imo.read(path).text
    assert imo.send(f"{path}/reopen").status_code == 303
    assert away.send(f"{path}/reveal", reason="contact").status_code == 409
    assert colleague.send(f"{path}/accept").status_code == 303
    assert read_row(site, row).accepted_by == UUID(site.actor("colleague@example.org").id)


def test_a_referral_walks_from_acceptance_over_one_look_to_its_end(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral()
    path = f"/referrals/{row.reference}"
    assert CANARY["ref_name"] not in visitor.read(path).text
    assert visitor.send(f"{path}/accept").status_code == 303
    with site.hands_at_work():
        shown = visitor.send(f"{path}/reveal", reason="contact")
    assert shown.status_code == 200
    assert CANARY["ref_name"] in shown.text
    assert shown.headers["Cache-Control"] == "no-store, private"
    assert CANARY["ref_name"] not in visitor.read(path).text
    assert site.desk.read(RevealRow, referral=row.id).sealed is None
    with site.desk.hands.sessions() as session:
        acts = set(session.scalars(select(JournalRow.action).where(JournalRow.noun == "referrals")))
    assert {"accept", "ask_reveal_contact", "reveal"} <= acts
    assert visitor.send(f"{path}/close", reason="needs_met").status_code == 303
    assert read_row(site, row).state == "closed"
    assert site.desk.read(CaseRow, id=row.case_id).sealed is None
    assert row.reference in visitor.read("/referrals?over=yes").text


def test_an_answer_that_a_browser_loads_again_shows_nobody_again(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral()
    path = f"/referrals/{row.reference}"
    visitor.send(f"{path}/accept")
    (look,) = re.findall(r'name="look" value="([^"]+)"', visitor.read(path).text)
    with site.hands_at_work():
        assert CANARY["ref_name"] in visitor.send(f"{path}/reveal", reason="contact", look=look).text
        again = visitor.send(f"{path}/reveal", reason="contact", look=look)
        assert (again.status_code, CANARY["ref_name"] in again.text) == (409, False)
        assert "shown already" in again.text
        (look,) = re.findall(r'name="look" value="([^"]+)"', again.text)
        assert CANARY["ref_name"] in visitor.send(f"{path}/reveal", reason="contact", look=look).text
    assert count(site, RevealRow) == 2


def test_a_person_who_agreed_to_no_detail_is_said_so(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral(state="accepted", accepted_by=site.actor().id)
    key = site.desk.hands.keys.cases[0].seal_key
    with site.desk.hands.sessions.begin() as session:
        session.get_one(CaseRow, row.case_id).sealed = seal_value(b"{}", to=key, context=f"case|{row.case_id}")
    with site.hands_at_work():
        shown = visitor.send(f"/referrals/{row.reference}/reveal", reason="contact")
    assert (shown.status_code, "Nothing may be shown" in shown.text) == (200, True)


def test_nobody_is_shown_before_the_acceptance_or_to_a_colleague(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral()
    path = f"/referrals/{row.reference}/reveal"
    with site.hands_at_work():
        assert visitor.send(path, reason="contact").status_code == 409
        visitor.send(f"/referrals/{row.reference}/accept")
        colleague = site.logged_in(Role.MONITOR, mail="colleague@example.org", service="SAFE-NORTH")
        answer = colleague.send(path, reason="contact")
        assert (answer.status_code, CANARY["ref_name"] in answer.text) == (403, False)
        assert visitor.send(path, reason="curious").status_code == 409
        assert visitor.send(path).status_code == 409
    assert count(site, RevealRow) == 0


def test_without_workers_a_look_says_that_it_must_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pimcollect.web.referrals._REVEAL_SECONDS", 0.3)
    visitor = site.monitor()
    row = site.desk.referral()
    visitor.send(f"/referrals/{row.reference}/accept")
    answer = visitor.send(f"/referrals/{row.reference}/reveal", reason="contact")
    assert (answer.status_code, "Try again in a minute" in answer.text) == (503, True)


def test_the_twenty_first_look_within_an_hour_is_refused(site: Site) -> None:
    visitor = site.monitor()
    actor = site.actor()
    row = site.desk.referral(state="accepted", accepted_by=actor.id)
    with site.desk.hands.sessions.begin() as session:
        session.add_all(
            RevealRow(referral=row.id, member=row.accepted_by, reason="contact", public_key=b"x", refused="late")
            for _ in range(20)
        )
    answer = visitor.send(f"/referrals/{row.reference}/reveal", reason="contact")
    assert (answer.status_code, "the limit is reached" in answer.text) == (403, True)


def test_a_decline_needs_a_coded_reason(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral()
    path = f"/referrals/{row.reference}/decline"
    for reason in ("", "because of the person called Silverleaf"):
        answer = visitor.send(path, reason=reason)
        assert (answer.status_code, "Silverleaf" in answer.text) == (409, False)
    assert read_row(site, row).state == "waiting"
    assert visitor.send(path, reason="no_capacity").status_code == 303
    assert "We have no capacity now" in visitor.read(f"/referrals/{row.reference}").text


def test_what_was_accepted_by_mistake_is_given_back_and_the_case_stays_for_another_service(site: Site) -> None:
    visitor = site.monitor()
    colleague = site.logged_in(Role.MONITOR, mail="colleague@example.org", service="SAFE-NORTH")
    row = site.desk.referral()
    path = f"/referrals/{row.reference}"
    visitor.send(f"{path}/accept")
    assert "Give it back" not in colleague.read(path).text
    assert colleague.send(f"{path}/decline", reason="not_offered").status_code == 403
    assert "Give it back" in visitor.read(path).text
    assert visitor.send(f"{path}/decline", reason="not_offered").status_code == 303
    given = read_row(site, row)
    assert (given.state, given.accepted_by) == ("declined", None)
    assert site.desk.read(CaseRow, id=row.case_id).sealed is not None
    assert visitor.send(f"{path}/reveal", reason="contact").status_code == 409


def test_a_move_that_is_not_possible_says_the_present_state(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral()
    assert visitor.send(f"/referrals/{row.reference}/close", reason="needs_met").status_code == 409
    visitor.send(f"/referrals/{row.reference}/decline", reason="no_capacity")
    answer = visitor.send(f"/referrals/{row.reference}/accept")
    assert answer.status_code == 409
    assert "It is now: Declined." in answer.text
    assert read_row(site, row).state == "declined"


def test_a_ticket_shows_nobody_since_it_is_about_nobody(site: Site) -> None:
    visitor = site.monitor()
    row = site.desk.referral(course="ticket_no_identity")
    visitor.send(f"/referrals/{row.reference}/accept")
    page = visitor.read(f"/referrals/{row.reference}").text
    assert "Show who it is about" not in page
    assert visitor.send(f"/referrals/{row.reference}/reveal", reason="contact").status_code == 409


def test_a_list_asks_the_database_equally_often_however_long_it_is(site: Site) -> None:
    visitor = site.monitor()
    site.desk.referral()
    visitor.read("/referrals")
    engine = site.app.extensions["store"].session_factory.kw["bind"]
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    visitor.read("/referrals")
    few = len(asked)
    for _ in range(12):
        site.desk.referral()
    asked.clear()
    assert visitor.read("/referrals").text.count('<a class="row') == 13
    assert len(asked) == few <= 6
