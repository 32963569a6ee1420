"""docs/own_models.md, followed word for word on photographs of a folder and a Lightning checkpoint."""

import json
import re

import numpy as np
import torch
import yaml
from PIL import Image
from torchvision import models
from workflow_run import CHECKOUT, plan, snakemake

from pipeline.artefacts.scores import read_score

FEW = {"images": 4, "bootstrap": {"replicates": 20}}
CLASSES = ("crow", "jay")


def page_config():
    page = (CHECKOUT / "docs/own_models.md").read_text()
    return re.search(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]


def test_the_first_page_takes_eight_lines():
    assert page_config().count("\n") <= 8


def test_a_checkpoint_is_measured_as_the_page_says(checkout):
    torch.manual_seed(0)
    network = models.resnet18(num_classes=2).eval()
    state = {f"net.{name}": value for name, value in network.state_dict().items()}
    (checkout / "runs").mkdir()
    torch.save({"state_dict": state, "pytorch-lightning_version": "2"}, checkout / "runs/best.ckpt")
    rng = np.random.default_rng(0)
    for number in range(4):
        path = checkout / f"data/mine/test/{CLASSES[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)).save(path)
    keys = yaml.safe_load(page_config())
    keys["evaluation"] = {"erase": {**FEW, "random_draws": 1}, "insertion_deletion": FEW}
    keys["evaluation"]["classification"] = {"bootstrap": {"replicates": 20}}
    keys["datasets"]["photos"]["images"] = {"eval_size": 64}  # smaller than the page's, for speed
    keys["architectures"]["mine"]["size"] = 64
    path = checkout / "config/mine.yaml"
    path.write_text(yaml.safe_dump(keys))

    wrong = {**keys["architectures"]["mine"], "classes": ["crow"]}
    (checkout / "wrong.yaml").write_text(yaml.safe_dump({**keys, "architectures": {"mine": wrong}}))
    status, output = snakemake(checkout, "--cores", "1", config="wrong.yaml")
    assert status != 0
    assert "architectures.mine: classes: the list has 1 names, but the network has 2" in output
    assert not (checkout / "results/mine/datasets").exists()  # no job ran

    status, output = snakemake(checkout, "--cores", "1", config="config/mine.yaml")
    assert status == 0, output
    score = read_score(
        checkout / "results/mine/scores/classification/photos/mine/mine/seed0/model.json"
    )
    pixels = [
        torch.from_numpy(np.array(Image.open(path).resize((64, 64), Image.Resampling.BILINEAR)))
        for path in sorted((checkout / "data/mine/test").rglob("*.png"))
    ]
    assert score["values"]["top1"] in (0, 0.25, 0.5, 0.75, 1)
    assert len(pixels) == 4
    tables = json.loads((checkout / "results/mine/tables/tables.json").read_text())
    assert "mine" in json.dumps(tables)
    assert (checkout / "results/mine/report.html").exists()
    assert plan(checkout, config="config/mine.yaml") == set()

    state["net.fc.bias"] += 1.0
    torch.save({"state_dict": state, "pytorch-lightning_version": "2"}, checkout / "runs/best.ckpt")
    again = plan(checkout, config="config/mine.yaml")
    assert {job.split()[0] for job in again} >= {"keep_given", "attribute", "classification"}
    assert not {job.split()[0] for job in again} & {"shards", "records", "train"}
