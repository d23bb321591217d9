"""A release brings a frozen version onto a server: what to do next, given what the server was just seen to hold.

Nothing is done that was not looked for first: a release that goes on after it was killed adopts what an earlier
attempt had made. Every step is one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class State(StrEnum):
    """Where a release stands."""

    WAITING = "waiting"
    """To be done, being done, or to be tried again."""
    DONE = "done"
    """The server showed all of it."""
    STOPPED = "stopped"
    """It cannot go on without somebody: the reason says why."""
    REPLACED = "replaced"
    """A later release to the same place took over before this one was done."""


class Step(StrEnum):
    """One call to the server: a look, or an act."""

    LOOK_FORM = "look_form"
    CREATE = "create"
    UPLOAD = "upload"
    AWAIT_UPLOAD = "await_upload"
    LOOK_FILES = "look_files"
    PUT_FILE = "put_file"
    DROP_FILE = "drop_file"
    LINK_FILE = "link_file"
    LOOK_HOOKS = "look_hooks"
    PUT_HOOK = "put_hook"
    MEND_HOOK = "mend_hook"
    DROP_HOOK = "drop_hook"
    LOOK_TRIAL = "look_trial"
    PUBLISH = "publish"
    DONE = "done"


LOOKS = frozenset({Step.LOOK_FORM, Step.AWAIT_UPLOAD, Step.LOOK_FILES, Step.LOOK_HOOKS, Step.LOOK_TRIAL})
"""Steps that change nothing at the server."""

ORDER = (
    Step.LOOK_FORM,
    Step.CREATE,
    Step.UPLOAD,
    Step.AWAIT_UPLOAD,
    Step.LOOK_FILES,
    Step.DROP_FILE,
    Step.LINK_FILE,
    Step.PUT_FILE,
    Step.LOOK_HOOKS,
    Step.DROP_HOOK,
    Step.MEND_HOOK,
    Step.PUT_HOOK,
    Step.LOOK_TRIAL,
    Step.PUBLISH,
    Step.DONE,
)
"""How far a release is, for people: later in this list is further. Some servers skip some of them."""


@dataclass(frozen=True)
class Order:
    """The step to do next, and what it is about: a file's name, a hook's id at the server, a page of a list."""

    step: Step
    about: str = ""


@dataclass(frozen=True)
class Ways:
    """What a kind of server can do."""

    has_hooks: bool = False
    """It posts submissions to an address that is registered with the form."""
    is_created_empty: bool = False
    """A form is made first and filled afterwards; elsewhere it comes into being with its content."""
    has_drafts: bool = False
    """What was uploaded waits until it is published; elsewhere phones get it at once."""
    keeps_live_files: bool = False
    """The files of a version in use cannot be changed any more."""
    has_trial: bool = False
    """What waits can be looked at as a phone would see it."""
    overwrites_files: bool = False
    """A file that is put replaces the one of its name; elsewhere that one must be taken away first."""
    names_files: bool = False
    """The server lists every file that the form refers to, and takes no other."""
    keeps_lists: bool = False
    """It keeps entity lists, which a form's file can be linked to."""


@dataclass(frozen=True)
class Wanted:
    """What the server shall hold in the end."""

    form: str
    version: str
    files: Mapping[str, str] = field(default_factory=dict)
    """File name -> MD5 in hex."""
    lists: frozenset[str] = frozenset()
    """Files that are entity lists: where the server keeps such a list itself, the file is linked to it."""
    hook: str = ""
    """The address that the server shall post to; empty: none, its submissions are fetched."""


@dataclass(frozen=True)
class Copy:
    """A form's content at the server."""

    version: str
    """The version that the content itself names."""
    digest: str = ""
    """Equal for equal content; empty when the server does not tell."""
    id: str = ""
    """The server's own name of this content."""


@dataclass(frozen=True)
class FormThere:
    """The form at the server."""

    place: str
    """The server's name of the form."""
    waiting: Copy | None = None
    """Its newest content; phones need not have it yet."""
    live: Copy | None = None
    """What phones get."""
    is_open: bool = True
    """False when it was archived or closed: phones get nothing."""


@dataclass(frozen=True)
class HookThere:
    """An address that the server posts this form's submissions to."""

    id: str
    address: str
    is_right: bool = True
    """Active, whole submissions, with our secret."""


@dataclass(frozen=True)
class FileThere:
    """A file of the form at the server."""

    id: str
    md5: str = ""
    """Empty when the server does not tell."""
    is_linked: bool = False
    """The server fills it out of an entity list of its own."""
    is_missing: bool = False
    """The form names it and the server has none."""


@dataclass(frozen=True)
class Seen:
    """What the server was seen to hold since the last act that may have changed it. None: not looked at since."""

    has_looked: bool = False
    """Whether the form was looked for; it may still be absent."""
    page: str = ""
    """Where the look for the form goes on; empty when it begins."""
    form: FormThere | None = None
    upload: str = ""
    """What the server calls an upload that it is still working on."""
    files: Mapping[str, FileThere] | None = None
    lists: frozenset[str] | None = None
    """Entity lists that the server keeps, as file names."""
    hooks: tuple[HookThere, ...] | None = None
    trial: str = ""
    """Where what waits can be looked at, as a path on the server."""
    is_tried: bool = False
    put: frozenset[str] = frozenset()
    """Files that this release has put there: believed where the server does not tell what is in them."""
    is_touched: bool = False
    """Something was changed that phones get only after it is published again."""
    original: Copy | None = None
    """What the server held of this very version when it was last released; None if it never was."""


class Stop(Exception):  # noqa: N818 - not an error: somebody has to do something first
    """The release cannot go on by itself. `reason` is a key of REASONS; `words` are the server's own, cleaned."""

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.words = words


