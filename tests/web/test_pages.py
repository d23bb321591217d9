"""The other pages: the bank, forms, what came in, what is held, and what waits."""

from __future__ import annotations

import json
from datetime import date
from uuid import uuid4

import pytest

from pimcollect.actions.form_keys import create_form_key
from pimcollect.domain.roles import COMMAND_LINE, Role
from pimcollect.tables.entries import EntryRow
from pimcollect.tables.forms import FormRow, FormVersionRow, HookRow
from pimcollect.tables.phones import PhoneRow
from pimcollect.tables.referrals import ReferralRow
from pimcollect.tables.submissions import SubmissionRow, TallyRow
from pimcollect.vault import create_open_key
from tests.web.site import Site, read_text


def put_held(site: Site, reason: str = "unknown_version") -> EntryRow:
    """A held entry with a sealed body."""
    with site.desk.hands.sessions.begin() as session:
        session.merge(FormRow(id="hh", title="Household"))
        hook = HookRow(key=uuid4().hex, server="kobo", form="hh", secrets=[])
        session.add(hook)
        session.flush()
        entry = EntryRow(
            hook=hook.id,
            server="kobo",
            via="hook",
            form="hh",
            identity=uuid4().hex,
            kind="json",
            fullness=1,
            body=b"sealed Silverleaf",
            state="held",
            reason=reason,
        )
        session.add(entry)
    return entry


def put_submission(site: Site, *, state: str = "kept") -> None:
    """A kept submission with an answer in it, or a tombstone."""
    with site.desk.hands.sessions.begin() as session:
        session.merge(FormRow(id="hh", title="Household"))
        version = FormVersionRow(form="hh", version="1", sha256=uuid4().hex, document={}, xlsx=b"", xform="")
        session.add(version)
        session.flush()
        answers = {"shelter": "Silverleaf"} if state == "kept" else None
        session.add(
            SubmissionRow(
                form="hh",
                form_version=version.id,
                root_id=uuid4().hex,
                edition_id=uuid4().hex,
                superseded=[],
                state=state,
                month=date(2026, 11, 1),
                shared=answers,
                restricted=answers,
                digest="-",
            )
        )


def test_the_bank_is_browsed_by_module_and_searched_by_every_word(site: Site) -> None:
    visitor = site.logged_in(Role.ENUMERATOR)
    assert "Displacement and movement" in visitor.read("/bank").text
    module = visitor.read("/bank?module=M02").text
    assert "E05" in module
    assert "K02" not in module
    found = visitor.read("/bank?q=SCHOOL+children").text
    assert "K02" in found
    assert "E05" not in found
    assert "No question has all of these words" in visitor.read("/bank?q=zzz").text
    assert visitor.read("/bank?module=nothing").status_code == 200
    assert visitor.read("/bank/NOTHING").status_code == 404


def test_an_item_says_what_is_kept_of_its_answer(site: Site) -> None:
    page = site.logged_in(Role.ENUMERATOR).read("/bank/R07").text
    assert "sealed, for the referral only" in page


def test_a_search_is_shown_as_text_and_never_as_markup(site: Site) -> None:
    page = site.logged_in(Role.ENUMERATOR).read('/bank?q="><script>alert(1)</script>').text
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "fields",
    [{"form": "nothing", "languages": "en"}, {"form": "hh_core"}, {"form": "hh_core", "languages": "xx"}, {}],
)
def test_a_form_that_cannot_be_built_says_why_and_leaves_nothing(site: Site, fields: dict[str, str]) -> None:
    visitor = site.logged_in(Role.IMO)
    answer = visitor.send("/forms", **fields)
    assert (answer.status_code, "It was not built." in answer.text) == (422, True)
    assert "No form yet." in answer.text


