/* Sorted lists of results: what a command pushes, and what the host sees. */
#include "program.h"

void insert(struct list *list, int32_t key, uint32_t place)
{
    struct entry *at = list->entries + list->count;
    if (list->count < list->most)
        list->count++; /* else the last one is lost, behind the list */
    for (; at != list->entries; at--) {
        if (key > at[-1].key || (key == at[-1].key && place >= at[-1].place))
            break;
        *at = at[-1];
    }
    at->key = key;
    at->place = place;
}

void push(int32_t key, unsigned core, unsigned index)
{
    insert(&best, key, core << 8 | index);
}

int32_t saturate_key(int32_t key)
{
    return saturate(key, KEY_WIDTH);
}

static void show_results(void)
{
    uint32_t number = 0;
    for (const struct entry *entry = results.entries; entry != results.entries + results.count; entry++) {
        store(PORT_LIST_KEY, (uint32_t)entry->key);
        store(PORT_LIST_ENTRY, entry->core | (uint32_t)entry->index << 8 | number);
        number += 1 << 16;
    }
    store(PORT_LIST_COUNT, results.count);
}

unsigned collect(unsigned k, bool keep)
{
    if (!keep)
        results.count = 0;
    for (const struct entry *entry = best.entries; entry != best.entries + best.count && k--; entry++)
        insert(&results, entry->key, entry->place);
    show_results();
    return results.count;
}
