"""The settings of ODK Collect and KoboCollect as one text, for a QR code: JSON, packed with zlib, in base64.

A setting that is left out falls back to the app's own default when the code is scanned. Whoever sees the code can use
what is in it: it is shown once, to the person whose phone it sets up.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pimcollect.errors import ErrorCode, PimError

_LONGEST = 4000
"""Characters; a QR code holds a little more, a telephone reads it badly long before."""
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class CollectProject:
    """What a phone needs to work for one server."""

    server_url: str
    """Without a trailing slash."""
    name: str
    """How the project is called on the phone."""
    username: str = ""
    password: str = field(default="", repr=False)
    """Both empty where the address itself carries a token."""


def write_settings(project: CollectProject) -> dict[str, Any]:
    """The settings: forms kept equal to the server's list, sent by themselves on any line, deleted once sent."""
    general: dict[str, Any] = {
        "protocol": "odk_default",
        "server_url": project.server_url,
        "form_update_mode": "match_exactly",
        "periodic_form_updates_check": "every_fifteen_minutes",
        "autosend": "wifi_and_cellular",
        "delete_send": True,
        "hide_old_form_versions": True,
        "analytics": False,
    }
    if project.username:
        general |= {"username": project.username, "password": project.password}
    return {"general": general, "admin": {}, "project": {"name": project.name}}


def pack_settings(settings: Mapping[str, Any]) -> str:
    """The text of the QR code. Raises PimError(TOO_LARGE)."""
    plain = json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()
    packed = base64.b64encode(zlib.compress(plain, 9)).decode()
    if len(packed) > _LONGEST:
        raise PimError(ErrorCode.TOO_LARGE, "The settings are too long for a QR code.", remedy="Take a shorter name.")
    return packed


def unpack_settings(packed: str) -> dict[str, Any]:
    """The settings out of the text of a QR code, as the app reads them. Raises PimError(BAD_SETTING)."""
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(base64.b64decode(packed, validate=True), _LARGEST)
        found = json.loads(plain)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise PimError(ErrorCode.BAD_SETTING, "This is no settings code.") from error
    if not isinstance(found, dict):
        raise PimError(ErrorCode.BAD_SETTING, "This is no settings code.")
    return found
