from pipeline.figures import lines


def names(**counts):
    return [(variant, f"m{n}") for variant, count in counts.items() for n in range(count)]


def test_few_lines_share_a_panel_and_many_are_split_by_variant_and_evenly():
    assert lines.groups(names(cam=7, calm=5)) == [names(cam=7, calm=5)]
    assert lines.groups(names(cam=7, calm=6)) == [names(cam=7), names(calm=6)]
    parts = lines.groups(names(cam=25, calm=2))
    assert [len(part) for part in parts] == [9, 8, 8, 2]
    assert [name for part in parts for name in part] == names(cam=25, calm=2)


def test_lines_of_a_panel_are_told_apart_without_colour():
    looks = lines.looks(names(cam=lines.MOST)).values()
    assert len({look["marker"] for look in looks}) == lines.MOST
    assert len({(look["color"], look["linestyle"]) for look in looks}) == lines.MOST


def test_a_legend_names_the_lines_and_one_variant_once():
    figure, axes = lines.grid([names(cam=2), names(cam=1, calm=1)], 2)
    assert axes.shape == (2, 2)
    one, both = [a.get_legend() for a in figure.axes if a.get_legend()]
    assert [text.get_text() for text in one.get_texts()] == ["m0", "m1"]
    assert one.get_title().get_text() == "cam"
    assert [text.get_text() for text in both.get_texts()] == ["cam · m0", "calm · m0"]
