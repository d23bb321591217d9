"""Read a bank file and check it whole: every reference in it holds, or nothing is taken and all errors are listed."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from forms import starter
from forms.bank_parts import find_variants, make_parts
from forms.grids import Fault
from forms.mistakes import Mistake, find_mistakes, write_visibly
from pimcollect.domain.catalogue import (
    Asking,
    Catalogue,
    Item,
    ListedChoice,
    ListedEntity,
    Module,
    Variant,
    WashingtonItem,
)
from pimcollect.domain.conditions import names_used
from pimcollect.domain.documents import read_json
from pimcollect.domain.phrases import phrase
from pimcollect.domain.version import FlagRule, Pathway
from pimcollect.errors import ErrorCode, FaultyError, PimError
from pimcollect.schemas.bank import ASKING, FILES, FREE_TEXTS

LANGUAGE = "en"
"""The bank file holds English; other languages are loaded beside it."""

SILENT_PATHWAYS = ("RP-GBV",)
"""Counted only without consent: these services must not reach a supervisor's list."""

_SHOWN = 100
"""Faults that are told in words."""
_LONGEST_PLACE = 100
_NAMED_BY_ID = ("items", "flag_rules", "pathways", "terms", "purposes", "places")
"""Parts whose rows people know by their id alone."""


def read_document(source: bytes | str) -> dict[str, Any]:
    """Parse a bank file. Raises PimError(BAD_BANK) with line and column."""
    try:
        document = read_json(source)
    except ValueError as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f" (line {error.lineno}, column {error.colno})"
        raise PimError(
            ErrorCode.BAD_BANK,
            f"The bank file is not JSON{where}, or a key stands twice in one object.",
            remedy="Repair that place, or start again from the starter bank.",
        ) from error
    if not isinstance(document, dict):
        raise PimError(ErrorCode.BAD_BANK, "The bank file must hold one JSON object.")
    return document


