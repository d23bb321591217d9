"""How the demo speaks: chapters, sentences, a table and a letter, plain on paper and in colour on a screen."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

WIDTH = 100


def name_command() -> str:
    """The command as it is typed from here: the one beside this Python."""
    return os.path.relpath(Path(sys.executable).with_name("pimcollect"))


class Story:
    """Writes to a console; what it is given is text, never markup."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.number = 0

    def title(self, text: str) -> None:
        """The first line."""
        self.console.print(f"[bold]{escape(text)}[/]\nAll people, places and services in it are invented.")

    def chapter(self, text: str) -> None:
        """The next numbered step."""
        self.number += 1
        self.console.print(f"\n[bold cyan]{self.number}. {escape(text)}[/]")

    def say(self, *sentences: str) -> None:
        """Sentences, as one paragraph."""
        width = min(self.console.width, WIDTH)
        text = textwrap.fill(" ".join(sentences), width, initial_indent="   ", subsequent_indent="   ")
        self.console.print(escape(text))

    def point(self, text: str) -> None:
        """An item of a list."""
        self.console.print(f"   - {escape(text)}")

    def compare(self, title: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """What was said beside what is kept."""
        table = Table(
            "Question", "said on the phone", "kept", title=escape(title), box=box.SIMPLE, title_justify="left"
        )
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print(table)

    def letter(self, mail: EmailMessage, text: str) -> None:
        """A mail as it came."""
        heads = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject"))
        self.console.print(Panel(escape(f"{heads}\n\n{text.strip()}"), width=92, box=box.ROUNDED))

    def look_around(self, home: Path, address: str, first_member: str) -> None:
        """What a person can do next; at the address of before, so that the link in the mail leads there."""
        self.say(f"Start it again with all that is in it, and open {address} in a browser:")
        self._show(f"PIMCOLLECT_PORT={urlsplit(address).port} make run HOME_DIR={home.name}")
        if first_member:
            mail, password = first_member.removeprefix("First log-in: ").split(" with the one-time password ")
            self.say("Log in there with this address and this one-time password:")
            self._show(f"{mail}   {password.split()[0]}")
        self.say("Or on the command line, also while it runs:")
        for words in ("submissions list", "referrals list", "inbox list", "forms list", "bank list", "doctor"):
            self._show(f"{name_command()} --home {home.name} {words}")

    def _show(self, line: str) -> None:
        self.console.print(f"      {escape(line)}", style="bold")
