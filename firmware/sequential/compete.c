/* Winner take all over the membranes. */
#include "neuron_state.h"

unsigned compete(unsigned count, bool soft)
{
    unsigned winner = INDEX_NONE;
    int32_t maximum = 0;
    for (unsigned i = 0; i < count; i++)
        if (neurons[i].membrane > maximum && (soft || neurons[i].elapsed >= REFRACTORY)) {
            maximum = neurons[i].membrane;
            winner = i;
        }
    if (winner == INDEX_NONE)
        return winner;
    int32_t inhibition = scaled(maximum, INHIBITION_FACTOR);
    for (unsigned i = 0; i < count; i++) {
        int32_t v = neurons[i].membrane;
        if (!soft) {
            if (i != winner)
                v = v > inhibition ? v - inhibition : 0;
        } else if (v) {
            int32_t size = v < 0 ? -v : v;
            uint32_t factor = ratio((uint32_t)size, (uint32_t)maximum);
            v = scaled(scaled(v, factor), factor);
        }
        neurons[i].membrane = v;
    }
    return winner;
}
