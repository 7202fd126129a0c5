/* What every part of the module shares: the state, the buffers, and how numbers are handled.
 *
 * The arithmetic is that of golden/float32, operation by operation; the order of every addition is part of it.
 * Arguments arrive as 32-bit words: nothing here trusts a caller to have kept them within their byte.
 */
#ifndef GANGLION_CORE_H
#define GANGLION_CORE_H

#include <stdint.h>

#include "constants.h"

#define EXPORT(name) __attribute__((export_name(#name))) name
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define EACH(i, set) for (uint32_t i, i##_left = (set); i##_left && (i = ctz(i##_left), 1); i##_left &= i##_left - 1)
/* EACH(i, set): i takes the place of every set bit, lowest first. */

#ifdef __wasm_simd128__
enum { N_LANES = 16 };
#else
enum { N_LANES = 4 };
#endif
typedef float Lanes __attribute__((vector_size(N_LANES * 4)));
/* As many sums at a time as keep the additions busy: each of them is one chain, in the order of the dimensions. */

struct result {
    uint8_t index, core_id, padding[2];
    float distance;
};
_Static_assert(sizeof(struct result) == RESULT_BYTES, "a record is 8 bytes");

static float insert_buffer[MAX_DIMS], query[MAX_DIMS], delta[MAX_DIMS];
static struct result results[MAX_RESULTS], global_list[MAX_RESULTS];
static uint8_t lists_ready;
/* Memory begins as zeros, but a free place in a list says 255: the lists are cleared when first asked for. */

#ifdef GANGLION_ARRAY
static struct core_state cores[MAX_CORES];
static uint32_t own_id;
static struct core_state *selected = cores;
#define core (*selected)
#else
static struct core_state core;
static uint32_t own_id;
#endif
/* All zeros is a core as after init(16, 0, 0): a vector's place is prepared when the vector comes. */

INLINE uint32_t ctz(uint32_t word) { return (uint32_t)__builtin_ctz(word); }
INLINE uint32_t popcount(uint32_t word) { return (uint32_t)__builtin_popcount(word); }
INLINE uint32_t umin(uint32_t a, uint32_t b) { return a < b ? a : b; }
INLINE uint64_t umin64(uint64_t a, uint64_t b) { return a < b ? a : b; }
INLINE uint64_t umax64(uint64_t a, uint64_t b) { return a > b ? a : b; }
INLINE float fmin32(float a, float b) { return __builtin_wasm_min_f32(a, b); }
INLINE float fmax32(float a, float b) { return __builtin_wasm_max_f32(a, b); }
INLINE uint32_t n_dims(void) { return MAX_DIMS - core.n_unused_dims; }
INLINE uint32_t all_held(void) { return core.count ? 0xFFFFFFFFu >> (VECTORS_PER_CORE - core.count) : 0; }

/* Held within the finite numbers. No NaN may come in. */
NOINLINE float saturate(float value) { return fmin32(fmax32(value, -LARGEST), LARGEST); }

/* A gain, weight or current as an operation uses it: NaN as 0, infinities as the largest finite number. */
NOINLINE float amount(float value) { return value == value ? saturate(value) : 0; }

/* A dt as an operation uses it, ms. */
INLINE float time_step(float dt) { return dt > 0 ? fmin32(dt, MAX_DT) : 0; }

#endif
