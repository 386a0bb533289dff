"""The colours."""

import re

from tinygrad_edu.bench.report.colours import DARK, LIGHT, ROLES


def test_all_roles_have_a_dark_colour_and_no_two_share_one() -> None:
    assert set(DARK) == set(LIGHT)
    assert len(set(LIGHT.values())) == len(LIGHT)


def test_a_role_is_a_variable_and_a_colour_in_full() -> None:
    assert all(re.fullmatch(r"--[a-z]+", name) for name in ROLES.values())
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in (*ROLES, *DARK.values()))
