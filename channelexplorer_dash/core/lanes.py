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
FEW = 32
"""Numbers that :data:`count_ahead` compares at once."""
LINE = 64
"""Bytes that are fetched from memory at once, and on whose multiples arrays had better begin."""
FETCHED = 3
"""Lines that :data:`mark_between` has fetched for each block: what memory brings meanwhile."""
TILE = 4
"""Rows that :data:`multiply_rows` multiplies with as many others."""
COUNTS = 32
"""Whole numbers of a row that are multiplied at once: its length is a multiple of this."""

_HELD = TURN.bit_length() - 1  # planes that adding a turn keeps in registers
_BITS = ir.VectorType(ir.IntType(64), WORDS)
_BYTES = 8 * WORDS
_PART = 32  # lanes unpacked at once
_FLAGS = 16  # numbers of an AVX-512 register, whose flags are kept at once
_READ_SOON_DATA = (0, 3, 1)  # how LLVM's prefetch is to fetch: for reading, into the first-level cache, data

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
    typing: Any, row: Any, scale: Any, offset: Any, blocks: Any, limit: Any, values: Any
) -> tuple[Any, Build]:
    """Normalise a row: ``scale_row(row, scale, offset, blocks, limit, values) -> count``.

    All are float32, 64 a block. Writes row · scale + offset, and returns how many of these are above the
    limit; -1 if any is NaN or infinite, or their sum is.
    """
    numbers, whole = ir.VectorType(ir.FloatType(), BLOCK), ir.VectorType(ir.IntType(32), BLOCK)
    word = ir.IntType(64)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        row, scale, offset, blocks, limit, values = arguments
        limits = _spread(b, limit, BLOCK)
        zeros, ones = ir.Constant(numbers, None), ir.Constant(whole, [1] * BLOCK)
        counts = cgutils.alloca_once_value(b, ir.Constant(whole, None))
        # NaN and infinity stay in a sum.
        total = cgutils.alloca_once_value(b, zeros)
        kind = ir.FunctionType(numbers, [numbers] * 3)
        multiply_add = cgutils.get_or_insert_function(b.module, kind, f"llvm.fmuladd.v{BLOCK}f32")
        with cgutils.for_range_slice(b, _constant(row, 0), blocks, _constant(row, 1), row.type) as (block, _):
            at = b.mul(block, _constant(row, 4 * BLOCK))
            inputs = [_load(b, b.add(side, at), 0, numbers) for side in (row, scale, offset)]
            scaled = b.call(multiply_add, inputs)
            _store(b, scaled, b.add(values, at), 0)
            b.store(b.fadd(b.load(total), scaled), total)
            sofar, above = b.load(counts), b.fcmp_ordered(">", scaled, limits)
            b.store(b.select(above, b.add(sofar, ones), sofar), counts)
        # A number less itself is 0, infinity less itself is NaN.
        rest = b.fsub(b.load(total), b.load(total))
        unordered = b.bitcast(b.fcmp_unordered("uno", rest, rest), word)
        kind = ir.FunctionType(ir.IntType(32), [whole])
        add = cgutils.get_or_insert_function(b.module, kind, f"llvm.vector.reduce.add.v{BLOCK}i32")
        count = b.zext(b.call(add, [b.load(counts)]), word)
        return b.select(b.icmp_unsigned("==", unordered, word(0)), count, word(-1))

    return types.int64(types.intp, types.intp, types.intp, types.intp, types.float32, types.intp), build


