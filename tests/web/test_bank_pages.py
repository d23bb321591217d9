"""The bank on pages: browsed, compared, imported after a look, judged, translated; and forms compared."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from forms import starter
from forms.bank import hash_document
from forms.bank_files import write_bank_bytes
from forms.intake import adopt_form
from pimcollect.actions.banks import Bank, import_bank
from pimcollect.actions.forms import keep_version
from pimcollect.domain.roles import COMMAND_LINE, Role
from pimcollect.tables.catalogue import BankRow
from pimcollect.tables.governance import BankChangeRow, ItemStateRow, VerdictRow
from pimcollect.tables.translations import TranslationMarkRow
from pimcollect.tables.uploads import BankUploadRow
from tests.web.site import Site, Visitor, read_text

STARTER: dict[str, Any] = json.loads(starter.read_bytes("bank.json"))
WRONG = {**STARTER["items"][0], "sens": "<b>Q"}


def edited(version: str = "2026.2", **fields: Any) -> dict[str, Any]:
    """The starter bank of another version, with fields of F01 changed."""
    document = copy.deepcopy(STARTER)
    document["version"] = version
    next(row for row in document["items"] if row["id"] == "F01").update(fields)
    return document


@pytest.fixture
def banked(make_site: Callable[..., Site]) -> Site:
    """A site with the starter bank imported, that takes bodies as large as an installed one."""
    site = make_site(max_body_bytes=10 * 1024 * 1024)
    put(site, STARTER)
    return site


def put(site: Site, document: dict[str, Any], *, is_endorsed: bool = False) -> None:
    bank = Bank(document["version"], hash_document(document), document)
    with site.desk.hands.sessions.begin() as session:
        import_bank(session, COMMAND_LINE, bank, is_endorsed_elsewhere=is_endorsed)


def send_file(visitor: Visitor, content: bytes, name: str = "bank.json") -> Any:
    data = {"csrf_token": visitor.token("/bank/versions/import"), "file": (io.BytesIO(content), name)}
    return visitor.client.post("/bank/versions/import", data=data, content_type="multipart/form-data")


def send_bank(visitor: Visitor, document: dict[str, Any]) -> Any:
    return send_file(visitor, json.dumps(document).encode())


def find_value(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]


def count(site: Site, table: Any) -> int:
    with site.desk.hands.sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# import


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"{", "bank.json", "is not JSON"),
        (b'{"version": "9"}', "bank.json", "The bank was not taken"),
        (b"PK\x03\x04 no workbook", "bank.xlsx", "not a whole .xlsx file"),
        (b"", "bank.json", "is not JSON"),
        (b"id;name", "bank.xlsx", "it is no workbook, whatever its name says"),
        (b"", "Bank.XLSX", "it is empty"),
        (
            json.dumps({**STARTER, "items": [{**STARTER["items"][0], "sens": "<b>Q"}]}).encode(),
            "b.json",
            "sens: Must be",
        ),
    ],
)
def test_a_file_that_is_no_bank_is_refused_in_words_and_leaves_nothing(
    banked: Site, content: bytes, name: str, words: str
) -> None:
    answer = send_file(banked.logged_in(Role.IMO), content, name)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert "<b>Q" not in answer.text
    assert not re.search(r"[\s`(]--[a-z]", answer.text)
    assert count(banked, BankUploadRow) == 0


def test_the_faults_of_a_file_are_a_list(banked: Site) -> None:
    wrong = [{**row, "sens": "Q"} for row in STARTER["items"][:2]]
    page = send_bank(banked.logged_in(Role.IMO), {**STARTER, "items": wrong}).text
    assert "The bank was not taken. Faults: 2." in read_text(page)
    alert = page.split("notice bad")[1].split("</ul>")[0]
    assert alert.count("sens: Must be one of") == alert.count("<li>") == 2


def test_a_stranger_sends_no_large_file(banked: Site) -> None:
    answer = send_bank(banked.visitor(), edited())
    assert answer.status_code == 413
    assert count(banked, BankUploadRow) == 0


def test_no_file_at_all_is_said(banked: Site) -> None:
    assert "No file came along" in banked.logged_in(Role.IMO).send("/bank/versions/import").text


def test_a_preview_takes_nothing_and_the_confirmation_takes_what_was_seen(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    answer = send_file(visitor, write_bank_bytes(edited(hint="<i>Slowly</i>"), "xlsx"), "bank.xlsx")
    assert answer.status_code == 200
    assert "&lt;i&gt;Slowly&lt;/i&gt;" in answer.text
    told = read_text(answer.text.partition('<details class="notice">')[2].partition("</details>")[0])
    assert "New texts that lack a language: 1" in told
    assert "Questions F01.hint (French, Arabic)" in told
    assert count(banked, BankRow) == 1
    taken = visitor.send("/bank/versions/confirm", sha256=find_value(answer.text, "sha256"), verb="take")
    assert taken.location == "/bank/versions?taken=2026.2"
    assert (count(banked, BankRow), count(banked, BankUploadRow)) == (2, 0)
    again = visitor.send("/bank/versions/confirm", sha256=find_value(answer.text, "sha256"), verb="take")
    assert (again.status_code, "no longer kept" in again.text) == (409, True)


def test_only_ones_own_last_preview_can_be_confirmed_and_only_for_an_hour(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    first = find_value(send_bank(visitor, edited(hint="One")).text, "sha256")
    second = find_value(send_bank(visitor, edited(hint="Two")).text, "sha256")
    other = banked.logged_in(Role.IMO, mail="other@example.org")
    assert visitor.send("/bank/versions/confirm", sha256=first).status_code == 409
    assert other.send("/bank/versions/confirm", sha256=second).status_code == 409
    with banked.desk.hands.sessions.begin() as session:
        session.execute(update(BankUploadRow).values(at=func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 2)))
    assert visitor.send("/bank/versions/confirm", sha256=second).status_code == 409
    assert count(banked, BankRow) == 1


def test_what_breaks_a_series_can_only_be_proposed_and_an_obstacle_stops_both(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    stopped = send_bank(visitor, edited(q="How often could you not leave?"))
    assert "breaks its series" in stopped.text
    assert "/bank/versions/confirm" not in stopped.text
    held = send_bank(visitor, edited(q="How often could you not leave?", key="fom.limited.30d.hh2"))
    assert 'value="propose"' in held.text
    assert 'value="take"' not in held.text
    sha256 = find_value(held.text, "sha256")
    refused = visitor.send("/bank/versions/confirm", sha256=sha256, verb="take")
    assert (refused.status_code, "Others must agree first" in refused.text) == (403, True)
    assert visitor.send("/bank/versions/confirm", sha256=sha256, verb="propose").location == (
        "/bank/versions/proposed/2026.2"
    )
    assert count(banked, BankChangeRow) == 1


# review


def step(visitor: Visitor, path: str, **fields: str) -> Any:
    return visitor.send(f"{path}/act", **fields)


def test_a_change_goes_its_whole_way_on_pages_by_different_people(banked: Site) -> None:
    amal, bo = (banked.logged_in(Role.IMO, mail=f"{name}@example.org") for name in ("amal", "bo"))
    chen = banked.monitor("SAFE", "chen@example.org")
    held = send_bank(amal, edited(q="How often could you not leave?", key="fom.limited.30d.hh2"))
    amal.send("/bank/versions/confirm", sha256=find_value(held.text, "sha256"), verb="propose")
    page = "/bank/versions/proposed/2026.2"
    own = step(amal, page, verb="judge", step="im_review")
    assert (own.status_code, "Nobody agrees to their own proposal" in own.text) == (403, True)
    assert step(chen, page, verb="judge", step="im_review").status_code == 403
    assert step(bo, page, verb="judge", step="im_review").status_code == 303
    assert "Review of protection" in chen.read(page).text
    assert step(chen, page, verb="judge", step="protection_review").status_code == 303
    assert step(bo, page, verb="activate").status_code == 409
    assert step(chen, page, verb="judge", step="community_check").status_code == 303
    assert step(bo, page, verb="judge", step="endorsement").status_code == 303
    assert step(amal, page, verb="activate").location == "/bank/versions?taken=2026.2"
    assert count(banked, VerdictRow) == 4
    assert "How often could you not leave?" in amal.read("/bank/F01").text
    assert amal.read(page).status_code == 404


def test_an_item_is_proposed_refused_and_taken_back_on_its_page(banked: Site) -> None:
    document = edited()
    document["items"].append({**document["items"][20], "id": "F90", "name": "fom_new", "key": "fom.new.hh"})
    put(banked, document)
    amal, bo = (banked.logged_in(Role.IMO, mail=f"{name}@example.org") for name in ("amal", "bo"))
    assert "Propose it" in amal.read("/bank/F90").text
    assert step(amal, "/bank/F90", verb="propose").location == "/bank/F90"
    assert "waits for you" in bo.read("/bank/review").text
    assert step(bo, "/bank/F90", verb="judge", step="im_review", reason="harmful").status_code == 303
    page = amal.read("/bank/F90").text
    assert "Asking it can harm people or the team" in page
    step(amal, "/bank/F90", verb="propose")
    assert step(bo, "/bank/F90", verb="judge", step="im_review", reason="withdrawn").status_code == 403
    assert step(amal, "/bank/F90", verb="judge", step="im_review", reason="withdrawn").status_code == 303
    assert step(amal, "/bank/F90", verb="nothing").status_code == 400
    assert step(amal, "/bank/F90", verb="judge", step="nothing").status_code == 400
    assert step(amal, "/bank/X99", verb="propose").status_code == 404


def test_an_active_item_is_asked_no_more_then_taken_back_or_retired(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    for verb, state in (
        ("deprecate", "deprecated"),
        ("activate", "active"),
        ("deprecate", "deprecated"),
        ("retire", "retired"),
    ):
        assert step(visitor, "/bank/F01", verb=verb).status_code == 303
        assert banked.desk.read(ItemStateRow, item="F01").state == state
    assert step(visitor, "/bank/F01", verb="activate").status_code == 409
    assert "F01" in visitor.read("/bank?state=retired").text
    assert step(banked.logged_in(Role.ENUMERATOR, mail="e@example.org"), "/bank/F02", verb="retire").status_code == 403


# looking


def test_the_bank_is_narrowed_by_tool_sensitivity_and_state(banked: Site) -> None:
    visitor = banked.logged_in(Role.ENUMERATOR)
    severe = visitor.read("/bank?sensitivity=S").text
    assert "T02" in severe
    assert "C01" not in severe
    assert "C01" not in visitor.read("/bank?tool=O").text
    assert "No question has all of these words" in visitor.read("/bank?state=draft").text
    assert visitor.read("/bank?state=%22%3E%3Cscript%3E&tool=%00&sensitivity=XX").status_code == 200


def test_an_item_shows_its_variants_its_history_and_the_forms_that_ask_it(banked: Site) -> None:
    put(banked, edited(hint="Another hint"))
    visitor = banked.logged_in(Role.IMO)
    visitor.send("/forms", form="hh_core", languages="en", plain="yes")
    page = visitor.read("/bank/F01").text
    assert "hh_core" in page
    assert "2026.2" in page
    assert "hint" in page
    assert "Do all of you agree to take part in this discussion?" in visitor.read("/bank/C04").text


def test_a_form_that_asked_under_an_earlier_key_is_kept_apart_on_the_page(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    visitor.send("/forms", form="hh_core", languages="en", plain="yes")
    assert "Under an earlier key" not in visitor.read("/bank/F01").text
    put(banked, edited(key="fom.limited.30d.hh2", q="Could anyone of you not go?"), is_endorsed=True)
    now, earlier = visitor.read("/bank/F01").text.split("Under an earlier key")
    assert "No frozen form asks it." in now
    assert '<code dir="ltr">fom.limited.30d.hh</code>' in earlier.split("<h2>")[0]


def test_two_versions_are_compared_and_every_one_is_handed_out(banked: Site) -> None:
    put(banked, edited(hint="Another hint"))
    visitor = banked.logged_in(Role.ENUMERATOR)
    page = visitor.read("/bank/versions?one=2026.1&other=2026.2").text
    assert "1 difference" in page
    assert "Another hint" in page
    assert "No difference." in visitor.read("/bank/versions?one=starter&other=2026.1").text
    assert visitor.read("/bank/versions?one=gone&other=2026.1").status_code == 404
    assert json.loads(visitor.read("/bank/versions/2026.1/json").data) == STARTER
    assert visitor.read("/bank/versions/2026.1/xlsx").data[:2] == b"PK"
    for path in ("/bank/versions/gone/json", "/bank/versions/2026.1/exe", "/bank/versions/proposed/9"):
        assert visitor.read(path).status_code == 404
    assert visitor.read("/bank/versions?check=1").status_code == 200


def test_two_frozen_versions_of_a_form_are_compared(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    visitor.send("/forms", form="obs", languages="en")
    put(banked, edited("2026.2"))
    document = edited("2026.3")
    next(row for row in document["items"] if row["id"] == "N05")["hint"] = "Look from afar."
    next(row for row in document["items"] if row["id"] == "N05")["treat"] = "restrict"
    put(banked, document)
    visitor.send("/forms", form="obs", languages="en")
    page = visitor.read("/forms/obs/versions").text
    assert "bank_version" in page
    assert visitor.read("/forms/obs/versions?one=gone").status_code == 404
    assert visitor.read("/forms/gone/versions").status_code == 404


def test_a_form_is_read_as_people_will_read_it_and_linted(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    visitor.send("/forms", form="obs", languages=["en", "fr"], plain="yes")
    listed = visitor.read("/forms").text
    assert "/bank/translations?language=fr" in listed
    assert "pm-sites" in listed
    page = visitor.read("/forms/obs/preview").text
    assert "Enumerator: from where you stand" in page
    assert "<style" not in page
    french = visitor.read("/forms/obs/preview?language=fr").text
    assert "Enquêteur : de là où vous êtes" in french
    assert "Enumerator: from where you stand" not in french
    assert visitor.read("/forms/obs/preview?language=zz").status_code == 200
    assert visitor.read("/forms/questionnaire.css").content_type.startswith("text/css")
    lints = visitor.read("/forms/hh/lints?languages=fr").text
    assert "L10" in lints
    assert "machine-drafted and not approved" in lints
    visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "ar"
    arabic = visitor.read("/forms/hh/lints?languages=fr").text.partition('<ul class="rows">')[2].partition("</ul>")[0]
    assert 'lang="en"' not in arabic
    assert "نصوص صاغتها آلة ولم تُعتمد" in arabic
    for path in ("/forms/gone/lints", "/forms/gone/preview"):
        assert visitor.read(path).status_code == 404


def test_a_form_that_was_adopted_is_linted_as_it_is(banked: Site) -> None:
    book = Path(__file__).parents[1] / "payloads" / "pm_kac.xlsx"
    frozen = adopt_form(book.read_bytes(), name="kac", form="kac").frozen
    with banked.desk.hands.sessions.begin() as session:
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    assert banked.logged_in(Role.IMO).read("/forms/kac/lints").status_code == 200


# translations


def test_translations_are_shown_side_by_side_and_approved_by_another_person(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    page = visitor.read("/bank/translations?language=fr&code=C01").text
    assert "Are you 18 years old or older?" in page
    assert "Avez-vous 18 ans ou plus" in page
    mark = find_value(page, "mark")
    sent = visitor.send("/bank/translations", language="fr", code="C01", mark=mark, verb="approve")
    assert sent.location == "/bank/translations?language=fr&code=C01&done=1"
    assert banked.desk.read(TranslationMarkRow, mark=mark).approved_by is not None
    assert mark not in visitor.read("/bank/translations?language=fr&code=C01").text
    assert mark in visitor.read("/bank/translations?language=fr&code=C01&state=all").text
    visitor.send("/bank/translations", language="fr", mark=mark, verb="withdraw")
    assert banked.desk.read(TranslationMarkRow, mark=mark).approved_by is None


def test_an_approval_of_ones_own_or_of_another_text_is_refused_on_the_page(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    document = edited()
    row = {"part": "items", "key": "C01", "language": "fr", "source": document["items"][0]["q"], "text": "Majeur ?"}
    document["translations"] = [{**row, "translator": "AMAL@example.org", "state": "translated", "back": ""}]
    put(banked, document)
    mark = find_value(visitor.read("/bank/translations?language=fr&code=C01").text, "mark")
    own = visitor.send("/bank/translations", language="fr", mark=mark)
    assert (own.status_code, "Nobody approves their own translation: C01" in own.text) == (403, True)
    assert visitor.send("/bank/translations", language="fr", mark="0" * 64).status_code == 409
    assert visitor.send("/bank/translations", language="fr").status_code == 409
    monitor = banked.monitor("SAFE", "chen@example.org")
    assert monitor.send("/bank/translations", language="fr", mark=mark).status_code == 403
    assert "It says the same" not in monitor.read("/bank/translations?language=fr").text


@pytest.mark.parametrize("page", ["0", "-1", "99999", "x", ""])
def test_a_page_that_is_not_there_is_the_nearest_that_is(site: Site, page: str) -> None:
    visitor = site.logged_in(Role.ENUMERATOR)
    assert visitor.read(f"/bank/translations?language=ar&page={page}").status_code == 200
