import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from parameters import base_parameters, section

from facial_keypoints.errors import InputError
from facial_keypoints.evaluation.records import Champion
from facial_keypoints.faces import FaceSet
from facial_keypoints.parameters import (
    SplitParameters,
    StudyParameters,
    TrainParameters,
    VariantParameters,
)
from facial_keypoints.pipelines.study.claims import CLAIMS, factor, judge_claims, verdict
from facial_keypoints.pipelines.study.nodes import OTHERS, list_tables, tabulate_study
from facial_keypoints.pipelines.study.page import write_page
from facial_keypoints.pipelines.study.statistics import (
    least_significant_ratio,
    mean_and_spread,
    rank_correlation,
)
from facial_keypoints.plotting import study as figures
from facial_keypoints.training.records import Training, fingerprint, origin_of, samples_origin

CONF = Path(__file__).parents[3] / "conf"


FACES = FaceSet(
    images=np.zeros((1, 96, 96), np.uint8),
    keypoints=np.zeros((1, 15, 2), np.float32),
    labelled=np.ones((1, 15), bool),
    group=np.zeros(1, np.int32),
    population=np.zeros(1, np.int8),
    augmented=np.zeros(1, bool),
)
VARIANT = VariantParameters(
    name="any", architecture="conv_stack", settings={}, train=section(TrainParameters)
)


@pytest.fixture(scope="module")
def parameters():
    return base_parameters()


def metrics(test=2.0, unseen=6.0, of="abc"):
    one = {"paper_accuracy": 0.7, "rmse_leaderboard": 2.5}
    return {
        "training": of,
        "validation": {**one, "mse": None if test is None else test + 0.5},
        "holdout": {**one, "mse": test},
        "unseen": None if unseen is None else {**one, "mse": unseen},
    }


def training(**record):
    history = pd.DataFrame({"epoch": [1, 2], "loss": [9.0, 4.0], "val_loss": [10.0, 5.0]})
    history = history.assign(accuracy=[0.1, 0.5], val_accuracy=[0.1, 0.4])
    numbers = {"convs": 5, "pools": 3, "dense": 1, "parameters": 10**6, "multiply_adds": 10**8}
    numbers |= {"samples": 900, "epochs": 2, "minutes": 0.5}
    numbers |= {"fingerprint": "abc", "ended_by": "all epochs"}
    return Training({**numbers, **record}, history, lambda: None)


def account(siblings=80, unseen=100):
    parts = {"train": 900, "validation": 90, "holdout": 100, "unseen": unseen}
    return {
        "parameters": {**section(SplitParameters).model_dump(mode="json"), "scale": 1.0},
        "by": "sample",
        "samples": parts,
        "groups": parts,
        "holdout_samples_with_a_sibling_in_training": siblings,
    }


def study_of(parameters, losses, *, split=None, scale=1.0, seeds=None, **records):
    """The study in which these variants have these (test, unseen) losses."""
    results = {}
    for name, (test, unseen) in losses.items():
        variant = VARIANT.model_copy(update={"name": name})
        origin = origin_of(variant, samples_origin(FACES, FACES))
        made = {"origin": origin, "fingerprint": fingerprint(origin)}
        results[f"{name}.parameters"] = variant
        results[f"{name}.metrics"] = metrics(test, unseen, made["fingerprint"])
        results[f"{name}.training"] = training(**made, **records.get(name, {}))
    return tabulate(parameters, results, split or account(), scale, seeds)


def tabulate(parameters, results, split, scale=1.0, seeds=None):
    split["parameters"]["scale"] = scale
    return tabulate_study(
        parameters.model_dump()["paper"],
        section(StudyParameters, scale=scale, seeds=seeds),
        section(SplitParameters),
        split,
        {"samples": 26239, "by_step": {"original": 7049}},
        metrics(50.0, 60.0),
        pd.DataFrame({"RowId": [1]}),
        FACES,
        FACES,
        **results,
    )


def everything(parameters):
    """Every row trained; ours twice the paper's on the test set, five times on unseen faces."""
    losses = dict.fromkeys(parameters.variants, (1.0, 3.0))
    for rows in parameters.paper.values():
        for row in rows:
            if row.test_loss is not None:
                losses[row.variant] = (2 * row.test_loss, 5 * row.test_loss)
    records = {
        name: {"convs": int(found[1]), "pools": int(found[2])}
        for name in losses
        if (found := re.match(r"(\d+)cl-(\d)", name))
    }
    return study_of(parameters, losses, **records)


