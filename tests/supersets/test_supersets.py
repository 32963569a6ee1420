import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.catalogue import imagenet
from pipeline.runtime.errors import UserError
from pipeline.supersets.__main__ import run
from pipeline.supersets.tree import check_partition, classes_below, read_tree, supersets

ENTITY, ANIMAL, DOG, BIRD, THING, PUG, BEAGLE, ROBIN, CUP = (
    f"n{number:08d}" for number in range(1, 10)
)
# A robin is a bird and, in a later line, a thing; a dog is an animal.
EDGES = [
    (ENTITY, ANIMAL),
    (ANIMAL, DOG),
    (ANIMAL, BIRD),
    (DOG, PUG),
    (BIRD, ROBIN),
    (DOG, BEAGLE),
    (ENTITY, THING),
    (THING, ROBIN),
    (THING, CUP),
]
CLASSES = [CUP, PUG, ROBIN, BEAGLE]


@pytest.fixture
def is_a(tmp_path):
    path = tmp_path / "is_a.txt"
    path.write_text("".join(f"{parent} {child}\n" for parent, child in EDGES))
    return path


@pytest.fixture(scope="module")
def last():
    return read_tree(imagenet.IS_A, "last")


@pytest.fixture(scope="module")
def wnids():
    return imagenet.class_wnids()


def partition(members):
    sets = set(members.values())
    assert sorted(index for each in sets for index in each) == sorted(members)
    assert all(index in each for index, each in members.items())
    return sets


def test_the_last_line_or_every_line_of_a_child_counts(is_a):
    assert read_tree(is_a)[ROBIN] == (THING,)
    assert read_tree(is_a, "all")[ROBIN] == (BIRD, THING)


def test_classes_below_a_root_share_a_superset_and_the_rest_are_singletons(is_a):
    tree = read_tree(is_a)
    assert supersets(tree, CLASSES, [DOG]) == {0: (0,), 1: (1, 3), 2: (2,), 3: (1, 3)}
    assert supersets(tree, CLASSES, []) == {index: (index,) for index in range(4)}
    assert supersets(tree, CLASSES, [ENTITY])[2] == (0, 1, 2, 3)
    assert supersets(tree, CLASSES, [PUG])[1] == (1,)  # a class can be a root itself


def test_of_nested_roots_the_one_nearest_to_the_top_wins_whatever_the_order(is_a):
    tree = read_tree(is_a)
    for roots in ([ANIMAL, DOG], [DOG, ANIMAL]):
        assert supersets(tree, CLASSES, roots)[1] == (1, 3)
    tree = read_tree(is_a, "all")
    for roots in ([ANIMAL, DOG], [DOG, ANIMAL]):
        assert supersets(tree, CLASSES, roots)[1] == (1, 2, 3)


def test_a_class_below_two_roots_belongs_to_the_shallower_one(is_a):
    tree = read_tree(is_a, "all")
    members = supersets(tree, CLASSES, [BIRD, THING])  # depths 2 and 1
    assert members[2] == (0, 2)
    partition(members)
    assert check_partition(tree, CLASSES, [BIRD, THING]) == [(BIRD, THING, (2,))]


def test_overlapping_roots_are_named(is_a):
    tree = read_tree(is_a)
    assert check_partition(tree, CLASSES, [DOG, THING]) == []
    assert check_partition(tree, CLASSES, [ANIMAL, THING, DOG]) == [(ANIMAL, DOG, (1, 3))]


def test_errors_name_what_is_wrong(is_a, tmp_path):
    tree = read_tree(is_a)
    with pytest.raises(UserError, match=r"n99999999.*supersets\.is_a"):
        supersets(tree, [*CLASSES, "n99999999"], [DOG])
    with pytest.raises(UserError, match="n88888888"):
        supersets(tree, CLASSES, ["n88888888"])
    is_a.write_text(f"{ENTITY} {DOG}\n{DOG}\n")
    with pytest.raises(UserError, match="line 2"):
        read_tree(is_a)
    with pytest.raises(UserError, match=r"absent\.txt"):
        read_tree(tmp_path / "absent.txt")


def test_the_default_gives_446_sets_with_330_singletons(last, wnids):
    roots = imagenet.read_annotation("disjoint")
    assert len(roots) == 116
    assert check_partition(last, wnids, roots) == []
    sets = partition(supersets(last, wnids, roots))
    assert len(sets) == 446
    assert sum(len(each) == 1 for each in sets) == 330
    assert sum(len(each) for each in sets if len(each) > 1) == 670
    assert max(map(len, sets)) == 116
    dogs = supersets(last, wnids, roots)[wnids.index("n02088094")]  # Afghan hound
    assert len(dogs) == 116


def test_the_printed_list_overlaps_and_its_canine_holds_no_dog(last, wnids):
    roots = imagenet.read_annotation("paper")
    assert len(roots) == 118
    named = [
        (roots[first], roots[second], len(classes))
        for first, second, classes in check_partition(last, wnids, roots)
    ]
    assert named == [("ungulate", "bovid", 9), ("ungulate", "swine", 3)]
    members = supersets(last, wnids, roots)
    partition(members)
    assert len(members[wnids.index("n02403003")]) == 17  # ox: an ungulate, not only a bovid
    assert len(members[wnids.index("n02088094")]) == 1
    assert len(classes_below(last, wnids)["n02083346"]) == 12
    assert len(classes_below(last, wnids)["n02084071"]) == 116


