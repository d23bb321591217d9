"""A picture is kept only where somebody was asked about it, and where it is told whose it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pimcollect.domain.decide import decide, prepare
from pimcollect.domain.outcomes import Kept
from pimcollect.domain.version import ConsentMap, Version, hash_version, read_version, write_version
from pimcollect.errors import ErrorCode, PimError
from tests.factories.versions import RECEIVED, directory, question, small_version
from tests.workers.test_pictures import ANSWERS, PHOTO, picture_version


def refused(version: Version) -> str:
    with pytest.raises(PimError) as caught:
        prepare(version)
    assert caught.value.code == ErrorCode.BAD_TREATMENT
    return str(caught.value)


def test_a_picture_cannot_be_kept_when_nobody_is_asked_about_it() -> None:
    asked = picture_version()
    silent = replace(asked, consent=replace(asked.consent, media=()))
    assert "no question asks whether a picture may be kept" in refused(silent)


def test_a_picture_in_a_repeat_cannot_be_kept() -> None:
    version = picture_version()
    inside = question("face", "image", "vault", repeat="members")
    assert "repeat" in refused(replace(version, questions=(*version.questions, inside), repeats=("members",)))


@pytest.mark.parametrize("type", ["audio", "video", "file", "background-audio", "audit"])
def test_sounds_films_and_files_are_always_dropped(type: str) -> None:
    version = picture_version()
    assert "Use one of: drop" in refused(replace(version, questions=(*version.questions, question("x", type, "vault"))))


@pytest.mark.parametrize("kind", ["keep", "restrict", "derive", "pseudonym"])
def test_a_picture_is_sealed_for_a_referral_or_dropped(kind: str) -> None:
    more = {"domain": "d", "norm": "id"} if kind == "pseudonym" else {}
    refused(small_version(question("x", "image", kind, **more), consent=picture_version().consent))


def decided(**answers: Any) -> Kept:
    raw = {name: " ".join(v) if isinstance(v, list) else v for name, v in {**ANSWERS, **answers}.items()}
    decision = decide(raw, prepare(picture_version()), directory(), received_at=RECEIVED)
    assert isinstance(decision, Kept)
    return decision


def test_a_file_name_is_neither_stored_nor_told_in_the_package() -> None:
    decision = decided(tell=["name", "paper"])
    (item,) = decision.items
    assert (item.package, item.pictures) == ({"name": "Auntie Canary"}, {"paper": PHOTO})
    assert PHOTO not in repr(decision.treated)


@pytest.mark.parametrize("answers", [{"photo_ok": "no"}, {"photo_ok": ""}, {"tell": ["name"]}, {"paper": ""}])
def test_no_picture_without_each_consent(answers: dict[str, Any]) -> None:
    (item,) = decided(**answers).items
    assert item.pictures == {}


def test_a_version_without_pictures_keeps_the_bytes_that_it_had() -> None:
    version = small_version()
    assert '"media"' not in write_version(version)
    asked = picture_version()
    assert read_version(json.loads(write_version(asked))) == asked
    assert hash_version(asked) != hash_version(replace(asked, consent=ConsentMap(keep=asked.consent.keep)))
