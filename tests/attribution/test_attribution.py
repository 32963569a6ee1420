from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_study import tiny_study

from pipeline import calm
from pipeline.artefacts.files import sha256, write_json
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.shards import open_shards
from pipeline.artefacts.targets import KINDS
from pipeline.attribution import __main__ as stage
from pipeline.attribution import writing
from pipeline.attribution.compute import Asked, compute
from pipeline.attribution.plan import make_plan
from pipeline.attribution.query import maps_of
from pipeline.catalogue.methods import METHODS
from pipeline.images.loading import Batch, eval_loader
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.settings import Attribution
from pipeline.study.inputs.maps import TOGETHER


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tiny_study(tmp_path_factory.mktemp("study"))


def _arguments(study, method, out, variant="calm_em", **changes):
    options = {
        "section": "{}",
        "method": method,
        "weights": study.weights[variant],
        "shards": study.shards,
        "records": study.records,
        "pairs": study.pairs,
        "supersets": study.supersets,
        "out": out,
        "batch-size": 5,
        "threads": 1,
    } | changes
    return [
        text
        for name, value in options.items()
        for text in (f"--{name}", *map(str, value if isinstance(value, list | tuple) else [value]))
    ]


@pytest.fixture(scope="module")
def outputs(study):
    """image id -> the model's maps (C, h, w), one image at a time, for both kinds."""
    found = {}
    for variant in ("cam", "calm_em"):
        model = load_model(study.weights[variant])
        with torch.inference_mode():
            for batch in eval_loader(open_shards(study.shards), batch_size=1, workers=0):
                found[variant, batch.image_ids[0]] = model(batch.images)[0]
    return found


CALM = [name for name, entry in METHODS.items() if entry.models == ("calm",)]


@pytest.mark.parametrize("method", CALM)
def test_calm_maps_are_those_of_single_images(study, outputs, tmp_path, method):
    stage.run(_arguments(study, method, tmp_path / "x.h5"))
    with MapStore.open(tmp_path / "x.h5") as store:
        maps = store.maps[:]
        assert store.attributes["method"] == method
        assert store.attributes["sha256_weights"] == sha256(study.weights["calm_em"])
        assert store.attributes["sha256_shards"] == sha256(study.shards)
        rows = list(zip(store.image_ids, store.targets, store.class_probability, strict=True))
    assert len(rows) == {"class": 9 + 3 + 12, "counterfactual": 12}.get(METHODS[method].targets, 12)
    for row, (image, target, probability) in enumerate(rows):
        p = outputs["calm_em", image].exp()
        if method == "saliency":
            expected = p.sum(0)
        elif method == "subset":
            expected = p[[3]].sum(0) if target == "superset:3" else p[:3].sum(0)
        elif method == "counterfactual":
            a, b = map(int, target.split(">"))
            expected = p[a] - p[b]
        else:
            of_class = p[int(target)]
            expected = {
                "joint": of_class,
                "posterior": of_class / of_class.sum(),
                "conditional": of_class / p.sum(0),
            }[method]
        assert np.allclose(maps[row], expected, atol=1e-5)
        if method in ("joint", "saliency", "subset", "counterfactual"):
            assert maps[row].sum() == pytest.approx(probability, abs=1e-5)
        else:
            assert probability == pytest.approx(of_class.sum().item(), abs=1e-5)


def test_cam_maps_are_those_of_single_images(study, outputs, tmp_path):
    stage.run(_arguments(study, "cam", tmp_path / "x.h5", "cam"))
    with MapStore.open(tmp_path / "x.h5") as store:
        image = study.table["image_id"][0]
        f = outputs["cam", image]
        map_ = store.maps[store.lookup(image, "2")]
        assert np.allclose(map_, f[2], atol=1e-5)
        assert store.attributes["forwards"] == 12
        probability = torch.softmax(f.mean((1, 2)), 0)[2].item()
        assert store.class_probability[store.lookup(image, "2")] == pytest.approx(probability)


def test_the_batch_size_changes_nothing_but_rounding_and_equal_runs_give_equal_bytes(
    study, tmp_path
):
    stores = []
    for name, size in (("a", 5), ("b", 5), ("c", 12)):
        stage.run(_arguments(study, "joint", tmp_path / name, **{"batch-size": size}))
        with MapStore.open(tmp_path / name) as store:
            stores.append((store.maps[:], store.targets.tolist()))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert np.allclose(stores[0][0], stores[2][0], atol=1e-6)
    assert stores[0][1] == stores[2][1]


