import pytest
import torch
from tiny_model import tiny_model

TINY = [("resnet_small", "cam"), ("resnet_small", "calm_em"), ("squeezenet1_0", "cam"),
        ("squeezenet1_0", "calm_ml")]  # fmt: skip


@pytest.fixture
def double(monkeypatch):
    """Heads and Captum compute in single precision wherever they say so; here all is double."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.fixture(scope="session")
def _models():
    """(trunk, method of training) -> classifier, of two trunks and both kinds of model."""
    return {names: tiny_model(*names) for names in TINY}


@pytest.fixture
def models(_models, double):
    return _models


@pytest.fixture(params=TINY, ids="-".join)
def model(request, models):
    """Each of ``models`` in turn."""
    return models[request.param]


@pytest.fixture(params=["logit", "log_prob"])
def target(request):
    """What the methods explain, each in turn."""
    return request.param


@pytest.fixture
def cam_model(models):
    return models["resnet_small", "cam"]


@pytest.fixture
def inputs():
    """Three images (3, 3, 24, 24)."""
    draws = torch.Generator().manual_seed(5)
    return torch.randn((3, 3, 24, 24), generator=draws, dtype=torch.float64)
