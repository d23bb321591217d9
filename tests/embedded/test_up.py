"""`pimcollect up` from outside: what it prints, what it leaves, what it survives, and who has to wait for whom."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis

from tests.embedded.places import find_children, new_home, read_command, wait_for
from tests.embedded.service import NOBODY, Service, command, environment, start, up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One service for the tests that leave it as it was."""
    with new_home() as home, up(home) as running:
        yield running


@pytest.fixture
def own_home() -> Iterator[Path]:
    with new_home() as home:
        yield home


def _run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, env=environment(**env), timeout=60, check=False
    )


def test_every_mistake_in_the_settings_is_told_at_once(own_home: Path) -> None:
    done = _run("up", "--home", str(own_home), PIMCOLLECT_PORT="many", DATABASE_URL="mysql://x", PIMCOLLECT_URL="x")
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("PIMCOLLECT_PORT", "DATABASE_URL", "PIMCOLLECT_URL"))
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_refused_and_a_free_one_named(own_home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _run("up", "--home", str(own_home), "--port", str(port))
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken. Port " in done.stderr
    assert "PIMCOLLECT_PORT, or" in done.stderr, "make takes no --port"
    assert not own_home.exists(), "a start that never was leaves nothing"


def test_a_second_start_is_refused_and_names_the_pid(service: Service) -> None:
    for port in ("0", service.host.rpartition(":")[2]):
        done = _run("up", "--home", str(service.home), "--port", port)
        assert done.returncode == 2
        assert f"(pid {service.process.pid})" in done.stderr
    assert service.ask() == 200


def test_a_database_that_is_away_is_said_in_one_line(own_home: Path) -> None:
    away = "postgresql://nobody:secret-word@127.0.0.1:9/none"
    done = _run("up", "--home", str(own_home), "--port", "0", DATABASE_URL=away)
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr + done.stdout
    assert not own_home.exists()


def test_with_a_database_of_ones_own_only_the_queue_is_embedded(own_home: Path, database_url: str) -> None:
    with up(own_home, DATABASE_URL=database_url) as service:
        assert service.ask("/readyz") == 200
        assert not (own_home / "postgres").exists()
        assert (own_home / "valkey").exists()


def test_the_first_start_prints_one_log_in_and_one_ready(service: Service) -> None:
    assert [line.split()[0] for line in service.printed] == ["First", "READY"]
    for name in ("door.json", "hands.json"):
        assert stat.S_IMODE((service.home / "keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((service.home / "runtime.json").stat().st_mode) == 0o600
    assert service.ask("/healthz") == 200


def test_a_command_beside_it_uses_the_running_servers(service: Service) -> None:
    done = _run("--home", str(service.home), "migrate")
    assert done.returncode == 0, done.stderr
    assert service.ask() == 200


def test_only_the_web_listens_and_only_on_this_machine(service: Service) -> None:
    pids = set(service.find_all())
    inodes = {
        os.readlink(path).partition("[")[2].rstrip("]")
        for pid in pids
        for path in Path(f"/proc/{pid}/fd").iterdir()
        if os.path.lexists(path) and os.readlink(path).startswith("socket:")
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert listening == {f"0100007F:{int(service.host.rpartition(':')[2]):04X}"}


def test_the_web_process_is_not_told_where_the_private_keys_are(service: Service) -> None:
    web = service.find_child("pimcollect", "web")
    for pid in [web, *find_children(web)]:
        known = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"PIMCOLLECT_DOOR_KEYS" in known
        assert b"HANDS" not in known
        opened = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if os.path.lexists(path)]
        assert not any("hands" in path for path in opened)


def _stall(host: str, text: bytes, count: int) -> list[socket.socket]:
    name, _, port = host.partition(":")
    sockets = []
    for _ in range(count):
        connection = socket.create_connection((name, int(port)))
        connection.sendall(text)
        sockets.append(connection)
    return sockets


@pytest.mark.parametrize(
    "text",
    [
        b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Le",
        b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{",
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=["in the headers", "in the body", "silent", "answered but not closing"],
)
def test_sixty_slow_clients_stall_nobody(service: Service, text: bytes) -> None:
    stalled = _stall(service.host, text, 60)
    try:
        time.sleep(0.2)
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            assert service.ask() == 200
            slowest = max(slowest, time.monotonic() - began)
        # one that stalls would hold the others for half a minute
        assert slowest < 5.0
    finally:
        for connection in stalled:
            connection.close()


def test_a_body_in_flight_is_never_spooled_to_a_file(service: Service) -> None:
    text = b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 8_000_000
    web = service.find_child("pimcollect", "web")
    for connection in _stall(service.host, text, 1):
        time.sleep(0.5)
        files = [os.readlink(path) for pid in find_children(web) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert not any("(deleted)" in path or path.startswith("/tmp/tmp") for path in files)  # noqa: S108 - looked for
        connection.close()


def _children_of_web(service: Service) -> list[int]:
    return find_children(service.find_child("pimcollect", "web"))


def test_killed_web_processes_and_workers_are_back_at_once(service: Service) -> None:
    for parent in (("pimcollect", "web"), ("-m workers",)):
        top = next(
            pid
            for pid in find_children(service.process.pid)
            if all(word in read_command(pid) for word in parent) and "clock" not in read_command(pid)
        )
        before = find_children(top)
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        def are_back(top: int = top, before: list[int] = before) -> bool:
            found = find_children(top)
            return len(found) == len(before) and not set(found) & set(before)

        wait_for(are_back, seconds=10)
    wait_for(lambda: service.ask() == 200, seconds=10)


def test_a_killed_web_parent_takes_its_children_along_and_comes_back(service: Service) -> None:
    half_sent = b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
    for _ in range(3):
        web, children = service.find_child("pimcollect", "web"), _children_of_web(service)
        stalled = _stall(service.host, half_sent, 10)
        os.kill(web, signal.SIGKILL)
        wait_for(lambda: not any(read_command(pid) for pid in children), seconds=15)  # noqa: B023 - called at once
        wait_for(lambda: service.ask() == 200, seconds=60)
        for connection in stalled:
            connection.close()
    assert service.process.poll() is None


def test_a_flushed_and_a_killed_queue_leave_the_workers_ringing(service: Service) -> None:
    redis_url = json.loads((service.home / "runtime.json").read_text())["redis_url"]
    with Redis.from_url(redis_url) as queue:
        queue.flushall()
        os.kill(int(queue.info("server")["process_id"]), signal.SIGKILL)
        wait_for(lambda: _is_listening(redis_url, 3), seconds=60)
    assert service.ask() == 200


def _is_listening(redis_url: str, workers: int) -> bool:
    try:
        with Redis.from_url(redis_url) as queue:
            return sum(client["cmd"] == "blmove" for client in queue.client_list()) >= workers
    except OSError:
        return False
    except Exception as error:
        return bool(str(error)) and False


def test_a_killed_database_comes_back_and_the_web_says_503_meanwhile(service: Service) -> None:
    pid = int((service.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    statuses = set()

    def is_ready() -> bool:
        statuses.add(service.ask("/readyz", seconds=30))
        return 200 in statuses and int(_postmaster(service)) != pid

    wait_for(is_ready, seconds=60)
    assert statuses <= {200, 503}


def _postmaster(service: Service) -> str:
    try:
        return (service.home / "postgres" / "postmaster.pid").read_text().splitlines()[0]
    except (OSError, IndexError):
        return "0"


def test_sigterm_stops_in_order_and_the_next_start_keeps_everything(own_home: Path) -> None:
    with up(own_home) as service:
        pids = service.find_all()
        web, database = service.find_child("pimcollect", "web"), service.find_child("postgres", str(own_home))
        keys = (own_home / "keys" / "door.json").read_bytes()
        service.process.send_signal(signal.SIGTERM)
        while read_command(web):
            assert read_command(database)
            time.sleep(0.01)
        assert service.process.wait(timeout=30) == 0
    assert not any(read_command(pid) for pid in pids)
    assert not (own_home / "runtime.json").exists()
    log = (own_home / "logs" / "postgres.log").read_text()
    assert "received fast shutdown request" in log
    assert log.rstrip().endswith("database system is shut down")
    with up(own_home) as again:
        assert [line.split()[0] for line in again.printed] == ["READY"]
        assert (own_home / "keys" / "door.json").read_bytes() == keys
        _check_a_delivery_on_its_way_is_still_answered(again)


def _check_a_delivery_on_its_way_is_still_answered(service: Service) -> None:
    (slow,) = _stall(service.host, b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", 1)
    with slow:
        service.process.send_signal(signal.SIGTERM)
        for _ in range(4):
            time.sleep(0.3)
            slow.sendall(b"x" * 10)
        assert slow.recv(100).startswith(b"HTTP/1.1 401")


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(own_home: Path) -> None:
    service = start(own_home)
    pids = service.find_all()
    assert len(pids) > 10
    service.process.kill()
    service.process.wait()
    assert wait_for(lambda: not any(read_command(pid) for pid in pids), seconds=20) < 20
    if service.process.stdout is not None:
        service.process.stdout.close()
    with up(own_home) as again:
        assert again.ask("/readyz") == 200


def test_an_ordinary_user_needs_nothing_special(own_home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the whole suite runs as an ordinary user already")
    try:
        probe = subprocess.run(command("--version"), env=environment(), check=False, capture_output=True, **NOBODY)
    except PermissionError:
        pytest.skip("this Python lies where only root may read")
    assert probe.returncode == 0
    own_home.parent.chmod(0o755)
    own_home.mkdir()
    os.chown(own_home, 65534, 65534)
    with up(own_home, HOME=str(own_home), as_nobody=True) as service:
        assert service.ask("/readyz") == 200
        assert (own_home / "postgres").stat().st_uid == 65534


def test_everything_killed_at_once_is_up_again_without_a_hand(own_home: Path) -> None:
    service = start(own_home)
    for pid in service.find_all():
        with suppress(ProcessLookupError):  # a server's own processes may end with it
            os.kill(pid, signal.SIGKILL)
    service.process.wait()
    if service.process.stdout is not None:
        service.process.stdout.close()
    with up(own_home) as again:
        assert again.ask("/readyz") == 200
