"""The tree: what stands where, how long it is, what it is called, and what never stands in it."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.ground import PACKAGES, list_files, list_modules, read_text, read_tree

_TOP = {
    *("pimcollect", "forms", "webhooks", "workers", "tests", "pyproject.toml", "Procfile"),
    *("README.md", "CONTRIBUTING.md", "Makefile", "docs", ".ci", ".gitignore", "LICENSE"),
    *("requirements.txt", "requirements-dev.txt", "requirements-tools.txt", "requirements-build.txt"),
}
_DATA_FOLDERS = {"forms/starter/__init__.py", "tests/payloads/__init__.py"}
"""Folders of data: their __init__ says how to read it."""
_LONGEST_FILE, _LONGEST_TEST, _LONGEST_FUNCTION = 330, 400, 60
_FORBIDDEN_FILES = re.compile(r"(^|/)_*(utils?|helpers?|common|misc)(\.|/|$)")
_FORBIDDEN_FUNCTIONS = re.compile(r"_*(get|process|handle|do|manage)_\w+")
_FORBIDDEN_CLASSES = re.compile(r"\w+(Manager|Handler|Helper)")
_NAMED_BY_OTHERS = {
    "get_command",
    "handle_error",
    "handle_exception",
    "handle_job_failure",
    "_get_socket",
    "handle_close",
}
"""Methods that a library calls by this name."""
_HOSTS = re.compile(
    # in pieces, so that not even this file names one
    "|".join((r"py" r"pi\.org", r"python" r"hosted\.org", r"registry\." r"npmjs\.org", r"\"resolved\""))
)
_MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(work|root(?!/item\b)|Users)/\w|(?<![\w.$}])/home/\w+/")
"""In an XForm the choices of a list stand at /root/item."""


def test_the_top_level_is_as_the_commission_fixed_it() -> None:
    found = {name.split("/")[0] for name in list_files()}
    assert found <= _TOP
    assert set(PACKAGES) <= found


@pytest.mark.parametrize("name", [name for name in list_modules(*PACKAGES, "tests") if name.endswith("__init__.py")])
def test_an_init_is_a_docstring_and_nothing_else(name: str) -> None:
    body = read_tree(name).body
    assert body
    assert isinstance(body[0], ast.Expr)
    assert len(body) == 1 or name in _DATA_FOLDERS


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name in list_modules(*PACKAGES, "tests") if not ast.get_docstring(read_tree(name))] == []


def test_no_file_is_too_long() -> None:
    long = {name: len(read_text(name).splitlines()) for name in list_modules(*PACKAGES, "tests")}
    assert {
        name: lines
        for name, lines in long.items()
        if lines > (_LONGEST_TEST if name.startswith("tests/") else _LONGEST_FILE) and "/versions/" not in name
    } == {}


def test_no_function_is_too_long() -> None:
    long = [
        f"{name}: {node.name}"
        for name in list_modules(*PACKAGES)
        for node in ast.walk(read_tree(name))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= _LONGEST_FUNCTION
    ]
    assert [one for one in long if "/versions/" not in one] == []


def test_nothing_has_a_name_that_says_nothing() -> None:
    assert [name for name in list_files() if _FORBIDDEN_FILES.search(name)] == []
    functions, classes = [], []
    for name in list_modules(*PACKAGES, "tests"):
        for node in ast.walk(read_tree(name)):
            if isinstance(node, ast.FunctionDef) and _FORBIDDEN_FUNCTIONS.fullmatch(node.name):
                functions.append(node.name)
            if isinstance(node, ast.ClassDef) and _FORBIDDEN_CLASSES.fullmatch(node.name):
                classes.append(node.name)
    assert set(functions) <= _NAMED_BY_OTHERS
    assert classes == []


def test_public_functions_say_what_they_do() -> None:
    silent = [
        f"{name}: {node.name}"
        for name in list_modules(*PACKAGES)
        if "/versions/" not in name
        for node in read_tree(name).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    here = "tests/house/test_tree.py"
    found = []
    for name in list_files():
        if name != here:
            text = read_text(name)
            found += [
                f"{name}: {hit.group()}" for pattern in (_HOSTS, _MACHINE_PATHS) for hit in pattern.finditer(text)
            ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["https://files.python" + "hosted.org/x", '"resolved": "https://x"', "open('/ro" + "ot/x')", "/home/amina/x"],
)
def test_the_look_for_registries_and_paths_sees_them(text: str) -> None:
    assert _HOSTS.search(text) or _MACHINE_PATHS.search(text)


def test_nothing_is_left_to_do_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [name for name in list_modules(*PACKAGES, "tests") if name != "tests/house/test_tree.py"
            if later.search(read_text(name))] == []  # fmt: skip
