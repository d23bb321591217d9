"""pimcollect servers: a token comes in by a file, the environment or a prompt, and is never shown again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.connections import allow_erasing
from pimcollect.cli.doctor import check_connections
from pimcollect.config import Settings
from pimcollect.domain.roles import Actor, Role
from pimcollect.errors import ErrorCode, PimError
from tests.cli.conftest import Run
from tests.factories.door import put_form
from tests.factories.households import open_household

TOKEN = "8c1fcanarytoken"
CONNECT = ("servers", "connect", "--url", "https://kf.kobotoolbox.org", "--form", "pm_kac", "--there", "aUid")
Read = Callable[..., Any]


@pytest.fixture(autouse=True)
def form(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        put_form(session)


def test_a_token_file_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(PimError) as caught:
        run(*CONNECT, "--token-file", str(tmp_path / "none"))
    assert caught.value.code is ErrorCode.BAD_FILE


@pytest.mark.filterwarnings("error")
def test_a_token_that_is_piped_without_saying_so_is_told_in_words(run: Run) -> None:
    with pytest.raises(PimError) as caught:
        run(*CONNECT, input=f"{TOKEN}\n")
    assert caught.value.code is ErrorCode.WRONG_SECRET
    assert all(way in caught.value.remedy for way in ("--token-file FILE", "--token-file -", "SERVER_TOKEN"))


def test_the_command_line_has_no_place_for_a_token(run: Run) -> None:
    assert run(*CONNECT, "--token", TOKEN).exit_code == 2


def test_a_server_is_connected_listed_and_closed(
    run: Run, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read("servers", "list") == []
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    made = read(*CONNECT, "--token-file", str(tmp_path / "token"))
    monkeypatch.setenv("SERVER_TOKEN", TOKEN)
    other = run("servers", "connect", "--server", "ona", "--url", "https://api.ona.io", "--form", "pm_kac")
    assert "sealed" in other.output
    listed = run("servers", "list")
    assert TOKEN not in listed.output + other.output + str(made)
    assert {row["server"] for row in read("servers", "list")} == {"kobo", "ona"}
    assert "Closed" in run("servers", "close", made["id"], "--yes").output
    assert {row["id"]: row["state"] for row in read("servers", "list")}[made["id"]] == "closed"


def test_status_and_doctor_say_what_is_wrong_and_what_to_do(run: Run, read: Read, engine: Engine) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    (one,) = read("servers", "status")
    assert (one["state"], one["known"], one["count_there"]) == ("new", 0, None)
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET failures = 3, reason = 'refused', tried_at = now()"))
    (one,) = read("servers", "status")
    assert one["state"] == "failing: refused"
    assert one["remedy"].index("new one") < one["remedy"].index("servers close") < one["remedy"].index("connect again")
    told = run("servers", "status").output
    assert "failing: refused" in told
    assert f"\n{one['id'][:8]} pm_kac: {one['remedy']}\n" in told, "below the table, where no edge cuts it"
    assert max(map(len, told.partition("\n\n")[0].splitlines())) <= 120
    with Session(engine) as session:
        (finding,) = check_connections(session)
    assert (finding.check, finding.state) == ("servers", "attention")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE connections SET failures = 0, reason = NULL, pulled_at = now() - interval '50 minutes'")
        )
    assert [one["state"] for one in read("servers", "status")] == ["stale"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET pulled_at = now(), count_there = 4"))
    with Session(engine) as session:
        (finding,) = check_connections(session)
    assert "0 fetched of 4" in finding.detail
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET count_there = 0"))
    with Session(engine) as session:
        assert [one.state for one in check_connections(session)] == ["ok"]


def test_status_counts_what_is_here_by_any_door_and_shows_an_id_that_commands_take(
    run: Run, read: Read, engine: Engine, settings: Settings
) -> None:
    household = open_household(settings, engine)
    household.post({})
    household.post({"con_interview": "no"})
    household.settle()
    household.post({})
    household.hands.engine.dispose()
    run(*CONNECT[:-3], "hh", "--there", "aUid", "--token-file", "-", input=f"{TOKEN}\n")
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET pulled_at = now(), count_there = 3"))
    (one,) = read("servers", "status")
    assert (one["count_there"], one["known"], one["here"], one["waiting"]) == (3, 0, 2, 1)
    told = run("servers", "status").output
    short = one["id"][:8]
    assert short in told
    assert one["id"] not in told
    assert "Closed" in run("servers", "close", short, "--yes").output


def test_status_says_whether_the_project_history_may_be_read(run: Run, read: Read, engine: Engine) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    assert [one["history"] for one in read("servers", "status")] == [None]
    for state, words in (("not_allowed", "may not read it"), ("in_trouble", "could not be read"), ("read", "read: it")):
        with engine.begin() as connection:
            kept = json.dumps({"sure": 3, "history": {"state": state}})
            connection.execute(
                text("UPDATE connections SET cursor = CAST(:kept AS jsonb), pulled_at = now()"), {"kept": kept}
            )
        (one,) = read("servers", "status")
        assert (one["history"], one["state"]) == (state, "well")
        assert words in " ".join(run("servers", "status").output.split())


def test_fetching_asks_and_looks_on_and_erasing_is_for_those_who_may(run: Run, engine: Engine) -> None:
    with pytest.raises(PimError) as caught:
        run("servers", "fetch", "pm_kac")
    assert caught.value.code is ErrorCode.NOT_FOUND
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    unsure = run("servers", "fetch", "pm_kac", "--erase", "--wait", "0", input="n\n")
    assert (unsure.exit_code, "0 of ? fetched" in unsure.output, "for good" in unsure.output) == (1, True, True)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT may_erase OR asked_at IS NOT NULL FROM connections")) is False
    told = run("servers", "fetch", "pm_kac", "--erase", "--yes", "--wait", "0")
    assert "kobo: 0 of ? fetched" in told.output
    with engine.connect() as connection:
        row = connection.execute(text("SELECT may_erase, asked_at IS NOT NULL FROM connections")).one()
        acts = set(connection.scalars(text("SELECT action FROM journal WHERE noun = 'connections'")))
    assert tuple(row) == (True, True)
    assert acts == {"connect", "let_erase", "fetch"}
    with Session(engine) as session, pytest.raises(PimError) as caught:
        allow_erasing(session, Actor("m", frozenset({Role.IMO})), "pm_kac")
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_fetching_right_after_a_pull_says_that_it_waits_for_its_turn(run: Run, read: Read, engine: Engine) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    with engine.begin() as connection:
        pulled = "tried_at = now(), pulled_at = now(), next_at = now() + interval '15 minutes'"
        connection.execute(text(f"UPDATE connections SET {pulled}"))
    assert "waits for its turn until " in run("servers", "fetch", "pm_kac", "--wait", "0").stderr
    (one,) = read("servers", "status")
    assert (one["waits_until"], one["under_way_since"]) == (one["next_at"], None)


def test_status_says_since_when_a_pull_is_under_way(run: Run, read: Read, engine: Engine) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    assert "under way" not in run("servers", "status").output
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET tried_at = now(), pulled_at = now() - interval '15 minutes'"))
    assert "under way since" in run("servers", "status").output
    (one,) = read("servers", "status")
    assert (one["state"], one["waits_until"], one["under_way_since"] is None) == ("well", None, False)


def test_status_says_until_when_a_server_asked_not_to_be_called(run: Run, read: Read, engine: Engine) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    for hours, is_said in ((1, True), (-1, False)):
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE connections SET not_before = now() + make_interval(hours => {hours})"))
        assert ("asked not to be called before" in run("servers", "status").output) is is_said
        assert (read("servers", "status")[0]["left_alone_until"] is not None) is is_said


def test_a_connection_is_closed_only_after_a_yes(run: Run, read: Read) -> None:
    made = json.loads(run(*CONNECT, "--token-file", "-", "--json", input=f"{TOKEN}\n").stdout)
    asked = run("servers", "close", made["id"], input="n\n")
    assert (asked.exit_code, "token" in asked.output) == (1, True)
    assert run("servers", "close", made["id"]).exit_code == 1  # nobody there to answer
    assert [row["state"] for row in read("servers", "list")] == ["open"]
    assert run("servers", "close", made["id"], input="y\n").exit_code == 0
    assert [row["state"] for row in read("servers", "list")] == ["closed"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_pull_that_failed_or_did_not_end_is_told_to_programs_too(
    run: Run, engine: Engine, as_json: tuple[str, ...]
) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    assert run("servers", "fetch", "pm_kac", "--wait", "0", *as_json).exit_code == 0  # asked, and not looked on
    unended = run("servers", "fetch", "pm_kac", "--wait", "1", *as_json)
    assert (unended.exit_code, "not ended" in unended.stderr) == (1, True)
    tried = "tried_at = now() + interval '1 hour', next_at = now() + interval '1 hour'"
    for state, code in (
        ("failures = 2, reason = 'refused'", 1),
        ("failures = 0, reason = NULL, pulled_at = tried_at", 0),
    ):
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE connections SET {tried}"))
            connection.execute(text(f"UPDATE connections SET {state}"))
        done = run("servers", "fetch", "pm_kac", *as_json)
        assert done.exit_code == code, done.output
        assert "pm_kac" in done.stdout


@pytest.mark.parametrize("host", ["kobo.invalid", f"{'x' * 70}.invalid"])
def test_a_host_that_nobody_knows_is_told_when_it_is_connected(run: Run, read: Read, host: str) -> None:
    words = ("servers", "connect", "--url", f"https://{host}", "--form", "pm_kac", "--there", "aUid")
    told = run(*words, "--token-file", "-", input=f"{TOKEN}\n")
    assert (told.exit_code, "Connected" in told.output) == (0, True)  # the line may be down, in the field
    assert f"no host of the name {host}" in told.stderr
    assert "begin to fetch" not in told.output
    made = run(*words[:-1], "aOther", "--token-file", "-", "--json", input=f"{TOKEN}\n")
    assert (json.loads(made.stdout)["is_host_found"], "Warning" in made.stderr) == (False, True)


def test_a_host_that_is_known_is_connected_without_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIMCOLLECT_PRIVATE_HOSTS", "localhost")
    words = ("servers", "connect", "--url", "http://localhost:1", "--form", "pm_kac", "--there", "aUid")
    told = run(*words, "--token-file", "-", input=f"{TOKEN}\n")
    assert (told.stderr, "begin to fetch" in told.output) == ("", True)


def test_status_names_the_host_that_nobody_knows(run: Run, read: Read, engine: Engine) -> None:
    run(*CONNECT, "--token-file", "-", input=f"{TOKEN}\n")
    with engine.begin() as connection:
        connection.execute(text("UPDATE connections SET failures = 1, reason = 'unknown_name', tried_at = now()"))
    (one,) = read("servers", "status")
    assert (one["state"], one["base"]) == ("failing: unknown_name", "https://kf.kobotoolbox.org")
    assert "no host of the name kf.kobotoolbox.org" in one["remedy"]
    with Session(engine) as session:
        (finding,) = check_connections(session)
    assert "compare the address" in finding.remedy
