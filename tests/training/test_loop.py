"""The training loop, the model of it, and the processes that it runs in."""

import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
from facial_keypoints.training.member import TrainingTask, measure_speed, train_net
from parameters import section
from spots import bright_spots

from facial_keypoints.errors import InputError
from facial_keypoints.framework.datasets.training_folder import CheckpointFile
from facial_keypoints.models.ensemble import ensemble_model
from facial_keypoints.models.heads import NUM_HEADS, mirrored_back, spread
from facial_keypoints.parameters import RandomTransformParameters, RecipeParameters
from facial_keypoints.training import member, workers
from facial_keypoints.training import parallel as running

keras = pytest.importorskip("keras")
SETTINGS = {"filters": 8, "blocks": 1}
RECIPE = section(
    RecipeParameters,
    batch_size=16,
    learning_rate=5e-3,
    warmup_steps=10,
    precision="float32",
    ema_decay=0.9,
)


@pytest.fixture
def spots():
    return bright_spots(64)


def task(faces, seconds=0.0, **changes):
    return TrainingTask(
        **{
            "name": "net",
            "minutes": 15.0,
            "settings": SETTINGS,
            "recipe": RECIPE,
            "precision": "float32",
            "seed": 1,
            "images": faces.images,
            "labels": spread(faces.keypoints, faces.population),
            "shares": np.ones((len(faces), NUM_HEADS), np.float32),
            "start": None,
            "progress": (0.0, 1.0),
            "strength": (1.0, 0.0),
            "ends": time.time() + seconds,
            "predict": faces.images[:5],
            **changes,
        }
    )


