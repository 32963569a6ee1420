import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image

from pipeline.artefacts.maps import MapStore
from pipeline.explain import explain, open_model
from pipeline.images.loading import normalise
from pipeline.runtime.errors import UserError

SPARROWS = [0, 1]


@pytest.fixture(scope="module")
def model(weights):
    return open_model(weights["calm_em"])


@pytest.fixture(scope="module")
def explanation(model, image):
    return explain(
        image,
        model,
        of="tree sparrow",
        against="Laysan Albatross",
        superset="sparrow",
        methods=["joint", "saliency"],
    )


def test_the_maps_are_those_of_the_equations(explanation, model, image):
    with Image.open(image) as opened:
        seen = opened.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        joint = model.classifier(normalise(pixels)).exp()[0].numpy()  # (C, h, w)
    expected = {
        "joint": joint[1],
        "saliency": joint.sum(axis=0),
        "counterfactual": joint[1] - joint[2],
        "subset": joint[SPARROWS].sum(axis=0),
    }
    assert [each.method for each in explanation.maps] == list(expected)
    for each in explanation.maps:
        np.testing.assert_allclose(each.values, expected[each.method], rtol=1e-4, atol=1e-7)
        total = 1 if each.method == "saliency" else each.values.sum()
        assert each.topic.probability == pytest.approx(total, abs=1e-5)
    np.testing.assert_allclose(explanation.probabilities, joint.sum(axis=(1, 2)), rtol=1e-4)


def test_the_prediction_is_explained_unless_a_class_is_given(model, image):
    explanation = explain(image, model)
    assert explanation.label == explanation.probabilities.argmax()
    assert [each.method for each in explanation.maps] == ["joint"]
    (first, probability), *_ = explanation.top
    assert f"{first}, with probability {100 * probability:.1f} %" in explanation.text
    assert "Explained is" not in explanation.text


def test_the_text_says_which_class_is_explained(explanation):
    predicted = explanation.top[0][0]
    said = "Explained is Tree Sparrow" in explanation.text
    assert said == (predicted != "Tree Sparrow")
    for each in explanation.maps:
        assert f"{each.method}: {each.words}" in explanation.text


def test_files_are_pictures_and_stores_of_one_map(explanation, weights, tmp_path):
    written = explanation.save(tmp_path / "out")
    assert [path.name for path in written[:2]] == ["a bird_joint.png", "a bird_joint.h5"]
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    for path, each in zip(written[1::2], explanation.maps, strict=True):
        with MapStore.open(path) as store:
            row = store.lookup("a bird.jpg", each.target)
            np.testing.assert_array_equal(store.maps[row], each.values)
            assert store.class_probability[row] == np.float32(each.topic.probability)
            assert store.attributes["weights"] == str(weights["calm_em"])
            assert store.attributes["class"] == "002.Tree_Sparrow"
    assert [each.target for each in explanation.maps] == ["1", "prior", "1>2", "superset:sparrow"]


def test_equal_questions_give_equal_bytes(explanation, model, image, tmp_path):
    again = explain(image, model, of=1, against=2, superset="sparrow", methods=["joint"])
    first = {path.name: path.read_bytes() for path in explanation.save(tmp_path / "one")}
    for path in again.save(tmp_path / "two"):
        assert path.read_bytes() == first[path.name]


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_a_notebook_shows_everything_without_other_files(explanation):
    text = explanation._repr_html_()
    page = _Page()
    page.feed(text)
    assert page.tags.count("img") == len(page.addresses) == len(explanation.maps)
    for address in page.addresses:
        head, _, data = address.partition(",")
        assert head == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.width > 2 * explanation.model.side
    assert not {"script", "link", "style"} & set(page.tags)
    plain = re.sub("<[^>]*>", "", text)
    assert "Tree Sparrow" in plain
    assert "speak for Tree Sparrow rather than Laysan Albatross" in plain


def test_names_are_escaped_in_html(weights, image, tmp_path):
    names = ["<script>x</script>", "b", "c", "d"]
    lines = [f"{label},{name}" for label, name in enumerate(names)]
    (tmp_path / "classes.csv").write_text("\n".join(["label,name", *lines]) + "\n")
    model = open_model(weights["cam"], classes=tmp_path / "classes.csv")
    page = explain(image, model, of=0)._repr_html_()
    assert "<script" not in page
    assert "&lt;script" in page


def test_drawing_leaves_other_figures_as_they_are(explanation, tmp_path):
    plt.rcParams["font.size"] = 17
    explain(explanation.model.resized(Image.new("RGB", (8, 8))), explanation.model)._repr_html_()
    assert plt.rcParams["font.size"] == 17
    assert not plt.get_fignums()


def test_a_picture_is_turned_as_its_camera_noted(model, image, tmp_path):
    with Image.open(image) as opened:
        exif = opened.getexif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        opened.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
        opened.save(tmp_path / "upright.png")
    turned, upright = (
        explain(tmp_path / name, model).image for name in ("turned.png", "upright.png")
    )
    np.testing.assert_array_equal(turned, upright)


def test_images_may_be_given_as_such_and_grey(model):
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    assert explain(grey, model).name == "image"


def test_a_cam_model_explains_with_cam(weights, image):
    explanation = explain(image, weights["cam"], superset="House Sparrow", methods=["cam_max"])
    assert [each.method for each in explanation.maps] == ["cam_max", "cam_superset"]
    assert explanation.maps[1].topic.members == 2
    assert "It is not a probability" in explanation.text


@pytest.mark.parametrize(
    ("kind", "question", "message"),
    [
        ("cam", {"against": "tree sparrow"}, "only CALM has counterfactuals"),
        ("cam", {"methods": ["joint"]}, "a cam model has no method 'joint'; valid: cam,"),
        ("calm_em", {"methods": ["jiont"]}, "no method 'jiont'"),
        ("calm_em", {"methods": ["counterfactual"]}, "--against CLASS"),
        ("calm_em", {"methods": ["subset"]}, "--superset NAME"),
        ("calm_em", {"of": "emu"}, "no class 'emu'"),
        ("calm_em", {"of": 1, "against": "Tree Sparrow"}, "the explained class itself"),
        ("calm_em", {"superset": "emu"}, "No class has 'emu'"),
    ],
)
def test_bad_questions_are_answered(weights, image, kind, question, message):
    with pytest.raises(UserError, match=message):
        explain(image, weights[kind], **question)


def test_unreadable_images_are_named(model, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "deep.tif")
    for name in ("missing.jpg", "broken.jpg", "deep.tif"):
        with pytest.raises(UserError, match=name):
            explain(tmp_path / name, model)
