import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from small_training import CLASSES, draw_data, job, run, write_split

from pipeline.models import load_model
from pipeline.models.classifier import Classifier
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.settings import Images
from pipeline.sharding.writing import write_shards
from pipeline.training import checkpoints
from pipeline.training import fitting as train
from pipeline.training.inputs import Inputs


def test_a_training_is_a_function_of_files_and_a_machine(data, tmp_path):
    wanted = job(epochs=1)
    shards = {split: data / f"shards/{split}/manifest.json" for split in ("train", "val")}
    inputs = Inputs(data / "classes.csv", tmp_path / "checkpoints", shards["train"], shards["val"])
    fitted = train.fit(wanted, inputs, Machine("cpu", threads=1, workers=1))
    run(data, tmp_path, wanted)
    written = load_model(tmp_path / "weights.safetensors").state_dict()
    assert all(
        torch.equal(value, written[name]) for name, value in fitted.model.state_dict().items()
    )
    with pytest.raises(UserError, match="--train-shards and --val-shards"):
        train.fit(wanted, replace(inputs, val_shards=None), Machine("cpu", threads=1))


@pytest.mark.parametrize("method", ["cam", "calm_em", "calm_ml"])
def test_training_learns_and_writes_its_results(data, tmp_path, method):
    run(data, tmp_path, job(method, epochs=4, flip=False))
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history.epoch) == [1, 2, 3, 4]
    # the EM loss holds the entropy of the cue's location, so it falls least
    assert history.train_loss.iloc[-1] < 0.9 * history.train_loss.iloc[0]
    assert history.val_accuracy.iloc[-1] > 0.8
    assert {"lr", "train_accuracy", "val_loss", "images_per_second", "seconds"} <= {*history}
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {"config", "code", "data"} <= metrics["provenance"].keys()
    assert load_model(tmp_path / "weights.safetensors").num_classes == CLASSES
    assert not list((tmp_path / "checkpoints").glob("*"))


@pytest.mark.parametrize("method", ["calm_em", "cutmix", "adl"])  # the last two draw at random
def test_a_resumed_training_ends_bit_identical(data, tmp_path, monkeypatch, method):
    wanted = job(method, epochs=3)
    run(data, tmp_path / "whole", wanted)

    save = checkpoints.save

    def save_and_die(folder, state):
        save(folder, state)
        if len(state["history"]) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", wanted)
    monkeypatch.undo()
    assert not (tmp_path / "cut/weights.safetensors").exists()
    run(data, tmp_path / "cut", wanted)
    whole, cut = (tmp_path / name / "weights.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    columns = ["epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
    histories = [pd.read_csv(tmp_path / n / "history.csv")[columns] for n in ("whole", "cut")]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


def test_a_training_that_stops_early_is_the_beginning_of_the_whole_one(data, tmp_path, monkeypatch):
    whole = job("calm_em", epochs=3, schedule="cosine")
    states = {}

    def save(folder, state):
        states[len(state["history"])] = {k: v.clone() for k, v in state["model"].items()}

    monkeypatch.setattr(checkpoints, "save", save)
    run(data, tmp_path / "whole", whole)
    monkeypatch.undo()
    run(data, tmp_path / "stopped", job("calm_em", epochs=3, schedule="cosine", stop_after=2))
    weights = load_model(tmp_path / "stopped/weights.safetensors").state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in states[2].items())
    assert not all(torch.equal(value, weights[name]) for name, value in states[3].items())
    columns = ["epoch", "lr", "train_loss", "train_accuracy"]
    rows = [pd.read_csv(tmp_path / n / "history.csv")[columns] for n in ("whole", "stopped")]
    pd.testing.assert_frame_equal(rows[0][:2], rows[1], check_exact=True)


def test_a_training_cannot_stop_after_its_schedule():
    with pytest.raises(ValidationError, match="stop_after: 4 is more than `epochs: 3`"):
        job(epochs=3, stop_after=4)
    assert "stop_after" not in job(epochs=3).training.model_dump()  # which would train all anew
    assert job(epochs=3, stop_after=1).training.model_dump()["stop_after"] == 1


