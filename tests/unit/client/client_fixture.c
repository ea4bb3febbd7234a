/* SPDX-License-Identifier: Apache-2.0 */
/* client_fixture: see client_fixture.h. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

struct bench *bench_new(uint64_t seed, uint32_t outstanding_max)
{
    struct bench *bench = kv_alloc_zero(1, sizeof *bench);
    struct client_settings settings = {
        .seed = seed,
        .outstanding_max = outstanding_max,
        .endpoint_count = 2,
        .endpoints = {kv_slice_of_text("tcp://first:7400"), kv_slice_of_text("tcp://second:7400")},
        .trace = &bench->trace,
    };
    bench->trace.level = TRACE_DETAIL;
    bench->now = (kv_instant){1000000};
    bench->next_session = 1;
    bench->client = client_new(&settings, bench->now);
    bench->ids = kv_alloc_zero(BENCH_IDS_MAX, sizeof *bench->ids);
    return bench;
}

void bench_destroy(struct bench **bench_ref)
{
    struct bench *bench = *bench_ref;
    client_destroy(&bench->client);
    client_effects_close(&bench->effects);
    trace_close(&bench->trace);
    kv_buffer_close(&bench->answer);
    kv_free(bench->ids);
    kv_free(bench);
    *bench_ref = NULL;
}

static void bench_copy(char *ret, size_t capacity, kv_slice bytes)
{
    (void)snprintf(ret, capacity, "%.*s", (int)bytes.size,
                   bytes.size > 0 ? (const char *)bytes.data : "");
}

static uint64_t bench_hash(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

/* C2: an id has one body and one set of groups, whatever is resent on whichever leg. */
static void bench_check_id(struct bench *bench, const struct wire_request *request)
{
    const struct kv_message_key key = kv_message_key_of(request->id);
    const uint64_t body = bench_hash(1, request->body.data, request->body.size);
    uint64_t at = bench_hash(2, &key, sizeof key);
    struct bench_id *found = &bench->ids[at % BENCH_IDS_MAX];
    while (found->used && !kv_message_id_equal(found->id, request->id)) {
        found = &bench->ids[++at % BENCH_IDS_MAX];
    }
    if (!found->used) {
        *found = (struct bench_id){true, request->id, request->destinations, body};
    }
    assert_int_equal(found->destinations.bits, request->destinations.bits);
    assert_true(found->body == body);
}

static void bench_keep_request(struct bench *bench, const struct client_send *send,
                               struct bench_send *kept)
{
    static struct wire_command command;
    const struct wire_request *request = &send->as.request;
    assert_int_equal(wire_command_decode(request->body, &command), STATUS_OK);
    assert_true(kv_group_set_has(request->destinations, send->group));
    assert_true(request->id.attempt <= KV_ATTEMPT_LAST);
    if (request->mode == WIRE_REQUEST_ORDERED) {
        bench_check_id(bench, request);
    } else {
        assert_int_equal(kv_group_set_count(request->destinations), 1);
    }
    kept->id = request->id;
    kept->mode = request->mode;
    kept->floor = request->floor;
    kept->budget_ms = request->budget_ms;
    kept->destinations = request->destinations;
    kept->op = command.op;
    kept->number = command.number;
    kept->token = command.token;
    kept->ttl_ms = command.ttl_ms;
    kept->exec = command.exec;
    kept->policy = command.policy;
    kept->target = command.target.value;
    kept->key_count = command.key_count;
    kept->owner_count = command.owner_count;
    for (uint32_t i = 0; i < command.key_count && i < BENCH_KEYS_MAX; i++) {
        bench_copy(kept->keys[i], sizeof kept->keys[i], command.keys[i]);
        kept->owners[i] = i < command.owner_count ? command.owners[i] : 0;
        if (i < command.value_count) {
            bench_copy(kept->values[i], sizeof kept->values[i], command.values[i]);
        }
    }
}

static void bench_keep_send(struct bench *bench, const struct client_effect *effect)
{
    const struct client_send *send = &effect->as.send;
    if (bench->send_next == bench->send_count) {
        bench->send_next = bench->send_count = 0; /* all were looked at */
    }
    assert_true(bench->send_count < BENCH_SENDS_MAX);
    struct bench_send *kept = &bench->sends[bench->send_count++];
    *kept = (struct bench_send){.slot = effect->slot,
                                .kind = send->kind,
                                .to = send->to,
                                .group = send->group,
                                .at_us = bench->now.us};
    if (send->kind == WIRE_MESSAGE_REQUEST) {
        bench_keep_request(bench, send, kept);
    }
}

