"""A small evaluator of XForm relevance and calculations, independent of the code that wrote them."""

from __future__ import annotations

from typing import Any

from lxml import etree

_NS = {"x": "http://www.w3.org/2002/xforms", "h": "http://www.w3.org/1999/xhtml"}
_ROUNDS = 20


def _text(value: Any) -> str:
    if isinstance(value, list):
        return (value[0].text or "") if value else ""
    return str(value)


class XForm:
    """An XForm as text, opened: its binds and its empty answers."""

    def __init__(self, xform: str) -> None:
        root = etree.fromstring(xform.encode())
        self.root = root
        model = root.find(".//x:model", _NS)
        assert model is not None
        self.binds = {bind.get("nodeset", ""): dict(bind.attrib) for bind in model.findall("x:bind", _NS)}
        self.template = model.find("x:instance", _NS)
        self.asked = {
            node.get("ref") or node.get("nodeset") or ""
            for node in root.find("h:body", _NS).iter()  # type: ignore[union-attr]
            if isinstance(node.tag, str)
            and node.tag.split("}")[1] in ("input", "select1", "select", "upload", "trigger")
        }

    def fields(self) -> set[str]:
        """Paths of everything with a bind, groups included."""
        return set(self.binds)

    def open_fields(self, answers: dict[str, str]) -> set[str]:
        """Names of the questions that are shown, given the answers (by name; those not shown count as empty)."""
        instance = self.template[0]  # type: ignore[index]
        document = etree.fromstring(etree.tostring(instance))
        for node in document.xpath("//*[@*[local-name()='template']]"):
            node.getparent().remove(node)  # the empty copy from which a phone makes new members
        for node in document.iter():
            node.tag = etree.QName(node).localname
        by_path = {"/" + "/".join(_path(node)): node for node in document.iter()}
        wanted = {path: answers.get(path.rsplit("/", 1)[1], "") for path in self.binds}
        shown: set[str] = set()
        for _ in range(_ROUNDS):
            before = set(shown)
            for path in self.binds:
                node = by_path.get(path)
                if node is None or len(node):
                    continue
                is_open = all(self._is_relevant(document, part) for part in _chain(path))
                calculated = self.binds[path].get("calculate", "")
                value = _text(self._evaluate(document, path, calculated)) if calculated else wanted[path]
                node.text = value if is_open else ""
                shown = (shown | {path}) if is_open else (shown - {path})
            if shown == before:
                return {path.rsplit("/", 1)[1] for path in shown if path in self.asked}
        raise AssertionError("relevance does not settle")

    def _is_relevant(self, document: Any, path: str) -> bool:
        expression = self.binds.get(path, {}).get("relevant", "")
        return not expression or bool(self._evaluate(document, path, expression))

    def _evaluate(self, document: Any, path: str, expression: str) -> Any:
        context = document.xpath(path)
        return context[0].xpath(expression, extensions=_FUNCTIONS) if context else ""


def _path(node: Any) -> list[str]:
    return [*(one.tag for one in reversed(list(node.iterancestors()))), node.tag]


def _chain(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]


_FUNCTIONS = {
    (None, "selected"): lambda _, nodes, code: _text(code) in _text(nodes).split(),
    (None, "if"): lambda _, test, yes, no: yes if test else no,
    (None, "once"): lambda _, value: value,
    (None, "substr"): lambda _, text, start, end: _text(text)[int(start) : int(end)],
    (None, "uuid"): lambda _: "0123456789abcdef",
    (None, "today"): lambda _: "2026-11-20",
}
