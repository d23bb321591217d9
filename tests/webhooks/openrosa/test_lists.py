"""What phones fetch: whole lists of usable lines, digests that are those of the bytes, addresses that reach us."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from lxml import etree
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from pimcollect.actions.forms import keep_version
from pimcollect.actions.releases import close_on_phones, release_to_phones
from pimcollect.config import Settings
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.tables.form_files import FormFileRow
from tests.factories.collect import Collect, CollectError
from tests.factories.households import Household, freeze
from tests.factories.phones import Phones, make_phone_app, serve

LISTED = "{http://openrosa.org/xforms/xformsList}"
Look = Callable[[str], list[tuple[Any, ...]]]


def read_lines(answer: Any) -> list[dict[str, str]]:
    root = etree.fromstring(answer.data)
    assert root.tag == f"{LISTED}xforms"
    return [{str(child.tag).removeprefix(LISTED): child.text or "" for child in node} for node in root]


def keep(engine: Engine, form: str, *, release: bool = True, **changes: Any) -> None:
    frozen = freeze(form)
    with Session(engine) as session, session.begin():
        version = replace(frozen.version, **changes)
        keep_version(session, COMMAND_LINE, version=version, xlsx=frozen.xlsx, xform=frozen.xform)
        if release:
            release_to_phones(session, COMMAND_LINE, version.form)


def put_file(engine: Engine, name: str, content: bytes, *, is_entity_list: bool = False, version: str = "") -> None:
    with Session(engine) as session, session.begin():
        newest = "SELECT version FROM phone_forms ORDER BY released_at DESC LIMIT 1"
        session.add(
            FormFileRow(
                version=session.scalar(text(version or newest)),
                name=name,
                content_type="text/csv",
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                md5=hashlib.md5(content).hexdigest(),  # noqa: S324 - what the protocol asks for
                is_entity_list=is_entity_list,
                content=content,
            )
        )


@pytest.mark.parametrize("headers", [{}, {"X-OpenRosa-Version": "1.0"}, {"Date": "Wed, 25 Nov 2026 11:00:00 GMT"}])
def test_the_list_is_what_phones_take_for_one(phones: Phones, headers: dict[str, str]) -> None:
    answer = phones.client.get(f"{phones.base}/formList", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert answer.headers["Content-Language"] == "en"
    assert "Date" in answer.headers
    (line,) = read_lines(answer)
    assert (line["formID"], line["name"]) == ("hh", "Household interview, long")
    assert line["downloadUrl"].startswith(f"http://localhost{phones.base}/forms/")
    assert "manifestUrl" not in line


def test_a_title_in_any_letters_stays_one_line_of_valid_xml(phones: Phones, engine: Engine) -> None:
    title = 'A & B <c> "d" الاستبيان မြန်မာ \x0b\x01'
    keep(engine, "hh_core", title=title)
    lines = {line["formID"]: line for line in read_lines(phones.client.get(f"{phones.base}/formList"))}
    assert lines["hh_core"]["name"] == 'A & B <c> "d" الاستبيان မြန်မာ '


def test_a_form_is_filtered_by_its_id_and_an_unknown_one_is_an_empty_list(phones: Phones, engine: Engine) -> None:
    keep(engine, "hh_core")
    for wanted, found in (("hh", ["hh"]), ("hh_core", ["hh_core"]), ("nothing", []), ("a%00b", [])):
        answer = phones.client.get(f"{phones.base}/formList?formID={wanted}&verbose=true")
        assert (answer.status_code, [line["formID"] for line in read_lines(answer)]) == (200, found)


def test_only_the_newest_released_version_is_shown_unless_all_are_asked_for(phones: Phones, engine: Engine) -> None:
    before = read_lines(phones.client.get(f"{phones.base}/formList"))
    keep(engine, "hh", release=False, title="Not released")
    assert read_lines(phones.client.get(f"{phones.base}/formList"))[0]["hash"] == before[0]["hash"]
    keep(engine, "hh", release=True, title="Released")
    after = read_lines(phones.client.get(f"{phones.base}/formList"))
    assert after[0]["downloadUrl"] != before[0]["downloadUrl"]
    assert len(read_lines(phones.client.get(f"{phones.base}/formList"))) == 1
    assert len(read_lines(phones.client.get(f"{phones.base}/formList?listAllVersions=true"))) == 2


def test_the_digest_is_that_of_the_bytes_in_every_process(phones: Phones, settings: Settings, engine: Engine) -> None:
    (line,) = read_lines(phones.client.get(f"{phones.base}/formList"))
    other = make_phone_app(settings, engine, puts=phones.puts).test_client()
    for client in (phones.client, other):
        served = client.get(line["downloadUrl"].removeprefix("http://localhost"))
        assert served.headers["Content-Type"] == "text/xml; charset=utf-8"
        assert f"md5:{hashlib.md5(served.data).hexdigest()}" == line["hash"]  # noqa: S324
        assert served.data == freeze("hh").xform.encode()


def test_a_version_that_is_not_released_or_closed_is_fetched_by_nobody(
    phones: Phones, engine: Engine, look: Look
) -> None:
    keep(engine, "hh_core", release=False)
    ((hidden,),) = look("SELECT id FROM form_versions WHERE form = 'hh_core'")
    ((shown,),) = look("SELECT version FROM phone_forms")
    for version in (hidden, uuid4()):
        for rest in ("form.xml", "manifest", "files/x.csv", "integrity/x.csv"):
            assert phones.client.get(f"{phones.base}/forms/{version}/{rest}").status_code == 404
    assert phones.client.get(f"{phones.base}/forms/{shown}/form.xml").status_code == 200
    assert phones.client.get(f"/phones/forms/{shown}/form.xml").status_code == 401
    with Session(engine) as session, session.begin():
        close_on_phones(session, COMMAND_LINE, "hh")
    assert phones.client.get(f"{phones.base}/forms/{shown}/form.xml").status_code == 404
    assert read_lines(phones.client.get(f"{phones.base}/formList")) == []


def test_addresses_are_those_that_the_phone_called_and_a_stranger_s_claim_changes_nothing(
    phones: Phones, settings: Settings, engine: Engine
) -> None:
    def address(client: Any, **more: Any) -> str:
        return read_lines(client.get(f"{phones.base}/formList", **more))[0]["downloadUrl"]

    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    assert address(phones.client, headers=forwarded).startswith("http://localhost/")
    assert address(phones.client, base_url="http://192.168.1.5:8000").startswith("http://192.168.1.5:8000/")
    app = make_phone_app(replace(settings, public_url="https://pim.example"), engine, puts=phones.puts)
    assert address(app.test_client(), base_url="http://pim.example").startswith("https://pim.example/")
    assert address(app.test_client(), base_url="http://10.0.0.1").startswith("http://10.0.0.1/")
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    assert address(app.test_client(), headers={**forwarded, "X-Forwarded-Host": "a.example"}).startswith(
        "https://a.example/phones/"
    )


def test_files_of_a_form_are_announced_with_their_digests_and_entity_lists_with_where_to_ask(
    phones: Phones, engine: Engine, look: Look
) -> None:
    put_file(engine, "places & names.csv", b"name,label\na,A\n")
    keep(engine, "hh", title="Next")
    put_file(engine, "sites.csv", b"name,label,__version\n", is_entity_list=True)
    with serve(phones.app) as address:
        collect = Collect(f"{address}{phones.base}")
        (form,) = collect.fetch_list()
        _, (sites,) = collect.download(form)
        assert sites.content == b"name,label,__version\n"
        assert collect.ask_deleted(sites, ["one", "6b4b1a52-0000-4000-8000-000000000001", "<&>"]) == {}
        collect.close()
    ((old,),) = look("SELECT version FROM phone_forms ORDER BY released_at LIMIT 1")
    manifest = phones.client.get(f"{phones.base}/forms/{old}/manifest")
    assert b"places%20%26%20names.csv" in manifest.data
    served = phones.client.get(f"{phones.base}/forms/{old}/files/places%20%26%20names.csv")
    assert served.data == b"name,label\na,A\n"
    assert phones.client.get(f"{phones.base}/forms/{old}/integrity/places%20%26%20names.csv?id=a").status_code == 404


def test_the_stand_in_for_collect_refuses_what_the_app_refuses(phones: Phones) -> None:
    with serve(phones.app) as address:
        wrong = Collect(f"{address}/phones", "amina", "wrong")
        with pytest.raises(CollectError, match="password"):
            wrong.fetch_list()
        collect = Collect(f"{address}/phones", "amina", phones.account.secret)
        (form,) = collect.fetch_list()
        with pytest.raises(CollectError, match="another content"):
            collect.download(replace(form, hash="md5:" + "0" * 32))
        with pytest.raises(CollectError, match="unreachable"):
            Collect(f"{address}/phones/nowhere").fetch_list()
        assert [status for *_, status in collect.requests_made][:2] == [401, 200]
        for one in (wrong, collect):
            one.close()


def test_lists_cost_as_many_queries_for_many_forms_as_for_one(
    phones: Phones, engine: Engine, household: Household
) -> None:
    from sqlalchemy import event

    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    phones.client.get(f"{phones.base}/formList")
    few = len(asked)
    for form in ("hh_core", "ki", "fgd", "obs"):
        keep(engine, form)
    asked.clear()
    assert len(read_lines(phones.client.get(f"{phones.base}/formList"))) == 5
    assert len(asked) == few
