"""The network: how it is computed in training, and how it is written as ONNX.

A layer that halves or quarters has a kernel as large as its stride, so that it is a product of matrices; only what looks at
neighbours is a 3x3 one, and none is depthwise. These are the shapes in which rten comes nearest to ONNX Runtime, and JAX
trains them fast on a CPU too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from jax import lax
from onnx import TensorProto, helper, numpy_helper

from .pictures import SIDE


class Layer(NamedTuple):
    side: int
    stride: int
    channels: int


# After these, 32x32 places are left, then 16x16, then 8x8, each of which has seen 64x64 pixels.
LAYERS = [Layer(4, 4, 32), Layer(1, 1, 48), Layer(2, 2, 64), Layer(3, 1, 64), Layer(2, 2, 96), Layer(3, 1, 96), Layer(1, 1, 192)]
NORM_MOMENTUM, NORM_EPSILON = 0.95, 1e-3


def initial(key, labels):
    """Weights (HWIO), and the running means and variances of each layer's output."""
    weights, norms, inputs = [], [], 3
    for layer in LAYERS:
        key, own = jax.random.split(key)
        fan_in = layer.side**2 * inputs
        weights.append(
            {
                "kernel": jax.random.normal(own, (layer.side, layer.side, inputs, layer.channels)) * np.sqrt(2 / fan_in),
                "scale": jnp.ones(layer.channels),
                "shift": jnp.zeros(layer.channels),
            }
        )
        norms.append((jnp.zeros(layer.channels), jnp.ones(layer.channels)))
        inputs = layer.channels
    last = {"kernel": jax.random.normal(key, (inputs, labels)) * np.sqrt(1 / inputs), "shift": jnp.zeros(labels)}
    return {"layers": weights, "last": last}, norms


def blocks(array, side):
    """Height and width in blocks of side x side that become channels."""
    *many, height, width, channels = array.shape
    array = array.reshape(*many, height // side, side, width // side, side, channels)
    array = jnp.moveaxis(array, -4, -3)
    return array.reshape(*many, height // side, width // side, side * side * channels)


def convolved(values, kernel, layer):
    if layer.side == layer.stride:
        kernel = jnp.moveaxis(blocks(jnp.moveaxis(kernel, -1, 0), layer.side), 0, -1)
        return jnp.einsum("nhwc,cd->nhwd", blocks(values, layer.side), kernel[0, 0])
    return lax.conv_general_dilated(values, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def scores(weights, norms, pictures, training):
    """Logits of pictures (NHWC, 0 to 1), and the running means and variances after them."""
    values, after = pictures, []
    for layer, own, (mean, variance) in zip(LAYERS, weights["layers"], norms):
        values = convolved(values, own["kernel"], layer)
        if training:
            now = values.mean((0, 1, 2)), values.var((0, 1, 2))
            after.append(tuple(NORM_MOMENTUM * old + (1 - NORM_MOMENTUM) * new for old, new in zip((mean, variance), now)))
            mean, variance = now
        values = (values - mean) * (own["scale"] * lax.rsqrt(variance + NORM_EPSILON)) + own["shift"]
        values = jax.nn.relu(values)
    return values.mean((1, 2)) @ weights["last"]["kernel"] + weights["last"]["shift"], after


def as_onnx(weights, norms, description):
    """`image` (batch, 3, 128, 128; RGB, 0 to 1) to `scores` (batch, labels; they add up to 1), normalisation folded in."""
    nodes, constants, at = [], [], "image"

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    for number, (layer, own, (mean, variance)) in enumerate(zip(LAYERS, weights["layers"], norms)):
        factor = np.asarray(own["scale"]) / np.sqrt(np.asarray(variance) + NORM_EPSILON)
        kernel = (np.asarray(own["kernel"]) * factor).transpose(3, 2, 0, 1)
        shift = np.asarray(own["shift"]) - np.asarray(mean) * factor
        inputs = [at, constant(f"kernel{number}", kernel), constant(f"shift{number}", shift)]
        around = 0 if layer.side == layer.stride else layer.side // 2
        nodes.append(
            helper.make_node(
                "Conv", inputs, [f"sum{number}"], f"conv{number}",
                kernel_shape=[layer.side] * 2, strides=[layer.stride] * 2, pads=[around] * 4,
            )  # fmt: skip
        )
        nodes.append(helper.make_node("Relu", [f"sum{number}"], [f"layer{number}"], f"relu{number}"))
        at = f"layer{number}"
    last = constant("last", weights["last"]["kernel"]), constant("last_shift", weights["last"]["shift"])
    nodes.append(helper.make_node("GlobalAveragePool", [at], ["means"], "pool"))
    nodes.append(helper.make_node("Flatten", ["means"], ["features"], "flatten", axis=1))
    nodes.append(helper.make_node("Gemm", ["features", *last], ["logits"], "last"))
    nodes.append(helper.make_node("Softmax", ["logits"], ["scores"], "softmax", axis=1))
    labels = weights["last"]["shift"].size
    graph = helper.make_graph(
        nodes,
        "flags",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", labels])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="train-model.py", doc_string=description
    )
    onnx.checker.check_model(model, full_check=True)
    return model
