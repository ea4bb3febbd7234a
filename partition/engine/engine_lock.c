/* SPDX-License-Identifier: Apache-2.0 */
/* engine_lock: a lock is a command that keeps its places. [docs/protocol/locks.md]
 *
 * 1. From its delivery a command that holds has a line of those inside of it: commands that carry its token, which take no places
 *    elsewhere, and those that would not wait for it. Each stands there in the order of delivery, and has its turn when it is
 *    first and the lock is held. So what becomes of it is a function of the deliveries: a release that was delivered before it
 *    has come first, whenever votes arrived.
 * 2. A command whose token nobody here has, or that touches what the lock does not hold, is LOCK_LOST: at its delivery, or when the
 *    lock ends before its turn.
 * 3. Who would not wait is LOCKED when he is first inside of a held lock in front of him, and not behind a closed gate. */
#include <string.h>

#include "partition/engine/engine_internal.h"

static struct engine_lock_key engine_lock_key_of(kv_timestamp token)
{
    return (struct engine_lock_key){token.clock.value, token.group.value};
}

static struct engine_lock *engine_lock_find(const struct engine *engine, struct engine_lock_key key)
{
    struct engine_lock *lock = NULL;
    if (engine->locks != NULL) {
        HASH_FIND(hh, engine->locks, &key, sizeof(key), lock);
    }
    return lock;
}

static struct engine_lock *engine_lock_new(struct engine *engine, struct engine_run *run)
{
    struct engine_lock *lock = kv_alloc_zero(1, sizeof(*lock));
    lock->token = engine_lock_key_of(run->timestamp);
    lock->run = run;
    TAILQ_INIT(&lock->inside);
    HASH_ADD(hh, engine->locks, token, sizeof(lock->token), lock);
    return lock;
}

