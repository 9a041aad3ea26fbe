import pytest
from parameters import base_parameters
from studies import full_study, study_of

from facial_keypoints.plotting.study import draw_loss_by_compute, draw_loss_by_depth


def test_loss_by_depth_has_a_point_per_row_of_table_3():
    (axis,) = draw_loss_by_depth(full_study()).axes
    assert [line.get_ydata()[0] for line in axis.lines[:1]] == [1.5209]
    assert len(axis.get_xticks()) == 16


def test_loss_by_depth_without_rows_is_a_message():
    figure = draw_loss_by_depth(study_of({}))
    assert [text.get_text() for text in figure.texts] == ["Not plotted: needs rows of Table 3"]


def test_loss_by_compute_has_a_point_per_trained_variant():
    (axis,) = draw_loss_by_compute(full_study()).axes
    assert len(axis.lines) == len(base_parameters().variants)
    assert "unseen faces" in axis.get_title()


def test_of_many_variants_those_are_named_that_no_other_beats():
    figure = draw_loss_by_compute(full_study())
    (axis,) = figure.axes
    points = {tuple(line.get_xydata()[0]) for line in axis.lines}
    named = {text.xy for text in axis.texts}
    assert named == {
        (x, y) for x, y in points if not any(a <= x and b <= y for a, b in points - {(x, y)})
    }
    assert 0 < len(named) < len(points)
    assert "Named" in figure.texts[0].get_text()


@pytest.mark.parametrize(("losses", "points"), [((None, None), 1), ((2.0, None), 1), ((1, 2), 2)])
def test_loss_by_compute_leaves_out_variants_without_loss(losses, points):
    study = study_of({"5cl-3mpl": losses, "15cl-5mpl": (2.0, 6.0)})
    assert len(draw_loss_by_compute(study).axes[0].texts) == points
    draw_loss_by_depth(study)


def test_loss_by_compute_falls_back_to_the_test_set():
    (axis,) = draw_loss_by_compute(study_of({"5cl-3mpl": (2.0, None)})).axes
    assert "test set" in axis.get_title()
    assert len(axis.texts) == 1
