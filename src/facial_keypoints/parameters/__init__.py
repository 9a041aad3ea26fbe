"""Typed parameters: one class per section of ``conf/<env>/parameters*.yml``."""

from facial_keypoints.parameters.competition import CompetitionParameters
from facial_keypoints.parameters.root import ENSEMBLE, Parameters
from facial_keypoints.parameters.sections import (
    AugmentParameters,
    CleanParameters,
    DataCheck,
    DownloadParameters,
    EvaluateParameters,
    ExportParameters,
    PredictParameters,
    RandomTransformParameters,
    SplitParameters,
    SyntheticParameters,
    TrainParameters,
    UploadParameters,
)
from facial_keypoints.parameters.study import (
    PaperRow,
    PaperTable,
    StudyParameters,
    VariantParameters,
    base_variant,
    scale_variant,
)

__all__ = [
    "ENSEMBLE",
    "AugmentParameters",
    "CleanParameters",
    "CompetitionParameters",
    "DataCheck",
    "DownloadParameters",
    "EvaluateParameters",
    "ExportParameters",
    "PaperRow",
    "PaperTable",
    "Parameters",
    "PredictParameters",
    "RandomTransformParameters",
    "SplitParameters",
    "StudyParameters",
    "SyntheticParameters",
    "TrainParameters",
    "UploadParameters",
    "VariantParameters",
    "base_variant",
    "scale_variant",
]
