"""Submissions by phone: one record however often and however concurrently it is sent, and nothing that came is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pimcollect.actions.inbox import replay_entry
from pimcollect.actions.releases import close_on_phones, release_to_phones
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.phones import find_phones
from tests.factories.collect import Collect, read_message
from tests.factories.households import SCENARIOS, Household
from tests.factories.phones import Phones, make_phone_app, post_to, serve, write_odk, write_post
from webhooks.openrosa.words import LANGUAGES, WORDS

BASE = SCENARIOS["base_answers"]
Look = Callable[[str], list[tuple[Any, ...]]]


def write(household: Household, answers: dict[str, Any] | None = None, **more: Any) -> tuple[bytes, str]:
    return write_odk(BASE if answers is None else answers, frozen=household.frozen, **more)


@pytest.mark.parametrize("path", ["/submission", "/submission/", "/submission?deviceID=collect%3Aabc"])
def test_before_sending_a_phone_hears_204_and_how_much_it_may_send(phones: Phones, path: str) -> None:
    answer = phones.client.head(f"{phones.base}{path}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert answer.headers["X-OpenRosa-Accept-Content-Length"] == "10000000"
    assert "Content-Type" not in answer.headers
    assert "Location" not in answer.headers


def test_other_methods_and_other_addresses_are_refused_in_openrosa_s_words_and_never_redirected(
    phones: Phones,
) -> None:
    for method, path in (
        ("GET", "/submission"),
        ("PUT", "/submission"),
        ("OPTIONS", "/submission"),
        ("POST", "/formList"),
        ("GET", "/nothing"),
        ("GET", "//formList"),
    ):
        answer = phones.client.open(f"{phones.base}{path}", method=method)
        assert answer.status_code in (404, 405), (method, path)
        assert read_message(answer.data)
        assert answer.headers["X-OpenRosa-Version"] == "1.0"


def test_a_submission_is_201_durable_and_settled_like_any_other(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, root = write(household)
    answer = phones.post(xml)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert read_message(answer.data) == WORDS["stored"]["en"]
    assert look("SELECT via, server, phone, state FROM entries") == [("phone", "odk", phones.device.id, "untouched")]
    assert household.settle() == 1
    assert look("SELECT root_id, state FROM submissions") == [(root, "kept")]
    assert look("SELECT body FROM entries") == [(None,)]


def test_the_same_again_is_202_and_one_record_also_after_it_was_settled(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, _ = write(household)
    assert [phones.post(xml).status_code for _ in range(3)] == [201, 202, 202]
    household.settle()
    assert phones.post(xml).status_code == 202
    assert household.settle() == 0
    assert look("SELECT count(*) FROM entries") == [(1,)]
    assert look("SELECT count(*) FROM submissions") == [(1,)]


def test_six_at_once_are_one_record_and_nobody_is_refused(
    phones: Phones, household: Household, settings: Settings, engine: Engine, look: Look
) -> None:
    other = make_phone_app(settings, engine, puts=phones.puts)
    start = threading.Barrier(6)

    def send(number: int, xml: bytes) -> int:
        client = (phones.app if number % 2 else other).test_client()
        start.wait()
        return int(post_to(client, f"{phones.base}/submission", xml).status_code)

    with ThreadPoolExecutor(6) as pool:
        before, _ = write(household)
        assert phones.post(before).status_code == 201
        (edition,) = read_instance_id(before)
        for number in range(12):
            # every other round is a correction, which two indexes guard
            xml, following = write(household, deprecated=edition) if number % 2 else write(household)
            statuses = list(pool.map(send, range(6), [xml] * 6))
            assert sorted(statuses) == [201, 202, 202, 202, 202, 202]
            edition = following
    assert look("SELECT count(*) FROM entries") == [(13,)]


def read_instance_id(xml: bytes) -> list[str]:
    return [str(one.text).removeprefix("uuid:") for one in etree.fromstring(xml).iter("instanceID")]


def test_something_else_under_the_same_id_is_409_and_kept_sealed_for_a_person(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    xml, root = write(household)
    other, _ = write(household, {**BASE, "ref_name": "Canary Nadia"}, root=root)
    assert phones.post(xml).status_code == 201
    refused = phones.post(other)
    assert (refused.status_code, read_message(refused.data)) == (409, WORDS["conflict"]["en"])
    assert phones.post(other).status_code == 409
    assert phones.post(xml).status_code == 202
    assert look("SELECT state, reason FROM entries ORDER BY received_at") == [("untouched", None), ("held", "conflict")]
    assert b"Canary" not in b"".join(bytes(body) for (body,) in look("SELECT body FROM entries"))
    household.settle()
    assert phones.post(other).status_code == 409
    ((held,),) = look("SELECT id FROM entries WHERE state = 'held'")
    with Session(engine) as session, session.begin():
        replay_entry(session, COMMAND_LINE, held)
    household.settle()
    assert look("SELECT count(*) FROM submissions") == [(1,)]
    assert look("SELECT state FROM entries") == [("settled",), ("settled",)]


def test_without_an_instance_id_the_content_is_the_id(phones: Phones, household: Household, look: Look) -> None:
    xml, _ = write(household)
    bare = xml[: xml.index(b"<meta>")] + b"</data>"
    other = bare.replace(b"</data>", b"<x>1</x></data>")
    assert [phones.post(body).status_code for body in (bare, bare, other)] == [201, 202, 201]
    assert household.settle() == 2
    assert look("SELECT count(DISTINCT root_id) FROM submissions") == [(2,)]


def test_a_split_submission_is_settled_when_its_last_part_has_come(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, _ = write(household)
    first = phones.post(xml, {"a.jpg": b"1"}, is_incomplete=True)
    assert (first.status_code, read_message(first.data)) == (201, WORDS["more"]["en"])
    assert household.settle() == 0
    assert phones.post(xml, {"b.jpg": b"2"}, is_incomplete=True).status_code == 201
    assert phones.post(xml, {"c.jpg": b"3"}).status_code == 201
    assert phones.post(xml, {"c.jpg": b"3"}).status_code == 202
    assert household.settle() == 1
    ((findings,),) = look("SELECT findings FROM submissions")
    assert "incomplete_delivery" not in findings
    assert findings["dropped_files"] == 3
    assert look("SELECT state FROM media") == [("quarantined",)] * 3


def test_parts_in_any_order_come_to_the_same(phones: Phones, household: Household, look: Look) -> None:
    xml, _ = write(household)
    assert phones.post(xml, {"c.jpg": b"3"}).status_code == 201
    assert phones.post(xml, {"a.jpg": b"1"}, is_incomplete=True).status_code == 201
    assert household.settle() == 1
    assert phones.post(xml, {"b.jpg": b"2"}, is_incomplete=True).status_code == 201
    assert household.settle() == 0
    assert look("SELECT count(*) FROM submissions") == [(1,)]


def test_a_part_whose_rest_never_comes_is_settled_after_its_time_and_a_finding_says_so(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    xml, _ = write(household)
    phones.post(xml, {"a.jpg": b"1"}, is_incomplete=True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE entries SET waits_until = now() - interval '1 second'"))
    assert household.settle() == 1
    ((findings,),) = look("SELECT findings FROM submissions")
    assert findings["incomplete_delivery"] == 1
    assert phones.post(xml).status_code == 202


def test_attachments_that_a_form_names_are_dropped_and_strange_ones_are_kept_apart_and_counted(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, _ = write(household)
    named = xml.replace(b"<meta>", b"<photo>declared.jpg</photo><meta>")
    files = {"declared.jpg": b"Canary picture", "audit.csv": b"Canary audit", "other.bin": b"Canary"}
    assert phones.post(named, files).status_code == 201
    assert look("SELECT dropped_files FROM entries") == [(2,)]
    assert look("SELECT state FROM media") == [("quarantined",)] * 2
    household.settle()
    ((findings,),) = look("SELECT findings FROM submissions")
    assert findings["dropped_files"] == 2


def test_a_no_keeps_nothing_of_the_person_whatever_came_with_it(
    phones: Phones, household: Household, engine: Engine, look: Look
) -> None:
    answers = {**BASE, "con_interview": "no", "ref_name": "Canary Nadia"}
    xml, _ = write(household, answers)
    named = xml.replace(b"<meta>", b"<photo>Canary.jpg</photo><meta><instanceName>Canary Nadia</instanceName>")
    assert phones.post(named, {"Canary.jpg": b"Canary", "audit.csv": b"Canary"}).status_code == 201
    household.settle()
    assert look("SELECT state, shared, restricted, findings FROM submissions") == [("tombstone", None, None, None)]
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT relname FROM pg_stat_user_tables")).scalars().all()
        everything = "".join(
            str(row) for table in tables for row in connection.execute(text(f"SELECT t::text FROM {table} t")).scalars()
        )
    for trace in ("Canary", b"Canary".hex(), "Nadia"):
        assert trace not in everything


@pytest.mark.parametrize(
    ("form", "status", "word"), [("nothing", 404, "unknown_form"), ("hh_core", 404, "unknown_form"), ("", 404, "")]
)
def test_a_form_that_phones_do_not_have_is_404(
    phones: Phones, household: Household, look: Look, form: str, status: int, word: str
) -> None:
    xml, _ = write(household)
    answer = phones.post(xml.replace(b'id="hh"', b'id="%s"' % form.encode()))
    assert answer.status_code == status
    assert read_message(answer.data) == WORDS[word or "unknown_form"]["en"]
    assert look("SELECT count(*) FROM entries") == [(0,)]


def test_a_closed_form_is_403_at_once_but_what_is_here_already_is_not_sent_for_ever(
    phones: Phones, household: Household, engine: Engine
) -> None:
    here, _ = write(household)
    new, _ = write(household)
    assert phones.post(here).status_code == 201
    with Session(engine) as session, session.begin():
        close_on_phones(session, COMMAND_LINE, "hh")
    refused = phones.post(new)
    assert (refused.status_code, read_message(refused.data)) == (403, WORDS["closed_form"]["en"])
    assert phones.post(here).status_code == 202
    with Session(engine) as session, session.begin():
        release_to_phones(session, COMMAND_LINE, "hh")
    assert phones.post(new).status_code == 201


def test_answers_to_an_earlier_version_are_taken_and_to_an_unknown_one_held(
    phones: Phones, household: Household, look: Look
) -> None:
    version = household.frozen.version.version.encode()
    xml, _ = write(household)
    assert phones.post(xml.replace(version, b"of-nobody")).status_code == 201
    household.settle()
    assert look("SELECT state, reason FROM entries") == [("held", "unknown_version")]


def test_a_database_that_is_away_is_503_in_words_and_with_when_to_come_again(
    phones: Phones, household: Household, settings: Settings
) -> None:
    away = open_engine("postgresql://nobody@127.0.0.1:1/none")
    client = make_phone_app(settings, away, puts=away).test_client()
    answer = post_to(client, f"{phones.base}/submission", write(household)[0])
    assert (answer.status_code, read_message(answer.data)) == (503, WORDS["away"]["en"])
    assert int(answer.headers["Retry-After"]) > 0


def test_after_a_restart_of_the_database_the_next_submission_is_taken_at_once(
    phones: Phones, household: Household, engine: Engine
) -> None:
    assert phones.post(write(household)[0]).status_code == 201
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
    assert [phones.post(write(household)[0]).status_code for _ in range(2)] == [201, 201]


def test_without_a_queue_a_submission_is_taken_all_the_same(
    phones: Phones, household: Household, settings: Settings, engine: Engine
) -> None:
    app = make_phone_app(replace(settings, redis_url="redis://127.0.0.1:1/0"), engine, puts=phones.puts)
    assert post_to(app.test_client(), f"{phones.base}/submission", write(household)[0]).status_code == 201


@pytest.mark.parametrize("language", ["en", "fr", "ar", "ar-LY", "fr-FR,fr;q=0.9,en;q=0.5", "my", "*"])
def test_messages_come_in_the_language_of_the_phone(phones: Phones, language: str) -> None:
    spoken = language[:2] if language[:2] in LANGUAGES else "en"
    answer = phones.post(b"<a", headers={"Accept-Language": language})
    assert answer.headers["Content-Language"] == spoken
    assert read_message(answer.data) == WORDS["unreadable"][spoken]


def test_every_message_is_said_in_every_language() -> None:
    assert all(set(words) == set(LANGUAGES) for words in WORDS.values())


def test_nothing_of_a_submission_is_in_a_log_or_an_answer(
    phones: Phones, household: Household, caplog: pytest.LogCaptureFixture
) -> None:
    xml, root = write(household, {**BASE, "ref_name": "Canary Nadia"})
    answers = [
        phones.post(xml, {"Canary.jpg": b"Canary"}),
        phones.post(write(household, {**BASE, "ref_name": "Canary"}, root=root)[0]),
        phones.post(b"<data>Canary"),
        phones.post(xml, {"../Canary": b""}),
    ]
    for answer in answers:
        assert "Canary" not in answer.text + str(answer.headers)
    assert "Canary" not in caplog.text
    assert root not in caplog.text


def test_over_a_real_line_a_phone_sends_in_pieces_and_in_chunks(
    phones: Phones, household: Household, look: Look
) -> None:
    xml, _ = write(household)
    with serve(phones.app) as address:
        collect = Collect(f"{address}/phones", "amina", phones.account.secret, language="fr")
        assert collect.submit(xml, {f"{n}.jpg": b"x" * 1000 for n in range(5)}, split=2) == [201, 201, 201]
        assert collect.submit(xml) == [202]
        assert [method for method, *_ in collect.requests_made].count("HEAD") == 2
        big = {f"{n}.mp4": b"x" * 6_000_000 for n in range(3)}
        assert collect.submit(write(household)[0], big) == [201, 201, 201]
        body, content_type = write_post(write(household)[0])
        pieces = (body[at : at + 100] for at in range(0, len(body), 100))
        answer = collect._session.post(
            f"{address}{phones.base}/submission", data=pieces, headers={"Content-Type": content_type}
        )
        assert answer.status_code == 201
        collect.close()
    assert look("SELECT count(*) FROM entries WHERE waits_until IS NULL") == [(3,)]


def test_what_a_phone_sent_is_counted_as_it_comes(phones: Phones, household: Household, engine: Engine) -> None:
    xml, _ = write(household)
    assert [phones.post(xml).status_code for _ in range(2)] == [201, 202]
    assert phones.app.extensions["phones"].marks.write()
    with Session(engine) as session:
        sent = {row["name"]: (row["sent"], row["last_at"] is not None) for row in find_phones(session)}
    assert sent == {phones.device.name: (2, True), phones.account.name: (0, False)}
