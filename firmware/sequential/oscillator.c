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
    uint32_t angle = load(PORT_PHASE) + (cosine ? 0 : 3 * QUARTER_TURN);
    if (angle >= PHASE_PERIOD)
        angle -= PHASE_PERIOD;
    unsigned sector = angle >> 14 & 127;
    unsigned quadrant = (sector >= 25) + (sector >= 50) + (sector >= 75);
    uint32_t place = angle - QUARTER_TURN * quadrant;
    if (quadrant & 1)
        place = QUARTER_TURN - place;
    place &= 0x7FFFF;
    unsigned segment = place >> 13;
    if (segment >= 50)
        return 0;
    int32_t height = (int32_t)(((uint32_t)WAVE_BASES[segment] << 8) - WAVE_FALLS[segment] * (place >> 5 & 255) + 128) >> 8;
    return quadrant == 1 || quadrant == 2 ? -height : height;
}
