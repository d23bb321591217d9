"""The shape of a mapping file: where a sender of its own kind has its answers, ids and version."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from pimcollect.errors import ErrorCode, PimError

IN_HEADER, IN_ADDRESS = "header", "address"
_LONGEST, _MOST = 300, 2000
_PATH = validate.And(
    validate.Length(max=_LONGEST),
    validate.Regexp(r"^[^/\s]+(/[^/\s]+)*$", error="Use names joined by /, without blanks."),
)


class MappingSchema(Schema):
    """A whole file. Paths are names joined by `/`; without `answers` the whole body holds them."""

    class Meta:
        unknown = RAISE

    answers = fields.String(validate=_PATH)
    instance_id = fields.String(required=True, validate=_PATH)
    root_id = fields.String(validate=_PATH)
    deprecated_id = fields.String(validate=_PATH)
    form = fields.String(validate=_PATH)
    form_version = fields.String(validate=_PATH)
    fields_ = fields.Dict(
        keys=fields.String(validate=_PATH),
        values=fields.String(validate=_PATH),
        data_key="fields",
        attribute="fields",
        validate=validate.Length(max=_MOST),
    )
    secret_in = fields.String(validate=validate.OneOf([IN_HEADER, IN_ADDRESS]))


def read_mapping(document: Any) -> dict[str, Any]:
    """A checked mapping. Raises PimError(BAD_FILE) that names each wrong field."""
    if not isinstance(document, dict):
        raise PimError(ErrorCode.BAD_FILE, "The mapping must be one JSON object.", remedy=_HELP)
    try:
        mapping: dict[str, Any] = MappingSchema().load(document)
    except ValidationError as error:
        places = error.messages if isinstance(error.messages, dict) else {}
        said = "; ".join(f"{name}: {_first(found)}" for name, found in sorted(places.items()) if name in _NAMES)
        unknown = len(places.keys() - _NAMES)
        said = "; ".join(filter(None, (said, f"{unknown} unknown fields" if unknown else "")))
        raise PimError(ErrorCode.BAD_FILE, f"The mapping is not right: {said}.", remedy=_HELP) from error
    targets = list(mapping.get("fields", {}).values())
    if len(set(targets)) != len(targets):
        raise PimError(ErrorCode.BAD_FILE, "Two fields of the mapping lead to one question.", remedy=_HELP)
    return mapping


_NAMES = {one.data_key or name for name, one in MappingSchema().fields.items()}
_HELP = f"Its fields are: {', '.join(sorted(_NAMES))}; docs/operators/hooks.md has an example."


def _first(found: Any) -> str:
    while isinstance(found, dict | list) and found:
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
    return str(found).rstrip(".")
