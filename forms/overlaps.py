"""What two forms, or the questions of one bank, have in common: shared keys, and questions that should share one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from forms.whereabouts import is_bare_area
from pimcollect.domain.catalogue import Catalogue, Item
from pimcollect.domain.phrases import phrase
from pimcollect.domain.similarity import find_pairs

_XFORMS = "{http://www.w3.org/2002/xforms}"
_LANGUAGE = "en"


@dataclass(frozen=True)
class FormTexts:
    """A frozen form as far as comparing needs it."""

    document: Mapping[str, Any]
    """As `domain.version.write_version` writes it."""
    xform: str
    keys: Mapping[str, str]
    """Bank item -> comparability key, by the bank that the form was built from; empty for an adopted form."""


@dataclass(frozen=True)
class _Asked:
    path: str
    item: str
    key: str
    type: str
    codes: frozenset[str]
    is_own: bool
    """A question of ours that no item of the bank asks, as every form built from it has: nothing to join."""


def read_labels(xform: str) -> dict[str, str]:
    """Path below the root -> label in the form's first language, for each question that is shown."""
    return {path: words for path, (words, is_group) in _read_spoken(xform).items() if not is_group}


def _read_spoken(xform: str) -> dict[str, tuple[str, bool]]:
    """The same for groups too: path -> its label, and whether it is a group."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(xform.encode(), parser)
    texts = _read_itext(root)
    labels = {}
    for element in root.iter(etree.Element):
        label = element.find(f"{_XFORMS}label")
        ref = element.get("ref")
        if ref and label is not None:
            spoken = label.get("ref", "")
            words = texts.get(spoken[len("jr:itext('") : -2], "") if spoken else _say(label)
            labels["/".join(ref.strip("/").split("/")[1:])] = words, element.tag == f"{_XFORMS}group"
    return labels


def _read_compared(form: FormTexts, asked: Mapping[str, _Asked]) -> tuple[dict[str, str], dict[str, _Asked]]:
    """What each question says as a whole (path -> words), and the question: what an item asks in several fields is one
    question, by the text above them. `District` alone says nothing: of a place to live, of origin, of destination.
    """
    spoken = _read_spoken(form.xform)
    above = {path: path.rpartition("/")[0] for path in asked}
    parts = Counter((above[path], one.item) for path, one in asked.items() if one.item)
    labels: dict[str, str] = {}
    found: dict[str, _Asked] = {}
    for path, one in asked.items():
        words, whole = spoken.get(path, ("", False))[0], spoken.get(above[path], ("", False))[0]
        if one.item and parts[above[path], one.item] > 1 and whole:
            labels[above[path]] = whole
            found.setdefault(above[path], replace(one, path=above[path], codes=frozenset()))
        elif words and is_bare_area(words):
            if whole:  # the levels of one question, in a form that was made elsewhere
                labels[path], found[path] = f"{whole} {words}", one
        elif words:
            labels[path], found[path] = words, one
    return labels, found


def _read_itext(root: Any) -> dict[str, str]:
    translations = root.findall(f".//{_XFORMS}translation")
    if not translations:
        return {}
    first = next((one for one in translations if one.get("default") is not None), translations[0])
    return {
        text.get("id"): _say(value)
        for text in first.findall(f"{_XFORMS}text")
        for value in text.findall(f"{_XFORMS}value")
        if value.get("form") is None
    }


def _say(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _read_asked(form: FormTexts) -> dict[str, _Asked]:
    choices = form.document.get("choices", {})
    return {
        row["path"]: _Asked(
            path=row["path"],
            item=row.get("item", ""),
            key=form.keys.get(row.get("item", ""), ""),
            type=row["type"],
            codes=frozenset(one["code"] for one in choices.get(row.get("choices", ""), ())),
            is_own=form.document.get("origin") == "bank" and not row.get("item"),
        )
        for row in form.document["questions"]
    }


def find_overlaps(one: FormTexts, other: FormTexts) -> list[dict[str, Any]]:
    """Rows of kind, key, one, other, score and remark: shared keys first, then keys of one concept with different units
    (never to be averaged), then questions that are nearly the same without sharing a key."""
    mine, theirs = _read_asked(one), _read_asked(other)
    keys = _by_key(mine), _by_key(theirs)
    shared = sorted(keys[0].keys() & keys[1].keys())
    rows = [
        _row("shared key", key, keys[0][key], keys[1][key], _find_difference(keys, key, mine, theirs)) for key in shared
    ]
    rows += [
        _row("other unit", f"{a} / {b}", keys[0][a], keys[1][b], "the same concept: never average them")
        for a in sorted(keys[0])
        for b in sorted(keys[1])
        if a != b and _concept(a) == _concept(b) and a not in shared and b not in shared
    ]
    (labels, wholes), (other_labels, other_wholes) = _read_compared(one, mine), _read_compared(other, theirs)
    for pair in find_pairs(labels, other_labels):
        a, b = wholes[pair.one], other_wholes[pair.other]
        if (not a.key or a.key != b.key) and not (a.is_own and b.is_own):
            remark = phrase("the same choices") if a.codes and a.codes == b.codes else ""
            key = " / ".join(text for text in (a.key, b.key) if text)
            rows.append(_row("nearly the same", key, [a.path], [b.path], remark, pair.score))
    return rows


def _by_key(asked: Mapping[str, _Asked]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in asked.values():
        if row.key:
            found[row.key].append(row.path)
    return dict(found)


def _find_difference(
    keys: tuple[dict[str, list[str]], ...], key: str, mine: Mapping[str, _Asked], theirs: Mapping[str, _Asked]
) -> str:
    """Why answers under one key may not be counted together although the key says so."""
    one = [(mine[path].type, mine[path].codes) for path in sorted(keys[0][key])]
    other = [(theirs[path].type, theirs[path].codes) for path in sorted(keys[1][key])]
    return (
        ""
        if sorted(map(str, one)) == sorted(map(str, other)) or one == other
        else phrase("other type or other choices")
    )


def _concept(key: str) -> str:
    return key.rpartition(".")[0]


def _row(
    kind: str, key: str, one: list[str], other: list[str], remark: str, score: float | None = None
) -> dict[str, Any]:
    return {"kind": kind, "key": key, "one": " ".join(one), "other": " ".join(other), "score": score, "remark": remark}


def find_doubles(catalogue: Catalogue) -> list[dict[str, Any]]:
    """The same rows within one bank: a key that two items have, and labels that are nearly the same (L11, L12)."""
    by_key: dict[str, list[Item]] = defaultdict(list)
    for item in catalogue.items:
        by_key[item.key].append(item)
    rows = list(_find_same_keys(by_key))
    keys = {item.id: item.key for item in catalogue.items}
    lists = {item.id: (item.type, item.choices) for item in catalogue.items}
    for pair in find_pairs({item.id: item.label.get(_LANGUAGE, "") for item in catalogue.items}):
        if keys[pair.one] != keys[pair.other]:
            remark = phrase("the same type and choices") if lists[pair.one] == lists[pair.other] else ""
            key = f"{keys[pair.one]} / {keys[pair.other]}"
            rows.append(_row("nearly the same", key, [pair.one], [pair.other], remark, pair.score))
    return rows


def _find_same_keys(by_key: Mapping[str, list[Item]]) -> Iterator[dict[str, Any]]:
    for key, items in sorted(by_key.items()):
        for other in items[1:]:
            is_same = (items[0].type, items[0].choices) == (other.type, other.choices)
            yield _row(
                "key twice", key, [items[0].id], [other.id], "" if is_same else phrase("other type or other choices")
            )
