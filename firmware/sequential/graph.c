/* Insertion: a vector's row, and its links with the nearest of its core. */
#include "vectors.h"

static unsigned field_of_links(const struct node *node)
{
    return node->links >> LINKS_BITS | (node->high & 1u) << 2;
}

unsigned n_links(const struct node *node)
{
    unsigned n = field_of_links(node);
    return n < MAX_NEIGHBOURS ? n : MAX_NEIGHBOURS;
}

static uint32_t with_link(uint32_t links, unsigned slot, unsigned node)
{
    slot *= INDEX_BITS;
    return (links & ~(LINK_MASK << slot)) | (uint32_t)node << slot;
}

static void write_node(struct node *node, uint32_t links, unsigned n, unsigned n_pinned)
{
    node->links = (links & LINKS_MASK) | (uint32_t)n << LINKS_BITS;
    node->high = (uint8_t)(n >> 2 | n_pinned << 1);
}

/* Links a new node with those in best, nearest first: the first one with room pins it, up to five more link back. */
static void link(struct node *nodes, unsigned new)
{
    uint32_t slots = 0;
    unsigned parent = 0, n_others = 0;
    for (unsigned i = 0; i < best.count && parent + n_others < MAX_NEIGHBOURS; i++) {
        unsigned index = best.entries[i].index;
        struct node *other = &nodes[index];
        uint32_t links = other->links;
        unsigned n = field_of_links(other), n_pinned = other->high >> 1, slot = n;
        if (!parent && n_pinned < MAX_NEIGHBOURS) {
            slot = n_pinned++;
            if (n < MAX_NEIGHBOURS)
                links = with_link(links, n++, links >> slot * INDEX_BITS & LINK_MASK);
            parent = 1;
            slots |= index;
        } else {
            if (n_others == MAX_NEIGHBOURS - 1)
                continue;
            slots |= (uint32_t)index << ++n_others * INDEX_BITS;
            if (n < MAX_NEIGHBOURS) {
                n++;
            } else {
                if (n_pinned >= MAX_NEIGHBOURS)
                    continue;
                uint32_t stay = (1u << n_pinned * INDEX_BITS) - 1; /* the oldest that is not pinned goes */
                links = (links & stay) | (links >> INDEX_BITS & ~stay);
                slot = MAX_NEIGHBOURS - 1;
            }
        }
        write_node(other, with_link(links, slot, new), n, n_pinned);
    }
    write_node(&nodes[new], slots, parent + n_others, parent);
}

void write_row(unsigned row)
{
    uint32_t *words = (uint32_t *)(void *)(ROWS + row * MAX_DIMS);
    for (unsigned w = 0; w < MAX_DIMS / 4; w++)
        words[w] = VARIABLES->row.words[w];
}

unsigned insert_vector(unsigned core)
{
    unsigned count = counts[core], row = core * VECTORS_PER_CORE + count;
    if (count == VECTORS_PER_CORE)
        return INDEX_NONE;
    read_region(REGION_VECTOR);
    make_unit();
    set_operand();
    search_cores(core, core, MAX_RESULTS, ALL_TYPES, true);
    link(NODES + core * VECTORS_PER_CORE, count);
    NODES[row].type = 0;
    NODES[row].weight = MAX_WEIGHT;
    write_row(row);
    counts[core]++;
    return count;
}
