import json

import numpy as np
import pytest
from PIL import Image

from pipeline.artefacts.records import read_records
from pipeline.cues.class_pairs import class_pairs
from pipeline.datasets.__main__ import run
from pipeline.datasets.cub import read as read_cub
from pipeline.datasets.synthbirds import draw
from pipeline.datasets.synthbirds_classes import attribute_percentages, genotypes
from pipeline.runtime.errors import UserError
from pipeline.settings import Records, SynthBirds


def tree(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_same_section_same_bytes_for_any_number_of_workers(drawn, tmp_path, section):
    manifests = [draw(section, tmp_path / str(number), workers=number) for number in (1, 2)]
    assert tree(tmp_path / "2") == tree(tmp_path / "1") == tree(drawn)
    assert manifests[0] == manifests[1]


def test_the_seed_changes_images_and_checksum(drawn, tmp_path, section):
    manifest = draw(section, tmp_path / "a")
    other = draw(section.model_copy(update={"seed": 4}), tmp_path / "b")
    assert manifest["sha256"] != other["sha256"]
    image = next(path for path in sorted(tree(drawn)) if path.endswith(".jpg"))
    assert (tmp_path / "b" / image).read_bytes() != (drawn / image).read_bytes()


def test_the_folder_passes_its_own_check(drawn):
    records, _, summary = read_cub(drawn, Records(val_fraction=0))
    assert summary["images"] == {"train": 20, "val": 0, "test": 8}
    assert summary["boxes_cut_at_the_border"] == 0
    for row in records.itertuples():
        parts = np.asarray(Image.open(row.true_parts))
        foreground = np.asarray(Image.open(row.segmentation))
        assert np.array_equal(foreground, (parts > 0) * 255)
        x0, y0, x1, y1 = np.int64(row.boxes)
        assert (parts > 0).sum() == (parts[y0:y1, x0:x1] > 0).sum()
        inside = parts[y0:y1, x0:x1] > 0
        assert inside[[0, -1]].any(axis=1).all()  # the box is tight
        assert inside[:, [0, -1]].any(axis=0).all()


def test_the_layout_is_that_of_cub(drawn, section):
    assert (drawn / "parts" / "parts.txt").read_text().split("\n")[:2] == ["1 back", "2 beak"]
    assert len((drawn / "parts" / "part_locs.txt").read_text().splitlines()) == 28 * 15
    assert len((drawn / "attributes.txt").read_text().splitlines()) == 312
    table = np.loadtxt(drawn / "attributes" / "class_attribute_labels_continuous.txt")
    expected = [attribute_percentages(genotype) for genotype in genotypes(section)]
    assert np.array_equal(table, expected)
    assert json.loads((drawn / "drawn.json").read_text())["pairs_by_differing_parts"] == {
        "1": 2,
        "2": 2,
        "3": 2,
    }


def test_the_cue_stage_finds_the_pairs(drawn):
    """Members 2, 3, 4 of the family have part a, parts b and c, all three changed."""
    pairs = class_pairs(drawn)
    parts = {(row.class_a, row.class_b): set(row.parts) for row in pairs.itertuples(index=False)}
    assert len(parts) == 6
    assert parts[1, 2] == parts[3, 4]
    assert parts[1, 3] == parts[2, 4]
    assert parts[1, 4] == parts[2, 3] == parts[1, 2] | parts[1, 3]
    assert [len(parts[1, other]) for other in (2, 3, 4)] == [1, 2, 3]


def test_an_older_folder_is_replaced_whole(tmp_path):
    out = tmp_path / "birds"
    out.mkdir()
    (out / "drawn.json").write_text("{}")
    (out / "old.txt").write_text("")
    draw(SynthBirds(classes=1, train_images=1, test_images=1, size=32), out)
    assert not (out / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["birds"]


def test_a_folder_of_other_files_is_left_alone(tmp_path, section):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(UserError, match="not SynthBirds"):
        draw(section, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_unwritable_place_is_a_user_error(tmp_path, section):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write the folder"):
        draw(section, tmp_path / "file" / "birds")


def test_command_line(tmp_path, section):
    text = section.model_copy(update={"classes": 2}).model_dump_json()
    raw, out = tmp_path / "raw" / "birds", tmp_path / "datasets"
    manifest = tmp_path / "raw" / "birds.json"
    draw_it = ["draw", "--section", text, "--out", str(raw), "--manifest", str(manifest)]
    run([*draw_it, "--workers", "1"])
    assert json.loads(manifest.read_text())["images"] == 14
    run(["records", "--section", "{}", "--root", str(raw), "--out", str(out)])
    counted = json.loads((out / "check.json").read_text())["images"]
    assert counted == {"train": 8, "val": 2, "test": 4}
    assert (out / "classes.csv").read_text().split()[:2] == [
        "label,class_id,name",
        "0,1,001.Family_1_Synthbird_1",
    ]
    splits = {split: read_records(out / f"{split}.parquet") for split in ("train", "val", "test")}
    assert {split: len(rows) for split, rows in splits.items()} == counted
    names = [name for rows in splits.values() for name in rows.image_id]
    assert len(set(names)) == len(names) == 14
    assert splits["val"].path[0] == str(raw / "images" / splits["val"].image_id[0])
