"""What the workshop says is said in the language of the page, and what it names runs its own way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from forms.bank import read_starter
from forms.lints import RULES
from forms.pathways import say_title
from forms.reasons import NOT_ASKED
from pimcollect.domain.phrases import Phrase, phrase
from pimcollect.web.phrases import speak
from tests.web.site import Site


@pytest.fixture
def said(site: Site) -> Callable[[str, str], str]:
    """How a phrase reads in a language."""

    def say(text: str, language: str) -> str:
        with site.app.test_request_context(headers={"Accept-Language": language}):
            return str(speak(text))

    return say


def test_a_value_cannot_bring_markup_into_the_page(said: Callable[[str, str], str]) -> None:
    told = phrase("there is no %(path)s", path="<script>")
    assert "<script>" not in said(told, "ar")
    assert "<bdi>&lt;script&gt;</bdi>" in said(told, "fr")


def test_lists_have_the_comma_of_the_page_and_names_run_their_own_way(said: Callable[[str, str], str]) -> None:
    told = phrase(NOT_ASKED, names=["dem_age", "dem_sex"])
    assert "<bdi>dem_age</bdi>، <bdi>dem_sex</bdi>" in said(told, "ar")
    assert "<bdi>dem_age</bdi>, <bdi>dem_sex</bdi>" in said(told, "fr")
    assert said(told, "en") == "needs <bdi>dem_age</bdi>, <bdi>dem_sex</bdi>, which this tool does not ask"


def test_every_pathway_of_the_starter_bank_is_named_in_every_language(said: Callable[[str, str], str]) -> None:
    for pathway in read_starter().pathways.values():
        assert len({said(say_title(pathway.title), language) for language in ("en", "fr", "ar")}) == 3, pathway.title
    assert said(say_title("A pathway of another bank"), "ar") == "<bdi>A pathway of another bank</bdi>"


def test_every_mend_is_said_in_every_language(said: Callable[[str, str], str]) -> None:
    for rule in RULES.values():
        assert isinstance(rule.mend, Phrase)
        assert len({said(rule.mend, language) for language in ("en", "fr", "ar")}) == 3
