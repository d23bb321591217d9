"""What is read out of Kobo's flat shape, which every reader turns a body into."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from pimcollect.servers.base import Opened

ID_KEYS = ("meta/instanceID", "orx:meta/orx:instanceID", "_uuid")
DEPRECATED_KEYS = ("meta/deprecatedID", "orx:meta/orx:deprecatedID")
_ROOT_KEYS = ("meta/rootUuid", "orx:meta/orx:rootUuid")
_LONGEST_ID = 200
_OWN_KEYS = ("_", "meta/", "orx:meta/", "formhub/")
_ENVELOPE_KEYS = ("base64EncryptedKey", "encryptedXmlFile")


def read_id(value: Any) -> str | None:
    """An instance id without `uuid:`; None for what is none, such as too long a text or one with control signs."""
    text = value.strip() if isinstance(value, str) else ""
    text = text.removeprefix("uuid:")
    return text if 0 < len(text) <= _LONGEST_ID and text.isprintable() else None


def first_id(raw: dict[str, Any], *keys: str) -> str | None:
    """The first of these fields that holds an instance id, without `uuid:`."""
    return next((found for key in keys if (found := read_id(raw.get(key)))), None)


def list_answers(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body, the server's own aside: those change while the answers stay."""
    return {key: value for key, value in found.items() if not key.startswith(_OWN_KEYS)}


def count_answers(found: Mapping[str, Any] | Collection[Any]) -> int:
    """How many leaves are answered, the server's own keys aside."""
    count = 0
    waiting: list[Any] = [found]
    while waiting:
        one = waiting.pop()
        values = list_answers(one).values() if isinstance(one, dict) else one
        for value in values:
            if isinstance(value, dict | list):
                waiting.append(value)
            elif value is not None and value != "":
                count += 1
    return count


def tell_answers(answers: Mapping[str, Any]) -> str:
    """Answers as one text, the same for all copies of an edition in whatever order they stand."""
    return json.dumps(answers, sort_keys=True)


def find_own(raw: dict[str, Any], name: str) -> str | None:
    """A field that our own forms carry, in whatever group it stands."""
    value = next((value for key, value in raw.items() if key.rpartition("/")[2] == name), None)
    return value if isinstance(value, str) else None


def _find_text(raw: dict[str, Any], name: str) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) and value else None


def is_envelope(raw: dict[str, Any]) -> bool:
    """True for the fields of an ODK encrypted envelope."""
    return any(key in raw for key in _ENVELOPE_KEYS)


def open_flat(
    raw: dict[str, Any], *, is_encrypted: bool, stated_version: str | None = None, stated_form: str | None = None
) -> Opened:
    """What a worker reads out of a body, once it is flat."""
    edition, deprecated = first_id(raw, *ID_KEYS), first_id(raw, *DEPRECATED_KEYS)
    return Opened(
        named_form=find_own(raw, "pim_form_id"),
        named_version=find_own(raw, "pim_catalogue_version"),
        root_id=first_id(raw, *_ROOT_KEYS) or (edition if deprecated is None else None),
        edition_id=edition,
        deprecated_id=deprecated,
        is_encrypted=is_encrypted,
        raw=raw,
        stated_version=stated_version,
        stated_form=stated_form or _find_text(raw, "_xform_id_string"),
    )
