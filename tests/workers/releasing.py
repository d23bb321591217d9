"""The three re-enacted servers in one shape: opened, looked into, emptied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pimcollect.servers.http import Client
from tests.factories.releases import FILES, Press, freeze
from tests.reenacted.central_forms import CentralForms
from tests.reenacted.kobo_forms import KoboForms
from tests.reenacted.ona_forms import OnaForms
from tests.reenacted.server import ReenactedServer
from workers import releases

SERVERS = {"kobo": KoboForms, "central": CentralForms, "ona": OnaForms}


@contextmanager
def open_server(kind: str) -> Iterator[ReenactedServer]:
    """An empty one. Central's workbooks refer to the files that the versions have."""
    server = SERVERS[kind]()
    if isinstance(server, CentralForms):
        server.needs = list(FILES)
    with server.listen():
        yield server


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Nobody waits in a test: neither the client between its tries, nor the worker for an upload."""
    patch.setattr(releases, "_POLLS", (0.0,) * 4)
    patch.setitem(Client.__init__.__kwdefaults__, "pause", lambda _: None)


def clear(server: ReenactedServer) -> None:
    """Nothing is there any more."""
    if isinstance(server, KoboForms):
        server.assets.clear()
        server.imports.clear()
    elif isinstance(server, CentralForms | OnaForms):
        server.forms.clear()


def see(server: ReenactedServer) -> dict[str, object]:
    """What the server holds, in the same shape for all three."""
    if isinstance(server, KoboForms):
        forms = list(server.assets.values())
        versions = [
            _read_version(one.content) for one in forms if one.is_active and one.deployed_version_id == one.version_id
        ]
        files = [row["metadata"]["filename"] for one in forms for row in one.files.values()]
        hooks = [hook["endpoint"] for one in forms for hook in one.hooks.values()]
    elif isinstance(server, CentralForms):
        found = list(server.forms.values())
        forms, hooks = found, []
        versions = [one.live.version for one in found if one.live]
        files = [row["name"] for one in found if one.live for row in one.live.attachments.values() if row["exists"]]
    else:
        assert isinstance(server, OnaForms)
        forms = list(server.forms.values())
        versions = [one.version for one in forms if one.is_open]
        files = [row["data_value"] for one in forms for row in one.files.values()]
        hooks = [hook["service_url"] for one in forms for hook in one.hooks.values()]
    return {"forms": len(forms), "versions": versions, "files": sorted(files), "hooks": len(hooks)}


def _read_version(content: dict[str, list[dict[str, str]]]) -> str:
    rows = [row for row in content["survey"] if row.get("name") == "pim_catalogue_version"]
    return rows[0]["calculation"].strip("'")


def whole(press: Press, number: int = 1) -> dict[str, object]:
    """What the server shall hold."""
    version = freeze(number).version.version
    hooks = 0 if press.kind == "central" else 1
    return {"forms": 1, "versions": [version], "files": sorted(FILES), "hooks": hooks}
