"""The darkroom: what comes out is pixels and nothing else, and what is no picture does not come out."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image

from tests.factories import pictures
from workers import darkroom
from workers.darkroom import LONGEST_SIDE, Picture, Refusal, develop, rebuild

JPEG = pictures.write(pictures.draw())


def open_(made: Picture | Refusal) -> Image.Image:
    assert isinstance(made, Picture)
    return Image.open(io.BytesIO(made.jpeg))


def list_segments(jpeg: bytes) -> list[int]:
    """Markers of a JPEG before its pixels begin, and what stands behind its end."""
    at, found = 2, []
    while jpeg[at + 1] != 0xDA:
        found.append(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    assert jpeg.endswith(b"\xff\xd9")
    assert jpeg.count(b"\xff\xd9") == 1
    return found


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", Refusal.NOT_A_PICTURE),
        (b"\xff\xd8", Refusal.NOT_A_PICTURE),
        (pictures.SVG, Refusal.NOT_A_PICTURE),
        (pictures.HEIC, Refusal.NOT_A_PICTURE),
        (pictures.PDF, Refusal.NOT_A_PICTURE),
        (pictures.PROGRAM, Refusal.NOT_A_PICTURE),
        (pictures.SOUND, Refusal.NOT_A_PICTURE),
        (pictures.FILM, Refusal.NOT_A_PICTURE),
        (pictures.zipped(), Refusal.NOT_A_PICTURE),
        (pictures.write(pictures.draw(), "GIF"), Refusal.NOT_A_PICTURE),
        (pictures.write(pictures.draw(), "TIFF"), Refusal.NOT_A_PICTURE),
        (JPEG + pictures.zipped(), Refusal.TWO_FILES_IN_ONE),
        (JPEG + pictures.SVG, Refusal.TWO_FILES_IN_ONE),
        (JPEG + b"<HTML><body>", Refusal.TWO_FILES_IN_ONE),
        (pictures.insert_segment(JPEG, 0xFE, pictures.PDF), Refusal.TWO_FILES_IN_ONE),
        (pictures.insert_segment(JPEG, 0xFE, b"<?php system('x')"), Refusal.TWO_FILES_IN_ONE),
        (JPEG[: len(JPEG) // 2], Refusal.DAMAGED),
        (JPEG[:3] + bytes(100), Refusal.DAMAGED),
        (pictures.write(pictures.draw(), "PNG")[:-40], Refusal.DAMAGED),
        (b"RIFF\x10\0\0\0WEBPVP8 " + bytes(40), Refusal.DAMAGED),
        (pictures.bomb_png(), Refusal.TOO_MANY_PIXELS),
        (pictures.write(pictures.draw(8000, 5001, "L"), "PNG"), Refusal.TOO_MANY_PIXELS),
        (b"\xff\xd8\xff" + bytes(darkroom.LARGEST_FILE), Refusal.TOO_LARGE),
    ],
)
def test_what_is_no_whole_picture_is_refused_by_its_content(content: bytes, why: Refusal) -> None:
    assert develop(content) is why


_DEVELOP_A_BOMB = """
import resource, time
from tests.factories import pictures
from workers.darkroom import develop
bomb, began = pictures.bomb_png(), time.monotonic()
told = develop(bomb)
print(told.name, time.monotonic() - began < 10, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 400_000)
"""


def test_a_bomb_costs_neither_memory_nor_time() -> None:
    # in a process of its own: the largest child of this one may have been another test's
    done = subprocess.run([sys.executable, "-c", _DEVELOP_A_BOMB], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["TOO_MANY_PIXELS", "True", "True"]


@pytest.mark.parametrize(
    "content",
    [
        pictures.telling_jpeg(),
        pictures.telling_jpeg(orientation=6),
        pictures.telling_png(),
        pictures.telling_webp(),
        pictures.write(pictures.draw(mode="CMYK")),
        pictures.write(pictures.draw(mode="P"), "PNG", transparency=0),
        pictures.write(pictures.draw(mode="LA"), "PNG"),
    ],
    ids=["jpeg", "turned jpeg", "png", "webp", "cmyk", "palette", "grey with alpha"],
)
def test_nothing_but_pixels_comes_out(content: bytes) -> None:
    made = develop(content)
    picture = open_(made)
    assert isinstance(made, Picture)
    # JFIF, tables, frame: no EXIF, no XMP, no IPTC, no profile, no comment
    assert set(list_segments(made.jpeg)) <= {0xE0, 0xDB, 0xC0, 0xC4}
    for word in (pictures.CANARY, b"Exif", b"xmp", b"8BIM", b"ICC"):
        assert word not in made.jpeg
    assert (picture.format, picture.mode, dict(picture.getexif())) == ("JPEG", "RGB", {})
    assert not set(picture.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_the_pixels_stay_and_stand_upright() -> None:
    same = open_(develop(pictures.telling_jpeg()))
    assert same.size == (64, 48)
    left, right = same.getpixel((4, 24)), same.getpixel((60, 24))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[2] > 150 > left[0]
    assert right[0] > 150 > right[2]
    assert open_(develop(pictures.telling_jpeg(orientation=6))).size == (48, 64)


def test_what_is_kept_is_bounded_however_large_the_picture_was() -> None:
    large = pictures.write(pictures.draw(6000, 4000))
    assert open_(develop(large)).size == (LONGEST_SIDE, round(LONGEST_SIDE * 2 / 3))
    assert open_(develop(pictures.write(pictures.draw(5000, 8), "PNG"))).size[0] == LONGEST_SIDE


@pytest.mark.parametrize("at", range(0, len(JPEG), 37))
def test_a_damaged_picture_is_refused_or_rebuilt_and_never_raises(at: int) -> None:
    changed = JPEG[:at] + bytes([JPEG[at] ^ 0xFF]) + JPEG[at + 1 :]
    made = rebuild(changed)
    assert isinstance(made, Refusal) or made.startswith(b"\xff\xd8\xff")


def test_a_child_that_hangs_or_dies_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(darkroom, "_SECONDS", 0.001)
    assert develop(JPEG) is Refusal.BROKE
    monkeypatch.undo()
    monkeypatch.setattr(darkroom.sys, "executable", "/bin/false")
    assert develop(JPEG) is Refusal.BROKE
