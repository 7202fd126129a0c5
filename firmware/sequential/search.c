/* Searches: exact ones by scans over runs of rows, beam searches along the links of each core. */
#include "vectors.h"

static int32_t scan(unsigned row, unsigned last)
{
    store(PORT_SCAN_ROW, last);
    store(PORT_SCAN_START, row);
    return (int32_t)load(PORT_SCAN_KEY);
}

/* The last row's key is there whatever the threshold is. */
int32_t scan_one(unsigned row)
{
    return scan(row, row);
}

/* Brings into best, in order, the rows that may be among the k nearest of their types. */
static void scan_rows(unsigned row, unsigned last, unsigned k, uint32_t types)
{
    do {
        store(PORT_SCAN_KEY, (uint32_t)best.entries[k - 1].key);
        int32_t key = scan(row, last);
        row = load(PORT_SCAN_ROW);
        if (row >> 31)
            break;
        if (types >> NODES[row].type & 1)
            push(key, row >> INDEX_BITS, row & LINK_MASK);
    } while (++row <= last);
}

/* Rounds of a beam search: all candidates, then what the nearest three of them are linked with. */
static void beam(unsigned core, unsigned n_rounds, uint32_t types)
{
    struct node *nodes = NODES + core * VECTORS_PER_CORE;
    uint32_t visited = 0, candidates = 1;
    do {
        visited |= candidates;
        near.count = 0;
        for (unsigned index = 0; candidates; candidates >>= 1, index++) {
            if (!(candidates & 1))
                continue;
            int32_t key = scan_one(core * VECTORS_PER_CORE + index);
            insert(&near, key, index);
            if (types >> nodes[index].type & 1)
                push(key, core, index);
        }
        if (!n_rounds--)
            return;
        for (unsigned rank = 0; rank < near.count; rank++) {
            const struct node *node = &nodes[near.entries[rank].place];
            uint32_t links = node->links;
            for (unsigned n = n_links(node), slot = 0; slot < n; slot++, links >>= INDEX_BITS)
                candidates |= 1u << (links & LINK_MASK);
        }
        candidates &= ~visited;
    } while (candidates);
}

void search_cores(unsigned core, unsigned last_core, unsigned k, uint32_t types, bool exact)
{
    best.count = 0;
    best.most = k;
    best.entries[k - 1].key = KEY_MAX; /* until there are k */
    for (; core <= last_core; core++) {
        unsigned row = core * VECTORS_PER_CORE, count = counts[core];
        if (!count)
            continue;
        if (!exact) {
            beam(core, k < MIN_BEAM_ROUNDS ? MIN_BEAM_ROUNDS : k, types);
            continue;
        }
        while (count == VECTORS_PER_CORE && core < last_core && counts[core + 1])
            count = counts[++core]; /* a full core and the next one are one run of rows */
        scan_rows(row, core * VECTORS_PER_CORE + count - 1, k, types);
    }
    best.most = MAX_RESULTS; /* as all other commands have it */
}

unsigned search(const struct command *c)
{
    unsigned k = c->value & SEARCH_K_MASK, core = 0, last = load(PORT_CORES) - 1;
    best.count = 0;
    if (k > MAX_RESULTS)
        k = MAX_RESULTS;
    if (c->value & SEARCH_ONE)
        core = last = c->core;
    if (k) {
        read_region(REGION_QUERY);
        set_operand();
        search_cores(core, last, k, load(PORT_TYPE_MASK), c->value & SEARCH_EXACT);
        if (metric == METRIC_COSINE) {
            struct norm norm = norm_of_row();
            for (unsigned i = 0; i < best.count; i++) {
                int32_t *key = &best.entries[i].key;
                *key = COSINE_ONE + rounded(*key << norm.shift << 3, norm.root << 15);
            }
        }
    }
    return collect(k, c->value & SEARCH_KEEP);
}
