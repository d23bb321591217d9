"""Turn one item of the bank into the rows of an XLSForm; items that need several columns are unfolded here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from forms.rows import ANYWHERE, DERIVED, LISTED, Row
from forms.wording import say
from pimcollect.domain.catalogue import EXCLUSIVE, Asking, Catalogue, Item, ListedChoice, Text


def expand(item: Item, catalogue: Catalogue) -> tuple[Row, ...]:
    """The rows of one item. Its relevance stands on the outermost row."""
    unfold = _UNFOLD.get(item.type)
    rows = tuple(unfold(item, catalogue)) if unfold else (_plain(item, catalogue),)
    return tuple(_put(rows, item.asking)) if item.asking != Asking() else rows


def _put(rows: tuple[Row, ...], asking: Asking) -> Iterator[Row]:
    """The rows as the item wants them put: what is shown stands on the outermost row, the rest on a row of its own."""
    first = replace(
        rows[0],
        guidance=asking.guidance,
        media=asking.media,
        appearance=asking.appearance or rows[0].appearance,
        repeat_count=asking.repeat_count,
    )
    if len(rows) == 1:
        first = replace(
            first,
            message=asking.message or first.message,
            required_message=asking.required_message,
            parameters=asking.parameters,
            choice_filter=asking.choice_filter,
            default=asking.default,
            trigger=asking.trigger,
            readonly=asking.readonly,
            save_to=asking.save_to,
            file=asking.file,
        )
    yield first
    yield from rows[1:]


def _row(type_: str, name: str, item: Item, **more: object) -> Row:
    return Row(type_, name, item=item.id, module=item.module, **more)  # type: ignore[arg-type]


def _whole(name: str, label: Text, item: Item, **more: object) -> Row:
    """A count: 0 or more."""
    return _row(
        "integer",
        name,
        item,
        label=label,
        is_required=item.is_required,
        constraint=". >= 0",
        message=say("not_negative"),
        **more,
    )


def _pick(list_: str, name: str, item: Item, **more: object) -> Row:
    return _row(f"select_one {list_}", name, item, **more)


def _plain(item: Item, catalogue: Catalogue) -> Row:
    if item.type == "integer" and not (item.constraint or item.calculation):
        return _whole(item.name, item.label, item, hint=item.hint, relevant=item.relevant)
    said = "at_most" if item.type == "select_multiple" else "not_fitting"
    constraint, message = item.constraint, say(said) if item.constraint else {}
    known = () if item.asking.file else catalogue.lists.get(item.choices, ())
    if item.type == "select_multiple" and (alone := forbid_company(known)):
        constraint = f"({alone}) and ({item.constraint})" if item.constraint else alone
        message = say("alone")
    return _row(
        f"{item.type} {item.choices or item.name}" if item.type in LISTED else item.type,
        item.name,
        item,
        label=item.label,
        hint=item.hint,
        is_required=item.is_required,
        relevant=item.relevant,
        constraint=constraint,
        message=message,
        calculation=item.calculation,
    )


def forbid_company(choices: tuple[ListedChoice, ...]) -> str:
    """The constraint by which the exclusive codes of a list stand alone; empty when it has none."""
    alone = [choice.code for choice in choices if choice.code in EXCLUSIVE]
    if not alone:
        return ""
    chosen = " or ".join(f"selected(., '{code}')" for code in alone)
    return f"count-selected(.) <= 1 or not({chosen})"


def _group(item: Item, name: str, rows: tuple[Row, ...], *, is_repeat: bool = False) -> Iterator[Row]:
    """Rows on one screen under the item's text, without its remark to the builder of the form."""
    what = "repeat" if is_repeat else "group"
    label = {language: text.split(" (repeat", 1)[0] for language, text in item.label.items()}
    yield _row(
        f"begin_{what}",
        name,
        item,
        label=label,
        relevant=item.relevant,
        appearance="" if is_repeat else "field-list",
    )
    yield from rows
    yield Row(f"end_{what}")


def _roster(item: Item, _: Catalogue) -> Iterator[Row]:
    rows = (
        _pick("sex", "mem_sex", item, label=say("mem_sex"), hint=item.hint, key="sex"),
        _row(
            "integer",
            "mem_age",
            item,
            label=say("mem_age"),
            hint=say("mem_age_hint"),
            constraint=". >= 0 and . <= 120",
            message=say("age_range"),
            key="age",
        ),
        _pick("rel", "mem_rel", item, label=say("mem_rel"), key="rel"),
        _pick(
            "yn",
            "mem_caregiver",
            item,
            label=say("mem_caregiver"),
            relevant="${mem_age} < 18",
            key="caregiver",
        ),
    )
    return _group(item, "roster", rows, is_repeat=True)


