"""The page to try the champion on photos; ``make app`` opens it (docs/app.md)."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st
from kedro.io import DataCatalog
from review import show_label_issues, show_worst_errors

from facial_keypoints.cli import user_message
from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.answer_key import label_test_faces
from facial_keypoints.faces import FaceSet
from facial_keypoints.framework.config_loader import load_parameters
from facial_keypoints.framework.photo_model import load_photo_model
from facial_keypoints.framework.project_catalog import DEFAULT, load_catalog
from facial_keypoints.label_audit.review import Points
from facial_keypoints.photos.reading import PhotoError, Pixels
from facial_keypoints.photos.records import PhotoFace, PhotoResult
from facial_keypoints.photos.tables import results_table
from facial_keypoints.photos.uploads import (
    PhotoModel,
    draw_result,
    point_table,
    predict_pixels,
    predict_upload,
    read_upload,
)

PROJECT: Final = Path(__file__).resolve().parents[1]
ENV: Final = os.environ.get("KEDRO_ENV") or DEFAULT
WORST, ISSUES = "Worst errors", "Label issues"
VIEWS: Final = ("Photos", "Webcam", "Test face", WORST, ISSUES)


@st.cache_resource
def catalog_of(env: str) -> DataCatalog:
    """Return the catalog, read once."""
    return load_catalog(PROJECT, env)


@st.cache_resource
def prediction_lock() -> threading.Lock:
    """Return a lock: one prediction at a time, however many browsers are open."""
    return threading.Lock()


@st.cache_resource(max_entries=1, show_spinner="Loading the model ...")
def model_of(env: str, fingerprint: str) -> PhotoModel:
    """Return the champion, loaded again when another one is selected."""
    predict = load_parameters(PROJECT / "conf", env).predict
    return load_photo_model(catalog_of(env), predict)


@st.cache_resource(max_entries=2)
def faces_of(env: str, fingerprint: str, name: str) -> FaceSet:
    """Return a set of the competition's faces."""
    faces: FaceSet = catalog_of(env).load(name)
    return faces


@st.cache_resource(max_entries=1)
def test_faces_of(env: str, fingerprint: str) -> FaceSet:
    """Return the test faces, labelled with the true points where these are known."""
    catalog = catalog_of(env)
    faces = faces_of(env, fingerprint, "test_faces")
    answers = catalog.load("answer_key") if catalog.exists("answer_key") else pd.DataFrame()
    return faces if answers.empty else label_test_faces(faces, answers, catalog.load("lookup"))


@st.cache_data(max_entries=50, show_spinner="Finding faces ...")
def predict_photo(
    fingerprint: str, name: str, content: bytes, min_confidence: float, _model: PhotoModel
) -> PhotoResult:
    """Return the faces of an uploaded photo."""
    with prediction_lock():
        return predict_upload(_model.on_photos(min_confidence), name, content)


@st.cache_data(max_entries=200)
def predict_test_face(
    fingerprint: str, name: str, pixels: Pixels, population: int, _model: PhotoModel
) -> PhotoResult:
    """Return the face of a test image."""
    with prediction_lock():
        return predict_pixels(_model.on_images(population), name, pixels)


def main() -> None:
    """Show the page."""
    st.set_page_config(page_title="Facial keypoints", page_icon="🙂")
    st.title("Facial keypoints")
    catalog = catalog_of(ENV)
    if not catalog.exists("champion"):
        show_first_steps()
        return
    fingerprint = catalog.load("champion").fingerprint
    model = model_of(ENV, fingerprint)
    st.caption(f"Model: {model.champion.variant} ({fingerprint}), environment {ENV}")
    view = st.radio("Show", VIEWS, horizontal=True)
    if view == WORST:
        show_worst_errors(catalog, faces_of(ENV, fingerprint, "labelled_faces"), fingerprint)
    elif view == ISSUES:
        show_label_issues(catalog, faces_of(ENV, fingerprint, "labelled_faces"), model)
    else:
        show_photos(model, view)


def show_first_steps() -> None:
    """Say how to get a model."""
    st.info(
        f"There is no model in the environment `{ENV}` yet. Run one of these commands in the "
        "project's folder, then reload this page."
    )
    st.markdown("On drawn faces, in about four minutes; then open the page by `make app`:")
    st.code("make demo", language="sh")
    st.markdown("On Kaggle's faces; then open the page by `make app ENV=local`:")
    st.code("kedro run --pipeline=compete --params competition.minutes=15", language="sh")


def show_photos(model: PhotoModel, source: str) -> None:
    """Show the photos of a source with their points.

    Args:
        model: Predicts the points.
        source: One of ``VIEWS``.
    """
    smallest = model.predict.min_confidence
    with st.expander("Settings"):
        shown = st.slider(
            "Draw points from this confidence on",
            *(0.0, 1.0, 0.0, 0.05),
            help="The probability that a point is within 5 % of the distance between the eyes. "
            "Points below 0.5 are rings.",
        )
        if source != "Test face":
            smallest = st.slider(
                "Show faces from this confidence on",
                *(0.0, 1.0, smallest, 0.05),
                help="The face finder's. Lower: more faces, more of them false.",
            )
    if source == "Test face":
        show_test_face(model, shown)
        return
    results = []
    for name, content in uploads(source):
        result = predict_photo(model.champion.fingerprint, name, content, smallest, model)
        results.append((result, content))
    show_results(model, results, shown)


