"""Asking for a release: who may, what is refused before anything is called, and one hook for one connection."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from pimcollect.actions.hooks import close_hook, rotate_hook
from pimcollect.actions.server_releases import Wish, check_releases, release_version
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import HookRow
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.releases import RegisteredHookRow, ReleaseRow
from tests.factories.releases import PUBLIC, Press
from tests.reenacted.central_forms import CentralForms
from tests.reenacted.kobo_forms import KoboForms
from tests.reenacted.ona_forms import OnaForms
from tests.web.site import open_site

IMO = Actor("m", frozenset({Role.IMO}))


@pytest.fixture
def press(settings: Settings) -> Iterator[Press]:
    """Kobo, which nobody calls here."""
    with KoboForms().listen() as server, Press(settings, server) as made:
        made.serve()
        made.put_version()
        yield made


def refused(press: Press, wish: Wish, *, actor: Actor = IMO, public_url: str = PUBLIC) -> PimError:
    with press.hands.sessions() as session:
        with pytest.raises(PimError) as error:
            release_version(session, actor, wish, keys=press.door, public_url=public_url)
        session.rollback()
    with press.hands.sessions() as session:
        assert session.scalar(select(func.count()).select_from(ReleaseRow)) == 0
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize("role", [Role.ENUMERATOR, Role.MONITOR, Role.DPO])
def test_only_the_desk_releases_and_looks(press: Press, role: Role) -> None:
    other = Actor("x", frozenset({role}))
    error = refused(press, Wish("obs", press.connect()), actor=other)
    assert error.code == ErrorCode.NOT_ALLOWED
    with press.hands.sessions() as session, pytest.raises(PimError):
        check_releases(session, other, "obs")


def test_what_is_not_there_is_said(press: Press) -> None:
    assert refused(press, Wish("obs", uuid4())).code == ErrorCode.NOT_FOUND
    error = refused(press, Wish("obs_test", press.connect()))
    assert error.code == ErrorCode.NOT_FOUND
    assert "forms build obs --field-test" in error.remedy
    with press.hands.sessions() as session, pytest.raises(PimError) as caught:
        check_releases(session, IMO, "obs")
    assert caught.value.code == ErrorCode.NOT_FOUND


def test_a_field_test_never_goes_into_the_place_of_the_real_form(press: Press) -> None:
    press.put_version(2, form="obs_test")
    error = refused(press, Wish("obs_test", press.connect()))
    assert error.code == ErrorCode.NOT_POSSIBLE_NOW
    assert "servers connect --form obs_test" in error.remedy


def test_a_form_that_nobody_would_answer_for_is_refused_before_any_call(press: Press) -> None:
    with press.hands.sessions.begin() as session:
        session.execute(text("UPDATE services SET is_suspended = true"))
    error = refused(press, Wish("obs", press.connect()))
    assert error.code == ErrorCode.NOT_POSSIBLE_NOW
    assert "no working service on" in error.message
    assert press.server.asked == []


@pytest.mark.parametrize("public_url", ["", "ftp://x"])
def test_a_server_that_could_not_reach_us_is_told_of_no_hook(press: Press, public_url: str) -> None:
    connection = press.connect()
    with press.hands.sessions.begin() as session:
        session.execute(text("UPDATE connections SET base = 'https://kf.example.org'"))
    assert refused(press, Wish("obs", connection), public_url=public_url).code == ErrorCode.BAD_SETTING
    with press.hands.sessions.begin() as session:
        release_version(session, IMO, Wish("obs", connection, has_hook=False), keys=press.door, public_url=public_url)
        assert session.scalar(select(func.count()).select_from(HookRow)) == 0


def test_one_connection_has_one_hook_however_often_it_is_asked(press: Press) -> None:
    connection = press.connect()
    for _ in range(3):
        press.ask(connection)
    with press.hands.sessions() as session:
        [registered] = session.scalars(select(RegisteredHookRow)).all()
        [hook] = session.scalars(select(HookRow)).all()
        assert (registered.hook, hook.secrets) == (hook.id, [registered.sha256])
        acts = session.scalars(select(JournalRow.action).where(JournalRow.noun == "releases")).all()
        assert acts == ["ask_release"] * 3
        assert hook.secrets[0].encode() not in registered.sealed


def test_a_closed_hook_is_followed_by_a_new_one_and_a_lost_secret_by_a_new_secret(press: Press) -> None:
    connection = press.connect()
    press.ask(connection)
    with press.hands.sessions.begin() as session:
        first = session.scalars(select(RegisteredHookRow)).one()
        hook, sealed = first.hook, first.sealed
        rotate_hook(session, COMMAND_LINE, hook)  # the registered secret is still one of two
    press.ask(connection)
    with press.hands.sessions.begin() as session:
        assert session.scalars(select(RegisteredHookRow)).one().sealed == sealed
        rotate_hook(session, COMMAND_LINE, hook)  # now it is none of them
    press.ask(connection)
    with press.hands.sessions.begin() as session:
        again = session.scalars(select(RegisteredHookRow)).one()
        assert (again.hook, again.sealed == sealed) == (hook, False)
        close_hook(session, COMMAND_LINE, hook)
    press.ask(connection)
    with press.hands.sessions() as session:
        assert session.scalars(select(RegisteredHookRow)).one().hook != hook


def test_central_is_connected_by_project_and_form(settings: Settings) -> None:
    with CentralForms().listen() as server, Press(settings, server) as press:
        press.serve()
        press.put_version()
        error = refused(press, Wish("obs", press.connect(there="3/other")))
        assert error.code == ErrorCode.NOT_POSSIBLE_NOW
        assert "--there PROJECT/obs" in error.remedy


def test_onas_hook_carries_its_secret_in_the_address(settings: Settings) -> None:
    with OnaForms().listen() as server, Press(settings, server) as press:
        press.serve()
        press.put_version()
        press.ask(press.connect())
        press.work()
        [form] = server.forms.values()
        [hook] = form.hooks.values()
        key, _, secret = hook["service_url"].removeprefix(f"{PUBLIC}/webhooks/").partition(".")
        assert key
        assert len(secret) > 32
        with press.hands.sessions() as session:
            assert session.scalars(select(HookRow)).one().is_secret_in_address
        path = hook["service_url"].removeprefix(PUBLIC)
        assert knock(press, path) == 202
        assert knock(press, path.partition(".")[0]) == 401


def test_what_the_server_was_told_is_what_the_door_lets_in(press: Press) -> None:
    press.ask(press.connect())
    press.work()
    assert isinstance(press.server, KoboForms)
    [hook] = next(iter(press.server.assets.values())).hooks.values()
    path = hook["endpoint"].removeprefix(PUBLIC)
    assert knock(press, path, **hook["settings"]["custom_headers"]) == 202
    assert knock(press, path) == 401


def knock(press: Press, path: str, **headers: str) -> int:
    """What our own door answers a server that posts there."""
    site = open_site(press.settings)
    try:
        return site.app.test_client().post(path, json={}, headers=headers).status_code
    finally:
        site.close()
