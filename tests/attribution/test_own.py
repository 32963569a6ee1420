import json
import os
import sys

import h5py
import numpy as np
import pytest
from tiny_study import tiny_study

from pipeline.artefacts.files import digest, sha256
from pipeline.artefacts.maps import MapStore
from pipeline.attribution import __main__ as stage
from pipeline.attribution import own
from pipeline.runtime.errors import UserError


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tiny_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def cam(study, tmp_path_factory):
    """The file of the study's CAMs: all that is needed of CAM, made by the stage itself."""
    path = tmp_path_factory.mktemp("maps") / "cam.h5"
    stage.run(["--section", "{}", "--method", "cam", *_common(study), "--out", str(path)])
    return path


def _common(study):
    return [
        *("--weights", str(study.weights["cam"]), "--shards", str(study.shards)),
        *("--records", str(study.records), "--pairs", str(study.pairs), "--threads", "1"),
    ]


def _run(study, path, out):
    given = ["--name", "mine", "--path", str(path), "--out", str(out), "--batch-size", "5"]
    own.run([*given, *_common(study)])
    return MapStore.open(out)


def _write(path, maps, images, targets=None):
    with h5py.File(path, "w") as file:
        file["maps"] = maps
        file["image_id"] = np.array(images, dtype=h5py.string_dtype())
        if targets is not None:
            file["target"] = targets


@pytest.mark.parametrize("kind", ["int", "text"])
def test_maps_of_a_file_are_taken_over_with_the_models_probabilities(study, cam, tmp_path, kind):
    with MapStore.open(cam) as store:
        order = np.random.default_rng(0).permutation(len(store.maps))  # a file has its own order
        maps, rows = store.maps[:], list(zip(store.image_ids, store.targets, strict=True))
        probabilities = store.class_probability
    targets = [rows[i][1] for i in order]
    targets = np.array([int(t) for t in targets] if kind == "int" else targets, dtype=object)
    _write(
        tmp_path / "mine.h5",
        maps[order].astype(np.float64),
        [rows[i][0] for i in order],
        targets.astype(int) if kind == "int" else targets.astype(h5py.string_dtype()),
    )
    with _run(study, tmp_path / "mine.h5", tmp_path / "out.h5") as store:
        assert list(zip(store.image_ids, store.targets, strict=True)) == rows
        assert np.array_equal(store.maps[:], maps)
        assert np.array_equal(store.class_probability, probabilities)
        assert store.attributes["method"] == "mine"
        assert store.kind == "class"


def test_maps_of_a_folder_are_the_same_whether_suffixes_are_kept_or_dropped(study, cam, tmp_path):
    with MapStore.open(cam) as store:
        maps, rows = store.maps[:], list(zip(store.image_ids, store.targets, strict=True))
    label_of = dict(zip(study.table["image_id"], study.table["label"].astype(str), strict=True))
    for number, (map_, (image, target)) in enumerate(zip(maps, rows, strict=True)):
        name = image if number % 2 else image.removesuffix(".png")
        name += "" if target == label_of[image] and number % 3 else f"@{target}"
        path = tmp_path / "mine" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, map_)
    with _run(study, tmp_path / "mine", tmp_path / "out.h5") as store:
        assert list(zip(store.image_ids, store.targets, strict=True)) == rows
        assert np.array_equal(store.maps[:], maps)


def test_maps_that_are_not_needed_are_left_out_and_those_at_the_inputs_size_are_halved(
    study, tmp_path
):
    images = study.table["image_id"].to_list()
    rows = [(image, label) for image in images for label in range(4)]  # of every class
    maps = np.random.default_rng(0).random((48, 32, 32))
    _write(tmp_path / "m.h5", maps, [image for image, _ in rows], [label for _, label in rows])
    with _run(study, tmp_path / "m.h5", tmp_path / "out.h5") as store:
        assert len(store.maps) == 24
        row = store.lookup(images[0], "2")
        assert np.allclose(store.maps[row], maps[2], atol=2**-11)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["maps"].dtype == np.float16


def test_maps_beyond_32_bits_are_divided_alike_so_that_their_order_stays(study, tmp_path):
    images = study.table["image_id"].to_list()
    rows = [(image, label) for image in images for label in range(4)]
    maps = np.random.default_rng(0).random((48, 4, 4)) * 1e300
    _write(tmp_path / "m.h5", maps, [image for image, _ in rows], [label for _, label in rows])
    with _run(study, tmp_path / "m.h5", tmp_path / "out.h5") as store:
        found = np.stack([store.maps[store.lookup(*map(str, rows[k]))] for k in (0, 1)])
        assert store.attributes["units"].startswith("as given, divided by ")
        divisor = float(store.attributes["units"].rpartition(" ")[2])
    assert np.allclose(found.astype(np.float64) * divisor, maps[:2], rtol=1e-5)
    assert np.array_equal(np.argsort(found.ravel()), np.argsort(maps[:2].ravel()))


