/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_pins: commands that the oracle runs in their clients' names. [placement.md, D1-D8]
 *
 * 1. At its turn an EXEC stands at the end of the pin lists of all its keys, at once, and leaves the queues.
 * 2. First in all of them: nothing can move its keys any more, so where they are now is where they will be. The command is given its
 *    owners and handed to the engine, which has it multicast.
 * 3. When the execution has executed here, the pins go. */
#include "oracle/oracle_internal.h"

#include <string.h>

void oracle_pins_init(struct oracle_pins *pins)
{
    *pins = (struct oracle_pins){0};
    TAILQ_INIT(&pins->execs);
}

static struct oracle_pinned *pinned_find(const struct oracle_machine *machine, kv_slice key)
{
    struct oracle_pinned *found = NULL;
    if (machine->pins.by_key != NULL) {
        HASH_FIND(hh, machine->pins.by_key, key.data, key.size, found);
    }
    return found;
}

bool oracle_is_pinned(const struct oracle_machine *machine, kv_slice key)
{
    return pinned_find(machine, key) != NULL;
}

static struct oracle_exec *exec_find(const struct oracle_machine *machine, kv_message_id id)
{
    const struct kv_message_key key = kv_message_key_of(kv_message_id_of_client(id));
    struct oracle_exec *found = NULL;
    if (machine->pins.by_id != NULL) {
        HASH_FIND(hh, machine->pins.by_id, &key, sizeof(key), found);
    }
    return found;
}

static uint64_t exec_hash(const struct oracle_exec *exec)
{
    const uint64_t parts[] = {exec->key.clock, exec->key.sequence, exec->key.group,
                              exec->key.attempt, exec->dispatches};
    return oracle_hash(parts, sizeof(parts));
}

static void pin(struct oracle_machine *machine, struct oracle_pin *pin, kv_slice key)
{
    struct oracle_pinned *pinned = pinned_find(machine, key);
    if (pinned == NULL) {
        pinned = kv_alloc_zero(1, sizeof(*pinned) + key.size);
        TAILQ_INIT(&pinned->pins);
        pinned->size = (uint32_t)key.size;
        memcpy(pinned->key, key.data, key.size);
        HASH_ADD_KEYPTR(hh, machine->pins.by_key, pinned->key, pinned->size, pinned);
    }
    const struct oracle_pin *last = TAILQ_LAST(&pinned->pins, oracle_pin_list);
    if (last != NULL && last->exec == pin->exec) {
        return; /* a key that is named twice */
    }
    pin->key = pinned;
    TAILQ_INSERT_TAIL(&pinned->pins, pin, link);
}

static void unpin(struct oracle_pins *pins, struct oracle_exec *exec)
{
    for (uint32_t i = 0; i < exec->pin_count; i++) {
        struct oracle_pinned *pinned = exec->pins[i].key;
        if (pinned == NULL) {
            continue;
        }
        TAILQ_REMOVE(&pinned->pins, &exec->pins[i], link);
        if (TAILQ_EMPTY(&pinned->pins)) {
            HASH_DEL(pins->by_key, pinned);
            kv_free(pinned);
        }
    }
}

static void exec_free(struct oracle_pins *pins, struct oracle_exec *exec)
{
    unpin(pins, exec);
    pins->digest -= exec_hash(exec);
    pins->bytes -= exec->asked.size;
    HASH_DEL(pins->by_id, exec);
    TAILQ_REMOVE(&pins->execs, exec, link);
    kv_buffer_close(&exec->asked);
    kv_buffer_close(&exec->body);
    kv_free(exec->pins);
    kv_free(exec);
}

void oracle_pins_clear(struct oracle_pins *pins)
{
    while (!TAILQ_EMPTY(&pins->execs)) {
        exec_free(pins, TAILQ_FIRST(&pins->execs));
    }
    KV_ASSERT(pins->by_key == NULL && pins->digest == 0 && pins->bytes == 0);
    pins->dispatched = 0;
}

static bool is_first(const struct oracle_exec *exec)
{
    bool first = true;
    for (uint32_t i = 0; i < exec->pin_count; i++) {
        const struct oracle_pinned *pinned = exec->pins[i].key;
        first = first && (pinned == NULL || TAILQ_FIRST(&pinned->pins)->exec == exec);
    }
    return first;
}

