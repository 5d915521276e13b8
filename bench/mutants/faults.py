"""The faults that can be put into a module, one at a time."""

import ast
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = ("comparison", "condition", "constant", "call", "return")
"""A comparison is changed, a condition negated, a number moved by one, a call dropped, a result replaced."""

_SIGNS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
"""Each comparison, and what it becomes."""
_LOGGERS = {"log", "_log", "_LOG", "logger"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: in `path` (from the checkout), the bytes from `start` to `end` become `text`."""

    path: str
    line: int
    kind: str
    start: int
    end: int
    text: str

    def applied(self, source: bytes) -> bytes:
        """Return the module with the fault."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def draw(groups: dict[str, list[Path]], checkout: Path, count: int, seed: int) -> list[tuple[str, Fault]]:
    """Draw faults, the same for the same code and seed: from each group in turn, each kind alike, then any place.

    Raises:
        ValueError: A group has no place left.
    """
    chance = random.Random(seed)
    found: dict[str, dict[str, list[Fault]]] = {group: {kind: [] for kind in KINDS} for group in groups}
    for group, paths in groups.items():
        for path in paths:
            for fault in faults(path, checkout):
                found[group][fault.kind].append(fault)
    drawn: list[tuple[str, Fault]] = []
    for group in itertools.islice(itertools.cycle(groups), count):
        kinds = [kind for kind in KINDS if found[group][kind]]
        if not kinds:
            raise ValueError(f"{group} has only {sum(name == group for name, _ in drawn)} places for a fault")
        places = found[group][chance.choice(kinds)]
        drawn.append((group, places.pop(chance.randrange(len(places)))))
    return drawn


def faults(path: Path, checkout: Path) -> list[Fault]:
    """Return every fault that a module can have, in the order of its lines."""
    source = path.read_bytes()
    module = _Module(str(path.relative_to(checkout)), source)
    return sorted(module.faults(), key=lambda fault: (fault.start, fault.end, fault.kind))


class _Module:
    def __init__(self, path: str, source: bytes) -> None:
        self._path, self._source = path, source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def faults(self) -> Iterator[Fault]:
        tree = ast.parse(self._source)
        skipped = set(_never_run(tree))
        for node in ast.walk(tree):
            if node not in skipped:
                yield from self._of(node)

    def _of(self, node: ast.AST) -> Iterator[Fault]:
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                start, end = self._end(left), self._start(right)
                between, (sign, other) = self._source[start:end].decode(), _SIGNS[type(operator)]
                if between.count(sign) == 1:
                    yield self._fault(node, "comparison", start, end, between.replace(sign, other))
            case ast.Constant(value=value) if type(value) in (int, float):
                yield self._replaced(node, "constant", repr(value + 1))  # type: ignore[operator]
            case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())) if not _logs(node.value):
                yield self._replaced(node, "call", "pass")
            case ast.Return(value=ast.expr() as value):
                nothing = isinstance(value, ast.Constant) and value.value is None
                is_bool = isinstance(value, ast.Compare | ast.BoolOp) or (
                    isinstance(value, ast.Constant) and isinstance(value.value, bool)
                )
                if not nothing:
                    yield self._replaced(value, "return", f"not ({self._text(value)})" if is_bool else "None")
        match node:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                yield from self._negated(test)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    yield from self._negated(test)
            case ast.match_case(guard=ast.expr() as test):
                yield from self._negated(test)

    def _negated(self, test: ast.expr) -> Iterator[Fault]:
        if not (isinstance(test, ast.Constant) or any(isinstance(part, ast.NamedExpr) for part in ast.walk(test))):
            yield self._replaced(test, "condition", f"(not ({self._text(test)}))")

    def _replaced(self, node: ast.expr | ast.stmt, kind: str, text: str) -> Fault:
        return self._fault(node, kind, self._start(node), self._end(node), text)

    def _fault(self, node: ast.expr | ast.stmt, kind: str, start: int, end: int, text: str) -> Fault:
        return Fault(self._path, node.lineno, kind, start, end, text)

    def _text(self, node: ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)].decode()

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset


def _logs(value: ast.expr) -> bool:
    call = value.value if isinstance(value, ast.Await) else value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in _LOGGERS
    )


def _never_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what only says something: annotations, imports for types, messages, and the fields of log lines."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.AnnAssign(annotation=annotation):
                parts = [annotation]
            case ast.arg(annotation=annotation):
                parts = [annotation]
            case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
                parts = [returns]
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                parts = [node]
            case ast.Assert() | ast.Raise() | ast.JoinedStr():
                parts = [node]
            case ast.Expr(value=ast.Call() | ast.Await() as value) if _logs(value):
                parts = [node]
            case ast.FunctionDef(name="__repr__" | "__str__"):
                parts = [node]
        for part in parts:
            if part is not None:
                yield from ast.walk(part)
