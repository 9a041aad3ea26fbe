import numpy as np

from facial_keypoints.machine import peak_memory


def test_the_peak_grows_by_what_is_held():
    before = peak_memory()
    held = np.ones(200 * 2**20, dtype=np.uint8)  # every page is touched
    assert peak_memory() >= before
    assert peak_memory() >= held.nbytes / 2**20
    assert peak_memory() < 2**20  # in MiB, not in bytes
