/* Searches that work on the spiking network. Contract: golden/float32/spiking.py, neuromorphic.py. */

uint32_t EXPORT(hnsw_to_snn)(uint32_t k, float gain)
{
    gain = amount(gain);
    const uint32_t n = search(k);
    for (uint32_t r = 0; r < n; r++)
        add_current(results[r].index, gain / (1 + fmax32(results[r].distance, 0)));
    return n;
}

uint32_t EXPORT(resonance_search)(uint32_t k, float weight)
{
    uint32_t found = 0;
    weight = amount(weight);
    const uint32_t n = search(k);
    for (uint32_t r = 0; r < n; r++) {
        const uint32_t i = results[r].index;
        const float factor = saturate(2 - saturate(weight * compute_resonance(i)));
        const float scaled = results[r].distance * factor + 0.0f; /* -0 becomes +0 */
        distance[i] = scaled == scaled ? scaled : __builtin_inff();
        found |= 1u << i;
    }
    return list_nearest(found, n);
}

/* Membranes from the distances, 0..2, relative to the best; `distance` is used up. n >= 1. */
INLINE void drive(uint32_t n)
{
    float low = DISTANCE_LIMIT, unit = 0, last = 0;
    for (uint32_t i = 0; i < n; i++) {
        distance[i] = fmin32(fmax32(distance[i], -DISTANCE_LIMIT), DISTANCE_LIMIT);
        low = fmin32(low, distance[i]);
    }
    if (low < 0) {
        for (uint32_t i = 0; i < n; i++)
            distance[i] -= low;
        low = 0;
    }
    make_keys(all_held());
    for (uint32_t rank = 0; rank < n; rank++) {
        const float ranked = distance[take_nearest()];
        last = ranked * QUARTER;
        if (rank <= UNIT_RANK)
            unit = last;
    }
    if (unit == 0)
        unit = last;
    const float best = unit + low;
    for (uint32_t i = 0; i < n; i++) {
        const float v = best > 0 ? best / (unit + distance[i]) : 1;
        core.membrane[i] = v + v;
    }
}

/* Bit i: values[i] is above the mean. */
INLINE uint32_t above_mean(const float *values, uint32_t n)
{
    const float mean = sum_of(values) / (float)n;
    uint32_t above = 0;
    for (uint32_t i = 0; i < n; i++)
        above |= (uint32_t)(values[i] > mean) << i;
    return above;
}

uint32_t EXPORT(neuromorphic_search)(uint32_t k, float dt, uint32_t iterations)
{
    float score[VECTORS_PER_CORE], late[VECTORS_PER_CORE];
    const uint32_t n = core.count;
    if (!is_finite(query))
        return list_nearest(0, 0);
    reset_neurons();
    dendrite_reset();
    wta_reset();
    __builtin_memset(core.patterns, 0, sizeof core.patterns);
    if (n) {
        measure(query);
        drive(n);
    }
    for (uint32_t i = 0; i < n; i++) {
        score[i] = core.membrane[i];
        late[i] = 0;
    }
    float weight = 1;
    uint32_t volley = 0;
    iterations = umin(iterations, 255);
    for (uint32_t t = 0; t < iterations; t++) {
        oscillator_step(dt);
        for (uint32_t i = 0; i < n; i++)
            dendrite_integrate(i);
        dendrite_reset();
        if (t) {
            weight *= EIGHTH;
            for (uint32_t i = 0; i < n; i++)
                late[i] += weight * (fmin32(core.membrane[i], 2) + (core.patterns[i] ? 1 : 0));
        }
        const uint32_t n_spikes = snn_step(dt);
        if (!t)
            volley = n_spikes;
        dendrite_propagate(SEARCH_GAIN);
        wta_soft();
        pattern_record();
        homeostatic_update(dt);
    }
    if (!n)
        return list_nearest(0, 0);
    for (uint32_t i = 0; i < n; i++)
        score[i] += (float)volley * PER_NEURON * late[i];

    /* Does it go on with the sequence of the searches before? */
    const uint32_t glimpses = core.n_glimpses;
    const uint32_t n_agree = n - popcount(above_mean(score, n) ^ above_mean(core.trace, n));
    const uint32_t joins = glimpses && 16 * n_agree + 4 * volley >= (11 + glimpses) * n;
    core.n_glimpses = (uint8_t)(joins ? umin(glimpses + 1, MAX_GLIMPSES) : 1);
    /* 2**(glimpses - 3) */
    const float belief = glimpses == MAX_GLIMPSES ? 1 : glimpses == MAX_GLIMPSES - 1 ? 0.5f : 0.25f;
    for (uint32_t i = 0; i < n; i++) {
        const float final = joins ? score[i] + core.trace[i] * belief : score[i];
        const float kept = joins ? score[i] + core.trace[i] : score[i];
        core.trace[i] = kept - kept * EIGHTH;
        distance[i] = 0 - (final + compute_resonance(i) * RESONANCE_SHARE);
    }
    return list_nearest(all_held(), k);
}