def test_every_problem_is_told_before_anything_is_computed(study, tmp_path, monkeypatch):
    monkeypatch.setattr(own, "compute", lambda *_: pytest.fail("computed"))
    images = study.table["image_id"].to_list()
    maps = [np.zeros((4, 4)) for _ in images]
    maps[1], maps[2] = np.full((4, 4), np.nan), np.zeros((5, 4))
    maps[3], maps[4] = np.zeros((3, 4, 4)), np.array(["a"])
    for image, map_ in zip(images[:-4], maps, strict=False):
        path = tmp_path / "mine" / f"{image}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, map_)
    np.save(tmp_path / "mine" / f"{images[0]}@0.npy", maps[0])
    np.save(tmp_path / "mine" / "stranger@3.npy", maps[0])
    with pytest.raises(UserError) as caught:
        _run(study, tmp_path / "mine", tmp_path / "out.h5")
    lines = str(caught.value).splitlines()
    assert f"{tmp_path / 'mine'}" in lines[0]
    found = "\n".join(lines[1:])
    assert f"4 have no map of their own class: {images[8]}, {images[9]}, {images[10]}, ..." in found
    assert f"12 lack the map of a pair's other class: {images[0]} (class 1)" in found
    assert "1 name no image of the split, or, without a suffix, several: stranger@3" in found
    assert f"1 are given twice: {images[0]} (class 0)" in found
    assert f"1 cannot be read as numbers: {images[4]} (class 1): it holds <U1" in found
    assert f"1 are not two-dimensional: {images[3]} (class 1) (3, 4, 4)" in found
    assert f"1 have another shape than the first, (4, 4): {images[2]} (class 0) (5, 4)" in found
    assert f"1 are not finite (NaN or infinite): {images[1]} (class 0)" in found
    assert len(lines) == 9
    assert not (tmp_path / "out.h5").exists()


