from facial_keypoints.evaluation.records import VariantMetrics
from facial_keypoints.keypoints import KEYPOINTS
from facial_keypoints.plotting.evaluation import draw_error_per_keypoint


def test_table_leaves_unmeasured_keypoints_blank(make_set_metrics):
    errors = dict.fromkeys(KEYPOINTS, 1.0) | {"nose_tip": None}
    metrics = VariantMetrics(make_set_metrics(), make_set_metrics(rmse_per_keypoint=errors), None)
    cells = draw_error_per_keypoint({"a": metrics}, metrics).axes[0]
    assert [text.get_text() for text in cells.texts] == ["1.0"] * 28
