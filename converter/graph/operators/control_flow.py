"""Loops, conditions, and nodes that are graphs themselves."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx, nn

from ..construction.builder import Values
from ..construction.call import Call, Subgraph
from ..layers.loops import Condition, Foreach, WhileLoop

MOST_STEPS = 1 << 20


def foreach(call: Call) -> Values:
    """A loop over the first axis of its sequences.

    The node's inputs are the sequences, the states and what does not change; the attributes tell
    which variables of the body they are. Without `remain_locs`, as up to MXNet 1.3, the inputs have
    the order of the body's variables.
    """
    attributes = call.attributes
    sequences, states = _places(call, "in_data_locs"), _places(call, "in_state_locs")
    if not sequences:
        raise attributes.unsupported("in_data_locs")
    order = tuple(range(len(call)))
    if attributes.has("remain_locs"):
        order = (*sequences, *states, *_places(call, "remain_locs"))
    if sorted(order) != list(range(len(call))):
        raise call.error("its attributes do not assign each input to one variable of the body")
    inputs = sorted(range(len(call)), key=order.__getitem__)  # by variable
    ranks = [call.rank(index) for index in inputs]
    for place in sequences:
        rank = ranks[place]
        ranks[place] = None if rank is None else rank - 1
    changing = {inputs[place] for place in (*sequences, *states)}
    body = call.subgraph(0, inputs, ranks, changing)
    outputs = _output_count(call, body, len(states))
    place_of = {variable: number for number, variable in enumerate(body.arguments)}
    loop = Foreach(
        body.module,
        [place_of[each] for each in sequences],
        [place_of[each] for each in states],
        outputs,
    )
    values = [call.value(inputs[variable]) for variable in body.arguments]
    return _results(call, loop, values, _stacked(body.ranks, outputs))


def while_loop(call: Call) -> Values:
    """A loop that runs while its condition holds, at most `max_iterations` times."""
    attributes = call.attributes
    limit = attributes.count("max_iterations")
    if limit > MOST_STEPS:
        raise attributes.unsupported("max_iterations")
    of_condition, of_body = _places(call, "cond_input_locs"), _places(call, "func_input_locs")
    places = attributes.integers("func_var_locs", most=len(call))
    if not all(0 <= place < len(of_body) for place in places):
        raise attributes.unsupported("func_var_locs")
    variables = [of_body[place] for place in places]
    condition = _inner(call, 0, of_condition, set(variables))
    body = _inner(call, 1, of_body, set(variables))
    outputs = _output_count(call, body, len(variables))
    if len(condition.ranks) != 1:
        raise call.error("the loop's condition has more than one result")
    parts = (condition, of_condition), (body, of_body)
    taken, inputs = _taken(parts, variables)
    loop = WhileLoop(
        condition.module,
        body.module,
        inputs[0],
        inputs[1],
        [taken.index(each) for each in variables],
        outputs,
        limit,
    )
    return _results(call, loop, [call.value(each) for each in taken], _stacked(body.ranks, outputs))


def condition(call: Call) -> Values:
    """One of two branches, as a condition decides; only that one is computed."""
    places = [_places(call, f"{each}_input_locs") for each in ("cond", "then", "else")]
    parts = [_inner(call, number, inputs, set()) for number, inputs in enumerate(places)]
    predicate, one, other = parts
    if len(predicate.ranks) != 1 or len(one.ranks) != len(other.ranks):
        raise call.error("its branches, or its condition, have a wrong number of results")
    _output_count(call, one, 0)
    taken, inputs = _taken(list(zip(parts, places, strict=True)), ())
    layer = Condition(
        predicate.module, (one.module, other.module), inputs[0], (inputs[1], inputs[2])
    )
    return _results(call, layer, [call.value(each) for each in taken], one.ranks)


def inner_graph(call: Call) -> Values:
    """A graph in a node, as MXNet's partitioning of graphs makes them."""
    part = _inner(call, 0, tuple(range(len(call))), set())
    return _results(call, part.module, [call.value(each) for each in part.arguments], part.ranks)


def _places(call: Call, name: str) -> tuple[int, ...]:
    """An attribute that is a list of numbers of inputs."""
    places = call.attributes.integers(name, (), most=len(call))
    if not all(0 <= place < len(call) for place in places):
        raise call.attributes.unsupported(name)
    return places


def _inner(call: Call, number: int, inputs: Sequence[int], changing: set[int]) -> Subgraph:
    return call.subgraph(number, inputs, [call.rank(index) for index in inputs], changing)


def _taken(
    parts: Sequence[tuple[Subgraph, Sequence[int]]], always: Sequence[int]
) -> tuple[list[int], list[list[int]]]:
    """The inputs of the node that are arguments of its graphs.

    Args:
        parts: Each graph with the number of the node's input for each of its variables.
        always: Numbers of inputs that are arguments in any case.

    Returns:
        The numbers of these inputs, and for each graph the places of its arguments among them.
    """
    inputs = [[of[variable] for variable in part.arguments] for part, of in parts]
    taken = sorted({*always, *(index for each in inputs for index in each)})
    return taken, [[taken.index(index) for index in each] for each in inputs]


def _output_count(call: Call, body: Subgraph, states: int) -> int:
    """The number of a body's results that are not states; the attributes must agree with it."""
    results = call.attributes.count("num_outputs", len(body.ranks))
    outputs = call.attributes.integer("num_out_data", len(body.ranks) - states)
    if results != len(body.ranks) or outputs + states != results or outputs < 0:
        raise call.error(f"its graph has {len(body.ranks)} results; expected {results}")
    return outputs


def _stacked(ranks: Sequence[int | None], outputs: int) -> tuple[int | None, ...]:
    stacked = (None if rank is None else rank + 1 for rank in ranks[:outputs])
    return (*stacked, *ranks[outputs:])


def _results(
    call: Call, layer: nn.Module, values: Sequence[fx.Node], ranks: Sequence[int | None]
) -> Values:
    result = call.module(layer, *values, rank=None)
    return call.parts(result, ranks, [f"_{place}" for place in range(len(ranks))])


OPERATORS = {
    "_foreach": foreach,
    "_while_loop": while_loop,
    "_cond": condition,
    **dict.fromkeys(("_CachedOp", "_CachedOpThreadSafe"), inner_graph),
}
