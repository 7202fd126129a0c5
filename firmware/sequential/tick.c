/* A tick: every neuron in turn through dendrites, leak, threshold, homeostasis and history; then every spike. */
#include "neuron_state.h"

/* 3 - 4 / (1 + b) of a branch of at least 1, in 2^-13; 1 + b = m * 2^octave, 1/m by linear interpolation. */
static int32_t beyond_one(int32_t branch)
{
    uint32_t u = (uint32_t)branch + 4096;
    unsigned more = (u >> 14 != 0) + (u >> 15);
    uint32_t place = u >> more;
    unsigned segment = place >> 8 & 31;
    uint32_t reciprocal = ((uint32_t)RECIPROCAL_BASES[segment] << 6) - RECIPROCAL_FALLS[segment] * (place & 255);
    return (int32_t)(((3 << 20) + 64 - (reciprocal << 1 >> more)) >> 7);
}

/* What the branches bring the membrane: each saturates. */
static int32_t tree_current(const struct neuron *n, const struct node *node)
{
    int32_t total = 0;
    const int32_t *end = n->branches + n_links(node);
    for (const int32_t *branch = n->branches; branch != end; branch++)
        if (*branch > 0)
            total += *branch < 4096 ? *branch << 1 : beyond_one(*branch);
    return total << 7;
}

/* A step of a membrane; whether it fires. */
static bool leak(struct neuron *n)
{
    int32_t elapsed = n->elapsed + (int32_t)load(PORT_DT);
    bool fires = false;
    if (n->elapsed >= REFRACTORY) {
        if (n->membrane)
            add_current(n, -scaled(n->membrane, load(PORT_LEAK)));
        fires = n->membrane << 6 >= n->threshold;
        if (fires)
            n->membrane = elapsed = 0;
    }
    n->elapsed = elapsed < ELAPSED_NEVER ? elapsed : ELAPSED_NEVER;
    return fires;
}

static void settle(struct neuron *n, bool fired)
{
    uint32_t factor = load(PORT_RATE_FACTOR);
    int32_t rate = n->rate;
    if (fired && factor & 0xFFFF)
        rate += SPIKE_RATE_STEP;
    if (rate > RATE_MAX)
        rate = RATE_MAX;
    /* What the rate loses also raises the threshold; the low bits of a rate do not count here. */
    int32_t decay = scaled(rate & ~255, factor);
    int32_t threshold = n->threshold + (decay << 2) - (int32_t)load(PORT_TARGET_STEP);
    if (threshold < THRESHOLD_LEAST)
        threshold = THRESHOLD_LEAST;
    if (threshold > THRESHOLD_GREATEST)
        threshold = THRESHOLD_GREATEST;
    n->threshold = threshold;
    n->rate = rate > decay ? rate - decay : 0;
}

/* 2.55 exp(-elapsed / 20 ms) in 2^-12 of a weight byte, as 2^-age; 0 for a neuron that fired just now. */
static int32_t potentiation(uint32_t elapsed)
{
    uint32_t time = elapsed >> 8;
    uint32_t age = (time << 2) + (time >> 1) + (time >> 3) - (time >> 7) - (time >> 11);
    unsigned segment = age >> 9 & 31;
    int32_t value = (WINDOW_BASES[segment] << 6) - WINDOW_FALLS[segment] * (int32_t)(age >> 2 & 127);
    return elapsed ? ((value >> 6 >> (age >> 14)) + 1) >> 1 : 0;
}

/* 1.2 times a sum of potentiations: what the spike's own weight loses. */
static int32_t depression(int32_t total)
{
    int32_t y = 3 * total;
    y += y >> 4;
    y += y >> 8;
    return total + ((y + 8) >> 4);
}

static void learn(struct neuron *n, struct node *node, int32_t change)
{
    int32_t total = (node->weight << 12) + (n->residue << 20 >> 20) + change;
    if (total < 0)
        total = 0;
    if (total > WEIGHT_MAX)
        total = WEIGHT_MAX;
    node->weight = (uint8_t)((total + 2048) >> 12);
    n->residue = total & 0xFFF;
}

/* The current reaches the branch in the lowest slot that links back to the source, if there is one. */
static void to_branch(struct neuron *n, const struct node *node, unsigned source, int32_t current)
{
    uint32_t links = node->links;
    int32_t *end = n->branches + n_links(node);
    for (int32_t *branch = n->branches; branch != end; branch++, links >>= 5)
        if ((links & 31) == source) {
            *branch = saturate(*branch + ((current + 128) >> 8), BRANCH_BITS);
            return;
        }
}

/* A spike to the neighbours of its neuron, and what is learned from it. */
static void deliver(struct node *nodes, unsigned source, unsigned parts)
{
    struct neuron *own = &neurons[source];
    uint32_t w = (uint32_t)own->weight;
    w += w << 8 | w >> 7;
    int32_t current = scaled((int32_t)load(PORT_GAIN) << 7, w >> 16 ? FACTOR_ONE : 0x10000 | w);
    int32_t total = 0;
    uint32_t links = nodes[source].links;
    for (unsigned left = n_links(&nodes[source]); left; left--, links >>= 5) {
        struct neuron *n = &neurons[links & 31];
        struct node *node = &nodes[links & 31];
        if (parts & PART_TO_MEMBRANE)
            add_current(n, current);
        if (parts & PART_TO_BRANCH)
            to_branch(n, node, source, current);
        if (parts & PART_LEARN) {
            int32_t change = potentiation((uint32_t)n->elapsed);
            total += change;
            learn(n, node, change);
        }
    }
    if (parts & PART_LEARN)
        learn(own, &nodes[source], -depression(total));
}

void tick(unsigned core, unsigned parts, unsigned late_shift)
{
    struct node *nodes = &NODES[core * VECTORS_PER_CORE], *node = nodes;
    struct neuron *n = neurons;
    uint32_t there = CONTEXT.external, spikes = 0; /* what is there already does not come from this step */
    if (!(parts & PART_STEP))
        spikes = there |= CONTEXT.spikes;
    for (unsigned i = 0; i < VECTORS_PER_CORE; i++, n++, node++) {
        n->weight = node->weight;
        if (i < counts[core]) {
            if (parts & PART_DENDRITES)
                add_current(n, tree_current(n, node));
            if (parts & PART_CLEAR) {
                /* Loops would take longer and as many words. */
                n->branches[0] = n->branches[1] = n->branches[2] = 0;
                n->branches[3] = n->branches[4] = n->branches[5] = 0;
            }
            if (late_shift < 32) {
                int32_t x = n->membrane < 2 << 20 ? n->membrane : 2 << 20;
                n->late += (x + (n->history ? 1 << 20 : 0)) >> late_shift;
            }
            if (parts & PART_STEP && leak(n))
                spikes |= UINT32_C(1) << i;
            if (parts & PART_HOMEOSTASIS)
                settle(n, spikes >> i & 1);
        }
        if (parts & PART_RECORD)
            n->history = n->history << 1 | (spikes >> i & 1);
    }
    uint32_t own = spikes & ~there;
    spikes |= there;
    CONTEXT.spikes = spikes;
    CONTEXT.external = 0;
    /* Spikes go lowest first. Only a spike of neuron 31 that was there goes before neuron 30, which fires later than the
       first one goes. */
    unsigned i = spikes == UINT32_C(3) << 30 && own == UINT32_C(1) << 30 ? 31 : 0;
    for (; spikes; i = (i + 1) & 31) {
        uint32_t bit = UINT32_C(1) << i;
        if (spikes & bit) {
            spikes ^= bit;
            deliver(nodes, i, parts);
        }
    }
}
