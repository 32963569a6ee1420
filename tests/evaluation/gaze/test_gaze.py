import json

import numpy as np
import pandas as pd
import pytest
import torch
from hand_made import Subject

from pipeline.artefacts.fixations import write_fixations
from pipeline.artefacts.records import write_records
from pipeline.artefacts.scores import read_score
from pipeline.evaluation.gaze import baselines
from pipeline.evaluation.gaze.gaze import Gaze, measure
from pipeline.evaluation.gaze.measures import MEASURES, Fixated, ScoreMap
from pipeline.evaluation.gaze.truth import regions
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap

SIDE = 24
SECTION = Gaze(sigma=0.08, bootstrap=Bootstrap(replicates=20))
BOX = [6.0, 4.0, 18.0, 20.0]


def records(number, boxes=BOX):
    nothing = {name: "" for name in ("path", "segmentation", "true_parts", "ignore")}
    return pd.DataFrame(
        {"image_id": [f"{each}.jpg" for each in range(number)], "label": 0, "class_id": 1}
        | {"width": SIDE, "height": SIDE, "boxes": [boxes] * number} | nothing
        | {name: [[]] * number for name in ("masks", "keypoints")}
    )  # fmt: skip


def looks(number, viewers="abcde", each=4, seed=0):
    """Everybody looks near the same place of an image, which is another in each."""
    rng = np.random.default_rng(seed)
    rows = []
    for image in range(number):
        middle = rng.uniform([8, 6], [16, 18])
        for viewer in viewers:
            for x, y in np.clip(rng.normal(middle, 1.5, (each, 2)), 0, SIDE - 0.01):
                rows.append((f"{image}.jpg", viewer, x, y, rng.uniform(100, 400)))
    return pd.DataFrame(rows, columns=["image_id", "viewer", "x", "y", "duration"])


def measured(maps, fixations, section=SECTION, boxes=BOX):
    table = records(len(maps), boxes)
    subject = Subject(
        torch.zeros(len(maps), 3, SIDE, SIDE), [0] * len(maps), maps=maps, records=table
    )
    subject.fixations = fixations
    return measure(subject, section)


def test_an_images_number_is_the_mean_over_its_viewers():
    fixations = looks(2, viewers="ab")
    maps = [torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(s)) for s in (0, 1)]
    result = measured(maps, fixations)
    for row, score_map in enumerate(maps):
        for name, region in regions(records(1).iloc[0], SIDE, "square").items():
            found = []
            for viewer in "ab":
                of = fixations.query(f"image_id == '{row}.jpg' and viewer == '{viewer}'")
                places = of[["y", "x"]].to_numpy().astype(int)
                places = places[region.inside[places[:, 0], places[:, 1]]]
                index = {tuple(p): n for n, p in enumerate(np.argwhere(region.inside).tolist())}
                at = np.array([index[tuple(place)] for place in places.tolist()])
                fixated = Fixated(at, np.full(len(at), 1 / len(at)), region.prior)
                values = score_map.double().numpy()[region.inside]
                found.append(ScoreMap(values).nss(fixated))
            assert result.arrays[f"{name}.nss"][row] == pytest.approx(np.mean(found))
    assert result.details["viewers_per_image"] == 2
    assert result.details["sigma_pixels"] == pytest.approx(0.08 * SIDE)
    assert set(result.intervals) == {
        f"{region}.{name}" for region in ("box", "image") for name in MEASURES
    }


def test_maps_of_where_people_look_are_good_and_of_elsewhere_bad():
    fixations = looks(6)
    good = []
    for image in range(6):
        of = fixations[fixations["image_id"] == f"{image}.jpg"]
        place = of[["x", "y"]].mean().to_numpy()
        rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
        good.append(torch.tensor(np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / 8)))
    best, worst = measured(good, fixations).values, measured([-m for m in good], fixations).values
    for region in ("box", "image"):
        for name in MEASURES:
            better = best[f"{region}.{name}"] > worst[f"{region}.{name}"]
            assert better == (name != "kl"), (region, name)
    assert best["image.auc"] > 0.95
    assert worst["image.auc"] < 0.05


