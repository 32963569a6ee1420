"""The promised names, each called with its promised arguments, against values found by hand."""

import ast
import doctest
import importlib
import inspect
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from explained_study import write_study
from PIL import Image

from pipeline import api
from pipeline.images.loading import normalise
from pipeline.runtime.errors import UserError

PAGE = Path(__file__).parent.parent / "docs/api.md"
_BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIGHT = (  # names that need no PyTorch
    "read_tree", "supersets", "attribute_parts", "class_pairs", "part_map", "cue_mask",
    "PixelAveragePrecision", "MaxBoxAccuracy", "MapStore", "bootstrap",
)  # fmt: skip
# two classes, two places: p(y, z|x)
LOG_P = torch.tensor([[0.1, 0.2], [0.3, 0.4]]).log()[None, :, None]
LABELS = torch.tensor([1])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder in which the examples of docs/api.md run."""
    folder = tmp_path_factory.mktemp("api")
    write_study(folder)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((90, 60)).save(folder / "bird.jpg")
    write_cub(folder / "cub")
    return folder


def write_cub(root):
    """Three classes: the first two differ in the wing, the third from both in wing and tail."""
    (root / "attributes").mkdir(parents=True)
    names = ["has_wing_color::blue", "has_wing_color::red", "has_tail_shape::forked"]
    lines = [f"{number} {name}" for number, name in enumerate(names, start=1)]
    (root / "attributes.txt").write_text("\n".join(lines))
    percent = "50 10 90\n49 10 90\n60 50 10\n"  # at 50: blue, forked; forked; blue, red
    (root / "attributes" / "class_attribute_labels_continuous.txt").write_text(percent)


@pytest.fixture(scope="module")
def model(study):
    return api.load_model(study / "results/models/birds/net/calm_em/seed0/weights.safetensors")


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
    return normalise(torch.from_numpy(pixels))


def test_every_name_is_there_and_listed():
    assert dir(api) == sorted(api.__all__)
    for name in api.__all__:
        assert getattr(api, name).__name__ == name
        assert inspect.getdoc(getattr(api, name))


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        api.nothing  # noqa: B018


def test_type_checkers_see_the_same_names():
    imported = {
        (node.module, alias.asname)
        for node in ast.walk(ast.parse(inspect.getsource(api)))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("pipeline.")
        for alias in node.names
    }
    assert imported == {(module, name) for name, module in api._MODULE_OF.items()}


def test_what_needs_no_pytorch_does_not_load_it():
    code = f"import sys; from pipeline.api import {', '.join(LIGHT)}; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_the_page_shows_every_name_and_its_examples_run(study, monkeypatch):
    monkeypatch.chdir(study)
    text = PAGE.read_text()
    headings = " ".join(line for line in text.splitlines() if line.startswith("### "))
    assert set(re.findall(r"[\w.]+(?=\(|`)", headings)) >= {*api.__all__} - {"Explanation"}
    for block in _BLOCK.findall(text):
        assert sum(line.startswith((">>>", "...")) for line in block.splitlines()) <= 5, block
    examples = "\n".join(_BLOCK.findall(text))
    test = doctest.DocTestParser().get_doctest(examples, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
    assert len(test.examples) > 30


@pytest.mark.parametrize("line", re.findall(r"^### (.*)$", PAGE.read_text(), re.MULTILINE))
def test_the_signatures_on_the_page_are_those_of_the_code(line):
    for signature in re.findall(r"`(\w+\(.*?\))`", line):
        name = signature.partition("(")[0]
        parameters = inspect.signature(getattr(api, name)).parameters.values()
        written = ast.parse(f"def {signature}: pass").body[0]
        given = written.args
        positional = [each.arg for each in given.args]
        found = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
        assert found == positional
        keywords = {each.arg for each in given.kwonlyargs}
        # further keywords, of the released code and of several maps of an image: in their help
        extra = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} - keywords
        assert extra <= {"images", "truncate", "posterior_guard"}
        defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
        for each in parameters:
            if each.name in defaults:
                assert each.default == ast.literal_eval(defaults[each.name])


def test_equations():
    zeros = api.log_joint(
        class_logits=torch.zeros(1, 2, 1, 2), location_logits=torch.zeros(1, 1, 1, 2),
        location="relu", detach_normaliser=True,
    )  # fmt: skip
    assert zeros.exp().flatten().tolist() == pytest.approx([0.25] * 4)
    assert api.class_log_probs(log_joint=LOG_P).exp()[0].tolist() == pytest.approx([0.3, 0.7])
    assert float(api.ml_loss(log_joint=LOG_P, labels=LABELS)) == pytest.approx(-math.log(0.7))
    em = -(3 / 7 * math.log(0.3) + 4 / 7 * math.log(0.4))
    assert float(api.em_loss(log_joint=LOG_P, labels=LABELS)) == pytest.approx(em)
    others = torch.tensor([0])
    for found, expected in (
        (api.posterior(log_joint=LOG_P, labels=LABELS), [3 / 7, 4 / 7]),
        (api.joint(log_joint=LOG_P, labels=LABELS), [0.3, 0.4]),
        (api.conditional(log_joint=LOG_P, labels=LABELS), [0.75, 2 / 3]),
        (api.saliency(log_joint=LOG_P), [0.4, 0.6]),
        (api.subset(log_joint=LOG_P, classes=[[0, 1]]), [0.4, 0.6]),
        (api.counterfactual(log_joint=LOG_P, labels=LABELS, others=others), [0.2, 0.2]),
    ):
        assert found.shape == (1, 1, 2)
        assert found.flatten().tolist() == pytest.approx(expected)


def test_cues(study):
    names = ["has_bill_shape::dagger", "has_primary_color::blue"]
    assert api.attribute_parts(attribute_names=names) == [{1}, set()]
    pairs = api.class_pairs(root=study / "cub", max_parts=2, threshold=50.0)
    rows = [tuple(row) for row in pairs.itertuples(index=False)]
    assert rows == [(1, 2, (7,)), (1, 3, (5, 7)), (2, 3, (5, 7))]
    keypoints = np.zeros((15, 3))
    keypoints[[0, 13]] = [[0, 0, 1], [30, 0, 1]]  # back, tail
    foreground = np.array([[1, 1, 1, 0]], np.uint8)
    parts = api.part_map(
        keypoints=keypoints, image_size=(40, 10), size=(4, 1), foreground=foreground
    )
    assert parts.tolist() == [[2, 2, 5, 0]]
    mask = api.cue_mask(part_map=parts, parts=(5, 7), visible_parts=(2, 5))
    assert mask.tolist() == [[False, False, True, False]]
    assert api.cue_mask(part_map=parts, parts=(7,), visible_parts=(2, 5)) is None


def test_pixel_average_precision():
    first, second = (api.PixelAveragePrecision(thresholds="exact") for _ in range(2))
    first.update(score_map=np.array([0.9, 0.7]), mask=np.array([1, 255], np.uint8))
    second.update(score_map=np.array([0.8, 0.1]), mask=np.array([0, 1], np.uint8))
    first.merge(second)
    assert first.compute() == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    for binned in ("even", "log"):
        metric = api.PixelAveragePrecision(binned)
        metric.update(np.array([[0.9, 0.2]]), np.array([[1, 0]], np.uint8))
        assert metric.compute() == 1


def test_max_box_accuracy():
    metric = api.MaxBoxAccuracy(iou_thresholds=(0.3, 0.5, 0.7), contours="all")
    score_map = np.pad(np.ones((2, 2)), 1)  # whose box is 1, 1, 3, 3, with the metric's extra pixel
    metric.update(score_map=score_map, boxes=np.array([[1, 1, 3, 3]]))
    other = api.MaxBoxAccuracy(iou_thresholds=(0.3, 0.5, 0.7), contours="all")
    other.update(score_map, np.array([[1, 1, 3, 1], [0, 0, 0, 0]]))  # IoU 3 / 9
    metric.merge(other)
    found = metric.compute()
    assert found["accuracy"] == {0.3: 1, 0.5: 0.5, 0.7: 0.5}
    assert found["v2"] == pytest.approx(2 / 3)


def test_erasing():
    mask = api.erase_mask(score_map=np.array([[0.1, 0.4], [0.3, 0.2]]), fraction=0.5)
    assert mask.tolist() == [[False, True], [True, False]]
    image = torch.zeros(1, 3, 3, 3)
    image[..., 1, 1] = 1
    centre = 1 / (1 + 2 * math.exp(-0.5))  # the kernel's middle, along one axis
    blurred = api.blur_baseline(images=image, kernel_size=3, sigma=1.0)
    assert blurred[0, :, 1, 1].tolist() == pytest.approx([centre**2] * 3)


def test_bootstrap():
    assert api.bootstrap(np.ones(5)) == (1, 1)
    # of two images a resample has the mean 0 or 1 with probability 1/4 each, 1/2 with 1/2
    values = np.array([0, 1])
    assert api.bootstrap(values, replicates=2000, level=0.8, seed=1) == (0, 1)
    assert api.bootstrap(values, replicates=2000, level=0.2, seed=1) == (0.5, 0.5)
    with pytest.raises(ValueError, match=r"\(N,\)"):
        api.bootstrap(np.ones((2, 2)))


def test_supersets(tmp_path):
    one, two, three, four = (f"n0000000{number}" for number in range(1, 5))
    path = tmp_path / "is_a.txt"
    path.write_text(f"{one} {two}\n{two} {three}\n{one} {three}\n{two} {four}\n")
    assert api.read_tree(is_a_path=path, parents="all")[three] == (two, one)
    tree = api.read_tree(is_a_path=path, parents="last")
    assert tree[three] == (one,)
    sets = api.supersets(tree=tree, class_wnids=[four, three, two], roots=[two])
    assert sets == {0: (0, 2), 1: (1,), 2: (0, 2)}


def test_maps_of_a_model(model, images):
    labels = torch.tensor([2, 0])
    probabilities = model.log_probs(images).exp().detach()
    maps = api.attribute(model=model, images=images, labels=labels, method="joint")
    assert maps.shape == (2, 8, 8)
    assert not maps.requires_grad
    expected = probabilities[torch.arange(2), labels]
    assert maps.sum((1, 2)).tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    both = api.attribute(model, images, [{0, 1, 2, 3}, [0]], method="subset").sum((1, 2))
    assert both.tolist() == pytest.approx([1, probabilities[1, 0].item()], rel=1e-4)
    signed = api.attribute(model, images, [(2, 1), (0, 3)], method="counterfactual").sum((1, 2))
    ours, others = probabilities[[0, 1], [2, 0]], probabilities[[0, 1], [1, 3]]
    assert signed.tolist() == pytest.approx((ours - others).tolist(), abs=1e-5)
    assert torch.equal(api.attribute(model, images, labels, "uniform"), torch.ones(2, 64, 64))


def test_gradients_are_the_default_and_take_options(model, images):
    inputs = images.clone().requires_grad_()
    log_probs = model.log_probs(inputs)
    (gradient,) = torch.autograd.grad(log_probs[0, 2] + log_probs[1, 0], inputs)
    with torch.no_grad():
        maps = api.attribute(model, images, [2, 0], blur_sigma=0, minmax=False)
    assert torch.allclose(maps, gradient.abs().amax(1), rtol=1e-3, atol=1e-7)
    finished = api.attribute(model, images, [2, 0])
    assert finished.amax((1, 2)).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("no option 'sampels'; did you mean 'samples'", {"method": "smoothgrad", "sampels": 3}),
        ("no option 'samples'", {"samples": 3}),
        ("samples: .*greater than or equal to 1", {"method": "smoothgrad", "samples": 0}),
        ("no method 'cam'", {"method": "cam"}),
        ("one class for each image; there are 2", {"labels": [0]}),
        ("two classes for each image", {"method": "counterfactual"}),
        ("a set of classes for each", {"method": "subset", "labels": [[1], []]}),
        ("4 is not one of the model's classes, 0 to 3", {"labels": [0, 4]}),
        (r"expected \(B, 3, S, S\), not \(3, 64, 64\)", {"images": torch.zeros(3, 64, 64)}),
    ],
)
def test_what_does_not_fit_a_model_is_said(model, images, message, arguments):
    given = {"images": images, "labels": [0, 1], **arguments}
    with pytest.raises(UserError, match=message):
        api.attribute(model, **given)


def test_an_explanation_is_one_line_and_a_page(study):
    weights = study / "results/models/birds/net/calm_em/seed0/weights.safetensors"
    found = api.explain(image=study / "bird.jpg", model=weights, of=0, methods=["saliency"])
    assert isinstance(found, api.Explanation)
    share = f"{100 * found.probabilities[0]:.1f} %"
    assert repr(found) == f"<Explanation of bird.jpg: House Sparrow, {share}; saliency 8 x 8>"
    assert repr(found.model) == f"<ExplainedModel calm_em on resnet_small, 4 classes ({weights})>"
    assert "<img" in found._repr_html_()


def test_stored_maps(tmp_path):
    maps = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    with api.MapStore.create(
        tmp_path / "x.h5", rows=[("a", "0"), ("b", "1")], shape=(2, 2), method="mine",
        targets="class", units="1", attributes={},
    ) as writer:  # fmt: skip
        writer.write(0, maps, np.array([0.25, 0.5]))
    with api.MapStore.open(tmp_path / "x.h5") as store:
        row = store.lookup(image_id="b", target="1")
        assert store.maps[row].tolist() == [[4, 5], [6, 7]]
        assert store.class_probability[row] == 0.5


def test_the_table_names_where_each_is_written():
    for name, module in api._MODULE_OF.items():
        assert getattr(importlib.import_module(module), name).__module__ == module
