"""Files that PyTorch and safetensors write are known for what they are, and never opened as pickles."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")


def refused(file: Any, said: str) -> None:
    file.seek(0)
    with pytest.raises(tg.FileFormatError, match=rf"^load: the file was not written by tinygrad_edu\. It is a {said}"):
        tg.load(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch(zipped: bool) -> None:
    file = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2).state_dict(), file, _use_new_zipfile_serialization=zipped)
    refused(file, r"pickle, as torch\.save writes it")


def test_files_of_safetensors() -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    refused(io.BytesIO(numpy.save({"w": np.ones(3)})), r"safetensors file: read it with model\.load_safetensors")
    refused(io.BytesIO(numpy.save({}, {"format": "np"})), "safetensors file")


def test_a_tensor_of_torch_is_refused_with_the_way_to_convert_it() -> None:
    with pytest.raises(TypeError, match=r"save: obj\['w'\] is a tensor of torch .*x\.detach\(\)\.cpu\(\)\.numpy\(\)"):
        tg.save({"w": torch.ones(2)}, io.BytesIO())


def test_a_computed_tensor_comes_back_as_in_pytorch() -> None:
    for library in (torch, tg):
        x = library.ones(2, requires_grad=True)
        file = io.BytesIO()
        library.save([x, x * 2, (x * 2).detach()], file)
        file.seek(0)
        again = library.load(file)
        assert [(part.requires_grad, part.is_leaf) for part in again] == [(True, True), (True, True), (False, True)]
