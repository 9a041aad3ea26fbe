import json
import logging

import numpy as np
import pandas as pd
import pytest
from spots import bright_spots, variant

from facial_keypoints.errors import StorageError
from facial_keypoints.framework.datasets import TrainingDataset, TrainingFolderDataset
from facial_keypoints.framework.datasets.training_folder import CheckpointFile
from facial_keypoints.training.trainer import batches, fit_variant

FRAGILE = {
    "epochs": 7,
    "learning_rate": 0.02,
    "deterministic": True,
    "reduce_on_plateau": {"factor": 0.5, "patience": 1},
}


class PowerCutError(Exception):
    """As if it had been cut."""


def cut_after(epoch):
    """A Keras callback that ends the process' work in the middle of the epoch after this one."""
    import keras

    class Cut(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 10 * epoch + 3:
                raise PowerCutError

    return Cut()


@pytest.fixture(scope="module")
def spots():
    return bright_spots(160), bright_spots(32, seed=1)


@pytest.fixture
def file(tmp_path):
    return CheckpointFile(str(tmp_path / "unfinished.npz"))


@pytest.fixture(scope="module")
def whole(spots):
    return fit_variant(dropping(**FRAGILE), *spots, callbacks=[])


def dropping(**train):
    """A variant with dropout and batch normalisation: random states, and moving statistics."""
    tiny = variant(**train)
    return tiny.model_copy(update={"settings": tiny.settings | {"dropout": 0.2}})


@pytest.mark.fault(
    "Killed", "in mid-epoch, with the state of each epoch kept", "goes on; same curve and weights"
)
@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param([1], marks=pytest.mark.long),
        pytest.param([4], marks=pytest.mark.long),
        pytest.param([6], marks=pytest.mark.long),
        [2, 3, 5],
    ],
)
def test_an_interrupted_training_ends_as_if_it_had_not_been(spots, file, whole, cuts, capsys):
    for epoch in cuts:
        with pytest.raises(PowerCutError):
            fit_variant(dropping(**FRAGILE), *spots, [cut_after(epoch)], file)
    resumed = fit_variant(dropping(**FRAGILE), *spots, [], file)
    assert resumed.record["interrupted_after_epochs"] == cuts
    assert (
        whole.history["learning_rate"].min() < FRAGILE["learning_rate"]
    )  # the schedule is among what is kept
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    for ours, theirs in zip(
        resumed.load_model().get_weights(), whole.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    for same in ("epochs", "steps", "best_epoch", "ended_by", "parameters"):
        assert resumed.record[same] == whole.record[same]


def test_a_training_that_had_ended_is_not_gone_on_with(spots, file):
    stuck = variant(epochs=50, learning_rate=1e-12, early_stopping_patience=2, start_at_mean=False)
    first = fit_variant(stuck, *spots, [], file)
    again = fit_variant(stuck, *spots, [], file)
    assert again.record["ended_by"] == first.record["ended_by"] == "early stopping"
    assert again.record["epochs"] == first.record["epochs"] < 50
    for ours, theirs in zip(
        again.load_model().get_weights(), first.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_time_budget_counts_what_was_trained_before(spots, file):
    budgeted = variant(epochs=10**6, max_minutes=3 / 60, early_stopping_patience=10**6)
    first = fit_variant(budgeted, *spots, [], file)
    assert first.record["ended_by"] == "time budget"
    again = fit_variant(budgeted, *spots, [], file)
    assert again.record["epochs"] == first.record["epochs"]
    assert again.record["ended_by"] == "time budget"


@pytest.mark.fault(
    "Killed", "the kept state is damaged, or of another network", "told; training begins anew"
)
@pytest.mark.parametrize(
    "damage",
    [
        "flipped",
        *(
            pytest.param(damage, marks=pytest.mark.long)
            for damage in ("cut", "empty", "other network", "other file")
        ),
    ],
)
def test_a_state_that_cannot_be_used_is_left_aside(spots, file, whole, damage, caplog, tmp_path):
    with pytest.raises(PowerCutError):
        fit_variant(dropping(**FRAGILE), *spots, [cut_after(2)], file)
    path = tmp_path / "unfinished.npz"
    content = path.read_bytes()
    half = len(content) // 2
    if damage == "other network":
        wide = dropping(**FRAGILE)
        wide.settings["width"] = 0.2
        with pytest.raises(PowerCutError):
            fit_variant(wide, *spots, [cut_after(3)], CheckpointFile(f"{tmp_path}/w.npz"))
        (tmp_path / "w.npz").replace(path)
    elif damage == "other file":
        np.savez(path, facts=np.asarray("{}"))
    else:
        path.write_bytes(
            {
                "cut": content[:half],
                "flipped": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
                "empty": b"",
            }[damage]
        )
    caplog.set_level(logging.WARNING)
    again = fit_variant(dropping(**FRAGILE), *spots, [], file)
    assert "training begins anew" in caplog.text
    pd.testing.assert_frame_equal(again.history, whole.history, check_exact=True)


@pytest.mark.fault("Disk", "full while the state of an epoch is written", "training goes on; told")
def test_training_goes_on_where_its_state_cannot_be_kept(spots, whole, caplog, tmp_path):
    (tmp_path / "no-folder").write_text("a file where the folder should be")
    file = CheckpointFile(str(tmp_path / "no-folder" / "unfinished.npz"))
    training = fit_variant(dropping(**FRAGILE), *spots, [], file)
    assert caplog.text.count("could not keep its state after epoch 1") == 1
    pd.testing.assert_frame_equal(training.history, whole.history, check_exact=True)


@pytest.mark.fault("Disk", "full while one epoch's state is written", "the next epoch's is kept")
def test_a_state_that_could_not_be_kept_is_kept_after_the_next_epoch(spots, file, monkeypatch):
    save, saved = CheckpointFile.save, []

    def fail_once(self, state):
        saved.append(state)
        if len(saved) == 2:
            raise StorageError("no space")
        save(self, state)

    monkeypatch.setattr(CheckpointFile, "save", fail_once)
    with pytest.raises(PowerCutError):
        fit_variant(dropping(**FRAGILE), *spots, [cut_after(4)], file)
    assert len(json.loads(str(file.load()["facts"]))["epochs"]) == 4


@pytest.mark.fault(
    "Training", "memory does not suffice after some epochs", "next time goes on after them"
)
def test_a_lack_of_memory_costs_no_epochs(spots, tmp_path):
    import keras
    import tensorflow as tf

    class OutOfMemory(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                tf.zeros([10**6, 10**6, 100])

    trainings = TrainingDataset(filepath=str(tmp_path / "tiny"))
    state = TrainingFolderDataset(filepath=str(tmp_path / "tiny")).load().checkpoint("abc")
    failed = fit_variant(variant(epochs=3), *spots, [OutOfMemory()], state)
    assert failed.failure
    failed.record.update(fingerprint="abc")
    trainings.save(failed)
    again = fit_variant(variant(epochs=3), *spots, [], state)
    assert again.record["interrupted_after_epochs"] == [2]
    again.record.update(fingerprint="abc")
    trainings.save(again)
    assert trainings.load().failure is None
    assert not state.exists()


def test_every_epoch_shows_every_sample_once_in_an_order_of_its_own(spots):
    faces = spots[0].select(np.arange(50))
    how = variant(seed=3).train
    seen = [batch[1].numpy()[:, 0] for batch in batches(faces, 16, range(3), how)]
    epochs = [np.concatenate(seen[start : start + 4]) for start in (0, 4, 8)]
    for epoch in epochs:
        assert sorted(epoch) == sorted(faces.keypoints[:, 0, 0])
    assert not np.array_equal(epochs[0], epochs[1])
    later = [batch[1].numpy()[:, 0] for batch in batches(faces, 16, range(2, 3), how)]
    np.testing.assert_array_equal(np.concatenate(later), epochs[2])
    fixed = how.model_copy(update={"shuffle": False})
    in_turn = [batch[1].numpy()[:, 0] for batch in batches(faces, 16, range(1), fixed)]
    np.testing.assert_array_equal(np.concatenate(in_turn), faces.keypoints[:, 0, 0])


@pytest.mark.fault("Training", "loss no number", "the variant fails, with its epoch and step")
def test_a_training_whose_loss_is_no_number_fails(spots):
    training = fit_variant(variant(epochs=3, learning_rate=1e30), *spots, [])
    assert "loss became nan in epoch 1" in training.failure
    assert training.is_final
    assert training.record["ended_by"] == "failure"
    assert training.load_model() is None


@pytest.mark.fault("Training", "loss explodes", "the variant fails, with its epoch")
def test_a_training_whose_loss_explodes_fails(spots):
    wild = variant(epochs=30, learning_rate=100.0)
    training = fit_variant(wild, *spots, [])
    assert training.failure is not None
    assert "the loss became" in training.failure
    assert "nan" not in training.failure
    assert "inf" not in training.failure


@pytest.mark.fault("Training", "memory does not suffice", "the variant fails; next time anew")
def test_a_training_without_enough_memory_fails_and_may_be_tried_again(spots):
    huge = variant(epochs=1)
    huge.settings.update(dense_layers=2, dense_units=10**9)
    training = fit_variant(huge, *spots, [])
    assert "memory did not suffice (OOM when allocating tensor" in training.failure
    assert not training.is_final