def plan_next(wanted: Wanted, seen: Seen, ways: Ways) -> Order:
    """The next call. Pure: the same sight gives the same step, and a sight of everything in place gives DONE.

    Raises Stop when the form needs a file that nobody has.
    """
    if seen.upload:
        return Order(Step.AWAIT_UPLOAD, seen.upload)
    if not seen.has_looked:
        return Order(Step.LOOK_FORM, seen.page)
    if seen.form is None:
        return Order(Step.CREATE)
    if is_in_use(wanted, seen) and ways.keeps_live_files:
        return Order(Step.DONE)
    if not is_same(seen.form.waiting, wanted, seen.original):
        return Order(Step.UPLOAD)
    return _plan_files(wanted, seen, ways) or _plan_hooks(wanted, seen, ways) or _plan_end(wanted, seen, ways)


def is_same(copy: Copy | None, wanted: Wanted, original: Copy | None) -> bool:
    """Whether this is the wanted version, untouched. Content that nobody has seen before is believed by its name."""
    if copy is None or copy.version != wanted.version:
        return False
    if original is None or original.version != wanted.version:
        return True
    return copy.id == original.id or not copy.digest or copy.digest == original.digest


def is_in_use(wanted: Wanted, seen: Seen) -> bool:
    """Whether phones get the wanted version."""
    return seen.form is not None and seen.form.is_open and is_same(seen.form.live, wanted, seen.original)


def _plan_files(wanted: Wanted, seen: Seen, ways: Ways) -> Order | None:
    if seen.files is None:
        return Order(Step.LOOK_FILES)
    if ways.keeps_lists and seen.lists is None and (wanted.lists or _find_missing(wanted, seen.files)):
        return Order(Step.LOOK_FILES, "lists")
    lists = seen.lists or frozenset()
    for name in sorted({*wanted.files, *(_find_missing(wanted, seen.files) if ways.names_files else ())}):
        step = _plan_file(name, wanted, seen, ways, is_list=name in lists)
        if step is not None:
            return Order(step, name)
    return None


def _find_missing(wanted: Wanted, files: Mapping[str, FileThere]) -> list[str]:
    """Files that the form refers to, that the server does not have and that did not come with the version."""
    return [name for name, there in files.items() if there.is_missing and name not in wanted.files]


def _plan_file(name: str, wanted: Wanted, seen: Seen, ways: Ways, *, is_list: bool) -> Step | None:
    there = (seen.files or {}).get(name)
    if there is None:
        return None if ways.names_files else Step.PUT_FILE
    if there.is_linked:
        return None
    if is_list and (name in wanted.lists or name not in wanted.files):
        return Step.LINK_FILE
    if name not in wanted.files:
        raise Stop("file_lacking", name)
    if there.is_missing:
        return Step.PUT_FILE
    is_ours = there.md5 == wanted.files[name] if there.md5 else name in seen.put
    if is_ours:
        return None
    return Step.PUT_FILE if ways.overwrites_files else Step.DROP_FILE


def _plan_hooks(wanted: Wanted, seen: Seen, ways: Ways) -> Order | None:
    if not ways.has_hooks or not wanted.hook:
        return None
    if seen.hooks is None:
        return Order(Step.LOOK_HOOKS)
    ours = sorted((one for one in seen.hooks if one.address == wanted.hook), key=lambda one: (not one.is_right, one.id))
    if not ours:
        return Order(Step.PUT_HOOK)
    if len(ours) > 1:
        return Order(Step.DROP_HOOK, ours[-1].id)
    return None if ours[0].is_right else Order(Step.MEND_HOOK, ours[0].id)


def _plan_end(wanted: Wanted, seen: Seen, ways: Ways) -> Order:
    if is_in_use(wanted, seen) and not (seen.is_touched and ways.has_drafts):
        return Order(Step.DONE)
    if ways.has_trial and not seen.is_tried:
        return Order(Step.LOOK_TRIAL)
    return Order(Step.PUBLISH)


_FORGETS: Mapping[Step, tuple[str, ...]] = {
    Step.CREATE: ("form",),
    Step.UPLOAD: ("form", "files", "is_tried", "put"),
    Step.AWAIT_UPLOAD: ("form", "files"),
    Step.PUT_FILE: ("is_tried",),
    Step.DROP_FILE: ("is_tried",),
    Step.LINK_FILE: ("is_tried",),
    Step.PUT_HOOK: ("hooks",),
    Step.MEND_HOOK: ("hooks",),
    Step.DROP_HOOK: ("hooks",),
    Step.PUBLISH: ("form", "is_touched"),
}
"""What has to be looked at again after an act that the server took."""
FILE_STEPS = frozenset({Step.PUT_FILE, Step.DROP_FILE, Step.LINK_FILE})


def forget(seen: Seen, step: Step) -> Seen:
    """The sight without what an act changes."""
    nothing = Seen()
    names = _FORGETS.get(step, ())
    changed = {name: getattr(nothing, name) for name in names}
    if "form" in names:
        changed |= {"has_looked": False, "page": ""}
    return replace(seen, **changed)


def note_file(seen: Seen, order: Order, wanted: Wanted) -> Seen:
    """The sight after the server took a step with a file: there may be hundreds, so they are not listed each time."""
    files = dict(seen.files or {})
    if order.step is Step.DROP_FILE:
        del files[order.about]
        return replace(seen, files=files)
    if order.step is Step.LINK_FILE:
        files[order.about] = FileThere(order.about, is_linked=True)
        return replace(seen, files=files)
    files[order.about] = FileThere("", wanted.files[order.about])
    return replace(seen, files=files, put=seen.put | {order.about})