@pytest.fixture
def clock(monkeypatch):
    """A clock that training alone moves on, five steps a second, as fast or slow as it is here."""
    from facial_keypoints.training.loop import Fit

    clock = SimpleNamespace(now=time.time())
    run = Fit.run

    def timed(fit, steps, *arguments):
        clock.now += steps / 5
        return run(fit, steps, *arguments)

    monkeypatch.setattr(Fit, "run", timed)
    monkeypatch.setattr(member, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


def silent(line):
    pass


def fitted(faces, steps=4, recipe=RECIPE, weights=None, shares=None, labels=None, parts=1):
    from facial_keypoints.training.loop import Fit

    keras.config.set_dtype_policy("float32")
    fit = Fit(SETTINGS, recipe, parts)
    labels = spread(faces.keypoints, faces.population) if labels is None else labels
    shares = np.ones(labels.shape[:2], np.float32) if shares is None else shares
    fit.begin(faces.images, labels, shares, 1, weights)
    loss = fit.run(steps, 0.1)
    return fit, loss


def test_a_net_learns_where_the_spots_are(spots, clock):
    net = train_net(task(spots, ends=clock.now + 40), silent)
    assert net.steps == pytest.approx(200, abs=10)
    assert net.seconds == pytest.approx(40, abs=2)
    assert net.curve[-1][2] < 0.5 * net.curve[0][2]
    error = np.linalg.norm(net.found[:, 0] - spots.keypoints[:5, 0], axis=1)
    assert np.median(error) < 12  # from 20 at the beginning
    assert net.found.shape == (5, NUM_HEADS, 2)
    assert len(net.weights) == len(net.averaged)


def test_there_is_at_least_one_step_when_the_time_is_over(spots):
    net = train_net(task(spots, seconds=-100), silent)
    assert net.steps == 1
    assert np.isfinite(net.found).all()


def test_what_was_interrupted_goes_on_and_takes_no_longer_than_it_would_have(
    spots, clock, monkeypatch
):
    monkeypatch.setattr(member, "_SECONDS_BETWEEN_STATES", 0.0)
    states = []
    whole = train_net(
        task(spots, ends=clock.now + 12), lambda progress: states.append(progress.state)
    )
    assert states[-1]["share"] == 1
    state = next(state for state in states if state["share"] > 0.5)
    began = clock.now
    rest = train_net(task(spots, ends=clock.now + 500, state=state), silent)
    assert clock.now - began == pytest.approx(12 * (1 - state["share"]), abs=2)
    assert rest.steps == pytest.approx(whole.steps, abs=10)
    assert rest.curve[: len(state["curve"])] == [tuple(row) for row in state["curve"]]
    done = train_net(task(spots, ends=clock.now + 500, state=states[-1]), silent)
    assert done.steps == whole.steps
    np.testing.assert_allclose(done.found, whole.found, atol=1e-3)
    for one, other in zip(done.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_fingerprint_tells_all_but_the_clock(spots):
    first = task(spots).fingerprint()
    other = task(spots, seconds=77, name="other", progress=(0.0, 0.5))
    assert other.fingerprint() == first
    other = bright_spots(64, seed=9)
    assert task(spots, images=other.images).fingerprint() != first
    assert task(spots, seed=2).fingerprint() != first
    assert task(spots, minutes=60.0).fingerprint() != first
    assert task(spots, members=2).fingerprint() != first
    assert task(spots, members=2, processes=2).fingerprint() != task(spots, members=2).fingerprint()
    assert task(spots, start=[np.zeros(3, np.float32)]).fingerprint() != first


def test_a_net_learns_without_what_lies_beside_and_is_the_same_net(spots):
    plain = task(spots, seconds=-100)
    beside = np.full((NUM_HEADS, 2), 2, np.float32)
    given = task(spots, seconds=-100, beside=beside)
    moved = task(spots, seconds=-100, beside=beside, labels=plain.labels + beside)
    assert given.fingerprint() == plain.fingerprint()
    first, other, same = (train_net(one, silent).curve[-1][2] for one in (plain, given, moved))
    assert same == pytest.approx(first, rel=1e-4)
    assert abs(other - first) > 0.1


def test_the_state_of_another_net_is_refused(spots):
    fit, _ = fitted(spots, 1)
    with pytest.raises(ValueError, match="do not fit"):
        fit.restore({**fit.state(), "model/0": np.zeros(3)})


def test_a_state_of_another_net_is_told_and_the_training_begins_anew(spots, caplog):
    told = []
    state = {"model/0": np.zeros(3), "share": np.asarray(0.5)}
    net = train_net(task(spots, seconds=-1, state=state), told.append)
    assert net.steps == 1
    running._Teller({}, "ensemble")(told[0])
    assert "net  begins anew: what was kept of it is of another net" in caplog.text


def test_a_state_is_kept_taken_up_and_a_spoilt_one_left_aside(spots, tmp_path, caplog):
    files = {"net": CheckpointFile(str(tmp_path / "net.npz"))}
    state = {"share": np.asarray(0.4), "weights": np.ones(3)}
    tell = running._Teller(files, "ensemble")
    tell(member.Progress("net", 0.4, 1.0, 2.0, 30.0, state))
    with caplog.at_level("INFO"):
        assert float(running._taken_up(task(spots), files["net"]).state["share"]) == 0.4
    assert "net  goes on: 40 % are trained" in caplog.text
    (tmp_path / "net.npz").write_bytes(b"nothing of use")
    assert running._taken_up(task(spots), files["net"]).state is None
    assert "net  begins anew" in caplog.text


def test_labels_without_a_share_and_unknown_ones_teach_nothing(spots):
    labels = spread(spots.keypoints, spots.population)
    shares = np.ones(labels.shape[:2], np.float32)
    wrong = labels.copy()
    wrong[:, 3] = 5.0
    shares[:, 3] = 0
    still = RECIPE.model_copy(update={"distortions": RandomTransformParameters.none()})
    first, _ = fitted(spots, 3, still, shares=shares, labels=labels)
    second, _ = fitted(spots, 3, still, shares=shares, labels=wrong)
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(np.isfinite(array).all() for array in first.model.get_weights())


def test_the_same_seed_trains_the_same_net_also_in_a_graph_used_before(spots):
    fit, loss = fitted(spots)
    first = fit.averaged()
    fit.run(3, 0.5)
    labels = spread(spots.keypoints, spots.population)
    fit.begin(spots.images, labels, np.ones(labels.shape[:2], np.float32), 1)
    assert fit.run(4, 0.1) == pytest.approx(loss, rel=1e-5)
    for one, other in zip(first, fit.averaged(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_batch_in_parts_trains_as_a_whole_one_does():
    same = bright_spots(2).select(np.ones(64, int))
    still = RECIPE.model_copy(update={"distortions": RandomTransformParameters.none()})
    _, loss = fitted(same, recipe=still)
    _, loss_of_parts = fitted(same, recipe=still, parts=2)
    assert loss_of_parts == pytest.approx(loss, rel=1e-2)


def test_each_part_of_a_batch_is_worked_on_once(spots, monkeypatch):
    import tensorflow as tf

    fit, _ = fitted(spots, steps=1, parts=2)
    seen = []

    def noted(images, labels, shares):
        seen.append(images.numpy())
        return tf.constant(float(len(seen))), [tf.zeros_like(v) for v in variables]

    variables = fit.model.trainable_variables
    monkeypatch.setattr(fit, "_loss_and_gradients", noted)
    rows = tf.constant(np.arange(16)[None])
    loss = fit._do_steps(rows, fit._images, fit._labels, fit._shares)
    assert [len(images) for images in seen] == [8, 8]
    np.testing.assert_array_equal(np.concatenate(seen), spots.images[:16])
    assert float(loss) == 1.5


def test_a_batch_that_cannot_be_split_is_left_whole(spots):
    odd = RECIPE.model_copy(update={"batch_size": 15})
    _, loss = fitted(spots, recipe=odd)
    _, same_loss = fitted(spots, recipe=odd, parts=2)
    assert same_loss == pytest.approx(loss, rel=1e-5)


def test_what_is_found_in_views_is_told_in_pixels_of_the_picture(spots, monkeypatch):
    fit, _ = fitted(spots, steps=1)
    seen = []

    def brightest(images):
        seen.append(images)
        light = np.where(images > 100, images, 0).astype(float)
        grid = np.arange(96) + 0.5
        total = light.sum(axis=(1, 2))
        x, y = (light.sum(1) * grid).sum(1) / total, (light.sum(2) * grid).sum(1) / total
        return np.repeat(np.stack([x, y], 1)[:, None], NUM_HEADS, axis=1).astype(np.float32)

    monkeypatch.setattr(fit, "_found_with_mirror", brightest)
    once, often = fit.find_points(spots.images), fit.find_points(spots.images, views=6)
    assert len(seen) == 1 + 6
    assert not any(np.array_equal(view, spots.images) for view in seen[2:])
    np.testing.assert_allclose(often, once, atol=1.0)
    assert np.abs(brightest(seen[-1]) - once).max() > 2  # it had moved there


def test_training_goes_on_from_given_weights(spots):
    fit, _ = fitted(spots)
    weights = fit.model.get_weights()
    again, _ = fitted(spots, steps=1, weights=weights)
    other, _ = fitted(spots, steps=1)
    kept = [np.abs(a - b).mean() for a, b in zip(again.model.get_weights(), weights, strict=True)]
    drawn = [np.abs(a - b).mean() for a, b in zip(other.model.get_weights(), weights, strict=True)]
    assert sum(kept) < sum(drawn)


def test_far_errors_keep_their_gradient():
    import tensorflow as tf
    from facial_keypoints.training.loop import smooth_l1

    found = tf.Variable([[[40.0, 1.0]], [[10.0, 10.0]]])
    labels = tf.constant([[[10.0, 1.5]], [[np.nan, np.nan]]])
    with tf.GradientTape() as tape:
        loss = smooth_l1(labels, found, tf.ones((2, 1)), 2.0)
    gradient = tape.gradient(loss, found).numpy()
    assert loss.numpy() == pytest.approx(30 - 1 + 0.5 * 0.25 / 2)
    np.testing.assert_allclose(gradient, [[[1.0, -0.25]], [[0, 0]]])


def test_a_point_out_of_sight_does_not_count():
    import tensorflow as tf
    from facial_keypoints.training.loop import smooth_l1

    labels = tf.constant([[[50.0, 130.0], [97.0, 50.0]]])
    loss = smooth_l1(labels, tf.zeros((1, 2, 2)), tf.ones((1, 2)), 1.0)
    assert loss.numpy() == pytest.approx(97 - 0.5 + 50 - 0.5)


def test_every_row_comes_once_before_any_comes_again():
    from facial_keypoints.training.loop import rows_in_order

    batches = rows_in_order(10, 4, seed=0)
    seen = np.concatenate([next(batches) for _ in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_the_ensemble_is_the_mean_of_its_nets_and_loads_alone(spots, tmp_path):
    nets = [fitted(spots, steps=2)[0], fitted(bright_spots(40, seed=3), steps=5)[0]]
    expected = []
    for net in nets:
        net.model.set_weights(net.averaged())
        expected.append(net.find_points(spots.images[:6]))
    asymmetry = np.random.default_rng(0).normal(size=(NUM_HEADS, 2)).astype(np.float32)
    model = ensemble_model(SETTINGS, [net.averaged() for net in nets], asymmetry)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    found = loaded.predict(spots.images[:6], verbose=0).reshape(6, NUM_HEADS, 2)
    np.testing.assert_allclose(found, np.mean(expected, axis=0) + asymmetry, atol=1e-2)
    turned = loaded.predict(spots.images[:6, :, ::-1], verbose=0).reshape(6, NUM_HEADS, 2)
    np.testing.assert_allclose(mirrored_back(turned - asymmetry), found - asymmetry, atol=1e-2)


def test_speed_is_measured(spots):
    speed = measure_speed(task(spots), silent)
    assert speed.trained > 0
    assert speed.predicted > 0


def doubled(number, report):
    report(f"doubling {number}")
    return 2 * number, os.getpid()


def fail(number, report):
    raise InputError("no more")


def stumble(number, report):
    raise ZeroDivisionError(number)


def die(number, report):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def no_workers():
    yield
    workers.dismiss()


def test_queues_are_worked_through_side_by_side_by_processes_that_stay(no_workers):
    told = []
    first = workers.run_side_by_side(doubled, [[1, 2, 3], [10]], told.append)
    assert [[value for value, _ in queue] for queue in first] == [[2, 4, 6], [20]]
    assert sorted(told) == ["doubling 1", "doubling 10", "doubling 2", "doubling 3"]
    processes = {process for queue in first for _, process in queue}
    assert len(processes) == 2
    again = workers.run_side_by_side(doubled, [[4], [5]], told.append, keep=False)
    assert {process for queue in again for _, process in queue} == processes
    with pytest.raises(ProcessLookupError):
        os.kill(processes.pop(), 0)


def settled(number, report):
    import tensorflow as tf

    return os.sched_getaffinity(0), tf.config.threading.get_intra_op_parallelism_threads()


def environment(name, report):
    return os.environ.get(name)


def test_processes_that_train_use_onednn(no_workers, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    found = workers.run_side_by_side(environment, [["TF_ENABLE_ONEDNN_OPTS"]], silent)
    assert found == [["1"]]


@pytest.mark.skipif(workers.number_of_cores() < 2, reason="there is one core to keep to")
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone keeps to cores")
@pytest.mark.parametrize("quota", [False, True])
def test_processes_keep_to_cores_unless_a_quota_allows_for_fewer(no_workers, monkeypatch, quota):
    if quota:
        monkeypatch.setattr(workers, "number_of_cores", lambda: 1)
    (one, threads), (other, _) = (
        results[0] for results in workers.run_side_by_side(settled, [[1], [2]], silent)
    )
    if quota:
        assert one == other == os.sched_getaffinity(0)
        assert threads == 1
    else:
        assert not one & other


@pytest.mark.parametrize(
    ("work", "error", "told"),
    [
        (fail, InputError, "no more"),
        (stumble, RuntimeError, "ZeroDivisionError"),
        (die, InputError, "ended from outside, most likely because memory"),
    ],
)
def test_a_task_that_fails_is_told_and_nothing_runs_on(no_workers, work, error, told):
    with pytest.raises(error, match=told):
        workers.run_side_by_side(work, [[1, 2], [3]], silent)
    assert not workers._workers
