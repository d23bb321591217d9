"""Phones: a secret is shown once and kept as little as it can be; revoked is at once; what is drafted stays inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.forms import keep_version
from pimcollect.actions.phones import (
    add_phone,
    list_phones,
    renew_phone,
    revoke_phone,
)
from pimcollect.actions.releases import close_on_phones, release_to_phones
from pimcollect.domain.expressions import find_broken
from pimcollect.domain.phones import PhoneKind, hash_account, secret_context
from pimcollect.domain.roles import COMMAND_LINE, Actor, Role
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.xforms import read_expressions, read_paths
from pimcollect.tables.catalogue import ServiceRow
from pimcollect.tables.forms import find_newest_version
from pimcollect.tables.phones import PhoneRow, find_device, find_form_of, find_phone, find_shown
from pimcollect.vault import DoorKeys, hash_secret, unwrap_secret
from tests.factories.households import freeze
from tests.factories.releases import serve_everything

MONITOR = Actor("m", frozenset({Role.MONITOR}))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session, session.begin():
        yield session


def keep(session: Session, **changes: object) -> None:
    frozen = freeze("hh_core")
    version = replace(frozen.version, **changes)
    if session.get(ServiceRow, "S1") is None:
        serve_everything(session, version.pathways)
    keep_version(session, COMMAND_LINE, version=version, xlsx=frozen.xlsx, xform=frozen.xform)


def refusal(error: pytest.ExceptionInfo[PimError]) -> ErrorCode:
    return error.value.code


def test_neither_a_password_nor_a_token_can_be_read_from_the_table(session: Session, door_keys: DoorKeys) -> None:
    account = add_phone(session, COMMAND_LINE, name="Amina", kind=PhoneKind.ACCOUNT, keys=door_keys)
    device = add_phone(session, COMMAND_LINE, name="tablet-3", kind=PhoneKind.DEVICE, keys=door_keys)
    everything = str(session.execute(text("SELECT phones::text FROM phones")).all())
    digest = hash_account("amina", account.secret)
    for secret in (account.secret, device.secret, digest, digest.encode().hex()):
        assert secret not in everything
        assert secret not in repr((account, device))
    row = session.get_one(PhoneRow, account.id)
    assert row.secret is not None
    assert unwrap_secret(row.secret, key=door_keys.digest, context=secret_context(row.id)) == digest.encode()
    with pytest.raises(PimError):
        unwrap_secret(row.secret, key=b"another key", context=secret_context(row.id))
    with pytest.raises(PimError):
        unwrap_secret(row.secret, key=door_keys.digest, context=secret_context(device.id))
    assert find_device(session, hash_secret(device.secret)) is not None


@pytest.mark.parametrize("name", ["", "ab", "a b c", "am\nina", "أمينة", "a" * 41, "-amina", "x/../y", 'a"b'])
def test_a_name_that_cannot_be_typed_on_every_phone_is_refused(
    session: Session, door_keys: DoorKeys, name: str
) -> None:
    if name == "amina\n":
        assert add_phone(session, COMMAND_LINE, name=name, kind=PhoneKind.ACCOUNT, keys=door_keys).name == "amina"
        return
    with pytest.raises(PimError) as error:
        add_phone(session, COMMAND_LINE, name=name, kind=PhoneKind.ACCOUNT, keys=door_keys)
    assert refusal(error) == ErrorCode.BAD_SETTING


def test_a_revoked_phone_has_no_secret_left_and_its_name_is_free(session: Session, door_keys: DoorKeys) -> None:
    first = add_phone(session, COMMAND_LINE, name="amina", kind=PhoneKind.ACCOUNT, keys=door_keys)
    with pytest.raises(PimError) as error:
        add_phone(session, COMMAND_LINE, name="AMINA", kind=PhoneKind.DEVICE, keys=door_keys)
    assert refusal(error) == ErrorCode.NOT_POSSIBLE_NOW
    revoke_phone(session, COMMAND_LINE, name="amina")
    session.flush()
    assert find_phone(session, "amina") is None
    assert session.execute(text("SELECT secret, token_hash FROM phones")).all() == [(None, None)]
    second = add_phone(session, COMMAND_LINE, name="amina", kind=PhoneKind.ACCOUNT, keys=door_keys)
    assert second.id != first.id
    with pytest.raises(PimError):
        revoke_phone(session, COMMAND_LINE, name="nobody")


def test_a_new_secret_ends_the_one_before(session: Session, door_keys: DoorKeys) -> None:
    old = add_phone(session, COMMAND_LINE, name="tablet", kind=PhoneKind.DEVICE, keys=door_keys)
    new = renew_phone(session, COMMAND_LINE, name="tablet", keys=door_keys)
    session.flush()
    assert new.id == old.id
    assert find_device(session, hash_secret(old.secret)) is None
    assert find_device(session, hash_secret(new.secret)) is not None
    assert [row["name"] for row in list_phones(session, COMMAND_LINE)] == ["tablet"]


def test_only_the_desk_lets_phones_in_and_releases_forms(session: Session, door_keys: DoorKeys) -> None:
    for act in (
        lambda: add_phone(session, MONITOR, name="amina", kind=PhoneKind.ACCOUNT, keys=door_keys),
        lambda: renew_phone(session, MONITOR, name="amina", keys=door_keys),
        lambda: revoke_phone(session, MONITOR, name="amina"),
        lambda: list_phones(session, MONITOR),
        lambda: release_to_phones(session, MONITOR, "hh"),
        lambda: close_on_phones(session, MONITOR, "hh"),
    ):
        with pytest.raises(PimError) as error:
            act()
        assert refusal(error) == ErrorCode.NOT_ALLOWED


def test_a_language_that_only_a_machine_has_drafted_goes_to_no_phone_but_in_a_field_test(session: Session) -> None:
    keep(session, drafted=("fr",))
    with pytest.raises(PimError) as error:
        release_to_phones(session, COMMAND_LINE, "hh_core")
    assert refusal(error) == ErrorCode.NOT_POSSIBLE_NOW
    keep(session, form="hh_core_test", drafted=("fr",))
    assert release_to_phones(session, COMMAND_LINE, "hh_core_test").form == "hh_core_test"


def test_a_form_that_is_not_here_or_states_the_id_of_another_is_not_released(session: Session) -> None:
    with pytest.raises(PimError) as error:
        release_to_phones(session, COMMAND_LINE, "nothing")
    assert refusal(error) == ErrorCode.NOT_FOUND
    keep(session)
    keep(session, form="other")
    release_to_phones(session, COMMAND_LINE, "hh_core")
    with pytest.raises(PimError) as error:
        release_to_phones(session, COMMAND_LINE, "other")
    assert refusal(error) == ErrorCode.NOT_POSSIBLE_NOW


def test_phones_see_what_was_released_last_and_nothing_of_a_closed_form(session: Session) -> None:
    keep(session)
    assert find_shown(session) == []
    first = release_to_phones(session, COMMAND_LINE, "hh_core")
    keep(session, title="Another title")
    assert [one.version for one in find_shown(session)] == [first.version]
    second = release_to_phones(session, COMMAND_LINE, "hh_core")
    assert [one.version for one in find_shown(session)] == [second.version]
    assert {one.version for one in find_shown(session, all_versions=True)} == {first.version, second.version}
    close_on_phones(session, COMMAND_LINE, "hh_core")
    assert find_shown(session, all_versions=True) == []
    assert find_form_of(session, "hh_core") == ("hh_core", False)
    with pytest.raises(PimError):
        close_on_phones(session, COMMAND_LINE, "hh_core")
    release_to_phones(session, COMMAND_LINE, "hh_core")
    assert find_form_of(session, "hh_core") == ("hh_core", True)


@pytest.mark.parametrize(
    ("found", "broken", "told"),
    [
        (
            r'(<bind nodeset="[^"]*dem_sex")',
            r'\1 constraint="nosuchfunc(.)"',
            "dem_sex: constraint: there is no function",
        ),
        (r"item\[parent=", "item[district=", "adm2: choice_filter: the list has no column district, or it is empty"),
        (r"item\[parent=", "item[nosuchfunc(parent)=", "adm2: choice_filter: there is no function nosuchfunc"),
    ],
)
def test_a_version_that_was_built_before_it_was_checked_does_not_go_out(
    session: Session, found: str, broken: str, told: str
) -> None:
    keep(session)
    row = find_newest_version(session, "hh_core")
    assert row is not None
    row.xform = re.sub(found, broken, row.xform)
    with pytest.raises(PimError, match=rf"would break on the phone at /\S*{told}") as e:
        release_to_phones(session, COMMAND_LINE, "hh_core")
    assert refusal(e) is ErrorCode.NOT_POSSIBLE_NOW
    assert find_shown(session) == []


@pytest.mark.parametrize("form", ["hh", "hh_core", "ki", "fgd", "obs"])
def test_no_expression_of_the_starter_forms_is_called_broken(form: str) -> None:
    xform = freeze(form).xform
    expressions = list(read_expressions(xform, heads={}))
    assert len(expressions) > 10
    assert list(find_broken(expressions, tuple(read_paths(xform)))) == []
