"""The documentation's site in headless Chromium, at desktop and phone width.

DOCS_SCREENSHOTS=FOLDER keeps the screenshots.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from browsers import free_port, serving

pytestmark = pytest.mark.browser
pytest.importorskip("material", reason="MkDocs Material is not installed")

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Address of the built site."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with serving(command, url, cwd=folder):
        yield url


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1280, 900, "light"), (390, 844, "dark")], ids=str
)
def test_pages_fit_the_screen_and_ask_no_other_server(
    site, browser, tmp_path, width, height, scheme
):
    folder = Path(os.environ.get("DOCS_SCREENSHOTS", tmp_path))
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(site) else problems.append(request.url),
    )
    for name, heading in (
        ("index", "Facial keypoints"),
        ("demo", "Try it without an account"),
        ("photos", "Keypoints on photos and videos"),
        ("reference/parameters", "Parameters"),
        ("reference/python/archive", "archive"),
    ):
        page.goto(f"{site}/{name}.html")
        assert page.locator("h1").first.inner_text().startswith(heading)
        page.screenshot(path=folder / f"docs_{name.replace('/', '_')}_{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
        assert page.evaluate(broken) == 0
    page.goto(f"{site}/index.html")
    page.keyboard.press("s")
    page.keyboard.type("label audit")
    page.locator(".md-search-result__item").first.wait_for()
    assert problems == []
    page.close()
