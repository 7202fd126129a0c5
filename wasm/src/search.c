/* Searches for the query. Contract: golden/float32/core.py. */

/* Nodes whose type has its bit in the mask. */
INLINE uint32_t nodes_of_types(uint32_t type_mask)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < core.count; i++)
        nodes |= (type_mask >> core.types[i] & 1) << i;
    return nodes;
}

/* Measures the query; 0 when there is nothing to find, or the query is not finite. */
NOINLINE uint32_t measure_query(void)
{
    if (!core.count || !is_finite(query))
        return 0;
    measure(query);
    return 1;
}

/* The nodes that a beam search for k results visits, from node 0 on. */
NOINLINE uint32_t walk(uint32_t k)
{
    uint32_t visited = 1, beam = 1, rounds = umin(umin(k, MAX_RESULTS), core.count);
    if (rounds < MIN_BEAM_ROUNDS)
        rounds = MIN_BEAM_ROUNDS;
    for (; rounds; rounds--) {
        uint32_t found = 0;
        EACH(i, beam) found |= core.linked[i];
        found &= ~visited;
        if (!found)
            break;
        visited |= found;
        make_keys(found);
        beam = 0;
        for (uint32_t width = umin(BEAM_WIDTH, popcount(found)); width; width--)
            beam |= 1u << take_nearest();
    }
    return visited;
}

uint32_t EXPORT(search)(uint32_t k) { return list_nearest(measure_query() ? walk(k) : 0, k); }

uint32_t EXPORT(search_exact)(uint32_t k) { return list_nearest(measure_query() ? all_held() : 0, k); }

uint32_t EXPORT(type_filter_search)(uint32_t k, uint32_t type_mask)
{
    return list_nearest(measure_query() ? walk(k) & nodes_of_types(type_mask) : 0, k);
}
