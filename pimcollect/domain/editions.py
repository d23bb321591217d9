"""Editions of one submission: which is newer, by what supersedes what, never by the clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class Order(StrEnum):
    """How an arriving edition stands to the stored one."""

    NEWER = "newer"
    OLDER = "older"
    SAME = "same"
    UNCLEAR = "unclear"


def order_editions(
    stored: str,
    superseded: Collection[str],
    *,
    arriving: str,
    deprecated: str | None,
    follows: str | None = None,
    root: str | None = None,
) -> Order:
    """Compare an arriving edition with the stored one.

    `stored` is the kept edition's id, `superseded` the ids known to lie behind it, `deprecated` the edition that the
    arriving one says it replaces, `follows` the one that its server had before it when we looked (a server shows only
    the newest: those in between are never seen), `root` the id of the first edition if it is known. Two edits of the
    same older edition, and an edit whose forerunner never came, are unclear: a person decides.
    """
    if arriving == stored:
        return Order.SAME
    if arriving in superseded or arriving == root:
        return Order.OLDER
    if stored in (deprecated, follows):
        return Order.NEWER
    if root is not None and stored == root and deprecated is not None:
        return Order.NEWER  # every edit comes after the first edition, also when the one in between is still on its way
    return Order.UNCLEAR


def extend_chain(
    superseded: Collection[str],
    *,
    stored: str,
    arriving: str,
    deprecated: str | None,
    follows: str | None = None,
    order: Order,
) -> tuple[str, ...]:
    """The ids that lie behind the kept edition, once the arriving one has been put in its place. Sorted."""
    chain = set(superseded)
    if order is Order.NEWER:
        chain.add(stored)
    elif order is Order.OLDER:
        chain.add(arriving)
    if order in {Order.NEWER, Order.OLDER}:
        chain.update(one for one in (deprecated, follows) if one is not None)
    return tuple(sorted(chain))


def differ(one: object, other: object) -> bool:
    """Whether two copies of one edition, as stored, answer a question that both have in two ways. Members of a repeat
    are compared one by one, in their order; more or fewer of them are another answer."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return any(differ(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return any(differ(*pair) for pair in zip(one, other, strict=True))
    return one is not None and other is not None and one != other
