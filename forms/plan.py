"""Plan what happens to every answer of a form from the bank, and which answers open, flag and route."""

from __future__ import annotations

from collections.abc import Mapping

from forms.bank import rule_names
from forms.files import read_codes
from forms.gates import CONSENT_MODULE, REFERRAL_MODULE, SCREENING_MODULE
from forms.layout import Layout
from forms.parts import ORGANISATION
from forms.rows import DERIVED, PLACE_LISTS, PURPOSE_MARK, Row
from pimcollect.domain.catalogue import PARTS, SCREENING, Catalogue, Item
from pimcollect.domain.version import (
    Choice,
    Condition,
    ConsentMap,
    FlagRule,
    Profile,
    Question,
    ReferralFields,
    RequestMap,
    Screening,
    Treatment,
)

CUTS = (0, 5, 12, 18, 60)
"""Lower ends of the age bands 0-4, 5-11, 12-17, 18-59, 60+ (docs/imo/bank.md, section 3)."""

_YES = ("yes",)
_KEEP, _DROP, _DERIVE = Treatment("keep"), Treatment("drop"), Treatment("derive")

_OWN: Mapping[str, Treatment] = {
    "today": Treatment("date", {"to": "month", "shared": "month"}),
    "pim_form_id": _KEEP,
    "pim_catalogue_version": _KEEP,
    PURPOSE_MARK: _KEEP,
    "obs_only": _KEEP,
    SCREENING: _DERIVE,
}
"""Questions that are the form's own. The phone's screening result is never believed, so it is not kept."""

_SCOPES: Mapping[str, tuple[str, ...]] = {
    "contact": ("ref_name", "ref_contact"),
    "place": ("clo_place_adm2",),
    "need": ("ref_service",),
    "family": ("roster",),
}
"""What each answer to `ref_scope` releases (R04); `roster` is the household's members as bands, never more."""


_MONTH = Treatment("date", {"to": "month", "shared": "quarter"})
_NUMBERS = ("integer", "decimal", "range")
_BY_TYPE: Mapping[tuple[str, str], Treatment] = {
    **{("band", kind): _MONTH for kind in ("date", "dateTime")},
    **{("band", kind): Treatment("band", {"cuts": list(CUTS)}) for kind in _NUMBERS},
    **{("topcode", kind): Treatment("topcode", {"from": 4}) for kind in _NUMBERS},
    **{("round", kind): Treatment("round", {"to": 5}) for kind in _NUMBERS},
    **{("keep", kind): Treatment("date", {"to": "day", "shared": "month"}) for kind in ("date", "dateTime")},
}
"""The bank's code and a column's type -> the exact treatment."""

WITHDRAWAL_CODE = "clo_code"
"""Written on the respondent's card (Z02): whoever holds the card may have the interview withdrawn."""


def choose_treatment(item: Item, row: Row, layout: Layout) -> Treatment:
    """The treatment of one column: the bank's code, made exact by the column's type.

    An area is coarsened whatever the item says of its counts; members of a roster are banded by their age alone.
    """
    code, choices = item.treatment, row.choices
    if row.file.removesuffix(".csv") in layout.entity_lists:
        return _DROP  # which one was visited stands in the entity; its id leads from visit to visit
    if row.name == WITHDRAWAL_CODE:
        # the bank keeps it; in an export it would lead from a card to an interview
        return Treatment("restrict", {"pattern": "[0-9a-f]{8}"})
    if code in ("vault", "derive", "restrict", "drop"):
        return Treatment("restrict") if row.name == "dem_disab" else Treatment(code)
    if code in ("never_store", "redact"):
        return _DROP
    if choices in PLACE_LISTS or (code == "coarsen" and row.kind == "select_one"):
        return Treatment("coarsen", {"level": 2})  # a code that is no place of the gazetteer is dropped
    if code == "coarsen":
        return _DROP
    if code == "recode" and choices:
        return Treatment("recode", {"map": {one.code: one.broader for one in layout.lists[choices] if one.broader}})
    if exact := _BY_TYPE.get((code, row.kind)):
        return exact
    if row.kind == "text":
        return Treatment("keep", {"pattern": ORGANISATION})
    return _KEEP


