"""What `protocol` puts under a config.

`released` is what the authors' code does where it departs from the paper (docs/protocols.md). Each
item is also a key of its own, and a key in the config wins over the preset.
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "corrected": {},
    "released": {
        "training": {"location": "relu", "detach_normaliser": True},
        "cues": {"truncate_keypoints": True},
        "evaluation": {
            "cue_localization": {
                "thresholds": "released",
                "pooling": "cumulative",
                "normalisations": ["minmax", "raw"],
            }
        },
    },
}
