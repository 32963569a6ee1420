import re
from xml.etree import ElementTree

import pytest
from finished_study import tables_json

from pipeline.artefacts.table import load
from pipeline.report.headline import headline, of_models
from pipeline.report.plot import panels, standalone, ticks


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    tables = load(tables_json(tmp_path_factory.mktemp("tables")))
    table = headline(tables)
    return panels(table, table.blocks[0], of_models(tables))


@pytest.fixture(scope="module")
def drawn(found):
    return {panel.heading: panel.drawing for panel in found}


def test_a_panel_for_each_main_number_with_a_dot_for_each_map(drawn):
    assert list(drawn) == ["Top-1 accuracy", "Cues: mPxAP", "MaxBoxAccV2"]
    assert [text.count("<circle") for text in drawn.values()] == [3, 4, 4]  # 3 models, 4 maps


def test_dots_lie_in_the_order_of_their_numbers_within_their_intervals(drawn):
    text = drawn["Cues: mPxAP"]
    dots = [float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)"', text)]
    assert dots[0] < dots[1] == dots[2] < dots[3]  # 32, 42, 42, 52
    assert dots[1] - dots[0] == pytest.approx(dots[3] - dots[1], abs=0.2)
    lines = re.findall(r'<line class="dot" x1="([\d.]+)" x2="([\d.]+)"', text)
    assert all(float(a) < x < float(b) for x, (a, b) in zip(dots, lines, strict=True))


def test_baselines_are_lines_and_what_is_below_the_gaussian_is_open(drawn):
    assert drawn["Cues: mPxAP"].count('class="floor') == 2  # chance, and pointing at the head
    boxes = drawn["MaxBoxAccV2"]
    assert boxes.count('class="floor"') == 1
    assert boxes.count('<circle class="weak"') == 1  # CAM: 30 against 35
    assert "cam: 30.0, 28.0 to 33.0" in boxes


def test_a_file_has_all_panels_one_below_the_other(found):
    root = ElementTree.fromstring(standalone(found))
    inner = root.findall("{*}svg")
    assert [each.text for each in root.findall("{*}text")] == [panel.heading for panel in found]
    bottoms = [float(each.get("y")) + float(each.get("height")) for each in inner]
    assert all(y < float(each.get("y")) for y, each in zip(bottoms, inner[1:], strict=False))
    assert root.get("viewBox").split()[3] == str(bottoms[-1])
    for each, panel in zip(inner, found, strict=True):
        assert each.get("height") == each.get("viewBox").split()[3] == str(panel.height)
        assert len(each.findall(".//{*}circle")) == panel.drawing.count("<circle")
    assert "var(" not in standalone(found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.4, 101, [20, 40, 60, 80, 100]),
        (68.3, 94.6, [70, 80, 90]),
        (-3, 21, [0, 10, 20]),
        (0.112, 0.239, [0.15, 0.2]),
        (99, 101, [99, 100, 101]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == expected


def test_there_is_always_a_tick():
    for number in range(200):
        low, high = 0.137 * number - 3, 0.137 * number - 3 + 1.07**number
        assert 1 <= len(ticks(low, high)) <= 6
        assert low <= min(ticks(low, high)) <= max(ticks(low, high)) <= high
