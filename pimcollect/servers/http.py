"""The one way out to collecting servers: guarded, bounded in time and size, and silent about what it carries.

Every request stays on the host that was connected. Names are resolved once and the address that was checked is the
one that is called (requests-hardened); private addresses only where a setting names the host. Errors tell the host, a
status and what to do; never a token, a path, a query or any part of an answer.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase
from requests_hardened.client import HTTPSession
from requests_hardened.config import Config
from requests_hardened.ip_filter import InvalidIPAddress
from urllib3.exceptions import HTTPError, NameResolutionError

from pimcollect.domain.release_words import ELSEWHERE, UNKNOWN_NAME
from pimcollect.errors import ErrorCode
from pimcollect.servers.addresses import check_address, is_named
from pimcollect.servers.answers import Answer, ServerError, bad_answer, read_wait

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
_AGENT = "pimcollect"


def _is_unresolved(error: BaseException) -> bool:
    """Whether the name of the host was the trouble, however deep the libraries wrapped it."""
    one: BaseException | None = error
    while one is not None and not isinstance(one, NameResolutionError | socket.gaierror):
        inner = next((part for part in one.args if isinstance(part, BaseException)), None)
        one = getattr(one, "reason", None) or inner or one.__cause__ or one.__context__
        one = one if isinstance(one, BaseException) else None
    return one is not None


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
                    ErrorCode.BAD_ADDRESS,
                    f"{self.host} sends us to another host or place.",
                    remedy="Connect the address that it really has; files kept at another host cannot be fetched.",
                    status=answer.status,
                    reason=ELSEWHERE,
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
            if _is_unresolved(error):
                raise ServerError(
                    ErrorCode.AWAY,
                    f"No address is found for the name {self.host}.",
                    remedy="Is it spelled right, and does this machine reach a name server? It is tried again.",
                    reason=UNKNOWN_NAME,
                ) from error
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
                wait=read_wait(answer),
            )
        if status in (401, 403):
            raise ServerError(
                ErrorCode.REFUSED,
                f"{self.host} refuses our token (status {status}).",
                remedy="Make a new one there, close this connection, then connect again.",
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
