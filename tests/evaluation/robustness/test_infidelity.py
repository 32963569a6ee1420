import numpy as np
import pytest
import torch
from captum.metrics import infidelity
from hand_made import Evidence, Subject, add_method, contributions
from tiny_model import tiny_model

from pipeline.evaluation.robustness.infidelity import map_infidelity, map_sensitivity, measure
from pipeline.runtime.seeds import image_seed
from pipeline.settings import Attribution, Bootstrap, Infidelity

SIDE = 16
SECTION = Infidelity(squares=20, changes=20, seed=2, bootstrap=Bootstrap(replicates=20))
IMAGES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
WEIGHT = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(1)) / 1500
LABELS = [0, 1, 0]


def measured(monkeypatch, function, section=SECTION, rows=slice(None)):
    add_method(monkeypatch, function)
    return measure(Subject(IMAGES[rows], LABELS[rows], Evidence(WEIGHT)), section)


def wrong(query):
    return contributions(query).flip(2)


def test_the_exact_map_of_a_linear_model_has_no_infidelity_whatever_its_scale(monkeypatch):
    for scale in (1.0, -30.0, 1e-4):
        result = measured(monkeypatch, lambda query, scale=scale: scale * contributions(query))
        assert result.arrays["infidelity"] == pytest.approx([0.0] * 3, abs=1e-12)
        assert (result.arrays["infidelity"] >= 0).all()
    assert measured(monkeypatch, wrong).values["infidelity"] > 1e-8


def test_infidelity_written_out(monkeypatch):
    """The error of least squares in one factor, from the same squares, in plain loops."""
    result = measured(monkeypatch, wrong)
    side = SIDE // 4
    for row in range(3):
        draws = torch.Generator().manual_seed(image_seed(2, f"{row}.jpg"))
        exact = (IMAGES[row].sum(dim=0) * WEIGHT * (1 - 2 * LABELS[row])).double()
        shown = exact.flip(1)
        of_map, fall = [], []
        for count in (16, 4):  # Captum's batches
            for top, left in torch.randint(SIDE - side + 1, (count, 2), generator=draws).tolist():
                square = slice(top, top + side), slice(left, left + side)
                of_map.append(shown[square].sum().item())
                fall.append(exact[square].sum().item())
        of_map, fall = np.array(of_map), np.array(fall)
        factor = np.linalg.lstsq(of_map[:, None], fall, rcond=None)[0][0]
        expected = ((factor * of_map - fall) ** 2).mean()
        assert result.arrays["infidelity"][row] == pytest.approx(expected, rel=1e-4)
        share = expected / (fall**2).mean()
        assert result.arrays["infidelity_share"][row] == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize(
    ("trained", "method", "target", "function"),
    [
        ("cam", "gradient", "logit", "logits"),
        ("cam", "gradient", "log_prob", "log_probs"),
        ("cam", "vargrad_released", "log_prob", "logits"),  # always of the logit
        ("cam", "cam", "log_prob", "logits"),  # its mean over the locations
        ("calm_em", "gradient", "logit", "log_probs"),  # has no logits
        ("calm_em", "joint", "logit", "probabilities"),  # its sum over the locations
    ],
)
def test_infidelity_is_of_the_function_that_the_map_explains(trained, method, target, function):
    """Captum's infidelity, given that function and the same squares."""
    model = tiny_model("resnet_small", trained)
    functions = {
        "logits": lambda images: model.logits(images),
        "log_probs": lambda images: model.log_probs(images),
        "probabilities": lambda images: model.log_probs(images).exp(),
    }
    side, size = 8, 32
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(3)).double()
    pixel_map = torch.rand(1, size, size, generator=torch.Generator().manual_seed(4)).double()
    subject = Subject(images, [1], model, method)
    subject.options = Attribution(target=target)
    found = map_infidelity(subject, images, 1, pixel_map, SECTION, 5)

    draws = torch.Generator().manual_seed(5)

    def remove(inputs):
        corners = torch.randint(size - side + 1, (len(inputs), 2), generator=draws).tolist()
        inside = torch.zeros(len(inputs), 1, size, size, dtype=torch.bool)
        for square, (top, left) in zip(inside, corners, strict=True):
            square[:, top : top + side, left : left + side] = True
        return inside.double().expand_as(inputs), inputs.masked_fill(inside, 0)

    with torch.no_grad():
        expected = infidelity(
            lambda inputs: functions[function](inputs)[:, 1],
            remove,
            images,
            pixel_map[:, None].expand_as(images),
            n_perturb_samples=SECTION.squares,
            max_examples_per_batch=16,
            normalize=True,
        )
    assert found.infidelity == pytest.approx(expected.item(), rel=1e-4)
    assert 0 < found.share <= 1


