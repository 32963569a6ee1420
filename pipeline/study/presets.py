"""What `protocol` puts under a config.

`released` is what the authors ran where it departs from the paper (docs/protocols.md). Each item is
also a key of its own, and a key in the config wins over the preset.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.catalogue.evaluations import EVALUATIONS

PRESETS: dict[str, dict[str, Any]] = {
    "corrected": {},
    "released": {
        "training": {
            "location": "relu",
            "detach_normaliser": True,
            "posterior_guard": 1e-10,
            "dropout": False,
            "added_batch_norm": True,
            "convert_input": False,
        },
        "attribution": {
            "target": "logit",
            "gradient_maps": {"blur_sigma": 0.0, "minmax": False},
        },
        "cues": {"truncate_keypoints": True, "segmentation_resize": "bicubic"},
        "evaluation": {
            "cue_localization": {
                "thresholds": "released",
                "pooling": "cumulative",
                "normalisations": ["released", "minmax", "raw"],
            },
            "erase": {
                "erasers": ["zero"],
                "fractions": [0.1, 0.3, 0.5, 0.7, 0.9],
                "random_draws": 1,
            },
        },
    },
}


def preset_of(keys: Mapping[str, Any]) -> dict[str, Any]:
    """What lies under a config: its preset, without evaluations that it does not ask for.

    An evaluation of single maps is measured where the config has its section; the preset then gives
    keys of it, but does not ask for it.

    Args:
        keys: of the config, not yet checked.
    """
    preset = PRESETS.get(str(keys.get("protocol", "corrected")), {})
    given = keys.get("evaluation")
    asked = given if isinstance(given, Mapping) else {}
    evaluation = {
        name: section
        for name, section in preset.get("evaluation", {}).items()
        if name not in EVALUATIONS or asked.get(name) is not None
    }
    return preset | {"evaluation": evaluation}
