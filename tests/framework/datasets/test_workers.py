from facial_keypoints.framework.datasets import WorkersDataset
from facial_keypoints.training.workers import THIS_MACHINE, LocalWorkers


def test_workers_are_those_of_this_machine_until_others_are_saved():
    dataset = WorkersDataset()
    assert dataset.exists()
    assert dataset.load() is THIS_MACHINE
    others = LocalWorkers()
    dataset.save(others)
    assert dataset.load() is others
