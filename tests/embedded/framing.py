"""Broken requests, written by hand (the T list): the same rows for every door that listens at the socket.

In a row PATH stands for the address of the door, KNOWN for the line by which it knows its caller, SECRET for the secret
itself, NAME for the header that carries it at a hook, TYPE for the content type of a good body.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pimcollect.actions.phones import PhoneSecret

CANARY = "Nadia-Canary"
AUTH, REJ, BIG = frozenset({401, 403}), frozenset({400, 404, 405, 411, 414, 415, 431}), frozenset({413})
CUT = frozenset({0, 400})
"""The connection is closed, or it is told that it is broken: a body that was cut off leaves no row."""
TAKEN = frozenset({201, 202})


@dataclass(frozen=True)
class Case:
    """One request and what may come of it: at a hook, and (where that differs) at the phones' door."""

    id: str
    head: str
    hook: frozenset[int]
    phone: frozenset[int] | None = None
    body: bytes | None = None
    length: str | None = "Content-Length: LENGTH"

    def comes(self, *, is_phone: bool) -> frozenset[int]:
        """The statuses that are right."""
        return self.phone if is_phone and self.phone is not None else self.hook


@dataclass(frozen=True)
class Target:
    """A door, and how somebody who is let in calls it."""

    path: str
    secret: str = field(repr=False)
    body: bytes
    sign: Callable[[str, str], str] = field(repr=False)
    """Method and address -> the header line that lets in; empty where the address alone does."""
    rows: tuple[Case, ...] = ()
    """Of its own way to know a caller."""
    header: str = ""
    type: str = ""
    is_phone: bool = False

    def list_cases(self) -> Iterator[Case]:
        """What every door is asked, then what only this one is."""
        yield from FRAMING
        yield from self.rows

    def write(self, case: Case) -> bytes:
        """The bytes of one request."""
        body = self.body if case.body is None else case.body
        lines = [case.head] if case.length is None else [case.head, case.length]
        if self.type and not re.search(r"\nContent-Type|^T10", f"{case.head}\n{case.id}", re.MULTILINE):
            lines.append("Content-Type: TYPE")
        head = "\n".join(lines).replace("LENGTH", str(len(body))).replace("PATH", self.path)
        head = head.replace("NAME", self.header).replace("SECRET", self.secret).replace("TYPE", self.type)
        method, _, rest = head.partition(" ")
        known = self.sign(method, rest.partition("\n")[0].rpartition(" HTTP")[0])
        head = head.replace("KNOWN", known) if known else re.sub(r"\nKNOWN", "", head)
        return head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body


