"""What pimcollect starts with: the starter bank, and a practice gazetteer and practice services, all invented."""

from __future__ import annotations

from importlib.resources import files


def read_bytes(name: str) -> bytes:
    """The bytes of one file of the starter set: bank.json, places.csv or services.json."""
    return files(__name__).joinpath(name).read_bytes()
