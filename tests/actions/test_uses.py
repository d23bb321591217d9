"""Which versions ask an item: the same queries, however many versions, forms and items there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from forms.askers import find_askers
from pimcollect.actions.forms import keep_version
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.uses import find_rounds
from tests.factories.households import freeze


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session, session.begin():
        yield session


def keep(session: Session, form: str, number: int) -> None:
    frozen = freeze(form)
    for at in range(number):
        version = replace(frozen.version, version=f"{frozen.version.version}.{at}", title=f"{form} {at}")
        keep_version(session, COMMAND_LINE, version=version, xlsx=frozen.xlsx, xform=frozen.xform)
    session.flush()


def count(session: Session, ask: Callable[[], Any]) -> tuple[int, Any]:
    """How many queries it takes, and what it says."""
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    bind = session.get_bind()
    event.listen(bind, "before_cursor_execute", note)
    try:
        said = ask()
    finally:
        event.remove(bind, "before_cursor_execute", note)
    return len(asked), said


def test_who_asks_an_item_costs_two_queries_however_many_versions_do(session: Session) -> None:
    assert count(session, lambda: find_askers(session, [])) <= (2, [])
    keep(session, "obs", 1)
    few = count(session, lambda: find_askers(session, ["F03"]))
    keep(session, "hh_core", 3)
    keep(session, "ki", 3)
    many, said = count(session, lambda: find_askers(session, ["F03", "F01", "C01", "L02", "X02"]))
    assert few[0] == many == 2
    assert {one["form"] for one in said} == {"hh_core", "ki"} | {one["form"] for one in few[1]}
    assert len([one for one in said if one["form"] == "ki"]) == 3
    assert all(key for one in said for key in one["keys"].values())


def test_the_last_rounds_of_all_forms_cost_one_query(session: Session) -> None:
    assert count(session, lambda: find_rounds(session, last=3)) == (1, [])
    keep(session, "obs", 2)
    keep(session, "hh_core", 5)
    number, said = count(session, lambda: find_rounds(session, last=3))
    assert number == 1
    assert [one["form"] for one in said] == ["hh_core"] * 3 + ["obs"] * 2
    assert all("C01" in one["items"] for one in said if one["form"] == "hh_core")
