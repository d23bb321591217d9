"""Requests made out of the description of every HTTP door: no server error, nothing undocumented, nothing repeated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from requests import Response
from sqlalchemy import text

from pimcollect.actions.hooks import open_hook
from pimcollect.actions.phones import add_phone
from pimcollect.config import Settings
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.forms import FormRow
from pimcollect.vault import read_door_keys
from tests.fuzz.doors import describe
from tests.web.site import Site, open_site
from webhooks.hooks import SECRET_HEADER

_EXAMPLES = int(os.environ.get("PIM_FUZZ_EXAMPLES", "10"))
_NEVER = ("Traceback", "psycopg", "sqlalchemy", "werkzeug", 'File "')


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    site = open_site(settings)
    yield site
    site.close()


@pytest.fixture
def served(site: Site) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Address of a service, its description, and the hook's secret."""
    with site.desk.hands.sessions.begin() as session:
        session.merge(FormRow(id="hh", title="Household"))
        session.flush()
        hook = open_hook(session, COMMAND_LINE, server="kobo", form="hh")
        ona = open_hook(session, COMMAND_LINE, server="ona", form="hh")
        keys = read_door_keys(site.settings.door_keys)
        phone = add_phone(session, COMMAND_LINE, kind=PhoneKind.DEVICE, name="enum-07", keys=keys)
    with site.served() as url:
        yield url, describe(hook=hook.path, ona=ona.path, phone=f"/phones/key/{phone.secret}"), hook.secret


def check(answer: Response, documented: set[int], where: str) -> None:
    assert answer.status_code in documented, (where, answer.status_code)
    assert answer.status_code < 500 or answer.headers.get("Retry-After"), where
    for word in _NEVER:
        assert word not in answer.text, (where, word)


def ask(operation: Any, url: str, secret: str) -> int:
    """Requests of one operation; returns how many were made."""
    documented = {int(status) for status in operation.definition.raw["responses"]} | {400, 405, 414, 431}
    is_hook = operation.path.startswith("/webhooks/")
    asked = []

    @with_settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def look(case: Any) -> None:
        for headers in (None, {SECRET_HEADER: secret}) if is_hook else (None,):
            asked.append(case.call(base_url=url, headers=headers, allow_redirects=False, timeout=20))
            check(asked[-1], documented, operation.label)

    look()
    return len(asked)


def test_no_request_makes_a_door_fail_or_say_what_is_not_documented(served: tuple[str, dict[str, Any], str]) -> None:
    url, document, secret = served
    operations = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(operations) > len(document["paths"])
    assert sum(ask(operation, url, secret) for operation in operations) >= len(operations)


def test_a_good_request_is_taken_after_all_of_them(served: tuple[str, dict[str, Any], str], site: Site) -> None:
    url, document, secret = served
    hook = next(path for path in document["paths"] if path.startswith("/webhooks/"))
    for _ in range(3):
        body = f'{{"_uuid": "{uuid4()}"}}'
        assert requests.post(url + hook, data=body, headers={SECRET_HEADER: secret}, timeout=20).status_code == 202
    with site.desk.hands.sessions() as session:
        assert session.scalar(text("SELECT count(*) FROM entries")) == 3
