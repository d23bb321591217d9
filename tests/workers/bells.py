"""Jobs for tests of the working processes: one that works, one whose error holds what must not be kept."""


def ring_well(subject: str) -> str:
    """Return what must not be kept: a result."""
    return f"result of Nadia Al-Example {subject}"


def ring_badly(subject: str) -> None:
    """Fail with a text that must not be kept."""
    raise ValueError(f"Nadia Al-Example {subject}")
