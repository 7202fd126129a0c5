/* Commands of vectors and nodes: what docs/contract.md says of them. */
#include "vectors.h"

/* ---------------------------------------------------------------- the row at work */

const int8_t *read_region(unsigned region)
{
    int8_t *row = VARIABLES->row.elements;
    for (unsigned d = 0; d < MAX_DIMS; d++)
        row[d] = d < dims ? (int8_t)load(PORT_BUFFER + (region << REGION_BITS) + d) : 0;
    return row;
}

void set_operand(void)
{
    for (unsigned w = 0; w < MAX_DIMS / 4; w++)
        store(PORT_OPERAND + w, VARIABLES->row.words[w]);
    unsigned two_words = dims > N_LANES ? 2 : 0;
    store(PORT_SCAN_MODE, (metric != METRIC_L2) | two_words | ((1u << dims) - 1) << 8);
}

/* The reciprocal root of the squared norm, floor(2^25 / sqrt(n2 * 4^shift)), n2 * 4^shift in 2^18 .. 2^20 - 1. */
struct norm norm_of_row(void)
{
    const int8_t *row = VARIABLES->row.elements;
    struct norm norm = {0, 0};
    uint32_t n2 = 0;
    for (unsigned d = 0; d < MAX_DIMS; d++)
        n2 += (uint32_t)(row[d] * row[d]);
    if (!n2)
        return norm;
    for (; n2 < 1u << (NORM_BITS - 2); n2 <<= 2)
        norm.shift++;
    /* root^2 * n2 <= 2^50; equality only where the root is 2^16. */
    for (uint32_t bit = 1u << (ROOT_BITS - 1); bit; bit >>= 1) {
        uint32_t root = norm.root | bit;
        if ((int64_t)(int32_t)(n2 << 11) * (root * root) >> 32 < 1 << 29)
            norm.root = root;
    }
    norm.root += n2 == 1u << (NORM_BITS - 2);
    return norm;
}

void make_unit(void)
{
    if (metric != METRIC_COSINE)
        return;
    struct norm norm = norm_of_row();
    for (int8_t *element = VARIABLES->row.elements; element != VARIABLES->row.elements + MAX_DIMS; element++)
        *element = (int8_t)saturate(rounded(*element * UNIT << norm.shift, norm.root << (33 - UNIT_SHIFT)), 8);
}

/* ---------------------------------------------------------------- nodes */

/* DELTA: the mean of weight / 255 times vector over the links of a node. */
static void aggregate(const struct node *node, const struct node *nodes, bool exists)
{
    unsigned n = exists ? n_links(node) : 0;
    const int8_t *rows = ROWS + (nodes - NODES) * MAX_DIMS;
    for (unsigned d = 0; d < MAX_DIMS; d++) {
        int32_t sum = 0;
        uint32_t links = node->links;
        for (unsigned slot = 0; slot < n; slot++, links >>= INDEX_BITS) {
            unsigned other = links & LINK_MASK;
            sum += nodes[other].weight * rows[other * MAX_DIMS + d];
        }
        sum = rounded(sum << 2, MEAN_FACTORS[n] << 15);
        store(PORT_BUFFER + (REGION_DELTA << REGION_BITS) + d, (uint32_t)saturate(sum, 16));
    }
}

/* The row becomes the one at work, moved by alpha times DELTA. */
static void blend(unsigned place)
{
    const int8_t *stored = ROWS + place * MAX_DIMS;
    int8_t *row = VARIABLES->row.elements;
    int32_t alpha = (int32_t)load(PORT_ALPHA);
    for (unsigned d = 0; d < MAX_DIMS; d++) {
        int32_t delta = (int32_t)load(PORT_BUFFER + (REGION_DELTA << REGION_BITS) + d);
        int32_t step = (alpha * delta + (1 << (BLEND_SHIFT - 1))) >> BLEND_SHIFT;
        row[d] = d < dims ? (int8_t)saturate(stored[d] + step, 8) : 0;
    }
    make_unit();
}

static uint32_t node_command(const struct command *c)
{
    unsigned row = c->core * VECTORS_PER_CORE + (c->index & LINK_MASK);
    struct node *node = &NODES[row];
    bool exists = c->index < counts[c->core];
    if (c->opcode == OP_AGGREGATE)
        aggregate(node, NODES + c->core * VECTORS_PER_CORE, exists);
    if (c->opcode == OP_READ_VECTOR)
        for (unsigned d = 0; d < MAX_DIMS; d++)
            store(PORT_BUFFER + (REGION_VECTOR << REGION_BITS) + d,
                  exists ? (uint32_t)ROWS[row * MAX_DIMS + d] : 0);
    if (!exists)
        return 0;
    switch (c->opcode) {
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
    case OP_UPDATE:
        blend(row);
        write_row(row);
        break;
    case OP_WRITE_VECTOR:
        read_region(REGION_VECTOR);
        write_row(row);
        break;
    case OP_READ_LINKS:
        store(PORT_ANSWER_HI, node->high);
        return node->links;
    case OP_WRITE_LINKS:
        node->links = load(PORT_DATA_LO);
        node->high = load(PORT_DATA_HI) & 15;
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
    for (uint8_t *count = counts; count != counts + N_CORES; count++)
        *count = 0;
    empty_neurons();
}

static uint32_t vector_answer(const struct command *c)
{
    switch (c->opcode) {
    case OP_INIT:
        empty(c->value < MAX_DIMS ? c->value : MAX_DIMS, c->index <= METRIC_DOT ? c->index : METRIC_L2);
        return 0;
    case OP_CLEAR:
        counts[c->core] = 0;
        return 0;
    case OP_SET_COUNT:
        counts[c->core] = c->value < VECTORS_PER_CORE ? c->value : VECTORS_PER_CORE;
        return 0;
    case OP_COUNT:
        return counts[c->core];
    case OP_INSERT:
        return insert_vector(c->core);
    case OP_SEARCH:
        return search(c);
    case OP_MERGE:
        best.count = 0;
        push(data_within(KEY_WIDTH), c->core, c->index & LINK_MASK);
        return collect(1, true);
    case OP_CLEAR_RESULTS:
        best.count = 0;
        return collect(0, false);
    }
    return node_command(c);
}

void vector_command(const struct command *c)
{
    store(PORT_ANSWER_LO, vector_answer(c));
}
