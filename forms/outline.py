"""Read an XLSForm that was made elsewhere: its questions with their paths, lists and calculations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from pyxform.builder import create_survey_element_from_dict
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT
from pyxform.xls2json import workbook_to_json

from forms.child import run_in_child
from forms.columns import split_column
from forms.grids import Fault, Table
from forms.reasons import OUTSIDE_SHEET
from forms.safety import check_workbook
from forms.xlsforms import XlsForm, read_sheets, refuse_faults, to_definition
from pimcollect.errors import ErrorCode, PimError

_SHOWN = 1_000
_KOBO_TYPES = ("begin_kobomatrix", "begin_score", "begin_rank", "score__row", "rank__level")
_SELECTS = {"select1": "select_one", "select": "select_multiple", "odk:rank": "rank"}
_OUTSIDE = ("select one external", "select_one_external")
"""Its choices stand on the sheet external_choices; phones show a select, pyxform writes a field for text."""
_BINDS = {"int": "integer", "string": "text", "binary": "file"}
# Types whose plain name pyxform's table does not tell.
_AS_NAMED = frozenset(
    {
        "calculate",
        "hidden",
        "audit",
        "range",
        "note",
        "start-geopoint",
        "background-geopoint",
        "background-audio",
        "csv-external",
        "xml-external",
        "email",
        "username",
        "phone number",
    }
)


@dataclass(frozen=True)
class Field:
    """One field of the form that can arrive in a submission."""

    name: str
    path: str
    type: str
    key: str = ""
    """Name in rules and answers: the question's name, or its path where another one has the same name.

    `type` is as `domain.version.Question.type` has it."""
    repeat: str = ""
    choices: str = ""
    """Name of its list when the list is part of the form."""
    labels: tuple[str, ...] = ()
    calculation: str = ""
    outside: str = ""
    """Why its choices cannot be known: a file, or answers of this very form."""


@dataclass(frozen=True)
class Outline:
    """A form as far as intake needs it."""

    form: str
    title: str
    version: str
    languages: tuple[str, ...]
    fields: tuple[Field, ...]
    lists: Mapping[str, Mapping[str, tuple[str, ...]]]
    """List -> code -> its labels in all languages."""
    repeats: tuple[str, ...]
    is_encrypted: bool
    xform: str = field(repr=False, default="")


def read_outline(data: bytes, *, name: str) -> Outline:
    """Read an .xlsx form in a child. `name` is the file's name without ending: the form's id when it has none.

    Raises PimError: BAD_FILE or TOO_LARGE for a workbook that is not safe to open, BAD_FORM for one that is no form.
    """
    check_workbook(data)
    return load_outline(run_in_child("outline", data, name=name))


def parse_outline(data: bytes, *, name: str) -> dict[str, Any]:
    """The same in this process, for the child: plain JSON, as `load_outline` takes it."""
    return asdict(make_outline(read_sheets(data), name=name))


def load_outline(plain: Mapping[str, Any]) -> Outline:
    """The outline of what `parse_outline` gave."""
    return Outline(
        **{
            **plain,
            "languages": tuple(plain["languages"]),
            "fields": tuple(Field(**{**one, "labels": tuple(one["labels"])}) for one in plain["fields"]),
            "lists": {
                name: {code: tuple(labels) for code, labels in codes.items()} for name, codes in plain["lists"].items()
            },
            "repeats": tuple(plain["repeats"]),
        }
    )


def make_outline(sheets: XlsForm, *, name: str) -> Outline:
    """What pyxform makes of the sheets. Raises PimError(BAD_FORM) in its words.

    pyxform raises bare TypeError and IndexError for odd input besides its own errors, so all of them are caught.
    """
    refuse_faults([*_find_own_types(sheets)])
    try:
        form = workbook_to_json(workbook_dict=to_definition(sheets), fallback_form_name="data", warnings=[])
        survey = create_survey_element_from_dict(form)  # type: ignore[no-untyped-call]
        xform = str(survey.to_xml(validate=False, warnings=[]))
    except MemoryError:
        raise
    except Exception as error:  # pyxform raises whatever its parts raise
        raise PimError(
            ErrorCode.BAD_FORM,
            f"The workbook is not a form that pyxform can read: {str(error)[:_SHOWN]}",
            remedy="Correct the row that it names.",
        ) from error
    lists = {
        list_: {str(one["name"]): _labels(one) for one in choices} for list_, choices in form.get("choices", {}).items()
    }
    walk = _Walk(lists)
    walk.enter(form["children"], path=(), repeat="")
    return Outline(
        form=str(form["id_string"]),
        title=_plain(form["title"], 200),
        version=_plain(form.get("version") or "", 40),
        languages=tuple(walk.languages) or ("default",),
        fields=_name_keys(walk.fields, walk.repeats),
        lists=lists,
        repeats=tuple(walk.repeats),
        is_encrypted=bool(form.get("public_key")),
        xform=xform,
    )


def _find_own_types(sheets: XlsForm) -> Iterator[Fault]:
    """Rows of types that only KoboToolbox knows: it writes them out before pyxform sees the form, and we do not."""
    table = sheets.tables.get("survey", Table((), ()))
    column = next((one for one in table.columns if split_column(one)[0] == "type"), "")
    for number, cells in table.rows:
        kind = cells.get(column, "").replace(" ", "_")
        if kind.startswith(_KOBO_TYPES):
            text = f"{kind} is KoboToolbox's own; write a group with one question for each of its rows."
            yield Fault("survey", number, column, text)


def _plain(text: Any, longest: int) -> str:
    """One printable line: a stranger's text must not steer a terminal or fill a page."""
    return "".join(sign for sign in str(text) if sign.isprintable())[:longest]


