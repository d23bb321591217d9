"""Requests that a real KoboToolbox server sent (invented people), and scenarios with their expected results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def read_wire() -> dict[str, dict[str, Any]]:
    """The recorded requests by id: method, headers, body (bytes)."""
    lines = (HERE / "kobo_hooks.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines if line]
    return {row["id"]: {**row, "body": row["body"].encode()} for row in rows}