def test_a_function_that_never_changes_leaves_nothing_to_share(monkeypatch):
    add_method(monkeypatch, contributions)
    subject = Subject(IMAGES, LABELS, Evidence(WEIGHT * 0))
    found = map_infidelity(subject, IMAGES[:1], 0, torch.ones(1, SIDE, SIDE).double(), SECTION, 0)
    assert found.infidelity == 0
    assert np.isnan(found.share)


def test_max_sensitivity_written_out(monkeypatch):
    result = measured(monkeypatch, contributions)
    for row in range(3):
        draws = torch.Generator().manual_seed(image_seed(2, f"{row}.jpg"))
        original = IMAGES[row].sum(dim=0) * WEIGHT
        changes = []
        for count in (16, 4):
            noise = torch.rand(count, 3, SIDE, SIDE, generator=draws) * 2 - 1
            moved = (0.02 * noise).sum(dim=1) * WEIGHT
            changes += (moved.flatten(1).norm(dim=1) / original.norm()).tolist()
        assert result.arrays["max_sensitivity"][row] == pytest.approx(max(changes), rel=1e-3)


def test_a_map_that_never_changes_is_not_sensitive_and_random_draws_are_held(monkeypatch):
    def random_by_image(query):
        seeds = [image_seed(0, query.image_ids[row]) for row in query.images.tolist()]
        draws = [torch.Generator().manual_seed(seed) for seed in seeds]
        return torch.stack([torch.rand(4, 4, generator=each) for each in draws])

    assert measured(monkeypatch, random_by_image).values["max_sensitivity"] == 0


def test_methods_by_gradients_work(monkeypatch):
    def gradient_times_input(query):
        inputs = query.inputs.detach().requires_grad_()
        probability = query.model.log_probs(inputs).exp()
        own = probability[torch.arange(len(inputs)), query.label()].sum()
        return (torch.autograd.grad(own, inputs)[0] * inputs).sum(dim=1)[query.images]

    result = measured(monkeypatch, gradient_times_input)
    assert result.arrays["infidelity"] == pytest.approx([0.0] * 3, abs=1e-12)


def test_a_result_depends_on_the_image_and_its_seed_and_not_on_the_others(monkeypatch):
    whole, part = measured(monkeypatch, wrong), measured(monkeypatch, wrong, rows=slice(0, 2))
    other = measured(monkeypatch, wrong, SECTION.model_copy(update={"seed": 3}))
    for name in ("infidelity", "max_sensitivity"):
        assert np.array_equal(whole.arrays[name][:2], part.arrays[name])
        assert not np.array_equal(whole.arrays[name], other.arrays[name])


def test_the_whole_image_can_be_the_square(monkeypatch):
    add_method(monkeypatch, contributions)
    section = SECTION.model_copy(update={"square": 1.0})
    subject = Subject(IMAGES, LABELS, Evidence(WEIGHT))
    # one equation, one factor: it always fits
    found = map_infidelity(subject, IMAGES[:1], 0, torch.ones(1, SIDE, SIDE).double(), section, 0)
    assert found == pytest.approx((0, 0), abs=1e-12)


def test_a_larger_radius_changes_more(monkeypatch):
    add_method(monkeypatch, contributions)
    subject = Subject(IMAGES, LABELS, Evidence(WEIGHT))
    small, large = (
        map_sensitivity(
            subject, IMAGES[:1], 0, "0.jpg", SECTION.model_copy(update={"radius": radius}), 5
        )
        for radius in (0.01, 0.1)
    )
    assert large == pytest.approx(10 * small, rel=1e-3)
