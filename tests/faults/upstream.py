"""F10 to F13, F21, F24, F27 and F29: what servers and people upstream do, at the figures of the sheet."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from forms import starter
from forms.bank import read_catalogue
from forms.places import read_starter_places
from forms.release import build_form
from pimcollect.db import open_engine
from tests.bench.grounds import open_ground
from tests.factories.connections import Connected, connect
from tests.factories.households import SCENARIOS, open_household, write_kobo
from tests.faults.found import Found
from tests.reenacted.kobo import ReenactedKobo
from tests.rounds.editions import shuffle_editions
from tests.rounds.pulls import play
from tests.workers import test_fetch_faults as faults

_BUILD_SECONDS, _TAKE_SECONDS = 5.0, 1.0
_BASE = SCENARIOS["base_answers"]
_MEMBER = {"age": 15}
_MEMBERS = "SELECT state, jsonb_array_length(shared -> 'roster') FROM submissions"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


def shuffle(*, is_quick: bool) -> Found:
    """F10. Each number is one root whose editions, withdrawals, deletions and repeats come in any order."""
    count = 30 if is_quick else 1000
    return Found(n=count, dup=shuffle_editions(count, seed=10))


@contextmanager
def _connected() -> Iterator[Callable[[], tuple[ReenactedKobo, Connected]]]:
    """Makes a fresh Kobo and a household form connected to it, on tables that are empty again each time."""
    with open_ground() as settings:
        engine = open_engine(settings.database_url)
        servers: list[Any] = []

        def renew() -> tuple[ReenactedKobo, Connected]:
            kobo = ReenactedKobo()
            listening = kobo.listen()
            listening.__enter__()
            servers.append(listening)
            with engine.begin() as connection:
                names = connection.execute(
                    text(
                        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
                    )
                ).scalars()
                connection.execute(text(f"TRUNCATE {', '.join(names)} CASCADE"))
            return kobo, connect(settings, engine, kobo, there=kobo.uid, secret=kobo.token)

        try:
            yield renew
        finally:
            for one in servers:
                one.__exit__(None, None, None)
            engine.dispose()


def _repeat(promise: Callable[[ReenactedKobo, Connected], None], *, times: int, each: int = 1) -> Found:
    """A test of ours as it stands, so many times; `each` = cases in one time."""
    found = Found()
    with _connected() as renew:
        for _ in range(times):
            kobo, connected = renew()
            with found.promised(promise.__name__):
                promise(kobo, connected)
            connected.hands.engine.dispose()
    found.n *= each
    return found


def flip_consents(*, is_quick: bool) -> Found:
    """F11. A hundred consents that flip upstream and are never pushed."""
    del is_quick  # a hundred take seconds
    return _repeat(faults.test_a_hundred_consents_that_flip_there_stop_a_hundred_referrals_here, times=1, each=100)


def hint_of_nothing(*, is_quick: bool) -> Found:
    """F12. A hint whose commit never comes, and one that is earlier than its commit."""
    return _repeat(
        faults.test_a_hint_of_nothing_makes_nothing_and_one_before_its_commit_is_looked_for_again,
        times=1 if is_quick else 20,
    )


def late_files(*, is_quick: bool) -> Found:
    """F13. Files that are late, never there, there twice, cut off and empty."""
    return _repeat(
        faults.test_files_come_late_never_twice_cut_or_empty_and_answers_do_not_wait_for_them,
        times=1 if is_quick else 100,
        each=5,
    )


def restore_backup(*, is_quick: bool) -> Found:
    """F24. Yesterday's tables, then a pull."""
    return _repeat(
        faults.test_after_yesterdays_backup_the_gap_is_closed_and_what_was_deleted_stays_dead,
        times=1 if is_quick else 20,
    )


