"""The config's JSON schema and its reference page, both generated from the typed sections.

``python -m pipeline.command.reference`` rewrites workflow/schemas/config.schema.json,
config/README.md and docs/cli.md (`pipeline.command.cli_reference`); tests keep them equal to
the code.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline import settings
from pipeline.artefacts.files import atomic_path, canonical_json
from pipeline.command import cli_reference
from pipeline.runtime.cli import main, parser
from pipeline.study.config import Config, Dataset
from pipeline.study.presets import PRESETS

_ROOT = Path(__file__).parents[2]
SCHEMA = _ROOT / "workflow/schemas/config.schema.json"
PAGE = _ROOT / "config/README.md"

_INTRODUCTION = """\
# Config reference

This page is generated from `pipeline/settings/` and `pipeline/study/` by
`python -m pipeline.command.reference`; a test keeps it in sync.

| file | study |
|---|---|
| `config.yaml` | the default: SynthBirds, drawn from a seed, on a CPU |
| `full.yaml` | 33 attribution methods and every evaluation on SynthBirds |
| `pretrain.yaml` | makes the weights that the default study starts from (docs/pretraining.md) |
| `search.yaml` | the default with a random search of the training keys (docs/search.md) |
| `trunks.yaml` | every training method on VGG16, Inception-v3 and ResNet50, as small as possible |
| `cub.yaml` | CUB-200-2011 from a folder that you name |
| `cub_methods.yaml` | 19 attribution methods on a hundred of its images |
| `cub_gaze.yaml` | its maps against where people looked |
| `cub_factors.yaml` | CALM-EM, one factor changed, and after each epoch |
| `cub_relu.yaml`, `cub_10_epochs.yaml` | ReLU for h; a schedule twice as long |
| `cub_grid.yaml` | map size and dilation |
| `cub_undilated.yaml`, `cub_undilated_released.yaml` | no dilation, three seeds |
| `cub_squeezenet.yaml` | batch norm before the heads of SqueezeNet |
| `cub_read28.yaml` | its models read at 28x28 |
| `cub_wsol.yaml` | the six methods of weakly supervised localisation beside it |
| `cub_wsol_seeds.yaml` | three seeds of the best two of them |
| `cub_wsol_search.yaml` | a search of the keys of HaS and SPG |
| `cub_erasing.yaml` | remove-and-classify of 500 of its images |
| `cub_seeds.yaml`, `cub_seeds_resnet18.yaml` | three seeds of its models; ResNet18 from scratch |
| `cub_released.yaml` | its maps under the authors' evaluation of cues |
| `cub_through.yaml` | CALM with the gradient through its normaliser |
| `cub_search.yaml` | settings chosen by hand for its training, on held-out training images |
| `cub_random_search.yaml` | a random search of its training keys |
| `imagenet_samples.yaml` | two given models on one photograph per ImageNet class |
| `imagenet_methods.yaml` | 21 attribution methods for one of them |
| `openimages.yaml` | OpenImages30k of the WSOL benchmark: training, masks instead of boxes |
| `imagenet.yaml` | ImageNet's validation images with given weights, nothing is trained |
| `paper.yaml` | the paper's grid: 3 data sets, 3 architectures, 9 methods (docs/cost.md) |

A key that is absent has its default. An unknown or wrong key stops the workflow before any job,
with every problem in one message. Fractions are in [0, 1]; sizes are in pixels. A path may begin
with `~`, your home folder; others are relative to the folder in which the workflow runs.

A config may extend another, which it names in `extends`, from its own folder: mappings are merged
key by key, lists are replaced. A null drops the entry of that name: `variants: {calm_ml: null}`
trains no CALM-ML. Data sets, architectures, own maps and ranges of a search are dropped in the same
way.

The command line wins over the file: `calm run --config training.lr=0.01 seeds=[0,1]`, the same for
`calm check` and `calm status`. Snakemake itself refuses points in the names of keys; for it they
are two underscores: `snakemake --cores all --config training__lr=0.01`. Such a key is checked like
one of the file.

An editor with a YAML language server completes and explains keys, since the first line of each file
here names the schema. A config in another folder says where it is from there:
`# yaml-language-server: $schema=workflow/schemas/config.schema.json`.

