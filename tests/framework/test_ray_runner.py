from types import SimpleNamespace

import pytest
from kedro.framework.hooks import hook_impl
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from parameters import raw_parameters, raw_variant

from facial_keypoints.errors import InputError
from facial_keypoints.framework import RayRunner
from facial_keypoints.framework.ray_runner import DistributedRun, trainings_of
from facial_keypoints.parameters import Parameters
from facial_keypoints.pipelines import DISTRIBUTED, WORKERS
from facial_keypoints.pipelines.train import create_pipeline
from facial_keypoints.training.study_estimate import StudyEstimate


class Trainings:
    """Ray's place: at most two trainings, which end one by one when they are looked at."""

    def __init__(self, events):
        self.events = events
        self.running = {}

    @property
    def is_full(self):
        return len(self.running) == 2

    def __bool__(self):
        return bool(self.running)

    def start(self, node, inputs, shared):
        self.events.append(f"start {node.name}")
        self.running[node] = inputs

    def finished(self, seconds):
        node = next(iter(self.running))
        try:
            return {node: node.run(self.running.pop(node))}
        except InputError as error:
            return {node: error}


class Recorder:
    """Hooks that note what they are called for."""

    def __init__(self, events):
        self.events = events

    @hook_impl
    def before_node_run(self, node):
        self.events.append(f"before {node.name}")

    @hook_impl
    def after_node_run(self, node):
        self.events.append(f"after {node.name}")

    @hook_impl
    def after_dataset_loaded(self, dataset_name, node):
        if DISTRIBUTED in node.tags:
            self.events.append(f"load {dataset_name}")

    @hook_impl
    def after_dataset_saved(self, dataset_name):
        self.events.append(f"save {dataset_name}")

    @hook_impl
    def on_node_error(self, node, error):
        self.events.append(f"error {node.name}: {error}")


def copy(data):
    return data


def train(faces, estimate):
    return faces


def fail(faces, estimate):
    raise InputError("diverged")


def study(names, train=train):
    trainings = [
        Node(
            train,
            ["faces", "estimate"],
            f"{name}.training",
            name="train",
            namespace=name,
            tags=DISTRIBUTED,
        )
        for name in names
    ]
    figures = [
        Node(copy, f"{name}.training", f"{name}.figure", name="draw", namespace=name)
        for name in names
    ]
    return Pipeline([Node(copy, "archive", "faces", name="read"), *trainings, *figures])


@pytest.fixture
def run():
    def run(pipeline, already_trained=()):
        names = {node.namespace for node in trainings_of(pipeline)} - {*already_trained}
        estimate = StudyEstimate(dict.fromkeys(names, 1.0), {}, 0.0, list(already_trained))
        catalog = DataCatalog(
            {name: MemoryDataset() for name in pipeline.datasets()}
            | {"archive": MemoryDataset("zip"), "estimate": MemoryDataset(estimate)}
        )
        hooks = _create_hook_manager()
        events = []

        def make_trainings(count):
            run.divided_among = count
            return Trainings(events)

        hooks.register(Recorder(events))
        try:
            DistributedRun(pipeline, catalog, hooks, None, make_trainings).finish()
        except InputError as error:
            events.append(f"raised {error}")
        return events

    return run


def test_trainings_run_side_by_side_and_other_nodes_wait(run):
    events = run(study(["a", "b", "c"]))
    order = [event for event in events if event.startswith(("start", "after"))]
    assert order == [
        "after read",
        *("start a.train", "start b.train", "after a.train", "start c.train"),
        *("after b.train", "after c.train"),
        *("after a.draw", "after b.draw", "after c.draw"),
    ]


def test_hooks_of_a_training_are_those_of_kedros_runners(run):
    events = run(study(["a"]))
    assert events[3:9] == [
        *("load faces", "load estimate", "before a.train", "start a.train"),
        *("after a.train", "save a.training"),
    ]


def test_what_an_earlier_run_trained_starts_no_process(run):
    events = run(study(["a", "b"]), already_trained=["a"])
    assert "start a.train" not in events
    assert "save a.training" in events
    assert "start b.train" in events
    assert run.divided_among == 1


def test_error_of_a_training_ends_the_run(run):
    events = run(study(["a"], train=fail))
    assert events[-2:] == ["error a.train: diverged", "raised diverged"]


def test_training_without_an_estimate_is_named(run):
    node = Node(copy, "archive", "model", name="train", namespace="a", tags=DISTRIBUTED)
    with pytest.raises(TypeError, match="train has the tag distributed, but no StudyEstimate"):
        run(Pipeline([node]))


def test_each_variant_and_seed_is_a_training_of_its_own():
    raw = raw_parameters(
        study={"seeds": [0, 1, 2]}, variants={"a": raw_variant(), "b": raw_variant()}
    )
    variants = Parameters.model_validate(raw).repeated().chosen
    nodes = trainings_of(create_pipeline(variants))
    assert sorted(node.namespace for node in nodes) == [
        *("a", "a-seed1", "a-seed2"),
        *("b", "b-seed1", "b-seed2"),
    ]


@pytest.mark.parametrize("others", [[], [WORKERS]])
def test_run_without_trainings_is_refused(others):
    """Also one that would measure on the cluster how fast it trains."""
    pipeline = Pipeline([Node(lambda *inputs: None, ["archive", *others], "faces", name="read")])
    catalog = DataCatalog({name: MemoryDataset("zip") for name in ("archive", *others)})
    with pytest.raises(InputError, match="nothing is trained here"):
        RayRunner().run(pipeline, catalog, SimpleNamespace())


def test_arguments_are_checked_before_ray_starts():
    with pytest.raises(InputError, match="max_workers=0"):
        RayRunner(max_workers=0)
