import pandas as pd

from facial_keypoints.plotting.curves import draw_learning_curves, draw_loss_and_accuracy

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "loss": [9.0, 4.0],
        "val_loss": [10.0, 5.0],
        "accuracy": [0.1, 0.5],
        "val_accuracy": [0.1, 0.4],
        "val_rmse": [4.0, 3.0],
    }
)


def test_loss_and_accuracy_has_a_row_of_two_plots_per_training():
    axes = draw_loss_and_accuracy({"a": HISTORY, "b": HISTORY}).axes
    assert [axis.get_title().partition(":")[0] for axis in axes] == ["a", "a", "b", "b"]
    assert [line.get_ydata().tolist() for line in axes[2].lines] == [[9.0, 4.0], [10.0, 5.0]]
    assert axes[3].lines[1].get_ydata().tolist() == [0.1, 0.4]


def test_learning_curves_has_a_line_per_variant():
    (axis,) = draw_learning_curves({"a": HISTORY, "b": HISTORY}).axes
    assert [line.get_label() for line in axis.lines] == ["a", "b"]
    assert axis.lines[1].get_ydata().tolist() == [4.0, 3.0]
