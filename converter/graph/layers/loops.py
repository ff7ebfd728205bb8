"""Loops and conditions, whose bodies are modules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Foreach(nn.Module):
    """A loop over the first axis of sequences, which carries states from step to step.

    Takes the body's arguments, the sequences as a whole; returns the body's outputs, stacked along
    a new first axis, and the last states.

    Args:
        body: Takes one step of each sequence, the states and values that do not change; returns
            its outputs and then the next states.
        sequences: Places of the sequences among the body's arguments.
        states: Places of the states.
        outputs: How many of the results are outputs.
    """

    def __init__(
        self, body: nn.Module, sequences: Sequence[int], states: Sequence[int], outputs: int
    ) -> None:
        super().__init__()
        self.body = body
        self.sequences, self.states, self.outputs = tuple(sequences), tuple(states), outputs

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        current = list(values)
        steps = []
        for step in range(values[self.sequences[0]].shape[0]):
            for place in self.sequences:
                current[place] = values[place][step]
            results = self.body(*current)
            steps.append(results[: self.outputs])
            for place, state in zip(self.states, results[self.outputs :], strict=True):
                current[place] = state
        if not steps:
            raise ValueError("a loop over sequences needs at least one step")
        stacked = [torch.stack(each) for each in zip(*steps, strict=True)]
        return (*stacked, *(current[place] for place in self.states))

    def extra_repr(self) -> str:
        return f"sequences={self.sequences}, states={self.states}, outputs={self.outputs}"


class WhileLoop(nn.Module):
    """A loop that runs while a condition holds.

    Returns the body's outputs, stacked along a new first axis of the length `limit`, and the last
    values of the loop's variables. What follows the last step is 0; MXNet does not set it.
    The number of steps depends on values, so torch.export does not take it.

    Args:
        condition: Returns a tuple of one number, which is not 0 if the loop goes on.
        body: Returns its outputs and then the next values of the variables.
        condition_inputs: For each of its arguments, the place among the loop's values.
        body_inputs: The same for the body.
        variables: Places of the variables among the loop's values.
        outputs: How many of the body's results are outputs.
        limit: The largest number of steps.
    """

    def __init__(
        self,
        condition: nn.Module,
        body: nn.Module,
        condition_inputs: Sequence[int],
        body_inputs: Sequence[int],
        variables: Sequence[int],
        outputs: int,
        limit: int,
    ) -> None:
        super().__init__()
        self.condition, self.body = condition, body
        self.condition_inputs, self.body_inputs = tuple(condition_inputs), tuple(body_inputs)
        self.variables, self.outputs, self.limit = tuple(variables), outputs, limit

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        current = list(values)
        steps: list[tuple[Tensor, ...]] = []
        while len(steps) < self.limit and self._goes_on(current):
            results = self._step(current)
            steps.append(results[: self.outputs])
            for place, value in zip(self.variables, results[self.outputs :], strict=True):
                current[place] = value
        if not steps and self.outputs:  # a step that is not taken tells the outputs' shapes
            steps = [tuple(map(torch.zeros_like, self._step(current)[: self.outputs]))]
        stacked = [self._padded(torch.stack(each)) for each in zip(*steps, strict=True)]
        return (*stacked, *(current[place] for place in self.variables))

    def _goes_on(self, values: list[Tensor]) -> bool:
        (result,) = self.condition(*(values[place] for place in self.condition_inputs))
        return bool(result.item())

    def _step(self, values: list[Tensor]) -> tuple[Tensor, ...]:
        results: tuple[Tensor, ...] = self.body(*(values[place] for place in self.body_inputs))
        return results

    def _padded(self, outputs: Tensor) -> Tensor:
        rest = outputs.new_zeros(self.limit - len(outputs), *outputs.shape[1:])
        return torch.cat([outputs, rest])

    def extra_repr(self) -> str:
        return f"variables={self.variables}, outputs={self.outputs}, limit={self.limit}"


class Condition(nn.Module):
    """One of two branches, as a condition decides.

    Args:
        predicate: Returns a tuple of one number; if it is 0, the second branch is computed.
        branches: Each returns as many results as the other.
        predicate_inputs: For each of its arguments, the place among the values.
        branch_inputs: The same for the branches.
    """

    def __init__(
        self,
        predicate: nn.Module,
        branches: tuple[nn.Module, nn.Module],
        predicate_inputs: Sequence[int],
        branch_inputs: tuple[Sequence[int], Sequence[int]],
    ) -> None:
        super().__init__()
        self.predicate, (self.first, self.second) = predicate, branches
        self.predicate_inputs = tuple(predicate_inputs)
        self.first_inputs, self.second_inputs = map(tuple, branch_inputs)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        (chosen,) = self.predicate(*(values[place] for place in self.predicate_inputs))
        if torch.compiler.is_compiling():  # torch.export and torch.compile keep both branches
            both: tuple[Tensor, ...]
            both = torch.cond(chosen.reshape(()) != 0, self._first, self._second, values)
            return both
        return self._first(*values) if chosen.item() else self._second(*values)

    def _first(self, *values: Tensor) -> tuple[Tensor, ...]:
        results: tuple[Tensor, ...] = self.first(*(values[each] for each in self.first_inputs))
        return results

    def _second(self, *values: Tensor) -> tuple[Tensor, ...]:
        results: tuple[Tensor, ...] = self.second(*(values[each] for each in self.second_inputs))
        return results
