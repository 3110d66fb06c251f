"""Mutations of the ONNX file that leave it a well-formed protobuf message."""

import json
import math
import random

import numpy as np
import onnx
from onnx import numpy_helper

from attacks import json_mutations
from attacks.draft import Draft
from attacks.odd_values import ALL_OPERATORS, ALLOWED, ATTRIBUTES, FLOATS, INTEGERS, KINDS, MODES, TEXTS, TYPES
from attacks.onnx_fields import parsed, put, with_metadata


def onnx_node(draft: Draft) -> None:
    """Another operator, other inputs, a node more or less, or in another place."""
    model, dice = parsed(draft.data("backbone.onnx")), draft.dice
    nodes = model.graph.node
    position = dice.randrange(len(nodes))
    node, chance = nodes[position], dice.random()
    draft.words = f"{node.op_type}: "
    if chance < 0.3:
        node.op_type = dice.choice(ALL_OPERATORS)
        draft.words += f"now {node.op_type}"
    elif chance < 0.6:
        names = [value for other in nodes for value in (*other.input, *other.output)]
        which = dice.choice([node.input, node.input, node.output])
        if which:
            which[dice.randrange(len(which))] = dice.choice([*names, *TEXTS])
        draft.words += f"from {list(node.input)} to {list(node.output)}"[:60]
    elif chance < 0.7:
        del nodes[position]
        draft.words += "gone"
    elif chance < 0.8:
        nodes.insert(dice.randrange(len(nodes) + 1), nodes[position])
        draft.words += "twice"
    elif chance < 0.9:
        node.input.append(dice.choice(["frame", "weight", "constant_1", ""]))
        draft.words += f"also from {node.input[-1]!r}"
    else:
        other = dice.randrange(len(nodes))
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        node.CopyFrom(nodes[other])
        nodes[other].CopyFrom(kept)
        draft.words += f"changes places with {node.op_type}"
    put(draft, model)


def onnx_attribute(draft: Draft) -> None:
    """An attribute with another value, or one that the operator may or may not know."""
    model, dice = parsed(draft.data("backbone.onnx")), draft.dice
    node = dice.choice(model.graph.node)
    if node.attribute and dice.random() < 0.5:
        attribute = dice.choice(node.attribute)
        kind = KINDS.get(attribute.type, "s")
    else:
        kind = dice.choice(list(ATTRIBUTES))
        attribute = node.attribute.add(name=dice.choice(ATTRIBUTES[kind]))
    if kind == "ints":
        values = list(attribute.ints) or [1, 1]
        values[dice.randrange(len(values))] = dice.choice(INTEGERS)
        values = dice.choice([values, values, values[:-1], [*values, 1]])
        new = onnx.helper.make_attribute(attribute.name, values, attr_type=onnx.AttributeProto.INTS)
    else:
        value = dice.choice({"i": INTEGERS, "f": FLOATS, "s": MODES}[kind])
        new = onnx.helper.make_attribute(attribute.name, value)
    attribute.CopyFrom(new)
    draft.words = f"{node.op_type}: {str(attribute)!r}"[:100]
    put(draft, model)


def onnx_weight(draft: Draft) -> None:
    """Other values, another shape or another type of an initializer."""
    model, dice = parsed(draft.data("backbone.onnx")), draft.dice
    tensor, chance = dice.choice(model.graph.initializer), dice.random()
    draft.words = f"{tensor.name}: "
    if chance < 0.3:
        dims = list(tensor.dims)
        if dims:
            dims[dice.randrange(len(dims))] = dice.choice(INTEGERS)
        dims = dice.choice([dims, dims, dims[:-1], [*dims, 1], dims[::-1]])
        del tensor.dims[:]
        tensor.dims.extend(dims)
        draft.words += f"dims {dims}"
    elif chance < 0.4:
        tensor.data_type = dice.choice([0, *range(1, 24), 99, -1])
        draft.words += f"type {tensor.data_type}"
    else:
        values = numpy_helper.to_array(tensor).copy()
        flat = values.reshape(-1)
        position = dice.randrange(flat.size)
        if values.dtype.kind == "f":
            tiny = flat[position] * np.float32(1 + dice.choice([1e-7, 1e-5, 1e-3, 0.1]))
            flat[position] = dice.choice([*FLOATS, tiny, tiny, tiny, -flat[position]])
        else:
            flat[position] = dice.choice(INTEGERS)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        draft.words += f"[{position}] = {flat[position]}"
    put(draft, model)


