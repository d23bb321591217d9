"""Addresses that belong to nobody: names that are reserved for examples and tests (RFC 2606, RFC 6761)."""

from __future__ import annotations

from urllib.parse import urlsplit

from pimcollect.config import Settings

_ENDINGS = ("example", "test", "invalid", "localhost")
_DOMAINS = ("example.com", "example.net", "example.org")
_HERE = ("", "127.0.0.1", "::1")


def is_reserved(name: str) -> bool:
    """Whether a host, or the host of a mail address, can never be a real one."""
    host = name.rpartition("@")[2].strip().rstrip(".").lower()
    return host.rpartition(".")[2] in _ENDINGS or any(f".{host}".endswith(f".{one}") for one in _DOMAINS)


def is_practising(settings: Settings) -> bool:
    """No real deployment: neither its own address nor its mail server is anywhere but here or in an example."""
    hosts = (urlsplit(one).hostname or "" for one in (settings.public_url, settings.smtp_url))
    return all(host in _HERE or is_reserved(host) for host in hosts)
