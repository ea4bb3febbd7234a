/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_machine: the slots of machine.h, and SESSION_OPEN and SESSION_CLOSE.
 *
 * A registration has no session to be recorded in, so its exactly-once rule is here: while a
 * session is open, its nonce is known, and a resend of its registration gets the same id again. */
#include "oracle/oracle_internal.h"

static void oracle_machine_open_session(struct oracle_machine *machine, struct wire_answer *ret)
{
    const uint64_t nonce = machine->context.id.sequence;
    const struct oracle_session *known = oracle_session_by_nonce(&machine->sessions, nonce);
    if (known != NULL) {
        ret->verdict = WIRE_VERDICT_EXISTS;
        ret->number = (int64_t)known->id.clock;
        ret->hint = (uint32_t)known->id.group;
        return;
    }
    const kv_session_id id = {machine->context.timestamp};
    KV_ASSERT(oracle_session_by_id(&machine->sessions, id) ==
              NULL); /* final timestamps are unique */
    oracle_session_open(&machine->sessions, id, nonce);
}

static void oracle_machine_close_session(struct oracle_machine *machine, struct wire_answer *ret)
{
    const kv_session_id id = wire_command_has_token(&machine->command)
                                 ? (kv_session_id){machine->command.token}
                                 : machine->context.id.session;
    struct oracle_session *session = oracle_session_by_id(&machine->sessions, id);
    if (session == NULL) {
        ret->verdict = wire_command_has_token(&machine->command) ? WIRE_VERDICT_SESSION_ENDED
                                                                 : WIRE_VERDICT_SESSION_UNKNOWN;
        return;
    }
    oracle_session_close(&machine->sessions, session);
}

static bool is_question(enum wire_op op)
{
    return op == WIRE_OP_MAP || op == WIRE_OP_WHERE || op == WIRE_OP_PARTITIONS ||
           op == WIRE_OP_HISTORY || op == WIRE_OP_LOCKS || op == WIRE_OP_SESSIONS;
}

/* Commands about a lock or a session: they stand in the line of its token. */
static bool is_about_lease(enum wire_op op)
{
    return wire_op_is_lock(op) || wire_op_is_session(op) || op == WIRE_OP_UNLOCK ||
           op == WIRE_OP_KEEPALIVE;
}

/* What an EXEC or a WHERE touches: all of its keys. */
static void take_all_keys(const struct wire_command *command, bool write,
                          struct machine_footprint *ret)
{
    *ret = (struct machine_footprint){.answers = true};
    ret->count = command->key_count;
    for (uint32_t i = 0; i < command->key_count; i++) {
        ret->variables[i] = (struct machine_variable){.key = command->keys[i], .write = write};
    }
}

static bool oracle_machine_open(void *state, const struct machine_context *context, kv_slice body,
                                struct machine_footprint *ret)
{
    struct oracle_machine *machine = state;
    const struct wire_command *command = &machine->command;
    machine->context = *context;
    machine->body = body;
    if (!context->read && kv_timestamp_compare(context->timestamp, machine->leases.seen) > 0) {
        machine->leases.seen = context->timestamp;
    }
    if (wire_command_decode(body, &machine->command) != STATUS_OK) {
        return false;
    }
    if (context->read) {
        take_all_keys(command, false, ret);
        ret->everything = wire_op_reads_everything(command->op);
        return is_question(command->op);
    }
    if (!wire_command_fits(command, context->destinations, kv_message_id_is_execution(context->id),
                           machine->partitions) ||
        (command->exec && !oracle_exec_fits(command, body))) {
        return false;
    }
    const bool own = command->op == WIRE_OP_TICK || command->op == WIRE_OP_REVOKE ||
                     command->op == WIRE_OP_SESSION_END || command->op == WIRE_OP_EXPIRE;
    if (own != kv_message_id_is_own(context->id)) {
        return false; /* nobody else says so */
    }
    const bool registers = command->op == WIRE_OP_SESSION_OPEN || command->op == WIRE_OP_TICK;
    if (registers != kv_session_is_none(context->id.session)) {
        return false; /* only a registration comes without a session */
    }
    if (kv_group_set_count(context->destinations) > 1) {
        placement_footprint(command, context, machine->partitions, ret);
    } else {
        take_all_keys(command, command->exec, ret);
    }
    if (is_about_lease(command->op) ? !command->exec : wire_command_is_inside(command)) {
        oracle_lease_footprint(machine, ret);
    }
    if (command->op == WIRE_OP_TICK) {
        ret->passes_us = (uint64_t)command->number;
        ret->since = command->token;
    }
    return true;
}

static bool oracle_machine_full(const void *state)
{
    return oracle_exec_is_full(state) || oracle_lease_is_full(state);
}

static enum wire_verdict oracle_machine_vote(void *state)
{
    return oracle_vote(state);
}

static void oracle_machine_payload(void *state, kv_group_id to, struct kv_buffer *ret)
{
    (void)to; /* all are told the same */
    oracle_payload(state, ret);
}

