import pytest

from facial_keypoints.plotting.style import COLOURS, finish_axes, line_style, new_figure


@pytest.mark.parametrize(("low", "high"), [(6, 7), (0.5, 900), (1.2, 30_000)])
def test_ticks_of_a_logarithmic_axis_are_plain_numbers(low, high):
    figure = new_figure(6, 4)
    axes = figure.subplots()
    axes.plot([1, 2], [low, high])
    axes.set_yscale("log")
    finish_axes(axes)
    figure.draw_without_rendering()
    low_limit, high_limit = axes.get_ylim()
    shown = [
        label.get_text()
        for label, tick in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
        if low_limit <= tick <= high_limit
    ]
    assert len(shown) >= 3
    assert all(float(text.replace(",", "")) > 0 for text in shown)
    assert not axes.get_yminorticklabels()


def test_first_28_lines_differ():
    styles = [tuple(line_style(i).items()) for i in range(4 * len(COLOURS))]
    assert len(set(styles)) == len(styles) == 28
    assert line_style(28) == line_style(0)


def test_note_is_printed_below():
    assert new_figure(6, 4, "Lower is better.").get_supxlabel() == "Lower is better."
