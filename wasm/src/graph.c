/* Insertion into the graph. Contract, and the proof that no node is ever cut off: golden/float32/graph.py. */

NOINLINE void append_link(uint32_t node, uint32_t to)
{
    core.links[node][core.n_links[node]++] = (uint8_t)to;
    core.linked[node] |= 1u << to;
}

/* The parent's list takes the new node in, pinned; the link that stood there moves to the end, or goes. */
INLINE void pin(uint32_t parent, uint32_t node)
{
    const uint32_t slot = core.n_pinned[parent]++;
    if (slot == core.n_links[parent]) {
        append_link(parent, node);
        return;
    }
    const uint32_t displaced = core.links[parent][slot];
    core.links[parent][slot] = (uint8_t)node;
    core.linked[parent] = (core.linked[parent] | 1u << node) & ~(1u << displaced);
    if (core.n_links[parent] < MAX_NEIGHBOURS)
        append_link(parent, displaced);
}

/* A near node links back to the new one; a full list drops its oldest link that is not pinned, if there is one. */
INLINE void link_back(uint32_t near, uint32_t node)
{
    if (core.n_links[near] == MAX_NEIGHBOURS) {
        uint32_t slot = core.n_pinned[near];
        if (slot == MAX_NEIGHBOURS)
            return;
        uint8_t *links = core.links[near];
        core.linked[near] &= ~(1u << links[slot]);
        for (; slot < MAX_NEIGHBOURS - 1; slot++)
            links[slot] = links[slot + 1];
        core.n_links[near]--;
    }
    append_link(near, node);
}

/* Links node `node`, whose distances to the nodes before it are measured. */
INLINE void link_node(uint32_t node)
{
    core.n_links[node] = core.n_pinned[node] = 0;
    core.linked[node] = 0;
    if (!node)
        return;
    uint8_t others[MAX_NEIGHBOURS - 1];
    uint32_t parent = INDEX_NONE, n_others = 0;
    make_keys(all_held());
    for (uint32_t r = 0; r < umin(node, MAX_RESULTS); r++) {
        const uint32_t near = take_nearest();
        if (parent == INDEX_NONE && core.n_pinned[near] < MAX_NEIGHBOURS)
            parent = near;
        else if (n_others < MAX_NEIGHBOURS - 1)
            others[n_others++] = (uint8_t)near;
        else if (parent != INDEX_NONE)
            break;
    }
    core.n_pinned[node] = 1;
    append_link(node, parent);
    pin(parent, node);
    for (uint32_t i = 0; i < n_others; i++) {
        append_link(node, others[i]);
        link_back(others[i], node);
    }
}
