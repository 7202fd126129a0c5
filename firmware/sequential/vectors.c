/* Commands of vectors and of the graph: what docs/contract.md says of them. */
#include "program.h"

#define ALL_TYPES 0xFFFF
#define FULL_LINKS ((1u << LINKS_BITS) - 1)
#define LINK_MASK ((1u << INDEX_BITS) - 1)

struct norm {
    unsigned shift;
    uint32_t root;
};

uint8_t counts[N_CORES];
unsigned dims, metric;

/* floor(x * y / 2^32 + 1 / 2), after one bit more: (floor(x * y / 2^32) + 1) >> 1. */
static int32_t rounded(int32_t x, uint32_t y)
{
    return ((int32_t)((int64_t)x * y >> 32) + 1) >> 1;
}

/* ---------------------------------------------------------------- rows and the scan unit */

void set_operand(const int8_t row[16])
{
    uint32_t word = 0;
    for (unsigned d = 0; d < MAX_DIMS; d++) {
        word = word >> 8 | (uint32_t)row[d] << 24;
        if (d % 4 == 3)
            store(PORT_OPERAND + d / 4, word);
    }
    unsigned one_or_two = dims > N_LANES ? 2 : 0;
    store(PORT_SCAN_MODE, (metric != METRIC_L2) | one_or_two | ((1u << dims) - 1) << 8);
}

void read_region(unsigned region, int8_t row[16])
{
    for (unsigned d = 0; d < MAX_DIMS; d++)
        row[d] = (int8_t)load(PORT_BUFFER + (region << REGION_BITS) + d);
}

static int8_t *row_at(unsigned row)
{
    return ROWS + row * MAX_DIMS;
}

/* Elements beyond dims are zeros in the memory. */
static void write_row(unsigned row, const int8_t elements[16])
{
    for (unsigned d = 0; d < MAX_DIMS; d++)
        row_at(row)[d] = d < dims ? elements[d] : 0;
}

static int32_t scan(unsigned row)
{
    store(PORT_SCAN_START, row);
    return (int32_t)load(PORT_SCAN_KEY);
}

int32_t scan_one(unsigned row)
{
    store(PORT_SCAN_KEY, KEY_MAX); /* above every key there is */
    store(PORT_SCAN_ROW, row);
    return scan(row);
}

/* Brings into best, in order, all rows from first to last that may be among the k nearest of their types. */
static void scan_rows(unsigned row, unsigned last, unsigned k, uint32_t types)
{
    store(PORT_SCAN_ROW, last);
    do {
        int32_t key = scan(row);
        row = load(PORT_SCAN_ROW);
        if (row >> 31)
            break;
        if (types >> NODES[row].type & 1) {
            push(key, row >> INDEX_BITS, row & LINK_MASK);
            if (best.count >= k)
                store(PORT_SCAN_KEY, (uint32_t)best.entries[k - 1].key);
        }
    } while (++row <= last);
}

static void scan_cores(unsigned core, unsigned last_core, unsigned k, uint32_t types)
{
    best.count = 0;
    store(PORT_SCAN_KEY, KEY_MAX);
    for (; core <= last_core; core++) {
        unsigned first = core, count = counts[core];
        while (count == VECTORS_PER_CORE && core < last_core && counts[core + 1])
            count = counts[++core]; /* a full core and the next one are one run of rows */
        if (count)
            scan_rows(first * VECTORS_PER_CORE, core * VECTORS_PER_CORE + count - 1, k, types);
    }
}

/* ---------------------------------------------------------------- norms */

/* The reciprocal root of the squared norm, floor(2^25 / sqrt(n2 * 4^shift)), n2 * 4^shift in 2^18 .. 2^20 - 1. */
static struct norm norm_of(const int8_t row[16])
{
    struct norm norm = {0, 0};
    uint32_t n2 = 0;
    for (unsigned d = 0; d < dims; d++)
        n2 += (uint32_t)(row[d] * row[d]);
    if (!n2)
        return norm;
    for (; n2 < 1u << (NORM_BITS - 2); n2 <<= 2)
        norm.shift++;
    /* root^2 * n2 <= 2^50; equality only where the root is 2^16. */
    for (uint32_t bit = 1u << (ROOT_BITS - 1); bit; bit >>= 1) {
        uint32_t root = norm.root | bit;
        if ((uint32_t)((uint64_t)(root * root) * (n2 << 12) >> 32) < 1u << 30)
            norm.root = root;
    }
    norm.root += n2 == 1u << (NORM_BITS - 2);
    return norm;
}

/* What LOAD makes of a row: under the cosine metric, a vector of length 127. */
static void make_unit(int8_t row[16])
{
    if (metric != METRIC_COSINE)
        return;
    struct norm norm = norm_of(row);
    for (unsigned d = 0; d < dims; d++)
        row[d] = (int8_t)saturate(rounded(row[d] * UNIT << norm.shift, norm.root << (33 - UNIT_SHIFT)), 8);
}

/* ---------------------------------------------------------------- searches */

