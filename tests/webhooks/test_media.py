"""Files of an entry: sealed with their names, bounded, known again, and gone when their entry is."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.inbox import discard_entry
from pimcollect.db import borrow
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import PimError
from pimcollect.servers import odk
from pimcollect.tables import media as table
from pimcollect.tables.media import find_media, keep_media, shred_media, shred_strays
from pimcollect.vault import DoorKeys, HandsKeys
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import write_odk
from webhooks import media
from webhooks.inbox import Way, accept, identify_edition
from webhooks.media import Stored, open_file, store_media

FORM, NAME, CONTENT = "hh", "Canary Nadia.jpg", b"\xff\xd8 canary picture"


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session, session.begin():
        yield session


def put_entry(engine: Engine, household: Household, keys: DoorKeys, edition: str = "one") -> tuple[UUID, str]:
    body, _ = write_odk(SCENARIOS["base_answers"], frozen=household.frozen, root=edition)
    with borrow(engine) as connection:
        receipt = accept(connection, body, odk.read_delivery(body), via=Way("phone", FORM, "odk"), keys=keys)
    assert receipt is not None
    return receipt.entry, identify_edition(edition, form=FORM, key=keys.digest)


def store(session: Session, identity: str, keys: DoorKeys, name: str = NAME, content: bytes = CONTENT) -> Stored:
    return store_media(session, form=FORM, identity=identity, name=name, content=content, keys=keys)


def test_neither_a_name_nor_a_content_is_readable_in_the_table(
    household: Household, session: Session, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    assert store(session, "i", door_keys) is Stored.NEW
    everything = str(session.execute(text("SELECT media::text FROM media")).all())
    for word in ("Canary", "canary", "Nadia", b"canary".hex(), b"Nadia".hex()):
        assert word not in everything
    (row,) = find_media(session, form=FORM, identity="i")
    assert open_file(row, ring=hands_keys.intake) == (NAME, CONTENT)
    row.identity = "j"
    with pytest.raises(PimError):
        open_file(row, ring=hands_keys.intake)
    session.rollback()


def test_the_same_file_again_changes_nothing_and_another_of_its_name_is_told_apart(
    household: Household, session: Session, door_keys: DoorKeys
) -> None:
    assert store(session, "i", door_keys) is Stored.NEW
    assert store(session, "i", door_keys) is Stored.SAME
    assert store(session, "i", door_keys, content=b"other") is Stored.OTHER
    assert store(session, "i", door_keys, name="two", content=b"") is Stored.NEW
    assert store(session, "j", door_keys, content=b"other") is Stored.NEW
    assert len(find_media(session, form=FORM, identity="i")) == 2


def test_an_edition_has_so_many_files_and_no_more(
    household: Household, session: Session, door_keys: DoorKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MOST_FILES", 2)
    monkeypatch.setattr(media, "MOST_BYTES", 100)
    assert store(session, "i", door_keys, name="big", content=b"x" * 101) is Stored.TOO_MUCH
    assert [store(session, "i", door_keys, name=name) for name in "abc"] == [Stored.NEW, Stored.NEW, Stored.TOO_MUCH]


def test_files_are_shredded_with_their_entry_but_for_those_that_are_kept(
    household: Household, engine: Engine, door_keys: DoorKeys, hands_keys: HandsKeys
) -> None:
    _, identity = put_entry(engine, household, door_keys)
    with Session(engine) as session, session.begin():
        for name in ("kept", "dropped"):
            store(session, identity, door_keys, name=name)
        rows = find_media(session, form=FORM, identity=identity)
        keep_media(session, [row.id for row in rows if open_file(row, ring=hands_keys.intake)[0] == "kept"])
    assert household.settle() == 1
    with Session(engine) as session, session.begin():
        assert [row.state for row in find_media(session, form=FORM, identity=identity)] == ["kept"]
        assert store(session, identity, door_keys, name="dropped", content=b"late") is Stored.SAME
        shredded = session.execute(text("SELECT content, name, digest FROM media WHERE state = 'shredded'")).all()
        assert shredded == [(None, None, None)]


def test_a_discarded_entry_takes_its_files_with_it(
    household: Household, session: Session, engine: Engine, door_keys: DoorKeys
) -> None:
    entry, identity = put_entry(engine, household, door_keys)
    store(session, identity, door_keys)
    session.execute(text("UPDATE entries SET state = 'held', reason = 'unreadable'"))
    discard_entry(session, COMMAND_LINE, entry)
    assert find_media(session, form=FORM, identity=identity) == []


def test_strays_are_shredded_after_their_days_and_what_waits_with_its_entry_is_not(
    household: Household, session: Session, engine: Engine, door_keys: DoorKeys
) -> None:
    _, identity = put_entry(engine, household, door_keys)
    store(session, identity, door_keys)
    store(session, "nobody", door_keys)
    assert shred_strays(session, days=7, limit=10) == 0
    session.execute(text("UPDATE media SET received_at = now() - interval '8 days'"))
    assert shred_strays(session, days=7, limit=10) == 1
    assert len(find_media(session, form=FORM, identity=identity)) == 1
    shred_media(session, [], unwanted=[])
    assert find_media(session, form=FORM, identity=identity)[0].state == table.WAITING