POST = "POST PATH HTTP/1.1\nHost: x"
GOOD = f"{POST}\nKNOWN"
_JSON, _FORM = "application/json", "multipart/form-data; boundary=bound"
FRAMING = (
    Case("T00-good", GOOD, TAKEN),
    Case("T08-put", "PUT PATH HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T08-delete", "DELETE PATH HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T08-get", "GET PATH HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T08-no-method", f"{CANARY} PATH HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T09-trace", "TRACE PATH HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T09-connect", "CONNECT x:443 HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T09-connect-to-the-door", "CONNECT PATH HTTP/1.1\nHost: x\nKNOWN", REJ),
    # a hook reads its body for what it is, whatever is said of it; a phone's post is what it says, or nothing
    Case("T10-no-content-type", GOOD, TAKEN, REJ),
    Case("T11-wrong-type", f"{GOOD}\nContent-Type: image/png", TAKEN, REJ),
    Case("T11-form-encoded", f"{GOOD}\nContent-Type: application/x-www-form-urlencoded", TAKEN, REJ),
    Case("T12-two-types", f"{GOOD}\nContent-Type: text/xml\nContent-Type: {_JSON}", TAKEN, REJ),
    Case("T12-two-types-good-first", f"{GOOD}\nContent-Type: TYPE\nContent-Type: {_JSON}", TAKEN, REJ),
    Case("T12-good-quoted-first", f'{GOOD}\nContent-Type: {_FORM[:-5]}"bound"\nContent-Type: {_FORM}x', TAKEN, REJ),
    Case("T12-two-boundaries", f"{GOOD}\nContent-Type: {_FORM}; boundary=other", TAKEN, REJ),
    Case("T13-utf-7", f"{GOOD}\nContent-Type: {_JSON}; charset=utf-7", TAKEN, REJ),
    Case("T13-utf-7-of-the-form", f"{GOOD}\nContent-Type: {_FORM}; charset=utf-7", TAKEN, REJ),
    Case("T14-utf-16", f"{GOOD}\nContent-Type: {_JSON}; charset=utf-16", TAKEN, REJ),
    Case("T14-utf-16-of-the-form", f'{GOOD}\nContent-Type: {_FORM}; charset="UTF-16"', TAKEN, REJ),
    Case("T15-unknown-encoding", f"{GOOD}\nContent-Encoding: {CANARY}", TAKEN, REJ),
    Case("T15-gzip-that-is-none", f"{GOOD}\nContent-Encoding: gzip", TAKEN, REJ),
    Case("T-identity", f"{GOOD}\nContent-Encoding: identity", TAKEN),
    Case("T-slash", "POST PATH/ HTTP/1.1\nHost: x\nKNOWN", TAKEN),
    Case("T-two-slashes", "POST /PATH HTTP/1.1\nHost: x\nKNOWN", TAKEN | REJ | AUTH),
    Case("T-dots", "POST /webhooks/../PATH HTTP/1.1\nHost: x\nKNOWN", REJ | AUTH),
    Case("T-nul-in-path", "POST PATH%00 HTTP/1.1\nHost: x\nKNOWN", REJ | AUTH),
    Case("T-bad-percent", "POST PATH%zz HTTP/1.1\nHost: x\nKNOWN", REJ | AUTH),
    Case("T-bad-utf-8-in-path", "POST PATH%ff%fe HTTP/1.1\nHost: x\nKNOWN", REJ | AUTH),
    Case("T-long-path", f"POST PATH{'x' * 100_000} HTTP/1.1\nHost: x\nKNOWN", REJ | AUTH),
    Case("T-whole-address", f"POST http://x/{CANARY} HTTP/1.1\nHost: x\nKNOWN", REJ),
    Case("T-no-host", "POST PATH HTTP/1.1\nKNOWN", TAKEN | REJ),
    Case("T-strange-host", f"POST PATH HTTP/1.1\nHost: {CANARY}:x\nKNOWN", TAKEN | REJ),
    Case("T-http-1.0", "POST PATH HTTP/1.0\nKNOWN", TAKEN),
    Case("T-http-9", "POST PATH HTTP/9.9\nHost: x\nKNOWN", TAKEN | REJ),
    Case("T-no-version", "POST PATH", REJ | CUT | AUTH, REJ | CUT | AUTH | TAKEN),
    Case(
        "T-forwarded",
        f"{GOOD}\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: gopher\nForwarded: for={CANARY}",
        TAKEN,
    ),
    Case("T-override", f"{GOOD}\nX-HTTP-Method-Override: DELETE", TAKEN),
    Case("T-language", f"{GOOD}\nAccept-Language: {CANARY}, *;q=x, ar;q=-1", TAKEN),
    Case("T-thousand-headers", GOOD + "".join(f"\nX-{n}: 1" for n in range(1000)), TAKEN | REJ),
    Case("T-long-header", f"{GOOD}\nX-Long: {'x' * 300_000}", REJ),
    Case("T-folded-header", f"{GOOD}\nX-Folded: a\n b", TAKEN | REJ),
    Case("T-header-without-colon", f"{GOOD}\n{CANARY}", REJ),
    Case("T-blank-in-name", f"{GOOD}\nX Blank: 1", REJ),
    Case("T-no-length", GOOD, TAKEN | REJ, REJ, length=None, body=b""),
    Case("T-negative-length", GOOD, REJ, length="Content-Length: -1"),
    Case("T-length-is-a-word", GOOD, REJ, length=f"Content-Length: {CANARY}"),
    Case("T-length-with-a-plus", GOOD, REJ, length="Content-Length: +5"),
    Case("T-two-lengths", GOOD, REJ, length="Content-Length: 1\nContent-Length: 5"),
    Case(
        "T-length-and-chunked",
        GOOD,
        REJ | TAKEN,
        REJ,
        length="Content-Length: 4\nTransfer-Encoding: chunked",
        body=b"0\r\n\r\n",
    ),
    Case("T-giant-length", GOOD, BIG, length="Content-Length: 99999999999999999999"),
    Case("T-longer-than-its-length", GOOD, TAKEN, REJ, length="Content-Length: 5"),
    Case("T-shorter-than-its-length", GOOD, CUT, length="Content-Length: 5000"),
    Case("T-gzip-transfer", GOOD, REJ, length="Transfer-Encoding: gzip"),
    Case("T-bad-chunk", GOOD, REJ, length="Transfer-Encoding: chunked", body=b"zz\r\nNadia-Canary\r\n0\r\n\r\n"),
    Case("T-negative-chunk", GOOD, REJ, length="Transfer-Encoding: chunked", body=b"-5\r\nhello\r\n0\r\n\r\n"),
    Case("T-chunk-without-end", GOOD, CUT, length="Transfer-Encoding: chunked", body=b"5\r\nhel"),
    Case("T-expect", f"{GOOD}\nExpect: 200-maybe", TAKEN),
)
AT_A_HOOK = (
    Case("T01-no-auth", POST, AUTH),
    Case("T02-wrong-secret", f"{POST}\nNAME: {CANARY}", AUTH),
    Case("T02-empty-secret", f"{POST}\nNAME:", AUTH),
    Case("T02-long-secret", f"{POST}\nNAME: {'x' * 10_000}", AUTH),
    Case("T02-secret-in-other-letters", f"{POST}\nNAME: \u00e9\u00fc", AUTH),
    Case("T05-secret-in-query", "POST PATH?secret=SECRET HTTP/1.1\nHost: x", AUTH),
    Case("T05-secret-in-path", "POST PATH.SECRET HTTP/1.1\nHost: x", AUTH),
    Case("T05-secret-in-cookie", f"{POST}\nCookie: NAME=SECRET", AUTH),
    Case("T06-two-secrets", f"{GOOD}\nNAME: other", AUTH),
    Case("T06-two-kinds-that-differ", f"{GOOD}\nX-API-Key: other\nX-Pim-Secret: another", AUTH),
    Case("T06-bad-basic", f"{POST}\nAuthorization: Basic ####", AUTH),
    Case("T06-digest", f'{POST}\nAuthorization: Digest username="{CANARY}"', AUTH),
)


