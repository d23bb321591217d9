"""Looks for values that must be nowhere: in files, databases, queues and texts, however they may be written there."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

SHORTEST = 5
"""A value shorter than this turns up by chance in any file; it is refused as a canary."""
MOST_INFLATED = 8 << 20
_ZLIB_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


@dataclass(frozen=True)
class Hit:
    """A canary that was found: where, which one and in which spelling."""

    where: str
    value: str
    spelling: str


def spell(value: str) -> dict[str, bytes]:
    """Every way in which a value may be written down, spelling -> bytes. Raises ValueError for a value too short."""
    if len(value) < SHORTEST:
        raise ValueError(f"{value!r} is too short for a canary")
    spellings = dict(_spell_text(value))
    for form in ("NFC", "NFD"):
        spellings[form] = unicodedata.normalize(form, value).encode()
    spellings.update(_spell_digests(value))
    spellings.update(_spell_numbers(value))
    unique: dict[bytes, str] = {}
    for name, pattern in spellings.items():
        unique.setdefault(pattern, name)
    return {name: pattern for pattern, name in unique.items()}


def _spell_text(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode()
    yield "raw", raw
    escaped = json.dumps(value)[1:-1]
    yield "json", escaped.encode()
    yield "json in json", json.dumps(escaped)[1:-1].encode()
    yield "json upper", escaped.upper().replace("\\U", "\\u").encode()
    yield "html", html.escape(value).encode()
    yield "xml references", "".join(f"&#{ord(letter)};" for letter in value).encode()
    yield "percent", quote(value, safe="").encode()
    yield "percent lower", quote(value, safe="").lower().encode()
    yield "utf-16-le", value.encode("utf-16-le")
    yield "utf-16-be", value.encode("utf-16-be")
    yield "hex", raw.hex().encode()
    yield "hex upper", raw.hex().upper().encode()
    for shift in range(3):  # base64 of a text around the value depends on where in three bytes the value starts
        first, last = -(-8 * shift // 6), 8 * (shift + len(raw)) // 6  # characters that hold only bits of the value
        core = base64.b64encode(b"\0" * shift + raw + b"\0\0\0")[first:last]
        if len(core) > SHORTEST:
            yield f"base64+{shift}", core
            yield f"base64url+{shift}", core.replace(b"+", b"-").replace(b"/", b"_")


def _spell_digests(value: str) -> Iterator[tuple[str, bytes]]:
    """An unkeyed digest of a telephone number is the number: anybody can try them all."""
    for name in ("md5", "sha1", "sha256"):  # in hex: columns of bytes are dumped as hex too
        yield name, hashlib.new(name, value.encode(), usedforsecurity=False).hexdigest().encode()


def _spell_numbers(value: str) -> Iterator[tuple[str, bytes]]:
    digits = "".join(letter for letter in value if letter.isdigit())
    if len(digits) >= 7 and len(digits) * 2 > len(value):
        yield "digits", digits.encode()
        number = int(digits)
        if 1 << 31 < number < 1 << 63:
            yield "int64", struct.pack("<q", number)
            yield "int64 big", struct.pack(">q", number)
    if "." in value and value.replace(".", "", 1).removeprefix("-").isdigit():
        yield "double", struct.pack("<d", float(value))
        yield "double big", struct.pack(">d", float(value))


class Scanner:
    """Searches for a fixed set of canaries."""

    def __init__(self, values: Iterable[str]) -> None:
        self.patterns = [(value, name, text) for value in values for name, text in spell(value).items()]

    def scan_bytes(self, data: bytes, where: str) -> list[Hit]:
        """All canaries in some bytes, and in whatever zlib, gzip or zip streams are inside them."""
        hits = self._search(data, where)
        for inflated in _inflate(data):
            hits += self._search(inflated, f"{where} (inflated)")
        return hits

    def _search(self, data: bytes, where: str) -> list[Hit]:
        data = data.rstrip(b"\0")
        return [Hit(where, value, name) for value, name, pattern in self.patterns if pattern in data]

    def scan_text(self, text: str, where: str) -> list[Hit]:
        """All canaries in a text, as it is and as bytes in UTF-8."""
        return self.scan_bytes(text.encode("utf-8", "surrogatepass"), where)

    def scan_tree(self, folder: Path) -> list[Hit]:
        """All canaries below a folder. Files that vanish meanwhile (a server is alive there) are not there.

        Of files with equal content (PostgreSQL's templates) only the first is searched, and their names all.
        """
        hits: list[Hit] = []
        clean: set[bytes] = set()
        for path in sorted(folder.rglob("*")):
            hits += self.scan_text(path.name, f"{path} (name)")
            if path.is_symlink() or not path.is_file():
                continue
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            digest = hashlib.sha256(data).digest()
            if digest not in clean:
                found = self.scan_bytes(data, str(path))
                hits += found
                if not found:
                    clean.add(digest)
        return hits

    def scan_database(self, url: str) -> list[Hit]:
        """All canaries in a text dump of every table, ours and PostgreSQL's own (statistics hold values too).

        The files alone would not do: PostgreSQL packs long values with its own compression.
        """
        hits: list[Hit] = []
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
            for schema, table in list_tables(connection):
                dump = dump_table(connection, schema, table)
                hits += self.scan_bytes(dump, f"table {schema}.{table}")
                hits += self._scan_bytea(dump, f"table {schema}.{table}")
        return hits

    def _scan_bytea(self, dump: bytes, where: str) -> list[Hit]:
        """Byte columns are dumped as hex: turned back, so that what is packed inside them is seen."""
        hits: list[Hit] = []
        for field in dump.replace(b"\n", b"\t").split(b"\t"):
            if field.startswith(b"\\\\x") and len(field) % 2 == 1:
                hits += self.scan_bytes(bytes.fromhex(field[3:].decode()), f"{where} (bytes)")
        return hits

    def scan_redis(self, client: Any) -> list[Hit]:
        """All canaries in every key and value of a Redis or Valkey, whatever its type."""
        hits: list[Hit] = []
        for key in client.scan_iter(count=500):
            hits += self.scan_bytes(key, "queue (key)")
            for part in _read_key(client, key):
                hits += self.scan_bytes(part, f"queue {key.decode('utf-8', 'replace')}")
        return hits


def _read_key(client: Any, key: bytes) -> Iterator[bytes]:
    readers = {
        b"string": lambda: [client.get(key)],
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        b"stream": lambda: [part for _, row in client.xrange(key) for pair in row.items() for part in pair],
    }
    yield from (part for part in readers[client.type(key)]() if part)


def list_tables(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """(schema, name) of every table, and of the views that show statistics and what runs."""
    rows = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname NOT IN ('pg_toast') ORDER BY 1, 2"
    ).fetchall()
    return [(str(schema), str(name)) for schema, name in rows] + [("pg_catalog", "pg_stat_activity")]


def dump_table(connection: psycopg.Connection[Any], schema: str, table: str) -> bytes:
    """The rows as text, one a line, columns with tabs between."""
    query = sql.SQL("COPY (SELECT * FROM {}.{}) TO STDOUT").format(sql.Identifier(schema), sql.Identifier(table))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return b"".join(bytes(block) for block in copy)


def _inflate(data: bytes) -> Iterator[bytes]:
    """What comes out of each place that looks like the start of a zlib or gzip stream or of a member of a zip."""
    for start in _ZLIB_STARTS:
        for at in _find_all(data, start):
            yield from _try_inflate(data, at, 15)
    for at in _find_all(data, b"\x1f\x8b\x08"):
        yield from _try_inflate(data, at, 31)
    for at in _find_all(data, b"PK\x03\x04"):
        if len(data) >= at + 30:
            name, extra = struct.unpack_from("<HH", data, at + 26)
            yield from _try_inflate(data, at + 30 + name + extra, -15)


def _find_all(data: bytes, pattern: bytes) -> Iterator[int]:
    at = data.find(pattern)
    while at >= 0:
        yield at
        at = data.find(pattern, at + 1)


def _try_inflate(data: bytes, at: int, window: int) -> Iterator[bytes]:
    worker = zlib.decompressobj(window)
    try:
        inflated = worker.decompress(memoryview(data)[at : at + MOST_INFLATED], MOST_INFLATED)
    except zlib.error:
        return
    if len(inflated) >= SHORTEST:
        yield inflated


def collect_values(answers: Any, keys: Iterable[str]) -> Iterator[str]:
    """The texts under some keys of a submission, at any depth; keys are the last part of a path."""
    wanted = set(keys)
    if isinstance(answers, Mapping):
        for key, value in answers.items():
            if isinstance(value, str) and str(key).rsplit("/", 1)[-1] in wanted:
                yield value
            yield from collect_values(value, wanted)
    elif isinstance(answers, list):
        for value in answers:
            yield from collect_values(value, wanted)
