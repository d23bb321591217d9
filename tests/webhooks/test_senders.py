"""Other senders than Kobo: Ona, ODK Central's webhook, and whoever a mapping describes, from the door to the end."""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.hooks import change_mapping, change_networks, close_hook, open_hook, rotate_hook
from pimcollect.actions.inbox import replay_entry
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.errors import ErrorCode, PimError
from pimcollect.schemas.mappings import read_mapping
from pimcollect.tables.sealed import entry_context
from pimcollect.vault import HandsKeys, open_value
from tests.factories.door import OpenDoor, make_app, open_door, put_form
from tests.factories.households import SCENARIOS, Household, write_kobo
from webhooks.hooks import SECRET_HEADER

BASE = SCENARIOS["base_answers"]
SECRET = "Nadia-Canary"


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


SAME = "SELECT shared, restricted, findings - 'possible_duplicate' AS findings, may_share, state FROM submissions"
"""Two senders of the same answers: that they are alike is a finding of its own."""


def write_ona(household: Household, **more: Any) -> dict[str, Any]:
    """What Ona would send of the base answers: as Kobo does, but numbers are numbers and there is no root id."""
    body, _ = write_kobo(BASE, frozen=household.frozen)
    sent: dict[str, Any] = json.loads(body)
    numbers = {q.path for q in household.frozen.version.questions if q.type in ("integer", "decimal")}
    typed = {path: json.loads(value) if path in numbers else value for path, value in sent.items()}
    for gone in ("meta/rootUuid", "_validation_status"):
        del typed[gone]
    return {**typed, "_xform_id": 7, "_version": "1", "_edited": False, "_tags": [], "_notes": [], **more}


def test_numbers_as_numbers_give_the_same_submission_as_numbers_as_text(
    settings: Settings, engine: Engine, household: Household
) -> None:
    ona = open_door(settings, engine, form="hh", server="ona")
    household.post(BASE)
    assert ona.post(json.dumps(write_ona(household)).encode()).status_code == 202
    household.settle()
    first, second = rows(engine, SAME)
    assert first == second
    assert first["state"] == "kept"


def test_an_edit_from_ona_is_a_new_edition_and_no_duplicate(
    settings: Settings, engine: Engine, household: Household
) -> None:
    ona = open_door(settings, engine, form="hh", server="ona")
    first = write_ona(household)
    edit = {**first, "_edited": True, "_last_edited": "2026-11-21T10:00:00"}
    withdrawn = next(path for path in first if path.endswith("con_interview"))
    edit |= {"meta/deprecatedID": first["meta/instanceID"], "meta/instanceID": f"uuid:{uuid4()}", withdrawn: "no"}
    edit["_uuid"] = edit["meta/instanceID"].removeprefix("uuid:")
    for body in (first, edit, first, edit):
        assert ona.post(json.dumps(body).encode()).status_code == 202
        household.settle()
    assert rows(engine, "SELECT state FROM submissions") == [{"state": "tombstone"}]


def test_an_edit_that_kept_its_instance_id_is_told_by_when_it_was_made(
    settings: Settings, engine: Engine, household: Household
) -> None:
    ona = open_door(settings, engine, form="hh", server="ona")
    first = write_ona(household)
    withdrawn = next(path for path in first if path.endswith("con_interview"))
    edit = {**first, withdrawn: "no", "_edited": True, "_last_edited": "2026-11-21T10:00:00"}
    for body in (first, edit):
        ona.post(json.dumps(body).encode())
        household.settle()
    assert rows(engine, "SELECT state FROM submissions") == [{"state": "tombstone"}]


def test_a_form_that_ona_could_not_decrypt_is_held_and_no_refusal(
    settings: Settings, engine: Engine, household: Household
) -> None:
    ona = open_door(settings, engine, form="hh", server="ona")
    ona.post(json.dumps({"_uuid": "1", "_decryption_error": "no key"}).encode())
    household.settle()
    assert rows(engine, "SELECT state, reason FROM entries") == [{"state": "held", "reason": "encrypted"}]


