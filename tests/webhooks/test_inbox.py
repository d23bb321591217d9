"""Every way in: one edition is one entry whatever way it comes, read by the plugin of the way that brought it."""

from __future__ import annotations

import pytest
from psycopg.errors import UniqueViolation
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import open_hook
from pimcollect.actions.phones import add_phone
from pimcollect.db import borrow
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.servers import kobo, odk
from pimcollect.tables.entries import find_forgotten
from pimcollect.vault import DoorKeys
from tests.factories.door import put_form
from tests.factories.households import SCENARIOS, Household, write_kobo
from tests.factories.phones import write_odk
from webhooks.inbox import Receipt, Way, accept, identify_edition
from webhooks.pulled import Pulled, accept_page
from workers.settle import settle_batch

AGREED = SCENARIOS["base_answers"]
FORM = "hh"


def put(engine: Engine, body: bytes, way: Way, keys: DoorKeys) -> Receipt:
    reader = odk if way.server == "odk" else kobo
    with borrow(engine) as connection:
        receipt = accept(connection, body, reader.read_delivery(body), via=way, keys=keys)
    assert receipt is not None
    return receipt


def rows(engine: Engine, query: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.parametrize("via", ["phone", "pull", "carried"])
def test_what_no_hook_brought_is_settled_by_the_plugin_it_names(
    household: Household, engine: Engine, door_keys: DoorKeys, via: str
) -> None:
    body, root = write_odk(AGREED, frozen=household.frozen)
    assert put(engine, body, Way(via, FORM, "odk"), door_keys).is_new
    assert household.settle() == 1
    assert rows(engine, "SELECT root_id, state FROM submissions") == [(root, "kept")]
    assert rows(engine, "SELECT via, server, hook, state, body FROM entries") == [(via, "odk", None, "settled", None)]


def test_the_same_edition_through_two_doors_is_one_entry(
    household: Household, engine: Engine, door_keys: DoorKeys
) -> None:
    by_hook, root = write_kobo(AGREED, frozen=household.frozen)
    by_phone, _ = write_odk(AGREED, frozen=household.frozen, root=root)
    household.door.post(by_hook)
    assert not put(engine, by_phone, Way("phone", FORM, "odk", content="c"), door_keys).is_new
    assert not put(engine, by_hook, Way("pull", FORM, "kobo"), door_keys).is_new
    assert rows(engine, "SELECT via FROM entries") == [("hook",)]


def test_two_different_copies_by_phone_leave_the_first_as_it_is(
    household: Household, engine: Engine, door_keys: DoorKeys
) -> None:
    short, root = write_odk({}, frozen=household.frozen)
    whole, _ = write_odk(AGREED, frozen=household.frozen, root=root)
    first = put(engine, short, Way("phone", FORM, "odk", content="one"), door_keys)
    second = put(engine, whole, Way("phone", FORM, "odk", content="two"), door_keys)
    assert (second.is_new, second.entry, second.via, second.content) == (False, first.entry, "phone", "one")
    pulled = put(engine, whole, Way("pull", FORM, "odk"), door_keys)
    assert (pulled.is_new, pulled.entry) == (True, first.entry)


def test_a_second_edit_of_one_edition_by_phone_is_refused_by_the_table(
    engine: Engine, door_keys: DoorKeys, household: Household
) -> None:
    zero = identify_edition("zero", form=FORM, key=door_keys.digest)

    def edit(edition: str) -> Receipt:
        body, _ = write_odk({}, frozen=household.frozen, root=edition)
        return put(engine, body, Way("phone", FORM, "odk", content=edition, replaces=zero), door_keys)

    assert edit("one").is_new
    assert not edit("one").is_new
    with pytest.raises(UniqueViolation):
        edit("two")


def test_an_entry_that_waits_for_the_rest_is_not_settled_before_its_time(
    household: Household, engine: Engine, door_keys: DoorKeys
) -> None:
    body, _ = write_odk(AGREED, frozen=household.frozen)
    put(engine, body, Way("phone", FORM, "odk", waits=600), door_keys)
    assert settle_batch(household.hands) == 0
    with Session(engine) as session, session.begin():
        assert find_forgotten(session, seconds=0) == []
        session.execute(text("UPDATE entries SET waits_until = now() - interval '1 second'"))
        assert len(find_forgotten(session, seconds=0)) == 1
    assert settle_batch(household.hands) == 1


def test_a_form_that_is_not_here_takes_nothing(engine: Engine, door_keys: DoorKeys) -> None:
    with Session(engine) as session, session.begin():
        put_form(session, "other")
    with borrow(engine) as connection:
        told = kobo.read_delivery(b"{}")
        assert accept(connection, b"{}", told, via=Way("carried", "nobody", "kobo"), keys=door_keys) is None
        page = [Pulled(told, b"{}", None, None)]
        assert accept_page(connection, page, form="nobody", server="kobo", keys=door_keys) == 0
    assert rows(engine, "SELECT * FROM entries") == []


@pytest.mark.parametrize("table", ["forms", "hooks", "phones"])
def test_what_deliveries_name_is_never_deleted_or_renamed(engine: Engine, door_keys: DoorKeys, table: str) -> None:
    with Session(engine) as session, session.begin():
        put_form(session, FORM)
        open_hook(session, COMMAND_LINE, server="kobo", form=FORM)
        add_phone(session, COMMAND_LINE, name="tablet", kind=PhoneKind.DEVICE, keys=door_keys)
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id"):
        with pytest.raises(IntegrityError, match="never deleted"), engine.begin() as connection:
            connection.execute(text(statement))


def test_a_delivery_locks_no_row_that_others_share(household: Household, engine: Engine, door_keys: DoorKeys) -> None:
    body, _ = write_odk(AGREED, frozen=household.frozen)
    before = rows(engine, "SELECT id, xmax::text FROM forms")
    put(engine, body, Way("pull", FORM, "odk"), door_keys)
    assert rows(engine, "SELECT id, xmax::text FROM forms") == before
