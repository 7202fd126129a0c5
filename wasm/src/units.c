/* The neuromorphic units. Contracts: golden/float32/encoder.py, homeostasis.py, oscillator.py, wta.py, dendrite.py,
 * pattern.py. */

/* ---- spike encoder */

uint32_t EXPORT(encode_vector_to_spikes)(uint32_t i)
{
    if (i >= core.count)
        return 0;
    float largest = 0;
    for (uint32_t d = 0; d < n_dims(); d++)
        largest = fmax32(largest, __builtin_fabsf(core.vectors[d][i]));
    uint32_t pattern = 0;
    if (largest > 0) {
        for (uint32_t d = 0; d < n_dims(); d++) {
            const float slot = (1 - core.vectors[d][i] / largest) * (ENCODING_SLOTS / 2);
            const uint32_t bit = d + (uint32_t)slot * (n_dims() / ENCODING_SLOTS);
            if (bit < VECTORS_PER_CORE)
                pattern |= 1u << bit;
        }
    }
    core.patterns[i] = pattern;
    return pattern;
}

float EXPORT(spike_timing_similarity)(uint32_t a, uint32_t b)
{
    const uint32_t all = a | b;
    return all ? (float)popcount(a & b) / (float)popcount(all) : 1;
}

uint32_t EXPORT(spike_search)(uint32_t target, uint32_t k)
{
    for (uint32_t i = 0; i < core.count; i++)
        distance[i] = 1 - spike_timing_similarity(target, core.patterns[i]);
    return list_nearest(all_held(), k);
}

/* ---- homeostasis */

void EXPORT(homeostatic_update)(float dt)
{
    dt = time_step(dt);
    if (dt == 0)
        return;
    const float share = dt / TAU_HOMEOSTASIS;
    for (uint32_t i = 0; i < core.count; i++) {
        const float rate = core.rate[i] * (1 - share) + (core.spikes >> i & 1 ? SPIKE_RATE_STEP : 0);
        core.rate[i] = rate;
        core.threshold[i] = bounded_threshold(core.threshold[i] + share * (rate - TARGET_RATE));
    }
}

float EXPORT(get_spike_rate)(uint32_t i) { return OF_NEURON(rate); }

/* The sum over the vectors held, first to last, from +0. */
NOINLINE float sum_of(const float *values)
{
    float sum = 0;
    for (uint32_t i = 0; i < core.count; i++)
        sum += values[i];
    return sum;
}

float EXPORT(get_network_activity)(void) { return sum_of(core.rate); }

/* ---- gamma oscillator */

void EXPORT(oscillator_step)(float dt)
{
    const uint32_t units = (uint32_t)(time_step(dt) * PHASE_UNITS_PER_MS + 0.5f);
    core.phase = (core.phase + units) % PHASE_PERIOD;
}

float EXPORT(oscillator_get_phase)(void) { return (float)core.phase * RADIANS_PER_PHASE_UNIT; }

float EXPORT(compute_resonance)(uint32_t i)
{
    if (i >= core.count)
        return 0;
    int32_t difference = (int32_t)(core.phase - i * PREFERRED_PHASE_STEP);
    difference = difference < 0 ? -difference : difference;
    difference = difference < PHASE_PERIOD - difference ? difference : PHASE_PERIOD - difference;
    return (float)(HALF_TURN - difference) / HALF_TURN;
}

/* ---- winner take all */

void EXPORT(wta_reset)(void) { core.winner_from_1 = 0; }

uint32_t EXPORT(wta_compete)(void)
{
    float largest = 0;
    uint32_t winner = INDEX_NONE;
    for (uint32_t i = 0; i < core.count; i++) {
        if (core.refractory[i] <= 0 && core.membrane[i] > largest) {
            largest = core.membrane[i];
            winner = i;
        }
    }
    core.winner_from_1 = (uint8_t)(winner + 1);
    if (winner == INDEX_NONE)
        return winner;
    const float inhibition = WTA_INHIBITION * largest;
    for (uint32_t i = 0; i < core.count; i++)
        core.membrane[i] = i == winner ? largest : fmax32(core.membrane[i] - inhibition, 0);
    return winner;
}

void EXPORT(wta_soft)(void)
{
    float largest = 0;
    for (uint32_t i = 0; i < core.count; i++)
        largest = fmax32(largest, core.membrane[i]);
    if (largest <= 0)
        return;
    for (uint32_t i = 0; i < core.count; i++) {
        const float ratio = fmax32(core.membrane[i] / largest, -1);
        core.membrane[i] *= ratio * ratio;
    }
}

/* ---- dendrites */

void EXPORT(dendrite_reset)(void) { __builtin_memset(core.branches, 0, sizeof core.branches); }

NOINLINE void add_to_branch(uint32_t i, uint32_t branch, float current)
{
    core.branches[i][branch] = saturate(core.branches[i][branch] + current);
}

void EXPORT(dendrite_inject)(uint32_t i, uint32_t branch, float current)
{
    if (i < core.count && branch < MAX_NEIGHBOURS)
        add_to_branch(i, branch, amount(current));
}

float EXPORT(dendrite_integrate)(uint32_t i)
{
    float total = 0;
    if (i >= core.count)
        return 0;
    for (uint32_t slot = 0; slot < core.n_links[i]; slot++) {
        const float branch = core.branches[i][slot], x = branch - 1;
        if (branch >= 1)
            total += 1 + x / (1 + x / DENDRITIC_NONLINEARITY);
        else if (branch > 0)
            total += branch;
    }
    add_current(i, total);
    return total;
}

void EXPORT(dendrite_propagate)(float gain)
{
    gain = amount(gain);
    EACH(i, core.spikes) {
        const float current = gain * weight_share(i);
        EACH(j, core.linked[i]) {
            for (uint32_t slot = 0; slot < core.n_links[j]; slot++) {
                if (core.links[j][slot] == i)
                    add_to_branch(j, slot, current);
            }
        }
    }
}

/* ---- patterns */

void EXPORT(pattern_record)(void)
{
    for (uint32_t i = 0; i < VECTORS_PER_CORE; i++)
        core.patterns[i] = core.patterns[i] << 1 | (core.spikes >> i & 1);
}

uint32_t EXPORT(get_pattern)(uint32_t i) { return OF_NEURON(patterns); }

uint32_t EXPORT(pattern_match)(uint32_t target)
{
    uint32_t least = VECTORS_PER_CORE + 1, match = INDEX_NONE;
    for (uint32_t i = 0; i < core.count; i++) {
        const uint32_t different = popcount(core.patterns[i] ^ target);
        if (different < least) {
            least = different;
            match = i;
        }
    }
    return match;
}

uint32_t EXPORT(pattern_correlate)(uint32_t i, uint32_t most)
{
    uint32_t near = 0;
    if (i >= core.count)
        return 0;
    for (uint32_t j = 0; j < core.count; j++)
        near |= (uint32_t)(popcount(core.patterns[i] ^ core.patterns[j]) <= most) << j;
    return near & ~(1u << i);
}
