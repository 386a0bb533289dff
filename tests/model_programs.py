"""Small programs as people write them: the same lines train the same model with PyTorch and here.

A program is a generator. It yields its model first, whose numbers are then made the same in both libraries; after that
whatever is to be compared; and it returns the losses of its samples, (B,), where samples are not mixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any, TypeAlias

import numpy as np

Program: TypeAlias = Generator[Any, None, Any]


def trained(model: Any, optimizer: Any, loss: Callable[[], Any], steps: int = 5, schedule: Any = None) -> Program:
    """The usual loop."""
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        yield value.item(), [group["lr"] for group in optimizer.param_groups]


# Images


def lenet_of_lazy_layers(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    net = nn.Sequential(
        *(nn.LazyConv2d(6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2)),
        *(nn.LazyConv2d(16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2)),
        *(nn.Flatten(), nn.LazyLinear(20), nn.Sigmoid(), nn.LazyLinear(10)),
    )
    x, y = lib.tensor(rng.normal(size=(6, 1, 16, 16))), lib.tensor(rng.integers(0, 10, 6))
    net(x[:1])

    def init_weights(module: Any) -> None:
        if type(module) is nn.Linear or type(module) is nn.Conv2d:
            nn.init.xavier_uniform_(module.weight)

    net.apply(init_weights)
    yield net
    optimizer = lib.optim.SGD(net.parameters(), lr=0.9)
    yield from trained(net, optimizer, lambda: F.cross_entropy(net(x), y, reduction="mean"))
    return F.cross_entropy(net(x), y, reduction="none")


def residual_network(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.LazyConv2d(channels, kernel_size=3, padding=1, stride=stride)
            self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=2, bias=False)
            self.conv3 = nn.LazyConv2d(channels, kernel_size=1, stride=stride) if stride > 1 else None
            self.bn1, self.bn2 = nn.LazyBatchNorm2d(), nn.BatchNorm2d(channels)

        def forward(self, x: Any) -> Any:
            y = F.relu(self.bn1(self.conv1(x)), inplace=True)
            y = self.bn2(self.conv2(y))
            y += x if self.conv3 is None else self.conv3(x)
            return F.relu(y)

    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.MaxPool2d(3, stride=2, padding=1))
    for i, (channels, stride) in enumerate([(4, 1), (6, 2)]):
        net.add_module(f"block{i}", Residual(channels, stride))
    net.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.LazyLinear(3)))
    x, y = lib.tensor(rng.normal(size=(4, 1, 12, 12))), lib.tensor(rng.integers(0, 3, 4))
    net.eval()(x)
    yield net
    optimizer = lib.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = lib.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=6)
    criterion = nn.CrossEntropyLoss(weight=lib.tensor([1.0, 2.0, 0.5]), label_smoothing=0.1, reduction="mean")
    yield from trained(net, optimizer, lambda: criterion(net(x), y), 6, schedule)
    net.eval()
    return F.cross_entropy(net(x), y, reduction="none")


def digits_with_adadelta(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    model = nn.Sequential(nn.Conv2d(1, 4, 3, 1), nn.ReLU(), nn.Conv2d(4, 6, 3, 1), nn.ReLU(), nn.MaxPool2d(2))
    model.extend(
        [nn.Dropout2d(0.0), nn.Flatten(), nn.Linear(96, 8), nn.PReLU(), nn.Linear(8, 10), nn.LogSoftmax(dim=1)]
    )
    data, target = lib.tensor(rng.normal(size=(6, 1, 12, 12))), lib.tensor(rng.integers(0, 10, 6))
    yield model
    optimizer = lib.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = lib.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for _ in range(3):
        loss = lambda: F.nll_loss(model(data), target, reduction="mean")
        yield from trained(model, optimizer, loss, 2, scheduler)
        model.eval()
        with lib.no_grad():
            output = model(data)
            pred = output.argmax(dim=1, keepdim=True)
            correct = pred.eq(target.view_as(pred)).sum().item()
        yield F.nll_loss(output, target, reduction="sum").item(), correct
    return F.nll_loss(model(data), target, reduction="none")


def two_adversaries(lib: Any, rng: Any) -> Program:
    nn = lib.nn
    net_g = nn.Sequential(nn.ConvTranspose2d(5, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True))
    net_g.extend([nn.ConvTranspose2d(8, 2, 4, 2, 1, bias=False), nn.Tanh()])
    net_d = nn.Sequential(nn.Conv2d(2, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.LeakyReLU(0.2, inplace=True))
    net_d.extend([nn.Conv2d(4, 1, 4, 1, 0, bias=False), nn.Sigmoid()])

    def weights_init(m: Any) -> None:
        if m.__class__.__name__.find("Conv") != -1:
            nn.init.normal_(m.weight, 0.0, 0.02)
        elif m.__class__.__name__.find("BatchNorm") != -1:
            nn.init.normal_(m.weight, 1.0, 0.02)
            nn.init.zeros_(m.bias)

    yield nn.ModuleList([net_g, net_d]).apply(weights_init)
    criterion = nn.BCELoss(reduction="mean")
    optimizers = [lib.optim.Adam(net.parameters(), lr=0.002, betas=(0.5, 0.999)) for net in (net_d, net_g)]
    for _ in range(5):
        real, noise = lib.tensor(rng.normal(size=(3, 2, 8, 8))), lib.tensor(rng.normal(size=(3, 5, 1, 1)))
        net_d.zero_grad()
        label = lib.full((3,), 1, dtype=real.dtype)
        error = criterion(net_d(real).view(-1), label)
        error.backward()
        fake = net_g(noise)
        label.fill_(0)
        error_of_fake = criterion(net_d(fake.detach()).view(-1), label)
        error_of_fake.backward()
        optimizers[0].step()
        net_g.zero_grad()
        label.fill_(1)
        error_of_g = criterion(net_d(fake).view(-1), label)
        error_of_g.backward()
        optimizers[1].step()
        yield error + error_of_fake, error_of_g
    net_g.eval(), net_d.eval()
    return nn.functional.binary_cross_entropy(net_d(net_g(noise)).view(-1), label, reduction="none")


def variational_autoencoder(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    model = nn.ModuleDict({"enc": nn.Linear(36, 8), "mu": nn.Linear(8, 3), "logvar": nn.Linear(8, 3)})
    model["dec"] = nn.Sequential(nn.Linear(3, 8), nn.ELU(), nn.Linear(8, 36), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6)))
    x, eps = lib.tensor(rng.uniform(size=(5, 1, 6, 6))), lib.tensor(rng.normal(size=(5, 3)))

    def losses() -> Any:
        h = F.softplus(model["enc"](x.view(-1, 36)))
        mu, logvar = model["mu"](h), model["logvar"](h)
        recon = model["dec"](mu + eps * lib.exp(0.5 * logvar))
        kld = -0.5 * lib.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        return F.binary_cross_entropy(recon, x, reduction="none").flatten(1).sum(-1) + kld

    yield model
    optimizer = lib.optim.RMSprop(model.parameters(), lr=1e-3, centered=True, momentum=0.5)
    yield from trained(model, optimizer, lambda: losses().mean())
    return losses()


def super_resolution(lib: Any, rng: Any) -> Program:
    nn, init = lib.nn, lib.nn.init
    net = nn.Sequential(nn.Conv2d(1, 6, (5, 5), (1, 1), (2, 2)), nn.ReLU(), nn.Conv2d(6, 9, (3, 3), (1, 1), (1, 1)))
    net.append(nn.PixelShuffle(3))
    init.orthogonal_(net[0].weight, init.calculate_gain("relu"))
    init.orthogonal_(net[2].weight)
    x, target = lib.tensor(rng.uniform(size=(3, 1, 7, 5))), lib.tensor(rng.uniform(size=(3, 1, 21, 15)))
    yield net
    optimizer = lib.optim.Adam(net.parameters(), lr=0.001)
    yield from trained(net, optimizer, lambda: nn.MSELoss(reduction="mean")(net(x), target))
    enlarged = nn.functional.interpolate(x, scale_factor=3, mode="bilinear", align_corners=False)
    return (net(x) + enlarged - target).pow(2).mean((1, 2, 3))


def pairs_and_triplets(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    net = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(1, 4, 3), nn.Hardswish(), nn.InstanceNorm2d(4, affine=True))
    net.extend([nn.Conv2d(4, 6, 3), nn.GroupNorm(3, 6), nn.SiLU(), nn.Flatten(), nn.LazyLinear(4, bias=False)])
    a, p, n = (lib.tensor(rng.normal(size=(4, 1, 6, 6))) for _ in range(3))
    sign = lib.tensor([1, -1, -1, 1])
    net(a)
    losses = [
        lambda x, y, z: nn.TripletMarginLoss(margin=1.0, swap=True, reduction="mean")(x, y, z),
        lambda x, y, z: nn.CosineEmbeddingLoss(margin=0.1, reduction="mean")(x, y, sign),
        lambda x, y, z: nn.HingeEmbeddingLoss(reduction="mean")(F.pairwise_distance(x, y), sign),
        lambda x, y, z: F.margin_ranking_loss(x.norm(dim=1), z.norm(dim=1), sign, margin=2.0, reduction="mean"),
    ]
    yield net
    optimizer = lib.optim.Adagrad(net.parameters(), lr=0.05)
    for criterion in losses:
        yield from trained(net, optimizer, lambda c=criterion: c(net(a), net(p), net(n)), 3)  # type: ignore[misc]
    return F.triplet_margin_loss(net(a), net(p), net(n), reduction="none")


def critic_with_gradient_penalty(lib: Any, rng: Any) -> Program:
    nn = lib.nn
    critic = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.LayerNorm(8), nn.Linear(8, 1))
    real, fake = lib.tensor(rng.normal(size=(4, 3))), lib.tensor(rng.normal(size=(4, 3)))
    eps = lib.tensor(rng.uniform(size=(4, 1)))

    def loss() -> Any:
        mixed = (eps * real + (1 - eps) * fake).requires_grad_(True)
        out = critic(mixed)
        gradients = lib.autograd.grad(out, mixed, grad_outputs=lib.ones(out.size()), create_graph=True)[0]
        penalty = ((gradients.view(gradients.size(0), -1).norm(2, dim=1) - 1) ** 2).mean()
        return critic(fake).mean() - critic(real).mean() + 10 * penalty

    yield critic
    optimizer = lib.optim.RAdam(critic.parameters(), lr=5e-3)
    yield from trained(critic, optimizer, loss, 8)


# Texts and series


def language_model_with_tied_weights(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    layers: Any = {"encoder": nn.Embedding(11, 6), "rnn": nn.LSTM(6, 6, 2, dropout=0.0), "decoder": nn.Linear(6, 11)}
    model = nn.ModuleDict(layers)
    model.decoder.weight = model.encoder.weight
    nn.init.uniform_(model.encoder.weight, -0.1, 0.1)
    data = lib.tensor(rng.integers(0, 11, 44)).view(4, -1).t().contiguous()

    def run(x: Any, hidden: Any) -> Any:
        output, hidden = model.rnn(model.encoder(x), hidden)
        return F.log_softmax(model.decoder(output).view(-1, 11), dim=1), hidden

    yield model
    weight = next(model.parameters())
    hidden = zeros = (weight.new_zeros(2, 4, 6), weight.new_zeros(2, 4, 6))
    for i in range(0, data.size(0) - 1, 5):
        model.zero_grad()
        output, hidden = run(data[i : i + 5], tuple(h.detach() for h in hidden))
        loss = nn.NLLLoss(reduction="mean")(output, data[i + 1 : i + 6].view(-1))
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-0.5)
        yield loss, norm
    return F.nll_loss(run(data[:5], zeros)[0], data[1:6].reshape(-1), reduction="none").view(5, 4).sum(0)


def translation_with_attention(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    model = nn.Module()
    model.source, model.target = nn.Embedding(9, 6, padding_idx=0), nn.Embedding(8, 6)
    model.encoder, model.decoder = nn.GRU(6, 6, batch_first=True), nn.GRU(12, 6, batch_first=True)
    model.Wa, model.Ua, model.Va, model.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 1), nn.Linear(6, 8)
    x, t = lib.tensor(rng.integers(0, 9, (3, 5))), lib.tensor(rng.integers(0, 8, (3, 4)))

    def decode() -> Any:
        keys, hidden = model.encoder(model.source(x))
        word, outputs = lib.zeros(3, 1, dtype=lib.long), []
        for i in range(4):
            query = hidden.permute(1, 0, 2)
            scores = model.Va(lib.tanh(model.Wa(query) + model.Ua(keys))).squeeze(2).unsqueeze(1)
            context = lib.bmm(F.softmax(scores, dim=-1), keys)
            output, hidden = model.decoder(lib.cat((model.target(word), context), dim=2), hidden)
            outputs.append(model.out(output))
            word = t[:, i].unsqueeze(1)
        return F.log_softmax(lib.cat(outputs, dim=1), dim=-1)

    yield model
    optimizer = lib.optim.Adamax(model.parameters(), lr=0.01)
    criterion = nn.NLLLoss(ignore_index=0, reduction="mean")
    yield from trained(model, optimizer, lambda: criterion(decode().view(-1, 8), t.view(-1)))
    yield decode().topk(1)[1].squeeze(-1)
    return F.nll_loss(decode().transpose(1, 2), t, ignore_index=0, reduction="none").sum(1)


def sine_waves(lib: Any, rng: Any) -> Program:
    nn = lib.nn
    seq = nn.ModuleList([nn.LSTMCell(1, 5), nn.GRUCell(5, 5), nn.Linear(5, 1)])
    data = np.sin((np.arange(12)[None] + rng.integers(0, 20, (4, 1))) / 3.0)
    input, target = lib.from_numpy(data[:, :-1]), lib.from_numpy(data[:, 1:])

    def predicted() -> Any:
        h, c, g, outputs = lib.zeros(4, 5), lib.zeros(4, 5), lib.zeros(4, 5), []
        for x in input.split(1, dim=1):
            h, c = seq[0](x, (h, c))
            g = seq[1](h, g)
            outputs += [seq[2](g)]
        return lib.cat(outputs, dim=1)

    yield seq
    optimizer = lib.optim.LBFGS(seq.parameters(), lr=0.8, max_iter=5, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = nn.MSELoss(reduction="mean")(predicted(), target)
        loss.backward()
        return loss

    for _ in range(4):
        yield optimizer.step(closure)
    return nn.functional.smooth_l1_loss(predicted(), target, reduction="none").sum(dim=1)


def generative_transformer(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, flash: bool) -> None:
            super().__init__()
            self.ln_1, self.ln_2, self.flash = nn.LayerNorm(8, bias=False), nn.RMSNorm(8), flash
            self.c_attn, self.c_proj = nn.Linear(8, 24, bias=False), nn.Linear(8, 8)
            self.mlp = nn.Sequential(nn.Linear(8, 32), nn.GELU(approximate="tanh"), nn.Linear(32, 8), nn.Dropout(0.0))
            self.register_buffer("bias", lib.tril(lib.ones(6, 6)).view(1, 1, 6, 6))

        def forward(self, x: Any) -> Any:
            b, t, c = x.size()
            parts = self.c_attn(self.ln_1(x)).split(8, dim=2)
            q, k, v = (part.view(b, t, 2, 4).transpose(1, 2) for part in parts)
            if self.flash:
                y = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=True)
            else:
                att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
                y = F.softmax(att.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf")), dim=-1) @ v
            x = x + self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))
            return x + self.mlp(self.ln_2(x))

    parts = {"wte": nn.Embedding(11, 8), "wpe": nn.Embedding(6, 8), "h": nn.ModuleList([Block(True), Block(False)])}
    gpt = nn.ModuleDict(dict(**parts, lm_head=nn.Linear(8, 11, bias=False)))
    gpt.wte.weight = gpt.lm_head.weight
    gpt.apply(lambda m: nn.init.normal_(m.weight, mean=0.0, std=0.2) if isinstance(m, nn.Linear) else None)

    def logits(idx: Any) -> Any:
        x = gpt.wte(idx) + gpt.wpe(lib.arange(0, idx.size(1), dtype=lib.long))
        for block in gpt.h:
            x = block(x)
        return gpt.lm_head(x)

    data = lib.tensor(rng.integers(0, 11, (4, 7)))
    x, y = data[:, :-1], data[:, 1:].clone()
    y[0, :2] = -1
    yield gpt
    decay = [[p for p in gpt.parameters() if (p.dim() >= 2) is big] for big in (True, False)]
    groups = [{"params": decay[0], "weight_decay": 0.1}, {"params": decay[1], "weight_decay": 0.0}]
    optimizer = lib.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    schedule = lib.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5, eta_min=1e-3)
    loss = lambda: F.cross_entropy(logits(x).view(-1, 11), y.reshape(-1), ignore_index=-1, reduction="mean")
    yield from trained(gpt, optimizer, loss, 5, schedule)
    last = logits(x)[:, -1, :]
    last[last < lib.topk(last, 3)[0][:, [-1]]] = -float("Inf")
    yield F.softmax(last, dim=-1)
    return F.cross_entropy(logits(x).transpose(1, 2), y, ignore_index=-1, reduction="none").sum(1)


def classification_of_padded_texts(lib: Any, rng: Any) -> Program:
    nn, F = lib.nn, lib.nn.functional
    layer = nn.TransformerEncoderLayer(8, 2, 10, 0.0, activation="gelu", batch_first=True, norm_first=True)
    model = nn.ModuleDict({"emb": nn.Embedding(9, 8, padding_idx=0), "pos": nn.Embedding(6, 8)})
    model["encoder"] = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    model["conv"] = nn.utils.parametrizations.weight_norm(nn.Conv1d(8, 6, 3, padding=2, dilation=2))
    model["rnn"], model["head"] = nn.RNN(6, 3, bidirectional=True, batch_first=True), nn.Linear(6, 3)
    ids = rng.integers(1, 9, (4, 6))
    ids[1, 4:] = ids[2, 2:] = 0
    x, y = lib.tensor(ids), lib.tensor(rng.integers(0, 3, 4))

    def logits() -> Any:
        h = model["emb"](x) + model["pos"](lib.arange(6))[None, :, :].expand(4, 6, 8)
        h = model["encoder"](h, src_key_padding_mask=x == 0)
        h = F.glu(lib.cat([h, h.roll(1, -1)], -1)).transpose(1, 2)
        return model["head"](model["rnn"](model["conv"](h).transpose(1, 2))[0].max(dim=1).values)

    for p in model["encoder"].parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    yield model
    optimizer = lib.optim.NAdam(params=model.parameters(), lr=0.01)
    schedule = lib.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: min((epoch + 1) / 3, 1.0))
    yield from trained(model, optimizer, lambda: F.cross_entropy(logits(), y, reduction="mean"), 5, schedule)
    return F.cross_entropy(logits(), y, reduction="none")


PROGRAMS: list[Callable[[Any, Any], Program]] = [
    lenet_of_lazy_layers,
    residual_network,
    digits_with_adadelta,
    two_adversaries,
    variational_autoencoder,
    super_resolution,
    pairs_and_triplets,
    critic_with_gradient_penalty,
    language_model_with_tied_weights,
    translation_with_attention,
    sine_waves,
    generative_transformer,
    classification_of_padded_texts,
]
