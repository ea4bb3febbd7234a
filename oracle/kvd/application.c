/* SPDX-License-Identifier: Apache-2.0 */
/* application: where the driver (bytes, messages) meets the engine (commands, sessions).
 *
 * 1. A request's body is checked here, before it is ordered: what is in a log can be executed.
 * 2. A message that has the oracle among its destinations is taken at the oracle only (docs/decisions/0006-oracle-first.md).
 * 3. What a step of the engine asks for is carried out before the next one. */
#include "oracle/kvd/application.h"

#include "multicast/base/assert.h"
#include "multicast/wire/command.h"
#include "multicast/wire/codec.h"
#include "oracle/kvd/state.h"
#include "oracle/oracle_machine.h"
#include "partition/engine/engine.h"
#include "partition/kv/kv_machine.h"

struct application {
    kv_group_id group;
    struct engine *engine;
    struct engine_effects effects;
    struct state *checkpoints;
    enum status health;          /* OK, or the damage on disk that was met */
    struct kv_buffer remote;     /* scratch for the body of a REMOTE entry */
    struct wire_command command; /* scratch for the check of a body */
};

static struct node_answer answer_of(const struct engine_reply *reply)
{
    return (struct node_answer){.id = reply->id,
                                .timestamp = reply->timestamp,
                                .index = reply->index,
                                .body = reply->answer};
}

static bool is_well_formed(struct application *application, const struct wire_request *request)
{
    const bool oracles = kv_group_set_has(request->destinations, KV_GROUP_ORACLE);
    if (oracles && !kv_group_equal(application->group, KV_GROUP_ORACLE)) {
        return false;
    }
    return request->id.attempt < KV_ATTEMPT_MAX &&
           engine_fits(application->engine, request->body, request->id, request->destinations);
}

static enum node_admission application_admit(void *state, const struct wire_request *request,
                                             struct node_answer *ret)
{
    struct application *application = state;
    struct engine_reply reply;
    if (!is_well_formed(application, request)) {
        return NODE_MALFORMED;
    }
    switch (engine_admit(application->engine, request->id, request->floor, &reply)) {
    case ENGINE_ADMIT:
        return NODE_ADMIT;
    case ENGINE_RECORDED:
        *ret = answer_of(&reply);
        return NODE_RECORDED;
    case ENGINE_RUNNING:
        return NODE_RUNNING;
    case ENGINE_ELSEWHERE:
        return NODE_ELSEWHERE;
    case ENGINE_REFUSED:
        return NODE_REFUSED;
    case ENGINE_SESSION_UNKNOWN:
        return NODE_SESSION_UNKNOWN;
    case ENGINE_SESSION_FULL:
        return NODE_SESSION_FULL;
    case ENGINE_BUSY:
        return NODE_BUSY;
    }
    KV_UNREACHABLE();
}

static void carry_out(struct application *application, const struct node_port *port)
{
    const struct engine_effects *effects = &application->effects;
    for (uint32_t i = 0; i < effects->reply_count; i++) {
        if (effects->replies[i].complete) {
            const struct node_answer answer = answer_of(&effects->replies[i]);
            node_port_answer(port, &answer);
        }
    }
    for (uint32_t i = 0; i < effects->read_count; i++) {
        node_port_answer_read(port, &(struct node_read_answer){
                                        .token = effects->reads[i].token,
                                        .timestamp = effects->reads[i].timestamp,
                                        .body = effects->reads[i].answer,
                                    });
    }
    for (uint32_t i = 0; i < effects->send_count; i++) {
        node_port_send(port, &effects->sends[i].message, effects->sends[i].everyone);
    }
    for (uint32_t i = 0; i < effects->job_count; i++) {
        const struct engine_job *job = &effects->jobs[i];
        node_port_work(port, &(struct node_work){.work = job->work,
                                                 .drop = job->drop,
                                                 .job = job->job,
                                                 .number = job->number,
                                                 .shard = job->shard});
    }
    for (uint32_t i = 0; i < effects->append_count; i++) {
        const struct engine_append *append = &effects->appends[i];
        engine_append_body(append, &application->remote);
        node_port_append(port, &(struct order_remote){
                                   .id = append->id,
                                   .source = append->source,
                                   .timestamp = append->timestamp,
                                   .body = kv_buffer_slice(&application->remote),
                               });
    }
    for (uint32_t i = 0; i < effects->submit_count; i++) {
        node_port_submit(port, &(struct order_submit){
                                   .id = effects->submits[i].id,
                                   .destinations = effects->submits[i].destinations,
                                   .floor = effects->submits[i].floor,
                                   .body = effects->submits[i].body,
                                   .by_application = !effects->submits[i].forwarded,
                               });
    }
}

