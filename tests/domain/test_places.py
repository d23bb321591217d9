"""Places: up the stored parents, old codes through the crosswalk, other spellings by their alias."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.catalogue import NamedPlace
from pimcollect.domain.outcomes import Directory, PathwayRule, Place, Service
from pimcollect.domain.pathways import Person, choose_service
from pimcollect.domain.places import climb, find_lineage


def directory(*places: Place, **aliases: str) -> Directory:
    return Directory(places={one.code: one for one in places}, aliases=aliases)


NORTH, SOUTH = Place("N", 1, None), Place("S", 1, None)
OLD = Place("N1", 2, "N", replaced_by=("S1",))
NEW = Place("S1", 2, "S")


def codes(found: tuple[Place, ...]) -> list[str]:
    return [one.code for one in found]


def test_an_unknown_code_has_no_lineage_and_whatever_came_is_never_looked_up() -> None:
    known = directory(NORTH)
    assert find_lineage(known, "X") == find_lineage(known, 7) == find_lineage(known, ["N"]) == ()
    assert climb(known, "X", level=1) is None


def test_an_old_code_is_read_as_what_it_became() -> None:
    known = directory(NORTH, SOUTH, OLD, NEW)
    assert codes(find_lineage(known, "N1")) == ["S1", "S"]
    assert climb(known, "N1", level=2) == "S1"
    assert climb(known, "N1", level=1) == "S"


def test_a_divided_area_is_read_as_the_areas_that_all_its_parts_lie_in() -> None:
    inside = directory(NORTH, Place("N1", 2, "N", replaced_by=("N2", "N3")), Place("N2", 2, "N"), Place("N3", 2, "N"))
    assert climb(inside, "N1", level=2) == "N"
    across = directory(NORTH, SOUTH, Place("N1", 2, "N", replaced_by=("N2", "S1")), Place("N2", 2, "N"), NEW)
    assert climb(across, "N1", level=2) is None


def test_a_crosswalk_that_leads_in_a_circle_or_nowhere_ends() -> None:
    circle = directory(NORTH, Place("A", 2, "N", replaced_by=("B",)), Place("B", 2, "N", replaced_by=("A",)))
    assert codes(find_lineage(circle, "A")) == ["B", "N"]
    nowhere = directory(NORTH, Place("A", 2, "N", replaced_by=("gone",)))
    assert codes(find_lineage(nowhere, "A")) == ["A", "N"]


def test_another_spelling_is_read_as_its_place() -> None:
    known = directory(NORTH, SOUTH, OLD, NEW, **{"الشمال": "N", "old market": "N1"})
    assert climb(known, "الشمال", level=1) == "N"
    assert climb(known, "OLD Market", level=2) == "S1"


def test_a_rule_for_an_old_place_serves_the_new_one() -> None:
    known = Directory(
        places={one.code: one for one in (NORTH, SOUTH, OLD, NEW)},
        services={"desk": Service("desk")},
        rules=(PathwayRule("RP", "desk", place="N1"),),
    )
    here = Person(places=tuple(codes(find_lineage(known, "S1"))))
    assert choose_service("RP", here, known, on=date(2026, 11, 25)) == "desk"


@given(st.dictionaries(st.sampled_from("ABCDE"), st.lists(st.sampled_from("ABCDEF"), max_size=3), max_size=5))
def test_whatever_the_crosswalk_says_reading_ends(became: dict[str, list[str]]) -> None:
    known = directory(*(Place(code, 1, None, replaced_by=tuple(became.get(code, ()))) for code in "ABCDE"))
    for code in "ABCDE":
        assert len(find_lineage(known, code)) <= 1


def test_forms_offer_only_places_that_are_valid_on_their_day() -> None:
    place = NamedPlace("A", 1, None, {}, valid_from="2026-01-01", valid_to="2026-06-30")
    assert [place.is_valid(day) for day in ("2025-12-31", "2026-01-01", "2026-06-30", "2026-07-01")] == [
        *(False, True, True, False)
    ]
    assert not NamedPlace("A", 1, None, {}, replaced_by=("B",)).is_valid("2026-01-01")
