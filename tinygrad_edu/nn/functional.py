"""The functions behind the modules, without parameters of their own: `import tinygrad_edu.nn.functional as F`."""

from .. import absent as _absent
from ..ops.activations import gelu, hardshrink, logsigmoid, sigmoid, softplus, softshrink, softsign, tanhshrink
from ..ops.linear import linear
from ..ops.normalization import layer_norm, rms_norm
from ..ops.softmax import log_softmax, softmax, softmin
from ..ops.transcendental import tanh
from .activations.rectifiers import (
    celu,
    elu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu,
    relu6,
    selu,
    threshold,
)
from .activations.smooth import glu, mish, silu
from .convolution import conv1d, conv2d, conv3d
from .convolution_transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .distance import cosine_similarity, pairwise_distance
from .dropout import dropout
from .embedding import embedding, one_hot
from .linear import bilinear
from .losses.classification import cross_entropy, nll_loss
from .losses.probability import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from .losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .normalization import normalize
from .patches import fold, unfold
from .shape import pad

__all__ = [
    "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "cross_entropy", "dropout", "elu",
    "embedding", "fold", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "huber_loss", "kl_div",
    "l1_loss", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsigmoid", "mish", "mse_loss", "nll_loss",
    "normalize", "one_hot", "pad", "pairwise_distance", "prelu", "relu", "relu6", "rms_norm", "selu", "sigmoid", "silu",
    "smooth_l1_loss", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
    "unfold",
]  # fmt: skip

_absent.explain_names(__name__)
