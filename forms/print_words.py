"""What a printed questionnaire says itself, in the languages that forms speak; English where one is missing."""

from __future__ import annotations

from collections.abc import Mapping

RIGHT_TO_LEFT = frozenset({"ar", "fa", "ps", "ur", "he", "sd", "ug", "dv", "ckb", "yi"})
"""Languages that are written from the right."""

_ENGLISH: Mapping[str, str] = {
    "version": "Version",
    "minutes": "about {number} minutes",
    "drafted": "Machine-drafted wording that nobody has approved yet: for training and review only.",
    "first": "Say this first",
    "select_one": "One answer",
    "select_multiple": "All that apply",
    "rank": "Number them in order",
    "integer": "Whole number",
    "decimal": "Number",
    "range": "Number from the scale",
    "date": "Date",
    "month": "Month and year",
    "time": "Time",
    "dateTime": "Date and time",
    "text": "Text",
    "acknowledge": "Tick",
    "note": "Read aloud, or do",
    "other": "Answer",
    "required": "must be answered",
    "only_if": "Only if",
    "repeat": "Once for each",
    "long_list": "{number} to choose from, on the phone",
    "from_file": "from the list on the phone",
    "notes": "Review notes",
    "open": "open",
    "answer": "Answer",
    "is": "{question} is {answer}",
    "is_not": "{question} is not {answer}",
    "has": "{question} includes {answer}",
    "has_not": "{question} does not include {answer}",
    "answered": "{question} was answered",
    "unanswered": "{question} was not answered",
    "compares": "{question} {sign} {answer}",
    "and": "and",
    "or": "or",
    "not": "not",
    "ers_decision": "the screening's result",
}

_FRENCH: Mapping[str, str] = {
    "version": "Version",
    "minutes": "environ {number} minutes",
    "drafted": "Texte traduit par une machine, que personne n'a encore approuvé : pour la formation et la relecture.",
    "first": "À dire d'abord",
    "select_one": "Une seule réponse",
    "select_multiple": "Tout ce qui convient",
    "rank": "Numérotez dans l'ordre",
    "integer": "Nombre entier",
    "decimal": "Nombre",
    "range": "Nombre de l'échelle",
    "date": "Date",
    "month": "Mois et année",
    "time": "Heure",
    "dateTime": "Date et heure",
    "text": "Texte",
    "acknowledge": "Cocher",
    "note": "À lire à voix haute, ou à faire",
    "other": "Réponse",
    "required": "réponse obligatoire",
    "only_if": "Seulement si",
    "repeat": "Une fois pour chaque",
    "long_list": "{number} choix, sur le téléphone",
    "from_file": "de la liste du téléphone",
    "notes": "Notes de relecture",
    "open": "ouverte",
    "answer": "Réponse",
    "is": "{question} est {answer}",
    "is_not": "{question} n'est pas {answer}",
    "has": "{question} comprend {answer}",
    "has_not": "{question} ne comprend pas {answer}",
    "answered": "{question} a une réponse",
    "unanswered": "{question} n'a pas de réponse",
    "compares": "{question} {sign} {answer}",
    "and": "et",
    "or": "ou",
    "not": "pas",
    "ers_decision": "le résultat de l'évaluation des risques",
}

_ARABIC: Mapping[str, str] = {
    "version": "النسخة",
    "minutes": "نحو {number} دقيقة",
    "drafted": "نص ترجمته آلة ولم يوافق عليه أحد بعد: للتدريب والمراجعة فقط.",
    "first": "قل هذا أولاً",
    "select_one": "جواب واحد",
    "select_multiple": "كل ما ينطبق",
    "rank": "رقّمها بالترتيب",
    "integer": "عدد صحيح",
    "decimal": "عدد",
    "range": "عدد من المقياس",
    "date": "تاريخ",
    "month": "الشهر والسنة",
    "time": "الوقت",
    "dateTime": "التاريخ والوقت",
    "text": "نص",
    "acknowledge": "ضع علامة",
    "note": "يُقرأ بصوت عالٍ أو يُنفَّذ",
    "other": "الجواب",
    "required": "الجواب إلزامي",
    "only_if": "فقط إذا",
    "repeat": "مرة واحدة لكل",
    "long_list": "{number} خياراً، على الهاتف",
    "from_file": "من القائمة على الهاتف",
    "notes": "ملاحظات المراجعة",
    "open": "مفتوحة",
    "answer": "الرد",
    "is": "{question} هو {answer}",
    "is_not": "{question} ليس {answer}",
    "has": "{question} يشمل {answer}",
    "has_not": "{question} لا يشمل {answer}",
    "answered": "أُجيب عن {question}",
    "unanswered": "لم يُجب عن {question}",
    "compares": "{question} {sign} {answer}",
    "and": "و",
    "or": "أو",
    "not": "ليس",
    "ers_decision": "نتيجة تقييم المخاطر",
}

_WORDS: Mapping[str, Mapping[str, str]] = {"en": _ENGLISH, "fr": _FRENCH, "ar": _ARABIC}


def say_in(language: str, key: str, **parts: object) -> str:
    """One sentence in a language, with its parts filled in."""
    return _WORDS.get(language, _ENGLISH)[key].format(**parts)


def find_direction(language: str) -> str:
    """`rtl` or `ltr`."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"
