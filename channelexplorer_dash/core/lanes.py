"""Instructions on many bits or numbers at once, for compiled loops: what numba has no words for.

Each is written in LLVM's portable vectors, and becomes AVX2, AVX-512 or NEON, whatever the machine has.
Arrays come as addresses (``array.ctypes.data``); the caller sees to it that they are long enough. Bits of a
word are in the order of the bytes of a little-endian machine, as are all that numba supports.

Whoever changes an instruction touches its callers' files, too: numba keeps their machine code by the date of
the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORDS = 4
"""Words of 64 bits that are worked on at once: one AVX2 register."""
LANES = 64 * WORDS
"""Bits that are worked on at once."""
TURN = 16
"""Rows that :data:`add_rows` adds at once."""
BLOCK = 64
"""Numbers that :data:`mark_above` compares at once."""

_HELD = TURN.bit_length() - 1  # planes that adding a turn keeps in registers
_BITS = ir.VectorType(ir.IntType(64), WORDS)
_BYTES = 8 * WORDS
_PART = 32  # lanes unpacked at once
_LINE = 64  # bytes that are fetched from memory at once
_READ_ONCE_DATA = (0, 2, 1)  # how LLVM's prefetch is to fetch: for reading, into all caches, data

Build = Callable[[Any, Any, Any, Any], Any]


def _add_rows(typing: Any, planes: Any, depth: Any, table: Any, offsets: Any) -> tuple[Any, Build]:
    """Add 16 rows of bits to 256 counters: ``add_rows(planes, depth, table, offsets)``.

    The counters are bit-sliced: bit p of counter j is bit j of plane p, of ``depth`` planes (at least 4) of
    256 bits. ``offsets`` are 16 int32, where in ``table`` the rows begin, in bytes. The tree of carry-save
    adders of Harley and Seal (Warren, Hacker's Delight, 2nd ed., 5-1) costs five bitwise operations a row,
    whatever the depth.
    """

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        planes, depth, table, offsets = arguments
        held = [_load(b, planes, _BYTES * level, _BITS) for level in range(_HELD)]
        waiting: list[list[Any]] = [[] for _ in range(_HELD + 1)]
        for row in range(TURN):
            offset = b.sext(_load(b, offsets, 4 * row, ir.IntType(32)), table.type)
            waiting[0].append(_load(b, b.add(table, offset), 0, _BITS))
            level = 0
            while level < _HELD and len(waiting[level]) == 2:
                held[level], carry = _full_adder(b, held[level], *waiting[level])
                waiting[level].clear()
                level += 1
                waiting[level].append(carry)
        for level, plane in enumerate(held):
            _store(b, plane, planes, _BYTES * level)
        carried = cgutils.alloca_once_value(b, waiting[_HELD][0])
        first, end = (_constant(planes, _BYTES * _HELD), b.mul(depth, _constant(planes, _BYTES)))
        with cgutils.for_range_slice(b, first, end, _constant(planes, _BYTES), planes.type) as (at, _):
            plane, carry = _load(b, b.add(planes, at), 0, _BITS), b.load(carried)
            _store(b, b.xor(plane, carry), b.add(planes, at), 0)
            b.store(b.and_(plane, carry), carried)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), build


def _unpack_counters(typing: Any, planes: Any, depth: Any, counts: Any) -> tuple[Any, Build]:
    """Write 256 bit-sliced counters as int32: ``unpack_counters(planes, depth, counts)``."""
    numbers = ir.VectorType(ir.IntType(32), _PART)
    flags = ir.VectorType(ir.IntType(1), _PART)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        planes, depth, counts = arguments
        plane = _constant(planes, _BYTES)
        for part in range(LANES // _PART):
            total = cgutils.alloca_once(b, numbers)
            b.store(ir.Constant(numbers, None), total)
            with cgutils.for_range_slice(
                b, _constant(planes, 0), depth, _constant(planes, 1), planes.type
            ) as (
                done,
                _,
            ):
                # From the highest plane down: each doubles what stands there.
                level = b.sub(b.sub(depth, done), _constant(planes, 1))
                bits = _load(b, b.add(planes, b.mul(level, plane)), part * _PART // 8, ir.IntType(_PART))
                sofar = b.load(total)
                b.store(b.add(b.add(sofar, sofar), b.zext(b.bitcast(bits, flags), numbers)), total)
            _store(b, b.load(total), counts, 4 * part * _PART)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), build


def _mark_above(typing: Any, values: Any, blocks: Any, limit: Any, marks: Any) -> tuple[Any, Build]:
    """Mark and count what is above a limit: ``mark_above(values, blocks, limit, marks) -> count``.

    ``values`` are float32, 64 a block; each block's marks are one word of ``marks``.
    """
    numbers = ir.VectorType(ir.FloatType(), BLOCK)
    word = ir.IntType(64)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        values, blocks, limit, marks = arguments
        limits = _spread(b, limit, BLOCK)
        count = cgutils.alloca_once(b, word)
        b.store(word(0), count)
        with cgutils.for_range_slice(b, _constant(values, 0), blocks, _constant(values, 1), values.type) as (
            block,
            _,
        ):
            numbers_here = _load(b, b.add(values, b.mul(block, _constant(values, 4 * BLOCK))), 0, numbers)
            above = b.bitcast(b.fcmp_ordered(">", numbers_here, limits), word)
            _store(b, above, b.add(marks, b.mul(block, _constant(values, 8))), 0)
            b.store(b.add(b.load(count), b.ctpop(above)), count)
        return b.load(count)

    return types.int64(types.intp, types.intp, types.float32, types.intp), build


def _scale_row(
    typing: Any, row: Any, shift: Any, scale: Any, blocks: Any, limit: Any, live: Any, values: Any
) -> tuple[Any, Build]:
    """Normalise a row: ``scale_row(row, shift, scale, blocks, limit, live, values) -> count``.

    All are float32, 64 a block, but ``live``, of which each block has one word. Writes (row − shift) · scale,
    and returns how many of the live ones are above the limit; -1 if any, live or not, is NaN or infinite.
    """
    numbers = ir.VectorType(ir.FloatType(), BLOCK)
    word = ir.IntType(64)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        row, shift, scale, blocks, limit, live, values = arguments
        limits = _spread(b, limit, BLOCK)
        zeros = ir.Constant(numbers, None)
        count, poison = cgutils.alloca_once(b, word), cgutils.alloca_once(b, numbers)
        b.store(word(0), count)
        b.store(zeros, poison)
        with cgutils.for_range_slice(b, _constant(row, 0), blocks, _constant(row, 1), row.type) as (block, _):
            at = b.mul(block, _constant(row, 4 * BLOCK))
            distance = b.fsub(_load(b, b.add(row, at), 0, numbers), _load(b, b.add(shift, at), 0, numbers))
            scaled = b.fmul(distance, _load(b, b.add(scale, at), 0, numbers))
            _store(b, scaled, b.add(values, at), 0)
            # Nothing but NaN comes of NaN or infinity times 0, and it stays in the sum.
            b.store(b.fadd(b.load(poison), b.fmul(scaled, zeros)), poison)
            above = b.bitcast(b.fcmp_ordered(">", scaled, limits), word)
            above = b.and_(above, _load(b, b.add(live, b.mul(block, _constant(row, 8))), 0, word))
            b.store(b.add(b.load(count), b.ctpop(above)), count)
        unordered = b.bitcast(b.fcmp_unordered("uno", b.load(poison), zeros), word)
        return b.select(b.icmp_unsigned("==", unordered, word(0)), b.load(count), word(-1))

    return types.int64(
        types.intp, types.intp, types.intp, types.intp, types.float32, types.intp, types.intp
    ), build


def _mark_between(
    typing: Any, values: Any, ahead: Any, blocks: Any, low: Any, high: Any, live: Any, wide: Any, narrow: Any
) -> tuple[Any, Build]:
    """Mark above two limits: ``mark_between(values, ahead, blocks, low, high, live, wide, narrow)``.

    Live ``values`` above the lower limit are marked in ``wide``, those above the upper one in ``narrow``;
    returns how many these are, the first 2³² times. ``ahead`` is the next row of 64 float32 a block, which is
    fetched from memory meanwhile.
    """
    numbers = ir.VectorType(ir.FloatType(), BLOCK)
    word = ir.IntType(64)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        values, ahead, blocks, low, high, live, wide, narrow = arguments
        limits = [(_spread(b, low, BLOCK), wide), (_spread(b, high, BLOCK), narrow)]
        counts = [cgutils.alloca_once_value(b, word(0)) for _ in limits]
        with cgutils.for_range_slice(b, _constant(values, 0), blocks, _constant(values, 1), values.type) as (
            block,
            _,
        ):
            numbers_here = _load(b, b.add(values, b.mul(block, _constant(values, 4 * BLOCK))), 0, numbers)
            _fetch(b, b.add(ahead, b.mul(block, _constant(values, 4 * BLOCK))), range(0, 4 * BLOCK, _LINE))
            at = b.mul(block, _constant(values, 8))
            alive = _load(b, b.add(live, at), 0, word)
            for (limit, marks), count in zip(limits, counts, strict=True):
                above = b.and_(b.bitcast(b.fcmp_ordered(">", numbers_here, limit), word), alive)
                _store(b, above, b.add(marks, at), 0)
                b.store(b.add(b.load(count), b.ctpop(above)), count)
        return b.or_(b.shl(b.load(counts[0]), word(32)), b.load(counts[1]))

    return types.int64(
        types.intp, types.intp, types.intp, types.float32, types.float32, types.intp, types.intp, types.intp
    ), build


def _lowest_bit(typing: Any, word: Any) -> tuple[Any, Build]:
    """Return the position of the lowest bit that is set in a word that is not 0."""

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), build


add_rows: Any = intrinsic(_add_rows)
unpack_counters: Any = intrinsic(_unpack_counters)
mark_above: Any = intrinsic(_mark_above)
scale_row: Any = intrinsic(_scale_row)
mark_between: Any = intrinsic(_mark_between)
lowest_bit: Any = intrinsic(_lowest_bit)


def _fetch(b: Any, address: Any, offsets: range) -> None:
    """Have lines of memory fetched into the cache while other work goes on."""
    pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, *[ir.IntType(32)] * 3])
    prefetch = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    for offset in offsets:
        place = b.inttoptr(b.add(address, _constant(address, offset)), pointer)
        b.call(prefetch, [place, *map(ir.IntType(32), _READ_ONCE_DATA)])


def _spread(b: Any, number: Any, lanes: int) -> Any:
    """Return a vector of one number."""
    nothing = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    first = b.insert_element(nothing, number, ir.IntType(32)(0))
    return b.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), lanes), None))


def _full_adder(b: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
    """Return sum and carry of three bits, in each lane."""
    either = b.xor(x, y)
    return b.xor(either, z), b.or_(b.and_(x, y), b.and_(either, z))


def _constant(like: Any, number: int) -> Any:
    return ir.Constant(like.type, number)


def _load(b: Any, address: Any, offset: int, kind: Any) -> Any:
    place = b.inttoptr(b.add(address, _constant(address, offset)), kind.as_pointer())
    return b.load(place, align=_ALIGN)


def _store(b: Any, value: Any, address: Any, offset: int) -> None:
    place = b.inttoptr(b.add(address, _constant(address, offset)), value.type.as_pointer())
    b.store(value, place, align=_ALIGN)


# NumPy promises no more for what begins inside an array of int32 or float32.
_ALIGN = 4
