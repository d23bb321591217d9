"""The embedded PostgreSQL and Valkey: first start, restart, kills, paths, and what others may see of them."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from pimcollect import binaries, db
from pimcollect.config import Settings
from pimcollect.embedded import servers
from pimcollect.errors import ErrorCode, PimError
from pimcollect.home import Place, lock_home, open_home, settle_in
from pimcollect.launch import may_enter_namespace
from pimcollect.supervision import Supervisor
from tests.embedded.places import find_processes, new_home, running, wait_for


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home() as made:
        yield made


def _count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def _fill(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id integer)")
        connection.execute("INSERT INTO kept VALUES (1)")


def _is_answering(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=1):
            return True
    except psycopg.OperationalError:
        return False


def test_a_home_of_another_user_is_refused(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder for another user")
    home.mkdir()
    os.chown(home, 65534, 65534)
    with pytest.raises(PimError) as refused:
        open_home(home)
    assert refused.value.code == ErrorCode.NOT_POSSIBLE_NOW


def test_a_second_start_on_the_same_home_is_refused_and_names_the_pid(home: Path) -> None:
    open_home(home)
    with lock_home(home), pytest.raises(PimError) as refused, lock_home(home):
        pass
    assert refused.value.code == ErrorCode.ALREADY_RUNNING
    assert f"pid {os.getpid()}" in refused.value.message


def test_a_lock_whose_owner_is_gone_is_free(home: Path) -> None:
    open_home(home)
    with lock_home(home):
        pass
    with lock_home(home):
        assert (home / "lock").read_text() == str(os.getpid())


def test_data_survives_a_restart_and_nobody_else_may_look(home: Path) -> None:
    with running(home) as (place, _):
        _fill(place.database_url())
        with Redis.from_url(place.redis_url) as queue:
            queue.set("kept", "1")
        assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "postgres.secret").stat().st_mode) == 0o600
    assert not find_processes(str(home))
    with running(home) as (place, _):
        assert _count(place.database_url()) == 1
        with Redis.from_url(place.redis_url) as queue:
            assert queue.get("kept") == b"1"


def test_neither_server_listens_on_a_port_and_a_password_is_asked_for(home: Path) -> None:
    with running(home, is_durable=False) as (place, _):
        with psycopg.connect(place.database_url()) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        with Redis.from_url(place.redis_url) as queue:
            assert queue.config_get("port") == {"port": "0"}
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=str(place.sockets), user="pimcollect", dbname="pimcollect", password="guess")


def test_a_row_never_reaches_the_log_of_the_database(home: Path) -> None:
    canary = "Nadia-Al-Example-0918"
    with running(home, is_durable=False) as (place, _), psycopg.connect(place.database_url(), autocommit=True) as link:
        link.execute("CREATE TABLE people (name text UNIQUE)")
        link.execute("INSERT INTO people VALUES (%s)", [canary])
        with pytest.raises(psycopg.errors.UniqueViolation, match=canary):
            link.execute("INSERT INTO people VALUES (%s)", [canary])
        for bad in (f"SELECT '{canary}'::integer", f"DO $$ BEGIN RAISE EXCEPTION '{canary}'; END $$"):
            with pytest.raises(psycopg.Error, match=canary):
                link.execute(bad)
    assert canary not in (home / "logs" / "postgres.log").read_text()


def _postmaster(place: Place) -> str:
    try:
        return (place.data / "postmaster.pid").read_text().splitlines()[0]
    except (OSError, IndexError):
        return "0"


def test_a_killed_postmaster_comes_back_with_every_committed_row(home: Path) -> None:
    with running(home) as (place, supervisor):
        _fill(place.database_url())
        pid = int((place.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)

        def is_back() -> bool:
            supervisor.watch()
            return _is_answering(place.database_url())

        wait_for(lambda: is_back() and int(_postmaster(place)) != pid, seconds=60)
        assert _count(place.database_url()) == 1


def test_a_killed_valkey_comes_back_with_its_keys(home: Path) -> None:
    with running(home) as (place, supervisor), Redis.from_url(place.redis_url) as queue:
        queue.set("kept", "1")
        # everysec: what was acknowledged a second ago is in the file
        assert wait_for(lambda: int(queue.info("persistence")["aof_pending_bio_fsync"]) == 0, seconds=3) < 3
        pid = int(queue.info("server")["process_id"])
        os.kill(pid, signal.SIGKILL)

        def is_back() -> bool:
            supervisor.watch()
            try:
                return int(queue.info("server")["process_id"]) != pid
            except RedisError:
                return False

        wait_for(is_back, seconds=20)
        assert queue.get("kept") == b"1"


def test_a_removed_valkey_folder_is_made_anew(home: Path) -> None:
    with running(home, is_durable=False):
        pass
    for path in sorted((home / "valkey").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (home / "valkey").rmdir()
    with running(home, is_durable=False) as (place, _), Redis.from_url(place.redis_url) as queue:
        assert queue.ping()


def test_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    long = home / ("a-folder-with-a-long-name-" * 3) / ("b-folder-with-a-long-name-" * 3)
    with running(long, is_durable=False) as (place, _):
        assert not place.sockets.is_relative_to(long)
        assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700
        assert _is_answering(place.database_url())


def test_a_socket_folder_that_somebody_else_made_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder for another user")
    home.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home.parent))
    long = home / ("a-folder-with-a-long-name-" * 5)
    open_home(long)
    place = settle_in(long)
    os.chown(place.sockets, 65534, 65534)
    with pytest.raises(PimError) as refused:
        settle_in(long)
    assert refused.value.code == ErrorCode.NOT_POSSIBLE_NOW


def test_a_first_start_that_was_killed_is_begun_again(home: Path) -> None:
    open_home(home)
    place = settle_in(home)
    (place.data.with_name("postgres.unfinished") / "base").mkdir(parents=True)
    with running(home, is_durable=False):
        assert _is_answering(place.database_url())


def test_a_data_folder_that_is_none_of_ours_is_left_alone_with_a_reason(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "letters.txt").write_text("keep")
    with pytest.raises(PimError) as refused, running(home):
        pass
    assert refused.value.code == ErrorCode.NOT_POSSIBLE_NOW
    assert (home / "postgres" / "letters.txt").exists()


@pytest.mark.slow
def test_root_without_user_namespaces_runs_them_under_another_account(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root needs another account")
    home.parent.chmod(0o755)
    monkeypatch.setattr(binaries, "_STATE_ROOT", home.parent / "state")
    for _ in range(2):
        with running(home, namespaces=False, is_durable=False) as (place, _supervisor):
            assert ":" in place.quarters.user
            _fill(place.database_url())
            assert place.data.stat().st_uid == int(place.quarters.user.split(":")[0])
    with running(home, is_durable=False) as (place, _supervisor):
        assert ":" in place.quarters.user, "a home stays with the account that owns its files"
        assert _count(place.database_url()) == 2


def test_root_with_user_namespaces_keeps_every_file_its_own(home: Path) -> None:
    if os.geteuid() != 0 or not may_enter_namespace():
        pytest.skip("needs root and user namespaces")
    with running(home, is_durable=False) as (place, _):
        assert place.data.stat().st_uid == 0


def test_a_command_starts_the_servers_it_needs_and_stops_them(home: Path) -> None:
    with servers(Settings(home=home)) as settings:
        assert _is_answering(settings.database_url)
        assert settings.redis_url.startswith("unix://")
    assert not find_processes(str(home))


def test_a_command_uses_what_is_configured_and_starts_nothing(home: Path, settings: Settings) -> None:
    with servers(settings) as same:
        assert same is settings
    assert not home.exists()


def test_a_server_that_cannot_live_is_given_up_with_a_reason(home: Path) -> None:
    with running(home, is_durable=False) as (place, _):
        pass
    (place.data / "global" / "pg_control").unlink()
    supervisor = Supervisor()
    with pytest.raises(PimError) as refused, running(home):
        pass
    supervisor.stop()
    assert "postgres" in refused.value.message
    assert not find_processes(str(home))


def test_installed_servers_serve_where_the_wheels_have_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: None)
    try:
        postgres, valkey = binaries.find_postgres(), binaries.find_valkey()
    except PimError as missing:
        pytest.skip(str(missing))
    assert not postgres.wheel
    assert valkey.name in ("valkey-server", "redis-server")
    with running(home, is_durable=False) as (place, _), Redis.from_url(place.redis_url) as queue:
        assert queue.ping()
        db.migrate(place.database_url())
        assert _is_answering(place.database_url())


def test_a_machine_without_any_server_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: None)
    monkeypatch.setattr(binaries, "_INSTALLED", Path("/nowhere"))
    monkeypatch.setenv("PATH", "")
    for find, setting in ((binaries.find_postgres, "DATABASE_URL"), (binaries.find_valkey, "REDIS_URL")):
        with pytest.raises(PimError, match=setting) as refused:
            find()
        assert refused.value.code == ErrorCode.NO_SERVER_BINARIES
