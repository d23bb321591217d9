"""What differs between two frozen versions of a form: what is asked, how it reads, what happens to the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms.overlaps import read_labels

Document = Mapping[str, Any]
"""As `domain.version.write_version` writes it."""
_LONGEST = 300


@dataclass(frozen=True, order=True)
class Difference:
    """One difference. `part` is question, wording, choice, rule or form; `what` says in a word what it is about."""

    part: str
    name: str
    what: str
    before: str
    after: str


def find_differences(one: tuple[Document, str], other: tuple[Document, str]) -> tuple[Difference, ...]:
    """All of them, sorted; each version is its document and its XForm, the older first."""
    (old, old_form), (new, new_form) = one, other
    return tuple(
        sorted(
            [
                *_compare_questions(old, new),
                *_compare("wording", read_labels(old_form), read_labels(new_form), what="label"),
                *_compare_choices(old, new),
                *_compare("rule", _rules(old), _rules(new), what="rule"),
                *_compare("form", _facts(old), _facts(new), what=""),
                *_compare("form", _saved(old), _saved(new), what="entities"),
            ]
        )
    )


def _questions(document: Document) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in document["questions"]}


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_show(one)}" for name, one in sorted(value.items()) if one not in ("", {}, []))
    if isinstance(value, list):
        return ", ".join(map(_show, value))
    return str(value)[:_LONGEST]


def _compare_questions(old: Document, new: Document) -> Iterator[Difference]:
    before, after = _questions(old), _questions(new)
    for path in before.keys() | after.keys():
        if path not in before or path not in after:
            gone = "asked" if path in before else ""
            yield Difference("question", path, "asked", gone, "" if gone else "asked")
            continue
        for field in ("type", "treatment", "is_gated", "sensitivity", "disclosure", "choices"):
            shown = _show(before[path].get(field, "")), _show(after[path].get(field, ""))
            if shown[0] != shown[1]:
                yield Difference("question", path, field, *shown)


def _compare_choices(old: Document, new: Document) -> Iterator[Difference]:
    before, after = old["choices"], new["choices"]
    for name in before.keys() & after.keys():
        codes = [{one["code"]: str(one.get("broader") or "") for one in side[name]} for side in (before, after)]
        for code in codes[0].keys() | codes[1].keys():
            shown = tuple(f"shared as {side[code]}" if side.get(code) else code in side and "there" for side in codes)
            if shown[0] != shown[1]:
                yield Difference("choice", f"{name} {code}", "choice", shown[0] or "", shown[1] or "")


def _rules(document: Document) -> dict[str, str]:
    return {row["id"]: f"{row['expression']} -> {row['pathway']} {row['urgency']}" for row in document.get("flags", ())}


def _facts(document: Document) -> dict[str, str]:
    names = ("title", "bank_version", "languages", "consent", "purpose", "is_encrypted", "left_out", "drafted")
    return {name: _show(document.get(name, "")) for name in names}


def _saved(document: Document) -> dict[str, str]:
    """List -> what the form writes into it, which then stands on phones."""
    return {row["list"]: _show(row) for row in document.get("entities", ())}


def _compare(part: str, old: Mapping[str, str], new: Mapping[str, str], *, what: str) -> Iterator[Difference]:
    for name in old.keys() | new.keys():
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield Difference(part, name, what or name, before[:_LONGEST], after[:_LONGEST])
