"""The shape of a scenarios file: base answers, and scenarios with what they must lead to."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from pimcollect.domain.documents import read_json
from pimcollect.errors import ErrorCode, PimError

_SHOWN = 20
_COURSES = ("referral", "ticket_no_identity", "supervisor_alert_no_identity", "count_only")


class ScenarioSchema(Schema):
    """One scenario: its own answers over the base (null = not answered), and the expected result."""

    class Meta:
        unknown = EXCLUDE

    id = fields.String(required=True)
    case = fields.String(load_default="")
    answers = fields.Dict(keys=fields.String(), required=True)
    store = fields.String(required=True, validate=validate.OneOf(("tombstone", "internal", "shareable")))
    result = fields.List(
        fields.Tuple(
            (
                fields.String(),
                fields.String(validate=validate.OneOf(("U", "H", "R"))),
                fields.String(validate=validate.OneOf(_COURSES)),
            )
        ),
        required=True,
    )
    also = fields.Dict(keys=fields.String(), load_default=dict)


class ScenariosSchema(Schema):
    """A file of scenarios."""

    class Meta:
        unknown = EXCLUDE

    base_answers = fields.Dict(keys=fields.String(), load_default=dict)
    scenarios = fields.List(fields.Nested(ScenarioSchema), required=True, validate=validate.Length(min=1))


def _say(tree: Any, path: str = "") -> list[str]:
    if isinstance(tree, dict):
        return [line for key, value in tree.items() for line in _say(value, f"{path}/{key}")]
    return [f"{path.lstrip('/')}: {' '.join(str(one) for one in tree)}"]


def read_scenarios(source: bytes) -> dict[str, Any]:
    """Read a scenarios file. Raises PimError(BAD_FILE) that names each place that is wrong."""
    try:
        document = read_json(source)
    except ValueError as error:
        raise PimError(ErrorCode.BAD_FILE, "The scenarios file is not JSON in UTF-8.") from error
    try:
        return dict(ScenariosSchema().load(document))
    except ValidationError as error:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The scenarios file is not as expected. {' · '.join(_say(error.messages)[:_SHOWN])}",
            remedy="docs/imo/rehearse.md shows the shape.",
        ) from error
