"""A small config for the tests of what is read from configs."""

import json

MINIMAL = {
    "architectures": {"small": {"trunk": "resnet_small"}},
    "datasets": {
        "birds": {
            "draw": {"seed": 3},
            "architectures": ["small"],
            "variants": {"cam": {}, "calm_em": {"lr": 0.5}},
        }
    },
}


def changed(**keys):
    """A small config with other keys over it."""
    return {**json.loads(json.dumps(MINIMAL)), **keys}
