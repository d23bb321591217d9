"""A few of the rounds: no form has a dead end, none keeps silent, none keeps anything of a person after a no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forms.selection import KINDS
from forms.xform import validate_with_odk
from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need
from tests.rounds import screening
from tests.rounds.filling import ENGINES, Round, build, fill, find_faults, read_values

pytestmark = [pytest.mark.engine, pytest.mark.slow]

FEW = {name: codes[:2] for name, codes in screening.INPUTS.items()} | {
    "ers_danger": ("some", "strong", "threat"),
    "ers_setting": ("nobody", "neighbours", "officials"),
}
"""Every row of the table, in few combinations."""


def _need(engine: str) -> None:
    need({"javarosa": javarosa.load_engine, "xforms_engine": xforms_engine.load_engine}[engine])


def test_odk_validate_finds_nothing_in_all_three_languages() -> None:
    verdict = validate_with_odk(build("hh").xform)
    assert verdict.is_valid is not False, verdict.message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", KINDS)
def test_every_form_is_filled_to_its_end_by_both_engines(form: str, engine: str) -> None:
    _need(engine)
    done = Round(form, engine).run(range(900, 903))
    assert dict(done.faults) == {}
    assert done.answers


def test_the_rounds_see_refusals_dead_ends_silence_and_leaks() -> None:
    """Otherwise the promise above would hold for want of eyes."""
    _need("javarosa")
    done = Round("ki", "javarosa").run(range(12))
    assert 0 < done.refused < done.runs
    stuck = replace(fill("ki", "javarosa", 1), violations=("/data/q required",), silent=("q",))
    assert {"dead end: /data/q required", "says nothing: q"} <= set(find_faults(stuck))
    leaked = Filled(xml=b"<data><con_adult>no</con_adult><dem_age>44</dem_age></data>", given=())
    assert find_faults(leaked) == ["after a no: dem_age"]
    assert read_values(leaked.xml) == {"con_adult": "no", "dem_age": "44"}


def test_a_question_without_words_in_a_language_is_heard() -> None:
    frozen = build("obs")
    french = frozen.xform.partition('lang="French (fr)"')[2].partition("</translation>")[0]
    text = french.partition("obs_only:label")[2].partition("<value>")[2].partition("</value>")[0]
    assert text
    mute = replace(frozen, xform=frozen.xform.replace(text, "-"))
    for engine in (javarosa, xforms_engine):
        filled = need(engine.load_engine).fill(mute.xform, {}, language="French (fr)")
        assert filled.silent == ("obs_only",)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_screening_on_the_telephone_is_its_table(engine: str) -> None:
    _need(engine)
    ask = {"javarosa": screening.ask_javarosa, "xforms_engine": screening.ask_xforms_engine}[engine]
    table = [screening.say_table(*codes) for codes in screening.list_combinations(FEW)]
    assert set(table) == {"all", "apart", "general", "stop"}
    assert ask("hh_core", FEW) == table


def test_the_screening_on_the_server_is_its_table_over_all_combinations() -> None:
    table = [screening.say_table(*codes) for codes in screening.list_combinations()]
    assert len(table) == 2_880
    assert screening.ask_server("hh_core") == table
