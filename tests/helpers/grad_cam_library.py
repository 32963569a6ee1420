"""Maps of the library pytorch-grad-cam, as they are before it scales them."""

from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget


def library_maps(method, network, layer, images, labels, **options):
    """Maps (B, h, w) of a class of the library, at a layer of a network.

    The library rectifies a map after this; a map of ours that is not negative is rectified too.
    """
    with method(network, [layer], **options) as cam:
        targets = [ClassifierOutputTarget(label) for label in labels]
        outputs = cam.activations_and_grads(images.clone().requires_grad_())
        score = sum(target(output) for target, output in zip(targets, outputs, strict=True))
        score.backward()
        activations, gradients = (
            [each.detach().numpy() for each in found]
            for found in (
                cam.activations_and_grads.activations,
                cam.activations_and_grads.gradients,
            )
        )
        return cam.get_cam_image(
            images, layer, targets, activations[0], gradients[0], eigen_smooth=False
        )
