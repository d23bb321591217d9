"""What is named by a string is really there: jobs, commands, processes, settings, log facts, links."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import typing
from importlib import import_module

import click
import pytest

from pimcollect.cli.main import COMMANDS, group
from pimcollect.doorbell import JOBS, QUEUES
from pimcollect.log import FACTS
from tests.house.ground import PACKAGES, ROOT, list_files, list_modules, read_text, read_tree


@pytest.mark.parametrize("path", JOBS.values())
def test_every_job_that_is_rung_exists_and_takes_one_id(path: str) -> None:
    module, _, name = path.rpartition(".")
    job = getattr(import_module(module), name)
    assert list(typing.get_type_hints(job).values())[:1] == [str]
    assert len(inspect.signature(job).parameters) == 1
    assert set(JOBS) == set(QUEUES)


def test_only_the_doorbell_enqueues() -> None:
    enqueue = re.compile(r"\.(enqueue|enqueue_call|enqueue_many|enqueue_in|enqueue_at)\(")
    assert [name for name in list_modules(*PACKAGES) if enqueue.search(read_text(name))] == ["pimcollect/doorbell.py"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_exists_and_has_help(name: str) -> None:
    context = click.Context(group, info_name="pimcollect")
    command = group.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()
    for child in command.commands.values() if isinstance(command, click.Group) else []:
        assert child.get_short_help_str(), child.name


def test_every_list_command_can_speak_to_programs() -> None:
    context = click.Context(group, info_name="pimcollect")
    silent = []
    for name in COMMANDS:
        command = group.get_command(context, name)
        for child in command.commands.values() if isinstance(command, click.Group) else []:
            options = {text for option in child.params for text in option.opts}
            if child.name == "list" and "--json" not in options:
                silent.append(f"{name} list")
    assert silent == []


def test_the_procfile_names_the_four_processes_and_what_they_run_exists() -> None:
    lines = [line for line in read_text("Procfile").splitlines() if line and not line.startswith("#")]
    processes = dict(line.split(": ", 1) for line in lines)
    assert set(processes) == {"release", "web", "worker", "clock"}
    for run in processes.values():
        words = shlex.split(run)
        if words[0] == "pimcollect":
            assert words[1] in COMMANDS
        else:
            assert words[:3] == ["python", "-m", "workers"]


def test_the_readme_names_the_two_commands_and_the_makefile_has_them() -> None:
    text, makefile = read_text("README.md"), read_text("Makefile")
    for target in ("demo", "test"):
        assert f"make {target}" in text
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_command_in_the_documents_exists() -> None:
    unknown = []
    for name in list_files():
        if name.endswith(".md"):
            for found in re.finditer(r"`(?:\.venv/bin/)?pimcollect ([a-z]+)", read_text(name)):
                if found.group(1) not in COMMANDS:
                    unknown.append(f"{name}: {found.group()}")
    assert unknown == []


def test_every_link_between_documents_leads_somewhere() -> None:
    lost = []
    for name in list_files():
        if name.endswith(".md"):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read_text(name)):
                if "://" not in target and not ((ROOT / name).parent / target).exists():
                    lost.append(f"{name}: {target}")
    assert lost == []


def test_every_setting_is_described_and_none_that_is_gone() -> None:
    read = set(re.findall(r"\"((?:PIMCOLLECT_|DATABASE_URL|REDIS_URL)[A-Z_]*)\"", read_text("pimcollect/config.py")))
    described = set(re.findall(r"^\| `([A-Z_]+)`", read_text("docs/operators/settings.md"), re.MULTILINE))
    assert read
    assert described - {"PIMCOLLECT_DEBUG"} == read


def _log_calls(name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(read_tree(name))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        if node.func.value.id == "_log" and node.func.attr in ("info", "warning", "error")
    ]


def test_every_log_line_is_a_fixed_word_with_facts_from_the_list() -> None:
    wrong = []
    for name in list_modules(*PACKAGES):
        for call in _log_calls(name):
            is_fixed = len(call.args) == 1 and isinstance(call.args[0], ast.Constant)
            names = {word.arg for word in call.keywords}
            if not is_fixed or not names <= FACTS:
                wrong.append(f"{name}:{call.lineno}")
    assert wrong == []


def test_nobody_logs_past_the_list() -> None:
    raw = re.compile(r"\blogging\.getLogger\(|^import structlog|(?<!\.)\bprint\(", re.MULTILINE)
    assert [name for name in list_modules(*PACKAGES) if raw.search(read_text(name))] == ["pimcollect/log.py"]
