"""A register of households and the follow-up visits to them: two workbooks made elsewhere, adopted and released."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import uuid4

from lxml import etree
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from forms.intake import Adopted, adopt_outline
from forms.outline import make_outline
from forms.xlsforms import read_sheets
from pimcollect.actions.forms import keep_version
from pimcollect.domain.roles import COMMAND_LINE
from tests.engines.filled import Filled
from tests.forms.books import write_book

CANARY = "Auntie Silverleaf of the third row"
CANARY_PHONE = "0999 4417 820"

COLUMNS = "type | name | label | save_to | relevant"
_CONSENT = "select_one yn | consent | Do you agree to take part?"
_REGISTER = f"""
{_CONSENT}
text | code | Code on the card | code | ${{consent}} = 'yes'
text | head | Name of the head of household | head_name | ${{consent}} = 'yes'
text | tel | Telephone | tel | ${{consent}} = 'yes'
integer | age | Age of the head | age | ${{consent}} = 'yes'
select_one wat | water | Where does water come from? | water | ${{consent}} = 'yes'
select_one wat | secret | And at night? | secret | ${{consent}} = 'yes'
"""
_FOLLOW = f"""
select_one_from_file households.csv | hh | Which household?
{_CONSENT}
select_one wat | water | Where does water come from now? | water | ${{consent}} = 'yes'
integer | tents | How many tents? | tents | ${{consent}} = 'yes'
"""
CHOICES = "yn | yes | Yes\nyn | no | No\nwat | river | River\nwat | well | Well\nwat | truck | Truck"
_TREATED = {"treatments": {"code": {"kind": "keep", "options": {"pattern": "HH-[0-9]{3}"}}, "tel": "vault"}}
_TREATED["treatments"]["secret"] = "restrict"  # type: ignore[assignment]
_SEEN = "list_name | label | entity_id | create_if | update_if"
LABEL = "concat('Household ', ${code})"


@cache
def adopt_register(label: str = LABEL) -> Adopted:
    """The form that registers a household; `label` is how the list is to call it."""
    row = f"households | {label} |  | ${{consent}} = 'yes' | "
    return _adopt("register", _REGISTER, row, treatments=_TREATED)


@cache
def adopt_follow(update_if: str = "${consent} = 'yes'") -> Adopted:
    """The form of a later visit."""
    return _adopt("follow", _FOLLOW, f"households |  | ${{hh}} |  | {update_if}")


def _adopt(form: str, survey: str, entity: str, *, treatments: Mapping[str, Any] | None = None) -> Adopted:
    entities = f"{_SEEN}\n{entity}"
    data = write_book(
        survey, choices=CHOICES, columns=COLUMNS, entities=entities, form_id=form, form_title=form, version="1"
    )
    given = None if treatments is None else json.dumps(treatments).encode()
    return adopt_outline(make_outline(read_sheets(data), name=form), data, consent="consent", treatments=given)


def keep_adopted(engine: Engine, *adopted: Adopted) -> None:
    """Store them as the newest of their forms."""
    with Session(engine) as session, session.begin():
        for one in adopted:
            frozen = one.frozen
            keep_version(
                session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform, files=frozen.files
            )


def register(code: str = "HH-001", **more: Any) -> dict[str, Any]:
    """What somebody says who registers."""
    said = {"consent": "yes", "code": code, "head": CANARY, "tel": CANARY_PHONE, "age": 41}
    return {**said, "water": "river", "secret": "truck", **more}


def correct(xml: bytes, **answers: str) -> bytes:
    """What the phone writes when a sent form is opened again: a new id, the one that it replaces, other answers."""
    root = etree.fromstring(xml)
    named = {etree.QName(node).localname: node for node in root.iter() if isinstance(node.tag, str)}
    instance = named["instanceID"]
    before = etree.SubElement(instance.getparent(), str(instance.tag).replace("instanceID", "deprecatedID"))
    before.text, instance.text = instance.text, f"uuid:{uuid4()}"
    for name, answer in answers.items():
        named[name].text = answer
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def read_entity(filled: Filled | bytes) -> Mapping[str, str]:
    """The attributes of the entity that a submission names."""
    xml = filled if isinstance(filled, bytes) else filled.xml
    (node,) = etree.fromstring(xml).xpath("//*[local-name()='entity']")
    return {str(name): str(value) for name, value in node.attrib.items()}


def write_entity(form: str, version: str, answers: Mapping[str, str], root: str | None = None, **told: str) -> bytes:
    """A submission as a phone writes it, without an engine: answers, and the attributes of its entity."""
    tree = etree.Element("data", id=form, version=version)
    for name, answer in answers.items():
        etree.SubElement(tree, name).text = answer
    meta = etree.SubElement(tree, "meta")
    entity = etree.SubElement(meta, "entity", dataset="households", **told)
    etree.SubElement(entity, "label").text = CANARY
    etree.SubElement(meta, "instanceID").text = f"uuid:{root or uuid4()}"
    return etree.tostring(tree, encoding="utf-8")
