/* The commands of the spiking network. */
#include "neuron_state.h"

#define FIELD(n, number) (((int32_t *)(n))[number])

#ifdef SEQUENTIAL_HOST
struct neuron neurons[VECTORS_PER_CORE];
#endif

/* What NEURON_RESET resets a field with. */
static const uint8_t field_parts[N_NEURON_FIELDS] = {
    RESET_BRANCHES, RESET_BRANCHES, RESET_BRANCHES, RESET_BRANCHES, RESET_BRANCHES, RESET_BRANCHES,
    RESET_HISTORIES, RESET_NETWORK, RESET_NETWORK, RESET_RATES, RESET_NETWORK, RESET_RATES,
    RESET_SEQUENCE, RESET_NETWORK, RESET_NETWORK, RESET_SEQUENCE,
};

void clear_neurons(unsigned parts)
{
    for (unsigned field = 0; field < N_NEURON_FIELDS; field++)
        if (parts & field_parts[field])
            for (struct neuron *n = neurons; n != neurons + VECTORS_PER_CORE; n++)
                FIELD(n, field) = field == FIELD_ELAPSED     ? ELAPSED_NEVER
                                  : field == FIELD_THRESHOLD ? THRESHOLD_INITIAL
                                                             : 0;
}

void empty_neurons(void)
{
    clear_neurons(0xFF);
}

void add_current(struct neuron *n, int32_t current)
{
    int32_t x = n->membrane + current;
    if (x << (32 - MEMBRANE_BITS) >> (32 - MEMBRANE_BITS) != x) /* as saturate, without a call: ticks do this often */
        x = x >> 31 ^ MEMBRANE_MAX;
    n->membrane = x;
}

/* INJECT_RESULTS: the current of every result of the core to its neuron. RESONATE: the results of cores that there are,
   nearer where the oscillator resonates with them. */
static unsigned walk_results(const struct command *c, unsigned count)
{
    unsigned n_injected = 0;
    uint32_t one = load(PORT_DISTANCE_ONE);
    for (struct entry *e = results.entries; e != results.entries + results.count; e++) {
        int32_t key = e->key;
        if (c->opcode == OP_RESONATE) {
            if (e->core < load(PORT_CORES)) {
                int32_t share = scaled(key, ratio(resonance(e->index), RESONANCE_ONE));
                push(saturate_key(2 * key - scaled(share, load(PORT_DATA_LO) & 0xFFFFF)), e->core, e->index);
            }
        } else if (e->core == c->core && e->index < count) {
            uint32_t factor = ratio(one, one + (uint32_t)(key < 0 ? 0 : key));
            add_current(&neurons[e->index], scaled((int32_t)load(PORT_GAIN) << 7, factor));
            n_injected++;
        }
    }
    return n_injected;
}

/* TICK: low word of the answer; the high one is the spikes. */
static void start_tick(const struct command *c)
{
    for (unsigned left = 16; left && load(PORT_INLET) >> 31; left--) {
        CONTEXT.external |= load(PORT_INLET_WORD);
        store(PORT_INLET, 0);
    }
    if (c->index & STEP_OSCILLATOR) {
        if (load(PORT_PHASE_DUE) & 1) {
            store(PORT_PHASE_DUE, 0);
            store(PORT_PHASE, 0);
        } else {
            step_phase();
        }
    }
    unsigned core = c->index & ALL_CONTEXTS ? 0 : c->core;
    tick(core, c->value, 32);
    uint32_t spikes = CONTEXT.spikes;
    if (spikes) {
        load(PORT_REPORT_CORE); /* waits for the reporter */
        store(PORT_REPORT_CORE, core);
        store(PORT_REPORT_WORD, spikes);
    }
    if (!load(PORT_TIMED))
        answer(popcount(spikes), c->index & ALL_CONTEXTS ? 0 : spikes);
}

void neural_command(const struct command *c)
{
    unsigned core = c->core, index = c->index, value = c->value;
    unsigned count = counts[core % N_CORES]; /* what takes any core does not look at it */
    bool exists = index < count;
    struct neuron *n = &neurons[index & 31];
    uint32_t low = 0, high = 0;
    uint32_t data = load(PORT_DATA_LO);
    best.count = 0;
    switch (c->opcode) {
    case OP_NEURON_RESET:
        clear_neurons(value);
        break;
    case OP_TICK:
        start_tick(c);
        return;
    case OP_INJECT:
        value = FIELD_MEMBRANE;
        goto inject;
    case OP_INJECT_BRANCH:
        if (value >= MAX_NEIGHBOURS)
            break;
    inject:
        if (exists) {
            unsigned bits = NEURON_FIELD_WIDTHS[value];
            FIELD(n, value) = saturate(FIELD(n, value) + data_within(bits), bits);
            low = 1;
        }
        break;
    case OP_READ_NEURON:
    case OP_WRITE_NEURON:
        if (value > FIELD_TRACE)
            n = neurons;
        else if (index >= VECTORS_PER_CORE)
            break;
        if (value < N_NEURON_FIELDS) {
            unsigned shift = 32 - NEURON_FIELD_WIDTHS[value];
            int32_t *place = &FIELD(n, value);
            low = 1;
            if (c->opcode == OP_READ_NEURON) {
                low = (uint32_t)*place << shift >> shift;
                high = 1;
            } else if (value < MAX_NEIGHBOURS || value == FIELD_MEMBRANE) {
                *place = (int32_t)(data << shift) >> shift;
            } else {
                *place = (int32_t)(data << shift >> shift);
            }
        }
        break;
    case OP_INJECT_RESULTS:
        low = walk_results(c, count);
        store(PORT_LIST_COUNT, results.count); /* all unread again */
        break;
    case OP_RESONATE:
        walk_results(c, count);
        low = collect(value & SEARCH_K_MASK, false);
        break;
    case OP_ENCODE:
        if (exists) {
            low = n->history = encode(&ROWS[(core * VECTORS_PER_CORE + index) * 16]);
            high = 1;
        }
        break;
    case OP_ENCODE_QUERY:
        low = encode(read_region(REGION_QUERY));
        break;
    case OP_SPIKE_SIMILARITY:
        if (exists) {
            low = dissimilarity(n->history, data);
            high = 1;
        }
        break;
    case OP_SPIKE_SEARCH:
        for (unsigned i = 0; i < count; i++)
            push((int32_t)dissimilarity(neurons[i].history, data), core, i);
        low = collect(value & SEARCH_K_MASK, value & SEARCH_KEEP);
        break;
    case OP_OSCILLATE:
        low = step_phase();
        break;
    case OP_RESONANCE:
        low = resonance(index & 31);
        high = (uint32_t)wave(value & 1) & 0xFFFF;
        break;
    case OP_COMPETE:
        low = compete(count, value & 1);
        break;
    case OP_COMPARE_PATTERNS: {
        unsigned nearest = 63 << 8 | INDEX_NONE; /* distance and neuron */
        for (unsigned i = 0; i < count; i++) {
            unsigned distance = popcount(neurons[i].history ^ data), found = distance << 8 | i;
            if (found < nearest)
                nearest = found;
            if (distance <= value && i != (index & 63))
                low |= UINT32_C(1) << i;
        }
        high = nearest & 255;
        break;
    }
    case OP_ACTIVITY:
        for (unsigned i = 0; i < count; i++)
            low += (uint32_t)neurons[i].rate;
        break;
    case OP_NEURO_SEARCH:
        neuro_search(core, count, index);
        low = collect(value & SEARCH_K_MASK, value & SEARCH_KEEP);
        break;
    }
    answer(low, high);
}
