"""The worked examples of docs/extending.md and docs/own_data.md, taken from the pages and run."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image
from workflow_run import CHECKOUT, plan, snakemake

from pipeline.artefacts.scores import read_score

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEW_FILE = re.compile(r"# (pipeline/\S+\.py)\n")


def blocks(page):
    """(language, text) of a page's fenced blocks."""
    return _BLOCK.findall((CHECKOUT / "docs" / page).read_text())


def apply(folder, language, text):
    """Make the change of a block in a checkout: write a file, or edit one."""
    if language == "python":
        path = folder / _NEW_FILE.match(text)[1]
        assert not path.exists()
        path.write_text(text)
    elif language == "diff":
        head, *lines = text.splitlines(keepends=True)
        path = folder / head.removeprefix("--- ").strip()
        before = "".join(line[1:] or line for line in lines if line[0] in " -")
        after = "".join(line[1:] or line for line in lines if line[0] in " +")
        source = path.read_text()
        assert source.count(before) == 1, f"{path.name} has not once:\n{before}"
        path.write_text(source.replace(before, after))


def pictures(root, names):
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (120, 160, 3), dtype=np.uint8)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / name)


@pytest.fixture
def extended(checkout):
    """A checkout with everything that docs/extending.md adds."""
    for block in blocks("extending.md"):
        apply(checkout, *block)
    return checkout


def test_examples_are_short():
    for language, text in blocks("extending.md"):
        assert text.count("\n") <= 40, text
        assert max(map(len, text.splitlines())) <= 101, text
        assert language in ("python", "diff")


def test_an_addition_is_one_file_and_at_most_two_lines():
    """All but a trunk, which needs none."""
    for part in (CHECKOUT / "docs" / "extending.md").read_text().split("\n## ")[1:]:
        found = _BLOCK.findall(part)
        if part.startswith("A trunk"):
            assert not found
            continue
        assert [language for language, _ in found].count("python") == 1
        changes = [text for language, text in found if language == "diff"]
        lines = [line for text in changes for line in text.splitlines()[1:] if line[0] in "+-"]
        assert 1 <= len(lines) <= 2, part


# In one process, since importing torch takes seconds.
CHECK = """
import numpy as np
import torch
from pipeline.attribution.query import Query
from pipeline.catalogue.tables import TABLES, columns_of
from pipeline.datasets.readers import reader_of
from pipeline.evaluation.complexity.entropy import entropy
from pipeline.models import build_classifier
from pipeline.settings import Attribution, Records, TrainJob, Training
from pipeline.settings.evaluation import section_of

section = Records(layout="table", val_fraction=0, table={"separator": ";"})
records, classes, _ = reader_of("table").read("listed", section, 1)
assert records["split"].tolist() == ["train", "train", "test", "test"]
assert records["label"].tolist() == [1, 0, 0, 1]
assert classes["name"].tolist() == ["ape", "zebra"]

images = torch.rand(2, 3, 64, 64)
for method in ("cam", "calm_em", "smoothed"):
    training = Training(method=method, smoothed={"part": 0.2})
    for size, side in ((14, 4), (28, 8)):
        job = TrainJob(
            trunk="torchvision:regnet_y_400mf", map_size=size, dilation=True, weights="none",
            seed=0, training=training,
        )
        model = build_classifier(job, 3).eval()
        query = Query(model, images, torch.tensor([0, 1, 1]), [(0,), (2,), (1,)], ["a", "b"])
        maps = query.maps("margin")
        assert maps.shape == (3, side, side)
        scores = query.output[1]
        expected = scores[2] - torch.maximum(scores[0], scores[1])
        torch.testing.assert_close(maps[1], expected)
        query.options = Attribution(margin={"place": 2})
        expected = scores[2] - torch.minimum(scores[0], scores[1])
        torch.testing.assert_close(query.maps("margin")[1], expected)

maps, labels = torch.randn(2, 3, 4, 4), torch.tensor([2, 0])
logs = maps.mean(dim=(2, 3)).log_softmax(dim=1)
asked = 0.8 * torch.eye(3)[labels] + 0.2 / 3
torch.testing.assert_close(model.head.loss(maps, labels), -(asked * logs).sum(dim=1).mean())

keys = {"methods", "models", "images", "bootstrap", "power"}
assert set(section_of("entropy").model_fields) == keys
assert "entropy" in TABLES["faithfulness"][0]
assert [column.heading for column in columns_of("faithfulness")["entropy"]] == ["Entropy"]
assert abs(entropy(np.ones((4, 5))) - 1) < 1e-12
assert entropy(np.eye(1, 9).reshape(3, 3)) == 0
assert np.isnan(entropy(np.zeros((3, 3))))
"""


