"""Pictures of cases: only with two consents, only pixels, only in the case, and gone with it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.release import Frozen
from pimcollect.actions.form_keys import create_form_key
from pimcollect.actions.forms import keep_version
from pimcollect.actions.reveals import ask_reveal, take_answer
from pimcollect.config import Settings
from pimcollect.db import borrow
from pimcollect.domain.packages import PICTURES
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.domain.version import Condition, ConsentMap, FlagRule, Pathway, ReferralFields, Version
from pimcollect.servers import odk
from pimcollect.tables.referrals import ReferralRow
from pimcollect.vault import DoorKeys, create_open_key, open_value
from tests.factories import pictures
from tests.factories.envelopes import encrypt_submission, rsa_key
from tests.factories.households import Household, open_household
from tests.factories.phones import write_odk
from tests.factories.referrals import Desk
from tests.factories.versions import question, small_version
from webhooks.inbox import Way, accept, identify_edition
from webhooks.media import store_media
from workers import pictures as developing
from workers.darkroom import Refusal
from workers.hands import open_hands
from workers.retention import retain
from workers.reveals import answer_waiting
from workers.settle import settle_waiting
from workers.sweep import open_clock, sweep

FORM, PATHWAY = "small", "RP-MED"
PHOTO = "Canary 4711.jpg"
ANSWERS = {"agree": "yes", "ill": "yes", "photo_ok": "yes", "tell": ["paper"], "name": "Auntie Canary", "paper": PHOTO}
PEM = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def picture_version() -> Version:
    """A form that asks for a picture of a paper, and whether it may be kept."""
    yes = ("yes",)
    return small_version(
        question("ill", "select_one", "derive", choices="yn"),
        question("photo_ok", "select_one", "keep", choices="yn"),
        question("tell", "select_multiple", "derive", choices="scopes"),
        question("name", "text", "vault"),
        question("paper", "image", "vault"),
        question("other", "image", "drop"),
        choices={"scopes": ("paper", "name")},
        consent=ConsentMap(
            keep=(Condition("agree", yes),),
            refer=(Condition("agree", yes),),
            media=(Condition("photo_ok", yes),),
        ),
        flags=(FlagRule("ILL", "ill=='yes'", PATHWAY, "H"),),
        pathways={PATHWAY: Pathway(PATHWAY, "Medical help", "H", needs_identity=True)},
        referral=ReferralFields("tell", {"paper": ("paper",), "name": ("name",)}),
    )


@dataclass
class Post:
    """The form with its ways in."""

    household: Household
    engine: Engine
    keys: DoorKeys
    frozen: Frozen

    def bring(self, answers: dict[str, Any] | None = None, **more: Any) -> str:
        body, edition = write_odk({**ANSWERS, **(answers or {})}, frozen=self.frozen, **more)
        self.put(body)
        return edition

    def put(self, body: bytes) -> None:
        with borrow(self.engine) as connection:
            accept(connection, body, odk.read_delivery(body), via=Way("phone", FORM, "odk"), keys=self.keys)

    def bring_file(self, edition: str, content: bytes, *, name: str = PHOTO) -> None:
        identity = identify_edition(edition, form=FORM, key=self.keys.digest)
        with Session(self.engine) as session, session.begin():
            store_media(session, form=FORM, identity=identity, name=name, content=content, keys=self.keys)

    def settle(self) -> None:
        self.household.settle()

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query))]

    def states(self) -> list[tuple[str, str | None]]:
        return [(row["state"], row["reason"]) for row in self.rows("SELECT * FROM pictures ORDER BY wanted_at")]

    def files(self) -> list[str]:
        return [row["state"] for row in self.rows("SELECT state FROM media ORDER BY received_at")]

    def open_picture(self) -> bytes:
        (row,) = self.rows("SELECT id, sealed FROM pictures WHERE state = 'kept'")
        return open_value(row["sealed"], ring=self.household.hands.keys.cases, context=f"picture|{row['id']}")


@pytest.fixture
def post(settings: Settings, engine: Engine, door_keys: DoorKeys) -> Iterator[Post]:
    household = open_household(settings, engine)
    frozen = Frozen(picture_version(), b"", "<h/>")
    with Session(engine) as session, session.begin():
        keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=b"", xform="<h/>")
    yield Post(household, engine, door_keys, frozen)
    household.hands.engine.dispose()


JPEG = pictures.telling_jpeg()


@pytest.mark.parametrize(
    "answers",
    [
        {"photo_ok": "no"},
        {"photo_ok": None},
        {"photo_ok": "maybe"},
        {"tell": ["name"]},
        {"tell": None},
        {"ill": "no"},
        {"paper": None},
    ],
    ids=["no", "no answer", "not understood", "not to be told", "nothing told", "no referral", "no picture"],
)
def test_without_both_consents_and_a_referral_no_picture_stays(post: Post, answers: dict[str, Any]) -> None:
    post.bring_file(post.bring(answers), JPEG)
    post.settle()
    assert post.rows("SELECT state FROM submissions") == [{"state": "kept"}]
    assert (post.states(), post.files()) == ([], ["shredded"])


def test_a_refusal_keeps_no_picture(post: Post) -> None:
    post.bring_file(post.bring({"agree": "no"}), JPEG)
    post.settle()
    assert post.rows("SELECT state FROM submissions") == [{"state": "tombstone"}]
    assert (post.states(), post.files()) == ([], ["shredded"])


def test_files_that_no_treatment_keeps_are_destroyed_beside_one_that_is_kept(post: Post) -> None:
    edition = post.bring({"other": "other.jpg"})
    post.bring_file(edition, JPEG)
    post.bring_file(edition, JPEG, name="other.jpg")
    post.bring_file(edition, b"event,node", name="audit.csv")
    post.settle()
    assert (post.states(), post.files()) == ([("kept", None)], ["shredded"] * 3)


def test_the_case_holds_pixels_only_and_nothing_else_holds_anything(post: Post) -> None:
    post.bring_file(post.bring(), JPEG)
    post.settle()
    kept = post.open_picture()
    assert Image.open(io.BytesIO(kept)).size == (64, 48)
    assert pictures.CANARY not in kept
    tables = ("entries", "media", "pictures", "submissions", "cases", "referrals", "journal")
    everything = str([post.rows(f"SELECT {table}::text FROM {table}") for table in tables])
    for word in (b"Canary", pictures.CANARY, kept[20:40], b"paper"):
        assert word.hex() not in everything
    assert "Canary" not in everything
    assert "4711" not in everything


def test_the_case_does_not_wait_for_its_picture_which_joins_it_late(post: Post) -> None:
    edition = post.bring()
    post.settle()
    assert post.rows("SELECT state FROM referrals") == [{"state": "waiting"}]
    assert post.states() == [("awaited", None)]
    post.bring_file(edition, b"something else", name="audit.csv")
    post.settle()
    assert post.states() == [("awaited", None)]
    post.bring_file(edition, JPEG)
    clock = open_clock(post.household.hands.settings)
    assert clock.bell.depth("settle") == 0
    assert sweep(clock)
    assert clock.bell.depth("settle") == 1
    clock.engine.dispose()
    post.settle()
    assert post.states() == [("kept", None)]
    assert post.files() == ["waiting", "shredded"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (pictures.SVG, Refusal.NOT_A_PICTURE),
        (pictures.SOUND, Refusal.NOT_A_PICTURE),
        (pictures.bomb_png(), Refusal.TOO_MANY_PIXELS),
        (JPEG + pictures.zipped(), Refusal.TWO_FILES_IN_ONE),
        (JPEG[:300], Refusal.DAMAGED),
        (b"", Refusal.NOT_A_PICTURE),
    ],
    ids=lambda one: str(one) if isinstance(one, Refusal) else "",
)
def test_what_is_no_picture_is_refused_with_a_code_and_destroyed(post: Post, content: bytes, why: Refusal) -> None:
    post.bring_file(post.bring(), content)
    post.settle()
    assert (post.states(), post.files()) == ([("refused", why.value)], ["shredded"])
    assert post.rows("SELECT state FROM referrals") == [{"state": "waiting"}]


def test_a_picture_out_of_an_envelope_is_the_same_picture(post: Post) -> None:
    version = replace(post.frozen.version, is_encrypted=True, version="2")
    frozen = Frozen(version, b"", "<h/>")
    with Session(post.engine) as session, session.begin():
        create_form_key(session, COMMAND_LINE, FORM, intake=post.keys.intake, pem=PEM)
        keep_version(session, COMMAND_LINE, version=version, xlsx=b"", xform="<h/>")
    body, edition = write_odk(ANSWERS, frozen=frozen)
    sealed = encrypt_submission(
        body,
        form=FORM,
        version="2",
        instance_id=f"uuid:{edition}",
        key=rsa_key(),
        media={PHOTO: JPEG, "other.jpg": JPEG},
    )
    post.put(sealed.envelope)
    for name, content in sealed.files.items():
        post.bring_file(edition, content, name=name)
    post.settle()
    assert (post.states(), post.files()) == ([("kept", None)], ["shredded"] * 3)
    assert Image.open(io.BytesIO(post.open_picture())).size == (64, 48)


def test_settling_and_developing_twice_changes_nothing(post: Post) -> None:
    post.bring_file(post.bring(), JPEG)
    post.settle()
    before = post.rows("SELECT * FROM pictures")
    post.settle()
    assert post.rows("SELECT * FROM pictures") == before


def test_a_worker_that_is_killed_over_a_picture_leaves_it_to_the_next(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.bring_file(post.bring(), JPEG)

    def die(content: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(developing, "develop", die)
    with pytest.raises(KeyboardInterrupt):
        post.settle()
    assert post.rows("SELECT state FROM referrals") == [{"state": "waiting"}]
    assert (post.states(), post.files()) == ([("awaited", None)], ["kept"])
    monkeypatch.undo()
    post.settle()
    assert (post.states(), post.files()) == ([("kept", None)], ["shredded"])


def test_two_workers_at_once_make_one_picture_of_it(post: Post, settings: Settings) -> None:
    for _ in range(3):
        post.bring_file(post.bring(), JPEG)
    other = open_hands(settings)
    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(settle_waiting, own) for own in (post.household.hands, other)]:
            work.result()
    other.engine.dispose()
    post.settle()
    assert post.states() == [("kept", None)] * 3
    assert post.files() == ["shredded"] * 3
    assert post.rows("SELECT count(*) AS n FROM referrals") == [{"n": 3}]


def test_an_edit_s_picture_takes_the_place_of_the_one_before(post: Post) -> None:
    first = post.bring(root=str(uuid4()))
    post.bring_file(first, JPEG)
    post.settle()
    second = post.bring({"paper": "new.jpg"}, root=str(uuid4()), deprecated=first)
    post.settle()
    assert sorted(post.states()) == [("awaited", None), ("kept", None)]
    post.bring_file(second, pictures.write(pictures.draw(32, 32)), name="new.jpg")
    post.settle()
    assert sorted(post.states()) == [("kept", None), ("shredded", None)]
    assert Image.open(io.BytesIO(post.open_picture())).size == (32, 32)


def test_an_edit_that_takes_the_consent_back_destroys_the_picture(post: Post) -> None:
    first = post.bring(root=str(uuid4()))
    post.bring_file(first, JPEG)
    post.settle()
    post.bring({"photo_ok": "no"}, root=str(uuid4()), deprecated=first)
    post.settle()
    assert post.states() == [("shredded", None)]
    assert post.rows("SELECT sealed IS NOT NULL AS is_there FROM cases") == [{"is_there": True}]


@pytest.mark.parametrize("is_here", [True, False], ids=["here", "still awaited"])
def test_consent_that_is_taken_back_takes_the_picture_with_the_case(post: Post, is_here: bool) -> None:
    first = post.bring(root=str(uuid4()))
    if is_here:
        post.bring_file(first, JPEG)
    post.settle()
    post.bring({"agree": "no"}, root=str(uuid4()), deprecated=first)
    post.settle()
    assert post.rows("SELECT state FROM referrals") == [{"state": "recalled"}]
    assert post.states() == [("shredded", None)]
    assert post.rows("SELECT sealed, name FROM pictures") == [{"sealed": None, "name": None}]


def test_pictures_and_files_go_with_their_case_on_its_last_day(post: Post) -> None:
    post.bring_file(post.bring(), JPEG)
    post.bring()
    post.settle()
    with post.engine.begin() as connection:
        connection.execute(text("UPDATE cases SET shred_after = now() - interval '1 minute'"))
        connection.execute(text("UPDATE media SET state = 'kept', content = '', name = '', shredded_at = NULL"))
    retain(post.household.hands.sessions, entry_days=30, quarantine_days=14)
    assert post.states() == [("shredded", None)] * 2
    assert post.rows("SELECT sealed, name FROM pictures") == [{"sealed": None, "name": None}] * 2
    assert post.files() == ["shredded"]


def test_the_member_who_accepted_sees_the_picture_and_what_is_still_to_come(post: Post, settings: Settings) -> None:
    edition = post.bring({"tell": ["name", "paper"]})
    post.settle()
    desk = Desk(settings)
    with desk.hands.sessions.begin() as session:
        referral = session.query(ReferralRow).one()
        service, reference = referral.service, referral.reference
    assert service is not None
    actor = desk.member(service)
    with desk.hands.sessions.begin() as session:
        session.execute(text("UPDATE referrals SET state = 'accepted', accepted_by = :member"), {"member": actor.id})
    shown = []
    for content in (None, JPEG):
        if content is not None:
            post.bring_file(edition, content)
            post.settle()
        key = create_open_key()
        with desk.hands.sessions.begin() as session:
            asked = ask_reveal(session, actor, reference, reason="contact", public_key=key.seal_key.raw)
        assert answer_waiting(desk.hands, first=asked) == 1
        with desk.hands.sessions.begin() as session:
            sealed = take_answer(session, actor, asked).sealed
        shown.append(json.loads(open_value(sealed or b"", ring=(key,), context=f"reveal|{asked}")))
    desk.hands.engine.dispose()
    assert [one["name"] for one in shown] == ["Auntie Canary"] * 2
    assert "paper" not in shown[1]
    assert shown[0][PICTURES] == [{"question": "paper", "state": "awaited", "jpeg": ""}]
    assert base64.b64decode(shown[1][PICTURES][0]["jpeg"]) == post.open_picture()
