"""What results of one folder differ in."""

from typing import Any

from bench.made_results import COMMON, advice, speed_result, train_result

from tinygrad_edu.bench.report.differences import differences


def problem(**changes: Any) -> dict[str, Any]:
    return {"problem": {**COMMON["problem"], **changes}}


def machine(**changes: Any) -> dict[str, Any]:
    return {"environment": {**COMMON["environment"], **changes}}


def test_results_of_one_problem_on_one_machine_differ_in_nothing() -> None:
    assert differences([advice(), train_result(), speed_result()]) == []
    assert differences([advice(**problem(model="cnn"))]) == []
    assert differences([]) == []


def test_what_is_held_out_and_the_versions_are_no_other_problem() -> None:
    held_out = speed_result(**problem(samples=1797, held_out=0))
    other = train_result(**machine(python="3.14", os="Linux 7", clock="wall"))
    assert differences([advice(), held_out, other]) == []


def test_other_problems_are_named_with_both_values() -> None:
    (text,) = differences([advice(**problem(optimizer="Adam", dtype="float64")), speed_result()])
    assert text == (
        "these results are of different problems, so their numbers cannot be compared: "
        "optimizer Adam in advise, SGD in speed; dtype float64 in advise, float32 in speed"
    )


def test_every_part_of_a_problem_counts() -> None:
    for name in ("model", "data", "loss", "optimizer", "dtype", "parameters"):
        (text,) = differences([advice(), speed_result(**problem(**{name: "another"}))])
        assert f"{name} {COMMON['problem'][name]} in advise, another in speed" in text


def test_results_that_agree_are_named_together() -> None:
    (text,) = differences([advice(), speed_result(), train_result(**problem(model="cnn"))])
    assert text.endswith("model mlp in advise and speed, cnn in train")


def test_other_machines_are_named_with_both_values() -> None:
    changes = {"processor": "another processor", "threads": 4, "blas": "mkl", "blas_version": "2"}
    for name, value in changes.items():
        old = machine(blas="openblas", blas_version="1")
        new = {"environment": {**old["environment"], name: value}}
        (text,) = differences([advice(**old), speed_result(**new)])
        assert text.startswith("these results were measured on different machines or with different settings")
        assert f"{old['environment'][name]} in advise, {value} in speed" in text


def test_both_may_differ() -> None:
    assert len(differences([advice(**problem(loss="mse")), speed_result(**machine(threads=2))])) == 2


def test_what_is_not_known_is_no_difference() -> None:
    assert differences([advice(**machine(blas_core=None)), speed_result(**machine(blas_core="Zen"))]) == []
    assert differences([advice(), speed_result(problem={})]) == []
