"""What servers refuse, in plain words; what passes is tried again, what does not waits for somebody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import UUID

import pytest
from sqlalchemy import text

from pimcollect.actions.hooks import rotate_hook
from pimcollect.config import Settings
from pimcollect.domain.releases import State, Step
from pimcollect.domain.roles import COMMAND_LINE
from pimcollect.servers import kobo_forms
from pimcollect.tables.releases import RegisteredHookRow, ReleaseRow
from tests.factories.releases import Press, freeze
from tests.reenacted.central_forms import CentralForms
from tests.reenacted.kobo_forms import Asset, KoboForms
from tests.reenacted.ona_forms import Form, OnaForms
from tests.reenacted.server import Reply, json_reply
from tests.workers.releasing import hurry, open_server, see, whole

Opened = Callable[[str], Press]


@pytest.fixture
def opened(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """A press at an empty server of a kind, with one version."""
    hurry(monkeypatch)
    with ExitStack() as stack:

        def make(kind: str) -> Press:
            press = stack.enter_context(Press(settings, stack.enter_context(open_server(kind))))
            press.serve()
            press.put_version()
            return press

        yield make


def release(press: Press, **wish: bool) -> tuple[UUID, ReleaseRow]:
    """Connect, ask, work once."""
    row = press.ask(press.connect(), **wish)
    press.work()
    return row, press.look(row)


def test_a_name_given_twice_stops_it_with_kobos_own_words(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    failed = {"status": "error", "messages": {"error": "Duplicate node name: risk", "error_type": "ValueError"}}
    looks = [None] * 4  # look, create, look, upload
    press.server.trouble(*looks, json_reply({"uid": "i1", **failed}))
    _, row = release(press)
    assert (row.state, row.reason) == (State.STOPPED, "form_refused")
    assert row.words == "Duplicate node name: risk ValueError"


def test_a_form_that_kobo_cannot_deploy_stops_with_its_words_and_without_our_secrets(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    press.server.deploy_error = (
        f"<b>[row : 7]</b> bad\u202e formula, see https://x.example/?t={press.server.token} {press.server.token} "
        + "x" * 900
    )
    _, row = release(press)
    assert (row.state, row.reason) == (State.STOPPED, "form_refused")
    assert row.words is not None
    assert row.words.startswith("[row : 7] bad formula, see (address) (key) ")
    assert len(row.words) <= 300
    assert press.server.token not in row.words


@pytest.mark.parametrize("kind", ["kobo", "central", "ona"])
def test_a_token_that_is_refused_waits_for_somebody(opened: Opened, kind: str) -> None:
    press = opened(kind)
    row = press.ask(press.connect(secret="wrong"))
    if isinstance(press.server, CentralForms):
        press.server.password = "another"
    press.work()
    found = press.look(row)
    assert (found.state, found.reason) == (State.STOPPED, "refused")


@pytest.mark.parametrize(("kind", "status"), [("kobo", 500), ("kobo", 429), ("central", 502), ("ona", 503)])
def test_a_server_in_trouble_is_tried_again_later_and_nothing_is_stopped(
    opened: Opened, kind: str, status: int
) -> None:
    press = opened(kind)
    press.server.trouble(*[Reply(status, b"<h1>gone</h1>")] * 5)
    asked, row = release(press)
    assert (row.state, row.reason, row.attempts, row.holder) == (State.WAITING, "away", 1, None)
    press.wake()
    press.work()
    assert press.look(asked).state == State.DONE
    assert see(press.server) == whole(press)


def test_a_server_that_asks_to_be_left_alone_is_left_alone(opened: Opened) -> None:
    press = opened("kobo")
    press.server.trouble(*[Reply(429, b"", {"Retry-After": "3600"})] * 5)
    release(press)
    with press.hands.sessions() as session:
        wait = session.scalar(text("SELECT extract(epoch FROM next_at - now()) FROM releases"))
    assert 3500 < float(str(wait)) < 3700


@pytest.mark.parametrize("kind", ["kobo", "ona"])
def test_answers_that_are_no_answers_are_tried_some_times_and_then_wait_for_somebody(opened: Opened, kind: str) -> None:
    press = opened(kind)
    asked = press.ask(press.connect())
    for attempt in range(6):
        press.server.trouble(Reply(200, b"<html>log in</html>"))
        press.work()
        if attempt < 4:
            assert press.look(asked).state == State.WAITING
        press.wake()
        press.server.troubles.clear()
        if press.look(asked).state == State.STOPPED:
            break
    assert press.look(asked).reason == "bad_answer"


def test_an_upload_that_takes_long_is_waited_for_without_counting_as_a_failure(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    press.server.polls = 12
    asked, row = release(press)
    assert (row.state, row.reason, row.attempts, row.step) == (State.WAITING, None, 0, Step.AWAIT_UPLOAD)
    for _ in range(5):
        press.wake()
        press.work()
    assert press.look(asked).state == State.DONE
    assert len(press.server.imports) == 1


def test_an_upload_that_never_ends_is_made_again_after_a_while(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    press.server.polls = 1_000_000
    asked, _ = release(press)
    press.server.polls = 1
    with press.hands.sessions.begin() as session:
        session.execute(text("UPDATE releases SET upload_at = now() - interval '1 hour'"))
    press.wake()
    press.work()
    assert press.look(asked).state == State.DONE
    assert see(press.server) == whole(press)


def test_a_project_that_was_deleted_there_is_not_made_again_behind_peoples_backs(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    asked = press.ask(press.connect(there="aDeleted"))
    press.work()
    assert (press.look(asked).state, press.look(asked).reason) == (State.STOPPED, "form_gone")
    assert press.server.assets == {}


def test_the_oldest_of_two_projects_with_our_mark_is_taken(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    connection = press.connect()
    for uid in ("a2", "a1"):
        press.server.assets[uid] = Asset(uid, "x", f"obs pim{connection.hex}")
    press.ask(connection)
    press.work()
    assert press.find_there(connection) == "a1"
    assert len(press.server.assets) == 2


def test_a_hook_that_lost_its_secret_is_mended_and_a_strangers_is_left_alone(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    connection = press.connect()
    press.ask(connection)
    press.work()
    asset = next(iter(press.server.assets.values()))
    ours = next(iter(asset.hooks.values()))
    secret = ours["settings"]["custom_headers"]["X-Pim-Secret"]
    ours |= {"active": False, "settings": {"custom_headers": {}}, "subset_fields": ["age"]}
    asset.hooks["h9"] = {"uid": "h9", "endpoint": "https://stranger.example/x", "active": True, "settings": {}}
    press.ask(connection)
    press.work()
    assert ours["settings"]["custom_headers"]["X-Pim-Secret"] == secret
    assert (ours["active"], ours["subset_fields"]) == (True, [])
    assert set(asset.hooks) == {ours["uid"], "h9"}


def test_a_secret_that_was_rotated_away_is_replaced_by_a_new_one_at_the_server(opened: Opened) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    connection = press.connect()
    press.ask(connection)
    press.work()
    with press.hands.sessions.begin() as session:
        hook = session.get_one(RegisteredHookRow, connection).hook
        for _ in range(2):
            rotate_hook(session, COMMAND_LINE, hook)
    press.ask(connection)
    press.work()
    hooks = next(iter(press.server.assets.values())).hooks
    assert len(hooks) == 1


@pytest.mark.parametrize("kind", ["kobo", "ona"])
def test_a_hook_that_the_server_refuses_says_so(opened: Opened, kind: str) -> None:
    press = opened(kind)
    answer = type(press.server).answer

    def refuse(asked: object) -> Reply:
        path, method = asked.path, asked.method  # type: ignore[attr-defined]
        if method == "POST" and ("hooks/" in path or "restservices" in path):
            return json_reply({"endpoint": ["Unsecured endpoint is not allowed"]}, 400)
        return answer(press.server, asked)

    press.server.answer = refuse  # type: ignore[method-assign]
    _, row = release(press)
    assert (row.reason, row.words) == ("hook_refused", "Unsecured endpoint is not allowed")


def test_central_warns_and_is_released_only_when_the_warnings_are_accepted(opened: Opened) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    press.server.warnings = ["[row : 3] Column 'relavent' is not known"]
    connection = press.connect()
    asked = press.ask(connection)
    press.work()
    row = press.look(asked)
    assert (row.state, row.reason) == (State.STOPPED, "warnings")
    assert "relavent" in (row.words or "")
    assert press.server.forms == {}
    assert press.ask(connection, accepts_warnings=True) == asked
    press.work()
    assert press.look(asked).state == State.DONE


def test_a_version_that_central_has_had_is_refused_and_the_one_in_use_stays(opened: Opened) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    connection = press.connect()
    press.ask(connection)
    press.work()
    press.put_version(2)
    press.ask(connection)
    press.work()
    press.put_version(1)  # the first version is the newest again
    asked = press.ask(connection)
    press.work()
    row = press.look(asked)
    assert (row.state, row.reason) == (State.STOPPED, "version_used")
    assert see(press.server)["versions"] == [freeze(2).version.version]


def test_a_draft_of_somebody_else_is_left_alone(opened: Opened) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    connection = press.connect()
    press.ask(connection)
    press.work()
    press.server.edit_draft("obs", "by hand")
    press.put_version(2)
    asked = press.ask(connection)
    press.work()
    assert (press.look(asked).state, press.look(asked).reason) == (State.STOPPED, "draft_of_others")
    draft = press.server.forms["obs"].draft
    assert draft is not None
    assert draft.version == "by hand"


def test_a_draft_that_a_phone_would_not_see_is_not_published(opened: Opened) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    press.server.hides_draft = True
    _, row = release(press)
    assert (row.state, row.reason) == (State.STOPPED, "trial_failed")
    assert row.trial is not None
    assert row.trial.endswith("/projects/3/forms/obs/draft")
    assert press.server.forms["obs"].live is None


def test_a_form_that_is_closed_at_central_is_not_opened_by_us(opened: Opened) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    connection = press.connect()
    press.ask(connection)
    press.work()
    press.server.forms["obs"].state = "closed"
    press.put_version(2)
    asked = press.ask(connection)
    press.work()
    assert press.look(asked).reason == "form_closed"


def test_a_project_that_is_not_there_says_so(opened: Opened) -> None:
    press = opened("central")
    asked = press.ask(press.connect(there="4/obs"))
    press.work()
    assert press.look(asked).reason == "not_found"


def test_an_entity_list_that_central_keeps_is_linked_not_overwritten(opened: Opened) -> None:
    press = opened("central")
    assert isinstance(press.server, CentralForms)
    press.put_version(3, files={"people.csv": b"name,label\n"}, lists=["people.csv"])
    press.server.needs = ["people.csv"]
    connection = press.connect()
    press.ask(connection)
    press.work()
    row = press.server.forms["obs"].live
    assert row is not None
    assert row.attachments["people.csv"]["blobExists"]
    press.server.datasets = ["people"]
    press.put_version(4, files={"people.csv": b"name,label\n"}, lists=["people.csv"])
    press.ask(connection)
    press.work()
    row = press.server.forms["obs"].live
    assert row is not None
    assert row.attachments["people.csv"]["datasetExists"]


def test_onas_own_words_are_told(opened: Opened) -> None:
    press = opened("ona")
    assert isinstance(press.server, OnaForms)
    press.server.refusal = "[row : 12] Question 'age' is not valid"
    _, row = release(press)
    assert (row.state, row.reason, row.words) == (
        State.STOPPED,
        "form_refused",
        "[row : 12] Question 'age' is not valid",
    )


def test_of_many_forms_ours_is_found_on_a_later_page_and_of_several_none_is_guessed(opened: Opened) -> None:
    press = opened("ona")
    assert isinstance(press.server, OnaForms)
    for number in range(250):
        press.server.forms[number] = Form(number, f"other{number}", "1", "x")
    press.server.forms[7000] = Form(7000, "obs", "old", "x")
    connection = press.connect()
    asked = press.ask(connection)
    press.work()
    assert press.find_there(connection) == "7000"
    assert press.server.forms[7000].version == freeze().version.version
    press.forget()
    press.server.forms[7001] = Form(7001, "obs", "old", "x")
    asked = press.ask(connection)
    press.work()
    assert press.look(asked).reason == "several_forms"


def test_a_later_release_takes_over_one_that_is_on_its_way(opened: Opened) -> None:
    press = opened("kobo")
    press.server.trouble(*[Reply(503)] * 5)
    connection = press.connect()
    first = press.ask(connection)
    press.work()
    press.put_version(2)
    second = press.ask(connection)
    press.wake()
    press.work()
    assert (press.look(first).state, press.look(second).state) == (State.REPLACED, State.DONE)
    assert see(press.server) == whole(press, 2)


def test_what_is_written_down_and_logged_never_holds_a_token_or_a_secret(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    press = opened("kobo")
    assert isinstance(press.server, KoboForms)
    press.server.deploy_error = f"token {press.server.token} leaked"
    _, row = release(press)
    hook = next(iter(next(iter(press.server.assets.values())).hooks.values()))
    secret = hook["settings"]["custom_headers"]["X-Pim-Secret"]
    with press.hands.sessions() as session:
        told = json.dumps([str(one) for one in session.execute(text("SELECT to_jsonb(r) FROM releases r")).all()])
    for hidden in (press.server.token, secret):
        assert hidden not in told + caplog.text + repr(row)


def test_a_mistake_of_ours_waits_and_stands_in_nobodys_way(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    press = opened("kobo")
    learn = kobo_forms.learn
    monkeypatch.setattr(kobo_forms, "learn", lambda *_: 1 // 0)
    asked, row = release(press)
    assert (row.state, row.reason, row.attempts, row.holder) == (State.WAITING, "failing", 1, None)
    monkeypatch.setattr(kobo_forms, "learn", learn)
    press.wake()
    press.work()
    assert press.look(asked).state == State.DONE
