"""Features and gradients of models by autograd, one image at a time, for formulas written out."""

from asked import IMAGES, LABELS, asked


def features_and_gradients(model, image, label, target):
    """A and the score's gradient at A of one image: (channels, h, w) float64, and p(y|x)."""
    features = model.trunk(image)["features"].detach().requires_grad_()
    maps = model.head(features)
    log_probs = model.head.log_probs(maps)
    is_logit = target == "logit" and model.head.kind == "cam"
    (maps.mean((2, 3)) if is_logit else log_probs)[0, label].backward()
    return features[0].detach().numpy(), features.grad[0].numpy(), log_probs[0, label].exp().item()


def each(model, inputs, method, target):
    """Each map of a method with the features, gradients and p(y|x) that it is made of."""
    maps = asked(model, inputs, target=target).maps(method)
    for row, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        found = features_and_gradients(model, inputs[image : image + 1], label, target)
        yield maps[row].numpy(), *found
