/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_machine: SESSION_OPEN, SESSION_CLOSE and MAP.
 *
 * A registration has no session to be recorded in, so its exactly-once rule is here: while a
 * session is open, its nonce is known, and a resend of its registration gets the same id again. */
#include "oracle/oracle_internal.h"

static void oracle_machine_open(struct oracle_machine *machine,
                                const struct machine_context *context, struct wire_answer *ret)
{
    const uint64_t nonce = context->id.sequence;
    const struct oracle_session *known = oracle_session_by_nonce(&machine->sessions, nonce);
    if (known != NULL) {
        ret->verdict = WIRE_VERDICT_EXISTS;
        ret->number = (int64_t)known->id.clock;
        ret->hint = (uint32_t)known->id.group;
        return;
    }
    const kv_session_id id = {context->timestamp};
    KV_ASSERT(oracle_session_by_id(&machine->sessions, id) ==
              NULL); /* final timestamps are unique */
    oracle_session_open(&machine->sessions, id, nonce);
}

static void oracle_machine_close(struct oracle_machine *machine,
                                 const struct machine_context *context, struct wire_answer *ret)
{
    struct oracle_session *session = oracle_session_by_id(&machine->sessions, context->id.session);
    if (session == NULL) {
        ret->verdict = WIRE_VERDICT_SESSION_UNKNOWN;
        return;
    }
    oracle_session_close(&machine->sessions, session);
}

static void oracle_machine_answer_begin(struct wire_answer *ret, enum wire_verdict verdict)
{
    wire_answer_begin(ret, verdict);
}

static void oracle_machine_map(const struct oracle_machine *machine, struct wire_answer *ret)
{
    ret->number = ORACLE_MAP_VERSION;
    ret->hint = machine->partitions;
}

static void oracle_machine_execute(void *state, const struct machine_context *context,
                                   const struct wire_command *command, struct wire_answer *ret)
{
    struct oracle_machine *machine = state;
    oracle_machine_answer_begin(ret, WIRE_VERDICT_OK);
    switch (command->op) {
    case WIRE_OP_SESSION_OPEN:
        oracle_machine_open(machine, context, ret);
        break;
    case WIRE_OP_SESSION_CLOSE:
        oracle_machine_close(machine, context, ret);
        break;
    case WIRE_OP_MAP:
        oracle_machine_map(machine, ret);
        break;
    case WIRE_OP_GET:
    case WIRE_OP_PUT:
    case WIRE_OP_PUT_IF_ABSENT:
    case WIRE_OP_DELETE:
    case WIRE_OP_CAS:
    case WIRE_OP_INCR:
    case WIRE_OP_APPEND:
    case WIRE_OP_MGET:
    case WIRE_OP_MPUT:
    case WIRE_OP_SCAN:
    case WIRE_OP_TXN:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
    case WIRE_OP_WHERE:
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_HISTORY:
        oracle_machine_answer_begin(ret, WIRE_VERDICT_UNSUPPORTED);
        break;
    }
}

static void oracle_machine_read(void *state, const struct machine_context *context,
                                const struct wire_command *command, struct wire_answer *ret)
{
    const struct oracle_machine *machine = state;
    (void)context;
    oracle_machine_answer_begin(ret, WIRE_VERDICT_OK);
    if (command->op == WIRE_OP_MAP) {
        oracle_machine_map(machine, ret);
    } else {
        oracle_machine_answer_begin(ret, WIRE_VERDICT_UNSUPPORTED);
    }
}

static uint64_t oracle_machine_digest(const void *state)
{
    const struct oracle_machine *machine = state;
    const uint64_t parts[] = {machine->sessions.digest, machine->partitions, ORACLE_MAP_VERSION};
    return oracle_hash(parts, sizeof(parts));
}

static uint64_t oracle_machine_keys(const void *state)
{
    const struct oracle_machine *machine = state;
    return machine->sessions.count;
}

static void oracle_machine_save(const void *state, struct kv_buffer *ret)
{
    oracle_save(state, ret);
}

static enum status oracle_machine_load(void *state, kv_slice bytes)
{
    struct oracle_machine *machine = state;
    oracle_sessions_clear(&machine->sessions);
    if (!oracle_load(machine, bytes)) {
        oracle_sessions_clear(&machine->sessions);
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

static void oracle_machine_destroy(void *state)
{
    struct oracle_machine *machine = state;
    oracle_sessions_clear(&machine->sessions);
    kv_free(machine);
}

static const struct machine_ops oracle_machine_ops = {
    .execute = oracle_machine_execute,
    .read = oracle_machine_read,
    .digest = oracle_machine_digest,
    .keys = oracle_machine_keys,
    .save = oracle_machine_save,
    .load = oracle_machine_load,
    .destroy = oracle_machine_destroy,
};

struct machine oracle_machine_new(uint32_t partitions, uint32_t sessions_max)
{
    KV_ASSERT(partitions >= 1 && partitions < KV_GROUPS_MAX);
    struct oracle_machine *machine = kv_alloc(sizeof(*machine));
    *machine = (struct oracle_machine){
        .partitions = partitions,
        .sessions = {.max = sessions_max == 0 ? KV_SESSIONS_MAX : sessions_max},
    };
    return (struct machine){.ops = &oracle_machine_ops, .state = machine};
}
