/* SPDX-License-Identifier: Apache-2.0 */
/* mill_cluster: see the header. */
#include "tests/unit/engine/mill_cluster.h"

#include <poll.h>

#include "multicast/base/assert.h"
#include "multicast/wire/entry.h"
#include "tests/unit/engine/mill.h"

/* So few cells that commands meet, so many that some do not. */
#define CELLS        48
#define SESSIONS     6
#define SESSIONS_MAX 4
#define ROUNDS_MAX   2000

/* Large enough that answers compete for room in their session. */
#define ANSWER_BYTES_MAX 60000

/* While so many packets are under way nothing is said again. */
#define PACKETS_MANY 20

/* A run that takes more steps is stuck. */
#define STEPS_MAX   1000000
#define PATIENCE_MS 60000

#define GROW(array, count, capacity)                                                               \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? 64 : 2 * (capacity);                                    \
            (array) = kv_realloc((array), (capacity) * sizeof((array)[0]));                        \
        }                                                                                          \
    } while (0)

/* ---- Scripts ---- */

static void draw_command(struct kv_prng *prng, struct mill_command *ret)
{
    *ret = (struct mill_command){.kind = kv_prng_chance(prng, 1, 4) ? MILL_ADD : MILL_GRIND};
    ret->rounds = (uint32_t)kv_prng_below(prng, kv_prng_chance(prng, 1, 10) ? 1 : ROUNDS_MAX);
    ret->bytes = (uint32_t)kv_prng_below(prng, kv_prng_chance(prng, 1, 8) ? ANSWER_BYTES_MAX : 40);
    const uint32_t count = (uint32_t)kv_prng_between(prng, 1, 3);
    const uint64_t step = kv_prng_chance(prng, 2, 3) ? MILL_PARTITIONS : 1; /* else several */
    uint64_t cell = kv_prng_below(prng, CELLS);
    while (ret->count < count && cell < CELLS) {
        ret->cells[ret->count++] = (uint16_t)cell;
        cell += step * kv_prng_between(prng, 1, 3);
    }
}

static struct wire_entry *draw_entry(struct kv_prng *prng, uint64_t *sequences)
{
    struct mill_command command;
    struct kv_buffer body = {0};
    draw_command(prng, &command);
    mill_encode(&command, &body);
    const kv_group_set destinations = mill_destinations(&command, MILL_PARTITIONS);
    struct wire_entry *entry =
        wire_entry_new(kv_group_set_count(destinations) > 1 ? WIRE_ENTRY_PROPOSE : WIRE_ENTRY_CMD,
                       kv_buffer_slice(&body));
    kv_buffer_close(&body);
    const uint64_t session = kv_prng_between(prng, 1, SESSIONS);
    entry->id = (kv_message_id){
        .session = {{{session}, KV_GROUP_ORACLE}}, .sequence = ++sequences[session], .attempt = 1};
    entry->destinations = destinations;
    entry->floor = entry->id.sequence -
                   kv_prng_between(prng, 1, entry->id.sequence < 20 ? entry->id.sequence : 20);
    return entry;
}

static struct wire_entry *entry_again(const struct wire_entry *first)
{
    struct wire_entry *entry = wire_entry_new(first->kind, wire_entry_body(first));
    entry->id = first->id;
    entry->destinations = first->destinations;
    entry->floor = first->floor;
    return entry;
}

void mill_script_begin(struct mill_script *script,
                       struct machine (*machine)(kv_group_id group, uint32_t partitions),
                       uint32_t count)
{
    *script = (struct mill_script){
        .machine = machine,
        .entries = kv_alloc_zero(count, sizeof(script->entries[0])),
        .again = kv_alloc_zero(count, sizeof(script->again[0])),
    };
}

static void place(struct mill_script *script, uint32_t at, struct wire_entry *entry)
{
    entry->timestamp = (kv_timestamp){{at + 1}, {1}};
    entry->index.value = at + 1;
    script->entries[at] = entry;
}

