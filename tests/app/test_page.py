"""The page, without a browser: the model predicts the mean face."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from page_stand_ins import FACES, MEAN, PAGE, use_stand_ins
from PIL import Image

from facial_keypoints.errors import InputError
from facial_keypoints.framework import project_catalog
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.photos.uploads import PhotoModel

pytest.importorskip("streamlit", reason="streamlit is not installed (extra app)")
from streamlit.testing.v1 import AppTest


@pytest.fixture
def data(monkeypatch):
    """What the catalog has; each whole photo is a face."""
    import streamlit as st

    data = use_stand_ins(monkeypatch.setattr)
    monkeypatch.setenv("KEDRO_ENV", "demo")
    st.cache_resource.clear()
    st.cache_data.clear()
    return data


@pytest.fixture
def page(data):
    return AppTest.from_file(str(PAGE), default_timeout=30)


def _png():
    buffer = io.BytesIO()
    Image.fromarray(FACES.images[0]).save(buffer, "png")
    return buffer.getvalue()


def _errors(page):
    assert not page.exception
    assert not page.warning
    return [error.value for error in page.error]


def test_page_names_the_commands_that_train_a_model(data, page):
    del data["champion"]
    page.run()
    assert not _errors(page)
    assert "no model in the environment `demo`" in page.info[0].value
    assert [code.value.split()[0] for code in page.code] == ["make", "kedro"]


def test_error_of_the_user_is_one_line(monkeypatch, page):
    def fail(project, env):
        raise InputError("unknown environment 'dmo'")

    monkeypatch.setattr(project_catalog, "load_catalog", fail)
    assert _errors(page.run()) == ["unknown environment 'dmo'"]


def test_photos_show_points_and_wrong_files_one_line_each(page):
    page.run().file_uploader[0].set_value([("a.png", _png(), "image/png"), ("b.jpg", b"no", "")])
    page.run()
    assert _errors(page) == [
        "b.jpg: is not a photo that can be read; it may be damaged or misnamed"
    ]
    assert any("Face 1" in text.value for text in page.markdown)
    assert page.table[0].value.shape == (15, 3)
    assert [button.label for button in page.download_button] == [
        *("Download this picture", "Download all points as CSV")
    ]


def test_test_face_is_predicted_as_it_is(page):
    page.run().radio[0].set_value("Test face").run()
    page.number_input[0].set_value(2).run()
    assert not _errors(page)
    shown = page.table[0].value[["x", "y"]].to_numpy(float)
    np.testing.assert_allclose(shown, MEAN, atol=0.01)


def test_true_points_of_a_test_face_are_shown_with_the_error_in_pixels(page):
    page.run().radio[0].set_value("Test face").run()
    page.number_input[0].set_value(2).run()
    error = np.linalg.norm(MEAN - FACES.keypoints[1], axis=1)
    assert not _errors(page)
    assert f"**{error.mean():.2f} pixels** on average" in page.markdown[1].value
    np.testing.assert_allclose(page.table[0].value["error"].to_numpy(float), error, atol=0.01)


def test_test_face_without_an_answer_has_no_error(data, page):
    data["answer_key"] = data["answer_key"][:0]
    page.run().radio[0].set_value("Test face").run()
    assert not _errors(page)
    assert page.table[0].value.shape == (15, 3)


def test_missing_finder_is_one_line(data, page, monkeypatch):
    def fail(self, min_confidence):
        raise InputError("no face finder is installed")

    monkeypatch.setattr(PhotoModel, "on_photos", fail)
    page.run().file_uploader[0].set_value([("a.png", _png(), "image/png")])
    assert _errors(page.run()) == ["no face finder is installed"]


def test_worst_errors_come_first_and_two_variants_can_be_compared(page):
    page.run().radio[0].set_value("Worst errors").run()
    page.selectbox[1].set_value("other").run()
    assert not _errors(page)
    assert page.number_input[0].label == "Face, worst first (1 to 2)"
    rows = [page.markdown[0].value, page.number_input[0].set_value(2).run().markdown[0].value]
    errors = [float(text.partition("RMSE ")[2].split()[0]) for text in rows]
    assert errors == sorted(errors, reverse=True)


def test_corrections_of_label_issues_can_be_made_and_undone(page):
    page.run().radio[0].set_value("Label issues").run()
    assert "x and y swapped" in page.markdown[0].value
    page.number_input[0].set_value(2).run()
    next(b for b in page.button if b.label == "Move it to the prediction").click().run()
    assert not _errors(page)
    table = page.table[0].value
    assert (table.index.tolist(), table["keypoint"].tolist()) == ([1], ["nose_tip"])
    nose = MEAN[KEYPOINTS.index("nose_tip")]
    np.testing.assert_allclose(table[["x", "y"]].to_numpy(float)[0], nose, atol=0.01)
    next(b for b in page.button if b.label == "Undo").click().run()
    assert not page.table


def test_label_can_be_moved_by_numbers(page):
    page.run().radio[0].set_value("Label issues").run()
    page.selectbox[0].set_value("left_eye_center").run()
    page.number_input[1].set_value(70.5).run()
    page.number_input[2].set_value(30.0).run()
    next(b for b in page.button if b.label == "Move it to x and y").click().run()
    assert not _errors(page)
    moved = page.table[0].value[["keypoint", "x", "y"]].to_numpy().tolist()
    assert moved == [["left_eye_center", 70.5, 30.0]]
    assert [each.value for each in page.number_input[1:]] == [70.5, 30.0]


def test_worst_errors_of_an_ensemble_are_those_of_members_that_have_not_seen_the_face(data, page):
    predicted = np.full((1, 3, 19, 2), np.nan, np.float32)
    predicted[0, 1:] = np.concatenate([MEAN, np.zeros((4, 2))])
    data["ensemble_members"] = SimpleNamespace(predictions=predicted)
    page.run().radio[0].set_value("Worst errors").run()
    page.selectbox[0].set_value(page.selectbox[0].options[-1]).run()
    assert not _errors(page)
    assert page.number_input[0].label == "Face, worst first (1 to 2)"
    rows = [page.number_input[0].set_value(n).run().markdown[0].value for n in (1, 2)]
    assert {text.split()[1].rstrip("*") for text in rows} == {"2", "3"}


@pytest.mark.parametrize("view", ["Worst errors", "Label issues"])
def test_nothing_to_review_is_one_line(data, page, view):
    del data["label_issues"], data["leaderboard"]
    page.run().radio[0].set_value(view).run()
    assert not _errors(page)
    assert page.info[0].value.startswith("There are no")
