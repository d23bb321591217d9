"""Many visits to one thing: whatever comes late, twice or in another order, nothing is overwritten unseen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations
from uuid import UUID

from pimcollect.domain.entities import CREATE, UPDATE
from pimcollect.domain.visits import Change, Entity, Standing, settle_entity, take_changes

BRANCH = "b"


def change(number: int, *, kind: str = UPDATE, base: int | None = None, **more: object) -> Change:
    label = f"Home {number}" if kind == CREATE else None
    return Change(UUID(int=number), kind, label, {"n": str(number), f"p{number}": "x"}, base=base, **more)  # type: ignore[arg-type]


CREATED = change(1, kind=CREATE)


def arrive(changes: Iterable[Change]) -> tuple[Entity, list[Change]]:
    """One after the other, each settled before the next comes."""
    entity, placed = Entity(), list[Change]()
    for one in changes:
        entity, placed = settle_entity(entity, [*placed, one])
    return entity, placed


def stand(placed: list[Change]) -> dict[int, str]:
    return {one.submission.int: one.standing.value for one in placed}


# not overwritten


def test_an_update_that_had_not_seen_the_newest_row_is_kept_beside_and_marked() -> None:
    entity, placed = arrive([CREATED, change(2, base=1), change(3, base=1)])
    assert (entity.version, entity.properties["n"], entity.has_conflict) == (2, "2", True)
    assert stand(placed) == {1: "applied", 2: "applied", 3: "conflict"}
    assert "p3" not in entity.properties


def test_a_second_creation_of_the_same_thing_changes_nothing() -> None:
    entity, placed = arrive([CREATED, change(2, kind=CREATE)])
    assert (entity.label, entity.version, entity.has_conflict) == ("Home 1", 1, True)
    assert stand(placed)[2] == "conflict"


def test_an_update_that_says_nothing_of_what_it_saw_changes_nothing() -> None:
    entity, placed = arrive([CREATED, change(2)])
    assert (entity.properties["n"], stand(placed)[2]) == ("1", "conflict")


def test_what_nobody_created_is_in_no_list() -> None:
    entity, placed = arrive([change(2, base=1)])
    assert (entity.version, entity.label, entity.properties, stand(placed)) == (0, None, {}, {2: "waiting"})


# in any order


def test_visits_of_one_phone_end_in_the_same_row_in_whatever_order_they_come() -> None:
    """The phone was offline: it saw version 1 of the server, and counted its own updates."""
    own = [change(number, base=number - 1, trunk=1, branch=BRANCH) for number in (2, 3, 4)]
    for order in permutations([CREATED, *own]):
        entity, placed = arrive(order)
        assert (entity.version, entity.properties["n"], entity.has_conflict) == (4, "4", False), order
        assert set(stand(placed).values()) == {"applied"}
        assert [one.made for one in sorted(placed, key=lambda one: one.submission.int)] == [1, 2, 3, 4]


def test_what_a_phone_created_and_changed_before_it_sent_anything_is_one_history() -> None:
    own = [change(number, base=number - 1, branch=BRANCH) for number in (2, 3)]
    for order in permutations([CREATED, *own]):
        assert arrive(order)[0].properties["n"] == "3"


def test_an_update_on_top_of_a_conflict_is_one_too_although_its_number_would_fit() -> None:
    own = [change(3, base=1, trunk=1, branch=BRANCH), change(4, base=2, trunk=1, branch=BRANCH)]
    entity, placed = arrive([CREATED, change(2, base=1), *own])
    assert (entity.version, entity.properties["n"]) == (2, "2")
    assert stand(placed) == {1: "applied", 2: "applied", 3: "conflict", 4: "conflict"}


def test_an_update_on_top_of_an_own_one_is_a_conflict_when_somebody_was_between() -> None:
    own = [change(2, base=1, trunk=1, branch=BRANCH), change(4, base=2, trunk=1, branch=BRANCH)]
    entity, placed = arrive([CREATED, own[0], change(3, base=2), own[1]])
    assert (entity.properties["n"], stand(placed)[4]) == ("3", "conflict")


# seen, taken, corrected, gone


def test_whoever_visits_after_a_conflict_has_seen_the_row_and_settles_it() -> None:
    entity, _ = arrive([CREATED, change(2, base=1), change(3, base=1), change(4, base=2)])
    assert (entity.version, entity.properties["n"], entity.has_conflict) == (3, "4", False)


def test_what_waits_or_is_in_conflict_can_be_taken_by_a_person_in_order_of_arrival() -> None:
    entity, placed = arrive([CREATED, change(2, base=1), change(3, base=1), change(4, base=9)])
    assert stand(placed)[4] == "waiting"
    taken, placed = take_changes(entity, placed)
    assert (taken.version, taken.properties["n"], taken.has_conflict) == (4, "4", False)
    assert set(stand(placed).values()) == {"applied"}


def test_settling_again_changes_nothing() -> None:
    entity, placed = arrive([CREATED, change(2, base=1), change(3, base=1), change(4, base=7)])
    assert settle_entity(entity, placed) == (entity, placed)


def test_a_visit_that_is_gone_leaves_what_was_before_it_as_a_newer_version() -> None:
    entity, placed = arrive([CREATED, change(2, base=1), change(3, base=2)])
    after, _ = settle_entity(entity, [one for one in placed if one.submission.int != 3])
    assert (after.properties, after.version) == ({"n": "2", "p1": "x", "p2": "x"}, 4)


def test_without_what_created_it_nothing_is_left_and_phones_are_told_by_its_version() -> None:
    entity, placed = arrive([CREATED, change(2, base=1)])
    after, _ = settle_entity(entity, placed[1:])
    assert (after.label, after.properties, after.version, after.has_conflict) == (None, {}, 3, False)


def test_a_correction_of_the_creation_stays_below_later_visits() -> None:
    entity, placed = arrive([CREATED, change(2, base=1)])
    corrected = replace(placed[0], label="Home anew", properties={"n": "1", "p1": "z"})
    after, _ = settle_entity(entity, [corrected, placed[1]])
    assert (after.label, after.properties, after.version) == ("Home anew", {"n": "2", "p1": "z", "p2": "x"}, 3)


def test_every_standing_is_a_word_that_the_table_knows() -> None:
    assert {one.value for one in Standing} == {"waiting", "applied", "conflict"}
