"""Releases: form, files and hook at the server, refusals in plain words, and a look whether they are still there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pimcollect.config import Settings
from pimcollect.domain.releases import State
from tests.factories.releases import Press, freeze
from tests.reenacted.server import ReenactedServer
from tests.workers.releasing import SERVERS, hurry, open_server, see, whole


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[ReenactedServer]:
    with open_server(request.param) as made:
        yield made


@pytest.fixture
def press(settings: Settings, server: ReenactedServer) -> Iterator[Press]:
    with Press(settings, server) as made:
        made.serve()
        yield made


def test_a_release_brings_form_files_and_hook_and_is_done_when_the_server_shows_them(press: Press) -> None:
    press.put_version()
    connection = press.connect()
    release = press.ask(connection)
    assert press.work() == 1
    row = press.look(release)
    assert (row.state, row.reason, row.words) == (State.DONE, None, None)
    assert see(press.server) == whole(press)
    assert press.find_there(connection)
    assert row.original is not None
    assert row.original["version"] == freeze().version.version


def test_a_second_version_takes_the_place_of_the_first_in_the_same_form_with_the_same_hook(press: Press) -> None:
    press.put_version(1)
    connection = press.connect()
    first = press.ask(connection)
    press.work()
    press.put_version(2)
    second = press.ask(connection)
    press.work()
    assert (press.look(first).state, press.look(second).state) == (State.DONE, State.DONE)
    assert first != second
    assert see(press.server) == whole(press, 2)


def test_asked_again_it_is_the_same_release_and_changes_nothing_there(press: Press) -> None:
    press.put_version()
    connection = press.connect()
    release = press.ask(connection)
    press.work()
    before = see(press.server)
    assert press.ask(connection) == release
    press.server.asked.clear()
    press.work()
    assert press.look(release).state == State.DONE
    assert see(press.server) == before
    assert {one.method for one in press.server.asked if one.path != "/v1/sessions"} == {"GET"}
