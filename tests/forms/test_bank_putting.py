"""How a question is put, as optional fields of the bank: out and in again, and what is wrong with it is named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from forms.bank_files import read_bank_bytes, read_bank_file, write_bank
from forms.bank_sheets import lay_bank, scrub
from pimcollect.errors import PimError
from tests.forms.test_bank_files import SMALL, TARGETS, put

ASKED: dict[str, str] = {
    "guidance": "Read it slowly.",
    "message": "No more than ten.",
    "required_message": "Ask again.",
    "appearance": "minimal",
    "parameters": "start=0 end=10 step=1",
    "choice_filter": "parent=${con_adult}",
    "default": "yes",
    "trigger": "${con_adult}",
    "readonly": "no",
    "repeat_count": "2",
    "image": "a.png",
    "audio": "a.mp3",
    "video": "a.mp4",
    "big_image": "b.png",
    "save_to": "site",
    "file": "sites.csv",
}
ENTITY = {"list": "sites", "tools": "O", "label": "${con_adult}", "update_if": "${con_adult}='yes'"}


def _rich() -> dict[str, Any]:
    bank = copy.deepcopy(SMALL)
    bank["items"].insert(
        0, {**bank["items"][0], "id": "Z90", "name": "box", "type": "group", "choices": "", "key": "z"}
    )
    bank["items"][1] |= {**ASKED, "inside": "box"}
    bank["choice_lists"]["yn"][0] |= {"parent": "yes", "image": "a.png", "audio": "a.mp3"}
    bank["entities"] = [ENTITY]
    return bank


@pytest.mark.parametrize("target", TARGETS)
def test_how_a_question_is_put_goes_out_and_comes_back(tmp_path: Path, target: str) -> None:
    path = tmp_path / target
    put(write_bank(_rich(), path))
    document, catalogue = read_bank_file(path)
    assert document == scrub(_rich())
    asking = catalogue.items[1].asking
    assert (asking.inside, asking.file, asking.save_to) == ("box", "sites.csv", "site")
    assert asking.media == {"image": "a.png", "audio": "a.mp3", "video": "a.mp4", "big-image": "b.png"}
    assert (catalogue.entities[0].list, catalogue.entities[0].update_if) == ("sites", "${con_adult}='yes'")


@pytest.mark.parametrize("target", TARGETS)
def test_a_bank_that_puts_nothing_specially_shows_no_such_columns(tmp_path: Path, target: str) -> None:
    grids = lay_bank(SMALL)
    assert "entities" not in grids
    assert not {*ASKED, "inside"} & set(grids["items"][0])
    assert not {"parent", "image", "audio"} & set(grids["choices"][0])


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("inside", "con", "no group or repeat con stands before it"),
        ("image", "../a.png", "plain name of a file"),
        ("file", ".hidden", "plain name of a file"),
        ("choice_filter", "x=${gone}", "there is no item gone"),
        ("repeat_count", "${gone}", "there is no item gone"),
        ("save_to", "Site", "small letters"),
        ("appearence", "minimal", "Unknown field"),
    ],
)
def test_what_is_wrong_with_how_a_question_is_put_is_named(field: str, value: str, complaint: str) -> None:
    bank = _rich()
    bank["items"][2][field] = value
    with pytest.raises(PimError, match=complaint):
        read_bank_bytes(json.dumps(bank).encode(), is_workbook=False)


def test_answers_are_saved_only_for_something_that_is_visited_again() -> None:
    bank = _rich()
    del bank["entities"]
    with pytest.raises(PimError, match="there is no entity"):
        read_bank_bytes(json.dumps(bank).encode(), is_workbook=False)
    bank = _rich()
    bank["entities"][0]["create_if"] = "${gone}='yes'"
    with pytest.raises(PimError, match=r"sites create_if: there is no item gone|there is no item gone"):
        read_bank_bytes(json.dumps(bank).encode(), is_workbook=False)
