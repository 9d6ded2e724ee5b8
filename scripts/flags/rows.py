"""The same network as products of matrices, the form that rten computes soonest.

At every Conv, rten packs what the kernel looks at value by value. At a MatMul it takes values as they lie. So a place is a row here,
its channels side by side, and what a convolution looks at is gathered, place by place, into a row for each place that it computes.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper


def looked_at(side, kernel, stride):
    """The number of each place that a kernel looks at, a row for each place that it computes; what lies outside is `side * side`."""
    around = 0 if kernel == stride else kernel // 2
    places = np.arange(0, side, stride)[:, None] + np.arange(kernel) - around
    down, across = places[:, None, :, None], places[None, :, None, :]
    is_inside = (0 <= down) & (down < side) & (0 <= across) & (across < side)
    return np.where(is_inside, down * side + across, side * side).reshape(-1, kernel**2).astype(np.int32)


def in_rows(model):
    weights = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(kind, inputs, out, **attributes):
        nodes.append(helper.make_node(kind, inputs, [out], out, **attributes))
        return out

    def reshaped(values, out, *shape):
        return add("Reshape", [values, constant(f"{out}_shape", np.array([0, *shape]))], out)

    def of_convolution(node, side):
        """Returns how many places a row of the picture has afterwards."""
        (values, kernel, shift), of, out = node.input, node.name, node.output[0]
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        (stride, _), matrix = attributes["strides"], weights[kernel].transpose(2, 3, 1, 0)
        size, _, channels, _ = matrix.shape
        after = side // stride
        if values == model.graph.input[0].name:
            # A picture comes in a plane a colour; so its rows do too, block by block.
            matrix = weights[kernel].transpose(1, 2, 3, 0)
            values = reshaped(values, f"{of}_blocks", channels, after, stride, after, stride)
            values = add("Transpose", [values], f"{of}_moved", perm=[0, 2, 4, 1, 3, 5])
            values = reshaped(values, f"{of}_rows", after**2, size**2 * channels)
        elif size > 1:
            if size > stride:
                edge = constant(f"{of}_edge", np.array([0, 0, 0, 0, 1, 0])), constant(f"{of}_zero", np.float32(0))
                values = add("Pad", [values, *edge], f"{of}_edged")
            places = constant(f"{of}_places", looked_at(side, size, stride))
            values = add("Gather", [values, places], f"{of}_gathered", axis=1)
            values = reshaped(values, f"{of}_rows", after**2, size**2 * channels)
        product = add("MatMul", [values, constant(kernel, matrix.reshape(size**2 * channels, -1))], f"{of}_product")
        add("Add", [product, constant(shift, weights[shift])], out)
        return after

    side = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    for node in model.graph.node:
        if node.op_type == "Conv":
            side = of_convolution(node, side)
        elif node.op_type == "GlobalAveragePool":
            add("ReduceMean", node.input, node.output[0], axes=[1], keepdims=1)
        else:
            nodes.append(node)
    unchanged = {name for node in nodes for name in node.input} - {constant.name for constant in constants}
    constants += [constant for constant in model.graph.initializer if constant.name in unchanged]
    written = onnx.ModelProto()
    written.CopyFrom(model)
    written.graph.ClearField("initializer")
    written.graph.ClearField("node")
    written.graph.initializer.extend(constants)
    written.graph.node.extend(nodes)
    onnx.checker.check_model(written, full_check=True)
    return written
