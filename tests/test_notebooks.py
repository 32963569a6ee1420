"""The notebooks of docs/notebooks: each runs from its first cell to its last, and is kept unrun."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "docs/notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def test_there_are_three():
    assert NOTEBOOKS == [
        "compare_two_models.ipynb",
        "explain_one_image.ipynb",
        "measure_my_maps.ipynb",
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_output_is_kept(name):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Name of a notebook -> what it shows when it runs: (texts, HTML)."""

    def run(name):
        notebook = nbformat.read(FOLDER / name, as_version=4)
        folder = tmp_path_factory.mktemp("notebook")
        NotebookClient(
            notebook, timeout=300, resources={"metadata": {"path": str(folder)}}
        ).execute()
        assert not [*folder.iterdir()]  # it leaves nothing where it was started
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        # tqdm, which captum uses, asks for Jupyter's widgets
        warnings = [output.text for output in outputs if output.get("name") == "stderr"]
        assert not [text for text in warnings if "TqdmWarning: IProgress" not in text]
        texts = [output.text for output in outputs if output.get("name") == "stdout"]
        rich = [output.data.get("text/html", "") for output in outputs if "data" in output]
        return "\n".join(texts), "\n".join(rich)

    return run


def percents(text):
    return [float(number) for number in re.findall(r"([+-]?\d+(?:\.\d+)?)%", text)]


def test_one_image_is_explained(shown):
    text, rich = shown("explain_one_image.ipynb")
    right, chance = percents(text.partition("right on")[2].partition(")")[0])
    assert chance == 25
    assert right > 60
    assert rich.count("<figure>") == 2  # two methods
    assert "data:image/png;base64," in rich
    assert "one map: (16, 16)" in text
    assert "all test images: (40, 16, 16)" in text
    assert text.count(".png") == text.count(".h5") == 2


def test_my_maps_are_measured_against_a_baseline(shown):
    text, rich = shown("measure_my_maps.ipynb")
    assert "100 test images" in text
    assert "100 maps of 64 x 64" in text
    numbers = [float(cell) for cell in re.findall(r"<td>([\d.]+)</td>", rich)]
    assert len(numbers) == 6  # 2 methods, 3 metrics
    assert all(0 < number <= 100 for number in numbers)
    difference, low, high = percents(text.partition("difference:")[2].partition("\n")[0])
    assert low <= difference <= high < 0  # the text says that the baseline is ahead
    assert difference == pytest.approx(numbers[0] - numbers[3], abs=0.11)  # both rounded


def test_two_models_are_compared(shown):
    text, rich = shown("compare_two_models.ipynb")
    assert {"8x8", "16x16"} <= set(re.findall(r"<td>(\d+x\d+)</td>", rich))
    for what in ("right class", "points at the bird"):
        line = text.partition(f"{what}: ")[2].partition("\n")[0]
        difference, low, high = percents(line)
        assert low <= difference <= high
        assert ("no clear" in line) == (low <= 0 <= high)
