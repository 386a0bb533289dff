"""whereabouts: where the elements of a mask lie, in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_edu.testing.whereabouts import index_text, where_in_words


def mask(shape, *parts):
    wrong = np.zeros(shape, bool)
    for part in parts:
        wrong[part] = True
    return wrong


ROW, COLUMN = np.indices((4, 4))
WORDS = {
    "one": (mask((4, 4), (1, 2)), ""),
    "0-d": (np.ones((), bool), ""),
    "all": (np.ones((2, 2), bool), ", all of them"),
    "last column": (mask((4, 5), np.s_[:, -1]), ", all in the last column"),
    "a row": (mask((4, 5), 0), ", all in row 0"),
    "part of a row": (mask((4, 5), np.s_[2, [0, 3]]), ", all in row 2"),
    "all but a row": (~mask((4, 5), 0), ", all but row 0"),
    "rows": (mask((6, 5), np.s_[1:3]), ", all in rows 1 to 2"),
    "block": (mask((6, 5), np.s_[3:, :2]), ", all in the second half of axis 0 and in columns up to 1"),
    "diagonal": (ROW == COLUMN, ", all on the diagonal"),
    "off the diagonal": (ROW != COLUMN, ", all but the diagonal"),
    "upper triangle": (ROW < COLUMN, ", all above the diagonal"),
    "lower triangle": (ROW >= COLUMN, ", all on or below the diagonal"),
    "part of the diagonal": (mask((4, 4), ([0, 1, 3], [0, 1, 3])), ", all on the diagonal"),
    "border": (~mask((5, 5), np.s_[1:-1, 1:-1]), ", all at the border"),
    "inside": (mask((5, 5), np.s_[1:-1, 1:-1]), ", all but the border"),
    "index of an axis": (mask((3, 4, 5), np.s_[:, 1]), ", all at index 1 of axis 1"),
    "two axes": (mask((3, 4, 5), np.s_[0, :, -1]), ", all at index 0 of axis 0 and at the last index of axis 2"),
    "stride": (mask((3, 4, 6), np.s_[..., 1::2]), ", all at every second index along axis 2, from 1 on"),
    "third": (mask((9,), np.s_[::3]), ", all at every third index, from 0 on"),
    "first half": (mask((8,), np.s_[:4]), ", all in the first half"),
    "both ends": (mask((8,), [0, 7]), ", all at both ends"),
    "one right": (~mask((4, 4), (0, 2)), ", all but [0, 2]"),
    "scattered": (mask((6, 6), ([0, 3, 4], [1, 2, 5])), ""),
}


@pytest.mark.parametrize("name", WORDS)
def test_in_words(name):
    wrong, words = WORDS[name]
    assert where_in_words(wrong, np.ones_like(wrong)) == words


def test_what_was_not_checked_is_not_spoken_of():
    checked = np.random.default_rng(0).random((30, 30)) < 0.1
    assert where_in_words(mask((30, 30), 3) & checked, checked) == ", all in row 3"
    assert where_in_words(mask((30, 30), np.s_[:17]) & checked, checked) == ""
    assert where_in_words(checked, checked) == ", all of them"
    column = mask((5, 3), np.s_[:, 1])  # only one column was looked at: that says nothing of columns
    assert where_in_words(column & ~mask((5, 3), 0), column) == ", all but row 0"
    assert where_in_words(mask((5, 3), ([1, 3], [1, 1])), column) == ""


@given(hnp.arrays(bool, hnp.array_shapes(max_dims=3, max_side=5)), st.data())
def test_only_what_is_true_is_said(wrong, data):
    checked = wrong | data.draw(hnp.arrays(bool, wrong.shape))
    words = where_in_words(wrong, checked)
    places = np.argwhere(wrong)
    if words == ", all of them":
        assert (wrong == checked).all()
    if words.startswith(", all in row ") and " and " not in words:
        assert set(places[:, 0]) == {int(words.rsplit(" ", 1)[1])}
    if words == ", all in the last column":
        assert set(places[:, 1]) == {wrong.shape[1] - 1}
    if words == ", all on the diagonal":
        assert (places[:, -1] == places[:, -2]).all()
    if words == ", all but the diagonal":
        assert (places[:, -1] != places[:, -2]).all()
    if words.startswith(", all but ["):
        assert (checked & ~wrong).sum() == 1


def test_index_text():
    assert [index_text(()), index_text((3,)), index_text((0, 2))] == ["", "[3]", "[0, 2]"]
