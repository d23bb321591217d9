"""The treatment plan of a version: compiled once, applied to every submission. What it does not name is dropped."""

from __future__ import annotations

from typing import Any

from pimcollect.domain.answers import UNREAD, Answers, last_name
from pimcollect.domain.outcomes import Directory, Pseudonyms
from pimcollect.domain.plan_checks import check_picture, check_treatment
from pimcollect.domain.treatments import MAKERS, SHARED_KINDS, Choices, Desk, Operator, Room
from pimcollect.domain.version import Question, Version


class _Part:
    """The operators of one level. `kept` are the keys that go out as they are: the most frequent case, done first."""

    __slots__ = ("inner", "kept", "operators", "shared", "writes")

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.operators: dict[str, Operator] = {}
        self.inner: dict[str, _Part] = {}
        self.shared: set[str] = set()
        """What goes out under its own name: null where it could not be read."""
        self.writes = False

    def add(self, question: Question, choices: Choices) -> None:
        operator = MAKERS[question.treatment.kind](question, choices)
        if operator is None:
            return
        self.writes = True
        if question.treatment.kind in SHARED_KINDS:
            self.shared.add(question.key)
        if question.treatment.kind == "keep" and not question.treatment.options:
            self.kept.add(question.key)
        else:
            self.operators[question.key] = operator

    def apply(self, answers: Answers, shared: Room, restricted: Room, desk: Desk) -> None:
        kept, operators, inner = self.kept, self.operators, self.inner
        for key, value in answers.items():
            if key in kept:
                shared[key] = value
            elif (operator := operators.get(key)) is not None:
                operator(value, shared, restricted, desk)
            elif (part := inner.get(key)) is not None:
                part.apply_members(key, value, shared, restricted, desk)
            elif key == UNREAD:
                shared.update(dict.fromkeys(self.shared.intersection(value)))

    def apply_members(self, key: str, members: list[Answers], shared: Room, restricted: Room, desk: Desk) -> None:
        """Treat member by member, in their order; a member without anything to keep stays as an empty one."""
        outside: list[Room] = []
        inside: list[Room] = []
        for member in members:
            open_room: Room = {}
            closed_room: Room = {}
            self.apply(member, open_room, closed_room, desk)
            outside.append(open_room)
            inside.append(closed_room)
        shared[key] = outside
        if any(inside):
            restricted[key] = inside


class Plan:
    """What is done to each answer of a version. Raises PimError(BAD_TREATMENT) when it cannot be compiled."""

    __slots__ = ("_top",)

    def __init__(self, version: Version) -> None:
        parts = {"": _Part()}
        for path in version.repeats:
            parts[path] = _Part()
        for question in version.questions:
            check_treatment(question, version.form, version.choices)
            check_picture(question, version)
            parts[question.repeat].add(question, version.choices)
        for path in reversed(version.repeats):  # inner before outer: an outer repeat writes if an inner one does
            outer = max((known for known in parts if known == "" or path.startswith(known + "/")), key=len)
            if parts[path].writes:
                parts[outer].inner[last_name(path)] = parts[path]
                parts[outer].writes = True
        self._top = parts[""]

    def apply(
        self,
        answers: Answers,
        findings: dict[str, int],
        directory: Directory,
        pseudonyms: Pseudonyms | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Treat typed answers: (shared, restricted). Adds to `findings` why an answer became null."""
        shared: Room = {}
        restricted: Room = {}
        self._top.apply(answers, shared, restricted, Desk(findings, directory, pseudonyms))
        return shared, restricted
