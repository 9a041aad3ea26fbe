"""The trainings of a variant."""

from collections.abc import Mapping
from typing import Any, Final

from kedro_datasets._typing import PlotlyPreview
from pydantic import TypeAdapter

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.framework.datasets.atomic import FileDataset
from facial_keypoints.framework.datasets.training_folder import TrainingFolder
from facial_keypoints.framework.read_errors import read_errors
from facial_keypoints.framework.storage import filesystem
from facial_keypoints.plotting.charts import chart_loss
from facial_keypoints.training.records import Training

_CHAMPION: Final = TypeAdapter(Champion)


class TrainingDataset(FileDataset):
    """The training of the last run in a variant's folder (see ``TrainingFolder``)."""

    def load(self) -> Training:
        """Return the training of the last run.

        Raises:
            InputError: if the variant has not been trained yet, or its files cannot be read.
        """
        return TrainingFolder(self._fs, self._filepath).current()

    def save(self, data: Training) -> None:
        """Save the training as that of the last run.

        Raises:
            InputError: if it cannot be written.
        """
        TrainingFolder(self._fs, self._filepath).save(data)

    def preview(self) -> PlotlyPreview:
        """Return the loss of each epoch as a Plotly chart for Kedro-Viz."""
        training = self.load()
        return PlotlyPreview(chart_loss(training.history, training.record.variant))

    def _exists(self) -> bool:
        return TrainingFolder(self._fs, self._filepath).has_current()


class TrainingFolderDataset(FileDataset):
    """A variant's folder, for the earlier trainings and checkpoints that training reads."""

    def load(self) -> TrainingFolder:
        """Return the folder."""
        return TrainingFolder(self._fs, self._filepath)

    def save(self, data: TrainingFolder) -> None:
        """Copy another folder; the dataset's own folder is what it is already."""
        if data.path != self._filepath:
            self._fs.copy(str(data.path), str(self._filepath), recursive=True)


class ChampionTrainingDataset(FileDataset):
    """The training of the champion, whichever variant it is. It can only be loaded.

    Args:
        filepath: The file that names the champion.
        trainings: ``{filepath: ...}`` of the folder of all variants' folders; Kedro adds the
            project's folder to values of this name.
        metadata: As ``FileDataset``.
        credentials: The same.
    """

    def __init__(
        self,
        *,
        filepath: str,
        trainings: Mapping[str, str],
        metadata: dict[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata, credentials=credentials)
        self._trainings = filesystem(trainings["filepath"], credentials)[1]

    def load(self) -> Training:
        """Return the training of the champion.

        Raises:
            InputError: if there is no champion, or its files cannot be read.
        """
        with read_errors(self.location):
            if not self._fs.exists(str(self._filepath)):
                raise InputError(
                    f"{self.location}: file not found: there is no champion yet; train one, with "
                    "the same --env: kedro run --pipeline=compete --params competition.minutes=15 "
                    "(or make demo, then add --env=demo to this command)"
                )
            champion = _CHAMPION.validate_json(self._fs.cat_file(str(self._filepath)))
        folder = TrainingFolder(self._fs, self._trainings / champion.variant)
        return folder.training(champion.fingerprint)

    def save(self, data: Training) -> None:
        """Refuse: the champion is selected, not saved."""
        raise NotImplementedError("save the variant's training and the champion instead")
