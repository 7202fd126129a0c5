/* The neurons of the one context, and what the files that work on them share. */
#ifndef GANGLION_SEQUENTIAL_NEURON_STATE_H
#define GANGLION_SEQUENTIAL_NEURON_STATE_H

#include "program.h"


/* A word a field, in the order of their numbers in READ_NEURON; those of the context are used in neuron 0 only. */
struct neuron {
    int32_t branches[MAX_NEIGHBOURS];
    uint32_t history;
    int32_t membrane, elapsed, rate, threshold, residue, trace;
    uint32_t spikes, external, glimpses;
    /* Only while a command runs: the weight that a tick found; drive or score of a search, and late activity. */
    int32_t weight, score, late;
    int32_t unused[13]; /* 128 bytes: an index is a shift */
};

#ifdef SEQUENTIAL_HOST
extern struct neuron neurons[VECTORS_PER_CORE];
#else
#define neurons ((struct neuron *)0x19000) /* as a number, like VARIABLES */
#endif
#define CONTEXT (neurons[0])

/* neurons.c */
void add_current(struct neuron *n, int32_t current); /* to its membrane */
void clear_neurons(unsigned parts);

/* tick.c: a tick of the neurons with a core's graph and weights; the late activity grows by V >> late_shift if that is
   below 32. Spikes are in the context. */
void tick(unsigned core, unsigned parts, unsigned late_shift);

/* oscillator.c */
uint32_t step_phase(void);
uint32_t resonance(unsigned index);
int32_t wave(bool cosine);

/* patterns.c */
unsigned popcount(uint32_t word);
uint32_t encode(const int8_t row[16]);
uint32_t dissimilarity(uint32_t history, uint32_t pattern); /* 1 - similarity in 2^-16 */

/* compete.c: the winner */
unsigned compete(unsigned count, bool soft);

/* neuro_search.c: pushes the neurons' scores to the nearest. */
void neuro_search(unsigned core, unsigned count, unsigned iterations);

#endif
