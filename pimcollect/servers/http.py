"""The one way out to collecting servers: guarded, bounded in time and size, and silent about what it carries.

Every request stays on the host that was connected. Names are resolved once and the address that was checked is the
one that is called (requests-hardened); private addresses only where a setting names the host. Errors tell the host, a
status and what to do; never a token, a path, a query or any part of an answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.auth import AuthBase
from requests_hardened.client import HTTPSession
from requests_hardened.config import Config
from requests_hardened.ip_filter import InvalidIPAddress
from urllib3.exceptions import HTTPError

from pimcollect.errors import ErrorCode, PimError

_MEGABYTE = 1024 * 1024
MOST_BYTES = 64 * _MEGABYTE
"""The longest answer that is read, unpacked."""
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_TOTAL_SECONDS = 120.0
"""What one call may take, all its tries and waits together."""
_TRIES, _FIRST_WAIT = 5, 0.5
_REDIRECTS = 3
_CHUNK = 64 * 1024
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Trouble that passes: the same request may be answered when it is asked again."""
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_PORTS = frozenset({443, 8443})
_AGENT = "pimcollect"


class ServerError(PimError):
    """A connected server did not give what was asked. `status` is its answer's; `wait` when it asked to be left
    alone for so many seconds."""

    def __init__(
        self, code: ErrorCode, message: str, *, remedy: str = "", status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(code, message, remedy=remedy)
        self.status = status
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """What a server answered, read to its end."""

    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def read_json(self) -> Any:
        """The body as JSON. Raises ServerError(BAD_ANSWER): broken, cut off, a key twice, nested too deep."""
        try:
            return json.loads(self.body, object_pairs_hook=_unique_pairs)
        except (ValueError, RecursionError) as error:
            raise bad_answer(self.host, "it is not JSON, or was cut off") from error

    @property
    def at(self) -> datetime:
        """When it was given, by the server's own clock; by ours when it does not say."""
        return _read_date(self.headers.get("Date", "")) or datetime.now(UTC)


def bad_answer(host: str, what: str) -> ServerError:
    """The error for an answer that cannot be true; `what` must quote nothing of it."""
    return ServerError(
        ErrorCode.BAD_ANSWER,
        f"The answer of {host} cannot be used: {what}.",
        remedy="Is the address that of the server itself, and not of a login page or a proxy? It is tried again.",
    )


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _read_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
        raise PimError(
            ErrorCode.BAD_ADDRESS,
            "Only https on port 443 or 8443 is called.",
            remedy=f"For a server in your own network add {parts.hostname} to PIMCOLLECT_PRIVATE_HOSTS.",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


class _Header(AuthBase):
    """Sets our own Authorization and nothing else: no netrc, nothing out of the address."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


class Client:
    """Calls one connected server. Not for two threads at once: `clone` one for each."""

    def __init__(
        self,
        base: str,
        *,
        private_hosts: Collection[str] = (),
        ca_file: str = "",
        authorization: str | None = None,
        pause: Callable[[float], None] = time.sleep,
        total_seconds: float = _TOTAL_SECONDS,
    ) -> None:
        self.base = check_address(base, private_hosts=private_hosts)
        parts = urlsplit(self.base)
        self.host = parts.netloc
        self.authorization = authorization
        """The whole header, for example `Token abc`. Sent to this host alone."""
        self._private_hosts, self._ca_file = tuple(private_hosts), ca_file
        self._pause, self._total = pause, total_seconds
        self._session = HTTPSession(
            Config(
                ip_filter_enable=not is_named(parts, private_hosts),
                ip_filter_allow_loopback_ips=False,
                never_redirect=True,
                default_timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                user_agent_override=_AGENT,
            )
        )
        self._session.trust_env = False  # no netrc: it would replace our header; no proxy: it would defeat the guard
        if ca_file:
            self._session.verify = ca_file

    def __repr__(self) -> str:
        return f"Client({self.host})"

    def clone(self) -> Client:
        """Another one on the same server with the same rights, for another thread."""
        return Client(
            self.base,
            private_hosts=self._private_hosts,
            ca_file=self._ca_file,
            authorization=self.authorization,
            pause=self._pause,
            total_seconds=self._total,
        )

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def place(self, link: str) -> str:
        """A link that the server gave, put on the connected host: servers write their configured name into links,
        and no link may lead our token elsewhere. Raises ServerError(BAD_ANSWER) when it leads out of the base."""
        parts, base = urlsplit(urljoin(f"{self.base}/", link)), urlsplit(self.base)
        if not parts.path.startswith(f"{base.path}/") or "/../" in parts.path:
            raise bad_answer(self.host, "it links to another place")
        return f"{base.scheme}://{base.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def call(
        self,
        method: str,
        path: str,
        *,
        accept: Collection[int] = (200,),
        is_repeatable: bool | None = None,
        most_bytes: int = MOST_BYTES,
        **parts: Any,
    ) -> Answer:
        """Ask, and ask again while trouble passes; returns the answer when its status is one of `accept`.

        `path` is below the base, or a whole address on it; `parts` go to requests (params, json, data, files, headers).
        What is not safe to do twice (POST, PATCH) is tried once, unless `is_repeatable`. Raises ServerError: AWAY
        (try later), REFUSED (token), NOT_FOUND, TOO_LARGE, BAD_ANSWER.
        """
        url = path if path.startswith(f"{self.base}/") else f"{self.base}/{path.lstrip('/')}"
        may_repeat = method in _REPEATABLE if is_repeatable is None else is_repeatable
        ends, wait = time.monotonic() + self._total, _FIRST_WAIT
        for tries in range(1, _TRIES + 1):
            try:
                answer = self._send(method, url, ends=ends, most_bytes=most_bytes, parts=parts)
                if answer.status in accept:
                    return answer
                self._refuse(answer)
            except ServerError as error:
                pause = max(wait, error.wait or 0.0)
                is_passing = error.code is ErrorCode.AWAY and may_repeat
                if not is_passing or tries == _TRIES or time.monotonic() + pause >= ends:
                    raise
            self._pause(pause)
            wait *= 2
        raise AssertionError("unreachable")  # the last try returns or raises

    def _send(self, method: str, url: str, *, ends: float, most_bytes: int, parts: dict[str, Any]) -> Answer:
        """One request, and up to three redirects of a GET that stay on the host."""
        for _ in range(_REDIRECTS + 1):
            answer = self._send_once(method, url, ends=ends, most_bytes=most_bytes, parts=parts)
            target = answer.headers.get("Location")
            if answer.status not in (301, 302, 303, 307, 308) or method != "GET" or not target:
                return answer
            url = urljoin(url, target)
            if not url.startswith(f"{self.base}/"):
                raise ServerError(
                    ErrorCode.BAD_ANSWER,
                    f"{self.host} sends us to another host or place.",
                    remedy="Connect the address that it really has; files kept at another host cannot be fetched.",
                    status=answer.status,
                )
            parts = {name: value for name, value in parts.items() if name != "params"}
        raise bad_answer(self.host, "it redirects in a circle")

    def _send_once(self, method: str, url: str, *, ends: float, most_bytes: int, parts: dict[str, Any]) -> Answer:
        seconds = max(0.1, min(_READ_SECONDS, ends - time.monotonic()))
        try:
            response = self._session.request(
                method,
                url,
                auth=_Header(self.authorization),
                stream=True,
                timeout=(min(_CONNECT_SECONDS, seconds), seconds),
                **parts,
            )
            with response:
                body = self._read(response, ends=ends, most_bytes=most_bytes)
        except InvalidIPAddress as error:
            raise ServerError(
                ErrorCode.BAD_ADDRESS,
                f"{self.host} leads to a private address.",
                remedy="If it is a server of your own, name it in PIMCOLLECT_PRIVATE_HOSTS.",
            ) from error
        except requests.exceptions.SSLError as error:
            raise ServerError(
                ErrorCode.BAD_ADDRESS,
                f"The certificate of {self.host} is not valid for this name, or not known here.",
                remedy="Mend it there; for an own authority set PIMCOLLECT_CA_FILE.",
            ) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise ServerError(
                ErrorCode.AWAY, f"{self.host} does not answer, or hung up.", remedy="It is tried again."
            ) from error
        return Answer(self.host, response.status_code, response.headers, body)

    def _read(self, response: requests.Response, *, ends: float, most_bytes: int) -> bytes:
        """The body, in the bites that arrive: a server that drips is left when the time of the call is over."""
        body = bytearray()
        while bite := response.raw.read1(_CHUNK, decode_content=True):
            body += bite
            if len(body) > most_bytes:
                raise ServerError(ErrorCode.TOO_LARGE, f"An answer of {self.host} is larger than we read.")
            if time.monotonic() > ends:
                raise ServerError(ErrorCode.AWAY, f"{self.host} answers too slowly.", remedy="It is tried again.")
        return bytes(body)

    def _refuse(self, answer: Answer) -> None:
        """Raise what a status means that was not asked for."""
        status = answer.status
        if status in _PASSING:
            raise ServerError(
                ErrorCode.AWAY,
                f"{self.host} is busy or in trouble (status {status}).",
                remedy="It is tried again.",
                status=status,
                wait=_read_wait(answer),
            )
        if status in (401, 403):
            raise ServerError(
                ErrorCode.REFUSED,
                f"{self.host} refuses our token (status {status}).",
                remedy="Make a new one there and connect again with it; the old connection can then be closed.",
                status=status,
            )
        if status in (404, 410):
            raise ServerError(
                ErrorCode.NOT_FOUND,
                f"{self.host} has no such form or record, or hides it from our token.",
                remedy="Compare the form's id there, and what the token's account may see.",
                status=status,
            )
        raise ServerError(
            ErrorCode.BAD_ANSWER,
            f"{self.host} answered with status {status}.",
            remedy="Is its version one that we know?",
            status=status,
        )


def _read_wait(answer: Answer) -> float | None:
    """Seconds that Retry-After asks for: a number, or a date compared with the server's own clock."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(min(int(text[:9]), 86_400))
    until = _read_date(text) if text else None
    return None if until is None else min(86_400.0, max(0.0, (until - answer.at).total_seconds()))
