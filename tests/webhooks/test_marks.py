"""What is refused is counted with its reason, and nobody who is refused can make a row or learn anything."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event, text, update
from sqlalchemy.orm import Session

from pimcollect.actions.connections import count_here, tell_pulls
from pimcollect.actions.hooks import close_hook, list_hooks
from pimcollect.actions.phones import list_phones
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.forms import HookRow
from pimcollect.tables.marks import HOOKS, Refusal, count_held, count_refusals
from tests.factories.door import OpenDoor, open_door
from webhooks.hooks import SECRET_HEADER


def write(door: OpenDoor) -> None:
    door.client.application.extensions["door"].hooks.marks.write()


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def refuse(door: OpenDoor, engine: Engine, reason: Refusal) -> int:
    """One call that is refused for this reason."""
    if reason is Refusal.UNKNOWN:
        return door.client.post("/webhooks/nobody-s", data=b"{}", headers={SECRET_HEADER: "x"}).status_code
    if reason is Refusal.WRONG_SECRET:
        return door.client.post(door.url, data=b"{}", headers={SECRET_HEADER: "x"}).status_code
    if reason is Refusal.TOO_LARGE:
        return door.post(b"x" * (10 * 1024 * 1024 + 1)).status_code
    with Session(engine) as session, session.begin():
        if reason is Refusal.CLOSED:
            close_hook(session, COMMAND_LINE, door.hook.id)
        else:
            session.execute(update(HookRow).values(networks=["203.0.113.0/24"], revision=HookRow.revision + 1))
    return door.post(b"{}").status_code


@pytest.mark.parametrize("reason", Refusal)
def test_a_refusal_is_counted_for_its_reason_and_told_of_the_hook_whose_address_it_was(
    settings: Settings, engine: Engine, reason: Refusal
) -> None:
    door = open_door(settings, engine)
    assert refuse(door, engine, reason) == (413 if reason is Refusal.TOO_LARGE else 401)
    write(door)
    with Session(engine) as session:
        assert {code: n for code, n in count_refusals(session).items() if n} == {(HOOKS, reason): 1}
    told = [] if reason is Refusal.UNKNOWN else [(reason.value, 1)]
    assert rows(engine, "SELECT reason, n FROM hook_refusals") == told


def test_whatever_strangers_call_they_make_one_row(settings: Settings, engine: Engine) -> None:
    door = open_door(settings, engine)
    for number in range(40):
        for key in (f"stranger-{number}", f"{door.hook.path.rpartition('/')[2]}x{number}", "%00" * number, "k" * 65):
            door.client.post(f"/webhooks/{key}", data=b"{}", headers={SECRET_HEADER: str(number)})
    marks = door.client.application.extensions["door"].hooks.marks
    assert not marks._hooks + marks._refused_hooks
    write(door)
    assert [reason for reason, _ in rows(engine, "SELECT reason, n FROM refusals")] == ["unknown"]
    assert rows(engine, "SELECT * FROM hook_refusals") == []


def test_the_page_of_doors_counts_no_table_of_deliveries_as_a_whole(engine: Engine, settings: Settings) -> None:
    """However many there are: hooks and phones have their counts, what is held and what is here has its index."""
    open_door(settings, engine)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        with Session(engine) as session:
            list_hooks(session, COMMAND_LINE)
            list_phones(session, COMMAND_LINE)
            tell_pulls(session, COMMAND_LINE)
            count_here(session, COMMAND_LINE, {"pm_kac"})
            count_held(session)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    large = [one for one in asked if "entries" in one[0] or "submissions" in one[0]]
    assert len(large) == 4
    with engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, values in large:
            plan = " ".join(str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values))
            assert "Seq Scan" not in plan, statement
            assert any(index in plan for index in ("entries_untouched", "entries_held", "submissions_present")), plan
