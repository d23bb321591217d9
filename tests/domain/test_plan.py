"""A plan that would let a person be recognised is refused when it is compiled, by field and form."""

from __future__ import annotations

from typing import Any

import pytest

from pimcollect.domain.plan import Plan
from pimcollect.domain.version import Question
from pimcollect.errors import ErrorCode, PimError
from tests.factories.versions import question, small_version


def refused(asked: Question, **more: Any) -> PimError:
    with pytest.raises(PimError) as error:
        Plan(small_version(asked, **more))
    assert error.value.code is ErrorCode.BAD_TREATMENT
    assert asked.path in error.value.message
    assert "small" in error.value.message
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize("kind", ["keep", "restrict", "recode", "coarsen"])
def test_an_identifier_is_never_stored_in_the_open(kind: str) -> None:
    refused(question("contact", "text", kind, disclosure="direct", **({"map": {"a": "b"}} if kind == "recode" else {})))


@pytest.mark.parametrize(
    "asked",
    [
        question("q", "select_one", "pseudonym", domain="d", norm="id", choices="yn"),
        question("age", "integer", "pseudonym", domain="d", norm="id"),
        question("age_text", "text", "pseudonym", domain="d", norm="text"),
        question("full_name", "text", "pseudonym", domain="d", norm="text"),
        question("seen", "date", "pseudonym", domain="d", norm="text"),
        question("phone", "text", "pseudonym", norm="phone"),
        question("phone", "text", "pseudonym", domain="d", norm="md5"),
        question("phone", "text", "pseudonym", domain="d", norm="phone", salt="x"),
        question("spot", "geopoint", "keep"),
        question("spot", "geopoint", "restrict"),
        question("track", "geotrace", "coarsen"),
        question("photo", "image", "keep"),
        question("photo", "image", "vault"),
        question("deviceid", "deviceid", "keep"),
        question("username", "username", "restrict"),
        question("instanceName", "instanceName", "pseudonym", domain="d", norm="id"),
        question("dob", "date", "date", to="month"),
        question("birth_date", "date", "restrict"),
        question("seen", "date", "keep"),
        question("seen", "date", "band"),
        question("seen", "date", "date", to="week"),
        question("n", "integer", "band", cuts=[5, 5]),
        question("n", "integer", "band", cuts="0,5"),
        question("n", "integer", "topcode", **{"from": 0}),
        question("n", "integer", "round", to=1),
        question("n", "integer", "round", to="5"),
        question("n", "integer", "scramble"),
        question("place", "select_one", "coarsen", level="2", choices="yn"),
        question("person", "select_one", "keep", choices="persons.csv"),
        question("word", "text", "recode"),
        question("word", "text", "keep", pattern="(["),
        question("strange", "satellite", "keep"),
    ],
    ids=lambda asked: f"{asked.key} {asked.treatment.kind}",
)
def test_a_treatment_that_would_not_protect_is_refused_by_field_and_form(asked: Question) -> None:
    refused(asked)
