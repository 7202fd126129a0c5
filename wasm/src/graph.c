/* Insertion into the graph. Contract, and the proof that no node is ever cut off: golden/float32/graph.py. */

NOINLINE void append_link(struct neuron *n, uint32_t to)
{
    n->links[n->n_links++] = (uint8_t)to;
    n->linked |= 1u << to;
}

/* The parent's list takes the new node in, pinned; the link that stood there moves to the end, or goes. */
INLINE void pin(struct neuron *parent, uint32_t node)
{
    uint8_t *const pinned = &parent->links[parent->n_pinned++], *const last = &parent->links[MAX_NEIGHBOURS - 1];
    if (parent->n_links == MAX_NEIGHBOURS) {
        parent->linked ^= 1u << *pinned;
        *pinned = *last;
        parent->n_links--;
    }
    append_link(parent, node);
    uint8_t *const newest = &parent->links[parent->n_links - 1];
    *newest = *pinned;
    *pinned = (uint8_t)node;
}

/* A near node links back to the new one; a full list drops its oldest link that is not pinned, if there is one. */
INLINE void link_back(struct neuron *near, uint32_t node)
{
    if (near->n_links == MAX_NEIGHBOURS) {
        uint32_t slot = near->n_pinned;
        if (slot == MAX_NEIGHBOURS)
            return;
        near->linked ^= 1u << near->links[slot];
        near->n_links--;
        for (; slot < MAX_NEIGHBOURS - 1; slot++)
            near->links[slot] = near->links[slot + 1];
    }
    append_link(near, node);
}

/* Links the new node, the first behind those held, whose distances to it are measured. Its own lists are empty. */
INLINE void link_node(uint32_t node)
{
    struct neuron *const self = &core.neurons[node];
    if (!node)
        return;
    make_keys(all_held());
    self->n_links = 1; /* slot 0 is the parent's */
    for (uint32_t left = umin(node, MAX_RESULTS); left; left--) {
        const uint32_t near = take_nearest();
        struct neuron *const other = &core.neurons[near];
        if (!self->n_pinned && other->n_pinned < MAX_NEIGHBOURS) {
            self->n_pinned = 1;
            self->links[0] = (uint8_t)near;
            self->linked |= 1u << near;
            pin(other, node);
        } else if (self->n_links < MAX_NEIGHBOURS) {
            append_link(self, near);
            link_back(other, node);
        }
    }
}