def test_a_constant_map_has_what_its_measures_say():
    values = measured([torch.ones(3, 3)] * 4, looks(4)).values
    for region in ("box", "image"):
        assert values[f"{region}.nss"] == 0
        assert values[f"{region}.auc"] == 0.5
        assert f"{region}.correlation" not in values


def test_images_that_nobody_looked_at_and_images_without_a_box():
    fixations = looks(3).query("image_id != '1.jpg'")
    maps = [torch.rand(SIDE, SIDE)] * 3
    result = measured(maps, fixations)
    assert result.arrays["image_id"].tolist() == ["0.jpg", "2.jpg"]
    assert result.details["images_without_fixations"] == 1
    result = measured(maps, fixations, boxes=[])
    assert set(result.values) == {f"image.{name}" for name in MEASURES}
    with pytest.raises(UserError, match=r"evaluation\.gaze: nobody looked"):
        measured(maps, fixations.assign(image_id="9.jpg"))
    with pytest.raises(UserError, match="--fixations"):
        measured(maps, None)


@pytest.fixture
def files(tmp_path):
    write_records(tmp_path / "test.parquet", records(8))
    write_fixations(tmp_path / "fixations.parquet", looks(8))
    return tmp_path


def baseline(files, name, section=SECTION):
    identity = dict.fromkeys(("dataset", "architecture", "variant", "seed"), None)
    argv = {
        "--section": section.model_dump_json(),
        "--baseline": name,
        "--records": files / "test.parquet",
        "--fixations": files / "fixations.parquet",
        "--size": SIDE,
        "--identity": json.dumps(identity | {"dataset": "birds", "method": name}),
        "--out": files / f"{name}.json",
    }
    baselines.run([str(part) for pair in argv.items() for part in pair])
    return read_score(files / f"{name}.json")


def test_other_people_are_the_ceiling_and_the_middle_is_a_floor(files):
    found = {name: baseline(files, name)["values"] for name in baselines.BASELINES}
    for region in ("box", "image"):
        for name in ("nss", "auc", "information_gain"):
            key = f"{region}.{name}"
            assert found["viewers"][key] > found["center_gaussian"][key] + 0.05
        assert found["uniform"][f"{region}.auc"] == 0.5
        # the prior itself, but for the small share that is uniform and the minimum taken away
        assert found["center_gaussian"][f"{region}.information_gain"] == pytest.approx(0, abs=0.05)
        assert found["uniform"][f"{region}.information_gain"] < 0


def test_the_ceiling_is_each_person_as_the_others_tell_them(files):
    """Written out for one image: a Gaussian for each of the others' fixations."""
    write_records(files / "test.parquet", records(1, boxes=[]))
    fixations = looks(1, viewers="abc")
    write_fixations(files / "fixations.parquet", fixations)
    found = baseline(files, "viewers")["values"]["image.nss"]
    rows, columns = np.mgrid[:SIDE, :SIDE]
    expected = []
    for viewer in "abc":
        mine = fixations["viewer"] == viewer
        density = np.zeros((SIDE, SIDE))
        for x, y in fixations.loc[~mine, ["x", "y"]].to_numpy().astype(int):
            density += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2 / (0.08 * SIDE) ** 2)
        density = (density - density.mean()) / density.std()
        at = fixations.loc[mine, ["y", "x"]].to_numpy().astype(int)
        expected.append(density[at[:, 0], at[:, 1]].mean())
    assert found == pytest.approx(np.mean(expected), abs=0.01)


def test_one_person_alone_has_no_ceiling(files):
    write_fixations(files / "fixations.parquet", looks(8, viewers="a"))
    with pytest.raises(UserError, match="only one person"):
        baseline(files, "viewers")


def test_methods_and_baselines_share_their_images_and_draws(files):
    result = measured([torch.rand(SIDE, SIDE)] * 8, looks(8))
    baseline(files, "uniform")
    with np.load(files / "uniform.npz") as arrays:
        assert arrays["image_id"].tolist() == result.arrays["image_id"].tolist()
        assert arrays["replicates.image.similarity"].shape == (20,)
