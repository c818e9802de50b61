"""Networks as users have them: what each does that an engine of stacked, functional networks may not see."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from stages.datasets.torchvision_operators import torchvision

CLASSES = 10
Heads = namedtuple("Heads", "logits aux")


def plain(*layers, hidden=16):
    """Return layers between a flattened 8 x 8 image and the logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), *layers, nn.Linear(hidden, CLASSES))


class Of(nn.Module):
    """Rows of an image through `inner`, then the logits."""

    def __init__(self, inner, width=16, rows=True):
        super().__init__()
        self.enter = nn.Linear(8, width) if rows else nn.Linear(64, width)
        self.inner = inner
        self.leave = nn.Linear(width, CLASSES)
        self.rows = rows

    def forward(self, x):
        h = self.inner(self.enter(x.flatten(1, 2) if self.rows else x.flatten(1)))
        return self.leave(h.mean(1) if self.rows else h)


class Inner(nn.Module):
    """A module of one function of itself and its input."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def function(f, **parts):
    return Of(Inner(f, **parts), rows=False)


# Right as they are.


def lstm():
    return Of(Inner(lambda m, x: m.lstm(x)[0], lstm=nn.LSTM(16, 16, batch_first=True)))


def gru():
    return Of(Inner(lambda m, x: m.gru(x)[0], gru=nn.GRU(16, 16, batch_first=True)))


def attention():
    return Of(Inner(lambda m, x: m.mha(x, x, x)[0], mha=nn.MultiheadAttention(16, 4, batch_first=True)))


def encoder():
    return Of(nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2))


def vision_transformer():
    network = torchvision.models.VisionTransformer(8, 4, 1, 2, 16, 32, num_classes=CLASSES)
    nn.init.normal_(network.heads.head.weight)
    return Wide(network)


class Wide(nn.Module):
    """A network of three channels for grey images."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x.expand(-1, 3, -1, -1))


def frozen_backbone():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, CLASSES))
    network[:2].requires_grad_(False)
    return network


def written_slices():
    def f(m, x):
        out = torch.zeros(x.shape)
        out[:, :8], out[:, 8:] = m.a(x).tanh(), m.b(x)
        return out

    return function(f, a=nn.Linear(16, 8), b=nn.Linear(16, 8))


def lazy():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(CLASSES))


def flatten_by_name():
    return function(lambda m, x: m.a(torch.flatten(input=x[:, None], start_dim=1)), a=nn.Linear(16, 16))


def scaled_sum():
    return function(lambda m, x: torch.add(m.a(x), m.b(x).tanh(), alpha=0.5), a=nn.Linear(16, 16), b=nn.Linear(16, 16))


class BatchNormAct(nn.BatchNorm1d):
    """Batch norm with an activation in its own forward, as timm has it."""

    def forward(self, x):
        y = F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )
        return F.silu(y)


def batch_norm_with_activation():
    return plain(BatchNormAct(16, eps=0.01))


def batch_norm_without_scale():
    return plain(nn.BatchNorm1d(16, affine=False), nn.Tanh())


def batch_norm_without_statistics():
    return plain(nn.BatchNorm1d(16, track_running_stats=False), nn.Tanh())


def synchronised_batch_norm():
    return nn.SyncBatchNorm.convert_sync_batchnorm(plain(nn.BatchNorm1d(16, momentum=None), nn.Tanh()))


def zero_initialised_scale():
    norm = nn.BatchNorm1d(16)
    nn.init.zeros_(norm.weight)
    return plain(norm, nn.Tanh())


def pretrained():
    norm = nn.BatchNorm1d(16)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.normal_(norm.bias)
    return plain(norm, nn.Tanh())


def norm_after_norm():
    """As it starts, the second layer of batch norm sees means that are zero but for rounding."""
    return plain(nn.BatchNorm1d(16), nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16), nn.Tanh())


def hooks():
    network = plain(nn.BatchNorm1d(16), nn.Tanh())
    network[1].register_forward_pre_hook(lambda module, given: (2 * given[0],))
    network[2].register_forward_hook(lambda module, given, output: output + 0.5)
    return network


def parametrized():
    network = plain(nn.BatchNorm1d(16), nn.Tanh())
    nn.utils.parametrizations.weight_norm(network[1])
    return network


def old_weight_norm():
    network = plain(nn.Tanh())
    network[1] = nn.utils.weight_norm(network[1])
    return network


def in_place_on_a_shared_tensor():
    def f(m, x):
        h = m.a(x)
        same = h.view(-1, 16)
        h += m.b(x).tanh()
        return same * same

    return function(f, a=nn.Linear(16, 16), b=nn.Linear(16, 16))


def dropouts():
    return function(lambda m, x: F.dropout(m.drop(m.a(x)), 0.2, m.training), a=nn.Linear(16, 16), drop=nn.Dropout(0.3))


def wrapped():
    return nn.DataParallel(plain(nn.BatchNorm1d(16), nn.ReLU(inplace=True)))


def named_tuple():
    return Root(lambda logits: Heads(logits, 2 * logits))


def model_output():
    @dataclass
    class Output:
        logits: torch.Tensor

    return Root(Output)


def mapping():
    return Root(lambda logits: {"logits": logits, "loss": None})


