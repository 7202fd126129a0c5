/* All cores of the array searched as one. Contract: golden/float32/module.py. */

/* The k nearest of what the searches of all cores list, in the global list and in the result buffer. */
NOINLINE uint32_t search_cores(uint32_t k, uint32_t exact)
{
    static struct result record;
    const uint32_t before = own_id;
    k = umin(k, MAX_RESULTS);
    clear_global();
    for (uint32_t id = 0; id < MAX_CORES; id++) {
        core_select(id);
        const uint32_t nodes = exact ? measure_query() : walk(k);
        make_keys(nodes);
        for (uint32_t left = umin(k, popcount(nodes)); left; left--) {
            record = record_of(take_nearest());
            if (!merge_record(&record))
                break;
        }
    }
    core_select(before);
    clear_list(global_list, k);
    __builtin_memcpy(results, global_list, sizeof results);
    return n_listed();
}

uint32_t EXPORT(search_all)(uint32_t k) { return search_cores(k, 0); }

uint32_t EXPORT(search_all_exact)(uint32_t k) { return search_cores(k, 1); }
