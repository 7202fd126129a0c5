/* The core: set-up, insertion, types, weights, GNN operations. Contract: golden/float32/core.py. */

float *EXPORT(get_insert_ptr)(void) { return insert_buffer; }
float *EXPORT(get_query_ptr)(void) { return query; }
float *EXPORT(get_delta_ptr)(void) { return delta; }
float *EXPORT(set_delta_ptr)(void) { return delta; }
uint32_t EXPORT(count)(void) { return core.count; }
uint32_t EXPORT(get_core_id)(void) { return own_id; }
uint32_t EXPORT(get_metric)(void) { return core.metric; }
uint32_t EXPORT(get_dims)(void) { return n_dims(); }
uint32_t EXPORT(get_capacity)(void) { return VECTORS_PER_CORE; }

#ifdef GANGLION_ARRAY
/* From now on every function means core `id`, 0..255; nothing happens for another. */
void EXPORT(core_select)(uint32_t id)
{
    if (id < MAX_CORES) {
        own_id = id;
        selected = &cores[id];
    }
}
#endif

void EXPORT(init)(uint32_t dims, uint32_t metric, uint32_t id)
{
    if (!dims)
        return;
#ifdef GANGLION_ARRAY
    core_select(id % MAX_CORES);
#else
    own_id = id % MAX_CORES;
#endif
    core.count = 0;
    core.n_unused_dims = (uint8_t)(MAX_DIMS - umin(dims, MAX_DIMS));
    core.metric = metric <= METRIC_DOT ? (uint8_t)metric : METRIC_L2;
    core.spikes = core.phase = 0;
    core.time = 0;
    core.n_glimpses = core.winner_from_1 = 0;
    for (uint32_t d = 0; d < MAX_DIMS; d++)
        insert_buffer[d] = query[d] = delta[d] = 0;
    lists_ready = 0;
    prepare_lists();
}

/* A fresh neuron in the place of a new vector. */
INLINE void prepare_neuron(uint32_t i)
{
    core.membrane[i] = core.refractory[i] = core.rate[i] = core.trace[i] = 0;
    core.threshold[i] = INITIAL_THRESHOLD;
    core.last_spike[i] = NEVER;
    core.weight[i] = MAX_WEIGHT;
    core.patterns[i] = 0;
    core.types[i] = 0;
    for (uint32_t b = 0; b < MAX_NEIGHBOURS; b++)
        core.branches[i][b] = 0;
}

INLINE void store_element(uint32_t i, uint32_t d, float value) { core.vectors[d][i] = value; }

uint32_t EXPORT(insert)(void)
{
    const uint32_t node = core.count;
    if (node == VECTORS_PER_CORE || !is_finite(insert_buffer))
        return INDEX_NONE;
    measure(insert_buffer);
    link_node(node);
    for (uint32_t d = 0; d < n_dims(); d++)
        store_element(node, d, insert_buffer[d]);
    core.norms[node] = norm(insert_buffer);
    prepare_neuron(node);
    core.count++;
    forget_glimpses();
    return node;
}

void EXPORT(set_node_type)(uint32_t i, uint32_t type)
{
    if (i < core.count)
        core.types[i] = type % N_NODE_TYPES;
}

uint32_t EXPORT(get_node_type)(uint32_t i) { return i < core.count ? core.types[i] : 0; }

uint32_t EXPORT(type_matches)(uint32_t i, uint32_t type_mask)
{
    return i < core.count ? type_mask >> core.types[i] & 1 : 0;
}

void EXPORT(set_edge_weight)(uint32_t i, uint32_t weight)
{
    if (i < core.count)
        core.weight[i] = (float)umin(weight, MAX_WEIGHT);
}

uint32_t EXPORT(get_edge_weight)(uint32_t i) { return i < core.count ? (uint32_t)weight_byte(i) : 0; }

void EXPORT(aggregate_neighbors)(uint32_t i)
{
    for (uint32_t d = 0; d < MAX_DIMS; d++)
        delta[d] = 0;
    if (i >= core.count)
        return;
    const uint32_t n = core.n_links[i];
    for (uint32_t slot = 0; slot < n; slot++) {
        const uint32_t j = core.links[i][slot];
        const float share = weight_share(j);
        for (uint32_t d = 0; d < n_dims(); d++)
            delta[d] += share * core.vectors[d][j];
    }
    for (uint32_t d = 0; n && d < n_dims(); d++)
        delta[d] /= (float)n;
}

void EXPORT(update_vector)(uint32_t i, float alpha)
{
    float updated[MAX_DIMS];
    if (i >= core.count)
        return;
    for (uint32_t d = 0; d < n_dims(); d++)
        updated[d] = core.vectors[d][i] + alpha * delta[d];
    if (!is_finite(updated))
        return;
    for (uint32_t d = 0; d < n_dims(); d++)
        store_element(i, d, updated[d]);
    core.norms[i] = norm(updated);
}