def test_every_row_of_the_papers_tables_is_configured(parameters):
    counts = {table: len(rows) for table, rows in parameters.paper.items()}
    assert counts == {"table_3": 16, "table_4": 4, "table_5": 3, "text": 5}
    assert len(parameters.variants) == 26
    # the paper's own contradiction: one model, two test accuracies
    (four,) = [r for r in parameters.paper["table_4"] if r.variant == "15cl-5mpl-drop10"]
    (five,) = [r for r in parameters.paper["table_5"] if r.variant == "15cl-5mpl-drop10"]
    assert (four.test_loss, five.test_loss) == (0.6964, 0.6964)
    assert (four.test_acc, five.test_acc) == (0.9238, 0.9309)
    assert {v.train.epochs for n, v in parameters.variants.items() if "drop" in n} == {150}
    assert {v.train.epochs for n, v in parameters.variants.items() if "drop" not in n} == {100}


def test_a_row_stands_beside_the_papers(parameters):
    study = study_of(parameters, {"5cl-3mpl": (2.0, 6.0)})
    row = study["tables"]["table_3"][0]
    assert (row["row"], row["trained"]) == ("5cl, 3mpl", True)
    assert row["paper_test_loss"] == 1.5209
    assert row["test_loss_difference"] == pytest.approx(2 - 1.5209)
    assert row["val_loss"] == 2.5
    assert row["leak"] == 3.0
    assert study["median_leak"] == 3.0
    assert len(study["missing"]) == 25
    assert study["tables"]["table_3"][1]["trained"] is False
    assert study["tables"]["table_3"][1]["paper_test_loss"] == 1.334


def test_one_model_in_two_tables_stands_in_both(parameters):
    study = study_of(parameters, {"15cl-5mpl-drop10": (2.0, 6.0)})
    rows = [
        row for table in ("table_4", "table_5") for row in study["tables"][table] if row["trained"]
    ]
    assert [(row["row"], row["paper_test_acc"]) for row in rows] == [("0.1", 0.9238), ("1", 0.9309)]


def test_ours_in_the_papers_order_agree_with_it(parameters):
    study = everything(parameters)
    assert study["missing"] == []
    assert study["agreement"]["table_3"]["test_loss"] == 1
    assert study["agreement"]["table_3"]["unseen_loss"] == 1
    claims = {claim["claim"]: claim for claim in study["claims"]}
    assert len(claims) == len(CLAIMS)
    deep = claims["15 convolutions beat 5"]
    assert deep["paper"] == pytest.approx(1.5209 / 0.7246, rel=1e-4)
    assert deep["test_loss"] == deep["unseen_loss"] == deep["paper"]
    assert deep["unseen_loss_verdict"] == "points so"
    assert claims["Leaky ReLU beats ReLU"]["paper"] is None
    assert study["depth_trend"]["paper_test_loss"] == study["depth_trend"]["test_loss"] < -0.3


def test_by_source_there_is_no_leak(parameters):
    study = study_of(parameters, {"5cl-3mpl": (6.0, 6.0)}, split=account(siblings=0, unseen=0))
    assert study["leaks"] is False
    assert study["median_leak"] is None


def test_without_unseen_faces_nothing_is_made_up(parameters):
    study = study_of(parameters, {"5cl-3mpl": (2.0, None)}, split=account(unseen=0))
    row = study["tables"]["table_3"][0]
    assert (row["unseen_loss"], row["leak"], study["median_leak"]) == (None, None, None)
    page = write_page(study)
    assert "nothing here tells how much of" in page


def test_results_of_another_training_are_not_tabulated(parameters):
    origin = origin_of(VARIANT, samples_origin(FACES, FACES))
    made = {"origin": origin, "fingerprint": fingerprint(origin)}
    other = VARIANT.model_copy(update={"train": section(TrainParameters, epochs=7)})
    results = {
        "any.parameters": VARIANT,
        "any.training": training(**made),
        "any.metrics": metrics(of="of another"),
    }
    with pytest.raises(InputError, match=r"metrics of any are of another training \(of another\)"):
        tabulate(parameters, results, account())
    by_sample = account()
    by_sample["parameters"]["by"] = "sample"
    with pytest.raises(InputError, match=r"split otherwise \(by sample, now group\)"):
        tabulate(parameters, results, by_sample)
    with pytest.raises(InputError, match=r"any was trained .*train\.epochs 100, now 7"):
        tabulate(parameters, {**results, "any.parameters": other}, account())


