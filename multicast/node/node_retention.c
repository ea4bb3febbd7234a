/* SPDX-License-Identifier: Apache-2.0 */
/* node_retention: see the header. */
#include "multicast/node/node_retention.h"

#include <string.h>

#include "multicast/base/assert.h"

void node_retention_entry(struct node_retention *retention, uint64_t segment, kv_index index)
{
    struct node_segment *last =
        retention->count == 0 ? NULL : &retention->segments[retention->count - 1];
    KV_ASSERT(last == NULL || last->number <= segment);
    if (last == NULL || last->number < segment) {
        if (retention->count == retention->capacity) {
            retention->capacity = 2 * retention->capacity + 8;
            retention->segments =
                kv_realloc(retention->segments, retention->capacity * sizeof(*retention->segments));
        }
        last = &retention->segments[retention->count++];
        *last = (struct node_segment){.number = segment};
    }
    if (index.value > last->highest.value) {
        last->highest = index;
    }
}

void node_retention_hard_state(struct node_retention *retention, uint64_t segment)
{
    retention->hard_state = segment;
}

uint64_t node_retention_first(const struct node_retention *retention, kv_index index)
{
    for (uint32_t i = 0; i < retention->count; i++) {
        if (retention->segments[i].highest.value > index.value) {
            return retention->segments[i].number;
        }
    }
    return UINT64_MAX;
}

void node_retention_forget(struct node_retention *retention, uint64_t first)
{
    uint32_t gone = 0;
    while (gone < retention->count && retention->segments[gone].number < first) {
        gone++;
    }
    retention->count -= gone;
    if (gone > 0) {
        memmove(retention->segments, retention->segments + gone,
                retention->count * sizeof(*retention->segments));
    }
}

void node_retention_close(struct node_retention *retention)
{
    kv_free(retention->segments);
    *retention = (struct node_retention){0};
}
