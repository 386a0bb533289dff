"""The models of `examples/`, written in PyTorch: their parameters have the same names."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class TorchLSTM(nn.Module):
    """`CharacterLSTM` of examples/character_lstm.py."""

    def __init__(self, characters: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.scores = nn.Linear(width, characters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(self.lstm(self.embedding(x))[0])


class TorchBlock(nn.Module):
    """`Block` of examples/small_gpt.py, with its attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.Module()
        self.attention.query_key_value = nn.Linear(width, 3 * width)
        self.attention.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.attention.query_key_value(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attention.out(found.transpose(1, 2).flatten(-2))
        return x + self.mlp(self.norm2(x))


class TorchGPT(nn.Module):
    """`SmallGPT` of examples/small_gpt.py."""

    def __init__(self, characters: int, width: int, length: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[TorchBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, characters, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(self.norm(self.blocks(self.embedding(x) + self.places(torch.arange(x.shape[1])))))


def torch_network(side: int) -> nn.Sequential:
    """`network` of examples/digits_cnn.py."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (side // 4) ** 2, 10),
    )


class TorchAutoencoder(nn.Module):
    """`Autoencoder` of examples/digits_vae.py."""

    def __init__(self, side: int, width: int, code: int) -> None:
        super().__init__()
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(side * side, width), nn.ReLU())
        self.mean = nn.Linear(width, code)
        self.log_variance = nn.Linear(width, code)
        self.writer = nn.Sequential(nn.Linear(code, width), nn.ReLU(), nn.Linear(width, side * side))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The cost of the images, summed over them."""
        hidden = self.reader(images)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        codes = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        lost = F.binary_cross_entropy_with_logits(self.writer(codes), images.flatten(1), reduction="sum")
        return lost + (mean**2 + torch.exp(log_variance) - 1 - log_variance).sum() / 2