Training keys are merged from three places, later ones taking precedence: `training` of the study,
`training` of a data set, and the keys under a variant in `datasets.*.variants`. The name of a
variant is its `method` unless the key `method` says otherwise, so one method can be trained under
several names.
"""


def schema_text() -> str:
    """The JSON schema of a config file."""
    return json.dumps(Config.model_json_schema(), indent=2, sort_keys=True) + "\n"


def page_text() -> str:
    """The reference page in Markdown: one table per section."""
    sections: list[tuple[str, type[BaseModel]]] = [
        ("(top level)", Config),
        ("datasets.NAME", Dataset),
    ]
    for key, model in _inner(Dataset):
        sections += [(f"datasets.NAME.{key}", model), *_below(f"datasets.NAME.{key}", model)]
    sections += [("architectures.NAME", settings.Architecture)]
    sections += [("architectures.NAME (a model from elsewhere)", settings.GivenArchitecture)]
    sections += [("training (also in data sets and variants)", settings.Training)]
    sections += _below("training", settings.Training)
    named = {"architectures", "datasets", "own_maps"}  # above, or as NAME below
    sections += [(key, model) for key, model in _inner(Config) if key not in named]
    sections += _below("attribution", settings.Attribution)
    sections += _below("trackers", settings.Trackers)
    sections += [("own_maps.NAME", settings.OwnMaps)]
    sections += [("search.ranges.KEY", settings.Range)]
    sections += _below("evaluation", settings.Evaluation)
    sections += [("evaluation.*.bootstrap", settings.Bootstrap)]
    text = _INTRODUCTION
    for title, model in sections:
        text += f"\n## `{title}`\n\n{(model.__doc__ or title).splitlines()[0]}\n\n"
        text += "| key | default | values | meaning |\n|---|---|---|---|\n"
        text += "".join(_rows(model))
    text += "\n## What `protocol: released` sets\n\n"
    text += "Each is a key of its own, and a key in the config takes precedence. Those of "
    text += "`evaluation.erase` apply only if the config runs that evaluation.\n\n"
    text += "| key | value |\n|---|---|\n"
    text += "".join(f"| `{key}` | `{value}` |\n" for key, value in _leaves(PRESETS["released"]))
    return text


def _inner(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Keys of a section that are sections themselves."""
    for key, field in model.model_fields.items():
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for candidate in candidates:
            if isinstance(candidate, type) and issubclass(candidate, settings.Section):
                yield key, candidate


def _below(name: str, model: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    """The sections in a section, each with its name from the top."""
    return [(f"{name}.{key}", inner) for key, inner in _inner(model)]


def _rows(model: type[BaseModel]) -> Iterator[str]:
    inner = dict(_inner(model))
    properties = model.model_json_schema()["properties"]
    for key, field in model.model_fields.items():
        if field.is_required():
            default = "required"
        elif key in inner:
            default = "see its table" if field.default is not None else "none"
        else:
            default = f"`{json.dumps(_plain(field.default))}`"
        meaning = (field.description or (inner[key].__doc__ if key in inner else "")) or ""
        values = "" if key in inner else _values(properties[key])
        yield f"| `{key}` | {default} | {values} | {meaning.splitlines()[0]} |\n"


def _values(schema: dict[str, Any]) -> str:
    """The values that a key takes, in words."""
    if "anyOf" in schema:
        return " or ".join(_values(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    bounds = {
        "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"
    }  # fmt: skip
    limits = {sign: f"{schema[name]:g}" for name, sign in bounds.items() if name in schema}
    kind = schema.get("type", "mapping")
    if kind == "array":
        kind = f"list of {_values(schema.get('items', {}))}"
    if len(limits) == 2:  # both ends, as an interval
        (first, low), (last, high) = limits.items()
        return f"{kind} in {'(' if first == '>' else '['}{low}, {high}{')' if last == '<' else ']'}"
    return " ".join([kind, *(f"{sign} {limit}" for sign, limit in limits.items())])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _leaves(preset: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in preset.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", canonical_json(value)


def run(argv: list[str]) -> None:
    """Rewrite the schema and the pages."""
    description = "Regenerate the config's schema and the reference pages."
    parser("pipeline.command.reference", description).parse_args(argv)
    pages = {
        SCHEMA: schema_text(),
        PAGE: page_text(),
        cli_reference.PAGE: cli_reference.page_text(),
    }
    for path, text in pages.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text)


if __name__ == "__main__":
    main(run)
