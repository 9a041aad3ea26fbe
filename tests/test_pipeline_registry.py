import pytest

from facial_keypoints.pipeline_registry import register_pipelines


@pytest.fixture(scope="module")
def pipelines():
    return register_pipelines()


def test_full_runs_the_study_from_download_to_submission(pipelines):
    full = pipelines["full"]
    outputs = {"competition_archive", "faces", "leaderboard", "study", "champion", "submission"}
    assert outputs <= full.all_outputs()
    assert "competition_plan" not in full.all_outputs()
    assert pipelines["__default__"] is full


def test_compete_runs_from_download_to_submission(pipelines):
    compete = pipelines["compete"]
    outputs = {"competition_archive", "label_issues", "score_estimate", "champion", "submission"}
    assert outputs <= compete.all_outputs()
    assert "leaderboard" not in compete.all_outputs()


def test_upload_is_never_part_of_another_pipeline(pipelines):
    upload = set(pipelines["upload"].nodes)
    assert upload
    others = [pipeline for name, pipeline in pipelines.items() if name != "upload"]
    assert not any(upload & set(pipeline.nodes) for pipeline in others)
