"""Every parameter of the project, typed, with its bounds and its meaning (see also
``parameter_checks``).
"""

from facial_keypoints.parameters.competition import (
    CompetitionParameters,
    DistortionParameters,
    RecipeParameters,
)
from facial_keypoints.parameters.stages import (
    AugmentParameters,
    CleanParameters,
    DownloadParameters,
    DrawnParameters,
    EvaluateParameters,
    SplitParameters,
    TrainParameters,
    UploadParameters,
)
from facial_keypoints.parameters.study import (
    PaperRow,
    PaperTable,
    StudyParameters,
    VariantParameters,
    row_of,
)
from facial_keypoints.parameters.whole import Parameters

__all__ = [
    "AugmentParameters",
    "CleanParameters",
    "CompetitionParameters",
    "DistortionParameters",
    "DownloadParameters",
    "DrawnParameters",
    "EvaluateParameters",
    "PaperRow",
    "PaperTable",
    "Parameters",
    "RecipeParameters",
    "SplitParameters",
    "StudyParameters",
    "TrainParameters",
    "UploadParameters",
    "VariantParameters",
    "row_of",
]