def _mark_between(
    typing: Any, values: Any, ahead: Any, blocks: Any, low: Any, high: Any, live: Any, wide: Any, narrow: Any
) -> tuple[Any, Build]:
    """Mark above two limits: ``mark_between(values, ahead, blocks, low, high, live, wide, narrow)``.

    Live ``values`` above the lower limit are marked in ``wide``, those above the upper one in ``narrow``;
    returns how many these are, the first 2³² times. ``ahead`` is where the next row begins, of which three
    lines a block are fetched from memory meanwhile.
    """
    numbers, flags = ir.VectorType(ir.FloatType(), _FLAGS), ir.IntType(_FLAGS)
    word = ir.IntType(64)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        values, ahead, blocks, low, high, live, wide, narrow = arguments
        limits = [(_spread(b, low, _FLAGS), wide), (_spread(b, high, _FLAGS), narrow)]
        none, one = _constant(values, 0), _constant(values, 1)
        with cgutils.for_range_slice(b, none, blocks, one, values.type) as (block, _):
            at, to = b.mul(block, _constant(values, 4 * BLOCK)), b.mul(block, _constant(values, 8))
            _fetch(b, b.add(ahead, b.mul(block, _constant(values, LINE * FETCHED))), FETCHED)
            for part in range(BLOCK // _FLAGS):
                numbers_here = _load(b, b.add(values, at), 4 * _FLAGS * part, numbers)
                for limit, marks in limits:
                    above = b.bitcast(b.fcmp_ordered(">", numbers_here, limit), flags)
                    _store(b, above, b.add(marks, to), _FLAGS // 8 * part)
        # Counted afterwards, as joining the flags of a block costs more than comparing.
        counts = [cgutils.alloca_once_value(b, word(0)) for _ in limits]
        with cgutils.for_range_slice(b, none, blocks, one, values.type) as (block, _):
            at = b.mul(block, _constant(values, 8))
            alive = _load(b, b.add(live, at), 0, word)
            for (_, marks), count in zip(limits, counts, strict=True):
                marked = b.and_(_load(b, b.add(marks, at), 0, word), alive)
                _store(b, marked, b.add(marks, at), 0)
                b.store(b.add(b.load(count), b.ctpop(marked)), count)
        return b.or_(b.shl(b.load(counts[0]), word(32)), b.load(counts[1]))

    return types.int64(
        types.intp, types.intp, types.intp, types.float32, types.float32, types.intp, types.intp, types.intp
    ), build


def _count_ahead(typing: Any, few: Any, place: Any) -> tuple[Any, Build]:
    """Return before how many others a number comes in descending order: ``count_ahead(few, place)``.

    ``few`` are 32 float32 without NaN; of equal ones the first comes first.
    """
    numbers = ir.VectorType(ir.FloatType(), FEW)
    word = ir.IntType(FEW)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        few, place = arguments
        here = _load(b, b.add(few, b.mul(place, _constant(few, 4))), 0, ir.FloatType())
        others, same = _load(b, few, 0, numbers), _spread(b, here, FEW)
        larger = b.bitcast(b.fcmp_ordered(">", others, same), word)
        equal = b.bitcast(b.fcmp_ordered("==", others, same), word)
        before = b.sub(b.shl(word(1), b.trunc(place, word)), word(1))
        return b.zext(b.ctpop(b.or_(larger, b.and_(equal, before))), ir.IntType(64))

    return types.int64(types.intp, types.intp), build


def _multiply_rows(
    typing: Any, left: Any, right: Any, width: Any, sums: Any, pitch: Any
) -> tuple[Any, Build]:
    """Multiply 4 rows with 4 rows: ``multiply_rows(left, right, width, sums, pitch)``.

    Rows are int16, ``width`` long, and follow one another. Of each left row the products with the right ones
    are four int32, which must have room for them; those of the next one are ``pitch`` numbers further.
    """
    numbers, totals = ir.VectorType(ir.IntType(16), COUNTS), ir.VectorType(ir.IntType(32), COUNTS // 2)

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        left, right, width, sums, pitch = arguments
        features = context.codegen().magic_tuple()[2]
        zeros = ir.Constant(totals, None)
        held = [cgutils.alloca_once_value(b, zeros) for _ in range(TILE * TILE)]
        steps, row = b.udiv(width, _constant(width, COUNTS)), b.mul(width, _constant(width, 2))
        with cgutils.for_range_slice(b, _constant(left, 0), steps, _constant(left, 1), left.type) as (
            step,
            _,
        ):
            at = b.mul(step, _constant(left, 2 * COUNTS))
            sides = []
            for side in (left, right):
                begins = [b.add(side, b.mul(row, _constant(row, place))) for place in range(TILE)]
                sides.append([_load(b, b.add(begin, at), 0, numbers) for begin in begins])
            pairs = [(one, other) for one in sides[0] for other in sides[1]]
            for total, (one, other) in zip(held, pairs, strict=True):
                b.store(b.add(b.load(total), _products(b, one, other, features)), total)
        kind = ir.FunctionType(ir.IntType(32), [totals])
        add = cgutils.get_or_insert_function(b.module, kind, f"llvm.vector.reduce.add.v{COUNTS // 2}i32")
        for place, total in enumerate(held):
            begin = b.add(sums, b.mul(pitch, _constant(pitch, 4 * (place // TILE))))
            _store(b, b.call(add, [b.load(total)]), begin, 4 * (place % TILE))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), build


def _fetch_line(typing: Any, address: Any) -> tuple[Any, Build]:
    """Have a line of memory fetched into the cache while other work goes on: ``fetch_line(address)``."""

    def build(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        _fetch(b, arguments[0], 1)
        return context.get_dummy_value()

    return types.void(types.intp), build


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
count_ahead: Any = intrinsic(_count_ahead)
multiply_rows: Any = intrinsic(_multiply_rows)
fetch_line: Any = intrinsic(_fetch_line)
lowest_bit: Any = intrinsic(_lowest_bit)


def _fetch(b: Any, address: Any, lines: int) -> None:
    pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, *[ir.IntType(32)] * 3])
    prefetch = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    for line in range(lines):
        place = b.inttoptr(b.add(address, _constant(address, LINE * line)), pointer)
        b.call(prefetch, [place, *map(ir.IntType(32), _READ_SOON_DATA)])


def _products(b: Any, one: Any, other: Any, features: str) -> Any:
    """Return one · other of every two neighbours, added: int32, half as many as these int16.

    LLVM does not find this instruction of x86 by itself.
    """
    lanes = one.type.count
    totals = ir.VectorType(ir.IntType(32), lanes // 2)
    if "+avx512bw" in features:
        kind = ir.FunctionType(totals, [one.type, one.type])
        return b.call(
            cgutils.get_or_insert_function(b.module, kind, "llvm.x86.avx512.pmaddw.d.512"), [one, other]
        )
    sides = []
    for first in range(2):
        chosen = ir.Constant(ir.VectorType(ir.IntType(32), lanes // 2), list(range(first, lanes, 2)))
        sides.append([b.sext(b.shuffle_vector(side, side, chosen), totals) for side in (one, other)])
    return b.add(b.mul(*sides[0]), b.mul(*sides[1]))


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
