import numpy as np
import pandas as pd
import pytest
from parameters import base_parameters, section
from studies import AUGMENTATION, FACES, metrics_of, result_of, split_summary, study_of, training_of
from studies import variant_named as variant

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.parameters import SplitParameters, StudyParameters
from facial_keypoints.pipelines.study.nodes import (
    FINAL_MODEL,
    POOLS_COMPARED,
    list_tables,
    plot_final_curves,
    plot_pool_curves,
    plot_test_predictions,
    tabulate_study,
)
from facial_keypoints.training.study_plan import StudyPlan

CHAMPION = Champion("14cl-3mpl", "", None)


def titles(figure):
    return [axis.get_title().partition(":")[0] for axis in figure.axes]


def tabulate(by="sample"):
    result = result_of("5cl-3mpl", 2.0, 6.0)
    return tabulate_study(
        base_parameters().model_dump()["paper"],
        section(StudyParameters),
        StudyPlan(1.0),
        section(SplitParameters, by=by),
        split_summary(),
        AUGMENTATION,
        metrics_of(50.0, 60.0),
        pd.DataFrame({"RowId": [1]}),
        FACES,
        FACES,
        **{
            "5cl-3mpl.parameters": result.parameters.model_dump(),
            "5cl-3mpl.training": result.training,
            "5cl-3mpl.metrics": result.metrics,
        },
    )


def test_tabulate_study_compares_every_variant_with_the_paper():
    study = tabulate()
    assert set(study.trained()) == {"5cl-3mpl"}
    assert (study.faces, study.samples, study.synthetic) == (7049, 26239, True)
    assert [len(table) for table in list_tables(study)] == [16, 4, 3, 5, 0]


def test_tabulate_study_raises_input_error_for_another_split():
    with pytest.raises(InputError, match=r"\(by sample, now group\)"):
        tabulate(by="group")


def test_compared_variants_are_configured():
    assert {*POOLS_COMPARED, FINAL_MODEL} <= set(base_parameters().variants)


def test_plots_use_the_first_seed_of_the_papers_models():
    names = ("14cl-3mpl", "14cl-5mpl-seed1", "15cl-5mpl-drop10-seed3")
    study = study_of(dict.fromkeys(names, (1.0, 2.0)), seeds=[1, 3])
    trainings = {f"{name}.training": training_of(variant(name)) for name in names}
    pools = plot_pool_curves(study, **trainings)
    assert titles(pools) == ["14cl-3mpl"] * 2 + ["14cl-5mpl-seed1"] * 2
    assert titles(plot_final_curves(study, CHAMPION, **trainings)) == [names[2]] * 2


def test_plots_without_the_papers_models_use_the_champion_or_a_message(make_faces):
    study = study_of({"14cl-3mpl": (1.0, 2.0)})
    trainings = {"14cl-3mpl.training": training_of(variant("14cl-3mpl"))}
    message = plot_pool_curves(study, **trainings)
    assert [text.get_text() for text in message.texts] == [
        "Not plotted: needs 14cl-3mpl and 14cl-5mpl"
    ]
    assert titles(plot_final_curves(study, CHAMPION, **trainings)) == ["14cl-3mpl"] * 2
    predictions = {"14cl-3mpl.test_predictions": np.full((3, 15, 2), 40, np.float32)}
    sheet = plot_test_predictions(study, CHAMPION, make_faces(3), **predictions)
    assert titles(sheet)[:3] == [f"test image {i}" for i in range(3)]
