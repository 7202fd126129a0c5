/* Vectors, their distances to a probe, and the order of nodes by distance. Contract: golden/float32/distance.py. */

static float distance[VECTORS_PER_CORE] __attribute__((aligned(32)));
static uint64_t keys[VECTORS_PER_CORE];

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
    const float length = metric == METRIC_COSINE ? norm(probe) : 0;
    for (uint32_t j = 0; j < core.count; j += N_LANES) {
        Lanes sum = {0};
        for (uint32_t d = 0; d < dims; d++) {
            const Lanes element = *(const Lanes *)&core.vectors[d][j];
            if (metric == METRIC_L2)
                sum += (probe[d] - element) * (probe[d] - element);
            else
                sum += probe[d] * element;
        }
        for (uint32_t lane = 0; lane < N_LANES; lane++) {
            float result = sum[lane];
            if (metric == METRIC_DOT) {
                result = 0 - result;
            } else if (metric == METRIC_COSINE) {
                /* A product of two norms is 0 only where one of them is. */
                const float scale = length * core.norms[j + lane];
                result = scale != 0 ? 1 - result / scale : 1;
            }
            distance[j + lane] = result == result ? result : __builtin_inff();
        }
    }
}

/* Makes the key of every node in `nodes`, and of no other: unsigned, in the order of (distance, index). */
NOINLINE void make_keys(uint32_t nodes)
{
    for (uint32_t j = 0; j < VECTORS_PER_CORE; j++) {
        const union { float number; int32_t word; } bits = {distance[j]};
        const uint32_t ordered = (uint32_t)(bits.word ^ (bits.word >> 31 | INT32_MIN));
        keys[j] = nodes >> j & 1 ? (uint64_t)ordered << 32 | j : UINT64_MAX;
    }
}

/* Takes the least key away and returns its node. */
NOINLINE uint32_t take_nearest(void)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t j = 0; j < VECTORS_PER_CORE; j++)
        least = keys[j] < least ? keys[j] : least;
    const uint32_t node = (uint32_t)least % VECTORS_PER_CORE;
    keys[node] = UINT64_MAX;
    return node;
}
