"""Gates: what must have been answered before a question may be asked (docs/imo/bank.md, section 4)."""

from __future__ import annotations

from pimcollect.domain.catalogue import SCREENING, Item

CONSENT_MODULE, SCREENING_MODULE, REFERRAL_MODULE, CLOSING_MODULE = "M01", "M02", "M17", "M18"

AGREED = "${con_interview}='yes'"
"""The gate of everything that a respondent is asked after consent."""

OBSERVED = "${obs_only}='yes'"
"""The gate of a form that asks nobody: the enumerator says that it is an observation only."""

IS_ADULT = "${con_adult}='yes'"
NOT_STOPPED = f"${{{SCREENING}}}!='stop'"
NO_THREAT = "${ers_danger}!='threat'"

AFTER_REFUSAL = ("clo_outcome", "clo_place_adm1")
"""The enumerator's own two lines that stay open after a refusal: a refusal is counted by its first-level area, no more
(docs/imo/bank.md, section 4). They say nothing about the person."""


def join_conditions(*conditions: str) -> str:
    """All conditions together; each in brackets when it has an `or` of its own."""
    own = [one for one in dict.fromkeys(conditions) if one]
    return " and ".join(f"({one})" if " or " in one and len(own) > 1 else one for one in own)


def choose_gate(module: str, *, is_asked: bool) -> str:
    """The relevance of a module's group (docs/imo/bank.md, section 4)."""
    if not is_asked:
        return OBSERVED
    if module in (CONSENT_MODULE, CLOSING_MODULE):
        return ""
    if module == SCREENING_MODULE:
        return AGREED
    if module == REFERRAL_MODULE:
        return join_conditions(AGREED, NO_THREAT)
    return join_conditions(AGREED, NOT_STOPPED)


def choose_own_gate(item: Item, *, is_asked: bool) -> str:
    """What an item needs on top of its own relevance, where its module's group does not say it."""
    if not is_asked:
        return ""
    if item.module == CONSENT_MODULE and item.name in ("con_lang", "con_understood"):
        return IS_ADULT
    if item.module == CLOSING_MODULE and item.name not in ("clo_outcome", "clo_place"):
        return AGREED
    return ""