/* Behind each call that may have read rows: what came of it is void otherwise. */
static bool is_sound(struct application *application)
{
    const enum status status = engine_status(application->engine);
    application->health = application->health == STATUS_OK ? status : application->health;
    return application->health == STATUS_OK;
}

/* Of a step that is void: nobody will do them. */
static void drop_jobs(const struct engine_effects *effects)
{
    for (uint32_t i = 0; i < effects->job_count; i++) {
        effects->jobs[i].drop(effects->jobs[i].job);
    }
}

static void step(struct application *application, const struct node_port *port,
                 struct engine_event event)
{
    event.now = port->now;
    event.leads = port->leads;
    event.jobs_max = ENGINE_JOBS_MAX; /* without workers, the node's thread does them */
    engine_step(application->engine, &event, &application->effects);
    if (is_sound(application)) {
        carry_out(application, port);
    } else {
        drop_jobs(&application->effects);
    }
}

static void application_deliver(void *state, const struct node_port *port, struct wire_entry *entry,
                                kv_timestamp timestamp, uint64_t position)
{
    step(state, port,
         (struct engine_event){.kind = ENGINE_EVENT_DELIVER,
                               .entry = entry,
                               .timestamp = timestamp,
                               .position = position});
}

static void application_remote(void *state, const struct node_port *port, struct wire_entry *entry)
{
    step(state, port, (struct engine_event){.kind = ENGINE_EVENT_REMOTE, .entry = entry});
}

static void application_message(void *state, const struct node_port *port,
                                const struct wire_message *message)
{
    step(state, port, (struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .message = message});
}

static void application_worked(void *state, const struct node_port *port, uint64_t number,
                               void *job)
{
    step(state, port,
         (struct engine_event){.kind = ENGINE_EVENT_WORKED, .token = number, .job = job});
}

static bool is_read(struct application *application, kv_slice body)
{
    return wire_command_decode(body, &application->command) == STATUS_OK &&
           (wire_op_is_read_only(application->command.op) ||
            application->command.op == WIRE_OP_TXN); /* perhaps: the engine looks at its steps */
}

static void application_read(void *state, const struct node_port *port, uint64_t token,
                             kv_slice body)
{
    struct application *application = state;
    if (is_read(application, body)) {
        step(application, port,
             (struct engine_event){.kind = ENGINE_EVENT_READ, .token = token, .body = body});
    } else {
        node_port_refuse_read(port, token);
    }
}

static void application_drop_read(void *state, uint64_t token)
{
    struct application *application = state;
    engine_drop_read(application->engine, token);
}

static bool application_stale_read(void *state, kv_slice body, struct node_read_answer *ret)
{
    struct application *application = state;
    if (!is_read(application, body)) {
        return false;
    }
    ret->timestamp = engine_cursor(application->engine);
    ret->body = engine_read(application->engine, body);
    return is_sound(application);
}

static bool application_changes(const void *state, uint64_t position,
                                const struct node_watching *watching, struct kv_buffer *ret_bytes,
                                struct node_changes *ret)
{
    const struct application *application = state;
    struct machine_watch watch = {
        .prefix = watching->prefix, .from = watching->from, .bytes_max = watching->bytes};
    struct machine_changes changes;
    if (application->health != STATUS_OK || engine_status(application->engine) != STATUS_OK ||
        !engine_changes(application->engine, position, &watch, ret_bytes, &changes)) {
        return false; /* what a damaged store was told is void */
    }
    *ret = (struct node_changes){
        .gap = changes.gap, .first = changes.first, .next = changes.next, .more = changes.more};
    return true;
}

static void application_tick(void *state, const struct node_port *port)
{
    step(state, port, (struct engine_event){.kind = ENGINE_EVENT_TICK});
}

static kv_instant application_deadline(const void *state)
{
    const struct application *application = state;
    return engine_deadline(application->engine);
}

static struct node_application_status application_status(const void *state)
{
    const struct application *application = state;
    return (struct node_application_status){
        .digest = engine_digest(application->engine),
        .keys = engine_keys(application->engine),
        .sessions = engine_sessions(application->engine),
        .waiting = engine_unfinished(application->engine),
    };
}

