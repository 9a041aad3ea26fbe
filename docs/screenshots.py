"""Make the screenshots of the documentation from a project in which ``make demo`` ran.

    make screenshots

Needs Chromium (Debian: ``apt-get install chromium``).
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image

ROOT: Final = Path(__file__).resolve().parents[1]
PROJECT: Final = Path.cwd()
"""Where the demo ran."""
IMAGES: Final = ROOT / "docs/images"
COLOURS: Final = 256
"""Of a PNG: a third of the size."""
BIN: Final = Path(sys.executable).parent
TO_THE_LEFT: Final = "document.querySelectorAll('*').forEach(e => e.scrollTo(0, 0))"
WITHOUT_FOLDER: Final = """folder => document.querySelectorAll(".pipeline-metadata__value").forEach(
    e => { if (!e.children.length) e.textContent = e.textContent.replace(folder, "") })"""

sys.path.insert(0, str(ROOT / "tests/support"))
from browsers import CHROMIUM, FLAGS, free_port, serving  # noqa: E402


def main() -> None:
    """Make all screenshots, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--env", default="demo", help="environment that has been run")
    parser.add_argument("--only", nargs="*", choices=sorted(PAGES), default=sorted(PAGES))
    given = parser.parse_args()
    if not (PROJECT / f"data/{given.env}/08_reporting/study.html").is_file():
        sys.exit(f"Error: nothing was run with --env={given.env} here; run make demo first")
    if CHROMIUM is None:
        sys.exit("Error: Chromium is not installed; on Debian: apt-get install chromium")
    for name in given.only:
        PAGES[name](given.env)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def show_kedro_viz(env: str) -> None:
    """Take the opening view of Kedro-Viz, and the preview of a table.

    Args:
        env: Kedro environment.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(BIN / "kedro"), "viz", "run", "--no-browser", f"--port={port}", f"--env={env}"]
    with serving(command, f"{url}/api/version", cwd=PROJECT), _browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        _keep(page, "kedro_viz", 1500)
        page.locator(".pipeline-node", has_text="evaluate").click()
        page.locator("[data-node-fullname=leaderboard_chart]").click()
        page.wait_for_timeout(1500)
        page.evaluate(TO_THE_LEFT)
        page.evaluate(WITHOUT_FOLDER, f"{PROJECT.as_posix()}/".lstrip("/"))
        _keep(page, "kedro_viz_preview", 1500)
        page.close()


def show_mlflow(env: str) -> None:
    """Take the note of MLflow's latest run, and its variants in the list, and compared.

    Args:
        env: Kedro environment.
    """
    from screens_mlflow import take

    take(f"sqlite:///{PROJECT / 'mlflow.db'}", IMAGES, env)
    for path in sorted(IMAGES.glob("mlflow_*.png")):
        _save(Image.open(path), path)


def show_study(env: str) -> None:
    """Take the study's page at the width of a desktop and of a phone.

    Args:
        env: Kedro environment.
    """
    file = PROJECT / f"data/{env}/08_reporting/study.html"
    with _browser() as browser:
        for name, width, height in (("study_page", 1200, 1400), ("study_page_phone", 390, 844)):
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(file.as_uri())
            _keep(page, name, 500)
            page.close()


def show_app(env: str) -> None:
    """Take a test face on the page on which the model can be tried.

    Args:
        env: Kedro environment.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "app", f"--env={env}", f"--port={port}"]
    with serving(command, f"{url}/_stcore/health", cwd=PROJECT), _browser() as browser:
        page = browser.new_page(viewport={"width": 780, "height": 1200})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.get_by_text("Test face", exact=True).first.click()
        page.get_by_text("test_face_1.png").wait_for()
        _keep(page, "page", 1500)
        page.close()


def _keep(page: Any, name: str, milliseconds: int) -> None:
    """Save what is shown, after the time that the page takes to draw and to move."""
    page.wait_for_timeout(milliseconds)
    _save(Image.open(io.BytesIO(page.screenshot())), IMAGES / f"{name}.png")


def _save(image: Image.Image, path: Path) -> None:
    small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{os.path.relpath(path)}  {path.stat().st_size / 1000:.0f} kB", flush=True)


PAGES: Final[dict[str, Callable[[str], None]]] = {
    "app": show_app,
    "kedro-viz": show_kedro_viz,
    "mlflow": show_mlflow,
    "study": show_study,
}

if __name__ == "__main__":
    main()
