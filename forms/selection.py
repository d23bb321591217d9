"""Choose what one form asks: the items of its tool, closed over everything that they refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from pimcollect.domain.catalogue import SCREENING, Catalogue, Item, find_references
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

    @property
    def is_severe(self) -> bool:
        """True when something is asked that can cost a life: its answers are encrypted on the phone."""
        return any(item.sensitivity == "S" for item in self.items)

    @property
    def minutes(self) -> float:
        """Assumed length of the interview in minutes."""
        return round(sum(item.seconds for item in self.items) / 60, 1)


def find_kind(form: str) -> Kind:
    """The kind of a form id. Raises PimError(NOT_FOUND) that lists those that exist."""
    if form not in KINDS:
        raise PimError(
            ErrorCode.NOT_FOUND, f"There is no form {form!r} in the bank.", remedy=f"Use one of: {', '.join(KINDS)}."
        )
    return KINDS[form]


def select(catalogue: Catalogue, form: str, *, languages: Collection[str] = ("en",)) -> Selection:
    """Choose the items of a form id (`hh`, `hh_core`, `ki`, `fgd`, `obs`). Pure: same bank, same selection.

    Control modules that the tool knows are always in. An item that a chosen one refers to comes along; where the tool
    does not ask it, the chosen one is left out and named; so is official wording that is not loaded in `languages`.
    """
    kind = find_kind(form)
    controls = {module.id for module in catalogue.modules if module.is_control}
    return select_items(
        catalogue,
        form=form,
        title=kind.title,
        tool=kind.tool,
        wanted=[
            item.id
            for item in catalogue.items
            if kind.tool in item.tools and (item.is_core or not kind.is_core or item.module in controls)
        ],
        languages=languages,
    )


def select_items(
    catalogue: Catalogue,
    *,
    form: str,
    title: str,
    tool: str,
    wanted: Iterable[str],
    languages: Collection[str] = ("en",),
) -> Selection:
    """The same for a free choice of item ids."""
    by_name = {item.name: item for item in catalogue.items}
    by_id = {item.id: item for item in catalogue.items}
    chosen: set[str] = set()
    refused: dict[str, str] = {}
    waiting = list(wanted)
    while waiting:
        item = by_id[waiting.pop()]
        if item.id in chosen or item.id in refused:
            continue
        reason = _find_reason_against(item, catalogue, tool, by_name, languages)
        if reason:
            refused[item.id] = reason
            continue
        chosen.add(item.id)
        waiting.extend(by_name[name].id for name in _needs(item, catalogue) if name in by_name)
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


def _needs(item: Item, catalogue: Catalogue) -> frozenset[str]:
    """Names that an item refers to; the screening's result stands for its six inputs."""
    names = find_references(*item.expressions) | ({item.asking.inside} if item.asking.inside else set())
    if SCREENING in names:
        names = (names - {SCREENING}) | find_references(catalogue.screening)
    return names


def _find_reason_against(
    item: Item, catalogue: Catalogue, tool: str, by_name: dict[str, Item], languages: Collection[str]
) -> str:
    if item.id in catalogue.held:
        return catalogue.held[item.id]
    if item.type == "wg_ss":
        texts = [one.label for one in catalogue.washington]
        texts += [choice.label for choice in catalogue.lists[catalogue.washington_list]]
        if not all(texts):
            return "official wording is locked and not loaded"
        if lost := [language for language in languages if not all(text.get(language) for text in texts)]:
            return f"official wording is not loaded in {', '.join(lost)}"
    absent = sorted(name for name in _needs(item, catalogue) if name in by_name and tool not in by_name[name].tools)
    return f"needs {', '.join(absent)}, which this tool does not ask" if absent else ""


def _refuse_orphans(catalogue: Catalogue, by_name: dict[str, Item], chosen: set[str], refused: dict[str, str]) -> None:
    """Leave out what refers to something left out, until nothing does."""
    is_settled = False
    while not is_settled:
        is_settled = True
        for item in catalogue.items:
            if item.id not in chosen:
                continue
            lost = sorted(name for name in _needs(item, catalogue) if name in by_name and by_name[name].id in refused)
            if lost:
                chosen.discard(item.id)
                refused[item.id] = f"needs {', '.join(lost)}, which was left out"
                is_settled = False
