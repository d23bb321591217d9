"""The shape of what a bank may hold beside its items: wording, terms, purposes, disaggregations and places."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

_DAY = r"^(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$"
_LANGUAGE = r"^[a-z]{2,3}$"
_CODE = r"^[A-Za-z0-9_.-]{1,32}$"

PARTS = ("modules", "items", "variants", "choices", "words", "terms", "purposes")
"""Parts of a bank whose texts are translated; `words` are the sentences that a form says itself."""

STATES = ("machine_drafted", "translated", "back_translated")
"""How far a translation came by its maker's word. That it is approved is never said in a bank: it is given here."""


def _text(*, empty: bool = True) -> fields.String:
    return fields.String(
        required=True, validate=None if empty else validate.Length(min=1, error="is empty; fill it in.")
    )


def _like(pattern: str, error: str) -> fields.String:
    return fields.String(required=True, validate=validate.Regexp(pattern, error=error))


def _code() -> fields.String:
    return _like(_CODE, "Use letters, digits, dots, - and _ only, at most 32 of them.")


def _day() -> fields.String:
    return _like(_DAY, "Must be a day like 2026-11-25, or empty.")


def _language() -> fields.String:
    return _like(_LANGUAGE, "Must be a code of two or three small letters, like fr.")


def _one_of(*codes: str) -> fields.String:
    return fields.String(
        required=True, validate=validate.OneOf(codes, error="Must be one of: " + ", ".join(codes) + ".")
    )


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class VariantSchema(_Strict):
    """How one tool words an item."""

    item = _text(empty=False)
    tool = _one_of("H", "K", "F", "O")
    q = _text(empty=False)
    hint = _text()


class TranslationSchema(_Strict):
    """One text in one language, bound to the English that it translates. An empty text is still to be written."""

    part = _one_of(*PARTS)
    key = _text(empty=False)
    language = _language()
    source = _text(empty=False)
    text = _text()
    translator = _text()
    state = _one_of(*STATES)
    back = _text()


class DisaggregationSchema(_Strict):
    """One dimension of a set: which item tells it, its categories, and when it is given up as cells get small."""

    set = _code()
    code = _code()
    source = _text(empty=False)
    categories = _text()
    order = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=99))


class TermSchema(_Strict):
    """A word of the glossary."""

    code = _code()
    term = _text(empty=False)
    definition = _text(empty=False)


class PurposeSchema(_Strict):
    """Why a form asks (docs/imo/bank.md, section 5)."""

    id = _code()
    title = _text(empty=False)
    tools = _like(r"^[HKFO]+$", "Use the letters H, K, F and O.")
    group = _text(empty=False)
    area = _text(empty=False)
    starts_on = _day()
    ends_on = _day()
    audiences = _text(empty=False)
    questions = _text(empty=False)
    items = _text()
    resources = _text()
    not_needed = _text(empty=False)
    response = _text(empty=False)
    proportionality = _text(empty=False)
    text = _text()


class PlaceSchema(_Strict):
    """A p-coded area with its dates, what replaced it, and its other names."""

    code = _like(r"^[A-Za-z0-9_-]{1,32}$", "Use letters, digits, - and _ only, at most 32 of them.")
    level = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=4))
    parent = fields.String()
    names = fields.Dict(
        keys=fields.String(validate=validate.Regexp(_LANGUAGE)),
        values=fields.String(validate=validate.Length(min=1)),
        required=True,
    )
    valid_from = _day()
    valid_to = _day()
    replaced_by = _text()
    aliases = _text()


def list_fields() -> dict[str, fields.Field[Any]]:
    """The fields of a bank for all of these parts. None is required: banks that are older than they are stay whole."""
    return {
        "variants": fields.List(fields.Nested(VariantSchema)),
        "translations": fields.List(fields.Nested(TranslationSchema)),
        "disaggregations": fields.List(fields.Nested(DisaggregationSchema)),
        "terms": fields.List(fields.Nested(TermSchema)),
        "purposes": fields.List(fields.Nested(PurposeSchema)),
        "places": fields.List(fields.Nested(PlaceSchema)),
    }
