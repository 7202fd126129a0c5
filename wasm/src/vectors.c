/* Vectors, their distances to a probe, and the order of nodes by distance. Contract: golden/float32/distance.py. */

static float distance[VECTORS_PER_CORE] __attribute__((aligned(32)));
static uint64_t keys[VECTORS_PER_CORE];
#define NO_KEY UINT64_MAX

/* Whether the elements in use are all finite. */
NOINLINE uint32_t is_finite(const float *vector)
{
    uint32_t finite = 1;
    for (uint32_t d = 0; d < n_dims(); d++)
        finite &= __builtin_fabsf(vector[d]) <= LARGEST;
    return finite;
}

NOINLINE float norm(const float *vector)
{
    float sum = 0;
    for (uint32_t d = 0; d < n_dims(); d++)
        sum += vector[d] * vector[d];
    return __builtin_sqrtf(sum);
}

/* distance[j] for every vector held; what stands at or beyond count is of no meaning. */
NOINLINE void measure(const float *probe)
{
    const uint32_t dims = n_dims(), metric = core.metric;
    for (uint32_t j = 0; j < core.count; j += N_LANES) {
        Lanes sum = {0};
        if (metric == METRIC_L2) {
            for (uint32_t d = 0; d < dims; d++) {
                const Lanes term = probe[d] - *(const Lanes *)&core.vectors[d][j];
                sum += term * term;
            }
        } else {
            for (uint32_t d = 0; d < dims; d++)
                sum += probe[d] * *(const Lanes *)&core.vectors[d][j];
        }
        *(Lanes *)&distance[j] = sum;
    }
    const float length = norm(probe);
    for (uint32_t j = 0; j < core.count; j++) {
        float result = distance[j];
        if (metric == METRIC_DOT) {
            result = 0 - result;
        } else if (metric == METRIC_COSINE) {
            /* Where a norm is 0 their product is 0, or a NaN if the other is infinite; nowhere else. */
            const float scale = length * core.norms[j];
            result = scale > 0 ? 1 - result / scale : 1;
        }
        distance[j] = result == result ? result : __builtin_inff();
    }
}

/* Makes the key of every node in `nodes`, and of no other: unsigned, in the order of (distance, index). */
NOINLINE void make_keys(uint32_t nodes)
{
    for (uint32_t j = 0; j < VECTORS_PER_CORE; j++) {
        const union { float number; int32_t word; } bits = {distance[j]};
        const uint32_t ordered = (uint32_t)(bits.word ^ (bits.word >> 31 | INT32_MIN));
        keys[j] = nodes >> j & 1 ? (uint64_t)ordered << 32 | j : NO_KEY;
    }
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