void mill_script_add(struct mill_script *script, uint64_t session, uint64_t sequence,
                     kv_group_set destinations, kv_slice body)
{
    struct wire_entry *entry = wire_entry_new(
        kv_group_set_count(destinations) > 1 ? WIRE_ENTRY_PROPOSE : WIRE_ENTRY_CMD, body);
    entry->id = (kv_message_id){
        .session = {{{session}, KV_GROUP_ORACLE}}, .sequence = sequence, .attempt = 1};
    entry->destinations = destinations;
    entry->floor =
        sequence > KV_SESSION_OUTSTANDING_MAX / 2 ? sequence - KV_SESSION_OUTSTANDING_MAX / 2 : 0;
    place(script, script->count++, entry);
}

void mill_script_make(struct mill_script *script, uint64_t seed, uint32_t count)
{
    struct kv_prng prng;
    uint64_t sequences[SESSIONS + 1] = {0};
    kv_prng_init(&prng, seed);
    mill_script_begin(script, mill_new, count);
    script->count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct wire_entry *before =
            i > 0 && kv_prng_chance(&prng, 1, 12)
                ? script->entries[i - 1 - kv_prng_below(&prng, i < 20 ? i : 20)]
                : NULL;
        /* The order itself keeps those to several groups from coming twice. */
        script->again[i] = before != NULL && kv_group_set_count(before->destinations) == 1;
        place(script, i, script->again[i] ? entry_again(before) : draw_entry(&prng, sequences));
    }
}

void mill_script_close(struct mill_script *script)
{
    for (uint32_t i = 0; i < script->count; i++) {
        wire_entry_drop(&script->entries[i]);
    }
    kv_free(script->entries);
    kv_free(script->again);
}

/* ---- A run ---- */

struct member {
    kv_group_id group;
    struct engine *engine;
    struct engine_effects effects;
    uint32_t delivered; /* entries of the script looked at */
    struct wire_entry **remotes;
    uint32_t remote_count, remote_capacity, remote_next;
    uint64_t youngest; /* job whose result has come */
};

struct packet {
    struct wire_message message;
    struct kv_buffer payload;
    uint32_t to;
};

struct outside {
    struct engine_job job;
    uint32_t member;
};

struct run {
    const struct mill_script *script;
    const struct mill_way *way;
    struct mill_result *result;
    struct kv_prng prng;
    struct member members[MILL_PARTITIONS];
    struct packet *packets;
    uint32_t packet_count, packet_capacity;
    struct outside *jobs; /* DRAWN: out */
    uint32_t job_count, job_capacity;
    struct node_workers *workers;
    kv_instant now;
};

static uint32_t jobs_max(struct run *run)
{
    switch (run->way->hands) {
    case MILL_INLINE:
        return 0;
    case MILL_DRAWN:
        return kv_prng_chance(&run->prng, 1, 20) ? 0 : (uint32_t)kv_prng_between(&run->prng, 1, 40);
    case MILL_POOL:
        return ENGINE_JOBS_MAX;
    }
    KV_UNREACHABLE();
}

static void keep_answer(struct run *run, uint32_t member, const struct engine_reply *reply)
{
    const uint64_t at = reply->timestamp.clock.value - 1;
    KV_ASSERT(at < run->script->count);
    struct kv_buffer *kept = &run->result->answers[member][at];
    if (run->script->again[at]) {
        return; /* whether the record has lost its body by now is no part of the state */
    }
    if (kept->size > 0) {
        KV_ASSERT(kv_slice_equal(kv_buffer_slice(kept), reply->answer)); /* from its record */
        return;
    }
    kv_buffer_append(kept, reply->answer.data, reply->answer.size);
}

static void send(struct run *run, uint32_t from, const struct engine_send *send)
{
    GROW(run->packets, run->packet_count, run->packet_capacity);
    struct packet *packet = &run->packets[run->packet_count++];
    *packet = (struct packet){.message = send->message, .to = send->message.group.value - 1u};
    packet->message.from = (kv_node_id){(uint16_t)(from + 1)};
    packet->message.as.signal.speaker =
        (struct wire_speaker){run->members[from].group, {1}, packet->message.from};
    if (send->message.kind == WIRE_MESSAGE_SIGNAL) {
        kv_buffer_append(&packet->payload, send->message.as.signal.payload.data,
                         send->message.as.signal.payload.size);
    }
}

static void log_remote(struct member *member, const struct engine_append *remote)
{
    struct kv_buffer body = {0};
    engine_append_body(remote, &body);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_REMOTE, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    entry->id = remote->id;
    entry->source = remote->source;
    entry->timestamp = remote->timestamp;
    GROW(member->remotes, member->remote_count, member->remote_capacity);
    member->remotes[member->remote_count++] = entry;
}

