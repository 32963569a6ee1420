import json

import jsonschema
import pytest
import yaml
from small_config import changed

from pipeline.artefacts.paths import Paths
from pipeline.catalogue.methods import METHODS
from pipeline.command import reference
from pipeline.runtime.errors import UserError
from pipeline.study.loading import load
from pipeline.study.opening import open_models


def test_schema_and_reference_page_are_generated_from_the_code():
    message = "run: python -m pipeline.command.reference"
    assert reference.SCHEMA.read_text() == reference.schema_text(), message
    assert reference.PAGE.read_text() == reference.page_text(), message


def test_every_key_is_explained():
    for row in reference.page_text().splitlines():
        if row.startswith("| `"):
            assert row.rsplit("|", 2)[1].strip(), row


@pytest.mark.parametrize("path", sorted(reference.PAGE.parent.glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_configs_are_valid(path):
    load(path)
    raw = yaml.safe_load(path.read_text())
    jsonschema.validate(raw, json.loads(reference.SCHEMA.read_text()))
    assert f"`{path.name}`" in reference.page_text()


def test_all_means_every_method_of_the_catalogue_that_needs_no_vision_transformer():
    study = load(changed(methods={"cam": "all", "calm": "all"}))
    for kind, variant in (("cam", "cam"), ("calm", "calm_em")):
        expected = {name for name, entry in METHODS.items() if kind in entry.models}
        expected -= {"attention_rollout", "legrad"}
        found = study.methods_of("birds", "small", variant)
        assert set(found) == expected
        assert len(found) == len(expected)
    assert "joint" not in study.methods.cam
    assert "cam" not in study.methods.calm
    jsonschema.validate(changed(methods={"cam": "all"}), json.loads(reference.SCHEMA.read_text()))


def test_the_trunk_of_the_full_study_can_do_all_of_its_methods(tmp_path):
    study = load(reference.PAGE.parent / "full.yaml")
    open_models(study, Paths(str(tmp_path)))
    asked = study.methods_of("synthbirds", "small_pretrained", "cam")
    assert {"guided_backprop", "deep_lift"} <= set(asked)  # which some networks cannot do


def test_every_config_names_the_schema_for_editors():
    """They read the first line; the path counts from the file."""
    configs = sorted((reference.SCHEMA.parents[2] / "config").glob("*.yaml"))
    assert len(configs) > 10
    for path in configs:
        first = path.read_text().partition("\n")[0]
        name = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / name).resolve() == reference.SCHEMA.resolve(), path


def test_the_schema_knows_null_for_what_a_name_inherits():
    schema = json.loads(reference.SCHEMA.read_text())
    dropping = {
        "extends": "config.yaml",
        "architectures": {"small": None},
        "datasets": {"other": None, "birds": {"variants": {"cam": None}}},
        "own_maps": {"mine": None},
        "search": {"ranges": {"lr": None}},
    }
    jsonschema.validate(dropping, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"extends": "x.yaml", "training": None}, schema)


PATHS = [
    ("results",),
    ("datasets", "photos", "root"),
    ("datasets", "photos", "records", "boxes"),
    ("datasets", "photos", "records", "masks"),
    ("datasets", "lists", "records", "metadata"),
    ("datasets", "lists", "supersets", "is_a"),
    ("own_maps", "mine", "path"),
    ("architectures", "small", "weights"),
]


def with_paths(changed_place=None, path=None):
    """A config that has every kind of path, one of them as given."""
    raw = changed(results="out", own_maps={"mine": {"path": "m.h5", "model": "birds/small/cam"}})
    raw["datasets"]["photos"] = {"root": "photos", "records": {"layout": "folder"}}
    raw["datasets"]["lists"] = {
        "root": "lists",
        "records": {"layout": "wsol", "metadata": "lists"},
        "supersets": {"kind": "wordnet"},
    }
    if changed_place:
        section = raw
        for key in changed_place[:-1]:
            section = section[key]
        section[changed_place[-1]] = path
    return raw


def path_in(study, place):
    found = study.model_dump()
    for key in place:
        found = found[key]
    return found


@pytest.mark.parametrize("place", PATHS, ids=".".join)
def test_the_home_folder_is_expanded_in_every_path(place, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert path_in(load(with_paths(place, "~/x")), place) == "/home/me/x"
    assert path_in(load(with_paths(place, "a~b/x")), place) == "a~b/x"


@pytest.mark.parametrize("place", PATHS, ids=".".join)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data {v2}", "'data {v2}' has a brace, which Snakemake reads as a wildcard"),
        ("a}b", "'a}b' has a brace"),
        ("", "the path is empty"),
        ("  ", "the path is empty"),
    ],
)
def test_paths_that_cannot_work_are_refused(place, path, message):
    with pytest.raises(UserError) as caught:
        load(with_paths(place, path))
    assert f"{'.'.join(place)}: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", ["/", "//", "/a/..", ".", "./", "a/..", "..", "a/../.."])
def test_results_need_a_folder_of_their_own(path):
    with pytest.raises(UserError, match=f"results: '{path}' is not a folder for this study alone"):
        load(with_paths(("results",), path))


@pytest.mark.parametrize(
    ("path", "expected"), [("out/", "out"), ("./out//a", "out/a"), ("/tmp/x", "/tmp/x")]
)
def test_results_are_written_as_snakemake_compares_paths(path, expected):
    assert load(with_paths(("results",), path)).results == expected
