"""Accounts from the command line: who may be added, as what, and what is shown of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from pimcollect.actions.members import SHORTEST_PASSWORD, change_own_password, create_member, is_password
from pimcollect.app import create_app
from pimcollect.cli.members import members
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE, GRANTS, Actor, Role, allow, may
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.journal import JournalRow
from pimcollect.tables.members import MemberRow
from tests.web.site import Site

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`pimcollect members ...` against the test's database."""
    monkeypatch.setenv("PIMCOLLECT_HOME", str(settings.home))
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("PIMCOLLECT_DOOR_KEYS", str(settings.door_keys))
    return lambda *words: CliRunner().invoke(members, words)


def test_an_account_is_added_shown_changed_renewed_and_switched_off(run: Run, site: Site) -> None:
    site.service("SAFE-NORTH")
    added = run("add", "Amal@Example.org", "--name", "Amal", "--role", "monitor", "--service", "SAFE-NORTH", "--json")
    password = json.loads(added.stdout)[0]["password"]
    visitor = site.visitor("amal@example.org")
    assert visitor.log_in(password).status_code == 302
    listed = json.loads(run("list", "--json").stdout)
    assert [(one["mail"], one["roles"], one["service"]) for one in listed] == [
        ("amal@example.org", ["monitor"], "SAFE-NORTH")
    ]
    assert "amal@example.org" in run("list").stdout
    assert run("roles", "amal@example.org", "--role", "imo").exit_code == 0
    assert run("disable", "amal@example.org").exit_code == 0
    assert visitor.read("/").status_code == 303
    renewed = run("password", "amal@example.org")
    assert "password" in renewed.stdout
    assert password not in renewed.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "amal", "--name", "A", "--role", "imo"), ErrorCode.NOT_POSSIBLE_NOW),
        (("add", "a@b@c.org", "--name", "A", "--role", "imo"), ErrorCode.NOT_POSSIBLE_NOW),
        (("add", "a b@c.org", "--name", "A", "--role", "imo"), ErrorCode.NOT_POSSIBLE_NOW),
        (("add", "a@c.org", "--name", "", "--role", "imo"), ErrorCode.NOT_POSSIBLE_NOW),
        (("add", "a@c.org", "--name", "A", "--role", "monitor"), ErrorCode.NOT_POSSIBLE_NOW),
        (("add", "a@c.org", "--name", "A", "--role", "monitor", "--service", "NOWHERE"), ErrorCode.NOT_FOUND),
        (("disable", "nobody@example.org"), ErrorCode.NOT_FOUND),
        (("password", "nobody@example.org"), ErrorCode.NOT_FOUND),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    run: Run, site: Site, words: tuple[str, ...], code: ErrorCode
) -> None:
    failed = run(*words)
    assert isinstance(failed.exception, PimError)
    assert (failed.exception.code, bool(failed.exception.remedy)) == (code, True)
    assert json.loads(run("list", "--json").stdout) == []


def test_an_address_has_one_account(run: Run, site: Site) -> None:
    site.member(Role.IMO)
    again = run("add", "AMAL@example.org", "--name", "A", "--role", "admin")
    assert isinstance(again.exception, PimError)


def test_nobody_gives_out_the_operators_role_or_an_unknown_one(site: Site) -> None:
    salt = site.app.config["SECURITY_PASSWORD_SALT"]
    for role in ("operator", "superuser"):
        with site.desk.hands.sessions() as session, pytest.raises(PimError, match="There is no role"):
            create_member(session, COMMAND_LINE, mail="a@b.org", name="A", roles=[role], salt=salt)


def test_only_an_administrator_adds_members(site: Site) -> None:
    for role in set(Role) - {Role.ADMIN, Role.OPERATOR}:
        actor = Actor("somebody", frozenset({role}))
        with site.desk.hands.sessions() as session, pytest.raises(PimError) as refused:
            create_member(session, actor, mail="a@b.org", name="A", roles=["imo"], salt="x")
        assert refused.value.code is ErrorCode.NOT_ALLOWED


def test_nobody_changes_the_password_of_another(site: Site) -> None:
    amal = site.member(Role.ADMIN)
    site.member(Role.IMO, mail="other@example.org")
    with site.desk.hands.sessions() as session, pytest.raises(PimError):
        change_own_password(
            session, amal, mail="other@example.org", old="seven green boats at noon", new="a new long one", salt="x"
        )


def test_the_command_line_never_sees_whom_a_referral_is_about() -> None:
    for permission in ("referrals.reveal", "referrals.accept"):
        assert not may(COMMAND_LINE, permission)
        with pytest.raises(PimError):
            allow(COMMAND_LINE, permission)


def test_no_permission_belongs_to_nobody() -> None:
    assert all(GRANTS.values())


def test_what_was_done_to_accounts_stands_in_the_journal_without_addresses(run: Run, site: Site) -> None:
    run("add", "amal@example.org", "--name", "Amal", "--role", "imo")
    run("disable", "amal@example.org")
    with site.desk.hands.sessions() as session:
        lines = list(session.scalars(select(JournalRow).order_by(JournalRow.at)))
    assert [line.action for line in lines] == ["create", "disable"]
    assert all("@" not in line.noun_id for line in lines)


def test_a_password_is_of_no_use_without_the_key_beside_the_database(site: Site) -> None:
    salt = site.app.config["SECURITY_PASSWORD_SALT"]
    with site.desk.hands.sessions.begin() as session:
        made = create_member(session, COMMAND_LINE, mail="a@b.org", name="A", roles=["imo"], salt=salt)
    assert len(made.password) >= SHORTEST_PASSWORD
    row = site.desk.read(MemberRow, mail="a@b.org")
    assert row.password_hash.startswith("$argon2id$")
    assert not is_password(made.password, row.password_hash, salt="another key")


def test_the_pages_start_without_the_keys_of_the_workers(settings: Settings, tmp_path: Path) -> None:
    app = create_app(replace(settings, hands_keys=tmp_path / "nowhere.json"))
    assert app.test_client().get("/healthz").status_code == 200
