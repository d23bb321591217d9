"""What differs at a server from what was released to it is found, and named without its secrets."""

from __future__ import annotations

from dataclasses import replace

from pimcollect.domain.drift import Finding, find_drift, plan_look
from pimcollect.domain.release_words import FINDINGS, say_finding
from pimcollect.domain.releases import Copy, FileThere, FormThere, HookThere, Order, Seen, Step, Wanted, Ways

OURS, OTHER = Copy("2", "m2", "v2"), Copy("2", "other", "v9")
WANTED = Wanted("hh", "2", {"a.csv": "md5a"}, hook="https://us/webhooks/key")
WHOLE = Seen(
    has_looked=True,
    form=FormThere("a1", OURS, OURS),
    files={"a.csv": FileThere("1", "md5a")},
    hooks=(HookThere("h1", WANTED.hook),),
)


def codes(seen: Seen) -> list[str]:
    return [one.code for one in find_drift(WANTED, seen, OURS)]


def test_nothing_is_found_where_all_is_as_it_was_released() -> None:
    assert codes(WHOLE) == []
    again = replace(OURS, id="v3")  # the same content, deployed again
    assert codes(replace(WHOLE, form=FormThere("a1", again, again))) == []


def test_a_form_that_is_gone_closed_changed_or_edited_is_told_apart() -> None:
    assert codes(replace(WHOLE, form=None)) == ["form_gone"]
    assert codes(replace(WHOLE, form=FormThere("a1", OURS, OURS, is_open=False))) == ["form_closed"]
    assert codes(replace(WHOLE, form=FormThere("a1", OTHER, OTHER))) == ["form_changed"]
    assert codes(replace(WHOLE, form=FormThere("a1", OTHER, OURS))) == ["form_edited"]
    assert codes(replace(WHOLE, form=FormThere("a1", OURS, None))) == ["form_closed"]


def test_files_that_are_missing_changed_or_added_are_named() -> None:
    files = {"b.csv": FileThere("2", "md5b")}
    assert find_drift(WANTED, replace(WHOLE, files=files), OURS) == (
        Finding("file_missing", "a.csv"),
        Finding("file_added", "b.csv"),
    )
    assert codes(replace(WHOLE, files={"a.csv": FileThere("1", "else")})) == ["file_changed"]
    assert codes(replace(WHOLE, files={"a.csv": FileThere("1", is_linked=True)})) == []


def test_a_hook_of_somebody_else_is_named_by_its_host_alone() -> None:
    stranger = HookThere("h9", "https://user:pass@collector.example:8443/secret-path?t=1")
    found = find_drift(WANTED, replace(WHOLE, hooks=(*(WHOLE.hooks or ()), stranger)), OURS)
    assert found == (Finding("hook_of_others", "collector.example"),)
    assert "secret" not in say_finding(found[0].code, found[0].about)


def test_our_own_hook_gone_changed_or_doubled_is_said() -> None:
    ours = HookThere("h1", WANTED.hook)
    assert codes(replace(WHOLE, hooks=())) == ["hook_missing"]
    assert codes(replace(WHOLE, hooks=(replace(ours, is_right=False),))) == ["hook_changed"]
    assert codes(replace(WHOLE, hooks=(ours, replace(ours, id="h2")))) == ["hook_twice"]


def test_a_look_changes_nothing_and_ends() -> None:
    ways = Ways(has_hooks=True)
    assert plan_look(Seen(), ways) == Order(Step.LOOK_FORM)
    assert plan_look(Seen(has_looked=True), ways).step is Step.DONE
    assert plan_look(replace(WHOLE, files=None), Ways(keeps_live_files=True)) == Order(Step.LOOK_FILES, "live")
    assert plan_look(replace(WHOLE, hooks=None), ways).step is Step.LOOK_HOOKS
    assert plan_look(WHOLE, ways).step is Step.DONE


def test_every_finding_has_its_words() -> None:
    every = Seen(has_looked=True, form=FormThere("a1", OTHER, OURS, is_open=False), files={}, hooks=())
    for code in {*codes(every), *FINDINGS}:
        assert code in FINDINGS
