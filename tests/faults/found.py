"""What an experiment found: how many of what, and everything that is not as the contract says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Found:
    """The figures of one experiment. `violations` are sentences; one is enough to fail."""

    n: int = 0
    lost: int = 0
    dup: int = 0
    violations: list[str] = field(default_factory=list)
    p99: float | None = None
    """Seconds that a sender waits for an answer, where senders are part of it."""
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Nothing lost, nothing doubled, nothing else."""
        return not (self.lost or self.dup or self.violations)

    def expect(self, claim: object, otherwise: str) -> None:
        """Note what is wrong when the claim does not hold."""
        if not claim:
            self.violations.append(otherwise)

    def note_waits(self, seconds: Sequence[float], *, most: float | None = None) -> None:
        """The 99th percentile of these waits; more than `most` is a violation."""
        self.expect(seconds, "nobody was answered at all")
        if seconds:
            self.p99 = round(sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.99))], 3)
            self.expect(most is None or self.p99 < most, f"p99 is {self.p99} s, not under {most} s")

    @contextmanager
    def promised(self, what: str) -> Iterator[None]:
        """The block is a test function of ours that was called as it stands: its assertion is the claim."""
        self.n += 1
        try:
            yield
        except AssertionError as error:
            self.violations.append(f"{what}: {str(error)[:300]}")
