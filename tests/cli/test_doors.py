"""The doors by command: hooks of every kind, what is held in words, and deliveries carried to another machine."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.cli.doctor import check_keys
from pimcollect.cli.doctor_doors import check_refusals
from pimcollect.config import Settings, read_settings
from pimcollect.domain.version import ConsentMap, Version, write_version
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.forms import FormVersionRow
from pimcollect.tables.marks import HOOKS, Refusal, mark_hook_refusals, mark_refusals
from pimcollect.tables.phones import PhoneFormRow
from tests.cli.conftest import Run
from tests.factories.door import make_app, put_form
from tests.factories.households import Household
from webhooks.hooks import SECRET_HEADER

Read = Callable[..., Any]


def post(settings: Settings, engine: Engine, opened: dict[str, Any], body: bytes = b'{"_uuid": "1"}') -> int:
    path = opened["url"].split("/webhooks/")[1]
    client = make_app(settings, engine).test_client()
    return int(client.post(f"/webhooks/{path}", data=body, headers=opened["headers"]).status_code)


def test_each_kind_of_hook_is_told_as_its_server_needs_it(
    run: Run, read: Read, settings: Settings, engine: Engine, household: Household, tmp_path: Path
) -> None:
    mapping = tmp_path / "sender.json"
    asked = {q.key: q.path for q in household.frozen.version.questions}
    consent = {key: asked[key] for key in ("con_adult", "con_understood", "con_interview")}
    told = {"answers": "data", "instance_id": "id", "secret_in": "address", "fields": consent}
    mapping.write_text(json.dumps(told))
    opened = {
        server: read("hooks", "open", "--form", "hh", "--server", server, *more)
        for server, more in (("kobo", ()), ("ona", ()), ("central", ()), ("mapped", ("--mapping", str(mapping))))
    }
    assert [list(one["headers"]) for one in opened.values()] == [[SECRET_HEADER], [], ["X-API-Key"], []]
    assert [post(settings, engine, one) for one in opened.values()] == [202] * 4
    said = run("hooks", "open", "--form", "hh", "--server", "ona").output
    assert "treat it as a password" in said
    assert {row["server"] for row in read("hooks", "list")} == {"kobo", "ona", "central", "mapped"}


def test_a_hook_is_limited_rotated_and_closed(
    run: Run, read: Read, settings: Settings, engine: Engine, household: Household
) -> None:
    hook = read("hooks", "open", "--form", "hh", "--allow", "203.0.113.0/24")
    assert post(settings, engine, hook) == 401
    run("hooks", "change", hook["id"], "--allow-all")
    assert post(settings, engine, hook) == 202
    assert "works until the next rotation" in run("hooks", "rotate", hook["id"]).output
    hook = read("hooks", "rotate", hook["id"])
    rotated = read("hooks", "rotate", hook["id"])
    assert (post(settings, engine, hook), post(settings, engine, rotated)) == (202, 202)
    assert run("hooks", "close", hook["id"], input="n\n").exit_code == 1
    assert post(settings, engine, rotated) == 202
    run("hooks", "close", hook["id"], "--yes")
    assert post(settings, engine, rotated) == 401
    assert run("hooks", "change", hook["id"]).exit_code == 2
    with pytest.raises(PimError) as caught:
        run("hooks", "change", hook["id"], "--allow", "10.0.0.0/8")
    assert caught.value.code is ErrorCode.NOT_FOUND


PLAIN = Version("f", "F", "1", "adopted", "", ("en",), (), {}, (), ConsentMap(keep=()), is_encrypted=True)
IMAGE = {"path": "/data/card", "type": "image", "treatment": {"kind": "vault"}}


@pytest.mark.parametrize(
    ("server", "document", "lack", "next_command"),
    [
        (
            "kobo",
            {"is_encrypted": True},
            "envelope",
            "servers connect --server kobo --url https://YOUR-SERVER --form f",
        ),
        ("ona", {"questions": [IMAGE]}, "pictures", "servers connect --server ona"),
        ("central", {}, "hint", "--there PROJECT/FORM --user MAIL"),
        ("mapped", json.loads(write_version(PLAIN)), "envelope", "pimcollect forms release f --to phones"),
        ("odk", {"is_encrypted": True}, "envelope", "pimcollect forms release f --to phones"),
        ("odk", {"questions": [IMAGE]}, "pictures", "pimcollect forms release f --to phones"),
        ("kobo", {"is_encrypted": False, "questions": [{**IMAGE, "treatment": {"kind": "drop"}}]}, None, ""),
    ],
)
def test_a_hook_that_is_not_enough_alone_says_why_and_what_comes_next_until_it_is_connected(
    run: Run, read: Read, engine: Engine, tmp_path: Path, *, server: str, document: Any, lack: str, next_command: str
) -> None:
    with Session(engine) as session, session.begin():
        put_form(session, "f")
        session.add(FormVersionRow(form="f", version="1", sha256="0" * 64, document=document, xlsx=b"", xform=""))
    mapping = tmp_path / "sender.json"
    mapping.write_text('{"instance_id": "id"}')
    words = ("hooks", "open", "--form", "f", "--server", server)
    words += ("--mapping", str(mapping)) if server == "mapped" else ()
    told = read(*words)
    assert (told["lack"], told["next"] is None) == (lack, lack is None)
    said = run(*words).output
    assert ("Not enough alone" in said) == (lack is not None)
    assert next_command in said
    assert ("carry what it asks readable" in " ".join(said.split())) == (lack == "envelope" and server != "kobo")
    if server == "kobo" and lack:
        connect = ("servers", "connect", "--url", "https://kf.kobotoolbox.org", "--form", "f", "--there", "aUid")
        run(*connect, "--token-file", "-", input="8c1ftoken\n")
        assert read("hooks", "rotate", read(*words)["id"])["lack"] is None


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, "[1]", '{"instance_id": 1}'])
def test_a_mapping_file_that_is_not_right_is_refused(run: Run, household: Household, tmp_path: Path, text: str) -> None:
    mapping = tmp_path / "sender.json"
    mapping.write_text(text)
    with pytest.raises(PimError) as caught:
        run("hooks", "open", "--form", "hh", "--server", "mapped", "--mapping", str(mapping))
    assert caught.value.code is ErrorCode.BAD_FILE


def test_what_is_held_is_shown_with_why_and_what_to_do_and_without_content(
    run: Run, read: Read, household: Household
) -> None:
    household.door.post(b'{"pim_catalogue_version": "1999.1-0", "_uuid": "1", "name": "Nadia-Canary"}')
    household.settle()
    (held,) = read("inbox", "list")
    (told,) = read("inbox", "show", held["id"])
    assert (told["state"], told["reason"], told["way"], told["read_as"]) == (
        "held",
        "unknown_version",
        "hook",
        "kobo",
    )
    said = run("inbox", "show", held["id"]).output
    assert "Build or adopt that version, then replay." in said
    assert "Nadia" not in said
    with pytest.raises(PimError) as caught:
        run("inbox", "show", str(uuid4()))
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_a_laptop_collects_for_the_office(
    run: Run,
    read: Read,
    settings: Settings,
    household: Household,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, stick = tmp_path / "office.json", tmp_path / "stick"
    said = run("keys", "export-intake", "--for", "laptop-3", "-o", str(key)).output
    assert key.stat().st_mode & 0o077 == 0
    key_id = said.split()[2]
    door = tmp_path / "laptop.json"
    shutil.copy(settings.door_keys, door)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(door))
    with pytest.raises(PimError) as caught:
        run("keys", "import-intake", str(key), "--key", "0" * 16)
    assert caught.value.code is ErrorCode.BAD_KEYS
    assert key_id in run("keys", "import-intake", str(key), "--key", key_id).output
    assert "another machine" in check_keys(read_settings()).detail
    household.door.post(b'{"_uuid": "1"}')
    (written,) = read("inbox", "carry", "-o", str(stick))
    assert (written["deliveries"], written["key"]) == (1, key_id)
    with pytest.raises(PimError, match="cannot be made: No such file or directory"):
        run("inbox", "carry", "-o", str(tmp_path / "none" / "x"))
    with pytest.raises(PimError, match="is there already"):
        run("inbox", "carry", "-o", str(stick))
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))
    (taken,) = read("inbox", "accept", str(stick))
    assert (taken["new"], taken["known"]) == (0, 1), "in this test both are one database"
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(door))
    assert "1 shredded" in run("inbox", "shred-carried", str(stick), "--receipt", taken["receipt"]).output


def test_a_list_says_by_which_door_each_came_and_how_many_it_leaves_out(
    run: Run, read: Read, household: Household
) -> None:
    for number in range(3):
        household.door.post(f'{{"_uuid": "{number}"}}'.encode())
    for row in read("inbox", "list"):
        assert (row["way"], row["came_by"]) == ("hook", f"kobo {row['hook'][:8]}")
    assert "1 more, older ones: --limit 3" in run("inbox", "list", "--limit", "2").stderr
    assert run("inbox", "list", "--limit", "3").stderr == ""
    assert run("inbox", "list", "--state", "held", "--limit", "1").stderr == ""


def test_where_nothing_waits_no_file_is_carried(run: Run, read: Read, household: Household, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    assert "no file was written" in run("inbox", "carry", "-o", str(stick)).output
    assert read("inbox", "carry", "-o", str(stick))[0]["file"] is None
    assert not stick.exists()


def test_doctor_tells_which_door_refused_why_and_what_to_do_closed_ones_too(
    read: Read, run: Run, engine: Engine, household: Household
) -> None:
    opened = [read("hooks", "open", "--form", "hh") for _ in range(2)]
    run("hooks", "close", opened[1]["id"], "--yes")
    with Session(engine) as session, session.begin():
        assert [one.state for one in check_refusals(session)] == ["ok"]
        ids = [UUID(one["id"]) for one in opened]
        reasons = (Refusal.WRONG_SECRET, Refusal.CLOSED)
        mark_hook_refusals(session, {(hook, why): 3 for hook in ids for why in reasons})
        mark_refusals(session, {(HOOKS, Refusal.UNKNOWN): 5})
        told = [f"{one.detail} {one.remedy}" for one in check_refusals(session)]
    short = [one["id"][:8] for one in opened]
    assert any(f"hook {short[0]} of hh: 3 refused" in one and f"hooks rotate {short[0]}" in one for one in told)
    assert any(f"closed hook {short[1]}" in one and "hooks open --form hh --server kobo" in one for one in told)
    assert any("5 calls of addresses that no hook has, last 20" in one for one in told)
    assert len(told) == 3, "a closed hook's only: that somebody still posts there"


def test_each_reason_of_a_hook_has_its_own_count_and_no_advice_shuts_a_door_that_is_open_to_all(
    read: Read, run: Run, engine: Engine, household: Household
) -> None:
    hook = read("hooks", "open", "--form", "hh", "--allow", "203.0.113.0/24")
    counts = {Refusal.WRONG_SECRET: 2, Refusal.TOO_LARGE: 1, Refusal.NETWORK: 1}
    with Session(engine) as session, session.begin():
        mark_hook_refusals(session, {(UUID(hook["id"]), why): n for why, n in counts.items()})
        mark_refusals(session, {(HOOKS, Refusal.UNKNOWN): 1})

    def tell() -> list[str]:
        with Session(engine) as session:
            return [f"{one.detail} {one.remedy}" for one in check_refusals(session)]

    for why, n in counts.items():
        assert any(f"of hh: {n} refused, last 20" in one and f": {why.value} " in one for one in tell()), why
    assert any("--allow 203.0.113.0/24 --allow NETWORK`" in one for one in tell()), "what is allowed stays allowed"
    assert any("1 call of an address that no hook has" in one for one in tell())
    (listed,) = [row for row in read("hooks", "list") if row["id"] == hook["id"]]
    assert {one["reason"]: one["n"] for one in listed["refusals"]} == counts
    assert listed["refused"] == 4
    both = run("hooks", "change", hook["id"], "--allow-all", "--allow", "203.0.113.0/24")
    assert (both.exit_code, "exclude each other" in both.output) == (2, True)
    run("hooks", "change", hook["id"], "--allow-all")
    assert not [one for one in tell() if "network" in one]
    assert len(tell()) == 3


def test_each_thing_that_is_done_at_a_door_is_told_to_programs_too(
    run: Run, read: Read, household: Household, tmp_path: Path
) -> None:
    hook = read("hooks", "open", "--form", "hh")
    assert read("hooks", "change", hook["id"], "--allow", "203.0.113.0/24") == [{"id": hook["id"]}]
    closed = run("hooks", "close", hook["id"], "--json", input="y\n")
    assert json.loads(closed.stdout) == [{"id": hook["id"], "state": "closed"}]
    run("phones", "add", "enum-07")
    assert read("phones", "revoke", "enum-07") == [{"name": "enum-07", "state": "revoked"}]
    household.door.post(b'{"pim_catalogue_version": "1999.1-0", "_uuid": "1"}')
    household.settle()
    (held,) = read("inbox", "list", "--state", "held")
    assert read("inbox", "replay", held["id"]) == [{"id": held["id"], "is_rung": True}]
    stick = tmp_path / "stick"
    assert run("inbox", "carry", "-o", str(stick)).output.startswith("1 delivery and 0 files, sealed")
    assert run("inbox", "accept", str(stick)).output.startswith("0 new deliveries, 1 that was here already, 0 files.")
    (taken,) = read("inbox", "accept", str(stick))
    assert read("inbox", "shred-carried", str(stick), "--receipt", taken["receipt"]) == [{"shredded": 1, "left": 0}]


def test_what_waits_for_its_rest_says_until_when_and_is_no_matter_for_the_doctor(
    run: Run, read: Read, engine: Engine, household: Household
) -> None:
    household.door.post(b'{"_uuid": "1"}')
    (waiting,) = read("inbox", "list")
    assert "within moments" in run("inbox", "show", waiting["id"]).output
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET reason = 'incomplete', waits_until = '2126-11-26 02:15+00'"))
    said = run("inbox", "show", waiting["id"]).output
    assert "until 2126-11-26 02:15 UTC" in said
    assert "settled then without it" in said
    assert "within moments" not in said
    assert read("inbox", "show", waiting["id"])[0]["waits_until"].startswith("2126-11-26T02:15")


def test_a_form_that_was_built_readable_since_or_has_its_phones_lacks_nothing(
    run: Run, read: Read, engine: Engine
) -> None:
    encrypted = {"form": "f", "xlsx": b"", "xform": ""}
    with Session(engine) as session, session.begin():
        put_form(session, "f")
        session.add(FormVersionRow(version="1", sha256="0" * 64, document={"is_encrypted": True}, **encrypted))
    assert read("hooks", "open", "--form", "f")["lack"] == "envelope"
    with Session(engine) as session, session.begin():
        pictures = FormVersionRow(version="2", sha256="1" * 64, document={"questions": [IMAGE]}, **encrypted)
        session.add(pictures)
        session.flush()
        seen = {"version": pictures.id, "form": "f", "form_id": "f", "stated": "2", "md5": "0" * 32}
        session.add(PhoneFormRow(**seen))
    assert read("hooks", "open", "--form", "f", "--server", "odk")["lack"] is None
    assert read("hooks", "open", "--form", "f")["lack"] == "pictures"


def test_the_mapping_in_the_manual_fits_its_own_form(
    run: Run, read: Read, household: Household, tmp_path: Path
) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "operators" / "hooks.md").read_text()
    (mapping,) = re.findall(r"```\n(\{\n.*?\n\})\n```", manual, re.DOTALL)
    (tmp_path / "F.json").write_text(mapping)
    words = ("hooks", "open", "--form", "hh", "--server", "mapped", "--mapping", str(tmp_path / "F.json"))
    assert read(*words)["server"] == "mapped"


def test_a_hook_is_found_by_how_its_address_begins(run: Run, read: Read, household: Household) -> None:
    for server in ("kobo", "ona"):
        hook = read("hooks", "open", "--form", "hh", "--server", server, "--allow", "203.0.113.0/24")
        path = hook["url"].partition("/webhooks/")[2]
        (listed,) = [row for row in read("hooks", "list") if row["id"] == hook["id"]]
        assert listed["address"] == f"/webhooks/{path[:8]}…"
        shown = run("hooks", "list").output
        assert f"/webhooks/{path[:8]}…" in shown
        assert "203.0.113.0/24" in shown
        assert path[8:] not in shown


def test_an_unknown_server_is_told_the_ones_there_are(run: Run, household: Household) -> None:
    with pytest.raises(PimError) as caught:
        run("hooks", "open", "--form", "hh", "--server", "foo")
    said = str(caught.value)
    assert said.startswith("There is no server called foo. There are: ")
    assert all(name in said for name in ("central", "kobo", "mapped", "odk", "ona"))


def test_what_to_do_is_said_once_below_the_table_however_many_are_held(run: Run, household: Household) -> None:
    for number in range(3):
        household.door.post(f'{{"pim_catalogue_version": "1999.1-0", "_uuid": "{number}"}}'.encode())
    while household.settle():
        pass
    said = run("inbox", "list").output
    assert said.count("unknown_version") == 4
    assert said.count("Build or adopt that version, then replay.") == 1
    assert max(map(len, said.splitlines())) < 160