/* Whether the places of the lock are those of the variable, in a mode that is enough. They ascend. */
static bool engine_lock_has(const struct engine_lock *lock, const struct machine_variable *variable)
{
    const struct engine_run *run = lock->run;
    uint32_t low = 0, high = run->place_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const struct engine_place *place = &run->places[middle];
        const int order =
            kv_slice_compare(kv_slice_of(place->queue->key, place->queue->key_size), variable->key);
        if (order == 0) {
            return place->write || !variable->write;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static bool engine_lock_covers(const struct engine_lock *lock,
                               const struct machine_footprint *footprint)
{
    bool covers = true;
    for (uint32_t i = 0; i < footprint->count && !footprint->releases; i++) {
        covers = covers && engine_lock_has(lock, &footprint->variables[i]);
    }
    return covers;
}

static void engine_inside_add(struct engine_run *run, struct engine_lock *lock, bool barrier)
{
    struct engine_inside *inside = &run->insides[run->inside_count++];
    *inside =
        (struct engine_inside){.run = run, .lock = lock, .token = lock->token, .barrier = barrier};
    TAILQ_INSERT_TAIL(&lock->inside, inside, link);
}

static void engine_unblock(struct engine *engine, struct engine_run *run)
{
    KV_ASSERT(run->blocked > 0);
    run->blocked--;
    if (run->blocked == 0) {
        engine_queue_ready(engine, run);
    }
}

/* ---- Places ---- */

static void engine_inside_enter(struct engine *engine, struct engine_run *run)
{
    struct engine_lock *lock =
        engine_lock_find(engine, engine_lock_key_of(engine->footprint.token));
    run->blocked = 1; /* no turn before all is taken */
    if (lock != NULL && !engine_lock_covers(lock, &engine->footprint)) {
        lock = NULL;
    }
    if (lock != NULL) {
        run->insides = kv_alloc_zero(1, sizeof(*run->insides));
        engine_inside_add(run, lock, false);
        run->inside_waits = true;
        run->blocked++;
    } else if (run->refusal == WIRE_VERDICT_OK) {
        run->refusal = WIRE_VERDICT_LOCK_LOST;
    }
    if (engine->gate.closed) {
        engine_gate_enter(engine, run);
    }
    if (lock != NULL) {
        engine_lock_advance(engine, lock);
    }
    engine_unblock(engine, run);
}

/* A place in front of another one, of a command that holds or will hold, in a mode that excludes it. */
static bool engine_place_is_locked(const struct engine_place *front,
                                   const struct engine_place *behind)
{
    return front->run->lock != NULL && front->run != behind->run && (front->write || behind->write);
}

/* The locks in front of a run that would not wait for one. */
static void engine_barriers_enter(struct engine *engine, struct engine_run *run)
{
    const struct engine_place *front;
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->place_count; i++) {
        const struct engine_place *place = &run->places[i];
        while (place->queue != NULL &&
               (place = TAILQ_PREV(place, engine_place_list, link)) != NULL) {
            count += engine_place_is_locked(place, &run->places[i]) ? 1 : 0;
        }
    }
    if (count == 0) {
        return;
    }
    run->insides = kv_alloc_zero(count, sizeof(*run->insides));
    for (uint32_t i = 0; i < run->place_count; i++) {
        if (run->places[i].queue == NULL) {
            continue;
        }
        for (front = TAILQ_PREV(&run->places[i], engine_place_list, link); front != NULL;
             front = TAILQ_PREV(front, engine_place_list, link)) {
            if (engine_place_is_locked(front, &run->places[i])) {
                engine_inside_add(run, front->run->lock, true);
            }
        }
    }
    for (uint32_t i = 0; i < run->inside_count; i++) {
        engine_lock_advance(engine, run->insides[i].lock); /* it may leave them all by that */
    }
}

void engine_places_enter(struct engine *engine, struct engine_run *run)
{
    const struct machine_footprint *footprint = &engine->footprint;
    run->releases = footprint->releases;
    if (footprint->token.clock.value != 0) {
        engine_inside_enter(engine, run);
        return;
    }
    const bool no_wait = footprint->no_wait && run->refusal == WIRE_VERDICT_OK;
    if (footprint->holds && run->refusal == WIRE_VERDICT_OK) {
        run->lock = engine_lock_new(engine, run);
    }
    engine_queue_enter(engine, run);
    if (no_wait && run->blocked > 0) {
        engine_barriers_enter(engine, run);
    }
}

static void engine_insides_leave(struct engine *engine, struct engine_run *run)
{
    struct engine_inside *insides = run->insides;
    const uint32_t count = run->inside_count;
    run->insides = NULL;
    run->inside_count = 0;
    run->inside_waits = false;
    for (uint32_t i = 0; i < count; i++) {
        if (insides[i].lock != NULL) {
            TAILQ_REMOVE(&insides[i].lock->inside, &insides[i], link);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct engine_lock *lock = engine_lock_find(engine, insides[i].token);
        if (insides[i].lock != NULL && lock != NULL) { /* one may end another */
            engine_lock_advance(engine, lock);
        }
    }
    kv_free(insides);
}

/* Nobody will have this lock any more: who is inside must do without. */
static void engine_lock_end(struct engine *engine, struct engine_lock *lock)
{
    struct engine_inside *inside;
    HASH_DELETE(hh, engine->locks, lock);
    lock->run->lock = NULL;
    while ((inside = TAILQ_FIRST(&lock->inside)) != NULL) {
        struct engine_run *run = inside->run;
        TAILQ_REMOVE(&lock->inside, inside, link);
        inside->lock = NULL;
        if (inside->barrier || !run->inside_waits) {
            continue; /* the one goes on waiting in its queues, the other has had its turn */
        }
        run->inside_waits = false;
        if (run->refusal == WIRE_VERDICT_OK) {
            run->refusal = WIRE_VERDICT_LOCK_LOST;
        }
        engine_unblock(engine, run);
    }
    kv_free(lock);
}

void engine_lock_leave(struct engine *engine, struct engine_run *run)
{
    if (run->insides != NULL) {
        engine_insides_leave(engine, run);
    }
    if (run->lock != NULL) {
        engine_lock_end(engine, run->lock);
    }
}

/* ---- Turns ---- */

static void engine_lock_refuse(struct engine *engine, struct engine_run *run)
{
    KV_ASSERT(run->state == ENGINE_RUN_QUEUED && run->refusal == WIRE_VERDICT_OK);
    run->refusal = WIRE_VERDICT_LOCKED;
    engine_queue_leave(engine, run);
    engine_queue_ready(engine, run);
}

void engine_lock_advance(struct engine *engine, struct engine_lock *lock)
{
    const struct engine_inside *first = TAILQ_FIRST(&lock->inside);
    if (lock->run->state != ENGINE_RUN_HELD || lock->advancing) {
        return;
    }
    lock->advancing = true;
    /* Behind a closed gate nobody has a turn, not even to be refused; all that is inside behind it was delivered behind the gate, too. */
    while (first != NULL && first->barrier && !first->run->gated) {
        engine_lock_refuse(engine, first->run);
        first = TAILQ_FIRST(&lock->inside);
    }
    lock->advancing = false;
    if (first != NULL && first->run->inside_waits) {
        first->run->inside_waits = false;
        engine_unblock(engine, first->run);
    }
}

void engine_lock_on_gate(struct engine *engine, struct engine_run *run)
{
    for (uint32_t i = 0; i < run->inside_count; i++) {
        struct engine_lock *lock = run->insides[i].lock;
        if (lock != NULL) {
            engine_lock_advance(engine, lock); /* it may leave them all by that */
        }
    }
}

void engine_lock_hold(struct engine *engine, struct engine_run *run)
{
    KV_ASSERT(run->lock != NULL && run->blocked == 0);
    run->state = ENGINE_RUN_HELD;
    TAILQ_INSERT_TAIL(&engine->held, run, link);
    engine_lock_advance(engine, run->lock);
}

void engine_lock_release(struct engine *engine, struct engine_run *run)
{
    struct engine_lock *lock = run->inside_count > 0 ? run->insides[0].lock : NULL;
    KV_ASSERT(lock != NULL &&
              lock->run->state == ENGINE_RUN_HELD); /* E11: else its vote was a NO */
    engine_run_retire(engine, lock->run);
}

/* E10: the places of a lock that is held are granted, and only the first inside of it has its turn. E11: nobody has a turn inside of
 * a lock that is not held. */
void engine_lock_check(const struct engine *engine)
{
    for (const struct engine_lock *lock = engine->locks; lock != NULL; lock = lock->hh.next) {
        const struct engine_inside *inside;
        const bool held = lock->run->state == ENGINE_RUN_HELD;
        KV_ASSERT(lock->run->lock == lock);
        for (uint32_t i = 0; i < lock->run->place_count && held; i++) {
            KV_ASSERT(lock->run->places[i].granted); /* E10 */
        }
        TAILQ_FOREACH(inside, &lock->inside, link)
        {
            const bool first = inside == TAILQ_FIRST(&lock->inside);
            KV_ASSERT(inside->lock == lock && inside->run->state != ENGINE_RUN_FINISHED);
            KV_ASSERT(inside->barrier ? !held || !first || inside->run->gated
                                      : inside->run->inside_waits == !(held && first)); /* E11 */
        }
    }
}
