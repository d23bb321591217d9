"""Phones on the page of doors: let in with a code that is shown once, given a new one, and ended at once."""

from __future__ import annotations

import html
import io
import re
from base64 import b64decode
from collections.abc import Iterator

import pytest
import segno
from PIL import Image
from playwright.sync_api import Browser
from sqlalchemy import text

from pimcollect.actions.phones import add_phone, revoke_phone
from pimcollect.domain.collect_settings import CollectProject, pack_settings, write_settings
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE, Role
from pimcollect.tables.marks import PhoneRefusal
from pimcollect.vault import read_door_keys
from pimcollect.web.words import PHONE_REFUSALS
from tests.factories.collect import Collect, CollectError
from tests.web.browser import DESKTOP, PHONE, open_browser, open_window
from tests.web.site import PASSWORD, Site, Visitor
from tests.web.test_browser import check

_PICTURE = re.compile(r'src="data:image/png;base64,([^"]+)"')
_TOLD = re.compile(r'<dd><code dir="ltr">([^<]+)</code></dd>')


def send(visitor: Visitor, path: str, **fields: str) -> tuple[int, str]:
    answer = visitor.client.post(path, data={**fields, "csrf_token": visitor.token("/doors")})
    return answer.status_code, html.unescape(answer.text)


def phones(site: Site) -> list[str]:
    with site.desk.hands.sessions() as session:
        return list(session.scalars(text("SELECT name FROM phones WHERE revoked_at IS NULL ORDER BY name")))


@pytest.mark.parametrize("role", [Role.MONITOR, Role.DPO, Role.ENUMERATOR])
def test_who_may_not_lets_no_phone_in(site: Site, role: Role) -> None:
    service = site.service("SAFE-NORTH") if role is Role.MONITOR else None
    visitor = site.logged_in(role, service=service)
    for path in ("/doors/phones", "/doors/phones/renew", "/doors/phones/revoke"):
        fields = {"name": "enum-07", "kind": "account", "csrf_token": visitor.token("/account/password")}
        assert visitor.client.post(path, data=fields).status_code == 403, path
    assert phones(site) == []


