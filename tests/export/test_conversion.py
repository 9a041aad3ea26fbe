from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.training

pytest.importorskip("tensorflow")


def litert_file(monkeypatch, *custom):
    """Let any bytes be a LiteRT file with these operations of others."""
    from tensorflow.lite.tools import flatbuffer_utils

    codes = [SimpleNamespace(customCode=None), *(SimpleNamespace(customCode=c) for c in custom)]
    monkeypatch.setattr(
        flatbuffer_utils,
        "read_model_from_bytearray",
        lambda content: SimpleNamespace(operatorCodes=codes),
    )
    return b"file"


def test_file_with_operations_of_litert_alone_passes(monkeypatch):
    from facial_keypoints.export.conversion import check_operations

    check_operations(litert_file(monkeypatch))


def test_file_that_needs_tensorflow_is_refused(monkeypatch):
    from facial_keypoints.export.conversion import check_operations

    with pytest.raises(RuntimeError, match="FlexConv2D"):
        check_operations(litert_file(monkeypatch, b"FlexConv2D"))
