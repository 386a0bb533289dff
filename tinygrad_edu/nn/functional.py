"""The functions behind the modules, which hold no parameters: `import tinygrad_edu.nn.functional as F`."""

from .. import absent as _absent
from ..ops.activations import gelu, hardshrink, logsigmoid, sigmoid, softplus, softshrink, softsign, tanhshrink
from ..ops.channels import group_norm
from ..ops.linear import linear
from ..ops.normalization import layer_norm, rms_norm
from ..ops.softmax import log_softmax, softmax, softmin
from ..ops.transcendental import tanh
from .activations.random import gumbel_softmax, rrelu
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
from .attention.scaled_dot_product import scaled_dot_product_attention
from .convolution.patches import fold, unfold
from .convolution.plain import conv1d, conv2d, conv3d
from .convolution.transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .distance import cosine_similarity, pairwise_distance, pdist
from .dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from .embedding import embedding, one_hot
from .embedding_bag import embedding_bag
from .linear import bilinear
from .losses.classification import cross_entropy, nll_loss
from .losses.likelihood import gaussian_nll_loss, poisson_nll_loss
from .losses.linear_cross_entropy import linear_cross_entropy
from .losses.margin import multi_margin_loss, multilabel_margin_loss, soft_margin_loss
from .losses.pairs import cosine_embedding_loss, hinge_embedding_loss, margin_ranking_loss
from .losses.probability import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    kl_div,
    multilabel_soft_margin_loss,
)
from .losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .losses.triplets import triplet_margin_loss, triplet_margin_with_distance_loss
from .normalization.batch_norm import batch_norm
from .normalization.instance_norm import instance_norm
from .normalization.within_samples import normalize
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
    "adaptive_max_pool3d", "alpha_dropout", "avg_pool1d", "avg_pool2d", "avg_pool3d", "batch_norm", "bilinear",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "celu", "conv1d", "conv2d", "conv3d",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "dropout", "dropout1d", "dropout2d", "dropout3d", "elu", "embedding", "embedding_bag",
    "feature_alpha_dropout", "fold", "gaussian_nll_loss", "gelu", "glu", "group_norm", "gumbel_softmax", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "hinge_embedding_loss", "huber_loss", "instance_norm", "interpolate",
    "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear", "linear_cross_entropy", "log_softmax", "logsigmoid",
    "margin_ranking_loss", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
    "mish", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss",
    "normalize", "one_hot", "pad", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle",
    "poisson_nll_loss", "prelu", "relu", "relu6", "rms_norm", "rrelu", "scaled_dot_product_attention", "selu",
    "sigmoid", "silu", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanh", "tanhshrink", "threshold", "triplet_margin_loss", "triplet_margin_with_distance_loss",
    "unfold",
]  # fmt: skip

_absent.explain_names(__name__)
