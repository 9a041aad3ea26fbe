"""The submission: its format, its check, and its score where the true values are known."""

import logging
import math
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.archive.csv_rows import table_rows
from facial_keypoints.archive.lookup import select_requested
from facial_keypoints.errors import InputError
from facial_keypoints.formatting import quote
from facial_keypoints.keypoints import IMAGE_SIZE, NUM_KEYPOINTS
from facial_keypoints.parameters import ENSEMBLE

logger = logging.getLogger(__name__)

COMPETE: Final = "kedro run --pipeline=compete --from-nodes=make_submission"
"""Writes the submission of the competition's ensemble again."""

SUBMISSION_COLUMNS: Final = ("RowId", "Location")
"""The columns of Kaggle's SampleSubmission.csv."""


@dataclass(frozen=True)
class SubmissionScore:
    """The score of a submission against an answer key.

    Attributes:
        rmse: Kaggle's score, RMSE in pixels; None without an answer key.
        mean_face_rmse: The same for predicting the mean face in every image.
        num_values: Number of scored values.
    """

    rmse: float | None = None
    mean_face_rmse: float | None = None
    num_values: int = 0


@dataclass(frozen=True)
class SubmissionRecord:
    """Where a submission comes from.

    Attributes:
        fingerprint: Of its values (see ``submission_fingerprint``).
        mlflow_run_id: The run that gets its score: of the model, or of the session that sends a
            file of the user's own; None where MLflow was unreachable.
        model: Name of the variant that wrote it; None for a file of the user's own.
        file: Path of that file.
    """

    fingerprint: str
    mlflow_run_id: str | None
    model: str | None = None
    file: str | None = None

    @property
    def source(self) -> str:
        """What wrote it, for descriptions."""
        return f"own file {Path(self.file).name}" if self.file else str(self.model)

    @property
    def upload_command(self) -> str:
        """The command that sends it."""
        own = f" --params upload.file={self.file}" if self.file else ""
        return f"kedro run --pipeline=upload{own}"

    @property
    def write_command(self) -> str:
        """The command that writes it again."""
        if self.file:
            return self.upload_command
        return COMPETE if self.model == ENSEMBLE else "kedro run --pipeline=submit"


def format_submission(
    predictions: npt.NDArray[np.floating],
    image_ids: npt.NDArray[np.integer],
    lookup: pd.DataFrame,
) -> pd.DataFrame:
    """Return predictions in Kaggle's submission format.

    Args:
        predictions: Float (t, 15, 2), in pixels.
        image_ids: Int (t,), the ImageId of each test image.
        lookup: The lookup table: RowId, ImageId and FeatureName.

    Returns:
        RowId (int) and Location (float, pixels), in the order of the lookup table. Locations are
        clipped to [0, 96], which contains every label; infinite ones become NaN.

    Raises:
        InputError: if the predictions are of other images, or the lookup table requests an unknown
            image or coordinate.

    Example:
        >>> lookup = pd.DataFrame({"RowId": [1], "ImageId": [7], "FeatureName": ["nose_tip_y"]})
        >>> format_submission(np.full((1, 15, 2), 50.5), np.array([7]), lookup)
           RowId  Location
        0      1      50.5
    """
    if predictions.shape != (len(image_ids), NUM_KEYPOINTS, 2):
        raise InputError(
            f"there are predictions for {len(predictions):,} images, but {len(image_ids):,} test "
            f"images, of {NUM_KEYPOINTS} x 2 values each (shape {predictions.shape}); run "
            "kedro run --pipeline=evaluate again, with the same --env and --params"
        )
    location = select_requested(predictions, image_ids, lookup)
    location[np.isinf(location)] = np.nan  # clipping would turn it into a valid coordinate
    return pd.DataFrame(
        {"RowId": lookup["RowId"].to_numpy(), "Location": location.clip(0, IMAGE_SIZE)}
    )


def read_submission(stream: IO[bytes], name: str) -> pd.DataFrame:
    """Read a submission as strictly as Kaggle does, and name the first fault.

    Args:
        stream: Bytes of the CSV file: RowId and Location, in any order of columns and rows.
        name: The file's name, for messages.

    Returns:
        RowId (int; ``1.0`` is read as 1) and Location (float, pixels; NaN where blank).

    Raises:
        InputError: if a column is missing or unknown, or a value is not a number.
    """
    rows = [cells for _, cells in table_rows(stream, name, SUBMISSION_COLUMNS)]
    texts = pd.DataFrame(rows, columns=list(SUBMISSION_COLUMNS))
    row_id, location = (texts[column].map(_number) for column in SUBMISSION_COLUMNS)
    is_whole = (row_id >= 1) & (row_id == row_id.round()) & (row_id < 2**31)
    _refuse_rows(name, texts["RowId"], ~is_whole, "RowId is {}; expected a positive integer")
    if texts["RowId"].str.contains(".", regex=False).any():
        logger.info("%s: RowIds such as %s are read as whole numbers", name, texts["RowId"].iloc[0])
    is_text = location.isna() & ~texts["Location"].str.lower().isin(["", "nan"])
    _refuse_rows(
        name, texts["Location"], is_text, "Location is {}; expected a number, with a decimal point"
    )
    return pd.DataFrame({"RowId": row_id.astype("int64"), "Location": location.astype(float)})


