"""The page of a form's review notes: who may write and answer, what is refused, and the questionnaire on paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy.orm import Session

from pimcollect.actions.form_notes import answer_note, write_note
from pimcollect.actions.forms import keep_version
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE, Role
from tests.factories.households import freeze
from tests.web.browser import DESKTOP, PHONE, open_browser, open_window
from tests.web.site import PASSWORD, Site

PAGE = "/forms/of/hh_core/notes"


@pytest.fixture
def noted(site: Site) -> Site:
    """A site with the core form and two notes, one of them answered."""
    frozen = freeze("hh_core")
    engine = open_engine(site.settings.database_url)
    with Session(engine) as session, session.begin():
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
        write_note(session, COMMAND_LINE, form="hh_core", question="dem_sex", text="<b>Is this clear?</b>")
        done = write_note(session, COMMAND_LINE, form="hh_core", question="", text="Too long")
        answer_note(session, COMMAND_LINE, number=done.number, answer="Cut to 20 minutes")
    engine.dispose()
    return site


@pytest.mark.parametrize("path", ["/forms/of/nowhere/notes", "/forms/of/nowhere/paper"])
def test_a_form_that_is_not_there_has_no_page(noted: Site, path: str) -> None:
    visitor = noted.logged_in(Role.IMO)
    assert visitor.read(path).status_code == 404
    assert visitor.send("/forms/of/nowhere/notes", text="A note").status_code == 404
    assert visitor.send("/forms/of/nowhere/notes/1", answer="An answer").status_code == 404


def test_what_cannot_be_kept_is_said_and_nothing_is_written(noted: Site) -> None:
    visitor = noted.logged_in(Role.IMO)
    for fields in ({"text": " "}, {"text": "x" * 2001}, {"text": "A note", "question": "gone"}):
        answer = visitor.send(PAGE, **fields)
        assert answer.status_code in (404, 422)
        assert "It was not done." in answer.text
    assert visitor.read(PAGE).text.count('class="row"') == 2


def test_everybody_notes_and_only_the_desk_answers(noted: Site) -> None:
    enumerator = noted.logged_in(Role.ENUMERATOR, mail="enum@example.org")
    assert enumerator.send(PAGE, question="dem_sex", text="Say it slower").status_code == 303
    page = enumerator.read(PAGE).text
    assert "Say it slower" in page
    assert "&lt;b&gt;Is this clear?&lt;/b&gt;" in page
    assert '<textarea name="answer"' not in page
    assert enumerator.send(f"{PAGE}/1", answer="Yes").status_code == 403
    officer = noted.logged_in(Role.IMO, mail="imo@example.org")
    page = officer.read(PAGE).text
    number = page.partition("/notes/")[2].partition('"')[0]
    assert officer.send(f"{PAGE}/{number}", answer="We tried it again").status_code == 303
    assert "We tried it again" in officer.read(PAGE).text
    assert officer.send(f"/forms/of/hh/notes/{number}", answer="Another form").status_code == 404


def test_the_questionnaire_on_paper_is_a_file_with_the_notes_in_it(noted: Site) -> None:
    answer = noted.logged_in(Role.ENUMERATOR).read("/forms/of/hh_core/paper")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="hh_core-')
    assert "Cut to 20 minutes" in answer.text
    assert "<script" not in answer.text


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_notes_are_written_in_a_browser_on_phone_and_desktop(
    noted: Site, chromium: Browser, size: tuple[int, int], language: str, tmp_path: Path
) -> None:
    noted.member(Role.IMO, mail="imo@example.org")
    with noted.served() as url, open_window(chromium, url, size=size, language=language) as window:
        window.log_in("imo@example.org", PASSWORD)
        window.go(PAGE)
        window.page.select_option("select[name=question]", "con_adult")
        window.page.fill("textarea[name=text]", "Ask it first")
        window.page.click(f"form[action='{PAGE}'] button")
        window.page.wait_for_selector("text=Ask it first")
        assert window.page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
        assert window.overflow() <= 0
        assert window.small_targets() == []
        assert window.complaints == []
        if folder := os.environ.get("PIMCOLLECT_PICTURES"):
            name = f"notes-{language}-{'phone' if size == PHONE else 'desktop'}.png"
            window.page.screenshot(path=str(Path(folder) / name), full_page=True)
        with window.page.expect_download() as waiting:
            window.page.click("a[href$='/paper']")
        waiting.value.save_as(tmp_path / "paper.html")
    assert "Ask it first" in (tmp_path / "paper.html").read_text(encoding="utf-8")
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto((tmp_path / "paper.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()
