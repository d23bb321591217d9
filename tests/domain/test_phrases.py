"""A phrase is plain English wherever text is taken, and keeps what it was made of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from forms.reasons import CUT, NOT_ASKED, USES, recall_left_out, recall_remarks
from pimcollect.domain.phrases import Phrase, phrase, read_phrase, recall_phrase, write_phrase


@dataclass(frozen=True)
class _Told:
    text: str


def test_what_fits_no_pattern_stays_the_text_that_it_is() -> None:
    assert recall_phrase("something else", [NOT_ASKED]) == "something else"
    assert not isinstance(recall_phrase("something else", [NOT_ASKED]), Phrase)
    assert recall_left_out("C01 of an older service") == ("C01", "of an older service")
    assert recall_left_out("") == ("", "")


def test_a_phrase_is_its_english_text_with_lists_told_by_commas() -> None:
    told = phrase("needs %(names)s in %(number)s", names=["a", "b"], number=2)
    assert told == "needs a, b in 2"
    assert json.dumps({"text": told}) == '{"text": "needs a, b in 2"}'
    assert (told.pattern, told.values) == ("needs %(names)s in %(number)s", {"names": ("a", "b"), "number": "2"})


def test_a_phrase_goes_through_json_and_through_copies_with_all_that_it_knows() -> None:
    told = phrase("%(column)s: %(words)s", column="relevant", words=phrase("there is no %(path)s", path="/a/b"))
    again = read_phrase(json.loads(json.dumps(write_phrase(told))))
    assert (again, again.values["words"].pattern) == ("relevant: there is no /a/b", "there is no %(path)s")
    assert read_phrase(write_phrase(phrase("%(all)s", all=("a", "b")))).values == {"all": ("a", "b")}
    assert read_phrase(write_phrase("plain")) == "plain"
    assert asdict(_Told(told))["text"].pattern == told.pattern


def test_what_was_frozen_as_text_is_recalled_with_its_values() -> None:
    id_, reason = recall_left_out(f"F01 {phrase(CUT, use=USES[1], seconds=20)}")
    assert (id_, reason) == ("F01", "cut for time: it serves a decision, no figure and no flag; saves 20 s")
    assert isinstance(reason, Phrase)
    assert reason.pattern == CUT
    assert isinstance(reason.values["use"], Phrase)
    _, needs = recall_left_out("K02 needs a, b, which this tool does not ask")
    assert isinstance(needs, Phrase)
    assert needs.values == {"names": ("a", "b")}
    assert [
        one.pattern for one in recall_remarks("wording 0.80, the same choices", ", ") if isinstance(one, Phrase)
    ] == [
        "wording %(score)s",
        "the same choices",
    ]
