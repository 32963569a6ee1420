import numpy as np
import pytest
from finished_study import identity, score

from pipeline.artefacts.paths import NO_MAPS, Names, Paths, fill
from pipeline.artefacts.scores import per_image_path, write_arrays
from pipeline.command.__main__ import execute
from pipeline.runtime.errors import UserError


@pytest.fixture
def results(tmp_path):
    """Two models from elsewhere and two variants of a network, as a study leaves their scores."""
    models = (("mine", "mine"), ("other", "other"), ("net", "cam"), ("net", "has"))
    for place, (architecture, variant) in enumerate(models):
        add(tmp_path, architecture, variant, None, "classification", "top1", 0.5 + place / 10)
        for step, method in enumerate(("cam", "rise")):
            value = 0.3 + place / 10 + step / 20
            add(tmp_path, architecture, variant, method, "insertion_deletion", "insertion", value)
    return tmp_path


def add(folder, architecture, variant, method, task, name, value):
    names = Names("birds", architecture, variant, 0, method=method or NO_MAPS, task=task)
    path = folder / fill(Paths("results").score, names)
    path.parent.mkdir(parents=True, exist_ok=True)
    score(path, task, identity(variant, method, architecture=architecture), {name: value})
    drawn = value + np.array([-0.02, 0.02])
    arrays = {"image_id": np.array(["a", "b"]), f"replicates.{name}": drawn}
    write_arrays(per_image_path(path), arrays)


def printed(capsys, results, *names):
    execute(["compare", *names, "--results", str(results / "results")])
    lines = capsys.readouterr().out.splitlines()
    return [" ".join(line.split()) for line in lines if line.strip().startswith("birds")]


def test_two_models(results, capsys):
    assert printed(capsys, results, "other", "mine") == [
        "birds Top-1 accuracy 60.0 [58.0, 63.0] 50.0 [48.0, 53.0] +10.0 [10.0, 10.0]",
        "birds cam Insertion 40.0 [38.0, 43.0] 30.0 [28.0, 33.0] +10.0 [10.0, 10.0]",
        "birds rise Insertion 45.0 [43.0, 48.0] 35.0 [33.0, 38.0] +10.0 [10.0, 10.0]",
    ]


def test_accuracy_is_listed_once_and_the_numbers_of_erasing_say_what_they_are_of(results, capsys):
    for name, value in (("mine", 0.5), ("other", 0.6)):  # the calibration repeats it
        add(results, name, name, None, "calibration", "top1", value)
        add(results, name, name, "cam", "erase", "auc.blur.most", value)
    found = printed(capsys, results, "other", "mine")
    assert [row for row in found if "op-1" in row] == [
        "birds Top-1 accuracy 60.0 [58.0, 63.0] 50.0 [48.0, 53.0] +10.0 [10.0, 10.0]"
    ]
    assert any(row.startswith("birds cam Erasing: most first, blur: mean R 60.0") for row in found)


@pytest.mark.parametrize(
    ("names", "maps", "difference"),
    [
        (("mine/cam", "mine/rise"), "cam - rise", "-5.0"),
        (("birds/mine/rise", "other/cam"), "rise - cam", "-5.0"),
        (("net/cam/cam", "net/has/cam"), "cam", "-10.0"),
        (("mine/rise", "other"), "rise", "-10.0"),
    ],
)
def test_two_maps(results, capsys, names, maps, difference):
    (row,) = printed(capsys, results, *names)
    assert row.startswith(f"birds {maps} Insertion")
    assert row.split()[-3] == difference


@pytest.mark.parametrize(
    ("names", "start"),
    [
        (("mine/subset", "other/cam_superset"), "subset - cam_superset MaxBoxAccV2 (superset)"),
        (("mine/subset", "other/cam"), "subset - cam MaxBoxAccV2 (superset - class)"),
        (("mine/cam", "other/cam"), "cam MaxBoxAccV2"),
    ],
)
def test_boxes_of_a_superset_against_another_s_or_those_of_the_class(results, capsys, names, start):
    for name, method, explained, value in (
        ("mine", "subset", "superset", 0.7),
        ("mine", "cam", "class", 0.7),
        ("other", "cam_superset", "superset", 0.6),
        ("other", "cam", "class", 0.6),
    ):
        add(results, name, name, method, "wsol", f"{explained}.maxboxaccv2", value)
    (row,) = (row for row in printed(capsys, results, *names) if "MaxBox" in row)
    assert row == f"birds {start} 70.0 [68.0, 73.0] 60.0 [58.0, 63.0] +10.0 [10.0, 10.0]"


def test_a_variant_goes_before_a_method_of_the_same_name(results, capsys):
    assert len(printed(capsys, results, "net/cam", "net/has")) == 3


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("net", "mine"), "'net' fits several models: net/cam, net/has"),
        (("mine", "yours"), "no scores of 'yours' in .* those of birds/mine/mine, birds/net"),
        (("mine/cam", "mine/cum"), "no scores of 'mine/cum'"),
    ],
)
def test_names_that_mean_no_one_model(results, names, said):
    with pytest.raises(UserError, match=said):
        execute(["compare", *names, "--results", str(results / "results")])


def test_a_folder_without_scores(tmp_path):
    with pytest.raises(UserError, match="no model: run the study first"):
        execute(["compare", "a", "b", "--results", str(tmp_path)])
