"""A frozen form: the same bytes always, accepted by pyxform and ODK Validate, read back by everything."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from pyxform.xls2xform import convert

from forms.release import Frozen, build_form, read_languages, write_files
from forms.selection import KINDS
from forms.xform import find_java, validate_with_odk
from pimcollect.domain.catalogue import Catalogue, NamedPlace
from pimcollect.domain.version import read_version
from pimcollect.errors import ErrorCode, PimError

_DIGEST = """
import hashlib, sys
from forms.bank import read_starter
from forms.places import read_starter_places
from forms.release import build_form
from forms.selection import KINDS
for form in KINDS:
    frozen = build_form(read_starter(), form, places=read_starter_places())
    print(form, frozen.sha256, *(hashlib.sha256(one).hexdigest() for one in (frozen.xlsx, frozen.xform.encode())))
"""

needs_java = pytest.mark.skipif(find_java() is None, reason="ODK Validate needs a Java")


def test_two_processes_with_different_hash_seeds_write_the_same_bytes() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", _DIGEST], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "4242")
    ]
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == len(KINDS)


@pytest.mark.parametrize("form", KINDS)
def test_building_again_gives_the_same_form(
    built: dict[str, Frozen], catalogue: Catalogue, places: tuple[NamedPlace, ...], form: str
) -> None:
    again = build_form(catalogue, form, places=tuple(reversed(places)))
    assert again == built[form]


@pytest.mark.parametrize("form", KINDS)
def test_the_workbook_and_the_xform_are_the_same_form(built: dict[str, Frozen], form: str) -> None:
    warnings: list[str] = []
    read_back = convert(io.BytesIO(built[form].xlsx), warnings=warnings, file_type=".xlsx")
    assert warnings == []
    assert read_back.xform == built[form].xform


@needs_java
@pytest.mark.engine
@pytest.mark.parametrize("form", KINDS)
def test_odk_validate_finds_nothing(built: dict[str, Frozen], form: str) -> None:
    verdict = validate_with_odk(built[form].xform)
    assert (verdict.is_valid, verdict.message) == (True, "ODK Validate: valid.")


@needs_java
@pytest.mark.engine
def test_odk_validate_does_find_something() -> None:
    verdict = validate_with_odk("<h:html/>")
    assert verdict.is_valid is False
    assert "\tat " not in verdict.message


def test_without_a_java_nobody_claims_that_the_form_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forms.xform.find_java", lambda: None)
    verdict = validate_with_odk("<h:html/>")
    assert verdict.is_valid is None
    assert "Not validated" in verdict.message


def test_a_java_that_does_not_start_is_no_verdict() -> None:
    assert validate_with_odk("<h:html/>", java="/nowhere/java").is_valid is None


@pytest.mark.parametrize("form", KINDS)
def test_the_version_stands_in_the_form_and_comes_back_with_every_answer(built: dict[str, Frozen], form: str) -> None:
    version = built[form].version
    assert version.version.startswith("2026.1-")
    assert f'version="{version.version}"' in built[form].xform
    assert f"calculate=\"'{version.version}'\"" in built[form].xform
    assert f"calculate=\"'{form}'\"" in built[form].xform


def test_a_changed_word_makes_another_version(
    built: dict[str, Frozen], catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    first = replace(catalogue.items[0], label={"en": "Are you an adult?"})
    changed = build_form(replace(catalogue, items=(first, *catalogue.items[1:])), "hh", places=places)
    assert changed.version.version != built["hh"].version.version


def test_a_changed_place_makes_another_version(
    built: dict[str, Frozen], catalogue: Catalogue, places: tuple[NamedPlace, ...]
) -> None:
    renamed = (replace(places[0], names={"en": "Elsewhere"}), *places[1:])
    assert build_form(catalogue, "obs", places=renamed).version.version != built["obs"].version.version


def test_the_workbook_says_nothing_about_this_machine(built: dict[str, Frozen]) -> None:
    with zipfile.ZipFile(io.BytesIO(built["hh"].xlsx)) as archive:
        assert {part.date_time for part in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
    assert "2026-01-01T00:00:00Z" in core
    assert "<dc:creator></dc:creator>" in core


def test_files_are_written_whole(built: dict[str, Frozen], tmp_path: Path) -> None:
    written = write_files(built["obs"], tmp_path / "new")
    assert [path.name for path in written] == ["obs.xlsx", "obs.xml", "obs.version.json"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["obs.version.json", "obs.xlsx", "obs.xml"]
    assert read_version(json.loads(written[2].read_text())) == built["obs"].version


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    built: dict[str, Frozen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "obs.xlsx").write_bytes(b"old")

    def fail(_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_files(built["obs"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["obs.xlsx"]
    assert (tmp_path / "obs.xlsx").read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, built: dict[str, Frozen]) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PimError) as caught:
        write_files(built["obs"], tmp_path / "file" / "folder")
    assert (caught.value.code, "cannot be made" in caught.value.message) == (ErrorCode.BAD_FILE, True)


@pytest.mark.parametrize("text", ["xx", "en,xx", "", ","])
def test_a_language_that_forms_cannot_speak_is_refused(text: str) -> None:
    with pytest.raises(PimError) as caught:
        read_languages(text)
    assert caught.value.code is ErrorCode.BAD_FORM


def test_languages_are_read_once_each() -> None:
    assert read_languages(" en, en ") == ("en",)
