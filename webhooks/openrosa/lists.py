"""What phones fetch: the list of forms, the list of a form's files, and what became of the items of an entity list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from pimcollect.tables.form_files import FormFileRow, find_form_file, find_form_files
from pimcollect.tables.forms import FormVersionRow
from pimcollect.tables.phones import PhoneFormRow, ShownForm, find_shown, find_versions_of
from webhooks.openrosa.replies import document, element, wrap

_LIST = "http://openrosa.org/xforms/xformsList"
_MANIFEST = "http://openrosa.org/xforms/xformsManifest"
_MOST_IDS = 1000
_MOST_VERSIONS = 20


def write_form_list(session: Session, *, base: str, form_id: str | None, all_versions: bool) -> str:
    """The forms that are released to phones. One bad line would void the whole list on the phone."""
    shown = find_shown(session, form_id=form_id, all_versions=all_versions)
    return document(wrap("xforms", (_write_form(one, base) for one in shown), xmlns=_LIST))


def _write_form(shown: ShownForm, base: str) -> str:
    address = f"{base}/forms/{shown.version}"
    parts = [
        element("formID", shown.form_id),
        element("name", shown.title.strip() or shown.form_id),
        element("version", shown.stated),
        element("hash", f"md5:{shown.md5}"),
        element("downloadUrl", f"{address}/form.xml"),
    ]
    if shown.has_files:
        parts.append(element("manifestUrl", f"{address}/manifest"))
    return wrap("xform", parts)


def find_xform(session: Session, version: UUID) -> str | None:
    """The form itself, exactly as its digest was taken; None when phones are not shown it."""
    return session.scalar(
        select(FormVersionRow.xform)
        .join(PhoneFormRow, PhoneFormRow.version == FormVersionRow.id)
        .where(FormVersionRow.id == version, PhoneFormRow.closed_at.is_(None))
    )


def write_manifest(session: Session, version: UUID, *, base: str) -> str:
    """The files of a version; an entity list says where a phone asks what became of its items."""
    files = find_form_files(session, version)
    return document(wrap("manifest", (_write_file(one, f"{base}/forms/{version}") for one in files), xmlns=_MANIFEST))


def _write_file(file: FormFileRow, address: str) -> str:
    name = quote(file.name, safe="")
    parts = [
        element("filename", file.name),
        element("hash", f"md5:{file.md5}"),
        element("downloadUrl", f"{address}/files/{name}"),
    ]
    if not file.is_entity_list:
        return wrap("mediaFile", parts)
    parts.append(element("integrityUrl", f"{address}/integrity/{name}"))
    return wrap("mediaFile", parts, type="entityList")


def write_integrity(session: Session, shown: PhoneFormRow, name: str, ids: Iterable[str]) -> str | None:
    """Of each item that was asked for: whether it was deleted. Items that no version ever had are left out, and None
    is returned where the version has no such list.

    An item is deleted when an earlier version listed it and the newest one does not.
    """
    file = find_form_file(session, shown.version, name)
    if file is None or not file.is_entity_list:
        return None
    wanted = list(dict.fromkeys(ids))[:_MOST_IDS]
    versions = find_versions_of(session, shown.form)[:_MOST_VERSIONS]
    listed = [_read_ids(session, version, name) for version in versions]
    live = listed[0] if listed else frozenset()
    ever = frozenset().union(*listed)
    known = (one for one in wanted if one in ever)
    told = (wrap("entity", [element("deleted", "false" if one in live else "true")], id=one) for one in known)
    return document(wrap("data", [wrap("entities", told)]))


def _read_ids(session: Session, version: UUID, name: str) -> frozenset[str]:
    """The ids of an entity list as it lies beside a version: the column `name` of its table."""
    file = find_form_file(session, version, name)
    if file is None or not file.is_entity_list:
        return frozenset()
    table = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig", "replace"), newline=""))
    return frozenset(row["name"] for row in table if row.get("name"))
