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
        uint32_t place; /* core * 256 + index */
    };
};

struct list {
    unsigned count, most;
    struct entry entries[MAX_RESULTS + 1]; /* one more, where what falls out of the list goes */
};

/* The command at work. */
struct command {
    union {
        uint32_t word;
        struct {
            uint8_t opcode, core, index, value;
        };
    };
};

/* What the parts of the program share, at the beginning of its memory. */
struct variables {
    uint8_t n_vectors[N_CORES];
    union {
        int8_t elements[MAX_DIMS];
        uint32_t words[MAX_DIMS / 4];
    } row; /* the one at work */
    unsigned n_dims, distance;
    struct list nearest, shown, round;
};
_Static_assert(sizeof(struct variables) <= 0x400, "program.ld has other variables there");

#ifdef SEQUENTIAL_HOST
extern struct variables host_variables;
#define VARIABLES (&host_variables)
#else
/* As a number, which costs an instruction less than a symbol's address. */
#define VARIABLES ((struct variables *)DATA_BASE)
#endif
#define counts (VARIABLES->n_vectors) /* of each core */
#define dims (VARIABLES->n_dims)
#define metric (VARIABLES->distance)
#define best (VARIABLES->nearest)  /* the nearest so far, of a search or of what a command pushes */
#define results (VARIABLES->shown) /* the result list as the host sees it */
#define near (VARIABLES->round)    /* the candidates of a round of a beam search */

/* main.c: the answer of the command; 0 unless set. */
void answer(uint32_t low, uint32_t high);
void boot(void);        /* the state after reset; ends with FINISH */
void run_command(void); /* waits for a command, runs it, FINISH */

/* lists.c */
void insert(struct list *list, int32_t key, uint32_t place);
void push(int32_t key, unsigned core, unsigned index); /* into best, whose `most` smallest stay */
unsigned collect(unsigned k, bool keep);               /* results = first k of best, with the old ones; their number */
int32_t saturate_key(int32_t key);                     /* within KEY_WIDTH bits */

/* graph.c */
unsigned n_links(const struct node *node); /* those that are followed: 7 acts as 6 */

/* vectors.c */
const int8_t *read_region(unsigned region);         /* low bytes of a buffer region become the row at work */
void set_operand(void);                             /* the row at work becomes the scan unit's query */
int32_t scan_one(unsigned row);                     /* key of a row to the operand */
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
