"""The page in headless Chromium, at desktop and phone width.

PAGE_SCREENSHOTS=FOLDER keeps the screenshots.
"""

import os
import sys
from pathlib import Path

import pytest
from browsers import free_port, serving
from page_stand_ins import FACES, PAGE
from PIL import Image

pytest.importorskip("streamlit", reason="streamlit is not installed (extra app)")
pytestmark = pytest.mark.browser

WITH_STAND_INS = f"""
import runpy
from page_stand_ins import use_stand_ins
use_stand_ins()
runpy.run_path({str(PAGE)!r}, run_name="__main__")
"""
LAUNCH = """
import runpy, sys
from pathlib import Path
app, page, *sys.argv[1:] = sys.argv[1:]
module = runpy.run_path(app + "/__main__.py", run_name="app")
module["main"].__globals__["PAGE"] = Path(page)
module["main"].__globals__["load_catalog"] = lambda project, env: None
module["main"]()
"""
TAKE_PHOTO = """() => {
    const named = (text) => [...document.querySelectorAll("button")]
        .find((button) => button.textContent.trim() === text);
    named("Take Photo")?.click();
    return named("Clear photo");
}"""
"""Clicks until there is a picture: the button is there before the camera's first frame, and does
nothing until then."""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Address of the page, with a model that predicts the mean face."""
    page = tmp_path_factory.mktemp("page") / "page.py"
    page.write_text(WITH_STAND_INS)
    port = free_port()
    support = Path(__file__).resolve().parents[1] / "support"
    path = os.pathsep.join([str(support), str(PAGE.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", LAUNCH, str(PAGE.parent), str(page), f"--port={port}"]
    url = f"http://127.0.0.1:{port}"
    with serving(command, f"{url}/_stcore/health", env={"PYTHONPATH": path}):
        yield url


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("desktop", 1280, 1000, "light"), ("phone", 390, 844, "dark")],
)
def test_photo_webcam_and_test_face(url, browser, tmp_path, name, width, height, scheme):
    folder = Path(os.environ.get("PAGE_SCREENSHOTS", tmp_path))
    Image.fromarray(FACES.images[0]).resize((384, 384)).save(tmp_path / "face.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, permissions=["camera"]
    )
    page = context.new_page()
    page.set_default_timeout(30_000)  # of a busy computer
    servers = set()
    page.on("request", lambda request: servers.add("/".join(request.url.split("/")[:3])))
    page.goto(url)

    files = [tmp_path / "face.png", tmp_path / "broken.jpg"]
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_text("broken.jpg: is not a photo").wait_for()
    with page.expect_download() as download:
        page.get_by_text("Download all points as CSV").click()
    assert "nose_tip_confidence" in Path(download.value.path()).read_text()
    page.get_by_text("Points of face 1").click()
    page.get_by_text("nose tip").wait_for()
    page.screenshot(path=folder / f"{name}_photos.png")

    page.get_by_role("radio", name="Photos").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(TAKE_PHOTO, polling=200)
    page.get_by_text("webcam.jpg").first.wait_for()
    page.screenshot(path=folder / f"{name}_webcam.png")

    page.get_by_role("radio", name="Webcam").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("test_face_1.png").wait_for()
    page.get_by_label("Test face (1 to 3)").press("ArrowUp")
    page.get_by_text("test_face_2.png").wait_for()
    page.screenshot(path=folder / f"{name}_test_face.png")

    page.get_by_text("Label issues", exact=True).click()
    page.get_by_text("x and y swapped").wait_for()
    page.get_by_label("Label issue (1 to 2)").press("ArrowUp")
    page.get_by_label("x, in pixels").press("ArrowUp")
    page.get_by_text("Move it to x and y").click()
    with page.expect_download() as download:
        page.get_by_text("Download corrections as CSV").click()
    assert Path(download.value.path()).read_text().startswith("row,keypoint,x,y\n1,nose_tip,")
    page.screenshot(path=folder / f"{name}_label_issue.png")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert servers <= {url, "blob:" + url.partition(":")[0] + ":", "data:"}
    context.close()
