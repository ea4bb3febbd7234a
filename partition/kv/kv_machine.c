/* SPDX-License-Identifier: Apache-2.0 */
/* kv_machine: from an operation to the function that runs it.
 *
 * 1. Every key of the command must have its home here; otherwise nothing is looked at, and the
 *    answer is STALE.
 * 2. A function for reads takes the machine as const: the compiler keeps `read` from changing
 *    anything.
 * 3. Answers begin as OK without rows; the functions fill in what differs. */
#include "partition/kv/kv_internal.h"

/* The home of the first key that does not live here, else this partition. A command whose keys have
 * several homes names the first: whoever sent it has to split it anyway. */
static kv_group_id kv_machine_owner(const struct kv_machine *machine,
                                    const struct wire_command *command)
{
    for (uint32_t i = 0; i < command->key_count; i++) {
        const kv_group_id home = wire_home_of(command->keys[i], machine->partitions);
        if (!kv_group_equal(home, machine->group)) {
            return home;
        }
    }
    return machine->group;
}

static void kv_machine_answer_begin(struct wire_answer *ret, enum wire_verdict verdict)
{
    wire_answer_begin(ret, verdict);
}

/* True if the keys live here; otherwise *ret is the answer STALE. */
static bool kv_machine_owns(const struct kv_machine *machine, const struct wire_command *command,
                            struct wire_answer *ret)
{
    const kv_group_id owner = kv_machine_owner(machine, command);
    if (kv_group_equal(owner, machine->group)) {
        return true;
    }
    kv_machine_answer_begin(ret, WIRE_VERDICT_STALE);
    ret->hint = owner.value;
    return false;
}

static void kv_machine_read(void *state, const struct machine_context *context,
                            const struct wire_command *command, struct wire_answer *ret)
{
    const struct kv_machine *machine = state;
    (void)context;
    kv_machine_answer_begin(ret, WIRE_VERDICT_OK);
    switch (command->op) {
    case WIRE_OP_GET:
        if (kv_machine_owns(machine, command, ret)) {
            kv_read_get(machine, command, ret);
        }
        break;
    case WIRE_OP_MGET:
        if (kv_machine_owns(machine, command, ret)) {
            kv_read_mget(machine, command, ret);
        }
        break;
    case WIRE_OP_SCAN:
        kv_read_scan(machine, command, ret);
        break;
    case WIRE_OP_PUT:
    case WIRE_OP_PUT_IF_ABSENT:
    case WIRE_OP_DELETE:
    case WIRE_OP_CAS:
    case WIRE_OP_INCR:
    case WIRE_OP_APPEND:
    case WIRE_OP_MPUT:
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_SESSION_CLOSE:
    case WIRE_OP_MAP:
    case WIRE_OP_TXN:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
    case WIRE_OP_WHERE:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
        kv_machine_answer_begin(ret, WIRE_VERDICT_UNSUPPORTED);
        break;
    }
}

/* The keys of a write live here. */
static void kv_machine_write(struct kv_machine *machine, const struct wire_command *command,
                             kv_timestamp version, struct wire_answer *ret)
{
    switch (command->op) {
    case WIRE_OP_PUT:
    case WIRE_OP_MPUT:
        kv_write_put(machine, command, version, ret);
        break;
    case WIRE_OP_PUT_IF_ABSENT:
        kv_write_put_if_absent(machine, command, version, ret);
        break;
    case WIRE_OP_DELETE:
        kv_write_delete(machine, command, ret);
        break;
    case WIRE_OP_CAS:
        kv_write_cas(machine, command, version, ret);
        break;
    case WIRE_OP_INCR:
        kv_write_incr(machine, command, version, ret);
        break;
    case WIRE_OP_APPEND:
        kv_write_append(machine, command, version, ret);
        break;
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
    case WIRE_OP_SCAN:
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_SESSION_CLOSE:
    case WIRE_OP_MAP:
    case WIRE_OP_TXN:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
    case WIRE_OP_WHERE:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
        KV_UNREACHABLE();
    }
}

static void kv_machine_execute(void *state, const struct machine_context *context,
                               const struct wire_command *command, struct wire_answer *ret)
{
    struct kv_machine *machine = state;
    switch (command->op) {
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
    case WIRE_OP_SCAN:
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_SESSION_CLOSE:
    case WIRE_OP_MAP:
    case WIRE_OP_TXN:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
    case WIRE_OP_WHERE:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
        kv_machine_read(state, context, command, ret);
        break;
    case WIRE_OP_PUT:
    case WIRE_OP_PUT_IF_ABSENT:
    case WIRE_OP_DELETE:
    case WIRE_OP_CAS:
    case WIRE_OP_INCR:
    case WIRE_OP_APPEND:
    case WIRE_OP_MPUT:
        kv_machine_answer_begin(ret, WIRE_VERDICT_OK);
        if (kv_machine_owns(machine, command, ret)) {
            kv_machine_write(machine, command, context->timestamp, ret);
        }
        break;
    }
}

static uint64_t kv_machine_digest(const void *state)
{
    const struct kv_machine *machine = state;
    return kv_map_digest(machine->map);
}

static uint64_t kv_machine_keys(const void *state)
{
    const struct kv_machine *machine = state;
    return kv_map_count(machine->map);
}

static void kv_machine_save(const void *state, struct kv_buffer *ret)
{
    kv_save(state, ret);
}

static enum status kv_machine_load(void *state, kv_slice bytes)
{
    struct kv_machine *machine = state;
    kv_map_clear(machine->map);
    if (!kv_load(machine, bytes)) {
        kv_map_clear(machine->map);
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void kv_machine_destroy(void *state)
{
    struct kv_machine *machine = state;
    kv_map_destroy(&machine->map);
    kv_buffer_close(&machine->scratch);
    kv_free(machine);
}

static const struct machine_ops kv_machine_ops = {
    .execute = kv_machine_execute,
    .read = kv_machine_read,
    .digest = kv_machine_digest,
    .keys = kv_machine_keys,
    .save = kv_machine_save,
    .load = kv_machine_load,
    .destroy = kv_machine_destroy,
};

struct machine kv_machine_new(kv_group_id group, uint32_t partitions)
{
    KV_ASSERT(partitions >= 1 && partitions < KV_GROUPS_MAX);
    KV_ASSERT(group.value >= 1 && group.value <= partitions);
    struct kv_machine *machine = kv_alloc(sizeof(*machine));
    *machine = (struct kv_machine){
        .map = kv_map_new(),
        .group = group,
        .partitions = partitions,
    };
    return (struct machine){.ops = &kv_machine_ops, .state = machine};
}