def test_frozen_stages_stay_through_a_training_that_is_resumed(data, tmp_path, monkeypatch):
    run(data, tmp_path / "donor", job(epochs=1))
    donor = tmp_path / "donor/weights.safetensors"
    wanted = job("calm_em", epochs=3, frozen_stages=2).model_copy(update={"weights": str(donor)})
    given = {"init-weights": donor}
    run(data, tmp_path / "whole", wanted, **given)

    save = checkpoints.save

    def save_and_die(folder, state):
        save(folder, state)
        if len(state["history"]) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", wanted, **given)
    monkeypatch.undo()
    run(data, tmp_path / "cut", wanted, **given)
    whole, cut = (tmp_path / name / "weights.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    before, after = (load_model(path).trunk.state_dict() for path in (donor, whole))
    still = ("conv1.", "bn1.", "layer1.")
    for name, value in after.items():
        assert torch.equal(value, before[name]) == name.startswith(still), name


def test_a_changed_config_does_not_resume_from_an_old_checkpoint(data, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "clear", lambda folder: None)
    run(data, tmp_path, job(epochs=1))
    run(data, tmp_path, job(epochs=2))
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


def test_attributes_pretrain_a_trunk(data, tmp_path):
    run(data, tmp_path, job("attributes", epochs=1), attributes=data / "attributes.txt")
    assert load_model(tmp_path / "weights.safetensors").num_classes == 3
    table = train.attribute_targets(data / "attributes.txt", pd.read_csv(data / "classes.csv"))
    assert table.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_a_loss_that_is_not_finite_names_epoch_and_batch(data, tmp_path, monkeypatch):
    from pipeline.models.heads import CamHead

    calls = []

    def loss(self, maps, labels):
        calls.append(1)
        # one evaluation of the val split (2 batches) lies between the epochs of 5 batches
        return maps.mean() * (float("nan") if len(calls) == 5 + 1 + 3 else 1.0)

    monkeypatch.setattr(CamHead, "loss", loss)
    with pytest.raises(UserError, match="the loss is nan in epoch 2, batch 3") as caught:
        run(data, tmp_path, job())
    assert "Lower `lr`" in str(caught.value)
    assert not (tmp_path / "weights.safetensors").exists()


def test_an_empty_val_split_leaves_its_columns_empty(data, tmp_path):
    nothing = pd.DataFrame({"image_id": [], "path": [], "label": []})
    manifest = write_split(tmp_path, "val", nothing)
    run(data, tmp_path, job(epochs=1), **{"val-shards": manifest})
    assert pd.read_csv(tmp_path / "history.csv").val_accuracy.isna().all()
    assert "val_loss" not in json.loads((tmp_path / "metrics.json").read_text())["last_epoch"]


@pytest.mark.parametrize("damaged", [("last",), ("last", "previous")])
def test_a_damaged_checkpoint_is_not_used(data, tmp_path, monkeypatch, caplog, damaged):
    monkeypatch.setattr(checkpoints, "clear", lambda folder: None)
    run(data, tmp_path, job(epochs=2))
    weights = (tmp_path / "weights.safetensors").read_bytes()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    for name, damage in zip(damaged, (flip_a_bit, cut), strict=False):
        damage(folder / f"{name}.pt")
    with caplog.at_level("INFO"):
        run(data, tmp_path, job(epochs=2))
    assert (tmp_path / "weights.safetensors").read_bytes() == weights
    for name in damaged:
        assert f"{folder / name}.pt is damaged" in caplog.text
    assert ("resuming after epoch 1" in caplog.text) == (len(damaged) == 1)


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_gpu_that_was_granted_but_cannot_be_used_is_an_error(data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="the job was granted 1 GPU"):
        run(data, tmp_path, job(), gpus=1)


def test_watching_a_training_changes_no_byte(data, tmp_path):
    pytest.importorskip("tensorboard")
    run(data, tmp_path / "plain", job())
    run(data, tmp_path / "watched", job(), tensorboard=tmp_path / "events")
    plain, watched = (
        (tmp_path / name / "weights.safetensors").read_bytes() for name in ("plain", "watched")
    )
    assert plain == watched
    assert list((tmp_path / "events").glob("events.out.tfevents.*"))


def test_one_image_of_one_pixel_cannot_be_normalised(tmp_path):
    images = Images(train_size=16, eval_size=16, train_format="png")
    data = draw_data(tmp_path, train=4, val=4)
    records = pd.DataFrame(
        {
            "image_id": ["a", "b"],
            "path": [str(data / "train0.png"), str(data / "train1.png")],
            "label": [0, 1],
        }
    )
    write_shards(records, images, "train", data / "shards" / "train")
    with pytest.raises(UserError, match=r"Raise `batch_size` to 2 or more, or `crop`"):
        run(data, tmp_path / "out", job(batch_size=1, crop=8))


def test_another_error_of_one_image_is_reported_as_itself(data, tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("a head of one's own")

    monkeypatch.setattr(Classifier, "training_step", broken)
    with pytest.raises(ValueError, match="a head of one's own"):
        run(data, tmp_path, job(batch_size=1))


def test_missing_shards_are_named(data, tmp_path):
    shutil.copytree(data / "shards/train", tmp_path / "train")
    next((tmp_path / "train").glob("*.tar")).unlink()
    with pytest.raises(UserError, match=r"\.tar"):
        run(data, tmp_path / "out", job(), **{"train-shards": tmp_path / "train/manifest.json"})
    assert not (tmp_path / "out/weights.safetensors").exists()
