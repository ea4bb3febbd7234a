/* SPDX-License-Identifier: Apache-2.0 */
/* engine_execute: bytes of a command -> its run on the machine -> bytes of the answer.
 *
 * A body that cannot be decoded has been ordered all the same (admission is not this core's), so it
 * has an answer like any other: UNSUPPORTED, at every member. */
#include "partition/engine/engine_internal.h"

/* Rows are not cleared: there are none beyond row_count. */
static struct wire_answer *engine_answer_begin(struct engine *engine)
{
    struct wire_answer *answer = &engine->answer;
    wire_answer_begin(answer, WIRE_VERDICT_UNSUPPORTED);
    return answer;
}

static void engine_answer_encode(struct engine *engine)
{
    KV_ASSERT(engine->answer.row_count <= KV_COMMAND_KEYS_MAX);
    kv_buffer_clear(&engine->answer_bytes);
    wire_answer_encode(&engine->answer, &engine->answer_bytes);
    KV_ASSERT(engine->answer_bytes.size > 0);
    KV_ASSERT(engine->answer_bytes.size <= KV_BODY_BYTES_MAX);
}

void engine_answer_verdict(struct engine *engine, enum wire_verdict verdict)
{
    engine_answer_begin(engine)->verdict = verdict;
    engine_answer_encode(engine);
}

/* Only a registration comes without a session, and only without one: it is what the oracle
 * recognises by its nonce. */
static enum wire_verdict engine_session_verdict(enum wire_op op,
                                                const struct machine_context *context)
{
    const bool registers = op == WIRE_OP_SESSION_OPEN;
    if (registers == kv_session_is_none(context->id.session)) {
        return WIRE_VERDICT_OK;
    }
    return registers ? WIRE_VERDICT_UNSUPPORTED : WIRE_VERDICT_SESSION_UNKNOWN;
}

enum wire_verdict engine_execute(struct engine *engine, kv_slice body,
                                 const struct machine_context *context)
{
    struct wire_answer *answer = engine_answer_begin(engine);
    if (wire_command_decode(body, &engine->command) == STATUS_OK) {
        answer->verdict = engine_session_verdict(engine->command.op, context);
        if (answer->verdict == WIRE_VERDICT_OK) {
            engine->machine.ops->execute(engine->machine.state, context, &engine->command, answer);
        }
    }
    engine_answer_encode(engine);
    return answer->verdict;
}

kv_slice engine_read(struct engine *engine, kv_slice bytes, kv_timestamp cursor)
{
    struct wire_answer *answer = engine_answer_begin(engine);
    const struct machine_context context = {.group = engine->group, .timestamp = cursor};
    if (wire_command_decode(bytes, &engine->command) == STATUS_OK &&
        wire_op_is_read_only(engine->command.op)) {
        engine->machine.ops->read(engine->machine.state, &context, &engine->command, answer);
    }
    engine_answer_encode(engine);
    return kv_buffer_slice(&engine->answer_bytes);
}
