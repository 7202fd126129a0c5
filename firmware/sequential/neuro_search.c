/* The neuromorphic search of one core: membranes driven by distances, iterations of the network, scores. */
#include "neuron_state.h"

#define SEARCH_PARTS (PART_DENDRITES | PART_CLEAR | PART_STEP | PART_HOMEOSTASIS | PART_RECORD | PART_TO_BRANCH)

/* Membranes 0..2 by the distances to the query, those of the nearest being 2. */
static void drive(unsigned core, unsigned count)
{
    int32_t greatest = INT32_MIN;
    read_region(REGION_QUERY);
    set_operand();
    for (unsigned i = 0; i < count; i++) {
        int32_t key = scan_one(core * VECTORS_PER_CORE + i);
        neurons[i].score = key;
        push(key, core, i);
        if (key > greatest)
            greatest = key;
    }
    int32_t low = best.entries[0].key, raise = low < 0 ? low : 0;
    int32_t fifth = count > 4 ? best.entries[4].key : greatest;
    int32_t s = fifth != raise ? fifth - raise : greatest - raise;
    uint32_t numerator = (uint32_t)(s + ((low - raise) << 2));
    for (unsigned i = 0; i < count; i++) {
        uint32_t denominator = (uint32_t)(s + ((neurons[i].score - raise) << 2));
        neurons[i].membrane = neurons[i].score = (int32_t)divided(numerator, denominator) << 5;
        neurons[i].late = 0;
    }
}

void neuro_search(unsigned core, unsigned count, unsigned iterations)
{
    unsigned volley = 0;
    clear_neurons(RESET_NETWORK | RESET_BRANCHES | RESET_HISTORIES);
    drive(core, count);
    for (unsigned t = 0; t < iterations; t++) {
        step_phase();
        /* Late activity counts from the second iteration on, 2^-3 of the one before. */
        tick(core, SEARCH_PARTS, t && t < 8 ? 3 * t : 32);
        if (!t)
            volley = popcount(CONTEXT.spikes);
        compete(count, true);
    }
    best.count = 0;
    int32_t sum_score = 0, sum_trace = 0;
    for (unsigned i = 0; i < count; i++) {
        neurons[i].score += scaled(neurons[i].late, volley << 10);
        sum_score += neurons[i].score;
        sum_trace += neurons[i].trace;
    }
    unsigned agree = 4 * volley;
    for (unsigned i = 0; i < count; i++) {
        bool above_score = scaled(neurons[i].score, count << 10) > sum_score >> 5;
        bool above_trace = scaled(neurons[i].trace << 9, count << 10) > sum_trace << 4;
        if (above_score == above_trace)
            agree += 16;
    }
    unsigned glimpses = CONTEXT.glimpses;
    bool continues = glimpses && agree >= (11 + glimpses) * count;
    for (unsigned i = 0; i < count; i++) {
        int32_t kept = neurons[i].score, final = kept;
        if (continues) {
            int32_t remembered = neurons[i].trace << 9;
            kept += remembered;
            final += remembered >> (3 - glimpses);
        }
        final += (int32_t)(resonance(i) >> 16);
        int32_t trace = (7 * kept + 2048) >> 12;
        neurons[i].trace = trace < 0 ? 0 : trace < 65535 ? trace : 65535;
        push(saturate_key(-(final >> 5)), core, i);
    }
    if (count)
        CONTEXT.glimpses = !continues ? 1 : glimpses < 3 ? glimpses + 1 : 3;
}
