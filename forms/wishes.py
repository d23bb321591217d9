"""A free choice of the bank's items: by tool, module, indicator, purpose and area, cut to the time that there is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from forms.bank import rule_names
from forms.reasons import CUT, UNSERVED
from forms.uses import FEEDBACK, Use, find_needs, rank_items
from pimcollect.domain.catalogue import Catalogue, Item, NamedPlace
from pimcollect.domain.phrases import phrase
from pimcollect.errors import ErrorCode, PimError

TOOLS: Mapping[str, str] = {"H": "household", "K": "key informant", "F": "focus group", "O": "observation"}
REFERRAL_MODULE = "M17"
_ID = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_SHOWN = 10


@dataclass(frozen=True)
class Wish:
    """What somebody wants to ask. Without modules, items and purpose: all that the tool knows."""

    tool: str
    modules: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    """Ids, names or comparability keys."""
    without: tuple[str, ...] = ()
    purpose: str = ""
    area: str = ""
    """P-code: only its places are offered as the place of the interview."""
    minutes: float | None = None
    """The time budget of the interview."""
    title: str = ""

    def write(self) -> dict[str, Any]:
        """As a version keeps it: what is empty is not there."""
        return {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(self).items() if one}


def read_wish(document: Mapping[str, Any]) -> Wish:
    """The wish that a version keeps."""
    told: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in document.items()}
    return Wish(**told)


@dataclass(frozen=True)
class Served:
    """Who serves whom: a pathway, and the place where; None is everywhere."""

    pathway: str
    place: str | None


def check_id(form: str) -> None:
    """Raise PimError(BAD_FORM) for an id that servers, files and addresses cannot all carry."""
    if not _ID.match(form) or form.endswith("_test"):
        raise PimError(
            ErrorCode.BAD_FORM,
            "The form's id cannot be used.",
            remedy="Use 1 to 32 small letters, digits and _, a letter first; _test at the end is for field tests.",
        )


def choose_wanted(catalogue: Catalogue, wish: Wish) -> tuple[list[str], frozenset[str]]:
    """(ids that are wanted, ids that were named one by one); control modules of the tool come along.

    Raises PimError(NOT_FOUND) that lists what the bank does not have, or what this tool does not ask.
    """
    if wish.tool not in TOOLS:
        raise PimError(ErrorCode.NOT_FOUND, "There is no such tool.", remedy=f"Use one of: {', '.join(TOOLS)}.")
    asked = [item for item in catalogue.items if wish.tool in item.tools]
    modules = {module.id for module in catalogue.modules}
    _refuse_unknown("module", [one for one in wish.modules if one not in modules], modules)
    named = _find_items(catalogue, wish.items, tool=wish.tool)
    without = _find_items(catalogue, wish.without)
    of_purpose = _find_purpose(catalogue, wish)
    controls = {module.id for module in catalogue.modules if module.is_control}
    is_free = bool(wish.modules or wish.items or of_purpose)
    wanted = {item.id for item in asked if not is_free or item.module in wish.modules} | named | of_purpose
    wanted = (wanted - without) | {item.id for item in asked if item.module in controls or item.name == FEEDBACK}
    return [item.id for item in asked if item.id in wanted], named


def _find_items(catalogue: Catalogue, words: Iterable[str], *, tool: str = "") -> frozenset[str]:
    known: dict[str, list[Item]] = {}
    for item in catalogue.items:
        for word in {item.id, item.name, item.key}:
            known.setdefault(word, []).append(item)
    words = tuple(words)
    _refuse_unknown("item", [one for one in words if one not in known], ())
    silent = [one for one in words if not any(tool in item.tools for item in known[one])]
    if silent:
        raise PimError(
            ErrorCode.NOT_FOUND,
            f"This tool does not ask {', '.join(silent[:_SHOWN])}.",
            remedy="Leave it out, or build a form of another tool: pimcollect bank show ITEM says which ask it.",
        )
    return frozenset(item.id for one in words for item in known[one] if tool in item.tools)


def _refuse_unknown(what: str, unknown: list[str], known: Collection[str]) -> None:
    if unknown:
        told = f"There are: {', '.join(sorted(known))}." if known else "pimcollect bank list shows all."
        raise PimError(ErrorCode.NOT_FOUND, f"The bank has no {what} {', '.join(unknown[:_SHOWN])}.", remedy=told)


def _find_purpose(catalogue: Catalogue, wish: Wish) -> frozenset[str]:
    """Ids of the items that serve the purpose, those that this tool asks; none where the purpose names none."""
    found = next((one for one in catalogue.purposes if one.id == wish.purpose), None)
    return frozenset(
        item.id for item in catalogue.items if found and item.id in found.items and wish.tool in item.tools
    )


def offer_referral(catalogue: Catalogue, items: Iterable[Item]) -> bool:
    """Whether a flag rule can rise from these items: then the referral block is asked. What every form asks (the offer
    of complaint, harm done by the talk) leads to supervisors and complaint desks, which need nobody's name."""
    controls = {module.id for module in catalogue.modules if module.is_control}
    own = [item for item in items if item.module not in controls and item.name != FEEDBACK]
    names = {item.name for item in own} | {"roster" for item in own if item.type == "roster"}
    return any(rule_names(rule.expression) & names for rule in catalogue.flags)


