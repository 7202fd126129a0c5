/* Result records, and the global list that results of many cores are merged into. */

/* Empties the places of a list from n on. */
NOINLINE void clear_list(struct result *list, uint32_t n)
{
    for (; n < MAX_RESULTS; n++)
        list[n] = (struct result){INDEX_NONE, INDEX_NONE, {0, 0}, __builtin_inff()};
}

NOINLINE void prepare_lists(void)
{
    if (!lists_ready) {
        lists_ready = 1;
        clear_list(results, 0);
        clear_list(global_list, 0);
    }
}

INLINE struct result record_of(uint32_t node)
{
    return (struct result){(uint8_t)node, (uint8_t)own_id, {0, 0}, distance[node]};
}

/* The k nearest of `nodes` by (distance, index) become the results, free places say none; returns their number. */
NOINLINE uint32_t list_nearest(uint32_t nodes, uint32_t k)
{
    prepare_lists();
    make_keys(nodes);
    const uint32_t n = umin(umin(k, MAX_RESULTS), popcount(nodes));
    for (uint32_t r = 0; r < n; r++)
        results[r] = record_of(take_nearest());
    clear_list(results, n);
    return n;
}

/* The place of a record in the order of (distance, core, index). */
NOINLINE uint64_t rank_of(const struct result *record)
{
    /* + 0 turns -0 into +0 */
    return (uint64_t)ordered(record->distance + 0.0f) << 16 | (uint32_t)record->core_id << 8 | record->index;
}

/* Puts a record into its place of the global list, behind what is as near; returns whether it is in. */
NOINLINE uint32_t merge_record(const struct result *record)
{
    struct result *place = global_list + MAX_RESULTS;
    if (record->index == INDEX_NONE || record->distance != record->distance)
        return 0;
    while (place != global_list && rank_of(record) < rank_of(place - 1)) {
        place--;
        if (place != global_list + MAX_RESULTS - 1)
            place[1] = place[0];
    }
    if (place == global_list + MAX_RESULTS)
        return 0;
    *place = *record;
    return 1;
}

NOINLINE uint32_t n_listed(void)
{
    uint32_t n = 0;
    while (n < MAX_RESULTS && global_list[n].index != INDEX_NONE)
        n++;
    return n;
}

struct result *EXPORT(get_result_ptr)(void)
{
    prepare_lists();
    return results;
}

struct result *EXPORT(get_global_ptr)(void)
{
    prepare_lists();
    return global_list;
}

void EXPORT(clear_global)(void)
{
    prepare_lists();
    clear_list(global_list, 0);
}

/* Folds up to 16 records from anywhere in memory in; what lies beyond its end is not read. Returns the list's length. */
uint32_t EXPORT(merge)(uint32_t address, uint32_t n)
{
    static struct result copied[MAX_RESULTS]; /* the records may be the global list itself */
    const uint32_t end = (uint32_t)__builtin_wasm_memory_size(0) << 16;
    prepare_lists();
    n = umin(n, MAX_RESULTS);
    n = address < end ? umin(n, (end - address) / RESULT_BYTES) : 0;
    __builtin_memcpy(copied, (const void *)(uintptr_t)address, n * RESULT_BYTES);
    for (const struct result *record = copied; n; n--)
        merge_record(record++);
    return n_listed();
}
