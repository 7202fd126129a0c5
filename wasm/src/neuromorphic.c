/* Searches that work on the spiking network. Contract: golden/float32/spiking.py, neuromorphic.py. */

uint32_t EXPORT(hnsw_to_snn)(uint32_t k, float gain)
{
    gain = amount(gain);
    const uint32_t n = search(k);
    for (const struct result *r = results; r != results + n; r++)
        add_current(&core.neurons[r->index].membrane, gain / (1 + fmax32(r->distance, 0)));
    return n;
}

uint32_t EXPORT(resonance_search)(uint32_t k, float weight)
{
    uint32_t found = 0;
    weight = amount(weight);
    const uint32_t n = search(k);
    for (const struct result *r = results; r != results + n; r++) {
        const uint32_t i = r->index;
        const float factor = saturate(2 - saturate(weight * compute_resonance(i)));
        const float scaled = r->distance * factor + 0.0f; /* -0 becomes +0 */
        distance[i] = scaled == scaled ? scaled : __builtin_inff();
        found |= 1u << i;
    }
    return list_nearest(found, n);
}

NOINLINE float clipped(float d) { return fmin32(fmax32(d, -DISTANCE_LIMIT), DISTANCE_LIMIT); }

/* Membranes and scores from the distances: 0..2, relative to the best. */
INLINE void drive(uint32_t n)
{
    float low = 0, shift = 0, unit = 0, last = 0;
    make_keys(all_held());
    for (uint32_t rank = 0; rank < n; rank++) {
        const float d = clipped(distance[take_nearest()]);
        if (!rank) {
            shift = fmin32(d, 0);
            low = fmax32(d, 0);
        }
        last = (d - shift) * QUARTER;
        if (rank <= UNIT_RANK)
            unit = last;
    }
    if (unit == 0)
        unit = last;
    low += unit;
    const float *d = distance;
    EACH_NEURON(neuron) {
        const float v = low > 0 ? low / (unit + (clipped(*d++) - shift)) : 1;
        neuron->score = neuron->membrane = v + v;
    }
}

/* One iteration; weight: what the activity counts for, 0 in the first. Returns the number of spikes. */
INLINE uint32_t iterate(float dt, float weight)
{
    oscillator_step(dt);
    EACH_NEURON(n) {
        integrate(n);
        clear_branches(n);
        n->late += weight * (fmin32(n->membrane, 2) + (n->pattern ? 1 : 0));
    }
    const uint32_t n_spikes = snn_step(dt);
    dendrite_propagate(SEARCH_GAIN);
    wta_soft();
    pattern_record();
    homeostatic_update(dt);
    return n_spikes;
}

/* Bit i: neuron i's value of a field is above the mean; `field` is the first neuron's. */
NOINLINE uint32_t above_mean(const float *field)
{
    const float mean = sum_of(field) / (float)count();
    uint32_t above = 0;
    for (uint32_t i = 0; i < count(); i++) {
        above |= (uint32_t)(*field > mean) << i;
        field += sizeof(struct neuron) / sizeof *field;
    }
    return above;
}

uint32_t EXPORT(neuromorphic_search)(uint32_t k, float dt, uint32_t iterations)
{
    const uint32_t n = count();
    if (!are_finite(buffers.query, get_dims()))
        return list_nearest(0, k);
    reset_neurons();
    wta_reset();
    EACH_NEURON(neuron) {
        clear_branches(neuron);
        neuron->pattern = 0;
        neuron->late = 0;
    }
    measure(buffers.query);
    drive(n);
    float weight = 0;
    uint32_t volley = 0;
    for (uint32_t t = 0; t < umin(iterations, 255); t++) {
        const uint32_t n_spikes = iterate(dt, weight);
        weight *= EIGHTH;
        if (!t) {
            volley = n_spikes;
            weight = EIGHTH;
        }
    }
    EACH_NEURON(neuron) neuron->score += (float)volley * PER_NEURON * neuron->late;

    /* Does it go on with the sequence of the searches before? Then each of them adds to what is believed. */
    const uint32_t glimpses = core.n_glimpses;
    const uint32_t n_agree = n - popcount(above_mean(&core.neurons->score) ^ above_mean(&core.neurons->trace));
    const uint32_t joins = glimpses && 16 * n_agree + 4 * volley >= (11 + glimpses) * n;
    const float belief = power_of_two((int32_t)glimpses - MAX_GLIMPSES);
    float *result = distance;
    uint32_t i = 0;
    EACH_NEURON(neuron) {
        const float before = joins ? neuron->trace : 0;
        const float final = neuron->score + before * belief, kept = neuron->score + before;
        neuron->trace = kept - kept * EIGHTH;
        *result++ = 0 - (final + compute_resonance(i++) * RESONANCE_SHARE);
    }
    if (n)
        core.n_glimpses = (uint8_t)(joins ? umin(glimpses + 1, MAX_GLIMPSES) : 1);
    return list_nearest(all_held(), k);
}
