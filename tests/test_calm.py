"""The equations of `pipeline.calm` against explicit sums in float64, written as plain loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import calm
from pipeline.images.scaling import maximum, minmax

LOCATIONS = ("softplus", "relu")
LABELS = torch.tensor([3, 0])  # of the two images of `_logits`


def _logits(seed=0, images=2, classes=4, height=2, width=3, scale=2.0, dtype=torch.float64):
    """Class and location logits; some locations are dead under ReLU, none at exactly zero."""
    rng = np.random.default_rng(seed)
    g = scale * rng.standard_normal((images, classes, height, width))
    h = scale * rng.standard_normal((images, 1, height, width))
    return torch.tensor(g, dtype=dtype), torch.tensor(h, dtype=dtype)


def _explicit_joint(g, h, location):
    """p(y, z|x) as loops over Python floats: a list [image][class][location]."""
    joints = []
    for image in range(len(g)):
        scores = g[image].flatten(1).tolist()  # [class][location]
        raw = h[image].flatten().tolist()
        if location == "softplus":
            active = [math.log(1 + math.exp(value)) for value in raw]
        else:
            active = [max(0.0, value) for value in raw]
        prior = [value / sum(active) for value in active]
        joint = [[0.0] * len(raw) for _ in scores]
        for z in range(len(raw)):
            total = sum(math.exp(row[z]) for row in scores)
            for y, row in enumerate(scores):
                joint[y][z] = math.exp(row[z]) / total * prior[z]
        joints.append(joint)
    return joints


def _near(tensor, expected, tolerance=1e-6):
    assert tensor.flatten(1).tolist() == [pytest.approx(row, abs=tolerance) for row in expected]


@pytest.fixture(params=LOCATIONS)
def case(request):
    """(log joint, explicit joint) of two images."""
    g, h = _logits()
    log_joint = calm.log_joint(g, h, location=request.param)
    return log_joint, _explicit_joint(g, h, request.param)


def test_joint_of_every_class(case):
    log_joint, expected = case
    for y in range(4):
        _near(calm.joint(log_joint, torch.tensor([y, y])), [image[y] for image in expected])


def test_class_probabilities(case):
    log_joint, expected = case
    sums = [[sum(row) for row in image] for image in expected]
    _near(calm.class_log_probs(log_joint).exp(), sums)


def test_posterior(case):
    log_joint, expected = case
    rows = [expected[0][3], expected[1][0]]
    posteriors = [[value / sum(row) for value in row] for row in rows]
    _near(calm.posterior(log_joint, LABELS), posteriors)


def test_saliency(case):
    log_joint, expected = case
    _near(
        calm.saliency(log_joint),
        [[sum(column) for column in zip(*i, strict=True)] for i in expected],
    )


def test_conditional_holds_where_the_prior_is_zero_too():
    for location in LOCATIONS:
        g, h = _logits()
        assert (h <= 0).any()  # otherwise ReLU is not tried
        log_joint = calm.log_joint(g, h, location=location)
        expected = []
        for image, label in enumerate(LABELS.tolist()):
            scores = g[image].flatten(1).T.tolist()  # [location][class]
            expected.append([math.exp(at[label]) / sum(map(math.exp, at)) for at in scores])
        _near(calm.conditional(log_joint, LABELS), expected)
        single = calm.conditional(log_joint.float(), LABELS)
        _near(single, expected, 2e-4)


def test_subset_and_counterfactual(case):
    log_joint, expected = case
    sets = [[1, 3, 3], [0]]
    sums = [
        [expected[0][1][z] + expected[0][3][z] for z in range(6)],
        expected[1][0],
    ]
    _near(calm.subset(log_joint, sets), sums)
    differences = [
        [a - b for a, b in zip(expected[0][3], expected[0][1], strict=True)],
        [a - b for a, b in zip(expected[1][0], expected[1][2], strict=True)],
    ]
    _near(calm.counterfactual(log_joint, LABELS, torch.tensor([1, 2])), differences)


def test_losses(case):
    log_joint, expected = case
    rows = [expected[0][3], expected[1][0]]
    marginal = sum(-math.log(sum(row)) for row in rows) / 2
    assert calm.ml_loss(log_joint, LABELS).item() == pytest.approx(marginal, rel=1e-6)
    expectation = 0.0
    for row in rows:
        for value in row:
            if value:  # 0 log 0 = 0
                expectation -= value / sum(row) * math.log(value) / 2
    assert calm.em_loss(log_joint, LABELS).item() == pytest.approx(expectation, rel=1e-6)


def test_log_joint_of_softplus_far_below_zero_keeps_its_precision():
    h = torch.tensor([-40.0, -15.01, -14.99, -300.0], dtype=torch.float32)
    log_prior = calm.log_prior(h.view(1, 1, 1, 4)).flatten().double()
    exact = torch.tensor([math.log(math.log1p(math.exp(value))) for value in h.tolist()[:3]])
    exact = torch.cat([exact.double(), torch.tensor([-300.0], dtype=torch.float64)])
    exact -= exact.logsumexp(0)
    assert torch.allclose(log_prior, exact, rtol=1e-6, atol=1e-6)


# --- gradients -----------------------------------------------------------------------------------


def _loss_of(loss, location, detach=False):
    def value(g, h):
        log_joint = calm.log_joint(g, h, location=location, detach_normaliser=detach)
        return loss(log_joint, LABELS)

    return value


@pytest.mark.parametrize("location", LOCATIONS)
def test_gradient_of_ml_by_gradcheck(location):
    g, h = _logits()
    g.requires_grad_(), h.requires_grad_()
    assert torch.autograd.gradcheck(_loss_of(calm.ml_loss, location), (g, h))


def _central_differences(function, tensor, step=1e-6):
    gradient = torch.zeros_like(tensor)
    for index in np.ndindex(tuple(tensor.shape)):
        for sign in (1, -1):
            moved = tensor.clone()
            moved[index] += sign * step
            gradient[index] += sign * function(moved) / (2 * step)
    return gradient


def _explicit_em(g, h, location, pseudo_target):
    """Eq. 6 with a given p'(z|x, y), as loops."""
    total = 0.0
    for image, label in enumerate(LABELS.tolist()):
        row = _explicit_joint(g, h, location)[image][label]
        for z, value in enumerate(row):
            weight = pseudo_target[image][z]
            if weight:
                total -= weight * math.log(value)
    return total / len(LABELS)


