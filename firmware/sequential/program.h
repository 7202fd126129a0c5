/* What the parts of the sequential engine's program share. */
#ifndef GANGLION_SEQUENTIAL_H
#define GANGLION_SEQUENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "constants.h"
#include "ports.h"

/* A result: sorted by key, then core, then index. */
struct entry {
    int32_t key;
    union {
        struct {
            uint8_t index, core;
        };
        uint16_t place; /* core * 256 + index */
    };
};

struct list {
    struct entry entries[16];
    unsigned count;
};

/* The command at work. */
struct command {
    uint8_t opcode, core, index, value;
};

extern uint8_t counts[N_CORES]; /* vectors of each core */
extern unsigned dims, metric;
extern struct list best;    /* the nearest so far, of a search or of what a command pushes */
extern struct list results; /* the result list as the host sees it */

/* main.c: the answer of the command; 0 unless set. */
void answer(uint32_t low, uint32_t high);
void boot(void);        /* the state after reset; ends with FINISH */
void run_command(void); /* waits for a command, runs it, FINISH */

/* lists.c */
void push(int32_t key, unsigned core, unsigned index); /* into best: the 16 smallest stay */
unsigned collect(unsigned k, bool keep);               /* results = first k of best (with the old ones); shown; their number */
void show_results(void);                               /* results as they are, all unread */
int32_t saturate_key(int32_t key);                     /* within KEY_WIDTH bits */

/* vectors.c */
void set_operand(const int8_t row[16]);            /* the scan unit's query */
void read_region(unsigned region, int8_t row[16]); /* low bytes of a buffer region */
int32_t scan_one(unsigned row);                    /* key of a row to the operand */
void empty(unsigned new_dims, unsigned new_metric); /* INIT */
void vector_command(const struct command *c);

/* neurons.c */
void empty_neurons(void); /* after reset and INIT: all state of the context, the oscillator's phase excepted */
void neural_command(const struct command *c);

/* fixed.c: exact arithmetic of the fixed-point formats */
int32_t scaled(int32_t x, uint32_t factor); /* (floor(x * mantissa / 2^(14 + exponent)) + 1) >> 1, x of 30 bits */
uint32_t divided(uint32_t numerator, uint32_t denominator); /* the divider's 17-bit quotient; numbers of 31 bits */
uint32_t ratio(uint32_t numerator, uint32_t denominator);   /* a quotient's factor word */
int32_t saturate(int32_t x, unsigned bits);                 /* within a signed number of so many bits */
int32_t data_within(unsigned bits);                         /* DATA, saturated */

#endif
