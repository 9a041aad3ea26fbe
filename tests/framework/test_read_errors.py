"""Data files that are truncated, empty, or replaced by something that would run code."""

import json
import pickle
import shutil
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.io import DatasetError
from trainings import make_record

from facial_keypoints.cli import user_message
from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets import (
    ArrayDataset,
    AtomicCSVDataset,
    FaceSetDataset,
    RecordDataset,
    TrainingDataset,
    TrainingFolderDataset,
)
from facial_keypoints.training.records import Training

CATALOG = yaml.safe_load((Path(__file__).parents[2] / "conf/base/catalog.yml").read_text())
AGAIN = "reported, with the file and the pipeline to run again"
SessionDataset = partial(RecordDataset, record="facial_keypoints.training.session.Session")
CODE = "Code in a model or an array: pickles, Lambda layers, imports, file names that lead outside"
NEVER_RUN = "refused with the file's name; the code does not run"


def refusal(load):
    """Return the message that a user sees."""
    with pytest.raises((DatasetError, InputError)) as caught:
        load()
    message = user_message(caught.value)
    assert message is not None, caught.value
    assert "\n" not in message
    assert "cannot be read" in message
    assert "kedro run --pipeline=" in message
    assert len(message) < 700
    return message


class Payload:
    """Write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def written(tmp_path):
    """Return the file that every payload would write."""
    path = tmp_path / "written"
    yield path
    assert not path.exists()


# Arrays, tables, JSON


@pytest.mark.fault("Models", CODE, NEVER_RUN)
def test_pickles_in_arrays_are_not_loaded(tmp_path, written, make_faces):
    np.save(tmp_path / "a.npy", np.array([Payload(written)], dtype=object), allow_pickle=True)
    arrays = {**make_faces(2).arrays(), "images": np.array([Payload(written)], dtype=object)}
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Payload(written)))
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Payload(written)))
    for name in ("a.npy", "b.npy"):
        message = refusal(ArrayDataset(filepath=str(tmp_path / name)).load)
        assert message.startswith(f"{tmp_path / name}: cannot be read (ValueError: ")
    for name in ("a.npz", "b.npz"):
        message = refusal(FaceSetDataset(filepath=str(tmp_path / name)).load)
        assert message.startswith(f"{tmp_path / name}: cannot be read (ValueError: ")
    pickle.loads((tmp_path / "b.npy").read_bytes()).close()  # noqa: S301 (the payload is one)
    assert written.exists()
    written.unlink()


FAKES = {
    "empty": b"",
    "zeros": bytes(200),
    "text": b"not yet",
    "an endless array": b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(117)
    + b"\n",
    "an empty zip": b"PK\x05\x06" + bytes(18),
    "a list": b"[1, 2]",
    "half a dictionary": b'{"a": 1,',
    "not UTF-8": b'{"a": "\xff"}',
    "nested too deep": b"[" * 100_000,
}


@pytest.mark.fault("Models", "Results emptied, cut off or replaced by something else", AGAIN)
@pytest.mark.parametrize("fake", FAKES)
@pytest.mark.parametrize("kind", [ArrayDataset, FaceSetDataset, SessionDataset])
def test_load_raises_input_error_for_another_kind_of_file(tmp_path, kind, fake):
    path = tmp_path / "file"
    path.write_bytes(FAKES[fake])
    assert refusal(kind(filepath=str(path)).load).startswith(f"{path}: cannot be read (")


@pytest.mark.fault("Models", "Results emptied, cut off or replaced by something else", AGAIN)
def test_load_raises_input_error_for_faces_with_missing_or_wrong_arrays(tmp_path, make_faces):
    path = tmp_path / "faces.npz"
    arrays = make_faces(3).arrays()
    spoilt = [
        {name: array for name, array in arrays.items() if name != "group"},
        {**arrays, "more": arrays["group"]},
        {**arrays, "images": arrays["images"][:2]},
        {**arrays, "population": arrays["population"] + 9},
    ]
    for wrong in spoilt:
        np.savez(path, **wrong)
        assert str(path) in refusal(FaceSetDataset(filepath=str(path)).load)


@pytest.mark.fault("Models", "Results emptied, cut off or replaced by something else", AGAIN)
@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("metrics.json", "evaluate"),
        ("champion.json", "evaluate"),
        ("kaggle_receipt.json", "upload"),
        ("split_summary.json", "split"),
        ("faces.npz", "clean"),
        ("validation_predictions.npy", "evaluate"),
        ("submission.csv", "submit"),
    ],
)
def test_error_names_the_pipeline_that_writes_the_file(tmp_path, monkeypatch, name, stage):
    kinds = {
        ".json": SessionDataset,
        ".npz": FaceSetDataset,
        ".npy": ArrayDataset,
        ".csv": AtomicCSVDataset,
    }
    pipelines.configure("facial_keypoints.pipeline_registry")
    path = tmp_path / name
    path.write_bytes(b"")
    message = refusal(kinds[path.suffix](filepath=str(path)).load)
    assert message.startswith(f"{path}: cannot be read (")
    assert f"Write it again: kedro run --pipeline={stage}, with the same --env" in message


def test_files_have_the_names_of_their_datasets():
    """Errors find the pipeline that writes a corrupt file by its name."""
    for name, entry in CATALOG.items():
        if not entry["type"].endswith(
            (
                *("TrainingDataset", "TrainingFolderDataset", "ArchiveDataset", "BytesDataset"),
                *("ChampionDataset", "ChampionTrainingDataset", "OptionalRecordDataset"),
                *("PictureFolderDataset", "WorkersDataset"),
            )
        ) and (
            name != "study_page"  # study.html: of the same stage as study.json
            and not name.endswith("_if_any")  # the file of another dataset
        ):
            assert Path(entry["filepath"]).stem == name.rpartition(".")[2]


# Trainings


def keras_model(*layers):
    keras = pytest.importorskip("keras")
    return keras.Sequential([keras.Input((3,)), *(layers or [keras.layers.Dense(2)])])


@pytest.fixture(scope="module")
def sound_training(tmp_path_factory):
    """Return the folder of a variant with one training."""
    folder = tmp_path_factory.mktemp("models") / "net"
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [4.0, 3.5]})
    record = make_record(fingerprint="aaaa")
    TrainingDataset(filepath=str(folder)).save(Training(record, history, keras_model))
    return folder


@pytest.fixture
def trained(sound_training, tmp_path):
    return Path(shutil.copytree(sound_training, tmp_path / "net"))


def load_model(folder):
    return TrainingDataset(filepath=str(folder)).load().load_model()


def reconfigured(path, change, **more):
    """Rewrite a ``.keras`` file with a changed description of its dense layer."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["layers"][-1])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**members, "config.json": json.dumps(config), **more}.items():
            archive.writestr(name, data)


