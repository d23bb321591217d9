"""The difference of two bank documents, part by part, and its class: patch, minor or major."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pimcollect.domain.phrases import phrase
from pimcollect.domain.slips import is_slip
from pimcollect.domain.weights import (
    FIELDS,
    PARTS,
    SCALES,
    SENSITIVITIES,
    WORDINGS,
    Weight,
)
from pimcollect.errors import ErrorCode, PimError

Document = Mapping[str, Any]
"""A bank document whose shape was checked (`schemas.bank`)."""
Row = Mapping[str, Any]

NEWER: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "variant": ("variants", ("item", "tool")),
    "translation": ("translations", ("part", "key", "language")),
    "term": ("terms", ("code",)),
    "purpose": ("purposes", ("id",)),
    "disaggregation": ("disaggregations", ("set", "code")),
    "place": ("places", ("code",)),
}
"""Part -> where a document that has it holds it, and the fields that name one row."""

_GATE = "${ers_decision}"


@dataclass(frozen=True, order=True)
class Change:
    """One difference. An empty `field` means that the whole thing came or went."""

    part: str
    """item, list, module, rule, pathway, request, screening, locked, or one of NEWER."""
    id: str
    field: str
    before: str
    after: str
    weight: Weight
    why: str
    is_loosening: bool = False
    """It protects people less than before: needs a second person whatever its class."""


def find_changes(old: Document, new: Document) -> tuple[Change, ...]:
    """All differences of two banks, sorted by part, id and field. The order of items and the version say nothing."""
    found = [
        *_compare_rows("item", _by(old["items"], "id"), _by(new["items"], "id"), weigh=_item_weigher(old, new)),
        *_compare_rows("module", _by(old["modules"], "id"), _by(new["modules"], "id")),
        *_compare_rows("rule", _by(old["flag_rules"], "id"), _by(new["flag_rules"], "id")),
        *_compare_rows("pathway", _by(old["pathways"], "code"), _by(new["pathways"], "code")),
        *_compare_rows("request", _requests(old), _requests(new)),
        *_compare_rows("questionnaire", _kept_forms(old), _kept_forms(new)),
        *_compare_rows("entity", _by(old.get("entities", ()), "list"), _by(new.get("entities", ()), "list")),
        *(change for part in NEWER for change in _compare_rows(part, _newer(old, part), _newer(new, part))),
        *_compare_lists(old["choice_lists"], new["choice_lists"]),
        *_compare_rows("screening", _whole(old["ers_decision"]), _whole(new["ers_decision"])),
        *_compare_rows("locked", _whole(_canon(old["wg_ss"])), _whole(_canon(new["wg_ss"]))),
    ]
    return tuple(sorted(found))


def weigh(changes: Sequence[Change]) -> Weight:
    """The class of a whole change: that of its heaviest part."""
    return max((one.weight for one in changes), default=Weight.NONE)


def raise_weight(computed: Weight, wanted: Weight | None) -> Weight:
    """What the editor says, if it is not below what was computed. Raises PimError(NOT_POSSIBLE_NOW)."""
    if wanted is None or wanted == computed:
        return computed
    if wanted < computed:
        raise PimError(
            ErrorCode.NOT_POSSIBLE_NOW,
            f"The change is {computed.word}; it can be called more than that, never less.",
            remedy=f"Leave the class out, or divide the change so that each part is only {wanted.word}.",
        )
    return wanted


def weigh_items(changes: Sequence[Change], old: Document, new: Document) -> dict[str, Weight]:
    """Id of each item that is in both banks and touched -> its class, what happened to its list included."""
    lists: dict[str, Weight] = {}
    weights: dict[str, Weight] = {}
    for one in changes:
        if one.part == "list":
            lists[one.id] = max(lists.get(one.id, Weight.NONE), one.weight)
        elif (one.part == "item" and one.field) or one.part == "variant":
            item = one.id.partition(" ")[0]
            weights[item] = max(weights.get(item, Weight.NONE), one.weight)
    before = {row["id"]: row["choices"] for row in old["items"]}
    for row in new["items"]:
        # a list under another name was compared with the old one already, as a change of the item
        if row["choices"] in lists and before.get(row["id"]) == row["choices"]:
            weights[row["id"]] = max(weights.get(row["id"], Weight.NONE), lists[row["choices"]])
    return weights


def find_kept_keys(weights: Mapping[str, Weight], old: Document, new: Document) -> dict[str, str]:
    """Id of each item whose series a major change breaks although its key stayed -> a key that it could have."""
    before = {row["id"]: row["key"] for row in old["items"]}
    taken = {row["key"] for row in (*old["items"], *new["items"])}
    return {
        row["id"]: _next_key(row["key"], taken)
        for row in new["items"]
        if weights.get(row["id"]) is Weight.MAJOR and before.get(row["id"]) == row["key"]
    }


def find_gone(old: Document, new: Document) -> list[str]:
    """Ids of items that the new bank no longer has."""
    there = {row["id"] for row in new["items"]}
    return [row["id"] for row in old["items"] if row["id"] not in there]


def _next_key(key: str, taken: set[str]) -> str:
    number = 2
    while f"{key}{number}" in taken:
        number += 1
    return f"{key}{number}"


def _by(rows: Sequence[Row], field: str) -> dict[str, Row]:
    return {row[field]: {name: value for name, value in row.items() if name != field} for row in rows}


def _newer(document: Document, part: str) -> dict[str, Row]:
    field, names = NEWER[part]
    return {
        " ".join(row[name] for name in names): {name: value for name, value in row.items() if name not in names}
        for row in document.get(field, ())
    }


def _kept_forms(document: Document) -> dict[str, Row]:
    """Forms that the bank keeps: of their rows only that they differ."""
    rows: dict[str, list[Row]] = {one["id"]: [] for one in document.get("questionnaires", ())}
    for row in document.get("questionnaire_rows", ()):
        rows.setdefault(row["questionnaire"], []).append(row)
    return {
        one["id"]: {"title": one["title"], "rows": f"{len(rows[one['id']])} rows, {_mark(one, rows[one['id']])}"}
        for one in document.get("questionnaires", ())
    }


def _mark(kept: Row, rows: Sequence[Row]) -> str:
    return hashlib.sha256(_canon([kept["language"], kept["columns"], rows]).encode()).hexdigest()[:8]


def _requests(document: Document) -> dict[str, Row]:
    return {code: {"pathway": pathway} for code, pathway in document["request_map"].items()}


def _whole(text: str) -> dict[str, Row]:
    return {"bank": {"text": text}}


def _canon(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "".join(value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {one}" for name, one in sorted(value.items()))
    return "" if value is None else str(value)


Weigher = Callable[[str, str, str, str], tuple[Weight, str]]
"""(id, field, before, after) -> class and why."""


def _weigh_field(part: str) -> Weigher:
    def weigh_one(_id: str, field: str, before: str, after: str) -> tuple[Weight, str]:
        if (part, field) in WORDINGS:
            return _weigh_wording(before, after)
        # a field that nobody has weighed yet counts as the heaviest
        return FIELDS.get((part, field), (Weight.MAJOR, phrase("not known how much this changes")))

    return weigh_one


def _compare_rows(
    part: str, old: Mapping[str, Row], new: Mapping[str, Row], *, weigh: Weigher | None = None
) -> Iterator[Change]:
    weigh = weigh or _weigh_field(part)
    for id_ in old.keys() | new.keys():
        before, after = old.get(id_), new.get(id_)
        if before is None or after is None:
            came, went = PARTS[part]
            weight, why = came if before is None else went
            yield Change(
                part, id_, "", "" if before is None else "there", "there" if before is None else "", weight, why
            )
            continue
        for field in before.keys() | after.keys():
            shown = _show(before.get(field)), _show(after.get(field))
            if shown[0] != shown[1]:
                change = Change(part, id_, field, *shown, *weigh(id_, field, *shown))
                yield replace(change, is_loosening=_loosens(change))


def _come_or_gone(part: str, id_: str, *, is_new: bool) -> Change:
    came, went = PARTS[part]
    before, after = ("", "there") if is_new else ("there", "")
    return Change(part, id_, "", before, after, *(came if is_new else went))


def _loosens(change: Change) -> bool:
    """Whether people are protected less: lower on a scale, out of its module, or no longer behind the screening."""
    scale = SCALES.get((change.part, change.field))
    if scale:
        return scale.index(change.after) < scale.index(change.before)
    if (change.part, change.field) == ("item", "rel"):
        return _GATE in change.before and _GATE not in change.after
    if (change.part, change.field) == ("item", "save_to"):
        return change.after != ""  # it will stand in clear on every telephone
    return (change.part, change.field) in (("item", "module"), ("module", "kind"))


def _item_weigher(old: Document, new: Document) -> Weigher:
    plain = _weigh_field("item")

    def weigh_one(id_: str, field: str, before: str, after: str) -> tuple[Weight, str]:
        if field == "q":
            return _weigh_wording(before, after)
        if field == "choices":
            lists = old["choice_lists"].get(before, ()), new["choice_lists"].get(after, ())
            heaviest = max(_compare_list("", *lists), key=lambda one: one.weight, default=None)
            return (
                (heaviest.weight, heaviest.why)
                if heaviest
                else (Weight.PATCH, phrase("the same choices under another name"))
            )
        if field == "tools":
            is_more = set(before) <= set(after)
            return (
                (Weight.MINOR, phrase("one more tool asks it"))
                if is_more
                else (Weight.MAJOR, phrase("a tool no longer asks it"))
            )
        if field == "sens":
            is_raised = SENSITIVITIES.index(after) > SENSITIVITIES.index(before)
            return Weight.MINOR, phrase("sensitivity raised") if is_raised else phrase("sensitivity lowered")
        if field == "treat" and {before, after} <= {"keep", "restrict", "redact"}:
            return Weight.MINOR, phrase("the same values, seen by others")
        return plain(id_, field, before, after)

    return weigh_one


def _weigh_wording(before: str, after: str) -> tuple[Weight, str]:
    if not before or not after:
        return Weight.MINOR, phrase("wording loaded or taken away")
    if is_slip(before, after):
        return Weight.PATCH, phrase("a slip mended")
    return Weight.MAJOR, phrase("another wording asks something else")


def _compare_lists(old: Mapping[str, Sequence[Row]], new: Mapping[str, Sequence[Row]]) -> Iterator[Change]:
    for name in old.keys() | new.keys():
        if name in old and name in new:
            yield from _compare_list(name, old[name], new[name])
        else:
            yield _come_or_gone("list", name, is_new=name in new)


def _compare_list(name: str, old: Sequence[Row], new: Sequence[Row]) -> Iterator[Change]:
    before, after = _by(old, "code"), _by(new, "code")
    for code in before.keys() | after.keys():
        if code not in before:
            yield Change("list", name, code, "", _show(after[code]["label"]), Weight.MINOR, phrase("a choice added"))
            continue
        if code not in after:
            yield Change(
                "list", name, code, _show(before[code]["label"]), "", Weight.MAJOR, phrase("an answer removed")
            )
            continue
        for field in ("label", "aggregate_to", "wording", "parent", "image", "audio"):
            shown = _show(before[code].get(field)), _show(after[code].get(field))
            if shown[0] != shown[1]:
                weight, why = _weigh_choice(field, *shown)
                # who can be told what the answer was: wider than before, or not known to be narrower
                is_wider = field == "aggregate_to" and shown[1] != ""
                yield Change("list", name, f"{code} {field}", *shown, weight, why, is_wider)
    orders = [code for code in before if code in after], [code for code in after if code in before]
    if orders[0] != orders[1]:
        shown = " ".join(orders[0]), " ".join(orders[1])
        yield Change("list", name, "order", *shown, Weight.PATCH, phrase("another order of the choices"))


def _weigh_choice(field: str, before: str, after: str) -> tuple[Weight, str]:
    if field == "label":
        return _weigh_wording(before, after)
    if field == "aggregate_to":
        if not before:
            return Weight.MINOR, phrase("a coarser code to share")
        return Weight.MAJOR, phrase("shared under another code than before")
    return (
        (Weight.MINOR, phrase("offered after other answers"))
        if field == "parent"
        else (Weight.PATCH, phrase("a remark"))
    )
