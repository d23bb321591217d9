"""The requests that a real KoboToolbox sent, replayed against the whole service: kept, refused, held, and gone."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from redis import Redis

from tests.journeys.search import Search, search_station
from tests.journeys.station import Station, open_station

PAYLOADS = Path(__file__).parents[1] / "payloads"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in (PAYLOADS / "kobo_hooks.jsonl").read_text().splitlines()]
SENT = {row["id"]: row for row in ROWS}
FULL, REFUSED, LATER = (
    "60ebd0dd-e030-47a7-bbfd-fddee4555990",
    "adf050cc-d49d-48c1-94d8-ee1be0706da1",
    "805578b0-22a0-4eb4-9e3f-e232344fb0b9",
)
"""Instance ids of k01-k05, k06-k08 and k11."""

PERSONAL = (
    "Daw Khin",
    "ကိုအောင်",
    "Ma Hla",
    "HH list",
    "09-000 000 001",
    "+959000000001",
    "89951234",
    "41401234",
    "InventedDevice01",
    "enum@example.org",
    "enum1",
    "25.383",
    "97.396",
    "1763600000000",
    "hh-1.jpg",
    "audit.csv",
    "10:30:00",
    "T09:11:02",
    "imo/attachments",
    "attjjXBbbCQ4cT3L8r8jmUeR",
    "Invented==",
    "NotReal1==",
)
"""Every value of those requests that tells who answered, who asked, where, when to the second, and with what device."""

pytestmark = pytest.mark.slow


def open_hooks(station: Station) -> dict[str, Any]:
    """One hook of the adopted form for each address that the Kobo server posted to."""
    return {
        path: station.read("hooks", "open", "--server", "kobo", "--form", "pm_kac")
        for path in sorted({row["path"] for row in ROWS})
    }


def replay(station: Station, hook: dict[str, Any], row: dict[str, Any]) -> requests.Response:
    """Send a request again, with its own headers; only what belongs to the other address is ours."""
    ours = ("host", "content-length", "connection", "authorization")
    headers = {name: value for name, value in row["headers"] if name.lower() not in ours}
    secret = next(iter(hook["headers"].values()))
    if any(name == "Authorization" for name, _ in row["headers"]):  # Kobo's basic authentication carries our secret
        headers["Authorization"] = "Basic " + base64.b64encode(f"pim:{secret}".encode()).decode()
    else:
        headers |= hook["headers"]
    address = f"{station.url}/webhooks/{hook['url'].rsplit('/', 1)[-1]}"
    return requests.post(address, row["body"].encode(), headers=headers, timeout=30, allow_redirects=False)


class Played:
    """The station after the replay, and everything it answered."""

    def __init__(self, station: Station, hooks: dict[str, Any]) -> None:
        self.station, self.hooks = station, hooks
        self.answers: list[requests.Response] = []

    def send(self, *ids: str) -> list[requests.Response]:
        """Replay these requests one after the other, and wait until they are settled."""
        answers = [replay(self.station, self.hooks[SENT[one]["path"]], SENT[one]) for one in ids]
        self.answers += answers
        self.station.wait_until_settled()
        return answers

    def list_submissions(self) -> dict[str, str]:
        """Root id -> state."""
        return {
            str(row["root_id"]).removeprefix("uuid:"): row["state"] for row in self.station.read("submissions", "list")
        }

    def list_held(self) -> list[str]:
        """Reasons of what is held."""
        return sorted(row["reason"] for row in self.station.read("inbox", "list") if row["state"] == "held")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    home = tmp_path_factory.mktemp("wire") / "home"
    with open_station(home) as station:
        station.run("forms", "adopt", str(PAYLOADS / "pm_kac.xlsx"), "--consent", "consent")
        played = Played(station, open_hooks(station))
        played.send(*SENT)
        yield played


def search(played: Played, values: tuple[str, ...]) -> Search:
    """A search of everything that the service wrote or said."""
    said = {f"answer {at}": f"{one.headers} {one.text}" for at, one in enumerate(played.answers)}
    export = ("submissions", "export", "--form", "pm_kac", "--internal", "--restricted")
    for words in (("submissions", "list"), export, ("inbox", "list"), ("referrals", "list")):
        done = played.station.run(*words, "--json", may_fail=True)
        said[" ".join(words)] = done.stdout + done.stderr
    return search_station(played.station, values, said=said)


def test_a_wrong_secret_is_refused_and_leaves_nothing(played: Played) -> None:
    before = played.station.read("inbox", "list")
    hook = {**played.hooks["/hook/json"], "headers": {"X-Pim-Secret": "guessed"}}
    answer = replay(played.station, hook, SENT["k01"])
    assert answer.status_code == 401
    assert played.station.read("inbox", "list") == before


def test_a_password_that_is_meant_for_a_proxy_in_front_does_not_close_the_door(played: Played) -> None:
    row, hook = SENT["k03"], played.hooks[SENT["k03"]["path"]]
    headers = {name: value for name, value in row["headers"] if name in ("Authorization", "Content-Type")}
    address = f"{played.station.url}/webhooks/{hook['url'].rsplit('/', 1)[-1]}"
    answer = requests.post(address, row["body"].encode(), headers=headers | hook["headers"], timeout=30)
    played.answers.append(answer)
    assert answer.status_code == 202


def test_every_request_is_taken_with_a_receipt_that_says_nothing(played: Played) -> None:
    assert [answer.status_code for answer in played.answers] == [202] * len(played.answers)
    assert all(set(answer.json()) == {"receipt"} for answer in played.answers)


def test_five_hooks_give_one_kept_submission_and_a_refusal_one_tombstone(played: Played) -> None:
    assert played.list_submissions() == {FULL: "kept", REFUSED: "tombstone", LATER: "kept"}


def test_the_encrypted_and_the_foreign_body_are_held_for_their_own_reasons(played: Played) -> None:
    assert played.list_held() == ["encrypted", "other_form"]


def test_a_refusal_keeps_nothing_but_a_tally(played: Played) -> None:
    rows = played.station.query(
        "SELECT shared, restricted, findings FROM submissions WHERE root_id LIKE %s", f"%{REFUSED}"
    )
    assert rows == [(None, None, None)]
    assert played.station.query("SELECT sum(n) FROM tallies WHERE kind = 'refused'") == [(1,)]


def test_sending_all_of_it_again_and_six_at_once_changes_nothing(played: Played) -> None:
    before = played.station.query("SELECT id, digest, shared, restricted FROM submissions ORDER BY id")
    played.send(*reversed(SENT))
    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(replay, played.station, played.hooks["/hook/json"], SENT["k01"]) for _ in range(6)]
        played.answers += [one.result() for one in work]
    played.station.wait_until_settled()
    assert played.station.query("SELECT id, digest, shared, restricted FROM submissions ORDER BY id") == before
    assert {answer.status_code for answer in played.answers} == {202}


def list_open_files(pids: list[int]) -> set[str]:
    """Files that these processes hold open for writing, deleted ones too."""
    found = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                flags = re.search(r"^flags:\s*(\d+)", Path(f"/proc/{pid}/fdinfo/{link.name}").read_text(), re.MULTILINE)
                if flags and int(flags[1], 8) & (os.O_WRONLY | os.O_RDWR):
                    found.add(str(link.readlink()))
    return {name for name in found if name.startswith("/") and not name.startswith(("/dev/", "/proc/"))}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc, which only Linux has")
def test_a_large_body_is_never_spooled_to_a_file_in_clear(played: Played) -> None:
    station, hook = played.station, played.hooks["/hook/json"]
    address = urlsplit(station.url)
    heads = {"Host": address.netloc, "Content-Length": str(8 << 20), "Content-Type": "application/json"} | hook[
        "headers"
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in heads.items())
    with socket.create_connection((address.hostname, address.port)) as sender:
        path = hook["url"].rsplit("/", 1)[-1]
        sender.sendall(f"POST /webhooks/{path} HTTP/1.1\r\n{head}\r\n".encode() + b'{"a": "' + b"x" * (7 << 20))
        time.sleep(1.0)
        open_now = list_open_files(station.list_processes())
    own = (str(station.home), str(station.flush_to_files()), str(station.log))
    assert {name for name in open_now if not name.startswith(own)} == set()
    with TemporaryFile() as spool:
        spool.write(b"seen?")
        assert any("(deleted)" in name for name in list_open_files([os.getpid()]))


def test_nothing_personal_is_anywhere_in_what_the_service_wrote_or_said(played: Played) -> None:
    assert search(played, PERSONAL).places == []


def test_the_search_that_found_nothing_finds_what_is_planted(played: Played) -> None:
    station, planted = played.station, "Planted Person ကိုအောင် 4711"
    with psycopg.connect(station.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE planted (value text)")
        connection.execute("INSERT INTO planted VALUES (%s)", [planted])
    with Redis.from_url(station.redis_url) as queue:
        queue.set("planted", planted)
    (station.home / "logs/planted.log").write_text(planted)
    seen = search(played, (planted,)).places
    for part in ("table public.planted", "queue planted", "planted.log", "/pg_wal/", "/base/", "/valkey/"):
        assert any(part in where for where in seen), f"not found in {part}"
