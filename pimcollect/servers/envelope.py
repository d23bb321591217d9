"""ODK's encrypted submissions: reads the envelope, and opens it in memory for whoever holds the form's private key.

The steps are those of the ODK XForms specification, section "Encryption", as ODK Collect carries them out. AES in CFB
mode notices no change, so the signature is the only look-out for tampering; it is made with the *public* key and
proves that nothing was changed, not who wrote it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from pimcollect.domain.documents import BodyFault
from pimcollect.errors import ErrorCode, PimError
from pimcollect.servers.instance import UnreadableError, local_name, parse_xml
from pimcollect.servers.kobo import is_json, parse_json

SUFFIX = ".enc"
MOST_FILES = 200
_LONGEST_NAME = 255
_KEY_BYTES, _BLOCK = 32, 16

_KEY = ("base64EncryptedKey",)
_SIGNATURE = ("base64EncryptedElementSignature",)
_XML_FILE = ("encryptedXmlFile",)
_MEDIA = ("media", "file")
_INSTANCE_ID = ("meta", "instanceID")


@dataclass(frozen=True)
class Envelope:
    """What stands outside: no answers, but the names of the encrypted files and the wrapped key."""

    form: str | None
    """Id of the form; None where the server does not say it (a hook with chosen fields)."""
    version: str | None
    """Version of the form; None when it has none."""
    says_version: bool
    """False for Kobo's JSON, which leaves the version out even if there is one."""
    instance_id: str
    """Exactly as written, `uuid:` included: the initialisation vectors hang on it."""
    wrapped_key: str = field(repr=False)
    signature: str = field(repr=False)
    media: tuple[str, ...] = field(repr=False)
    """Names of the encrypted media, in the envelope's order."""
    xml_file: str = field(repr=False)
    """Name of the encrypted submission: the last in the order."""

    @property
    def files(self) -> tuple[str, ...]:
        """All encrypted files, in the order in which the vectors count."""
        return (*self.media, self.xml_file)

    def find_missing(self, names: Collection[str]) -> tuple[str, ...]:
        """Files that are not among `names`."""
        return tuple(name for name in self.files if name not in names)


@dataclass(frozen=True)
class Contents:
    """An opened envelope. In memory only."""

    submission: bytes = field(repr=False)
    media: tuple[str, ...] = field(repr=False)
    """Clear names of its media."""
    open_media: Callable[[str], bytes] = field(repr=False)
    """Clear name -> content, decrypted anew each time: so no two of them need be in memory at once."""


def _unreadable(what: str) -> UnreadableError:
    return UnreadableError(BodyFault.ENVELOPE, f"The envelope cannot be read: {what}.")


def _refuse_changed(what: str) -> NoReturn:
    raise PimError(
        ErrorCode.SEAL_BROKEN, f"The envelope was changed on its way: {what}.", remedy="Have the phone send it again."
    )


def read_envelope(body: bytes) -> Envelope:
    """Read an envelope, as XML (whatever its namespace) or as Kobo's JSON. Raises PimError(BAD_BODY)."""
    root, leaves = _read_leaves(body)
    media = tuple(text for path, text in leaves if path == _MEDIA)
    xml_file = _only(leaves, _XML_FILE)
    _check_names((*media, xml_file))
    return Envelope(
        form=root.get("id"),
        version=root.get("version") or None,
        says_version="encrypted" in root,
        instance_id=_only(leaves, _INSTANCE_ID),
        wrapped_key=_only(leaves, _KEY),
        signature=_only(leaves, _SIGNATURE),
        media=media,
        xml_file=xml_file,
    )


_Leaves = list[tuple[tuple[str, ...], str]]


def _read_leaves(body: bytes) -> tuple[dict[str, str], _Leaves]:
    """(the root's attributes, every (path of local names, text)), in document order."""
    if is_json(body):
        found = parse_json(body)
        form = found.get("_xform_id_string")
        return {"id": form} if isinstance(form, str) and form else {}, list(_json_leaves(found))
    root = parse_xml(body)
    return {str(name): str(value) for name, value in root.attrib.items()}, list(_xml_leaves(root, ()))


