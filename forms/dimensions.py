"""By what the answers to an item are broken down, and what is given up first where too few people are in a cell."""

from __future__ import annotations

from pimcollect.domain.catalogue import Catalogue, Disaggregation, Item
from pimcollect.domain.gazetteer import split_codes


def list_dimensions(catalogue: Catalogue, item: Item) -> tuple[Disaggregation, ...]:
    """The dimensions of the sets that an item names, the one that is kept longest first; each once."""
    named = split_codes(item.disaggregation)
    own = sorted((one for one in catalogue.disaggregations if one.set in named), key=lambda one: (-one.order, one.code))
    return tuple({one.code: one for one in own}.values())