static enum machine_outcome oracle_machine_execute(void *state, const struct machine_vote *votes,
                                                   uint32_t count, struct wire_answer *ret)
{
    struct oracle_machine *machine = state;
    if (machine->command.op == WIRE_OP_MARK) {
        ret->verdict = count > 0 ? votes[0].verdict : WIRE_VERDICT_OK; /* a NO is its own */
        return MACHINE_DONE;
    }
    if (machine->command.op == WIRE_OP_SESSION_CLOSE) {
        oracle_machine_close_session(machine, ret);
        return MACHINE_DONE;
    }
    if (kv_group_set_count(machine->context.destinations) > 1) {
        return oracle_execute_shared(machine, votes, count, ret);
    }
    if (machine->command.exec) {
        ret->verdict = oracle_exec_begin(machine);
        return ret->verdict == WIRE_VERDICT_OK ? MACHINE_PENDING : MACHINE_DONE;
    }
    if (machine->command.op == WIRE_OP_SESSION_OPEN) {
        oracle_machine_open_session(machine, ret);
    } else if (machine->command.op == WIRE_OP_UNLOCK || machine->command.op == WIRE_OP_KEEPALIVE ||
               machine->command.op == WIRE_OP_TICK) {
        oracle_lease_alone(machine, ret);
    } else {
        oracle_read(machine, ret);
    }
    return MACHINE_DONE;
}

static bool oracle_machine_read(void *state, struct wire_answer *ret)
{
    oracle_read(state, ret);
    return true;
}

static bool oracle_machine_dispatch(void *state, const struct machine_moment *now, uint64_t after,
                                    struct machine_dispatch *ret)
{
    (void)now; /* its leases have their own reckoning [T7] */
    return oracle_next_dispatch(state, after, ret);
}

static bool oracle_machine_tick(void *state, uint64_t us, kv_timestamp since,
                                struct machine_dispatch *ret)
{
    return oracle_lease_tick(state, us, since, ret);
}

static uint64_t oracle_machine_digest(const void *state)
{
    const struct oracle_machine *machine = state;
    const uint64_t parts[] = {machine->sessions.digest, machine->partitions,
                              ORACLE_MAP_VERSION,       store_digest(machine->places.placed),
                              machine->pins.digest,     machine->leases.digest,
                              machine->leases.now};
    return oracle_hash(parts, sizeof(parts));
}

static uint64_t oracle_machine_keys(const void *state)
{
    const struct oracle_machine *machine = state;
    return store_count(machine->places.placed);
}

static uint32_t oracle_machine_stores(void *state, struct machine_store ret[MACHINE_STORES_MAX])
{
    const struct oracle_machine *machine = state;
    ret[0] = (struct machine_store){.name = "placed", .store = machine->places.placed};
    return 1;
}

static void oracle_machine_save(const void *state, bool rows, struct kv_buffer *ret)
{
    oracle_save(state, rows, ret);
}

static void oracle_machine_clear(struct oracle_machine *machine)
{
    oracle_sessions_clear(&machine->sessions);
    oracle_pins_clear(&machine->pins);
    oracle_leases_clear(&machine->leases);
    oracle_places_clear(&machine->places);
}

static enum status oracle_machine_load(void *state, kv_slice bytes, const struct store_base *bases)
{
    struct oracle_machine *machine = state;
    oracle_machine_clear(machine);
    if (!oracle_load(machine, bytes, bases)) {
        oracle_machine_clear(machine);
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void oracle_machine_renew(void *state)
{
    struct oracle_machine *machine = state;
    oracle_sessions_clear(&machine->sessions);
    oracle_pins_clear(&machine->pins);
    oracle_leases_clear(&machine->leases);
}

static void oracle_machine_destroy(void *state)
{
    struct oracle_machine *machine = state;
    oracle_machine_clear(machine);
    oracle_places_close(&machine->places);
    oracle_leases_close(&machine->leases);
    kv_free(machine);
}

static const struct machine_ops oracle_machine_ops = {
    .open = oracle_machine_open,
    .full = oracle_machine_full,
    .vote = oracle_machine_vote,
    .payload = oracle_machine_payload,
    .execute = oracle_machine_execute,
    .read = oracle_machine_read,
    .dispatch = oracle_machine_dispatch,
    .tick = oracle_machine_tick,
    .digest = oracle_machine_digest,
    .keys = oracle_machine_keys,
    .stores = oracle_machine_stores,
    .save = oracle_machine_save,
    .load = oracle_machine_load,
    .renew = oracle_machine_renew,
    .destroy = oracle_machine_destroy,
};

struct machine oracle_machine_new(uint32_t partitions, uint32_t sessions_max)
{
    KV_ASSERT(partitions >= 1 && partitions < KV_GROUPS_MAX);
    struct oracle_machine *machine = kv_alloc_zero(1, sizeof(*machine));
    machine->partitions = partitions;
    machine->sessions.max = sessions_max == 0 ? KV_SESSIONS_MAX : sessions_max;
    oracle_places_init(&machine->places);
    oracle_pins_init(&machine->pins);
    oracle_leases_init(&machine->leases);
    return (struct machine){.ops = &oracle_machine_ops, .state = machine};
}

uint64_t oracle_machine_alarms(const struct machine *machine)
{
    KV_ASSERT(machine->ops == &oracle_machine_ops);
    const struct oracle_machine *oracle = machine->state;
    return oracle->pins.alarms;
}

uint32_t oracle_machine_pending(const struct machine *machine)
{
    return HASH_COUNT(((const struct oracle_machine *)machine->state)->pins.by_id);
}

uint32_t oracle_machine_sessions(const struct machine *machine)
{
    return ((const struct oracle_machine *)machine->state)->sessions.count;
}
