"""Drift: a server that no longer holds what was released, or posts to somebody else, is found without touching it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import event, select, text

from pimcollect.actions.server_releases import check_releases
from pimcollect.config import Settings
from pimcollect.domain.releases import State
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import RELEASES
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.releases import find_due_releases, find_releases
from tests.factories.releases import Press
from tests.reenacted.central_forms import CentralForms
from tests.reenacted.kobo_forms import KoboForms
from tests.reenacted.ona_forms import OnaForms
from tests.reenacted.server import Reply
from tests.workers.releasing import hurry, open_server
from workers.sweep import open_clock, sweep


@pytest.fixture(params=["kobo", "central", "ona"])
def press(settings: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Press]:
    """A server that holds a release."""
    hurry(monkeypatch)
    with open_server(request.param) as server, Press(settings, server) as made:
        made.serve()
        made.put_version()
        made.ask(made.connect())
        made.work()
        server.asked.clear()
        yield made


def check(press: Press) -> list[tuple[str, str]]:
    """Look now; what was found."""
    with press.hands.sessions.begin() as session:
        check_releases(session, COMMAND_LINE, "obs")
    press.work()
    with press.hands.sessions() as session:
        [row] = find_releases(session, form="obs")
    assert row["checked_at"] is not None
    return list(row["findings"])


def edit(press: Press) -> None:
    """Somebody changes the form that is in use there."""
    server = press.server
    if isinstance(server, KoboForms):
        asset = next(iter(server.assets.values()))
        asset.content["survey"][3]["label"] = "Say yes"
        asset.version_id = asset.deployed_version_id = "vOther"
    elif isinstance(server, CentralForms):
        server.edit_draft("obs", "by hand")
        server.forms["obs"].live, server.forms["obs"].draft = server.forms["obs"].draft, None
    elif isinstance(server, OnaForms):
        next(iter(server.forms.values())).hash = "other"


def test_a_server_that_holds_what_was_released_is_found_so_by_looks_alone(press: Press) -> None:
    assert check(press) == []
    assert {one.method for one in press.server.asked if one.path != "/v1/sessions"} == {"GET"}


def test_a_form_that_was_changed_there_is_found_told_once_and_mended_by_a_release(press: Press) -> None:
    edit(press)
    assert ("form_changed", "") in check(press)
    assert ("form_changed", "") in check(press)
    with press.hands.sessions() as session:
        told = session.scalars(select(JournalRow.action).where(JournalRow.noun == "releases")).all()
        [row] = find_releases(session, form="obs")
    assert told.count("drift") == 1
    if press.kind != "central":  # which takes no version twice
        release = press.ask(row["connection"])
        press.work()
        assert press.look(release).state == State.DONE
        assert check(press) == []


def test_a_hook_of_a_stranger_is_found(press: Press) -> None:
    stranger = "https://collector.example/taps?key=1"
    if isinstance(press.server, KoboForms):
        next(iter(press.server.assets.values())).hooks["h9"] = {"uid": "h9", "endpoint": stranger, "active": True}
    elif isinstance(press.server, OnaForms):
        form = next(iter(press.server.forms.values()))
        form.hooks[9] = {"id": 9, "xform": form.id, "service_url": stranger, "name": "json"}
    else:
        return  # Central posts to nobody
    assert check(press) == [("hook_of_others", "collector.example")]


def test_a_form_that_is_gone_or_a_server_that_is_away_is_no_reason_to_stop_the_release(press: Press) -> None:
    press.server.trouble(*[Reply(503)] * 5)
    with press.hands.sessions.begin() as session:
        [release] = check_releases(session, COMMAND_LINE, "obs")
    press.work()
    assert (press.look(release).state, press.look(release).checked_at) == (State.DONE, None)
    for held in ("assets", "forms"):
        getattr(press.server, held, {}).clear()
    assert check(press) == [("form_gone", "")]
    assert press.look(release).state == State.DONE


def test_it_is_looked_at_again_by_itself_after_a_day(press: Press) -> None:
    assert due(press) == []
    with press.hands.sessions.begin() as session:
        session.execute(text("UPDATE releases SET next_at = next_at - interval '25 hours'"))
    assert len(due(press)) == 1
    press.work()
    assert due(press) == []


def test_the_sweep_rings_for_what_waits(press: Press) -> None:
    clock = open_clock(press.settings)
    clock.is_roll_call()
    try:
        sweep(clock)
        assert clock.bell.depth(RELEASES) == 0
        press.put_version(2)
        with press.hands.sessions() as session:
            [row] = find_releases(session)
        press.ask(row["connection"])
        sweep(clock)
        assert clock.bell.depth(RELEASES) == 1
    finally:
        clock.engine.dispose()


def test_many_releases_are_told_in_one_query(press: Press) -> None:
    asked: list[str] = []
    with press.hands.sessions() as session:
        event.listen(press.hands.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        find_releases(session)
        find_due_releases(session)
    assert len(asked) == 2


def due(press: Press) -> list[UUID]:
    with press.hands.sessions() as session:
        return find_due_releases(session)
