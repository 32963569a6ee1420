"""Untrusted input (weights, manifests, configs) is data: it runs nothing, and it names no
file outside its folder. For the lists of data sets see datasets/test_foreign_paths.py."""

import ast
import re
from pathlib import Path

import pytest
import torch
import yaml
from drawn_images import draw_records

from pipeline.artefacts.files import read_json, sha256, write_json
from pipeline.artefacts.shards import open_shards
from pipeline.models.pretrained import read_weights
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding.writing import write_shards
from pipeline.study.loading import load
from pipeline.training import checkpoints

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"

# They run what a file or a text says.
FORBIDDEN = {
    *("eval", "exec", "os.system", "os.popen", "pd.read_pickle"),
    *("yaml.load", "yaml.full_load", "yaml.unsafe_load"),
}
NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}

# What stands in the rules' commands without quotes: numbers, words that the config is checked
# for, and names, which have letters, digits, "_" and "-" alone.
UNQUOTED = {
    *("threads", "resources.gpu", "params.size", "params.resize", "params.methods"),
    *(
        "params.chunk",
        "params.batch_size",
        "params.megabytes",
        "params.images",
        "params.seed",
        "params.model_seed",
    ),
}


class Trap:
    """An object whose unpickling creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_the_code_calls_nothing_that_runs_what_it_reads():
    loads = 0
    for path in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            place = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [alias.name for alias in node.names] + [getattr(node, "module", "")]
                assert NEVER_IMPORTED.isdisjoint(modules), place
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert name not in FORBIDDEN, place
            assert name.split(".")[-1] not in ("extract", "extractall"), place
            if name != "app.install_completion":  # which shell, and nothing is run
                assert arguments.get("shell", "False") == "False", place
            assert arguments.get("allow_pickle", "False") == "False", place
            if name == "torch.load":
                loads += 1
                assert arguments.get("weights_only") == "True", place
    assert loads == 2  # of weights and of checkpoints


def test_values_of_the_config_reach_the_shell_quoted():
    commands = 0
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for command in re.findall(r"^    shell:\n((?:        .*\n?)+)", path.read_text(), re.M):
            commands += 1
            found = re.findall(r"(?<!{){([^{}]+)}(?!})", command)
            bare = {value for value in found if not value.endswith(":q")}
            bare = {value for value in bare if not value.startswith("wildcards.")}
            assert bare <= UNQUOTED, (path.name, bare - UNQUOTED)
    assert commands > 20


@pytest.mark.parametrize("name", ["../birds", "a b", "x;touch owned", "$(touch owned)", "", "-v"])
@pytest.mark.parametrize(
    "place",
    [("datasets", "birds"), ("architectures", "small"), ("datasets", "birds", "variants", "cam")],
)
def test_names_are_words(place, name):
    study = yaml.safe_load(TINY.read_text())
    *above, old = place
    section = study
    for key in above:
        section = section[key]
    section[name] = section.pop(old)
    with pytest.raises(UserError, match="a name has letters, digits") as raised:
        load(study)
    assert f"{'.'.join(above)}.{name}: a name" in str(raised.value)


def test_names_of_own_maps_are_words():
    study = yaml.safe_load(TINY.read_text())
    study["own_maps"] = {"../mine": {"path": "maps", "model": "birds/small_pretrained/cam"}}
    with pytest.raises(UserError, match=r"own_maps\.\.\./mine: a name has letters, digits"):
        load(study)


def test_a_config_runs_nothing(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"title: !!python/object/apply:os.system ['touch {tmp_path}/owned']\n")
    with pytest.raises(UserError, match=r"study\.yaml"):
        load(path)
    assert not (tmp_path / "owned").exists()


def test_weights_and_checkpoints_run_nothing(tmp_path):
    path = tmp_path / "last.pt"
    torch.save({"model": Trap(tmp_path / "owned")}, path)
    with pytest.raises(UserError, match=r"last\.pt is not a PyTorch state dict"):
        read_weights(str(path))
    checkpoints.save(tmp_path, {"model": Trap(tmp_path / "owned")})
    with pytest.raises(UserError, match=r"last\.pt cannot be read"):
        checkpoints.load(tmp_path)
    assert not (tmp_path / "owned").exists()
    torch.load(tmp_path / "previous.pt", weights_only=False)  # the trap works
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["../00000.tar", "/{}/00000.tar", "..", "", "a/../../00000.tar"])
def test_a_manifest_names_no_file_outside_its_folder(tmp_path, name):
    records = draw_records(tmp_path / "raw", 3)
    section = Images(train_size=32, eval_size=24, train_format="png")
    manifest = Path(write_shards(records, section, "test", tmp_path / "shards"))
    (tmp_path / "shards" / "00000.tar").rename(tmp_path / "00000.tar")  # whole, but elsewhere
    content = read_json(manifest)
    content["shards"][0]["name"] = name.format(tmp_path)
    assert content["shards"][0]["sha256"] == sha256(tmp_path / "00000.tar")
    write_json(manifest, content)
    with pytest.raises(UserError, match=f"{manifest} is damaged .not a manifest of"):
        open_shards(manifest)