def test_the_parts_of_extending_md_do_what_they_say(extended):
    names = ("a/1.png", "b/1.png", "b/2.png", "a/2.png")
    pictures(extended / "listed", names)
    lines = ("zebra,train", "ape,train", "ape,test", "zebra,test")
    rows = [f"{name},{line}\n" for name, line in zip(names, lines, strict=True)]
    table = "path,class,split\n" + "".join(rows)
    (extended / "listed" / "images.csv").write_text(table.replace(",", ";"))
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=extended, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    study = {
        "architectures": {"regnet": {"trunk": "torchvision:regnet_y_400mf", "map_size": 14}},
        "datasets": {
            "mine": {
                "root": "listed",
                "records": {"layout": "table", "table": {"separator": ";"}},
                "cue_localization": False,
                "wsol": False,
                "architectures": ["regnet"],
                "variants": {"cam": {}, "smoothed": {"smoothed": {"part": 0.2}}},
            }
        },
        "methods": {"cam": ["margin"]},
        "attribution": {"margin": {"place": 2}},
        "evaluation": {"entropy": {"power": 2}},
    }
    (extended / "mine.yaml").write_text(yaml.safe_dump(study))
    jobs = plan(extended, config="mine.yaml")
    assert {
        "records mine",
        "train mine/regnet/cam/seed0",
        "train mine/regnet/smoothed/seed0",
        "measure entropy/mine/regnet/cam/seed0/margin",
        "measure entropy/mine/regnet/smoothed/seed0/margin",
    } <= jobs


def test_the_options_of_a_new_file_are_keys_of_the_config(extended):
    """Their faults are found before any job, without PyTorch; the reference has them."""
    program = """
import sys
from pipeline.settings import Attribution, Evaluation, Records, Training
from pipeline.study.search_space import drawable_keys

assert "torch" not in sys.modules and "pandas" not in sys.modules
for section, keys in (
    (Attribution, {"margin": {"place": 0}}),
    (Evaluation, {"entropy": {"power": "high"}}),
    (Records, {"layout": "table", "table": {"separater": ";"}}),
    (Training, {"method": "smoothed", "smoothed": {"part": 2}}),
):
    try:
        section.model_validate(keys)
    except ValueError:
        continue
    raise AssertionError(keys)
assert "smoothed.part" in drawable_keys()
# of a method or layout that is not used they decide nothing
assert "smoothed" in Training(method="smoothed").model_dump()
assert "smoothed" not in Training(method="cam").model_dump()
assert "table" not in Records(layout="folder").model_dump()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=extended, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    done = subprocess.run([sys.executable, "-m", "pipeline.command.reference"], cwd=extended)
    assert done.returncode == 0
    page = (extended / "config" / "README.md").read_text()
    for heading in ("training.smoothed", "attribution.margin", "datasets.NAME.records.table"):
        assert f"`{heading}" in page


def test_own_images_enter_by_config_alone(checkout):
    written = {language: text for language, text in blocks("own_data.md") if language != "sh"}
    objects = json.loads(written["json"])
    root = checkout / "data" / "own"
    training = [f"train/{name}/{k}.jpg" for name in ("ape", "zebra") for k in range(4)]
    pictures(root, [*training, *(image["file_name"] for image in objects["images"])])
    (root / "objects.json").write_text(written["json"])
    (checkout / "config" / "own.yaml").write_text(written["yaml"])
    # the page's config, small and without a download
    quick = {
        "extends": "config/own.yaml",
        "architectures": {"resnet18": {"trunk": "resnet_small", "weights": "none"}},
        "datasets": {"own": {"images": {"train_size": 64, "eval_size": 56}}},
        "training": {"epochs": 1, "crop": 56, "batch_size": 4},
        "evaluation": {"wsol": {"bootstrap": {"replicates": 10}}},
    }
    (checkout / "quick.yaml").write_text(yaml.safe_dump(quick))
    target = "results/own/scores/wsol/own/resnet18/cam/seed0/cam.json"
    status, output = snakemake(checkout, "--cores", "2", target, config="quick.yaml")
    assert status == 0, output
    values = read_score(checkout / target)["values"]
    assert {"class.maxboxaccv2", "class.pxap"} <= set(values)
    check = json.loads((checkout / "results/own/datasets/own/check.json").read_text())
    assert (check["masks"], check["without_boxes"], check["images"]["test"]) == (2, 8, 2)
    # another box is another study: the file is an input of the records
    objects["annotations"][0]["bbox"][0] += 5
    (root / "objects.json").write_text(json.dumps(objects))
    assert "records own" in plan(checkout, target, config="quick.yaml")


def test_own_images_alone_enter_by_config_alone(checkout):
    config = next(text for language, text in blocks("own_data.md") if language == "yaml")
    root = checkout / "data" / "birds"
    pictures(root, [f"{name}/{k}.jpg" for name in ("cardinal", "crow") for k in range(10)])
    (checkout / "config" / "birds.yaml").write_text(config)
    check = "results/birds/datasets/birds/check.json"
    status, output = snakemake(checkout, "--cores", "1", check, config="config/birds.yaml")
    assert status == 0, output
    counts = json.loads((checkout / check).read_text())
    assert counts["images"] == {"train": 14, "val": 2, "test": 4}
    jobs = plan(checkout, config="config/birds.yaml")
    assert "train birds/lite0/calm_em/seed0" in jobs
    assert "report" in jobs
    assert not any(job.startswith(("wsol", "cue_localization")) for job in jobs)
