"""`make demo`: one survey through the whole service, in plain words; each claim is checked before it is told."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from pimcollect.binaries import choose_quarters, find_postgres
from pimcollect.errors import PimError
from pimcollect.home import find_running
from tests.contracts.canaries import Scanner
from tests.engines import javarosa
from tests.engines.filled import EngineMissingError, Filled
from tests.factories import families, kobo
from tests.journeys.mailbox import Mailbox, open_mailbox
from tests.journeys.search import search_station
from tests.journeys.station import Station, StationError, open_station
from tests.journeys.story import Story, name_command

HOME = Path(".pimcollect-demo").absolute()
FORM = "hh_core"
PEOPLE = {
    "A, told to leave their home, wants help": families.EVICTED,
    "B, does not want to talk": families.REFUSING,
    "C, a boy lives there without his parents; wants no referral": families.CHILD_ALONE,
}
FIRST, REFUSING, THIRD = PEOPLE
SECRETS = (families.CANARY_NAME, "Silverleaf", families.CANARY_CONTACT, "tea shop after sunset", "0999 4417 820")
"""What family A told for the referral only; must be nowhere in clear."""


class DemoError(Exception):
    """A step of the story did not hold."""


def hold(claim: object, sentence: str) -> None:
    """Go on only if the claim is true; the sentence says what should have been."""
    if not claim:
        raise DemoError(f"This should have been so, and is not: {sentence}")


def clear_home() -> None:
    """Begin from nothing. Touches nothing but the demo's own folders, and never a demo that still runs."""
    running = find_running(HOME)
    if running is not None:
        raise DemoError(
            f"A service still runs in {HOME.name} (pid {running.pid}). Stop it with Ctrl-C, then try again."
        )
    if HOME.exists():
        hold((HOME / "lock").exists() or not any(HOME.iterdir()), f"{HOME.name} is a folder of an earlier demo")
        state = choose_quarters(HOME, find_postgres()).state
        for folder in {HOME, state}:
            shutil.rmtree(folder, ignore_errors=folder != HOME)


def build_form(station: Station, story: Story) -> str:
    """Import the bank, places and services, build the form; returns the XForm."""
    story.chapter("A form is built out of the shared bank of questions")
    bank = station.run("bank", "import").stdout.splitlines()[0]
    station.run("places", "import")
    station.run("services", "import")
    station.run("forms", "build", FORM, "--no-encrypt", "--languages", "en", "-o", str(HOME / "forms"))
    form = next(row for row in station.read("forms", "list") if row["id"] == FORM)
    story.say(
        bank,
        f"The form is called “{form['title']}”. Its version {form['version']} is frozen: what it asks, what is done",
        "to each answer, and what raises a flag can never change for the people who answered it.",
    )
    files = sorted(path.name for path in (HOME / "forms").iterdir())
    hold({f"{FORM}.xlsx", f"{FORM}.xml"} <= set(files), "the workbook and the form for phones were written")
    story.say(
        f"Written: {', '.join(files)}.",
        "This form asks severe things, so phones would encrypt it. For this story it was built with --no-encrypt: a",
        "server that posts is shown at work, and of an encrypted form a post brings the envelope without its files.",
        "For real people leave the switch away: docs/operators/encryption.md.",
    )
    return (HOME / "forms" / f"{FORM}.xml").read_text()


def fill_form(xform: str, story: Story) -> dict[str, Filled]:
    """Three invented families answer, on the engine that is inside ODK Collect and KoboCollect."""
    story.chapter("A phone fills it in three times")
    story.say(
        "This is JavaRosa, the program inside ODK Collect and KoboCollect. It shows only the questions that the",
        "answers so far leave open, and forgets those that they close. Nobody in this story exists.",
    )
    engine, filled = javarosa.load_engine(), {}
    for who, answers in PEOPLE.items():
        filled[who] = engine.fill(xform, answers)
        hold(not filled[who].not_given and not filled[who].violations, f"the form takes all answers of family {who[0]}")
        story.point(f"Family {who}: {len(filled[who].given)} questions were asked.")
    hold(len(filled[REFUSING].given) < 10, "after a no the phone asks nothing more")
    return filled


