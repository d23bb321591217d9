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

PARTS: Mapping[str, tuple[str, ...]] = {
    "roster": ("roster", "roster/sex", "roster/age", "roster/rel", "roster/caregiver"),
    "wg_ss": ("dem_disab",),
    "fgd": ("fgd_women", "fgd_men"),
}
"""Names that rules may use although no item has them (docs/imo/bank.md, section 2)."""

REFERENCE = re.compile(r"\$\{([^}]*)\}")
"""A reference to another question in an XLSForm expression: `${name}`."""

Text = Mapping[str, str]
"""Language code -> wording."""


def find_references(*expressions: str) -> frozenset[str]:
    """The names that XLSForm expressions refer to."""
    return frozenset(name.strip() for text in expressions for name in REFERENCE.findall(text))


@dataclass(frozen=True)
class Asking:
    """How a question is put, beyond what every item says; each as XLSForm writes it, empty where nothing is special."""

    guidance: Text = field(default_factory=dict)
    message: Text = field(default_factory=dict)
    """Said when the constraint does not hold."""
    required_message: Text = field(default_factory=dict)
    appearance: str = ""
    parameters: str = ""
    choice_filter: str = ""
    default: str = ""
    trigger: str = ""
    readonly: str = ""
    repeat_count: str = ""
    media: Mapping[str, str] = field(default_factory=dict)
    """image, audio, video or big-image -> name of the file that is shown or played with the question."""
    save_to: str = ""
    """Property of the form's entity that takes the answer."""
    inside: str = ""
    """Name of the group or repeat of the same module in which it stands."""
    file: str = ""
    """Name of the file from which the choices come; empty when they come from a list."""

    @property
    def expressions(self) -> tuple[str, ...]:
        """Those that may refer to other questions."""
        return (self.choice_filter, self.default, self.trigger, self.readonly, self.repeat_count)


@dataclass(frozen=True)
class ListedChoice:
    """One code of a choice list as it is asked. An empty label is wording that is locked and not loaded yet."""

    code: str
    label: Text
    broader: str | None = None
    """The coarser code that may be shared."""
    parent: str = ""
    """For places the p-code above, by which a phone narrows the list; in other lists what a choice filter asks for."""
    media: Mapping[str, str] = field(default_factory=dict)
    """image or audio -> name of a file."""


@dataclass(frozen=True)
class Module:
    """A group of items about one subject; control modules are always in."""

    id: str
    prefix: str
    title: Text
    tools: str
    is_control: bool


@dataclass(frozen=True)
class Variant:
    """How one tool words an item."""

    label: Text
    hint: Text


@dataclass(frozen=True)
class Translation:
    """One text in one language. `of` is the hash of the English that it translates."""

    text: str
    of: str
    state: str
    translator: str = ""
    """Who made it: an account or a job title; empty when a machine did."""
    back: str = ""
    """The same translated back by somebody else who did not see the English."""


@dataclass(frozen=True)
class Disaggregation:
    """One dimension of a set: the item that tells it, the list of its categories, and when it is given up: the lowest
    order first, when cells get small."""

    set: str
    code: str
    source: str
    categories: str
    order: int


@dataclass(frozen=True)
class Term:
    """A word of the glossary."""

    code: str
    term: Text
    definition: Text


@dataclass(frozen=True)
class Purpose:
    """Why a form asks: who and where, what for, what is done with it, and what respondents are told."""

    id: str
    title: str
    tools: str
    items: frozenset[str]
    """Ids of the items that serve it; empty means all of its tools."""
    starts_on: str
    ends_on: str
    text: Text
    facts: Mapping[str, str] = field(default_factory=dict)
    """Everything else that the bank says of it, by field."""


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
    asking: Asking = field(default=Asking())
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """Tool -> its own wording."""

    @property
    def expressions(self) -> tuple[str, ...]:
        """All that may refer to other questions."""
        return (self.relevant, self.constraint, self.calculation, *self.asking.expressions)

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
class ListedEntity:
    """Something that is visited again: what a form writes into an entity list, as XLSForm has it. Stands in clear on
    every telephone, so no personal answer may be in it."""

    list: str
    tools: str
    label: str
    entity_id: str = ""
    create_if: str = ""
    update_if: str = ""

    @property
    def expressions(self) -> tuple[str, ...]:
        """All that may refer to questions."""
        return (self.label, self.entity_id, self.create_if, self.update_if)


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
    entities: tuple[ListedEntity, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Item id -> why no form may ask it now: it is not active yet, or no longer."""
    terms: tuple[Term, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    disaggregations: tuple[Disaggregation, ...] = ()
    places: tuple[NamedPlace, ...] = ()
    translations: Mapping[tuple[str, str, str], Translation] = field(default_factory=dict)
    """(part, key, language) -> what the bank says itself; it goes before what ships with pimcollect."""
    approved: frozenset[str] = field(default=frozenset(), compare=False)
    """Marks of the translations that somebody approved here (`domain.translations.mark`)."""


@dataclass(frozen=True)
class NamedPlace:
    """A p-coded area with its names. The parent is stored, never parsed out of the code."""

    code: str
    level: int
    parent: str | None
    names: Text
    valid_from: str = ""
    valid_to: str = ""
    """First and last day as ISO dates; empty means open."""
    replaced_by: tuple[str, ...] = ()
    """Crosswalk: the codes that it became; several when it was divided."""
    aliases: tuple[str, ...] = ()
    """Other codes and spellings, in any script."""

    def is_valid(self, day: str) -> bool:
        """Whether forms may still offer it on this day (ISO)."""
        if self.replaced_by and not self.valid_to:
            return False
        return self.valid_from <= day and (not self.valid_to or day <= self.valid_to)


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
