"""A real Chromium for tests: found on this machine, offline but for the site, with every policy violation collected."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright
from playwright.sync_api import Error as PlaywrightError

PHONE, DESKTOP = (360, 740), (1280, 800)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_chromium() -> str:
    """The program, or skip with the reason; where engines are required, its absence is a failure."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return found or skip_or_fail(f"no Chromium on PATH (looked for {', '.join(_NAMES)})")


def skip_or_fail(reason: str) -> NoReturn:
    """Skip, or fail where engines are required."""
    if os.environ.get("PIMCOLLECT_ENGINES") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """One Chromium for many tests."""
    program = find_chromium()
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        except PlaywrightError as error:
            skip_or_fail(f"{program} does not start ({type(error).__name__})")
        yield browser
        browser.close()


@dataclass
class Window:
    """One page, with what went wrong in it and which addresses it asked."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def log_in(self, mail: str, password: str) -> None:
        """As a person does: the two fields, and Enter."""
        self.go("/login")
        self.page.fill("input[name=email]", mail)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(self.url + "/")

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        body = self.page.locator("body").bounding_box()
        size = self.page.viewport_size
        assert body is not None
        assert size is not None
        wide = self.page.locator("body *").evaluate_all(
            "all => Math.max(0, ...all.filter(e => !e.closest('.wide, .skip')).map(e => {"
            " const r = e.getBoundingClientRect();"
            " return r.width ? Math.max(r.right - innerWidth, -r.left) : 0; }))"
        )
        return round(max(wide, body["width"] - size["width"]))

    def small_targets(self) -> list[str]:
        """Links outside of sentences, buttons and choices that a thumb would miss: under 44 pixels high."""
        found: list[str] = self.page.locator("a:visible, button:visible, summary:visible, .pick:visible").evaluate_all(
            "all => all.filter(e => !e.closest('p:not(:has(> .back)):not(:has(> .button)), .skip')"
            " && e.getBoundingClientRect().height < 44 && e.className !== 'skip')"
            ".map(e => e.outerHTML.slice(0, 120))"
        )
        return found


@contextmanager
def open_window(
    browser: Browser, url: str, *, size: tuple[int, int] = PHONE, language: str = "en", has_script: bool = True
) -> Iterator[Window]:
    """A fresh window of a size (pixels), asking for a language."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale=language,
        java_script_enabled=has_script,
        accept_downloads=True,
    )
    page = context.new_page()
    window = Window(page, url)

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            window.complaints.append(message.text)

    def note(request: Request) -> None:
        window.asked.append(request.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: window.complaints.append(str(error)))
    page.on("request", note)
    page.set_default_timeout(20_000)
    try:
        yield window
    finally:
        context.close()
