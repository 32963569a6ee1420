"""The lists of a data set name no file outside its folder."""

import pytest
from tiny_wsol import masks_for_test, picture, tiny_wsol

from pipeline.datasets.cub import read as read_cub
from pipeline.datasets.wsol import read as read_wsol
from pipeline.runtime.errors import UserError
from pipeline.settings import Records


@pytest.fixture(autouse=True)
def opened(monkeypatch):
    """Paths of the pictures that the check opens."""
    from pipeline.datasets import check_images

    paths = []
    decode = check_images._decode
    monkeypatch.setattr(check_images, "_decode", lambda path: paths.append(path) or decode(path))
    return paths


@pytest.mark.parametrize("name", ["../secret.jpg", "{}/secret.jpg", "a/../../secret.jpg"])
def test_images_of_cub(folder, opened, name):
    picture(folder.parent / "secret.jpg")
    name = name.format(folder.parent)
    lists = folder / "images.txt"
    first, *others = lists.read_text().splitlines()
    lists.write_text("\n".join([f"{first.split()[0]} {name}", *others]))
    with pytest.raises(UserError, match="1 x path leaves its folder") as raised:
        read_cub(folder, Records())
    assert f"{lists}: {name}" in str(raised.value)
    assert opened
    assert not [path for path in opened if path.endswith("secret.jpg")]


def test_images_of_the_benchmark(tmp_path, opened):
    root, metadata = tiny_wsol(tmp_path)
    picture(tmp_path / "secret.jpg")
    for path in (metadata / "test").iterdir():
        path.write_text(path.read_text().replace("test/ant/4.jpg", "../secret.jpg"))
    with pytest.raises(UserError, match="1 x path leaves its folder") as raised:
        read_wsol(root, Records(layout="wsol", metadata=str(metadata)))
    assert f"{metadata}/test/image_ids.txt: ../secret.jpg" in str(raised.value)
    assert not [path for path in opened if path.endswith("secret.jpg")]


@pytest.mark.parametrize("old", ["test/ant/4_a.png", "test/ant/4_ignore.png"])
def test_masks_of_the_benchmark(tmp_path, old):
    root, metadata = tiny_wsol(tmp_path)
    masks_for_test(root, metadata)
    lists = metadata / "test" / "localization.txt"
    lists.write_text(lists.read_text().replace(old, "../secret.png"))
    with pytest.raises(UserError, match="1 x path leaves its folder") as raised:
        read_wsol(root, Records(layout="wsol", metadata=str(metadata)))
    assert f"{lists}: ../secret.png" in str(raised.value)


def test_links_inside_the_folder_are_followed(folder, tmp_path):
    (folder / "images").rename(tmp_path / "disk")
    (folder / "images").symlink_to(tmp_path / "disk")
    records, _, _ = read_cub(folder, Records())
    assert len(records) == 28
