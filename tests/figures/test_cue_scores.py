import pytest

from pipeline.artefacts.table import load
from pipeline.figures import cue_scores
from pipeline.runtime.errors import UserError


def test_dots_stand_at_the_values_and_baselines_are_lines(study):
    table = load(study["tables"]).get("cue_localization")
    figure = cue_scores.cue_scores(table, "birds", "net")
    one_part = figure.axes[0]
    dots = {
        (round(line.get_xdata()[0], 6), line.get_markerfacecolor() != "white")
        for line in one_part.lines
        if line.get_marker() == "o"
    }
    # all estimated-mask values of one part, filled raw and hollow minmax
    assert dots == {(b, True) for b in (31, 41, 51)} | {(b, False) for b in (26, 36, 46)}
    widest = max(x for axes in figure.axes for line in axes.lines for x in line.get_xdata())
    assert all(axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > widest for axes in figure.axes)
    vertical = {line.get_xdata()[0] for line in one_part.lines if len(set(line.get_xdata())) == 1
                and line.get_linestyle() in ("--", ":")}  # fmt: skip
    assert sorted(vertical) == pytest.approx([11, 21])
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "1 part", "2 parts", "3 parts", "Mean by pairs",
    ]  # fmt: skip


def test_scores_of_an_unknown_architecture_are_refused(study):
    with pytest.raises(UserError, match="no cue scores of birds, other"):
        cue_scores.cue_scores(load(study["tables"]).get("cue_localization"), "birds", "other")
