/* The sequential engine's ports and memory; docs/contract_sequential.md says what they do. */
#ifndef GANGLION_SEQUENTIAL_PORTS_H
#define GANGLION_SEQUENTIAL_PORTS_H

#include <stdint.h>

#include "constants.h"

#define REGION_BITS 4

struct node {
    uint32_t links; /* low 32 bits of the graph word: six links of 5 bits, and 2 bits of the number of links */
    uint8_t high; /* its bits 35..32 */
    uint8_t type;
    uint8_t weight;
    uint8_t unused;
};

#ifdef SEQUENTIAL_HOST
/* Tests compile the program for their own machine: memory is an array there, and ports are functions of the test. */
extern uint8_t host_rows[NODES_BASE];
extern struct node host_nodes[4096];
extern uint32_t (*host_load)(uint32_t port);
extern void (*host_store)(uint32_t port, uint32_t value);
#define ROWS ((int8_t *)host_rows)
#define NODES (host_nodes)
static inline uint32_t load(uint32_t port) { return host_load(port); }
static inline void store(uint32_t port, uint32_t value) { host_store(port, value); }
#else
#define ROWS ((int8_t *)0x00000)
#define NODES ((struct node *)NODES_BASE)
#define PORTS ((volatile uint32_t *)PORT_BASE)
static inline uint32_t load(uint32_t port) { return PORTS[port]; }
static inline void store(uint32_t port, uint32_t value) { PORTS[port] = value; }
#endif

#endif
