"""The shape of a treatments file: what happens to the fields of an adopted form, who consents, what raises a flag."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

_KINDS = (
    "keep",
    "drop",
    "derive",
    "vault",
    "restrict",
    "recode",
    "band",
    "date",
    "coarsen",
    "topcode",
    "round",
    "pseudonym",
)
_SENTENCE = validate.Length(min=1, max=2000)


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class TreatmentSchema(_Strict):
    """A treatment with options; without options its kind alone may be written as a text."""

    kind = fields.String(
        required=True, validate=validate.OneOf(_KINDS, error="Must be one of: " + ", ".join(_KINDS) + ".")
    )
    options = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))


class ConditionSchema(_Strict):
    """An answer that is a yes."""

    question = fields.String(required=True)
    accepted = fields.List(fields.String(), required=True, validate=validate.Length(min=1))


class ConsentSchema(_Strict):
    """Which answers are a yes, for keeping, for sharing, for referring and for pictures."""

    keep = fields.List(fields.Nested(ConditionSchema), validate=validate.Length(min=1))
    share = fields.List(fields.Nested(ConditionSchema))
    refer = fields.List(fields.Nested(ConditionSchema))
    media = fields.List(fields.Nested(ConditionSchema))


class FlagSchema(_Strict):
    """A rule that raises a pathway."""

    id = fields.String(required=True, validate=validate.Regexp(r"^[A-Za-z0-9_.-]{1,32}$"))
    expression = fields.String(required=True, validate=_SENTENCE)
    pathway = fields.String(required=True)
    urgency = fields.String(required=True, validate=validate.OneOf(("U", "H", "R")))


class PathwaySchema(_Strict):
    """Where a kind of need is taken."""

    title = fields.String(required=True, validate=_SENTENCE)
    urgency = fields.String(required=True, validate=validate.OneOf(("U", "H", "R")))
    needs_identity = fields.Boolean(required=True, truthy={True}, falsy={False})
    is_silent = fields.Boolean(truthy={True}, falsy={False})


class RequestsSchema(_Strict):
    """How the form asks for help."""

    want = fields.String(required=True)
    services = fields.String(required=True)
    pathways = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class ReferralSchema(_Strict):
    """What a referral may carry."""

    scope = fields.String(required=True)
    by_scope = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)


class ProfileSchema(_Strict):
    """Which questions tell the place and the kind of person."""

    places = fields.List(fields.String())
    group = fields.String()
    sex = fields.String()
    age = fields.String()


class TreatmentsSchema(_Strict):
    """A whole file; every part may be absent."""

    treatments = fields.Dict(keys=fields.String(), values=fields.Raw(required=True))
    consent = fields.Nested(ConsentSchema)
    flags = fields.List(fields.Nested(FlagSchema))
    pathways = fields.Dict(keys=fields.String(), values=fields.Nested(PathwaySchema))
    requests = fields.Nested(RequestsSchema)
    referral = fields.Nested(ReferralSchema)
    profile = fields.Nested(ProfileSchema)


def find_treatment_errors(document: Any) -> dict[str, Any]:
    """marshmallow's error tree for a parsed file; empty when the shape is right."""
    if not isinstance(document, dict):
        return {"file": ["It must hold one JSON object."]}
    errors: dict[str, Any] = dict(TreatmentsSchema().validate(document))
    named = document.get("treatments")
    for question, treatment in (named if isinstance(named, dict) else {}).items():
        wanted = {"kind": treatment} if isinstance(treatment, str) else treatment
        if not isinstance(wanted, dict):
            found: dict[str, Any] = {"kind": ["Write a text, or an object with kind and options."]}
        else:
            found = dict(TreatmentSchema().validate(wanted))
        if found:
            errors.setdefault("treatments", {})[question] = found
    return errors
