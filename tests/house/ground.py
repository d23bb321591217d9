"""What the house tests look at: the files that belong to the project, and its modules as syntax trees."""

from __future__ import annotations

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("pimcollect", "forms", "webhooks", "workers")
_NOT_OURS = {".git", ".venv", "node_modules", "__pycache__", "dist"}


def _list_tracked() -> list[str]:
    """What git tracks; nothing where there is no git, or no repository."""
    git = shutil.which("git")
    if git is None:
        return []
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []


@cache
def list_files() -> tuple[str, ...]:
    """Paths of all files of the project, as git knows them; in an unpacked archive, whatever is there."""
    if names := _list_tracked():
        return tuple(sorted(name for name in names if (ROOT / name).exists()))
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(str(path) for path in found if not _NOT_OURS & set(path.parts) and path.parts[0][0] != "."))


def list_modules(*tops: str) -> list[str]:
    """Python files below the given top folders."""
    return [name for name in list_files() if name.endswith(".py") and name.split("/")[0] in tops]


@cache
def read_tree(name: str) -> ast.Module:
    """A module as a syntax tree."""
    return ast.parse((ROOT / name).read_text(), name)


def read_text(name: str) -> str:
    """The text of a file; empty for one that is no text."""
    try:
        return (ROOT / name).read_text()
    except UnicodeDecodeError:
        return ""
