"""Titles of the starter bank's pathways as phrases, so that pages say them in their own language."""

from __future__ import annotations

from pimcollect.domain.phrases import Phrase, phrase

_TITLES = {
    title.pattern: title
    for title in (
        phrase("Physical safety, emergency protection"),
        phrase("Emergency or essential health care"),
        phrase("Mental health and psychosocial support"),
        phrase("Confidential services for women and girls (survivor-led; only on request)"),
        phrase("Child protection case management"),
        phrase("Tracing, restoring family links, detention follow-up"),
        phrase("Legal aid, civil documentation, nationality"),
        phrase("Housing, land and property counselling"),
        phrase("Anti-trafficking and labour exploitation"),
        phrase("Victim assistance, explosive ordnance survivors"),
        phrase("Hazard report to mine action"),
        phrase("Disability inclusion services"),
        phrase("Food, items, cash, shelter"),
        phrase("Feedback desk"),
        phrase("Sexual exploitation and abuse focal point (closed channel)"),
        phrase("Team supervisor: harm or safety alert"),
    )
}


def say_title(title: str) -> str:
    """The title as a phrase where it is one of ours; what a bank calls otherwise stays as it is written there."""
    found: Phrase | None = _TITLES.get(title)
    return title if found is None else found
