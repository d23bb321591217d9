"""What a column of an XLSForm is called plainly, whatever its spelling, and in which language it speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

UNNAMED = "default"
"""The language of a column that names none."""

_LANGUAGE = re.compile(r"\s*::?\s*")
_ALIASES: Mapping[str, str] = {
    "caption": "label",
    "relevance": "relevant",
    "calculate": "calculation",
    "list name": "list_name",
    "read_only": "readonly",
    "required message": "required_message",
    "constraint message": "constraint_message",
    "choice filter": "choice_filter",
    "repeat count": "repeat_count",
    "guidance hint": "guidance_hint",
    "noapperrorstring": "required_message",
    "jr:noapperrorstring": "required_message",
    "command": "type",
    "value": "name",
}
TRANSLATED = ("label", "hint", "guidance_hint", "constraint_message", "required_message", "image", "audio", "video")
"""Columns that may stand there once for each language."""

LOGIC = ("relevant", "constraint", "calculation", "choice_filter", "repeat_count", "required", "readonly", "default")
"""Columns that hold an expression."""


@lru_cache(maxsize=4096)
def split_column(header: str) -> tuple[str, str]:
    """`label::French (fr)` -> ("label", "French (fr)"), `media::image` -> ("image", "default")."""
    text = header.strip()
    parts = [part for part in _LANGUAGE.split(text) if part]
    base = _ALIASES.get(text.lower()) or _ALIASES.get(parts[0].lower(), parts[0].lower()) if parts else ""
    if base == "media" and len(parts) > 1:
        base, parts = parts[1].lower(), parts[1:]
    if base in TRANSLATED or base == "big-image":
        return base, "::".join(parts[1:]) or UNNAMED
    return (base if len(parts) < 2 else "::".join((base, *parts[1:]))), UNNAMED
