"""Encrypted forms: a switch that is on for severe forms, a key whose private half only workers open, the same bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from lxml import etree
from sqlalchemy.orm import Session, sessionmaker

from forms.release import Frozen, asks_severe, build_form
from forms.xform import find_java, validate_with_odk
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.form_keys import find_form_keys, find_sealed_keys, key_context
from pimcollect.tables.forms import find_newest_version
from pimcollect.vault import DoorKeys, HandsKeys, open_value
from tests.factories.envelopes import private_der, public_der, rsa_key
from tests.forms.test_commands import Run, run

__all__ = ["run"]

PUBLIC = base64.b64encode(public_der(rsa_key())).decode()


@pytest.fixture
def read(run: Run) -> Callable[..., Any]:
    return lambda *words: json.loads(run(*words, "--json").stdout)


def key_in(xform: str) -> list[str]:
    found = etree.fromstring(xform.encode()).xpath("//*[local-name()='submission']/@base64RsaPublicKey")
    assert isinstance(found, list)
    return [str(one) for one in found]


@pytest.mark.parametrize(("form", "is_severe"), [("hh", True), ("hh_core", True), ("ki", True), ("obs", False)])
def test_what_is_severe_is_known_before_it_is_built(catalogue: Catalogue, form: str, is_severe: bool) -> None:
    assert asks_severe(catalogue, form) is is_severe


def test_a_form_without_a_key_is_the_form_that_it_always_was(
    built: dict[str, Frozen], catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    plain = build_form(catalogue, "hh_core", places=places, public_key="")
    assert plain == built["hh_core"]
    assert (plain.version.is_encrypted, key_in(plain.xform)) == (False, [])


def test_the_same_key_gives_the_same_bytes_and_another_key_another_version(
    built: dict[str, Frozen], catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    one = build_form(catalogue, "hh_core", places=places, public_key=PUBLIC)
    again = build_form(catalogue, "hh_core", places=tuple(reversed(places)), public_key=PUBLIC)
    other_key = base64.b64encode(public_der(rsa_key(1))).decode()
    other = build_form(catalogue, "hh_core", places=places, public_key=other_key)
    assert one == again
    assert (one.version.is_encrypted, key_in(one.xform)) == (True, [PUBLIC])
    assert len({one.version.version, other.version.version, built["hh_core"].version.version}) == 3


@pytest.mark.skipif(find_java() is None, reason="ODK Validate needs a Java")
def test_odk_validate_takes_an_encrypted_form(catalogue: Catalogue, places: tuple[NamedPlace, ...]) -> None:
    assert validate_with_odk(build_form(catalogue, "obs", places=places, public_key=PUBLIC).xform).is_valid


def test_a_severe_form_is_encrypted_unless_somebody_says_otherwise(
    run: Run, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    told = run("forms", "build", "hh_core", "-o", str(tmp_path)).output
    assert "Made a key pair for hh_core" in told
    assert "Phones encrypt what they send" in told
    first = (tmp_path / "hh_core.xml").read_bytes()
    assert "Made a key" not in run("forms", "build", "hh_core", "-o", str(tmp_path)).output
    assert (tmp_path / "hh_core.xml").read_bytes() == first
    with sessions() as session:
        row = find_newest_version(session, "hh_core")
        (key,) = find_form_keys(session, "hh_core")
        assert row is not None
        assert row.document["is_encrypted"] is True
        assert key_in(row.xform) == [base64.b64encode(key.public_key).decode()]
    readable, harmless = run("forms", "build", "hh_core", "--no-encrypt"), run("forms", "build", "obs")
    assert "Phones encrypt" not in readable.output + harmless.output
    assert ("carry the answers readable" in readable.stderr, harmless.stderr) == (True, "")
    assert "Phones encrypt" in run("forms", "build", "obs", "--encrypt").output


def test_a_field_test_has_a_key_of_its_own(run: Run, sessions: sessionmaker[Session]) -> None:
    run("forms", "build", "hh_core", "--field-test")
    with sessions() as session:
        assert [key.form for key in find_form_keys(session)] == ["hh_core_test"]


def test_the_private_half_is_sealed_to_the_workers_and_bound_to_its_row(
    run: Run, sessions: sessionmaker[Session], hands_keys: HandsKeys, door_keys: DoorKeys
) -> None:
    told = run("forms", "keys", "create", "hh").output
    with sessions() as session:
        (row,) = find_form_keys(session)
        ((key, sealed),) = find_sealed_keys(session, "hh")
        assert sealed[:8] == door_keys.intake.key_id
        private = load_der_private_key(open_value(sealed, ring=hands_keys.intake, context=key_context(key)), None)
        assert isinstance(private, RSAPrivateKey)
        assert (private.key_size, public_der(private)) == (2048, row.public_key)
        with pytest.raises(PimError):
            open_value(sealed, ring=hands_keys.intake, context=key_context(row.id).replace("form_key", "entry"))
    assert "PRIVATE" not in told


def test_keys_turn_over_and_the_retired_one_stays_to_open_what_is_still_coming(
    run: Run, read: Callable[..., Any], sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    (old,) = read("forms", "keys", "create", "hh_core")
    (new,) = read("forms", "keys", "create", "hh_core")
    assert [row["fingerprint"] for row in read("forms", "keys", "list")] == [new["fingerprint"], old["fingerprint"]]
    (retired,) = read("forms", "keys", "retire", new["fingerprint"][:8])
    assert retired["state"] == "retired"
    assert read("forms", "keys", "retire", new["fingerprint"]) == [retired]
    run("forms", "build", "hh_core", "-o", str(tmp_path))
    with sessions() as session:
        by_print = {row.fingerprint: row for row in find_form_keys(session, "hh_core")}
        assert len(find_sealed_keys(session, "hh_core")) == 2
    used = base64.b64encode(by_print[old["fingerprint"]].public_key).decode()
    assert key_in((tmp_path / "hh_core.xml").read_text()) == [used]


def test_when_all_keys_are_retired_the_next_build_makes_a_new_one(run: Run, read: Callable[..., Any]) -> None:
    (old,) = read("forms", "keys", "create", "obs")
    run("forms", "keys", "retire", old["fingerprint"])
    run("forms", "build", "obs", "--encrypt")
    assert [row["state"] for row in read("forms", "keys", "list", "obs")] == ["in use", "retired"]


def write_pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_key_that_was_made_elsewhere_is_taken_once(
    run: Run, tmp_path: Path, sessions: sessionmaker[Session], hands_keys: HandsKeys
) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(write_pem(rsa_key(2)))
    run("forms", "keys", "create", "hh", "--from", str(file))
    with sessions() as session:
        ((key, sealed),) = find_sealed_keys(session, "hh")
    assert open_value(sealed, ring=hands_keys.intake, context=key_context(key)) == private_der(rsa_key(2))
    with pytest.raises(PimError) as caught:
        run("forms", "keys", "create", "hh", "--from", str(file))
    assert caught.value.code == ErrorCode.BAD_KEYS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        write_pem(generate_private_key(65537, 1024)),  # noqa: S505 - too short on purpose
        write_pem(generate_curve_key(SECP256R1())),
    ],
    ids=["empty", "no key", "public half", "too short", "another kind"],
)
def test_a_file_without_a_fitting_private_key_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "own.pem"
    file.write_bytes(content)
    with pytest.raises(PimError) as caught:
        run("forms", "keys", "create", "hh", "--from", str(file))
    assert caught.value.code == ErrorCode.BAD_KEYS


@pytest.mark.parametrize("fingerprint", ["", "0000", "0" * 64, "%"])
def test_only_one_known_key_can_be_retired(run: Run, fingerprint: str) -> None:
    run("forms", "keys", "create", "hh")
    with pytest.raises(PimError) as caught:
        run("forms", "keys", "retire", fingerprint)
    assert caught.value.code == ErrorCode.NOT_FOUND