class Auxiliary(nn.Module):
    """A network with a second head that is used in training only, as GoogLeNet has two."""

    def __init__(self):
        super().__init__()
        self.body, self.norm = nn.Sequential(nn.Flatten(), nn.Linear(64, 16)), nn.BatchNorm1d(16)
        self.head, self.aux = nn.Linear(16, CLASSES), plain_head()

    def forward(self, x):
        h = self.norm(self.body(x)).tanh()
        return Heads(self.head(h), self.aux(h)) if self.training else self.head(h)


def plain_head():
    return nn.Sequential(nn.BatchNorm1d(16), nn.Linear(16, CLASSES))


auxiliary_heads = Auxiliary


class Root(nn.Module):
    def __init__(self, give):
        super().__init__()
        self.body, self.give = plain(nn.Tanh()), give

    def forward(self, x):
        return self.give(self.body(x))


def squeezed_views():
    """Needs the usual layout of memory: views of what layers give."""
    return nn.Sequential(nn.Conv2d(1, 4, 3), Inner(lambda m, x: x.view(len(x), -1)), nn.Linear(144, CLASSES))


def control_flow():
    return function(
        lambda m, x: m.a(x) if float(m.a.weight.detach().sum()) > 1e9 else m.a(x) + m.b(x),
        a=nn.Linear(16, 16),
        b=nn.Linear(16, 16),
    )


# Refused.


def random_in_evaluation():
    return function(lambda m, x: F.dropout(m.a(x)), a=nn.Linear(16, 16))


def writes_into_its_input():
    return nn.Sequential(Inner(lambda m, x: x.sub_(0.5)), plain(nn.Tanh()))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x


def writes_into_a_buffer():
    return plain(Counting(), nn.Tanh())


def writes_into_a_parameter():
    def f(m, x):
        m.a.weight.data.clamp_(-0.01, 0.01)
        return m.a(x)

    return function(f, a=nn.Linear(16, 16))


def mixes_examples():
    return function(lambda m, x: m.a(x).softmax(0), a=nn.Linear(16, 16))


def batch_norm_as_a_function():
    return function(lambda m, x: F.batch_norm(m.a(x), None, None, training=True), a=nn.Linear(16, 16))


def layers_in_a_list():
    network = Inner(lambda m, x: m.body(x.flatten(1) @ m.layers[0].weight.mT), body=nn.Linear(64, CLASSES))
    network.layers = [nn.Linear(64, 64)]
    return network


def copied_weight():
    network = plain(nn.Tanh())
    network.kept = network[1].weight.data
    network[2] = Inner(lambda m, x: x @ network.kept[:, :16])
    return network


def twice_the_same_batch_norm():
    return function(lambda m, x: m.norm(m.a(m.norm(x))), norm=nn.BatchNorm1d(16), a=nn.Linear(16, 16))


class OwnBatchNorm(nn.BatchNorm1d):
    def forward(self, x):
        return (x - self.running_mean) * (self.running_var + self.eps).rsqrt()


def batch_norm_by_hand():
    return plain(OwnBatchNorm(16), nn.Tanh())


class HalfBatchNorm(nn.BatchNorm1d):
    """Normalises as its base does by running statistics, otherwise by those of the batch."""

    def forward(self, x):
        y = F.batch_norm(x, self.running_mean, self.running_var, None, None, self.training, 0.1, self.eps)
        return y * (2.0 if self.training else 1.0)


def batch_norm_that_differs_in_training():
    return plain(HalfBatchNorm(16), nn.Tanh())


def tracked_instance_norm():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True), nn.Flatten(), nn.Linear(144, CLASSES)
    )


def spectral():
    network = plain(nn.Tanh())
    nn.utils.parametrizations.spectral_norm(network[1])
    return network


def several_outputs():
    return Root(lambda logits: (logits, logits))


def other_outputs():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))


def three_channels():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, CLASSES))


def all_frozen():
    return plain(nn.Tanh()).requires_grad_(False)


def complex_parameter():
    return function(lambda m, x: m.a(x) * m.phase.real, a=nn.Linear(16, 16), phase=nn.Parameter(torch.ones(1) * 1j))


class Extra(nn.Tanh):
    def get_extra_state(self):
        return {"anything": 1}

    def set_extra_state(self, state):
        pass


def extra_state():
    return plain(Extra())


def other_default_dtype():
    torch.set_default_dtype(torch.float64)
    return plain(nn.Tanh())


def scripted():
    return torch.jit.script(plain(nn.Tanh()))


def drawn_by_numpy():
    network = plain(nn.Tanh())
    with torch.no_grad():
        network[1].weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=(16, 64))))
    return network


def unused_head():
    network = plain(nn.Tanh())
    network.aux = nn.Linear(3, 3)
    network.forward = lambda x: nn.Sequential(*list(network)[:4])(x)
    return network


# Wrong derivatives, or none.


def detached():
    return function(lambda m, x: m.a(x) * m.b(x).detach().tanh() + m.b(x) / 8, a=nn.Linear(16, 16), b=nn.Linear(16, 16))


def rounded():
    return function(
        lambda m, x: m.a(x) + (m.b(x) * 8).round() / 8 - m.b(x).detach(), a=nn.Linear(16, 16), b=nn.Linear(16, 16)
    )


def orthogonal():
    """PyTorch's second forward-mode derivative of its Householder products is wrong."""
    network = plain(nn.Tanh())
    nn.utils.parametrizations.orthogonal(network[3])
    return network


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0)


def own_autograd_function():
    return function(lambda m, x: Backward.apply(m.a(x)), a=nn.Linear(16, 16))
