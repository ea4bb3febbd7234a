/* SPDX-License-Identifier: Apache-2.0 */
/* kv_machine: the slots of machine.h. */
#include "partition/kv/kv_internal.h"

/* A read that is not ordered touches this partition only, whatever else it could mean. */
static bool opens_read(struct kv_machine *machine, struct machine_footprint *ret)
{
    const struct wire_command *command = &machine->command;
    if (command->op == WIRE_OP_SCAN) {
        ret->count = 0;
        ret->cuts = false;
        ret->everything = true;
        return true;
    }
    if (!wire_op_is_access(command->op) || command->exec || command->owner_count > 0 ||
        command->policy != WIRE_POLICY_EXCHANGE) {
        return false;
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        if (wire_command_use(command, i) != WIRE_USE_READ) {
            return false;
        }
    }
    placement_footprint(command, &machine->context, machine->partitions, ret);
    return true;
}

static bool kv_machine_open(void *state, const struct machine_context *context, kv_slice body,
                            struct machine_footprint *ret)
{
    struct kv_machine *machine = state;
    const struct wire_command *command = &machine->command;
    machine->context = *context;
    machine->stale = false;
    machine->executed = false;
    if (wire_command_decode(body, &machine->command) != STATUS_OK) {
        return false;
    }
    if (context->read) {
        return opens_read(machine, ret);
    }
    const bool ticks = command->op == WIRE_OP_TICK;
    const bool own = ticks || command->op == WIRE_OP_EXPIRE || command->op == WIRE_OP_REVOKE ||
                     command->op == WIRE_OP_SESSION_END;
    if (kv_session_is_none(context->id.session) != ticks ||
        kv_message_id_is_own(context->id) != own) {
        return false; /* a registration goes to the oracle; and nobody else says so */
    }
    if (command->exec ||
        !wire_command_fits(command, context->destinations, kv_message_id_is_execution(context->id),
                           machine->partitions)) {
        return false;
    }
    placement_footprint(command, context, machine->partitions, ret);
    kv_lives_open(machine, ret);
    return true;
}

static enum wire_verdict kv_machine_vote(void *state)
{
    struct kv_machine *machine = state;
    const enum wire_op op = machine->command.op;
    return op == WIRE_OP_MARK || op == WIRE_OP_SESSION_CLOSE ? WIRE_VERDICT_OK : kv_vote(machine);
}

static void kv_machine_payload(void *state, kv_group_id to, struct kv_buffer *ret)
{
    struct kv_machine *machine = state;
    const bool executes = machine->command.policy == WIRE_POLICY_BORROW &&
                          kv_group_equal(machine->command.target, machine->group) &&
                          !kv_group_equal(to, machine->group);
    if (executes) {
        kv_execute_report(machine, to, ret);
    } else {
        kv_vote_payload(machine, to, ret);
    }
}

static enum machine_outcome kv_machine_execute(void *state, const struct machine_vote *votes,
                                               uint32_t count, struct wire_answer *ret)
{
    struct kv_machine *machine = state;
    const enum wire_op op = machine->command.op;
    if (op == WIRE_OP_MARK || op == WIRE_OP_SESSION_CLOSE) {
        ret->verdict = count > 0 ? votes[0].verdict : WIRE_VERDICT_OK; /* a NO is its own */
    } else if (op == WIRE_OP_EXPIRE && kv_group_set_count(machine->context.destinations) == 1 &&
               count > 0) {
        ret->verdict = votes[0].verdict; /* somebody has it locked */
        kv_expires_done(machine);
    } else if (op == WIRE_OP_TICK) {
        ret->verdict = WIRE_VERDICT_OK; /* time has passed at its delivery */
    } else if (kv_group_set_count(machine->context.destinations) == 1) {
        kv_branch_reset(machine);
        kv_alone_execute(machine, ret);
    } else {
        kv_execute(machine, votes, count, ret);
    }
    return MACHINE_DONE;
}

static bool kv_machine_read(void *state, struct wire_answer *ret)
{
    return kv_read(state, ret);
}

static uint64_t kv_machine_digest(const void *state)
{
    const struct kv_machine *machine = state;
    /* An odd factor: a stub and a row with the same hash must not look alike. */
    return store_digest(machine->rows) +
           store_digest(machine->stubs) * UINT64_C(0x9e3779b97f4a7c15) +
           store_digest(machine->bonds.of_keys) * UINT64_C(0xd6e8feb86659fd93) +
           store_digest(machine->bonds.ends) * UINT64_C(0xa0761d6478bd642f);
}

static uint64_t kv_machine_keys(const void *state)
{
    const struct kv_machine *machine = state;
    return store_count(machine->rows);
}

