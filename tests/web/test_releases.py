"""The page of a form's releases: who may use it, how far a release is, what differs, and the button that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from sqlalchemy import text

from pimcollect.domain.release_words import FINDINGS, REASONS, STEPS
from pimcollect.domain.releases import State
from pimcollect.domain.roles import Role
from pimcollect.web import release_words as words
from tests.factories.releases import PUBLIC, Press, freeze
from tests.reenacted.kobo_forms import KoboForms
from tests.web.browser import DESKTOP, PHONE, open_browser, open_window
from tests.web.site import PASSWORD, Site, read_text
from tests.workers.releasing import hurry, open_server


@pytest.fixture
def kobo() -> Iterator[KoboForms]:
    with open_server("kobo") as server:
        assert isinstance(server, KoboForms)
        yield server


@pytest.fixture
def site(make_site: Callable[..., Site], kobo: KoboForms, monkeypatch: pytest.MonkeyPatch) -> Site:
    hurry(monkeypatch)
    return make_site(public_url=PUBLIC, private_hosts=(kobo.host,))


@pytest.fixture
def press(site: Site, kobo: KoboForms) -> Iterator[Press]:
    """Hands at the same database, with a version and a connection."""
    with Press(site.settings, kobo) as made:
        made.put_version()
        made.connect()
        yield made


def place(press: Press) -> str:
    with press.hands.sessions() as session:
        return str(session.scalars(text("SELECT id FROM connections")).one())


def read(site: Site, *roles: Role) -> str:
    answer = site.logged_in(*roles).read("/forms/obs/releases")
    assert answer.status_code == 200
    return str(answer.text)


@pytest.mark.parametrize("role", [Role.ENUMERATOR, Role.MONITOR, Role.DPO])
def test_who_may_not_release_does_not_see_where_forms_go(site: Site, press: Press, role: Role) -> None:
    service = site.service("SAFE-NORTH") if role is Role.MONITOR else None
    visitor = site.logged_in(role, service=service)
    assert visitor.read("/forms/obs/releases").status_code == 403
    assert visitor.send("/forms/obs/releases", place=place(press)).status_code == 403
    assert press.server.base not in visitor.read("/forms").text


def test_a_form_that_nobody_would_answer_for_is_refused_with_the_reason(site: Site, press: Press) -> None:
    visitor = site.logged_in(Role.IMO)
    answer = visitor.send("/forms/obs/releases", place=place(press), hook="yes")
    assert answer.status_code == 422
    assert "Nobody takes what it may find" in answer.text
    with press.hands.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM releases")) == 0


@pytest.mark.parametrize("wrong", ["", "nowhere", "00000000-0000-0000-0000-000000000000", "<b>x</b>"])
def test_a_place_that_is_none_is_refused_without_echo(site: Site, press: Press, wrong: str) -> None:
    press.serve()
    visitor = site.logged_in(Role.IMO)
    answer = visitor.send("/forms/obs/releases", place=wrong)
    assert answer.status_code == 422
    assert "<b>x</b>" not in answer.text
    assert visitor.read("/forms/unknown/releases").status_code == 404


def test_the_button_asks_the_worker_brings_it_and_the_page_tells_how_far_it_is(site: Site, press: Press) -> None:
    press.serve()
    visitor = site.logged_in(Role.IMO)
    answer = visitor.send("/forms/obs/releases", place=place(press), hook="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/forms/obs/releases?asked=server")
    page = visitor.read("/forms/obs/releases?asked=server")
    assert page.headers["Refresh"] == "5"
    assert "<progress" in page.text
    press.work()
    page = visitor.read("/forms/obs/releases")
    assert "Refresh" not in page.headers
    assert "Released" in page.text
    assert freeze().version.version in page.text


def test_our_own_phones_are_told_as_a_place_where_it_is(site: Site, press: Press) -> None:
    press.serve()
    visitor = site.logged_in(Role.IMO)
    assert "Not released to any server yet." in visitor.read("/forms/obs/releases").text
    assert visitor.send("/forms/obs/releases", place="phones").status_code == 303
    page = visitor.read("/forms/obs/releases").text
    assert "Our own phones ·" in page
    assert f'<b>Released</b> <bdi dir="ltr">{freeze().version.version}</bdi>' in page
    assert "Not released to any server yet." not in page
    listed = visitor.read("/forms").text
    assert f'Our own phones · Released <bdi dir="ltr">{freeze().version.version}</bdi>' in listed
    assert "Our own phones" not in site.logged_in(Role.DPO, mail="dpo@example.org").read("/forms").text


def test_a_form_in_the_list_shows_three_actions_and_the_others_behind_one_word(site: Site, press: Press) -> None:
    page = site.logged_in(Role.IMO).read("/forms").text
    row = page.partition('<li class="row">')[2].partition("</details>")[0]
    seen, _, folded = row.partition("<details>")
    assert [read_text(f"<a {one}") for one in seen.split("<a ")[1:]] == ["How it reads", "Lints", "Releases"]
    assert folded.count('class="button"') >= 4
    assert "XLSForm" in folded


def test_what_a_server_says_is_shown_as_text_and_never_as_markup(site: Site, press: Press, kobo: KoboForms) -> None:
    press.serve()
    kobo.deploy_error = 'bad <script>alert(1)</script> "&<img src=x onerror=alert(2)>'
    press.ask(UUID(place(press)))
    press.work()
    page = read(site, Role.IMO)
    assert "<script>" not in page
    assert "<img src=x" not in page
    assert "The server says:" in page


def test_what_differs_at_the_server_is_said(site: Site, press: Press, kobo: KoboForms) -> None:
    press.serve()
    press.ask(UUID(place(press)))
    press.work()
    asset = next(iter(kobo.assets.values()))
    asset.hooks["h9"] = {"uid": "h9", "endpoint": "https://collector.example/tap", "active": True}
    visitor = site.logged_in(Role.ADMIN)
    assert visitor.send("/forms/obs/releases/check").status_code == 303
    press.work()
    page = visitor.read("/forms/obs/releases").text
    assert "submissions are posted to somebody else too" in page
    assert "collector.example" in page
    assert "/tap" not in page
    listed = visitor.read("/forms").text
    assert "not as released" in listed
    assert "Kobo" in listed


def test_the_words_of_the_pages_are_those_of_the_commands() -> None:
    assert {code: str(word) for code, word in words.STEPS.items()} == {step.value: word for step, word in STEPS.items()}
    assert {code: (str(a), str(b)) for code, (a, b) in words.REASONS.items()} == REASONS
    assert {code: str(word) for code, word in words.FINDINGS.items()} == FINDINGS
    assert words.RELEASE_STATES.keys() == set(State)


@pytest.mark.browser
@pytest.mark.parametrize(("size", "language"), [(PHONE, "en"), (PHONE, "ar"), (DESKTOP, "fr")])
def test_the_page_fits_its_window_and_can_be_used_without_script(
    site: Site, press: Press, kobo: KoboForms, size: tuple[int, int], language: str
) -> None:
    press.serve()
    press.ask(UUID(place(press)))
    press.work()
    next(iter(kobo.assets.values())).hooks["h9"] = {"uid": "h9", "endpoint": "https://collector.example/tap"}
    site.member(Role.IMO)
    site.settings.home.mkdir(parents=True, exist_ok=True)
    with (
        site.served() as url,
        open_browser() as browser,
        open_window(browser, url, size=size, language=language, has_script=False) as window,
    ):
        window.log_in("amal@example.org", PASSWORD)
        window.go("/forms")
        window.page.locator("a[href$='/obs/releases']").click()
        window.page.locator("form[action$='/releases/check'] button").click()
        press.work()
        press.put_version(2)
        window.go("/forms/obs/releases")
        window.page.locator(f"input[value='{place(press)}']").check()
        window.page.locator("section form button").click()
        assert window.page.locator("progress").count() == 1
        assert window.overflow() <= 0
        assert window.small_targets() == []
        assert window.complaints == []
