"""Choose what one form asks: the items of its tool, closed over everything that they refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from forms.reasons import LEFT_OUT, LOCKED, NOT_ASKED, UNSPOKEN
from forms.uses import find_needs
from forms.wishes import REFERRAL_MODULE, TOOLS, Cut, Wish, choose_wanted, cut_to, offer_referral
from pimcollect.domain.catalogue import Catalogue, Item
from pimcollect.domain.phrases import phrase
from pimcollect.errors import ErrorCode, PimError


@dataclass(frozen=True)
class Kind:
    """A form that can be built from the bank."""

    tool: str
    is_core: bool
    title: str


KINDS = {
    "hh": Kind("H", False, "Household interview, long"),
    "hh_core": Kind("H", True, "Household interview, core"),
    "ki": Kind("K", False, "Key informant interview"),
    "fgd": Kind("F", False, "Focus group discussion"),
    "obs": Kind("O", False, "Observation of a site"),
}


@dataclass(frozen=True)
class Selection:
    """What one form asks, in the order of the bank, and what it wanted and could not have (`ID reason`)."""

    form: str
    title: str
    tool: str
    items: tuple[Item, ...]
    left_out: tuple[str, ...]
    purpose: str = ""
    """Id of the purpose that it serves; empty: none, and the form may not be released."""
    cuts: tuple[Cut, ...] = ()
    """Given up for the time budget, in the order in which they went."""

    @property
    def is_severe(self) -> bool:
        """True when something is asked that can cost a life: its answers are encrypted on the phone."""
        return any(item.sensitivity == "S" for item in self.items)

    @property
    def minutes(self) -> float:
        """Assumed length of the interview in minutes."""
        return round(sum(item.seconds for item in self.items) / 60, 1)

    @property
    def minutes_saved(self) -> float:
        """What the cuts for time save."""
        return round(sum(one.item.seconds for one in self.cuts) / 60, 1)


def find_kind(form: str) -> Kind:
    """The kind of a form id. Raises PimError(NOT_FOUND) that lists those that exist."""
    if form not in KINDS:
        raise PimError(
            ErrorCode.NOT_FOUND, f"There is no form {form!r} in the bank.", remedy=f"Use one of: {', '.join(KINDS)}."
        )
    return KINDS[form]


def select(
    catalogue: Catalogue,
    form: str,
    *,
    languages: Collection[str] = ("en",),
    wish: Wish | None = None,
    closed: Mapping[str, str] | None = None,
    serving: Collection[str] = frozenset(),
) -> Selection:
    """Choose the items of a form. Pure: same bank and wish, same selection.

    `hh`, `hh_core`, `ki`, `fgd` and `obs` know what they ask; any other id needs a `wish`. Control modules that the
    tool knows are always in, the referral block of a free choice where a flag can rise. An item that a chosen one
    refers to comes along; where the tool does not ask it, the chosen one is left out and named; so is official wording
    that is not loaded in `languages`, and what is `closed` (item id -> why). Where items are named
    as `serving` the form's purpose, no others are chosen, but control modules and what those items need.

    Raises PimError: NOT_FOUND for what the bank does not have, BAD_FORM when the wish's minutes cannot be kept.
    """
    kind = KINDS.get(form)
    if kind is None and wish is None:
        find_kind(form)
    wish = replace(wish or Wish(""), tool=kind.tool, title=kind.title) if kind else wish or Wish("")
    wanted, named = (_want(catalogue, kind), frozenset[str]()) if kind else choose_wanted(catalogue, wish)
    if serving:
        controls = {module.id for module in catalogue.modules if module.is_control}
        modules = {item.id: item.module for item in catalogue.items}
        wanted = [one for one in wanted if one in serving or modules[one] in controls]
    selection = select_items(
        catalogue,
        form=form,
        title=wish.title or f"{TOOLS[wish.tool].capitalize()}: {form}",
        tool=wish.tool,
        wanted=wanted,
        languages=languages,
        closed=closed,
    )
    if wish.minutes is not None:
        kept, cuts = cut_to(catalogue, selection.items, minutes=wish.minutes, named=named)
        selection = replace(selection, items=kept, cuts=cuts)
    if kind is None and not offer_referral(catalogue, selection.items):
        selection = replace(selection, items=tuple(one for one in selection.items if one.module != REFERRAL_MODULE))
    return selection


def _want(catalogue: Catalogue, kind: Kind) -> list[str]:
    controls = {module.id for module in catalogue.modules if module.is_control}
    return [
        item.id
        for item in catalogue.items
        if kind.tool in item.tools and (item.is_core or not kind.is_core or item.module in controls)
    ]


def select_items(
    catalogue: Catalogue,
    *,
    form: str,
    title: str,
    tool: str,
    wanted: Iterable[str],
    languages: Collection[str] = ("en",),
    closed: Mapping[str, str] | None = None,
) -> Selection:
    """The same for a list of item ids."""
    by_name = {item.name: item for item in catalogue.items}
    by_id = {item.id: item for item in catalogue.items}
    chosen: set[str] = set()
    refused: dict[str, str] = {}
    waiting = list(wanted)
    while waiting:
        item = by_id[waiting.pop()]
        if item.id in chosen or item.id in refused:
            continue
        reason = (closed or {}).get(item.id) or _find_reason_against(item, catalogue, tool, by_name, languages)
        if reason:
            refused[item.id] = reason
            continue
        chosen.add(item.id)
        waiting.extend(by_name[name].id for name in find_needs(item, catalogue) if name in by_name)
    _refuse_orphans(catalogue, by_name, chosen, refused)
    return Selection(
        form=form,
        title=title,
        tool=tool,
        items=tuple(_word(item, tool) for item in catalogue.items if item.id in chosen),
        left_out=tuple(f"{item.id} {refused[item.id]}" for item in catalogue.items if item.id in refused),
    )


def _word(item: Item, tool: str) -> Item:
    """The item as this tool words it."""
    own = item.variants.get(tool)
    return replace(item, label=own.label, hint=own.hint) if own else item


def _find_reason_against(
    item: Item, catalogue: Catalogue, tool: str, by_name: dict[str, Item], languages: Collection[str]
) -> str:
    if item.id in catalogue.held:
        return catalogue.held[item.id]
    if item.type == "wg_ss":
        texts = [one.label for one in catalogue.washington]
        texts += [choice.label for choice in catalogue.lists[catalogue.washington_list]]
        if not all(texts):
            return LOCKED
        if lost := [language for language in languages if not all(text.get(language) for text in texts)]:
            return phrase(UNSPOKEN, languages=lost)
    absent = sorted(name for name in find_needs(item, catalogue) if name in by_name and tool not in by_name[name].tools)
    return phrase(NOT_ASKED, names=absent) if absent else ""


def _refuse_orphans(catalogue: Catalogue, by_name: dict[str, Item], chosen: set[str], refused: dict[str, str]) -> None:
    """Leave out what refers to something left out, until nothing does."""
    is_settled = False
    while not is_settled:
        is_settled = True
        for item in catalogue.items:
            if item.id not in chosen:
                continue
            lost = sorted(
                name for name in find_needs(item, catalogue) if name in by_name and by_name[name].id in refused
            )
            if lost:
                chosen.discard(item.id)
                refused[item.id] = phrase(LEFT_OUT, names=lost)
                is_settled = False