@pytest.mark.parametrize("location", LOCATIONS)
def test_gradient_of_em_by_central_differences_of_loops_with_the_pseudo_target_held(location):
    g, h = _logits()
    explicit = _explicit_joint(g, h, location)
    rows = [explicit[0][3], explicit[1][0]]
    held = [[value / sum(row) for value in row] for row in rows]
    numeric = (
        _central_differences(lambda moved: _explicit_em(moved, h, location, held), g),
        _central_differences(lambda moved: _explicit_em(g, moved, location, held), h),
    )
    g.requires_grad_(), h.requires_grad_()
    exact = torch.autograd.grad(_loss_of(calm.em_loss, location)(g, h), (g, h))
    for ours, theirs in zip(exact, numeric, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7)
        assert ours.abs().max() > 1e-3


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("detach", [False, True])
def test_em_and_ml_have_the_same_gradient_where_the_pseudo_target_is_their_own(location, detach):
    gradients = []
    for loss in (calm.em_loss, calm.ml_loss):
        g, h = (tensor.requires_grad_() for tensor in _logits(seed=5))
        gradients.append(torch.autograd.grad(_loss_of(loss, location, detach)(g, h), (g, h)))
    for em, ml in zip(*gradients, strict=True):
        assert torch.allclose(em, ml, atol=1e-12)


@pytest.mark.parametrize("loss", [calm.ml_loss, calm.em_loss])
@pytest.mark.parametrize("location", LOCATIONS)
def test_a_detached_normaliser_blocks_only_its_own_gradient(loss, location):
    g, h = (tensor.requires_grad_() for tensor in _logits(seed=1))
    whole, cut = _loss_of(loss, location), _loss_of(loss, location, detach=True)
    assert whole(g, h).item() == cut(g, h).item()
    whole_g, whole_h = torch.autograd.grad(whole(g, h), (g, h))
    cut_g, cut_h = torch.autograd.grad(cut(g, h), (g, h))
    assert torch.equal(whole_g, cut_g)
    # what is blocked is + d/dh of the mean over images of log sum_z activation(h)
    activation = F.softplus if location == "softplus" else F.relu
    (normaliser,) = torch.autograd.grad(activation(h).flatten(1).sum(1).log().mean(), h)
    assert torch.allclose(whole_h - cut_h, normaliser, atol=1e-7)
    assert normaliser.abs().max() > 1e-2


def test_no_gradient_flows_through_the_pseudo_target():
    """Eq. 6 differs from the gradient of the entropy-like sum that a forgotten detach gives."""
    g, h = (tensor.requires_grad_() for tensor in _logits(seed=2))
    log_joint = calm.log_joint(g, h)
    own = log_joint[torch.arange(2), LABELS].flatten(1)
    leaking = -(F.softmax(own, dim=1) * own).sum(1).mean()
    assert leaking.item() == pytest.approx(calm.em_loss(log_joint, LABELS).item())
    with_leak = torch.autograd.grad(leaking, h, retain_graph=True)[0]
    without = torch.autograd.grad(calm.em_loss(log_joint, LABELS), h)[0]
    assert (with_leak - without).abs().max() > 1e-3


