"""The pages in a real Chromium: a referral walked to its end, on phone and desktop, in English and Arabic."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser
from sqlalchemy import func

from pimcollect.domain.roles import Role
from pimcollect.tables.forms import FormRow
from pimcollect.tables.referrals import ReferralRow
from pimcollect.tables.submissions import TallyRow
from tests.factories.referrals import CANARY
from tests.web.browser import DESKTOP, PHONE, Window, open_browser, open_window
from tests.web.site import PASSWORD, Site

pytestmark = pytest.mark.browser
MAIL, IMO = "amal@example.org", "imo@example.org"
SIZES = {"phone": PHONE, "desktop": DESKTOP}
WORDS = {
    "en": {"dir": "ltr", "closed": "Closed", "declined": "Declined", "reason": "We have no capacity now"},
    "ar": {"dir": "rtl", "closed": "مغلقة", "declined": "مرفوضة", "reason": "لا قدرة لدينا الآن"},
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def monitored(site: Site) -> Site:
    """A site with a monitor, an information officer and a service."""
    site.service("SAFE-NORTH", "Safe place and emergency protection", "Harbour Relief (practice)")
    site.member(Role.MONITOR, mail=MAIL, service="SAFE-NORTH")
    site.member(Role.IMO, mail=IMO)
    return site


def keep(window: Window, name: str) -> None:
    """A picture for whoever wants to look: PIMCOLLECT_PICTURES names the folder."""
    if folder := os.environ.get("PIMCOLLECT_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        window.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def check(window: Window, name: str) -> None:
    """What every page promises: nothing wider than the window, nothing too small for a thumb, no complaint."""
    keep(window, name)
    assert window.overflow() <= 0, name
    assert window.small_targets() == [], name
    assert window.complaints == [], name


def state_of(site: Site, row: ReferralRow) -> str:
    return str(site.desk.read(ReferralRow, id=row.id).state)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("size", SIZES)
def test_a_referral_is_accepted_looked_at_once_and_closed(
    monitored: Site, chromium: Browser, size: str, language: str
) -> None:
    row = monitored.desk.referral()
    monitored.desk.pictures(row, "kept", "awaited", "refused")
    words = WORDS[language]
    with (
        monitored.served() as url,
        monitored.hands_at_work(),
        open_window(chromium, url, size=SIZES[size], language=language) as window,
    ):
        page = window.page
        window.log_in(MAIL, PASSWORD)
        assert page.get_attribute("html", "dir") == words["dir"]
        check(window, f"{language}-{size}-home")
        page.click("a.card")
        check(window, f"{language}-{size}-list")
        page.click(f"text={row.reference}")
        check(window, f"{language}-{size}-waiting")
        page.click("form[action$='/accept'] button")
        page.wait_for_selector("form[action$='/reveal']")
        check(window, f"{language}-{size}-accepted")
        page.check("form[action$='/reveal'] input[value=contact]")
        page.click("form[action$='/reveal'] button")
        page.wait_for_selector("section.person")
        assert CANARY["ref_name"] in page.inner_text("section.person")
        assert page.locator("figure").count() == 3
        assert page.evaluate("document.querySelector('figure img').naturalWidth") == 1600
        check(window, f"{language}-{size}-revealed")
        window.go(f"/referrals/{row.reference}")
        assert CANARY["ref_name"] not in page.content()
        page.click("summary >> nth=-1")
        page.check("form[action$='/close'] input[value=needs_met]")
        check(window, f"{language}-{size}-closing")
        page.click("form[action$='/close'] button")
        page.wait_for_selector(f".badge:has-text('{words['closed']}')")
        check(window, f"{language}-{size}-closed")
        assert all(address.startswith(url) for address in window.asked)
    assert state_of(monitored, row) == "closed"


@pytest.mark.parametrize("language", WORDS)
def test_a_referral_is_declined_with_a_reason_without_any_script(
    monitored: Site, chromium: Browser, language: str
) -> None:
    row = monitored.desk.referral(urgency="H", state="sent")
    words = WORDS[language]
    with monitored.served() as url, open_window(chromium, url, language=language, has_script=False) as window:
        page = window.page
        window.log_in(MAIL, PASSWORD)
        window.go(f"/referrals/{row.reference}")
        page.click("summary")
        page.click("form[action$='/decline'] button")  # without a reason the browser itself does not send it
        assert state_of(monitored, row) == "sent"
        page.check("form[action$='/decline'] input[value=no_capacity]")
        page.click("form[action$='/decline'] button")
        page.wait_for_selector(f".badge:has-text('{words['declined']}')")
        assert words["reason"] in page.inner_text(".moves")
        assert window.complaints == []
    assert state_of(monitored, row) == "declined"


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_its_window(monitored: Site, chromium: Browser, size: str, language: str) -> None:
    first, unserved = monitored.desk.referral(None), monitored.desk.referral(None)
    with monitored.desk.hands.sessions.begin() as session:
        session.get_one(ReferralRow, unserved.id).twin = first.id
    with monitored.served() as url, open_window(chromium, url, size=SIZES[size], language=language) as window:
        window.go("/login")
        check(window, f"{language}-{size}-login")
        window.log_in(IMO, PASSWORD)
        for name, path in (
            ("first", "/"),
            ("referrals", "/referrals"),
            ("unserved", f"/referrals/{unserved.reference}"),
            ("came-in", "/submissions"),
            ("held", "/inbox"),
            ("forms", "/forms"),
            ("bank", "/bank"),
            ("module", "/bank?module=M02"),
            ("item", "/bank/E05"),
            ("password", "/account/password"),
            ("nothing", "/nothing"),
        ):
            window.go(path)
            check(window, f"{language}-{size}-{name}")
            assert name != "unserved" or first.reference in window.page.inner_text(".notice")


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_what_came_in_is_read_on_a_phone_without_scrolling_sideways(
    monitored: Site, chromium: Browser, language: str
) -> None:
    kept = {"form": "hh_core", "month": date(2026, 9, 1)}
    with monitored.desk.hands.sessions.begin() as session:
        session.add(FormRow(id="hh_core", title="hh_core"))
        session.flush()
        session.add(TallyRow(kind="unreferred", place="XX01", detail="GBV", n=1207, **kept))
        session.add(TallyRow(kind="withdrawn", place="XX01", detail="", n=12, **kept))
    with monitored.served() as url, open_window(chromium, url, size=(390, 844), language=language) as window:
        window.log_in(IMO, PASSWORD)
        window.go("/submissions")
        check(window, f"{language}-came-in-390")
        hidden = "found => found.map(one => one.scrollWidth - one.clientWidth)"
        assert window.page.locator(".wide").evaluate_all(hidden) == [0], language


def test_the_window_hears_what_the_policy_forbids(monitored: Site, chromium: Browser) -> None:
    with monitored.served() as url, open_window(chromium, url) as window:
        window.go("/login")
        assert window.complaints == []
        window.page.evaluate("document.body.setAttribute('style', 'color: red')")
        window.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {src: '/x.js'}))")
        window.page.wait_for_timeout(200)
        assert len([one for one in window.complaints if "Content Security Policy" in one]) == 2


def test_the_language_is_chosen_with_a_plain_link_and_kept(monitored: Site, chromium: Browser) -> None:
    with monitored.served() as url, open_window(chromium, url, has_script=False) as window:
        window.log_in(MAIL, PASSWORD)
        window.go("/bank?q=school")
        window.page.click("a[hreflang=ar]")
        assert window.page.url == f"{url}/bank?q=school"
        assert window.page.get_attribute("html", "lang") == "ar"
        window.go("/referrals")
        assert window.page.get_attribute("html", "dir") == "rtl"


def test_a_form_is_built_and_its_three_files_come_down(monitored: Site, chromium: Browser, tmp_path: Path) -> None:
    with monitored.served() as url, open_window(chromium, url, size=DESKTOP) as window:
        page = window.page
        window.log_in(IMO, PASSWORD)
        window.go("/forms")
        page.check("input[value=obs]")
        page.click("form[action='/forms'] button")
        page.wait_for_selector("[role=status]")
        check(window, "en-desktop-built")
        starts = {"xlsx": b"PK", "xml": b"<?xml", "json": b"{"}
        for kind, start in starts.items():
            link = page.locator(f"a[href$='/{kind}']")
            if not link.is_visible():
                page.locator("details", has=link).locator("summary").click()
            with page.expect_download() as coming:
                link.click()
            path = tmp_path / kind
            coming.value.save_as(path)
            assert path.read_bytes().startswith(start), kind
            assert coming.value.suggested_filename.endswith(f".{kind}")


def test_a_keyboard_reaches_the_content_first_and_every_field_has_a_label(monitored: Site, chromium: Browser) -> None:
    with monitored.served() as url, open_window(chromium, url, size=DESKTOP) as window:
        page = window.page
        window.log_in(IMO, PASSWORD)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for path in ("/forms", "/bank", "/account/password"):
            window.go(path)
            unnamed = page.locator("input:not([type=hidden])").evaluate_all(
                "all => all.filter(e => !e.labels.length || !e.labels[0].innerText.trim()).map(e => e.outerHTML)"
            )
            assert unnamed == [], path
            assert page.locator("h1").count() == 1


def fill(site: Site) -> None:
    """A morning at a service: urgent, overdue, routine, and a report without a person."""
    rows = [
        (site.desk.referral(urgency="U", pathway="RP-SAFE"), 5),
        (site.desk.referral(urgency="H", pathway="RP-CP", state="sent"), -3),
        (site.desk.referral(urgency="H", pathway="RP-FTR", state="accepted", accepted_by=site.actor(MAIL).id), 20),
        (site.desk.referral(urgency="R", pathway="RP-LEGAL", state="sent"), 60),
        (site.desk.referral(urgency="R", pathway="RP-EOR", course="ticket_no_identity"), 30),
    ]
    with site.desk.hands.sessions.begin() as session:
        for row, hours in rows:
            session.get_one(ReferralRow, row.id).due_at = func.now() + func.make_interval(0, 0, 0, 0, hours, 20)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_full_list_reads_well_by_day_and_by_night(
    monitored: Site, chromium: Browser, size: str, language: str, scheme: Literal["light", "dark"]
) -> None:
    fill(monitored)
    with monitored.served() as url, open_window(chromium, url, size=SIZES[size], language=language) as window:
        window.page.emulate_media(color_scheme=scheme)
        window.log_in(MAIL, PASSWORD)
        window.go("/referrals")
        check(window, f"referrals-{size}-{language}" + ("-dark" if scheme == "dark" else ""))
        assert (
            window.page.locator(".urgency-U, .urgency-H, .urgency-R").evaluate_all(
                "all => all.map(e => e.className.slice(-1)).join('')"
            )
            == "UHHRR"
        )
        assert window.page.locator(".row.late").count() == 1
        assert find_faint_text(window) == []


def find_faint_text(window: Window) -> list[str]:
    """Texts whose contrast to what lies behind them is under 4.5 (WCAG 2.2, 1.4.3)."""
    found: list[str] = window.page.evaluate(
        """() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
            return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
            return .2126 * r + .7152 * g + .0722 * b; };
        const behind = e => { for (; e; e = e.parentElement) {
            const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
        const said = [...document.querySelectorAll('body *')].filter(e => e.className !== 'skip' &&
            [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
        return said.flatMap(e => { const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            return ratio < 4.5 ? [e.textContent.trim().slice(0, 40) + ' ' + ratio.toFixed(2)] : []; });
        }"""
    )
    return found
