"""What the names of a study's models, maps and metrics mean, one sentence each."""

from collections.abc import Iterator

from pipeline.artefacts.table import Table
from pipeline.catalogue.baselines import BASELINES
from pipeline.catalogue.methods import METHODS

TRAININGS = {
    "cam": "class scores are the mean of a map of class activations (Zhou et al., 2016)",
    "calm_em": "the location z of the cue is a latent variable, trained by expectation "
    "maximisation (section 4.2 of the paper)",
    "calm_ml": "the location z of the cue is a latent variable, trained by the marginal "
    "likelihood (section 4.2 of the paper)",
    "attributes": "trained on attributes of the images, for other models to start from",
    "has": "CAM, trained with patches of the image hidden (hide-and-seek)",
    "acol": "CAM, with a second classifier on what the first one left over",
    "spg": "CAM, with self-produced guidance to foreground and background",
    "adl": "CAM, with dropout of the features that matter most",
    "cutmix": "CAM, trained on images with patches of others",
    "inca": "CAM, with in-sample contrast of foreground and background",
    "given": "a model from elsewhere, which the study did not train",
}
_TARGETS = {
    "superset": "for all classes of the image's superset together",
    "prior": "whatever the class",
    "counterfactual": "for the class instead of another",
}


def glossary(headline: Table) -> list[tuple[str, str, str]]:
    """Kind (model, map, measure or baseline), name and meaning, in the order of the first table.

    Args:
        headline: `pipeline.report.headline.headline`.
    """
    rows = [row for block in headline.blocks for row in block.rows]
    found = [*_models(headline), *_maps(headline)]
    found += [
        ("measure", main.heading, main.meaning) for main in headline.main.values() if main.meaning
    ]
    names = [row.names[1] for row in rows if row.kind == "baseline"]
    found += [("baseline", name, BASELINES[name].meaning) for name in names if name in BASELINES]
    return list(dict.fromkeys(found))


def _models(headline: Table) -> Iterator[tuple[str, str, str]]:
    for block in headline.blocks:
        for row in block.rows:
            if row.kind == "measured" and row.trained in TRAININGS:
                yield "model", row.names[0], TRAININGS[row.trained]


def _maps(headline: Table) -> Iterator[tuple[str, str, str]]:
    for block in headline.blocks:
        for row in block.rows:
            entry = METHODS.get(row.names[1])
            if row.kind == "measured" and entry:
                units = f"its values: {entry.units.replace('{score}', 'the score of the class')}"
                target = _TARGETS.get(entry.targets)
                yield "map", row.names[1], f"{units}, {target}" if target else units
