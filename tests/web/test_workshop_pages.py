"""The workshop on pages: a form of one's own choice, a form read into the bank, and what two forms share."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update

from forms.current import read_texts
from forms.overlaps import find_overlaps
from forms.proposals import MAX_QUESTIONS
from pimcollect.cli.forms_intake import propose_from
from pimcollect.domain.roles import Role
from pimcollect.tables.catalogue import BankRow, find_bank
from pimcollect.tables.forms import FormVersionRow, find_newest_version
from pimcollect.tables.governance import ItemStateRow
from pimcollect.tables.uploads import PROPOSALS, BankUploadRow
from tests.forms.hostile import REFUSED
from tests.forms.xlsforms.build import write_case
from tests.forms.xlsforms.whole import WINTER
from tests.web.site import Site, Visitor, read_text
from tests.web.test_bank_pages import STARTER, count, edited, find_value, put, send_bank


@pytest.fixture
def banked(make_site: Callable[..., Site]) -> Site:
    """A site with the starter bank imported, that takes bodies as large as an installed one."""
    site = make_site(max_body_bytes=10 * 1024 * 1024)
    put(site, STARTER)
    return site


def newest(site: Site, form: str) -> dict[str, Any]:
    with site.desk.hands.sessions() as session:
        row = find_newest_version(session, form)
        assert row is not None
        return row.document


# a free choice


UNBUILDABLE = (
    ({"form": "North!"}, "id cannot be used"),
    ({"form": "north_test"}, "id cannot be used"),
    ({"tool": ""}, "There is no form"),
    ({"tool": "Z"}, "There is no such tool"),
    ({"modules": "M99"}, "no module M99"),
    ({"items": "nothing_of_ours"}, "no item nothing_of_ours"),
    ({"minutes": "soon"}, "The minutes are no number"),
    ({"minutes": "nan"}, "The minutes are no number"),
    ({"minutes": "2"}, "cannot be shorter than"),
    ({"area": "ZZ99"}, "no such area"),
    ({"title": "A\x01B"}, "no form can carry"),
    ({"title": "A" * 201}, "too long"),
    ({"languages": "zz"}, "cannot be built in zz"),
    ({"encrypts": "yes"}, "it has no key for that yet"),
    ({"form": "hh", "modules": "M06"}, "only its minutes and its area"),
)


def test_a_choice_that_cannot_be_built_is_refused_in_words_and_leaves_nothing(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    token = visitor.token("/forms")
    for fields, words in UNBUILDABLE:
        wanted = {"form": "north", "tool": "H", "modules": "M06", "languages": "en", "encrypts": "no", **fields}
        answer = visitor.send("/forms/choose", token=token, **wanted)
        assert (400 <= answer.status_code < 500, words in answer.text) == (True, True), fields
    assert count(banked, FormVersionRow) == 0


def test_a_chosen_form_is_cut_to_its_minutes_and_says_what_went_and_why(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    wanted = {"form": "north", "title": "Protection in the <north>", "tool": "H", "modules": ["M03", "M06", "M09"]}
    sent = visitor.send(
        "/forms/choose", **wanted, items="svc_unmet", area="XX01", minutes="12", languages=["en", "fr"], encrypts="no"
    )
    assert (sent.status_code, sent.location) == (303, "/forms/choose?built=north")
    document = newest(banked, "north")
    assert document["wish"]["minutes"] == 12
    assert document["minutes"] <= 12
    assert document["languages"] == ["en", "fr"]
    page = visitor.read(sent.location).text
    assert "Protection in the &lt;north&gt;" in page
    assert f"It takes {document['minutes']} of 12 minutes." in page
    cuts = [line for line in document["left_out"] if "cut for time" in line]
    assert cuts
    told = read_text(page.split("Cut for time, and why", 1)[1].split("</ul>", 1)[0])
    assert all(line in told for line in cuts)
    visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "ar"
    arabic = (
        visitor.read(sent.location).text.partition('<section aria-labelledby="built"')[2].partition("</section>")[0]
    )
    assert arabic.count("<li>") == len(document["left_out"])
    assert 'lang="en"' not in arabic.partition("</h2>")[2]
    visitor.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    again = visitor.read("/forms/choose?form=north").text
    assert 'value="svc_unmet"' in again
    for code in ("M06", "fr", "H"):
        assert f'value="{code}" checked' in again
    assert "/forms/choose?form=north" in visitor.read("/forms").text
    assert visitor.read("/forms/choose?built=gone").status_code == 404


def test_the_five_forms_take_minutes_too(banked: Site) -> None:
    sent = banked.logged_in(Role.IMO).send("/forms/choose", form="hh", minutes="25", languages="en", encrypts="no")
    assert sent.status_code == 303
    assert newest(banked, "hh")["minutes"] <= 25


# from a form


def send_form(visitor: Visitor, content: bytes, **fields: str) -> Any:
    data = {"csrf_token": visitor.token("/bank/intake"), "tool": "H", "use": "Fuel", **fields}
    return visitor.client.post(
        "/bank/intake", data={**data, "file": (io.BytesIO(content), "winter.xlsx")}, content_type="multipart/form-data"
    )


def change_proposals(workbook: bytes, of: str = "nights", **cells: str) -> bytes:
    """The workbook of proposals with cells of a drafted question changed."""
    book = load_workbook(io.BytesIO(workbook))
    sheet = book["proposals"]
    heads = {cell.value: cell.column - 1 for cell in sheet[1]}
    (row,) = [one for one in sheet.iter_rows(min_row=2) if str(one[heads["path"]].value).endswith(of)]
    for name, text in cells.items():
        row[heads[name]].value = text
    book.save(told := io.BytesIO())
    return told.getvalue()


def test_a_file_that_proposes_nothing_is_refused_in_words_and_leaves_nothing(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    assert "No file came along" in visitor.send("/bank/intake").text
    ticks = [str(row) for row in range(2, MAX_QUESTIONS + 2)]
    assert visitor.send("/bank/intake/propose", sha256="0" * 64, row=ticks).status_code == 409  # not too large
    for content, fields, words in (
        (b"", {}, "it is empty"),
        (b"PK\x03\x04 no workbook", {}, "not a whole .xlsx file"),
        (REFUSED["S04 xlsm"][0](), {}, "macros"),
        (write_case(WINTER), {"tool": "Z"}, "There is no such tool"),
        (write_case(WINTER), {"form": "hh"}, "built from the bank"),
        (write_case(WINTER), {"kind": "proposals"}, "is missing"),
    ):
        answer = send_form(visitor, content, **fields)
        assert (400 <= answer.status_code < 500, words in answer.text) == (True, True), words
    assert count(banked, BankUploadRow) == 0
    sent = banked.visitor().client.post("/bank/intake", data={"file": (io.BytesIO(b"0" * 100_000), "x.xlsx")})
    assert sent.status_code == 413


def test_a_form_is_read_into_proposals_and_nothing_is_taken(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    answer = send_form(visitor, write_case(WINTER))
    assert answer.status_code == 200
    for words in (
        "in the bank already",
        "What do you heat your house with?",
        "Severe",
        "sealed, for the referral only",
    ):
        assert words in answer.text
    assert (count(banked, BankRow), count(banked, BankUploadRow)) == (1, 1)


def test_what_is_ticked_enters_the_bank_as_the_command_would_take_it_and_waits_for_others(
    banked: Site, tmp_path: Path
) -> None:
    visitor = banked.logged_in(Role.IMO)
    page = send_form(visitor, write_case(WINTER)).text
    sha256 = find_value(page, "sha256")
    assert 'name="row" value="7"' not in page  # a telephone number: its use is for a person to say
    assert "a direct identifier needs a use of its own" in page
    path = tmp_path / "proposals.xlsx"
    workbook = visitor.read(f"/bank/intake/{sha256}/proposals.xlsx").data
    path.write_bytes(change_proposals(workbook, of="phone", use="To call back who asked for help"))
    page = send_form(visitor, path.read_bytes(), kind="proposals").text
    sha256 = find_value(page, "sha256")
    with banked.desk.hands.sessions() as session:  # never committed
        bank, _, _ = propose_from(session, banked.actor(), path)
        session.rollback()
    ticked = [part.split('"', 1)[0] for part in page.split('name="row" value="')[1:]]
    sent = visitor.send("/bank/intake/propose", sha256=sha256, row=ticked)
    assert sent.location == "/bank/intake?taken=1"
    with banked.desk.hands.sessions() as session:
        row = find_bank(session)
        assert row is not None
        assert (row.version, row.sha256) == (bank.version, bank.sha256)
        states = session.scalars(select(ItemStateRow.state).where(ItemStateRow.item.like("Y%"))).all()
    assert list(states) == ["proposed"] * 3
    assert count(banked, BankUploadRow) == 0
    assert visitor.send("/bank/intake/propose", sha256=sha256, row=ticked).status_code == 409


def test_what_is_not_ticked_stays_with_the_form(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    sha256 = find_value(send_form(visitor, write_case(WINTER)).text, "sha256")
    assert visitor.send("/bank/intake/propose", sha256=sha256, row=["6", "junk", "9" * 30]).status_code == 303
    with banked.desk.hands.sessions() as session:
        row = find_bank(session)
        assert row is not None
        assert len(row.document["items"]) == len(STARTER["items"]) + 1
        assert {one["id"] for one in row.document["questionnaires"]} == {"winter"}


def test_a_fault_stands_at_its_question_and_is_mended_in_the_workbook(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    first = find_value(send_form(visitor, write_case(WINTER)).text, "sha256")
    workbook = visitor.read(f"/bank/intake/{first}/proposals.xlsx").data
    broken = send_form(visitor, change_proposals(workbook, use="", q="<i>How many?</i>"), kind="proposals")
    assert broken.status_code == 200
    assert "survey, row 6, column use: is empty" in broken.text
    assert 'name="row" value="6"' not in broken.text
    assert visitor.send("/bank/intake/propose", sha256=first).status_code == 409
    forced = visitor.send("/bank/intake/propose", sha256=find_value(broken.text, "sha256"), row="6")
    assert (forced.status_code, "survey, row 6, column use" in forced.text) == (422, True)
    assert count(banked, BankRow) == 1
    whole = send_form(visitor, change_proposals(workbook, use="Stoves"), kind="proposals")
    assert 'name="row" value="6" checked' in whole.text
    assert "Stoves" in whole.text


def test_proposals_are_their_senders_for_an_hour_and_are_no_bank(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    other = banked.logged_in(Role.IMO, mail="other@example.org")
    sha256 = find_value(send_form(visitor, write_case(WINTER)).text, "sha256")
    bank = find_value(send_bank(visitor, edited(hint="One")).text, "sha256")
    assert visitor.send("/bank/versions/confirm", sha256=sha256, verb="take").status_code == 409
    assert visitor.send("/bank/intake/propose", sha256=bank, row="6").status_code == 409
    assert other.send("/bank/intake/propose", sha256=sha256, row="6").status_code == 409
    assert other.read(f"/bank/intake/{sha256}/proposals.xlsx").status_code == 409
    with banked.desk.hands.sessions.begin() as session:
        late = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 2)
        session.execute(update(BankUploadRow).where(BankUploadRow.noun == PROPOSALS).values(at=late))
    assert visitor.send("/bank/intake/propose", sha256=sha256, row="6").status_code == 409
    assert count(banked, BankRow) == 1


def test_without_a_bank_of_ones_own_proposals_can_only_be_looked_at(make_site: Callable[..., Site]) -> None:
    site = make_site(max_body_bytes=10 * 1024 * 1024)
    visitor = site.logged_in(Role.IMO)
    page = send_form(visitor, write_case(WINTER)).text
    assert "cannot be proposed" in page
    assert "Propose what is ticked" not in page
    refused = visitor.send("/bank/intake/propose", sha256=find_value(page, "sha256"), row="6")
    assert (refused.status_code, "no bank yet that could grow" in refused.text) == (409, True)


# overlaps


def test_two_forms_show_what_they_share(banked: Site) -> None:
    visitor = banked.logged_in(Role.IMO)
    assert "no two forms yet" in visitor.read("/bank/overlaps").text
    for form in ("obs", "ki"):
        assert visitor.send("/forms", form=form, languages="en", plain="yes").status_code == 303
    with banked.desk.hands.sessions() as session:
        rows = find_overlaps(read_texts(session, "obs"), read_texts(session, "ki"))
    page = banked.logged_in(Role.ENUMERATOR, mail="e@example.org").read("/bank/overlaps?one=obs&other=ki").text
    assert {row["kind"] for row in rows} >= {"shared key"}
    assert all(f'<code dir="ltr">{row["key"]}</code>' in page for row in rows if row["key"])
    for kind, words in (("shared key", "counted together"), ("nearly the same", "under no shared key")):
        number = sum(row["kind"] == kind for row in rows)
        assert f'{words} <span class="badge">{number}</span>' in page
    assert visitor.read("/bank/overlaps?one=ki&other=gone").status_code == 404
    assert visitor.read("/bank/overlaps?one=ki").status_code == 404