def check_submission(
    submission: pd.DataFrame, lookup: pd.DataFrame, name: str, remedy: str
) -> pd.DataFrame:
    """Check that Kaggle will accept a submission.

    Args:
        submission: RowId and Location (pixels).
        lookup: The lookup table: RowId, ImageId and FeatureName.
        name: What the submission is, for messages.
        remedy: What to do about a fault.

    Returns:
        The submission in the order of the lookup table.

    Raises:
        InputError: if RowIds are missing, repeated or unknown, or Locations are not pixels in
            [0, 96].
    """
    given, location, requested = submission["RowId"], submission["Location"], lookup["RowId"]
    after = f". {remedy}"
    _refuse_rows(name, given, given.duplicated(), "RowId {} occurs in an earlier row", after)
    unknown = ~given.isin(requested)
    _refuse_rows(name, given, unknown, "RowId {} is not in the lookup table", after)
    missing = requested[~requested.isin(given)]
    if not missing.empty:
        raise InputError(
            f"{name}: {len(missing):,} of the {len(requested):,} RowIds in the lookup table are "
            f"missing, the first is {missing.iloc[0]}{after}"
        )
    invalid = ~location.between(0, IMAGE_SIZE)  # also true for NaN
    problem = f"Location is {{}}; expected pixels from 0 to {IMAGE_SIZE}"
    _refuse_rows(name, location, invalid, problem, after)
    if location.max() <= 1:
        raise InputError(
            f"{name}: all Locations lie between 0 and 1; expected pixels from 0 to {IMAGE_SIZE}"
            f"{after}"
        )
    if (given.to_numpy() != requested.to_numpy()).any():
        logger.info("%s: rows sorted as in the lookup table", name)
    return submission.set_index("RowId").loc[requested].reset_index()


def submission_fingerprint(submission: pd.DataFrame) -> str:
    """Return twelve hexadecimal digits that identify the values, in any order of rows."""
    table = submission.sort_values("RowId")
    values = table["RowId"].to_numpy(np.int64), table["Location"].to_numpy(np.float32)
    return sha256(b"".join(array.tobytes() for array in values)).hexdigest()[:12]


def check_unchanged(submission: pd.DataFrame, record: SubmissionRecord) -> None:
    """Check that a submission is the one that its record describes.

    Args:
        submission: RowId and Location (pixels).
        record: Names the model that wrote it.

    Raises:
        InputError: if a value was changed since.
    """
    now = submission_fingerprint(submission)
    if now != record.fingerprint:
        raise InputError(
            f"submission.csv was changed after {record.source} wrote it (fingerprint {now}, not "
            f"{record.fingerprint}). Write it again: {record.write_command}, with the same --env "
            "and --params; or send it as a file of your own: kedro run --pipeline=upload --params "
            "upload.file=PATH"
        )


def _number(text: str) -> float:
    try:
        if "_" in text or not text.isascii():  # Python reads 1_0 as 10
            return math.nan
        return float(text)
    except ValueError:
        return math.nan


def _refuse_rows(
    name: str, values: pd.Series, wrong: pd.Series, problem: str, remedy: str = ""
) -> None:
    """Raise an InputError that names the first wrong row, if there is one."""
    if not wrong.any():
        return
    position = int(wrong.to_numpy().argmax())
    count = int(wrong.sum())
    more = f" ({count - 1:,} more rows have such a fault)" if count > 1 else ""
    value = values.iloc[position]
    if isinstance(value, str):
        value = quote(value) if value else None
    shown = "missing" if pd.isna(value) else value
    raise InputError(f"{name}, row {position + 1}: {problem.format(shown)}{more}{remedy}")


def submission_rmse(submission: pd.DataFrame, answer_key: pd.DataFrame) -> float:
    """Return the competition's score of a submission: the RMSE in pixels.

    Args:
        submission: RowId and Location (pixels).
        answer_key: RowId and the true Location (pixels).

    Raises:
        InputError: if the submission lacks a row of the answer key.
    """
    both = answer_key.merge(submission, on="RowId", suffixes=("_true", ""), how="left")
    if both["Location"].isna().any():
        missing = int(both.loc[both["Location"].isna(), "RowId"].iloc[0])
        raise InputError(
            f"the submission lacks RowId {missing} of the answer key; they belong to different "
            "competitions: run kedro run --pipeline=full again"
        )
    return float(np.sqrt(np.square(both["Location"] - both["Location_true"]).mean()))
