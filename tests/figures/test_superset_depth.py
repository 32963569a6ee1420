import numpy as np
import pytest
import torch
from finished_study import IS_A

from pipeline.catalogue import imagenet
from pipeline.figures import superset_depth
from pipeline.figures.superset_depth import Example, Synset
from pipeline.images.loading import normalise
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.supersets.tree import classes_below, read_tree

WNIDS = [f"n0900001{label}" for label in range(4)]
SETS = [Synset("a", (2,)), Synset("b", (0, 2)), Synset("c", (0, 1, 2, 3))]


def photograph():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def test_the_path_goes_up_to_the_root_by_sets_that_grow(tmp_path):
    (tmp_path / "is_a.txt").write_text(IS_A)
    tree = read_tree(tmp_path / "is_a.txt")
    path = superset_depth.path_up(tree, classes_below(tree, WNIDS), WNIDS[0])
    assert path == [  # n09000004 holds class 0 alone, and is not a step
        ("n09000010", (0,)),
        ("n09000003", (0, 1)),
        ("n09000002", (0, 1, 2)),
        ("n09000001", (0, 1, 2, 3)),
    ]


def test_the_afghan_hound_of_the_paper():
    wnids = imagenet.class_wnids()
    tree = read_tree(imagenet.IS_A)
    path = superset_depth.path_up(tree, classes_below(tree, wnids), wnids[160])
    named = imagenet.synset_names()
    found = {named.get(synset.wnid): len(synset.classes) for synset in path}
    assert found["dog"] == 116  # "116 fine-grained dog species", section 5.4
    assert found["entity"] == 1000
    assert path[0] == (wnids[160], (160,))
    sizes = [1, 17, 61, 116, 121, 398, 407, 936, 946, 992, 1000]
    assert [len(synset.classes) for synset in path] == sizes
    short = superset_depth.thinned(path, tuple(sorted(path[3].classes)))
    assert [len(synset.classes) for synset in short] == [1, 17, 61, 116, 121, 398, 936, 1000]


def test_a_long_path_keeps_its_ends_the_superset_and_even_steps():
    path = [Synset(str(size), tuple(range(size))) for size in (1, 9, 10, 95, 100, 990, 1000)]
    sizes = [len(each.classes) for each in superset_depth.thinned(path, (), most=4)]
    assert sizes == [1, 10, 100, 1000]
    kept = superset_depth.thinned(path, tuple(range(990)), most=4)
    assert [len(each.classes) for each in kept] == [1, 10, 990, 1000]
    assert superset_depth.thinned(path, (), most=7) == path


def test_maps_of_sets_are_sums_of_joint_probabilities(study):
    model = load_model(study["calm_em/weights"])
    maps, probability = superset_depth.summed_maps(model, photograph(), 2, SETS)
    inputs = normalise(torch.from_numpy(photograph()).permute(2, 0, 1)[None])
    with torch.no_grad():
        joint = model(inputs)[0].double().exp()  # (C, h, w)
    for map_, synset in zip(maps, SETS, strict=True):
        wanted = sum(joint[label] for label in synset.classes)
        np.testing.assert_allclose(map_, wanted, rtol=1e-5)
    assert probability == pytest.approx(float(joint[2].sum()), rel=1e-5)
    assert maps[-1].sum() == pytest.approx(1, rel=1e-5)


def test_maps_of_a_cam_are_sums_of_stretched_activations(study):
    model = load_model(study["cam/weights"])
    maps, _ = superset_depth.summed_maps(model, photograph(), 2, SETS)
    with torch.no_grad():
        scores = model(normalise(torch.from_numpy(photograph()).permute(2, 0, 1)[None]))[0].numpy()
    low, high = scores.min(axis=(1, 2), keepdims=True), scores.max(axis=(1, 2), keepdims=True)
    stretched = (scores - low) / (high - low)
    for map_, synset in zip(maps, SETS, strict=True):
        np.testing.assert_allclose(map_, stretched[list(synset.classes)].sum(axis=0), atol=1e-4)


def test_panels_are_named_and_the_superset_is_bold():
    maps = np.stack([np.eye(4), 2 * np.eye(4), 3 * np.eye(4)])
    sets = [synset.classes for synset in SETS]
    long = Example(photograph(), 0.5, ["hound", "dog", "entity"], sets, maps, superset=1)
    short = Example(photograph(), 0.5, ["cat", "entity"], sets[1:], maps[1:], superset=None)
    figure = superset_depth.superset_depth([long, short], "title")
    assert len(figure.axes) == 4 + 3 + 1  # and the colour bar; the short row has no fourth panel
    titles = [axes.get_title(loc="left") for axes in figure.axes[:4]]
    assert titles == [
        "p(y|x) 0.50",
        "hound\n1 class, max 1",
        "dog\n2 classes, max 2",
        "entity\n4 classes, max 3",
    ]
    bold = [axes._left_title.get_weight() == "bold" for axes in figure.axes[1:4]]
    assert bold == [False, True, False]


def test_a_shifted_map_changes_the_picture():
    pictures = []
    for shift in (0, 1):
        maps = np.roll(np.eye(4), shift, axis=1)[None]
        example = Example(photograph(), 0.5, ["hound"], [(0,)], maps, superset=0)
        figure = superset_depth.superset_depth([example], "title")
        pictures.append(np.asarray(figure.axes[1].images[0].get_array()))
    assert np.abs(pictures[0] - pictures[1]).max() > 0.1


def test_weights_of_other_classes_are_refused(draw, study, tmp_path):
    lines = study["wnids"].read_text().splitlines()
    fewer = tmp_path / "classes.csv"
    fewer.write_text("\n".join(lines[:-1]))
    with pytest.raises(UserError, match=r"knows 4 classes, .*classes\.csv has 3"):
        draw("superset_depth", [tmp_path / "x.png"], wnids=fewer)


def test_names_without_wnids_are_refused(draw, study, tmp_path):
    with pytest.raises(UserError, match="does not begin with a wnid"):
        draw("superset_depth", [tmp_path / "x.png"], wnids=study["classes"])
