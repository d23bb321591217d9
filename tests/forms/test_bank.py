"""Reading a bank: all or nothing, and every error says its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from forms import starter
from forms.bank import hash_document, read_bank, read_catalogue, read_document
from pimcollect.domain.catalogue import Catalogue
from pimcollect.errors import ErrorCode, PimError

DOCUMENT = read_document(starter.read_bytes("bank.json"))


def _item(document: dict[str, Any], id_: str) -> dict[str, Any]:
    return next(row for row in document["items"] if row["id"] == id_)


def _complaint(change: Callable[[dict[str, Any]], object]) -> str:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(PimError) as caught:
        read_catalogue(document)
    assert caught.value.code is ErrorCode.BAD_BANK
    assert caught.value.remedy
    return caught.value.message


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: _item(d, "C04").update(sens="Q"), "C04 sens:"),
        (lambda d: _item(d, "C04").update(name="Con Interview"), "C04 name:"),
        (lambda d: _item(d, "C04").pop("treat"), "C04 treat:"),
        (lambda d: _item(d, "C04").update(colour="red"), "C04 colour:"),
        (lambda d: _item(d, "C04").update(seconds="15"), "C04 seconds:"),
        (lambda d: _item(d, "C04").update(req="yes"), "C04 req:"),
        (lambda d: _item(d, "C04").update(use=""), "C04 use:"),
        (lambda d: _item(d, "C04").update(rel="${nobody_asks}='yes'"), "C04 rel: there is no item nobody_asks"),
        (lambda d: _item(d, "C04").update(choices="nowhere"), "C04 choices: there is no choice list nowhere"),
        (lambda d: _item(d, "C04").update(module="M99"), "C04 module: there is no module M99"),
        (lambda d: _item(d, "C04").update(id="C03"), "C03: this id stands there twice"),
        (lambda d: _item(d, "R06").update(treat="keep"), "R06 treat:"),
        (lambda d: d["choice_lists"]["yn"][0].update(code="a b"), "choice_lists yn"),
        (lambda d: d["choice_lists"]["yn"].append({"code": "yes", "label": "Yes"}), "yn: the code yes stands"),
        (lambda d: d["flag_rules"][0].update(pathway="RP-X"), "FR01 pathway: there is no pathway RP-X"),
        (lambda d: d["flag_rules"][0].update(expression="nothing=='x'"), "FR01 expression: there is no item nothing"),
        (lambda d: d["flag_rules"][0].update(expression="__import__('os')"), "FR01 expression"),
        (lambda d: d["request_map"].update(x="RP-X"), "request_map x: there is no pathway RP-X"),
        (lambda d: d["wg_ss"]["items"].pop(), "six questions"),
        (lambda d: d.pop("pathways"), "pathways"),
        (lambda d: d.update(ers_decision="${gone}"), "ers_decision: there is no item gone"),
    ],
)
def test_a_wrong_bank_is_refused_with_the_place(change: Callable[[dict[str, Any]], object], place: str) -> None:
    assert place in _complaint(change)


def test_all_errors_are_said_at_once() -> None:
    def change(document: dict[str, Any]) -> None:
        _item(document, "C04")["rel"] = "${gone}"
        _item(document, "D01")["choices"] = "gone"

    message = _complaint(change)
    assert "C04 rel" in message
    assert "D01 choices" in message


@pytest.mark.parametrize("source", [b"{", b"[]", b"\xff", b"[" * 100_000, b""])
def test_what_is_not_a_bank_file_is_refused_in_words(source: bytes) -> None:
    with pytest.raises(PimError) as caught:
        read_bank(source)
    assert caught.value.code is ErrorCode.BAD_BANK


def test_names_that_no_screen_can_show_are_told_so_that_it_can_and_briefly() -> None:
    broken: dict[str, Any] = {"half \ud800": 1}
    for _ in range(80):
        broken = {"half \ud800": "\ud800", "a name without an end" * 400: [broken], "id": "\udfff" * 50}
    with pytest.raises(PimError) as told:
        read_bank(json.dumps(broken))
    assert len(str(told.value).encode()) < 20_000


def test_the_starter_bank_is_whole(catalogue: Catalogue) -> None:
    assert (len(catalogue.items), len(catalogue.modules), len(catalogue.lists)) == (106, 18, 72)
    assert (len(catalogue.flags), len(catalogue.pathways), len(catalogue.requests)) == (24, 16, 12)
    assert sum(item.is_gated for item in catalogue.items) == 24
    assert [code for code, pathway in catalogue.pathways.items() if pathway.is_silent] == ["RP-GBV"]


def test_the_order_of_keys_does_not_make_another_bank(catalogue: Catalogue) -> None:
    shuffled = json.loads(json.dumps(DOCUMENT, sort_keys=True))
    assert hash_document(shuffled) == hash_document(DOCUMENT) == catalogue.sha256
    assert read_catalogue(shuffled) == catalogue
