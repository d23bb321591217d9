"""Hooks, inbox, submissions: what people and programs see, and that none of it is an answer."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.entries import EntryRow
from pimcollect.tables.media import QUARANTINED
from pimcollect.vault import DoorKeys
from tests.cli.conftest import Run
from tests.factories.households import SCENARIOS, Household
from tests.payloads import HERE
from webhooks.media import store_media

BASE = SCENARIOS["base_answers"]
Read = Callable[..., Any]


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_hook_for_an_unknown_form_says_which_forms_there_are(run: Run, household: Household) -> None:
    with pytest.raises(PimError) as caught:
        run("hooks", "open", "--form", "nothing")
    assert caught.value.code is ErrorCode.NOT_FOUND
    assert "hh" in caught.value.remedy


def test_a_hook_prints_what_to_paste_and_shows_its_secret_once(run: Run, read: Read, household: Household) -> None:
    opened = read("hooks", "open", "--server", "kobo", "--form", "hh")
    assert opened["url"].endswith(opened["url"].rpartition("/")[2])
    (secret,) = opened["headers"].values()
    assert secret not in run("hooks", "list").output
    rotated = read("hooks", "rotate", opened["id"])
    assert rotated["url"] == opened["url"]
    assert rotated["headers"] != opened["headers"]
    assert run("hooks", "close", opened["id"], input="n\n").exit_code == 1
    assert {row["state"] for row in read("hooks", "list")} == {"open"}
    run("hooks", "close", opened["id"], "--yes")
    assert {row["id"]: row["state"] for row in read("hooks", "list")}[opened["id"]] == "closed"


@pytest.mark.parametrize("note", ["x" * 101, "two\nlines"])
def test_a_note_is_one_short_line(run: Run, read: Read, household: Household, note: str) -> None:
    with pytest.raises(PimError) as caught:
        run("hooks", "open", "--form", "hh", "--note", note)
    assert caught.value.code is ErrorCode.BAD_SETTING


def test_a_hook_is_listed_with_its_note_and_how_much_of_its_is_held(run: Run, read: Read, household: Household) -> None:
    noted = read("hooks", "open", "--form", "hh", "--note", " The ministry's gateway ")
    household.door.post(b"{")
    household.settle()
    listed = {row["id"]: (row["note"], row["held"]) for row in read("hooks", "list")}
    assert listed == {noted["id"]: ("The ministry's gateway", 0), str(household.door.hook.id): (None, 1)}
    assert "The ministry's gateway" in run("hooks", "list").output


def test_hooks_are_listed_in_a_table_that_fits_and_what_is_long_stands_below_it(
    run: Run, read: Read, household: Household
) -> None:
    allowed = ("203.0.113.0/24", "2001:db8:aaaa:bbbb::/64")
    words = [word for network in allowed for word in ("--allow", network)]
    made = read("hooks", "open", "--form", "hh", "--note", "The ministry's gateway in the capital " * 2, *words)
    run("hooks", "close", read("hooks", "open", "--form", "hh")["id"], "--yes")
    table, *below = run("hooks", "list").output.split("\n\n")
    assert len(table.splitlines()) == 4, "nothing wraps"
    assert max(map(len, table.splitlines())) <= 120
    (line,) = [one for one in below if one.startswith(f"{made['id'][:8]} hh: The ministry's gateway")]
    assert f"only from {', '.join(allowed)}" in line
    assert [one for one in below if "closed 20" in one and "by command line" in one]


def test_what_is_shown_of_a_hook_s_entry_names_the_hook_s_note(run: Run, read: Read, household: Household) -> None:
    made = read("hooks", "open", "--form", "hh", "--note", "The ministry's gateway")
    path, headers = urlsplit(made["url"]).path, made["headers"]
    household.door.client.post(path, data=b"{", headers=headers)
    household.settle()
    (held,) = read("inbox", "list")
    (shown,) = read("inbox", "show", held["id"])
    assert (shown["hook"], shown["note"]) == (made["id"], "The ministry's gateway")
    assert "The ministry's gateway" in run("inbox", "show", held["id"]).output


def test_what_could_not_be_used_is_told_by_question_and_reason_and_never_what_it_was(
    run: Run, read: Read, household: Household
) -> None:
    assert run("submissions", "findings").output == "All answers could be used.\n"
    household.post({**BASE, "dem_age": "Silverleaf"})
    household.post({**BASE, "dem_age": "Silverleaf"}, no_such_question="Silverleaf")
    household.settle()
    rows = read("submissions", "findings", "--form", "hh")
    assert {(row["question"], row["reason"], row["n"], row["submissions"]) for row in rows} == {
        ("dem_age", "unknown_choice", 2, 2),
        ("", "unknown_fields", 1, 1),
    }
    assert sorted(sum(row["findings"].values()) for row in read("submissions", "list")) == [1, 2]
    for words in (("findings",), ("list",), ("findings", "--json"), ("list", "--json")):
        assert "Silverleaf" not in run("submissions", *words).output
    assert read("submissions", "findings", "--form", "nothing") == []


def test_lists_for_programs_are_json_lists_also_when_empty(read: Read) -> None:
    for words in (
        ["hooks", "list"],
        ["inbox", "list"],
        ["submissions", "list"],
        ["referrals", "list"],
        ["forms", "list"],
    ):
        assert read(*words) == []


def test_what_is_held_says_why_and_how_to_mend_it_and_can_be_replayed(
    run: Run, read: Read, household: Household, engine: Engine
) -> None:
    household.door.post(b'{"pim_catalogue_version": "1999.1-0", "_uuid": "1"}')
    household.settle()
    (held,) = read("inbox", "list", "--state", "held")
    assert (held["state"], held["reason"]) == ("held", "unknown_version")
    assert "replay" in held["mend"]
    assert "now" in run("inbox", "replay", held["id"]).output
    with engine.connect() as connection:
        assert connection.execute(text("SELECT state, attempts FROM entries")).one() == ("untouched", 0)
    with pytest.raises(PimError):
        run("inbox", "replay", held["id"])


@pytest.mark.parametrize(
    ("body", "fault", "what"),
    [
        (b'{"_uuid": "1", "a": "Canary\\u0000"}', "signs", "a sign that no text has"),
        (b'{"_uuid": "1", "a": "Canary", "a": "y"}', "twice", "A field stands twice"),
    ],
)
def test_what_can_be_read_in_two_ways_is_kept_sealed_and_is_to_be_corrected_where_it_was_made(
    run: Run, read: Read, household: Household, engine: Engine, body: bytes, fault: str, what: str
) -> None:
    household.door.post(body)
    household.settle()
    (held,) = read("inbox", "list", "--state", "held")
    assert (held["reason"], held["fault"]) == ("unreadable", fault)
    for said in (held["mend"], run("inbox", "show", held["id"]).output, run("inbox", "list").output):
        assert what in said
        assert "correct it" in said
        assert "Canary" not in said
    (shown,) = read("inbox", "show", held["id"])
    assert (shown["fault"], shown["what_to_do"]) == (fault, held["mend"])
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT body IS NOT NULL FROM entries"))


def test_files_in_quarantine_are_listed_by_entry_with_their_day_and_discarded_before_it(
    run: Run, read: Read, household: Household, engine: Engine, door_keys: DoorKeys
) -> None:
    assert run("inbox", "files", "list").output == "No file is in quarantine.\n"
    household.post(BASE)
    with Session(engine) as session, session.begin():
        entry, identity = session.execute(select(EntryRow.id, EntryRow.identity)).one()
        for name in ("Canary.jpg", "audit.csv"):
            named = {"form": "hh", "identity": identity, "name": name, "content": b"Canary", "keys": door_keys}
            store_media(session, **named, state=QUARANTINED)
    household.settle()
    (listed,) = read("inbox", "files", "list")
    assert (listed["entry"], listed["form"], listed["files"], listed["bytes"]) == (str(entry), "hh", 2, 12)
    day = date.fromisoformat(listed["received_at"][:10]) + timedelta(days=14)
    assert listed["deleted_on"] == day.isoformat()
    assert read("inbox", "show", str(entry))[0]["quarantined_files"] == 2
    told = run("inbox", "files", "list").output
    assert day.isoformat() in told
    assert "Canary" not in told
    assert "2 shredded" in run("inbox", "files", "discard", str(entry), "--yes").output
    assert read("inbox", "files", "list") == []
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM media WHERE content IS NOT NULL")) == 0
        assert connection.scalar(text("SELECT noun_id FROM journal WHERE action = 'discard_files'")) == str(entry)
    with pytest.raises(PimError):
        run("inbox", "files", "discard", str(entry), "--yes")


def test_submissions_are_listed_with_their_root_and_state(run: Run, read: Read, household: Household) -> None:
    kept = household.post(BASE)
    refused = household.post({**BASE, "con_interview": "no"})
    household.settle()
    found = {row["root_id"]: row["state"] for row in read("submissions", "list")}
    assert found == {kept: "kept", refused: "tombstone"}
    counted = {(row["what"], row["n"]) for row in read("submissions", "count")}
    assert counted == {("kept", 1), ("tombstone", 1), ("refused", 1)}
    assert {len(row["month"]) for row in read("submissions", "count")} == {len("2026-11")}
    told = run("submissions", "count").output
    assert told.index("tombstone") < told.index("once more") < told.index("refused ")


def test_an_export_holds_only_what_may_be_shared_and_no_id_or_time(
    run: Run, read: Read, household: Household, tmp_path: Path, engine: Engine
) -> None:
    shared = household.post({**BASE, "dem_group": "idp", "roster": [{"age": 41, "sex": "female"}, {"age": 3}]})
    household.post({**BASE, "con_share": "no", "dem_group": "migrant"})
    household.settle()
    (row,) = read("submissions", "export", "--form", "hh")
    assert row["dem_group"] == "displaced"
    assert shared not in json.dumps(row)
    assert len(read("submissions", "export", "--form", "hh", "--internal")) == 2
    assert any(
        "restricted" in key for one in read("submissions", "export", "--form", "hh", "--restricted") for key in one
    )
    run("submissions", "export", "--form", "hh", "-o", str(tmp_path))
    (line,) = read_table(tmp_path / "hh.csv")
    assert line["row"] == "1"
    assert [member["age"] for member in read_table(tmp_path / "hh.roster.csv")] == ["18-59", "0-4"]
    with engine.connect() as connection:
        acts = connection.execute(text("SELECT action FROM journal WHERE noun = 'forms' AND action LIKE 'export%'"))
        assert sorted(act for (act,) in acts) == [
            "export_internal",
            "export_restricted",
            "export_shared",
            "export_shared",
        ]


def test_an_export_says_what_it_leaves_out_and_never_mixes_its_tiers(
    run: Run, household: Household, tmp_path: Path
) -> None:
    household.post({**BASE, "con_share": "no"})
    household.settle()
    assert "1 more were kept" in run("submissions", "export", "--form", "hh", "-o", str(tmp_path)).output
    told = run("submissions", "export", "--form", "hh", "--json")
    assert (json.loads(told.stdout), "1 more were kept" in told.stderr) == ([], True)
    run("submissions", "export", "--form", "hh", "--internal", "-o", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"hh.csv", "hh.internal.csv"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    with pytest.raises(PimError):
        run("submissions", "export", "--form", "nothing", "--json")
    with pytest.raises(PimError):
        run("submissions", "export", "--form", "hh", "-o", str(tmp_path / "hh.csv" / "below"))


def test_no_cell_of_an_export_is_a_formula() -> None:
    from pimcollect.cli.submissions import _safe_cell

    for start in "=+-@|%\t\r\x00\ufeff":
        assert _safe_cell(f"{start}1+1").startswith("'")
    assert _safe_cell(["a", "b"]) == "a b"
    assert _safe_cell(7) == 7


def test_rehearsing_the_shipped_scenarios_finds_no_difference(run: Run, read: Read) -> None:
    results = read("rehearse", str(HERE / "scenarios.json"))
    assert results
    assert all(row["ok"] for row in results)


def test_rehearsing_says_what_differs_and_exits_with_1(run: Run, tmp_path: Path) -> None:
    changed = json.loads(json.dumps(SCENARIOS))
    changed["scenarios"][0]["store"] = "shareable"
    changed["scenarios"][1]["result"] = []
    path = tmp_path / "scenarios.json"
    path.write_text(json.dumps(changed))
    result = run("rehearse", str(path))
    assert result.exit_code == 1
    assert "kept as tombstone, expected shareable" in result.output
    assert "not expected: RP-CP" in result.output


def test_rehearsing_a_form_of_the_operation_uses_its_services(read: Read, household: Household) -> None:
    results = {row["id"]: row for row in read("rehearse", str(HERE / "scenarios.json"), "--form", "hh")}
    assert results["GS16"]["ok"]
    assert results["GS16"]["services"] == {"RP-HLP": "home-land", "RP-MED": "clinic-quay"}
    assert read("submissions", "list") == []


@pytest.mark.parametrize(
    "source", ["", "[]", "{}", '{"scenarios": []}', '{"scenarios": [{"id": "x", "store": "maybe"}]}']
)
def test_a_broken_scenarios_file_is_refused_by_place(run: Run, tmp_path: Path, source: str) -> None:
    path = tmp_path / "scenarios.json"
    path.write_text(source)
    with pytest.raises(PimError) as caught:
        run("rehearse", str(path))
    assert caught.value.code is ErrorCode.BAD_FILE


def test_what_will_never_be_settled_can_be_discarded_once(
    run: Run, read: Read, household: Household, engine: Engine
) -> None:
    household.door.post(b"{")
    household.settle()
    (held,) = read("inbox", "list", "--state", "held")
    assert "Shredded" in run("inbox", "discard", held["id"], "--yes").output
    with engine.connect() as connection:
        row = connection.execute(text("SELECT state, reason, body FROM entries")).one()
    assert tuple(row) == ("settled", "discarded", None)
    with pytest.raises(PimError):
        run("inbox", "discard", held["id"], "--yes")
