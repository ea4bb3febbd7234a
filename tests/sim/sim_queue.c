/* SPDX-License-Identifier: Apache-2.0 */
/* sim_queue: see the header. */
#include "tests/sim/sim_queue.h"

#include <string.h>

#include "multicast/base/bytes.h"

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

void sim_queue_push(struct sim_queue *queue, struct sim_event event)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 256 : 2 * queue->capacity;
        queue->heap = kv_realloc(queue->heap, queue->capacity * sizeof(*queue->heap));
    }
    event.sequence = ++queue->sequence;
    uint32_t at = queue->count++;
    while (at > 0 && is_before(&event, &queue->heap[(at - 1) / 2])) {
        queue->heap[at] = queue->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->heap[at] = event;
}

bool sim_queue_pop(struct sim_queue *queue, struct sim_event *ret)
{
    if (queue->count == 0) {
        return false;
    }
    *ret = queue->heap[0];
    struct sim_event last = queue->heap[--queue->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= queue->count) {
            break;
        }
        if (child + 1 < queue->count && is_before(&queue->heap[child + 1], &queue->heap[child])) {
            child++;
        }
        if (!is_before(&queue->heap[child], &last)) {
            break;
        }
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    if (queue->count > 0) {
        queue->heap[at] = last;
    }
    return true;
}

void sim_queue_close(struct sim_queue *queue)
{
    kv_free(queue->heap);
    memset(queue, 0, sizeof(*queue));
}
