import pytest
from matplotlib.figure import Figure
from studies import full_study, study_of

from facial_keypoints.pipelines.study.page import write_page

pytestmark = pytest.mark.browser
STUDIES = {
    "full": full_study,
    "small": lambda: study_of({"5cl-3mpl": (2.0, 6.0), "mine": (1.0, 1.0)}, scale=0.15),
}


@pytest.fixture(scope="module", params=list(STUDIES))
def page_file(request, tmp_path_factory):
    figure = Figure(figsize=(9, 4))
    file = tmp_path_factory.mktemp("page") / f"{request.param}.html"
    names = ("study_figure_1", "loss_by_depth", "loss_by_compute", "error_per_point")
    text = write_page(STUDIES[request.param](), **dict.fromkeys(names, figure))
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_study_page_fits_the_window(browser, page_file, width, scheme):
    messages = []
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(each.get_attribute("alt") for each in page.locator("img").all())
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") is (scheme == "light")
    assert messages == []
    page.close()