/* D2: the command with its owners. Everything in it is a function of the pinned keys' places. */
static void exec_address(struct oracle_machine *machine, struct oracle_exec *exec)
{
    struct wire_command *command = &machine->dispatch;
    const enum status status = wire_command_decode(kv_buffer_slice(&exec->asked), command);
    KV_ASSERT(status == STATUS_OK); /* it was opened before */
    command->exec = false;
    const bool addressed = command->owner_count > 0; /* under a token: its owners stay */
    command->owner_count = command->key_count;
    for (uint32_t i = 0; i < command->key_count && !addressed; i++) {
        kv_timestamp version;
        const kv_group_id owner = command->op == WIRE_OP_CREATE
                                      ? wire_home_of(command->keys[i], machine->partitions)
                                      : oracle_place_of(machine, command->keys[i], &version);
        command->owners[i] = (uint8_t)owner.value;
    }
    exec->destinations = wire_command_destinations(command, machine->partitions);
    exec->destinations.bits |= kv_group_set_of(KV_GROUP_ORACLE).bits;
    kv_buffer_clear(&exec->body);
    wire_command_encode(command, &exec->body);
    exec->number = ++machine->pins.dispatched;
}

static void exec_dispatch(struct oracle_machine *machine, struct oracle_exec *exec)
{
    machine->pins.digest -= exec_hash(exec);
    exec->dispatches++;
    machine->pins.digest += exec_hash(exec);
    exec_address(machine, exec);
}

static struct oracle_exec *exec_new(struct oracle_machine *machine, kv_message_id id,
                                    uint64_t floor, kv_slice asked,
                                    const struct wire_command *command)
{
    struct oracle_pins *pins = &machine->pins;
    struct oracle_exec *exec = kv_alloc_zero(1, sizeof(*exec));
    exec->id = id;
    exec->key = kv_message_key_of(id);
    exec->floor = floor;
    kv_buffer_append(&exec->asked, asked.data, asked.size);
    /* [locks.md, L6] The keys of a lock stay where they are without pins, which others may have who wait for it. */
    exec->pin_count = wire_command_has_token(command) ? 0 : command->key_count;
    exec->pins = kv_alloc_zero(exec->pin_count + 1, sizeof(*exec->pins));
    for (uint32_t i = 0; i < exec->pin_count; i++) {
        exec->pins[i].exec = exec;
        pin(machine, &exec->pins[i], command->keys[i]);
    }
    HASH_ADD(hh, pins->by_id, key, sizeof(exec->key), exec);
    TAILQ_INSERT_TAIL(&pins->execs, exec, link);
    pins->digest += exec_hash(exec);
    pins->bytes += asked.size;
    return exec;
}

bool oracle_exec_fits(const struct wire_command *command, kv_slice body)
{
    return body.size + command->key_count + WIRE_BODY_FIXED_BYTES_MAX <= KV_BODY_BYTES_MAX;
}

/* What may be kept. Under a token it names its owners already. */
static bool is_kept(const struct wire_command *command, kv_slice asked)
{
    return wire_command_has_token(command) ? asked.size <= KV_BODY_BYTES_MAX
                                           : oracle_exec_fits(command, asked);
}

bool oracle_exec_is_full(const struct oracle_machine *machine)
{
    const struct oracle_pins *pins = &machine->pins;
    return machine->command.exec && (HASH_COUNT(pins->by_id) >= ORACLE_EXECS_MAX ||
                                     pins->bytes + machine->body.size > ORACLE_EXEC_BYTES_MAX);
}

static void exec_begin(struct oracle_machine *machine, kv_slice asked)
{
    KV_ASSERT(exec_find(machine, machine->context.id) == NULL); /* D5: the engine runs an id once */
    struct oracle_exec *exec =
        exec_new(machine, machine->context.id, machine->context.floor, asked, &machine->command);
    if (is_first(exec)) {
        exec_dispatch(machine, exec);
    }
}

enum wire_verdict oracle_exec_begin(struct oracle_machine *machine)
{
    struct kv_buffer addressed = {0};
    const bool token = wire_command_has_token(&machine->command);
    if (token && !oracle_lease_address(machine, &addressed)) {
        kv_buffer_close(&addressed);
        return WIRE_VERDICT_LOCK_LOST;
    }
    /* Whether there is room has been asked before it was ordered: how many are under way now is each member's own. */
    exec_begin(machine, token ? kv_buffer_slice(&addressed) : machine->body);
    kv_buffer_close(&addressed);
    return WIRE_VERDICT_OK;
}

