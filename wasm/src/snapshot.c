/* The core's memory as bytes that a caller can keep, and back. The layout is ganglion/wasm/layout.py. */

static struct {
    uint32_t magic, checksum;
    struct core_state kept;
} __attribute__((packed, aligned(32))) saved;

NOINLINE uint32_t checksum_of_saved(void)
{
    const uint32_t *words = (const uint32_t *)(const void *)&saved.kept;
    uint32_t sum = 0x811C9DC5u;
    for (uint32_t i = 0; i < CORE_BYTES / 4; i++)
        sum = (sum ^ words[i]) * 0x01000193u;
    return sum;
}

void *EXPORT(get_snapshot_ptr)(void) { return &saved; }

/* Fills the snapshot buffer; returns its length in bytes. */
uint32_t EXPORT(snapshot)(void)
{
    saved.kept = core;
    saved.magic = SNAPSHOT_MAGIC;
    saved.checksum = checksum_of_saved();
    return SNAPSHOT_BYTES;
}

/* Whether the snapshot can be a core: nothing in it points outside of it, and its numbers are finite. */
INLINE uint32_t is_core(const struct core_state *kept)
{
    uint32_t good = kept->count <= VECTORS_PER_CORE && kept->n_unused_dims < MAX_DIMS && kept->metric <= METRIC_DOT &&
                    kept->phase < PHASE_PERIOD && kept->n_glimpses <= MAX_GLIMPSES &&
                    kept->winner_from_1 <= VECTORS_PER_CORE;
    good &= are_finite(kept->vectors[0], MAX_DIMS * VECTORS_PER_CORE) & are_finite(&kept->time, 1);
    for (const struct neuron *n = kept->neurons; n != kept->neurons + VECTORS_PER_CORE; n++) {
        good &= n->n_links <= MAX_NEIGHBOURS && n->n_pinned <= n->n_links && n->type < N_NODE_TYPES;
        good &= are_finite(&n->membrane, N_FINITE);
        uint32_t linked = 0;
        for (uint32_t slot = 0; slot < n->n_links; slot++) {
            good &= n->links[slot] < VECTORS_PER_CORE;
            linked |= 1u << n->links[slot] % VECTORS_PER_CORE;
        }
        good &= linked == n->linked;
    }
    return good;
}

/* Takes over what the snapshot buffer holds: 1; 0, and nothing changes, when it is no snapshot of this layout. */
uint32_t EXPORT(restore)(void)
{
    if (saved.magic != SNAPSHOT_MAGIC || saved.checksum != checksum_of_saved() || !is_core(&saved.kept))
        return 0;
    core = saved.kept;
    /* The places of vectors to come are empty, whatever was in them. */
    __builtin_memset(core.neurons + core.count, 0, (VECTORS_PER_CORE - core.count) * sizeof(struct neuron));
    return 1;
}
