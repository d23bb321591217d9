"""How often and how long the properties of the domain are tried: on a busy machine a single try may be slow."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("domain", deadline=None)
settings.load_profile("domain")
