"""pimcollect submissions withdraw: the promise on the card, kept by a worker that is called for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pimcollect.domain.roles import GRANTS, Role
from pimcollect.errors import ErrorCode, PimError
from tests.cli.conftest import Run
from tests.factories.encrypted import ANSWERS
from tests.factories.households import SCENARIOS, Household

Read = Callable[..., Any]
CODE, OTHER = "0a1b2c3d", "ffffffff"


def query(engine: Engine, sql: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def keep(household: Household, code: str, **more: Any) -> str:
    root = household.post({**ANSWERS, "clo_code": code}, **more)
    household.settle()
    return root


def test_a_code_that_is_none_is_not_there_or_is_two_erases_nothing_and_is_not_repeated(
    run: Run, engine: Engine, household: Household
) -> None:
    for _ in range(2):
        keep(household, OTHER)
    for code, said in (
        ("Nadia-Canary", "no code"),
        ("1234567g", "no code"),
        (CODE, "Nothing is kept"),
        (OTHER, "More"),
    ):
        with pytest.raises(PimError, match=said) as caught:
            run("submissions", "withdraw", "--yes", input=f"{code}\n")
        assert (caught.value.code, code in str(caught.value)) == (ErrorCode.NOT_FOUND, False)
    assert query(engine, "SELECT DISTINCT state FROM submissions") == [("kept",)]
    assert GRANTS["submissions.withdraw"] == {Role.DPO, Role.OPERATOR}


def test_who_thinks_again_at_the_question_has_erased_nothing(run: Run, engine: Engine, household: Household) -> None:
    keep(household, CODE)
    assert run("submissions", "withdraw", input=f"{CODE}\nn\n").exit_code == 1
    assert query(engine, "SELECT state FROM submissions") == [("kept",)]
    assert query(engine, "SELECT count(*) FROM journal WHERE action = 'withdraw'") == [(0,)]


def test_nobody_is_told_of_a_referral_that_never_was(
    run: Run, engine: Engine, household: Household, capfd: pytest.CaptureFixture[str]
) -> None:
    household.post({**SCENARIOS["base_answers"], "clo_code": CODE})
    household.settle()
    assert query(engine, "SELECT count(*) FROM referrals") == [(0,)]
    assert "Erased." in run("submissions", "withdraw", "--yes", input=f"{CODE}\n").output
    told = capfd.readouterr().err
    assert ("no referral was open" in told, "taken back:" in told) == (True, False)


def test_with_the_code_on_the_card_everything_is_taken_back_and_no_late_copy_brings_it_again(
    run: Run, read: Read, engine: Engine, household: Household, capfd: pytest.CaptureFixture[str]
) -> None:
    root, other = keep(household, CODE), keep(household, OTHER)
    assert query(engine, "SELECT count(*) FROM cases WHERE sealed IS NOT NULL")[0][0] >= 2
    done = run("submissions", "withdraw", "--yes", input=f" {CODE.upper()}\n")
    assert "open referrals taken back: " in capfd.readouterr().err
    assert (done.exit_code, "Erased." in done.output, CODE in done.output.partition("\n")[2]) == (0, True, False)
    assert query(engine, f"SELECT state, shared, restricted FROM submissions WHERE root_id = '{root}'") == [
        ("tombstone", None, None)
    ]
    assert query(engine, f"SELECT state FROM submissions WHERE root_id = '{other}'") == [("kept",)]
    states = query(
        engine, "SELECT r.state, c.sealed IS NULL FROM referrals r JOIN cases c ON c.id = r.case_id ORDER BY 2, 1"
    )
    assert len(states) >= 2
    assert {is_shredded: state == "recalled" for state, is_shredded in states} == {True: True, False: False}
    assert query(engine, "SELECT n FROM tallies WHERE kind = 'withdrawn'") == [(1,)]
    assert query(engine, "SELECT actor FROM journal WHERE action = 'withdraw'") == [("command line",)]
    keep(household, CODE, root=root)
    assert query(engine, f"SELECT state FROM submissions WHERE root_id = '{root}'") == [("tombstone",)]
    with pytest.raises(PimError, match="Nothing is kept"):
        run("submissions", "withdraw", "--yes", input=f"{CODE}\n")
