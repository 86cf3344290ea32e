"""The page in a real browser, opened as a file, with no network."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

WIDTHS, SCHEMES = (390, 1280), ("light", "dark")


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids=str)
def opened(request: pytest.FixtureRequest, browser: Browser, page_file: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page at one width in one colour scheme, with its requests and console errors."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda asked: seen.append(f"request {asked.url}"))
    page.on("console", lambda message: seen.append(f"console {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error {error}"))
    page.goto(page_file.as_uri())
    yield page, seen
    context.close()


def test_the_page_shows_all_plots_and_is_accessible(opened: tuple[Page, list[str]]) -> None:
    page, seen = opened
    _shows_all_plots(page)
    assert not [line for line in seen if not re.match(r"request (file|data):", line)]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
        "the page itself scrolls sideways"
    )
    for summary in page.query_selector_all("summary"):
        summary.click()
    found = Axe().run(page).response["violations"]
    serious = [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]
    assert not serious


def _shows_all_plots(page: Page) -> None:
    plots = page.query_selector_all("figure svg")
    assert len(plots) == 10
    for plot in plots:
        box = plot.bounding_box()
        assert box and box["width"] > 250 and box["height"] > 80
        assert plot.query_selector_all("path, text"), "an empty plot"
        assert plot.get_attribute("aria-label")