static uint32_t kv_machine_stores(void *state, struct machine_store ret[MACHINE_STORES_MAX])
{
    const struct kv_machine *machine = state;
    ret[0] = (struct machine_store){.name = "rows", .store = machine->rows};
    ret[1] = (struct machine_store){.name = "stubs", .store = machine->stubs};
    ret[2] = (struct machine_store){.name = "bonds", .store = machine->bonds.of_keys};
    ret[3] = (struct machine_store){.name = "ends", .store = machine->bonds.ends};
    return 4;
}

bool kv_is_damaged(const struct kv_machine *machine)
{
    return store_status(machine->rows) != STATUS_OK || store_status(machine->stubs) != STATUS_OK ||
           store_status(machine->bonds.of_keys) != STATUS_OK ||
           store_status(machine->bonds.ends) != STATUS_OK;
}

static void kv_machine_save(const void *state, bool rows, struct kv_buffer *ret)
{
    kv_save(state, rows, ret);
}

static void kv_machine_clear(struct kv_machine *machine)
{
    store_clear(machine->rows, /* base */ NULL);
    store_clear(machine->stubs, /* base */ NULL);
    store_clear(machine->bonds.of_keys, /* base */ NULL);
    store_clear(machine->bonds.ends, /* base */ NULL);
    kv_expires_clear(&machine->expires);
    kv_moved_clear(&machine->moved);
    kv_changes_clear(&machine->changes);
}

static enum status kv_machine_load(void *state, kv_slice bytes, const struct store_base *bases)
{
    struct kv_machine *machine = state;
    kv_machine_clear(machine);
    if (!kv_load(machine, bytes, bases)) {
        kv_machine_clear(machine);
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void kv_machine_changes(const void *state, const struct machine_watch *watch,
                               struct kv_buffer *ret_bytes, struct machine_changes *ret)
{
    const struct kv_machine *machine = state;
    kv_changes_read(&machine->changes, watch, ret_bytes, ret);
}

static void kv_machine_renew(void *state)
{
    struct kv_machine *machine = state;
    kv_sessions_end_all(&machine->bonds);
    kv_expires_clear(&machine->expires);
}

static bool kv_machine_dispatch(void *state, const struct machine_moment *now, uint64_t after,
                                struct machine_dispatch *ret)
{
    return kv_expires_next(state, now, after, ret);
}

static bool kv_machine_tick(void *state, uint64_t us, kv_timestamp since,
                            struct machine_dispatch *ret)
{
    struct kv_machine *machine = state;
    if (us == 0 || !kv_expires_wait(&machine->expires)) {
        return us == 0 && kv_expires_wait(&machine->expires);
    }
    struct wire_command *tick = &machine->dispatch;
    wire_command_begin(tick, WIRE_OP_TICK);
    tick->number = (int64_t)us;
    tick->token = since;
    kv_buffer_clear(&machine->ticked);
    wire_command_encode(tick, &machine->ticked);
    *ret = (struct machine_dispatch){.destinations = kv_group_set_of(machine->group),
                                     .body = kv_buffer_slice(&machine->ticked)};
    return true;
}

static void kv_machine_destroy(void *state)
{
    struct kv_machine *machine = state;
    kv_machine_clear(machine);
    store_destroy(&machine->rows);
    store_destroy(&machine->stubs);
    store_destroy(&machine->bonds.of_keys);
    store_destroy(&machine->bonds.ends);
    kv_expires_close(&machine->expires);
    kv_buffer_close(&machine->ticked);
    kv_arena_close(&machine->arena);
    kv_free(machine);
}

static const struct machine_ops kv_machine_ops = {
    .open = kv_machine_open,
    .vote = kv_machine_vote,
    .payload = kv_machine_payload,
    .execute = kv_machine_execute,
    .read = kv_machine_read,
    .dispatch = kv_machine_dispatch,
    .tick = kv_machine_tick,
    .digest = kv_machine_digest,
    .keys = kv_machine_keys,
    .stores = kv_machine_stores,
    .save = kv_machine_save,
    .load = kv_machine_load,
    .changes = kv_machine_changes,
    .renew = kv_machine_renew,
    .destroy = kv_machine_destroy,
};

struct machine kv_machine_new(kv_group_id group, uint32_t partitions)
{
    KV_ASSERT(partitions >= 1 && partitions < KV_GROUPS_MAX);
    KV_ASSERT(group.value >= 1 && group.value <= partitions);
    struct kv_machine *machine = kv_alloc_zero(1, sizeof(*machine));
    machine->rows = store_new();
    machine->stubs = store_new();
    machine->bonds = (struct kv_bonds){.of_keys = store_new(), .ends = store_new()};
    kv_expires_clear(&machine->expires);
    machine->group = group;
    machine->partitions = partitions;
    return (struct machine){.ops = &kv_machine_ops, .state = machine};
}
