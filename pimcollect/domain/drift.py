"""Whether a server still holds what was released to it, and nothing beside it: forms, files and hooks compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pimcollect.domain.releases import Copy, Order, Seen, Step, Wanted, Ways

LIVE = "live"
"""What a look for files is about when it means those in use, not those of a draft."""
FORM_GONE, FORM_CLOSED, FORM_CHANGED, FORM_EDITED = "form_gone", "form_closed", "form_changed", "form_edited"
FILE_MISSING, FILE_CHANGED, FILE_ADDED = "file_missing", "file_changed", "file_added"
HOOK_MISSING, HOOK_CHANGED, HOOK_TWICE, HOOK_OF_OTHERS = "hook_missing", "hook_changed", "hook_twice", "hook_of_others"
MOST = 50
"""Findings that are kept of one look."""


@dataclass(frozen=True)
class Finding:
    """Something at the server that is not as it was released. `about` is a file's name or a hook's host."""

    code: str
    about: str = ""


def plan_look(seen: Seen, ways: Ways) -> Order:
    """The next look; DONE when all was seen. Nothing is changed at the server."""
    if not seen.has_looked:
        return Order(Step.LOOK_FORM, seen.page)
    if seen.form is None:
        return Order(Step.DONE)
    if seen.files is None:
        return Order(Step.LOOK_FILES, LIVE if ways.keeps_live_files else "")
    if ways.has_hooks and seen.hooks is None:
        return Order(Step.LOOK_HOOKS)
    return Order(Step.DONE)


def find_drift(wanted: Wanted, seen: Seen, original: Copy) -> tuple[Finding, ...]:
    """Everything that differs from the release, the form first."""
    if seen.form is None:
        return (Finding(FORM_GONE),)
    found = [*_compare_form(seen, original), *_compare_files(wanted, seen), *_compare_hooks(wanted, seen)]
    return tuple(found[:MOST])


def _is_equal(copy: Copy, original: Copy) -> bool:
    return copy.id == original.id or (bool(copy.digest) and copy.digest == original.digest)


def _compare_form(seen: Seen, original: Copy) -> Iterator[Finding]:
    form = seen.form
    if form is None:
        return
    if not form.is_open or form.live is None:
        yield Finding(FORM_CLOSED)
    elif not _is_equal(form.live, original):
        yield Finding(FORM_CHANGED)
    if form.waiting is not None and form.waiting != form.live and not _is_equal(form.waiting, original):
        yield Finding(FORM_EDITED)


def _compare_files(wanted: Wanted, seen: Seen) -> Iterator[Finding]:
    there = seen.files or {}
    for name, md5 in sorted(wanted.files.items()):
        file = there.get(name)
        if file is None or file.is_missing:
            yield Finding(FILE_MISSING, name)
        elif file.md5 and file.md5 != md5 and not file.is_linked:
            yield Finding(FILE_CHANGED, name)
    for name, file in sorted(there.items()):
        if name not in wanted.files and not file.is_missing and not file.is_linked:
            yield Finding(FILE_ADDED, name)


def _compare_hooks(wanted: Wanted, seen: Seen) -> Iterator[Finding]:
    hooks = seen.hooks or ()
    ours = [one for one in hooks if wanted.hook and one.address == wanted.hook]
    if wanted.hook and seen.hooks is not None and not ours:
        yield Finding(HOOK_MISSING)
    if len(ours) > 1:
        yield Finding(HOOK_TWICE)
    if any(not one.is_right for one in ours):
        yield Finding(HOOK_CHANGED)
    for host in sorted({_read_host(one.address) for one in hooks if one not in ours}):
        yield Finding(HOOK_OF_OTHERS, host)


def _read_host(address: str) -> str:
    """The host of an address: its path may hold a secret."""
    try:
        return (urlsplit(address).hostname or "?")[:100]
    except ValueError:
        return "?"
