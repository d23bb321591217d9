"""Editions in any order: originals, edits of edits, withdrawals and deletions end as if they had come in order."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.db import borrow, transaction
from pimcollect.plugins import find_plugin
from pimcollect.vault import read_door_keys
from tests.factories.connections import to_xml
from tests.factories.households import Household, open_household, write_kobo
from tests.workers.test_fetch_kobo import BASE, PLACE, URGENT
from webhooks.hooks import Hooks
from webhooks.inbox import accept
from workers.erase import Gone, erase_gone

ROOTS = 60
"""Permutations in the suite; `make rounds` plays a thousand and more."""
CONTENTS: tuple[dict[str, Any], ...] = (
    URGENT,
    {**BASE, **PLACE},
    {**URGENT, "ref_name": "Uncle Canary"},
    {**BASE, **PLACE, "con_interview": "no"},
    {**URGENT, "doc_birth": 3},
)


@dataclass(frozen=True)
class Story:
    """One root: the contents of its editions in order, and when it is deleted, if it is."""

    ids: tuple[str, ...]
    contents: tuple[int, ...]
    is_deleted: bool
    is_xml: bool


def tell_story(chance: random.Random) -> Story:
    count = chance.randint(1, 4)
    return Story(
        ids=tuple(str(UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)),
        contents=tuple(chance.randrange(len(CONTENTS)) for _ in range(count)),
        is_deleted=chance.random() < 0.4,
        is_xml=chance.random() < 0.5,
    )


def write(household: Household, story: Story, number: int) -> bytes:
    before = story.ids[number - 1] if number else ""
    more = {"meta/deprecatedID": f"uuid:{before}"} if before else {}
    body, _ = write_kobo(
        CONTENTS[story.contents[number]],
        frozen=household.frozen,
        root=story.ids[0],
        edition=story.ids[number],
        **more,
    )
    if not story.is_xml:
        return body

    return to_xml(json.loads(body), version=household.frozen.version.version, before=before)


class Stage:
    """Plays the events of many stories, the first of each, then the second of each, and so on."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.household = open_household(settings, engine)
        self.engine = engine
        self.keys = read_door_keys(settings.door_keys)
        hook = Hooks(engine).find_fresh(self.household.door.hook.key)
        assert hook is not None
        self.hook = hook

    def play(self, stories: list[Story], orders: list[list[int]]) -> None:
        """`orders` are edition numbers; one behind the last is the deletion."""
        for step in range(max(len(order) for order in orders)):
            turn = [(story, order[step]) for story, order in zip(stories, orders, strict=True) if step < len(order)]
            reader = find_plugin("servers", "kobo")
            with borrow(self.engine) as connection:
                for story, number in turn:
                    if number < len(story.ids):
                        body = write(self.household, story, number)
                        accept(connection, body, reader.read_delivery(body), via=self.hook, keys=self.keys)
            gone = [Gone(story.ids[0], story.ids[-1]) for story, number in turn if number == len(story.ids)]
            with transaction(self.household.hands.sessions) as session:
                erase_gone(self.household.hands, session, form="hh", gone=gone, keys=self.keys)
            while self.household.settle():
                pass

    def read(self, stories: list[Story]) -> dict[str, Any]:
        """What became of each story: state, newest edition, answers, and what is still to be followed up."""
        hands, found = self.household.hands, {}
        query = "SELECT root_id, state, erased_at IS NOT NULL AS gone, edition_id, shared, restricted FROM submissions"
        with self.engine.connect() as connection:
            rows = {row.root_id: row for row in connection.execute(text(query))}
            open_ones = {
                row.origin: (row.course, row.urgency, row.service, row.is_there)
                for row in connection.execute(
                    text(
                        "SELECT r.*, c.sealed IS NOT NULL AS is_there FROM referrals r LEFT JOIN cases c "
                        "ON c.id = r.case_id WHERE r.state NOT IN ('recalled', 'closed')"
                    )
                )
            }
            sealed = connection.scalar(text("SELECT count(*) FROM cases WHERE sealed IS NOT NULL"))
            assert sealed == sum(bool(one[3]) for one in open_ones.values())
        for story in stories:
            row = rows.pop(story.ids[0])
            pathways = hands._versions and {code for one in hands._versions.values() for code in one.prepared.version.pathways}  # fmt: skip  # noqa: E501
            follow = {code: open_ones.pop(hands.origin("hh", story.ids[0], code), None) for code in pathways or ()}
            newest = None if row.gone else story.ids.index(row.edition_id)
            kept = {name: value for name, value in follow.items() if value}
            found[story.ids[0]] = (row.state, row.gone, newest, row.shared, row.restricted, kept)
        assert rows == {}  # nothing under another root
        assert open_ones == {}
        return found


def compare(stage: Stage, *, count: int, seed: int) -> int:
    """Play stories in order and shuffled, with repeats, and compare what became of them; returns how many differ."""
    chance = random.Random(seed)  # noqa: S311 - invented, repeatable
    stories = [tell_story(chance) for _ in range(count)]
    straight = [list(range(len(story.ids) + story.is_deleted)) for story in stories]
    stage.play(stories, straight)
    expected = stage.read(stories)
    with stage.engine.begin() as connection:
        for table in ("notices", "referral_moves", "referrals", "cases", "submissions", "entries", "tallies"):
            connection.execute(text(f"DELETE FROM {table}"))
    shuffled = []
    for order in straight:
        mixed = chance.sample(order, len(order))
        again = [number for number in mixed if chance.random() < 0.3]
        shuffled.append([*mixed, *again])
    stage.play(stories, shuffled)
    with stage.engine.connect() as connection:
        waiting = connection.execute(text("SELECT state, reason FROM entries WHERE state <> 'settled'")).all()
    assert Counter(waiting) == {}
    got = stage.read(stories)
    return sum(expected[root] != got[root] for root in expected)


@pytest.fixture
def stage(settings: Settings, engine: Engine) -> Iterator[Stage]:
    stage = Stage(settings, engine)
    yield stage
    stage.household.hands.engine.dispose()


def test_any_order_ends_as_the_right_one(stage: Stage) -> None:
    assert compare(stage, count=ROOTS, seed=7) == 0
