"""What is sent in measurements: invented deliveries, as Kobo posts and as phones send, and what must become of each."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forms.release import Frozen
from pimcollect.domain.answers import flatten
from pimcollect.domain.version import Version
from tests.factories import families, kobo
from tests.factories.phones import write_odk, write_post

HOUSEHOLD, ADOPTED = "hh_core", "pm_kac"
KEPT, TOMBSTONE = "kept", "tombstone"
CANARIES = (families.CANARY_NAME, families.CANARY_CONTACT, "Grandfather Tallowmere", "09-733 118 204 55")
"""Personal values that every delivery with a name carries; none may be found anywhere afterwards."""

SILENT: dict[str, Any] = {**families.CHILD_ALONE, "roster": families.EVICTED["roster"]}
"""A family that agrees to all and needs nothing."""


@dataclass(frozen=True)
class Sent:
    """One delivery, and what must become of it."""

    form: str
    root_id: str
    body: bytes = field(repr=False)
    """JSON for a hook; a multipart post of OpenRosa XML for the phones' door."""
    state: str
    pathways: tuple[str, ...] = ()
    """Referrals that must be made, one each."""
    counted: tuple[str, ...] = ()
    """Pathways that must be counted as unreferred, once each."""
    is_by_phone: bool = False


_FAMILIES: tuple[tuple[Mapping[str, Any], str, tuple[str, ...], tuple[str, ...]], ...] = (
    (families.EVICTED, KEPT, ("RP-HLP",), ()),
    (families.CHILD_ALONE, KEPT, (), ("RP-CP",)),
    (families.REFUSING, TOMBSTONE, (), ()),
    (SILENT, KEPT, (), ()),
)


def _by_key(answers: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """The answers with members by the key that rules use (`age`) and not by the form's name (`mem_age`)."""
    keys = {question.path.rpartition("/")[2]: question.key for question in version.questions if question.repeat}
    return {
        name: [{keys[field]: given for field, given in member.items()} for member in value]
        if name == "roster"
        else value
        for name, value in answers.items()
    }


def write_household(answers: Mapping[str, Any], version: Version, *, root_id: str, number: int = 1) -> bytes:
    """The JSON body that a Kobo server posts for a filled household form."""
    asset = kobo.Asset()
    return json.dumps(
        {
            "_id": number,
            "formhub/uuid": asset.form_uuid,
            **flatten(_by_key(answers, version), version),
            "pim_catalogue_version": version.version,
            "__version__": asset.version,
            "meta/instanceID": f"uuid:{root_id}",
            "_xform_id_string": asset.uid,
            "_uuid": root_id,
            "meta/rootUuid": f"uuid:{root_id}",
            "_attachments": [],
            "_status": "submitted_via_web",
            "_geolocation": [None, None],
            "_submission_time": "2026-11-20T09:11:04",
            "_tags": [],
            "_notes": [],
            "_validation_status": {},
            "_submitted_by": "imo",
        }
    ).encode()


def write_phone_post(answers: Mapping[str, Any], version: Version, *, root_id: str) -> tuple[bytes, str]:
    """The body that a phone posts for a filled household form, and its content type."""
    xml, _ = write_odk(_by_key(answers, version), frozen=Frozen(version, b"", ""), root=root_id)
    return write_post(xml)


def write_adopted(*, consent: str, root_id: str, number: int = 1) -> bytes:
    """The JSON body of the adopted practice form, with a name and a number in it."""
    return json.dumps(
        {
            "_id": number,
            "start": "2026-11-20T09:11:02.123+06:30",
            "username": "enumerator01",
            "consent": consent,
            "resp/name": CANARIES[2],
            "resp/age": str(18 + number % 60),
            "resp/phone_no": CANARIES[3],
            "prot/incidents": "gbv landmine",
            "hh": [{"hh/hh_name": CANARIES[2], "hh/hh_age": "34"}],
            "meta/instanceID": f"uuid:{root_id}",
            "_xform_id_string": "apcp42qFwHsnL8hbfVeo73",
            "_uuid": root_id,
            "meta/rootUuid": f"uuid:{root_id}",
        }
    ).encode()


def make_household(version: Version, *, seed: int = 1, phones: float = 0.0) -> Iterator[Sent]:
    """Household deliveries without end: of seven, three with a referral, one counted, one refused, two quiet.

    `phones` is the part of them (0 to 1) that a phone sends.
    """
    chance = random.Random(seed)  # noqa: S311 - invented data, repeatable
    number = 0
    while True:
        number += 1
        answers, state, pathways, counted = chance.choices(_FAMILIES, weights=(3, 1, 1, 2))[0]
        root_id = _root(chance)
        is_by_phone = chance.random() < phones
        if is_by_phone:
            body, _ = write_phone_post(answers, version, root_id=root_id)
        else:
            body = write_household(answers, version, root_id=root_id, number=number)
        yield Sent(HOUSEHOLD, root_id, body, state, pathways, counted, is_by_phone)


def make_mixed(version: Version, *, seed: int = 1, phones: float = 0.0) -> Iterator[Sent]:
    """Deliveries of both forms without end: two of three are households, `phones` of those sent by phone."""
    chance = random.Random(seed)  # noqa: S311 - invented data, repeatable
    households = make_household(version, seed=chance.getrandbits(32), phones=phones)
    number = 0
    while True:
        number += 1
        if chance.random() < 2 / 3:
            yield next(households)
            continue
        agrees, root_id = chance.random() < 0.8, _root(chance)
        body = write_adopted(consent="yes" if agrees else "no", root_id=root_id, number=number)
        yield Sent(ADOPTED, root_id, body, KEPT if agrees else TOMBSTONE)


def _root(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