static void bench_keep_completion(struct bench *bench, const struct client_completion *completion)
{
    assert_true(bench->completion_count < BENCH_COMPLETIONS_MAX);
    struct bench_completion *kept = &bench->completions[bench->completion_count++];
    *kept = (struct bench_completion){.tag = (uintptr_t)completion->context,
                                      .at_us = bench->now.us,
                                      .result = completion->result,
                                      .attempts = completion->attempts,
                                      .partitions = completion->partitions,
                                      .via_oracle = completion->via_oracle,
                                      .group = completion->group.value};
    bench_copy(kept->why, sizeof kept->why, kv_slice_of_text(completion->why));
    assert_int_equal(completion->answer != NULL, completion->result == CLIENT_ANSWERED);
    if (completion->answer != NULL) {
        kept->verdict = completion->answer->verdict;
        kept->number = completion->answer->number;
        kept->rows = completion->answer->row_count;
        kept->more = completion->answer->more;
        kept->place_count = completion->answer->place_count;
        for (uint32_t i = 0; i < kept->place_count && i < BENCH_KEYS_MAX; i++) {
            assert_int_equal(completion->answer->places[i].key, i);
            kept->verdicts[i] = completion->answer->places[i].verdict;
            kept->groups[i] = completion->answer->places[i].group.value;
        }
        if (kept->rows > 0) {
            bench_copy(kept->last_key, sizeof kept->last_key,
                       completion->answer->rows[kept->rows - 1].key);
            bench_copy(kept->first_key, sizeof kept->first_key, completion->answer->rows[0].key);
            bench_copy(kept->first_value, sizeof kept->first_value,
                       completion->answer->rows[0].value);
        }
    }
}

static enum status bench_step(struct bench *bench, struct client_event event)
{
    event.now = bench->now;
    const enum status status = client_step(bench->client, &event, &bench->effects);
    for (uint32_t i = 0; i < bench->effects.count; i++) {
        const struct client_effect *effect = &bench->effects.effects[i];
        switch (effect->kind) {
        case CLIENT_EFFECT_CONNECT:
            bench->connects++;
            break;
        case CLIENT_EFFECT_DISCONNECT:
            bench->disconnects++;
            break;
        case CLIENT_EFFECT_SEND:
            bench_keep_send(bench, effect);
            break;
        case CLIENT_EFFECT_COMPLETE:
            bench_keep_completion(bench, &effect->as.complete);
            break;
        }
    }
    client_effects_clear(&bench->effects);
    client_check(bench->client);
    return status;
}

void bench_advance(struct bench *bench, uint64_t us)
{
    const kv_instant until = kv_instant_add(bench->now, us);
    while (client_deadline(bench->client).us <= until.us) {
        if (client_deadline(bench->client).us > bench->now.us) {
            bench->now = client_deadline(bench->client);
        }
        (void)bench_step(bench, (struct client_event){.kind = CLIENT_EVENT_TIME});
        assert_true(client_deadline(bench->client).us >
                    bench->now.us); /* no event stays due for ever */
    }
    bench->now = until;
}

void bench_message(struct bench *bench, uint32_t slot, uint16_t from, struct wire_message *message)
{
    message->from = (kv_node_id){from};
    (void)bench_step(bench, (struct client_event){
                                .kind = CLIENT_EVENT_MESSAGE, .slot = slot, .message = message});
}

static void bench_fill_welcome(struct wire_message *message, const char *name, uint32_t partitions,
                               uint32_t window)
{
    static struct wire_node nodes[BENCH_NODES];
    static struct wire_group groups[KV_GROUPS_MAX];
    static char endpoints[BENCH_NODES][WIRE_ENDPOINT_BYTES_MAX];
    for (uint16_t i = 0; i < BENCH_NODES; i++) {
        (void)snprintf(endpoints[i], sizeof endpoints[i], "tcp://node-%u:7400", i + 1U);
        nodes[i] = (struct wire_node){{(uint16_t)(i + 1)}, kv_slice_of_text(endpoints[i])};
    }
    for (uint16_t g = 0; g <= partitions; g++) {
        groups[g] =
            (struct wire_group){.group = {g}, .leader = {1}, .config = {.count = BENCH_NODES}};
        for (uint16_t i = 0; i < BENCH_NODES; i++) {
            groups[g].config.members[i] = (struct wire_config_member){{(uint16_t)(i + 1)}, true};
        }
    }
    message->kind = WIRE_MESSAGE_WELCOME;
    message->as.welcome = (struct wire_welcome){
        .version = WIRE_VERSION,
        .cluster_name = kv_slice_of_text(name),
        .map_version = 1,
        .partitions = partitions,
        .node_count = BENCH_NODES,
        .nodes = nodes,
        .group_count = partitions + 1,
        .groups = groups,
        .key_bytes_max = KV_KEY_BYTES_MAX,
        .value_bytes_max = KV_VALUE_BYTES_MAX,
        .command_keys_max = KV_COMMAND_KEYS_MAX,
        .session_outstanding_max = window,
    };
}

