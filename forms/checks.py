"""Checks that must hold before a form is frozen: names, references, lists, gates, no personal metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from forms.files import find_known
from forms.gates import AFTER_REFUSAL, AGREED, CONSENT_MODULE, OBSERVED, REFERRAL_MODULE
from forms.layout import Layout
from forms.lints import Lint, Severity, find
from forms.lints_book import open_sheets
from forms.lints_logic import lint_logic
from forms.rows import DERIVED, LISTED, Row
from forms.workbook import Sheets
from pimcollect.domain.catalogue import EXCLUSIVE, Catalogue, find_references
from pimcollect.domain.phrases import phrase
from pimcollect.domain.version import ConsentMap
from pimcollect.errors import ErrorCode, FaultyError

_NAME = re.compile(r"^[a-z_][a-z0-9_]{0,31}$")

ALLOWED_TYPES = frozenset(
    {
        "begin_group",
        "end_group",
        "begin_repeat",
        "end_repeat",
        "note",
        "today",
        "calculate",
        "select_one",
        "select_multiple",
        "integer",
        "date",
        "text",
        "decimal",
        "range",
        "rank",
        "time",
        "dateTime",
        "acknowledge",
        DERIVED,
    }
)
"""No position, photo, sound, file, telephone or device (lint L07)."""

OPEN_ALTHOUGH_SENSITIVE = ("D05", "T05", "O02")
"""Items of sensitivity H or S that may stand before the gate (lint L04); M17 besides them."""

_LEAVES_NOTHING = ("restrict", "derive", "redact", "drop", "never_store")

_ONCE = 20


def find_faults(catalogue: Catalogue, layout: Layout, consent: ConsentMap) -> tuple[Lint, ...]:
    """Everything that forbids freezing this layout, in the order of the rows; empty when all is well. Each is named by
    its item and question; the sheet that would give it a row is not written yet."""
    return (
        *_check_names(layout),
        *_check_references(layout),
        *_check_lists(layout),
        *_check_types(layout),
        *_check_gates(layout),
        *_check_sensitive(catalogue, layout),
        *_check_entity(catalogue, layout),
        *_check_consent(consent),
    )


class FormError(FaultyError):
    """A form that is not built, with all that forbids it."""

    def __init__(self, form: str, faults: Sequence[Lint]) -> None:
        summary = phrase("The form %(form)s cannot be built.", form=form)
        lines = [f"{one.code} {one.where}: {one.text}. {one.mend}" for one in faults[:_ONCE]]
        more = [f"And {len(faults) - _ONCE} more."] if len(faults) > _ONCE else []
        super().__init__(
            ErrorCode.BAD_FORM,
            summary,
            faults,
            told=" ".join((summary, *lines, *more)),
            remedy=phrase("Correct the bank and import it again."),
        )


def refuse_faults(catalogue: Catalogue, layout: Layout, consent: ConsentMap) -> None:
    """Raise FormError that lists the faults, if there are any."""
    _refuse(layout.form, find_faults(catalogue, layout, consent))


def refuse_broken(layout: Layout, sheets: Sheets) -> None:
    """Raise FormError when an expression of the laid out sheets would break the form on a telephone."""
    book = open_sheets(sheets, files=find_known(layout))
    _refuse(layout.form, [one for one in lint_logic(book) if one.severity is Severity.ERROR])


def _refuse(form: str, faults: Sequence[Lint]) -> None:
    if faults:
        raise FormError(form, faults)


def _fault(code: str, row: Row, text: str = "") -> Lint:
    name = f"{row.item} {row.name}".strip()
    return find(code, "survey", name=name, text=text, severity=Severity.ERROR)


def _check_names(layout: Layout) -> Iterator[Lint]:
    seen: set[str] = set()
    for row in layout.rows:
        if row.kind in ("end_group", "end_repeat"):
            continue
        if not _NAME.match(row.name):
            yield _fault("X14", row)
        if row.name in seen:
            yield _fault("X14", row, phrase("this name stands in the form twice"))
        seen.add(row.name)


def _check_references(layout: Layout) -> Iterator[Lint]:
    names = {row.name for row in layout.rows if row.is_question or row.kind == "begin_repeat"}
    for row in layout.rows:
        for name in sorted(find_references(*row.expressions) - names):
            yield _fault("X01", row, phrase("it refers to %(name)s, which the form does not ask", name=name))


def _check_lists(layout: Layout) -> Iterator[Lint]:
    for row in layout.rows:
        if row.kind not in LISTED or row.file:
            continue
        choices = layout.lists.get(row.choices, ())
        if not choices:
            yield _fault("X01", row, phrase("the list %(list)s is not there or empty", list=row.choices))
        has_exclusive = any(choice.code in EXCLUSIVE for choice in choices)
        if row.kind == "select_multiple" and has_exclusive and "count-selected" not in row.constraint:
            yield _fault("L15", row)


def _check_types(layout: Layout) -> Iterator[Lint]:
    for row in layout.rows:
        if row.kind not in ALLOWED_TYPES:
            text = phrase("the type %(type)s is not allowed in a form from the bank", type=row.kind)
            yield _fault("L07", row, text)


def _check_consent(consent: ConsentMap) -> Iterator[Lint]:
    if not consent.keep:
        text = phrase("the form has no consent question: nothing would be kept")
        yield find("X13", "survey", text=text)


def _walk(layout: Layout) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Each row with the conditions that must all hold for it: its own and those of the groups around it."""
    above: list[str] = []
    for row in layout.rows:
        if row.kind in ("end_group", "end_repeat"):
            above.pop()
            continue
        yield row, (*above, row.relevant)
        if row.kind in ("begin_group", "begin_repeat"):
            above.append(row.relevant)


