"""The contract's table and its runner; the cheap experiments with small numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.bench import chaos
from tests.faults import run
from tests.faults.found import Found
from tests.faults.table import TABLE, Fault

CHEAP = [fault for fault in TABLE if fault.is_cheap]


def _fault(found: Found) -> Fault:
    return replace(TABLE[0], run=lambda *, is_quick: found)


@pytest.mark.parametrize(
    "found",
    [Found(n=1, lost=1), Found(n=1, dup=1), Found(n=1, violations=["something else"])],
    ids=["lost", "dup", "violation"],
)
def test_whatever_is_not_as_expected_makes_the_run_fail(
    found: Found, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "TABLE", (_fault(found), _fault(Found(n=1))))
    assert run.main([]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["is_well"] for line in lines] == [False, True]


def test_an_experiment_that_breaks_is_not_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*, is_quick: bool) -> Found:
        raise RuntimeError("nothing started")

    monkeypatch.setattr(run, "TABLE", (replace(TABLE[0], run=broken),))
    assert run.main(["--quick"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "nothing started" in json.loads(line)["violations"][0]


def test_codes_choose_options_are_those_of_the_kills_and_an_unknown_code_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [fault.code for fault in run.choose(["F06", "--quick", "F04"]) or []] == ["F06", "F04"]
    assert len(run.choose([]) or []) == len(TABLE)
    heard: list[list[str]] = []
    monkeypatch.setattr(chaos, "main", lambda words: heard.append(list(words)) or 0)
    assert run.main(["--naive", "--seed", "2"]) == 0
    assert heard == [["--naive", "--seed", "2"]]
    assert run.main(["F99"]) == 2
    assert "no fault F99" in capsys.readouterr().err


def test_waits_beyond_what_is_allowed_are_a_violation() -> None:
    slow, quick = Found(), Found()
    slow.note_waits([0.1] * 90 + [2.0] * 10, most=1.0)
    quick.note_waits([0.1] * 1000, most=1.0)
    assert (slow.is_well, quick.is_well) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize("fault", CHEAP, ids=[fault.code for fault in CHEAP])
def test_a_cheap_one_holds_with_small_numbers(fault: Fault) -> None:
    found = run.try_fault(fault, is_quick=True)
    assert found.is_well, found
    assert found.n
