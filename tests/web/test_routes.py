"""Every route stands in the table, carries the headers, and is closed to whoever it is not for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.routing import Rule

from pimcollect.domain.roles import GRANTS, MEMBER_ROLES, Role
from pimcollect.tables.marks import PhoneRefusal
from pimcollect.vault import make_metrics_token
from pimcollect.web.access import ROUTES, Open
from pimcollect.web.headers import ALWAYS
from tests.web.site import Site

_ARGUMENTS = {
    "filename": "pim.css",
    "code": "fr",
    "reference": "R-NOBODY",
    "item_id": "nothing",
    "entry": str(uuid4()),
    "hook": str(uuid4()),
    "version": str(uuid4()),
    "kind": "xlsx",
    "form": "hh",
    "number": "7",
    "sha256": "0" * 64,
}
SCRIPT = re.compile(r"<script|\son\w+=|javascript:|\sstyle=", re.IGNORECASE)


def rules(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Each rule with an address and a method that reaches it."""
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for name in rule.arguments:
            path = re.sub(rf"<(\w+:)?{name}>", _ARGUMENTS[name], path)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            yield rule, path, method


def test_every_route_stands_in_the_table_and_every_line_has_a_route(site: Site) -> None:
    found = {rule.endpoint for rule in site.app.url_map.iter_rules()}
    assert found - ROUTES.keys() == set()
    assert ROUTES.keys() - found == set()


def test_every_permission_that_a_route_asks_for_exists() -> None:
    assert {asked for asked in ROUTES.values() if not isinstance(asked, Open)} <= GRANTS.keys()


def test_a_route_outside_the_table_answers_as_if_it_were_not_there(site: Site) -> None:
    site.app._got_first_request = False
    site.app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = site.visitor().read("/forgotten")
    assert (answer.status_code, "secret" in answer.text) == (404, False)


def test_every_answer_of_every_route_carries_the_headers(site: Site) -> None:
    visitor = site.logged_in(*MEMBER_ROLES, service=site.service("SAFE-NORTH"))
    strangers = site.visitor()
    for rule, path, method in rules(site.app):
        for one in (visitor, strangers):
            answer = one.client.open(path, method=method, buffered=True)
            missing = {name for name, value in ALWAYS.items() if answer.headers.get(name) != value}
            assert missing == set(), (rule.rule, answer.status_code)
            is_kept = rule.endpoint == "static"
            assert answer.headers["Cache-Control"] == ("public, max-age=86400" if is_kept else "no-store, private")
    for path in ("/nothing", "/webhooks/x", "/webhooks/x/", "/webhooks//x", "/static/nothing"):
        assert strangers.read(path).headers["Content-Security-Policy"] == ALWAYS["Content-Security-Policy"]


def test_https_is_remembered_where_the_address_is_https(make_site: Callable[..., Site]) -> None:
    plain = make_site().visitor().read("/login")
    assert "Strict-Transport-Security" not in plain.headers
    safe = make_site(public_url="https://pim.example.org").visitor().read("/login")
    assert safe.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_no_page_has_a_script_or_a_style_of_its_own(site: Site) -> None:
    visitor = site.logged_in(*MEMBER_ROLES, service=site.service("SAFE-NORTH"))
    for path in (
        "/login",
        "/",
        "/referrals",
        "/bank",
        "/bank?module=M02",
        "/forms",
        "/submissions",
        "/inbox",
        "/doors",
        "/x",
    ):
        assert not SCRIPT.search(visitor.read(path).text), path


@pytest.mark.parametrize("role", MEMBER_ROLES)
def test_a_role_reaches_its_pages_and_no_others(site: Site, role: Role) -> None:
    service = site.service("SAFE-NORTH") if role is Role.MONITOR else None
    visitor = site.logged_in(role, service=service)
    for rule, path, method in rules(site.app):
        asked = ROUTES[rule.endpoint]
        if rule.endpoint in ("security.logout", "security.login"):
            continue
        data = {"csrf_token": visitor.token("/account/password")} if method == "POST" else None
        status = visitor.client.open(path, method=method, data=data, buffered=True).status_code
        if asked is Open.TO_NOBODY:
            assert status == 404, path
        elif isinstance(asked, Open):
            assert status in (200, 303), path
        elif role in GRANTS[asked]:
            assert status not in (401, 403, 405, 500), (path, method, status)
        else:
            assert status == 403, (path, method, status)


def test_every_form_needs_its_token(site: Site) -> None:
    visitor = site.logged_in(*MEMBER_ROLES, service=site.service("SAFE-NORTH"))
    for rule, path, method in rules(site.app):
        if method == "POST":
            assert visitor.client.post(path).status_code == 400, rule.rule


