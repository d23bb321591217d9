"""Draft items of the bank for the questions of a form made elsewhere: named, guessed at with care, each for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from forms.columns import split_column
from forms.consents import asks_consent
from forms.defaults import choose_fate, identifies
from forms.grids import tidy
from forms.identifiers import fold
from forms.lints_book import Line
from forms.lints_sheets import SENSES
from forms.matching import SURE, Match
from forms.outline import Field
from forms.reasons import ASKS_CONSENT, BAD_LIST, OF_THE_PHONE, OTHER_LANGUAGE, SENSED, UNKNOWN_TYPE, WORKED_OUT
from forms.subjects import find_subject
from forms.whereabouts import Whereabouts
from pimcollect.domain.catalogue import SELECTS, Catalogue
from pimcollect.domain.phrases import phrase

SAME, NEW, LEAVE = "same", "new", "leave"
"""What an information officer decides on a question: it is an item of the bank, a new one, or only the form's own."""

DRAFT = (
    *("name", "module", "tools", "q", "hint", "choices", "sens", "cls", "treat", "key", "lvl", "use", "comp", "matrix"),
    *("disagg", "seconds"),
)
"""Fields of a draft that people read and may change."""

TYPES = ("select_one", "select_multiple", "rank", "integer", "decimal", "range", "text", "date", "time", "dateTime",
         "acknowledge")  # fmt: skip
"""Types of questions that the bank can hold one by one."""

METADATA = ("start", "end", "today", "audit", "hidden")

_CONSENT = "con_interview"
_FILE = re.compile(r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,127}$")
_SECONDS = {"select_one": 15, "select_multiple": 25, "rank": 30, "text": 30}
_TREATMENTS = {"keep": "keep", "band": "band", "date": "band", "topcode": "topcode", "restrict": "restrict"}


@dataclass(frozen=True)
class Proposal:
    """One question of the form, and what to do with it."""

    row: int
    path: str
    label: str
    type: str
    decision: str
    item: str = ""
    """The item that it is, or is nearest to."""
    score: float = 0.0
    why: str = ""
    others: tuple[str, ...] = ()
    draft: Mapping[str, Any] = field(default_factory=dict)
    """By field of an item; empty where the bank cannot hold it."""
    remark: str = ""


