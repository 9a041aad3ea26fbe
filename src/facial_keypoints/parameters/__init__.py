"""Every parameter of the project, typed, with its bounds and its meaning (see also
``parameter_checks``).
"""

from facial_keypoints.parameters.competition import (
    CompetitionParameters,
    RandomTransformParameters,
    RecipeParameters,
)
from facial_keypoints.parameters.stages import (
    AugmentParameters,
    CleanParameters,
    DownloadParameters,
    EvaluateParameters,
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
)
from facial_keypoints.parameters.whole import Parameters

__all__ = [
    "AugmentParameters",
    "CleanParameters",
    "CompetitionParameters",
    "DownloadParameters",
    "EvaluateParameters",
    "PaperRow",
    "PaperTable",
    "Parameters",
    "RandomTransformParameters",
    "RecipeParameters",
    "SplitParameters",
    "StudyParameters",
    "SyntheticParameters",
    "TrainParameters",
    "UploadParameters",
    "VariantParameters",
    "base_variant",
]
