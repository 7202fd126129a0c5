/* The core: set-up, insertion, types, weights, GNN operations. Contract: golden/float32/core.py. */

float *EXPORT(get_insert_ptr)(void) { return buffers.insert; }
float *EXPORT(get_query_ptr)(void) { return buffers.query; }
float *EXPORT(get_delta_ptr)(void) { return buffers.delta; }
float *EXPORT(set_delta_ptr)(void) { return buffers.delta; }
uint32_t EXPORT(get_core_id)(void) { return own_id; }
uint32_t EXPORT(get_metric)(void) { return core.metric; }
uint32_t EXPORT(get_capacity)(void) { return VECTORS_PER_CORE; }

#ifdef GANGLION_ARRAY
/* From now on every function means core `id`, 0..255; nothing happens for another. */
void EXPORT(core_select)(uint32_t id)
{
    if (id < MAX_CORES) {
        own_id = id;
        selected = id * CORE_BYTES;
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
    __builtin_memset(&core, 0, sizeof core);
    core.n_unused_dims = (uint8_t)(MAX_DIMS - umin(dims, MAX_DIMS));
    core.metric = metric <= METRIC_DOT ? (uint8_t)metric : METRIC_L2;
    __builtin_memset(&buffers, 0, sizeof buffers);
    lists_ready = 0;
    prepare_lists();
}

NOINLINE void store_vector(uint32_t i, const float *vector)
{
    for (uint32_t d = 0; d < get_dims(); d++)
        core.vectors[d][i] = vector[d];
    core.neurons[i].norm = norm_of(vector);
}

uint32_t EXPORT(insert)(void)
{
    const uint32_t node = count();
    if (node == VECTORS_PER_CORE || !are_finite(buffers.insert, get_dims()))
        return INDEX_NONE;
    measure(buffers.insert);
    link_node(node);
    store_vector(node, buffers.insert);
    reset_neuron(&core.neurons[node]);
    core.neurons[node].weight = MAX_WEIGHT;
    core.count++;
    forget_glimpses();
    return node;
}

void EXPORT(set_node_type)(uint32_t i, uint32_t type) { neuron_at(i)->type = type % N_NODE_TYPES; }

uint32_t EXPORT(get_node_type)(uint32_t i) { return neuron_at(i)->type; }

uint32_t EXPORT(type_matches)(uint32_t i, uint32_t type_mask)
{
    return i < count() ? type_mask >> core.neurons[i].type & 1 : 0;
}

void EXPORT(set_edge_weight)(uint32_t i, uint32_t weight) { neuron_at(i)->weight = (float)umin(weight, MAX_WEIGHT); }

uint32_t EXPORT(get_edge_weight)(uint32_t i) { return (uint32_t)weight_byte(neuron_at(i)); }

void EXPORT(aggregate_neighbors)(uint32_t i)
{
    const struct neuron *const self = neuron_at(i);
    const uint32_t n_links = self->n_links;
    for (uint32_t d = 0; d < MAX_DIMS; d++) {
        float sum = 0;
        for (uint32_t slot = 0; slot < n_links; slot++) {
            const uint32_t j = self->links[slot];
            sum += weight_share(&core.neurons[j]) * core.vectors[d][j];
        }
        buffers.delta[d] = n_links && d < get_dims() ? sum / (float)n_links : 0;
    }
}

void EXPORT(update_vector)(uint32_t i, float alpha)
{
    static float updated[MAX_DIMS];
    if (i >= count())
        return;
    for (uint32_t d = 0; d < get_dims(); d++)
        updated[d] = core.vectors[d][i] + alpha * buffers.delta[d];
    if (are_finite(updated, get_dims()))
        store_vector(i, updated);
}