@pytest.mark.parametrize("losses", [(None, None), (float("1e-9"), 2.0), (2.0, None)])
def test_a_row_without_a_figure_does_not_spoil_the_study(parameters, losses):
    """A net that diverged, beside one that did not."""
    study = study_of(parameters, {"5cl-3mpl": losses, "15cl-5mpl": (2.0, 6.0)})
    row = study["tables"]["table_3"][0]
    assert row["trained"]
    assert (row["test_loss_difference"] is None) == (losses[0] is None)
    assert len(figures.draw_loss_by_compute(study).axes[0].texts) == 1 + (losses[1] is not None)
    figures.draw_loss_by_depth(study)
    assert "5cl, 3mpl" in write_page(study)


def test_a_variant_beside_the_paper_has_a_table_of_its_own(parameters):
    study = study_of(parameters, {"my-net": (2.0, 6.0)})
    assert [row["variant"] for row in study["tables"][OTHERS]] == ["my-net"]


def test_seeds_give_a_mean_and_a_spread(parameters):
    losses = {
        **{"15cl-5mpl": (2.0, 4.0), "15cl-5mpl-seed1": (2.2, 4.4), "15cl-5mpl-seed2": (2.4, 4.2)},
        **{"5cl-3mpl": (6.0, 9.0), "5cl-3mpl-seed1": (6.2, 9.9), "5cl-3mpl-seed2": (6.1, 9.3)},
        **{"14cl-5mpl": (2.1, 4.3), "14cl-5mpl-seed1": (2.3, 4.1), "14cl-5mpl-seed2": (2.2, 4.2)},
    }
    study = study_of(parameters, losses, seeds=[0, 1, 2])
    rows = {row["variant"]: row for row in study["tables"]["table_3"]}
    assert rows["15cl-5mpl"]["seeds"] == 3
    assert rows["15cl-5mpl"]["test_loss"] == pytest.approx(2.2)
    assert rows["15cl-5mpl"]["test_loss_sd"] == pytest.approx(0.2)
    assert rows["5cl-3mpl"]["worse_than_best"] is True
    assert rows["14cl-5mpl"]["worse_than_best"] is False
    assert rows["6cl-3mpl"]["worse_than_best"] is None
    (claim,) = [c for c in study["claims"] if c["claim"] == "15 convolutions beat 5"]
    assert claim["unseen_loss_verdict"] == "holds"


def test_tables_are_numbers_that_a_spreadsheet_reads(parameters, tmp_path):
    tables = list_tables(everything(parameters))
    assert [len(table) for table in tables] == [16, 4, 3, 5, 0]
    for table in tables:
        table.to_csv(tmp_path / "t.csv", index=False)
        assert len(pd.read_csv(tmp_path / "t.csv")) == len(table)
    third = tables[0].set_index("row")
    assert third.loc["14cl, 5mpl", "paper_test_loss"] == 0.7051
    assert third.loc["14cl, 5mpl", "test_loss"] == pytest.approx(1.4102)
    assert not third.map(lambda cell: isinstance(cell, list | dict)).any().any()


# Statistics


