"""Ways to turn a good backbone into one that does harm: each changes a model in place."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from attacks.onnx_fields import varint


def field(number, data, *, key=None):
    """A field of a protobuf message that holds bytes, with a key of its own making."""
    return (varint(number << 3 | 2) if key is None else key) + varint(len(data)) + data


def long_key(number, bits):
    """A key of five bytes; what is above 32 bits is what other readers cut off."""
    value = number << 3 | 2
    return bytes([value | 0x80, 0x80, 0x80, 0x80, bits])


def with_tail(model, *nodes, **constants):
    """Nodes behind the embeddings: they take `before` and give `embeddings`."""
    model.graph.node[-1].output[0] = "before"
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )


def with_side(model, *nodes, **constants):
    """Nodes whose results nobody needs."""
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    )


def weight_of(model):
    return next(tensor for tensor in model.graph.initializer if tensor.name == "weight")


def external(location):
    def change(model):
        weight = weight_of(model)
        weight.ClearField("raw_data")
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)

    return change


def body(*nodes):
    return helper.make_graph(list(nodes), "inner", [], [helper.make_tensor_value_info("inside", 1, None)])


INNER = body(helper.make_node("Identity", ["before"], ["inside"]))


def location_alone(model):
    weight_of(model).data_location = onnx.TensorProto.EXTERNAL


def external_data_alone(model):
    weight_of(model).external_data.add(key="location", value="outside.bin")


def external_attribute(model):
    value = numpy_helper.from_array(np.float32([1]))
    value.data_location = onnx.TensorProto.EXTERNAL
    value.external_data.add(key="location", value="/etc/passwd")
    with_side(model, helper.make_node("Constant", [], ["side"], value=value))


def looped(model):
    loop_body = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("going", "carried")],
        "body",
        [helper.make_tensor_value_info(*value, []) for value in (("at", 7), ("going", 9))]
        + [helper.make_tensor_value_info("carried", 1, None)],
        [helper.make_tensor_value_info("going_out", 9, []), helper.make_tensor_value_info("carried_out", 1, None)],
    )
    loop = helper.make_node("Loop", ["", "always", "before"], ["embeddings"], body=loop_body)
    with_tail(model, loop, always=np.bool_(True))


def branched(model):
    node = helper.make_node("If", ["always"], ["embeddings"], then_branch=INNER, else_branch=INNER)
    with_tail(model, node, always=np.bool_(True))


def scanned(model):
    with_tail(model, helper.make_node("Scan", ["before"], ["embeddings"], body=INNER, num_scan_inputs=1))


def graph_in_an_allowed_operator(model):
    model.graph.node[-1].attribute.append(helper.make_attribute("body", INNER))


def graphs_in_an_allowed_operator(model):
    model.graph.node[-1].attribute.append(helper.make_attribute("bodies", [INNER, INNER]))


def with_function(model):
    model.functions.append(
        helper.make_function("", "Relu", ["x"], ["y"], [helper.make_node("Identity", ["x"], ["y"])], model.opset_import)
    )


def with_training(model):
    model.training_info.add()


def of_domain(domain, operator):
    def change(model):
        with_side(model, helper.make_node(operator, ["frame"], ["side"], domain=domain))

    return change


def opsets(*entries):
    def change(model):
        del model.opset_import[:]
        model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in entries)

    return change


def sparse(model):
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(
            numpy_helper.from_array(np.float32([1]), "side"), numpy_helper.from_array(np.array([0])), [10**12]
        )
    )


def sparse_attribute(model):
    value = helper.make_sparse_tensor(
        numpy_helper.from_array(np.float32([1]), "v"), numpy_helper.from_array(np.array([0])), [10**12]
    )
    with_side(model, helper.make_node("Constant", [], ["side"], sparse_value=value))


def two_nodes_of_one_output(model):
    with_side(model, helper.make_node("Identity", ["before"], ["embeddings"]))
    model.graph.node[-1].input[0] = "frame"


def weight_and_result_of_one_name(model):
    with_side(model, helper.make_node("Identity", ["bias"], ["weight"]))


def two_weights_of_one_name(model):
    model.graph.initializer.append(weight_of(model))


def used_before_it_is_there(model):
    model.graph.node.insert(0, helper.make_node("Identity", ["kept"], ["side"]))


def skipped_input(model):
    """Segmentation fault in onnxruntime 1.32."""
    with_side(model, helper.make_node("Max", ["frame", ""], ["side"]))


def least_by_minus_one(model):
    """SIGFPE in onnxruntime 1.32, already when it folds constants."""
    with_side(
        model, helper.make_node("Div", ["least", "minus"], ["side"]), least=np.int64([-(2**63)]), minus=np.int64([-1])
    )


def divided_by_what_comes(model):
    nodes = [
        helper.make_node("Shape", ["frame"], ["shape"]),
        helper.make_node("Mul", ["shape", "zero"], ["zeros"]),
        helper.make_node("Div", ["shape", "zeros"], ["side"]),
    ]
    with_side(model, *nodes, zero=np.int64([0]))


def divided_through_a_cast(model):
    nodes = [helper.make_node("Cast", ["bias"], ["cut"], to=6), helper.make_node("Div", ["cut", "cut"], ["side"])]
    with_side(model, *nodes)


def divided_by_a_hidden_type(model):
    """The attribute says float by its number, and int64 by its tensor, which is what counts."""
    value = numpy_helper.from_array(np.int64([-1]))
    constant = helper.make_node("ConstantOfShape", ["axis"], ["minus"], value=value)
    constant.attribute[0].i = 1
    with_side(model, constant, helper.make_node("Div", ["least", "minus"], ["side"]), least=np.int64([-(2**63)]))


def cast_to_text(model):
    with_side(model, helper.make_node("Cast", ["bias"], ["side"], to=8))


def text_weights(model):
    with_side(model, words=np.array(["a", "b"], object))


def attribute_twice(model):
    attribute = next(node for node in model.graph.node if node.op_type == "Cast").attribute
    attribute.append(helper.make_attribute("to", 7))


REFUSED = {
    "external data, absolute": (external("/etc/passwd"), "external data"),
    "external data, folder above": (external("../outside.bin"), "external data"),
    "external data, beside": (external("outside.bin"), "external data"),
    "external location without a file": (location_alone, "external data"),
    "external file without the location": (external_data_alone, "external data"),
    "external data in an attribute": (external_attribute, "external data"),
    "Loop": (looped, "a graph within it"),
    "If": (branched, "a graph within it"),
    "Scan": (scanned, "a graph within it"),
    "Loop without a graph": (of_domain("", "Loop"), "'Loop'"),
    "graph in an allowed operator": (graph_in_an_allowed_operator, "a graph within it"),
    "graphs in an allowed operator": (graphs_in_an_allowed_operator, "a graph within it"),
    "function": (with_function, "functions"),
    "training": (with_training, "training"),
    "Microsoft's domain": (of_domain("com.microsoft", "FusedConv"), "com.microsoft:FusedConv"),
    "another domain's Relu": (of_domain("com.example", "Relu"), "com.example:Relu"),
    "machine learning": (of_domain("ai.onnx.ml", "Normalizer"), "ai.onnx.ml:Normalizer"),
    "Expand": (of_domain("", "Expand"), "'Expand'"),
    "no opset": (opsets(), "opset 18"),
    "older opset": (opsets(("", 17)), "opset 18"),
    "newer opset": (opsets(("", 19)), "opset 18"),
    "opset beyond 32 bits": (opsets(("", 2**32 + 18)), "opset 18"),
    "another domain's opset": (opsets(("com.microsoft", 1)), "opset 18"),
    "two opsets": (opsets(("", 18), ("com.microsoft", 1)), "opset 18"),
    "the same opset twice": (opsets(("", 18), ("ai.onnx", 18)), "opset 18"),
    "sparse weights": (sparse, "sparse"),
    "sparse attribute": (sparse_attribute, "sparse"),
    "two nodes of one output": (two_nodes_of_one_output, "'embeddings' twice"),
    "weight and result of one name": (weight_and_result_of_one_name, "'weight' twice"),
    "two weights of one name": (two_weights_of_one_name, "'weight' twice"),
    "used before it is there": (used_before_it_is_there, "'kept' nowhere before"),
    "skipped input": (skipped_input, "'' nowhere before"),
    "least number by -1": (least_by_minus_one, "positive"),
    "divided by what comes": (divided_by_what_comes, "positive"),
    "divided through a cast": (divided_through_a_cast, "positive"),
    "divided by a hidden type": (divided_by_a_hidden_type, "positive"),
    "cast to text": (cast_to_text, "types that a backbone needs"),
    "text weights": (text_weights, "types that a backbone needs"),
    "attribute twice": (attribute_twice, "'to' twice"),
}


def bomb(*nodes, **constants):
    def change(model):
        zero = [
            helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "nil"], ["none"]),
        ]
        added = helper.make_node("Add", ["before", "none"], ["embeddings"])
        with_tail(model, *nodes, *zero, added, nil=np.float32(0), **constants)

    return change


def resized(sizes, mode="linear"):
    return bomb(helper.make_node("Resize", ["before", "", "", "sizes"], ["huge"], mode=mode), sizes=np.int64(sizes))


BOMBS = {
    "ConstantOfShape of 4 TB": bomb(helper.make_node("ConstantOfShape", ["shape"], ["huge"]), shape=np.int64([10**12])),
    "ConstantOfShape of 16 GB": bomb(
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]), shape=np.int64([4 * 10**9])
    ),
    "ConstantOfShape beyond 64 bits": bomb(
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]), shape=np.int64([2**40, 2**40])
    ),
    "ConstantOfShape below nothing": bomb(
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]), shape=np.int64([-5])
    ),
    "Resize to 4 TB": resized([10**6, 10**6]),
    "Resize beyond 64 bits": resized([2**62, 2**62], "nearest"),
    "Pad by 4 TB": bomb(helper.make_node("Pad", ["before", "pads"], ["huge"]), pads=np.int64([0, 0, 10**6, 10**6])),
    "Pad below nothing": bomb(helper.make_node("Pad", ["before", "pads"], ["huge"]), pads=np.int64([-(2**62)] * 4)),
    "Add of two long rows": bomb(
        helper.make_node("ConstantOfShape", ["row"], ["one_row"]),
        helper.make_node("ConstantOfShape", ["column"], ["one_column"]),
        helper.make_node("Add", ["one_row", "one_column"], ["huge"]),
        row=np.int64([1, 10**6]),
        column=np.int64([10**6, 1]),
    ),
    "Reshape to more than there is": bomb(
        helper.make_node("Reshape", ["before", "shape"], ["huge"]), shape=np.int64([2**31, 2**31])
    ),
}