def hash_document(document: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the canonical text: spaces and the order of keys do not count."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_bank(source: bytes | str) -> Catalogue:
    """Read and check a bank file. Raises PimError(BAD_BANK) that lists the errors, each with its place."""
    return read_catalogue(read_document(source))


def read_starter() -> Catalogue:
    """The bank that ships with pimcollect."""
    return read_bank(starter.read_bytes("bank.json"))


def read_catalogue(document: Mapping[str, Any]) -> Catalogue:
    """Check a parsed bank file and make the catalogue of it. All or nothing. Raises PimError(BAD_BANK)."""
    refuse_mistakes(say_mistake(one, document) for one in find_mistakes(document))
    return make_catalogue(document)


class BankError(FaultyError):
    """A bank that was not taken, with all that is wrong in it; told one fault a line. It `is_early` when references and
    expressions were not looked at yet."""

    faults: tuple[Fault, ...]

    def __init__(self, faults: Sequence[Fault], *, is_early: bool = False) -> None:
        summary = phrase("The bank was not taken. Faults: %(number)s.", number=len(faults))
        lines = [f"  {fault}" for fault in faults[:_SHOWN]]
        if len(faults) > _SHOWN:
            lines.append(f"  And {len(faults) - _SHOWN} more.")
        super().__init__(
            ErrorCode.BAD_BANK,
            summary,
            faults,
            told="\n".join((summary, *lines)) + "\n",
            remedy=phrase(
                "Correct the file and import it again; nothing was changed. References and expressions are looked at "
                "when these faults are mended."
            )
            if is_early
            else phrase("Correct the file and import it again; nothing was changed."),
        )
        self.is_early = is_early


def refuse_mistakes(faults: Iterable[Fault], *, is_early: bool = False) -> None:
    """Raise BankError if there are any."""
    found = list(faults)
    if found:
        raise BankError(found, is_early=is_early)


def say_mistake(mistake: Mistake, document: Any) -> Fault:
    """Its place in words that name items by their id, not by their position."""
    words, inner = [], document
    for step in mistake.where:
        if isinstance(step, int) and isinstance(inner, list) and step < len(inner):
            inner = inner[step]
            named = inner if isinstance(inner, dict) else {}
            name = named.get("id") or named.get("code") or named.get("name") or f"number {step + 1}"
            words.append(write_visibly(str(name)))
            continue
        inner = inner.get(step) if isinstance(inner, dict) else inner
        if step not in _NAMED_BY_ID or step == mistake.where[-1]:
            words.append(write_visibly(str(step)))
    return Fault(textwrap.shorten(" ".join(words), _LONGEST_PLACE, placeholder=" ..."), 0, "", mistake.text)


def rule_names(expression: str) -> frozenset[str]:
    """The questions at the top of the form that a flag rule reads. Raises PimError(BAD_EXPRESSION)."""
    return frozenset(name for name in names_used(expression) if "/" not in name)


def _say(text: str | None) -> dict[str, str]:
    return {LANGUAGE: text} if text else {}


def _item(row: Mapping[str, Any], variants: Mapping[str, Variant]) -> Item:
    return Item(
        id=row["id"],
        name=row["name"],
        module=row["module"],
        tools=row["tools"],
        label=_say(row["q"]),
        hint=_say(row["hint"]),
        type=row["type"],
        choices=row["choices"],
        sensitivity=row["sens"],
        disclosure=row["cls"],
        treatment=row["treat"],
        relevant=row["rel"],
        constraint=row["constraint"],
        calculation=row["calc"],
        is_required=row["req"],
        is_core=row["core_hh"],
        key=row["key"],
        unit=row["lvl"],
        use=row["use"],
        component=row["comp"],
        risks=row["gpc"],
        matrix=row["matrix"],
        disaggregation=row["disagg"],
        seconds=row["seconds"],
        remark=row["flag"],
        asking=_asking(row),
        variants=variants,
    )


def _asking(row: Mapping[str, Any]) -> Asking:
    plain = {field: row.get(field, "") for field in ASKING if field not in (*FILES, *FREE_TEXTS)}
    return replace(
        Asking(**plain),
        guidance=_say(row.get("guidance")),
        message=_say(row.get("message")),
        required_message=_say(row.get("required_message")),
        media={field.replace("_", "-"): row[field] for field in FILES if row.get(field)},
    )


def _choice(row: Mapping[str, Any]) -> ListedChoice:
    media = {field: row[field] for field in ("image", "audio") if row.get(field)}
    return ListedChoice(row["code"], _say(row["label"]), row.get("aggregate_to"), row.get("parent", ""), media)


def make_catalogue(document: Mapping[str, Any]) -> Catalogue:
    """The catalogue of a document that was checked."""
    variants = find_variants(document)
    return Catalogue(
        version=document["version"],
        modules=tuple(
            Module(row["id"], row["prefix"], _say(row["title"]), "".join(row["tools"]), row["kind"] == "control")
            for row in document["modules"]
        ),
        lists={name: tuple(map(_choice, rows)) for name, rows in document["choice_lists"].items()},
        items=tuple(_item(row, variants.get(row["id"], {})) for row in document["items"]),
        washington=tuple(WashingtonItem(row["name"], _say(row["label"])) for row in document["wg_ss"]["items"]),
        washington_list=document["wg_ss"]["answers"],
        screening=document["ers_decision"],
        flags=tuple(
            FlagRule(row["id"], row["expression"], row["pathway"], row["urgency"]) for row in document["flag_rules"]
        ),
        pathways={
            row["code"]: Pathway(
                code=row["code"],
                title=row["service"],
                urgency=row["default_urgency"],
                needs_identity=row["personal_data"],
                is_silent=row["code"] in SILENT_PATHWAYS,
            )
            for row in document["pathways"]
        },
        requests=dict(document["request_map"]),
        entities=tuple(ListedEntity(**row) for row in document.get("entities", ())),
        sha256=hash_document(document),
        **make_parts(document),
    )
