import pytest
from workflow_config import study_with

from pipeline.artefacts.paths import Names
from pipeline.study.inputs.figures import PICTURE, PLOT, FigureInputs, figure_code, options

BIRDS = Names("birds", "pretrained")
MAPS = "out/maps/birds/pretrained"


def figure(name):
    return Names("birds", "pretrained", figure=name)


@pytest.fixture
def figures(study, paths):
    return FigureInputs(study, paths)


def test_the_figures_that_a_study_has(figures):
    assert [*figures.wanted(BIRDS)] == [
        ("cue_scores", PLOT),
        ("contrast", PICTURE),
        ("counterfactual", PICTURE),
        ("reliability", PLOT),
        ("gallery", PICTURE),
        ("kinds", PICTURE),
        ("training", PLOT),
    ]
    assert [*figures.wanted(Names("others", "small"))] == [("training", PLOT)]


def test_a_method_outside_the_gallery_gives_its_variant_a_gallery(paths):
    methods = {"cam": ["cam"], "calm": ["joint", "conditional"]}
    found = [name for name, _ in FigureInputs(study_with(methods=methods), paths).wanted(BIRDS)]
    assert "gallery.calm_em" in found
    assert "gallery.cam" not in found


def test_maps_are_those_of_the_first_seed(figures):
    assert figures.files(figure("counterfactual"))["maps"] == [
        f"{MAPS}/cam/seed3/test/cam.h5",
        f"{MAPS}/cam/seed3/test/gradient.h5",
        f"{MAPS}/calm_em/seed3/test/counterfactual.h5",
    ]
    assert figures.files(figure("training"))["histories"] == [
        "out/models/birds/pretrained/cam/seed3/history.csv",
        "out/models/birds/pretrained/calm_em/seed3/history.csv",
    ]


def test_files_and_values_are_options_of_the_figures_command_line(figures):
    # every option that a rule passes is one that the figure's parser knows
    from pipeline.command.cli_reference import parser_of
    from pipeline.figures.__main__ import run

    commands = parser_of(run)._subparsers._group_actions[0].choices
    for name, _ in figures.wanted(BIRDS):
        words = options(figures.files(figure(name))) + figures.arguments(figure(name))
        commands[name].parse_args(["--section", "{}", *words, "--out", "x.png"])


def test_words_of_a_command_line():
    assert options({"part_maps": [], "maps": ["a", "b"], "title": "x y"}) == [
        *("--part-maps", "--maps", "a", "b", "--title", "x y")
    ]


def test_a_figure_is_made_of_its_own_module():
    code = figure_code(figure("gallery.cam"))
    assert "pipeline.figures.gallery" in code
    assert "pipeline.figures.kinds" not in code


def test_a_data_set_without_attributes_has_figures_of_the_pairs_that_it_names(paths):
    study = study_with()
    birds = study.datasets["birds"]
    for pairs, expected in (((("a", "b"),), True), ((), False)):
        named = birds.model_copy(update={"cue_localization": False, "class_pairs": pairs})
        datasets = {**study.datasets, "birds": named}
        figures = FigureInputs(study.model_copy(update={"datasets": datasets}), paths)
        found = {name for name, _ in figures.wanted(BIRDS)}
        assert ({"contrast", "counterfactual"} <= found) == expected
        assert "cue_scores" not in found
        if expected:
            files = figures.files(figure("counterfactual"))
            assert files["part_maps"] == []
            assert files["pairs"] == "out/cues/birds/pairs.csv"
            assert figures.values(figure("contrast"))["class_pairs"] == '[["a","b"]]'
