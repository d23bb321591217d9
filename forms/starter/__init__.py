"""What pimcollect starts with: the starter bank, and a practice gazetteer and practice services, all invented."""

from __future__ import annotations

from importlib.resources import files


def read_bytes(name: str) -> bytes:
    """The bytes of one file of the starter set: bank.json, places.csv, services.json or translations/xx.json."""
    return files(__name__).joinpath(*name.split("/")).read_bytes()
