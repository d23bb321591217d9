"""Starts programs as children that die with us, and, where root may not run them, as an ordinary user.

Only the standard library: the file is also run as a small script of its own between us and the program, so that
no Python of ours runs between the fork and the exec of a process that may have threads.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SAME_USER = "same"
NAMESPACE = "namespace"
"""A user namespace in which our user is number 1: PostgreSQL sees no root, and every file stays ours."""

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
FIRST_HANDED = 3
"""The descriptor of a socket that is handed down, as service managers have it."""
CANNOT_EXECUTE = 126
"""Exit status when the program itself could not be started, as shells have it."""


def die_with_parent(parent: int, with_signal: int) -> None:
    """Ask the kernel for `with_signal` when the thread that made us ends; leave at once if it has ended already.

    Ask after every change of user: such a change forgets the request. Compared with the remembered pid of the
    parent, not with 1: in a container the parent is number 1. Other systems than Linux have no such signal.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def enter_namespace() -> None:
    """Move this process into a user namespace where it is user 1 and group 1. Raises OSError where refused."""
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1 {user} 1")
    Path("/proc/self/gid_map").write_text(f"1 {group} 1")


def may_enter_namespace() -> bool:
    """Try it in a child of our own: Docker's default rules refuse it."""
    if sys.platform != "linux":
        return False
    probe = [sys.executable, "-I", "-S", __file__, str(os.getpid()), "0", NAMESPACE, "-", "/bin/true"]
    return subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0  # noqa: S603 - our own file


def launch(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
    user: str = SAME_USER,
    output: IO[bytes] | int | None = None,
    cwd: Path | str | None = None,
    handed: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own, so that Ctrl-C reaches only us. Call from the main thread.

    `user` is SAME_USER, NAMESPACE or `uid:gid`. `output` takes stdout and stderr; None leaves ours. `handed` is the
    descriptor of a listening socket that the program gets too. The pid stays the same through the script and the
    program.
    """
    given = "-" if handed is None else str(handed)
    script = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death_signal)), user, given]
    return subprocess.Popen(  # noqa: S603 - the commands are ours
        [*script, *map(str, command)],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        process_group=0,
        pass_fds=() if handed is None else (handed,),
        cwd=cwd,
    )


def forbid_core_dumps() -> None:
    """No image of our memory on disk, in this process and in all that it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _become(user: str) -> None:
    if user == NAMESPACE:
        enter_namespace()
    elif user != SAME_USER:
        uid, _, gid = user.partition(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))


def _hand_down(handed: str) -> None:
    """Put the socket where the program looks for it, and say that it is meant for this process."""
    if handed == "-":
        return
    if int(handed) != FIRST_HANDED:
        os.dup2(int(handed), FIRST_HANDED)
        os.close(int(handed))
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))


def main(arguments: list[str]) -> None:
    """`PARENT SIGNAL USER SOCKET PROGRAM ARGUMENTS...`: become the user, ask for the death signal, become the program.

    SOCKET is the number of a descriptor, or `-`.
    """
    parent, death_signal, user, handed, program, *rest = arguments
    try:
        _hand_down(handed)
        _become(user)
        die_with_parent(int(parent), int(death_signal))
        os.execv(program, [program, *rest])  # noqa: S606 - this is what the file is for
    except OSError as error:
        os.write(2, f"cannot start {program}: {error.strerror}\n".encode())
        os._exit(CANNOT_EXECUTE)


if __name__ == "__main__":
    main(sys.argv[1:])
