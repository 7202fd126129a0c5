/* The neuromorphic units. Contracts: golden/float32/encoder.py, homeostasis.py, oscillator.py, wta.py, dendrite.py,
 * pattern.py. */

/* ---- spike encoder */

uint32_t EXPORT(encode_vector_to_spikes)(uint32_t i)
{
    uint32_t pattern = 0;
    float largest = 0;
    if (i < count()) {
        for (uint32_t d = 0; d < get_dims(); d++)
            largest = fmax32(largest, __builtin_fabsf(core.vectors[d][i]));
    }
    for (uint32_t d = 0; largest > 0 && d < get_dims(); d++) {
        const float slot = (1 - core.vectors[d][i] / largest) * (ENCODING_SLOTS / 2);
        const uint32_t bit = d + (uint32_t)slot * (get_dims() / ENCODING_SLOTS);
        if (bit < VECTORS_PER_CORE)
            pattern |= 1u << bit;
    }
    neuron_at(i)->pattern = pattern;
    return pattern;
}

float EXPORT(spike_timing_similarity)(uint32_t a, uint32_t b)
{
    const uint32_t all = a | b;
    return all ? (float)popcount(a & b) / (float)popcount(all) : 1;
}

uint32_t EXPORT(spike_search)(uint32_t target, uint32_t k)
{
    float *result = distance;
    EACH_NEURON(n) *result++ = 1 - spike_timing_similarity(target, n->pattern);
    return list_nearest(all_held(), k);
}

/* ---- homeostasis */

void EXPORT(homeostatic_update)(float dt)
{
    dt = time_step(dt);
    if (dt == 0)
        return;
    const float share = dt / TAU_HOMEOSTASIS;
    uint32_t spikes = core.spikes;
    EACH_NEURON(n) {
        n->rate = n->rate * (1 - share) + (spikes & 1 ? SPIKE_RATE_STEP : 0);
        n->threshold = bounded_threshold(n->threshold + share * (n->rate - TARGET_RATE));
        spikes >>= 1;
    }
}

float EXPORT(get_spike_rate)(uint32_t i) { return neuron_at(i)->rate; }

/* The sum of one field over all neurons, first to last; `field` is the first neuron's. */
NOINLINE float sum_of(const float *field)
{
    float sum = 0;
    for (uint32_t left = count(); left; left--) {
        sum += *field;
        field += sizeof(struct neuron) / sizeof *field;
    }
    return sum;
}

float EXPORT(get_network_activity)(void) { return sum_of(&core.neurons->rate); }

/* ---- gamma oscillator */

void EXPORT(oscillator_step)(float dt)
{
    const uint32_t units = (uint32_t)(time_step(dt) * PHASE_UNITS_PER_MS + 0.5f);
    core.phase = (core.phase + units) % PHASE_PERIOD;
}

float EXPORT(oscillator_get_phase)(void) { return (float)core.phase * RADIANS_PER_PHASE_UNIT; }

float EXPORT(compute_resonance)(uint32_t i)
{
    if (i >= count())
        return 0;
    /* From half a turn away: |half a turn - |difference|| is what is left of half a turn. */
    int32_t left = (int32_t)(core.phase - i * PREFERRED_PHASE_STEP);
    left = HALF_TURN - (left < 0 ? -left : left);
    return (float)(left < 0 ? -left : left) / HALF_TURN;
}

/* ---- winner take all */

void EXPORT(wta_reset)(void) { core.winner_from_1 = 0; }

uint32_t EXPORT(wta_compete)(void)
{
    float largest = 0;
    uint32_t i = 0, winner = INDEX_NONE;
    EACH_NEURON(n) {
        if (n->refractory <= 0 && n->membrane > largest) {
            largest = n->membrane;
            winner = i;
        }
        i++;
    }
    core.winner_from_1 = (uint8_t)(winner + 1);
    if (winner < INDEX_NONE) {
        EACH_NEURON(n) n->membrane = fmax32(n->membrane - WTA_INHIBITION * largest, 0);
        core.neurons[winner].membrane = largest;
    }
    return winner;
}

void EXPORT(wta_soft)(void)
{
    float largest = 0;
    EACH_NEURON(n) largest = fmax32(largest, n->membrane);
    if (largest <= 0)
        return;
    EACH_NEURON(n) {
        const float ratio = fmax32(n->membrane / largest, -1);
        n->membrane *= ratio * ratio;
    }
}

/* ---- dendrites */

NOINLINE void clear_branches(struct neuron *n) { __builtin_memset(n->branches, 0, sizeof n->branches); }

void EXPORT(dendrite_reset)(void) { EACH_NEURON(n) clear_branches(n); }

void EXPORT(dendrite_inject)(uint32_t i, uint32_t branch, float current)
{
    if (branch < MAX_NEIGHBOURS)
        add_current(&neuron_at(i)->branches[branch], amount(current));
}

NOINLINE float integrate(struct neuron *n)
{
    float total = 0;
    for (uint32_t slot = 0; slot < n->n_links; slot++) {
        const float branch = n->branches[slot], x = branch - 1;
        if (branch > 0)
            total += branch < 1 ? branch : 1 + x / (1 + x / DENDRITIC_NONLINEARITY);
    }
    add_current(&n->membrane, total);
    return total;
}

float EXPORT(dendrite_integrate)(uint32_t i) { return integrate(neuron_at(i)); }

/* ---- patterns */

void EXPORT(pattern_record)(void)
{
    uint32_t spikes = core.spikes;
    EACH_NEURON(n) {
        n->pattern = n->pattern << 1 | (spikes & 1);
        spikes >>= 1;
    }
}

uint32_t EXPORT(get_pattern)(uint32_t i) { return neuron_at(i)->pattern; }

uint32_t EXPORT(pattern_match)(uint32_t target)
{
    float *result = distance;
    EACH_NEURON(n) *result++ = (float)popcount(n->pattern ^ target);
    make_keys(all_held());
    return count() ? take_nearest() : INDEX_NONE;
}

uint32_t EXPORT(pattern_correlate)(uint32_t i, uint32_t most)
{
    const uint32_t pattern = neuron_at(i)->pattern;
    uint32_t near = 0, bit = 1;
    EACH_NEURON(n) {
        near |= popcount(n->pattern ^ pattern) <= most ? bit : 0;
        bit <<= 1;
    }
    return i < count() ? near & ~(1u << i) : 0;
}