def _washington(item: Item, catalogue: Catalogue) -> Iterator[Row]:
    rows = [_pick(catalogue.washington_list, one.name, item, label=one.label) for one in catalogue.washington]
    names = [one.name for one in catalogue.washington]
    limit = " or ".join(f"${{{name}}}='lot_diff' or ${{{name}}}='cannot'" for name in names)
    silent = " and ".join(f"${{{name}}}=''" for name in names)
    rows.append(_row("calculate", "dem_disab", item, calculation=f"if({silent}, '', if({limit}, 'yes', 'no'))"))
    return _group(item, item.name, tuple(rows))


def _discussion(item: Item, _: Catalogue) -> Iterator[Row]:
    rows = (
        _pick(item.choices, item.name, item, label=item.label, is_required=item.is_required),
        _whole("fgd_women", say("fgd_women"), item),
        _whole("fgd_men", say("fgd_men"), item),
    )
    return _group(item, f"{item.name}_group", rows)


def _counts(*suffixes: str) -> Callable[[Item, Catalogue], Iterator[Row]]:
    def unfold(item: Item, _: Catalogue) -> Iterator[Row]:
        rows = tuple(_whole(f"{item.name}_{suffix}", say(suffix), item) for suffix in suffixes)
        return _group(item, item.name, rows)

    return unfold


def _cascade(item: Item, levels: int, *, is_open: bool) -> tuple[Row, ...]:
    """One select for each level, each narrowed by the one above."""
    rows = []
    for level in range(1, levels + 1):
        name, above = f"{item.name}_adm{level}", f"{item.name}_adm{level - 1}"
        narrowed = f"parent=${{{above}}} or parent='{ANYWHERE}'" if level > 1 else ""
        rows.append(
            _pick(
                f"adm{level}_open" if is_open else f"adm{level}",
                name,
                item,
                label=say(f"adm{level}"),
                is_required=item.is_required,
                relevant=f"${{{above}}}!='' and ${{{above}}}!='dk' and ${{{above}}}!='pns'"
                if is_open and level > 1
                else "",
                choice_filter=narrowed,
            )
        )
    return tuple(rows)


def _origin(item: Item, _: Catalogue) -> Iterator[Row]:
    return _group(item, item.name, _cascade(item, 2, is_open=True))


def _here(item: Item, _: Catalogue) -> Iterator[Row]:
    return _group(item, item.name, _cascade(item, 3, is_open=False))


def _plans(item: Item, _: Catalogue) -> Iterator[Row]:
    rows = (_whole(f"{item.name}_n", say("n"), item), *_cascade(item, 2, is_open=True))
    return _group(item, item.name, rows)


def _responders(item: Item, _: Catalogue) -> Iterator[Row]:
    rows = (
        _row(
            "text",
            f"{item.name}_org",
            item,
            label=say("org"),
            hint=say("org_hint"),
            constraint=f"regex(., '^{ORGANISATION}$')",
            message=say("org_code"),
        ),
        _pick(item.choices, f"{item.name}_sector", item, label=say("sector")),
        _pick("act_status", f"{item.name}_status", item, label=say("status")),
    )
    return _group(item, item.name, rows, is_repeat=True)


ORGANISATION = "[A-Za-z0-9_-]{2,12}"
"""What the code of an organisation looks like."""


def _month(item: Item, _: Catalogue) -> Iterator[Row]:
    yield _row(
        "date",
        item.name,
        item,
        label=item.label,
        hint=item.hint,
        is_required=item.is_required,
        relevant=item.relevant,
        constraint=". <= today()",
        message=say("not_future"),
        appearance="month-year",
    )


def _calculation(item: Item, _: Catalogue) -> Iterator[Row]:
    """A value that is drawn once must not change when the form is opened again: it stands on a card by then.

    Without a calculation the server works it out: a field of the version, no row of the form.
    """
    if not item.calculation:
        yield _row(DERIVED, item.name, item)
        return
    yield _row("calculate", item.name, item, relevant=item.relevant, calculation=f"once({item.calculation})")


def _formula(item: Item, _: Catalogue) -> Iterator[Row]:
    """Worked out again whenever what it is made of changes."""
    yield _row("calculate", item.name, item, relevant=item.relevant, calculation=item.calculation)


def _note(item: Item, _: Catalogue) -> Iterator[Row]:
    yield _row("note", item.name, item, label=item.label, hint=item.hint, relevant=item.relevant)


def _container(item: Item, _: Catalogue) -> Iterator[Row]:
    """Opens a group or repeat; the items that are `inside` come between (forms.layout)."""
    yield _row(f"begin_{item.type}", item.name, item, label=item.label, relevant=item.relevant)
    yield Row(f"end_{item.type}")


_UNFOLD: Mapping[str, Callable[[Item, Catalogue], Iterator[Row]]] = {
    "roster": _roster,
    "wg_ss": _washington,
    "fgd": _discussion,
    "triple": _counts("idp", "ret", "host"),
    "pair": _counts("in", "out"),
    "pair_adm": _plans,
    "repeat_5w": _responders,
    "adm_cascade": _origin,
    "adm_cascade_here": _here,
    "month": _month,
    "calculate": _calculation,
    "formula": _formula,
    "note": _note,
    "group": _container,
    "repeat": _container,
}