void bench_welcome(struct bench *bench, uint32_t partitions, uint32_t window)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_WELCOME};
    bench_fill_welcome(&message, "bench", partitions, window);
    bench_message(bench, 0, 1, &message);
}

void bench_welcome_named(struct bench *bench, uint32_t slot, const char *name)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_WELCOME};
    bench_fill_welcome(&message, name, 1, KV_SESSION_OUTSTANDING_MAX);
    bench_message(bench, slot, 1, &message);
}

void bench_begin(struct bench *bench, uint32_t partitions)
{
    bench_advance(bench, 0);
    assert_int_equal(bench_expect_send(bench).kind, WIRE_MESSAGE_HELLO);
    bench_welcome(bench, partitions, KV_SESSION_OUTSTANDING_MAX);
}

kv_session_id bench_begin_session(struct bench *bench, uint32_t partitions)
{
    bench_begin(bench, partitions);
    assert_int_equal(bench_submit(bench, 999999, WIRE_OP_PUT, "first", 1000 * 1000), STATUS_OK);
    const kv_session_id session = bench_open_session(bench);
    const struct bench_send send = bench_expect_send(bench);
    bench_answer(bench, &send, WIRE_VERDICT_OK);
    return session;
}

enum status bench_submit_as(struct bench *bench, uintptr_t tag, struct client_submit submit,
                            uint64_t deadline_us)
{
    struct client_event event = {.kind = CLIENT_EVENT_SUBMIT, .submit = submit};
    event.submit.deadline = kv_instant_add(bench->now, deadline_us);
    memcpy(&event.submit.context, &tag, sizeof tag);
    const uint32_t before = bench->completion_count;
    const enum status status = bench_step(bench, event);
    assert_int_equal(bench->completion_count,
                     before); /* a SUBMIT never completes anything at once */
    return status;
}

enum status bench_submit_command(struct bench *bench, uintptr_t tag,
                                 const struct wire_command *command, uint64_t deadline_us,
                                 bool stale_ok)
{
    return bench_submit_as(
        bench, tag, (struct client_submit){.command = command, .stale_ok = stale_ok}, deadline_us);
}

struct wire_command *bench_command(enum wire_op op, const char *const *keys, const char *value)
{
    static struct wire_command command;
    wire_command_begin(&command, op);
    for (; keys[command.key_count] != NULL; command.key_count++) {
        command.keys[command.key_count] = kv_slice_of_text(keys[command.key_count]);
    }
    if (op == WIRE_OP_PUT || op == WIRE_OP_APPEND || op == WIRE_OP_MPUT || op == WIRE_OP_CREATE) {
        command.value_count = command.key_count;
    }
    for (uint32_t i = 0; i < command.value_count; i++) {
        command.values[i] = kv_slice_of_text(value);
    }
    command.number = op == WIRE_OP_INCR ? 1 : 0;
    return &command;
}

enum status bench_submit(struct bench *bench, uintptr_t tag, enum wire_op op, const char *key,
                         uint64_t deadline_us)
{
    const char *const keys[] = {key, NULL};
    return bench_submit_command(bench, tag, bench_command(op, keys, "value"), deadline_us, false);
}

struct bench_send bench_expect_send(struct bench *bench)
{
    assert_true(bench->send_next < bench->send_count);
    return bench->sends[bench->send_next++];
}

void bench_expect_nothing(struct bench *bench)
{
    assert_int_equal(bench->send_next, bench->send_count);
}

void bench_skip(struct bench *bench)
{
    bench->send_next = bench->send_count;
}

static void bench_reply(struct bench *bench, const struct bench_send *send, struct wire_reply reply)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY, .group = send->group};
    reply.id = send->id;
    message.as.reply = reply;
    bench_message(bench, send->slot, send->to.value, &message);
}

void bench_answer_with(struct bench *bench, const struct bench_send *send,
                       const struct wire_answer *answer)
{
    kv_buffer_clear(&bench->answer);
    wire_answer_encode(answer, &bench->answer);
    bench_reply(bench, send,
                (struct wire_reply){.outcome = WIRE_OUTCOME_ANSWERED,
                                    .leader = send->to,
                                    .timestamp = {{bench->now.us}, send->group},
                                    .index = {7},
                                    .body = kv_buffer_slice(&bench->answer)});
}

