"""A phone's whole exercise without any other server: fetch every starter form, fill it, send it, correct it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from lxml import etree
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from forms.selection import KINDS
from pimcollect.actions.forms import keep_version
from pimcollect.app import create_app
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from tests.engines import javarosa, xforms_engine
from tests.engines.filled import Filled, need
from tests.factories.collect import Collect, CollectError
from tests.factories.households import Household, freeze
from tests.factories.phones import Phones, open_phones, serve
from tests.rounds.people import Person

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ENGINES = {"javarosa": javarosa.load_engine, "xforms-engine": xforms_engine.load_engine}


@pytest.fixture
def phones(settings: Settings, engine: Engine, household: Household) -> Iterator[Phones]:
    with Session(engine) as session, session.begin():
        for form in KINDS:
            frozen = freeze(form)
            keep_version(session, COMMAND_LINE, version=frozen.version, xlsx=frozen.xlsx, xform=frozen.xform)
    phones = open_phones(settings, engine, *KINDS)
    yield phones
    phones.puts.dispose()


@pytest.fixture
def app(settings: Settings, phones: Phones) -> Iterator[Flask]:
    """The whole web process: pages, hooks and phones."""
    app = create_app(settings)
    yield app
    app.extensions["door"].engine.dispose()
    app.extensions["store"].session_factory.kw["bind"].dispose()


def correct(xml: bytes) -> bytes:
    """What the phone writes when a sent form is opened again: a new id, and the one that it replaces."""
    root = etree.fromstring(xml)
    (instance,) = [node for node in root.iter() if etree.QName(node).localname == "instanceID"]
    before = etree.SubElement(instance.getparent(), str(instance.tag).replace("instanceID", "deprecatedID"))
    before.text = instance.text
    instance.text = f"uuid:{uuid4()}"
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def fill(name: str, xform: bytes, form: str, seed: int) -> Filled:
    engine: Any = need(ENGINES[name])
    if name == "javarosa":
        return engine.fill(xform.decode(), Person(seed), files=freeze(form).files)
    return engine.fill(xform.decode(), {}, files=freeze(form).files, seed=seed)


@pytest.mark.parametrize("name", ENGINES)
def test_every_starter_form_is_fetched_filled_sent_in_pieces_and_corrected(
    app: Flask, phones: Phones, household: Household, engine: Engine, name: str
) -> None:
    with serve(app) as address:
        collect = Collect(f"{address}/phones", phones.account.name, phones.account.secret, language="ar")
        listed = {form.form_id: form for form in collect.fetch_list()}
        assert set(listed) == set(KINDS)
        for number, (form_id, form) in enumerate(listed.items()):
            xform, files = collect.download(form)
            assert {file.name for file in files} == set(freeze(form_id).files)
            xml = fill(name, xform, form_id, seed=900 + number).xml
            assert collect.submit(xml, {"audit.csv": b"x", "photo.jpg": b"y"}, split=1) == [201, 201]
            assert collect.submit(xml) == [202]
            assert collect.submit(correct(xml)) == [201]
            with pytest.raises(CollectError, match="409"):
                collect.submit(correct(xml))
        collect.close()
    household.settle()
    while household.settle():
        pass
    with engine.connect() as connection:
        kept = connection.execute(
            text("SELECT form, jsonb_array_length(superseded) FROM submissions ORDER BY form")
        ).all()
        held = connection.execute(text("SELECT reason FROM entries WHERE state = 'held'")).scalars().all()
    assert [tuple(row) for row in kept] == [(form, 1) for form in sorted(KINDS)]
    assert held == ["edition_unclear"] * len(KINDS)


def test_pages_and_hooks_are_as_they_were_beside_the_phones_door(app: Flask) -> None:
    client = app.test_client()
    answer = client.get("/phones/formList")
    assert (answer.status_code, answer.headers["Content-Security-Policy"][:18]) == (401, "default-src 'none'")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers.getlist("Cache-Control") == ["no-store, private"]
    assert client.get("/phones").status_code in (302, 303, 404)
    assert client.post("/webhooks/nobody").status_code == 401
    assert client.get("/login").status_code == 200
