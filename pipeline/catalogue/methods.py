"""Which attribution methods there are: one line a method, read by the config without PyTorch.

A method is a function of its own name in ``pipeline/attribution/methods/<module>.py``, from a
:class:`pipeline.attribution.query.Query` to maps. A job imports only the module of its methods, so
an edit in one method reruns the jobs of that module.
"""

from dataclasses import dataclass

BOTH = ("cam", "calm")


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        module: of its function, in ``pipeline.attribution.methods``.
        units: what a value of its maps is.
        models: kinds of model that it can read, of ``"cam"`` and ``"calm"``.
        targets: what it explains, one of :data:`pipeline.attribution.plan.KINDS`.
        options: sections of :class:`pipeline.settings.Attribution` that it uses.
        at_input: its maps have the input's resolution, and are stored in half precision.
    """

    module: str
    units: str
    models: tuple[str, ...] = BOTH
    targets: str = "class"
    options: tuple[str, ...] = ()
    at_input: bool = False

    @property
    def code(self) -> str:
        """The dotted name of its module."""
        return f"pipeline.attribution.methods.{self.module}"


_CAM, _CALM = ("cam",), ("calm",)


def _at_input(module: str, units: str, *options: str, raw: bool = False) -> Entry:
    """A method whose maps have the input's resolution; ``raw``: neither blurred nor stretched."""
    finish = () if raw else ("gradient_maps",)
    return Entry(module, units, options=(*options, *finish), at_input=True)


METHODS: dict[str, Entry] = {
    "cam": Entry("cam", "activation f_y before pooling (real)", _CAM),
    "cam_max": Entry("cam", "positive part over its maximum (Eq. 2, in [0, 1])", _CAM),
    "cam_minmax": Entry("cam", "activation stretched to [0, 1]", _CAM),
    "cam_superset": Entry("cam", "sum of min-max scaled activations (>= 0)", _CAM, "superset"),
    "joint": Entry("calm", "p(y, z|x)", _CALM),
    "conditional": Entry("calm", "p(y|x, z)", _CALM),
    "posterior": Entry("calm", "p(z|x, y)", _CALM),
    "saliency": Entry("calm", "p(z|x)", _CALM, "prior"),
    "subset": Entry("calm", "sum of p(y, z|x) over the superset", _CALM, "superset"),
    "counterfactual": Entry("calm", "p(y, z|x) - p(y', z|x) (in [-1, 1])", _CALM, "counterfactual"),
    "gradient": _at_input("gradients", "largest |d log p(y|x) / dx| of the channels"),
    "input_x_gradient": _at_input("gradients", "x d log p(y|x) / dx, summed over the channels"),
    "guided_backprop": _at_input("guided_backprop", "largest guided gradient of the channels"),
    "integrated_gradients": _at_input(
        "integrated_gradients", "contribution to log p(y|x) - log p(y|0)", "integrated_gradients"
    ),
    "integrated_gradients_released": _at_input(
        "integrated_gradients",
        "mean largest gradient on the path",
        "integrated_gradients",
        raw=True,
    ),
    "smoothgrad": _at_input("noise", "largest |mean noisy gradient| of the channels", "noise"),
    "smoothgrad_squared": _at_input("noise", "largest mean square noisy gradient", "noise"),
    "vargrad": _at_input("noise", "largest variance of the noisy gradient", "noise"),
    "smoothgrad_released": _at_input("noise", "mean largest noisy gradient", "noise", raw=True),
    "vargrad_released": _at_input("noise", "variance of the largest gradient", "noise", raw=True),
    "occlusion": _at_input("occlusion", "mean fall of log p(y|x)", "occlusion", raw=True),
    "gradcam": Entry("gradcam", "features weighted by their mean gradient (>= 0)"),
    "gradcam_pp": Entry("gradcam", "features weighted by their positive gradients (>= 0)"),
    "layercam": Entry("gradcam", "features times their positive gradients (>= 0)"),
    "uniform": Entry("trivial", "1", targets="prior", at_input=True),
    "center_gaussian": Entry("trivial", "Gaussian in [0, 1]", targets="prior", at_input=True),
    "random": Entry("trivial", "uniform draws in [0, 1)", targets="prior", at_input=True),
    "edges": Entry("trivial", "Sobel magnitude of grey levels", targets="prior", at_input=True),
}
