/* Sorted lists of at most 16 results: what a command pushes, and what the host sees. */
#include "program.h"

struct list best, results;

/* Where the new entry is not before the last of a full list, nothing changes. */
static void insert(struct list *list, int32_t key, uint32_t place)
{
    struct entry *at = list->entries + list->count;
    bool full = list->count == MAX_RESULTS;
    while (at != list->entries && (key < at[-1].key || (key == at[-1].key && place < at[-1].place))) {
        if (at != list->entries + MAX_RESULTS)
            *at = at[-1];
        at--;
    }
    if (at == list->entries + MAX_RESULTS)
        return;
    *at = (struct entry){.key = key, .place = (uint16_t)place};
    list->count += !full;
}

void push(int32_t key, unsigned core, unsigned index)
{
    insert(&best, key, core << 8 | index);
}

int32_t saturate_key(int32_t key)
{
    return saturate(key, KEY_WIDTH);
}

void show_results(void)
{
    for (unsigned i = 0; i < results.count; i++) {
        const struct entry *entry = &results.entries[i];
        store(PORT_LIST_KEY, (uint32_t)entry->key);
        store(PORT_LIST_ENTRY, entry->core | (uint32_t)entry->index << 8 | i << 16);
    }
    store(PORT_LIST_COUNT, results.count);
}

unsigned collect(unsigned k, bool keep)
{
    if (!keep)
        results.count = 0;
    for (unsigned i = 0; i < best.count && i < k; i++)
        insert(&results, best.entries[i].key, best.entries[i].place);
    show_results();
    return results.count;
}
