"""Where our address is https, a token or a password that anybody on the way could read lets nobody in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from pimcollect.config import Settings
from pimcollect.tables.marks import PhoneRefusal
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, make_phone_app, open_phones, post_to, write_odk
from tests.webhooks.openrosa.test_access import HTTPS, LIST, ask, read_challenge, read_words
from tests.webhooks.openrosa.test_refusals import COUNTED, Look, write
from webhooks.openrosa.words import WORDS

UNSAFE = WORDS["unsafe"]["en"]
FAR = {"REMOTE_ADDR": "192.0.2.2"}


@pytest.fixture
def public(settings: Settings, engine: Engine, household: Household) -> Iterator[Phones]:
    """The door of an installation whose address is https."""
    settings = replace(settings, public_url="https://pim.example.org")
    phones = open_phones(settings, engine, household.frozen.version.form)
    yield phones
    phones.puts.dispose()


def see(client: FlaskClient, path: str, *, host: str, far: bool = True, scheme: str = "http", **more: object) -> int:
    environ = FAR if far else {}
    answer = client.get(path, base_url=f"{scheme}://{host}", environ_overrides=environ, **more)  # type: ignore[arg-type]
    return answer.status_code


def test_a_token_over_plain_http_from_elsewhere_is_refused_and_counted_for_its_phone(
    public: Phones, household: Household, look: Look
) -> None:
    client, path = public.client, f"{public.base}/formList"
    answer = client.get(path, base_url="http://198.51.100.7:8000", environ_overrides=FAR)
    assert read_words(answer) == (403, UNSAFE)
    assert "WWW-Authenticate" not in answer.headers
    xml, _ = write_odk(SCENARIOS["base_answers"], frozen=household.frozen)
    client.environ_base |= FAR
    assert read_words(post_to(client, f"{public.base}/submission", xml)) == (403, UNSAFE)
    assert client.head(f"{public.base}/submission").status_code == 403
    assert read_words(client.get("/phones/key/wrong/formList")) == (403, UNSAFE), "a guess is told nothing by it"
    write(public)
    assert look(COUNTED) == [(public.device.name, PhoneRefusal.OVERHEARD.value, 3)]
    assert look("SELECT count(*) FROM entries") == [(0,)]


def test_a_token_is_taken_over_https_on_this_machine_and_by_our_own_host_behind_a_proxy(public: Phones) -> None:
    client, path = public.client, f"{public.base}/formList"
    assert see(client, path, host="other.example", scheme="https") == 200
    assert see(client, path, host="127.0.0.1:8000", far=False) == 200
    for near in ("::1", "::ffff:127.0.0.1", "127.0.0.9"):
        assert client.get(path, environ_overrides={"REMOTE_ADDR": near}).status_code == 200
    for host in ("pim.example.org", "PIM.example.org"):
        assert see(client, path, host=host) == 200
    assert see(client, path, host="pim.example.org:8000") == 403


def test_where_our_address_is_plain_http_a_token_is_taken_as_ever(phones: Phones) -> None:
    assert see(phones.client, f"{phones.base}/formList", host="192.0.2.1:8000") == 200


def test_digest_is_taken_over_plain_http(public: Phones) -> None:
    assert ask(public.client, public, environ_overrides=FAR).status_code == 200


def test_basic_over_plain_http_hears_that_the_address_is_not_safe(
    public: Phones, settings: Settings, engine: Engine
) -> None:
    auth = (public.account.name, public.account.secret)
    answer = public.client.get(LIST, auth=auth, environ_overrides=FAR)
    assert read_words(answer) == (403, UNSAFE)
    on_a_laptop = make_phone_app(settings, engine, puts=public.puts).test_client()
    answer = on_a_laptop.get(LIST, auth=auth, environ_overrides=FAR)
    assert read_words(answer) == (401, UNSAFE)
    assert read_challenge(answer), "it may answer by Digest"
    assert public.client.get(LIST, auth=auth, **HTTPS).status_code == 200
