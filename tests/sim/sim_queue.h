/* SPDX-License-Identifier: Apache-2.0 */
/* sim_queue: the events of a run in the order of virtual time: a binary heap.
 *
 * Two events at one time come out in the order in which they were put in (an explicit sequence
 * number), so a run is a function of its seed and of nothing else, e.g. not of how the heap is laid
 * out. */
#ifndef KV_SIM_QUEUE_H
#define KV_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum sim_event_kind {
    SIM_EVENT_DELIVER, /* payload: a packet arrives */
    SIM_EVENT_RUN,     /* actor: a node's loop comes round; number: its incarnation */
    SIM_EVENT_SYNCED, /* actor: a node's disk has finished a sync; number: the node's incarnation */
    SIM_EVENT_WORKED, /* actor: a node, whose incarnation is number; payload: a job is done */
    SIM_EVENT_SAVED,  /* payload: a snapshot file has become durable */
    SIM_EVENT_CRASH,  /* actor: a node that crashes in the middle of a sync */
    SIM_EVENT_RESTART, /* actor: a crashed node starts again */
    SIM_EVENT_RESUME,  /* actor: a paused node goes on */
    SIM_EVENT_CLIENT,  /* actor: a client looks at its timers; number: which one */
    SIM_EVENT_FAULT,   /* the fault injector draws its next fault */
    SIM_EVENT_MEND,    /* number: a cut of links ends */
    SIM_EVENT_PHASE    /* the run looks whether it may enter its next phase */
};

struct sim_event {
    uint64_t at;       /* virtual microseconds */
    uint64_t sequence; /* set by sim_queue_push */
    enum sim_event_kind kind;
    uint32_t actor;
    uint64_t number;
    void *payload; /* owned by the event */
};

struct sim_queue {
    struct sim_event *heap;
    uint32_t count, capacity;
    uint64_t sequence;
};

void sim_queue_push(struct sim_queue *queue, struct sim_event event);

/* False when there is none. */
bool sim_queue_pop(struct sim_queue *queue, struct sim_event *ret);

/* Free the heap; payloads have to be popped and freed before. */
void sim_queue_close(struct sim_queue *queue);

#endif
