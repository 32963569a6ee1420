import hashlib
import json

import torch
from torchvision import models

from pipeline.settings import GivenJob
from pipeline.training.given import keep


def test_the_files_that_decide_a_model_are_told_apart_by_their_paths(tmp_path):
    weights, classes = tmp_path / "net.pth", tmp_path / "classes.csv"
    torch.save(models.squeezenet1_1(num_classes=2).state_dict(), weights)
    classes.write_text("label,class_id,name\n0,1,red\n1,2,green\n")
    files = [tmp_path / folder / "__init__.py" for folder in ("nets", "layers")]
    for file in files:
        file.parent.mkdir()
        file.write_text(f"# {file.parent.name}\n")
    job = GivenJob(model="torchvision:squeezenet1_1", weights=str(weights), size=64)
    keep(job, classes, tmp_path, files)
    found = json.loads((tmp_path / "metrics.json").read_text())["provenance"]
    for file in files:
        assert found[f"sha256 of {file}"] == hashlib.sha256(file.read_bytes()).hexdigest()
