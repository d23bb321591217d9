"""The sentences that a form says itself: notes, messages and labels that no item of the bank has."""

from __future__ import annotations

from collections.abc import Mapping

from forms.translations import translate_text

LANGUAGE_NAMES: Mapping[str, str] = {
    **{"en": "English (en)", "fr": "French (fr)", "ar": "Arabic (ar)"},
    **{"am": "Amharic (am)", "bn": "Bangla (bn)", "es": "Spanish (es)", "fa": "Persian (fa)", "ff": "Fulah (ff)"},
    **{
        "ha": "Hausa (ha)",
        "ht": "Haitian Creole (ht)",
        "ku": "Kurdish (ku)",
        "ln": "Lingala (ln)",
        "my": "Burmese (my)",
    },
    **{"om": "Oromo (om)", "ps": "Pashto (ps)", "pt": "Portuguese (pt)", "ro": "Romanian (ro)", "ru": "Russian (ru)"},
    **{"rw": "Kinyarwanda (rw)", "sn": "Shona (sn)", "so": "Somali (so)", "sw": "Swahili (sw)", "ta": "Tamil (ta)"},
    **{"ti": "Tigrinya (ti)", "tr": "Turkish (tr)", "uk": "Ukrainian (uk)", "ur": "Urdu (ur)", "vi": "Vietnamese (vi)"},
}
"""How XLSForm columns name a language. A form speaks it as soon as the bank holds every text of the form in it."""

ENGLISH: Mapping[str, str] = {
    "con_intro": (
        "We come from a humanitarian organisation. We want to understand which dangers people here live with, so that "
        "help fits better. Taking part is voluntary: you need not answer a question that you do not like, and you can "
        "stop at any moment. What you say stays confidential. We do not write down your name, unless you ask us to "
        "pass on a request for help. Taking part or not has no effect on the aid that you get, and we promise no aid. "
        "If something about this talk troubles you, you can complain; we tell you how."
    ),
    "con_intro_hint": "Say this slowly, in your own words and in the language chosen. Answer every question about it.",
    "con_minor": (
        "Do not go on with this person. Say thank you, and ask whether an adult of the household would like to talk. "
        "Then go to the closing section."
    ),
    "con_thanks": "Say thank you and do not ask again. Then go to the closing section.",
    "observation": "Observation",
    "obs_only": "Enumerator: is this an observation only, with nobody interviewed and nobody described?",
    "ers_stop": (
        "Stop the questions now. See to the safety of the person and of yourself; the closing section comes next."
    ),
    "ers_apart": "Move to the place apart that you agreed, and make sure again that nobody listens.",
    "ref_explain": (
        "Before you ask for agreement: name the organisation on your service card, and say exactly what it will "
        "receive. A no changes nothing about the aid that the person gets."
    ),
    "clo_card": (
        "Write this code on the card and give it to the person: ${clo_code}. With it, the answers can be taken back."
    ),
    "clo_feedback": (
        "Say: you can complain or tell us what you think at any time, about this talk, about us or about aid, also "
        "without your name. Nobody may refuse you help because of it. How and where stands on the card."
    ),
    "mem_sex": "Sex of this member",
    "mem_age": "Age in full years",
    "mem_age_hint": "Write 0 for a baby under one year. Leave empty if nobody knows.",
    "mem_rel": "Relation to the head of the household",
    "mem_caregiver": "Does a parent or the usual caregiver of this child live here?",
    "fgd_women": "How many women take part?",
    "fgd_men": "How many men take part?",
    "adm1": "State or region",
    "adm2": "District or township",
    "adm3": "Village, ward or site",
    "not_listed": "Not in the list (tell the information officer)",
    "dk": "Does not know",
    "pns": "Prefers not to say",
    "idp": "Displaced households",
    "ret": "Returned households",
    "host": "Host households",
    "in": "Households that arrived",
    "out": "Households that left",
    "n": "Households that plan to move",
    "org": "Code of the organisation",
    "org_hint": "The short code of the coordination list: letters, digits, - and _ only; never a person.",
    "sector": "Sector",
    "status": "Status of the activity",
    "planned": "Planned",
    "ongoing": "Ongoing",
    "completed": "Completed",
    "stopped": "Stopped",
    "alone": "An answer such as none, does not know or prefers not to say stands alone: remove the others.",
    "at_most": "Choose no more than the question allows.",
    "not_fitting": "This answer does not fit the question.",
    "not_negative": "Write a whole number, 0 or more.",
    "age_range": "Write an age from 0 to 120.",
    "org_code": "Write the short code only: 2 to 12 letters, digits, - or _.",
    "not_future": "This month lies in the future.",
    "form_hh": "Household interview, long",
    "form_hh_core": "Household interview, core",
    "form_ki": "Key informant interview",
    "form_fgd": "Focus group discussion",
    "form_obs": "Observation of a site",
}

LANGUAGES = ("en", "fr", "ar")
"""Languages in which a form speaks without a word of the bank's own."""


def say(key: str) -> dict[str, str]:
    """One sentence in every language that has it."""
    return translate_text("words", key, {"en": ENGLISH[key]})
