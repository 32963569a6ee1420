"""Which attribution methods there are: one line per method, read by the config without PyTorch.

A method is a function of its own name in ``pipeline/attribution/methods/<module>.py``, from a
:class:`pipeline.attribution.query.Query` to maps. A job imports only the module of its methods, so
an edit in one method reruns the jobs of that module.
"""

from dataclasses import dataclass
from typing import Literal

BOTH = ("cam", "calm")
# those, and any network that gives logits (`pipeline.models.given`)
ANY = (*BOTH, "given")

# What a method needs of a model: nothing but scores; their gradient at the image; a layer with a
# map of features, or patch tokens; a vision transformer with attention of all patches to all; each
# nonlinear function in a module that is used once.
Needs = Literal["scores", "gradients", "features", "tokens", "modules"]


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        module: of its function, in ``pipeline.attribution.methods``.
        units: what a value of its maps is; ``{score}`` stands for what is explained, the logit or
            log p(y|x) (`attribution.target`).
        models: kinds of model that it can read, of ``"cam"``, ``"calm"`` and ``"given"``.
        targets: what it explains, one of :data:`pipeline.artefacts.targets.KINDS`.
        options: sections of :class:`pipeline.settings.Attribution` that it uses.
        at_input: its maps have the input's resolution, and are stored in half precision.
        section: name of the class of its own options, a section in its module, if it has any.
        needs: what it needs of a model, one of `Needs`; a model of a right kind may lack it.
    """

    module: str
    units: str
    models: tuple[str, ...] = BOTH
    targets: str = "class"
    options: tuple[str, ...] = ()
    at_input: bool = False
    section: str = ""
    needs: Needs = "scores"

    @property
    def code(self) -> str:
        """The dotted name of its module."""
        return f"pipeline.attribution.methods.{self.module}"


_CAM, _CALM = ("cam",), ("calm",)


def _at_input(module: str, units: str, *options: str) -> Entry:
    """A method of the target's gradients at the input, whose maps are blurred and stretched."""
    return Entry(
        module,
        units,
        ANY,
        options=("target", *options, "gradient_maps"),
        at_input=True,
        needs="gradients",
    )


def _released(module: str, units: str, *options: str) -> Entry:
    """As in the released code: of the logit, and raw."""
    return Entry(module, units, ANY, options=options, at_input=True, needs="gradients")


def _at_features(module: str, units: str) -> Entry:
    """Grad-CAM and its family: of a trunk's features, a network's last map or patch tokens."""
    return Entry(module, units, ANY, options=("target",), needs="features")


METHODS: dict[str, Entry] = {
    "cam": Entry("cam", "activation f_y before pooling (real)", _CAM),
    "cam_max": Entry("cam", "positive part over its maximum (Eq. 2, in [0, 1])", _CAM),
    "cam_minmax": Entry("cam", "activation stretched to [0, 1]", _CAM),
    "cam_superset": Entry("cam", "sum of min-max scaled activations (>= 0)", _CAM, "superset"),
    "cam_superset_positive": Entry("cam", "sum of positive activations", _CAM, "superset"),
    "joint": Entry("calm", "p(y, z|x)", _CALM),
    "conditional": Entry("calm", "p(y|x, z)", _CALM),
    "posterior": Entry("calm", "p(z|x, y)", _CALM),
    "saliency": Entry("calm", "p(z|x)", _CALM, "prior"),
    "subset": Entry("calm", "sum of p(y, z|x) over the superset", _CALM, "superset"),
    "counterfactual": Entry("calm", "p(y, z|x) - p(y', z|x) (in [-1, 1])", _CALM, "counterfactual"),
    "gradient": _at_input("gradients", "largest |d {score} / dx| of the channels"),
    "input_x_gradient": _at_input("gradients", "x d {score} / dx, summed over the channels"),
    "guided_backprop": Entry(
        "guided_backprop",
        "largest guided gradient of {score} of the channels",
        options=("target", "gradient_maps"),
        at_input=True,
        needs="modules",
    ),
    "integrated_gradients": _at_input(
        "integrated_gradients",
        "contribution to {score}, from the mean colour to the image",
        "integrated_gradients",
    ),
    "integrated_gradients_released": _released(
        "integrated_gradients",
        "mean largest gradient of {score} on the path",
        "integrated_gradients",
    ),
    "smoothgrad": _at_input("noise", "largest |mean noisy gradient| of {score}", "noise"),
    "smoothgrad_squared": _at_input(
        "noise", "largest mean square noisy gradient of {score}", "noise"
    ),
    "vargrad": _at_input("noise", "largest variance of the noisy gradient of {score}", "noise"),
    "smoothgrad_released": _released("noise", "mean largest noisy gradient of {score}", "noise"),
    "vargrad_released": _released("noise", "variance of the largest gradient of {score}", "noise"),
    "occlusion": Entry(
        "occlusion", "mean fall of {score}", ANY, options=("target", "occlusion"), at_input=True
    ),
    "gradcam": _at_features(
        "gradcam", "features weighted by their mean gradient of {score} (>= 0)"
    ),
    "gradcam_pp": _at_features(
        "gradcam", "features weighted by positive gradients of {score} (>= 0)"
    ),
    "layercam": _at_features(
        "gradcam", "features times their positive gradients of {score} (>= 0)"
    ),
    "hirescam": _at_features("hirescam", "features times their gradients of {score} (real)"),
    "xgradcam": _at_features(
        "xgradcam", "features weighted by their own mean of gradients of {score} (>= 0)"
    ),
    "score_cam": _at_features(
        "score_cam", "features weighted by the softmax of {score} behind them (>= 0)"
    ),
    "rise": Entry(
        "rise", "mean p(y|x) where seen (>= 0)", ANY, at_input=True, section="RiseOptions"
    ),
    "gradient_shap": Entry(
        "gradient_shap",
        "contribution to {score}, from noise to the image",
        ANY,
        options=("target", "gradient_maps"),
        at_input=True,
        section="GradientShapOptions",
        needs="gradients",
    ),
    "deep_lift": Entry(
        "deep_lift",
        "contribution to {score}, from the mean colour to the image",
        ("cam", "given"),
        options=("gradient_maps",),
        at_input=True,
        needs="modules",
    ),
    "attention_rollout": Entry(
        "attention_rollout", "share that reaches the end (in [0, 1])", ANY, "prior", needs="tokens"
    ),
    "legrad": Entry(
        "legrad",
        "mean positive gradient of {score} at attention (>= 0)",
        ANY,
        options=("target",),
        needs="tokens",
    ),
    "uniform": Entry("trivial", "1", ANY, "prior", at_input=True),
    "center_gaussian": Entry("trivial", "Gaussian in [0, 1]", ANY, "prior", at_input=True),
    "random": Entry("trivial", "uniform draws in [0, 1)", ANY, "prior", at_input=True),
    "edges": Entry("trivial", "Sobel magnitude of grey levels", ANY, "prior", at_input=True),
}

# A function of the user's own, named in `methods` of the config
OWN_FUNCTION = Entry("own_function", "as the function gives", ANY)


def sections_of(method: str) -> tuple[str, ...]:
    """The keys of `pipeline.settings.Attribution` that a method uses."""
    entry = METHODS[method]
    return (*entry.options, *([method] if entry.section else ()))
