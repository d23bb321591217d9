"""Make, list and retire the key pairs of encrypted forms. The private half is sealed to the workers at once."""

from __future__ import annotations

import base64
import hashlib
from uuid import uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pimcollect.domain.phrases import phrase
from pimcollect.domain.roles import Actor, allow
from pimcollect.errors import ErrorCode, PimError
from pimcollect.tables.form_keys import FormKeyRow, find_form_keys, find_newest_key, key_context
from pimcollect.tables.journal import write_journal
from pimcollect.vault import SealKey, seal_value

BITS = 2048
"""What ODK's specification names; phones take no other."""
_EXPONENT = 65537
_SHOWN = 16


def create_form_key(
    session: Session, actor: Actor, form: str, *, intake: SealKey, pem: bytes | None = None
) -> FormKeyRow:
    """A new key pair for a form, which its next versions are built with; `pem` brings one that was made elsewhere.

    Raises PimError(BAD_KEYS) for a file that holds no RSA private key of 2048 bits, or one that is known already.
    """
    allow(actor, "form_keys.create")
    private = generate_private_key(_EXPONENT, BITS) if pem is None else _read_pem(pem)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = hashlib.sha256(public).hexdigest()
    if session.scalar(select(FormKeyRow.id).where(FormKeyRow.fingerprint == fingerprint)) is not None:
        raise PimError(ErrorCode.BAD_KEYS, "This key is here already.", remedy="`pimcollect forms keys list` shows it.")
    key = uuid4()
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    row = FormKeyRow(
        id=key,
        form=form,
        fingerprint=fingerprint,
        public_key=public,
        sealed=seal_value(plain, to=intake, context=key_context(key)),
    )
    session.add(row)
    session.flush()
    write_journal(session, actor=actor.id, action="create", noun="form_keys", noun_id=fingerprint[:_SHOWN])
    return row


def _read_pem(pem: bytes) -> RSAPrivateKey:
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, RSAPrivateKey) or private.key_size != BITS:
        raise PimError(
            ErrorCode.BAD_KEYS,
            f"The file holds no RSA private key of {BITS} bits that could be read.",
            remedy="Give a PEM file without a password.",
        )
    return private


def retire_form_key(session: Session, actor: Actor, fingerprint: str) -> FormKeyRow:
    """No new version is built with it; what phones made with it is still opened. The first 8 characters are enough."""
    allow(actor, "form_keys.retire")
    found = [row for row in find_form_keys(session) if row.fingerprint.startswith(fingerprint.lower())]
    if len(found) != 1 or len(fingerprint) < 8:
        raise PimError(
            ErrorCode.NOT_FOUND,
            "No single key has this fingerprint.",
            remedy="`pimcollect forms keys list` shows them; the first 8 characters are enough.",
        )
    (row,) = found
    if row.retired_at is None:
        row.retired_at = func.clock_timestamp()
        write_journal(session, actor=actor.id, action="retire", noun="form_keys", noun_id=row.fingerprint[:_SHOWN])
        session.flush()
        session.refresh(row, ["retired_at"])
    return row


def list_form_keys(session: Session, actor: Actor, form: str | None = None) -> list[FormKeyRow]:
    """Keys without their private halves, newest first."""
    allow(actor, "form_keys.list")
    return find_form_keys(session, form)


def choose_public_key(session: Session, form: str) -> str:
    """What stands in a form so that phones encrypt it: the newest key's public half, in base64.

    Raises PimError(BAD_KEYS) when the form has none.
    """
    row = find_newest_key(session, form)
    if row is None:
        raise PimError(
            ErrorCode.BAD_KEYS,
            phrase("Phones encrypt the answers of the form %(form)s, and it has no key for that yet.", form=form),
            remedy=phrase(
                "Your administrator makes it once, on the server: `%(command)s`. Then build the form here again. For a "
                "trial it can be built without encryption.",
                command=f"pimcollect forms keys create {form}",
            ),
        )
    return base64.b64encode(row.public_key).decode()
