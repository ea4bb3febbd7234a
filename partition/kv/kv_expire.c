/* SPDX-License-Identifier: Apache-2.0 */
/* kv_expire: looks for keys that are to go, in rounds. A round goes once through all that may have some, as far as there is room in the
 * list; the next one begins when another session ends or another key's time comes, and after a pause if this one found any: they may
 * not have been able to go. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "partition/kv/kv_internal.h"

void kv_expires_close(struct kv_expires *expires)
{
    for (uint32_t i = 0; i < KV_EXPIRES_MAX; i++) {
        kv_buffer_close(&expires->list[i].body);
    }
}

void kv_expires_clear(struct kv_expires *expires)
{
    expires->count = expires->away = 0;
    expires->stage = KV_EXPIRES_REST;
    expires->ended_count = 0;
    expires->all = true;
    expires->away_done_us = 0;
    expires->next_us = 0; /* not known: it is looked for */
    expires->again_us = UINT64_MAX;
}

void kv_expires_ended(struct kv_expires *expires, kv_timestamp session)
{
    if (expires->ended_count < KV_EXPIRES_ENDED_MAX) {
        expires->ended[expires->ended_count++] = session;
    } else {
        expires->all = true;
    }
}

void kv_expires_bound(struct kv_machine *machine, const struct kv_bond *bond)
{
    struct kv_expires *expires = &machine->expires;
    if (bond->until_us != 0) {
        expires->next_us = bond->until_us < expires->next_us ? bond->until_us : expires->next_us;
    } else if (!kv_session_is_alive(&machine->bonds, bond->session)) {
        /* it came from elsewhere, where the session had not ended */
        kv_expires_ended(expires, bond->session);
    }
}

static bool is_work_left(const struct kv_expires *expires)
{
    return expires->all || expires->ended_count > 0 || expires->stage != KV_EXPIRES_REST;
}

bool kv_expires_wait(const struct kv_expires *expires)
{
    return expires->count > 0 || is_work_left(expires) || expires->next_us != UINT64_MAX ||
           expires->again_us != UINT64_MAX;
}

static uint64_t hash_of(kv_slice key)
{
    return XXH3_64bits(key.data, key.size);
}

static bool is_away(const struct kv_expire *expire)
{
    return kv_group_set_has(expire->destinations, KV_GROUP_ORACLE);
}

/* Whether it is about this version of this key. */
static bool is_about(const struct kv_expire *expire, uint64_t hash, kv_timestamp version)
{
    return expire->key_hash == hash && kv_timestamp_compare(expire->version, version) == 0;
}

static uint32_t find(const struct kv_expires *expires, uint64_t hash, kv_timestamp version)
{
    uint32_t i = 0;
    while (i < expires->count && !is_about(&expires->list[i], hash, version)) {
        i++;
    }
    return i;
}

/* Entries move, and each keeps a buffer. */
static void move(struct kv_expires *expires, uint32_t from, uint32_t to)
{
    const struct kv_expire moved = expires->list[from];
    KV_ASSERT(from <= to);
    memmove(&expires->list[from], &expires->list[from + 1], (to - from) * sizeof(expires->list[0]));
    expires->list[to] = moved;
}

void kv_expires_done(struct kv_machine *machine)
{
    struct kv_expires *expires = &machine->expires;
    const struct wire_command *command = &machine->command;
    const uint32_t i = find(expires, hash_of(command->keys[0]), command->token);
    if (i == expires->count) {
        return; /* another member wanted it */
    }
    if (is_away(&expires->list[i])) {
        expires->away--;
        expires->away_done_us = machine->context.time_us;
    }
    move(expires, i, expires->count - 1);
    expires->count--;
}

/* ---- The list ---- */

/* Another id whenever it is wanted: one that did not help must not stand in the way of the next. What made it be wanted again was
 * delivered meanwhile, so the cursor is another one, at whichever member. */
static void give_id(const struct kv_machine *machine, struct kv_expire *expire,
                    const struct machine_moment *now)
{
    const uint64_t parts[] = {expire->key_hash, expire->version.clock.value,
                              expire->version.group.value, machine->group.value};
    expire->wanted_us = now->time_us;
    expire->id = (kv_message_id){.session = {now->cursor},
                                 .sequence = XXH3_64bits(parts, sizeof(parts)) | 1,
                                 .attempt = KV_ATTEMPT_OWN};
}

static void add(struct kv_machine *machine, const struct kv_due *due, uint64_t hash, bool away,
                const struct machine_moment *now)
{
    struct kv_expires *expires = &machine->expires;
    struct kv_expire *expire = &expires->list[expires->count++];
    struct wire_command *command = &machine->dispatch;
    wire_command_begin(command, WIRE_OP_EXPIRE);
    command->key_count = 1;
    command->keys[0] = due->key;
    command->token = due->version;
    command->session = due->session;
    if (away) {
        command->owner_count = 1;
        command->owners[0] = (uint8_t)machine->group.value;
    }
    expire->number = ++expires->numbered;
    expire->key_hash = hash;
    expire->version = due->version;
    expire->destinations = away ? wire_command_destinations(command, machine->partitions)
                                : kv_group_set_of(machine->group);
    give_id(machine, expire, now);
    expires->away += away ? 1 : 0;
    kv_buffer_clear(&expire->body);
    wire_command_encode(command, &expire->body);
}

