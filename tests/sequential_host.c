/* The ports of the sequential engine, as tests have them: what the bus would give and take, and the scan unit. */
#include "program.h"

#define INLET_DEPTH 16
#define MAX_REPORTS 64

/* tests/sequential_host.py has the same fields in the same order. */
struct host {
    uint32_t inputs[32];      /* what a load of a port gives, unless it is one of those below */
    uint32_t stored[32];      /* what was stored to each port last */
    uint32_t n_stored[32];    /* how often */
    uint32_t list_keys[16];
    uint32_t list_entries[16];
    uint32_t list_count;
    int16_t buffer[64];
    uint32_t inlet_words[INLET_DEPTH];
    uint32_t inlet_cores[INLET_DEPTH];
    uint32_t n_inlet, inlet_at;
    uint32_t report_cores[MAX_REPORTS];
    uint32_t report_words[MAX_REPORTS];
    uint32_t n_reports;
    uint32_t phase;
    uint32_t n_bad; /* accesses that the program must not make */
    uint32_t n_scanned;
    uint32_t operand[4];
    int32_t scan_key;
    uint32_t scan_row;
    uint32_t kept; /* the register of the threshold, which stores to operand and list pass through */
};

struct host host;
struct variables host_variables;
uint8_t host_rows[NODES_BASE];
struct node host_nodes[4096];

static int32_t key_of(uint32_t row)
{
    const int8_t *elements = (const int8_t *)host_rows + row * 16;
    const int8_t *query = (const int8_t *)host.operand;
    uint32_t mode = host.stored[PORT_SCAN_MODE];
    int32_t key = 0;
    for (unsigned d = 0; d < 16; d++) {
        if (!(mode >> 8 >> d & 1))
            continue;
        if (d >= 8 && !(mode & 2))
            host.n_bad++;
        int32_t difference = elements[d] - query[d];
        key += mode & 1 ? -elements[d] * query[d] : difference * difference;
    }
    return key;
}

static void scan(uint32_t row)
{
    uint32_t last = host.stored[PORT_SCAN_ROW];
    if (row > last || last > 4095) {
        host.n_bad++;
        return;
    }
    host.scan_row = UINT32_C(1) << 31;
    for (; row <= last; row++) {
        host.n_scanned++;
        host.scan_key = key_of(row);
        if (host.scan_key < (int32_t)host.kept) {
            host.scan_row = row;
            return;
        }
    }
}

static uint32_t load_port(uint32_t port)
{
    if (port >= PORT_BUFFER && port < PORT_BUFFER + 64)
        return (uint32_t)(int32_t)host.buffer[port - PORT_BUFFER];
    switch (port) {
    case PORT_SCAN_KEY:
        return (uint32_t)host.scan_key;
    case PORT_SCAN_ROW:
        return host.scan_row;
    case PORT_PHASE:
        return host.phase;
    case PORT_INLET_WORD:
        return host.inlet_at < host.n_inlet ? host.inlet_words[host.inlet_at] : 0;
    case PORT_INLET:
        return host.inlet_at < host.n_inlet ? UINT32_C(1) << 31 | host.inlet_cores[host.inlet_at] : 0;
    }
    if (port < 32)
        return host.inputs[port];
    host.n_bad++;
    return 0;
}

static void store_port(uint32_t port, uint32_t value)
{
    if (port >= PORT_BUFFER && port < PORT_BUFFER + 64) {
        host.buffer[port - PORT_BUFFER] = (int16_t)value;
        return;
    }
    if (port >= PORT_OPERAND && port < PORT_OPERAND + 4) {
        host.operand[port - PORT_OPERAND] = host.kept = value;
        return;
    }
    if (port >= 32) {
        host.n_bad++;
        return;
    }
    host.stored[port] = value;
    host.n_stored[port]++;
    switch (port) {
    case PORT_SCAN_KEY:
    case PORT_LIST_KEY:
        host.kept = value;
        break;
    case PORT_SCAN_START:
        scan(value);
        break;
    case PORT_PHASE:
        host.phase = value;
        break;
    case PORT_INLET:
        host.inlet_at++;
        break;
    case PORT_PHASE_DUE:
        host.inputs[PORT_PHASE_DUE] = 0;
        break;
    case PORT_REPORT_WORD:
        if (host.n_reports == MAX_REPORTS) {
            host.n_bad++;
            break;
        }
        host.report_cores[host.n_reports] = host.stored[PORT_REPORT_CORE];
        host.report_words[host.n_reports++] = value;
        break;
    case PORT_LIST_ENTRY:
        if (value >> 20)
            host.n_bad++;
        host.list_keys[value >> 16 & 15] = host.kept;
        host.kept = value;
        host.list_entries[value >> 16 & 15] = value & 0xFFFF;
        break;
    case PORT_LIST_COUNT:
        host.list_count = value;
        break;
    }
}

uint32_t (*host_load)(uint32_t port) = load_port;
void (*host_store)(uint32_t port, uint32_t value) = store_port;