def test_a_secret_in_the_address_opens_its_own_hook_and_is_never_stored_or_logged(
    settings: Settings, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ona, kobo = open_door(settings, engine, server="ona"), open_door(settings, engine)
    assert ona.client.post(ona.url, data=b'{"_uuid": "1"}').status_code == 202
    for wrong in (f"/webhooks/{ona.hook.key}", f"/webhooks/{ona.hook.key}.", f"/webhooks/{ona.hook.key}.wrong"):
        assert ona.client.post(wrong, data=b"{}", headers={SECRET_HEADER: ona.hook.secret}).status_code == 401
    assert kobo.client.post(f"{kobo.url}.{kobo.hook.secret}", data=b"{}").status_code == 401
    assert ona.client.post(ona.url, data=b"{}", headers={SECRET_HEADER: "other"}).status_code == 401
    assert ona.client.get(ona.url).status_code == 405
    kept = json.dumps(rows(engine, "SELECT * FROM hooks"), default=str)
    assert ona.hook.secret not in kept + caplog.text + repr(ona.hook)
    refused = [vars(one)["facts"].get("hook") for one in caplog.records if one.message == "refused"]
    assert refused == [str(ona.hook.id)] * 3 + [str(kobo.hook.id), str(ona.hook.id)], "the id says which one"
    assert ona.hook.key not in caplog.text


def test_rotating_and_closing_work_for_a_secret_in_the_address_too(settings: Settings, engine: Engine) -> None:
    ona = open_door(settings, engine, server="ona")
    paths = [ona.hook.path]
    for _ in range(2):
        with Session(engine) as session, session.begin():
            paths.append(rotate_hook(session, COMMAND_LINE, ona.hook.id).path)
    assert [ona.client.post(path, data=b"{}").status_code for path in paths] == [401, 202, 202]
    with Session(engine) as session, session.begin():
        close_hook(session, COMMAND_LINE, ona.hook.id)
    assert [ona.client.post(path, data=b"{}").status_code for path in paths] == [401, 401, 401]


def map_household(household: Household) -> dict[str, Any]:
    """A mapping of a sender that nests its answers and names two of them its own way."""
    paths = {q.key: q.path for q in household.frozen.version.questions}
    return {
        "answers": "payload/answers",
        "instance_id": "payload/id",
        "deprecated_id": "payload/before",
        "form_version": "payload/form/version",
        "fields": {
            "consent": paths["con_interview"],
            "share": paths["con_share"],
            "adult": paths["con_adult"],
            "understood": paths["con_understood"],
        },
    }


def write_mapped(household: Household, mapping: dict[str, Any], **more: Any) -> bytes:
    flat = json.loads(write_kobo(BASE, frozen=household.frozen)[0])
    names = {ours: theirs for theirs, ours in mapping["fields"].items()}
    own = ("_", "meta/")
    answers = {names.get(path, path): value for path, value in flat.items() if not path.startswith(own)}
    version = {"version": household.frozen.version.version}
    return json.dumps({"payload": {"id": "first-1", "form": version, "answers": answers, **more}}).encode()


def test_a_sender_that_a_mapping_describes_gives_the_same_submission_as_kobo(
    settings: Settings, engine: Engine, household: Household
) -> None:
    mapping = map_household(household)
    other = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    household.post(BASE)
    for _ in range(2):
        assert other.post(write_mapped(household, mapping)).status_code == 202
    household.settle()
    first, second = rows(engine, SAME)
    assert first == second
    assert first["state"] == "kept"
    assert other.post(write_mapped(household, mapping, id="second-2", before="first-1")).status_code == 202
    household.settle()
    assert {row["reason"] for row in rows(engine, "SELECT reason FROM entries")} == {"kept", "unchanged"}


def test_a_mapping_that_was_wrong_is_mended_and_what_was_held_is_read_anew(
    settings: Settings, engine: Engine, household: Household
) -> None:
    right = map_household(household)
    other = open_door(settings, engine, form="hh", server="mapped", mapping={**right, "answers": "payload/data"})
    other.post(write_mapped(household, right))
    household.settle()
    (held,) = rows(engine, "SELECT id, state, reason FROM entries")
    assert held["state"] == "held"
    with Session(engine) as session, session.begin():
        close_hook(session, COMMAND_LINE, other.hook.id)
        change_mapping(session, COMMAND_LINE, other.hook.id, mapping=right)
        replay_entry(session, COMMAND_LINE, held["id"])
    household.settle()
    assert rows(engine, "SELECT state FROM submissions") == [{"state": "kept"}]


@pytest.mark.parametrize(
    "mapping",
    [
        None,
        {},
        {"instance_id": ""},
        {"instance_id": "a//b"},
        {"instance_id": 5},
        {"instance_id": "id", "code": "__import__('os')"},
        {"instance_id": "id", "fields": {"a": "x", "b": "x"}},
        {"instance_id": "id", "secret_in": "query"},
        {"instance_id": "id", "values": {"a": "b"}},
        {"instance_id": "id", "values": {"a": {"b": True}}},
        {"instance_id": "i" * 301},
    ],
)
def test_a_mapping_that_is_not_right_is_refused_in_words_and_opens_nothing(
    engine: Engine, mapping: dict[str, Any] | None
) -> None:
    with Session(engine) as session:
        put_form(session)
        with pytest.raises(PimError) as caught:
            open_hook(session, COMMAND_LINE, server="mapped", form="pm_kac", mapping=mapping)
    assert caught.value.code is ErrorCode.BAD_FILE
    assert caught.value.remedy
    assert "__import__" not in str(caught.value)
    assert rows(engine, "SELECT id FROM hooks") == []


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        (("answer",), 'The mapping is not right: 1 unknown field: "answer". '),
        (("a\u202e\n", "b" * 41), f'2 unknown fields: "a\\u202e\\n", "{"b" * 40}...". '),
        (tuple("abcdef"), '6 unknown fields: "a", "b", "c", "d", "e" ....'),
    ],
)
def test_unknown_fields_of_a_mapping_are_named(unknown: tuple[str, ...], said: str) -> None:
    with pytest.raises(PimError) as caught:
        read_mapping({"instance_id": "id", **dict.fromkeys(unknown, SECRET)})
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_two_fields_that_stand_for_one_question_are_held_and_never_a_consent(
    settings: Settings, engine: Engine, household: Household
) -> None:
    mapping = map_household(household)
    other = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    sent = json.loads(write_mapped(household, mapping))
    sent["payload"]["answers"][mapping["fields"]["consent"]] = "yes"
    assert other.post(json.dumps(sent).encode()).status_code == 202
    household.settle()
    assert rows(engine, "SELECT state, reason FROM entries") == [{"state": "held", "reason": "mapping_unfit"}]


