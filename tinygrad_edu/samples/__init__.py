"""Per-sample gradients: the gradient of each sample of a batch, from one backward pass."""

from .. import absent as _absent
from .attribution import influence as influence
from .cost import Cost as Cost
from .explanation import Explanation as Explanation
from .gradient_sum import GradientSum as GradientSum
from .model_grads import ModelSampleGrads as ModelSampleGrads
from .noise import NoiseScale as NoiseScale
from .noise_meter import NoiseScaleMeter as NoiseScaleMeter
from .noise_meter import noise_scale as noise_scale
from .sample_grads import SampleGrads as SampleGrads
from .separability import Separability as Separability
from .separability import check as check

_absent.explain_names(__name__)