def _check_gates(layout: Layout) -> Iterator[Lint]:
    """After consent, whatever is asked stands behind it; a gate stands alone or among `and`s, never behind an `or`."""
    gate = OBSERVED if any(row.name == "obs_only" for row in layout.rows) else AGREED
    for row, conditions in _walk(layout):
        if not row.module or row.module == CONSENT_MODULE or row.name in AFTER_REFUSAL or not row.is_question:
            continue
        if not any(gate in _split_and(condition) for condition in conditions):
            yield _fault("X13", row, phrase("it can be asked without consent"))


def _split_and(condition: str) -> list[str]:
    """The terms of a condition that must all hold: split at ` and ` outside brackets and quotes."""
    terms, depth, start, quote = [], 0, 0, ""
    for at, letter in enumerate(condition):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif depth == 0 and condition.startswith(" and ", at):
            terms.append(condition[start:at].strip())
            start = at + len(" and ")
        elif depth == 0 and condition.startswith(" or ", at):
            return []
    return [*terms, condition[start:].strip()]


def _check_sensitive(catalogue: Catalogue, layout: Layout) -> Iterator[Lint]:
    items = {item.id: item for item in catalogue.items}
    for row in layout.rows:
        item = items.get(row.item)
        if item is None or not row.is_question or item.sensitivity not in ("H", "S"):
            continue
        if item.module == REFERRAL_MODULE:
            continue
        if not item.is_gated and item.id not in OPEN_ALTHOUGH_SENSITIVE:
            yield _fault("L04", row)
        if row.is_required:
            yield _fault("L14", row)


def _check_entity(catalogue: Catalogue, layout: Layout) -> Iterator[Lint]:
    """What a later visit sees stands in clear on every telephone: only answers that tell nothing about a person, and of
    which something is left when they were treated."""
    if layout.entity is None:
        return
    items = {item.name: item for item in catalogue.items}
    saved = {row.name for row in layout.rows if row.save_to}
    for name in sorted((find_references(layout.entity.label) | saved) & items.keys()):
        item = items[name]
        if item.sensitivity in ("H", "S") or item.disclosure not in ("none", "comm") or item.treatment == "vault":
            text = phrase("the entity list %(list)s would show it in clear", list=layout.entity.list)
            yield find("X09", "survey", name=f"{item.id} {name}", text=text)
        elif item.treatment in _LEAVES_NOTHING:
            told = {"treatment": item.treatment, "list": layout.entity.list}
            text = phrase("%(treatment)s leaves nothing of it for the entity list %(list)s", **told)
            yield find("X15", "survey", name=f"{item.id} {name}", text=text, severity=Severity.ERROR)