def test_rank_correlation():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 35]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, None], [3, 2, 1, 99]) == pytest.approx(-1)
    assert rank_correlation([1, 2], [1, 2]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_mean_and_spread():
    assert mean_and_spread([1.0, 3.0]) == (2.0, pytest.approx(np.sqrt(2)))
    assert mean_and_spread([1.0]) == (1.0, None)
    assert mean_and_spread([1.0, 2.0, None]) == (None, None)  # one seed diverged
    assert mean_and_spread([None]) == (None, None)


@pytest.mark.parametrize("compared", [2, 4])
def test_the_least_significant_ratio_errs_as_often_as_it_says(compared):
    """Among rows that differ in nothing but the seed, any two exceed it one time in twenty."""
    generator = np.random.default_rng(0)
    exceeded = []
    for _ in range(1000):
        rows = np.exp(generator.normal(1, 0.3, (4, 3)))
        losses = {str(i): row.tolist() for i, row in enumerate(rows)}
        ratio = least_significant_ratio(losses, compared)
        means = np.log(rows).mean(axis=1)[:compared]
        exceeded.append(np.ptp(means) > np.log(ratio))
    assert 0.03 < np.mean(exceeded) < 0.07


def test_of_seeds_the_geometric_means_are_compared():
    better = {"test_loss": 2.5, "test_loss_by_seed": [1.0, 4.0]}
    worse = {"test_loss": 4.0, "test_loss_by_seed": [4.0, 4.0]}
    assert factor(better, worse, "test_loss") == pytest.approx(2.0)
    assert factor({"test_loss": 0.0}, worse, "test_loss") is None
    assert factor({"test_loss": None}, worse, "test_loss") is None


def test_without_repeated_rows_there_is_no_spread():
    assert least_significant_ratio({"a": [1.0], "b": [2.0]}) is None
    assert least_significant_ratio({}) is None


@pytest.mark.parametrize(
    ("ratio", "least", "said"),
    [
        (1.5, None, "points so"),
        (0.8, None, "points the other way"),
        (1.5, 1.2, "holds"),
        (0.5, 1.2, "the contrary holds"),
        (1.1, 1.2, "within the spread"),
        (0.9, 1.2, "within the spread"),
        (None, 1.2, "not measured"),
        (1.0, None, "no difference"),
    ],
)
def test_a_verdict_says_no_more_than_the_numbers(ratio, least, said):
    assert verdict(ratio, least) == said


def test_a_claim_about_a_row_that_is_not_there_is_left_out():
    assert judge_claims({}, {}) == []


def test_every_claim_is_about_configured_variants(parameters):
    named = {name for claim in CLAIMS for name in (claim.better, claim.worse)}
    assert named <= set(parameters.variants)
    assert set(figures._POOLS_COMPARED) | {figures._FINAL} <= set(parameters.variants)


# Figures and page


def test_figures_show_what_they_are_given(parameters, make_faces):
    names = ("14cl-3mpl", "14cl-5mpl-seed1", "15cl-5mpl-drop10-seed3")
    study = study_of(parameters, dict.fromkeys(names, (1.0, 2.0)), seeds=[1, 3])
    trainings = {f"{name}.training": training() for name in names}
    assert len(figures.draw_pool_curves(study, **trainings).axes) == 4
    final = figures.draw_final_curves(study, Champion("14cl-3mpl", "", None), **trainings)
    assert final.axes[0].get_title().startswith("15cl-5mpl-drop10-seed3")
    few = study_of(parameters, {"14cl-3mpl": (1.0, 2.0)})
    lost = figures.draw_pool_curves(few, **trainings)
    assert [text.get_text() for text in lost.texts] == ["Not drawn: needs 14cl-3mpl and 14cl-5mpl"]
    final = figures.draw_final_curves(few, Champion("14cl-3mpl", "", None), **trainings)
    assert final.axes[0].get_title().startswith("14cl-3mpl")
    assert final.axes[0].lines[1].get_ydata().tolist() == [10.0, 5.0]

    faces = make_faces(3, of_b=1)
    points = np.full((3, 15, 2), 40, np.float32)
    predictions = {"14cl-3mpl.test_predictions": points}
    sheet = figures.draw_test_predictions(
        few, Champion("14cl-3mpl", "", None), faces, **predictions
    )
    assert [axis.get_title() for axis in sheet.axes[:3]] == [f"test image {i}" for i in range(3)]
    only_b = faces.select(np.array([2]))
    assert len(figures.draw_labelled_face(only_b).axes) == 1

    study = everything(parameters)
    depth = figures.draw_loss_by_depth(study).axes[0]
    assert depth.lines[0].get_ydata()[0] == 1.5209
    assert len(depth.get_xticks()) == 16
    work = figures.draw_loss_by_compute(study).axes[0]
    assert {text.get_text() for text in work.texts} == set(parameters.variants)
    assert "needs rows" in figures.draw_loss_by_depth(study_of(parameters, {})).texts[0].get_text()


def test_the_page_holds_every_row_and_figure_and_needs_nothing_else(parameters):
    study = everything(parameters)
    page = write_page(study, loss_by_depth=Figure())
    for rows in parameters.paper.values():
        for row in rows:
            assert f'<th scope="row">{html.escape(row.row)}' in page
    assert page.count("<img") == 1
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "not in this run" not in page
    assert "The faces are <b>drawn</b>" in page
    assert "scaled study" not in page


def test_the_page_says_what_is_scaled_and_what_is_missing(parameters):
    study = study_of(parameters, {"5cl-3mpl": (2.0, 6.0), "<b>": (1.0, 1.0)}, scale=0.15)
    page = write_page(study)
    assert "This is a scaled study, not a reproduction" in page
    assert "25 networks not in this run" in page
    assert "vgg16" in page
    assert "<b></th>" not in page
    assert "&lt;b&gt;" in page


def test_a_study_of_nothing_but_the_mean_face_has_a_page(parameters):
    page = write_page(study_of(parameters, {}))
    assert "26 networks not in this run" in page
    assert "None of its 16 rows is in this run" in page
    assert "concludes, weighed" not in page


def test_no_figure_is_left_open():
    """Figures are made without pyplot, which would keep every one of them in memory."""
    import matplotlib.pyplot as plt

    assert isinstance(figures._empty("nothing"), Figure)
    assert plt.get_fignums() == []