def test_files_of_another_kind_are_refused(study, tmp_path):
    def refused(match, path):
        with pytest.raises(UserError, match=match):
            _run(study, path, tmp_path / "out.h5")

    refused("does not exist", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    refused(r"no \.npy", tmp_path / "empty")
    (tmp_path / "text.h5").write_text("no HDF5")
    refused("not an HDF5 file", tmp_path / "text.h5")
    images = study.table["image_id"].to_list()
    path = tmp_path / "mine.h5"
    _write(path, np.zeros((3, 4)), images)
    refused(r"\(3, 4\).*12 rows", path)
    _write(path, np.zeros((3, 4, 4)), images)
    refused(r"\(3, 4, 4\).*12 rows", path)
    _write(path, np.zeros((12, 4, 4)), images, np.array(["sparrow"] * 12, h5py.string_dtype()))
    refused("class labels.*sparrow", path)
    _write(path, np.zeros((12, 4, 4)) + 1j, images)
    refused("`maps` holds complex128", path)
    _write(path, np.zeros((12, 4, 4)), images, np.full(12, 0.5))
    refused("`target` holds float64, not whole numbers", path)
    with h5py.File(path, "w") as file:
        file["map"] = np.zeros((3, 4, 4))
    refused("does not hold `maps`", path)
    with h5py.File(path, "w") as file:
        file["maps"] = h5py.ExternalLink("/etc/passwd", "maps")
    refused("`maps` is a link", path)


def test_arrays_that_are_no_maps_are_named_before_they_fill_the_memory(study, tmp_path):
    images = study.table["image_id"].to_list()
    folder = tmp_path / "mine"
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{image}.npy", np.zeros((4, 4)))
    declared = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    with open(folder / f"{images[0]}.npy", "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, declared)
    np.save(folder / f"{images[1]}.npy", np.zeros((4, 4)) + 1j)
    np.savez(tmp_path / "several.npz", np.zeros((4, 4)))
    (tmp_path / "several.npz").rename(folder / f"{images[2]}.npy")
    (folder / f"{images[3]}.npy").unlink()
    os.mkfifo(folder / f"{images[3]}.npy")
    with pytest.raises(UserError, match="4 cannot be read as numbers") as caught:
        _run(study, folder, tmp_path / "out.h5")
    assert images[0] in str(caught.value)


def test_constant_maps_are_counted_and_named(study, tmp_path, caplog):
    images = study.table["image_id"].to_list()
    rows = [(image, label) for image in images for label in range(4)]
    maps = np.random.default_rng(0).random((48, 4, 4))
    maps[0] = maps[5] = 3  # of the first image's class 0, and of the second's class 1
    _write(tmp_path / "m.h5", maps, [image for image, _ in rows], [label for _, label in rows])
    with _run(study, tmp_path / "m.h5", tmp_path / "out.h5") as store:
        (said,) = [text for text in caplog.messages if "constant" in text]
        assert said.startswith("mine: 2 of these maps are constant")
        assert f"{images[0]} (class 0), {images[1]} (class 1)" in said
        assert store.attributes["constant_maps"] == 2


def test_a_name_without_suffix_that_fits_two_images_is_told(study, tmp_path):
    from pipeline.attribution.own_maps import open_maps

    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    np.save(tmp_path / "b@1.png.npy", np.zeros((2, 2)))  # an @ of the image's own name
    labels = {"a.png": 0, "a.jpg": 1, "b@1.png": 2}
    with open_maps(tmp_path, labels) as given:
        assert dict(given.rows) == {("b@1.png", "2"): 1}
        assert next(iter(given.problems.values())) == ["a"]


def test_maps_that_belong_to_no_model_have_no_probability(study, tmp_path):
    images = study.table["image_id"].to_list()
    rows = [(image, label) for image in images for label in range(4)]
    maps = np.random.default_rng(0).random((48, 4, 4))
    _write(tmp_path / "m.h5", maps, [image for image, _ in rows], [label for _, label in rows])
    given = ["--name", "mine", "--path", str(tmp_path / "m.h5"), "--weights"]
    out = tmp_path / "out.h5"
    own.run([*given, *_common(study)[2:], "--out", str(out), "--batch-size", "5"])
    with MapStore.open(out) as store:
        assert len(store.maps) == 24
        assert np.isnan(store.class_probability).all()
        assert np.allclose(store.maps[store.lookup(images[0], "2")], maps[2])
        assert store.attributes["forwards"] == 0
        assert "sha256_weights" not in store.attributes
        # of the maps that were given, not of another input
        assert store.attributes["digest_path"] == digest({".": sha256(tmp_path / "m.h5")})
    with pytest.raises(UserError, match="--weights: give the model"):
        stage.run(["--section", "{}", "--method", "cam", "--weights", *_common(study)[2:],
                   "--out", str(out)])  # fmt: skip


def test_maps_of_a_data_set_without_class_pairs(study, tmp_path):
    images = study.table["image_id"].to_list()
    maps = np.random.default_rng(0).random((len(images), 4, 4))
    _write(tmp_path / "m.h5", maps, images, study.table["label"].to_list())
    common = _common(study)
    place = common.index("--pairs")
    common = common[2:place] + common[place + 2 :]
    out = tmp_path / "out.h5"
    own.run(["--name", "mine", "--path", str(tmp_path / "m.h5"), *common, "--out", str(out)])
    with MapStore.open(out) as store:
        assert len(store.maps) == len(images)
        assert "sha256_pairs" not in store.attributes
        assert store.attributes["digest_path"] == digest({".": sha256(tmp_path / "m.h5")})


FUNCTIONS = """
import torch

def maps(model, images, labels):
    return model(images)[torch.arange(len(labels)), labels]

seen = []

def growing(query):
    seen.append(query)
    return torch.ones(len(query.images), 2, 1 + len(seen))
"""


def test_a_users_function_writes_maps_like_any_method(study, cam, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "lab_of_a_test.py").write_text(FUNCTIONS)

    def computed(function):
        section = json.dumps({"functions": {"mine": f"lab_of_a_test:{function}"}})
        out = tmp_path / "out.h5"
        stage.run(["--section", section, "--method", "mine", *_common(study), "--out", str(out),
                   "--batch-size", "5"])  # fmt: skip
        return MapStore.open(out)

    with computed("maps") as found, MapStore.open(cam) as expected:
        assert found.attributes["units"] == "as the function gives"
        assert found.image_ids.tolist() == expected.image_ids.tolist()
        assert found.targets.tolist() == expected.targets.tolist()
        assert np.allclose(found.maps[:], expected.maps[:], atol=1e-5)
    with pytest.raises(UserError, match="mine gives maps of 2 x 3 after maps of 2 x 2"):
        computed("growing")
