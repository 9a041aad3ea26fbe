"""Nodes of the study pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from pydantic import TypeAdapter

from facial_keypoints.augmentation.offline import AugmentationSummary
from facial_keypoints.evaluation.records import Champion, VariantMetrics
from facial_keypoints.evaluation.splits import SplitSummary
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import (
    PaperRow,
    SplitParameters,
    StudyParameters,
    VariantParameters,
)
from facial_keypoints.pipelines import by_variant
from facial_keypoints.plotting.curves import draw_loss_and_accuracy
from facial_keypoints.plotting.faces import draw_faces
from facial_keypoints.plotting.study import draw_message
from facial_keypoints.study.claims import POOLS_COMPARED
from facial_keypoints.study.comparison import compare_with_paper
from facial_keypoints.study.records import StudyResult
from facial_keypoints.study.results import VariantResult, check_results
from facial_keypoints.study.tables import TABLES, table_frame
from facial_keypoints.training.records import Training
from facial_keypoints.training.study_plan import StudyPlan

FINAL_MODEL: Final = "15cl-5mpl-drop10"
"""Variant of the paper's Figures 3 and 4."""
_TEST_FACES: Final = 8
_PAPER: Final = TypeAdapter(dict[str, list[PaperRow]])


def tabulate_study(
    paper: Mapping[str, Sequence[Any]],
    study: StudyParameters,
    plan: StudyPlan,
    split: SplitParameters,
    split_summary: SplitSummary,
    augmentation_summary: AugmentationSummary,
    mean_face_metrics: VariantMetrics,
    answer_key: pd.DataFrame,
    train: FaceSet,
    validation: FaceSet,
    **inputs: Any,
) -> StudyResult:
    """Compare the losses of all trained variants with those of the paper's tables.

    Args:
        paper: The paper's rows by table.
        study: The seeds.
        plan: The scale.
        split: The parameters that the split must have had.
        split_summary: Of the split that the results are of.
        augmentation_summary: Number of samples before and after augmentation.
        mean_face_metrics: Metrics of predicting the mean training face.
        answer_key: Not empty where the faces are synthetic.
        train: The training set.
        validation: The validation set.
        inputs: "parameters", "training" and "metrics" of every variant.

    Raises:
        InputError: if a set, a training or its metrics are of an earlier configuration.
    """
    trainings, metrics = by_variant(inputs, "training"), by_variant(inputs, "metrics")
    results = {
        name: VariantResult(
            plan.apply(VariantParameters.model_validate(parameters)), trainings[name], metrics[name]
        )
        for name, parameters in by_variant(inputs, "parameters").items()
    }
    check_results(results, train, validation, split_summary, split, plan.scale)
    return compare_with_paper(
        _PAPER.validate_python(paper),
        study,
        plan,
        split_summary,
        augmentation_summary,
        mean_face_metrics,
        not answer_key.empty,
        train,
        results,
    )


def list_tables(study: StudyResult) -> tuple[pd.DataFrame, ...]:
    """Return the study's rows as tables: the paper's Tables 3 to 5, its text, and others."""
    return tuple(table_frame(study.tables.get(table, [])) for table in TABLES)


def plot_pool_curves(study: StudyResult, **inputs: Training) -> Figure:
    """Plot the curves of 14 convolutions with three and with five max-pools.

    Args:
        study: Names the trainings.
        inputs: "training" of every variant.

    Source:
        The paper, Figure 2.
    """
    names = [name for name in map(study.first_training, POOLS_COMPARED) if name]
    if len(names) < len(POOLS_COMPARED):
        return draw_message(f"needs {' and '.join(POOLS_COMPARED)}")
    trainings = by_variant(inputs, "training")
    return draw_loss_and_accuracy({name: trainings[name].history for name in names})


def plot_final_curves(study: StudyResult, champion: Champion, **inputs: Training) -> Figure:
    """Plot the curves of the paper's final model; of the champion if that is not trained.

    Args:
        study: Names the training of the final model.
        champion: Names the variant to plot otherwise.
        inputs: "training" of every variant.

    Source:
        The paper, Figure 3.
    """
    name = study.first_training(FINAL_MODEL) or champion.variant
    return draw_loss_and_accuracy({name: by_variant(inputs, "training")[name].history})


def plot_test_predictions(
    study: StudyResult, champion: Champion, test: FaceSet, **inputs: npt.NDArray[np.float32]
) -> Figure:
    """Plot predictions of the same model as in Figure 3 on the first test images.

    Args:
        study: Names the training of the final model.
        champion: Names the variant to plot otherwise.
        test: Kaggle's test set, which has no labels.
        inputs: "test_predictions" of every variant.

    Source:
        The paper, Figure 4.
    """
    name = study.first_training(FINAL_MODEL) or champion.variant
    return draw_faces(
        test.images[:_TEST_FACES],
        [f"test image {image_id}" for image_id in test.group[:_TEST_FACES]],
        predicted=by_variant(inputs, "test_predictions")[name][:_TEST_FACES],
        heading=name,
        columns=4,
    )
