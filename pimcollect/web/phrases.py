"""Phrases of the workshop in the words of the page's language. What is no phrase is English, and marked as such."""

from __future__ import annotations

from flask_babel import gettext
from markupsafe import Markup, escape

from pimcollect.domain.phrases import Phrase


def is_spoken(text: object) -> bool:
    """Whether the page can say it in its language."""
    return isinstance(text, Phrase)


def speak(text: str | tuple[str, ...]) -> Markup:
    """A phrase in the page's language, its values set apart so that each runs its own way; a list with its commas."""
    if isinstance(text, tuple):
        return list_words(text)
    if not isinstance(text, Phrase):
        return Markup("<bdi>{}</bdi>").format(text)
    said = escape(gettext(text.pattern))
    return said % {name: speak(value) for name, value in text.values.items()}


def list_words(words: list[str] | tuple[str, ...]) -> Markup:
    """Words with the commas of the page's language between them."""
    return escape(gettext(", ")).join(speak(one) for one in words)