/* Those that have waited for long come last, as others. */
static void give_new_ids(struct kv_machine *machine, const struct machine_moment *now)
{
    struct kv_expires *expires = &machine->expires;
    for (uint32_t left = expires->count; left > 0; left--) {
        if (now->time_us - expires->list[0].wanted_us < KV_EXPIRE_PATIENCE_US) {
            return; /* they are in the order of when they were wanted */
        }
        move(expires, 0, expires->count - 1);
        struct kv_expire *expire = &expires->list[expires->count - 1];
        expire->number = ++expires->numbered;
        give_id(machine, expire, now);
    }
}

/* False: there is no room for it now. */
static bool want(struct kv_machine *machine, const struct kv_due *due,
                 const struct machine_moment *now)
{
    struct kv_expires *expires = &machine->expires;
    const uint64_t hash = hash_of(due->key);
    const bool away = !kv_group_equal(kv_home_of(machine, due->key), machine->group);
    expires->found = true;
    if (find(expires, hash, due->version) < expires->count) {
        return true;
    }
    if (away && expires->away == KV_EXPIRES_AWAY_MAX) {
        /* The others do not wait if the oracle orders nothing: again_us */
        return now->time_us - expires->away_done_us >= KV_EXPIRE_PAUSE_US;
    }
    add(machine, due, hash, away, now);
    return true;
}

/* ---- Rounds ---- */

static bool is_time_for_a_round(const struct kv_expires *expires, uint64_t time_us)
{
    return expires->all || expires->ended_count > 0 || time_us >= expires->next_us ||
           time_us >= expires->again_us;
}

static void begin_round(struct kv_expires *expires, uint64_t time_us)
{
    if (time_us >=
        expires->again_us) { /* who could not go may be a session's: which one is not remembered */
        expires->again_us = UINT64_MAX;
        expires->all = true;
    }
    expires->found = false;
    expires->place = (struct kv_bond_place){0};
    expires->stage = expires->all ? KV_EXPIRES_ALL_SESSIONS : KV_EXPIRES_ENDED;
    expires->ended_count = expires->all ? 0 : expires->ended_count;
    expires->all = false;
}

/* Of one session after the other; each is let go when it has no more. */
static enum kv_due_found next_of_ended(struct kv_machine *machine, struct kv_due *ret)
{
    struct kv_expires *expires = &machine->expires;
    if (expires->ended_count == 0) {
        return KV_DUE_NONE;
    }
    if (kv_bond_next_of(&machine->bonds, expires->ended[0], &expires->place, ret) == KV_DUE_FOUND) {
        return KV_DUE_FOUND;
    }
    expires->ended_count--;
    memmove(&expires->ended[0], &expires->ended[1],
            expires->ended_count * sizeof(expires->ended[0]));
    expires->place.size = 0;
    return KV_DUE_SKIPPED;
}

/* The next key of the stage that is under way; none: the stage is over. */
static enum kv_due_found next_due(struct kv_machine *machine, uint64_t time_us, struct kv_due *ret)
{
    struct kv_expires *expires = &machine->expires;
    switch (expires->stage) {
    case KV_EXPIRES_ALL_SESSIONS:
        return kv_bond_next_ended(&machine->bonds, &expires->place, ret);
    case KV_EXPIRES_ENDED:
        return next_of_ended(machine, ret);
    case KV_EXPIRES_TIMES:
        return kv_bond_next_timed(&machine->bonds, time_us, &expires->place, ret,
                                  &expires->next_us);
    case KV_EXPIRES_REST:
        break;
    }
    KV_UNREACHABLE();
}

static void end_stage(struct kv_expires *expires, uint64_t time_us)
{
    const uint64_t again_us = time_us + KV_EXPIRE_PAUSE_US;
    expires->stage++;
    expires->place.size = 0;
    if (expires->stage == KV_EXPIRES_REST && expires->found && again_us < expires->again_us) {
        expires->again_us = again_us;
    }
}

/* As far as there is room in the list, and not for long. */
static void search(struct kv_machine *machine, const struct machine_moment *now)
{
    struct kv_expires *expires = &machine->expires;
    struct kv_due due;
    uint32_t looks = KV_EXPIRES_LOOKS_MAX;
    if (expires->stage == KV_EXPIRES_REST && is_time_for_a_round(expires, now->time_us)) {
        begin_round(expires, now->time_us);
    }
    while (expires->stage != KV_EXPIRES_REST && expires->count < KV_EXPIRES_MAX && looks > 0) {
        const struct kv_bond_place before = expires->place;
        looks--;
        switch (next_due(machine, now->time_us, &due)) {
        case KV_DUE_FOUND:
            if (!want(machine, &due, now)) {
                expires->place = before;
                return;
            }
            break;
        case KV_DUE_SKIPPED:
            break;
        case KV_DUE_NONE:
            end_stage(expires, now->time_us);
            break;
        }
    }
}

bool kv_expires_next(struct kv_machine *machine, const struct machine_moment *now, uint64_t after,
                     struct machine_dispatch *ret)
{
    struct kv_expires *expires = &machine->expires;
    give_new_ids(machine, now);
    search(machine, now);
    uint32_t i = 0;
    while (i < expires->count && expires->list[i].number <= after) {
        i++;
    }
    if (i == expires->count) {
        return false;
    }
    const struct kv_expire *expire = &expires->list[i];
    *ret = (struct machine_dispatch){.number = expire->number,
                                     .id = expire->id,
                                     .destinations = expire->destinations,
                                     .body = kv_buffer_slice(&expire->body)};
    return true;
}
