"""Addresses of servers that may be called: public and https, or named by a setting."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from pimcollect.errors import ErrorCode, PimError

_PORTS = frozenset({443, 8443})
_OWN_ENDINGS = ("lan", "local", "localdomain", "localhost", "internal", "intranet", "corp", "home", "arpa")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def is_named(parts: SplitResult, private_hosts: Collection[str]) -> bool:
    """Whether a setting names this host, or this host with this port."""
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    return bool({host, named, f"{named}:{_port(parts)}"} & set(private_hosts))


def _looks_own(host: str) -> bool:
    """Whether this looks like a server of one's own network: nobody is told to call a public one without https."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.rpartition(".")[2] in _OWN_ENDINGS


def check_address(url: str, *, private_hosts: Collection[str] = ()) -> str:
    """The base address of a server, in one spelling. Raises PimError(BAD_ADDRESS).

    https on the usual ports; where PIMCOLLECT_PRIVATE_HOSTS names the host, http and any port too.
    """
    parts = _split(url.strip())
    if parts is None or parts.scheme not in ("https", "http") or "@" in parts.netloc or parts.query or parts.fragment:
        raise PimError(
            ErrorCode.BAD_ADDRESS,
            "This is not the address of a server.",
            remedy="Give it like https://kf.kobotoolbox.org: no user, no question mark.",
        )
    if not is_named(parts, private_hosts) and (parts.scheme != "https" or _port(parts) not in _PORTS):
        host = parts.hostname or ""
        raise PimError(
            ErrorCode.BAD_ADDRESS,
            "Only https on port 443 or 8443 is called.",
            remedy=f"For a server in your own network add {host} to PIMCOLLECT_PRIVATE_HOSTS, where the service starts "
            "and here, where you type this."
            if _looks_own(host)
            else f"Write https: https://{host}{parts.path.rstrip('/')}",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def has_address(base: str, *, seconds: float = 5.0) -> bool:
    """Whether the name in a base address leads anywhere, looked up for so long.

    False too where no name server is reached: systems say the same of both, so that nobody may be refused for it.
    """
    parts, found = urlsplit(base), threading.Event()

    def look() -> None:
        with contextlib.suppress(OSError, UnicodeError):  # not found: that is the answer
            socket.getaddrinfo(parts.hostname, _port(parts))
            found.set()

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(seconds)
    return found.is_set()
