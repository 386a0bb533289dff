"""Pictures: a computation graph, a loss curve, the gradient of one weight as a sum over samples."""

from .. import absent as _absent
from .curves import loss_curve as loss_curve
from .drawing import GraphDrawing as GraphDrawing
from .drawing import draw_graph as draw_graph
from .sums import sum_bars as sum_bars

_absent.explain_names(__name__)