/* As a client asked, or, under a token, with the owners that it has. */
static bool exec_is_sound(const struct oracle_machine *machine, const struct wire_command *command)
{
    if (!wire_command_has_token(command)) {
        return command->exec && wire_command_fits(command, kv_group_set_of(KV_GROUP_ORACLE), false,
                                                  machine->partitions);
    }
    if (command->owner_count == 0 || wire_op_is_lock(command->op)) {
        return false;
    }
    kv_group_set groups = wire_command_destinations(command, machine->partitions);
    const bool fits = !kv_group_set_has(groups, KV_GROUP_ORACLE);
    groups.bits |= kv_group_set_of(KV_GROUP_ORACLE).bits;
    return fits && wire_command_fits(command, groups, true, machine->partitions);
}

bool oracle_exec_load(struct oracle_machine *machine, kv_message_id id, uint64_t floor,
                      uint32_t dispatches, kv_slice asked)
{
    struct wire_command *command = &machine->dispatch;
    if (kv_message_id_is_execution(id) || kv_session_is_none(id.session) ||
        exec_find(machine, id) != NULL || dispatches > ORACLE_DISPATCHES_MAX ||
        wire_command_decode(asked, command) != STATUS_OK || !is_kept(command, asked) ||
        !exec_is_sound(machine, command)) {
        return false;
    }
    struct oracle_exec *exec = exec_new(machine, id, floor, asked, command);
    if (is_first(exec) != (dispatches > 0)) {
        return false;
    }
    if (dispatches > 0) {
        machine->pins.digest -= exec_hash(exec);
        exec->dispatches = dispatches;
        machine->pins.digest += exec_hash(exec);
        exec_address(machine, exec);
    }
    return true;
}

/* Those that waited behind the pins that go. */
static void dispatch_followers(struct oracle_machine *machine, struct oracle_exec *ended)
{
    for (uint32_t i = 0; i < ended->pin_count; i++) {
        struct oracle_pinned *pinned = ended->pins[i].key;
        if (pinned == NULL) {
            continue;
        }
        struct oracle_pin *next = TAILQ_NEXT(&ended->pins[i], link);
        TAILQ_REMOVE(&pinned->pins, &ended->pins[i], link);
        ended->pins[i].key = NULL;
        if (next == NULL) {
            HASH_DEL(machine->pins.by_key, pinned);
            kv_free(pinned);
        } else if (next->exec->dispatches == 0 && is_first(next->exec)) {
            exec_dispatch(machine, next->exec);
        }
    }
}

enum machine_outcome oracle_exec_end(struct oracle_machine *machine, enum wire_verdict verdict)
{
    struct oracle_exec *exec = exec_find(machine, machine->context.id);
    if (exec == NULL) {
        return MACHINE_DONE; /* nobody asked: a forgery, answered like any other command */
    }
    const bool late = verdict == WIRE_VERDICT_STALE || verdict == WIRE_VERDICT_PINNED;
    if (late && exec->dispatches < ORACLE_DISPATCHES_MAX) {
        machine->pins.alarms++; /* D7 says that it cannot be */
        exec_dispatch(machine, exec);
        return MACHINE_PENDING;
    }
    dispatch_followers(machine, exec);
    exec_free(&machine->pins, exec);
    return MACHINE_DONE;
}

bool oracle_next_dispatch(struct oracle_machine *machine, uint64_t after,
                          struct machine_dispatch *ret)
{
    const struct oracle_exec *exec, *next = NULL;
    oracle_leases_send(machine);
    if (after >= machine->pins.dispatched) {
        return false; /* the usual case */
    }
    TAILQ_FOREACH(exec, &machine->pins.execs, link)
    {
        if (exec->number > after && (next == NULL || exec->number < next->number)) {
            next = exec;
        }
    }
    if (next == NULL) {
        return oracle_lease_next(machine, after, UINT64_MAX, ret);
    }
    if (oracle_lease_next(machine, after, next->number, ret)) {
        return true;
    }
    *ret = (struct machine_dispatch){.number = next->number,
                                     .id = next->id,
                                     .destinations = next->destinations,
                                     .floor = next->floor,
                                     .body = kv_buffer_slice(&next->body)};
    ret->id.attempt |= next->dispatches << KV_ATTEMPT_DISPATCH_SHIFT;
    return true;
}
