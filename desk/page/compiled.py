"""Templates are compiled once for all languages: that takes most of a second, and once a language three times as long.

Jinja computes a filter of a constant while it compiles, and would keep one language's result for all. It does not do so
if the filter takes the context of a page, so all filters of ours do.
"""

from collections.abc import Callable
from types import CodeType
from typing import Any

from jinja2 import pass_context
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.runtime import Context


class CompiledTemplates(BytecodeCache):
    """Compiled templates in the memory of this process, by template and content."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._codes[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledTemplates()


def of_the_page(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that is computed when a page is made, never when its template is compiled."""

    @pass_context
    def filtered(context: Context, *arguments: Any, **options: Any) -> Any:
        return compute(*arguments, **options)

    return filtered
