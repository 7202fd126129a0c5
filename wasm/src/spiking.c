/* Leaky integrate-and-fire neurons, the router of their spikes, and learning. Contract: golden/float32/lif.py, stdp.py. */

#define OF_NEURON(field) (i < core.count ? core.field[i] : 0)

/* The next neuromorphic search stands alone. */
NOINLINE void forget_glimpses(void)
{
    for (uint32_t i = 0; i < VECTORS_PER_CORE; i++)
        core.trace[i] = 0;
    core.n_glimpses = 0;
}

NOINLINE void reset_neurons(void)
{
    for (uint32_t i = 0; i < VECTORS_PER_CORE; i++) {
        core.membrane[i] = RESET_POTENTIAL;
        core.threshold[i] = INITIAL_THRESHOLD;
        core.last_spike[i] = NEVER;
        core.refractory[i] = 0;
    }
    core.spikes = 0;
    core.time = 0;
}

NOINLINE void add_current(uint32_t i, float current) { core.membrane[i] = saturate(core.membrane[i] + current); }

NOINLINE float bounded_threshold(float threshold) { return fmin32(fmax32(threshold, THRESHOLD_MIN), THRESHOLD_MAX); }

/* STDP leaves fractions of a byte; what acts and is read is the nearest byte. */
NOINLINE float weight_byte(uint32_t i) { return __builtin_floorf(core.weight[i] + 0.5f); }

NOINLINE float weight_share(uint32_t i) { return weight_byte(i) / (float)MAX_WEIGHT; }

void EXPORT(snn_reset)(void)
{
    reset_neurons();
    forget_glimpses();
}

void EXPORT(snn_set_membrane)(uint32_t i, float potential)
{
    if (i < core.count && potential == potential)
        core.membrane[i] = saturate(potential);
}

float EXPORT(snn_get_membrane)(uint32_t i) { return OF_NEURON(membrane); }

void EXPORT(snn_set_threshold)(uint32_t i, float threshold)
{
    if (i < core.count && threshold == threshold)
        core.threshold[i] = bounded_threshold(threshold);
}

void EXPORT(snn_inject)(uint32_t i, float current)
{
    if (i < core.count)
        add_current(i, amount(current));
}

uint32_t EXPORT(snn_spiked)(uint32_t i) { return i < core.count ? core.spikes >> i & 1 : 0; }

uint32_t EXPORT(snn_get_spikes)(void) { return core.spikes; }

float EXPORT(snn_get_time)(void) { return core.time; }

uint32_t EXPORT(snn_step)(float dt)
{
    dt = time_step(dt);
    const float leak = fmax32(1 - dt / TAU_MEMBRANE, 0);
    uint32_t spikes = 0;
    for (uint32_t i = 0; i < core.count; i++) {
        if (core.refractory[i] > 0) {
            core.refractory[i] = fmax32(core.refractory[i] - dt, 0);
            continue;
        }
        core.membrane[i] *= leak;
        if (core.membrane[i] >= core.threshold[i]) {
            core.membrane[i] = RESET_POTENTIAL;
            core.refractory[i] = REFRACTORY_PERIOD;
            core.last_spike[i] = core.time;
            spikes |= 1u << i;
        }
    }
    core.spikes = spikes;
    core.time += dt;
    return popcount(spikes);
}

void EXPORT(snn_propagate)(float gain)
{
    gain = amount(gain);
    EACH(i, core.spikes) {
        const float current = gain * weight_share(i);
        /* A node's neighbours are all different: their order does not matter. */
        EACH(j, core.linked[i]) add_current(j, current);
    }
}

/* e**x for x <= 0 in the operations of golden/float32/math32.py. */
INLINE float exp_of_negative(float x)
{
    static const float coefficients[] = {EXP_COEFFICIENTS};
    if (x < EXP_LEAST)
        return 0;
    const float n = __builtin_floorf(x * LOG2_E + 0.5f);
    const float r = (x - n * LN2_HIGH) - n * LN2_LOW;
    float p = coefficients[0];
    for (uint32_t i = 1; i < sizeof coefficients / sizeof *coefficients; i++)
        p = p * r + coefficients[i];
    const int32_t exponent = (int32_t)n, lower = exponent >> 1;
    const union { int32_t word; float number; } first = {(lower + 127) << 23}, second = {(exponent - lower + 127) << 23};
    return ((p * (r * r) + r) + 1) * first.number * second.number;
}

void EXPORT(snn_stdp)(void)
{
    EACH(i, core.spikes) {
        const float now = core.last_spike[i];
        for (uint32_t slot = 0; slot < core.n_links[i]; slot++) {
            const uint32_t j = core.links[i][slot];
            const float then = core.last_spike[j];
            if (then < 0 || then >= now)
                continue;
            const float e = exp_of_negative((then - now) / TAU_STDP);
            core.weight[j] = fmin32(core.weight[j] + STDP_POTENTIATION * e, MAX_WEIGHT);
            core.weight[i] = fmax32(core.weight[i] - STDP_DEPRESSION * e, 0);
        }
    }
}

uint32_t EXPORT(snn_tick)(float dt, float gain, uint32_t learn)
{
    const uint32_t n_spikes = snn_step(dt);
    snn_propagate(gain);
    if (learn)
        snn_stdp();
    return n_spikes;
}
