"""The order of disaggregations: what an item is broken down by is told so that the first to be given up stands last."""

from __future__ import annotations

from dataclasses import replace

from forms.dimensions import list_dimensions
from pimcollect.domain.catalogue import Catalogue, Disaggregation


def test_an_item_that_names_no_set_is_broken_down_by_nothing(catalogue: Catalogue) -> None:
    assert list_dimensions(catalogue, replace(catalogue.items[0], disaggregation="")) == ()
    assert list_dimensions(catalogue, replace(catalogue.items[0], disaggregation="other")) == ()


def test_what_is_kept_longest_comes_first(catalogue: Catalogue) -> None:
    item = replace(catalogue.items[0], disaggregation="std")
    assert [one.code for one in list_dimensions(catalogue, item)] == ["sex", "group", "age", "disability", "place"]
    turned = replace(
        catalogue, disaggregations=tuple(replace(one, order=9 - one.order) for one in catalogue.disaggregations)
    )
    assert [one.code for one in list_dimensions(turned, item)] == ["place", "disability", "age", "group", "sex"]


def test_a_dimension_of_two_sets_is_told_once(catalogue: Catalogue) -> None:
    more = (*catalogue.disaggregations, Disaggregation("site", "place", "Z04", "", 7))
    item = replace(catalogue.items[0], disaggregation="std, site")
    told = list_dimensions(replace(catalogue, disaggregations=more), item)
    assert sorted(one.code for one in told) == ["age", "disability", "group", "place", "sex"]