def test_a_name_that_cannot_be_or_is_in_use_is_told_beside_the_field(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    status, page = send(visitor, "/doors/phones", name="Nadia Canary", kind="account")
    assert (status, "Take one like enum-07" in page, "Canary" in page) == (422, True, False)
    assert send(visitor, "/doors/phones", name="enum-07", kind="account")[0] == 200
    status, page = send(visitor, "/doors/phones", name=" Enum-07 ", kind="device")
    assert (status, "let in already" in page, "data:image" in page) == (409, True, False)
    for fields in ({"name": "enum-08", "kind": "spy"}, {"name": "enum-08"}):
        assert send(visitor, "/doors/phones", **fields)[0] == 404
    for path in ("/doors/phones/renew", "/doors/phones/revoke"):
        assert send(visitor, path, name="nobody")[0] == 404
    assert phones(site) == ["enum-07"]


@pytest.mark.parametrize("kind", ["account", "device"])
def test_a_phone_is_set_up_by_its_code_renewed_and_ended_on_the_page(
    site: Site, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = site.logged_in(Role.IMO)
    with site.served() as url:
        site.app.config["PUBLIC_URL"] = url
        status, page = send(visitor, "/doors/phones", name="enum-07", kind=kind)
        first = open_code(page)
        assert (status, first.fetch_list()) == (200, [])
        _, page = send(visitor, "/doors/phones/renew", name="enum-07", revision="1")
        second = open_code(page)
        for revision in ("1", ""):  # the page is loaded again
            status, page = send(visitor, "/doors/phones/renew", name="enum-07", revision=revision)
            assert (status, "data:image" in page) == (303, False)
        assert second.fetch_list() == []
        with pytest.raises(CollectError):
            first.fetch_list()
        status, _ = send(visitor, "/doors/phones/revoke", name="enum-07")
        assert status == 303
        with pytest.raises(CollectError):
            second.fetch_list()
        first.close()
        second.close()
    page = visitor.read("/doors").text
    assert re.search(r"Ended \d+ \w+ \d{4}, \d\d:\d\d UTC, by Amal Practice\.", page)
    for secret in (first.password or first.url, second.password or second.url):
        assert secret not in page + caplog.text
    assert phones(site) == []


def put_refusals(site: Site) -> None:
    """Phones that were refused something lately, one that has sent since, one that ended, and somebody unknown."""
    keys = read_door_keys(site.settings.door_keys)
    marks = site.app.extensions["phones"].marks
    with site.desk.hands.sessions.begin() as session:
        phones = [
            add_phone(session, COMMAND_LINE, name=name, kind=PhoneKind.ACCOUNT, keys=keys)
            for name in ("enum-07", "enum-08", "enum-09")
        ]
        revoke_phone(session, COMMAND_LINE, name="enum-09")
    for reason, phone, times in (
        (PhoneRefusal.PASSWORD, phones[0], 12),
        (PhoneRefusal.CLOSED_FORM, phones[0], 1),
        (PhoneRefusal.LOCKED, phones[0], 7),
        (PhoneRefusal.OVERHEARD, phones[1], 5),
        (PhoneRefusal.UNREADABLE, phones[1], 2),
        (PhoneRefusal.ENDED, phones[2], 3),
        (PhoneRefusal.UNKNOWN, None, 40),
    ):
        for _ in range(times):
            marks.note_phone_refusal(reason, phone and phone.id)
    marks.write()
    marks.note_phone(phones[1].id)
    marks.write()


def test_every_reason_has_its_words() -> None:
    assert PHONE_REFUSALS.keys() | {PhoneRefusal.UNKNOWN} == set(PhoneRefusal)


def test_what_was_refused_stands_beside_the_phone_with_what_to_do(site: Site) -> None:
    put_refusals(site)
    page = html.unescape(site.logged_in(Role.IMO).read("/doors").text)
    rows = {name: row for row in re.findall(r"<li.*?</li>", page, re.DOTALL) for name in re.findall(r"enum-0\d", row)}
    assert "12 refused" in rows["enum-07"]
    assert "The password was not right. If this phone does not get in, give it a new code." in rows["enum-07"]
    assert "of a form that is closed" in rows["enum-07"]
    assert 'class="row late"' in rows["enum-07"]
    assert "Update the app" in rows["enum-08"]
    assert 'class="row late"' not in rows["enum-08"], "it has sent since"
    assert "still calls" in rows["enum-09"]
    assert "40 refused" in page
    assert "a user name or a code that no phone has" in page
    with site.desk.hands.sessions.begin() as session:
        session.execute(text("UPDATE phone_refusals SET last_at = now() - interval '8 days'"))
        session.execute(text("UPDATE refusals SET last_at = now() - interval '8 days'"))
    assert " refused" not in site.logged_in(Role.ADMIN, mail="admin@example.org").read("/doors").text


def open_code(page: str) -> Collect:
    """A client set up by what stands on the page, of which the picture is the code."""
    address, *account = _TOLD.findall(page)
    username, password = account if len(account) == 2 else ("", "")
    code = pack_settings(write_settings(CollectProject(address, "pimcollect", username, password)))
    expected = io.BytesIO()
    segno.make(code, micro=False, error="l").save(expected, kind="png", scale=6, border=4)
    (picture,) = _PICTURE.findall(page)
    assert see(b64decode(picture)) == see(expected.getvalue())
    assert username or "treat it as a password" in page
    return Collect(address, username, password)


def see(picture: bytes) -> bytes:
    return Image.open(io.BytesIO(picture)).convert("1").tobytes()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.mark.browser
@pytest.mark.parametrize(("size", "language"), [(PHONE, "ar"), (DESKTOP, "en")])
def test_a_code_fits_every_window(site: Site, chromium: Browser, size: tuple[int, int], language: str) -> None:
    site.member(Role.IMO, mail="imo@example.org")
    name = f"{language}-{size[0]}"
    with site.served() as url, open_window(chromium, url, size=size, language=language) as window:
        window.log_in("imo@example.org", PASSWORD)
        for kind in ("account", "device"):
            window.go("/doors")
            form = window.page.locator("form[action='/doors/phones']")
            window.page.locator("details", has=form).locator("summary").click()
            form.locator("input[name=name]").fill(f"{kind}-07")
            form.locator(f"input[value={kind}]").check()
            check(window, f"phones-add-{name}")
            form.locator("button").click()
            window.page.wait_for_selector("img.qr")
            assert window.page.evaluate("document.querySelector('img.qr').naturalWidth") > 200
            check(window, f"phones-code-{kind}-{name}")
        assert all(address.startswith((url, "data:")) for address in window.asked)


@pytest.mark.browser
@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_what_was_refused_fits_every_window(
    site: Site, chromium: Browser, size: tuple[int, int], language: str
) -> None:
    put_refusals(site)
    site.member(Role.IMO, mail="imo@example.org")
    with site.served() as url, open_window(chromium, url, size=size, language=language) as window:
        window.log_in("imo@example.org", PASSWORD)
        window.go("/doors")
        for one in window.page.locator("section[aria-labelledby=phones] > details > summary").all():
            one.click()
        check(window, f"phones-refused-{language}-{size[0]}")
