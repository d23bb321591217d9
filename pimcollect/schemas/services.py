"""The shape of a file of services and of the rules that choose among them."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

_CODE = validate.Regexp(r"^[A-Za-z0-9_-]{1,40}$", error="Use 1 to 40 letters, digits, - or _.")


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class FocalPointSchema(_Strict):
    """Whom a notice is sent to."""

    mail = fields.Email(required=True)


class ServiceSchema(_Strict):
    """A service."""

    code = fields.String(required=True, validate=_CODE)
    title = fields.String(required=True, validate=validate.Length(min=1, max=200))
    organisation = fields.String(required=True, validate=validate.Length(min=1, max=200))
    focal_point = fields.Nested(FocalPointSchema, required=True)
    valid_until = fields.Date(allow_none=True)
    verified_on = fields.Date(allow_none=True)
    is_suspended = fields.Boolean(truthy={True}, falsy={False})


class RuleSchema(_Strict):
    """Who serves whom; a dimension that is absent or null means any."""

    pathway = fields.String(required=True)
    service = fields.String(required=True)
    place = fields.String(allow_none=True)
    group = fields.String(allow_none=True)
    sex = fields.String(allow_none=True)
    age = fields.String(allow_none=True)


class DirectorySchema(_Strict):
    """A whole file."""

    services = fields.List(fields.Nested(ServiceSchema), required=True, validate=validate.Length(min=1))
    rules = fields.List(fields.Nested(RuleSchema), required=True, validate=validate.Length(min=1))


def find_service_errors(document: Any) -> dict[str, Any]:
    """marshmallow's error tree for a parsed file; empty when the shape is right."""
    if not isinstance(document, dict):
        return {"services": ["The file must hold one JSON object."]}
    return dict(DirectorySchema().validate(document))
