/* Leaky integrate-and-fire neurons, the router of their spikes, and learning. Contract: golden/float32/lif.py, stdp.py. */

/* The next neuromorphic search stands alone. */
NOINLINE void forget_glimpses(void)
{
    EACH_NEURON(n) n->trace = 0;
    core.n_glimpses = 0;
}

NOINLINE void reset_neuron(struct neuron *n)
{
    n->membrane = RESET_POTENTIAL;
    n->threshold = INITIAL_THRESHOLD;
    n->last_spike = NEVER;
    n->refractory = 0;
}

NOINLINE void reset_neurons(void)
{
    EACH_NEURON(n) reset_neuron(n);
    core.spikes = 0;
    core.time = 0;
}

/* What a neuron or a branch holds, and a current: the sum, saturating. */
NOINLINE void add_current(float *to, float current) { *to = saturate(*to + current); }

NOINLINE float bounded_threshold(float threshold) { return fmin32(fmax32(threshold, THRESHOLD_MIN), THRESHOLD_MAX); }

/* STDP leaves fractions of a byte; what acts and is read is the nearest byte. */
NOINLINE float weight_byte(const struct neuron *n) { return __builtin_floorf(n->weight + 0.5f); }

NOINLINE float weight_share(const struct neuron *n) { return weight_byte(n) / (float)MAX_WEIGHT; }

void EXPORT(snn_reset)(void)
{
    reset_neurons();
    forget_glimpses();
}

void EXPORT(snn_set_membrane)(uint32_t i, float potential)
{
    if (potential == potential)
        neuron_at(i)->membrane = saturate(potential);
}

float EXPORT(snn_get_membrane)(uint32_t i) { return neuron_at(i)->membrane; }

void EXPORT(snn_set_threshold)(uint32_t i, float threshold)
{
    if (threshold == threshold)
        neuron_at(i)->threshold = bounded_threshold(threshold);
}

void EXPORT(snn_inject)(uint32_t i, float current) { add_current(&neuron_at(i)->membrane, amount(current)); }

uint32_t EXPORT(snn_spiked)(uint32_t i) { return i < count() ? core.spikes >> i & 1 : 0; }

uint32_t EXPORT(snn_get_spikes)(void) { return core.spikes; }

float EXPORT(snn_get_time)(void) { return core.time; }

uint32_t EXPORT(snn_step)(float dt)
{
    dt = time_step(dt);
    const float leak = fmax32(1 - dt / TAU_MEMBRANE, 0);
    uint32_t spikes = 0, bit = 1;
    EACH_NEURON(n) {
        if (n->refractory > 0) {
            n->refractory = fmax32(n->refractory - dt, 0);
        } else {
            n->membrane *= leak;
            if (n->membrane >= n->threshold) {
                n->membrane = RESET_POTENTIAL;
                n->refractory = REFRACTORY_PERIOD;
                n->last_spike = core.time;
                spikes |= bit;
            }
        }
        bit <<= 1;
    }
    core.spikes = spikes;
    core.time += dt;
    return popcount(spikes);
}

/* The spikes of the last step to the neighbours: to their membranes, or to their branches that face the sender. */
NOINLINE void route(float gain, uint32_t to_branches)
{
    gain = amount(gain);
    EACH_BIT(i, core.spikes) {
        const struct neuron *const self = &core.neurons[i];
        /* A node's neighbours are all different: their order does not matter. */
        EACH_BIT(j, self->linked) {
            struct neuron *const other = &core.neurons[j];
            float *to = &other->membrane;
            if (to_branches) {
                if (!(other->linked >> i & 1))
                    continue;
                to = other->branches;
                for (const uint8_t *link = other->links; *link != i; link++)
                    to++;
            }
            add_current(to, gain * weight_share(self));
        }
    }
}

void EXPORT(snn_propagate)(float gain) { route(gain, 0); }

void EXPORT(dendrite_propagate)(float gain) { route(gain, 1); }

INLINE float power_of_two(int32_t exponent)
{
    const union { int32_t word; float number; } bits = {(exponent + 127) << 23};
    return bits.number;
}

/* e**x for x <= 0 in the operations of golden/float32/math32.py. */
INLINE float exp_of_negative(float x)
{
    if (x < EXP_LEAST)
        return 0;
    const float n = __builtin_floorf(x * LOG2_E + 0.5f);
    const float r = (x - n * LN2_HIGH) - n * LN2_LOW;
    const float p = (((EXP_0 * r + EXP_1) * r + EXP_2) * r + EXP_3) * r + EXP_4;
    const int32_t exponent = (int32_t)n, lower = exponent >> 1;
    return ((p * (r * r) + r) + 1) * power_of_two(lower) * power_of_two(exponent - lower);
}

void EXPORT(snn_stdp)(void)
{
    EACH_BIT(i, core.spikes) {
        struct neuron *const self = &core.neurons[i];
        for (uint32_t slot = 0; slot < self->n_links; slot++) {
            struct neuron *const other = &core.neurons[self->links[slot]];
            const float then = other->last_spike, now = self->last_spike;
            if (then >= 0 && then < now) {
                const float e = exp_of_negative((then - now) / TAU_STDP);
                other->weight = fmin32(other->weight + STDP_POTENTIATION * e, MAX_WEIGHT);
                self->weight = fmax32(self->weight - STDP_DEPRESSION * e, 0);
            }
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