class Drafter:
    """Drafts items; every name that it gives is given once."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        tool: str,
        use: str,
        language: str,
        known: Mapping[str, str],
        new: Mapping[str, tuple[tuple[str, str], ...]],
        codes: Mapping[str, Mapping[str, Sequence[str]]],
        areas: Mapping[int, Whereabouts],
    ) -> None:
        self._items = {item.id: item for item in catalogue.items}
        self._modules = {module.id: module for module in catalogue.modules}
        self._keys = {item.key for item in catalogue.items}
        self._tool, self._use, self._language, self._known, self._new = tool, use, language, known, new
        self._codes, self._areas = codes, areas
        taken: set[str] = set(catalogue.lists)
        self._lists: dict[str, str] = {}
        for name in new:
            self._lists[name] = _name_freely(name, taken)
            taken.add(self._lists[name])
        self._names: set[str] = {item.name for item in catalogue.items}

    def name_list(self, name: str) -> str:
        """What the bank would call a list of the form."""
        return self._known.get(name) or self._lists.get(name, "")

    def propose(self, row: int, line: Line, one: Field, matches: tuple[Match, ...]) -> Proposal:
        nearest = matches[0] if matches else None
        label = say_cell(line, "label", self._language) or next(iter(one.labels), "")
        proposal = Proposal(
            row=row,
            path=one.path,
            label=label,
            type=one.type,
            decision=LEAVE,
            item=nearest.item if nearest else "",
            score=nearest.score if nearest else 0.0,
            why=nearest.why if nearest else "",
            others=tuple(f"{match.item} {match.score:.2f}" for match in matches[1:]),
        )
        if nearest and nearest.is_same and nearest.score >= SURE:
            return replace(proposal, decision=SAME)
        if asks_consent(one, self._codes.get(one.choices, {})):
            ours = next((item.id for item in self._items.values() if item.name == _CONSENT), "")
            return replace(proposal, item=proposal.item or ours, remark=ASKS_CONSENT)
        against = self._find_against(one, line)
        if against:
            return replace(proposal, remark=against)
        area = self._areas.get(row)
        return replace(
            proposal,
            decision=NEW,
            why=", ".join(part for part in (proposal.why, area.reason if area else "") if part),
            draft=self._draft(line, one, nearest, label, area),
            remark=self._remark(line, one, area),
        )

    def _find_against(self, one: Field, line: Line) -> str:
        """Why the bank cannot hold it as an item; the form keeps it all the same."""
        if one.type in SENSES:
            return SENSED
        if one.type == "calculate":
            return WORKED_OUT
        if one.type in METADATA:
            return OF_THE_PHONE
        if one.type not in TYPES:
            return phrase(UNKNOWN_TYPE, type=one.type)
        if one.type in (*SELECTS, "rank") and one.choices and not self.name_list(one.choices):
            return phrase(BAD_LIST, list=one.choices)
        if one.outside and not _FILE.match(_file_of(line)):
            return one.outside
        return ""

    def _remark(self, line: Line, one: Field, area: Whereabouts | None) -> str:
        remarks: list[str] = []
        if area and one.type == "select_one":
            remarks.append(area.offer)
        if one.outside:
            remarks.append(one.outside)
        if self._language != "default" and "(en)" not in self._language and fold(self._language) != "english":
            remarks.append(phrase(OTHER_LANGUAGE, language=self._language))
        return "; ".join(remarks)

    def _draft(
        self, line: Line, one: Field, nearest: Match | None, label: str, area: Whereabouts | None
    ) -> dict[str, Any]:
        near = self._items[nearest.item] if nearest and nearest.score >= 0.5 else None
        subject = find_subject((one.name, *one.labels))
        module = near.module if near else subject.module if subject else ""
        if self._modules.get(module) is None or self._modules[module].is_control:
            module = next((id_ for id_, row in self._modules.items() if not row.is_control), next(iter(self._modules)))
        sens, cls = (subject.sensitivity, subject.disclosure) if subject else ("M", "none")
        treat = _TREATMENTS.get(choose_fate(one).treatment.kind, "drop")
        if near and near.type == one.type:
            sens = max(sens, near.sensitivity, key="LMHS".index)
        is_direct = identifies(one)
        if is_direct:
            module, sens, cls, treat = "M17" if "M17" in self._modules else module, "S", "direct", "vault"
        elif area:
            sens, cls = max(sens, "M", key="LMHS".index), cls if cls == "sens" else "quasi"
            treat = "coarsen" if area.level and one.type == "select_one" else "drop"
        elif treat == "keep" and sens in "HS":
            treat = "restrict"
        name = self._name(self._modules[module].prefix, one.name)
        unit = "person" if one.repeat else near.unit if near else "hh"
        return {
            "name": name,
            "type": one.type,
            "module": module,
            "tools": self._tool,
            "q": label or one.name,
            "hint": say_cell(line, "hint", self._language),
            "choices": self.name_list(one.choices),
            "sens": sens,
            "cls": cls,
            "treat": treat,
            "key": self._key(one.name, unit),
            "lvl": unit,
            "use": _plan_use(line, "" if is_direct else self._use),
            "comp": near.component if near else "X",
            "matrix": near.matrix if near else "PM",
            "disagg": "std" if fold(line["disaggregation"]) in ("true", "yes", "1") else "",
            "seconds": _SECONDS.get(one.type, 15),
        }

    def _name(self, prefix: str, name: str) -> str:
        base = re.sub(r"[^a-z0-9_]+", "_", fold(name)).strip("_") or "q"
        found = _name_freely(base if base.startswith(f"{prefix}_") else f"{prefix}_{base}", self._names)
        self._names.add(found)
        return found

    def _key(self, name: str, unit: str) -> str:
        """Local until people say that others ask the same."""
        base = "ctx." + (re.sub(r"[^a-z0-9]+", ".", fold(name)).strip(".") or "q")
        number, key = 1, f"{base}.{unit}"
        while key in self._keys:
            number += 1
            key = f"{base}{number}.{unit}"
        self._keys.add(key)
        return key


def _plan_use(line: Line, use: str) -> str:
    """What the answers are for: as the form's maker planned it (koboloadeR), else what the officer said of the form.
    One sentence for a whole form is no reason to keep who somebody is."""
    plan = ", ".join(
        f"{column} {line[column]}" for column in ("chapter", "correlate", "structuralequation") if line[column]
    )
    return "; ".join(part for part in (use, plan) if part)


def _file_of(line: Line) -> str:
    words = line.type.split(" ")
    return words[1] if len(words) > 1 and words[0].endswith("_from_file") else ""


def _name_freely(name: str, taken: set[str]) -> str:
    """A name that the bank takes and nobody has."""
    base = re.sub(r"[^a-z0-9_]+", "_", fold(name)).strip("_") or "list"
    base = base if base[0].isalpha() and base[0].isascii() else f"x_{base}"
    base = "".join(sign for sign in base if sign.isascii())[:32].rstrip("_")
    number, found = 1, base
    while found in taken:
        number += 1
        found = f"{base[: 31 - len(str(number))]}_{number}"
    return found


def say_cell(line: Line, column: str, language: str) -> str:
    """What a row says in a column of one language."""
    return next((tidy(cell) for header, cell in line.cells.items() if split_column(header) == (column, language)), "")
