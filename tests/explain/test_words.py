import numpy as np
import pytest

from pipeline.catalogue.methods import METHODS
from pipeline.explain import words
from pipeline.explain.words import Topic

VALUES = np.array([[0.1, 0.2, 0.0, 0.0], [0.05, 0.4, 0.0, 0.0]], np.float32)
TOPIC = Topic(VALUES, 0.75, "Saluki", "Afghan hound", "dog", 116, averaged=True, units="in drops")
WHERE = "38 % from the left and 75 % from the top"


def _meaning(method, **changes):
    return words.meaning(method, Topic(**{**vars(TOPIC), **changes}))


def test_joint_is_a_probability_of_place_and_class():
    text = _meaning("joint", group="", members=0)
    assert "probability that the cue for recognition is at place z and the class is Saluki" in text
    assert "The 4 x 2 places add up to 75.0 %, the model's probability of Saluki." in text
    assert f"40.0 %, at {WHERE}" in text


def test_subset_is_of_any_of_the_classes():
    text = _meaning("subset")
    assert "the cue is at place z and the class is any of the 116 classes of dog" in text
    assert "add up to 75.0 %, the model's probability of any of them" in text


def test_a_counterfactual_speaks_for_either_class():
    text = _meaning("counterfactual", values=VALUES - 0.1, probability=0.7)
    assert "Red places (above 0) speak for Saluki rather than Afghan hound" in text
    assert "add up to 70.0 %, the difference" in text
    assert f"Most for Saluki: 30.0 %, at {WHERE}" in text
    assert "Most for Afghan hound: -10.0 %" in text
    assert "Most for Afghan hound: practically no place" in _meaning("counterfactual")


def test_posterior_and_saliency_add_up_to_one():
    assert "given that the class is Saluki" in _meaning("posterior")
    assert "whatever class" in _meaning("saliency")
    for method in ("posterior", "saliency"):
        assert "add up to 100 %" in _meaning(method)


def test_the_conditional_is_no_place_where_the_model_looks():
    text = _meaning("conditional")
    assert "class is Saluki if the cue is at place z" in text
    assert "not whether it looks there" in text


@pytest.mark.parametrize("method", [m for m, e in METHODS.items() if e.models != ("calm",)])
def test_maps_of_other_methods_are_said_to_be_no_probability(method):
    text = _meaning(method)
    assert "It is not a probability" in text
    assert WHERE in text


def test_cam_tells_how_it_makes_the_prediction_where_it_does():
    assert "softmax of all classes' mean scores, here 75.0 % for Saluki" in _meaning("cam")
    assert "softmax" not in _meaning("cam", averaged=False)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.83216, "83.2 %"),
        (0.0041, "0.41 %"),
        (-0.25, "-25.0 %"),
        (3e-5, "less than 0.01 %"),
        (-3e-5, "about 0 %"),
        (0.99996, "more than 99.9 %"),
    ],
)
def test_probabilities_are_neither_rounded_to_nought_nor_to_certainty(fraction, text):
    assert words.percent(fraction) == text


def test_headings_name_the_classes():
    assert words.heading("counterfactual", TOPIC).endswith("Saluki instead of Afghan hound")
    assert words.heading("subset", TOPIC).endswith("dog, 116 classes")
    assert words.heading("saliency", TOPIC).endswith("any class")
