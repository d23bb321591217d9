"""The shape of a mapping file: where a sender of its own kind has its answers, ids and version."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from pimcollect.domain.answers import is_metadata
from pimcollect.domain.version import Version
from pimcollect.errors import ErrorCode, PimError

IN_HEADER, IN_ADDRESS = "header", "address"
_LONGEST, _MOST = 300, 2000
_PATH = validate.And(
    validate.Length(max=_LONGEST),
    validate.Regexp(r"^[^/\s]+(/[^/\s]+)*$", error="Use names joined by /, without blanks."),
)

_CODE = validate.Regexp(r"^\S{1,300}$", error="Use codes of the form, without blanks.")


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
    values_ = fields.Dict(
        keys=fields.String(validate=_PATH),
        values=fields.Dict(
            keys=fields.String(validate=validate.Length(max=_LONGEST)),
            values=fields.String(validate=_CODE),
            validate=validate.Length(min=1, max=_MOST),
        ),
        data_key="values",
        attribute="values",
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
        said = "; ".join(filter(None, (said, _tell_unknown(sorted(places.keys() - _NAMES)))))
        raise PimError(ErrorCode.BAD_FILE, f"The mapping is not right: {said}.", remedy=_HELP) from error
    targets = list(mapping.get("fields", {}).values())
    if len(set(targets)) != len(targets):
        raise PimError(ErrorCode.BAD_FILE, "Two fields of the mapping lead to one question.", remedy=_HELP)
    return mapping


def check_targets(mapping: Mapping[str, Any], version: Version) -> None:
    """Whether a mapping says where the consent stands, and translates into codes that the form has.

    Without the first every delivery would be taken for a refusal. Raises PimError(BAD_FILE) that names our question.
    """
    by_key = {one.key: one for one in version.questions if not one.repeat}
    targets = mapping.get("fields", {})
    asked = [by_key[one.question].path for one in version.consent.keep if one.question in by_key]
    missing = [path for path in asked if path not in targets.values()]
    if missing:
        raise PimError(
            ErrorCode.BAD_FILE,
            f"The mapping does not say where the consent stands: no field leads to {', '.join(missing)}.",
            remedy=f'Add under "fields": "ITS PATH BELOW answers": "{missing[0]}"; also if the two are the same.',
        )
    by_path = {one.path: one for one in version.questions}
    for theirs, table in mapping.get("values", {}).items():
        question = by_path.get(targets.get(theirs, theirs))
        codes = {one.code for one in version.choices.get(question.choices, ())} if question is not None else set()
        if codes and question is not None and not codes.issuperset(table.values()):
            some = ", ".join(sorted(codes)[:_SHOWN])
            raise PimError(
                ErrorCode.BAD_FILE,
                f"The mapping gives {question.path} a value that the form does not have.",
                remedy=f"Its codes are: {some}{' ...' if len(codes) > _SHOWN else ''}.",
            )


def check_paths(mapping: Mapping[str, Any], known: Collection[str]) -> None:
    """Whether each field leads to a path of some version of the form, `known`, or to a server's own one (`_...`).

    Raises PimError(BAD_FILE) that names those that do not, and what is nearest to the first: a slip of the pen would
    drop an answer of everybody.
    """
    lost = [path for path in mapping.get("fields", {}).values() if path not in known and not is_metadata(path)]
    if not lost:
        return
    named = ", ".join(json.dumps(path) for path in lost[:_MOST_NAMED]) + (" ..." if len(lost) > _MOST_NAMED else "")
    near = _find_near(lost[0], known)
    nearest = f"Nearest to the first: {near}. " if near else ""
    raise PimError(
        ErrorCode.BAD_FILE,
        f"The mapping leads to what no version of the form has: {named}.",
        remedy=f"{nearest}Leave out what the form does not ask; what is to be dropped may lead to a name that begins "
        'with "_".',
    )


def _find_near(path: str, known: Collection[str]) -> str:
    """The path with the same last name, else the one most alike; empty when none is."""
    last = path.rpartition("/")[2]
    same = [one for one in sorted(known) if one.rpartition("/")[2] == last]
    return next(iter(same or get_close_matches(path, sorted(known), n=1)), "")


_SHOWN = 12
_MOST_NAMED, _LONGEST_NAME = 5, 40
_NAMES = {one.data_key or name for name, one in MappingSchema().fields.items()}
_HELP = f"Its fields are: {', '.join(sorted(_NAMES))}; docs/operators/hooks.md has an example."


def _tell_unknown(names: list[str]) -> str:
    """Unknown fields by name, so that a slip of the pen is found: the file is the operator's own. Bounded, one line."""
    if not names:
        return ""
    some = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in names[:_MOST_NAMED]]
    told = ", ".join(json.dumps(name) for name in some)
    more = " ..." if len(names) > _MOST_NAMED else ""
    return f"{len(names)} unknown {'field' if len(names) == 1 else 'fields'}: {told}{more}"


def _first(found: Any) -> str:
    while isinstance(found, dict | list) and found:
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
    return str(found).rstrip(".")
