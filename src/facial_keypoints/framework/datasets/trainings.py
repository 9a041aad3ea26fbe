"""The trainings of a variant."""

from facial_keypoints.framework.datasets.atomic import FileDataset
from facial_keypoints.framework.datasets.training_folder import TrainingFolder
from facial_keypoints.training.records import Training


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
