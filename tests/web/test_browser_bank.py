"""The pages of the bank in a real Chromium: on a phone in Arabic and on a desktop in English, without any script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from forms.bank_files import write_bank_bytes
from pimcollect.domain.roles import Role
from pimcollect.tables.translations import TranslationMarkRow
from tests.web.browser import DESKTOP, PHONE, Window, open_browser, open_window
from tests.web.site import PASSWORD, Site
from tests.web.test_bank_pages import STARTER, edited, put
from tests.web.test_browser import check

pytestmark = pytest.mark.browser
MAIL = "imo@example.org"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def banked(make_site: Callable[..., Site]) -> Site:
    """A site with two versions of the bank, a draft, two versions of a form, and an information officer."""
    site = make_site(max_body_bytes=10 * 1024 * 1024)
    put(site, STARTER)
    site.member(Role.IMO, mail=MAIL)
    visitor = site.visitor(MAIL)
    visitor.log_in()
    assert visitor.send("/forms", form="obs", languages="en", plain="yes").status_code == 303
    put(site, grown(edited(hint="Say the number of days slowly.")))
    assert visitor.send("/forms", form="obs", languages="en", plain="yes").status_code == 303
    return site


def grown(document: dict[str, Any]) -> dict[str, Any]:
    """With one item more, and another hint."""
    document["items"].append({**STARTER["items"][20], "id": "F90", "name": "fom_new", "key": "fom.new.hh"})
    next(row for row in document["items"] if row["id"] == "N05")["hint"] = "Look from afar."
    return document


def send_bank(window: Window) -> None:
    """Choose a file as a person does, and ask what it would change."""
    document = grown(edited("2026.3", q="How often could you not leave?", key="fom.limited.30d.hh2"))
    content = write_bank_bytes(document, "xlsx")
    window.page.set_input_files("input[type=file]", {"name": "bank.xlsx", "mimeType": "", "buffer": content})
    window.page.click("form[enctype] button")


@pytest.mark.parametrize(("size", "language"), [(PHONE, "ar"), (DESKTOP, "en")])
def test_the_bank_is_read_judged_and_translated_in_a_browser(
    banked: Site, chromium: Browser, size: tuple[int, int], language: str
) -> None:
    name = f"bank-{language}-{size[0]}"
    with (
        banked.served() as url,
        open_window(chromium, url, size=size, language=language, has_script=False) as window,
    ):
        page = window.page
        window.log_in(MAIL, PASSWORD)
        for path in (
            *("/bank", "/bank?sensitivity=S&tool=K", "/bank/C04", "/bank/versions?one=2026.1&other=2026.2&check=1"),
            *(
                "/forms/obs/versions",
                "/forms/obs/preview",
                "/forms/hh/lints",
                "/bank/translations?language=ar&part=items",
                "/forms",
            ),
        ):
            window.go(path)
            check(window, f"{name}{path.replace('/', '-').partition('?')[0]}")
        window.go("/bank/F90")
        page.click("form:has(input[value=propose]) button")
        check(window, f"{name}-proposed")
        window.go("/bank/review")
        check(window, f"{name}-review")
        window.go("/bank/versions/import")
        send_bank(window)
        page.wait_for_selector("button[value=propose]")
        check(window, f"{name}-preview")
        page.click("button[value=propose]")
        page.wait_for_url("**/bank/versions/proposed/2026.3")
        check(window, f"{name}-change")
        window.go("/bank/translations?language=ar&code=C01")
        page.check("input[name=mark] >> nth=0")
        page.click("button[value=approve]")
        page.wait_for_url("**done=1*")
        check(window, f"{name}-approved")
        assert all(address.startswith(url) for address in window.asked)
    with banked.desk.hands.sessions() as session:
        assert session.query(TranslationMarkRow).filter(TranslationMarkRow.approved_by.is_not(None)).count() == 1
