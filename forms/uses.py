"""What the answers to a question are good for: the order in which questions are given up when time is short."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum

from forms.bank import rule_names
from forms.lints import read_words
from forms.reasons import USES
from pimcollect.domain.catalogue import SCREENING, Catalogue, Item, find_references

FIGURES = read_words(
    """F01 F02 F04a F04b F05 F06 L01 K01 D04 A01 H01 Q03 S01 N01 N02 N03 N05 N06 N07 N08 N09 N10 N11 N12 N13 P02
    X04 K02 C04 C06 E06 T01 X01 X02 X03"""
)
"""Items that the standard figures are made of (bank, section 8)."""

DEMOGRAPHICS = "M03"
"""By its answers all others are broken down."""

FEEDBACK = "aap_now"
"""The offer to leave feedback or a complaint: asked wherever the tool knows it."""


class Use(IntEnum):
    """The first is cut first; the last never is."""

    NONE = 0
    DECISION = 1
    FIGURE = 2
    FLAG = 3
    CORE = 4
    BREAKDOWN = 5
    NAMED = 6
    CONTROL = 7

    @property
    def words(self) -> str:
        """Why it would be kept."""
        return USES[self]


def find_needs(item: Item, catalogue: Catalogue) -> frozenset[str]:
    """Names that an item refers to; the screening's result stands for its six inputs."""
    names = find_references(*item.expressions) | ({item.asking.inside} if item.asking.inside else set())
    if SCREENING in names:
        names = (names - {SCREENING}) | find_references(catalogue.screening)
    return names


def rank_items(catalogue: Catalogue, items: Iterable[Item], *, named: Collection[str] = ()) -> dict[str, Use]:
    """Id of each item -> what it is good for; an item that others need is worth as much as they are."""
    items = tuple(items)
    controls = {module.id for module in catalogue.modules if module.is_control}
    read = {name for rule in catalogue.flags for name in rule_names(rule.expression)}
    own = {item.id: _rank(item, controls=controls, read=read, named=named) for item in items}
    by_name = {item.name: item.id for item in items}
    needs = {item.id: {by_name[one] for one in find_needs(item, catalogue) if one in by_name} for item in items}
    return _raise_needed(own, needs)


def _rank(item: Item, *, controls: Collection[str], read: Collection[str], named: Collection[str]) -> Use:
    is_read = item.name in read or (item.type == "roster" and "roster" in read)
    ranks = (
        (Use.CONTROL, item.module in controls or item.name == FEEDBACK),
        (Use.NAMED, item.id in named),
        (Use.BREAKDOWN, item.module == DEMOGRAPHICS),
        (Use.CORE, item.is_core),
        (Use.FLAG, is_read),
        (Use.FIGURE, item.id in FIGURES),
        (Use.DECISION, "->" in item.use),
    )
    return next((use for use, holds in ranks if holds), Use.NONE)


def _raise_needed(own: Mapping[str, Use], needs: Mapping[str, set[str]]) -> dict[str, Use]:
    ranks = dict(own)
    waiting = list(ranks)
    while waiting:
        one = waiting.pop()
        for needed in needs[one]:
            if ranks[needed] < ranks[one]:
                ranks[needed] = ranks[one]
                waiting.append(needed)
    return ranks