def _json_leaves(value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Kobo writes full paths at every depth, and a list where a name stands more than once."""
    for key, one in value.items():
        path = tuple(part.rpartition(":")[2] for part in key.split("/"))
        for inner in one if isinstance(one, list) else [one]:
            if isinstance(inner, dict):
                yield from _json_leaves(inner)
            elif isinstance(inner, str):
                yield path, inner.strip()


def _xml_leaves(node: etree._Element, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for child in node:
        path = (*above, local_name(child))
        yield path, (child.text or "").strip()
        if len(path) < len(_MEDIA):
            yield from _xml_leaves(child, path)


def _only(leaves: _Leaves, path: tuple[str, ...]) -> str:
    found = {text for at, text in leaves if at == path and text}
    if len(found) != 1:
        raise _unreadable(f"{path[-1]} is missing or stands more than once")
    return found.pop()


def _check_names(names: Sequence[str]) -> None:
    if len(names) > MOST_FILES:
        raise _unreadable(f"it names more than {MOST_FILES} files")
    for name in names:
        is_plain = len(name) <= _LONGEST_NAME and not any(one in name for one in "/\\\0\n\r")
        if not (is_plain and name.endswith(SUFFIX) and name != SUFFIX):
            raise _unreadable("a file has a name that no phone gives")
    if len(set(names)) != len(names):
        raise _unreadable("a file stands twice")


def clear_name(name: str) -> str:
    """The name of a file without `.enc`."""
    return name.removesuffix(SUFFIX)


_OAEP = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


def open_envelope(envelope: Envelope, read_file: Callable[[str], bytes], *, keys: Sequence[RSAPrivateKey]) -> Contents:
    """Open a whole envelope with the first of the form's keys that fits, and check that nothing was changed.

    `read_file`: encrypted name -> bytes, for all that the envelope names; called for one after the other. Raises
    PimError: BAD_KEYS when no key fits, SEAL_BROKEN for everything that was changed, BAD_BODY when what is inside is no
    submission.
    """
    private, secret = _unwrap_key(envelope, keys)
    vectors = dict(zip(envelope.files, chain_vectors(envelope.instance_id, secret, len(envelope.files)), strict=True))

    def open_file(name: str) -> bytes:
        return _decrypt(read_file(name), secret, vectors[name])

    submission = open_file(envelope.xml_file)
    digests = [*(_digest(open_file(name)) for name in envelope.media), _digest(submission)]
    try:
        form, version, instance_id = _read_inner(submission)
    except UnreadableError:
        # a wrong bit, or another id outside, decrypts to something else: only what is signed was so from the beginning
        text = _signed_text(envelope, digests, form=envelope.form, version=envelope.version)
        if not _is_signed(envelope, text, private):
            _refuse_changed("what is inside is not what a phone encrypts")
        raise _unreadable("what its phone encrypted is no submission") from None
    outer_version = envelope.version if envelope.says_version else version
    text = _signed_text(envelope, digests, form=envelope.form or form, version=outer_version)
    if not _is_signed(envelope, text, private):
        _refuse_changed("its signature does not fit")
    if (form, version, instance_id) != (envelope.form or form, outer_version, envelope.instance_id):
        _refuse_changed("the submission inside is another one than it says")
    return Contents(
        submission, tuple(clear_name(name) for name in envelope.media), lambda name: open_file(f"{name}{SUFFIX}")
    )


def _unwrap_key(envelope: Envelope, keys: Sequence[RSAPrivateKey]) -> tuple[RSAPrivateKey, bytes]:
    wrapped = _decode(envelope.wrapped_key)
    for key in keys:
        try:
            secret = key.decrypt(wrapped, _OAEP)
        except ValueError:  # another key's: the next may fit
            continue
        if len(secret) != _KEY_BYTES:
            _refuse_changed("its key has not 256 bits")
        return key, secret
    raise PimError(
        ErrorCode.BAD_KEYS,
        "The envelope was made for a key that is not here.",
        remedy="`pimcollect forms keys list` shows the keys of each form.",
    )


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise _unreadable("it is not base64 where it should be") from error


def chain_vectors(instance_id: str, secret: bytes, count: int) -> list[bytes]:
    """The initialisation vector of each file: one byte of a digest is raised before each, round and round."""
    seed = bytearray(_digest(instance_id.encode() + secret))
    vectors = []
    for number in range(count):
        place = number % len(seed)
        seed[place] = (seed[place] + 1) & 0xFF
        vectors.append(bytes(seed))
    return vectors


def _decrypt(sealed: bytes, secret: bytes, vector: bytes) -> bytes:
    """AES-256-CFB128 and its padding, which is always there."""
    decryptor = Cipher(AES(secret), CFB(vector)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    count = padded[-1] if padded else 0
    is_padded = 1 <= count <= _BLOCK and len(padded) % _BLOCK == 0 and padded.endswith(bytes([count]) * count)
    if not is_padded:
        _refuse_changed("a file does not end as it should")
    return padded[:-count]


def _read_inner(submission: bytes) -> tuple[str | None, str | None, str | None]:
    """(form, version, instance id) of what is inside. Raises UnreadableError."""
    root = parse_xml(submission)
    ids = [text for path, text in _xml_leaves(root, ()) if path == _INSTANCE_ID]
    if root.get("encrypted") == "yes":
        raise _unreadable("there is another envelope inside")
    return root.get("id"), root.get("version") or None, ids[0] if len(ids) == 1 else None


def _signed_text(envelope: Envelope, digests: Sequence[bytes], *, form: str | None, version: str | None) -> bytes:
    """What the signature speaks of: ids, the wrapped key and the digest of every file, a line each."""
    lines = [form or ""]
    lines += [] if version is None else [version]
    lines += [envelope.wrapped_key, envelope.instance_id]
    lines += [f"{clear_name(name)}::{one.hex()}" for name, one in zip(envelope.files, digests, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _is_signed(envelope: Envelope, text: bytes, private: RSAPrivateKey) -> bool:
    try:
        signed = private.decrypt(_decode(envelope.signature), _OAEP)
    except ValueError:
        return False
    return hmac.compare_digest(signed, _digest(text))


def _digest(content: bytes) -> bytes:
    """MD5: the specification's; what it stands for is sealed, and no secret hangs on it alone."""
    return hashlib.md5(content, usedforsecurity=False).digest()
