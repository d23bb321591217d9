"""Rebuilds a picture from its pixels, in a child process: nothing but what is to be seen comes out.

Decoders of pictures are large, written in C and fed by strangers; the process that holds the private keys never runs
them. `python -m workers.darkroom` is the child: a fresh Python without keys, with little memory and little time.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from enum import StrEnum

from pimcollect.launch import die_with_parent

LARGEST_FILE = 20 * 1024 * 1024
"""Bytes; telephones' pictures have 2 to 12 MB."""
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1600
"""Pixels of what is kept: enough to read a document, and bounded for the page that shows it."""
_QUALITY = 85
_MEMORY = 768 * 1024 * 1024
_SECONDS = 20
_KILL = 9


class Refusal(StrEnum):
    """Why a file is not kept. Codes only: nothing of the file is ever told."""

    TOO_LARGE = "too_large"
    NOT_A_PICTURE = "not_a_picture"
    """By its content, whatever it is called: a sound, a film, SVG, HEIC, PDF, a program, nothing at all."""
    TOO_MANY_PIXELS = "too_many_pixels"
    TWO_FILES_IN_ONE = "two_files_in_one"
    """A picture that is an archive, a page or a document as well."""
    DAMAGED = "damaged"
    BROKE = "broke"
    """The child ran out of memory or time, or died of it."""


@dataclass(frozen=True)
class Picture:
    """A rebuilt picture: a JPEG without anything but pixels."""

    jpeg: bytes = field(repr=False)


def develop(content: bytes) -> Picture | Refusal:
    """Check a file by its content and rebuild it in a child. Never raises for anything that a file can hold."""
    if len(content) > LARGEST_FILE:
        return Refusal.TOO_LARGE
    if find_format(content) is None:
        return Refusal.NOT_A_PICTURE
    if _is_another_file_too(content):
        return Refusal.TWO_FILES_IN_ONE
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the picture is its input, not an argument
            [sys.executable, "-I", "-m", "workers.darkroom", str(os.getpid())],
            input=content,
            capture_output=True,
            timeout=_SECONDS,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Refusal.BROKE
    if done.returncode == 0 and done.stdout.startswith(b"\xff\xd8\xff"):
        return Picture(done.stdout)
    said = done.stdout.decode("ascii", "replace").strip()
    return Refusal(said) if done.returncode == 0 and said in set(Refusal) else Refusal.BROKE


def find_format(content: bytes) -> str | None:
    """JPEG, PNG or WEBP by the first bytes; None for everything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    return "WEBP" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


_ARCHIVE_TAIL = 66_000
"""How far from the end an archive may have its table of contents."""
_HEAD = 4096
_OTHERS = (b"%pdf-", b"<script", b"<html", b"<svg", b"<?php", b"<!doctype")


def _is_another_file_too(content: bytes) -> bool:
    """Whether another reader would take it for its own: such a file was made to deceive somebody."""
    edges = (content[:_HEAD] + content[-_HEAD:]).lower()
    return b"PK\x05\x06" in content[-_ARCHIVE_TAIL:] or any(one in edges for one in _OTHERS)


def rebuild(content: bytes) -> bytes | Refusal:
    """The child's part: decode, turn upright, shrink, copy the pixels into a new picture, write that.

    A plain re-save would keep a JPEG's comment; a new picture has nothing to keep.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    warnings.simplefilter("ignore")  # it would say them on standard error; the size is checked here
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(io.BytesIO(content), formats=(find_format(content) or "JPEG",)) as source:
            if source.width * source.height > MOST_PIXELS:
                return Refusal.TOO_MANY_PIXELS
            source.draft("RGB", (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))  # a JPEG decodes smaller at once
            source.load()
            upright = ImageOps.exif_transpose(source)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            has_alpha = "A" in upright.getbands() or "transparency" in upright.info
            pixels = upright.convert("RGBA" if has_alpha else "RGB")
    except Image.DecompressionBombError:
        return Refusal.TOO_MANY_PIXELS
    except MemoryError:
        return Refusal.BROKE
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError):
        return Refusal.DAMAGED
    clean = Image.new("RGB", pixels.size, "white")
    clean.paste(pixels, mask=pixels.getchannel("A") if has_alpha else None)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    die_with_parent(int(sys.argv[1]), _KILL)
    made = rebuild(sys.stdin.buffer.read(LARGEST_FILE))
    sys.stdout.buffer.write(made if isinstance(made, bytes) else made.value.encode())


if __name__ == "__main__":
    _main()