def from_module(module, name, **config):
    def change(layer):
        layer.update(module=module, class_name=name, registered_name=None)
        layer["config"] = config or layer["config"]

    return change


def activation(module, name):
    function = {"module": module, "class_name": "function", "config": name}
    return lambda layer: layer["config"].update(activation={**function, "registered_name": name})


CODE_IN_MODELS = {
    "a class of a module on the path": from_module("trap_module", "Trap"),
    "os.system": from_module("os", "system", command="touch written"),
    "subprocess": from_module("subprocess", "Popen", args=["touch", "written"]),
    "a download": from_module(
        "keras.utils", "get_file", fname="written", origin="file:///dev/null"
    ),
    "exec as activation": activation("builtins", "exec"),
    "a function of a module on the path": activation("trap_module", "trap"),
    "unsafe loading": from_module("keras.config", "enable_unsafe_deserialization"),
}


@pytest.mark.fault("Models", CODE, NEVER_RUN)
@pytest.mark.parametrize("code", CODE_IN_MODELS)
def test_code_named_in_a_model_does_not_run(trained, written, tmp_path, monkeypatch, code):
    (tmp_path / "trap_module.py").write_text(f"open({str(written)!r}, 'w').close()")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    model = trained / "aaaa" / "model.keras"
    load_model(trained)
    reconfigured(model, CODE_IN_MODELS[code])
    assert refusal(lambda: load_model(trained)).startswith(f"{model}: cannot be read (")
    assert "trap_module" not in sys.modules


@pytest.mark.fault("Models", CODE, NEVER_RUN)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layer_does_not_run(trained, written, tmp_path, suffix):
    keras = pytest.importorskip("keras")
    trap = keras.layers.Lambda(
        lambda x, path=str(written): (__import__("pathlib").Path(path).touch(), x)[1]
    )
    saved = tmp_path / f"trap{suffix}"
    keras_model(trap).save(saved)
    assert written.exists()  # so it does write it where it is run
    written.unlink()
    model = trained / "aaaa" / "model.keras"
    shutil.copyfile(saved, model)
    message = refusal(lambda: load_model(trained))
    assert message.startswith(f"{model}: cannot be read (")
    assert "safe_mode=False" not in message  # Keras' own words tell how to run it


@pytest.mark.fault("Models", CODE, NEVER_RUN)
def test_members_of_a_model_are_not_written_outside_its_folder(trained, tmp_path):
    (trained / "aaaa" / ".model.keras.sha256").unlink()
    before = {str(path) for path in tmp_path.parent.rglob("*")}
    outside = {"../../outside": b"x", str(tmp_path / "absolute"): b"x", "assets/../../up": b"x"}
    reconfigured(trained / "aaaa" / "model.keras", lambda _: None, **outside)
    load_model(trained)
    assert {str(path) for path in tmp_path.parent.rglob("*")} == before


