"""A household form whose phones encrypt, with every way in, on a real database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import Frozen, build_form
from pimcollect.db import borrow
from pimcollect.servers import kobo, odk
from pimcollect.tables.form_keys import find_newest_key
from pimcollect.vault import DoorKeys
from tests.factories.envelopes import Sealed, encrypt_submission, rsa_key
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import write_odk
from webhooks.inbox import Way, accept, identify_edition
from webhooks.media import Stored, store_media
from workers.sweep import open_clock, sweep

FORM = "hh"
AGREED = {"ref_want": "yes", "ref_consent": "yes", "ref_whom": "self", "ref_scope": ["contact"]}
ANSWERS = {
    **SCENARIOS["base_answers"],
    **AGREED,
    "clo_place_adm1": "XX01",
    "clo_place_adm2": "XX0101",
    "svc_ill": "yes",
    "ref_name": "Auntie Canary",
    "ref_contact": "market, noon",
}


@dataclass
class Post:
    """A household form whose phones encrypt, with every way in."""

    household: Household
    frozen: Frozen
    engine: Engine
    keys: DoorKeys

    def encrypt(self, answers: dict[str, Any] | None = None, **more: Any) -> Sealed:
        own = {name: more.pop(name) for name in ("root", "deprecated", "form") if name in more}
        body, edition = write_odk(answers or ANSWERS, frozen=self.frozen, **own)
        version = self.frozen.version
        with Session(self.engine) as session:
            row = find_newest_key(session, FORM)
            assert row is not None
            public = load_der_public_key(row.public_key)
        assert isinstance(public, RSAPublicKey)
        given = {"form": FORM, "version": version.version, "instance_id": f"uuid:{edition}", "key": public, **more}
        return encrypt_submission(body, **given)

    def bring(self, body: bytes, *, via: str = "phone", server: str = "odk") -> Any:
        reader = {"odk": odk, "kobo": kobo}[server]
        with borrow(self.engine) as connection:
            return accept(connection, body, reader.read_delivery(body), via=Way(via, FORM, server), keys=self.keys)

    def bring_file(self, sealed: Sealed, name: str, content: bytes | None = None) -> Stored:
        edition = sealed.fields["instance_id"].removeprefix("uuid:")
        with Session(self.engine) as session, session.begin():
            identity = identify_edition(edition, form=FORM, key=self.keys.digest)
            content = sealed.files[name] if content is None else content
            return store_media(session, form=FORM, identity=identity, name=name, content=content, keys=self.keys)

    def bring_all(self, sealed: Sealed) -> None:
        self.bring(sealed.envelope)
        for name in sealed.files:
            self.bring_file(sealed, name)

    def settle(self) -> None:
        clock = open_clock(self.household.hands.settings)
        sweep(clock)
        clock.engine.dispose()
        self.household.settle()

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query))]

    def states(self) -> list[tuple[str, str | None]]:
        return [(row["state"], row["reason"]) for row in self.rows("SELECT * FROM entries ORDER BY received_at")]


PEM = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def freeze_encrypted(public_key: str) -> Frozen:
    return build_form(read_starter(), FORM, places=read_starter_places(), public_key=public_key)
