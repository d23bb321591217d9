"""The encrypted way as a whole: built, filled by a real engine, encrypted, carried by a phone or by Kobo, settled."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

from tests.engines import javarosa
from tests.engines.filled import need
from tests.factories import families
from tests.factories.collect import Collect
from tests.factories.envelopes import Sealed, encrypt_submission
from tests.journeys.search import search_station
from tests.journeys.station import Station, wait_for
from tests.reenacted.kobo import ReenactedKobo

pytestmark = [pytest.mark.engine, pytest.mark.slow]

FORM = "hh_core"
STARTER = Path(__file__).parents[2] / "forms/starter"
NAMES = ("state", "may_share", "screening", "place", "month", "shared", "restricted", "findings")
OF_THE_FILLING = ("clo_code", "pim_catalogue_version")
"""Made at random on the phone, and the version itself."""
PICTURE = b"\xff\xd8\xff Canary picture of nobody"


@dataclass
class Journey:
    """A station, a phone and a Kobo server that carries what it cannot read."""

    station: Station
    kobo: ReenactedKobo
    collect: Collect
    hook: dict[str, Any]
    plain: str
    """The XForm without encryption."""
    encrypted: str
    said: dict[str, str] = field(default_factory=dict)

    def fill(self, xform: str) -> tuple[bytes, str]:
        """An evicted family, as JavaRosa writes it, under an id of its own."""
        filled = need(javarosa.load_engine).fill(xform, families.EVICTED)
        assert (filled.not_given, filled.violations) == ({}, ())
        edition = str(uuid4())
        return re.sub(rb"uuid:[0-9a-f-]{36}", f"uuid:{edition}".encode(), filled.xml), edition

    def encrypt(self, xml: bytes, edition: str, *, form: str = FORM) -> Sealed:
        """What the phone does when the interview is finalised: with the key that stands in its form."""
        root = etree.fromstring(self.encrypted.encode())
        (text,) = root.xpath("//*[local-name()='submission']/@base64RsaPublicKey")
        key = load_der_public_key(base64.b64decode(str(text)))
        assert isinstance(key, RSAPublicKey)
        version = etree.fromstring(xml).get("version")
        media = {"1700000000000.jpg": PICTURE, "audit.csv": b"event,node\nCanary,/data/ref_name\n"}
        return encrypt_submission(xml, form=form, version=version, instance_id=f"uuid:{edition}", key=key, media=media)

    def connect(self) -> None:
        """From now on Kobo is asked for what it holds, at once and then again and again."""
        token = self.station.home.with_name("token")
        token.write_text(self.kobo.token)
        there = ("--url", self.kobo.base, "--form", FORM, "--there", self.kobo.uid)
        self.station.run("servers", "connect", *there, "--token-file", str(token))

    def find_stored(self, edition: str) -> dict[str, Any]:
        rows = self.station.query(f"SELECT {', '.join(NAMES)} FROM submissions WHERE root_id = %s", edition)
        assert len(rows) == 1
        stored = dict(zip(NAMES, rows[0], strict=True))
        for tier in ("shared", "restricted"):
            stored[tier] = {key: value for key, value in stored[tier].items() if key not in OF_THE_FILLING}
        return stored

    def list_entries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.station.read("inbox", "list")
        return found


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("encrypted")
    kobo = ReenactedKobo()
    with kobo.listen():
        station = Station(folder / "home", settings={"PIMCOLLECT_PRIVATE_HOSTS": kobo.host})
        station.start()
        try:
            yield set_up(station, kobo, folder)
        finally:
            station.stop()


def set_up(station: Station, kobo: ReenactedKobo, folder: Path) -> Journey:
    station.run("bank", "import")
    station.run("places", "import", str(STARTER / "places.csv"))
    station.run("services", "import", str(STARTER / "services.json"))
    xforms = []
    for name, switch in (("plain", ("--no-encrypt",)), ("encrypted", ())):
        station.run("forms", "build", FORM, *switch, "-o", str(folder / name))
        xforms.append((folder / name / f"{FORM}.xml").read_text())
    station.run("forms", "release", FORM, "--to", "phones")
    (phone,) = station.read("phones", "add", "tablet-1", "--device")
    secret = phone["server_url"].rpartition("/")[2]
    hook = station.read("hooks", "open", "--server", "kobo", "--form", FORM)
    collect = Collect(f"{station.url}/phones/key/{secret}")
    return Journey(station, kobo, collect, hook, *xforms)


def test_the_phone_fetches_a_form_with_a_key_whose_private_half_is_nowhere_readable(journey: Journey) -> None:
    (listed,) = journey.collect.fetch_list()
    xform, _ = journey.collect.download(listed)
    assert xform.decode() == journey.encrypted
    assert b"base64RsaPublicKey" in xform
    assert "base64RsaPublicKey" not in journey.plain
    (key,) = journey.station.read("forms", "keys", "list")
    assert (key["form"], key["state"]) == (FORM, "in use")


def test_by_phone_and_by_kobo_the_same_is_kept_as_of_the_readable_form(journey: Journey) -> None:
    station, kobo = journey.station, journey.kobo
    plain, plain_id = journey.fill(journey.plain)
    journey.collect.submit(plain)
    by_phone, phone_id = journey.fill(journey.encrypted)
    sealed = journey.encrypt(by_phone, phone_id)
    assert journey.collect.submit(sealed.envelope, sealed.files, split=1) == [201, 201, 201]
    by_kobo, kobo_id = journey.fill(journey.encrypted)
    asset = re.sub(rb'id="hh_core"', f'id="{kobo.uid}"'.encode(), by_kobo)
    carried = journey.encrypt(asset, kobo_id, form=kobo.uid)
    number = kobo.submit({**json.loads(carried.as_kobo()), "_attachments": []})
    answer = station.post(journey.hook, json.dumps(kobo.rows[number]).encode())
    journey.said["answer"] = answer.text
    assert answer.status_code == 202
    wait_for(
        "the envelope to say what it waits for",
        lambda: [one["waits_for"] for one in journey.list_entries() if one["reason"] == "files_missing"],
        seconds=60,
    )
    journey.said["inbox"] = json.dumps(journey.list_entries())
    assert '"3 of 3 files"' in journey.said["inbox"]
    for name, content in carried.files.items():
        kobo.attach(number, name, content)
    journey.connect()
    wait_for(
        "all to be settled",
        lambda: {one["state"] for one in journey.list_entries()} == {"settled"},
        seconds=120,
    )
    stored = [journey.find_stored(one) for one in (plain_id, phone_id, kobo_id)]
    assert stored[0] == stored[1] == stored[2]
    assert stored[0]["state"] == "kept"
    referrals = station.query("SELECT pathway, course, case_id IS NULL, count(*) FROM referrals GROUP BY 1, 2, 3")
    assert [row[3] for row in referrals] == [3] * len(referrals)
    assert referrals


def test_a_readable_submission_of_the_encrypted_version_is_held(journey: Journey) -> None:
    xml, _ = journey.fill(journey.encrypted)
    journey.collect.submit(xml)
    wait_for(
        "it to be held",
        lambda: [one for one in journey.list_entries() if one["reason"] == "plain_in_encrypted"],
        seconds=60,
    )


def test_nothing_that_was_said_is_readable_anywhere(journey: Journey) -> None:
    values = (families.CANARY_NAME, families.CANARY_CONTACT, PICTURE[4:].decode(), "1700000000000.jpg")
    said = dict(journey.said)
    for words in (("inbox", "list"), ("submissions", "list"), ("referrals", "list"), ("forms", "keys", "list")):
        said[" ".join(words)] = journey.station.run(*words, "--json").stdout
    assert search_station(journey.station, values, said=said).places == []
    carried = json.dumps(list(journey.kobo.rows.values())).encode() + b"".join(journey.kobo.files.values())
    assert not [value for value in values[:3] if value.encode() in carried]
