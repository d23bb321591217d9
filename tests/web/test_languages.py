"""Every text of the pages exists in every language, is compiled, and reads the right way round."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

import forms
import pimcollect.actions
import pimcollect.domain
import pimcollect.web
from pimcollect.actions.connections import HISTORIES
from pimcollect.actions.connections import MENDS as PULL_MENDS_FOR_COMMANDS
from pimcollect.actions.inbox import FAULTS as FAULTS_FOR_COMMANDS
from pimcollect.actions.inbox import MENDS as MENDS_FOR_COMMANDS
from pimcollect.actions.reveals import REASONS as REVEALS
from pimcollect.config import read_settings
from pimcollect.domain.documents import BodyFault
from pimcollect.domain.outcomes import Course, HeldReason
from pimcollect.domain.referrals import CLOSE_REASONS, DECLINE_REASONS, State
from pimcollect.domain.roles import MEMBER_ROLES, Role
from pimcollect.errors import PimError
from pimcollect.web import telling, words
from pimcollect.web.fault_words import BODY_FAULTS
from tests.web.site import Site

WEB = Path(next(iter(pimcollect.web.__path__)))
LANGUAGES = ("fr", "ar")
_PLACEHOLDER = re.compile(r"%\(\w+\)s")


@cache
def texts() -> frozenset[str]:
    """Every text that a page says, as its code and templates hold it; and the phrases of rules, which pages say too."""
    found = extract_from_dir(
        WEB,
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")],
        options_map={"**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}},
        keywords={"gettext": None, "ngettext": (1, 2), "lazy_gettext": None, "_": None},
    )
    said = [one[2] if isinstance(one[2], str) else one[2][0] for one in found]
    for package in (forms, pimcollect.domain, pimcollect.actions):
        (folder,) = package.__path__
        told = extract_from_dir(folder, method_map=[("**.py", "python")], keywords={"phrase": None, "pattern": None})
        said += [str(one[2]) for one in told]
    return frozenset(said)


def read_catalog(language: str) -> Catalog:
    with (WEB / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    catalog = read_catalog(language)
    said = {one.id if isinstance(one.id, str) else one.id[0]: one for one in catalog if one.id}
    assert texts() - said.keys() == set()
    assert said.keys() - texts() == set()
    for text, one in said.items():
        translated = one.string if isinstance(one.string, tuple) else (one.string,)
        assert all(translated), text
        assert not one.fuzzy, text
        if isinstance(one.id, str):
            assert sorted(_PLACEHOLDER.findall(text)) == sorted(_PLACEHOLDER.findall(translated[0])), text


def list_texts(compiled: bytes) -> list[tuple[str, str]]:
    return sorted((str(one.id), str(one.string)) for one in read_mo(io.BytesIO(compiled)) if one.id)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_is_the_one_of_these_texts(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, read_catalog(language))
    kept = (WEB / "translations" / language / "LC_MESSAGES" / "messages.mo").read_bytes()
    assert list_texts(kept) == list_texts(compiled.getvalue())


def test_every_code_has_its_word() -> None:
    for known, codes in (
        (words.STATES, State),
        (words.DECLINE_REASONS, DECLINE_REASONS),
        (words.CLOSE_REASONS, CLOSE_REASONS),
        (words.REVEAL_REASONS, REVEALS),
        (words.HELD_REASONS, HeldReason),
        (words.MENDS, HeldReason),
        (words.MENDS, MENDS_FOR_COMMANDS),
        (words.PULL_MENDS, {*PULL_MENDS_FOR_COMMANDS, "new", "stale"}),
        (words.PULL_HISTORIES, HISTORIES),
        (BODY_FAULTS, BodyFault),
        (BODY_FAULTS, FAULTS_FOR_COMMANDS),
        (words.COURSES, set(Course) - {Course.COUNT}),
        (words.ROLES, MEMBER_ROLES),
    ):
        assert set(known) == {str(code) for code in codes}


@pytest.mark.parametrize(
    ("asked", "language", "direction", "word"),
    [
        ("ar,en;q=0.5", "ar", "rtl", "دخول"),
        ("fr-CA,fr;q=0.9", "fr", "ltr", "Se connecter"),
        ("my,xx", "en", "ltr", "Log in"),
        ("", "en", "ltr", "Log in"),
    ],
)
def test_a_page_speaks_what_the_browser_asks_for(
    site: Site, asked: str, language: str, direction: str, word: str
) -> None:
    page = site.app.test_client().get("/login", headers={"Accept-Language": asked}).text
    assert f'<html lang="{language}" dir="{direction}">' in page
    assert word in page


def test_the_language_chosen_wins_over_the_one_asked_for(site: Site) -> None:
    client = site.app.test_client()
    answer = client.get("/language/ar?next=/login", headers={"Accept-Language": "fr"})
    assert answer.location == "/login"
    assert 'dir="rtl"' in client.get("/login", headers={"Accept-Language": "fr"}).text
    assert client.get("/language/xx").status_code == 404


def test_the_bank_is_read_in_the_language_of_the_page_and_what_is_english_only_is_marked(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    page = visitor.client.get("/bank/E05", headers={"Accept-Language": "ar"}).text
    heading = page.partition("<h1>")[2].partition("</h1>")[0]
    assert heading.startswith('<span dir="auto">')
    assert "Would you like" not in heading
    assert '<span lang="en" dir="auto">% who want separate questioning' in page


def test_a_search_finds_words_of_every_language(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    english = visitor.read("/bank?q=school").text
    label = visitor.client.get("/bank/K02", headers={"Accept-Language": "fr"}).text.partition("<h1>")[2]
    word = max(re.findall(r"\w+", re.sub("<[^>]*>", "", label.partition("</h1>")[0])), key=len)
    assert "K02" in english
    assert "K02" in visitor.read(f"/bank?q={word}").text


@pytest.mark.skipif("Africa/Tripoli" not in available_timezones(), reason="this machine knows no time zones")
def test_a_time_is_said_in_the_zone_of_the_installation(make_site: Callable[..., Site]) -> None:
    at = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
    for zone, said in (("UTC", "20 Nov 2026, 14:00 UTC"), ("Africa/Tripoli", "20 Nov 2026, 16:00 EET")):
        with make_site(timezone=zone).app.test_request_context():
            assert telling.moment(at) == said


def test_an_unknown_time_zone_is_a_mistake_that_is_named() -> None:
    with pytest.raises(PimError, match="PIMCOLLECT_TIMEZONE"):
        read_settings({"PIMCOLLECT_TIMEZONE": "Moon/Crater"})


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0.5, "in 29 minutes"), (3.9, "in 3 hours"), (47, "in 46 hours"), (60, "in 2 days"), (-3, "4 hours ago")],
)
def test_a_deadline_never_promises_more_time_than_there_is(site: Site, hours: float, said: str) -> None:
    now = datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC) + timedelta(hours=hours)
    with site.app.test_request_context():
        assert telling.distance(at, now) == said