void bench_answer(struct bench *bench, const struct bench_send *send, enum wire_verdict verdict)
{
    static struct wire_answer answer;
    answer = (struct wire_answer){.verdict = verdict};
    if (send->op == WIRE_OP_GET && verdict == WIRE_VERDICT_OK) {
        answer.row_count = 1;
        answer.rows[0] = (struct wire_row){.value = kv_slice_of_text("value"), .present = true};
    }
    if (send->op == WIRE_OP_MGET && verdict == WIRE_VERDICT_OK) {
        answer.row_count = send->key_count;
    }
    bench_answer_with(bench, send, &answer);
}

void bench_say_no(struct bench *bench, const struct bench_send *send, enum wire_verdict verdict,
                  uint32_t key, uint16_t group, uint64_t version)
{
    static struct wire_answer answer;
    wire_answer_begin(&answer, verdict);
    if (group != 0) {
        answer.place_count = 1;
        answer.places[0] = (struct wire_place){key, WIRE_VERDICT_STALE, {group}, {{version}, {0}}};
    }
    bench_answer_with(bench, send, &answer);
}

void bench_answer_places(struct bench *bench, const struct bench_send *send, uint32_t count,
                         const enum wire_verdict *verdicts, const uint16_t *groups,
                         uint64_t version)
{
    static struct wire_answer answer;
    wire_answer_begin(&answer, WIRE_VERDICT_OK);
    answer.place_count = count;
    for (uint32_t i = 0; i < count; i++) {
        answer.places[i] = (struct wire_place){i, verdicts[i], {groups[i]}, {{version}, {0}}};
    }
    bench_answer_with(bench, send, &answer);
}

struct bench_send bench_next_request(struct bench *bench, uint64_t patience_us)
{
    const uint64_t until_us = bench->now.us + patience_us;
    while (true) {
        while (bench->send_next < bench->send_count) {
            const struct bench_send send = bench_expect_send(bench);
            if (send.kind == WIRE_MESSAGE_REQUEST) {
                return send;
            }
        }
        if (bench->now.us >= until_us) {
            fail_msg("nothing was sent");
        }
        bench_advance(bench, 1000);
    }
}

void bench_refuse(struct bench *bench, const struct bench_send *send, enum wire_outcome outcome,
                  uint16_t hint)
{
    bench_reply(bench, send, (struct wire_reply){.outcome = outcome, .leader = {hint}});
}

kv_session_id bench_open_session(struct bench *bench)
{
    const struct bench_send open = bench_expect_send(bench);
    assert_int_equal(open.op, WIRE_OP_SESSION_OPEN);
    assert_int_equal(open.group.value, 0);
    assert_true(kv_session_is_none(open.id.session));
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY};
    static struct wire_answer answer;
    answer = (struct wire_answer){.verdict = WIRE_VERDICT_OK};
    const kv_session_id session = {{{1000 + bench->next_session++}, KV_GROUP_ORACLE}};
    kv_buffer_clear(&bench->answer);
    wire_answer_encode(&answer, &bench->answer);
    message.as.reply = (struct wire_reply){.id = open.id,
                                           .outcome = WIRE_OUTCOME_ANSWERED,
                                           .timestamp = session.registered,
                                           .body = kv_buffer_slice(&bench->answer)};
    bench_message(bench, open.slot, open.to.value, &message);
    return session;
}

const struct bench_completion *bench_completion(const struct bench *bench, uintptr_t tag)
{
    const struct bench_completion *found = NULL;
    for (uint32_t i = 0; i < bench->completion_count; i++) {
        if (bench->completions[i].tag == tag) {
            assert_null(found); /* completed twice */
            found = &bench->completions[i];
        }
    }
    return found;
}

void bench_assert_completed(const struct bench *bench, uintptr_t tag, enum client_result result)
{
    const struct bench_completion *completion = bench_completion(bench, tag);
    assert_non_null(completion);
    assert_int_equal(completion->result, result);
}

void bench_assert_open(const struct bench *bench, uintptr_t tag)
{
    assert_null(bench_completion(bench, tag));
}

const char *bench_key_on(uint32_t partition, uint32_t partitions, uint32_t nth)
{
    static char key[32];
    for (uint32_t i = 0;; i++) {
        (void)snprintf(key, sizeof key, "key-%u", i);
        if (wire_home_of(kv_slice_of_text(key), partitions).value == partition && nth-- == 0) {
            return key;
        }
    }
}

const char *bench_keep_key(char ret[32], uint32_t partition, uint32_t partitions, uint32_t nth)
{
    (void)snprintf(ret, 32, "%s", bench_key_on(partition, partitions, nth));
    return ret;
}
