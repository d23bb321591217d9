"""Hostile workbooks are refused in bounded time and memory, in words that say what it is and what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from forms import child
from forms.bank_files import read_bank_bytes
from forms.child import AT_ONCE, BOUNDS, Bounds, run_in_child
from forms.lints_all import lint_file
from forms.outline import make_outline, read_outline
from forms.safety import check_workbook
from forms.xlsforms import read_sheets, read_xlsform
from pimcollect import launch
from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import NAMESPACE, may_enter_namespace
from tests.forms.books import CONSENT, write_book
from tests.forms.hostile import BOOK, READ, REFUSED

_SECONDS, _MEGABYTES = 20, 400
_GUARDED = ("S0", "S10", "S11", "S12", "S13", "S14", "S16", "S19", "S20")


def _peak(who: str) -> int:
    text = Path(f"/proc/{who}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text).group(1)) // 1024  # type: ignore[union-attr]


def test_there_are_more_than_forty() -> None:
    assert len(REFUSED) > 40


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_hostile_workbook_is_refused_in_words_in_time_and_in_little_memory(name: str) -> None:
    make, words = REFUSED[name]
    data = make()
    before, started = _peak("self"), time.monotonic()
    with pytest.raises(PimError) as caught:
        read_outline(data, name="x")
    assert time.monotonic() - started < _SECONDS
    assert _peak("self") - before < _MEGABYTES
    assert re.search(words, caught.value.message), caught.value.message
    assert caught.value.remedy
    assert caught.value.code in (ErrorCode.BAD_FILE, ErrorCode.TOO_LARGE, ErrorCode.BAD_FORM)
    assert len(str(caught.value)) < 4_000


@pytest.mark.parametrize("name", [name for name in REFUSED if name.startswith(_GUARDED)])
def test_what_is_no_plain_workbook_passes_no_door_and_starts_no_reader(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = REFUSED[name][0]()
    monkeypatch.setattr(subprocess, "Popen", None)
    for door in (
        lambda: read_xlsform(data),
        lambda: lint_file(data, name="x"),
        lambda: read_bank_bytes(data, is_workbook=True),
    ):
        with pytest.raises(PimError) as caught:
            door()
        assert caught.value.code in (ErrorCode.BAD_FILE, ErrorCode.TOO_LARGE)


@pytest.mark.parametrize("name", list(READ))
def test_what_only_looks_odd_is_read_whole(name: str) -> None:
    make, words = READ[name]
    outline = read_outline(make(), name="x")
    assert words in outline.xform


def test_the_child_reads_what_this_process_would_read() -> None:
    assert read_xlsform(BOOK) == read_sheets(BOOK)
    assert read_outline(BOOK, name="x") == make_outline(read_sheets(BOOK), name="x")


def test_a_reader_without_memory_is_an_error_in_words() -> None:
    with pytest.raises(PimError) as caught:
        run_in_child("outline", BOOK, bounds=Bounds(memory=48 * 1024 * 1024), name="x")
    assert caught.value.code in (ErrorCode.TOO_LARGE, ErrorCode.BAD_FILE)
    assert "not read" in caught.value.message


def test_a_reader_that_takes_too_long_is_stopped() -> None:
    rows = "\n".join(f"note | n{number} | N" for number in range(20_000))
    data = write_book(f"{CONSENT}\n{rows}")
    check_workbook(data)
    started = time.monotonic()
    with pytest.raises(PimError, match="took too long") as caught:
        run_in_child("outline", data, bounds=Bounds(seconds=1), name="x")
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert time.monotonic() - started < 5
    assert _find_readers() == []


def test_a_reader_may_not_take_more_memory_than_it_is_given() -> None:
    """Measured in the child itself: what it is given is what the kernel holds it to."""
    script = (
        "import resource, sys; from forms import child; child._limit(sys.argv[1]); "
        "print(resource.getrlimit(resource.RLIMIT_AS)[1]); "
        "\ntry: bytearray(600 * 1024 * 1024)\nexcept MemoryError: print('refused')"
    )
    limits = f"{BOUNDS.memory},{BOUNDS.seconds},{BOUNDS.output}"
    done = subprocess.run([sys.executable, "-c", script, limits], capture_output=True, check=True)
    assert done.stdout.split() == [str(BOUNDS.memory).encode(), b"refused"]


def test_a_result_without_end_is_cut() -> None:
    with pytest.raises(PimError) as caught:
        run_in_child("xlsform", BOOK, bounds=Bounds(output=200))
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_a_reader_that_breaks_says_where_and_nothing_of_the_workbook() -> None:
    with pytest.raises(PimError) as caught:
        run_in_child("outline", BOOK, name="x", unknown=1)
    assert caught.value.code is ErrorCode.BAD_FILE
    assert "TypeError" in caught.value.message


def test_many_at_once_wait_for_each_other_and_all_are_read() -> None:
    seen = []

    def read() -> None:
        seen.append(len(read_xlsform(BOOK).tables))

    threads = [threading.Thread(target=read) for _ in range(5)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(_find_readers()))
        time.sleep(0.01)
    assert seen == [3] * 5
    assert most <= AT_ONCE


def test_who_waits_too_long_for_others_is_told_to_come_again() -> None:
    with ExitStack() as others:
        for _ in range(AT_ONCE):
            others.enter_context(child._wait_for_room(BOUNDS))
        with pytest.raises(PimError) as caught:
            run_in_child("xlsform", BOOK, bounds=Bounds(seconds=0))
    assert caught.value.code is ErrorCode.AWAY
    assert caught.value.remedy
    assert run_in_child("xlsform", BOOK)


def _find_readers() -> list[int]:
    """The readers that this process has started; what other tests started in it (databases, engines) is not ours."""
    found = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            for pid in (task / "children").read_text().split():
                with suppress(FileNotFoundError, ProcessLookupError):  # a child that ended meanwhile
                    if "forms.child" in Path(f"/proc/{pid}/cmdline").read_text():
                        found.append(int(pid))
    return found


def test_a_reader_that_is_killed_is_an_error_in_words() -> None:
    rows = "\n".join(f"note | n{number} | N" for number in range(20_000))
    data = write_book(f"{CONSENT}\n{rows}")
    killed: list[int] = []

    def kill() -> None:
        for _ in range(2_000):
            time.sleep(0.005)
            if found := _find_readers():
                os.kill(found[0], 9)
                killed.append(found[0])
                return

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(PimError, match="ended with -9") as caught:
        run_in_child("outline", data, name="x")
    thread.join()
    assert killed
    assert caught.value.code is ErrorCode.BAD_FILE


def test_the_reader_gets_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    start = subprocess.Popen

    def watch(*arguments: object, **options: object) -> object:
        seen.append(options["env"])  # type: ignore[arg-type]
        return start(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setenv("PIMCOLLECT_SECRET", "canary")
    monkeypatch.setattr(subprocess, "Popen", watch)
    read_xlsform(BOOK)
    assert [set(env) for env in seen] == [{"PATH", "LC_ALL"}]


@pytest.mark.skipif(not may_enter_namespace(), reason="no user namespaces here")
def test_an_ordinary_user_reads_too() -> None:
    script = (
        "import os, sys; from forms.xlsforms import read_xlsform; "
        "print(os.geteuid(), len(read_xlsform(sys.stdin.buffer.read()).tables))"
    )
    command = [sys.executable, launch.__file__, str(os.getpid()), "9", NAMESPACE, "-", sys.executable, "-c", script]
    done = subprocess.run(command, input=BOOK, capture_output=True, check=True)
    assert done.stdout.split() == [b"1", b"3"]
