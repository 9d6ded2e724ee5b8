"""Weights in half as many bits: each large constant as float16, and a Cast behind it, which a runtime does once when it loads the
file.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Shorter ones are not worth a Cast.
FEWEST_VALUES = 1_024


def halved(model):
    nodes, constants = [], []
    for constant in model.graph.initializer:
        value = numpy_helper.to_array(constant)
        if value.dtype == np.float32 and value.size >= FEWEST_VALUES:
            constant = numpy_helper.from_array(value.astype(np.float16), f"{constant.name}.half")
            nodes.append(helper.make_node("Cast", [constant.name], [constant.name.removesuffix(".half")], to=TensorProto.FLOAT))
        constants.append(constant)
    written = onnx.ModelProto()
    written.CopyFrom(model)
    written.graph.ClearField("initializer")
    written.graph.ClearField("node")
    written.graph.initializer.extend(constants)
    written.graph.node.extend(nodes + list(model.graph.node))
    onnx.checker.check_model(written, full_check=True)
    return written
