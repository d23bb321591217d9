"""The scanner that proves absence is itself proved to see: whatever is planted is found."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contracts.canaries import Scanner, spell

NAME, PHONE, LATITUDE = "ကိုအောင်", "09-000 000 001", "25.383"
SCANNER = Scanner([NAME, PHONE, LATITUDE, "Daw Khin & Sons"])


def found(data: bytes) -> set[str]:
    return {hit.value for hit in SCANNER.scan_bytes(data, "here")}


def test_noise_and_a_digest_of_something_else_are_no_hits() -> None:
    noise = random.Random(4).randbytes(3 << 20)  # noqa: S311 - noise, not a secret
    assert SCANNER.scan_bytes(noise, "noise") == []
    assert SCANNER.scan_bytes(Path(__file__).parents[1].joinpath("payloads/pm_kac.xlsx").read_bytes(), "book") == []


def test_a_value_too_short_to_prove_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        spell("yes")


@pytest.mark.parametrize("value", [NAME, PHONE, "Daw Khin & Sons"])
@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("after", ["", "1", "12", "123"])
def test_a_value_in_the_middle_of_base64_is_found(value: str, before: str, after: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert value in found(b"head:" + encode((before + value + after).encode()) + b" tail")


@pytest.mark.parametrize("value", [NAME, PHONE, "Daw Khin & Sons"])
def test_a_planted_value_is_found_in_every_spelling(value: str) -> None:
    plants = [
        value.encode(),
        json.dumps({"a": value}).encode(),
        json.dumps(json.dumps({"a": value})).encode(),
        value.encode("utf-16"),
        value.encode("utf-16-be"),
        value.encode().hex().encode(),
        b"\\x" + value.encode().hex().upper().encode(),
        quote(value).encode(),
        zlib.compress(value.encode()),
        b"head" + zlib.compress(json.dumps([value]).encode(), 9) + b"tail",
        gzip.compress(value.encode()),
    ]
    for plant in plants:
        assert value in found(b"before " + plant + b" after"), plant


def test_an_unkeyed_digest_of_a_number_is_the_number() -> None:
    for name in ("md5", "sha1", "sha256"):
        assert PHONE in found(b"row 4 " + hashlib.new(name, PHONE.encode()).hexdigest().encode())


def test_a_number_is_found_as_digits_as_integer_and_as_double() -> None:
    assert PHONE in found(b"tel 09000000001")
    assert LATITUDE in found(b"\0\0" + bytes.fromhex("355eba490c623940") + b"\1")


def test_a_planted_file_is_found_by_content_by_name_and_inside_an_archive(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/log").write_text(f"saw {PHONE}")
    (tmp_path / f"{LATITUDE}.txt").write_text("nothing")
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.json", json.dumps({"name": NAME}))
    assert {hit.value for hit in SCANNER.scan_tree(tmp_path)} == {NAME, PHONE, LATITUDE}


def test_a_clean_tree_has_no_hits(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("entry 7c1e settled")
    assert SCANNER.scan_tree(tmp_path) == []
