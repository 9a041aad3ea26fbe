import numpy as np
import pytest
from pydantic import TypeAdapter
from studies import full_study, split_summary, study_of

from facial_keypoints.study.records import StudyResult
from facial_keypoints.training.study_plan import StudyPlan


def test_split_by_group_has_no_leak():
    study = study_of({"5cl-3mpl": (6.0, 6.0)}, split=split_summary(leaked=0, unseen=0))
    assert study.median_leak is None


def test_without_unseen_faces_the_leak_is_none():
    study = study_of({"5cl-3mpl": (2.0, None)}, split=split_summary(unseen=0))
    ours = study.tables["table_3"][0].ours
    assert (ours.mean.unseen_loss, ours.leak, study.median_leak) == (None, None, None)


def test_failed_training_has_no_row_and_a_reason():
    study = study_of(
        {"5cl-3mpl": (None, None), "15cl-5mpl": (2.0, 6.0)},
        records={"5cl-3mpl": {"failure": "no memory"}},
    )
    assert study.failures == {"5cl-3mpl": "no memory"}
    assert set(study.trained()) == {"15cl-5mpl"}
    assert "5cl-3mpl" not in study.missing


def test_study_is_rounded_and_survives_json():
    study = full_study()
    adapter = TypeAdapter(StudyResult)
    assert adapter.validate_json(adapter.dump_json(study)) == study
    assert study_of({"5cl-3mpl": (1 / 3, 2.0)}).trained()["5cl-3mpl"].mean.test_loss == 0.33333


@pytest.mark.parametrize(
    ("plan", "width"),
    [(StudyPlan(0.2), None), (StudyPlan(0.2, width=0.5), 0.5), (StudyPlan(0.04), 0.1)],
)
def test_width_is_named_where_it_is_not_the_scale(plan, width):
    assert study_of({"5cl-3mpl": (1.0, 2.0)}, plan=plan).width == width


def test_log_counts_the_papers_networks(caplog):
    caplog.set_level("INFO")
    study_of({"5cl-3mpl": (1.0, 2.0), "my-network": (1.0, 2.0)})
    assert "Study: 1 of the paper's 26 networks trained; missing: 6cl-3mpl" in caplog.text


@pytest.mark.parametrize(
    ("of_b", "filled", "missing"), [(1, False, "mask"), (1, True, "fill"), (0, False, "none")]
)
def test_missing_labels_are_recognised_from_the_samples(make_faces, of_b, filled, missing):
    faces = make_faces(2, of_b=of_b)
    if filled:
        faces.keypoints[:] = np.nan_to_num(faces.keypoints, nan=40)
    assert study_of({}, train=faces).missing_labels == missing
