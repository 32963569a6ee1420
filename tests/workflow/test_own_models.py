"""docs/own_models.md, followed word for word: a folder of pictures and a Lightning checkpoint."""

import json
import re

import numpy as np
import torch
import yaml
from PIL import Image
from torchvision import models
from workflow_run import CHECKOUT, plan, snakemake

FEW = {"images": 4, "bootstrap": {"replicates": 20}}
CLASSES = ("crow", "jay")


def page_config():
    page = (CHECKOUT / "docs/own_models.md").read_text()
    return re.search(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]


def predictions(network, root, names):
    """What torchvision's network says of the same pictures."""
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    found = []
    for name in names:
        pixels = torch.from_numpy(np.array(Image.open(root / name))).permute(2, 0, 1)
        with torch.no_grad():
            found.append(int(network((pixels[None] / 255 - mean) / std).argmax()))
    return found


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
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
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
    scores = checkout / "results/mine/scores/classification/photos/mine/mine/seed0"
    with np.load(scores / "model.npz") as found:
        names, labels, predicted = (found[key] for key in ("image_id", "label", "prediction"))
    assert labels.tolist() == [CLASSES.index(name.split("/")[-2]) for name in names.tolist()]
    assert predicted.tolist() == predictions(network, checkout / "data/mine", names)
    tables = json.loads((checkout / "results/mine/tables/tables.json").read_text())
    assert "mine" in json.dumps(tables)
    assert (checkout / "results/mine/report.html").exists()
    assert plan(checkout, config="config/mine.yaml") == set()

    state["net.fc.bias"] += 1.0
    torch.save({"state_dict": state, "pytorch-lightning_version": "2"}, checkout / "runs/best.ckpt")
    again = plan(checkout, config="config/mine.yaml")
    assert {job.split()[0] for job in again} >= {"keep_given", "attribute", "classification"}
    assert not {job.split()[0] for job in again} & {"shards", "records", "train"}
