"""The processor of the sequential engine runs compiled programs as this machine does."""

from __future__ import annotations

import ctypes
import random

import pytest
from riscv_programs import Board, library_of, words_of

from golden.fixed.processor import Processor, Program

FUNCTIONS = r"""
#include <stdint.h>
static uint32_t crc(const uint8_t *p, uint32_t n)
{
    uint32_t c = ~0u;
    for (uint32_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++) c = (c >> 1) ^ (c & 1 ? 0xEDB88320u : 0);
    }
    return ~c;
}
static void sort(int16_t *a, int n)
{
    for (int i = 1; i < n; i++) {
        int16_t x = a[i];
        int j = i;
        for (; j > 0 && a[j - 1] > x; j--) a[j] = a[j - 1];
        a[j] = x;
    }
}
static uint32_t ack(uint32_t m, uint32_t n)
{
    return m == 0 ? n + 1 : n == 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1));
}
static int32_t machine(const uint8_t *p, int n)
{
    static const int32_t table[8] = {3, -5, 70000, -1, 0x7FFFFFFF, 11, -90000, 2};
    int32_t stack[8] = {0}, x = 1;
    unsigned top = 0;
    for (int i = 0; i < n; i++) {
        switch (p[i] % 11) {
        case 0: x += table[p[i] >> 5]; break;
        case 1: x = (int32_t)((uint32_t)x * 2654435761u); break;
        case 2: stack[top++ & 7] = x; break;
        case 3: x ^= stack[--top & 7]; break;
        case 4: x >>= p[i] & 7; break;
        case 5: x = (int32_t)((uint32_t)x << (p[i] & 15)); break;
        case 6: x = x < table[i & 7] ? ~x : x - 9; break;
        case 7: x = (int8_t)x * (int16_t)(x >> 8); break;
        case 8: x = (int32_t)((int64_t)x * (uint64_t)(uint32_t)(x | 1) >> 32); break;
        case 9: x = (uint32_t)x > 77777u ? (int32_t)((uint32_t)x >> 3) : -x; break;
        default: x = (uint16_t)x + p[i];
        }
    }
    return x;
}
uint32_t work(uint8_t *data, uint32_t n, uint32_t *out)
{
    out[0] = crc(data, n);
    out[1] = (uint32_t)machine(data, (int)n);
    sort((int16_t *)data, (int)n / 2);
    out[2] = crc(data, n);
    out[3] = ack(2, data[3] % 9);
    uint64_t total = 0;
    for (uint32_t i = 0; i + 3 < n; i += 4) total += (uint64_t)data[i] << (data[i + 1] & 31);
    out[4] = (uint32_t)total;
    out[5] = (uint32_t)(total >> 32);
    return 6;
}
"""
PROGRAM = (
    FUNCTIONS
    + r"""
__attribute__((section(".start"), naked, noreturn)) void _start(void) { __asm__("lui sp, 0x20\n j main"); }
void *memcpy(void *to, const void *from, unsigned n)
{
    for (unsigned i = 0; i < n; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
void *memset(void *to, int value, unsigned n)
{
    for (unsigned i = 0; i < n; i++) ((volatile char *)to)[i] = (char)value;
    return to;
}
__attribute__((noreturn)) void main(void)
{
    volatile uint32_t *ports = (volatile uint32_t *)0x20000;
    for (;;) {
        uint32_t n = ports[0], out[8];
        uint32_t made = work((uint8_t *)0x1000, n, out);
        for (uint32_t i = 0; i < made; i++) ports[1 + i] = out[i];
    }
}
"""
)


@pytest.mark.parametrize("level", ["-Os", "-O2"])
def test_compiled_programs_give_what_they_give_here(level: str) -> None:
    library = library_of(FUNCTIONS)
    rng = random.Random(level)
    board = Board({0: []})
    processor = Processor(Program(words_of(PROGRAM, ".c", level)), board, strict=True)
    assert processor.run()
    for n in (4, 40, 100, 1000, 333 * 4):
        data = rng.randbytes(n)
        own, out = ctypes.create_string_buffer(data, n), (ctypes.c_uint32 * 8)()
        n_words = library.work(own, n, out)
        processor.memory[0x1000 : 0x1000 + n] = data
        board.answers[0], board.stores = [(n, 0)], []
        assert processor.run()
        assert [(number, value) for number, value, _ in board.stores] == [(1 + i, out[i]) for i in range(n_words)]
        assert bytes(processor.memory[0x1000 : 0x1000 + n]) == own.raw
