"""The CPU kernels give what torch's own give, and step aside where they do not apply."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from inference.fast.cpu_kernels import CpuKernels, linear_gelu, torch_kernels
from modeling.attention import attention


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_is_the_same_whole_or_sliced(bias):
    layer, x = nn.Linear(48, 40, bias=bias), torch.randn(2, 30, 48)
    sliced = layer.weight[:, :16]
    with CpuKernels():
        whole, part = layer(x), F.linear(x[..., :16], sliced)
        fused = linear_gelu(layer, x)
    torch.testing.assert_close(whole, layer(x))
    torch.testing.assert_close(part, F.linear(x[..., :16], sliced))
    torch.testing.assert_close(fused, F.gelu(layer(x), approximate="tanh"))


@torch.no_grad()
@pytest.mark.parametrize(("queries", "keys"), [(600, 520), (260, 700), (8, 512), (600, 24)])
def test_attention_is_the_same(queries, keys):
    query, key, value = (torch.randn(2, n, 3, 16) for n in (queries, keys, keys))
    expected = attention(query, key, value)
    with CpuKernels():
        torch.testing.assert_close(attention(query, key, value), expected)
    bias = torch.randn(1, 1, 1, keys)
    expected = attention(query, key, value, bias)
    with CpuKernels():
        torch.testing.assert_close(attention(query, key, value, bias), expected)


@torch.no_grad()
def test_half_precision_and_a_switch_leave_everything_to_torch():
    layer, x = nn.Linear(48, 40), torch.randn(2, 30, 48)
    with CpuKernels(), torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    with CpuKernels(), torch_kernels():
        switched_off = layer(x)
    assert torch.equal(switched_off, layer(x))
