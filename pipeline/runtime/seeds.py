"""Seeds that belong to an image, so that its random draws depend on no other image."""

import hashlib


def image_seed(seed: int, image_id: str) -> int:
    """A seed in [0, 2**63) for the draws of one image: a hash of a section's seed and its name."""
    digest = hashlib.sha256(f"{seed}:{image_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
