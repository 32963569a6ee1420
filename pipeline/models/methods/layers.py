"""The layer that the methods' heads are made of."""

from torch import nn


def rectified(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution with He weights and ReLU: (B, inputs, h, w) -> (B, outputs, h, w)."""
    layer = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layer, nn.ReLU(inplace=True))
