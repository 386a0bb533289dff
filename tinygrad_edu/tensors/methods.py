"""The functions of `ops` and `linalg` as methods, under the same names.

A file that has the name of one of its functions goes by another name here: in the class, its own is the method's.
"""

from __future__ import annotations

from typing import Final

from ..linalg import decompositions, determinants, products, solving, symmetric
from ..ops import (
    activations,
    arithmetic,
    broadcasting,
    casting,
    comparison,
    creation,
    cumulative,
    einsum,
    extrema,
    logical,
    norms,
    piecewise,
    random,
    rearranging,
    reductions,
    rounding,
    searching,
    selecting,
    shape,
    sorting,
    special,
    splitting,
    statistics,
    transcendental,
    transpose,
)
from ..ops import diagonal as diagonals
from ..ops import gather as gathering
from ..ops import matmul as matrices
from ..ops import softmax as softmaxes
from .operators import TensorOperators


class TensorMethods(TensorOperators):
    """What a Tensor can compute. A method is the function of the same name."""

    __slots__ = ()

    # ops/arithmetic.py
    abs: Final = arithmetic.abs
    absolute: Final = arithmetic.absolute
    add: Final = arithmetic.add
    addcdiv: Final = arithmetic.addcdiv
    addcmul: Final = arithmetic.addcmul
    div: Final = arithmetic.div
    divide: Final = arithmetic.divide
    float_power: Final = arithmetic.float_power
    floor_divide: Final = arithmetic.floor_divide
    fmod: Final = arithmetic.fmod
    lerp: Final = arithmetic.lerp
    mul: Final = arithmetic.mul
    multiply: Final = arithmetic.multiply
    neg: Final = arithmetic.neg
    negative: Final = arithmetic.negative
    positive: Final = arithmetic.positive
    pow: Final = arithmetic.pow
    reciprocal: Final = arithmetic.reciprocal
    remainder: Final = arithmetic.remainder
    rsqrt: Final = arithmetic.rsqrt
    sqrt: Final = arithmetic.sqrt
    square: Final = arithmetic.square
    sub: Final = arithmetic.sub
    subtract: Final = arithmetic.subtract
    true_divide: Final = arithmetic.true_divide

    # ops/rounding.py
    ceil: Final = rounding.ceil
    fix: Final = rounding.fix
    floor: Final = rounding.floor
    frac: Final = rounding.frac
    round: Final = rounding.round
    sgn: Final = rounding.sgn
    sign: Final = rounding.sign
    signbit: Final = rounding.signbit
    trunc: Final = rounding.trunc

    # ops/piecewise.py
    clamp: Final = piecewise.clamp
    clamp_max: Final = piecewise.clamp_max
    clamp_min: Final = piecewise.clamp_min
    clip: Final = piecewise.clip
    maximum: Final = piecewise.maximum
    minimum: Final = piecewise.minimum
    nan_to_num: Final = piecewise.nan_to_num
    where: Final = piecewise.where_method

    # ops/comparison.py
    allclose: Final = comparison.allclose
    array_equal: Final = comparison.array_equal
    eq: Final = comparison.eq
    equal: Final = comparison.equal
    ge: Final = comparison.ge
    greater: Final = comparison.greater
    greater_equal: Final = comparison.greater_equal
    gt: Final = comparison.gt
    isclose: Final = comparison.isclose
    isfinite: Final = comparison.isfinite
    isinf: Final = comparison.isinf
    isnan: Final = comparison.isnan
    isneginf: Final = comparison.isneginf
    isposinf: Final = comparison.isposinf
    le: Final = comparison.le
    less: Final = comparison.less
    less_equal: Final = comparison.less_equal
    lt: Final = comparison.lt
    ne: Final = comparison.ne
    not_equal: Final = comparison.not_equal

    # ops/logical.py
    all: Final = logical.all
    any: Final = logical.any
    bitwise_and: Final = logical.bitwise_and
    bitwise_not: Final = logical.bitwise_not
    bitwise_or: Final = logical.bitwise_or
    bitwise_xor: Final = logical.bitwise_xor
    count_nonzero: Final = logical.count_nonzero
    logical_and: Final = logical.logical_and
    logical_not: Final = logical.logical_not
    logical_or: Final = logical.logical_or
    logical_xor: Final = logical.logical_xor

    # ops/transcendental.py
    acos: Final = transcendental.acos
    acosh: Final = transcendental.acosh
    arccos: Final = transcendental.arccos
    arccosh: Final = transcendental.arccosh
    arcsin: Final = transcendental.arcsin
    arcsinh: Final = transcendental.arcsinh
    arctan: Final = transcendental.arctan
    arctan2: Final = transcendental.arctan2
    arctanh: Final = transcendental.arctanh
    asin: Final = transcendental.asin
    asinh: Final = transcendental.asinh
    atan: Final = transcendental.atan
    atan2: Final = transcendental.atan2
    atanh: Final = transcendental.atanh
    cos: Final = transcendental.cos
    cosh: Final = transcendental.cosh
    exp: Final = transcendental.exp
    exp2: Final = transcendental.exp2
    expm1: Final = transcendental.expm1
    hypot: Final = transcendental.hypot
    log: Final = transcendental.log
    log10: Final = transcendental.log10
    log1p: Final = transcendental.log1p
    log2: Final = transcendental.log2
    logaddexp: Final = transcendental.logaddexp
    sin: Final = transcendental.sin
    sinh: Final = transcendental.sinh
    tan: Final = transcendental.tan
    tanh: Final = transcendental.tanh
    xlogy: Final = transcendental.xlogy

    # ops/special.py
    erf: Final = special.erf
    erfc: Final = special.erfc
    logit: Final = special.logit

    # ops/activations.py
    celu: Final = activations.celu
    elu: Final = activations.elu
    gelu: Final = activations.gelu
    hardshrink: Final = activations.hardshrink
    hardsigmoid: Final = activations.hardsigmoid
    hardswish: Final = activations.hardswish
    hardtanh: Final = activations.hardtanh
    leaky_relu: Final = activations.leaky_relu
    logsigmoid: Final = activations.logsigmoid
    mish: Final = activations.mish
    relu: Final = activations.relu
    relu6: Final = activations.relu6
    selu: Final = activations.selu
    sigmoid: Final = activations.sigmoid
    silu: Final = activations.silu
    softplus: Final = activations.softplus
    softshrink: Final = activations.softshrink
    softsign: Final = activations.softsign
    tanhshrink: Final = activations.tanhshrink
    threshold: Final = activations.threshold

    # ops/searching.py
    argwhere: Final = searching.argwhere
    bincount: Final = searching.bincount
    bucketize: Final = searching.bucketize
    nonzero: Final = searching.nonzero
    unique: Final = searching.unique

    # ops/extrema.py
    amax: Final = extrema.amax
    amin: Final = extrema.amin
    aminmax: Final = extrema.aminmax
    argmax: Final = extrema.argmax
    argmin: Final = extrema.argmin
    max: Final = extrema.max
    min: Final = extrema.min

    # ops/sorting.py
    argsort: Final = sorting.argsort
    kthvalue: Final = sorting.kthvalue
    median: Final = sorting.median
    msort: Final = sorting.msort
    sort: Final = sorting.sort
    topk: Final = sorting.topk

    # ops/reductions.py
    logsumexp: Final = reductions.logsumexp
    mean: Final = reductions.mean
    nanmean: Final = reductions.nanmean
    nansum: Final = reductions.nansum
    prod: Final = reductions.prod
    sum: Final = reductions.sum

    # ops/cumulative.py
    cummax: Final = cumulative.cummax
    cummin: Final = cumulative.cummin
    cumprod: Final = cumulative.cumprod
    cumsum: Final = cumulative.cumsum
    diff: Final = cumulative.diff
    logcumsumexp: Final = cumulative.logcumsumexp

    # ops/softmax.py
    log_softmax: Final = softmaxes.log_softmax
    softmax: Final = softmaxes.softmax
    softmin: Final = softmaxes.softmin

    # ops/norms.py
    norm: Final = norms.norm

    # ops/statistics.py
    std: Final = statistics.std
    std_mean: Final = statistics.std_mean
    var: Final = statistics.var
    var_mean: Final = statistics.var_mean

    # ops/broadcasting.py
    broadcast_to: Final = broadcasting.broadcast_to
    expand: Final = broadcasting.expand
    expand_as: Final = broadcasting.expand_as

    # ops/shape.py
    dim: Final = shape.dim
    expand_dims: Final = shape.expand_dims
    flatten: Final = shape.flatten
    ndimension: Final = shape.dim
    nelement: Final = shape.numel
    numel: Final = shape.numel
    ravel: Final = shape.ravel
    reshape: Final = shape.reshape
    reshape_as: Final = shape.reshape_as
    size: Final = shape.size
    squeeze: Final = shape.squeeze
    unflatten: Final = shape.unflatten
    unsqueeze: Final = shape.unsqueeze
    view: Final = shape.view
    view_as: Final = shape.view_as

    # ops/transpose.py
    moveaxis: Final = transpose.moveaxis
    movedim: Final = transpose.movedim
    permute: Final = transpose.permute
    swapaxes: Final = transpose.swapaxes
    swapdims: Final = transpose.swapdims
    t: Final = transpose.t
    transpose: Final = transpose.transpose

    # ops/splitting.py
    chunk: Final = splitting.chunk
    split: Final = splitting.split
    tensor_split: Final = splitting.tensor_split
    unbind: Final = splitting.unbind

    # ops/rearranging.py
    flip: Final = rearranging.flip
    fliplr: Final = rearranging.fliplr
    flipud: Final = rearranging.flipud
    repeat: Final = rearranging.repeat
    repeat_interleave: Final = rearranging.repeat_interleave
    roll: Final = rearranging.roll
    tile: Final = rearranging.tile

    # ops/diagonal.py
    diag: Final = diagonals.diag
    diag_embed: Final = diagonals.diag_embed
    diagonal: Final = diagonals.diagonal
    trace: Final = diagonals.trace
    tril: Final = diagonals.tril
    triu: Final = diagonals.triu

    # ops/gather.py
    gather: Final = gathering.gather
    scatter: Final = gathering.scatter
    scatter_add: Final = gathering.scatter_add
    take: Final = gathering.take
    take_along_dim: Final = gathering.take_along_dim

    # ops/selecting.py
    index_add: Final = selecting.index_add
    index_copy: Final = selecting.index_copy
    index_fill: Final = selecting.index_fill
    index_select: Final = selecting.index_select
    masked_fill: Final = selecting.masked_fill
    masked_scatter: Final = selecting.masked_scatter
    masked_select: Final = selecting.masked_select
    narrow: Final = selecting.narrow
    select: Final = selecting.select
    unfold: Final = selecting.unfold

    # ops/random.py
    bernoulli: Final = random.bernoulli
    multinomial: Final = random.multinomial

    # ops/casting.py
    astype: Final = casting.astype
    bool: Final = casting.to_bool
    clone: Final = casting.clone
    contiguous: Final = casting.contiguous
    copy: Final = casting.clone
    cpu: Final = casting.on_cpu
    double: Final = casting.to_float64
    float: Final = casting.to_float32
    half: Final = casting.to_float16
    int: Final = casting.to_int32
    is_contiguous: Final = casting.is_contiguous
    long: Final = casting.to_int64
    to: Final = casting.to
    type: Final = casting.type_
    type_as: Final = casting.type_as

    # ops/creation.py
    new_empty: Final = creation.new_empty
    new_full: Final = creation.new_full
    new_ones: Final = creation.new_ones
    new_tensor: Final = creation.new_tensor
    new_zeros: Final = creation.new_zeros

    # ops/matmul.py
    addmm: Final = matrices.addmm
    baddbmm: Final = matrices.baddbmm
    bmm: Final = matrices.bmm
    dot: Final = matrices.dot
    kron: Final = matrices.kron
    matmul: Final = matrices.matmul
    mm: Final = matrices.mm
    mv: Final = matrices.mv
    outer: Final = matrices.outer
    vdot: Final = matrices.vdot

    # ops/einsum.py
    inner: Final = einsum.inner

    # linalg/symmetric.py
    cholesky: Final = symmetric.cholesky

    # linalg/determinants.py
    det: Final = determinants.det
    logdet: Final = determinants.logdet
    slogdet: Final = determinants.slogdet

    # linalg/solving.py
    inverse: Final = solving.inverse

    # linalg/products.py
    matrix_power: Final = products.matrix_power

    # linalg/decompositions.py
    pinverse: Final = decompositions.pinverse
