/* What every part of the module shares: the state, the buffers, and how numbers are handled.
 *
 * The arithmetic is that of golden/float32, operation by operation; the order of every addition is part of it.
 * Arguments arrive as 32-bit words: nothing here trusts a caller to have kept them within their byte.
 * Nothing lives on a stack: what a function needs beside its locals is static.
 */
#ifndef GANGLION_CORE_H
#define GANGLION_CORE_H

#include <stdint.h>

#include "constants.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define INLINE static inline __attribute__((always_inline))
#define PURE __attribute__((pure))
#define NOINLINE static __attribute__((noinline))

/* i takes the place of every set bit, lowest first. */
#define EACH_BIT(i, set) for (uint32_t i, i##_left = (set); i##_left && (i = ctz(i##_left), 1); i##_left &= i##_left - 1)
/* n points to every neuron that has a vector, in order. */
#define EACH_NEURON(n) for (struct neuron *n = core.neurons, *const n##_end = neurons_end(); n != n##_end; n++)

#ifdef __wasm_simd128__
enum { N_LANES = 16 };
#else
enum { N_LANES = 4 };
#endif
typedef float Lanes __attribute__((vector_size(N_LANES * 4), aligned(16)));
/* As many sums at a time as keep the additions busy: each of them is one chain, in the order of the dimensions. */

struct result {
    uint8_t index, core_id, padding[2];
    float distance;
};
_Static_assert(sizeof(struct result) == RESULT_BYTES, "a record is 8 bytes");

static struct {
    float insert[MAX_DIMS], query[MAX_DIMS], delta[MAX_DIMS];
} buffers;
static struct result results[MAX_RESULTS], global_list[MAX_RESULTS];
static uint8_t lists_ready;
/* Memory begins as zeros, but a free place in a list says 255: the lists are cleared when first asked for. */

PURE uint32_t count(void);
PURE uint32_t get_dims(void);

static uint32_t own_id;
#ifdef GANGLION_ARRAY
static struct core_state cores[MAX_CORES] __attribute__((aligned(16)));
static uint32_t selected; /* bytes from the first core */
#define core (*(struct core_state *)(void *)((char *)cores + selected))
#else
static struct core_state core __attribute__((aligned(16)));
#endif
/* All zeros is a core as after init(16, 0, 0): a neuron is prepared when its vector comes. */

INLINE uint32_t ctz(uint32_t word) { return (uint32_t)__builtin_ctz(word); }
INLINE uint32_t popcount(uint32_t word) { return (uint32_t)__builtin_popcount(word); }
INLINE uint32_t umin(uint32_t a, uint32_t b) { return a < b ? a : b; }
INLINE uint64_t umin64(uint64_t a, uint64_t b) { return a < b ? a : b; }
INLINE uint64_t umax64(uint64_t a, uint64_t b) { return a > b ? a : b; }
INLINE float fmin32(float a, float b) { return __builtin_wasm_min_f32(a, b); }
INLINE float fmax32(float a, float b) { return __builtin_wasm_max_f32(a, b); }

/* Functions, because a call takes two bytes. */
uint32_t EXPORT(count)(void) { return core.count; }
uint32_t EXPORT(get_dims)(void) { return MAX_DIMS - core.n_unused_dims; }
NOINLINE PURE struct neuron *neurons_end(void) { return core.neurons + count(); }
NOINLINE PURE uint32_t all_held(void) { return (uint32_t)((1ull << count()) - 1); }

/* The neuron of vector i; out of range, a stand-in of zeros that forgets what is written to it. */
NOINLINE struct neuron *neuron_at(uint32_t i)
{
    static struct neuron nobody;
    if (i < count())
        return &core.neurons[i];
    __builtin_memset(&nobody, 0, sizeof nobody);
    return &nobody;
}

/* Whether n numbers are all finite. */
NOINLINE uint32_t are_finite(const float *numbers, uint32_t n)
{
    uint32_t finite = 1;
    for (; n; n--)
        finite &= __builtin_fabsf(*numbers++) <= LARGEST;
    return finite;
}

/* Held within the finite numbers. No NaN may come in. */
NOINLINE float saturate(float value) { return fmin32(fmax32(value, -LARGEST), LARGEST); }

/* A gain, weight or current as an operation uses it: NaN as 0, infinities as the largest finite number. */
NOINLINE float amount(float value) { return value == value ? saturate(value) : 0; }

/* A dt as an operation uses it, ms. */
NOINLINE float time_step(float dt) { return dt > 0 ? fmin32(dt, MAX_DT) : 0; }

#endif