def list_of_hook(*, other: str, rotated: str, closed: str) -> tuple[Case, ...]:
    """Rows of a hook; `other` = the secret of another hook, `rotated` = one of its own that ended, `closed` = the path
    of a hook with the same secret that is closed."""
    return (
        *AT_A_HOOK,
        Case("T03-secret-of-another", f"{POST}\nNAME: {other}", AUTH),
        Case("T04-rotated-out", f"{POST}\nNAME: {rotated}", AUTH),
        Case("T07-closed", f"POST {closed} HTTP/1.1\nHost: x\nKNOWN", AUTH),
    )


def list_of_account(
    sign: Callable[..., str], *, account: PhoneSecret, other: str, renewed: PhoneSecret, ended: PhoneSecret
) -> tuple[Case, ...]:
    """Rows of an account: `sign(name=, password=)` writes the line of Digest for a POST of the door's own address.

    `other` has another password, `renewed` was given a new one since, `ended` is let in no more.
    """
    basic = f"Authorization: Basic {b64encode(f'{account.name}:{account.secret}'.encode()).decode()}"
    return (
        Case("T01-no-auth", POST, AUTH),
        Case("T02-wrong-password", f"{POST}\n{sign(password=CANARY)}", AUTH),
        Case("T02-empty-password", f"{POST}\n{sign(password='')}", AUTH),
        Case("T02-unknown-name", f"{POST}\n{sign(name=CANARY)}", AUTH),
        Case("T02-long-name", f"{POST}\n{sign(name='x' * 10_000)}", AUTH),
        Case("T02-name-in-other-letters", f"{POST}\n{sign(name=chr(0xE9) + chr(0xFC))}", AUTH),
        Case("T03-password-of-another", f"{POST}\n{sign(name=other)}", AUTH),
        Case("T04-before-this-one", f"{POST}\n{sign(name=renewed.name, password=renewed.secret)}", AUTH),
        Case("T05-in-query", f"POST PATH?username={account.name}&password=SECRET HTTP/1.1\nHost: x", AUTH),
        Case("T05-signature-in-query", f"POST PATH?{sign().replace(' ', '%20')} HTTP/1.1\nHost: x", AUTH),
        Case("T05-in-address", f"POST http://{account.name}:SECRET@xPATH HTTP/1.1\nHost: x", AUTH | REJ),
        Case("T05-in-cookie", f"{POST}\nCookie: {sign()}", AUTH),
        Case("T05-basic-where-others-listen", f"{POST}\n{basic}", AUTH),
        Case("T06-two-signatures", f"{GOOD}\n{sign()}", AUTH),
        Case("T06-signature-and-basic", f"{GOOD}\n{basic}", AUTH),
        Case("T06-basic-and-signature", f"{POST}\n{basic}\n{sign()}", AUTH),
        Case("T06-bearer", f"{POST}\nAuthorization: Bearer SECRET", AUTH),
        Case("T06-half-a-signature", f'{POST}\nAuthorization: Digest username="{CANARY}"', AUTH),
        Case("T06-bad-basic", f"{POST}\nAuthorization: Basic ####", AUTH),
        Case("T07-ended", f"{POST}\n{sign(name=ended.name, password=ended.secret)}", AUTH),
        Case("T-signed-for-another-method", f"{POST}\n{sign(method='HEAD')}", AUTH),
        Case("T-signed-for-another-address", f"{POST}\n{sign(uri='/phones/formList')}", AUTH),
        Case("T08-post-to-the-list", "POST /phones/formList HTTP/1.1\nHost: x\nKNOWN", REJ),
    )


