"""What phones fetch: the list of forms, the list of a form's files, and what became of the items of an entity list."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from pimcollect.tables.form_files import FormFileRow, find_form_file, find_form_files
from pimcollect.tables.forms import FormVersionRow
from pimcollect.tables.phones import PhoneFormRow, ShownForm, find_shown
from webhooks.openrosa.entity_lists import find_deleted, find_md5
from webhooks.openrosa.replies import document, element, wrap

_LIST = "http://openrosa.org/xforms/xformsList"
_MANIFEST = "http://openrosa.org/xforms/xformsManifest"
_MOST_IDS = 1000


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


def write_manifest(engine: Engine, shown: PhoneFormRow, *, base: str) -> str:
    """The files of a version; an entity list has the digest of its rows now, and says where a phone asks what became
    of them."""
    with Session(engine) as session:
        files = find_form_files(session, shown.version)
    at = f"{base}/forms/{shown.version}"
    told = (_write_file(one, at, md5=find_md5(engine, one) if one.is_entity_list else one.md5) for one in files)
    return document(wrap("manifest", told, xmlns=_MANIFEST))


def _write_file(file: FormFileRow, address: str, *, md5: str) -> str:
    name = quote(file.name, safe="")
    parts = [
        element("filename", file.name),
        element("hash", f"md5:{md5}"),
        element("downloadUrl", f"{address}/files/{name}"),
    ]
    if not file.is_entity_list:
        return wrap("mediaFile", parts)
    parts.append(element("integrityUrl", f"{address}/integrity/{name}"))
    return wrap("mediaFile", parts, type="entityList")


def write_integrity(session: Session, shown: PhoneFormRow, name: str, ids: Iterable[str]) -> str | None:
    """Of each entity that was asked for: whether it was erased. Those that never were in the list are left out, and
    None is returned where the version has no such list."""
    file = find_form_file(session, shown.version, name)
    if file is None or not file.is_entity_list:
        return None
    wanted = list(dict.fromkeys(ids))[:_MOST_IDS]
    known = find_deleted(session, file, wanted)
    told = (
        wrap("entity", [element("deleted", "true" if known[one] else "false")], id=one)
        for one in wanted
        if one in known
    )
    return document(wrap("data", [wrap("entities", told)]))
