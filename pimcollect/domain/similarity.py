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
    rank = {part: number for number, part in enumerate(sorted(counts, key=lambda part: (counts[part], part)))}
    index: dict[int, set[str]] = defaultdict(set)
    for id_, parts in theirs.items():
        for place in _rarest(parts, rank, least):
            index[place].add(id_)
    masks = {id_: _mask(parts, rank) for id_, parts in theirs.items()}
    sizes = {id_: len(parts) for id_, parts in theirs.items()}
    found = []
    for id_, parts in mine.items():
        mask, size = _mask(parts, rank), len(parts)
        shortest, longest = least * size - 1e-9, size / least + 1e-9
        for other in set().union(*(index[place] for place in _rarest(parts, rank, least) if place in index)):
            if (others is None and other <= id_) or not shortest <= sizes[other] <= longest:
                continue  # of such different lengths no two sets share enough
            both = (mask & masks[other]).bit_count()
            score = both / (size + sizes[other] - both)
            if score >= least:
                found.append(Pair(round(score, 3), id_, other))
    return sorted(found, key=lambda pair: (-pair.score, pair.one, pair.other))


def _mask(parts: Iterable[str], rank: Mapping[str, int]) -> int:
    """The triples as bits of one number: what two labels share is counted in one step."""
    mask = 0
    for part in parts:
        mask |= 1 << rank[part]
    return mask


def _rarest(parts: Iterable[str], rank: Mapping[str, int], least: float) -> list[int]:
    places = sorted(rank[part] for part in parts)
    return places[: len(places) - math.ceil(least * len(places)) + 1]
