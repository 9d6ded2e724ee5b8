"""The quantised network, in the form that rten computes in whole numbers.

Each convolution becomes QuantizeLinear, ConvInteger, and a factor for each channel. The scales are constants, found by calibration.
What comes into a convolution is never negative, so bytes from 0 up stand for it. rten computes the forms that ONNX Runtime's own
quantisation writes, QLinearConv and QDQ, not at all or as floats.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# Seven bits: without VNNI, x86 adds two products of bytes in 16 bits, and 2 * 255 * 127 doesn't fit there.
GREATEST_WEIGHT = 63
GREATEST_VALUE = 255


def greatest_inputs(model, images):
    """The greatest value that comes into each convolution, over all of `images`, a list of batches."""
    names = [node.input[0] for node in model.graph.node if node.op_type == "Conv"]
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    inner = [name for name in names if name != "image"]
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inner)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    greatest = np.max([[value.max() for value in session.run(inner, {"image": batch})] for batch in images], axis=0)
    return {"image": 1.0} | dict(zip(inner, greatest.tolist()))


def quantised(model, images):
    greatest = greatest_inputs(model, images)
    weights = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    def of_convolution(node):
        values, kernel, shift = node.input
        of, out = node.name, node.output[0]
        kernel, shift = weights[kernel], weights[shift]
        value_step = np.float32(greatest[values] / GREATEST_VALUE)
        weight_step = np.abs(kernel).max((1, 2, 3), keepdims=True) / GREATEST_WEIGHT
        whole = np.round(kernel / weight_step).astype(np.int8)
        step = constant(f"{of}.value_step", value_step)
        zero = constant(f"{of}.zero", np.uint8(0))
        kernel = constant(f"{of}.kernel", whole)
        factor = constant(f"{of}.factor", (value_step * weight_step).astype(np.float32).reshape(1, -1, 1, 1))
        shift = constant(f"{of}.shift", shift.reshape(1, -1, 1, 1))
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        top, left, bottom, right = attributes.pop("pads", (0, 0, 0, 0))
        padding = []
        if any((top, left, bottom, right)):
            # rten 0.27 pads the bytes of a ConvInteger with 128, and not with their zero.
            edges = constant(f"{of}.edges", np.array([0, 0, top, left, 0, 0, bottom, right]))
            padding = [helper.make_node("Pad", [values, edges, constant(f"{of}.edge", np.float32(0))], [f"{of}.padded"])]
            values = f"{of}.padded"
        return padding + [
            helper.make_node("QuantizeLinear", [values, step, zero], [f"{of}.bytes"]),
            helper.make_node("ConvInteger", [f"{of}.bytes", kernel, zero], [f"{of}.whole"], **attributes),
            helper.make_node("Cast", [f"{of}.whole"], [f"{of}.float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{of}.float", factor], [f"{of}.scaled"]),
            helper.make_node("Add", [f"{of}.scaled", shift], [out]),
        ]

    for node in model.graph.node:
        nodes += of_convolution(node) if node.op_type == "Conv" else [node]
    used = {name for node in nodes for name in node.input}
    constants += [constant for constant in model.graph.initializer if constant.name in used]
    graph = helper.make_graph(nodes, "flags, quantised", model.graph.input, model.graph.output, constants)
    written = helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name=model.producer_name,
        doc_string=model.doc_string,
    )  # fmt: skip
    onnx.checker.check_model(written, full_check=True)
    return written