def onnx_extra(draft: Draft) -> None:
    """One more node, of any operator and any attributes, on odd constants; its result may or may not be needed."""
    model, dice = parsed(draft.data("backbone.onnx")), draft.dice
    graph = model.graph
    node = onnx.NodeProto(op_type=dice.choice(ALLOWED), name="extra", output=["extra"])
    schema = onnx.defs.get_schema(node.op_type, 18)
    for position in range(dice.randint(schema.min_input, min(schema.max_input, 5))):
        if dice.random() < 0.3:
            known = [value for other in graph.node for value in other.output] + [one.name for one in graph.initializer]
            node.input.append(dice.choice([*known, "frame", ""]))
        else:
            kinds = set(schema.inputs[min(position, len(schema.inputs) - 1)].types)
            graph.initializer.append(_odd_constant(dice, f"odd_{position}", kinds if dice.random() < 0.9 else set()))
            node.input.append(f"odd_{position}")
    for attribute in schema.attributes.values():
        kind = KINDS.get(attribute.type.value)
        if kind is not None and (attribute.required or dice.random() < 0.3):
            value = {"ints": [dice.choice(INTEGERS[:9]) for _ in range(dice.choice([0, 1, 2, 2, 2, 3, 4, 4, 5]))]}.get(
                kind
            )
            value = value or dice.choice({"i": INTEGERS, "f": FLOATS, "s": MODES}.get(kind, [[1, 1]]))
            node.attribute.append(onnx.helper.make_attribute(attribute.name, value))
    position = dice.randrange(len(graph.node) + 1)
    graph.node.insert(position, node)
    if dice.random() < 0.7 and position + 1 < len(graph.node):
        later = graph.node[dice.randrange(position + 1, len(graph.node))]
        if later.input:
            later.input[dice.randrange(len(later.input))] = "extra"
    draft.words = f"{node.op_type} of {list(node.input)} {[str(one) for one in node.attribute]}"[:200]
    put(draft, model)


def _odd_constant(dice: random.Random, name: str, kinds: set[str]) -> onnx.TensorProto:
    """A constant of few, unlikely values; of one of the kinds that a schema allows, if there are such."""
    dtype = dice.choice([one for one, kind in TYPES.items() if f"tensor({kind})" in kinds] or list(TYPES))
    pool = {"f": FLOATS, "b": [0, 1], "i": [0, 1, -1, 2, 7, 100], "u": [0, 1, 2, 7, 255]}[np.dtype(dtype).kind]
    if dtype is np.int64:
        pool = [one for one in INTEGERS if one < 2**63]
    shape = dice.choice(
        [(), (0,), (1,), (2,), (4,), (8,), (1, 1), (64, 8), (8, 3, 4, 4), (1, 3, 0, 2), (3, 3, 3, 3, 3)]
    )
    values = np.array([dice.choice(pool) for _ in range(math.prod(shape))], dtype).reshape(shape)
    return numpy_helper.from_array(values, name)


def onnx_facts(draft: Draft) -> None:
    """Something else in the JSON of the metadata."""
    model, dice = parsed(draft.data("backbone.onnx")), draft.dice
    facts = json.loads(model.metadata_props[0].value)
    draft.words = json_mutations.change(facts, dice)
    draft.entries["backbone.onnx"] = with_metadata(draft.data("backbone.onnx"), json_mutations.dumps(facts, dice))
