"""The Kobo look-alike is held against what a real KoboToolbox sent."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pyxform.xls2xform import convert

from tests.factories import kobo

PAYLOADS = Path(__file__).parents[1] / "payloads"
ROWS = [json.loads(line) for line in (PAYLOADS / "kobo_hooks.jsonl").read_text().splitlines()]
SENT = {row["id"]: row["body"] for row in ROWS}
UID = "apcp42qFwHsnL8hbfVeo73"


@pytest.fixture(scope="module")
def asset() -> kobo.Asset:
    workbook = io.BytesIO((PAYLOADS / "pm_kac.xlsx").read_bytes())
    return kobo.read_asset(convert(workbook, file_type=".xlsx", validate=False, warnings=[]).xform, uid=UID)


def without_server_fields(row: dict[str, Any]) -> dict[str, Any]:
    own = ("_id", "_attachments", "_submission_time", "formhub/uuid", "__version__")
    return {key: value for key, value in row.items() if key not in own}


def test_repeats_are_found_at_every_depth(asset: kobo.Asset) -> None:
    assert asset.repeats == {"hh", "hh/docs"}


@pytest.mark.parametrize(("xml", "sent"), [("k02", "k01"), ("k07", "k06")])
def test_json_of_a_submission_has_the_keys_and_values_that_a_real_server_sent(
    asset: kobo.Asset, xml: str, sent: str
) -> None:
    ours = json.loads(kobo.write_json(SENT[xml].encode(), asset))
    theirs = json.loads(SENT[sent])
    assert without_server_fields(ours) == without_server_fields(theirs)
    assert list(ours)[:2] == list(theirs)[:2]
    assert set(ours) == set(theirs)


def test_xml_of_a_submission_is_what_a_real_server_sent_but_for_its_own_names(asset: kobo.Asset) -> None:
    ours = kobo.write_xml(SENT["k02"].encode(), asset).decode()
    for own in (asset.form_uuid, asset.version):
        assert own in ours
    real = SENT["k02"].replace("db7dbd3e48d34bda9e3ac792e1e820db", asset.form_uuid)
    assert ours.strip() == real.replace("vXkMwNk7t3riSV4HroUBk3", asset.version).strip()


def test_json_is_ascii_on_the_wire(asset: kobo.Asset) -> None:
    body = kobo.write_json(SENT["k02"].encode(), asset)
    assert body.isascii()
    assert b"\\u1000" in body