def test_the_guard_of_the_posterior_weakens_unlikely_images():
    """Against the released definition in plain probabilities: p(y,z|x) / (p(y|x) + guard)."""
    g, h = (tensor.double().requires_grad_() for tensor in _logits(seed=3))
    log_joint = calm.log_joint(g, h)
    own = log_joint[torch.arange(2), LABELS].flatten(1)
    guard = own.detach().exp().sum(1).min().item()  # as likely as the label of one image
    joint = own.detach().exp()
    expected = -(joint / (joint.sum(1, keepdim=True) + guard) * own).sum(1).mean()
    found = calm.em_loss(log_joint, LABELS, posterior_guard=guard)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    gradients = [torch.autograd.grad(loss, g, retain_graph=True)[0] for loss in (found, expected)]
    assert torch.allclose(*gradients, rtol=1e-9, atol=1e-15)
    assert found.item() < 0.9 * calm.em_loss(log_joint, LABELS).item()


# --- identities, for any numbers -----------------------------------------------------------------

seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([0.01, 1.0, 10.0, 60.0])
many = settings(max_examples=40, deadline=None, derandomize=True)


@given(seeds, scales, st.sampled_from(LOCATIONS))
@many
def test_identities(seed, scale, location):
    g, h = _logits(seed, scale=scale, dtype=torch.float32)
    log_joint = calm.log_joint(g, h, location=location)
    joint = calm.joint(log_joint, LABELS)
    probability = calm.class_log_probs(log_joint).exp()[torch.arange(2), LABELS]
    # completeness: the attributions add up to p(y|x)
    assert torch.allclose(joint.flatten(1).sum(1), probability, rtol=0, atol=1e-6)
    # p(y, z|x) sums to 1 over classes and locations
    assert torch.allclose(log_joint.exp().flatten(1).sum(1), torch.ones(2), atol=1e-5)
    saliency = calm.saliency(log_joint)
    everything = [range(4), range(4)]
    assert torch.allclose(calm.subset(log_joint, everything), saliency, atol=1e-6)
    assert torch.allclose(saliency.flatten(1).sum(1), torch.ones(2), atol=1e-5)
    alone = [[label] for label in LABELS.tolist()]
    assert torch.allclose(calm.subset(log_joint, alone), joint, atol=1e-7)
    assert torch.equal(calm.subset(log_joint, [[], []]), torch.zeros(2, 2, 3))
    # factorisations: p(y|x, z) p(z|x) = p(y, z|x) = p(z|x, y) p(y|x)
    conditional = calm.conditional(log_joint, LABELS)
    assert torch.allclose(conditional * saliency, joint, atol=1e-6)
    assert (conditional <= 1 + 1e-5).all()
    posterior = calm.posterior(log_joint, LABELS)
    assert torch.allclose(posterior * probability[:, None, None], joint, atol=1e-6)
    assert torch.allclose(posterior.flatten(1).sum(1), torch.ones(2), atol=1e-5)
    # counterfactuals are antisymmetric and sum to the difference of the class probabilities
    others = torch.tensor([1, 2])
    signed = calm.counterfactual(log_joint, LABELS, others)
    assert torch.equal(signed, -calm.counterfactual(log_joint, others, LABELS))
    other = calm.class_log_probs(log_joint).exp()[torch.arange(2), others]
    assert torch.allclose(signed.flatten(1).sum(1), probability - other, atol=1e-6)


@given(seeds, scales, st.sampled_from(LOCATIONS))
@many
def test_the_em_loss_bounds_the_ml_loss_by_the_entropy_of_the_posterior(seed, scale, location):
    log_joint = calm.log_joint(*_logits(seed, scale=scale), location=location)
    ml, em = calm.ml_loss(log_joint, LABELS), calm.em_loss(log_joint, LABELS)
    posterior = calm.posterior(log_joint, LABELS).flatten(1)
    entropy = torch.special.entr(posterior).sum(1).mean()
    assert em >= ml - 1e-9 * ml.abs()
    assert em.item() == pytest.approx((ml + entropy).item(), rel=1e-9)


# --- numbers that break naive code ---------------------------------------------------------------


