/* SPDX-License-Identifier: Apache-2.0 */
/* entry: the life of a log entry, from one reference to none. */
#include "multicast/wire/entry.h"

#include <string.h>

#include "multicast/base/assert.h"

struct wire_entry *wire_entry_new(enum wire_entry_kind kind, kv_slice body)
{
    KV_ASSERT(body.size <= KV_BODY_BYTES_MAX);
    struct wire_entry *entry = kv_alloc(sizeof *entry + body.size);
    memset(entry, 0, sizeof *entry);
    entry->references = 1;
    entry->kind = kind;
    entry->body_size = (uint32_t)body.size;
    if (body.size > 0) {
        memcpy(entry->body, body.data, body.size);
    }
    return entry;
}

struct wire_entry *wire_entry_keep(struct wire_entry *entry)
{
    KV_ASSERT(entry->references > 0 && entry->references < UINT32_MAX);
    entry->references++;
    return entry;
}

void wire_entry_drop(struct wire_entry **entry)
{
    struct wire_entry *dropped = *entry;
    *entry = NULL;
    if (dropped == NULL) {
        return;
    }
    KV_ASSERT(dropped->references > 0);
    dropped->references--;
    if (dropped->references == 0) {
        kv_free(dropped);
    }
}

const char *wire_entry_kind_name(enum wire_entry_kind kind)
{
    switch (kind) {
#define X(name, number, purpose)                                                                   \
    case WIRE_ENTRY_##name:                                                                        \
        return #name;
        WIRE_ENTRY_MAP(X)
#undef X
    }
    return "UNKNOWN";
}