def pull_in_trouble(*, is_quick: bool) -> Found:
    """F27. A backlog while people edit and delete, the server is busy and broken, workers die; and a revoked token."""
    done = play(count=100, kills=1, life=20) if is_quick else play(count=10_000, kills=8, life=600)
    found = Found(n=done.there, lost=done.missing + done.older, dup=done.doubled)
    found.expect(done.is_well, str(done))
    found.notes = {"seconds": round(done.seconds), **done.troubles}
    told = _repeat(faults.test_a_token_that_is_taken_away_is_told_and_a_backlog_is_fetched_when_it_is_back, times=1)
    found.violations += told.violations
    return found


def lay_huge_bank(count: int) -> dict[str, Any]:
    """The starter bank with so many more questions in the household form."""
    bank: dict[str, Any] = copy.deepcopy(json.loads(starter.read_bytes("bank.json")))
    pattern = next(row for row in bank["items"] if row["id"] == "F01")
    for number in range(count):
        name = f"more_{number}"
        letter, rest = "XY"[number // 2600], number % 2600
        code = f"{letter}{rest // 26:02d}{chr(97 + rest % 26)}"
        question = {"id": code, "name": name, "key": name, "tools": "H"}
        bank["items"].append({**pattern, **question, "q": f"What about matter {number} at this place?"})
    bank["translations"] = []
    return bank


def huge_form(*, is_quick: bool) -> Found:
    """F21. A form of 5,000 questions is built; a submission with 1,000 repeats is taken and settled."""
    found, questions, members = Found(), 300 if is_quick else 5000, 50 if is_quick else 1000
    catalogue = read_catalogue(lay_huge_bank(questions))
    began = time.process_time()
    frozen = build_form(catalogue, "hh", places=read_starter_places())
    took = time.process_time() - began
    found.notes = {"questions": len(frozen.version.questions), "build_seconds": round(took, 1)}
    found.expect(took <= _BUILD_SECONDS, f"the build took {took:.1f} s")
    with open_ground() as settings:
        engine = open_engine(settings.database_url)
        household = open_household(settings, engine)
        household.post(_BASE)
        household.settle()  # the worker knows the version
        roster = [dict(_MEMBER) for _ in range(members)]
        began = time.monotonic()
        household.post({**_BASE, "roster": roster})
        household.settle()
        took = time.monotonic() - began
        found.notes |= {"repeats": members, "submission_seconds": round(took, 2)}
        found.expect(took <= _TAKE_SECONDS, f"the submission took {took:.2f} s")
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT state, jsonb_array_length(shared -> 'roster') FROM submissions")
            ).all()
        found.n, found.lost = 2, 2 - len(rows)
        found.expect(members in {row[1] for row in rows}, f"the members were not kept: {rows}")
        household.hands.engine.dispose()
        engine.dispose()
    return found


def unknown_answers(*, is_quick: bool) -> Found:
    """F29. A choice, a question and a form version that nobody knows: taken, sealed, never an error."""
    found, each = Found(), 10 if is_quick else 300
    with open_ground() as settings:
        engine = open_engine(settings.database_url)
        household = open_household(settings, engine)
        for _ in range(each):
            for change in ({"dem_group": "a new choice"}, {}, {}):
                body, _ = write_kobo({**_BASE, **change}, frozen=household.frozen)
                document = json.loads(body)
                if not change and found.n % 2:
                    document["a/new/question"] = "an answer"
                elif not change:
                    document["pim_catalogue_version"] = "1999.1-00000000"
                status = household.door.post(json.dumps(document).encode()).status_code
                found.expect(status == 202, f"told {status}")
                found.n += 1
        household.settle()
        with engine.connect() as connection:
            query = text("SELECT state, reason, count(*) FROM entries GROUP BY 1, 2 ORDER BY 1, 2")
            rows = [tuple(row) for row in connection.execute(query)]
        found.notes = {f"{state} {reason}": count for state, reason, count in rows}
        found.lost = found.n - sum(row[2] for row in rows)
        held = sum(row[2] for row in rows if row[:2] == ("held", "unknown_version"))
        found.expect(held, "no unknown version was held")
        found.expect(not any(state == "untouched" for state, _, _ in rows), "some wait for ever")
        household.hands.engine.dispose()
        engine.dispose()
    return found
