"""Logging in: generic failures, throttled, and over at once when it should be (security facts, W)."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable

import pytest

from pimcollect.actions.members import change_roles, create_first_member, disable_member, renew_password
from pimcollect.domain.roles import COMMAND_LINE, Role
from pimcollect.web.seats import LOGINS, seat
from tests.web.site import PASSWORD, Site, Visitor, read_text

MAIL = "amal@example.org"
SAID = "not right, or the account is switched off"


def is_out(visitor: Visitor, path: str = "/") -> bool:
    answer = visitor.read(path)
    return answer.status_code == 303 and answer.location.startswith("/login")


def test_every_page_sends_a_stranger_to_the_log_in(site: Site) -> None:
    for path in ("/", "/referrals", "/referrals/R-1", "/bank", "/forms", "/submissions", "/inbox", "/account/password"):
        assert is_out(site.visitor(), path), path


@pytest.mark.parametrize(
    ("mail", "password"),
    [
        (MAIL, "wrong"),
        ("nobody@example.org", PASSWORD),
        (MAIL, ""),
        ("", PASSWORD),
        ("not an address", PASSWORD),
        ("\u0430mal@example.org", PASSWORD),  # a look-alike letter
        (f"{MAIL}\x00", PASSWORD),
        (MAIL, f"{PASSWORD}\x00"),
        ("x" * 5000 + "@example.org", PASSWORD),
    ],
)
def test_every_failed_log_in_says_the_same_words(site: Site, mail: str, password: str) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(mail)
    answer = visitor.log_in(password)
    assert (answer.status_code, SAID in answer.text) == (200, True)
    assert mail not in answer.text or not mail
    assert is_out(visitor)


def test_a_disabled_member_reads_the_same_words_as_a_wrong_password(site: Site) -> None:
    site.member(Role.IMO)
    site.change_member(MAIL, is_active=False)
    assert SAID in site.visitor(MAIL).log_in().text


def test_a_known_and_an_unknown_address_take_equally_long(site: Site) -> None:
    site.member(Role.IMO)
    times: dict[str, list[float]] = {MAIL: [], "nobody@example.org": []}
    for _ in range(4):
        for mail, took in times.items():
            visitor = site.visitor(mail)
            token = visitor.token("/login")
            start = time.perf_counter()
            visitor.send("/login", token=token, email=mail, password="wrong wrong wrong")
            took.append(time.perf_counter() - start)
    known, unknown = (statistics.median(took) for took in times.values())
    assert 0.25 < known / unknown < 4  # without a hash for the unknown it would be 0.02


def test_ten_wrong_passwords_are_enough_for_a_quarter_of_an_hour(site: Site) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    token = visitor.token("/login")
    answers = [visitor.send("/login", token=token, email=MAIL, password="wrong") for _ in range(11)]
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert answers[-1].headers["Retry-After"] == "900"
    assert visitor.log_in().status_code == 429
    assert site.visitor("other@example.org").log_in().status_code == 200  # nobody else is kept out


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
def test_without_redis_the_log_in_works_and_still_counts(make_site: Callable[..., Site], address: str) -> None:
    site = make_site(redis_url=address)
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    assert visitor.log_in().status_code == 302
    other = site.visitor(MAIL)
    token = other.token("/login")
    codes = [other.send("/login", token=token, email=MAIL, password="wrong").status_code for _ in range(11)]
    assert codes[-1] == 429
    assert set(codes) == {200, 429}


def test_a_redis_that_never_answers_keeps_nobody_waiting(make_site: Callable[..., Site]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site = make_site(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        site.member(Role.IMO)
        visitor = site.visitor(MAIL)
        token = visitor.token("/login")
        start = time.monotonic()
        assert visitor.send("/login", token=token, email=MAIL, password=PASSWORD).status_code == 302
        assert time.monotonic() - start < 10
        assert visitor.read("/metrics").status_code == 200


def test_many_log_ins_at_once_leave_threads_for_deliveries(site: Site) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    token = visitor.token("/login")
    with site.app.app_context(), seat(LOGINS), seat(LOGINS):
        answer = visitor.send("/login", token=token, email=MAIL, password=PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert visitor.log_in().status_code == 302


def test_a_megabyte_of_password_is_refused_unread(site: Site) -> None:
    assert site.visitor(MAIL).log_in("x" * 1_000_000).status_code == 413


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_form_without_its_token_does_nothing(site: Site, token: str) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    assert visitor.send("/login", token=token, email=MAIL, password=PASSWORD).status_code == 400
    assert is_out(visitor)


def test_the_token_of_somebody_else_does_nothing(site: Site) -> None:
    site.member(Role.IMO)
    visitor, foreign = site.visitor(MAIL), site.visitor().token("/login")
    visitor.token("/login")
    assert visitor.send("/login", token=foreign, email=MAIL, password=PASSWORD).status_code == 400


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "\\\\evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "///evil"],
)
def test_a_log_in_never_leads_to_another_host(site: Site, target: str) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    answer = visitor.client.post(
        "/login",
        query_string={"next": target},
        data={"csrf_token": visitor.token(), "email": MAIL, "password": PASSWORD},
    )
    assert (answer.status_code, answer.location) == (303, "/login")
    in_form = visitor.send("/login", token=visitor.token(), email=MAIL, password=PASSWORD, next=target)
    assert (in_form.status_code, in_form.location) == (303, "/login")
    language = visitor.client.get("/language/fr", query_string={"next": target})
    assert language.location == "/"


def test_a_log_in_leads_back_to_the_page_that_was_asked_for(site: Site) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    asked = visitor.read("/bank")
    assert asked.location == "/login?next=/bank"
    assert visitor.log_in(path=asked.location).location == "/bank"


def test_the_cookie_is_new_after_the_log_in_and_closed_to_scripts(site: Site) -> None:
    site.member(Role.IMO)
    visitor = site.visitor(MAIL)
    visitor.read("/login")
    before = visitor.client.get_cookie("pim_session")
    answer = visitor.log_in()
    after = visitor.client.get_cookie("pim_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    header = answer.headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header


def test_the_cookie_goes_over_https_only_where_the_address_is_https(make_site: Callable[..., Site]) -> None:
    site = make_site(public_url="https://pim.example.org")
    answer = site.app.test_client().get("/login", base_url="https://pim.example.org")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_changed_cookie_is_worth_nothing(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    cookie = visitor.client.get_cookie("pim_session")
    assert cookie is not None
    visitor.client.set_cookie("pim_session", cookie.value[:-3] + "abc")
    assert is_out(visitor)


def test_after_the_log_out_the_old_cookie_is_worth_nothing(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    cookie = visitor.client.get_cookie("pim_session")
    assert cookie is not None
    assert visitor.send("/logout").status_code == 302
    assert is_out(visitor)
    visitor.client.set_cookie("pim_session", cookie.value)
    assert is_out(visitor)


def test_a_new_password_ends_every_other_log_in(site: Site) -> None:
    here = site.logged_in(Role.IMO)
    there = site.visitor(MAIL)
    there.log_in()
    new = "nine blue boats at dusk"
    assert here.send("/account/password", old=PASSWORD, new=new, again=new).status_code == 303
    assert here.read("/").status_code == 200
    assert is_out(there)
    assert SAID in site.visitor(MAIL).log_in().text
    assert site.visitor(MAIL).log_in(new).status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again", "why"),
    [
        ("wrong", "nine blue boats at dusk", "nine blue boats at dusk", "present password is not right"),
        (PASSWORD, "short", "short", "12 to 128"),
        (PASSWORD, "x" * 129, "x" * 129, "12 to 128"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "too easy to guess"),
        (PASSWORD, "amal and her boat", "amal and her boats", "not the same"),
        (PASSWORD, PASSWORD, PASSWORD, "This is the present password"),
    ],
)
def test_a_bad_new_password_changes_nothing_and_is_told_why(
    site: Site, old: str, new: str, again: str, why: str
) -> None:
    visitor = site.logged_in(Role.IMO)
    answer = visitor.send("/account/password", old=old, new=new, again=again)
    assert (answer.status_code, why in read_text(answer.text)) == (422, True)
    assert site.visitor(MAIL).log_in().status_code == 302


def test_a_disabled_member_is_out_with_the_next_request(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    with site.desk.hands.sessions.begin() as session:
        disable_member(session, COMMAND_LINE, mail=MAIL)
    assert is_out(visitor)


def test_a_role_that_was_taken_away_is_gone_with_the_next_request(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    assert visitor.read("/inbox").status_code == 200
    with site.desk.hands.sessions.begin() as session:
        change_roles(session, COMMAND_LINE, mail=MAIL, roles=["enumerator"])
    assert visitor.read("/inbox").status_code == 403


def test_a_one_time_password_leads_to_choosing_another_and_nowhere_else(site: Site) -> None:
    site.member(Role.IMO, has_own_password=False)
    visitor = site.visitor(MAIL)
    visitor.log_in(site.one_time_password)
    assert visitor.read("/inbox").location == "/account/password"
    assert "one-time password" in visitor.read("/account/password").text
    visitor.send("/account/password", old=site.one_time_password, new=PASSWORD, again=PASSWORD)
    assert visitor.read("/inbox").status_code == 200


def test_a_renewed_password_opens_a_disabled_account_again(site: Site) -> None:
    site.member(Role.IMO)
    site.change_member(MAIL, is_active=False)
    with site.desk.hands.sessions.begin() as session:
        salt = site.app.config["SECURITY_PASSWORD_SALT"]
        made = renew_password(session, COMMAND_LINE, mail=MAIL, salt=salt)
    assert site.visitor(MAIL).log_in(made.password).status_code == 302


def test_a_log_in_ends_after_half_an_hour_unused_and_after_a_day_of_work(site: Site) -> None:
    visitor = site.logged_in(Role.IMO)
    with visitor.client.session_transaction() as session:
        session["fs_paa"] = time.time() - 12 * 3600 - 1
    assert is_out(visitor)
    assert site.app.permanent_session_lifetime.total_seconds() == 1800


def test_no_token_logs_in_beside_the_cookie(site: Site) -> None:
    site.member(Role.IMO)
    client = site.app.test_client()
    answer = client.post("/login?include_auth_token", json={"email": MAIL, "password": PASSWORD})
    assert answer.status_code == 400
    for headers in ({"Authentication-Token": "x"}, {"Authorization": "Basic YW1hbEBleGFtcGxlLm9yZzp4"}):
        assert client.get("/", headers=headers).status_code == 303


def test_the_first_member_is_made_once(site: Site) -> None:
    salt = site.app.config["SECURITY_PASSWORD_SALT"]
    with site.desk.hands.sessions.begin() as session:
        made = create_first_member(session, salt=salt)
    with site.desk.hands.sessions.begin() as session:
        assert create_first_member(session, salt=salt) is None
    assert made is not None
    assert site.visitor(made.mail).log_in(made.password).status_code == 302
    assert made.password not in repr(made)
