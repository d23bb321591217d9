"""The indicator bank in memory: items, modules, lists, rules, pathways; and the places and services of an operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pimcollect.domain.version import FlagRule, Pathway

EXCLUSIVE = ("none", "dk", "pns", "nobody", "all")
"""Codes that stand alone in a select_multiple (bank rule: exclusive codes)."""

SELECTS = ("select_one", "select_multiple")

SCREENING = "ers_decision"
"""Name of the screening's result; an item whose relevance names it stands behind the privacy gate."""

REFERENCE = re.compile(r"\$\{([^}]*)\}")
"""A reference to another question in an XLSForm expression: `${name}`."""

Text = Mapping[str, str]
"""Language code -> wording."""


def find_references(*expressions: str) -> frozenset[str]:
    """The names that XLSForm expressions refer to."""
    return frozenset(name.strip() for text in expressions for name in REFERENCE.findall(text))


@dataclass(frozen=True)
class ListedChoice:
    """One code of a choice list as it is asked. An empty label is wording that is locked and not loaded yet."""

    code: str
    label: Text
    broader: str | None = None
    """The coarser code that may be shared."""
    parent: str = ""
    """For places: the p-code above, by which a phone narrows the list."""


@dataclass(frozen=True)
class Module:
    """A group of items about one subject; control modules are always in."""

    id: str
    prefix: str
    title: Text
    tools: str
    is_control: bool


@dataclass(frozen=True)
class Item:
    """One item of the bank, word for word; `docs/imo/bank.md` explains the fields."""

    id: str
    name: str
    module: str
    tools: str
    """Letters of the tools that ask it: H household, K key informant, F focus group, O observation."""
    label: Text
    hint: Text
    type: str
    choices: str
    sensitivity: str
    """L, M, H or S."""
    disclosure: str
    treatment: str
    relevant: str
    constraint: str
    calculation: str
    is_required: bool
    is_core: bool
    """In the short household form."""
    key: str
    unit: str
    use: str
    component: str = ""
    risks: str = ""
    matrix: str = ""
    disaggregation: str = ""
    seconds: int = 0
    remark: str = ""
    """What raises a flag, in words, for people only; the flag rules decide."""

    @property
    def is_gated(self) -> bool:
        """True when it may only be asked after the screening opened everything."""
        return SCREENING in find_references(self.relevant)


@dataclass(frozen=True)
class WashingtonItem:
    """One of the six questions of the Short Set; its label is empty until the official wording was loaded."""

    name: str
    label: Text


@dataclass(frozen=True)
class Catalogue:
    """A whole bank, checked: every name in it can be resolved."""

    version: str
    modules: tuple[Module, ...]
    items: tuple[Item, ...]
    lists: Mapping[str, tuple[ListedChoice, ...]]
    washington: tuple[WashingtonItem, ...]
    washington_list: str
    screening: str
    """The XLSForm expression of the screening's result."""
    flags: tuple[FlagRule, ...]
    pathways: Mapping[str, Pathway]
    requests: Mapping[str, str]
    """Service code that a person can ask for -> pathway."""
    sha256: str = field(default="", compare=False)
    """Of the document it was read from."""
    held: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Item id -> why no form may ask it now: it is not active yet, or no longer."""


@dataclass(frozen=True)
class NamedPlace:
    """A p-coded area with its names. The parent is stored, never parsed out of the code."""

    code: str
    level: int
    parent: str | None
    names: Text


@dataclass(frozen=True)
class ListedService:
    """A service of the directory as it is imported; `mail` is sealed before anything stores it."""

    code: str
    title: str
    organisation: str
    mail: str = field(repr=False)
    valid_until: str | None = None
    verified_on: str | None = None
    is_suspended: bool = False


@dataclass(frozen=True)
class ListedRule:
    """Who serves whom; None in a dimension means any."""

    pathway: str
    service: str
    place: str | None = None
    group: str | None = None
    sex: str | None = None
    age: str | None = None
