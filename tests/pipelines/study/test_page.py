import html
import re

from matplotlib.figure import Figure
from parameters import base_parameters
from studies import full_study, split_summary, study_of

from facial_keypoints.pipelines.study.page import write_page


def test_page_contains_every_row_and_figure_and_no_external_link():
    page = write_page(full_study(), loss_by_depth=Figure())
    for rows in base_parameters().paper.values():
        for row in rows:
            assert f'<th scope="row">{html.escape(row.row)}' in page
    assert page.count("<img") == 1
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "not in this run" not in page
    assert "The faces are <b>synthetic</b>" in page
    assert "scaled study" not in page


def test_page_names_scale_and_missing_networks_and_escapes_names():
    page = write_page(study_of({"5cl-3mpl": (2.0, 6.0), "<b>": (1.0, 1.0)}, scale=0.15))
    assert "This is a scaled study, not a reproduction" in page
    assert "This page is about the 2 variants of this run." in page
    assert "trains all 26 networks" in page
    assert "vgg16" not in page
    assert "not in this run" not in page
    assert "<b></th>" not in page
    assert "&lt;b&gt;" in page


def test_page_without_networks_of_the_paper_says_so_in_one_line():
    page = write_page(
        study_of({"my-network": (1.0, 2.0)}),
        study_figure_1=Figure(),
        study_figure_2=Figure(),
        loss_by_depth=Figure(),
        loss_by_compute=Figure(),
    )
    assert "trains all 26 networks of the paper" in page
    assert "vgg16" not in page
    assert "my-network" in page
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "Variants that are not in the paper",
        "Figures",
        "Networks and trainings",
        "Definitions",
    ]
    assert re.findall('<figure id="(.*?)">', page) == ["study_figure_1"]


def test_page_without_trainings_has_no_tables():
    page = write_page(study_of({}))
    assert "trains all 26 networks of the paper" in page
    assert "<table>" not in page


def test_page_names_failed_trainings():
    page = write_page(
        study_of({"5cl-3mpl": (None, None)}, records={"5cl-3mpl": {"failure": "no memory"}})
    )
    assert "<b>1 training failed:</b>\n5cl-3mpl (no memory)." in page


def test_page_without_unseen_faces_says_that_the_leak_is_unknown():
    page = write_page(study_of({"5cl-3mpl": (2.0, None)}, split=split_summary(unseen=0)))
    assert "the leak of the test results\ncannot be measured" in page


def test_page_of_diverged_network_has_its_row():
    page = write_page(study_of({"5cl-3mpl": (None, None), "15cl-5mpl": (2.0, 6.0)}))
    assert "5cl, 3mpl" in page


def test_page_formats_large_losses_with_separators():
    assert "12,346</td>" in write_page(study_of({"5cl-3mpl": (12345.678, 2.0)}))


def test_page_lists_missing_networks_where_they_are_few():
    names = [row.variant for rows in full_study().tables.values() for row in rows]
    page = write_page(study_of(dict.fromkeys([n for n in names if n != "vgg16"], (2.0, 6.0))))
    assert "<b>1 of the paper's networks is not in this\nrun:</b> vgg16." in page
    assert "not in this run</td>" in page


def test_page_correlates_no_fewer_than_five_rows_with_the_paper():
    names = ["5cl-3mpl", "6cl-3mpl", "7cl-3mpl", "8cl-3mpl", "9cl-3mpl"]
    losses = {name: (float(i), float(i)) for i, name in enumerate(names, start=1)}
    assert "Rank correlation (Spearman)" in write_page(study_of(losses))
    del losses[names[0]]
    assert "Rank correlation (Spearman)" not in write_page(study_of(losses))
