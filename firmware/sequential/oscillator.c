/* The gamma oscillator: its phase, which a port holds; resonance, sine and cosine. */
#include "neuron_state.h"


uint32_t step_phase(void)
{
    uint32_t phase = load(PORT_PHASE) + load(PORT_PHASE_STEP);
    if (phase >= PHASE_PERIOD)
        phase -= PHASE_PERIOD;
    phase &= 0x1FFFFF;
    store(PORT_PHASE, phase);
    return phase;
}

static int32_t magnitude(int32_t x)
{
    return x < 0 ? -x : x;
}

uint32_t resonance(unsigned index)
{
    int32_t away = magnitude((int32_t)(load(PORT_PHASE) - index * PREFERRED_PHASE_STEP));
    return (uint32_t)magnitude(away - RESONANCE_ONE) & 0xFFFFF;
}

int32_t wave(bool cosine)
{
    bool below = false;
    uint32_t angle = load(PORT_PHASE) + (cosine ? 0 : 3 * QUARTER_TURN);
    if (angle >= PHASE_PERIOD)
        angle -= PHASE_PERIOD;
    if (angle >= 2 * QUARTER_TURN) {
        angle -= 2 * QUARTER_TURN;
        below = true;
    }
    if (angle >= QUARTER_TURN) {
        angle = 2 * QUARTER_TURN - angle; /* beyond a turn (a phase that software made up): no segment */
        below = !below;
    }
    uint32_t segment = angle >> WAVE_SEGMENT_BITS;
    if (segment >= sizeof WAVE_BASES / sizeof WAVE_BASES[0])
        return 0;
    int32_t fall = WAVE_FALLS[segment] * (int32_t)(angle >> 5 & 255);
    int32_t height = ((WAVE_BASES[segment] << WAVE_OFFSET_BITS) - fall + 128) >> WAVE_OFFSET_BITS;
    return below ? -height : height;
}
