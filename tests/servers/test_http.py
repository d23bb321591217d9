"""The way out: what it refuses, how long it waits, and that it tells nobody what it carries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.addresses import check_address
from pimcollect.servers.answers import ServerError
from pimcollect.servers.http import Client
from tests.reenacted.server import ReenactedServer, Reply, json_reply

TOKEN = "Token 8c1fcanary"


class Echo(ReenactedServer):
    def answer(self, asked: Any) -> Reply:
        return json_reply({"path": asked.path, "query": asked.query})


@pytest.fixture
def server() -> Iterator[ReenactedServer]:
    with Echo().listen() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(server: ReenactedServer, waits: list[float]) -> Iterator[Client]:
    client = Client(server.base, private_hosts=[server.host], authorization=TOKEN, pause=waits.append)
    yield client
    client.close()


def refusal(call: Callable[[], Any]) -> ServerError:
    with pytest.raises(ServerError) as caught:
        call()
    assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "kf.kobotoolbox.org",
        "ftp://kf.kobotoolbox.org",
        "http://kf.kobotoolbox.org",
        "https://user:secret@kf.kobotoolbox.org",
        "https://kf.kobotoolbox.org?next=x",
        "https://kf.kobotoolbox.org:22",
        "https://kf.kobotoolbox.org:99999",
        "https://",
        "https://[::1",
    ],
)
def test_an_address_that_is_not_called_is_refused_when_it_is_given(url: str) -> None:
    with pytest.raises(PimError) as caught:
        check_address(url)
    assert caught.value.code is ErrorCode.BAD_ADDRESS


@pytest.mark.parametrize(
    ("url", "is_own"),
    [
        ("http://kf.kobotoolbox.org", False),
        ("http://odk.example.org:8080/central/", False),
        ("https://kf.kobotoolbox.org:22", False),
        ("http://93.184.215.14", False),
        ("http://kobo.lan", True),
        ("http://kobo", True),
        ("http://10.1.2.3:8080", True),
        ("http://[::1]:8080", True),
    ],
)
def test_nobody_is_told_to_call_a_public_server_without_https(url: str, *, is_own: bool) -> None:
    with pytest.raises(PimError) as caught:
        check_address(url)
    assert ("PIMCOLLECT_PRIVATE_HOSTS" in caught.value.remedy) == is_own
    assert ("Write https: https://" in caught.value.remedy) == (not is_own)


def test_an_address_has_one_spelling_and_named_hosts_may_be_plain() -> None:
    assert check_address(" https://KF.kobotoolbox.org/ ") == "https://kf.kobotoolbox.org"
    assert check_address("http://kobo.lan:8080/x/", private_hosts=["kobo.lan"]) == "http://kobo.lan:8080/x"
    assert check_address("http://[::1]:8080", private_hosts=["[::1]:8080"]) == "http://[::1]:8080"
    with pytest.raises(PimError):
        check_address("http://kobo.lan:8080", private_hosts=["kobo.lan:8081"])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1",
     "100.64.0.1", "[64:ff9b::7f00:1]", "0.0.0.0", "192.168.1.1", "localhost"],  # noqa: S104
)  # fmt: skip
def test_a_private_address_is_not_called_unless_a_setting_names_it(host: str) -> None:
    with closing(Client(f"https://{host}", pause=lambda _: None)) as client:
        assert refusal(lambda: client.call("GET", "x")).code is ErrorCode.BAD_ADDRESS


def test_trouble_that_passes_is_waited_out_as_long_as_the_server_asks(
    server: ReenactedServer, client: Client, waits: list[float]
) -> None:
    server.trouble(Reply(429, headers={"Retry-After": "7"}), Reply(503), Reply(200, b"{}", cut=1))
    assert client.call("GET", "a/b", params={"q": "1"}).read_json() == {"path": "/a/b", "query": {"q": "1"}}
    assert waits == [7.0, 1.0, 2.0]
    assert server.asked[0].headers["Authorization"] == TOKEN


def test_a_wait_longer_than_a_call_may_take_is_left_to_the_caller(
    server: ReenactedServer, client: Client, waits: list[float]
) -> None:
    server.trouble(Reply(429, headers={"Retry-After": "3600"}))
    error = refusal(lambda: client.call("GET", "x"))
    assert (error.code, error.wait, waits) == (ErrorCode.AWAY, 3600.0, [])


def test_it_gives_up_after_five_tries(server: ReenactedServer, client: Client) -> None:
    server.trouble(*[Reply(502)] * 9)
    assert refusal(lambda: client.call("GET", "x")).code is ErrorCode.AWAY
    assert len(server.asked) == 5


def test_what_must_not_happen_twice_is_tried_once(server: ReenactedServer, client: Client) -> None:
    server.trouble(Reply(503))
    assert refusal(lambda: client.call("POST", "x", json={})).code is ErrorCode.AWAY
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, ErrorCode.REFUSED), (403, ErrorCode.REFUSED), (404, ErrorCode.NOT_FOUND), (400, ErrorCode.BAD_ANSWER)],
)
def test_a_refusal_is_told_once_and_in_words(
    server: ReenactedServer, client: Client, status: int, code: ErrorCode
) -> None:
    server.trouble(Reply(status, b'{"detail": "Fatima"}'))
    error = refusal(lambda: client.call("GET", "x"))
    assert (error.code, error.status) == (code, status)
    assert "Fatima" not in str(error)
    assert len(server.asked) == 1


def test_a_redirect_is_followed_on_the_host_and_nowhere_else(server: ReenactedServer, client: Client) -> None:
    server.trouble(Reply(302, headers={"Location": "/elsewhere?a=1"}))
    assert client.call("GET", "x", params={"q": "1"}).read_json() == {"path": "/elsewhere", "query": {"a": "1"}}
    with Echo().listen() as other:
        server.trouble(Reply(302, headers={"Location": f"{other.base}/x"}))
        assert refusal(lambda: client.call("GET", "x")).code is ErrorCode.BAD_ADDRESS
        assert other.asked == []
    server.trouble(*[Reply(302, headers={"Location": "/x"})] * 9)
    assert refusal(lambda: client.call("GET", "x")).code is ErrorCode.BAD_ANSWER
    assert len(server.asked) == 7


def test_a_link_is_put_on_the_connected_host(server: ReenactedServer, client: Client) -> None:
    assert client.place("https://internal.example/v1/next?t=1") == f"{server.base}/v1/next?t=1"
    deep = Client(f"{server.base}/v1", private_hosts=[server.host])
    for link in ("https://internal.example/other", "../x", "/v1/../x"):
        assert refusal(lambda link=link: deep.place(link)).code is ErrorCode.BAD_ANSWER  # type: ignore[misc]


def test_an_answer_is_bounded_in_size_and_in_time(server: ReenactedServer) -> None:
    client = Client(server.base, private_hosts=[server.host], total_seconds=0.4)
    server.trouble(Reply(200, b"x" * 3000))
    assert refusal(lambda: client.call("GET", "x", most_bytes=2000)).code is ErrorCode.TOO_LARGE
    server.trouble(Reply(200, b"x" * 100, drip=0.05))
    began = time.monotonic()
    assert refusal(lambda: client.call("GET", "x")).code is ErrorCode.AWAY
    assert time.monotonic() - began < 2
    client.close()


@pytest.mark.parametrize("body", [b"{", b"<html>", b'{"a": 1, "a": 2}', b"[" * 100_000])
def test_an_answer_that_is_no_json_is_told_without_its_text(
    server: ReenactedServer, client: Client, body: bytes
) -> None:
    server.trouble(Reply(200, body))
    assert refusal(lambda: client.call("GET", "x").read_json()).code is ErrorCode.BAD_ANSWER


@pytest.mark.parametrize(
    ("headers", "is_read"),
    [
        ({}, True),
        ({"Content-Type": "image/png"}, True),
        ({"Content-Type": "application/json, text/html"}, True),
        ({"Content-Type": "application/json; charset=utf-7"}, True),
        ({"Content-Type": "application/json; charset=utf-16"}, True),
        ({"Content-Encoding": "none-such"}, True),
        ({"Content-Encoding": "gzip"}, False),
        ({"Content-Encoding": "deflate, gzip"}, False),
    ],
)
def test_whatever_the_headers_of_an_answer_say_its_body_is_read_for_what_it_is_or_refused(
    server: ReenactedServer, client: Client, headers: dict[str, str], is_read: bool
) -> None:
    server.trouble(*[Reply(200, b'{"a": "Fatima"}', headers)] * 5)
    if is_read:
        assert client.call("GET", "x").read_json() == {"a": "Fatima"}
        return
    error = refusal(lambda: client.call("GET", "x"))
    assert error.code in (ErrorCode.AWAY, ErrorCode.BAD_ANSWER)
    assert "Fatima" not in str(error)


def test_no_repr_shows_a_token_or_a_body(server: ReenactedServer, client: Client) -> None:
    answer = client.call("GET", "secretpath")
    assert TOKEN not in repr(client)
    assert "secretpath" not in repr(answer)


def test_a_server_that_is_down_is_told_as_away() -> None:
    with Echo().listen() as server:
        base, host = server.base, server.host
    with closing(Client(base, private_hosts=[host], pause=lambda _: None)) as client:
        assert refusal(lambda: client.call("GET", "x")).code is ErrorCode.AWAY


@pytest.mark.parametrize("private", [(), ("nowhere.invalid",)])
def test_a_name_that_leads_nowhere_is_told_as_such(private: tuple[str, ...]) -> None:
    with closing(Client("https://nowhere.invalid", private_hosts=private, pause=lambda _: None)) as client:
        error = refusal(lambda: client.call("GET", "x"))
    assert (error.code, error.reason) == (ErrorCode.AWAY, "unknown_name")
    assert "nowhere.invalid" in error.message
    assert "spelled right" in error.remedy


def test_a_server_that_is_down_has_a_name_all_the_same() -> None:
    with Echo().listen() as server:
        base, host = server.base, server.host
    with closing(Client(base, private_hosts=[host], pause=lambda _: None)) as client:
        assert refusal(lambda: client.call("GET", "x")).reason == "away"
