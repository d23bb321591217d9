"""Is it safe to ask this here: the enumerator's risk screening, decided again, and what it closes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pimcollect.domain.answers import UNREAD, Answers
from pimcollect.domain.leaves import METADATA_TYPES
from pimcollect.domain.version import Screening, Version


class Opened(StrEnum):
    """What the screening opens: everything, everything after moving apart, the ungated items, or the closing only."""

    ALL = "all"
    APART = "apart"
    GENERAL = "general"
    STOP = "stop"


_SETTINGS = frozenset({"nobody", "family_adults", "children", "neighbours"})
_MATCHES = frozenset({"yes", "not_needed"})
_DANGERS = frozenset({"calm", "some"})


def decide_screening(answers: Mapping[str, object], screening: Screening) -> Opened:
    """What may be open, from the six inputs alone; the telephone's own result is never believed.

    Strong distress or a threat stops. Any pressure, officials, no matching interviewer, or an input that is missing
    or unknown gives at best `general`. Then nobody listening opens all; others present, no suspicion and the wish to
    talk apart open all apart. (Protection information facts, section 7.)
    """
    setting, danger = answers.get(screening.setting), answers.get(screening.danger)
    suspicion, aside = answers.get(screening.suspicion), answers.get(screening.aside)
    if danger in {"strong", "threat"}:
        return Opened.STOP
    is_calm = danger in _DANGERS and answers.get(screening.pressure) == "none"
    if not (is_calm and setting in _SETTINGS and answers.get(screening.match) in _MATCHES):
        return Opened.GENERAL
    if suspicion is None or aside is None:
        return Opened.GENERAL
    if setting == "nobody":
        return Opened.ALL
    return Opened.APART if suspicion == "no" and aside == "yes" else Opened.GENERAL


class Gate:
    """The parts of one version and what is open under each decision; made once for it."""

    __slots__ = ("_closed", "_screening")

    def __init__(self, version: Version) -> None:
        self._screening = version.screening
        self._closed: dict[tuple[Opened, bool], frozenset[str]] = {}
        if version.screening is None:
            return
        for opened in Opened:
            for is_threat in (False, True):
                self._closed[opened, is_threat] = _closed_keys(version, version.screening, opened, is_threat=is_threat)

    def close(self, answers: Answers) -> tuple[Opened | None, Answers, tuple[str, ...]]:
        """The decision, the answers of the open parts and the sorted keys of those that were dropped.

        The sent decision is replaced by ours. Without a screening in the form everything is open and the
        decision is None. The given dict is not changed.
        """
        screening = self._screening
        if screening is None:
            return None, dict(answers), ()
        opened = decide_screening(answers, screening)
        shut = self._closed[opened, answers.get(screening.danger) == "threat"]
        closed = [key for key in answers if key in shut]
        kept = {key: value for key, value in answers.items() if key not in shut} if closed else dict(answers)
        if UNREAD in kept:
            kept[UNREAD] = tuple(key for key in kept[UNREAD] if key not in shut)
        kept[screening.decision] = opened.value
        return opened, kept, tuple(sorted(closed))


def _closed_keys(version: Version, screening: Screening, opened: Opened, *, is_threat: bool) -> frozenset[str]:
    """Keys at the top (a repeat by its own name) that are not open. A repeat is closed when any part of it is."""
    if opened in {Opened.ALL, Opened.APART}:
        return frozenset()
    closed = set()
    for question in version.questions:
        is_shut = question.is_gated
        if opened is Opened.STOP and question.type not in METADATA_TYPES:
            is_open = question.module in screening.always or (question.module in screening.offer and not is_threat)
            is_shut = is_shut or not is_open
        if is_shut:
            closed.add(_top_key(question.key, question.repeat, version.repeats))
    return frozenset(closed)


def _top_key(key: str, repeat: str, repeats: tuple[str, ...]) -> str:
    if not repeat:
        return key
    outermost = min((path for path in repeats if repeat == path or repeat.startswith(path + "/")), key=len)
    return outermost.rpartition("/")[2]


def close_parts(answers: Answers, version: Version) -> tuple[Opened | None, Answers, tuple[str, ...]]:
    """`Gate.close` for a single use."""
    return Gate(version).close(answers)
