"""Find questions that are nearly the same: labels cut into triples of letters, compared over an inverted index."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pimcollect.domain.slips import read_words

NEAR = 0.6
"""Share of common triples from which two labels count as nearly the same."""


@dataclass(frozen=True, order=True)
class Pair:
    """Two questions whose labels share this part of their triples (0 to 1)."""

    score: float
    one: str
    other: str


def cut_triples(text: str) -> frozenset[str]:
    """The triples of letters of each word, its edges marked; works for any script and forgives endings and typos."""
    padded = (f" {word} " for word in read_words(text))
    return frozenset(word[start : start + 3] for word in padded for start in range(len(word) - 2))


def find_pairs(
    labels: Mapping[str, str], others: Mapping[str, str] | None = None, *, least: float = NEAR
) -> list[Pair]:
    """Pairs of ids with nearly the same label, the nearest first: within `labels`, or between it and `others`.

    Jaccard similarity with prefix filtering: two sets that share the part `least` of their members must share one of
    the rarest few, so that only those are looked up.
    """
    mine = {id_: cut_triples(label) for id_, label in labels.items()}
    theirs = mine if others is None else {id_: cut_triples(label) for id_, label in others.items()}
    counts = Counter(part for cuts in (mine, theirs) for parts in cuts.values() for part in parts)
    index: dict[str, list[str]] = defaultdict(list)
    for id_, parts in theirs.items():
        for part in _rarest(parts, counts, least):
            index[part].append(id_)
    found = set()
    for id_, parts in mine.items():
        near = {other for part in _rarest(parts, counts, least) for other in index.get(part, ())}
        for other in near:
            if others is None and other <= id_:
                continue
            score = _share(parts, theirs[other])
            if score >= least:
                found.add(Pair(round(score, 3), id_, other))
    return sorted(found, key=lambda pair: (-pair.score, pair.one, pair.other))


def _rarest(parts: Iterable[str], counts: Mapping[str, int], least: float) -> list[str]:
    ordered = sorted(parts, key=lambda part: (counts[part], part))
    return ordered[: len(ordered) - math.ceil(least * len(ordered)) + 1]


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)
