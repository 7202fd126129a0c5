/* Exact arithmetic of the fixed-point formats, without 64-bit shifts and divisions. */
#include "program.h"

int32_t saturate(int32_t x, unsigned bits)
{
    int32_t largest = (1 << (bits - 1)) - 1;
    if (x > largest)
        return largest;
    return x < ~largest ? ~largest : x;
}

int32_t scaled(int32_t x, uint32_t factor)
{
    int32_t product = (int32_t)((int64_t)(x << 2) * (factor << 16) >> 32); /* x * mantissa / 2^14 */
    return ((product >> (factor >> 16)) + 1) >> 1;
}

uint32_t divided(uint32_t numerator, uint32_t denominator)
{
    if (numerator >= denominator)
        return 0x10000;
    uint32_t quotient = 0x8000; /* this bit reaches the sign after 16 steps */
    do {
        numerator <<= 1;
        quotient <<= 1;
        if (numerator >= denominator) {
            numerator -= denominator;
            quotient++;
        }
    } while ((int32_t)quotient >= 0);
    return quotient & 0xFFFF;
}

uint32_t ratio(uint32_t numerator, uint32_t denominator)
{
    uint32_t quotient = divided(numerator, denominator);
    return quotient >> 16 ? FACTOR_ONE : 0x10000 | quotient;
}

int32_t data_within(unsigned bits)
{
    int32_t low = (int32_t)load(PORT_DATA_LO), high = (int32_t)load(PORT_DATA_HI);
    if (high != low >> 31)
        low = high >> 31 ^ INT32_MAX;
    return saturate(low, bits);
}
