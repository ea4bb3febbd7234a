/* SPDX-License-Identifier: Apache-2.0 */
/* engine_queue: a queue of places for each variable that somebody waits for or holds.
 *
 * 1. A message takes all of its places at its delivery, so two messages stand in the same order in every queue that they share,
 *    and no cycle of waiting can arise.
 * 2. The first place is granted, and the readers behind it if it is a reader (E6).
 * 3. A variable that nobody waits for has no queue. */
#include <string.h>

#include "partition/engine/engine_internal.h"

static struct engine_queue *engine_queue_find(const struct engine *engine, kv_slice key)
{
    struct engine_queue *queue = NULL;
    if (engine->queues != NULL) {
        HASH_FIND(hh, engine->queues, key.data, key.size, queue);
    }
    return queue;
}

bool engine_queue_is_free(const struct engine *engine)
{
    const struct machine_footprint *footprint = &engine->footprint;
    for (uint32_t i = 0; i < footprint->count && engine->queues != NULL; i++) {
        const struct engine_queue *queue = engine_queue_find(engine, footprint->variables[i].key);
        if (queue == NULL) {
            continue;
        }
        const struct engine_place *last = TAILQ_LAST(&queue->places, engine_place_list);
        if (footprint->variables[i].write || !last->granted || last->write) {
            return false;
        }
    }
    return true;
}

void engine_queue_ready(struct engine *engine, struct engine_run *run)
{
    run->is_ready = true;
    TAILQ_INSERT_TAIL(&engine->ready, run, ready);
}

static void engine_queue_grant(struct engine *engine, struct engine_place *place)
{
    struct engine_run *run = place->run;
    if (place->granted) {
        return;
    }
    KV_ASSERT(run->blocked > 0);
    place->granted = true;
    run->blocked--;
    if (run->blocked == 0) {
        engine_queue_ready(engine, run);
    }
}

/* Grant what is first now. */
static void engine_queue_advance(struct engine *engine, struct engine_queue *queue)
{
    struct engine_place *place;
    TAILQ_FOREACH(place, &queue->places, link)
    {
        const bool first = place == TAILQ_FIRST(&queue->places);
        if (place->write && !first) {
            return;
        }
        engine_queue_grant(engine, place);
        if (place->write) {
            return;
        }
    }
}

static void engine_queue_append(struct engine *engine, struct engine_place *place, kv_slice key)
{
    struct engine_queue *queue = engine_queue_find(engine, key);
    if (queue == NULL) {
        queue = kv_alloc_zero(1, sizeof(*queue) + key.size);
        TAILQ_INIT(&queue->places);
        queue->key_size = (uint32_t)key.size;
        memcpy(queue->key, key.data, key.size);
        HASH_ADD_KEYPTR(hh, engine->queues, queue->key, queue->key_size, queue);
    }
    struct engine_place *last = TAILQ_LAST(&queue->places, engine_place_list);
    if (last != NULL && last->run == place->run) {
        KV_ASSERT(last->write == place->write);
        place->queue = NULL; /* a key that is named twice has one place */
        return;
    }
    place->queue = queue;
    place->run->blocked++;
    TAILQ_INSERT_TAIL(&queue->places, place, link);
}

/* Whether a place at the end of its queue is granted. */
static bool engine_queue_is_open(const struct engine_place *place)
{
    const struct engine_place *before = TAILQ_PREV(place, engine_place_list, link);
    return before == NULL || (!place->write && !before->write && before->granted);
}

void engine_queue_enter(struct engine *engine, struct engine_run *run)
{
    const struct machine_footprint *footprint = &engine->footprint;
    KV_ASSERT(run->places == NULL);
    run->places = kv_alloc_zero(footprint->count + 1, sizeof(*run->places));
    run->place_count = footprint->count;
    run->blocked = 1; /* nothing is granted before all places are taken */
    for (uint32_t i = 0; i < run->place_count; i++) {
        run->places[i].run = run;
        run->places[i].write = footprint->variables[i].write;
        engine_queue_append(engine, &run->places[i], footprint->variables[i].key);
    }
    for (uint32_t i = 0; i < run->place_count; i++) {
        struct engine_place *place = &run->places[i];
        if (place->queue != NULL && engine_queue_is_open(place)) {
            engine_queue_grant(engine, place);
        }
    }
    if (engine->gate.closed && !run->local) {
        engine_gate_enter(engine, run);
    }
    run->blocked--;
    if (run->blocked == 0) {
        engine_queue_ready(engine, run);
    }
}

/* A reader that leaves others in front or readers behind it changes nobody's turn. */
static bool engine_queue_may_advance(const struct engine_queue *queue,
                                     const struct engine_place *left)
{
    return left->write || !TAILQ_FIRST(&queue->places)->granted;
}

void engine_queue_leave(struct engine *engine, struct engine_run *run)
{
    if (run->is_ready) {
        TAILQ_REMOVE(&engine->ready, run, ready);
        run->is_ready = false;
    }
    if (run->gated) {
        engine_gate_leave(engine, run);
    }
    engine_lock_leave(engine, run);
    for (uint32_t i = 0; i < run->place_count; i++) {
        struct engine_queue *queue = run->places[i].queue;
        if (queue == NULL) {
            continue;
        }
        TAILQ_REMOVE(&queue->places, &run->places[i], link);
        if (TAILQ_EMPTY(&queue->places)) {
            HASH_DEL(engine->queues, queue);
            kv_free(queue);
        } else if (engine_queue_may_advance(queue, &run->places[i])) {
            engine_queue_advance(engine, queue);
        }
    }
    kv_free(run->places);
    run->places = NULL;
    run->place_count = 0;
    run->blocked = 0;
}

void engine_queue_check(const struct engine *engine)
{
    for (const struct engine_queue *queue = engine->queues; queue != NULL; queue = queue->hh.next) {
        const struct engine_place *place;
        bool open = true;
        KV_ASSERT(!TAILQ_EMPTY(&queue->places));
        TAILQ_FOREACH(place, &queue->places, link)
        {
            const bool first = place == TAILQ_FIRST(&queue->places);
            const bool granted = open && (first || !place->write);
            KV_ASSERT(place->queue == queue);
            KV_ASSERT(place->granted == granted); /* E6 */
            open = granted && !place->write;
        }
    }
}