def _everything(log_joint, labels):
    return {
        "class_log_probs": calm.class_log_probs(log_joint),
        "posterior": calm.posterior(log_joint, labels),
        "joint": calm.joint(log_joint, labels),
        "conditional": calm.conditional(log_joint, labels),
        "saliency": calm.saliency(log_joint),
        "subset": calm.subset(log_joint, [[0, 1]] * len(labels)),
        "counterfactual": calm.counterfactual(log_joint, labels, 1 - labels),
        "ml_loss": calm.ml_loss(log_joint, labels),
        "em_loss": calm.em_loss(log_joint, labels),
    }


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_extreme_logits_give_no_nan_and_no_nan_gradient(dtype, location, size):
    values = torch.tensor([-1.0, -1e-3, 0.0, 1e-3, 1.0], dtype=torch.float64)
    g = (size * torch.stack([values, -values, values.roll(1)])).reshape(1, 3, 1, 5).to(dtype)
    for pattern in (values, -values.abs(), values.abs(), torch.zeros(5)):
        h = (size * pattern).reshape(1, 1, 1, 5).to(dtype)
        for label in range(2):
            g_, h_ = g.clone().requires_grad_(), h.clone().requires_grad_()
            log_joint = calm.log_joint(g_, h_, location=location)
            results = _everything(log_joint, torch.tensor([label]))
            for name, value in results.items():
                assert value.dtype == dtype
                assert torch.isfinite(value).all(), name
            gradients = torch.autograd.grad(results["ml_loss"] + results["em_loss"], (g_, h_))
            assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_location_without_activation_has_a_probability_of_exactly_zero(dtype):
    smallest = torch.finfo(dtype).tiny
    for active in (1.0, smallest, 1e30):
        h = torch.tensor([active, 0.0, -1.0, active], dtype=dtype).view(1, 1, 2, 2)
        log_joint = calm.log_joint(torch.zeros(1, 3, 2, 2, dtype=dtype), h, location="relu")
        assert (calm.saliency(log_joint).flatten()[1:3] == 0).all()
        assert calm.posterior(log_joint, torch.tensor([2])).flatten().tolist() == [0.5, 0, 0, 0.5]


@pytest.mark.parametrize("detach", [False, True])
def test_a_location_map_that_is_zero_everywhere_is_a_uniform_prior(detach):
    for side in range(1, 8):
        dead = torch.full((1, 1, side, side), -3.0)
        log_prior = calm.log_prior(dead, location="relu", detach_normaliser=detach)
        assert torch.allclose(log_prior.exp(), torch.tensor(1 / side**2), rtol=2e-6, atol=0)
    g, h = _logits(dtype=torch.float32)
    h = -h.abs()
    h[1, 0, 0, 0] = 2.0  # the second image has one active location
    h.requires_grad_()
    log_joint = calm.log_joint(g, h, location="relu", detach_normaliser=detach)
    expected = torch.tensor([[1 / 6] * 6, [1, 0, 0, 0, 0, 0]])
    assert torch.allclose(calm.saliency(log_joint).flatten(1), expected, atol=1e-6)
    assert all(
        torch.isfinite(v).all() for v in _everything(log_joint, LABELS.clamp(max=1)).values()
    )
    (gradient,) = torch.autograd.grad(calm.ml_loss(log_joint, LABELS), h)
    assert torch.isfinite(gradient).all()
    assert (gradient[0] == 0).all()


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float32, 1e-6), (torch.float64, 1e-7)]
)
def test_precisions_agree(dtype, tolerance):
    g, h = _logits(scale=1.0)
    exact = _explicit_joint(g, h, "softplus")
    joint = calm.joint(calm.log_joint(g.to(dtype), h.to(dtype)), LABELS)
    _near(joint.double(), [exact[0][3], exact[1][0]], tolerance)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("location_logits", lambda: calm.log_prior(torch.zeros(2, 3, 4, 4))),
        ("'tanh'", lambda: calm.log_prior(torch.zeros(1, 1, 2, 2), location="tanh")),
        ("same H", lambda: calm.log_joint(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 2, 2))),
        ("labels", lambda: calm.joint(torch.zeros(2, 3, 4, 4), torch.tensor([0]))),
        ("2 sets", lambda: calm.subset(torch.zeros(2, 3, 4, 4), [[0]])),
        ("image 1", lambda: calm.subset(torch.zeros(2, 3, 4, 4), [[0], [3]])),
        ("image 0", lambda: calm.subset(torch.zeros(2, 3, 4, 4), [[-1], [0]])),
    ],
)
def test_wrong_arguments_are_named(message, call):
    with pytest.raises(ValueError, match=message):
        call()


# --- the axioms of sections 3.1 and 4.2 ----------------------------------------------------------