static uint32_t with_link(uint32_t links, unsigned slot, unsigned node)
{
    slot *= INDEX_BITS;
    return (links & ~(LINK_MASK << slot)) | (uint32_t)node << slot;
}

static unsigned n_links(const struct node *node)
{
    return node->links >> LINKS_BITS | (node->counts & 1u) << 2;
}

static void beam(unsigned core, unsigned n_rounds, uint32_t types)
{
    unsigned base = core * VECTORS_PER_CORE;
    uint32_t visited = 0, candidates = 1;
    for (;; n_rounds--) {
        int32_t keys[BEAM_WIDTH + 1];
        uint8_t nodes[BEAM_WIDTH + 1];
        unsigned n_near = 0;
        for (unsigned index = 0; candidates >> index; index++) {
            if (!(candidates >> index & 1))
                continue;
            int32_t key = scan_one(base + index);
            if (types >> NODES[base + index].type & 1)
                push(key, core, index);
            unsigned at = n_near;
            for (; at && key < keys[at - 1]; at--) {
                keys[at] = keys[at - 1];
                nodes[at] = nodes[at - 1];
            }
            keys[at] = key;
            nodes[at] = (uint8_t)index;
            n_near += n_near < BEAM_WIDTH;
            if (index == VECTORS_PER_CORE - 1)
                break;
        }
        visited |= candidates;
        candidates = 0;
        if (!n_rounds)
            return;
        for (unsigned i = 0; i < n_near; i++) {
            const struct node *node = &NODES[base + nodes[i]];
            uint32_t links = node->links;
            for (unsigned slot = 0; slot < MAX_NEIGHBOURS && slot < n_links(node); slot++, links >>= INDEX_BITS)
                candidates |= 1u << (links & LINK_MASK);
        }
        candidates &= ~visited;
        if (!candidates)
            return;
    }
}

static uint32_t search(const struct command *c)
{
    int8_t query[MAX_DIMS];
    unsigned k = c->value & SEARCH_K_MASK, core = 0, last = N_CORES - 1;
    uint32_t types = load(PORT_TYPE_MASK);
    if (k > MAX_RESULTS)
        k = MAX_RESULTS;
    if (c->value & SEARCH_ONE)
        core = last = c->core;
    best.count = 0;
    if (k) {
        read_region(REGION_QUERY, query);
        set_operand(query);
        if (c->value & SEARCH_EXACT)
            scan_cores(core, last, k, types);
        else
            for (; core <= last; core++)
                if (counts[core])
                    beam(core, k < MIN_BEAM_ROUNDS ? MIN_BEAM_ROUNDS : k, types);
        if (metric == METRIC_COSINE) {
            struct norm norm = norm_of(query);
            for (unsigned i = 0; i < best.count; i++) {
                int32_t *key = &best.entries[i].key;
                *key = COSINE_ONE + rounded(*key << norm.shift << 3, norm.root << 15);
            }
        }
    }
    return collect(k, c->value & SEARCH_KEEP);
}

static uint32_t merge(const struct command *c)
{
    best.count = 0;
    push(data_within(KEY_WIDTH), c->core, c->index & LINK_MASK);
    return collect(1, true);
}

/* ---------------------------------------------------------------- insertion */

static void write_node(struct node *node, uint32_t links, unsigned n, unsigned n_pinned)
{
    node->links = (links & FULL_LINKS) | (uint32_t)n << LINKS_BITS;
    node->counts = (uint8_t)(n >> 2 | n_pinned << 1);
}

/* Links a new node with the ones in best, nearest first: the first with room pins it, up to five more link back. */
static void link(struct node *nodes, unsigned new)
{
    uint32_t slots = 0;
    unsigned parent = 0, n_others = 0;
    for (unsigned i = 0; i < best.count && parent + n_others < MAX_NEIGHBOURS; i++) {
        unsigned index = best.entries[i].index;
        struct node *other = &nodes[index];
        uint32_t links = other->links;
        unsigned n = n_links(other), n_pinned = other->counts >> 1;
        if (!parent && n_pinned < MAX_NEIGHBOURS) {
            if (n < MAX_NEIGHBOURS)
                links = with_link(links, n++, links >> n_pinned * INDEX_BITS & LINK_MASK);
            links = with_link(links, n_pinned++, new);
            parent = 1;
            slots |= index;
        } else if (n_others < MAX_NEIGHBOURS - 1) {
            if (n < MAX_NEIGHBOURS) {
                links = with_link(links, n++, new);
            } else if (n_pinned < MAX_NEIGHBOURS) {
                uint32_t stay = (1u << n_pinned * INDEX_BITS) - 1; /* the oldest that is not pinned goes */
                links = (links & stay) | ((links & FULL_LINKS) >> INDEX_BITS & ~stay);
                links = with_link(links, MAX_NEIGHBOURS - 1, new);
            }
            n_others++;
            slots |= (uint32_t)index << n_others * INDEX_BITS;
        }
        write_node(other, links, n, n_pinned);
    }
    write_node(&nodes[new], slots, parent + n_others, parent);
}

