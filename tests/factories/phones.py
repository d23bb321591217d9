"""What a phone writes: the XML of a submission for answers by question key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from lxml import etree

from forms.release import Frozen
from pimcollect.domain.answers import flatten


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
