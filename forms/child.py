"""Read a stranger's workbook in a bounded child: a fresh Python without keys, with little memory and little time.

What the reader gives back comes as plain JSON. A child that is stopped or dies is an error in words.
docs/decisions/0013-a-child-reads-workbooks.md says why it is started anew each time.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from pimcollect.errors import ErrorCode, PimError
from pimcollect.launch import die_with_parent

JOBS: Mapping[str, str] = {
    "grids": "forms.grids:parse_workbook",
    "outline": "forms.outline:parse_outline",
    "lints": "forms.lints_all:parse_lints",
    "xlsform": "forms.xlsforms:parse_xlsform",
    "form": "forms.proposals:parse_form",
    "proposals": "forms.proposal_files:parse_proposals",
}
"""Job -> the function that reads the bytes; its options and its result are plain JSON."""

AT_ONCE = 2
"""Children of one process at the same time: so many times their memory is what reading may take."""

_ROOM = threading.BoundedSemaphore(AT_ONCE)
_MEGABYTE = 1024 * 1024
_SPLIT = "Split the workbook into smaller ones, or delete what is no part of the form."
_SAVE = "Open it in a spreadsheet program and save it as a plain .xlsx workbook."
_KILL = 9


@dataclass(frozen=True)
class Bounds:
    """What a child may use."""

    memory: int = 512 * _MEGABYTE
    """Bytes of address space; other systems than Linux do not hold to it."""
    seconds: int = 30
    """Of the processor, and by the clock."""
    output: int = 128 * _MEGABYTE
    """Bytes of its result."""


BOUNDS = Bounds()


def run_in_child(job: str, data: bytes, *, bounds: Bounds = BOUNDS, **options: Any) -> Any:
    """The result of one of the JOBS on a workbook, which a `check_workbook` has let through.

    Raises PimError as the reader raised it; TOO_LARGE when it ran out of memory or time, BAD_FILE when it died, AWAY
    when others are being read and do not end.
    """
    head = json.dumps(options).encode()
    with _wait_for_room(bounds), _open_memory() as given, _open_memory() as taken:
        given.write(len(head).to_bytes(8, "big") + head + data)
        given.flush()
        given.seek(0)
        status = _wait(_start(job, bounds, given, taken), bounds)
        taken.seek(0)
        said = taken.read(bounds.output + 1)
    return _read_answer(status, said)


@contextmanager
def _wait_for_room(bounds: Bounds) -> Iterator[None]:
    if not _ROOM.acquire(timeout=bounds.seconds):
        raise PimError(ErrorCode.AWAY, "Other workbooks are being read just now.", remedy="Try again in a minute.")
    try:
        yield
    finally:
        _ROOM.release()


def _open_memory() -> IO[bytes]:
    """A file that is in memory where the system has such, and never has a name."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("workbook"), "w+b")
    return tempfile.TemporaryFile()


def _start(job: str, bounds: Bounds, given: IO[bytes], taken: IO[bytes]) -> subprocess.Popen[bytes]:
    limits = f"{bounds.memory},{bounds.seconds},{bounds.output}"
    return subprocess.Popen(  # noqa: S603 - our own module; the workbook is a file, not an argument
        [sys.executable, "-I", "-m", "forms.child", job, limits, str(os.getpid())],
        stdin=given,
        stdout=taken,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        cwd="/",
        process_group=0,
    )


def _wait(child: subprocess.Popen[bytes], bounds: Bounds) -> int | None:
    """Its exit status; None when it took too long and was stopped."""
    try:
        return child.wait(bounds.seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        child.kill()
        child.wait()


def _read_answer(status: int | None, said: bytes) -> Any:
    if status is None or status == -_SIGXCPU:
        raise PimError(ErrorCode.TOO_LARGE, "The workbook was not read: it took too long.", remedy=_SPLIT)
    try:
        answer = json.loads(said) if status == 0 else {}
    except ValueError:
        answer = {}
    if "result" in answer:
        return answer["result"]
    if "code" in answer:
        raise PimError(ErrorCode(answer["code"]), answer["message"], remedy=answer["remedy"])
    why = f" ({answer['broke']})" if "broke" in answer else f" (it ended with {status})"
    raise PimError(ErrorCode.BAD_FILE, f"The workbook was not read: the reader broke on it{why}.", remedy=_SAVE)


_SIGXCPU = 24


def _limit(limits: str) -> None:
    memory, seconds, output = (int(one) for one in limits.split(","))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(job: str, source: IO[bytes]) -> dict[str, Any]:
    """What the job gives, or why it does not; never any text of the workbook but what a PimError says."""
    try:
        size = int.from_bytes(source.read(8), "big")
        options = json.loads(source.read(size))
        module, _, function = JOBS[job].partition(":")
        return {"result": getattr(importlib.import_module(module), function)(source.read(), **options)}
    except PimError as error:
        return {"code": error.code, "message": error.message, "remedy": error.remedy}
    except MemoryError:
        return _too_large()
    except RecursionError:
        return {"code": ErrorCode.BAD_FILE, "message": "The workbook was not read: it is nested too deeply.",
                "remedy": _SAVE}  # fmt: skip
    except Exception as error:  # told by its class: its text may quote the workbook
        ours = [one for one in traceback.extract_tb(error.__traceback__) if "/forms/" in one.filename]
        where = f", {os.path.basename(ours[-1].filename)} line {ours[-1].lineno}" if ours else ""
        return {"broke": f"{type(error).__name__}{where}"}


def _too_large() -> dict[str, Any]:
    return {
        "code": ErrorCode.TOO_LARGE,
        "message": "The workbook was not read: it needs too much memory.",
        "remedy": _SPLIT,
    }


def main(arguments: list[str]) -> NoReturn:
    """`JOB LIMITS PARENT`, the workbook from stdin: the child's own end of it."""
    job, limits, parent = arguments
    _limit(limits)
    die_with_parent(int(parent), _KILL)
    with os.fdopen(os.dup(1), "wb") as result:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no result
        answer = _answer(job, sys.stdin.buffer)
        try:
            result.write(json.dumps(answer).encode())
            result.flush()
        except (MemoryError, OSError):
            os.ftruncate(result.fileno(), 0)
            os.lseek(result.fileno(), 0, os.SEEK_SET)
            os.write(result.fileno(), json.dumps(_too_large()).encode())
            os._exit(0)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