static uint32_t insert_vector(unsigned core)
{
    int8_t row[MAX_DIMS];
    unsigned count = counts[core], base = core * VECTORS_PER_CORE;
    if (count == VECTORS_PER_CORE)
        return INDEX_NONE;
    read_region(REGION_VECTOR, row);
    make_unit(row);
    set_operand(row);
    scan_cores(core, core, MAX_RESULTS, ALL_TYPES);
    link(NODES + base, count);
    NODES[base + count].type = 0;
    NODES[base + count].weight = MAX_WEIGHT;
    write_row(base + count, row);
    counts[core] = (uint8_t)(count + 1);
    return count;
}

/* ---------------------------------------------------------------- nodes */

static void write_region(unsigned region, unsigned d, int32_t value)
{
    store(PORT_BUFFER + (region << REGION_BITS) + d, (uint32_t)value);
}

/* DELTA: the mean of weight / 255 times vector over the links of a node. */
static void aggregate(unsigned row, bool exists)
{
    unsigned n = exists ? n_links(&NODES[row]) : 0, base = row & ~LINK_MASK;
    if (n > MAX_NEIGHBOURS)
        n = MAX_NEIGHBOURS;
    for (unsigned d = 0; d < MAX_DIMS; d++) {
        int32_t sum = 0;
        uint32_t links = NODES[row].links;
        for (unsigned slot = 0; slot < n; slot++, links >>= INDEX_BITS) {
            unsigned other = base | (links & LINK_MASK);
            sum += NODES[other].weight * row_at(other)[d];
        }
        write_region(REGION_DELTA, d, saturate(rounded(sum << 2, MEAN_FACTORS[n] << 15), 16));
    }
}

static void update(unsigned row)
{
    int8_t blend[MAX_DIMS];
    int32_t alpha = (int32_t)load(PORT_ALPHA);
    for (unsigned d = 0; d < MAX_DIMS; d++) {
        int32_t delta = (int32_t)load(PORT_BUFFER + (REGION_DELTA << REGION_BITS) + d);
        int32_t step = (alpha * delta + (1 << (BLEND_SHIFT - 1))) >> BLEND_SHIFT;
        blend[d] = (int8_t)saturate(row_at(row)[d] + step, 8);
    }
    make_unit(blend);
    write_row(row, blend);
}

static uint32_t node_command(const struct command *c)
{
    unsigned row = c->core * VECTORS_PER_CORE + (c->index & LINK_MASK);
    struct node *node = &NODES[row];
    bool exists = c->index < counts[c->core];
    if (c->opcode == OP_AGGREGATE)
        aggregate(row, exists);
    if (c->opcode == OP_READ_VECTOR)
        for (unsigned d = 0; d < MAX_DIMS; d++)
            write_region(REGION_VECTOR, d, exists ? row_at(row)[d] : 0);
    if (!exists)
        return 0;
    switch (c->opcode) {
    case OP_UPDATE:
        update(row);
        break;
    case OP_SET_TYPE:
        node->type = c->value % N_NODE_TYPES;
        break;
    case OP_GET_TYPE:
        return node->type;
    case OP_TYPE_MATCHES:
        return load(PORT_TYPE_MASK) >> node->type & 1;
    case OP_SET_WEIGHT:
        node->weight = c->value;
        break;
    case OP_GET_WEIGHT:
        return node->weight;
    case OP_WRITE_VECTOR: {
        int8_t vector[MAX_DIMS];
        read_region(REGION_VECTOR, vector);
        write_row(row, vector);
        break;
    }
    case OP_READ_LINKS:
        store(PORT_ANSWER_HI, node->counts);
        return node->links;
    case OP_WRITE_LINKS:
        node->links = load(PORT_DATA_LO);
        node->counts = load(PORT_DATA_HI) & 15;
        break;
    }
    return 1;
}

/* ---------------------------------------------------------------- commands */

void empty(unsigned new_dims, unsigned new_metric)
{
    dims = new_dims;
    metric = new_metric;
    store(PORT_SETTINGS, dims | metric << 8);
    for (unsigned core = 0; core < N_CORES; core++)
        counts[core] = 0;
    empty_neurons();
}

void vector_command(const struct command *c)
{
    uint32_t low = 0;
    switch (c->opcode) {
    case OP_INIT:
        empty(c->value < MAX_DIMS ? c->value : MAX_DIMS, c->index <= METRIC_DOT ? c->index : METRIC_L2);
        break;
    case OP_CLEAR:
        counts[c->core] = 0;
        break;
    case OP_SET_COUNT:
        counts[c->core] = c->value < VECTORS_PER_CORE ? c->value : VECTORS_PER_CORE;
        break;
    case OP_COUNT:
        low = counts[c->core];
        break;
    case OP_INSERT:
        low = insert_vector(c->core);
        break;
    case OP_SEARCH:
        low = search(c);
        break;
    case OP_MERGE:
        low = merge(c);
        break;
    case OP_CLEAR_RESULTS:
        results.count = 0;
        store(PORT_LIST_COUNT, 0);
        break;
    default:
        low = node_command(c);
    }
    store(PORT_ANSWER_LO, low);
}
