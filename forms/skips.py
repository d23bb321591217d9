"""Skip logic in words: `${con_interview}='yes' and ${dem_age} < 18` as people read it on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from forms.print_words import say_in

_TOKEN = re.compile(
    r"\s*(?:\$\{\s*(?P<name>[^}\s]+)\s*\}|'(?P<text>[^']*)'|\"(?P<quoted>[^\"]*)\"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<sign>!=|<=|>=|=|<|>)|(?P<mark>[(),])|(?P<word>[A-Za-z][\w-]*))"
)
_SIGNS = {"<": "<", ">": ">", "<=": "≤", ">=": "≥", "=": "=", "!=": "≠"}
_DEEPEST = 40


class _UnreadableError(Exception):
    """The expression says more than words for it are known."""


@dataclass(frozen=True)
class Speaker:
    """How names and codes are called in one language."""

    language: str
    question: Callable[[str], str]
    """Name of a question -> how it is called."""
    answer: Callable[[str, str], str]
    """(name, code) -> how the answer reads."""


def say_condition(expression: str, speaker: Speaker) -> str:
    """A condition in words; the expression itself where it says more than there are words for."""
    try:
        return _Reader(tuple(_split(expression)), speaker).read()
    except _UnreadableError:
        return expression


def _split(text: str) -> Iterator[tuple[str, str]]:
    at, text = 0, text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _UnreadableError
        kind = "text" if found.lastgroup == "quoted" else found.lastgroup
        yield kind, found[found.lastgroup]
        at = found.end()


class _Reader:
    """Reads `or` of `and` of comparisons, one token after the other."""

    def __init__(self, tokens: tuple[tuple[str, str], ...], speaker: Speaker) -> None:
        self.tokens, self.speaker, self.at, self.depth = tokens, speaker, 0, 0

    def read(self) -> str:
        """The whole expression."""
        said = self._any()
        if self.at < len(self.tokens):
            raise _UnreadableError
        return said

    def _say(self, key: str, **parts: object) -> str:
        return say_in(self.speaker.language, key, **parts)

    def _next(self, kind: str, value: str = "") -> bool:
        """Takes the token if it is this one."""
        is_there = self.at < len(self.tokens) and self.tokens[self.at][0] == kind
        is_there = is_there and (not value or self.tokens[self.at][1] == value)
        self.at += is_there
        return is_there

    def _take(self, kind: str, value: str = "") -> str:
        if not self._next(kind, value):
            raise _UnreadableError
        return self.tokens[self.at - 1][1]

    def _any(self) -> str:
        said = [self._all()]
        while self._next("word", "or"):
            said.append(self._all())
        return f" {self._say('or')} ".join(said)

    def _all(self) -> str:
        said = [self._one()]
        while self._next("word", "and"):
            said.append(self._one())
        return f" {self._say('and')} ".join(said)

    def _one(self) -> str:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _UnreadableError
        if self._next("mark", "("):
            said = f"({self._any()})"
            self._take("mark", ")")
        elif self._next("word", "not"):
            said = self._negated()
        elif self._next("word", "selected"):
            said = self._selected("has")
        else:
            said = self._compared()
        self.depth -= 1
        return said

    def _negated(self) -> str:
        self._take("mark", "(")
        is_selection = self._next("word", "selected")
        said = self._selected("has_not") if is_selection else f"{self._say('not')} ({self._any()})"
        self._take("mark", ")")
        return said

    def _selected(self, key: str) -> str:
        self._take("mark", "(")
        name = self._take("name")
        self._take("mark", ",")
        code = self._take("text")
        self._take("mark", ")")
        return self._say(key, question=self.speaker.question(name), answer=self.speaker.answer(name, code))

    def _compared(self) -> str:
        name, sign = self._take("name"), self._take("sign")
        question = self.speaker.question(name)
        if self._next("text"):
            code = self.tokens[self.at - 1][1]
            if sign not in ("=", "!="):
                raise _UnreadableError
            if not code:
                return self._say("answered" if sign == "!=" else "unanswered", question=question)
            key = "is" if sign == "=" else "is_not"
            return self._say(key, question=question, answer=self.speaker.answer(name, code))
        if self._next("name"):
            other = self.speaker.question(self.tokens[self.at - 1][1])
            return self._say("compares", question=question, sign=_SIGNS[sign], answer=other)
        return self._say("compares", question=question, sign=_SIGNS[sign], answer=self._take("number"))
