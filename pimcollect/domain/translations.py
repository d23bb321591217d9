"""What binds an approval to a translation: the mark of exactly this text, in this place, of exactly this English."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bound:
    """One text in one language beside the English that it translates."""

    part: str
    key: str
    language: str
    source: str
    text: str
    translator: str = ""
    """Who made it, as the bank says; empty when a machine did."""

    @property
    def mark(self) -> str:
        """Changes with either text: what was approved is void when its English becomes another."""
        return mark(self.part, self.key, self.language, source=self.source, text=self.text)


def mark(part: str, key: str, language: str, *, source: str, text: str) -> str:
    """SHA-256 in hex over all that somebody reads who approves a translation."""
    parts = json.dumps([part, key, language, source, text], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(parts.encode()).hexdigest()


def list_written(document: Mapping[str, Any]) -> list[Bound]:
    """The translations that a bank says itself, those that are still to be written left out."""
    return [
        Bound(row["part"], row["key"], row["language"], row["source"], row["text"], row["translator"])
        for row in document.get("translations", ())
        if row["text"]
    ]
