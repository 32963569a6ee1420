import json
import shutil

import numpy as np
import pandas as pd
import pytest
from drawn_images import draw_records
from PIL import Image

from pipeline.artefacts.files import write_json
from pipeline.artefacts.records import write_records
from pipeline.artefacts.scores import read_score
from pipeline.artefacts.shards import open_shards
from pipeline.attribution.__main__ import run as attribute
from pipeline.evaluation.localisation.wsol import run as wsol
from pipeline.models.heads import CamHead
from pipeline.runtime.errors import UserError
from pipeline.search import draw
from pipeline.settings import DrawJob, Images, Training, TrainJob
from pipeline.sharding.writing import write_shards
from pipeline.training.__main__ import run as run_training

CLASSES = 2
IMAGES = {"train": 12, "val": 6}
BOXES = [[2.0 * n, 4.0, 20.0 + n, 24.0] for n in range(IMAGES["val"])]


def split(folder, name, **columns):
    """Shards and records of a split; ``columns`` replace those of the records."""
    count = IMAGES[name]
    table = draw_records(folder / "raw" / name, count, CLASSES).assign(
        class_id=lambda rows: rows["label"] + 1, width=30, height=30, segmentation="",
        true_parts="", boxes=[[]] * count, keypoints=[[]] * count, masks=[[]] * count, ignore="",
    )  # fmt: skip
    table = table.assign(**columns)
    write_records(folder / f"{name}.parquet", table)
    images = Images(train_size=36, eval_size=32, shard_images=4, train_format="png")
    write_shards(table, images, name, folder / "shards" / name, workers=1)
    return table


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Shards and records of train and val, whose images have boxes."""
    folder = tmp_path_factory.mktemp("data")
    split(folder, "train")
    split(folder, "val", boxes=BOXES)
    pd.DataFrame({"label": [0, 1], "class_id": [1, 2], "name": ["a", "b"]}).to_csv(
        folder / "classes.csv", index=False
    )
    return folder


def section(method="cam", **keys):
    training = Training(method=method, epochs=1, batch_size=4, crop=32, lr=0.01)
    job = TrainJob(trunk="resnet_small", weights="none", seed=5, training=training)
    drawn = {"lr": 0.01}
    return DrawJob(**{"number": 3, "job": job, "keys": drawn, "score": "localisation", **keys})


def arguments(data, folder, **options):
    """The command line that training and draws share."""
    given = {
        "train-shards": data / "shards/train/manifest.json",
        "val-shards": data / "shards/val/manifest.json",
        "classes": data / "classes.csv",
        "checkpoints": folder / "checkpoints",
        "threads": 1,
        "workers": 0,
        **options,
    }
    return [str(word) for name, value in given.items() for word in (f"--{name}", value)]


def run(data, out, wanted, **options):
    """Run a draw; what it leaves."""
    records = {"val-records": data / "val.parquet", "out": out / "draw3.json", **options}
    draw.run(["--section", wanted.model_dump_json(), *arguments(data, out, **records)])
    assert not list((out / "checkpoints").glob("*"))
    return json.loads((out / "draw3.json").read_text())


def localised(data, out, method, maps):
    """Score of the same training by the stages that score test images: the wsol score file."""
    job = section(method).job.model_dump_json()
    run_training(["--section", job, *arguments(data, out, out=out)])
    shards, records = data / "shards/val/manifest.json", data / "val.parquet"
    stored = out / f"{maps}.h5"
    attribute(
        [
            *("--section", "{}", "--method", maps, "--out", str(stored), "--workers", "0"),
            *("--weights", str(out / "weights.safetensors"), "--threads", "1"),
            *("--shards", str(shards), "--records", str(records)),
        ]
    )
    identity = {"dataset": "x", "architecture": "x", "variant": "x", "seed": 0, "method": maps}
    wsol(
        [
            *("--section", '{"bootstrap":{"replicates":3}}', "--maps", str(stored)),
            *("--records", str(records), "--size", "32", "--identity", json.dumps(identity)),
            *("--out", str(out / "score.json")),
        ]
    )
    return read_score(out / "score.json")["values"]


@pytest.mark.parametrize(("method", "maps"), [("cam", "cam"), ("calm_em", "joint")])
def test_a_draw_scores_like_the_stages_that_score_test_images(data, tmp_path, method, maps):
    found = run(data, tmp_path, section(method))
    values = localised(data, tmp_path, method, maps)
    assert found["score"] == pytest.approx(values["class.maxboxaccv2"], abs=1e-12)
    history = pd.read_csv(tmp_path / "history.csv")
    assert found["val_accuracy"] == history["val_accuracy"].iloc[-1]
    assert (found["status"], found["draw"], found["keys"]) == ("ok", 3, {"lr": 0.01})
    assert found["seconds"] > 0
    assert len(found["config"]) == 16


def test_masks_are_scored_where_there_are_no_boxes(data, tmp_path):
    masks = []
    for number in range(IMAGES["val"]):
        pixels = np.zeros((60, 60), np.uint8)
        pixels[5 * number : 5 * number + 20, 10:40] = 255
        masks.append([str(tmp_path / f"mask{number}.png")])
        Image.fromarray(pixels).save(masks[-1][0])
    split(tmp_path, "train")
    split(tmp_path, "val", masks=masks)
    (tmp_path / "classes.csv").write_bytes((data / "classes.csv").read_bytes())
    found = run(tmp_path, tmp_path, section())
    assert found["score"] == pytest.approx(
        localised(tmp_path, tmp_path, "cam", "cam")["class.pxap"], abs=1e-12
    )


def test_accuracy_can_be_the_score(data, tmp_path):
    found = run(data, tmp_path, section(score="accuracy"))
    assert found["score"] == found["val_accuracy"]


def test_a_diverged_draw_is_recorded_as_failed(data, tmp_path, monkeypatch):
    monkeypatch.setattr(CamHead, "loss", lambda self, maps, labels: maps.mean() * float("nan"))
    found = run(data, tmp_path, section())
    assert found["status"] == "failed"
    assert "the loss is nan in epoch 1, batch 1" in found["message"]
    assert found["score"] is None
    assert found["val_accuracy"] is None
    assert found["keys"] == {"lr": 0.01}


def test_weights_that_the_last_step_broke_fail_too(data, tmp_path, monkeypatch):
    def loss(self, maps, labels):
        return maps.mean() * (1.0 if self.training else float("nan"))

    monkeypatch.setattr(CamHead, "loss", loss)
    found = run(data, tmp_path, section())
    assert found["status"] == "failed"
    assert "the loss of the val images is nan" in found["message"]


def test_a_draw_trains_on_some_images_of_each_class(data, tmp_path, monkeypatch):
    seen = []
    step = CamHead.training_step
    monkeypatch.setattr(
        CamHead,
        "training_step",
        lambda self, trunk, images, labels: (
            seen.extend(labels.tolist()) or step(self, trunk, images, labels)
        ),
    )
    run(data, tmp_path, section(proxy_per_class=2))
    assert sorted(seen) == [0, 0, 1, 1]


def test_the_first_samples_of_each_class_keep_their_images(data):
    whole = open_shards(data / "shards/train/manifest.json")
    part = whole.first_per_class(2)
    wanted = [
        row
        for row, label in enumerate(whole.labels.tolist())
        if whole.labels[:row].tolist().count(label) < 2
    ]
    assert part.count == 4
    assert part.image_ids == [whole.image_ids[row] for row in wanted]
    for new, old in enumerate(wanted):
        assert part.labels[new] == whole.labels[old]
        assert np.array_equal(part.image(new), whole.image(old))
    assert whole.first_per_class(99).image_ids == whole.image_ids


def test_missing_data_stay_an_error(data, tmp_path):
    shutil.copytree(data / "shards/train", tmp_path / "train")
    next((tmp_path / "train").glob("*.tar")).unlink()
    with pytest.raises(UserError, match=r"\.tar"):
        run(data, tmp_path, section(), **{"train-shards": tmp_path / "train/manifest.json"})
    assert not (tmp_path / "draw3.json").exists()


def test_a_data_set_without_val_images_cannot_be_searched(data, tmp_path):
    nothing = pd.DataFrame({"image_id": [], "path": [], "label": []})
    manifest = write_shards(nothing, Images(), "val", tmp_path / "val", workers=1)
    with pytest.raises(UserError, match="val_fraction"):
        run(data, tmp_path, section(), **{"val-shards": manifest})


def test_val_images_without_objects_name_the_other_score(data, tmp_path):
    split(tmp_path, "val")
    with pytest.raises(UserError, match=r"search\.score: accuracy"):
        run(data, tmp_path, section(), **{"val-records": tmp_path / "val.parquet"})


def test_a_training_takes_the_keys_that_a_search_found(data, tmp_path):
    wanted = section("adl").job
    best = tmp_path / "best.json"
    found = {"map_size": 14, "training": {"lr": 0.003, "adl": {"threshold": 0.25}}}
    write_json(best, {"draw": 3, "keys": found})
    given = ["--section", wanted.model_dump_json(), "--overrides", str(best)]
    run_training([*given, *arguments(data, tmp_path, out=tmp_path)])
    written = json.loads((tmp_path / "section.json").read_text())
    assert (written["map_size"], wanted.map_size) == (14, 28)
    assert written["training"]["lr"] == 0.003
    assert written["training"]["adl"] == {"threshold": 0.25, "drop_rate": 0.75}
    assert written["training"]["batch_size"] == 4
    assert pd.read_csv(tmp_path / "history.csv")["lr"].iloc[0] == 0.003
    plain = tmp_path / "plain"
    run_training(["--section", json.dumps(written), *arguments(data, plain, out=plain)])
    for name in ("section.json", "weights.safetensors"):  # with its provenance
        assert (plain / name).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"keys": [1]},
        {"keys": {"training": {"lrr": 1}}},
        {"keys": {"map_size": 15}},
    ],
)
def test_a_broken_result_of_a_search_is_named(data, tmp_path, content):
    best = tmp_path / "best.json"
    write_json(best, content)
    given = ["--section", section().job.model_dump_json(), "--overrides", str(best)]
    with pytest.raises(UserError, match=r"best\.json is not a search result"):
        run_training([*given, *arguments(data, tmp_path, out=tmp_path)])