static enum status application_open(void *state, const char *directory, struct kv_buffer *ret_mark,
                                    struct node_error *error)
{
    return state_open(((struct application *)state)->checkpoints, directory, ret_mark, error);
}

static void application_freeze(void *state, kv_slice mark)
{
    state_freeze(((struct application *)state)->checkpoints, mark);
}

static enum status application_write(void *state)
{
    return state_write(((struct application *)state)->checkpoints);
}

static enum status application_thaw(void *state, bool written)
{
    return state_thaw(((struct application *)state)->checkpoints, written);
}

static enum status application_scrub(void *state)
{
    return state_scrub(((struct application *)state)->checkpoints);
}

static void application_sweep(void *state)
{
    state_sweep(((struct application *)state)->checkpoints);
}

static enum status application_dump(void *state, const char *path, uint64_t *ret_bytes,
                                    uint64_t *ret_digest)
{
    return state_dump(((struct application *)state)->checkpoints, path, ret_bytes, ret_digest);
}

static enum status application_prepare(void *state, const char *path, uint64_t offset,
                                       uint64_t digest)
{
    return state_prepare(
        ((struct application *)state)->checkpoints,
        &(struct state_image_source){
            .path = path, .offset = offset, .bytes = STATE_IMAGE_TO_THE_END, .digest = digest});
}

static enum status application_adopt(void *state, struct kv_buffer *ret_mark)
{
    return state_adopt(((struct application *)state)->checkpoints, ret_mark);
}

static struct node_order_mark application_marked(const void *state)
{
    const struct application *application = state;
    const struct engine_cut cut = engine_cut(application->engine);
    struct node_order_mark mark = {.state = NODE_MARK_NONE, .timestamp = cut.timestamp};
    switch (cut.state) {
    case ENGINE_CUT_NONE:
    case ENGINE_CUT_TAKEN:
        break;
    case ENGINE_CUT_WAITING:
        mark.state = NODE_MARK_WAITING;
        break;
    case ENGINE_CUT_REACHED:
        mark.state = NODE_MARK_REACHED;
        break;
    case ENGINE_CUT_MISSED:
        mark.state = NODE_MARK_MISSED;
        break;
    }
    return mark;
}

static void application_pass_mark(void *state, bool taken)
{
    struct application *application = state;
    engine_cut_end(application->engine, taken);
}

static enum status application_health(const void *state)
{
    return ((const struct application *)state)->health;
}

static void application_destroy(void *state)
{
    struct application *application = state;
    engine_destroy(&application->engine); /* its stores stand on what is closed next */
    state_close(&application->checkpoints);
    engine_effects_close(&application->effects);
    kv_buffer_close(&application->remote);
    kv_free(application);
}

static const struct node_application_ops application_ops = {
    .admit = application_admit,
    .deliver = application_deliver,
    .remote = application_remote,
    .message = application_message,
    .worked = application_worked,
    .read = application_read,
    .drop_read = application_drop_read,
    .stale_read = application_stale_read,
    .changes = application_changes,
    .tick = application_tick,
    .deadline = application_deadline,
    .status = application_status,
    .destroy = application_destroy,
    .open = application_open,
    .freeze = application_freeze,
    .write = application_write,
    .thaw = application_thaw,
    .scrub = application_scrub,
    .sweep = application_sweep,
    .health = application_health,
    .dump = application_dump,
    .prepare = application_prepare,
    .adopt = application_adopt,
    .marked = application_marked,
    .pass_mark = application_pass_mark,
};

struct node_application application_new(kv_group_id group, void *context)
{
    const struct application_context *given = context;
    const struct node_config *config = given->config;
    struct application *application = kv_alloc_zero(1, sizeof *application);
    bool is_oracle = kv_group_equal(group, KV_GROUP_ORACLE);
    struct machine machine = is_oracle                ? oracle_machine_new(config->partitions, 0)
                             : given->machine != NULL ? given->machine(group, config->partitions)
                                                      : kv_machine_new(group, config->partitions);
    application->group = group;
    application->engine = engine_new(group, machine, 0);
    application->checkpoints = state_new(
        &(struct state_settings){.cluster = wire_cluster_id(kv_slice_of_text(config->name)),
                                 .group = group,
                                 .node = given->self,
                                 .map_bytes = given->state_bytes},
        application->engine, machine);
    return (struct node_application){.ops = &application_ops, .state = application};
}
