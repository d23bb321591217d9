"""The workshop's pages in a real Chromium: on a phone in Arabic and on a desktop in English, without any script."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from pimcollect.domain.roles import Role
from pimcollect.tables.uploads import BankUploadRow
from tests.forms.xlsforms.build import write_case
from tests.forms.xlsforms.whole import WINTER
from tests.web.browser import DESKTOP, PHONE, open_browser, open_window
from tests.web.site import PASSWORD, Site
from tests.web.test_bank_pages import STARTER, count, put
from tests.web.test_browser import check

pytestmark = pytest.mark.browser
MAIL = "imo@example.org"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.mark.parametrize(("size", "language"), [(PHONE, "ar"), (DESKTOP, "en")])
def test_a_form_is_chosen_another_one_read_in_and_both_compared_in_a_browser(
    make_site: Callable[..., Site], chromium: Browser, size: tuple[int, int], language: str
) -> None:
    site = make_site(max_body_bytes=10 * 1024 * 1024)
    put(site, STARTER)
    site.member(Role.IMO, mail=MAIL)
    name = f"workshop-{language}-{size[0]}"
    with site.served() as url, open_window(chromium, url, size=size, language=language, has_script=False) as window:
        page = window.page
        window.log_in(MAIL, PASSWORD)
        window.go("/forms/choose")
        check(window, f"{name}-choose")
        for form in ("north", "south"):
            window.go("/forms/choose")
            page.fill("input[name=form]", form)
            page.check("input[name=tool][value=K]")
            page.check("input[name=modules][value=M06]")
            page.check("input[name=modules][value=M03]")
            page.fill("input[name=minutes]", "8")
            page.select_option("select[name=encrypts]", "no")
            page.click("main form button")
            page.wait_for_url(f"**/forms/choose?built={form}")
        check(window, f"{name}-built")
        window.go("/bank/overlaps?one=north&other=south")
        check(window, f"{name}-overlaps")
        window.go("/bank/intake")
        check(window, f"{name}-intake")
        winter = {"name": "winter.xlsx", "mimeType": "", "buffer": write_case(WINTER)}
        page.set_input_files("input[type=file] >> nth=0", winter)
        page.fill("input[name=use]", "Which camps get fuel first")
        page.click("form[enctype] >> nth=0 >> button")
        page.wait_for_selector("input[name=row]")
        check(window, f"{name}-proposals")
        page.uncheck("input[name=row] >> nth=1")
        page.click("button.good")
        page.wait_for_url("**taken=1")
        check(window, f"{name}-taken")
        assert all(address.startswith(url) for address in window.asked)
    assert count(site, BankUploadRow) == 0
