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
from .distance import cosine_similarity, pairwise_distance
from .dropout import dropout
from .embedding import embedding, one_hot
from .linear import bilinear
from .losses.classification import cross_entropy, nll_loss
from .losses.probability import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from .losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .normalization import normalize
from .pooling.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from .pooling.average import avg_pool1d, avg_pool2d, avg_pool3d
from .pooling.maximum import max_pool1d, max_pool2d, max_pool3d, max_unpool1d, max_unpool2d, max_unpool3d
from .resampling import interpolate, pixel_shuffle, pixel_unshuffle
from .shape import pad

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "bilinear", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "celu", "cosine_similarity", "cross_entropy", "dropout", "elu", "embedding",
    "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "huber_loss", "interpolate", "kl_div",
    "l1_loss", "layer_norm", "leaky_relu", "linear", "log_softmax", "logsigmoid", "max_pool1d", "max_pool2d",
    "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d", "mish", "mse_loss", "nll_loss", "normalize",
    "one_hot", "pad", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "prelu", "relu", "relu6", "rms_norm",
    "selu", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold",
]  # fmt: skip

_absent.explain_names(__name__)