def _cam_probabilities(f):
    """p(y|x) of Eq. 1: (B, C, H, W) -> (B, C)."""
    return F.softmax(f.mean(dim=(2, 3)), dim=1)


@given(seeds, st.floats(-20, 20).filter(lambda c: abs(c) > 0.5))
@many
def test_implementation_invariance_holds_for_calm_and_fails_for_cam(seed, shift):
    g, h = _logits(seed)
    before, after = calm.log_joint(g, h), calm.log_joint(g + shift, h)
    assert torch.allclose(calm.joint(before, LABELS), calm.joint(after, LABELS), atol=1e-12)

    f, own = g, (torch.arange(2), LABELS)
    assert torch.allclose(_cam_probabilities(f), _cam_probabilities(f + shift), atol=1e-12)
    assert not torch.allclose(maximum(f[own]), maximum(f[own] + shift), atol=1e-3)
    assert torch.allclose(  # min-max mends this axiom, as section 3.1 says
        minmax(f[own]), minmax(f[own] + shift), atol=1e-9
    )


@given(seeds)
@many
def test_completeness_holds_for_calm_and_fails_for_cam(seed):
    g, h = _logits(seed)
    log_joint, own = calm.log_joint(g, h), (torch.arange(2), LABELS)
    sums = calm.joint(log_joint, LABELS).flatten(1).sum(1)
    assert torch.allclose(sums, calm.class_log_probs(log_joint).exp()[own], atol=1e-12)
    # a CAM whose maximum is positive sums to at least 1, which is more than any p(y|x)
    for how in (maximum, minmax):
        cam = how(g[own]).flatten(1).sum(1)
        assert ((cam - _cam_probabilities(g)[own]).abs() > 1e-3).all()


@given(seeds, st.integers(0, 5))
@many
def test_sensitivity_holds_for_calm(seed, z):
    """p(y, z|x) > 0 if and only if leaving z out of the sum changes p(y|x)."""
    g, h = _logits(seed)
    log_joint = calm.log_joint(g, h, location="relu")  # ReLU has locations that do not contribute
    terms = log_joint[torch.arange(2), LABELS].flatten(1).exp()  # (B, HW)
    without = terms.clone()
    without[:, z] = 0
    changed = terms.sum(1) != without.sum(1)
    assert (calm.joint(log_joint, LABELS).flatten(1)[:, z] > 0).tolist() == changed.tolist()
    # and changing g where the prior is zero changes no class's probability, elsewhere it does
    moved = g.clone().flatten(2)
    moved[torch.arange(2), LABELS, z] += 1.0
    before = calm.class_log_probs(log_joint)
    after = calm.class_log_probs(calm.log_joint(moved.view_as(g), h, location="relu"))
    response = (before - after).abs().amax(1) > 0
    assert response.tolist() == changed.tolist()


@given(seeds)
@many
def test_sensitivity_fails_for_cam(seed):
    """A negative activation gets zero from max scaling, though changing it changes p(y|x)."""
    f, _ = _logits(seed)
    own = f[torch.arange(2), LABELS]  # (B, H, W)
    assert (maximum(own)[own < 0] == 0).all()
    lowest = own == own.amin(dim=(1, 2), keepdim=True)
    assert (minmax(own)[lowest] == 0).all()
    for ignored in (own < 0, lowest):
        changed = f.clone()
        changed[torch.arange(2), LABELS] = torch.where(ignored, own - 1.0, own)
        touched = ignored.flatten(1).any(1)
        difference = (_cam_probabilities(f) - _cam_probabilities(changed)).abs().amax(1)
        assert ((difference > 1e-9) == touched).all()


def test_several_maps_of_an_image_are_those_asked_for_one_by_one():
    log_joint = calm.log_joint(*_logits(images=3))
    images, labels = torch.tensor([2, 0, 2, 1, 2]), torch.tensor([3, 1, 0, 2, 3])
    others = torch.tensor([1, 0, 2, 3, 0])
    sets = [[0], [1, 2], [2, 0, 2], [3], [0, 1, 2, 3]]
    for row, image in enumerate(images.tolist()):
        own = log_joint[image : image + 1]
        label, other = labels[row : row + 1], others[row : row + 1]
        for function in (calm.joint, calm.conditional, calm.posterior):
            maps = function(log_joint, labels, images=images)
            assert torch.equal(maps[row], function(own, label)[0])
        maps = calm.counterfactual(log_joint, labels, others, images=images)
        assert torch.equal(maps[row], calm.counterfactual(own, label, other)[0])
        maps = calm.subset(log_joint, sets, images=images)
        assert torch.equal(maps[row], calm.subset(own, [sets[row]])[0])
