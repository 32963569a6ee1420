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
# a method without a sentence here has that of its values
MAPS = {
    "cam": "the activations of the class before they are averaged to its score, negative ones too",
    "cam_max": "activations of the class as fractions of the largest, negative ones as zero",
    "cam_minmax": "activations of the class, stretched to the range from 0 to 1",
    "cam_superset": "the stretched activations of all classes of the image's superset, added up",
    "joint": "the probability that the class is right and its cue lies at this place, p(y, z|x)",
    "conditional": "the probability of the class if the cue lay at this place, p(y|x, z)",
    "posterior": "where the cue lies if the class is right, p(z|x, y)",
    "saliency": "where the cue of any class lies, p(z|x)",
    "subset": "the joint maps of all classes of the image's superset, added up",
    "counterfactual": "the joint map of the class minus that of another class",
    "gradient": "how much the class's score changes with each pixel",
    "input_x_gradient": "the gradient times the pixel's own value",
    "guided_backprop": "the gradient where every layer passes positive gradients alone",
    "integrated_gradients": "gradients added up on the way from an image of the mean colour to "
    "this one",
    "integrated_gradients_released": "gradients averaged on the way from an image of the mean "
    "colour, as in the authors' code",
    "smoothgrad": "the gradient, averaged over copies of the image with noise",
    "smoothgrad_squared": "the squared gradient, averaged over copies with noise",
    "vargrad": "how much the gradient varies over copies of the image with noise",
    "smoothgrad_released": "the noisy gradients as in the authors' code",
    "vargrad_released": "the variance of noisy gradients as in the authors' code",
    "occlusion": "how far the class's score falls when a window around the pixel is covered",
    "gradcam": "features of the last layer, each weighted by its mean gradient",
    "gradcam_pp": "features of the last layer, weighted by their positive gradients",
    "layercam": "features of the last layer times their positive gradients, place by place",
    "hirescam": "features of the last layer times their gradients, place by place",
    "xgradcam": "features of the last layer, weighted by gradients where they are high",
    "score_cam": "features of the last layer, weighted by the score of the image seen through them",
    "rise": "the mean probability of the class under random covers that leave the pixel in sight",
    "gradient_shap": "gradients on the way from noise to the image, a Shapley value in expectation",
    "deep_lift": "each pixel's part of the score's difference from that of an image of the mean "
    "colour",
    "attention_rollout": "how much attention reaches the class token through all layers",
    "legrad": "positive gradients of the score with respect to attention, averaged over layers",
    "uniform": "the same value everywhere, which looks at no image",
    "center_gaussian": "the same blob in the centre of every image",
    "random": "random numbers, which look at no image",
    "edges": "the edges of the image, which look at no model",
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
            name = row.names[1]
            entry = METHODS.get(name)
            if row.kind == "measured" and entry:
                values = f"its values: {entry.units.replace('{score}', 'score')}"
                yield "map", name, MAPS.get(name, values)
