"""The shape of a bank file: fields, types and codes. What refers to what is checked in `forms.bank`."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from pimcollect.schemas.bank_parts import list_fields
from pimcollect.schemas.questionnaires import QuestionnaireRowSchema, QuestionnaireSchema

NAME = r"^[a-z][a-z0-9_]{0,31}$"

TYPES = (
    "select_one",
    "select_multiple",
    "integer",
    "text",
    "month",
    "calculate",
    "roster",
    "wg_ss",
    "fgd",
    "triple",
    "pair",
    "pair_adm",
    "repeat_5w",
    "adm_cascade",
    "adm_cascade_here",
    "decimal",
    "range",
    "rank",
    "date",
    "time",
    "dateTime",
    "acknowledge",
    "note",
    "formula",
    "group",
    "repeat",
)
FREE_TEXTS = ("guidance", "message", "required_message")
FILES = ("image", "audio", "video", "big_image")
ASKING = (
    *FREE_TEXTS,
    *("appearance", "parameters", "choice_filter", "default", "trigger", "readonly", "repeat_count"),
    *FILES,
    *("save_to", "inside", "file"),
)
"""Optional fields of an item: how it is put, as XLSForm writes it."""

TREATMENTS = (
    "keep",
    "recode",
    "band",
    "coarsen",
    "topcode",
    "round",
    "restrict",
    "derive",
    "vault",
    "redact",
    "drop",
    "never_store",
)


def _text(*, empty: bool = True) -> fields.String:
    return fields.String(
        required=True, validate=None if empty else validate.Length(min=1, error="is empty; fill it in.")
    )


def _one_of(*codes: str) -> fields.String:
    return fields.String(
        required=True, validate=validate.OneOf(codes, error="Must be one of: " + ", ".join(codes) + ".")
    )


def _name() -> fields.String:
    return fields.String(
        required=True,
        validate=validate.Regexp(NAME, error="Use small letters, digits and _ only, at most 32 of them."),
    )


def _file() -> fields.String:
    return fields.String(
        validate=validate.Regexp(r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,127}$", error="Must be the plain name of a file.")
    )


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class ModuleSchema(_Strict):
    """A module."""

    id = fields.String(required=True, validate=validate.Regexp(r"^M\d{2}$", error="Must look like M01."))
    prefix = _name()
    title = _text(empty=False)
    tools = fields.List(_one_of("H", "K", "F", "O"), required=True)
    kind = _one_of("control", "indicator")


class ItemSchema(_Strict):
    """An item; docs/imo/bank.md explains each field."""

    id = fields.String(required=True, validate=validate.Regexp(r"^[A-Z]\d{2}[a-z]?$", error="Must look like F04a."))
    name = _name()
    module = _text(empty=False)
    tools = fields.String(required=True, validate=validate.Regexp(r"^[HKFO]+$", error="Use the letters H, K, F and O."))
    q = _text(empty=False)
    hint = _text()
    type = _one_of(*TYPES)
    choices = _text()
    sens = _one_of("L", "M", "H", "S")
    cls = _one_of("none", "quasi", "sens", "comm", "direct")
    treat = _one_of(*TREATMENTS)
    comp = _one_of("T", "V", "C", "X", "R", "P")
    gpc = _text()
    matrix = _one_of("POP", "PNA", "PM", "CM", "RME", "SSA", "SEC", "CWC")
    disagg = _text()
    lvl = _one_of("hh", "person", "community", "site")
    use = _text(empty=False)
    rel = _text()
    constraint = _text()
    calc = _text()
    req = fields.Boolean(required=True, truthy={True}, falsy={False})
    key = _text(empty=False)
    flag = _text()
    path = _text()
    urg = _text()
    core_hh = fields.Boolean(required=True, truthy={True}, falsy={False})
    seconds = fields.Integer(required=True, strict=True, validate=validate.Range(min=0, max=3600))
    guidance = fields.String()
    message = fields.String()
    required_message = fields.String()
    appearance = fields.String()
    parameters = fields.String()
    choice_filter = fields.String()
    default = fields.String()
    trigger = fields.String()
    readonly = fields.String()
    repeat_count = fields.String()
    image = _file()
    audio = _file()
    video = _file()
    big_image = _file()
    save_to = fields.String(validate=validate.Regexp(NAME, error="Use small letters, digits and _ only."))
    inside = fields.String(validate=validate.Regexp(NAME, error="Must be the name of a group or repeat."))
    file = _file()


class ChoiceSchema(_Strict):
    """One code; a null label is locked wording that is not loaded."""

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"^[A-Za-z0-9_]{1,32}$", error="Use letters, digits and _ only."),
    )
    label = fields.String(required=True, allow_none=True, validate=validate.Length(min=1))
    aggregate_to = fields.String()
    wording = fields.String()
    parent = fields.String()
    image = _file()
    audio = _file()


class WashingtonItemSchema(_Strict):
    """One question of the Short Set."""

    name = _name()
    label = fields.String(required=True, allow_none=True, validate=validate.Length(min=1))
    wording = fields.String()


class WashingtonSchema(_Strict):
    """The Short Set: six questions with locked wording, one list of answers, one cut-off."""

    wording_locked = fields.Boolean()
    order_locked = fields.Boolean()
    source = fields.String()
    answers = _text(empty=False)
    cut_off = fields.Dict(keys=fields.String(), values=fields.Raw())
    items = fields.List(
        fields.Nested(WashingtonItemSchema),
        required=True,
        validate=validate.Length(equal=6, error="The Short Set has six questions."),
    )


class FlagRuleSchema(_Strict):
    """A rule that raises a pathway."""

    id = _text(empty=False)
    expression = _text(empty=False)
    pathway = _text(empty=False)
    urgency = _one_of("U", "H", "R")


class PathwaySchema(_Strict):
    """Where a kind of need is taken."""

    code = _text(empty=False)
    service = _text(empty=False)
    default_urgency = _one_of("U", "H", "R")
    personal_data = fields.Boolean(required=True, truthy={True}, falsy={False})


class EntitySchema(_Strict):
    """Something that is visited again."""

    list = _name()
    tools = fields.String(required=True, validate=validate.Regexp(r"^[HKFO]+$", error="Use the letters H, K, F and O."))
    label = _text(empty=False)
    entity_id = fields.String()
    create_if = fields.String()
    update_if = fields.String()


class BankSchema(_Strict):
    """A whole bank file."""

    version = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9A-Za-z.]{1,20}$", error="Use letters, digits and dots."),
    )
    modules = fields.List(fields.Nested(ModuleSchema), required=True, validate=validate.Length(min=1))
    items = fields.List(fields.Nested(ItemSchema), required=True, validate=validate.Length(min=1))
    choice_lists = fields.Dict(
        keys=fields.String(validate=validate.Regexp(NAME)),
        values=fields.List(fields.Nested(ChoiceSchema), validate=validate.Length(min=1)),
        required=True,
    )
    wg_ss = fields.Nested(WashingtonSchema, required=True)
    ers_decision = _text(empty=False)
    flag_rules = fields.List(fields.Nested(FlagRuleSchema), required=True)
    pathways = fields.List(fields.Nested(PathwaySchema), required=True)
    request_map = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    entities = fields.List(fields.Nested(EntitySchema))
    questionnaires = fields.List(fields.Nested(QuestionnaireSchema))
    questionnaire_rows = fields.List(fields.Nested(QuestionnaireRowSchema))


WholeBankSchema = BankSchema.from_dict(list_fields(), name="WholeBankSchema")


def find_shape_errors(document: Any) -> dict[str, Any]:
    """marshmallow's error tree for a parsed bank file; empty when the shape is right."""
    if not isinstance(document, dict):
        return {"bank": ["The file must hold one JSON object."]}
    return dict(WholeBankSchema().validate(document))
