/* Searches for the query. Contract: golden/float32/core.py. */

/* Nodes whose type has its bit in the mask. */
INLINE uint32_t nodes_of_types(uint32_t type_mask)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < count(); i++)
        nodes |= type_matches(i, type_mask) << i;
    return nodes;
}

/* Measures the query and returns the nodes held: none when the query is not finite. */
NOINLINE uint32_t measure_query(void)
{
    if (!are_finite(buffers.query, get_dims()))
        return 0;
    measure(buffers.query);
    return all_held();
}

_Static_assert(BEAM_WIDTH == 3, "the walk keeps three keys");

INLINE uint32_t bit_of(uint64_t key) { return key == NO_KEY ? 0 : 1u << (key % VECTORS_PER_CORE); }

/* The nodes that a beam search of the query for k results visits, from node 0 on. */
NOINLINE uint32_t walk(uint32_t k)
{
    uint32_t visited = 1, beam = 1, rounds = umin(k, MAX_RESULTS); /* count is enough too: each round finds a node */
    if (!measure_query())
        return 0;
    if (rounds < MIN_BEAM_ROUNDS)
        rounds = MIN_BEAM_ROUNDS;
    make_keys(~0u);
    for (; rounds; rounds--) {
        uint32_t found = 0;
        EACH_BIT(i, beam) found |= core.neurons[i].linked;
        found &= ~visited;
        if (!found)
            break;
        visited |= found;
        /* The least three keys, first <= second <= third: a new one pushes the greater ones on. */
        uint64_t first = NO_KEY, second = NO_KEY, third = NO_KEY;
        EACH_BIT(i, found) {
            const uint64_t key = keys[i], after_first = umax64(first, key), after_second = umax64(second, after_first);
            first = umin64(first, key);
            second = umin64(second, after_first);
            third = umin64(third, after_second);
        }
        beam = bit_of(first) | bit_of(second) | bit_of(third);
    }
    return visited;
}

uint32_t EXPORT(search)(uint32_t k) { return list_nearest(walk(k), k); }

uint32_t EXPORT(search_exact)(uint32_t k) { return list_nearest(measure_query(), k); }

uint32_t EXPORT(type_filter_search)(uint32_t k, uint32_t type_mask)
{
    return list_nearest(walk(k) & nodes_of_types(type_mask), k);
}
