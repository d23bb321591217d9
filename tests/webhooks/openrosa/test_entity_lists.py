"""The lists that phones fetch: rows of now with the digest of their bytes, for phones that hold a form of it alone."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tracemalloc
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.entities import erase_list
from pimcollect.actions.releases import close_on_phones, release_to_phones
from pimcollect.domain.roles import COMMAND_LINE
from tests.factories.phones import Phones
from tests.factories.visits import adopt_follow, adopt_register, keep_adopted, write_entity

Look = Callable[[str], list[tuple[Any, ...]]]
HOME, OTHER = "6b4b1a52-0000-4000-8000-000000000001", "6b4b1a52-0000-4000-8000-000000000002"
HEAD = "name,label,__version,age,code,head_name,secret,tel,tents,water\n"


@pytest.fixture
def village(phones: Phones, engine: Engine) -> Phones:
    """The same door with a form that registers and one that visits again."""
    keep_adopted(engine, adopt_register(), adopt_follow())
    with Session(engine) as session, session.begin():
        for form in ("register", "follow"):
            release_to_phones(session, COMMAND_LINE, form)
    return phones


def send(village: Phones, household: Any, *, entity: str = HOME, code: str = "HH-001") -> None:
    said = {"consent": "yes", "code": code, "water": "river"}
    village.post(write_entity("register", "1", said, create="1", id=entity))
    household.settle()


def find_base(village: Phones, form: str, look: Look) -> str:
    ((version,),) = look(f"SELECT version FROM phone_forms WHERE form = '{form}'")
    return f"{village.base}/forms/{version}"


def fetch(village: Phones, base: str) -> tuple[str, str]:
    """(digest that the manifest tells, content); one is always that of the other."""
    manifest = village.client.get(f"{base}/manifest").data.decode()
    assert '<mediaFile type="entityList">' in manifest
    (told,) = re.findall(r"<hash>md5:([0-9a-f]{32})</hash>", manifest)
    answer = village.client.get(f"{base}/files/households.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert hashlib.md5(answer.data).hexdigest() == told  # noqa: S324 - what the protocol asks for
    return told, answer.data.decode()


def test_only_phones_that_are_let_in_and_hold_a_form_of_the_list_fetch_it(
    village: Phones, engine: Engine, look: Look, household: Any
) -> None:
    send(village, household)
    base = find_base(village, "follow", look)
    stranger = base.replace(village.base, "/phones/key/" + "x" * 43)
    nobody = base.replace(village.base, "/phones")
    for path in ("files/households.csv", f"integrity/households.csv?id={HOME}", "manifest"):
        assert village.client.get(f"{base}/{path}").status_code == 200
        assert village.client.get(f"{stranger}/{path}").status_code == 403
        assert village.client.get(f"{nobody}/{path}").status_code == 401
        other = find_base(village, "hh", look)
        assert path == "manifest" or village.client.get(f"{other}/{path}").status_code == 404
    with Session(engine) as session, session.begin():
        close_on_phones(session, COMMAND_LINE, "follow")
    assert village.client.get(f"{base}/files/households.csv").status_code == 404


def test_the_digest_changes_with_the_rows_and_only_with_them(village: Phones, look: Look, household: Any) -> None:
    base = find_base(village, "follow", look)
    empty, content = fetch(village, base)
    assert content == HEAD
    send(village, household)
    first, content = fetch(village, base)
    assert content == f"{HEAD}{HOME},Household HH-001,1,,HH-001,,,,,river\n"
    assert fetch(village, base)[0] == first != empty
    send(village, household, entity=OTHER, code="HH-002")
    second, content = fetch(village, base)
    assert (second != first, content.count("\n")) == (True, 3)
    assert look("SELECT md5, md5_of = revision FROM entity_lists WHERE name = 'households'") == [(second, True)]


def test_what_was_erased_is_told_as_deleted_and_what_never_was_is_left_out(
    village: Phones, engine: Engine, look: Look, household: Any
) -> None:
    for one, code in ((HOME, "HH-001"), (OTHER, "HH-002")):
        send(village, household, entity=one, code=code)
    with Session(engine) as session, session.begin():
        erase_list(session, COMMAND_LINE, "households", ids=[UUID(HOME)])
    base = find_base(village, "follow", look)
    asked = f"{HOME},{OTHER.upper()},6b4b1a52-0000-4000-8000-00000000000f,<x>&id=%00,{'a' * 3000}"
    answer = village.client.get(f"{base}/integrity/households.csv?id={asked}").data.decode()
    told = dict(re.findall(r'<entity id="([^"]+)"><deleted>(true|false)</deleted></entity>', answer))
    assert told == {HOME: "true", OTHER.upper(): "false"}
    assert HOME not in fetch(village, base)[1]


def put_rows(engine: Engine, rows: str) -> None:
    """Rows of the list, written past all rules: `id, label, properties` as a query gives them."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO entities (list, version, id, label, properties) "
                f"SELECT 'households', 1, id, label, properties FROM ({rows}) AS rows (id, label, properties)"
            )
        )


def test_a_cell_of_any_letters_stays_one_cell(village: Phones, engine: Engine, look: Look) -> None:
    put_rows(engine, f"VALUES (CAST('{HOME}' AS uuid), E'a \"quoted\", one\nماء မြန်မာ', CAST('{{}}' AS jsonb))")
    content = fetch(village, find_base(village, "follow", look))[1]
    (_, (_, label, *_)) = csv.reader(io.StringIO(content, newline=""))
    assert label == 'a "quoted", one\nماء မြန်မာ'


def test_a_long_list_is_never_whole_in_memory(village: Phones, engine: Engine, look: Look) -> None:
    long = "jsonb_build_object('water', repeat('river', 200))"
    put_rows(engine, f"SELECT gen_random_uuid(), 'Household', {long} FROM generate_series(1, 6000)")
    base = find_base(village, "follow", look)
    tracemalloc.start()
    size = 0
    for piece in village.client.get(f"{base}/files/households.csv", buffered=False).iter_encoded():
        size += len(piece)
    village.client.get(f"{base}/manifest")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 6_000_000
    assert most < 3_000_000
