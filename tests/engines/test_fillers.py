"""Both form engines give what a person would have given, and say what they could not give."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pyxform.xls2xform import convert

from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need

pytestmark = pytest.mark.engine

WORKBOOK = Path(__file__).parents[1] / "payloads/pm_kac.xlsx"
YES: dict[str, Any] = {
    "consent": "yes",
    "name": "Invented Person",
    "age": 44,
    "phone_no": "0991234567",
    "incidents": ["gbv", "landmine"],
    "score": 3.5,
    "hh": [
        {"hh_name": "First", "hh_age": 17, "hh_inc": ["gbv"], "docs": [{"doc_type": "id"}, {"doc_type": "birth"}]},
        {"hh_name": "Second", "hh_age": "not a number"},
    ],
    "nowhere": "x",
}


@functools.cache
def xform() -> str:
    return convert(io.BytesIO(WORKBOOK.read_bytes()), file_type=".xlsx", validate=False, warnings=[]).xform


@pytest.fixture(params=[javarosa.load_engine, xforms_engine.load_engine], ids=["javarosa", "xforms-engine"])
def engine(request: pytest.FixtureRequest) -> Any:
    return need(request.param)


def list_leaves(xml: bytes) -> Iterator[tuple[str, str]]:
    root = etree.fromstring(xml)
    tree = root.getroottree()
    for node in root.iter(etree.Element):
        if len(node) == 0 and (node.text or "").strip():
            yield tree.getpath(node).split("/", 2)[2].replace("[1]", ""), (node.text or "").strip()


def read_answers(filled: Filled) -> dict[str, str]:
    """All leaves but the ones that a phone writes by itself."""
    own = ("start", "end", "today", "deviceid", "username", "meta", "*")
    return {path: text for path, text in list_leaves(filled.xml) if path.split("/")[0] not in own}


def test_an_answer_that_the_form_cannot_take_is_reported_and_not_written(engine: Any) -> None:
    filled = engine.fill(xform(), {**YES, "consent": "maybe"})
    assert filled.not_given["consent"] == "choice"
    assert filled.not_given["hh[2]/hh_age"] == "value"
    assert filled.not_given["nowhere"] == "unknown"
    assert filled.not_given["name"] == "irrelevant"
    assert any(line.endswith("/consent required") for line in filled.violations)
    assert b"maybe" not in filled.xml
    assert b"not a number" not in filled.xml


def test_a_refusal_leaves_no_answer_behind_it_in_the_xml(engine: Any) -> None:
    filled = engine.fill(xform(), {**YES, "consent": "no", "hh": []})
    answers = read_answers(filled)
    assert answers["consent"] == "no"
    assert not any(text in filled.xml for text in (b"Invented Person", b"0991234567", b"landmine"))
    assert filled.violations == ()


def test_repeats_within_repeats_are_made_as_asked(engine: Any) -> None:
    answers = read_answers(engine.fill(xform(), YES))
    assert [answers[f"hh/docs{at}/doc_type"] for at in ("", "[2]")] == ["id", "birth"]
    assert answers["hh[2]/hh_name"] == "Second"
    assert answers["prot/incidents"] == "gbv landmine"


def test_both_engines_write_the_same_answers() -> None:
    engines = [need(javarosa.load_engine), need(xforms_engine.load_engine)]
    for answers in (YES, {**YES, "consent": "no"}, {"consent": "no"}):
        first, second = (engine.fill(xform(), answers) for engine in engines)
        assert read_answers(first) == read_answers(second)
        assert first.not_given == second.not_given


def test_a_chooser_sees_what_is_offered_and_walks_javarosa_to_the_end() -> None:
    seen: dict[str, javarosa.Asked] = {}

    def choose(asked: javarosa.Asked) -> Any:
        seen[asked.path] = asked
        if asked.kind == "repeat":
            return False
        return asked.choices[0] if asked.choices else {"int": 5, "integer": 5, "text": "text"}.get(asked.type)

    filled = need(javarosa.load_engine).fill(xform(), choose)
    assert seen["consent"].kind == "select_one"
    assert seen["consent"].choices == ("yes", "no")
    assert seen["hh[1]/hh_age"].type == "integer"
    assert seen["prot/incidents" if "prot/incidents" in seen else "incidents"].kind == "select_multiple"
    assert b"<age>5</age>" in filled.xml
