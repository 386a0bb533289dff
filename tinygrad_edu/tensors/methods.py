"""The ops as methods: operators, the functions of `ops` under the same names, and changes in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..engine.primitives import Operand
from ..engine.recording import TensorBase
from ..linalg import decompositions as de
from ..linalg import solving as la
from ..linalg import symmetric as sy
from ..ops import activations as act
from ..ops import arithmetic as e
from ..ops import broadcasting as ex
from ..ops import casting as c
from ..ops import comparison as cmp
from ..ops import creation as cr
from ..ops import cumulative as sc
from ..ops import diagonal as d
from ..ops import extrema as x
from ..ops import gather as ga
from ..ops import indexing as i
from ..ops import logical as truth
from ..ops import mask as mk
from ..ops import matmul as mat
from ..ops import piecewise as ch
from ..ops import random as rnd
from ..ops import rearranging as re
from ..ops import reductions as r
from ..ops import rounding as rd
from ..ops import searching as ct
from ..ops import selecting as sl
from ..ops import shape as s
from ..ops import softmax as sm
from ..ops import sorting as o
from ..ops import splitting as sp
from ..ops import statistics as st
from ..ops import transcendental as el
from ..ops import transpose as tr

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["TensorMethods"]


class TensorMethods(TensorBase):
    """What a Tensor can be asked to compute. A method is the function of the same name."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Tensor:
        return e.add(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return e.add(other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return e.sub(self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return e.sub(other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return e.mul(self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return e.mul(other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return e.div(self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return e.div(other, self)

    def __neg__(self) -> Tensor:
        return e.neg(self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return e.floor_divide(self, other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return e.floor_divide(other, self)

    def __mod__(self, other: Operand) -> Tensor:
        return e.remainder(self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return e.remainder(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return e.pow(self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return e.pow(other, self)

    def __pos__(self) -> Tensor:
        return self  # type: ignore[return-value]

    def __abs__(self) -> Tensor:
        return e.abs(self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None or isinstance(other, str) else cmp.eq(self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None or isinstance(other, str) else cmp.ne(self, other)

    __hash__: Final = object.__hash__

    def __lt__(self, other: Operand) -> Tensor:
        return cmp.lt(self, other)

    def __le__(self, other: Operand) -> Tensor:
        return cmp.le(self, other)

    def __gt__(self, other: Operand) -> Tensor:
        return cmp.gt(self, other)

    def __ge__(self, other: Operand) -> Tensor:
        return cmp.ge(self, other)

    def __and__(self, other: Operand) -> Tensor:
        return cmp.bitwise_and(self, other)

    def __rand__(self, other: Operand) -> Tensor:
        return cmp.bitwise_and(other, self)

    def __or__(self, other: Operand) -> Tensor:
        return cmp.bitwise_or(self, other)

    def __ror__(self, other: Operand) -> Tensor:
        return cmp.bitwise_or(other, self)

    def __xor__(self, other: Operand) -> Tensor:
        return cmp.bitwise_xor(self, other)

    def __rxor__(self, other: Operand) -> Tensor:
        return cmp.bitwise_xor(other, self)

    def __invert__(self) -> Tensor:
        return cmp.bitwise_not(self)

    def __matmul__(self, other: Operand) -> Tensor:
        return mat.matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return mat.matmul(other, self)

    # ops/elementwise.py
    abs: Final = e.abs
    absolute: Final = e.absolute
    add: Final = e.add
    addcdiv: Final = e.addcdiv
    addcmul: Final = e.addcmul
    div: Final = e.div
    divide: Final = e.divide
    float_power: Final = e.float_power
    floor_divide: Final = e.floor_divide
    fmod: Final = e.fmod
    lerp: Final = e.lerp
    mul: Final = e.mul
    multiply: Final = e.multiply
    neg: Final = e.neg
    negative: Final = e.negative
    positive: Final = e.positive
    pow: Final = e.pow
    reciprocal: Final = e.reciprocal
    remainder: Final = e.remainder
    rsqrt: Final = e.rsqrt
    sqrt: Final = e.sqrt
    square: Final = e.square
    sub: Final = e.sub
    subtract: Final = e.subtract
    true_divide: Final = e.true_divide

    # ops/rounding.py
    ceil: Final = rd.ceil
    fix: Final = rd.fix
    floor: Final = rd.floor
    frac: Final = rd.frac
    round: Final = rd.round
    sgn: Final = rd.sgn
    sign: Final = rd.sign
    trunc: Final = rd.trunc

    # ops/choice.py
    clamp: Final = ch.clamp
    clamp_max: Final = ch.clamp_max
    clamp_min: Final = ch.clamp_min
    clip: Final = ch.clip
    maximum: Final = ch.maximum
    minimum: Final = ch.minimum
    nan_to_num: Final = ch.nan_to_num
    where: Final = ch.where_method

    # ops/compare.py
    allclose: Final = cmp.allclose
    array_equal: Final = cmp.array_equal
    bitwise_and: Final = cmp.bitwise_and
    bitwise_not: Final = cmp.bitwise_not
    bitwise_or: Final = cmp.bitwise_or
    bitwise_xor: Final = cmp.bitwise_xor
    eq: Final = cmp.eq
    equal: Final = cmp.equal
    ge: Final = cmp.ge
    greater: Final = cmp.greater
    greater_equal: Final = cmp.greater_equal
    gt: Final = cmp.gt
    isclose: Final = cmp.isclose
    isfinite: Final = cmp.isfinite
    isinf: Final = cmp.isinf
    isnan: Final = cmp.isnan
    isneginf: Final = cmp.isneginf
    isposinf: Final = cmp.isposinf
    le: Final = cmp.le
    less: Final = cmp.less
    less_equal: Final = cmp.less_equal
    logical_and: Final = cmp.logical_and
    logical_not: Final = cmp.logical_not
    logical_or: Final = cmp.logical_or
    logical_xor: Final = cmp.logical_xor
    lt: Final = cmp.lt
    ne: Final = cmp.ne
    not_equal: Final = cmp.not_equal
    signbit: Final = cmp.signbit

    # ops/elementary.py
    acos: Final = el.acos
    acosh: Final = el.acosh
    arccos: Final = el.arccos
    arccosh: Final = el.arccosh
    arcsin: Final = el.arcsin
    arcsinh: Final = el.arcsinh
    arctan: Final = el.arctan
    arctan2: Final = el.arctan2
    arctanh: Final = el.arctanh
    asin: Final = el.asin
    asinh: Final = el.asinh
    atan: Final = el.atan
    atan2: Final = el.atan2
    atanh: Final = el.atanh
    cos: Final = el.cos
    cosh: Final = el.cosh
    erf: Final = el.erf
    erfc: Final = el.erfc
    exp: Final = el.exp
    exp2: Final = el.exp2
    expm1: Final = el.expm1
    hypot: Final = el.hypot
    log: Final = el.log
    log10: Final = el.log10
    log1p: Final = el.log1p
    log2: Final = el.log2
    logaddexp: Final = act.logaddexp
    sin: Final = el.sin
    sinh: Final = el.sinh
    tan: Final = el.tan
    tanh: Final = el.tanh
    xlogy: Final = el.xlogy

    # ops/activations.py
    celu: Final = act.celu
    elu: Final = act.elu
    gelu: Final = act.gelu
    hardshrink: Final = act.hardshrink
    hardsigmoid: Final = act.hardsigmoid
    hardswish: Final = act.hardswish
    hardtanh: Final = act.hardtanh
    leaky_relu: Final = act.leaky_relu
    logit: Final = act.logit
    logsigmoid: Final = act.logsigmoid
    mish: Final = act.mish
    relu: Final = act.relu
    relu6: Final = act.relu6
    selu: Final = act.selu
    sigmoid: Final = act.sigmoid
    silu: Final = act.silu
    softplus: Final = act.softplus
    softshrink: Final = act.softshrink
    softsign: Final = act.softsign
    tanhshrink: Final = act.tanhshrink
    threshold: Final = act.threshold

    # ops/counting.py
    bincount: Final = ct.bincount
    bucketize: Final = ct.bucketize
    unique: Final = ct.unique

    # ops/extremes.py
    amax: Final = x.amax
    amin: Final = x.amin
    aminmax: Final = x.aminmax
    argmax: Final = x.argmax
    argmin: Final = x.argmin
    max: Final = x.max
    min: Final = x.min

    # ops/order.py
    argsort: Final = o.argsort
    kthvalue: Final = o.kthvalue
    median: Final = o.median
    msort: Final = o.msort
    sort: Final = o.sort
    topk: Final = o.topk

    # ops/truth.py
    all: Final = truth.all
    any: Final = truth.any
    count_nonzero: Final = truth.count_nonzero

    # ops/reduce.py
    logsumexp: Final = r.logsumexp
    mean: Final = r.mean
    nanmean: Final = r.nanmean
    nansum: Final = r.nansum
    prod: Final = r.prod
    sum: Final = r.sum

    # ops/scans.py
    cummax: Final = sc.cummax
    cummin: Final = sc.cummin
    cumprod: Final = sc.cumprod
    cumsum: Final = sc.cumsum
    diff: Final = sc.diff
    logcumsumexp: Final = sc.logcumsumexp

    # ops/softmax.py
    log_softmax: Final = sm.log_softmax
    softmax: Final = sm.softmax
    softmin: Final = sm.softmin

    # ops/statistics.py
    norm: Final = st.norm
    std: Final = st.std
    std_mean: Final = st.std_mean
    var: Final = st.var
    var_mean: Final = st.var_mean

    def __getitem__(self, index: Any) -> Tensor:
        return i.getitem(self, index)

    # ops/shape.py and ops/expand.py
    broadcast_to: Final = ex.broadcast_to
    expand: Final = ex.expand
    expand_as: Final = ex.expand_as
    expand_dims: Final = s.expand_dims
    flatten: Final = s.flatten
    ravel: Final = s.ravel
    reshape: Final = s.reshape
    reshape_as: Final = s.reshape_as
    squeeze: Final = s.squeeze
    unflatten: Final = s.unflatten
    unsqueeze: Final = s.unsqueeze
    view: Final = s.view
    view_as: Final = s.view_as
    dim: Final = s.dim
    ndimension: Final = s.dim
    nelement: Final = s.numel
    numel: Final = s.numel
    size: Final = s.size

    # ops/transpose.py
    moveaxis: Final = tr.moveaxis
    movedim: Final = tr.movedim
    permute: Final = tr.permute
    swapaxes: Final = tr.swapaxes
    swapdims: Final = tr.swapdims
    t: Final = tr.t
    transpose: Final = tr.transpose

    @property
    def T(self) -> Tensor:
        """With the axes in reverse order; a view."""
        return tr.reverse_axes(self)

    @property
    def mT(self) -> Tensor:
        """With the last two axes swapped; a view."""
        return tr.matrix_transpose(self)

    # ops/split.py
    chunk: Final = sp.chunk
    split: Final = sp.split
    tensor_split: Final = sp.tensor_split
    unbind: Final = sp.unbind

    # ops/rearrange.py
    flip: Final = re.flip
    fliplr: Final = re.fliplr
    flipud: Final = re.flipud
    repeat: Final = re.repeat
    repeat_interleave: Final = re.repeat_interleave
    roll: Final = re.roll
    tile: Final = re.tile

    # ops/diagonal.py
    diag: Final = d.diag
    diag_embed: Final = d.diag_embed
    diagonal: Final = d.diagonal
    trace: Final = d.trace
    tril: Final = d.tril
    triu: Final = d.triu

    # ops/gather.py, ops/mask.py and ops/slices.py
    argwhere: Final = mk.argwhere
    gather: Final = ga.gather
    index_add: Final = sl.index_add
    index_copy: Final = sl.index_copy
    index_fill: Final = sl.index_fill
    index_select: Final = sl.index_select
    masked_fill: Final = mk.masked_fill
    masked_scatter: Final = mk.masked_scatter
    masked_select: Final = mk.masked_select
    narrow: Final = sl.narrow
    nonzero: Final = mk.nonzero
    scatter: Final = ga.scatter
    scatter_add: Final = ga.scatter_add
    select: Final = sl.select
    take: Final = ga.take
    take_along_dim: Final = ga.take_along_dim

    # ops/random.py
    bernoulli: Final = rnd.bernoulli
    multinomial: Final = rnd.multinomial

    # ops/cast.py
    astype: Final = c.astype
    clone: Final = c.clone
    contiguous: Final = c.contiguous
    copy: Final = c.clone
    cpu: Final = c.on_cpu
    is_contiguous: Final = c.is_contiguous
    to: Final = c.to
    type_as: Final = c.type_as
    half: Final = c.to_float16
    float: Final = c.to_float32
    double: Final = c.to_float64
    int: Final = c.to_int32
    long: Final = c.to_int64
    bool: Final = c.to_bool
    type: Final = c.type_

    # ops/create.py
    new_empty: Final = cr.new_empty
    new_full: Final = cr.new_full
    new_ones: Final = cr.new_ones
    new_tensor: Final = cr.new_tensor
    new_zeros: Final = cr.new_zeros

    # ops/matmul.py
    addmm: Final = mat.addmm
    baddbmm: Final = mat.baddbmm
    bmm: Final = mat.bmm
    dot: Final = mat.dot
    inner: Final = mat.inner
    kron: Final = mat.kron
    matmul: Final = mat.matmul
    mm: Final = mat.mm
    mv: Final = mat.mv
    outer: Final = mat.outer
    vdot: Final = mat.vdot

    # ops/linalg.py, ops/decompositions.py, ops/symmetric.py
    cholesky: Final = sy.cholesky
    det: Final = la.det
    inverse: Final = la.inverse
    logdet: Final = la.logdet
    matrix_power: Final = la.matrix_power
    pinverse: Final = de.pinverse
    slogdet: Final = la.slogdet
