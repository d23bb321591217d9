"""The commands of a release: they ask, watch and tell; and the QR code is what Collect reads."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text

from pimcollect.cli.form_qr import find_collect_address
from pimcollect.cli.form_releases import say_progress
from pimcollect.config import Settings
from pimcollect.domain.collect_settings import unpack_settings
from pimcollect.domain.version import write_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import FormVersionRow
from pimcollect.tables.releases import find_releases
from tests.factories.releases import PUBLIC, Press, freeze
from tests.reenacted.central_forms import CentralForms
from tests.reenacted.kobo_forms import KoboForms
from tests.workers.releasing import hurry, open_server, see, whole

Run = Callable[..., Result]


@pytest.fixture
def opened(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Press]]:
    hurry(monkeypatch)
    monkeypatch.setenv("PIMCOLLECT_URL", PUBLIC)

    @contextmanager
    def make(kind: str) -> Iterator[Press]:
        with open_server(kind) as server, Press(settings, server) as press:
            monkeypatch.setenv("PIMCOLLECT_PRIVATE_HOSTS", server.host)
            press.serve()
            press.put_version()
            yield press

    stack: list[Any] = []

    def enter(kind: str) -> Press:
        stack.append(make(kind))
        return stack[-1].__enter__()  # type: ignore[no-any-return]

    yield enter
    for one in stack:
        one.__exit__(None, None, None)


@contextmanager
def working(press: Press) -> Iterator[None]:
    """The worker beside the command."""
    stop = threading.Event()
    press.work()  # shows that it lives

    def work() -> None:
        while not stop.wait(0.05):
            press.work()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_release_is_watched_to_its_end_and_told_in_the_list(
    opened: Callable[[str], Press], run: Run, read: Callable[..., Any]
) -> None:
    press = opened("kobo")
    connection = press.connect()
    with working(press):
        result = run("forms", "release", "obs", "--to", str(connection))
    assert result.exit_code == 0
    assert f"obs {freeze().version.version} at {press.server.base}: released" in result.output
    assert see(press.server) == whole(press)
    [row] = read("forms", "list")
    assert row["releases"][0]["state"] == "done"
    assert "released" in run("forms", "list").output


def test_without_a_worker_it_says_so_and_leaves_it_for_later(opened: Callable[[str], Press], run: Run) -> None:
    press = opened("kobo")
    connection = press.connect()
    result = run("forms", "release", "obs", "--to", str(connection))
    assert result.exit_code == 0
    assert "No worker is there" in result.output
    assert "on its way" in result.output
    press.work()
    assert see(press.server) == whole(press)


def test_one_that_stops_ends_with_status_1_and_says_what_to_do(opened: Callable[[str], Press], run: Run) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    press.server.deploy_error = "[row : 7] no such function: pulldat"
    connection = press.connect()
    with working(press):
        result = run("forms", "release", "obs", "--to", str(connection))
    assert result.exit_code == 1
    assert "The server says: [row : 7] no such function: pulldat" in result.output
    assert "Build a mended version" in result.output


def test_a_check_says_what_differs_and_ends_with_status_1(
    opened: Callable[[str], Press], run: Run, read: Callable[..., Any]
) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    connection = press.connect()
    with working(press):
        run("forms", "release", "obs", "--to", str(connection))
        good = run("forms", "release", "obs", "--check")
        next(iter(press.server.assets.values())).hooks["h9"] = {"uid": "h9", "endpoint": "https://tap.example/x"}
        bad = run("forms", "release", "obs", "--check", "--to", str(connection))
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "The server holds what was released, and nothing beside it." in good.output
    assert "submissions are posted to somebody else too (tap.example)" in bad.output
    assert "tap.example" in run("forms", "list").output
    assert "submissions are posted to somebody else too" in run("doctor").output


def test_a_place_that_is_none_is_refused(opened: Callable[[str], Press], run: Run) -> None:
    opened("kobo")
    for place in ("", "nowhere"):
        with pytest.raises(PimError) as error:
            run("forms", "release", "obs", "--to", place)
        assert error.value.code == ErrorCode.NOT_FOUND


def test_centrals_qr_code_carries_an_app_users_token_made_once(
    opened: Callable[[str], Press], run: Run, read: Callable[..., Any], tmp_path: Path
) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    connection = press.connect()
    picture = tmp_path / "team.png"
    with working(press):
        run("forms", "release", "obs", "--to", str(connection))
        [first] = read("forms", "qr", "obs", "--to", str(connection), "--phone", "team-3", "-o", str(picture))
        [second] = read("forms", "qr", "obs", "--to", str(connection), "--phone", "team-3")
    [user] = press.server.app_users
    assert first == second
    assert press.server.rights == [("obs", user["id"])]
    found = unpack_settings(first["settings"])["general"]
    assert found["server_url"] == f"{press.server.base}/v1/key/{user['token']}/projects/3"
    assert (found["autosend"], found["delete_send"], found["protocol"]) == ("wifi_and_cellular", True, "odk_default")
    assert picture.stat().st_mode & 0o077 == 0
    with press.hands.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM app_users")) == 0


def test_a_form_that_central_does_not_have_gives_no_code(opened: Callable[[str], Press], run: Run) -> None:
    press = opened("central")
    connection = press.connect()
    with working(press), pytest.raises(PimError) as error:
        run("forms", "qr", "obs", "--to", str(connection), "--phone", "team-3")
    assert error.value.code == ErrorCode.NOT_POSSIBLE_NOW


def test_kobos_qr_code_holds_the_address_and_no_password(
    opened: Callable[[str], Press], read: Callable[..., Any]
) -> None:
    press = opened("kobo")
    connection = press.connect()
    [told] = read(
        "forms", "qr", "obs", "--to", str(connection), "--username", "team3", "--collect-url", "https://kc.x.org/"
    )
    found = unpack_settings(told["settings"])
    assert (found["general"]["server_url"], found["general"]["username"]) == ("https://kc.x.org", "team3")
    assert not found["general"]["password"]
    assert press.server.asked == []


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("https://kf.kobotoolbox.org", "https://kc.kobotoolbox.org"),
        ("https://eu.kobotoolbox.org", "https://kc-eu.kobotoolbox.org"),
        ("https://kf.agency.example", "https://kc.agency.example"),
        ("https://kobo.agency.example", "https://kobo.agency.example"),
        ("https://api.ona.io", "https://odk.ona.io"),
    ],
)
def test_phones_are_sent_to_where_they_fetch(base: str, address: str) -> None:
    assert find_collect_address(base) == address


def test_a_name_that_leads_nowhere_is_told_with_the_end_of_trying(opened: Callable[[str], Press]) -> None:
    press = opened("kobo")
    asked = press.ask(press.connect())
    with press.hands.sessions.begin() as session:
        session.execute(text("UPDATE connections SET base = 'https://nowhere.invalid'"))
    press.work()
    with press.hands.sessions() as session:
        [row] = find_releases(session, form="obs")
    assert (row["id"], row["state"], row["reason"]) == (asked, "waiting", "unknown_name")
    told = say_progress(row)
    assert "No address is found for the server's name." in told
    assert "spelled right" in told
    assert f"given up after {row['asked_at'].astimezone(UTC) + timedelta(days=3):%d %b %H:%M} UTC" in told


def test_what_our_own_phones_are_shown_stands_in_the_list(
    opened: Callable[[str], Press], run: Run, read: Callable[..., Any]
) -> None:
    opened("kobo")
    assert "our own phones" not in run("forms", "list").output
    told = run("forms", "release", "obs", "--to", "phones").output
    assert f"obs {freeze().version.version} is on the list of phones." in told
    assert "states no version" not in told
    assert "our own phones: released" in " ".join(run("forms", "list").output.split())
    assert [row["phones"] for row in read("forms", "list")] == [freeze().version.version]
    run("forms", "close", "obs", "--yes")
    assert "our own phones" not in run("forms", "list").output


@pytest.mark.parametrize("place", ["phones", "a server"])
def test_a_readable_version_in_the_place_of_an_encrypted_one_is_told(
    opened: Callable[[str], Press], run: Run, read: Callable[..., Any], place: str
) -> None:
    press = opened("kobo")
    first = press.put_version()
    with press.hands.sessions.begin() as session:
        session.get_one(FormVersionRow, first).document = {
            **json.loads(write_version(freeze().version)),
            "is_encrypted": True,
        }
    words = ("forms", "release", "obs", "--to", place if place == "phones" else str(press.connect()))
    with working(press):
        assert [one["ends_encryption"] for one in read(*words)] == [False]
        press.put_version(2)
        told = run(*words, "--json")
        assert [one["ends_encryption"] for one in json.loads(told.stdout)] == [True]
        assert "readable version takes the place of one that phones encrypt" in told.stderr
        assert "Warning" not in run(*words).stderr, "it has been told"
