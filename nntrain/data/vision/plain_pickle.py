"""Arrays, lists and text out of a pickle without unpickling: nothing is imported, called or run.

CIFAR's published batches are pickles. Of the pickle machine (the standard library's `pickletools` tells of it) only the
operations that build plain data are known here, and of all that a pickle may name only what numpy's arrays are stored
by; whatever else a file asks for is refused.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntrain.errors import UserError

# What a name in the file stands for: a word that only `_reduced` and `_built` know.
NAMES = {
    **{f"numpy.{core}.multiarray _reconstruct": "new array" for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": "array of bytes" for core in ("core", "_core")},
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
OLD_STRINGS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}  # of Python 2, whose text is bytes
NOTHING = {"PROTO", "FRAME", "STOP"}


@dataclass(frozen=True)
class _Name:
    """Something that the file calls by its name."""

    meaning: str


@dataclass
class _Type:
    """A numpy type in the making."""

    code: str
    order: str = "="

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.code).newbyteorder(">" if self.order == ">" else "<" if self.order == "<" else "=")


@dataclass
class _Array:
    """An array in the making."""

    values: NDArray[Any] | None = None


class _RefusedError(Exception):
    """The file asks for something that plain data does not need."""


def read_plain_pickle(path: Path) -> dict[str, Any]:
    """The pickled mapping in a file: numbers, text, bytes, lists, tuples and numpy arrays of numbers under names.

    Raises UserError for a file cut short, for one that is no pickle, and for one that asks for anything else.
    """
    try:
        found = _of(_interpreted(path.read_bytes()), dict)
        return {_text(key): _finished(value) for key, value in found.items()}
    except _RefusedError as error:
        raise UserError(
            f"{path}: refused, and nothing of it was run: a batch of pictures is plain arrays, lists and text, and "
            f"this pickle {error}"
        ) from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, UnicodeError, OverflowError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: is truncated, or no pickle of pictures ({said})") from None


def _interpreted(content: bytes) -> Any:
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        taken = stack[start:]
        del stack[start:]
        return taken

    argument: Any
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in CONSTANTS:
            stack.append(CONSTANTS[name]())
        elif name in NUMBERS or name in TEXTS:
            stack.append(argument)
        elif name in BYTES:
            stack.append(bytes(argument))
        elif name in OLD_STRINGS:
            stack.append(argument.encode("latin-1"))
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[argument])
        elif name in ("APPEND", "APPENDS"):
            added = [stack.pop()] if name == "APPEND" else since_mark()
            _of(stack[-1], list).extend(added)
        elif name in ("SETITEM", "SETITEMS", "DICT"):
            flat = _popped(stack, 2) if name == "SETITEM" else since_mark()
            if name == "DICT":
                stack.append({})
            _of(stack[-1], dict).update({_key(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)})
        elif name == "LIST":
            stack.append(since_mark())
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(_popped(stack, int(name[-1]))))
        elif name == "GLOBAL":
            stack.append(_named(argument))
        elif name == "STACK_GLOBAL":
            stack.append(_named(" ".join(map(_text, _popped(stack, 2)))))
        elif name == "REDUCE":
            called, given = _popped(stack, 2)
            stack.append(_reduced(called, _of(given, tuple)))
        elif name == "BUILD":
            _build(stack[-2], _of(stack.pop(), tuple))
        elif name not in NOTHING:
            raise _RefusedError(f"has the operation {name}")
    return stack.pop()


def _popped(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError("a value is missing")
    taken = stack[-count:]
    del stack[-count:]
    return taken


def _of(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:
        raise TypeError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _key(key: Any) -> str | bytes | int:
    if not isinstance(key, str | bytes | int):
        raise TypeError(f"a {type(key).__name__} as a name")
    return key


def _named(name: str) -> _Name:
    if name not in NAMES:
        raise _RefusedError(f"asks for {name.replace(' ', '.')}")
    return _Name(NAMES[name])


def _reduced(called: Any, given: tuple[Any, ...]) -> Any:
    """What a call in the file makes, where it is one of the four that plain arrays need."""
    meaning = _of(called, _Name).meaning
    made: dict[str, Callable[[], Any]] = {
        "encode": lambda: _of(given[0], str).encode("latin-1"),
        "dtype": lambda: _type(given[0]),
        "new array": _Array,
        "array of bytes": lambda: _Array(_filled(given[2], _of(given[1], _Type), given[0], given[3] == "F")),
    }
    if meaning not in made:
        raise _RefusedError(f"calls {meaning}")
    return made[meaning]()


def _type(code: Any) -> _Type:
    text = _text(code)
    if not re.fullmatch(r"[<>|=]?[buif][1248]", text):
        raise _RefusedError(f"holds an array of type {text!r}, not of numbers")
    return _Type(text)


def _build(made: Any, state: tuple[Any, ...]) -> None:
    """The contents of what was made before: the byte order of a type, or shape, type and bytes of an array."""
    if isinstance(made, _Type):
        made.order = _text(state[1])
    elif isinstance(made, _Array):
        _, shape, kind, by_column, content = state
        made.values = _filled(shape, _of(kind, _Type), content, bool(by_column))
    else:
        raise _RefusedError(f"fills a {type(made).__name__}")


def _filled(shape: Any, kind: _Type, content: Any, by_column: bool) -> NDArray[Any]:
    flat: NDArray[Any] = np.frombuffer(_of(content, bytes), kind.dtype)
    return flat.reshape(_of(shape, tuple), order="F" if by_column else "C")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _finished(value: Any) -> Any:
    """Text for bytes, an array for what stood for it. Not below the first list, which the file may make endless."""
    if isinstance(value, _Array):
        return _of(value.values, np.ndarray)
    if isinstance(value, list):
        return [_text(one) if isinstance(one, bytes) else one for one in value]
    return _text(value) if isinstance(value, bytes) else value
