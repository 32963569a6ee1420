"""Small studies for tests of what jobs need: nothing of them is ever run."""

from pipeline.study.loading import load


def study_with(**changes):
    """Drawn birds with CAM and CALM, and a data set that only pretrains; ``changes`` over it."""
    keys = {
        "architectures": {
            "small": {"trunk": "resnet_small"},
            "pretrained": {"trunk": "resnet_small", "weights": "model:others/small/attributes"},
        },
        "datasets": {
            "others": {
                "draw": {},
                "architectures": ["small"],
                "variants": {"attributes": {"epochs": 1}},
            },
            "birds": {
                "draw": {},
                "architectures": ["pretrained"],
                "variants": {"cam": {}, "calm_em": {}},
                "seeds": [3, 4],
            },
        },
        "methods": {"cam": ["cam", "gradient"], "calm": ["joint", "counterfactual"]},
    }
    return load(keys | changes)


def study_of(data, weights="none"):
    """One data set and one CAM whose trunk starts from ``weights``."""
    return load(
        {
            "architectures": {"small": {"trunk": "resnet_small", "weights": weights}},
            "datasets": {"birds": {"architectures": ["small"], "variants": {"cam": {}}} | data},
        }
    )
