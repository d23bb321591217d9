"""Tell a mended slip of the pen from another wording: the first leaves a series whole, the second breaks it."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SHORTEST = 4
_MOST = 3


def read_words(text: str) -> list[str]:
    """The words of a text, folded: one spelling of letters, small letters, no signs."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def is_slip(before: str, after: str) -> bool:
    """True when two wordings differ only in signs, capitals, spaces or one wrong letter in a few words.

    A number, a short word (`no`, `can`), a first letter or a word more or less can turn the meaning round: no slip.
    """
    old, new = read_words(before), read_words(after)
    if len(old) != len(new):
        return False
    pairs = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
    return len(pairs) <= max(1, min(_MOST, len(old) // 5)) and all(_is_misspelt(*pair) for pair in pairs)


def _is_misspelt(old: str, new: str) -> bool:
    if min(len(old), len(new)) < _SHORTEST or old[0] != new[0]:
        return False
    if any(sign.isdigit() for sign in old + new):
        return False
    return _are_near(old, new)


def _are_near(old: str, new: str) -> bool:
    """One letter more, less or other, or two neighbours changed over."""
    if abs(len(old) - len(new)) > 1:
        return False
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    a, b = old[start:], new[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (len(a) > 1 and a[:2] == b[1::-1] and a[2:] == b[2:])
