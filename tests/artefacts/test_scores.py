import json
import math

import numpy as np
import pytest

from pipeline.artefacts import scores
from pipeline.artefacts.files import digest, sha256
from pipeline.runtime.errors import UserError
from pipeline.settings import Classification

IDENTITY = {
    "dataset": "birds",
    "architecture": "small",
    "variant": "calm_em",
    "seed": 3,
    "method": "joint",
}


def _write(path, **changes):
    content = {
        "task": "cue_localization",
        "identity": IDENTITY,
        "values": {"top1": np.float32(0.5)},
        "intervals": {"top1": (0.4, 0.6)},
        "details": {"images": 7},
        "provenance": {"section": "abc", "inputs": {}},
    }
    scores.write_score(path, **(content | changes))


def test_a_score_reads_back_as_it_was_written_and_has_exactly_the_agreed_keys(tmp_path):
    path = tmp_path / "scores" / "cam.json"
    _write(path)
    assert set(json.loads(path.read_text())) == {
        "task",
        "identity",
        "values",
        "intervals",
        "details",
        "provenance",
        "sealed",
    }
    score = scores.read_score(path)
    assert score["identity"] == IDENTITY
    assert score["values"] == {"top1": 0.5}
    assert score["intervals"] == {"top1": [0.4, 0.6]}
    assert score["details"] == {"images": 7}


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "segmentation"},
        {"values": {"top1": 50.0}},
        {"values": {"top1": math.nan}},
        {"intervals": {"top1": (0.6, 0.4)}},
        {"intervals": {"top5": (0.4, 0.6)}},
        {"identity": {"dataset": "birds"}},
        {"identity": IDENTITY | {"seed": "3"}},
    ],
)
def test_content_that_is_no_score_is_refused_and_leaves_no_file(tmp_path, changes):
    with pytest.raises(ValueError):
        _write(tmp_path / "x.json", **changes)
    assert not list(tmp_path.iterdir())


def test_reading_what_is_no_score_names_the_file(tmp_path):
    path = tmp_path / "other.json"
    path.write_text("{}")
    with pytest.raises(UserError, match=r"other\.json"):
        scores.read_score(path)
    with pytest.raises(UserError, match=r"absent\.json"):
        scores.read_score(tmp_path / "absent.json")


def test_identity_is_parsed_and_null_is_allowed():
    baseline = dict.fromkeys(scores.IDENTITY) | {"dataset": "birds", "method": "chance"}
    assert scores.parse_identity(json.dumps(baseline)) == baseline
    for text in ("{", "[]", '{"dataset": "birds"}'):
        with pytest.raises(UserError, match="identity"):
            scores.parse_identity(text)


def test_provenance_holds_the_section_and_the_hashes_of_the_inputs(tmp_path):
    path = tmp_path / "maps.h5"
    path.write_bytes(b"abc")
    section = Classification()
    assert scores.provenance(section, {"maps": path}) == {
        "section": digest(section.model_dump(mode="json")),
        "inputs": {"maps": sha256(path)},
    }
    with pytest.raises(UserError, match=r"absent\.h5"):
        scores.provenance(section, {"maps": tmp_path / "absent.h5"})


def test_arrays_are_written_with_equal_bytes_beside_the_score(tmp_path):
    path = scores.per_image_path(tmp_path / "cam.json")
    assert path.name == "cam.npz"
    arrays = {"hits": np.arange(5), "image_id": np.array(["a", "b"])}
    scores.write_arrays(path, arrays)
    first = path.read_bytes()
    scores.write_arrays(path, arrays)
    assert path.read_bytes() == first
    with np.load(path) as loaded:
        assert loaded["hits"].tolist() == list(range(5))
        assert loaded["image_id"].tolist() == ["a", "b"]
