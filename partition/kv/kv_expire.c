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

static bool is_away(const struct kv_expire *expire)
{
    return kv_group_set_has(expire->destinations, KV_GROUP_ORACLE);
}

void kv_expires_done(struct kv_machine *machine)
{
    struct kv_expires *expires = &machine->expires;
    uint32_t i = 0;
    while (i < expires->count && !kv_message_id_equal(expires->list[i].id, machine->context.id)) {
        i++;
    }
    if (i == expires->count) {
        return; /* another member wanted it */
    }
    const struct kv_buffer body = expires->list[i].body;
    expires->away -= is_away(&expires->list[i]) ? 1 : 0;
    expires->count--;
    memmove(&expires->list[i], &expires->list[i + 1],
            (expires->count - i) * sizeof(expires->list[0]));
    expires->list[expires->count].body = body;
}

/* ---- The list ---- */

/* Another id at another time and place: one that did not help must not stand in the way of the next. */
static kv_message_id id_of(const struct kv_machine *machine, const struct kv_expire *expire,
                           uint64_t time_us)
{
    const uint64_t parts[] = {expire->key_hash, time_us, machine->group.value};
    return (kv_message_id){.session = {expire->version},
                           .sequence = XXH3_64bits(parts, sizeof(parts)) | 1,
                           .attempt = KV_ATTEMPT_OWN};
}

static bool is_wanted(const struct kv_expires *expires, const struct kv_due *due, uint64_t hash)
{
    for (uint32_t i = 0; i < expires->count; i++) {
        const struct kv_expire *expire = &expires->list[i];
        if (expire->key_hash == hash && kv_timestamp_compare(expire->version, due->version) == 0) {
            return true;
        }
    }
    return false;
}

static void add(struct kv_machine *machine, const struct kv_due *due, uint64_t hash, bool away,
                uint64_t time_us)
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
    expire->session = due->session;
    expire->id = id_of(machine, expire, time_us);
    expire->destinations = away ? wire_command_destinations(command, machine->partitions)
                                : kv_group_set_of(machine->group);
    expires->away += is_away(expire) ? 1 : 0;
    kv_buffer_clear(&expire->body);
    wire_command_encode(command, &expire->body);
}

static void want(struct kv_machine *machine, const struct kv_due *due, uint64_t time_us)
{
    struct kv_expires *expires = &machine->expires;
    const uint64_t hash = XXH3_64bits(due->key.data, due->key.size);
    const bool away = !kv_group_equal(kv_home_of(machine, due->key), machine->group);
    expires->found = true;
    if (!is_wanted(expires, due, hash) && (!away || expires->away < KV_EXPIRES_AWAY_MAX)) {
        add(machine, due, hash, away, time_us);
    } /* else later: again_us */
}

/* ---- Rounds ---- */

static bool is_time_for_a_round(const struct kv_expires *expires, uint64_t time_us)
{
    return expires->all || expires->ended_count > 0 || time_us >= expires->next_us ||
           time_us >= expires->again_us;
}

static void begin_round(struct kv_expires *expires, uint64_t time_us)
{
    /* Who could not go may be a session's: which one is not remembered. */
    expires->all = expires->all || time_us >= expires->again_us;
    expires->again_us = UINT64_MAX;
    expires->found = false;
    expires->place = (struct kv_bond_place){0};
    expires->stage = expires->all ? KV_EXPIRES_ALL_SESSIONS : KV_EXPIRES_ENDED;
    expires->ended_count = expires->all ? 0 : expires->ended_count;
    expires->all = false;
}

/* The next key of the stage that is under way. False: the stage is over. */
static bool next_due(struct kv_machine *machine, uint64_t time_us, struct kv_due *ret)
{
    struct kv_expires *expires = &machine->expires;
    switch (expires->stage) {
    case KV_EXPIRES_ALL_SESSIONS:
        return kv_bond_next_ended(&machine->bonds, &expires->place, ret);
    case KV_EXPIRES_ENDED:
        while (expires->ended_count > 0) {
            if (kv_bond_next_of(&machine->bonds, expires->ended[0], &expires->place, ret)) {
                return true;
            }
            expires->ended_count--;
            memmove(&expires->ended[0], &expires->ended[1],
                    expires->ended_count * sizeof(expires->ended[0]));
            expires->place.size = 0;
        }
        return false;
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
    expires->stage++;
    expires->place.size = 0;
    if (expires->stage == KV_EXPIRES_REST && expires->found) {
        expires->again_us = time_us + KV_EXPIRE_PAUSE_US;
    }
}

static void search(struct kv_machine *machine, uint64_t time_us)
{
    struct kv_expires *expires = &machine->expires;
    struct kv_due due;
    if (expires->stage == KV_EXPIRES_REST && is_time_for_a_round(expires, time_us)) {
        begin_round(expires, time_us);
    }
    while (expires->stage != KV_EXPIRES_REST && expires->count < KV_EXPIRES_MAX) {
        if (next_due(machine, time_us, &due)) {
            want(machine, &due, time_us);
        } else {
            end_stage(expires, time_us);
        }
    }
}

bool kv_expires_next(struct kv_machine *machine, uint64_t time_us, uint64_t after,
                     struct machine_dispatch *ret)
{
    struct kv_expires *expires = &machine->expires;
    search(machine, time_us);
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
