"""What a look at the service finds: one thing, its state, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

OK, ATTENTION = "ok", "attention"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `stops`: the service does not do its work while this is so."""

    check: str
    state: str
    detail: str
    remedy: str = ""
    stops: bool = False