def test_117_of_118_rows_of_table_4_match_with_one_parent_a_synset(last, wnids):
    rows = imagenet.compare_with_table4(classes_below(last, wnids))
    assert len(rows) == 118
    wrong = [row for row in rows if row["printed"] != row["counted"]]
    assert wrong == [{"wnid": "n02083346", "name": "canine", "printed": 116, "counted": 12}]


def test_with_all_parents_11_rows_of_table_4_differ(wnids):
    below = classes_below(read_tree(imagenet.IS_A, "all"), wnids)
    wrong = {
        row["name"]: row["counted"]
        for row in imagenet.compare_with_table4(below)
        if row["printed"] != row["counted"]
    }
    assert len(wrong) == 11
    assert wrong.items() >= {"canine": 130, "bird": 59, "feline": 13}.items()


def write_classes(path, names):
    lines = [f'{label},{label + 1},"{name}"\n' for label, name in enumerate(names)]
    path.write_text("label,class_id,name\n" + "".join(lines))
    return path


def call(tmp_path, names, **section):
    classes = write_classes(tmp_path / "classes.csv", names)
    out = tmp_path / "supersets.json"
    run(["--section", json.dumps(section), "--classes", str(classes), "--out", str(out)])
    return json.loads(out.read_text())


def test_command_line_without_wordnet(tmp_path):
    everything = call(tmp_path, ["a", "b", "c"], kind="all")
    assert everything["supersets"] == {str(label): [0, 1, 2] for label in range(3)}
    assert everything["check"]["sets"] == 1
    alone = call(tmp_path, ["a", "b", "c"], kind="singletons")
    assert alone["supersets"] == {"0": [0], "1": [1], "2": [2]}
    assert alone["check"]["singletons"] == 3


def test_command_line_with_wordnet_prints_the_comparison(tmp_path, capsys, wnids):
    result = call(tmp_path, [f"{wnid} a name, another" for wnid in wnids], kind="wordnet")
    assert result["kind"] == "wordnet"
    assert len(result["supersets"]) == 1000
    check = result["check"]
    assert (check["sets"], check["singletons"], check["overlaps"]) == (446, 330, [])
    assert (check["table4"]["rows"], check["table4"]["matching"]) == (118, 117)
    printed = capsys.readouterr().out
    assert "117 of 118" in printed
    assert "canine n02083346: printed 116, counted 12" in printed


def test_command_line_with_some_of_the_classes_and_edges_of_ones_own(tmp_path, is_a, wnids):
    names = [wnids[index] for index in (151, 152, 0)]  # Chihuahua, Japanese spaniel, tench
    result = call(tmp_path, names, kind="wordnet")
    assert result["supersets"] == {"0": [0, 1], "1": [0, 1], "2": [2]}
    assert result["check"]["table4"] is None
    with pytest.raises(UserError, match=r"lack 3 of 3.*supersets\.is_a"):
        call(tmp_path, names, kind="wordnet", is_a=str(is_a))


def test_command_line_names_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match="'Albatross' does not begin with a wnid"):
        call(tmp_path, ["Albatross"], kind="wordnet")
    classes = tmp_path / "classes.csv"
    classes.write_text("label,name\n1,a\n")
    arguments = ["--section", "{}", "--classes", str(classes), "--out", str(tmp_path / "s.json")]
    with pytest.raises(UserError, match=r"classes\.csv"):
        run(arguments)
    assert not classes.exists()  # it was moved aside
    with pytest.raises(UserError, match=r"classes\.csv"):
        run(arguments)


@pytest.mark.real_data
@pytest.mark.skipif("CALM_DATA" not in os.environ, reason="CALM_DATA is unset")
def test_the_shipped_edges_give_what_the_full_edge_list_gives(wnids):
    folder = Path(os.environ["CALM_DATA"]) / "imagenet" / "wordnet"
    index = json.loads((folder / "imagenet_class_index.json").read_text())
    assert wnids == [index[str(label)][0] for label in range(1000)]

    full = (folder / "wordnet.is_a.txt").read_text().splitlines()
    lines = {line: number for number, line in enumerate(full)}
    shipped = [lines[line] for line in imagenet.IS_A.read_text().splitlines()]
    assert all(earlier < later for earlier, later in pairwise(shipped))

    for parents in ("last", "all"):
        trees = [read_tree(path, parents) for path in (imagenet.IS_A, folder / "wordnet.is_a.txt")]
        assert classes_below(trees[0], wnids) == classes_below(trees[1], wnids)
        for annotation in ("disjoint", "paper"):
            roots = imagenet.read_annotation(annotation)
            small, large = (supersets(tree, wnids, roots) for tree in trees)
            assert small == large


def test_every_synset_above_a_class_has_a_name(wnids):
    above = set(classes_below(read_tree(imagenet.IS_A, "all"), wnids)) - set(wnids)
    assert above == set(imagenet.synset_names())


@pytest.mark.real_data
@pytest.mark.skipif("CALM_DATA" not in os.environ, reason="CALM_DATA is unset")
def test_the_shipped_names_of_synsets_are_the_first_of_wordnets():
    folder = Path(os.environ["CALM_DATA"]) / "imagenet" / "wordnet"
    lines = (folder / "words.txt").read_text().splitlines()
    full = dict(line.split("\t") for line in lines)
    for wnid, name in imagenet.synset_names().items():
        assert full[wnid].split(", ")[0] == name
