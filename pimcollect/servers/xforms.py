"""What an XForm holds, whoever wrote it: the paths of its questions, and every expression that phones work out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from pimcollect.domain.expressions import FILTER, Expression, read_columns
from pimcollect.servers.instance import local_name, parse_xml

_LOGIC = ("relevant", "constraint", "calculate", "required", "readonly")
"""Attributes of a bind that hold an expression."""
_COUNT = "{http://openrosa.org/javarosa}count"
_FILES = "jr://file-csv/"


def read_paths(xform: str) -> Iterator[str]:
    """Paths of all groups and questions of an XForm, below its root, `meta` left out."""
    yield from _walk(_find_instances(parse_xml(xform.encode()))[0][0], "")


def _walk(node: etree._Element, above: str) -> Iterator[str]:
    for one in node:
        if local_name(one) != "meta":
            path = f"{above}/{local_name(one)}"
            yield path
            yield from _walk(one, path)


def read_expressions(xform: str, *, heads: Mapping[str, bytes]) -> Iterator[Expression]:
    """All expressions of an XForm. `heads` are files of choices by name, as far as their first line at least."""
    root = parse_xml(xform.encode())
    lists = dict(_read_lists(root, heads))
    for one in root.iter(etree.Element):
        name = local_name(one)
        if name == "bind":
            for kind in _LOGIC:
                yield from _tell(one, kind, one.get(kind))
        elif name == "setvalue":
            yield from _tell(
                one, "default" if "first-load" in one.get("event", "") else "calculation", one.get("value")
            )
        elif name == "repeat":
            yield from _tell(one, "repeat_count", one.get(_COUNT))
        elif name == "itemset":
            text = one.get("nodeset", "")
            columns = next((own for list_, own in lists.items() if f"instance('{list_}')" in text), None)
            yield from _tell(one, FILTER, text, columns=columns)
        elif name == "output":
            yield from _tell(one, "label", one.get("value") or one.get("ref"))


def _tell(
    node: etree._Element, kind: str, text: str | None, *, columns: frozenset[str] | None = None
) -> Iterator[Expression]:
    if text:
        yield Expression(_find_path(node), kind, text, columns)


def _find_path(node: etree._Element | None) -> str:
    """Of the question or group that an element belongs to, below the root: its own, or that of what is around it. A
    text is named by its id: `/data/group/question:label`."""
    while node is not None:
        reference = node.get("nodeset") if local_name(node) in ("bind", "repeat") else node.get("ref")
        if local_name(node) == "text":
            reference = node.get("id", "").partition(":")[0]
        if reference and reference.startswith("/"):
            return f"/{reference.lstrip('/').partition('/')[2]}"
        node = node.getparent()
    return "/"


def _find_instances(root: etree._Element) -> list[etree._Element]:
    return [one for one in root.iter(etree.Element) if local_name(one) == "instance"]


def _read_lists(root: etree._Element, heads: Mapping[str, bytes]) -> Iterator[tuple[str, frozenset[str]]]:
    """The lists of choices whose columns can be known: those in the form, and those of the files that are here."""
    for one in _find_instances(root)[1:]:
        file = one.get("src", "").removeprefix(_FILES)
        items = [item for item in one.iter(etree.Element) if local_name(item) == "item"]
        columns = {local_name(cell) for item in items for cell in item}
        if file in heads:
            columns = set(read_columns(heads[file]))
        if columns:
            yield one.get("id", ""), frozenset(columns)
