"""SampleIds of slots, for tests: regular, ragged, shuffled, with samples that have none and slots of nobody."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinygrad_edu.sample_rules.ids import plain


@st.composite
def ids(draw):
    """The owner of each slot, and how many samples there are."""
    count = draw(st.integers(0, 5))
    form = draw(st.sampled_from(["one each", "regular", "ragged", "shuffled", "with nobody"]))
    if form == "one each":
        return plain(count), count
    if form == "regular":
        return np.repeat(np.arange(count), draw(st.integers(0, 4))), count
    counts = [draw(st.integers(0, 3)) for _ in range(count)]
    owner = np.repeat(np.arange(count), np.array(counts, np.intp))
    if form == "with nobody":
        owner = np.concatenate([owner, np.full(draw(st.integers(1, 3)), -1)])
    if form != "ragged":
        owner = owner[np.array(draw(st.permutations(range(len(owner)))), np.intp)]
    return owner, count
