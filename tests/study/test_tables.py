import pandas as pd
import pytest
from parameters import base_parameters
from studies import full_study, study_of

from facial_keypoints.study.tables import TABLES, table_frame


def test_every_row_of_the_papers_tables_is_configured():
    parameters = base_parameters()
    counts = {table: len(rows) for table, rows in parameters.paper.items()}
    assert counts == {"table_3": 16, "table_4": 4, "table_5": 3, "text": 5}
    names = {row.variant for rows in parameters.paper.values() for row in rows}
    assert len(names) == 26
    epochs = {name: parameters.variants[name].train.epochs for name in names}
    assert {e for name, e in epochs.items() if "drop" in name} == {150}
    assert {e for name, e in epochs.items() if "drop" not in name} == {100}


def test_row_has_our_measures_the_papers_and_the_difference():
    study = study_of({"5cl-3mpl": (2.0, 6.0)})
    row, other = study.tables["table_3"][:2]
    assert row.row == "5cl, 3mpl"
    assert row.paper.test_loss == 1.5209
    assert row.ours.mean.val_loss == 2.5
    assert row.difference.test_loss == pytest.approx(2 - 1.5209)
    assert row.ours.leak == study.median_leak == 3.0
    assert len(study.missing) == 25
    assert other.ours is None
    assert other.paper.test_loss == 1.334


def test_model_in_two_tables_is_in_both_with_contradicting_accuracies_of_the_paper():
    study = study_of({"15cl-5mpl-drop10": (2.0, 6.0)})
    rows = [row for table in ("table_4", "table_5") for row in study.tables[table] if row.ours]
    assert [(row.row, row.paper.test_acc) for row in rows] == [("0.1", 0.9238), ("1", 0.9309)]


def test_agreement_is_1_for_results_proportional_to_the_papers():
    study = full_study()
    assert study.missing == []
    assert study.agreement["table_3"].test_loss == 1
    assert study.agreement["table_3"].unseen_loss == 1


@pytest.mark.parametrize("losses", [(None, None), (float("1e-9"), 2.0), (2.0, None)])
def test_row_without_a_loss_does_not_affect_other_rows(losses):
    study = study_of({"5cl-3mpl": losses, "15cl-5mpl": (2.0, 6.0)})
    row = study.tables["table_3"][0]
    assert row.ours is not None
    assert (row.difference.test_loss is None) == (losses[0] is None)
    assert study.trained()["15cl-5mpl"].leak == 3.0


def test_variant_outside_the_paper_is_in_a_table_of_its_own():
    study = study_of({"my-network": (2.0, 6.0)})
    assert [row.variant for row in study.tables["others"]] == ["my-network"]
    assert len(study.missing) == 26


def test_seeds_give_mean_deviation_and_significance():
    losses = {
        **{"15cl-5mpl": (2.0, 4.0), "15cl-5mpl-seed1": (2.2, 4.4), "15cl-5mpl-seed2": (2.4, 4.2)},
        **{"5cl-3mpl": (6.0, 9.0), "5cl-3mpl-seed1": (6.2, 9.9), "5cl-3mpl-seed2": (6.1, 9.3)},
        **{"14cl-5mpl": (2.1, 4.3), "14cl-5mpl-seed1": (2.3, 4.1), "14cl-5mpl-seed2": (2.2, 4.2)},
    }
    study = study_of(losses, seeds=[0, 1, 2])
    rows = {row.variant: row for row in study.tables["table_3"]}
    assert rows["15cl-5mpl"].ours.trainings == [*losses][:3]
    assert rows["15cl-5mpl"].ours.mean.test_loss == pytest.approx(2.2)
    assert rows["15cl-5mpl"].ours.deviation.test_loss == pytest.approx(0.2)
    assert rows["5cl-3mpl"].worse_than_best is True
    assert rows["14cl-5mpl"].worse_than_best is False
    assert rows["6cl-3mpl"].worse_than_best is None
    (claim,) = [c for c in study.claims if c.claim == "15 convolutions beat 5"]
    assert claim.unseen_verdict == "holds"


def test_table_frame_is_a_flat_table_of_numbers(tmp_path):
    study = full_study()
    frames = [table_frame(study.tables[table]) for table in TABLES]
    assert [len(frame) for frame in frames] == [16, 4, 3, 5, len(study.tables[TABLES[-1]])]
    for frame in frames:
        frame.to_csv(tmp_path / "t.csv", index=False)
        assert len(pd.read_csv(tmp_path / "t.csv")) == len(frame)
    third = frames[0].set_index("row")
    assert third.loc["14cl, 5mpl", "paper_test_loss"] == 0.7051
    assert third.loc["14cl, 5mpl", "test_loss"] == pytest.approx(1.4102)
    assert third.loc["14cl, 5mpl", "test_loss_difference"] == pytest.approx(0.7051)
    assert not third.map(lambda cell: isinstance(cell, list | dict)).any().any()
