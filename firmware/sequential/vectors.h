/* What the files of the vector commands share. */
#ifndef GANGLION_SEQUENTIAL_VECTORS_H
#define GANGLION_SEQUENTIAL_VECTORS_H

#include "program.h"

#define ALL_TYPES 0xFFFF
#define LINK_MASK ((1u << INDEX_BITS) - 1)
#define LINKS_MASK ((1u << LINKS_BITS) - 1)

struct norm {
    unsigned shift;
    uint32_t root;
};

/* (floor(x * y / 2^32) + 1) >> 1: a rounded product with y 2^31 times what it means. */
static inline int32_t rounded(int32_t x, uint32_t y)
{
    return ((int32_t)((int64_t)x * y >> 32) + 1) >> 1;
}

/* vectors.c */
struct norm norm_of_row(void);
void make_unit(void); /* what LOAD makes of the row: a vector of length 127 under the cosine metric */

/* search.c */
void search_cores(unsigned core, unsigned last_core, unsigned k, uint32_t types, bool exact); /* to best */
unsigned search(const struct command *c);

/* graph.c */
unsigned insert_vector(unsigned core);
void write_row(unsigned row); /* what is in VARIABLES->row */

#endif
