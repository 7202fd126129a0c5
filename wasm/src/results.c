/* Result records, and the global list that results of many cores are merged into. */

/* Empties the places of a list from `n` on. */
NOINLINE void clear_list(struct result *list, uint32_t n)
{
    for (uint32_t i = n; i < MAX_RESULTS; i++)
        list[i] = (struct result){INDEX_NONE, INDEX_NONE, {0, 0}, __builtin_inff()};
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
    for (uint32_t r = 0; r < n; r++) {
        const uint32_t node = take_nearest();
        results[r] = record_of(node);
    }
    clear_list(results, n);
    return n;
}

INLINE uint32_t comes_before(const struct result *a, const struct result *b)
{
    if (a->distance != b->distance)
        return a->distance < b->distance;
    return a->core_id != b->core_id ? a->core_id < b->core_id : a->index < b->index;
}

/* Puts a record into its place of the global list, behind what is as near; returns whether it is in. */
NOINLINE uint32_t merge_record(const struct result *record)
{
    if (record->index == INDEX_NONE || record->distance != record->distance)
        return 0;
    uint32_t place = MAX_RESULTS;
    for (; place && comes_before(record, &global_list[place - 1]); place--) {
        if (place < MAX_RESULTS)
            global_list[place] = global_list[place - 1];
    }
    if (place == MAX_RESULTS)
        return 0;
    global_list[place] = *record;
    return 1;
}

INLINE uint32_t n_listed(void)
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
    struct result copied[MAX_RESULTS];
    const uint64_t end = (uint64_t)__builtin_wasm_memory_size(0) << 16;
    uint32_t n_copied = 0;
    prepare_lists();
    /* A copy, because the records may be the global list itself. */
    for (; n_copied < umin(n, MAX_RESULTS) && (uint64_t)address + RESULT_BYTES <= end; address += RESULT_BYTES)
        __builtin_memcpy(&copied[n_copied++], (const void *)(uintptr_t)address, RESULT_BYTES);
    for (uint32_t i = 0; i < n_copied; i++)
        merge_record(&copied[i]);
    return n_listed();
}
