import json

import pytest
import torch
from small_training import job, run

from pipeline.models import load_model
from pipeline.training.precision import resolved


@pytest.mark.parametrize("name", ["avx512_bf16", "bf16"])
def test_bfloat16_is_used_where_the_processor_multiplies_it(monkeypatch, name):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, name: True})
    assert resolved("auto", "cpu") == "bf16-mixed"
    assert resolved("32-true", "cpu") == "32-true"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, name: False})
    assert resolved("auto", "cpu") == "32-true"
    assert resolved("bf16-mixed", "cpu") == "bf16-mixed"


def test_without_onednn_the_instructions_are_of_no_use(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": True})
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert resolved("auto", "cpu") == "32-true"


def test_a_gpu_that_only_emulates_bfloat16_computes_in_float32(monkeypatch):
    def supported(including_emulation=True):
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert resolved("auto", "cuda") == "32-true"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_training_records_what_auto_was_and_equals_that(data, tmp_path, monkeypatch, precision):
    can = {"avx512_bf16": precision == "bf16-mixed"}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    for name in ("auto", precision):
        run(data, tmp_path / name, job(epochs=1, precision=name))
    weights = [
        load_model(tmp_path / name / "weights.safetensors").state_dict()
        for name in ("auto", precision)
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    recorded = json.loads((tmp_path / "auto/metrics.json").read_text())["provenance"]
    assert recorded["precision"] == precision
