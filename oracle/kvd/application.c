/* SPDX-License-Identifier: Apache-2.0 */
/* application: where the driver (bytes, messages) meets the engine (commands, sessions).
 *
 * A request's body is checked here, before it is ordered: what is in a log can be executed. */
#include "oracle/kvd/application.h"

#include "multicast/base/assert.h"
#include "multicast/wire/command.h"
#include "oracle/oracle_machine.h"
#include "partition/engine/engine.h"
#include "partition/kv/kv_machine.h"

struct application {
    struct engine *engine;
    struct wire_command command; /* scratch for the check of a body */
};

static struct node_answer answer_of(const struct engine_reply *reply)
{
    return (struct node_answer){.id = reply->id,
                                .timestamp = reply->timestamp,
                                .index = reply->index,
                                .body = reply->answer};
}

static enum node_admission application_admit(void *state, const struct wire_request *request,
                                             struct node_answer *ret)
{
    struct application *application = state;
    if (wire_command_decode(request->body, &application->command) != STATUS_OK) {
        return NODE_MALFORMED;
    }
    if (kv_group_set_count(request->destinations) != 1) {
        return NODE_MALFORMED; /* commands over several partitions need votes, which this engine does not exchange yet */
    }
    bool opens_session = application->command.op == WIRE_OP_SESSION_OPEN;
    if (kv_session_is_none(request->id.session) != opens_session) {
        return NODE_MALFORMED; /* only the opening of a session has none */
    }
    struct engine_reply reply;
    switch (engine_admit(application->engine, request->id, request->floor, &reply)) {
    case ENGINE_ADMIT:
        return NODE_ADMIT;
    case ENGINE_RECORDED:
        *ret = answer_of(&reply);
        return NODE_RECORDED;
    case ENGINE_REFUSED:
        return NODE_REFUSED;
    case ENGINE_SESSION_UNKNOWN:
        return NODE_SESSION_UNKNOWN;
    case ENGINE_SESSION_FULL:
        return NODE_SESSION_FULL;
    }
    KV_UNREACHABLE();
}

static void application_deliver(void *state, const struct wire_entry *entry, kv_timestamp timestamp,
                                struct node_answer *ret)
{
    struct application *application = state;
    struct engine_reply reply;
    engine_deliver(application->engine, entry, timestamp, &reply);
    *ret = answer_of(&reply);
}

static bool application_read(void *state, kv_slice body, kv_timestamp cursor, kv_slice *ret)
{
    struct application *application = state;
    if (wire_command_decode(body, &application->command) != STATUS_OK ||
        !wire_op_is_read_only(application->command.op)) {
        return false;
    }
    *ret = engine_read(application->engine, body, cursor);
    return true;
}

static struct node_application_status application_status(const void *state)
{
    const struct application *application = state;
    return (struct node_application_status){
        .digest = engine_digest(application->engine),
        .keys = engine_keys(application->engine),
        .sessions = engine_sessions(application->engine),
    };
}

static void application_destroy(void *state)
{
    struct application *application = state;
    engine_destroy(&application->engine);
    kv_free(application);
}

static const struct node_application_ops application_ops = {
    .admit = application_admit,
    .deliver = application_deliver,
    .read = application_read,
    .status = application_status,
    .destroy = application_destroy,
};

struct node_application application_new(kv_group_id group, void *context)
{
    const struct node_config *config = context;
    struct application *application = kv_alloc(sizeof *application);
    bool is_oracle = kv_group_equal(group, KV_GROUP_ORACLE);
    struct machine machine = is_oracle ? oracle_machine_new(config->partitions, 0)
                                       : kv_machine_new(group, config->partitions);
    application->engine = engine_new(group, machine, 0);
    return (struct node_application){.ops = &application_ops, .state = application};
}
