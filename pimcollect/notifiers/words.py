"""The words of a notice in every language: a reference, an urgency, a deadline, a link, and nothing else.

Nothing is filled in but these four, so a name, a place or a service label has no way in. Times are UTC and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

NEW, AMENDED, RECALLED, UNSERVED = "new", "amended", "recalled", "unserved"


@dataclass(frozen=True)
class Facts:
    """All that a notice may tell."""

    kind: str
    """new, amended, recalled; or unserved: nobody serves it and the duty officer must choose."""
    reference: str
    urgency: str
    """U, H or R."""
    due_at: datetime
    link: str


_EN = {
    NEW: "Referral {reference} waits for you.",
    AMENDED: "Referral {reference} has changed. Please open it again.",
    RECALLED: "Referral {reference} was taken back. Please do nothing more about it.",
    UNSERVED: "Referral {reference} has nobody to go to. Please choose who takes it.",
    "U": "Urgency: urgent, 24 hours",
    "H": "Urgency: high, 3 days",
    "R": "Urgency: routine, 14 days",
    "due": "Answer by: {due} (UTC)",
    "link": "To see it, log in here:",
    "end": "For everybody's safety this message says nothing more.",
}
_FR = {
    NEW: "Le référencement {reference} vous attend.",
    AMENDED: "Le référencement {reference} a changé. Veuillez le rouvrir.",
    RECALLED: "Le référencement {reference} a été retiré. Veuillez ne plus rien entreprendre.",
    UNSERVED: "Le référencement {reference} n’a pas de destinataire. Veuillez choisir qui le prend.",
    "U": "Urgence : urgent, 24 heures",
    "H": "Urgence : élevée, 3 jours",
    "R": "Urgence : normale, 14 jours",
    "due": "Répondre avant : {due} (UTC)",
    "link": "Pour le voir, connectez-vous ici :",
    "end": "Pour la sécurité de tous, ce message ne dit rien de plus.",
}
_AR = {
    NEW: "الإحالة {reference} بانتظاركم.",
    AMENDED: "تم تعديل الإحالة {reference}. يرجى فتحها من جديد.",
    RECALLED: "تم سحب الإحالة {reference}. يرجى عدم اتخاذ أي إجراء آخر بشأنها.",
    UNSERVED: "لا توجد جهة تستقبل الإحالة {reference}. يرجى اختيار جهة لها.",
    "U": "درجة الاستعجال: عاجلة، 24 ساعة",
    "H": "درجة الاستعجال: عالية، 3 أيام",
    "R": "درجة الاستعجال: عادية، 14 يومًا",
    # the mark keeps the parts of a date in order between right-to-left words
    "due": "الرد قبل: \u200e{due} (UTC)",
    "link": "للاطلاع عليها يرجى تسجيل الدخول هنا:",
    "end": "حفاظًا على سلامة الجميع لا تتضمن هذه الرسالة أي تفاصيل أخرى.",
}
WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN, "fr": _FR, "ar": _AR}
_SUBJECTS = {
    "en": {
        "U": "{reference}: urgent, answer by {due} UTC",
        "H": "{reference}: answer by {due} UTC",
        "R": "{reference}: answer by {due} UTC",
        RECALLED: "{reference}: taken back",
    },
    "fr": {
        "U": "{reference} : urgent, répondre avant {due} UTC",
        "H": "{reference} : répondre avant {due} UTC",
        "R": "{reference} : répondre avant {due} UTC",
        RECALLED: "{reference} : retiré",
    },
    "ar": {
        "U": "\u200e{reference}: عاجل، الرد قبل \u200e{due} UTC",
        "H": "\u200e{reference}: الرد قبل \u200e{due} UTC",
        "R": "\u200e{reference}: الرد قبل \u200e{due} UTC",
        RECALLED: "\u200e{reference}: تم سحبها",
    },
}


def choose_languages(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the wanted languages that notices are written in; English when there is none."""
    return tuple(one for one in wanted if one in WORDS) or ("en",)


def write_notice(facts: Facts, languages: tuple[str, ...]) -> tuple[str, str]:
    """Subject (first language) and text (all languages, one after the other, the link once in each)."""
    spoken = choose_languages(languages)
    due = facts.due_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    subjects = _SUBJECTS[spoken[0]]
    subject = subjects[RECALLED if facts.kind == RECALLED else facts.urgency].format(reference=facts.reference, due=due)
    return subject, "\n\n".join(_say(facts, WORDS[one], due) for one in spoken) + "\n"


def _say(facts: Facts, words: Mapping[str, str], due: str) -> str:
    lines = [words[facts.kind].format(reference=facts.reference)]
    if facts.kind != RECALLED:
        lines += [words[facts.urgency], words["due"].format(due=due), words["link"], facts.link]
    return "\n".join([*lines, words["end"]])