def send_forms(station: Station, filled: dict[str, Filled], xform: str, story: Story) -> None:
    """Post the three as a Kobo server does; the first one twice."""
    story.chapter("They come in, as a Kobo server sends them")
    hook = station.read("hooks", "open", "--server", "kobo", "--form", FORM)
    asset, receipts = kobo.read_asset(xform), []
    for number, (who, one) in enumerate([*filled.items(), (FIRST, filled[FIRST])], start=1):
        started = time.perf_counter()
        answer = station.post(hook, kobo.write_json(one.xml, asset, number=min(number, len(filled))))
        spent = 1000 * (time.perf_counter() - started)
        hold(answer.status_code == 202, f"the door takes what family {who[0]} said (it answered {answer.status_code})")
        receipts.append(answer.json()["receipt"])
        again = " again, as servers do when they are not sure" if number > len(filled) else ""
        story.point(f"Family {who[0]}{again}: 202, receipt {receipts[-1]}, {spent:.0f} ms")
    hold(receipts[0] == receipts[-1], "the same answers sent twice get the same receipt")
    wrong = station.post({**hook, "headers": {"X-Pim-Secret": "guessed"}}, b"{}")
    hold(wrong.status_code == 401, "somebody without the secret is turned away")
    story.say(
        "Each body was sealed before the database saw it; the part that talks to the network cannot open it again.",
        "Somebody who does not know the secret was turned away (401).",
    )
    private = json.loads((HOME / "keys/hands.json").read_text())["intake"]
    hold(not any(key in (HOME / "keys/door.json").read_text() for key in private), "the door's keys open nothing")
    station.wait_until_settled()
    slowest = station.query("SELECT extract(epoch FROM max(settled_at - received_at)) FROM entries")[0][0]
    story.say(
        f"{float(slowest):.1f} seconds after it came, the slowest of them was settled: a worker opened it in memory,",
        "decided, wrote the outcome and shredded the body, all in one transaction.",
    )
    rows = station.query("SELECT state, count(*), count(body) FROM entries GROUP BY 1")
    hold(rows == [("settled", 3, 0)], "three deliveries are settled, and no sealed body is left")


def show_kept(station: Station, story: Story) -> None:
    """What is in the database of the two families who agreed."""
    story.chapter("What was kept")
    states = sorted(row["state"] for row in station.read("submissions", "list"))
    hold(states == ["kept", "kept", "tombstone"], "two families are kept and one is only counted")
    exported = station.read("submissions", "export", "--form", FORM, "--internal")
    hold(len(exported) == 2, "two families can be exported")
    first = next(row for row in exported if len(row["roster"]) == 3)
    ages = [member.get("age") for member in first["roster"]]
    hold(ages == ["18-59", "12-17", "0-4"], "ages are kept as bands")
    hold(first["place"] == "XX0101", "the village became its district")
    hold(not {"ref_name", "ref_contact"} & set(first), "no name and no way to reach anybody is among the answers")
    story.compare(
        "Family A",
        [
            ("Ages of the household", "41, 12, 3", ", ".join(map(str, ages))),
            ("Where the talk took place", "Millfield (XX010102)", f"district {first['place']}"),
            ("Month they arrived", "2026-07-01", str(first.get("mov_arrival", "not shared"))),
            ("Told to leave?", "written", str(first.get("hlp_evict", "not shared"))),
            ("How to call them", families.CANARY_NAME, "nowhere here: sealed for one helper"),
            ("How to reach them", families.CANARY_CONTACT, "nowhere here: sealed for one helper"),
        ],
    )
    story.say(
        "The form's plan names what is done to each answer. What it does not name (Kobo's user, the device, the exact",
        "time, anything nobody asked for) was dropped.",
    )


def show_refused(station: Station, story: Story) -> None:
    """The tombstone of family B."""
    story.chapter("What was refused")
    rows = station.query("SELECT shared, restricted, findings, place FROM submissions WHERE state = 'tombstone'")
    hold(rows == [(None, None, None, "XX01")], "nothing that family B said is kept but the first-level area")
    counted = station.query("SELECT month, place, n FROM tallies WHERE kind = 'refused'")
    hold(len(counted) == 1 and counted[0][1:] == ("XX01", 1), "the refusal is counted once")
    story.say(
        f"Family B said no. What is left: one refusal, in {counted[0][0]:%B %Y}, in {counted[0][1]}. Nothing else."
    )


