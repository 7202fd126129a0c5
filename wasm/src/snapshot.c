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

/* Takes over what the snapshot buffer holds: 1; 0, and nothing changes, when it is no snapshot of this layout. */
uint32_t EXPORT(restore)(void)
{
    if (saved.magic != SNAPSHOT_MAGIC || saved.checksum != checksum_of_saved())
        return 0;
    core = saved.kept;
    return 1;
}