@pytest.mark.fault("Models", CODE, NEVER_RUN)
def test_pickle_in_place_of_a_model_is_not_loaded(trained, written):
    model = trained / "aaaa" / "model.keras"
    model.write_bytes(pickle.dumps(Payload(written)))
    assert refusal(lambda: load_model(trained)).startswith(f"{model}: cannot be read (ValueError")


@pytest.mark.fault("Models", "A model emptied, cut off, or of another architecture", AGAIN)
def test_load_raises_input_error_for_a_file_that_is_no_model(trained):
    model = trained / "aaaa" / "model.keras"
    content = model.read_bytes()
    for fake in (b"", b"x", FAKES["an empty zip"], content[:300], content[:-30]):
        model.write_bytes(fake)
        assert refusal(lambda: load_model(trained)).startswith(f"{model}: cannot be read (")
    model.unlink()
    assert "cannot be read (FileNotFoundError" in refusal(lambda: load_model(trained))
    model.write_bytes(content)
    reconfigured(model, lambda layer: layer["config"].update(units=3))
    assert "cannot be read (ValueError" in refusal(lambda: load_model(trained))
    model.write_bytes(content)
    reconfigured(model, lambda _: None, **{"model.weights.h5": b"junk"})
    assert "cannot be read (OSError" in refusal(lambda: load_model(trained))


@pytest.mark.fault("Models", "A model emptied, cut off, or of another architecture", AGAIN)
def test_model_with_one_changed_byte_is_rejected_or_equal(trained):
    model = trained / "aaaa" / "model.keras"
    content = model.read_bytes()
    kernel, bias = load_model(trained).get_weights()
    right = [kernel.tolist(), bias.tolist()]
    inside = content.index(kernel.tobytes())
    refused = 0
    for at in (inside, inside + 9, *range(0, len(content), 97)):
        model.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            found = load_model(trained)
        except InputError as error:
            assert str(error).startswith(f"{model}: ")  # noqa: PT017
            refused += 1
        else:
            assert [weight.tolist() for weight in found.get_weights()] == right
            assert not inside <= at < inside + kernel.nbytes
    assert refused > 2


@pytest.mark.fault(
    "Models", "A training's record or curve emptied, cut off or of another one", AGAIN
)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("training_record.json", b""),
        ("training_record.json", b'{"fingerprint": "aaaa"'),
        ("training_record.json", b"[]"),
        ("training_record.json", b"{}"),
        ("training_record.json", b'{"fingerprint": "bbbb", "epochs": 2}'),
        ("training_record.json", b'{"fingerprint": "aaaa", "epochs": "2"}'),
        ("history.csv", b""),
        ("history.csv", b"\xff\xfe"),
        ("history.csv", b"epoch,val_loss\n"),
        ("history.csv", b"epoch,val_loss\n1,4.0\n"),
        ("history.csv", b'epoch,val_loss\n1,"4.0\n2,'),
        ("history.csv", None),
        ("model.keras", None),
    ],
)
def test_load_raises_input_error_for_a_corrupt_record_or_history(trained, name, content, caplog):
    path = trained / "aaaa" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    message = refusal(TrainingDataset(filepath=str(trained)).load)
    assert message.startswith(f"{path.parent}: cannot be read (")
    assert "Delete the training's folder and train again" in message
    # the training stage trains it again if it is needed, and does not mind if it is not
    assert TrainingFolderDataset(filepath=str(trained)).load().earlier() == {}
    assert f"Ignoring a damaged training; it is repeated if needed: {message}" in caplog.text


@pytest.mark.fault(
    "Models", "A pointer to the current training that is empty or leads outside", AGAIN
)
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"..", b"../../secret", b"/etc", b".", b"\xff", b"aa\0aa", b"cccc"]
)
def test_load_raises_input_error_for_a_pointer_that_names_no_training(trained, tmp_path, content):
    secret = shutil.copytree(trained / "aaaa", tmp_path.parent / "secret", dirs_exist_ok=True)
    (trained / "current").write_bytes(content)
    dataset = TrainingDataset(filepath=str(trained))
    assert not dataset.exists()
    with pytest.raises(DatasetError) as caught:
        dataset.load()
    message = user_message(caught.value)
    assert f"{trained / 'current'} names no training" in message
    assert "run: kedro run --pipeline=train" in message
    earlier = TrainingFolderDataset(filepath=str(trained)).load().earlier()
    assert list(earlier) == ["aaaa"]
    dataset.save(earlier["aaaa"])  # as the train stage does
    assert dataset.load().fingerprint == "aaaa"
    shutil.rmtree(secret)