def _labels(element: Mapping[str, Any]) -> tuple[str, ...]:
    label = element.get("label")
    if isinstance(label, Mapping):
        return tuple(str(text) for text in label.values() if text)
    return (str(label),) if label else ()


def _name_keys(fields: list[Field], repeats: list[str]) -> tuple[Field, ...]:
    """Give each field a key that is unique at its level; a repeat counts by its last name."""
    taken = Counter((one.repeat, one.name) for one in fields)
    for path in repeats:
        outer = max((one for one in repeats if path.startswith(f"{one}/")), key=len, default="")
        taken[outer, path.rpartition("/")[2]] += 1
    return tuple(
        replace(one, key=one.name if taken[one.repeat, one.name] == 1 else one.path.replace("/", "__"))
        for one in fields
    )


def _type_of(element: Mapping[str, Any]) -> str:
    """The plain type of a question; XLSForm has many spellings for each, and pyxform knows what they become."""
    named = str(element["type"])
    if named in _AS_NAMED:
        return named
    if named in _OUTSIDE:
        return "select_one"
    known = cast("dict[str, Any]", QUESTION_TYPE_DICT.get(named, {}))
    control, bind = known.get("control", {}), known.get("bind", {})
    preload, what = bind.get("jr:preload"), str(bind.get("jr:preloadParams", ""))
    if preload:
        return what.removeprefix("uri:")
    tag = str(control.get("tag", ""))
    if tag in _SELECTS:
        return _SELECTS[tag]
    if tag == "trigger":
        return "acknowledge"
    if tag == "upload":
        medium = str(control.get("mediatype", "")).split("/")[0]
        return medium if medium in ("image", "audio", "video") else "osm" if medium == "osm" else "file"
    if bind.get("readonly"):
        return "note"
    kind = str(bind.get("type", ""))
    return _BINDS.get(kind, kind) or named


class _Walk:
    """Goes through pyxform's tree of the form."""

    def __init__(self, lists: Collection[str]) -> None:
        self._lists = lists
        self.fields: list[Field] = []
        self.repeats: list[str] = []
        self.languages: dict[str, None] = {}

    def enter(self, children: list[dict[str, Any]], *, path: tuple[str, ...], repeat: str) -> None:
        for element in children:
            kind = str(element.get("type", ""))
            here = (*path, str(element.get("name", "")))
            label = element.get("label")
            if isinstance(label, Mapping):
                self.languages.update(dict.fromkeys(str(language) for language in label))
            if kind == "loop":
                raise PimError(
                    ErrorCode.BAD_FORM,
                    f"The form has a loop ({'/'.join(here)}), which no server takes any more.",
                    remedy="Write its questions one by one.",
                )
            if kind in ("group", "repeat"):
                inner = "/".join(here) if kind == "repeat" else repeat
                if kind == "repeat":
                    self.repeats.append(inner)
                if here != ("meta",):
                    self.enter(element.get("children", []), path=here, repeat=inner)
                else:
                    self._meta(element.get("children", []))
            else:
                self._question(element, here, repeat)

    def _meta(self, children: list[dict[str, Any]]) -> None:
        """Of the metadata group only the audit file is a field; the ids are the door's business."""
        for element in children:
            if element.get("type") == "audit":
                self.fields.append(Field(str(element["name"]), f"meta/{element['name']}", "audit"))

    def _question(self, element: Mapping[str, Any], here: tuple[str, ...], repeat: str) -> None:
        type_ = _type_of(element)
        if type_ in ("note", "csv-external", "xml-external"):
            return
        choices, outside = "", ""
        if type_ in _SELECTS.values():
            choices, outside = self._list_of(element)
        self.fields.append(
            Field(
                name=here[-1],
                path="/".join(here),
                type=type_,
                repeat=repeat,
                choices=choices,
                labels=_labels(element),
                calculation=str(element.get("bind", {}).get("calculate") or ""),
                outside=outside,
            )
        )

    def _list_of(self, element: Mapping[str, Any]) -> tuple[str, str]:
        if str(element["type"]) in _OUTSIDE:
            return "", OUTSIDE_SHEET
        source = str(element.get("itemset") or element.get("list_name") or "")
        if source in self._lists:
            return source, ""
        return "", "its choices are answers of this form" if source.startswith("${") else "its choices come from a file"