static void hand_out(struct run *run, uint32_t member, const struct engine_job *job)
{
    run->result->jobs++;
    if (run->way->hands == MILL_POOL) {
        node_workers_add(run->workers, &(struct node_work){.work = job->work,
                                                           .drop = job->drop,
                                                           .job = job->job,
                                                           .number = job->number,
                                                           .shard = job->shard,
                                                           .owner = &run->members[member]});
        return;
    }
    GROW(run->jobs, run->job_count, run->job_capacity);
    run->jobs[run->job_count++] = (struct outside){*job, member};
}

static void step(struct run *run, uint32_t m, struct engine_event event)
{
    struct member *member = &run->members[m];
    event.now = run->now;
    event.leads = true;
    event.jobs_max = jobs_max(run);
    engine_step(member->engine, &event, &member->effects);
    engine_check(member->engine);
    const struct engine_effects *effects = &member->effects;
    for (uint32_t i = 0; i < effects->reply_count; i++) {
        keep_answer(run, m, &effects->replies[i]);
    }
    for (uint32_t i = 0; i < effects->send_count; i++) {
        send(run, m, &effects->sends[i]);
    }
    for (uint32_t i = 0; i < effects->append_count; i++) {
        log_remote(member, &effects->appends[i]);
    }
    for (uint32_t i = 0; i < effects->job_count; i++) {
        hand_out(run, m, &effects->jobs[i]);
    }
    const uint32_t out =
        run->way->hands == MILL_POOL ? node_workers_out(run->workers) : run->job_count;
    run->result->most_out = out > run->result->most_out ? out : run->result->most_out;
}

/* ---- What may happen next ---- */

/* The next entry of the script, or a vote out of the log; false: there is none. */
static bool apply_next(struct run *run, uint32_t m)
{
    struct member *member = &run->members[m];
    const struct mill_script *script = run->script;
    if (member->remote_next < member->remote_count && kv_prng_chance(&run->prng, 1, 2)) {
        step(run, m,
             (struct engine_event){.kind = ENGINE_EVENT_REMOTE,
                                   .entry = member->remotes[member->remote_next++]});
        return true;
    }
    while (member->delivered < script->count) {
        struct wire_entry *entry = script->entries[member->delivered++];
        if (kv_group_set_has(entry->destinations, member->group)) {
            step(run, m,
                 (struct engine_event){
                     .kind = ENGINE_EVENT_DELIVER, .entry = entry, .timestamp = entry->timestamp});
            return true;
        }
    }
    return member->remote_next < member->remote_count;
}

static void deliver_packet(struct run *run)
{
    const uint32_t i = (uint32_t)kv_prng_below(&run->prng, run->packet_count);
    struct packet packet = run->packets[i];
    run->packets[i] = run->packets[--run->packet_count];
    if (packet.message.kind == WIRE_MESSAGE_SIGNAL) {
        packet.message.as.signal.payload = kv_buffer_slice(&packet.payload);
    }
    step(run, packet.to,
         (struct engine_event){.kind = ENGINE_EVENT_MESSAGE, .message = &packet.message});
    kv_buffer_close(&packet.payload);
}

static void worked(struct run *run, uint32_t m, uint64_t number, void *job)
{
    struct member *member = &run->members[m];
    run->result->late += number < member->youngest ? 1 : 0;
    member->youngest = number > member->youngest ? number : member->youngest;
    step(run, m, (struct engine_event){.kind = ENGINE_EVENT_WORKED, .token = number, .job = job});
}

static void draw_result(struct run *run)
{
    const uint32_t i = (uint32_t)kv_prng_below(&run->prng, run->job_count);
    const struct outside done = run->jobs[i];
    run->jobs[i] = run->jobs[--run->job_count];
    done.job.work(done.job.job);
    worked(run, done.member, done.job.number, done.job.job);
}

/* It goes on from its saved state; the jobs that are out belong to nobody any more. */
static void reload(struct run *run, uint32_t m)
{
    struct member *member = &run->members[m];
    struct kv_buffer saved = {0};
    engine_save(member->engine, &saved);
    const enum status status = engine_load(member->engine, kv_buffer_slice(&saved));
    KV_ASSERT(status == STATUS_OK);
    engine_check(member->engine);
    kv_buffer_close(&saved);
}

