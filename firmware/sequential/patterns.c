/* Spike patterns: encoded from vectors, and compared. */
#include "neuron_state.h"

unsigned popcount(uint32_t word)
{
    unsigned n = 0;
    for (; word; word &= word - 1)
        n++;
    return n;
}

uint32_t encode(const int8_t row[16])
{
    int32_t largest = 0;
    uint32_t pattern = 0;
    for (unsigned d = 0; d < dims; d++) {
        int32_t size = row[d] < 0 ? -row[d] : row[d];
        if (size > largest)
            largest = size;
    }
    if (!largest)
        return 0;
    for (unsigned d = 0; d < dims; d++) {
        /* Larger elements fire in earlier ones of 8 slots. */
        unsigned place = d;
        for (int32_t rest = 4 * (largest - row[d]); rest >= largest; rest -= largest)
            place += dims >> 3;
        pattern |= UINT32_C(1) << (place & 31);
    }
    return pattern;
}

uint32_t dissimilarity(uint32_t history, uint32_t pattern)
{
    unsigned total = popcount(history | pattern);
    return total ? divided(popcount(history ^ pattern), total) : 0;
}
