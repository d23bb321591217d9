"""Why a question or rule is not in a form, and what an intake says of one: frozen as plain English, told in any
language by the pattern that it was made of."""

from __future__ import annotations

from pimcollect.domain.phrases import pattern, recall_phrase

NOT_ASKED = pattern("needs %(names)s, which this tool does not ask")
LEFT_OUT = pattern("needs %(names)s, which was left out")
LOCKED = pattern("official wording is locked and not loaded")
UNSPOKEN = pattern("official wording is not loaded in %(languages)s")
NOT_ACTIVE = pattern("is not active: %(state)s")
UNSERVED = pattern("nobody serves %(pathways)s in %(area)s")
UNDECIDED = pattern("the rule needs %(names)s, which this form does not ask")
CUT = pattern("cut for time: %(use)s; saves %(seconds)s s")
LABEL_LOST = pattern(
    "the label of %(list)s shows %(names)s, of which nothing is kept that may stand on phones: they show a short code; "
    "name a code that is kept"
)
LABEL_UNREAD = pattern(
    "the label of %(list)s is more than texts and answers: phones show a short code; write concat('Site ', ${code})"
)
NOT_SAVED = pattern(
    "of this answer nothing is kept that may stand on phones: %(property)s of %(list)s stays empty; take save_to out, "
    "or treat it otherwise"
)
STATES = {
    "draft": pattern("draft"),
    "proposed": pattern("proposed"),
    "in_review": pattern("in review"),
    "community_check": pattern("community check"),
    "field_test": pattern("field test"),
    "endorsed": pattern("endorsed"),
    "deprecated": pattern("deprecated"),
    "retired": pattern("retired"),
}
"""Of an item that no form may ask now."""
USES = (
    pattern("nothing reads it"),
    pattern("it serves a decision, no figure and no flag"),
    pattern("a standard figure is made of it"),
    pattern("a flag rule reads it"),
    pattern("it is in the short form"),
    pattern("answers are broken down by it"),
    pattern("you named it"),
    pattern("every form asks it"),
)
"""Why a question would be kept, by its use: the first is cut first."""

SAME_KEY = pattern("the same key")
WORDING = pattern("wording %(score)s")
SAME_NAME = pattern("the same name")
SAME_CHOICES = pattern("the same choices")
CHOICES = pattern("choices %(score)s")
OTHER_TYPE = pattern("another type (%(type)s)")
SENSED = pattern("the bank asks no position, picture, sound, device or account (L07)")
WORKED_OUT = pattern("worked out, not asked")
OF_THE_PHONE = pattern("of the telephone, not asked")
UNKNOWN_TYPE = pattern("the bank has no items of the type %(type)s")
BAD_LIST = pattern("the list %(list)s has codes that the bank does not take, a code twice, or no labels")
OTHER_LANGUAGE = pattern("the wording is %(language)s: write it in English")
OUTSIDE_SHEET = pattern("its choices stand on the sheet external_choices: it stays a select of this form")
ASKS_CONSENT = pattern(
    "asks for consent, which every form of the bank does in its own words: write same and its item only if it is that "
    "very question"
)
BY_GAZETTEER = pattern("asks where somebody is: its choices are places of the gazetteer")
BY_CODES = pattern("asks where somebody is: its codes look like p-codes")
BY_NAME = pattern("asks where somebody is (by its name)")
BY_WORDING = pattern("asks where somebody is (by its wording)")
BY_CASCADE = pattern("may ask where somebody is: it is part of a cascade")
IN_GAZETTEER = pattern(
    "%(number)s of its codes are places of the gazetteer (level %(level)s): shared as district or coarser"
)
NAMED_THERE = pattern(
    "%(number)s of its labels are places of the gazetteer (level %(level)s): write their codes (%(place)s for "
    "%(code)s) into the form and coarsen can be chosen"
)
NOT_THERE = pattern("its choices are not in the gazetteer, so it cannot be coarsened and is dropped")

_REASONS = (
    *(NOT_ASKED, LEFT_OUT, LOCKED, UNSPOKEN, NOT_ACTIVE, UNSERVED, UNDECIDED, CUT, *STATES.values(), *USES),
    *(LABEL_LOST, LABEL_UNREAD, NOT_SAVED),
    *(SAME_KEY, WORDING, SAME_NAME, SAME_CHOICES, CHOICES, OTHER_TYPE),
    *(SENSED, WORKED_OUT, OF_THE_PHONE, UNKNOWN_TYPE, BAD_LIST, OTHER_LANGUAGE),
    *(OUTSIDE_SHEET, ASKS_CONSENT, BY_GAZETTEER, BY_CODES, BY_NAME, BY_WORDING, BY_CASCADE),
    *(IN_GAZETTEER, NAMED_THERE, NOT_THERE),
)


def recall_left_out(line: str) -> tuple[str, str]:
    """Id of an item or rule, and why it was left out, of a line that was frozen with a version."""
    id_, _, reason = line.partition(" ")
    return id_, recall_phrase(reason, _REASONS)


def recall_remarks(text: str, between: str) -> tuple[str, ...]:
    """The reasons or remarks of an intake, one by one."""
    return tuple(recall_phrase(one, _REASONS) for one in text.split(between) if one)
