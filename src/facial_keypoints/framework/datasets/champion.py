"""The champion, whichever pipeline selected it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from kedro.io import DatasetError

from facial_keypoints.evaluation.champion import ChampionModel, UnseenFaces
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.framework.datasets.arrays import FaceSetDataset
from facial_keypoints.framework.datasets.atomic import FileDataset
from facial_keypoints.framework.datasets.records import RecordDataset
from facial_keypoints.framework.datasets.standard import AtomicCSVDataset
from facial_keypoints.framework.datasets.trainings import ChampionTrainingDataset
from facial_keypoints.framework.read_errors import read_errors
from facial_keypoints.framework.storage import location
from facial_keypoints.label_audit.audit import flagged_keypoints
from facial_keypoints.pipelines.compete import ENSEMBLE


class ChampionDataset(FileDataset):
    """The champion with its model. It is read only: other datasets write its files.

    The other files are given as ``{filepath: ...}``, for Kedro to add the project's folder.

    Args:
        filepath: Of the champion's record.
        trainings: Folder of the trainings, one folder per variant.
        holdout_faces: Of the study, which its variants were not trained on.
        labelled_faces: Of the competition, with ``folds``, ``ensemble_members`` and
            ``label_issues``: a member was not trained on the faces of its fold.
        folds: File of the dataset of that name.
        ensemble_members: The same.
        label_issues: The same.
        metadata: For Kedro-Viz.
        credentials: Of a remote file system, for all files.
    """

    def __init__(
        self,
        *,
        filepath: str,
        trainings: Mapping[str, str],
        holdout_faces: Mapping[str, str],
        labelled_faces: Mapping[str, str],
        folds: Mapping[str, str],
        ensemble_members: Mapping[str, str],
        label_issues: Mapping[str, str],
        metadata: dict[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata, credentials=credentials)
        own: dict[str, Any] = {"credentials": credentials}
        record = f"{Champion.__module__}.{Champion.__name__}"
        self._champion = RecordDataset(record=record, filepath=filepath, **own)
        self._training = ChampionTrainingDataset(filepath=filepath, trainings=trainings, **own)
        self._holdout = FaceSetDataset(filepath=holdout_faces["filepath"], **own)
        self._labelled = FaceSetDataset(filepath=labelled_faces["filepath"], **own)
        self._issues = AtomicCSVDataset(filepath=label_issues["filepath"], **own)
        self._folds = PurePosixPath(self._fs._strip_protocol(folds["filepath"]))
        self._members = PurePosixPath(self._fs._strip_protocol(ensemble_members["filepath"]))

    def load(self) -> ChampionModel:
        """Return the champion.

        Raises:
            InputError: If there is none yet, or its files cannot be read.
        """
        training, champion = self._training.load(), self._champion.load()
        load = self._ensemble_unseen if champion.variant == ENSEMBLE else self._variant_unseen
        return ChampionModel(champion, training, load)

    def save(self, data: ChampionModel) -> None:
        """Refuse: the datasets ``champion`` and ``{variant}.training`` hold the same.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError("ChampionDataset is read only")

    def _variant_unseen(self) -> UnseenFaces:
        faces = self._holdout.load()
        faces = faces.select(~faces.augmented)
        return UnseenFaces(faces, np.full(len(faces), -1, np.int64))

    def _ensemble_unseen(self) -> UnseenFaces:
        faces, issues = self._labelled.load(), self._issues.load()
        flagged = flagged_keypoints(issues, len(faces))[..., None]
        keypoints = np.where(flagged, np.nan, faces.keypoints).astype(np.float32)
        fold = self._array(self._folds, "fold")
        member = np.full(len(faces), -1, np.int64)
        for number, held_out in enumerate(self._array(self._members, "held_out").tolist()):
            member[fold == held_out] = number
        known = member >= 0
        return UnseenFaces(replace(faces, keypoints=keypoints).select(known), member[known])

    def _array(self, path: PurePosixPath, name: str) -> np.ndarray:
        """One array of a file of many, the others of which are large."""
        with (
            read_errors(location(self._fs, path)),
            self._fs.open(str(path), "rb") as file,
            np.load(file) as arrays,
        ):
            return np.asarray(arrays[name])
