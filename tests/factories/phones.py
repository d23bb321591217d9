"""Phones and the door that lets them in: what they write, and a real server for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from waitress.server import create_server

from forms.release import Frozen
from pimcollect.actions.phones import PhoneSecret, add_phone
from pimcollect.actions.releases import release_to_phones
from pimcollect.config import Settings
from pimcollect.db import open_engine
from pimcollect.domain.answers import flatten
from pimcollect.domain.phones import PhoneKind
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.doorbell import Bell
from pimcollect.key_files import follow_key_file
from pimcollect.vault import read_door_keys
from webhooks.openrosa.door import open_phone_door
from webhooks.openrosa.routes import create_phone_door


@dataclass(frozen=True)
class Phones:
    """The phones' door with one account and one device that are let in."""

    app: Flask
    account: PhoneSecret
    device: PhoneSecret
    puts: Engine

    @property
    def base(self) -> str:
        """The path of the device's own address."""
        return f"/phones/key/{self.device.secret}"

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def post(self, xml: bytes, files: Mapping[str, bytes] | None = None, **more: Any) -> Any:
        """A device's submission."""
        return post_to(self.client, f"{self.base}/submission", xml, files, **more)


def post_to(
    client: FlaskClient,
    url: str,
    xml: bytes,
    files: Mapping[str, bytes] | None = None,
    *,
    is_incomplete: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """POST a submission through Flask's own client."""
    body, content_type = write_post(xml, files, is_incomplete=is_incomplete)
    return client.post(url, data=body, content_type=content_type, headers=headers)


def write_post(
    xml: bytes | None, files: Mapping[str, bytes] | None = None, *, is_incomplete: bool = False
) -> tuple[bytes, str]:
    """A multipart body as phones write it, and its content type."""
    parts = []
    if xml is not None:
        parts.append((b'form-data; name="xml_submission_file"; filename="a b.xml"', b"text/xml", xml))
    for name, content in (files or {}).items():
        disposition = f'form-data; name="{name}"; filename="{name}"'.encode()
        parts.append((disposition, b"application/octet-stream", content))
    if is_incomplete:
        parts.append((b'form-data; name="*isIncomplete*"', b"text/plain", b"yes"))
    body = b"".join(b"--bound\r\nContent-Disposition: %s\r\nContent-Type: %s\r\n\r\n%s\r\n" % part for part in parts)
    return body + b"--bound--\r\n", "multipart/form-data; boundary=bound"


def open_phones(settings: Settings, engine: Engine, *forms: str) -> Phones:
    """The door, with these forms released; they must be here already."""
    keys = read_door_keys(settings.door_keys)
    with Session(engine) as session, session.begin():
        for form in forms:
            release_to_phones(session, COMMAND_LINE, form)
        account = add_phone(session, COMMAND_LINE, name="amina", kind=PhoneKind.ACCOUNT, keys=keys)
        device = add_phone(session, COMMAND_LINE, name="tablet-1", kind=PhoneKind.DEVICE, keys=keys)
    puts = open_engine(settings.database_url, pool_size=8, is_autocommit=True)
    return Phones(make_phone_app(settings, engine, puts=puts), account, device, puts)


def make_phone_app(settings: Settings, engine: Engine, *, puts: Engine) -> Flask:
    """The phones' door as another web process has it."""
    read_keys, bell = follow_key_file(settings.door_keys, read_door_keys), Bell(settings.redis_url)
    return create_phone_door(open_phone_door(settings, read_keys, engine=engine, puts=puts, bell=bell))


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """A real server on this machine for an application; its address."""
    create: Any = create_server
    server, stop = (
        create(app, host="127.0.0.1", port=0, threads=8, clear_untrusted_proxy_headers=True),
        threading.Event(),
    )

    def run() -> None:
        while not stop.is_set():
            server.asyncore.loop(timeout=0.1, map=server._map, count=1)

    thread = threading.Thread(target=run, name="served", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # the loop ends first: sockets that are closed under it would end it with an error
        stop.set()
        server.pull_trigger()
        thread.join(10)
        server.task_dispatcher.shutdown()
        server.close()
        server.asyncore.close_all(map=server._map, ignore_all=True)


def write_odk(
    answers: Mapping[str, Any],
    *,
    frozen: Frozen,
    root: str | None = None,
    deprecated: str | None = None,
    form: str | None = None,
) -> tuple[bytes, str]:
    """A submission of the form in OpenRosa XML; returns it with its instance id. `root` is that id."""
    version = frozen.version
    edition = root or str(uuid4())
    tree = etree.Element("data", id=form or version.form, version=version.version)
    etree.SubElement(tree, "pim_catalogue_version").text = version.version
    _write(tree, flatten(answers, version), "")
    meta = etree.SubElement(tree, "meta")
    etree.SubElement(meta, "instanceID").text = f"uuid:{edition}"
    if deprecated is not None:
        etree.SubElement(meta, "deprecatedID").text = f"uuid:{deprecated}"
    return etree.tostring(tree, encoding="utf-8", xml_declaration=True), edition


def _write(node: etree._Element, flat: Mapping[str, Any], above: str) -> None:
    """Write the flat shape below a node; its keys are full paths."""
    for path, value in flat.items():
        names = path.removeprefix(f"{above}/" if above else "").split("/")
        inner = node
        for name in names[:-1]:
            found = inner.find(name)
            inner = etree.SubElement(inner, name) if found is None else found
        if isinstance(value, list):
            for row in value:
                _write(etree.SubElement(inner, names[-1]), row, path)
        else:
            etree.SubElement(inner, names[-1]).text = str(value)
