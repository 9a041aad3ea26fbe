"""Join data of the test images with IdLookupTable.csv, which lists the requested values.

``lookup`` has the columns RowId, ImageId and FeatureName, as ``tables.read_lookup_table`` returns
them.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from facial_keypoints.errors import InputError
from facial_keypoints.keypoints import COORDINATE_COLUMNS, POPULATION_B_POINTS, POPULATIONS


def select_requested(
    values: npt.NDArray[np.floating], image_ids: npt.NDArray[np.integer], lookup: pd.DataFrame
) -> npt.NDArray[np.float64]:
    """Return the value that each row of the lookup table requests.

    Args:
        values: Float (t, 15, 2), one value per coordinate of each test image.
        image_ids: Int (t,), the ImageId of each test image.
        lookup: The lookup table, m rows.

    Returns:
        Float64 (m,), in the order of the lookup table.

    Raises:
        InputError: if a row requests an unknown image or coordinate.

    Example:
        >>> lookup = pd.DataFrame({"RowId": [1], "ImageId": [7], "FeatureName": ["nose_tip_y"]})
        >>> values = np.arange(60.0).reshape(2, 15, 2)
        >>> select_requested(values, np.array([3, 7]), lookup).tolist()
        [51.0]
    """
    image = pd.Index(image_ids).get_indexer(pd.Index(lookup["ImageId"]))
    column = pd.Index(COORDINATE_COLUMNS).get_indexer(pd.Index(lookup["FeatureName"]))
    unknown = (image < 0) | (column < 0)
    if unknown.any():
        row = lookup[unknown].iloc[0]
        raise InputError(
            f"the lookup table's RowId {row['RowId']} requests {row['FeatureName']} of ImageId "
            f"{row['ImageId']}, which the test set does not contain; run kedro run "
            "--pipeline=clean again"
        )
    return np.asarray(values.reshape(len(values), -1)[image, column], np.float64)


def lookup_populations(lookup: pd.DataFrame) -> pd.Series:
    """Return the population of each requested image, by its requested keypoints.

    An image belongs to B if only the four keypoints of population B are requested.

    Returns:
        Int8 indices into ``keypoints.POPULATIONS``, indexed by ImageId.
    """
    keypoint = lookup["FeatureName"].str[:-2]
    only_b = keypoint.isin(POPULATION_B_POINTS).groupby(lookup["ImageId"]).all()
    return only_b.astype("int8").rename("population")


def requested_values(lookup: pd.DataFrame) -> dict[str, int]:
    """Return the number of requested values of each population, by its name."""
    population = _row_populations(lookup)
    return {name: int((population == code).sum()) for code, name in enumerate(POPULATIONS)}


def mean_requested(
    values: npt.NDArray[np.floating], image_ids: npt.NDArray[np.integer], lookup: pd.DataFrame
) -> dict[str, float]:
    """Return the mean of the requested values of each population, by its name.

    Args:
        values: Float (t, 15, 2), one value per coordinate of each test image.
        image_ids: Int (t,), the ImageId of each test image.
        lookup: The lookup table.

    Returns:
        The means; NaN for a population without requested values.

    Raises:
        InputError: if a row requests an unknown image or coordinate.
    """
    requested = select_requested(values, image_ids, lookup)
    population = _row_populations(lookup)
    return {
        name: float(requested[population == code].mean()) if (population == code).any() else np.nan
        for code, name in enumerate(POPULATIONS)
    }


def _row_populations(lookup: pd.DataFrame) -> npt.NDArray[np.int8]:
    return lookup["ImageId"].map(lookup_populations(lookup)).to_numpy(np.int8)