def show_test_face(model: PhotoModel, shown: float) -> None:
    """Show a test image with its points, and the true ones where they are known.

    Args:
        model: Predicts the points.
        shown: Smallest confidence of the points that are drawn.
    """
    faces = test_faces_of(ENV, model.champion.fingerprint)
    number = st.number_input(f"Test face (1 to {len(faces)})", 1, len(faces))
    at = int(number) - 1
    pixels = np.repeat(faces.images[at][..., None], 3, axis=2)
    name, population = f"test_face_{number}.png", int(faces.population[at])
    result = predict_test_face(model.champion.fingerprint, name, pixels, population, model)
    truth = np.where(faces.labelled[at, :, None], faces.keypoints[at], np.nan)
    show_results(model, [(result, pixels)], shown, truth if faces.labelled[at].any() else None)


def uploads(source: str) -> list[tuple[str, bytes]]:
    """Return names and contents of the photos that the user gives."""
    if source == "Webcam":
        picture = st.camera_input("Take a picture")
        return [] if picture is None else [("webcam.jpg", picture.getvalue())]
    files = st.file_uploader("Photos, with one or more faces", accept_multiple_files=True)
    return [(file.name, file.getvalue()) for file in files]


def show_results(
    model: PhotoModel,
    results: Sequence[tuple[PhotoResult, bytes | Pixels]],
    shown: float,
    truth: Points | None = None,
) -> None:
    """Show photos with their points, and offer the table of all.

    Args:
        model: Predicted the points.
        results: With the photo: a file's content, or pixels.
        shown: Smallest confidence of the points that are drawn.
        truth: (15, 2) in pixels, NaN where unknown; of photos with known points.
    """
    for position, (result, photo) in enumerate(results):
        if not result.width:
            st.error(f"{result.photo}: {result.problem}")
            continue
        show_photo(position, result, photo, shown, truth)
    if any(result.faces for result, _ in results):
        table = results_table(model.collect([result for result, _ in results]))
        st.download_button(
            "Download all points as CSV", table.to_csv(index=False), "photo_points.csv", "text/csv"
        )


def show_photo(
    position: int,
    result: PhotoResult,
    photo: bytes | Pixels,
    shown: float,
    truth: Points | None,
) -> None:
    """Show one photo with its points.

    Args:
        position: On the page.
        result: Its faces.
        photo: Its file's content, or its pixels.
        shown: Smallest confidence of the points that are drawn.
        truth: (15, 2) in pixels, NaN where unknown; None where no point is known.
    """
    try:
        pixels = read_upload(result.photo, photo) if isinstance(photo, bytes) else photo
    except PhotoError as error:  # of a disk that has become full, for example
        st.error(f"{result.photo}: {error}")
        return
    picture = draw_result(pixels, result, shown, truth)
    crosses = "" if truth is None else "; crosses are the true points"
    st.image(picture, caption=f"{result.photo}, {result.width}x{result.height} pixels{crosses}")
    if result.problem:
        st.warning(f"{result.photo}: {result.problem}")
        return
    for face in result.faces:
        show_face(face, truth)
    name = f"{Path(result.photo).stem}_points.png"
    st.download_button("Download this picture", picture, name, "image/png", key=f"png{position}")


def show_face(face: PhotoFace, truth: Points | None) -> None:
    """Show the numbers of one face.

    Args:
        face: The face.
        truth: (15, 2) in pixels, NaN where unknown; None where no point is known.
    """
    pose, mean = face.pose, np.mean([point.confidence for point in face.points.values()])
    st.markdown(
        f"**Face {face.face}**: confidence **{mean:.0%}** on average; head pose yaw "
        f"{pose.yaw:+.0f}°, pitch {pose.pitch:+.0f}°, roll {pose.roll:+.0f}°; "
        f"{face.eye_distance:.0f} pixels between the eyes"
    )
    table = point_table(face, truth).set_index("keypoint")
    if "error" in table:
        errors = table["error"].dropna()
        st.markdown(
            f"Distance from the true points: **{errors.mean():.2f} pixels** on average, "
            f"{errors.max():.2f} at most ({errors.idxmax()}); {len(errors)} are known"
        )
    with st.expander(f"Points of face {face.face}"):
        style = table.style.format("{:.1f}", na_rep="").format("{:.2f}", subset=["confidence"])
        st.table(style)


try:
    main()
except Exception as error:
    message = str(error) if isinstance(error, InputError) else user_message(error)
    if message is None:
        raise
    st.error(message)
