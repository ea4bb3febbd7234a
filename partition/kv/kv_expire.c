/* SPDX-License-Identifier: Apache-2.0 */
/* kv_expire: searches in rounds. A round goes once through `ends`, a list of EXPIREs at a time; when it has come to its end, the
 * next one begins when another key's time comes, and after a pause if this one found any: they may not have been able to go. */
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
    expires->count = 0;
    expires->asked_us = 0;
    expires->next_us = 0; /* not known: it is looked for */
    expires->ended = true;
    expires->place = (struct kv_bond_place){0};
}

void kv_expires_ended(struct kv_expires *expires)
{
    expires->ended = true;
}

void kv_expires_bound(struct kv_machine *machine, const struct kv_bond *bond)
{
    struct kv_expires *expires = &machine->expires;
    if (bond->until_us != 0) {
        expires->next_us = bond->until_us < expires->next_us ? bond->until_us : expires->next_us;
    } else if (!kv_session_is_alive(&machine->bonds, bond->session)) {
        kv_expires_ended(expires); /* it came from elsewhere, where the session had not ended */
    }
}

bool kv_expires_wait(const struct kv_expires *expires)
{
    return expires->count > 0 || expires->ended || expires->next_us != UINT64_MAX;
}

void kv_expires_done(struct kv_machine *machine)
{
    struct kv_expires *expires = &machine->expires;
    for (uint32_t i = 0; i < expires->count; i++) {
        if (kv_message_id_equal(expires->list[i].id, machine->context.id)) {
            const struct kv_buffer body = expires->list[i].body;
            expires->count--;
            memmove(&expires->list[i], &expires->list[i + 1],
                    (expires->count - i) * sizeof(expires->list[0]));
            expires->list[expires->count].body = body;
            return;
        }
    }
}

/* Another id at another time and place: one that did not help must not stand in the way of the next. */
static kv_message_id id_of(const struct kv_machine *machine, kv_slice key, kv_timestamp version,
                           uint64_t time_us)
{
    const uint64_t parts[] = {XXH3_64bits(key.data, key.size), time_us, machine->group.value};
    return (kv_message_id){.session = {version},
                           .sequence = XXH3_64bits(parts, sizeof(parts)) | 1,
                           .attempt = KV_ATTEMPT_OWN};
}

static void add(struct kv_machine *machine, const struct kv_due *due, uint64_t time_us)
{
    struct kv_expires *expires = &machine->expires;
    struct kv_expire *expire = &expires->list[expires->count++];
    struct wire_command *command = &machine->dispatch;
    wire_command_begin(command, WIRE_OP_EXPIRE);
    command->key_count = 1;
    command->keys[0] = due->key;
    command->token = due->version;
    command->session = due->session;
    const bool away = !kv_group_equal(kv_home_of(machine, due->key), machine->group);
    if (away) {
        command->owner_count = 1;
        command->owners[0] = (uint8_t)machine->group.value;
    }
    expire->number = ++expires->numbered;
    expire->id = id_of(machine, due->key, due->version, time_us);
    expire->destinations = away ? wire_command_destinations(command, machine->partitions)
                                : kv_group_set_of(machine->group);
    kv_buffer_clear(&expire->body);
    wire_command_encode(command, &expire->body);
}

/* Fill the list, up to the end of the round. */
static void search(struct kv_machine *machine, uint64_t time_us)
{
    struct kv_expires *expires = &machine->expires;
    struct kv_due due;
    const bool begins = expires->place.size == 0;
    expires->asked_us = time_us;
    expires->ended = expires->ended && !begins;
    while (expires->count < KV_EXPIRES_MAX) {
        if (!kv_bond_next_due(&machine->bonds, time_us, &expires->place, &due, &expires->next_us)) {
            const uint64_t again_us = time_us + KV_EXPIRE_PATIENCE_US;
            if ((expires->count > 0 || !begins) && again_us < expires->next_us) {
                expires->next_us = again_us; /* for those that could not go */
            }
            expires->place.size = 0;
            return;
        }
        if (due.key.size >= 1 && due.key.size <= KV_KEY_BYTES_MAX) {
            add(machine, &due, time_us);
        }
    }
    expires->next_us = time_us; /* there may be more */
}

static bool is_time_to_search(struct kv_expires *expires, uint64_t time_us)
{
    const bool patient = time_us - expires->asked_us < KV_EXPIRE_PATIENCE_US;
    if (expires->count > 0) {
        if (patient) {
            return false;
        }
        expires->count = 0; /* what has not come back by now will be looked for again */
    }
    return expires->ended || time_us >= expires->next_us;
}

bool kv_expires_next(struct kv_machine *machine, uint64_t time_us, uint64_t after,
                     struct machine_dispatch *ret)
{
    struct kv_expires *expires = &machine->expires;
    if (is_time_to_search(expires, time_us)) {
        search(machine, time_us);
    }
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