@pytest.mark.parametrize("said", [True, 1, "Yes", ["yes", "no"], None, "yes maybe"], ids=repr)
def test_a_consent_that_is_no_code_of_the_form_is_held_and_settles_once_the_mapping_says_what_it_means(
    settings: Settings, engine: Engine, household: Household, said: Any
) -> None:
    mapping = map_household(household)
    other = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    sent = json.loads(write_mapped(household, mapping))
    sent["payload"]["answers"]["consent"] = said
    other.post(json.dumps(sent).encode())
    household.settle()
    (held,) = rows(engine, "SELECT id, state, reason FROM entries")
    assert (held["state"], held["reason"]) == ("held", "consent_unclear")
    if said is None:
        return
    values = {"consent": {"true": "yes", "1": "yes", "Yes": "yes", "false": "no", "maybe": "yes"}}
    with Session(engine) as session, session.begin():
        change_mapping(session, COMMAND_LINE, other.hook.id, mapping={**mapping, "values": values})
        replay_entry(session, COMMAND_LINE, held["id"])
    household.settle()
    kept = [{"state": "kept"}] if said in (True, "Yes") else []
    assert rows(engine, "SELECT state FROM submissions") == kept, "yes and no at once is neither"


def test_a_refusal_in_the_sender_s_own_word_is_a_refusal_once_it_is_mapped(
    settings: Settings, engine: Engine, household: Household
) -> None:
    mapping = {**map_household(household), "values": {"consent": {"true": "yes", "false": "no"}}}
    other = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    sent = json.loads(write_mapped(household, mapping))
    sent["payload"]["answers"]["consent"] = False
    other.post(json.dumps(sent).encode())
    household.settle()
    assert rows(engine, "SELECT state, reason FROM entries") == [{"state": "settled", "reason": "refused"}]


