"""The thirty points of a receiver of KoboToolbox: each is shown by a test that exists, some of them by those here."""

from __future__ import annotations

import ast
import json
import unicodedata
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from pimcollect.config import Settings
from pimcollect.domain.answers import AnswerReader
from pimcollect.servers import kobo
from tests.contracts.receiver import POINTS
from tests.factories.door import open_door
from tests.factories.households import SCENARIOS, Household, write_kobo
from tests.factories.versions import question, small_version

TESTS = Path(__file__).parents[1]
BASE = SCENARIOS["base_answers"]


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def test_every_point_is_shown_by_tests_that_exist() -> None:
    assert sorted(POINTS) == list(range(1, 31))
    lost = []
    for number, (_, shown_by) in POINTS.items():
        for place in shown_by:
            file, _, begins = place.partition("::")
            tree = ast.parse((TESTS / file).read_text())
            names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            if not any(name.startswith(begins) for name in names):
                lost.append((number, place))
    assert lost == []


def test_an_error_of_ours_is_temporary_to_the_sender(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door = open_door(settings, engine)

    def fail(_: bytes) -> None:
        raise ZeroDivisionError("Nadia-Canary")

    monkeypatch.setattr(kobo, "read_delivery", fail)
    answer = door.post(b'{"_uuid": "1"}')
    assert (answer.status_code, answer.json) == (503, {"error": "away"})
    assert int(answer.headers["Retry-After"]) > 0
    assert "Nadia" not in caplog.text + answer.text
    monkeypatch.undo()
    assert door.post(b'{"_uuid": "1"}').status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Encoding": "none-such"},
        {"Expect": "nothing"},
        {"X-HTTP-Method-Override": "DELETE"},
    ],
)
def test_whatever_the_content_type_says_the_body_is_read_for_what_it_is(
    household: Household, engine: Engine, headers: dict[str, str]
) -> None:
    body, root = write_kobo(BASE, frozen=household.frozen)
    assert household.door.post(body, **headers).status_code == 202
    household.settle()
    assert rows(engine, "SELECT root_id, state FROM submissions") == [{"root_id": root, "state": "kept"}]


def test_the_zeros_before_a_number_stay() -> None:
    reader = AnswerReader(small_version(question("card", "text", "restrict")))
    sent = kobo.read_opened(b'{"_uuid": "1", "card": "00042"}', repeats=())
    assert reader.read(sent.raw) == ({"card": "00042"}, {})


def test_paths_that_begin_alike_are_not_confused() -> None:
    version = small_version(
        question("hh_photo", "text"),
        question("hh", "text", repeat="hh_list"),
        question("age", "integer", repeat="hh_list"),
        repeats=("hh_list",),
    )
    body = {
        "_uuid": "1",
        "hh_photo": "outside",
        "hh_list": [{"hh_list/hh": "inside", "hh_list/age": "3"}],
        "hh_list_count": "1",
    }
    answers, findings = AnswerReader(version).read(kobo.read_opened(json.dumps(body).encode(), repeats=()).raw)
    assert answers == {"hh_photo": "outside", "hh_list": [{"hh": "inside", "age": 3}]}
    assert findings == {"unknown_fields": 1}


_ADDED = (
    *("_submitted_by", "username", "email", "deviceid", "phonenumber", "simserial", "subscriberid", "imei"),
    *("meta/instanceName", "meta/audit", "_notes", "_tags", "start-geopoint", "background-audio", "_status"),
    *("a_new_question", "grp/a_new_question", "_xform_id_string", "formhub/uuid", "__version__", "_userform_id"),
)


def _plant() -> dict[str, Any]:
    planted: dict[str, Any] = {name: f"canary-{number:03d}-Nadia" for number, name in enumerate(_ADDED)}
    planted["_tags"] = planted["_notes"] = ["canary-100-Nadia"]
    planted["_geolocation"] = [25.383123, 44.123456]
    planted["_validation_status"] = {"by_whom": "canary-101-Nadia", "label": "x"}
    planted["_supplementalDetails"] = {"audio": {"transcript": {"value": "canary-102-Nadia"}}}
    planted["_attachments"] = [
        {"filename": "canary-103-Nadia/attachments/x/a.jpg", "media_file_basename": "canary-104-Nadia.jpg"},
        {"download_url": "https://k.example/canary-105-Nadia", "question_xpath": "grp/canary-106-Nadia"},
    ]
    return planted


def test_nothing_that_the_server_adds_is_kept_anywhere(household: Household, engine: Engine) -> None:
    household.post({**BASE, "inc_urgent": "yes"}, **_plant())
    household.settle()
    assert rows(engine, "SELECT state FROM submissions") == [{"state": "kept"}]
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        ).scalars()
        for table in list(tables):
            kept = connection.execute(
                text(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            ).scalar_one()
            for canary in ("Nadia", "canary-", "25.383123", "44.123456"):
                assert canary not in kept, (table, canary)


@pytest.mark.parametrize("clock", ["1970-01-01T00:00:00.000+00:00", "2055-12-31T23:59:59.000+14:00", "yesterday", ""])
def test_a_phone_with_a_wrong_clock_changes_no_month_and_no_deadline(
    household: Household, engine: Engine, clock: str
) -> None:
    household.post(BASE, start=clock, end=clock, today=clock[:10], _submission_time=clock)
    household.settle()
    (row,) = rows(engine, "SELECT month = date_trunc('month', now())::date AS is_now, state FROM submissions")
    assert row == {"is_now": True, "state": "kept"}


@pytest.mark.parametrize("word", ["ကိုအောင်", "لاجئة", "é", "e\u0301", "😀", "Łódź"])
def test_letters_come_through_in_one_spelling(word: str) -> None:
    reader = AnswerReader(small_version(question("note", "text", "restrict")))
    for body in ({"_uuid": "1", "note": word}, {"_uuid": "1", "note": unicodedata.normalize("NFD", word)}):
        for sent in (json.dumps(body).encode(), json.dumps(body, ensure_ascii=False).encode()):
            answers, _ = reader.read(kobo.read_opened(sent, repeats=()).raw)
            assert answers["note"] == unicodedata.normalize("NFC", word)


def test_the_servers_own_number_means_nothing(household: Household, engine: Engine) -> None:
    numbers = (7, 7, 900, 1, -5)
    roots = {household.post(BASE, root=str(uuid4()), _id=number) for number in numbers}
    household.settle()
    assert {row["root_id"] for row in rows(engine, "SELECT root_id FROM submissions")} == roots
    assert len(roots) == len(numbers)
