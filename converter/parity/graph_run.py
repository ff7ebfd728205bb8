"""Running a graph by MXNet, in this process or, if it has loops, in another one.

MXNet's default engine may run what follows a loop before the loop has ended: of 300 runs of a graph
with a `_foreach`, 210 were wrong, and some crashed. Its NaiveEngine, of which a process has one or
none, runs one operator after another; but it crashes where several threads have used it. So graphs
with loops are run by another process, which has that engine and one thread.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any, cast

from ..errors import GraphError
from ..sources.arrays import Array
from ..sources.mxnet_compat import import_mxnet

_CODE = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"


def run_graph(symbol: Any, values: Sequence[Array]) -> list[Array]:
    """MXNet's outputs of a graph.

    CachedOp, which hybridized networks use, runs it. Executors fuse operators for oneDNN and give
    wrong results for some networks: a trained CIFAR ResNet-56 v2 was off by 0.8 of its largest
    output in float32.

    Args:
        symbol: The graph.
        values: Its inputs and arrays, in the order of `symbol.list_inputs()`.

    Raises:
        MXNetError: If MXNet cannot run it on these.
        GraphError: If the other process has crashed.
    """
    mxnet = import_mxnet()
    text = symbol.tojson(remove_amp_cast=False)
    if '"subgraphs"' not in text:
        return _outputs(mxnet, symbol, values)
    succeeded, result = _OTHER.ask(text, list(values))
    if not succeeded:
        raise mxnet.MXNetError(result)
    return cast("list[Array]", result)


def _outputs(mxnet: Any, symbol: Any, values: Sequence[Array]) -> list[Array]:
    found = mxnet.nd.CachedOp(symbol)(*(mxnet.nd.array(each, dtype=each.dtype) for each in values))
    return [each.asnumpy() for each in (found if isinstance(found, (list, tuple)) else [found])]


class _OtherProcess:
    """A process that runs graphs; it is started when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, text: str, values: list[Array]) -> tuple[bool, Any]:
        """Send a graph and its values; the answer is the outputs, or the message of an error."""
        with self._lock:
            requests, answers = self._pipes()
            try:
                pickle.dump((text, values), requests, pickle.HIGHEST_PROTOCOL)
                requests.flush()
                answer: tuple[bool, Any] = pickle.load(answers)
            except (EOFError, OSError) as error:
                self.close()
                raise GraphError("MXNet crashed when it ran the graph; try again") from error
            return answer

    def close(self) -> None:
        """End the process, if it was started."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            atexit.register(self.close)
            code = _CODE.format(path=[each for each in sys.path if each], module=__name__)
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # MXNet names its engine there
                env={**os.environ, "MXNET_ENGINE_TYPE": "NaiveEngine"},
            )
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        return requests, answers


_OTHER = _OtherProcess()


def serve() -> None:
    """Run the graphs that come through standard input until it ends."""
    mxnet: Any = import_mxnet()
    while True:
        try:
            text, values = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: tuple[bool, Any]
        try:
            answer = True, _outputs(mxnet, mxnet.sym.load_json(text), values)
        except mxnet.MXNetError as error:
            answer = False, str(error)
        pickle.dump(answer, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
        sys.stdout.flush()
