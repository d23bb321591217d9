"""The page of doors: what came, what was refused and what to do; a new secret is shown once and stored nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select, text

from pimcollect.actions.connections import connect_server
from pimcollect.actions.hooks import OpenedHook, close_hook, open_hook
from pimcollect.actions.phones import add_phone
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE, Role
from pimcollect.tables.connections import ConnectionRow
from pimcollect.tables.entries import EntryRow
from pimcollect.tables.forms import FormRow, FormVersionRow, HookRow
from pimcollect.vault import hash_secret, read_door_keys
from tests.web.browser import DESKTOP, PHONE, open_browser, open_window
from tests.web.site import PASSWORD, Site
from tests.web.test_browser import check
from tests.web.test_pages import put_held
from webhooks.hooks import SECRET_HEADER

IMO = "imo@example.org"


def put_hook(site: Site, server: str = "kobo") -> OpenedHook:
    with site.desk.hands.sessions.begin() as session:
        session.merge(FormRow(id="hh", title="Household"))
        session.add(FormVersionRow(form="hh", version="1", sha256=uuid4().hex, document={}, xlsx=b"", xform=""))
        session.flush()
        return open_hook(session, COMMAND_LINE, server=server, form="hh")


def put_mapped(site: Site, *, has_values: bool = False) -> OpenedHook:
    mapping: dict[str, Any] = {
        "answers": "payload/answers",
        "instance_id": "payload/id",
        "fields": {"agreed": "con/con_interview"},
    }
    mapping |= {"values": {"agreed": {"ja": "yes"}}} if has_values else {}
    with site.desk.hands.sessions.begin() as session:
        session.merge(FormRow(id="other", title="Another sender's"))
        session.flush()
        return open_hook(session, COMMAND_LINE, server="mapped", form="other", mapping=mapping)


def put_everything(site: Site) -> OpenedHook:
    """Hooks, a phone, a failing connection and something that is held."""
    put_held(site)
    broken = put_held(site, "unreadable")
    with site.desk.hands.sessions.begin() as session:
        session.get_one(EntryRow, broken.id).fault = "several"
        session.get_one(HookRow, broken.hook).note = "Ministry, gateway of the north"
    hook = put_hook(site)
    put_hook(site, "ona")
    put_mapped(site)
    with site.desk.hands.sessions.begin() as session:
        close_hook(session, COMMAND_LINE, put_hook(site, "central").id)
    keys = read_door_keys(site.settings.door_keys)
    with site.desk.hands.sessions.begin() as session:
        session.execute(text("UPDATE hooks SET arrived = 7, arrived_at = now()"))
        because = (
            "CASE WHEN closed_at IS NOT NULL THEN 'closed' WHEN server = 'ona' THEN 'network' ELSE 'wrong_secret' END"
        )
        session.execute(text(f"INSERT INTO hook_refusals SELECT id, {because}, 2, now() FROM hooks"))
        session.execute(text("INSERT INTO hook_refusals SELECT id, 'too_large', 1, now() FROM hooks"))
        session.get_one(HookRow, hook.id).unasked = 3
        session.execute(text("UPDATE hooks SET networks = '[\"203.0.113.0/24\"]' WHERE server = 'ona'"))
        add_phone(session, COMMAND_LINE, kind=PhoneKind.ACCOUNT, name="team-north", keys=keys)
        there = {"base": "https://odk.example.org", "there": "1/hh", "user": "m@example.org", "secret": "s"}
        connect_server(session, COMMAND_LINE, keys=keys, server="central", form="hh", **there)
        session.execute(text("UPDATE connections SET failures = 3, reason = 'refused', tried_at = now()"))
        kobo = {"base": "https://kf.kobotoolbox.org", "there": "aUid", "user": "", "secret": "s"}
        row = connect_server(session, COMMAND_LINE, keys=keys, server="kobo", form="hh", **kobo)
        session.refresh(row)
        row.cursor, row.pulled_at, row.count_there = {"history": {"state": "not_allowed"}}, row.opened_at, 0
    return hook


def test_a_monitor_sees_no_doors_and_opens_none(site: Site) -> None:
    hook = put_hook(site)
    visitor = site.monitor()
    assert visitor.read("/doors").status_code == 403
    for path in ("/doors/hooks", f"/doors/hooks/{hook.id}/rotate", f"/doors/hooks/{hook.id}/close"):
        answer = visitor.client.post(path, data={"csrf_token": visitor.token("/account/password")})
        assert answer.status_code == 403
    assert site.desk.read(HookRow, id=hook.id).revision == 1


def test_every_door_tells_what_came_what_is_wrong_and_what_to_do(site: Site) -> None:
    put_everything(site)
    page = site.logged_in(Role.IMO).read("/doors").text
    for said in (
        "KoboToolbox",
        "7 came in",
        "2 refused",
        "1 refused",
        "The delivery was too large.",
        "The last 3 carried no consent question",
        "from a network that is not allowed",
        "It is closed, and somebody still posts there.",
        "Is the secret at the server the newest one?",
        "203.0.113.0/24",
        "team-north",
        "ODK Central",
        "Make a new one there, close this connection, then connect again.",
        "The version of the form that asked is not known here.",
        "Build or adopt that version, then try again.",
    ):
        assert said in page, said
    assert "Silverleaf" not in page


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_a_connection_tells_whether_the_project_history_is_read_and_a_name_that_leads_nowhere(
    site: Site, language: str
) -> None:
    put_everything(site)
    visitor = site.logged_in(Role.IMO)
    told: dict[str | None, str] = {
        "read": "history is read",
        "not_allowed": "may not read",
        "in_trouble": "could not be read",
        None: "",
    }
    seen = set()
    for state, words in told.items():
        with site.desk.hands.sessions.begin() as session:
            row = session.scalars(select(ConnectionRow).where(ConnectionRow.server == "central")).one()
            row.failures, row.reason = (0, None) if state else (1, "unknown_name")
            row.cursor = {"history": {"state": state or "read"}}
        page = visitor.client.get("/doors", headers={"Accept-Language": language}).text
        _, _, part = page.partition('id="servers"')
        part, _, _ = part.partition("</section>")
        assert "https://odk.example.org" in part
        assert language != "en" or (words in part and ("no host of this name" in part) == (state is None))
        seen.add(part)
    assert len(seen) == len(told)


def send(site: Site, path: str, data: dict[str, str] | None = None) -> str:
    visitor = site.logged_in(Role.ADMIN, mail=f"{uuid4().hex}@example.org")
    answer = visitor.client.post(path, data={**(data or {}), "csrf_token": visitor.token("/doors")})
    assert answer.status_code in (200, 303), answer.status_code
    return answer.text


def asked(server: str) -> dict[str, str]:
    return {"server": server, "form": "hh", "opening": str(uuid4())}


@pytest.mark.parametrize("times", [2, 3])
def test_a_form_that_is_sent_twice_opens_one_hook_and_makes_one_secret(site: Site, times: int) -> None:
    hook = put_hook(site)
    visitor = site.logged_in(Role.ADMIN)
    rotation = (f"/doors/hooks/{hook.id}/rotate", {"revision": "1"})
    for path, fields in (("/doors/hooks", asked("kobo")), rotation):
        answers = [
            visitor.client.post(path, data={**fields, "csrf_token": visitor.token("/doors")}) for _ in range(times)
        ]
        assert [one.status_code for one in answers] == [200] + [303] * (times - 1)
        assert "This was done already" in visitor.read(answers[-1].location).text
    assert site.desk.read(HookRow, id=hook.id).revision == 2
    with site.desk.hands.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM hooks")) == 2
    for path, fields in (("/doors/hooks", {"server": "kobo", "form": "hh"}), (rotation[0], {})):
        answer = visitor.client.post(path, data={**fields, "csrf_token": visitor.token("/doors")})
        assert "done=once" in answer.location


def test_the_forms_of_the_page_carry_what_makes_them_count_once(site: Site) -> None:
    hook = put_hook(site)
    page = site.logged_in(Role.IMO).read("/doors").text
    assert re.search(rf'/doors/hooks/{hook.id}/rotate".*?name="revision" value="1"', page)
    assert re.search(r'name="opening" value="[0-9a-f-]{36}"', page)
    assert f"/webhooks/{hook.key[:8]}…" in page
    assert hook.key[8:] not in page


def test_an_address_says_where_it_is_entered_and_when_nobody_reaches_it(site: Site) -> None:
    put_hook(site)
    for server, place in (("kobo", "REST services"), ("ona", "Webhook"), ("odk", "To be entered at the sender.")):
        page = send(site, "/doors/hooks", asked(server))
        assert place in page
        assert "must reach the address below" in page
    site.app.config["PUBLIC_URL"] = "https://collect.example.org"
    assert "must reach the address below" not in send(site, "/doors/hooks", asked("kobo"))


def test_what_was_asked_for_is_said_when_the_page_comes_back(site: Site) -> None:
    put_everything(site)
    entry = put_held(site)
    visitor = site.logged_in(Role.ADMIN)
    for path, fields, said in (
        ("/doors/servers/fetch", {"form": "hh"}, "it is being fetched now"),
        (f"/inbox/{entry.id}/replay", {}, "It is tried again now."),
    ):
        answer = visitor.client.post(path, data={**fields, "csrf_token": visitor.token("/doors")})
        assert said in visitor.read(answer.location).text
    assert "notice good" not in visitor.read("/doors?done=nothing").text


def test_a_hook_that_is_not_enough_alone_says_why_and_what_comes_next(site: Site) -> None:
    put_hook(site)
    page = send(site, "/doors/hooks", asked("central"))
    assert "only a hint" in page
    assert "--form hh --there PROJECT/FORM" in page
    assert "Not enough alone" not in send(site, "/doors/hooks", asked("kobo"))


@pytest.mark.parametrize(("server", "header"), [("kobo", SECRET_HEADER), ("central", "X-API-Key"), ("ona", "")])
def test_an_opened_address_is_shown_once_with_its_secret_and_works(site: Site, server: str, header: str) -> None:
    put_hook(site)
    page = send(site, "/doors/hooks", asked(server))
    (path,) = re.findall(r"http://localhost(/webhooks/[\w.-]+)", page)
    secret = re.findall(rf"{header}: ([\w-]+)", page)[0] if header else path.rpartition(".")[2]
    hook = site.desk.read(HookRow, server=server) if server != "kobo" else None
    if hook is not None:
        assert hook.secrets == [hash_secret(secret)]
    headers = {header: secret} if header else {}
    assert site.app.test_client().post(path, data=b"{}", headers=headers).status_code == 202
    assert secret not in site.logged_in(Role.IMO).read("/doors").text


def test_a_rotated_hook_shows_its_new_secret_and_a_closed_one_is_gone(site: Site) -> None:
    hook = put_hook(site)
    page = send(site, f"/doors/hooks/{hook.id}/rotate", {"revision": "1"})
    assert "It is shown this once" in page
    assert "works until the next" in page
    send(site, f"/doors/hooks/{hook.id}/close")
    assert site.desk.read(HookRow, id=hook.id).closed_at is not None
    assert hook.secret not in page
    page = site.logged_in(Role.IMO).read("/doors").text
    _open, closed = page.split("Closed addresses (1)")
    assert (str(hook.id) in _open, str(hook.id) in closed) == (False, True)
    assert re.search(r"Ended \d+ \w+ \d{4}, \d\d:\d\d UTC, by Amal Practice\.", closed)
    assert f"/doors/hooks/{hook.id}/" not in page


@pytest.mark.parametrize("has_values", [False, True])
def test_a_sender_of_its_own_kind_stands_among_the_others_with_how_it_is_read(site: Site, *, has_values: bool) -> None:
    put_hook(site)
    mapped = put_mapped(site, has_values=has_values)
    page = site.logged_in(Role.IMO).read("/doors").text
    for said in ("Another sender", str(mapped.id), "How its deliveries are read", "payload/id", "con/con_interview"):
        assert said in page, said
    assert ("agreed = ja" in page) == has_values
    assert mapped.key not in page


def test_what_becomes_of_the_secret_and_of_the_code_before_is_said_where_another_is_made(site: Site) -> None:
    put_everything(site)
    page = site.logged_in(Role.IMO).read("/doors").text
    for button, said in (
        ("Make a new secret", "if somebody may have seen it, make two."),
        ("Make a new code", "ends at once"),
    ):
        assert said in page.partition(f"<summary>{button}</summary>")[2].partition("</details>")[0]


def test_what_is_not_offered_is_not_opened(site: Site) -> None:
    put_hook(site)
    visitor = site.logged_in(Role.ADMIN)
    for data in ({"server": "mapped", "form": "hh"}, {"server": "kobo", "form": "none"}, {}):
        answer = visitor.client.post(
            "/doors/hooks", data={"opening": str(uuid4()), **data, "csrf_token": visitor.token("/doors")}
        )
        assert answer.status_code == 404
    with site.desk.hands.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM hooks")) == 1


def test_each_door_says_how_much_of_its_own_is_held_and_leads_there(site: Site) -> None:
    put_everything(site)
    held = put_held(site)
    with site.desk.hands.sessions.begin() as session:
        session.get_one(HookRow, held.hook).note = "The ministry's gateway"
    others = [put_held(site) for _ in range(3)]
    with site.desk.hands.sessions.begin() as session:
        keys = read_door_keys(site.settings.door_keys)
        phone = add_phone(session, COMMAND_LINE, kind=PhoneKind.ACCOUNT, name="enum-07", keys=keys)
        for entry, via in zip(others, ("pull", "phone", "phone"), strict=True):
            row = session.get_one(EntryRow, entry.id)
            row.hook, row.via = None, via
            row.phone = phone.id if via == "phone" else None
    visitor = site.logged_in(Role.IMO)
    page = visitor.read("/doors").text
    assert "The ministry&#39;s gateway" in page
    for query, count, shown, said in (
        (f"hook={held.hook}", 1, [held], "Posted by KoboToolbox · <bdi>The ministry&#39;s gateway</bdi>"),
        ("via=pull&amp;form=hh", 1, others[:1], "Fetched from KoboToolbox"),
        ("via=phone", 2, others[1:], "Sent by the phone enum-07."),
    ):
        assert f'href="/inbox?{query}">{count} held</a>' in page
        listed = visitor.read(f"/inbox?{query}".replace("&amp;", "&")).text
        assert [str(one.id) in listed for one in (held, *others)] == [one in shown for one in (held, *others)]
        assert said in listed
        assert "Show all that is held" in listed
    for odd in ("hook=none", "form=%00", "via=%00"):
        assert visitor.read(f"/inbox?{odd}").status_code == 200
    assert "Show all that is held" not in visitor.read("/inbox").text


def test_what_is_held_is_discarded_from_the_page(site: Site) -> None:
    entry = put_held(site)
    send(site, f"/inbox/{entry.id}/discard")
    row = site.desk.read(EntryRow, id=entry.id)
    assert (row.state, row.reason, row.body) == ("settled", "discarded", None)
    assert isinstance(row.id, UUID)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.mark.browser
@pytest.mark.parametrize(("size", "language"), [("phone", "ar"), ("phone", "en"), ("desktop", "fr")])
def test_the_page_of_doors_fits_every_window(site: Site, chromium: Browser, size: str, language: str) -> None:
    hook = put_everything(site)
    site.member(Role.IMO, mail=IMO)
    pixels = PHONE if size == "phone" else DESKTOP
    with site.served() as url, open_window(chromium, url, size=pixels, language=language) as window:
        window.log_in(IMO, PASSWORD)
        window.go("/doors")
        check(window, f"doors-{size}-{language}")
        window.page.locator("a[href^='/inbox?hook=']").first.click()
        window.page.wait_for_url("**/inbox?hook=*")
        check(window, f"held-{size}-{language}")
        window.go("/doors")
        form = window.page.locator(f"form[action='/doors/hooks/{hook.id}/rotate']")
        window.page.locator("details", has=form).locator("summary").click()
        form.locator("button").click()
        window.page.wait_for_selector("dl")
        check(window, f"secret-{size}-{language}")


def test_a_text_that_no_database_keeps_is_refused_and_no_error_of_ours(site: Site) -> None:
    put_hook(site)
    visitor = site.logged_in(Role.ADMIN)
    data = {**asked("kobo"), "form": "hh\0", "csrf_token": visitor.token("/doors")}
    assert visitor.client.post("/doors/hooks", data=data).status_code == 400
    assert visitor.client.get("/bank/a%00").status_code in (400, 404)
