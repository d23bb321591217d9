"""Who is let in: by Digest, by Basic where nobody listens, by a token; revoked at once, and nobody locks others out."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pimcollect.actions.phones import add_phone, renew_phone, revoke_phone
from pimcollect.config import Settings
from pimcollect.domain.phones import REALM, PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.vault import DoorKeys
from tests.factories.collect import write_digest
from tests.factories.households import Household
from tests.factories.phones import Phones, make_phone_app, post_to, write_odk
from webhooks.openrosa import tries
from webhooks.openrosa.digest import NONCE_SECONDS, make_nonce
from webhooks.openrosa.words import WORDS

LIST, SUBMISSION = "/phones/formList", "/phones/submission"
HTTPS = {"base_url": "https://localhost"}
Look = Callable[[str], list[tuple[Any, ...]]]


def read_challenge(answer: Any) -> dict[str, str]:
    (header,) = [one for one in answer.headers.getlist("WWW-Authenticate") if one.startswith("Digest ")]
    return {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|\w+)', header)}


def ask(client: FlaskClient, phones: Phones, path: str = LIST, **more: Any) -> Any:
    """A request that was challenged and answers rightly, unless told otherwise."""
    method = more.pop("method", "GET")
    challenge = more.pop("challenge", None) or read_challenge(client.get(LIST))
    signed = {"name": phones.account.name, "password": phones.account.secret, "count": 1, "uri": path}
    signed |= {key: more.pop(key) for key in tuple(more) if key in signed}
    header = write_digest(challenge, method=method, **signed)
    return client.open(path, method=method, headers={"Authorization": header}, **more)


@pytest.mark.parametrize("path", [LIST, f"{LIST}/", f"{LIST}?formID=hh", SUBMISSION])
def test_without_a_password_the_answer_is_a_challenge(phones: Phones, path: str) -> None:
    method = "HEAD" if path == SUBMISSION else "GET"
    answer = phones.client.open(path, method=method)
    assert answer.status_code == 401
    challenge = read_challenge(answer)
    assert (challenge["realm"], challenge["qop"], challenge["algorithm"]) == (REALM, "auth", "MD5")
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert not any(one.startswith("Basic") for one in answer.headers.getlist("WWW-Authenticate"))


def test_no_route_lets_anybody_in_who_is_not_known(phones: Phones) -> None:
    values = {"version": "11111111-1111-4111-8111-111111111111", "name": "a.csv", "token": "wrong"}
    asked = set()
    for rule in phones.app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], rule.rule)
        for method in rule.methods or ():
            status = phones.client.open(path, method=method).status_code
            expected = 403 if "token" in rule.arguments else 401
            assert status == (200 if method == "OPTIONS" else expected), (method, path)
            asked.add(path)
    assert len(asked) == 12


def test_basic_is_offered_and_taken_on_https_only(phones: Phones) -> None:
    auth = (phones.account.name, phones.account.secret)
    assert phones.client.get(LIST, auth=auth).status_code == 401
    challenged = phones.client.get(LIST, **HTTPS)
    assert any(one.startswith("Basic") for one in challenged.headers.getlist("WWW-Authenticate"))
    assert phones.client.get(LIST, auth=auth, **HTTPS).status_code == 200
    assert phones.client.get(LIST, auth=(auth[0], "wrong"), **HTTPS).status_code == 401
    assert phones.client.get(LIST, auth=("nobody", auth[1]), **HTTPS).status_code == 401
    right = b64encode(":".join(auth).encode()).decode()
    for said in ("!!", f"{right}, Basic {right}", f"{right}, Basic !!", f"!!, Basic {right}", f"{right}, Bearer x"):
        assert phones.client.get(LIST, headers={"Authorization": f"Basic {said}"}, **HTTPS).status_code == 401, said


def test_a_wrong_password_or_an_unknown_name_is_401_with_the_same_words(phones: Phones) -> None:
    client = phones.client
    wrong = ask(client, phones, password="wrong")
    nobody = ask(client, phones, name="nobody")
    device = ask(client, phones, name=phones.device.name, password=phones.device.secret)
    assert (wrong.status_code, nobody.status_code, device.status_code) == (401, 401, 401)
    assert wrong.data == nobody.data
    assert ask(client, phones).status_code == 200


def test_a_signature_for_another_address_or_another_method_lets_nobody_in(phones: Phones) -> None:
    client = phones.client
    assert ask(client, phones, f"{LIST}?formID=hh", uri=LIST).status_code == 401
    assert ask(client, phones, LIST, uri=SUBMISSION).status_code == 401
    assert ask(client, phones, f"{LIST}?deviceID=a%3Ab").status_code == 200


def test_a_use_of_a_nonce_counts_once_in_all_processes(phones: Phones, settings: Settings, engine: Engine) -> None:
    other = make_phone_app(settings, engine, puts=phones.puts).test_client()
    challenge = read_challenge(phones.client.get(LIST))
    assert ask(phones.client, phones, challenge=challenge, count=1).status_code == 200
    replayed = ask(other, phones, challenge=challenge, count=1)
    assert replayed.status_code == 401
    assert read_challenge(replayed)["stale"] == "true"
    assert ask(other, phones, challenge=challenge, count=3).status_code == 200
    assert ask(phones.client, phones, challenge=challenge, count=2).status_code == 200
    assert ask(phones.client, phones, challenge=challenge, count=3).status_code == 401


def test_an_old_nonce_is_stale_and_a_strange_one_is_not(phones: Phones, door_keys: DoorKeys) -> None:
    old = make_nonce(door_keys.digest, now=1_700_000_000 - NONCE_SECONDS)
    answer = ask(phones.client, phones, challenge={"realm": REALM, "nonce": old})
    assert (answer.status_code, read_challenge(answer).get("stale")) == (401, "true")
    answer = ask(phones.client, phones, challenge={"realm": REALM, "nonce": "QUJD"})
    assert (answer.status_code, read_challenge(answer).get("stale")) == (401, None)


def test_without_redis_a_phone_is_let_in_all_the_same_and_a_replay_is_not(
    phones: Phones, settings: Settings, engine: Engine
) -> None:
    client = make_phone_app(
        replace(settings, redis_url="redis://127.0.0.1:1/0"), engine, puts=phones.puts
    ).test_client()
    challenge = read_challenge(client.get(LIST))
    assert ask(client, phones, challenge=challenge, count=1).status_code == 200
    assert ask(client, phones, challenge=challenge, count=1).status_code == 401
    for _ in range(tries.MOST_FAILURES):
        ask(client, phones, challenge=challenge, password="wrong")
    assert ask(client, phones, challenge=challenge, count=9).status_code == 401


def read_words(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.text.partition('nature="error">')[2].partition("<")[0]


LOCKED = 401, WORDS["locked"]["en"]


def test_whoever_guesses_has_to_wait_and_hears_so_and_nobody_else_does(
    phones: Phones, engine: Engine, door_keys: DoorKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "MOST_FAILURES", 3)
    with Session(engine) as session, session.begin():
        other = add_phone(session, COMMAND_LINE, name="samira", kind=PhoneKind.ACCOUNT, keys=door_keys)
    client, auth = phones.client, (phones.account.name, phones.account.secret)
    for _ in range(2):
        assert read_words(ask(client, phones, password="wrong")) == (401, WORDS["who"]["en"])
    for password in ("wrong", auth[1], "wrong"):
        answer = ask(client, phones, password=password)
        assert read_words(answer) == read_words(client.get(LIST, auth=(auth[0], password), **HTTPS)) == LOCKED
        assert "stale" not in read_challenge(answer), "it would ask again and again"
    assert ask(client, phones, environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200
    assert ask(client, phones, name=other.name, password=other.secret).status_code == 200
    assert client.get(f"{phones.base}/formList").status_code == 200


def test_a_name_that_no_phone_has_waits_as_one_that_is_known(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "MOST_FAILURES", 2)
    said = [[read_words(ask(phones.client, phones, name=name, password="x")) for _ in range(4)]
            for name in (phones.account.name, "nobody", phones.device.name)]  # fmt: skip
    assert said[0][1:] == [LOCKED] * 3
    assert said[0] == said[1] == said[2]


@pytest.mark.parametrize("is_redis_away", [False, True])
def test_a_new_secret_ends_the_wait_of_its_name(
    phones: Phones, settings: Settings, engine: Engine, door_keys: DoorKeys, is_redis_away: bool
) -> None:
    if is_redis_away:
        settings = replace(settings, redis_url="redis://127.0.0.1:1/0")
    client = make_phone_app(settings, engine, puts=phones.puts).test_client()
    for _ in range(tries.MOST_FAILURES):
        ask(client, phones, password="wrong")
    assert read_words(ask(client, phones)) == LOCKED
    with Session(engine) as session, session.begin():
        renewed = renew_phone(session, COMMAND_LINE, name=phones.account.name, keys=door_keys)
    assert ask(client, phones).status_code == 401
    assert ask(client, phones, password=renewed.secret).status_code == 200
    assert client.get(LIST, auth=(renewed.name, renewed.secret), **HTTPS).status_code == 200


@pytest.mark.parametrize("above", ["", "/key/wrong"])
def test_a_method_that_is_not_taken_is_405_and_says_which_are(phones: Phones, above: str) -> None:
    for path, allowed in (
        (f"/phones{above}/submission", {"HEAD", "POST"}),
        (f"/phones{above}/formList", {"GET", "HEAD", "OPTIONS"}),
    ):
        answer = phones.client.delete(path)
        assert (answer.status_code, set(answer.allow)) == (405, allowed)
        assert "does not take that method" in answer.text


def test_a_token_lets_a_device_in_and_a_wrong_one_is_403_without_a_challenge(phones: Phones) -> None:
    client = phones.client
    assert client.get(f"{phones.base}/formList").status_code == 200
    assert client.get(f"{phones.base}/formList/?deviceID=x").status_code == 200
    refused = client.get("/phones/key/wrong/formList")
    assert refused.status_code == 403
    assert "WWW-Authenticate" not in refused.headers
    assert client.head("/phones/key/wrong/submission").status_code == 403
    assert post_to(client, "/phones/key/wrong/submission", b"<a/>").status_code == 403


def test_a_revoked_phone_is_shut_out_at_once_also_where_it_was_known(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    xml, _ = write_odk({}, frozen=household.frozen)
    assert phones.post(xml).status_code == 201
    challenge = read_challenge(phones.client.get(LIST))

    def send_signed(count: int) -> int:
        header = write_digest(
            challenge,
            method="POST",
            uri=SUBMISSION,
            name=phones.account.name,
            password=phones.account.secret,
            count=count,
        )
        another, _ = write_odk({}, frozen=household.frozen)
        return int(post_to(phones.client, SUBMISSION, another, headers={"Authorization": header}).status_code)

    assert send_signed(1) == 201
    with Session(engine) as session, session.begin():
        revoke_phone(session, COMMAND_LINE, name=phones.account.name)
        revoke_phone(session, COMMAND_LINE, name=phones.device.name)
    before = look("SELECT count(*) FROM entries")
    assert send_signed(2) == 401
    assert phones.post(xml).status_code == 403
    assert phones.post(write_odk({}, frozen=household.frozen)[0]).status_code == 403
    assert phones.client.get(f"{phones.base}/formList").status_code == 403
    assert look("SELECT count(*) FROM entries") == before


def test_a_new_secret_ends_the_old_one_at_once_and_works(
    phones: Phones, household: Household, engine: Engine, door_keys: DoorKeys
) -> None:
    xml, _ = write_odk({}, frozen=household.frozen)
    assert phones.post(xml).status_code == 201
    assert ask(phones.client, phones).status_code == 200
    with Session(engine) as session, session.begin():
        device = renew_phone(session, COMMAND_LINE, name=phones.device.name, keys=door_keys)
        account = renew_phone(session, COMMAND_LINE, name=phones.account.name, keys=door_keys)
    another, _ = write_odk({}, frozen=household.frozen)
    assert phones.post(another).status_code == 403
    assert post_to(phones.client, f"/phones/key/{device.secret}/submission", another).status_code == 201
    assert ask(phones.client, phones).status_code == 401
    assert ask(phones.client, phones, password=account.secret).status_code == 200


def test_nothing_of_who_calls_is_logged(phones: Phones, caplog: pytest.LogCaptureFixture) -> None:
    ask(phones.client, phones, f"{LIST}?deviceID=Canary", password="Canary-word")
    phones.client.get("/phones/key/Canary-token/formList")
    assert "Canary" not in caplog.text
    assert phones.account.name not in caplog.text
