"""A stand-in for ODK Collect: asks, believes and refuses as the app does (its rules are in the comments).

Over real HTTP, with the app's own headers and its habits: no password before it is asked for one, Basic on https only,
the address of the device behind every address, files split over several posts.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from lxml import etree

DEVICE = "collect:Nadia-Canary-Device"
_LIST = "{http://openrosa.org/xforms/xformsList}"
_MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
_RESPONSE = "{http://openrosa.org/http/response}"
_MOST_FILES = 100
_TIMEOUT = 60


class CollectError(Exception):
    """What the app would show; `word` says which rule."""

    def __init__(self, word: str, message: str = "") -> None:
        super().__init__(f"{word}: {message}")
        self.word = word
        self.message = message


@dataclass(frozen=True)
class ListedForm:
    """A line of the form list, as the app keeps it."""

    form_id: str
    name: str
    version: str | None
    hash: str
    download_url: str
    manifest_url: str | None


@dataclass(frozen=True)
class MediaFile:
    """A file of a form, downloaded."""

    name: str
    content: bytes
    integrity_url: str | None


@dataclass
class Collect:
    """One installation of the app, set up for one server."""

    url: str
    username: str = ""
    password: str = ""
    language: str = ""
    forms: dict[str, bytes] = field(default_factory=dict)
    """By hash: what was downloaded once is not fetched again."""
    requests_made: list[tuple[str, str, int]] = field(default_factory=list)
    _session: requests.Session = field(default_factory=requests.Session)
    _challenge: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _checked: dict[str, int] = field(default_factory=dict)

    def close(self) -> None:
        self._session.close()

    # requests ------------------------------------------------------------------------------------------------

    def _ask(self, method: str, url: str, **more: Any) -> requests.Response:
        """One request; asked for a password it is made once more with it, never before."""
        address = f"{url}{'&' if '?' in url else '?'}deviceID={DEVICE}"
        for _ in range(3):
            answer = self._send(method, address, **more)
            if answer.status_code != 401 or not self.username:
                break
            known = self._challenge.get("nonce")
            self._read_challenge(answer)
            if known is not None and self._challenge.get("stale", "").lower() != "true":
                break
        return answer

    def _send(self, method: str, address: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        own = {
            "User-Agent": "org.odk.collect.android/v2026.2 Dalvik/2.1.0",
            "X-OpenRosa-Version": "1.0",
            "Date": time.strftime("%a, %d %b %Y %I:%M:%S GMT", time.gmtime()),  # the app's own mistake: 12 hours
            **({"Accept-Language": self.language} if self.language else {}),
            **(headers or {}),
        }
        prepared = requests.Request(method, address, headers=own, **more).prepare()
        authorization = self._authorize(method, prepared.path_url, is_https=address.startswith("https:"))
        if authorization:
            prepared.headers["Authorization"] = authorization
        answer = self._session.send(prepared, timeout=_TIMEOUT, allow_redirects=method == "GET")
        self.requests_made.append((method, urlsplit(address).path, answer.status_code))
        return answer

    def _read_challenge(self, answer: requests.Response) -> None:
        offered = answer.headers.get("WWW-Authenticate", "")
        digest = re.search(r"Digest ((?:\w+=(?:\"[^\"]*\"|\w+)(?:, )?)+)", offered)
        if digest:
            self._challenge = {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|\w+)', digest[1])}
            self._count = 0
        elif "Basic" in offered and answer.url.startswith("https:"):
            self._challenge = {"basic": "yes"}
        else:
            raise CollectError("no usable challenge", offered)

    def _authorize(self, method: str, uri: str, *, is_https: bool) -> str:
        if not self._challenge:
            return ""
        if "basic" in self._challenge:
            assert is_https
            return requests.auth._basic_auth_str(self.username, self.password)
        self._count += 1
        return write_digest(
            self._challenge, method=method, uri=uri, name=self.username, password=self.password, count=self._count
        )

    # what the app does ---------------------------------------------------------------------------------------

    def fetch_list(self, query: str = "") -> list[ListedForm]:
        """The form list; one bad line voids it."""
        root = self._fetch_xml(f"{self.url}/formList{query}", _LIST, "xforms")
        return [self._read_line(node) for node in root.findall(f"{_LIST}xform")]

    def _fetch_xml(self, url: str, namespace: str, name: str) -> etree._Element:
        answer = self._ask("GET", url)
        if answer.status_code != 200:
            raise CollectError({401: "password", 404: "unreachable"}.get(answer.status_code, "server error"))
        if "text/xml" not in answer.headers.get("Content-Type", ""):
            raise CollectError("a page of a proxy")
        if "X-OpenRosa-Version" not in answer.headers:
            raise CollectError("no OpenRosa server")
        root = etree.fromstring(answer.content)
        if root.tag != f"{namespace}{name}":
            raise CollectError("unknown root", str(root.tag))
        return root

    def _read_line(self, node: etree._Element) -> ListedForm:
        found = {str(child.tag).removeprefix(_LIST): (child.text or "").strip() for child in node}
        for name in ("formID", "name", "downloadUrl"):
            if not found.get(name):
                raise CollectError("a bad line voids the list", name)
        if not urlsplit(found["downloadUrl"]).hostname:
            raise CollectError("an address without a host")
        return ListedForm(
            found["formID"],
            found["name"],
            found.get("version") or None,
            found.get("hash", ""),
            found["downloadUrl"],
            found.get("manifestUrl") or None,
        )

    def download(self, form: ListedForm) -> tuple[bytes, list[MediaFile]]:
        """The form and its files, each compared with the digest that was announced."""
        if not form.hash.startswith("md5:"):
            raise CollectError("a hash that is no md5")
        if form.hash not in self.forms:
            self.forms[form.hash] = self._fetch_file(form.download_url, form.hash)
        return self.forms[form.hash], self._fetch_media(form.manifest_url) if form.manifest_url else []

    def _fetch_file(self, url: str, digest: str) -> bytes:
        answer = self._ask("GET", url)
        if answer.status_code != 200:
            raise CollectError("download failed", str(answer.status_code))
        if f"md5:{hashlib.md5(answer.content).hexdigest()}" != digest:  # noqa: S324 - what the protocol asks for
            raise CollectError("another content than was announced")
        return answer.content

    def _fetch_media(self, url: str) -> list[MediaFile]:
        root = self._fetch_xml(url, _MANIFEST, "manifest")
        files = []
        for node in root.findall(f"{_MANIFEST}mediaFile"):
            found = {str(child.tag).removeprefix(_MANIFEST): (child.text or "").strip() for child in node}
            if not found.get("hash", "").startswith("md5:"):
                raise CollectError("one file without a hash rejects the manifest")
            content = self._fetch_file(found["downloadUrl"], found["hash"])
            integrity = found.get("integrityUrl")
            if (node.get("type") == "entityList") != (integrity is not None):
                raise CollectError("an entity list says where to ask about it")
            files.append(MediaFile(found["filename"].rpartition("/")[2], content, integrity))
        return files

    def ask_deleted(self, file: MediaFile, ids: Iterable[str]) -> dict[str, bool]:
        """Which items of an entity list the server says were deleted."""
        answer = self._ask("GET", f"{file.integrity_url}?id={','.join(ids)}")
        told = {}
        for node in etree.fromstring(answer.content).iterfind("entities/entity"):
            word = node.findtext("deleted")
            if word not in ("true", "false"):
                raise CollectError("neither true nor false")
            told[str(node.get("id"))] = word == "true"
        return told

    def submit(self, xml: bytes, files: Mapping[str, bytes] | None = None, *, split: int | None = None) -> list[int]:
        """Send one finished form. `split` = how many files go into one post, fewer than the app would take.

        Returns the status of each post. Raises CollectError when the app would keep the form as not sent.
        """
        url = f"{self.url}/submission"
        accepted = self._check_address(url)
        batches = _split(files or {}, largest=accepted - len(xml), most=split or _MOST_FILES)
        statuses = []
        for number, batch in enumerate(batches):
            is_last = number == len(batches) - 1
            statuses.append(self._post(url, xml, batch, is_last=is_last))
        return statuses

    def _check_address(self, url: str) -> int:
        """HEAD, once for an address: 204 or it is no submission address; what is above 300 is not minded."""
        if url not in self._checked:
            answer = self._ask("HEAD", url)
            if answer.status_code == 401:
                raise CollectError("password")
            if answer.status_code != 204 and answer.status_code < 300:
                raise CollectError("no submission address")
            length = answer.headers.get("X-OpenRosa-Accept-Content-Length", "10000000")
            self._checked[url] = int(length)
        return self._checked[url]

    def _post(self, url: str, xml: bytes, files: Mapping[str, bytes], *, is_last: bool) -> int:
        parts: list[tuple[str, tuple[str | None, bytes, str]]] = [
            ("xml_submission_file", ("Household interview_2026-11-25_10-00-00.xml", xml, "text/xml"))
        ]
        parts += [(name, (name, content, "application/octet-stream")) for name, content in files.items()]
        if not is_last:
            parts.append(("*isIncomplete*", (None, b"yes", "text/plain")))
        answer = self._ask("POST", url, files=parts)
        if answer.status_code not in (201, 202):
            raise CollectError(str(answer.status_code), read_message(answer.content))
        return answer.status_code


def _split(files: Mapping[str, bytes], *, largest: int, most: int) -> list[dict[str, bytes]]:
    """Batches of files below the limits; a single file above the limit goes whole."""
    batches: list[dict[str, bytes]] = [{}]
    weight = 0
    for name, content in files.items():
        if batches[-1] and (len(batches[-1]) >= most or weight + len(content) > largest):
            batches.append({})
            weight = 0
        batches[-1][name] = content
        weight += len(content)
    return batches


def read_message(body: bytes) -> str:
    """What the app shows of an answer: the message of an OpenRosaResponse, else nothing."""
    try:
        return etree.fromstring(body).findtext(f"{_RESPONSE}message") or ""
    except etree.XMLSyntaxError:
        return ""


def write_digest(
    challenge: Mapping[str, str], *, method: str, uri: str, name: str, password: str, count: int, cnonce: str = ""
) -> str:
    """The Authorization header of a Digest answer."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what the protocol asks for

    realm, nonce, own = challenge["realm"], challenge["nonce"], cnonce or secrets.token_hex(8)
    secret = md5(f"{name}:{realm}:{password}")
    response = md5(f"{secret}:{nonce}:{count:08x}:{own}:auth:{md5(f'{method}:{uri}')}")
    return (
        f'Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'qop=auth, nc={count:08x}, cnonce="{own}", algorithm=MD5'
    )
