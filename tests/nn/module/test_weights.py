"""Safetensors files: what was saved comes back whatever its layout, and of a file that is not right, nothing."""

from __future__ import annotations

import io
import json
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn

safetensors = pytest.importorskip("safetensors")
package = pytest.importorskip("safetensors.numpy")

DTYPES = ["bool", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)), "float16", "float32", "float64"]


def small() -> nn.Module:
    """Parameters of two dtypes, and a buffer without axes."""
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False).half())
    net[1].running_mean.array[:] = [1.0, 2.0, 3.0]
    net[1].num_batches_tracked.array[...] = 7
    return net


class Holder(nn.Module):
    """A module with these arrays as its buffers."""

    def __init__(self, **arrays: Any) -> None:
        super().__init__()
        for name, array in arrays.items():
            self.register_buffer(name, tg.from_numpy(array))


def tied() -> Any:
    """Two layers with one weight."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    return net


def numbers(net: nn.Module) -> dict[str, Any]:
    return {name: value.numpy().copy() for name, value in net.state_dict().items()}


def same(net: nn.Module, expected: dict[str, Any]) -> None:
    found = numbers(net)
    assert list(found) == list(expected)
    for name, array in found.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def file_of(path: Path, data: bytes, **entries: tuple[str, list[int]]) -> Path:
    """A file as its specification has it: the length of the header, the header, and the numbers one after the other."""
    header, end = {}, 0
    for name, (dtype, shape) in entries.items():
        width = int(re.findall(r"\d+", dtype)[0]) // 8  # F8_E4M3: 8 bits
        start, end = end, end + int(np.prod(shape, dtype=object)) * width
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    return raw(path, json.dumps(header).encode(), data)


def raw(path: Path, header: bytes, data: bytes) -> Path:
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


# Saving


def test_a_model_comes_back(tmp_path: Path) -> None:
    first, second = small(), small()
    first.save_safetensors(tmp_path / "net.safetensors")
    weight = second.get_parameter("0.weight")
    assert second.load_safetensors(str(tmp_path / "net.safetensors")) == ([], [])
    same(second, numbers(first))
    assert second.get_parameter("0.weight") is weight, "loading replaced a parameter that an optimizer may hold"
    assert second.get_buffer("1.num_batches_tracked").item() == 7


def test_the_file_is_what_the_package_reads(tmp_path: Path) -> None:
    net = small()
    net.save_safetensors(tmp_path / "net", {"trained on": "digits", "größe": "ä\n"})
    found = package.load_file(tmp_path / "net")
    expected = numbers(net)
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
    with safetensors.safe_open(tmp_path / "net", framework="numpy") as file:
        assert file.metadata() == {"trained on": "digits", "größe": "ä\n"}


def test_without_numbers_and_texts_it_is_a_file_as_well(tmp_path: Path) -> None:
    nn.ReLU().save_safetensors(tmp_path / "net", {})
    assert package.load_file(tmp_path / "net") == {}
    assert nn.ReLU().load_safetensors(tmp_path / "net") == ([], [])


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_comes_back(dtype: str, tmp_path: Path) -> None:
    arrays = {"a": np.array([[0, 1, 1]], dtype), "scalar": np.array(1, dtype), "empty": np.zeros((0, 3), dtype)}
    if "int" in dtype:
        arrays["limits"] = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    if "float" in dtype:
        arrays["limits"] = np.array([np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, -0.0, np.inf, np.nan])
    arrays = {name: array.astype(dtype) for name, array in arrays.items()}
    Holder(**arrays).save_safetensors(tmp_path / "a")
    net = Holder(**{name: np.zeros_like(array) for name, array in arrays.items()})
    net.load_safetensors(tmp_path / "a")
    same(net, arrays)
    if "float" in dtype:
        assert np.signbit(net.get_buffer("limits").numpy()[2])


@st.composite
def laid_out(draw: st.DrawFn) -> Any:
    """An array that lies in memory in some way: axes in any order, steps both ways, repeated, bytes swapped."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    array = np.arange(int(np.prod(shape)), dtype=draw(st.sampled_from(["<f4", ">f4", "<f8", ">i2", "u1"])))
    array = array.reshape(shape, order=draw(st.sampled_from("CF"))).copy(order="K")
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    array = array[tuple(slice(None, None, draw(st.sampled_from([1, 2, -1, -2]))) for _ in shape)]
    return np.broadcast_to(array, (2, *array.shape)) if draw(st.booleans()) else np.asarray(array)


