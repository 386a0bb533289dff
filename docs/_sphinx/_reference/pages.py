"""The pages of the reference: what belongs to each, in the order in which it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page of the reference.

    Attributes:
        title: its heading.
        introduction: a sentence or two below it.
        sources: pairs of a package and the files of which it shows what is public there, in this order; a name of a
            folder means all of its files, and no names mean all of the package.
        tutorials: the pages that introduce what is here, and that are to link here.
        related: other pages of the reference.
    """

    title: str
    introduction: str
    sources: tuple[tuple[str, str], ...]
    tutorials: str = ""
    related: str = ""


LAYERS = (
    "nn.linear nn.convolution.plain nn.convolution nn.pooling.maximum nn.pooling nn.padding nn.resampling "
    "nn.activations nn.normalization nn.dropout nn.embedding nn.embedding_bag nn.recurrence.layers nn.recurrence "
    "nn.attention nn.shape nn.distance nn.lazy nn.uninitialized"
)
_TG = "tinygrad_edu"
_OPS = "The method of a tensor that has the same name is the same function."

PAGES = {
    "tensors": Page(
        "Tensors",
        "`Tensor`: an array that knows which computation it came from. What is computed with tensors are functions, "
        "which are its [methods](tensor-methods.md) as well.",
        ((_TG, "tensors.tensor"),),
        "getting-started how-backward-works",
        "creation tensor-methods autograd samples",
    ),
    "tensor-methods": Page(
        "Tensor methods",
        "All methods of `Tensor` besides those for gradients, which are with the [class](tensors.md). Most of them are "
        "functions of `tinygrad_edu`: the link leads to the function, and the tensor is its first argument.",
        (),
        "getting-started",
        "tensors elementwise reductions shapes linalg",
    ),
    "creation": Page(
        "Creating tensors",
        "Tensors from data, from constants and ranges; dtypes, which are NumPy's, and conversions between them. "
        "For random ones see [Random numbers](random.md).",
        ((_TG, "tensors.creation ops.creation ops.casting dtypes"),),
        "getting-started",
        "tensors random shapes",
    ),
    "elementwise": Page(
        "Elementwise math",
        f"Functions that work on each element by itself. {_OPS}",
        ((_TG, "ops.arithmetic ops.transcendental ops.rounding ops.piecewise ops.special"),),
        "getting-started",
        "comparison reductions nn-ops primitives",
    ),
    "comparison": Page(
        "Comparison and logic",
        f"Comparisons and tests, which give booleans and have no gradient. {_OPS}",
        ((_TG, "ops.comparison ops.logical"),),
        "",
        "elementwise sorting",
    ),
    "reductions": Page(
        "Reductions",
        f"One number from many: sums, means, maxima, variances, norms; and cumulative sums. {_OPS}",
        ((_TG, "ops.reductions ops.extrema ops.statistics ops.norms ops.cumulative"),),
        "getting-started gradient-of-a-batch",
        "elementwise sorting linalg",
    ),
    "shapes": Page(
        "Shapes and indexing",
        f"Reshaping, transposing, joining and splitting tensors; reading and writing by index. {_OPS}",
        (
            (
                _TG,
                "ops.shape ops.transpose ops.joining ops.splitting ops.broadcasting ops.rearranging ops.indexing "
                "ops.selecting ops.gather ops.diagonal",
            ),
        ),
        "getting-started how-backward-works",
        "creation sorting linalg",
    ),
    "sorting": Page(
        "Sorting and searching",
        f"Sorted order, the largest elements, medians; which values there are, and where. {_OPS}",
        ((_TG, "ops.sorting ops.searching ops.picking"),),
        "",
        "reductions comparison shapes",
    ),
    "linalg": Page(
        "Matrix products and linear algebra",
        "Products of vectors, matrices and tensors in `tinygrad_edu`; norms, inverses and decompositions in "
        "`tinygrad_edu.linalg`.",
        ((_TG, "ops.matmul ops.einsum"), ("tinygrad_edu.linalg", ""), (_TG, "linalg")),
        "getting-started",
        "reductions shapes",
    ),
    "random": Page(
        "Random numbers",
        "Tensors of random numbers, and the generators they are drawn from. The same seed gives the same numbers.",
        ((_TG, "ops.random ops.generator"),),
        "getting-started save-load-resume",
        "creation init",
    ),
    "nn-ops": Page(
        "Activations, softmax and normalization",
        "Functions of `tinygrad_edu` that neural networks are made of. There are more in "
        f"[Functional](functional.md), and as modules in [Layers](layers.md). {_OPS}",
        ((_TG, "ops.activations ops.softmax ops"),),
        "models",
        "functional layers losses",
    ),
    "autograd": Page(
        "Gradients",
        "Backpropagation, switching the recording of the graph off and on, and gradients of functions: `grad`, `vjp`, "
        "`jvp`, `jacobian` and `hessian` are in `tinygrad_edu` and `tinygrad_edu.func`. At the end: ops of your own.",
        (
            ("tinygrad_edu.autograd", "autograd.running"),
            (_TG, "autograd func engine"),
            ("tinygrad_edu.autograd", "engine"),
        ),
        "getting-started how-backward-works add-an-op input-gradients",
        "tensors samples testing primitives",
    ),
    "samples": Page(
        "Per-sample gradients",
        "`tinygrad_edu.samples`: what `losses.backward(per_sample=True)` keeps beside `.grad`, as "
        "`Tensor.sample_grads` and `Module.sample_grads()`: the gradient of each sample of a batch, clipping, "
        "influence, and the gradient noise scale.",
        (
            ("tinygrad_edu.samples", "samples.sample_grads samples.model_grads samples.explanation samples"),
            ("tinygrad_edu.samples.explanation", ""),
        ),
        "open-the-sum per-sample-gradients-in-research gradient-of-a-batch questions full-batch-or-mini-batch",
        "autograd viz sample-rules bench",
    ),
    "nn": Page(
        "Modules",
        "`tinygrad_edu.nn`: the base class of all models, containers, parameters, and a summary of a model.",
        (("tinygrad_edu.nn", "nn.module nn.containers nn.parameter"), (_TG, "nn.summary")),
        "models getting-started weights-and-pytorch",
        "layers losses init optim files",
    ),
    "layers": Page(
        "Layers",
        "`tinygrad_edu.nn`: the modules that models are put together from. Each of them is a "
        "[Module](nn.md), and has its methods: `parameters()`, `train()`, `state_dict()` and so on.",
        (("tinygrad_edu.nn", LAYERS),),
        "models weights-and-pytorch differences-from-pytorch",
        "nn functional losses init",
    ),
    "losses": Page(
        "Losses",
        "`tinygrad_edu.nn`: losses as modules. They are **sums over the samples** unless another `reduction` is named. "
        "Each is a [Module](nn.md).",
        (("tinygrad_edu.nn", "nn.losses.regression nn.losses.classification nn.losses"),),
        "gradient-of-a-batch getting-started differences-from-pytorch",
        "functional layers optim",
    ),
    "functional": Page(
        "Functional",
        "`tinygrad_edu.nn.functional`: what the modules compute, as plain functions.",
        (("tinygrad_edu.nn.functional", f"{LAYERS} ops nn.losses"),),
        "models",
        "nn-ops layers losses",
    ),
    "init": Page(
        "Initialization and utilities",
        "`tinygrad_edu.nn.init`: initial weights. `tinygrad_edu.nn.utils`: gradient clipping, weight normalization, "
        "parameters as one vector, padded sequences.",
        tuple(
            (f"tinygrad_edu.nn.{package}", "") for package in ("init", "utils", "utils.parametrizations", "utils.rnn")
        ),
        "models",
        "nn layers optim",
    ),
    "optim": Page(
        "Optimizers",
        "`tinygrad_edu.optim`: gradient descent and its relatives. A step divides the summed gradient by the number of "
        "samples when it is told `samples=`.",
        (("tinygrad_edu.optim", "optim.sgd optim.adam optim.rmsprop optim"),),
        "getting-started gradient-of-a-batch full-batch-or-mini-batch",
        "lr-schedules nn losses",
    ),
    "lr-schedules": Page(
        "Learning-rate schedules",
        "`tinygrad_edu.optim.lr_scheduler`: how the learning rate changes from epoch to epoch.",
        (("tinygrad_edu.optim.lr_scheduler", "optim.lr_scheduler.decays optim.lr_scheduler.cosine optim"),),
        "full-batch-or-mini-batch",
        "optim",
    ),
    "data": Page(
        "Data",
        "`tinygrad_edu.data`: datasets, samplers, and the loader that makes batches of them.",
        (("tinygrad_edu.data", "data.dataset data.loader data.sampler data"),),
        "data getting-started",
        "optim files",
    ),
    "files": Page(
        "Saving and loading",
        "Files of tensors, and checkpoints of a training run.",
        ((_TG, "io"),),
        "save-load-resume weights-and-pytorch",
        "nn optim data",
    ),
    "viz": Page(
        "Visualization",
        "`tinygrad_edu.viz`: the graph of a computation, the loss curve of a training run, and the terms of an opened "
        "sum.",
        (("tinygrad_edu.viz", "viz.drawing viz.curves viz.sums"),),
        "getting-started how-backward-works open-the-sum",
        "samples autograd bench",
    ),
    "testing": Page(
        "Testing gradients",
        "`tinygrad_edu.testing`: gradients compared with numeric derivatives and checked by laws; "
        "`tinygrad_edu.testing.strategies`, which needs hypothesis.",
        (
            (
                "tinygrad_edu.testing",
                "testing.checks testing.layers testing.modules testing.comparison testing.laws.checking "
                "testing.property testing",
            ),
            ("tinygrad_edu.testing.strategies", ""),
        ),
        "property-test-your-gradients test-gradients-written-by-hand add-an-op",
        "autograd samples errors",
    ),
    "bench": Page(
        "Benchmarking batch sizes",
        "`tinygrad_edu.bench`: which batch size to use, and why; what the command `tinygrad-edu bench` calls.",
        (
            ("tinygrad_edu.bench", "bench.advice.advise bench.training.train bench.latency.speed bench"),
            ("tinygrad_edu.bench.report", ""),
        ),
        "which-batch-size",
        "samples optim data",
    ),
    "errors": Page(
        "Errors",
        "Each also derives from the built-in exception that a user of NumPy or PyTorch would catch.",
        ((_TG, "errors"),),
        "",
        "tensors autograd testing",
    ),
    "sample-rules": Page(
        "Sample rules",
        "`tinygrad_edu.sample_rules`, for authors of ops: how the samples of a batch stay apart in an op.",
        (("tinygrad_edu.sample_rules", ""), ("tinygrad_edu.sample_rules.ids", "")),
        "add-an-op",
        "samples autograd primitives",
    ),
}