def list_of_device(*, name: str, password: str, renewed: str, ended: str) -> tuple[Case, ...]:
    """Rows of a device: its own name, the password of an account, a token before the newest, one of a phone that is
    let in no more."""

    def to(token: str, more: str = "") -> str:
        return f"POST /phones/key/{token}/submission HTTP/1.1\nHost: x{more}"

    return (
        Case("T01-no-token", "POST /phones/submission HTTP/1.1\nHost: x", AUTH),
        Case("T02-wrong-token", to(CANARY), AUTH),
        Case("T02-empty-token", to(""), AUTH | REJ),
        Case("T02-no-token-behind-key", "POST /phones/key/submission HTTP/1.1\nHost: x", REJ),
        Case("T02-long-token", to("x" * 10_000), AUTH),
        Case("T02-token-in-other-letters", to("%C3%A9%ff%00"), AUTH),
        Case("T02-token-in-capitals", to(name.upper()), AUTH),
        Case("T02-token-and-more", to("SECRETx"), AUTH),
        Case("T03-name-for-token", to(name), AUTH),
        Case("T03-password-of-an-account", to(password), AUTH),
        Case("T04-token-before-this-one", to(renewed), AUTH),
        Case("T05-token-in-query", "POST /phones/submission?token=SECRET&key=SECRET HTTP/1.1\nHost: x", AUTH),
        Case("T05-token-in-cookie", "POST /phones/submission HTTP/1.1\nHost: x\nCookie: token=SECRET", AUTH),
        Case("T05-token-as-bearer", "POST /phones/submission HTTP/1.1\nHost: x\nAuthorization: Bearer SECRET", AUTH),
        # the address alone counts: what else is offered is for a proxy in front of us
        Case("T06-token-and-bad-basic", f"{GOOD}\nAuthorization: Basic ####", TAKEN),
        Case("T06-wrong-token-and-a-bearer", to(CANARY, "\nAuthorization: Bearer SECRET"), AUTH),
        Case("T07-ended", to(ended), AUTH),
        Case("T08-post-to-the-list", "POST /phones/key/SECRET/formList HTTP/1.1\nHost: x", REJ),
    )