def test_what_has_no_id_where_its_mapping_says_is_held_in_its_own_words(
    settings: Settings, engine: Engine, household: Household
) -> None:
    mapping = map_household(household)
    other = open_door(settings, engine, form="hh", server="mapped", mapping=mapping)
    other.post(write_mapped(household, mapping, id=None))
    household.settle()
    assert rows(engine, "SELECT state, reason FROM entries") == [{"state": "held", "reason": "no_instance_id"}]


def test_a_mapping_that_leads_to_no_consent_or_to_no_code_of_the_form_is_refused(
    engine: Engine, household: Household
) -> None:
    right = map_household(household)
    less = {theirs: ours for theirs, ours in right["fields"].items() if theirs != "consent"}
    wrong = ({**right, "fields": less}, {**right, "values": {"consent": {"true": "ja"}}})
    with Session(engine) as session:
        for mapping in wrong:
            with pytest.raises(PimError) as caught:
                open_hook(session, COMMAND_LINE, server="mapped", form="hh", mapping=mapping)
            assert caught.value.code is ErrorCode.BAD_FILE
            assert right["fields"]["consent"] in str(caught.value)
        assert "ja" not in str(caught.value).split()


def call_from(door: OpenDoor, address: str) -> int:
    answer = door.client.post(
        door.url, data=b"{}", headers={SECRET_HEADER: door.hook.secret}, environ_base={"REMOTE_ADDR": address}
    )
    return int(answer.status_code)


def test_a_hook_for_listed_networks_answers_others_as_if_the_secret_were_wrong(
    settings: Settings, engine: Engine
) -> None:
    door = open_door(settings, engine, networks=("203.0.113.0/24", "2001:db8::1"))
    assert [call_from(door, one) for one in ("203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9")] == [202] * 3
    assert [call_from(door, one) for one in ("203.0.114.9", "2001:db8::2", "unix", "")] == [401] * 4
    with Session(engine) as session, session.begin():
        change_networks(session, COMMAND_LINE, door.hook.id, networks=())
    assert call_from(door, "198.51.100.1") == 202


@pytest.mark.parametrize("network", ["203.0.113.1/24", "here", "", "1.2.3.4/99"])
def test_a_network_that_is_none_is_refused(engine: Engine, network: str) -> None:
    with Session(engine) as session:
        put_form(session)
        with pytest.raises(PimError) as caught:
            open_hook(session, COMMAND_LINE, server="kobo", form="pm_kac", networks=(network,))
    assert caught.value.code is ErrorCode.BAD_SETTING


def test_each_hook_tells_what_came_and_what_was_refused(settings: Settings, engine: Engine) -> None:
    door = open_door(settings, engine)
    door.post(b'{"_uuid": "1"}')
    door.post(b'{"_uuid": "1"}')
    door.client.post(door.url, data=b"{}", headers={SECRET_HEADER: "wrong"})
    door.post(b"x" * (settings.max_body_bytes + 1))
    marks = door.client.application.extensions["door"].hooks.marks
    assert marks.write()
    assert not marks.write()
    (row,) = rows(engine, "SELECT arrived, arrived_at FROM hooks")
    assert row["arrived"] == 2
    assert row["arrived_at"] is not None
    refused = rows(engine, "SELECT reason, n FROM hook_refusals ORDER BY reason")
    assert [tuple(one.values()) for one in refused] == [("too_large", 1), ("wrong_secret", 1)]


def test_a_form_of_a_sender_with_a_mapping_is_opened_with_the_mapping_of_its_own_hook(
    settings: Settings, engine: Engine, hands_keys: HandsKeys
) -> None:
    app = make_app(settings, engine)
    with Session(engine) as session, session.begin():
        put_form(session)
        hooks = [
            open_hook(session, COMMAND_LINE, server="mapped", form="pm_kac", mapping={"instance_id": name})
            for name in ("one", "two")
        ]
    for hook in hooks:
        headers = {SECRET_HEADER: hook.secret}
        assert app.test_client().post(hook.path, data=b'{"one": "a", "two": "b"}', headers=headers).status_code == 202
    kept = rows(engine, "SELECT form, identity, body FROM entries")
    assert len(kept) == 2, "each told its own instance id"
    contents = {
        open_value(row["body"], ring=hands_keys.intake, context=entry_context(row["form"], row["identity"]))
        for row in kept
    }
    assert contents == {b'{"one": "a", "two": "b"}'}
