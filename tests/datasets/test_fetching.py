"""Published data sets from archives on the loopback address to the records of a study."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import small_archives
import yaml
from archive_server import serve
from drawn_birds import draw_birds
from torchvision.datasets import OxfordIIITPet, VOCDetection
from torchvision.datasets.utils import extract_archive
from torchvision.datasets.voc import DATASET_YEAR_DICT

from pipeline.catalogue.layouts import LAYOUTS
from pipeline.datasets import cub, fetching, folder
from pipeline.datasets.fetching import addresses, fetch
from pipeline.datasets.published import PUBLISHED, Archive
from pipeline.images.label_maps import read_mask
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


@pytest.fixture
def shelf(tmp_path):
    """Where archives lie, and their contents."""
    out = tmp_path / "shelf"
    out.mkdir()
    return out


def cub_of(sums):
    archives = tuple(replace(each, md5=sums[each.name]) for each in PUBLISHED["cub"].archives())
    return replace(PUBLISHED["cub"], archives=lambda: archives)


def got(data, address, root, names=()):
    fetch(data, addresses(data, [f"{address}/{name}" for name in names]), root)
    assert not root.with_name(f"{root.name}.partial").exists()
    return root


def test_cub_has_the_records_of_what_was_packed(shelf, tmp_path):
    data = cub_of(small_archives.cub(tmp_path / "packed", shelf))
    with serve(shelf) as (address, _):
        names = ("CUB_200_2011.tgz", "segmentations.tgz")
        root = got(data, address, tmp_path / "data" / "CUB_200_2011", names)
    drawn = draw_birds(tmp_path / "again")
    shutil.rmtree(drawn / "true_parts")
    records, classes, _ = cub.read(root, Records())
    expected, names, _ = cub.read(drawn, Records())
    for column in ("path", "segmentation"):
        expected[column] = expected[column].str.replace(str(drawn), str(root))
    assert (records["segmentation"] != "").all()
    assert records.astype(str).equals(expected.astype(str))
    assert classes.equals(names)
    assert (root / "attributes.txt").read_text() == (drawn / "attributes.txt").read_text()


def test_cub_needs_no_masks_but_an_address():
    archives = {archive.name: archive for archive in PUBLISHED["cub"].archives()}
    url = "https://host.invalid/a/CUB_200_2011.tgz?download=1"
    assert addresses(PUBLISHED["cub"], [url]) == {archives["CUB_200_2011.tgz"]: url}
    with pytest.raises(UserError, match=r"Where is CUB_200_2011.tgz\?"):
        addresses(PUBLISHED["cub"], [])
    with pytest.raises(UserError, match=r"one of CUB_200_2011.tgz, segmentations.tgz"):
        addresses(PUBLISHED["cub"], ["https://host.invalid/birds.tgz"])


def test_pets_and_voc_are_where_torchvision_says():
    pets = addresses(PUBLISHED["pets"], [])
    assert [*pets.values()] == [url for url, _ in OxfordIIITPet._RESOURCES]
    assert [each.md5 for each in pets] == [md5 for _, md5 in OxfordIIITPet._RESOURCES]
    ((voc, url),) = addresses(PUBLISHED["voc"], []).items()
    assert (voc.md5, url) == (DATASET_YEAR_DICT["2012"]["md5"], DATASET_YEAR_DICT["2012"]["url"])


@pytest.fixture
def pets(shelf, tmp_path, monkeypatch):
    sums = small_archives.pets(tmp_path / "packed", shelf)
    with serve(shelf) as (address, asked):
        resources = tuple((f"{address}/{name}", md5) for name, md5 in sums.items())
        monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", resources)
        yield SimpleNamespace(address=address, asked=asked)


def test_pets_have_torchvision_s_classes_and_splits(pets, shelf, tmp_path):
    root = got(PUBLISHED["pets"], pets.address, tmp_path / "pets")
    records, _, _ = folder.read(root, records_of("pets"))
    theirs = tmp_path / "theirs" / "oxford-iiit-pet"
    for archive in shelf.iterdir():
        extract_archive(archive, theirs)
    for split, own in (("trainval", "train"), ("test", "test")):
        published = OxfordIIITPet(theirs.parent, split)
        expected = {
            path.name: published.classes[label]
            for path, label in zip(published._images, published._labels, strict=True)
        }
        assert expected == {
            image.split("/")[2]: image.split("/")[1].replace("_", " ").title()
            for image in records.image_id[records.split == own]
        }


def test_pets_have_their_trimaps_as_masks(pets, tmp_path):
    root = got(PUBLISHED["pets"], pets.address, tmp_path / "pets")
    records, _, _ = folder.read(root, records_of("pets"))
    image = records[records.image_id == "test/great_pyrenees/great_pyrenees_11.jpg"].iloc[0]
    assert_masks(image)


def test_voc_keeps_images_of_one_class_with_boxes_and_masks(shelf, tmp_path, monkeypatch):
    about = DATASET_YEAR_DICT["2012"]
    sums = small_archives.voc(tmp_path / "packed", shelf, about["filename"])
    with serve(shelf) as (address, _):
        own = {"url": f"{address}/{about['filename']}", "md5": sums[about["filename"]]}
        monkeypatch.setitem(DATASET_YEAR_DICT, "2012", about | own)
        root = got(PUBLISHED["voc"], address, tmp_path / "voc")
    records, _, _ = folder.read(root, records_of("voc"))
    assert sorted(records.image_id) == [
        "test/cat/2007_1.jpg", "test/dog/2007_2.jpg", "train/cat/2008_4.jpg",
        "train/dog/2009_5.jpg",
    ]  # fmt: skip
    images = records.set_index("image_id")
    boxes = np.reshape(images.loc["test/dog/2007_2.jpg"].boxes, (-1, 4)).tolist()
    assert boxes == [list(small_archives.BOX)] * 2
    assert_masks(images.loc["test/cat/2007_1.jpg"])
    # torchvision's own reader of the same archive
    extract_archive(shelf / about["filename"], tmp_path / "theirs")
    theirs = VOCDetection(tmp_path / "theirs", image_set="trainval")
    one = {
        path.rpartition("/")[2]: {each["name"] for each in target["annotation"]["object"]}
        for path, (_, target) in zip(theirs.images, theirs, strict=True)
    }
    kept = {image.split("/")[2]: {image.split("/")[1]} for image in records.image_id}
    assert kept.items() >= {name: names for name, names in one.items() if len(names) == 1}.items()


def records_of(name):
    """The `records` that the command prints."""
    keys = yaml.safe_load("\n".join(PUBLISHED[name].keys))
    assert keys["records"]["layout"] in LAYOUTS
    return Records.model_validate(keys["records"] | {"val_fraction": 0})


def assert_masks(image):
    """The eighth row is the border, whatever it borders."""
    border = np.zeros_like(small_archives.OBJECT)
    border[8] = True
    (mask,) = image.masks
    assert np.array_equal(read_mask(mask), small_archives.OBJECT & ~border)
    assert np.array_equal(read_mask(image.ignore), border)


def test_an_interrupted_fetch_goes_on(pets, tmp_path, monkeypatch):
    root = tmp_path / "pets"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as change:
        change.setattr(fetching, "extract_archive", stop)
        with pytest.raises(KeyboardInterrupt):
            got(PUBLISHED["pets"], pets.address, root)
    assert not root.exists()
    asked = [*pets.asked]
    got(PUBLISHED["pets"], pets.address, root)
    assert pets.asked == asked  # nothing is downloaded again
    assert (root / "test").is_dir()


def test_the_files_are_on_the_disk_before_they_get_their_name(pets, tmp_path, monkeypatch):
    root, met = tmp_path / "pets", []
    monkeypatch.setattr("os.sync", lambda: met.append((root.exists(), (work / "train").exists())))
    work = tmp_path / "pets.partial" / "arranged"
    got(PUBLISHED["pets"], pets.address, root)
    assert met == [(False, True)]


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "pets").mkdir()
    with pytest.raises(UserError, match="is there already"):
        fetch(PUBLISHED["pets"], {}, tmp_path / "pets")


def test_too_little_space_is_said_before_the_download(pets, tmp_path, monkeypatch):
    space = SimpleNamespace(free=1_000_000_000)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: space)
    with pytest.raises(UserError, match=r"1\.6 GB are needed"):
        got(PUBLISHED["pets"], pets.address, tmp_path / "pets")
    assert not pets.asked


def test_an_archive_that_lacks_something_is_named(shelf, tmp_path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "readme.txt").write_text("")
    md5 = small_archives.pack(tmp_path / "packed", shelf / "CUB_200_2011.tgz", "readme.txt")
    data = replace(PUBLISHED["cub"], archives=lambda: (Archive("CUB_200_2011.tgz", md5, 1),))
    with serve(shelf) as (address, _), pytest.raises(UserError, match="archives lack CUB_200_2011"):
        got(data, address, tmp_path / "cub", ["CUB_200_2011.tgz"])