def test_another_origin_cannot_send_a_form(make_site: Callable[..., Site]) -> None:
    site = make_site(public_url="https://pim.example.org")
    client = site.app.test_client()
    page = client.get("/login", base_url="https://pim.example.org")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)[0]
    answer = client.post(
        "/login",
        base_url="https://pim.example.org",
        headers={"Referer": "https://evil.example/"},
        data={"csrf_token": token, "email": "a@example.org", "password": "x"},
    )
    assert answer.status_code == 400


def test_the_door_redirects_nothing_and_needs_no_token(site: Site) -> None:
    client = site.app.test_client()
    for path in ("/webhooks/x", "/webhooks/x/", "/webhooks//x", "/webhooks/", "/webhooks"):
        answer = client.post(path, data=b"{}", headers={"Content-Type": "application/json"})
        assert answer.status_code in (401, 404, 405), path
        assert answer.content_type == "application/json"
        assert "Set-Cookie" not in answer.headers


def test_health_needs_nothing_and_readiness_needs_the_database(site: Site, make_site: Callable[..., Site]) -> None:
    assert site.visitor().read("/healthz").json == {"alive": True}
    assert site.visitor().read("/readyz").status_code == 200
    lost = make_site(database_url="postgresql://nobody@127.0.0.1:1/none")
    assert lost.visitor().read("/healthz").status_code == 200
    answer = lost.visitor().read("/readyz")
    assert (answer.status_code, answer.json["missing"]) == (503, "database")


def test_tables_of_another_age_are_not_ready(
    make_site: Callable[..., Site], fresh_database: Callable[..., str]
) -> None:
    site = make_site(database_url=fresh_database(migrated=False))
    assert site.visitor().read("/readyz").status_code == 503
    site.close()


def test_without_the_database_a_page_says_so_and_nothing_else(make_site: Callable[..., Site]) -> None:
    site = make_site(database_url="postgresql://nobody:secret@127.0.0.1:1/none")
    visitor = site.visitor("amal@example.org")
    answer = visitor.log_in()
    assert (answer.status_code, "Away for a moment" in answer.text) == (503, True)
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_an_unforeseen_error_shows_neither_itself_nor_the_request(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    visitor = site.logged_in(Role.IMO)
    with site.desk.hands.sessions.begin() as session:
        session.execute(text("ALTER TABLE tallies RENAME TO elsewhere"))
    try:
        answer = visitor.read("/submissions?canary=Silverleaf")
    finally:
        with site.desk.hands.sessions.begin() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO tallies"))
    assert answer.status_code == 500
    for secret in ("Silverleaf", "Traceback", "tallies", "psycopg"):
        assert secret not in answer.text
        assert secret not in caplog.text


def test_an_error_is_told_to_programs_as_a_problem_with_a_code(site: Site) -> None:
    answer = site.app.test_client().get("/nothing/Silverleaf", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.json["code"] == "not_found"
    assert "Silverleaf" not in answer.text


def test_metrics_count_by_state_and_name_nobody(site: Site) -> None:
    site.service("SAFE-NORTH")
    referral = site.desk.referral()
    site.app.extensions["phones"].marks.note_phone_refusal(PhoneRefusal.UNKNOWN, None)
    site.app.extensions["phones"].marks.write()
    told = site.visitor().read("/metrics").text
    assert 'pim_referrals{state="waiting"} 1.0' in told
    assert 'pim_refusals_total{door="phones",reason="unknown"} 1.0' in told
    assert 'pim_refusals_total{door="hooks",reason="unknown"} 0.0' in told
    assert 'pim_queue_depth{queue="settle"}' in told
    for secret in (str(referral.id), referral.reference, "RP-SAFE", "SAFE-NORTH", "XX0101", "hh"):
        assert secret not in told


def test_metrics_are_read_from_this_machine_or_with_the_token(make_site: Callable[..., Site]) -> None:
    direct = make_site().app.test_client()
    behind = make_site(public_url="https://pim.example.org").app.test_client()
    assert direct.get("/metrics").status_code == 200
    assert direct.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401
    assert direct.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.1"}).status_code == 401
    refused = behind.get("/metrics")
    assert (refused.status_code, refused.mimetype, refused.headers["WWW-Authenticate"]) == (
        401,
        "text/plain",
        'Bearer realm="metrics"',
    )
    assert "pimcollect keys metrics" in refused.text
    token = make_metrics_token(behind.application.extensions["door"].keys)
    assert behind.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert behind.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_only_as_many_proxies_are_believed_as_are_configured(make_site: Callable[..., Site]) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.9.8.7"}
    direct = make_site().app.test_client().get("/login", headers=headers)
    assert "Strict-Transport-Security" not in direct.headers
    behind = make_site(trusted_proxies=1).app.test_client().get("/login", headers=headers)
    assert "Strict-Transport-Security" in behind.headers
