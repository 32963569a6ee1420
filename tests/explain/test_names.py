import pytest
from explained_study import NAMES

from pipeline.catalogue.imagenet import DATA
from pipeline.explain.names import Classes
from pipeline.runtime.errors import UserError

TITLES = ["House Sparrow", "Tree Sparrow", "Laysan Albatross", "Brewer's Blackbird"]


@pytest.fixture(scope="module")
def birds():
    return Classes(NAMES, TITLES, {0: [0, 1], 1: [0, 1], 2: [2], 3: [3]})


@pytest.fixture(scope="module")
def imagenet():
    return Classes.read(DATA / "classes.csv")


@pytest.mark.parametrize(
    "text",
    ["Laysan Albatross", "laysan_albatross", "LAYSAN-ALBATROSS", "003.Laysan_Albatross", "2", 2],
)
def test_a_class_is_found_however_it_is_written(birds, text):
    assert birds.find(text) == 2


def test_apostrophes_may_be_left_out(birds):
    assert birds.find("brewers blackbird") == 3


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Laysan Albatros", "Laysan Albatross"),
        ("fox sparrow", "House Sparrow"),
        ("sparrow", "Tree Sparrow"),
        ("quetzal", "House Sparrow"),
    ],
)
def test_an_unknown_class_is_told_with_the_nearest(birds, text, near):
    with pytest.raises(UserError, match=f"no class '{text}'.*{near}"):
        birds.find(text)


def test_a_label_must_exist(birds):
    with pytest.raises(UserError, match="0 to 3"):
        birds.find("4")


@pytest.mark.parametrize(
    ("text", "label"),
    [("afghan_hound", 160), ("gazelle hound", 176), ("Saluki", 176), ("n02091831", 176)],
)
def test_imagenet_classes_have_synonyms_and_wnids(imagenet, text, label):
    assert imagenet.find(text) == label


def test_a_name_of_two_classes_must_be_told_apart(imagenet):
    with pytest.raises(UserError, match=r"label 134.*label 517"):
        imagenet.find("crane")
    assert imagenet.find("n03126707") == 517


def test_a_synset_of_wordnet_is_a_superset(imagenet):
    title, dogs = imagenet.superset("Domestic_dog")
    assert title == "dog"
    assert imagenet.superset("dog") == imagenet.superset("n02084071") == ("dog", dogs)
    assert dogs == tuple(sorted(dogs))
    assert {imagenet.find("Afghan hound"), imagenet.find("Saluki")} < set(dogs)
    assert imagenet.find("timber wolf") not in dogs
    assert imagenet.superset("entity")[1] == tuple(range(1000))
    assert imagenet.superset("Saluki") == ("Saluki", (176,))


def test_an_unknown_synset_is_told_with_the_nearest(imagenet):
    with pytest.raises(UserError, match=r"no 'canin'.*'canine'"):
        imagenet.superset("canin")


def test_other_classes_have_the_supersets_of_the_study_or_share_a_word(birds):
    assert birds.superset("tree sparrow") == ("the superset of Tree Sparrow", (0, 1))
    assert birds.superset("Sparrow") == ("Sparrow", (0, 1))
    with pytest.raises(UserError, match="No class has 'row' in its name"):
        birds.superset("row")  # a part of a word


def test_without_a_study_a_class_is_a_set_by_itself():
    assert Classes(NAMES, TITLES).superset("tree sparrow") == ("tree sparrow", (1,))


def test_numbered_classes_have_names():
    assert Classes.numbered(3).find("Class 2") == 2