static void tick_all(struct run *run)
{
    run->now = kv_instant_add(run->now, ENGINE_RETRY_US_MAX);
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        step(run, m, (struct engine_event){.kind = ENGINE_EVENT_TICK});
    }
}

/* Take what the threads have done; if there is nothing else to do, wait for it as a node does. */
static void take_results(struct run *run, bool wait)
{
    struct node_work result;
    node_workers_flush(run->workers);
    while (node_workers_take(run->workers, &result)) {
        const struct member *member = result.owner;
        worked(run, (uint32_t)(member - run->members), result.number, result.job);
        wait = false;
    }
    if (run->way->changing && kv_prng_chance(&run->prng, 1, 50)) {
        node_workers_set(run->workers, (uint32_t)kv_prng_below(&run->prng, 5));
    }
    node_workers_flush(run->workers);
    if (wait && node_workers_out(run->workers) > 0 && node_workers_rest(run->workers)) {
        struct pollfd bell = {.fd = node_workers_fd(run->workers), .events = POLLIN};
        const int ready = poll(&bell, 1, PATIENCE_MS);
        KV_ASSERT(ready == 1);
        node_workers_rise(run->workers);
    }
}

static bool is_finished(const struct run *run)
{
    bool finished = run->packet_count == 0 && run->job_count == 0 &&
                    (run->workers == NULL || node_workers_out(run->workers) == 0);
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        const struct member *member = &run->members[m];
        finished = finished && member->delivered == run->script->count &&
                   member->remote_next == member->remote_count && engine_runs(member->engine) == 0;
    }
    return finished;
}

static void happen(struct run *run)
{
    const uint32_t m = (uint32_t)kv_prng_below(&run->prng, MILL_PARTITIONS);
    bool idle = !apply_next(run, m);
    if (run->packet_count > 0 && kv_prng_chance(&run->prng, 2, 3)) {
        deliver_packet(run);
        idle = false;
    }
    if (run->job_count > 0 && kv_prng_chance(&run->prng, 1, 2)) {
        draw_result(run);
        idle = false;
    }
    if (run->way->hands == MILL_DRAWN && kv_prng_chance(&run->prng, 1, 100)) {
        reload(run, m);
    }
    if (run->workers != NULL) {
        take_results(run, idle);
    }
    if (run->packet_count < PACKETS_MANY && kv_prng_chance(&run->prng, 1, 100)) {
        tick_all(run);
    }
}

static void close_run(struct run *run)
{
    node_workers_destroy(&run->workers);
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        struct member *member = &run->members[m];
        engine_destroy(&member->engine);
        engine_effects_close(&member->effects);
        for (uint32_t i = 0; i < member->remote_count; i++) {
            wire_entry_drop(&member->remotes[i]);
        }
        kv_free(member->remotes);
    }
    kv_free(run->packets);
    kv_free(run->jobs);
}

void mill_run(const struct mill_script *script, const struct mill_way *way, struct mill_result *ret)
{
    struct run run = {.script = script, .way = way, .result = ret, .now = {1000000}};
    *ret = (struct mill_result){0};
    kv_prng_init(&run.prng, way->seed);
    run.workers = way->hands == MILL_POOL ? node_workers_new(way->workers) : NULL;
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        struct member *member = &run.members[m];
        member->group.value = (uint16_t)(m + 1);
        member->engine = engine_new(member->group, script->machine(member->group, MILL_PARTITIONS),
                                    SESSIONS_MAX);
        ret->answers[m] = kv_alloc_zero(script->count, sizeof(ret->answers[m][0]));
    }
    for (uint32_t steps = 0; !is_finished(&run); steps++) {
        KV_ASSERT(steps < STEPS_MAX);
        happen(&run);
    }
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        ret->digests[m] = engine_digest(run.members[m].engine);
        engine_save(run.members[m].engine, &ret->states[m]);
    }
    close_run(&run);
}

void mill_result_close(const struct mill_script *script, struct mill_result *result)
{
    for (uint32_t m = 0; m < MILL_PARTITIONS; m++) {
        for (uint32_t i = 0; i < script->count; i++) {
            kv_buffer_close(&result->answers[m][i]);
        }
        kv_free(result->answers[m]);
        kv_buffer_close(&result->states[m]);
    }
}