def show_referrals(station: Station, story: Story) -> dict[str, Any]:
    """Who was referred where, and who was only counted."""
    story.chapter("Who was referred where")
    referrals = station.read("referrals", "list")
    hold(len(referrals) == 1, "one family is referred")
    one = referrals[0]
    row = station.query(
        "SELECT s.title, s.organisation, r.due_at, r.place, c.sealed IS NOT NULL FROM referrals r"
        " JOIN services s ON s.code = r.service JOIN cases c ON c.id = r.case_id"
    )[0]
    title, organisation, due_at, place, is_sealed = row
    hold(
        (one["pathway"], one["urgency"]) == ("RP-HLP", "H"), "a written notice to leave asks for housing help in 3 days"
    )
    hold(is_sealed, "what the helper may know is sealed")
    story.say(
        f"Family A agreed to be referred. They go to “{title}” ({organisation}), answer by {due_at:%d %B, %H:%M} UTC.",
        f"Reference {one['reference']}, area {place}. Name and contact are sealed: only the helper who accepts",
        "reads them.",
    )
    silent = station.query("SELECT detail, n FROM tallies WHERE kind = 'unreferred'")
    hold(silent == [("RP-CP", 1)], "the child of family C is counted and nothing more")
    story.say(
        "Family C did not want to be referred. That a child somewhere needs help is counted (RP-CP: 1);",
        "nobody is named, nobody is told, and nothing leads from the count back to the family.",
    )
    return {**one, "title": title, "organisation": organisation}


def show_notice(mailbox: Mailbox, referral: dict[str, Any], story: Story) -> None:
    """The mail as it arrived."""
    story.chapter("The notice, as it arrived in the mailbox")
    mails = mailbox.wait_for(1)
    hold(len(mails) == 1, "one mail arrived")
    mail = mails[0]
    body = mail.get_body(preferencelist=("plain",))
    text = body.get_content() if body is not None else ""
    hold(referral["reference"] in text, "the mail names the reference")
    told = (*SECRETS, referral["title"], referral["organisation"], "RP-HLP", "XX01", "Millfield", "housing", "evict")
    scanner = Scanner(word for word in told if len(word) > 4)
    hold(
        not scanner.scan_text(text + str(mail["Subject"]), "mail"),
        "the mail tells neither who, nor where, nor what about",
    )
    story.letter(mail, text)
    story.say("No name, no number, no place, not even the kind of help: whoever reads over a shoulder learns nothing.")


def search_everywhere(station: Station, mailbox: Mailbox, story: Story) -> None:
    """Look for what family A told in everything that was written."""
    story.chapter("A search for what must be nowhere")
    found = search_station(station, SECRETS, said={f"mail {at}": mail for at, mail in enumerate(mailbox.raw)})
    hold(not found.hits, f"the name and the contact are nowhere in clear (found in {', '.join(found.places)})")
    hold(Scanner(SECRETS).scan_text(f"plant: {SECRETS[0]}", "plant"), "the search sees what is planted")
    story.say(
        f"{len(SECRETS)} words of family A, in {found.spellings} spellings, in every table, {found.files} files,",
        "the queue, the logs and the mail: not found. (The search itself was tried on a planted word, which it found.)",
    )


def play(story: Story, stack: ExitStack) -> None:
    """The whole story. Raises DemoError, StationError or PimError when a step does not hold."""
    started = time.monotonic()
    story.title("pimcollect: one survey, from the question bank to the mailbox")
    clear_home()
    log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "up.log"
    mailbox = stack.enter_context(open_mailbox())
    settings = {"PIMCOLLECT_SMTP_URL": mailbox.smtp_url, "PIMCOLLECT_MAIL_FROM": "pimcollect@demo.example.org"}
    settings["PIMCOLLECT_DUTY_EMAIL"] = "duty@demo.example.org"
    story.chapter("The service starts")
    with open_station(HOME, log=log, settings=settings) as station:
        story.say(
            f"Its own PostgreSQL and its own queue run in ./{HOME.name}. Nothing was installed on this machine.",
            f"It listens on {station.url}, with {name_command()} up --home {HOME.name}",
        )
        xform = build_form(station, story)
        filled = fill_form(xform, story)
        send_forms(station, filled, xform, story)
        show_kept(station, story)
        show_refused(station, story)
        referral = show_referrals(station, story)
        show_notice(mailbox, referral, story)
        search_everywhere(station, mailbox, story)
        states = {row["state"] for row in station.read("doctor")}
        hold(states <= {"ok", "attention"}, "pimcollect doctor finds nothing broken")
        first_member = [line for line in station.read_log().splitlines() if line.startswith("First log-in")]
    story.chapter("Look around")
    story.look_around(HOME, station.url, first_member[0] if first_member else "")
    story.say(
        f"Everything above was checked while it was told, in {time.monotonic() - started:.0f} seconds;",
        "the service is stopped.",
    )


def main() -> int:
    """Exit status: 0 when every claim held, else 1 and a sentence that says which did not."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        with ExitStack() as stack:
            play(Story(console), stack)
    except (DemoError, StationError, EngineMissingError, PimError) as error:
        console.print(f"\n[bold red]The demo stopped.[/] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