@given(laid_out(), laid_out())
def test_an_array_comes_back_however_it_lies_in_memory(tmp_path_factory: Any, a: Any, b: Any) -> None:
    # The package takes arrays for C-contiguous ones, and some versions of it (0.8.0) write others in the wrong order.
    path = tmp_path_factory.mktemp("laid_out") / "a"
    Holder(a=a, b=b).save_safetensors(path)
    net = Holder(a=np.zeros(a.shape, a.dtype.newbyteorder("=")), b=np.zeros(b.shape, b.dtype.newbyteorder("=")))
    net.load_safetensors(path)
    for name, array in {"a": a, "b": b}.items():
        np.testing.assert_array_equal(net.get_buffer(name).numpy(), array)
        np.testing.assert_array_equal(package.load_file(path)[name], array)


def test_a_transposed_parameter_comes_back_into_a_transposed_one(tmp_path: Path) -> None:
    net = nn.Module()
    net.weight = nn.Parameter(np.arange(6.0).reshape(2, 3).T)
    assert not net.weight.array.flags.c_contiguous
    net.save_safetensors(tmp_path / "a")
    net.weight.array[...] = 0
    net.load_safetensors(tmp_path / "a")
    assert net.weight.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "net"
    small().save_safetensors(path)
    before = path.read_bytes()
    lazy = nn.Sequential(nn.Linear(2, 3), nn.LazyLinear(2))
    with pytest.raises(tg.ShapeError, match=r"1.weight of Sequential has no numbers before the first call: call the"):
        lazy.save_safetensors(path)
    with pytest.raises(TypeError, match=r"maps strings to strings, got 'epoch': 3. Write str\(value\)"):
        small().save_safetensors(path, {"epoch": 3})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"maps strings to strings, got 3: 'epoch'"):
        small().save_safetensors(path, {3: "epoch"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="takes a dict of strings, got 'digits'"):
        small().save_safetensors(path, "digits")  # type: ignore[arg-type]
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(tg.DtypeError, match=r"long has dtype float\d+, which a safetensors file cannot hold"):
            Holder(long=np.ones(2, np.longdouble)).save_safetensors(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Loading


def test_a_lazy_module_takes_its_shapes_from_the_file(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    net.save_safetensors(tmp_path / "a")
    lazy = nn.LazyLinear(2)
    lazy.load_safetensors(tmp_path / "a")
    same(lazy, numbers(net))


def test_dtypes_are_converted_as_by_load_state_dict(tmp_path: Path) -> None:
    net = nn.Linear(2, 3)
    net.double().save_safetensors(tmp_path / "a")
    single = nn.Linear(2, 3)
    single.load_safetensors(tmp_path / "a")
    same(single, numbers(net.float()))
    single.save_safetensors(tmp_path / "a")
    double = nn.Linear(2, 3).double()
    double.load_safetensors(tmp_path / "a")
    same(double, numbers(single.double()))
    Holder(steps=np.array(1.5)).save_safetensors(tmp_path / "a")
    with pytest.raises(tg.StateError, match="steps: dtype float64 in the state_dict, int64 in the module"):
        Holder(steps=np.array(1)).load_safetensors(tmp_path / "a")


def test_a_tied_parameter_is_written_under_both_names_and_read_under_one(tmp_path: Path) -> None:
    net = tied()
    net.save_safetensors(tmp_path / "both")
    found = package.load_file(tmp_path / "both")
    assert set(found) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    for dropped in ("0.weight", "1.weight"):
        package.save_file({name: array for name, array in found.items() if name != dropped}, tmp_path / "one")
        other = tied()
        assert other.load_safetensors(tmp_path / "one") == ([], [])
        same(other, numbers(net))
        assert other[0].weight is other[1].weight
        with pytest.raises(tg.StateError, match=f"missing keys: '{dropped}'"):
            nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).load_safetensors(tmp_path / "one")


def test_parameters_that_share_memory_are_tied_as_well_and_other_views_are_not(tmp_path: Path) -> None:
    def sharing(view: Callable[[Any], Any]) -> nn.Module:
        net = nn.Module()
        net.first = nn.Parameter(tg.zeros(2, 3))
        net.second = nn.Parameter(view(net.first.array))
        return net

    package.save_file({"first": np.ones((2, 3), np.float32)}, tmp_path / "a")
    assert sharing(lambda a: a[:]).load_safetensors(tmp_path / "a") == ([], [])
    for view in (lambda a: a[:1], lambda a: a.reshape(3, 2), lambda a: a[:, ::2], lambda a: a[::-1]):
        assert sharing(view).load_safetensors(tmp_path / "a", strict=False) == (["second"], [])


def test_tied_parameters_without_any_name_in_the_file_are_missing_under_both(tmp_path: Path) -> None:
    package.save_file({"0.bias": np.ones(2, np.float32)}, tmp_path / "a")
    result = tied().load_safetensors(tmp_path / "a", strict=False)
    assert result.missing_keys == ["0.weight", "1.weight", "1.bias"]


def test_a_tied_lazy_parameter_needs_one_name_as_well(tmp_path: Path) -> None:
    net = nn.Sequential(nn.LazyLinear(2, bias=False), nn.LazyLinear(2, bias=False))
    net[1].weight = net[0].weight
    package.save_file({"1.weight": np.ones((2, 2), np.float32)}, tmp_path / "a")
    assert net.load_safetensors(tmp_path / "a") == ([], [])
    assert net[0].weight.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    apart = nn.Sequential(nn.LazyLinear(2, bias=False), nn.LazyLinear(2, bias=False))
    assert apart.load_safetensors(tmp_path / "a", strict=False) == (["0.weight"], [])


def test_every_difference_is_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    net = small()
    before = numbers(net)
    arrays = {name: np.asarray(array + 1) for name, array in before.items() if name != "1.bias"}
    arrays["0.weight"] = np.ones((3, 5), np.float32)
    arrays["9.weight"] = np.ones(1)
    package.save_file(arrays, tmp_path / "a")
    with pytest.raises(tg.StateError) as caught:
        net.load_safetensors(tmp_path / "a")
    text = str(caught.value)
    assert text.startswith(f"load_safetensors({str(tmp_path / 'a')!r}) into Sequential: ")
    assert "does not fit, and nothing was loaded" in text
    assert "missing keys: '1.bias'" in text
    assert "unexpected keys: '9.weight'" in text
    assert "0.weight: shape (3, 5)" in text
    same(net, before)


def test_not_strict_loads_what_fits_and_tells_the_rest(tmp_path: Path) -> None:
    net = nn.Linear(2, 3)
    package.save_file({"bias": np.full(3, 9.0), "z": np.ones(1), "other": np.ones(1)}, tmp_path / "a")
    assert net.load_safetensors(tmp_path / "a", strict=False) == (["weight"], ["other", "z"])
    assert net.bias.tolist() == [9.0, 9.0, 9.0]


def test_a_cast_that_overflows_with_warnings_as_errors_leaves_nothing_half_loaded(tmp_path: Path) -> None:
    net = nn.Linear(2, 1).half()
    before = numbers(net)
    package.save_file({"bias": np.full(1, 1e9), "weight": np.zeros((1, 2))}, tmp_path / "a")
    with pytest.raises(RuntimeWarning, match="overflow"):
        net.load_safetensors(tmp_path / "a")
    same(net, before)


# Dtypes that NumPy lacks


def value(code: int, exponent_bits: int, mantissa_bits: int) -> Fraction:
    """What a code means, by the definition: ± 2^(e - bias) (1 + m / 2^k), or ± 2^(1 - bias) m / 2^k for e = 0."""
    exponent = code >> mantissa_bits & (1 << exponent_bits) - 1
    mantissa = Fraction(code & (1 << mantissa_bits) - 1, 1 << mantissa_bits)
    bias = (1 << exponent_bits - 1) - 1
    size = Fraction(2) ** (max(exponent, 1) - bias) * (mantissa + (exponent > 0))
    return -size if code >> exponent_bits + mantissa_bits else size


def loaded(tmp_path: Path, data: bytes, dtype: str, into: Any) -> Any:
    file_of(tmp_path / "a", data, x=(dtype, list(into.shape)))
    net = Holder(x=into)
    net.load_safetensors(tmp_path / "a")
    return net.get_buffer("x").numpy()


@pytest.mark.parametrize(("dtype", "exponent_bits", "mantissa_bits"), [("F8_E4M3", 4, 3), ("F8_E5M2", 5, 2)])
def test_every_float8_widens_exactly(dtype: str, exponent_bits: int, mantissa_bits: int, tmp_path: Path) -> None:
    found = loaded(tmp_path, bytes(range(256)), dtype, np.zeros((2, 128), np.float32)).ravel()
    for code, x in enumerate(found):
        low = code & 127
        if low == 127 or (dtype == "F8_E5M2" and low > 124):
            assert np.isnan(x)
        elif dtype == "F8_E5M2" and low == 124:
            assert np.isinf(x)
        else:
            assert Fraction(float(x)) == value(code, exponent_bits, mantissa_bits)
        assert np.signbit(x) == (code > 127) or np.isnan(x)


@given(code=st.integers(0, 2**16 - 1))
def test_bfloat16_widens_exactly(code: int, tmp_path_factory: Any) -> None:
    data = code.to_bytes(2, "little")
    x = loaded(tmp_path_factory.mktemp("bfloat16"), data, "BF16", np.zeros((1, 1), np.float32)).item()
    if code & 0x7FFF == 0x7F80:
        assert np.isinf(x)
    elif code & 0x7FFF > 0x7F80:
        assert np.isnan(x)
    else:
        assert Fraction(x) == value(code, 8, 7)
    assert np.signbit(x) == (code >= 1 << 15)


def test_widened_numbers_go_into_the_dtype_of_the_module(tmp_path: Path) -> None:
    data = np.array([0x3FC0, 0xC000], "<u2").tobytes()  # 1.5 and -2
    for dtype in (np.float16, np.float32, np.float64):
        found = loaded(tmp_path, data, "BF16", np.zeros(2, dtype))
        assert found.dtype == dtype
        assert found.tolist() == [1.5, -2.0]
    with pytest.raises(tg.StateError, match="x: dtype float32 in the state_dict, int64 in the module"):
        loaded(tmp_path, data, "BF16", np.zeros(2, np.int64))


def test_a_dtype_that_is_not_known_is_an_error_only_where_it_is_needed(tmp_path: Path) -> None:
    file_of(tmp_path / "a", b"\x7f" * 5, bias=("F8_E8M0", [1]), scale=("F32", [1]))
    try:
        safetensors.deserialize((tmp_path / "a").read_bytes())
    except safetensors.SafetensorError:
        pytest.skip("this version of the package knows no such dtype itself")
    net = Holder(bias=np.zeros(1, np.float32), scale=np.ones(1, np.float32))
    with pytest.raises(tg.DtypeError, match=r"'bias' has the dtype F8_E8M0, .* as with model.float\(\)"):
        net.load_safetensors(tmp_path / "a")
    assert net.get_buffer("scale").item() == 1
    other = Holder(scale=np.ones(1, np.float32))
    assert other.load_safetensors(tmp_path / "a", strict=False) == ([], ["bias"])


# Files that are not right


def test_a_file_that_was_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    net = small()
    net.save_safetensors(tmp_path / "a", {"a": "text"})
    content = (tmp_path / "a").read_bytes()
    before = numbers(net)
    for size in range(len(content)):
        (tmp_path / "a").write_bytes(content[:size])
        with pytest.raises(
            tg.FileFormatError, match=r"nothing was loaded: this is not a safetensors file, or it was cut short"
        ):
            net.load_safetensors(tmp_path / "a")
    (tmp_path / "a").write_bytes(content + b"\0")
    with pytest.raises(tg.FileFormatError):
        net.load_safetensors(tmp_path / "a")
    same(net, before)


@given(data=st.data())
def test_an_altered_header_is_an_error_or_loads_what_it_says(data: st.DataObject, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("altered") / "a"
    small().save_safetensors(path, {"a": "text"})
    content = bytearray(path.read_bytes())
    end = 8 + int.from_bytes(content[:8], "little")
    # Characters that mean something in JSON, in names or in dtypes alter more than others do.
    byte = st.integers(0, 255) | st.sampled_from(list(b'0123456789"{}[],: BFIU'))
    for place in data.draw(st.lists(st.integers(0, end - 1), min_size=1, max_size=2)):
        content[place] = data.draw(byte)
    path.write_bytes(content)
    net = small()
    before = {name: array + 1 for name, array in numbers(net).items()}
    net.load_state_dict(before)
    try:
        net.load_safetensors(path)
    except tg.TinygradError:
        same(net, before)
    else:
        says = package.load(bytes(content))
        same(net, {name: says[name].astype(array.dtype) for name, array in before.items()})


@pytest.mark.parametrize("length", [2**63, 2**40, 100_000_001, 64])
def test_the_length_of_the_header_is_not_believed(length: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + b"{}" + bytes(20))
    with pytest.raises(tg.FileFormatError, match="nothing was loaded"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "a")


@pytest.mark.parametrize("shape", [[1] * 70, [0, 2**62], [0, 2**62, 2**62]], ids=["axes", "long", "overflow"])
def test_a_shape_that_no_array_has_is_refused(shape: list[int], tmp_path: Path) -> None:
    file_of(tmp_path / "a", bytes(4 * (0 not in shape)), weight=("F32", shape))
    with pytest.raises(tg.FileFormatError, match=r"'weight' has an impossible shape|altered"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "a", strict=False)


def test_names_of_any_kind(tmp_path: Path) -> None:
    net = Holder(**{"größe": np.ones(1), 'a"b\n': np.zeros(2)})
    net.save_safetensors(tmp_path / "a")
    twin = Holder(**{"größe": np.zeros(1), 'a"b\n': np.ones(2)})
    twin.load_safetensors(tmp_path / "a")
    same(twin, numbers(net))


# Files of other kinds


def torch_zip() -> bytes:
    """The beginning of what torch.save writes: a zip whose first member is a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}q\x00.")
    return file.getvalue()


OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began before version 1.6


@pytest.mark.parametrize("content", [torch_zip(), OLD, pickle.dumps({"a": 1})], ids=["zip", "old", "plain"])
def test_a_pickle_says_how_to_convert_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(content)
    with pytest.raises(tg.FileFormatError) as caught:
        nn.Linear(2, 3).load_safetensors(path)
    text = str(caught.value)
    assert (
        "nothing was loaded: this is a pickle, as torch.save writes it, and opening one runs whatever it says" in text
    )
    assert f"torch.load({str(path)!r}, map_location='cpu')" in text
    assert repr(str(tmp_path / "net.safetensors")) in text


def test_other_files_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", weight=np.ones(2))
    with pytest.raises(tg.FileFormatError, match=r"this is a zip of arrays: .*dict\(np.load\(path\)\)"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "a.npz")
    (tmp_path / "b").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    with pytest.raises(tg.FileFormatError, match=r"Git LFS .* git lfs pull"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "b")
    with pytest.raises(FileNotFoundError):
        nn.Linear(2, 3).load_safetensors(tmp_path / "none")


@pytest.mark.parametrize("length", [0x80, 0x280, 0x4B50])
def test_a_damaged_file_is_not_taken_for_another_because_of_the_length_of_its_header(
    length: int, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + b"{" + b" " * length)
    with pytest.raises(tg.FileFormatError, match="this is not a safetensors file, or it was cut short or altered"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "a")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    install = re.escape("needs safetensors, which is not installed. Run: pip install safetensors (in")
    with pytest.raises(ImportError, match=rf"save_safetensors\(\) {install}"):
        nn.Linear(2, 3).save_safetensors(tmp_path / "a")
    with pytest.raises(ImportError, match=rf"load_safetensors\(\) {install}"):
        nn.Linear(2, 3).load_safetensors(tmp_path / "a")
    assert not list(tmp_path.iterdir())