def test_a_severe_form_is_built_with_the_key_of_its_form_or_not_at_all(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    refused = visitor.send("/forms", form="hh_core", languages="en")
    assert (refused.status_code, "pimcollect forms keys create hh_core" in refused.text) == (422, True)
    assert "Your administrator makes it once" in read_text(refused.text)
    assert (
        "يُنشئه مدير النظام"
        in visitor.client.post(
            "/forms",
            data={"csrf_token": visitor.token("/"), "form": "hh_core", "languages": "en"},
            headers={"Accept-Language": "ar"},
        ).text
    )
    with site.desk.hands.sessions.begin() as session:
        create_form_key(session, COMMAND_LINE, "hh_core", intake=create_open_key().seal_key)
    assert visitor.send("/forms", form="hh_core", languages="en").location == "/forms?built=hh_core"
    assert site.desk.read(FormVersionRow, form="hh_core").document["is_encrypted"] is True


def test_a_built_form_gives_the_files_that_were_frozen(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    assert visitor.send("/forms", form="hh_core", languages="en", plain="yes").location == "/forms?built=hh_core"
    row = site.desk.read(FormVersionRow, form="hh_core")
    base = f"/forms/{row.id}"
    assert visitor.read(f"{base}/xlsx").data == row.xlsx
    assert visitor.read(f"{base}/xml").text == row.xform
    answer = visitor.read(f"{base}/json")
    assert json.loads(answer.data) == row.document
    assert answer.headers["Content-Disposition"] == f'attachment; filename="hh_core-{row.version}.json"'
    assert visitor.read(f"{base}/exe").status_code == 404


def test_what_came_in_is_numbers_and_no_answers(site: Site) -> None:
    put_submission(site)
    put_submission(site, state="tombstone")
    with site.desk.hands.sessions.begin() as session:
        session.add(TallyRow(kind="refused", form="hh", month=date(2026, 11, 1), place="XX01", detail="", n=7))
    page = site.logged_in(Role.IMO).read("/submissions").text
    assert "November 2026" in page
    assert ">7</td>" in page
    assert "Silverleaf" not in page


def test_what_is_held_says_why_and_what_to_do_and_shows_no_content(site: Site) -> None:
    entry = put_held(site)
    page = site.logged_in(Role.DPO).read("/inbox").text
    assert "The version of the form that asked is not known here." in page
    assert "Build or adopt that version, then try again." in page
    assert "Silverleaf" not in page
    assert f"/inbox/{entry.id}/replay" not in page


def test_what_is_unreadable_says_in_which_way_on_the_pages_of_what_is_held_and_of_doors(site: Site) -> None:
    entry = put_held(site, "unreadable")
    visitor = site.logged_in(Role.IMO)
    assert "The delivery is broken and cannot be read." in visitor.read("/inbox").text
    with site.desk.hands.sessions.begin() as session:
        session.get_one(EntryRow, entry.id).fault = "encoding"
    for path in ("/inbox", "/doors"):
        assert "Its letters are in an encoding that nobody can read." in visitor.read(path).text


def test_a_held_entry_is_tried_again_by_whoever_may(site: Site) -> None:
    entry = put_held(site)
    assert site.logged_in(Role.DPO, mail="dpo@example.org").send(f"/inbox/{entry.id}/replay").status_code == 403
    visitor = site.logged_in(Role.IMO)
    assert visitor.send(f"/inbox/{entry.id}/replay").status_code == 303
    assert site.desk.read(EntryRow, id=entry.id).state == "untouched"
    assert visitor.send(f"/inbox/{entry.id}/replay").status_code == 404


def test_the_first_page_counts_what_waits_for_this_member(site: Site) -> None:
    monitor = site.monitor("SAFE-NORTH")
    site.service("SAFE-SOUTH")
    for service in ("SAFE-NORTH", "SAFE-SOUTH", None):
        site.desk.referral(service)
    site.desk.referral("SAFE-NORTH", state="closed")
    put_held(site)
    mine = monitor.read("/").text
    assert '<b class="figure">1</b>' in mine
    assert "deliveries held" not in mine
    all_of_them = site.logged_in(Role.IMO, mail="imo@example.org").read("/").text
    for number, what in ((2, "open referrals"), (1, "that nobody serves"), (1, "deliveries held")):
        assert f'<b class="figure">{number}</b>\n    <span>{what}</span>' in all_of_them


def test_what_is_over_does_not_crowd_out_what_is_open(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pimcollect.web.referrals._MOST", 2)
    visitor = site.monitor()
    for _ in range(3):
        site.desk.referral(urgency="U", state="closed")
    rows: list[ReferralRow] = [site.desk.referral(urgency="R"), site.desk.referral(urgency="R")]
    page = visitor.read("/referrals").text
    assert all(row.reference in page for row in rows)
    assert "There are more; these come first." in page
    assert visitor.read("/referrals?over=yes").text.count('<a class="row') == 2


def test_what_a_service_declined_is_over_for_it_and_open_for_the_information_officer(site: Site) -> None:
    monitor, imo = site.monitor(), site.logged_in(Role.IMO, mail="imo@example.org")
    row = site.desk.referral(state="declined")
    assert row.reference not in monitor.read("/referrals").text
    assert row.reference in monitor.read("/referrals?over=yes").text
    assert row.reference in imo.read("/referrals").text
    assert row.reference not in imo.read("/referrals?over=yes").text


def test_what_contradicts_another_says_whom_to_ask_about_what(site: Site) -> None:
    entry = put_held(site, "conflict")
    other = put_held(site)
    with site.desk.hands.sessions.begin() as session:
        phone = PhoneRow(kind="device", name="enum-07", token_hash=uuid4().hex)
        session.add(phone)
        session.flush()
        row = session.get_one(EntryRow, entry.id)
        row.hook, row.via, row.phone = None, "phone", phone.id
        row.contradicts, row.contradicts_entry = "0b3c-root", other.id
    page = read_text(site.logged_in(Role.IMO).read("/inbox").text)
    assert "Sent by the phone enum-07. It contradicts the submission 0b3c-root" in page
    assert f"entry {other.id}" in page
