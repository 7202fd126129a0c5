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
    const uint32_t *words = (const uint32_t *)(const void *)kept;
    uint32_t good = kept->count <= VECTORS_PER_CORE && kept->n_unused_dims < MAX_DIMS && kept->metric <= METRIC_DOT &&
                    kept->phase < PHASE_PERIOD && kept->n_glimpses <= MAX_GLIMPSES &&
                    kept->winner_from_1 <= VECTORS_PER_CORE;
    for (uint32_t i = 0; i < FINITE_WORDS; i++)
        good &= ~words[i] << 1 >> 24 != 0; /* an exponent of all ones is an infinity or a NaN */
    for (uint32_t i = 0; i < VECTORS_PER_CORE; i++) {
        good &= kept->n_links[i] <= MAX_NEIGHBOURS && kept->n_pinned[i] <= kept->n_links[i];
        good &= kept->types[i] < N_NODE_TYPES;
        for (uint32_t slot = 0; slot < MAX_NEIGHBOURS; slot++)
            good &= kept->links[i][slot] < VECTORS_PER_CORE;
    }
    return good;
}

/* Takes over what the snapshot buffer holds: 1; 0, and nothing changes, when it is no snapshot of this layout. */
uint32_t EXPORT(restore)(void)
{
    if (saved.magic != SNAPSHOT_MAGIC || saved.checksum != checksum_of_saved() || !is_core(&saved.kept))
        return 0;
    core = saved.kept;
    return 1;
}
