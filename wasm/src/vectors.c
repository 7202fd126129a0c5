/* Vectors, their distances to a probe, and the order of nodes by distance. Contract: golden/float32/distance.py. */

static float distance[VECTORS_PER_CORE] __attribute__((aligned(16)));
static uint64_t keys[VECTORS_PER_CORE];
#define NO_KEY UINT64_MAX

NOINLINE float norm_of(const float *vector)
{
    float sum = 0;
    for (uint32_t d = 0; d < get_dims(); d++)
        sum += vector[d] * vector[d];
    return __builtin_sqrtf(sum);
}

/* distance[j] for every vector held; what stands at or beyond count is of no meaning. */
NOINLINE void measure(const float *probe)
{
    const uint32_t metric = core.metric;
    const float *const end = probe + get_dims(), length = norm_of(probe);
    for (uint32_t j = 0; j < count(); j += N_LANES) {
        Lanes sum = {0};
        const float *element = &core.vectors[0][j];
        if (metric == METRIC_L2) {
            for (const float *p = probe; p < end; p++, element += VECTORS_PER_CORE) {
                const Lanes term = *p - *(const Lanes *)element;
                sum += term * term;
            }
        } else {
            for (const float *p = probe; p < end; p++, element += VECTORS_PER_CORE)
                sum += *p * *(const Lanes *)element;
        }
        *(Lanes *)&distance[j] = sum;
    }
    float *result = distance;
    EACH_NEURON(n) {
        float d = *result;
        if (metric == METRIC_DOT) {
            d = 0 - d;
        } else if (metric == METRIC_COSINE) {
            /* Where a norm is 0 their product is 0, or a NaN if the other is infinite; nowhere else. */
            const float scale = length * n->norm;
            d = scale > 0 ? 1 - d / scale : 1;
        }
        *result++ = d == d ? d : __builtin_inff();
    }
}

/* Bits in the order of the number, which is no NaN and no -0. */
INLINE uint32_t ordered(float number)
{
    const union { float number; int32_t word; } bits = {number};
    return (uint32_t)(bits.word ^ (bits.word >> 31 | INT32_MIN));
}

/* Makes the key of every node in `nodes`, and of no other: unsigned, in the order of (distance, index). */
NOINLINE void make_keys(uint32_t nodes)
{
    for (uint32_t j = 0; j < VECTORS_PER_CORE; j++)
        keys[j] = nodes >> j & 1 ? (uint64_t)ordered(distance[j]) << 32 | j : NO_KEY;
}

/* Takes the least key away and returns its node. */
NOINLINE uint32_t take_nearest(void)
{
    uint64_t low = NO_KEY, high = NO_KEY; /* two chains of comparisons instead of one */
    for (uint32_t j = 0; j < VECTORS_PER_CORE / 2; j++) {
        low = umin64(low, keys[j]);
        high = umin64(high, keys[j + VECTORS_PER_CORE / 2]);
    }
    const uint32_t node = (uint32_t)umin64(low, high) % VECTORS_PER_CORE;
    keys[node] = NO_KEY;
    return node;
}
