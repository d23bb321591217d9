"""Any other sender, described by a small mapping: where its answers, ids and version stand. No code, no expressions.

Paths are names joined by `/`, from the top of a JSON object or below the root node of an XML document. Nested objects
become paths, lists of objects repeats, lists of plain values the choices of one question.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.base import Delivery, Opened
from pimcollect.servers.flat import count_answers, is_envelope, read_id
from pimcollect.servers.ids import is_plain
from pimcollect.servers.instance import flatten, parse_xml
from pimcollect.servers.kobo import is_json, parse_object


@dataclass(frozen=True)
class Mapped:
    """A reader for one mapping (`schemas.mappings` says what may stand in it)."""

    answers: str = ""
    """Path of the object that holds the answers; empty = the whole body."""
    instance_id: str = ""
    root_id: str = ""
    deprecated_id: str = ""
    form: str = ""
    form_version: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Path below `answers` as the sender has it -> path in our form. What is not named keeps its own."""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Path below `answers` as the sender has it -> its value -> our code. What is not named stays as it is."""
    hook: UUID | None = None
    """To which ids belong that are no UUIDs: senders that count their own begin at the same numbers."""

    def read_delivery(self, body: bytes) -> Delivery:
        """What the door must know. Never raises for bad content."""
        kind = "json" if is_json(body) else "xml"
        try:
            flat = self._flatten(body, ())
            chosen = self._choose(flat)
            # of the other fields nobody said that they are answers: they may tell when a copy was sent
            named = {path: chosen[path] for path in self.fields.values() if path in chosen}
            return Delivery(kind, self._read_id(flat, self.instance_id), count_answers(chosen), answers=named)
        except PimError:
            return Delivery(kind, None, 0)

    def read_opened(self, body: bytes, *, repeats: Collection[str]) -> Opened:
        """What a worker must know. Raises PimError, without content in it: BAD_BODY, or MAPPING_UNFIT or
        NO_INSTANCE_ID where the body can be read, but not as this mapping says."""
        flat = self._flatten(body, repeats)
        if _NO_ID in (flat.get(path) for path in (self.instance_id, self.root_id, self.deprecated_id)):
            raise PimError(
                ErrorCode.NO_INSTANCE_ID, "What stands where its mapping says is neither a text nor a whole number."
            )
        edition, deprecated = self._read_id(flat, self.instance_id), self._read_id(flat, self.deprecated_id)
        raw = self._choose(flat)
        if not raw:  # rather a mapping that is wrong than a person who refused without a word
            raise _unfit("there are no answers where its mapping says")
        if edition is None:
            raise PimError(ErrorCode.NO_INSTANCE_ID, "The body has no instance id where its mapping says.")
        return Opened(
            named_form=_text(flat.get(self.form)),
            named_version=_text(flat.get(self.form_version)),
            root_id=self._read_id(flat, self.root_id) or (edition if deprecated is None else None),
            edition_id=edition,
            deprecated_id=deprecated,
            is_encrypted=is_envelope(raw),
            raw=raw,
        )

    def _read_id(self, flat: Mapping[str, Any], path: str) -> str | None:
        found = read_id(flat.get(path))
        return found if found is None or self.hook is None or is_plain(found) else f"{self.hook}/{found}"

    def _flatten(self, body: bytes, repeats: Collection[str]) -> dict[str, Any]:
        if is_json(body):
            ids = {self.instance_id, self.root_id, self.deprecated_id} - {""}
            return _flatten_object(parse_object(body, numbers_as_text=True, fraction=_Fraction), "", ids)
        above = f"{self.answers}/" if self.answers else ""
        ours_to_theirs = {ours: theirs for theirs, ours in self.fields.items()}
        return flatten(parse_xml(body), {above + ours_to_theirs.get(path, path) for path in repeats})

    def _choose(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        """The answers alone, under the paths of our form. Two that fall on one path are refused."""
        above = f"{self.answers}/" if self.answers else ""
        own = {self.instance_id, self.root_id, self.deprecated_id, self.form, self.form_version}
        chosen: dict[str, Any] = {}
        for path, value in flat.items():
            if path.startswith(above) and path not in own:
                name = path.removeprefix(above)
                _put(chosen, self.fields.get(name, name), self._choose_rows(value, above, name))
        return chosen

    def _choose_rows(self, value: Any, above: str, name: str) -> Any:
        if not isinstance(value, list):
            return self._translate(value, name)
        rows = []
        for row in value:
            if not isinstance(row, dict):
                return value
            renamed: dict[str, Any] = {}
            for path, inner in row.items():
                below = path.removeprefix(above)
                _put(renamed, self.fields.get(below, below), self._choose_rows(inner, above, below))
            rows.append(renamed)
        return rows

    def _translate(self, value: Any, name: str) -> Any:
        """The value in our codes; of several choices, each."""
        ours = self.values.get(name)
        if ours is None or not isinstance(value, str):
            return value
        return ours[value] if value in ours else " ".join(ours.get(one, one) for one in value.split(" "))


def bind(mapping: Mapping[str, Any], *, hook: UUID | None = None) -> Mapped:
    """The reader of a mapping that was checked when its hook was opened."""
    told = {name: value for name, value in mapping.items() if name != "secret_in" and value is not None}
    return Mapped(**told, hook=hook)


def _unfit(what: str) -> PimError:
    """The error of a mapping that does not fit; it repeats nothing of the body."""
    return PimError(ErrorCode.MAPPING_UNFIT, f"The body cannot be read by its mapping: {what}.")


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    if path in into:  # one of the two may be the consent
        raise _unfit("two of its fields stand for one question")
    into[path] = value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


class _Fraction(str):
    """The digits of a number that is not whole."""

    __slots__ = ()


_NO_ID = ("no id",)
"""Stands where an id should, and something else was sent. No id and no answer is equal to it."""


def _flatten_object(found: Mapping[str, Any], above: str, ids: Collection[str] = ()) -> dict[str, Any]:
    """Kobo's flat shape of a nested object; what is null or empty is absent, what can be no id `_NO_ID` at `ids`."""
    flat: dict[str, Any] = {}
    for name, value in found.items():
        path = f"{above}/{name}" if above else name
        if isinstance(value, dict):
            for inner, one in _flatten_object(value, path, ids).items():
                _put(flat, inner, one)
        elif path in ids and (isinstance(value, bool | _Fraction) or (isinstance(value, list) and value)):
            _put(flat, path, _NO_ID)
        elif isinstance(value, list):
            if value:
                _put(flat, path, _flatten_list(value, path))
        elif isinstance(value, bool):
            _put(flat, path, "true" if value else "false")
        elif value is not None and value != "":
            _put(flat, path, str(value))
    return flat


def _flatten_list(values: list[Any], path: str) -> Any:
    if all(isinstance(one, dict) for one in values):
        return [_flatten_object(one, path) for one in values]
    if all(isinstance(one, str) and one and not any(sign.isspace() for sign in one) for one in values):
        return " ".join(values)
    return values  # no reader takes a list for an answer
