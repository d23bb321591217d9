"""The next step of a release: looked for before it is made, from any sight of the server, and done only when whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimcollect.domain.releases import (
    FILE_STEPS,
    LOOKS,
    ORDER,
    Copy,
    FileThere,
    FormThere,
    HookThere,
    Order,
    Seen,
    Step,
    Stop,
    Wanted,
    Ways,
    forget,
    is_same,
    note_file,
    plan_next,
)
from pimcollect.servers import central_forms, kobo_forms, ona_forms

WAYS = {"kobo": kobo_forms.WAYS, "central": central_forms.WAYS, "ona": ona_forms.WAYS}
MINE, OLD, THEIRS = Copy("2", "m2", "2"), Copy("1", "m1", "1"), Copy("9", "m9", "9")
WANTED = Wanted("hh", "2", {"a.csv": "md5a", "b.png": "md5b"}, hook="https://us/webhooks/k")


def test_nothing_is_made_before_it_was_looked_for() -> None:
    for ways in WAYS.values():
        assert plan_next(WANTED, Seen(), ways) == Order(Step.LOOK_FORM)


def test_an_upload_that_the_server_works_on_is_waited_for_first() -> None:
    assert plan_next(WANTED, Seen(upload="i1"), WAYS["kobo"]) == Order(Step.AWAIT_UPLOAD, "i1")


def test_a_form_that_is_absent_is_made_and_one_that_is_there_is_not() -> None:
    absent = Seen(has_looked=True)
    assert plan_next(WANTED, absent, WAYS["kobo"]).step is Step.CREATE
    there = replace(absent, form=FormThere("a1"))
    assert plan_next(WANTED, there, WAYS["kobo"]).step is Step.UPLOAD


def test_a_live_version_whose_files_cannot_change_is_done() -> None:
    seen = Seen(has_looked=True, form=FormThere("3/hh", None, MINE))
    assert plan_next(WANTED, seen, WAYS["central"]).step is Step.DONE


def test_a_file_that_nobody_has_stops_the_release() -> None:
    files = {"a.csv": FileThere("1", "md5a"), "b.png": FileThere("2", "md5b"), "c.csv": FileThere("3", is_missing=True)}
    seen = Seen(has_looked=True, form=FormThere("3/hh", MINE, OLD), files=files, lists=frozenset())
    with pytest.raises(Stop) as stop:
        plan_next(WANTED, seen, WAYS["central"])
    assert (stop.value.reason, stop.value.words) == ("file_lacking", "c.csv")


def test_an_entity_list_that_the_server_keeps_is_linked_and_never_overwritten() -> None:
    wanted = Wanted("hh", "2", {"people.csv": "md5"}, lists=frozenset({"people.csv"}))
    seen = Seen(
        has_looked=True,
        form=FormThere("3/hh", MINE),
        files={"people.csv": FileThere("1", is_missing=True)},
        lists=frozenset({"people.csv"}),
    )
    assert plan_next(wanted, seen, WAYS["central"]) == Order(Step.LINK_FILE, "people.csv")
    linked = replace(seen, files={"people.csv": FileThere("1", is_linked=True)})
    assert plan_next(wanted, linked, WAYS["central"]).step is Step.LOOK_TRIAL


def test_a_form_that_somebody_changed_there_is_uploaded_again_under_the_same_version() -> None:
    changed = Copy("2", "other", "7")
    assert not is_same(changed, WANTED, MINE)
    assert is_same(replace(MINE, id="8"), WANTED, MINE)
    assert is_same(changed, WANTED, None)  # nothing is known of it but its name
    seen = Seen(has_looked=True, form=FormThere("a1", changed, changed), original=MINE)
    assert plan_next(WANTED, seen, WAYS["kobo"]).step is Step.UPLOAD


def test_of_two_hooks_of_ours_the_wrong_one_goes() -> None:
    hooks = (HookThere("h1", WANTED.hook, is_right=False), HookThere("h2", WANTED.hook), HookThere("h3", "https://x"))
    files = {"a.csv": FileThere("1", "md5a"), "b.png": FileThere("2", "md5b")}
    seen = Seen(has_looked=True, form=FormThere("a1", MINE, MINE), files=files, hooks=hooks)
    assert plan_next(WANTED, seen, WAYS["kobo"]) == Order(Step.DROP_HOOK, "h1")
    one = replace(seen, hooks=hooks[:1])
    assert plan_next(WANTED, one, WAYS["kobo"]) == Order(Step.MEND_HOOK, "h1")
    assert plan_next(WANTED, replace(seen, hooks=hooks[2:]), WAYS["kobo"]) == Order(Step.PUT_HOOK)


@dataclass
class World:
    """A server in a few lines: what it holds, and what a step does to it."""

    ways: Ways
    has_form: bool
    waiting: Copy | None
    live: Copy | None
    is_open: bool
    files: dict[str, str]
    hooks: list[bool]
    """Hooks of ours: whether each is right."""
    made: list[Order] = field(default_factory=list)

    def look(self, seen: Seen, order: Order) -> Seen:
        """What a look shows."""
        match order.step:
            case Step.LOOK_FORM:
                live = self.live if self.ways.has_drafts else self.waiting
                form = FormThere("p", self.waiting, live, self.is_open) if self.has_form else None
                return replace(seen, has_looked=True, form=form)
            case Step.LOOK_FILES if order.about:
                return replace(seen, lists=frozenset())
            case Step.LOOK_FILES:
                names = {*self.files, *(WANTED.files if self.ways.names_files else ())}
                found = {
                    name: FileThere(name, self.files.get(name, ""), is_missing=name not in self.files) for name in names
                }
                return replace(seen, files=found)
            case Step.LOOK_HOOKS:
                hooks = [HookThere(f"h{number}", WANTED.hook, right) for number, right in enumerate(self.hooks)]
                return replace(seen, hooks=tuple(hooks))
            case _:
                return replace(seen, is_tried=True)

    def act(self, order: Order) -> None:
        """What an act does."""
        match order.step:
            case Step.CREATE:
                assert not self.has_form, "a second form"
                self.has_form, self.is_open = True, True
                self.waiting = None if self.ways.is_created_empty else MINE
            case Step.UPLOAD:
                self.waiting = MINE
            case Step.PUT_FILE:
                assert self.ways.overwrites_files or order.about not in self.files, "a second file"
                self.files[order.about] = WANTED.files[order.about]
            case Step.DROP_FILE:
                del self.files[order.about]
            case Step.PUT_HOOK:
                assert not self.hooks, "a second hook"
                self.hooks.append(True)
            case Step.MEND_HOOK:
                self.hooks[int(order.about[1:])] = True
            case Step.DROP_HOOK:
                del self.hooks[int(order.about[1:])]
            case Step.PUBLISH:
                self.live, self.is_open = self.waiting, True
                self.waiting = None if self.ways.keeps_live_files else self.waiting
            case _:
                raise AssertionError(order)


def bring(world: World) -> None:
    """Step after step; the sight is lost after some of them, as when a worker dies."""
    seen = Seen()
    for _ in range(60):
        order = plan_next(WANTED, seen, world.ways)
        if order.step is Step.DONE:
            return
        world.made.append(order)
        if order.step in LOOKS:
            seen = world.look(seen, order)
            continue
        touched = seen.is_touched or order.step in FILE_STEPS
        seen = forget(replace(seen, is_touched=touched), order.step)
        world.act(order)
        if order.step in FILE_STEPS:
            seen = note_file(seen, order, WANTED)
        if len(world.made) % 3 == 0:
            seen = Seen(is_touched=seen.is_touched, put=seen.put)
    raise AssertionError(world.made)


_copies = st.sampled_from([None, MINE, OLD, THEIRS])
_files = st.dictionaries(st.sampled_from(["a.csv", "b.png"]), st.sampled_from(["md5a", "md5b", "old"]))


@given(
    st.sampled_from(sorted(WAYS)),
    st.booleans(),
    _copies,
    _copies,
    st.booleans(),
    _files,
    st.lists(st.booleans(), max_size=3),
)
def test_from_any_sight_it_ends_with_one_form_our_files_and_one_right_hook(
    kind: str,
    has_form: bool,
    waiting: Copy | None,
    live: Copy | None,
    is_open: bool,
    files: dict[str, str],
    hooks: list[bool],
) -> None:
    ways = WAYS[kind]
    is_frozen = ways.keeps_live_files and live == MINE
    world = World(
        ways,
        has_form,
        waiting if has_form else None,
        live if has_form else None,
        is_open or ways.keeps_live_files,
        files if has_form else {},
        hooks if has_form and ways.has_hooks else [],
    )
    bring(world)
    assert world.has_form
    assert (world.live if ways.has_drafts else world.waiting) == MINE
    assert world.is_open
    if not (is_frozen and has_form):
        assert {name: world.files.get(name) for name in WANTED.files} == dict(WANTED.files)
    assert world.hooks == ([True] if ways.has_hooks else [])


def test_every_step_has_its_place_in_the_order_that_people_see() -> None:
    assert set(ORDER) == set(Step)