class Counting(torch.nn.Module):
    """A model that counts the images that it sees; the joint of each names its image."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.head = SimpleNamespace(log_probs=calm.class_log_probs)

    def forward(self, images):
        self.seen += images[:, 0, 0, 0].int().tolist()
        return images.mean((1, 2, 3))[:, None, None, None] + torch.zeros(len(images), 4, 2, 2)

    def class_maps(self, inputs, maps, images, labels):
        return maps[images, labels]


def test_each_image_that_has_a_target_goes_through_the_network_once():
    records = pd.DataFrame({"image_id": list("abcdef"), "label": [0, 3, 1, 0, 3, 3]})
    batches = [
        Batch(
            torch.arange(start, start + 2.0)[:, None, None, None].expand(2, 3, 4, 4),
            torch.tensor(records["label"][start : start + 2].to_list()),
            records["image_id"][start : start + 2].to_list(),
        )
        for start in (0, 2, 4)
    ]
    pairs = [(0, 1), (0, 2)]
    for kind, method, images in (
        ("counterfactual", "counterfactual", [0, 2, 3]),
        ("class", "cam", [0, 1, 2, 3, 4, 5]),
    ):
        model, plan = Counting(), make_plan(records, kind, pairs)
        cpu, options = torch.device("cpu"), Attribution()
        asked = {kind: Asked((method,), plan)}
        chunks = [found[kind] for found in compute(model, asked, batches, {}, options, cpu)]
        assert model.seen == images
        assert plan.forwards == len(images)
        assert sum(len(chunk.maps[method]) for chunk in chunks) == plan.maps
    # the rows are those of the plan, in its order
    maps = torch.cat([chunk.maps["cam"] for chunk in chunks])[:, 0, 0]
    assert maps.tolist() == ["abcdef".index(image) for image, _ in plan.rows()]


@pytest.mark.parametrize(("variant", "group"), [("cam", "cam"), ("calm_em", "calm")])
def test_all_activation_maps_of_a_model_come_from_one_forward_pass_of_each_image(
    study, tmp_path, monkeypatch, variant, group
):
    """They are those of a job for each, to the last bit; images without a pair stand among them."""
    names, seen = TOGETHER[group], []
    model = load_model(study.weights[variant])
    model.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    monkeypatch.setattr(writing, "load_model", lambda path: model)
    stage.run(_arguments(study, names, [tmp_path / name for name in names], variant))
    assert seen == [5, 5, 2]  # of 12 images
    kinds, alone = set(), 0
    for name in names:
        stage.run(_arguments(study, name, tmp_path / "alone", variant))
        with MapStore.open(tmp_path / name) as one, MapStore.open(tmp_path / "alone") as other:
            assert one.attributes == other.attributes
            assert one.image_ids.tolist() == other.image_ids.tolist()
            assert one.targets.tolist() == other.targets.tolist()
            assert np.array_equal(one.maps[:], other.maps[:])
            assert np.array_equal(one.class_probability, other.class_probability)
            kinds.add(one.kind)
            alone += one.attributes["forwards"]
    assert sum(seen) == 12 + alone
    assert {"cam": {"class", "superset"}}.get(group, {*KINDS}) == kinds


def test_where_one_kind_of_target_has_no_map_its_file_is_empty_and_the_others_are_written(
    study, tmp_path, caplog
):
    arguments = _arguments(study, ["counterfactual", "joint"], [tmp_path / "c", tmp_path / "j"])
    del arguments[arguments.index("--pairs") + 1]
    stage.run(arguments)
    with MapStore.open(tmp_path / "c") as empty, MapStore.open(tmp_path / "j") as store:
        assert (len(empty.maps), empty.kind) == (0, "counterfactual")
        assert len(store.maps) == 12
    assert "Counterfactual maps need --pairs" in caplog.text


NOISE = '{"noise": {"samples": 3}, "gradient_maps": {"blur_sigma": 1}}'


@pytest.mark.parametrize("variant", ["cam", "calm_em"])
def test_a_job_of_several_methods_writes_what_a_job_of_each_would(study, tmp_path, variant):
    names = ["smoothgrad", "vargrad_released"]
    together = [tmp_path / name for name in names]
    stage.run(_arguments(study, names, together, variant, section=NOISE))
    for name, path in zip(names, together, strict=True):
        alone = _arguments(study, name, tmp_path / "x", variant, section=NOISE)
        stage.run(alone)
        assert path.read_bytes() == (tmp_path / "x").read_bytes()
        with MapStore.open(path) as store:
            assert store.attributes["method"] == name
            assert store.kind == "class"
            assert store.maps.shape == (24, 32, 32)
            assert store.attributes["forwards"] == 12


def test_maps_at_the_inputs_resolution_are_stored_in_half_precision(study, tmp_path):
    stage.run(_arguments(study, "gradient", tmp_path / "x.h5", "cam"))
    with MapStore.open(tmp_path / "x.h5") as store:
        assert store.attributes["units"] == "largest |d logit / dx| of the channels"
    model = load_model(study.weights["cam"])
    batch = next(iter(eval_loader(open_shards(study.shards), batch_size=2, workers=0)))
    image = batch.images[1:2]
    expected = maps_of(model, "gradient", image, [(0,)], batch.image_ids[1:2], Attribution())
    with MapStore.open(tmp_path / "x.h5") as store:
        found = store.maps[store.lookup(batch.image_ids[1], "0")]
    assert np.abs(found - expected[0].numpy()).max() < 2**-10
    assert found.max() == pytest.approx(1)


def test_a_map_of_the_prior_is_one_an_image(study, tmp_path):
    stage.run(_arguments(study, "edges", tmp_path / "x.h5"))
    with MapStore.open(tmp_path / "x.h5") as store:
        assert (len(store.maps), store.kind) == (12, "prior")
        assert store.class_probability.tolist() == [1] * 12


def test_without_pairs_the_option_may_be_left_empty(study, tmp_path):
    arguments = _arguments(study, "joint", tmp_path / "x.h5")
    del arguments[arguments.index("--pairs") + 1]
    stage.run(arguments)
    with MapStore.open(tmp_path / "x.h5") as store:
        assert len(store.maps) == 12
        assert "sha256_pairs" not in store.attributes


def test_mistakes_are_told_before_anything_is_computed(study, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "compute", lambda *_: pytest.fail("computed"))
    out = tmp_path / "x.h5"

    def refused(match, method="joint", variant="calm_em", without=(), files=1, **changes):
        arguments = _arguments(study, method, [out] * files, variant, **changes)
        for name in without:
            at = arguments.index(f"--{name}")
            del arguments[at : at + 2]
        with pytest.raises(UserError, match=match):
            stage.run(arguments)
        assert not out.exists()

    refused("valid: cam, cam_max", variant="cam")
    refused("attributes model.*none", variant="attributes")
    refused("--supersets", "subset", without=["supersets"])
    refused("--pairs", "counterfactual", without=["pairs"])
    refused("one file for each", ["joint", "posterior"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    refused("GPU", gpus=1)
    (tmp_path / "pairs.csv").write_text("label_a,label_b\n0,9\n")
    refused("4 classes.*label 9", pairs=tmp_path / "pairs.csv")
    (tmp_path / "pairs.csv").write_text("a,b\n0,1\n")
    refused(r"pairs\.csv is damaged \(not a table of class pairs", pairs=tmp_path / "pairs.csv")
    write_json(tmp_path / "s.json", {"supersets": {"0": [0, 1]}})
    refused("no entry for class label 1", "subset", supersets=tmp_path / "s.json")
    write_json(tmp_path / "s.json", {"a": 1})
    refused(r"s\.json is not a supersets", "subset", supersets=tmp_path / "s.json")
    fewer = tmp_path / "fewer.parquet"
    from pipeline.artefacts.records import write_records

    write_records(fewer, study.table[1:])
    refused("in their order", records=fewer)


def test_a_model_that_has_diverged_is_named_by_image_and_method(study, tmp_path, monkeypatch):
    model = load_model(study.weights["calm_em"])
    torch.nn.init.constant_(model.head.classes.weight, float("nan"))
    monkeypatch.setattr(writing, "load_model", lambda path: model)
    with pytest.raises(UserError, match="joint") as caught:
        stage.run(_arguments(study, "joint", tmp_path / "x.h5"))
    assert study.table["image_id"][0] in str(caught.value)
    assert not list(tmp_path.iterdir())