def find_unserved(
    catalogue: Catalogue, area: str, places: Iterable[NamedPlace], served: Collection[Served]
) -> dict[str, str]:
    """Id of each sensitive item all of whose flags lead to pathways that nobody serves in the area -> why it is closed
    there: what nobody can answer to is not asked (L09)."""
    above = {place.code: place.parent for place in places}
    near = {area, *climb(area, above), *(code for code in above if area in climb(code, above))}
    open_ = {one.pathway for one in served if one.place is None or one.place in near}
    found: dict[str, str] = {}
    for item in catalogue.items:
        rules = [rule for rule in catalogue.flags if item.name in rule_names(rule.expression)]
        lost = sorted({rule.pathway for rule in rules} - open_)
        if rules and item.sensitivity in ("H", "S") and len(lost) == len({rule.pathway for rule in rules}):
            found[item.id] = phrase(UNSERVED, pathways=lost, area=area)
    return found


def climb(code: str, above: Mapping[str, str | None]) -> Iterator[str]:
    """The places above one, nearest first."""
    seen = {code}
    while (parent := above.get(code)) and parent not in seen:
        seen.add(parent)
        yield parent
        code = parent


def narrow_places(places: tuple[NamedPlace, ...], area: str) -> tuple[NamedPlace, ...]:
    """The area with all below and above it. Raises PimError(NOT_FOUND)."""
    above = {place.code: place.parent for place in places}
    if area not in above:
        raise PimError(
            ErrorCode.NOT_FOUND, "There is no such area.", remedy="Name a p-code: pimcollect places list shows them."
        )
    ancestors = set(climb(area, above))
    return tuple(one for one in places if one.code in ancestors or area in (one.code, *climb(one.code, above)))


@dataclass(frozen=True)
class Cut:
    """A question that was given up for time."""

    item: Item
    use: Use

    def __str__(self) -> str:
        return f"{self.item.id} {phrase(CUT, use=self.use.words, seconds=self.item.seconds)}"


def is_cut(line: str) -> bool:
    """Whether a line of what a version left out was a cut for time."""
    return line.partition(" ")[2].startswith(CUT.partition("%")[0])


def cut_to(
    catalogue: Catalogue, items: tuple[Item, ...], *, minutes: float, named: Collection[str] = ()
) -> tuple[tuple[Item, ...], tuple[Cut, ...]]:
    """(what is kept, what is cut) so that the interview fits into the minutes.

    What is least used goes first (`Use`), of equally used the longest, then the last in the bank. A question that
    another one needs stays as long as that one. Raises PimError(BAD_FORM) when even the rest is too long.
    """
    ranks = rank_items(catalogue, items, named=named)
    order = sorted(
        (item for item in items if ranks[item.id] < Use.NAMED and item.seconds),
        key=lambda item: (ranks[item.id], -item.seconds, -items.index(item)),
    )
    left, cuts = sum(item.seconds for item in items), list[Cut]()
    gone: set[str] = set()
    for item in order:
        if left <= minutes * 60:
            break
        for one in _with_dependents(item, catalogue, items, gone):
            gone.add(one.id)
            cuts.append(Cut(one, ranks[one.id]))
            left -= one.seconds
    if left > minutes * 60:
        raise PimError(
            ErrorCode.BAD_FORM,
            f"The form cannot be shorter than {left / 60:.1f} minutes: that is consent, screening, closing and what you"
            " named.",
            remedy="Allow more minutes, or name fewer items.",
        )
    return tuple(item for item in items if item.id not in gone), tuple(cuts)


def _with_dependents(item: Item, catalogue: Catalogue, items: tuple[Item, ...], gone: Collection[str]) -> list[Item]:
    """The item and all that need it, as far as they are still there."""
    if item.id in gone:
        return []
    found, names = [item], {item.name}
    is_growing = True
    while is_growing:
        more = [one for one in items if one not in found and one.id not in gone and find_needs(one, catalogue) & names]
        found += more
        names |= {one.name for one in more}
        is_growing = bool(more)
    return found