def plan_questions(catalogue: Catalogue, layout: Layout) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """(questions, repeats): every field that can arrive, with its path as Kobo writes it, and what is done to it."""
    items = {item.id: item for item in catalogue.items}
    questions: list[Question] = []
    repeats: list[str] = []
    above: list[str] = []
    for row in layout.rows:
        if row.kind in ("begin_group", "begin_repeat"):
            above.append(row.name)
            if row.kind == "begin_repeat":
                repeats.append("/".join(above))
        elif row.kind in ("end_group", "end_repeat"):
            above.pop()
        elif row.is_question:
            item = items.get(row.item)
            here = "/".join(above)
            questions.append(
                Question(
                    key=row.key or row.name,
                    path="/".join((*above, row.name)),
                    type="calculate" if row.kind == DERIVED else row.kind,
                    treatment=choose_treatment(item, row, layout) if item else _OWN[row.name],
                    repeat=max((one for one in repeats if f"{here}/".startswith(f"{one}/")), key=len, default=""),
                    choices=row.choices or (row.file if row.file in layout.files else ""),
                    item=row.item,
                    module=row.module,
                    is_gated=item.is_gated if item else False,
                    sensitivity=item.sensitivity if item else "L",
                    disclosure=item.disclosure if item else "none",
                )
            )
    return tuple(questions), tuple(repeats)


def plan_choices(layout: Layout) -> dict[str, tuple[Choice, ...]]:
    """The codes of every list that the form uses, each with its coarser code."""
    listed = {name: tuple(Choice(one.code, one.broader) for one in rows) for name, rows in layout.lists.items()}
    for row in layout.rows:
        if row.file in layout.files and row.file.removesuffix(".csv") not in layout.entity_lists:
            listed[row.file] = tuple(Choice(code) for code in read_codes(layout.files[row.file], row.parameters))
    return listed


def _accept(names: set[str], **conditions: tuple[str, ...]) -> tuple[Condition, ...]:
    """All conditions, or none at all when the form does not ask one of them: an empty list never holds."""
    if not conditions.keys() <= names:
        return ()
    return tuple(Condition(name, accepted) for name, accepted in conditions.items())


def plan_consent(names: set[str]) -> ConsentMap:
    """Which answers are a yes (docs/imo/bank.md, section 4).

    An observation has nobody to ask: it is kept and shared when the enumerator confirms that nobody was interviewed or
    described.
    """
    if "obs_only" in names:
        observed = _accept(names, obs_only=_YES)
        return ConsentMap(keep=observed, share=observed)
    return ConsentMap(
        keep=_accept(names, con_adult=_YES, con_understood=("correct", "repeated"), con_interview=_YES),
        share=_accept(names, con_share=_YES),
        refer=_accept(names, ref_want=_YES, ref_consent=_YES, ref_whom=("self", "child", "adult")),
        media=_accept(names, con_media=_YES),
    )


def plan_screening(names: set[str]) -> Screening | None:
    """The screening by role; None for a form that asks nobody."""
    if SCREENING not in names:
        return None
    return Screening(
        setting="ers_setting",
        pressure="ers_pressure",
        match="ers_match",
        suspicion="ers_suspicion",
        aside="ers_aside",
        danger="ers_danger",
        decision=SCREENING,
        always=("", CONSENT_MODULE, SCREENING_MODULE, "M18"),
        offer=(REFERRAL_MODULE,),
    )


def plan_flags(catalogue: Catalogue, layout: Layout) -> tuple[FlagRule, ...]:
    """The rules whose names are all in the form."""
    asked = {row.item for row in layout.rows}
    names = {name for item in catalogue.items if item.id in asked for name in (item.name, *PARTS.get(item.type, ()))}
    return tuple(rule for rule in catalogue.flags if rule_names(rule.expression) <= names)


def plan_requests(catalogue: Catalogue, names: set[str]) -> RequestMap | None:
    """How the form asks for help; None where it does not."""
    if not {"ref_want", "ref_service"} <= names:
        return None
    return RequestMap("ref_want", "ref_service", dict(catalogue.requests))


def plan_referral(names: set[str], repeats: tuple[str, ...]) -> ReferralFields | None:
    """What a referral may carry, by what the person allowed; only what this form asks."""
    if "ref_scope" not in names:
        return None
    known = names | {path.rsplit("/", 1)[-1] for path in repeats}
    return ReferralFields(
        "ref_scope", {code: tuple(name for name in fields if name in known) for code, fields in _SCOPES.items()}
    )


def plan_profile(names: set[str]) -> Profile:
    """The place of the interview and the kind of person, as far as the form asks them."""
    return Profile(
        places=tuple(name for name in ("clo_place_adm1", "clo_place_adm2", "clo_place_adm3") if name in names),
        group="dem_group" if "dem_group" in names else "",
        sex="dem_sex" if "dem_sex" in names else "",
        age="dem_age" if "dem_age" in names else "",
        whom="ref_whom" if "ref_whom" in names else "",
    )
