"""``calm explain``: one image, the prediction, where the model looked, and what that means."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.runtime.errors import UserError


def run(
    image: Path,
    *,
    model: str | None,
    weights: str | None,
    of: str | None,
    against: str | None,
    superset: str | None,
    methods: Sequence[str],
    out: Path,
    classes: str | None,
    layer: str | None,
    size: int | None,
    resize: str | None,
) -> None:
    """Explain the image, print the words and write the maps.

    The arguments are the options of ``calm explain`` (docs/cli.md).

    Raises:
        UserError: the image or the weights cannot be read, or a name is unknown.
    """
    named = model or weights
    if not named:
        raise UserError("Give the model: --model FILE, or --model timm:NAME.")
    if not image.is_file():  # before PyTorch is loaded, which takes seconds
        raise UserError(f"Cannot read the image {image}: there is no such file.")
    from pipeline.explain import explain, open_model

    opened = open_model(
        named,
        weights if model else None,
        classes=classes,
        side=size,
        resize=resize,
        layer=layer,
    )
    explanation = explain(
        image,
        opened,
        of=of,
        against=against,
        superset=superset,
        methods=methods,
    )
    print(f"{opened.title} ({opened.source})")
    print(explanation.text)
    written = explanation.save(out)
    print("\nwritten:")
    for path in written:
        print(f"  {path}")
