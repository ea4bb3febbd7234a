/* SPDX-License-Identifier: Apache-2.0 */
/* fake_server: see fake_server.h. */
#include "tests/unit/client/fake_server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/net/net.h"
#include "multicast/wire/codec.h"
#include "multicast/wire/footprint.h"

#define FAKE_ROWS_MAX   256
#define FAKE_IDS_MAX    4096
#define FAKE_ANSWER_MAX 128 /* bytes of a remembered answer */

struct fake_row {
    char key[32];
    char value[64];
    size_t size;
};

struct fake_record {
    kv_message_id id;
    kv_timestamp timestamp;
    size_t size;
    uint8_t answer[FAKE_ANSWER_MAX];
};

struct fake_server {
    struct net_server *net;
    pthread_t thread;
    pthread_mutex_t mutex; /* over script, counts and stopped */
    int wake;
    bool stopped;
    char script[128], watch_script[128], lock_script[128];
    uint32_t watched;  /* letters of it that are used up */
    uint64_t prepared; /* groups that were asked to prepare a backup, as bits */
    struct fake_counts counts;
    uint64_t clock;
    uint32_t partitions;
    char address[128];
    struct fake_row rows[FAKE_ROWS_MAX]; /* in key order */
    uint32_t row_count;
    struct fake_record records[FAKE_IDS_MAX];
    uint32_t record_count;
    struct wire_frame_reader reader;
    struct wire_frame_writer writer;
    struct wire_command command;
    struct wire_answer answer;
    struct kv_buffer body;
};

/* ---- The map ---- */

static struct fake_row *fake_find(struct fake_server *server, kv_slice key)
{
    for (uint32_t i = 0; i < server->row_count; i++) {
        if (kv_slice_equal(kv_slice_of_text(server->rows[i].key), key)) {
            return &server->rows[i];
        }
    }
    return NULL;
}

static void fake_put(struct fake_server *server, kv_slice key, kv_slice value)
{
    struct fake_row *row = fake_find(server, key);
    KV_ASSERT(key.size < sizeof row->key && value.size <= sizeof row->value);
    if (row == NULL) {
        uint32_t at = server->row_count++;
        KV_ASSERT(server->row_count < FAKE_ROWS_MAX);
        while (at > 0 && kv_slice_compare(kv_slice_of_text(server->rows[at - 1].key), key) > 0) {
            server->rows[at] = server->rows[at - 1];
            at--;
        }
        row = &server->rows[at];
        memset(row, 0, sizeof *row);
        memcpy(row->key, key.data, key.size);
    }
    memcpy(row->value, value.data, value.size);
    row->size = value.size;
}

static void fake_add_row(struct fake_server *server, const struct fake_row *row, bool with_key)
{
    server->answer.rows[server->answer.row_count++] = (struct wire_row){
        .key = with_key ? kv_slice_of_text(row->key) : (kv_slice){NULL, 0},
        .value = row == NULL ? (kv_slice){NULL, 0} : kv_slice_of(row->value, row->size),
        .present = row != NULL,
    };
}

static void fake_scan(struct fake_server *server)
{
    const struct wire_command *command = &server->command;
    for (uint32_t i = 0; i < server->row_count; i++) {
        const kv_slice key = kv_slice_of_text(server->rows[i].key);
        if (kv_slice_compare(key, command->keys[0]) < 0 ||
            (command->keys[1].size > 0 && kv_slice_compare(key, command->keys[1]) >= 0)) {
            continue;
        }
        if (server->answer.row_count == command->limit) {
            server->answer.more = true;
            return;
        }
        fake_add_row(server, &server->rows[i], true);
    }
}

static void fake_incr(struct fake_server *server)
{
    char text[32];
    struct fake_row *row = fake_find(server, server->command.keys[0]);
    const long long sum = (row == NULL ? 0 : atoll(row->value)) + server->command.number;
    const int size = snprintf(text, sizeof text, "%lld", sum);
    fake_put(server, server->command.keys[0], kv_slice_of(text, (size_t)size + 1));
    server->answer.number = sum;
}

static void fake_execute(struct fake_server *server)
{
    const struct wire_command *command = &server->command;
    const struct fake_row *row =
        command->key_count > 0 ? fake_find(server, command->keys[0]) : NULL;
    server->answer = (struct wire_answer){.verdict = WIRE_VERDICT_OK};
    switch ((int)command->op) {
    case WIRE_OP_GET:
        if (row == NULL) {
            server->answer.verdict = WIRE_VERDICT_NOT_FOUND;
        } else {
            fake_add_row(server, row, false);
        }
        return;
    case WIRE_OP_PUT:
    case WIRE_OP_MPUT:
        for (uint32_t i = 0; i < command->key_count; i++) {
            fake_put(server, command->keys[i], command->values[i]);
        }
        return;
    case WIRE_OP_PUT_IF_ABSENT:
        if (row != NULL) {
            server->answer.verdict = WIRE_VERDICT_EXISTS;
            fake_add_row(server, row, false);
        } else {
            fake_put(server, command->keys[0], command->values[0]);
        }
        return;
    case WIRE_OP_MGET:
        for (uint32_t i = 0; i < command->key_count; i++) {
            fake_add_row(server, fake_find(server, command->keys[i]), false);
        }
        return;
    case WIRE_OP_INCR:
        fake_incr(server);
        return;
    case WIRE_OP_SCAN:
        fake_scan(server);
        return;
    default:
        server->answer.verdict = WIRE_VERDICT_UNSUPPORTED;
        return;
    }
}

/* ---- The conversation ---- */

static void fake_send(struct fake_server *server, const struct net_route *route,
                      struct wire_message *message)
{
    wire_frame_begin(&server->writer, wire_cluster_id(kv_slice_of_text("fake")), (kv_node_id){1},
                     KV_NODE_NONE);
    const enum status status = wire_frame_add(&server->writer, message);
    KV_ASSERT(status == STATUS_OK);
    net_server_send_route(server->net, route, wire_frame_finish(&server->writer));
}

static void fake_welcome(struct fake_server *server, const struct net_route *route)
{
    const struct wire_node nodes[] = {{{1}, kv_slice_of_text(net_server_endpoint(server->net))}};
    struct wire_group groups[KV_GROUPS_MAX];
    for (uint16_t g = 0; g <= server->partitions; g++) {
        groups[g] = (struct wire_group){.group = {g}, .leader = {1}, .config = {.count = 1}};
        groups[g].config.members[0] = (struct wire_config_member){{1}, true};
    }
    struct wire_message message = {.kind = WIRE_MESSAGE_WELCOME};
    message.as.welcome = (struct wire_welcome){
        .version = WIRE_VERSION,
        .cluster_name = kv_slice_of_text("fake"),
        .map_version = 1,
        .partitions = server->partitions,
        .node_count = 1,
        .nodes = nodes,
        .group_count = server->partitions + 1,
        .groups = groups,
        .key_bytes_max = 31,
        .value_bytes_max = 64,
        .command_keys_max = 100,
        .session_outstanding_max = KV_SESSION_OUTSTANDING_MAX,
    };
    fake_send(server, route, &message);
}

static void fake_reply(struct fake_server *server, const struct net_route *route, kv_group_id group,
                       struct wire_reply reply)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY, .group = group};
    message.as.reply = reply;
    fake_send(server, route, &message);
}

static struct fake_record *fake_record_of(struct fake_server *server, kv_message_id id)
{
    for (uint32_t i = 0; i < server->record_count; i++) {
        if (kv_message_id_equal(server->records[i].id, id)) {
            return &server->records[i];
        }
    }
    return NULL;
}

/* Execute once and encode the answer into server->body; returns the timestamp. */
static kv_timestamp fake_run(struct fake_server *server, const struct wire_request *request)
{
    struct fake_record *record = fake_record_of(server, request->id);
    kv_buffer_clear(&server->body);
    if (request->mode == WIRE_REQUEST_ORDERED && record != NULL) {
        kv_buffer_append(&server->body, record->answer, record->size);
        return record->timestamp;
    }
    const kv_timestamp timestamp = {{++server->clock}, {1}};
    fake_execute(server);
    wire_answer_encode(&server->answer, &server->body);
    server->counts.executed++;
    if (request->mode == WIRE_REQUEST_ORDERED) {
        KV_ASSERT(server->record_count < FAKE_IDS_MAX && server->body.size <= FAKE_ANSWER_MAX);
        record = &server->records[server->record_count++];
        *record = (struct fake_record){
            .id = request->id, .timestamp = timestamp, .size = server->body.size};
        memcpy(record->answer, server->body.data, server->body.size);
    }
    return timestamp;
}

static void fake_on_partition(struct fake_server *server, const struct net_route *route,
                              kv_group_id group, const struct wire_request *request)
{
    const char letter = group.value == 1 ? server->script[0] : '\0';
    struct wire_reply reply = {.id = request->id, .outcome = WIRE_OUTCOME_ANSWERED, .index = {3}};
    server->counts.requests++;
    if (letter != '\0') {
        memmove(server->script, server->script + 1, strlen(server->script));
    }
    switch (letter) {
    case 'd':
        return;
    case 'n':
        reply.outcome = WIRE_OUTCOME_NOT_LEADER;
        break;
    case 'b':
        reply.outcome = WIRE_OUTCOME_BUSY;
        break;
    case 's':
        reply.outcome = WIRE_OUTCOME_SESSION_UNKNOWN;
        break;
    case 'g':
        reply.body = kv_slice_of_text("garbage");
        break;
    default:
        reply.timestamp = fake_run(server, request);
        reply.body = kv_buffer_slice(&server->body);
        if (!kv_group_equal(group, wire_command_replier(&server->command, request->destinations))) {
            return; /* executed, but another group has the answer */
        }
        break;
    }
    if (letter != 'e') {
        fake_reply(server, route, group, reply);
    }
    if (letter == 'a') {
        fake_reply(server, route, group, reply);
    }
}

/* What the script says of this command. */
static char fake_lock_letter(struct fake_server *server)
{
    const enum wire_op op = server->command.op;
    const char letter = server->lock_script[0];
    server->counts.renewals += op == WIRE_OP_KEEPALIVE;
    if ((op != WIRE_OP_LOCK && op != WIRE_OP_UNLOCK && op != WIRE_OP_KEEPALIVE) || letter == '\0') {
        return 'x';
    }
    if (letter == '*') {
        return server->lock_script[1];
    }
    memmove(server->lock_script, server->lock_script + 1, strlen(server->lock_script));
    return letter;
}

static void fake_on_oracle(struct fake_server *server, const struct net_route *route,
                           const struct wire_request *request)
{
    const char letter = fake_lock_letter(server);
    if (letter == 'd') {
        return;
    }
    server->answer =
        (struct wire_answer){.verdict = letter == 'l' ? WIRE_VERDICT_LOCK_LOST : WIRE_VERDICT_OK};
    if (server->command.op == WIRE_OP_LOCK && letter != 'l') {
        server->answer.place_count = server->command.key_count;
        for (uint32_t i = 0; i < server->command.key_count; i++) {
            server->answer.places[i] = (struct wire_place){i, WIRE_VERDICT_OK, {1}, {{0}, {0}}};
        }
    }
    kv_buffer_clear(&server->body);
    wire_answer_encode(&server->answer, &server->body);
    server->counts.opened += server->command.op == WIRE_OP_SESSION_OPEN;
    server->counts.ended += server->command.op == WIRE_OP_SESSION_CLOSE;
    fake_reply(server, route, KV_GROUP_ORACLE,
               (struct wire_reply){.id = request->id,
                                   .outcome = WIRE_OUTCOME_ANSWERED,
                                   .timestamp = {{++server->clock}, {0}},
                                   .body = kv_buffer_slice(&server->body)});
}

static void fake_changes(struct fake_server *server, uint64_t from)
{
    kv_buffer_clear(&server->body);
    for (uint64_t index = from; index < from + 2; index++) {
        wire_changes_append(
            &server->body,
            &(struct wire_change){.index = index,
                                  .kind = index % 2 == 0 ? WIRE_CHANGE_PUT : WIRE_CHANGE_DELETED,
                                  .version = {{index * 10}, {1}},
                                  .key = kv_slice_of_text("k"),
                                  .value = kv_slice_of_text(index % 2 == 0 ? "v" : "")});
    }
}

static void fake_on_watch(struct fake_server *server, const struct net_route *route,
                          kv_group_id group, const struct wire_watch_request *request)
{
    struct wire_message reply = {.kind = WIRE_MESSAGE_WATCH_REPLY, .group = group};
    struct wire_watch_reply *told = &reply.as.watch_reply;
    const char letter = request->from == 0 ? 'b' : server->watch_script[server->watched];
    *told = (struct wire_watch_reply){
        .number = request->number, .state = WIRE_WATCH_CHANGES, .next = request->from + 2};
    server->watched += request->from != 0 && letter != '\0' ? 1 : 0;
    if (letter == '\0' || letter == 'd') {
        return;
    }
    if (letter == 's') {
        told->number++;
        fake_send(server, route, &reply);
        told->number--;
    }
    if (letter == 'c' || letter == 's' || letter == 'o' || letter == 'f') {
        fake_changes(server, letter == 'o' ? request->from - 2 : request->from);
        told->changes = kv_buffer_slice(&server->body);
        told->next += letter == 'f' ? 0 : 100;
    } else if (letter == 'g') {
        told->state = WIRE_WATCH_GAP;
        told->first = request->from + 100;
    } else {
        told->state = letter == 'l'   ? WIRE_WATCH_LATER
                      : letter == 'h' ? WIRE_WATCH_NOT_HERE
                                      : WIRE_WATCH_NONE;
        told->next = letter == 'b' ? wire_watch_index(1) : request->from + 5;
    }
    fake_send(server, route, &reply);
}

static void fake_on_message(struct fake_server *server, const struct net_route *route,
                            const struct wire_message *message)
{
    struct wire_message reply = {.group = message->group};
    switch ((int)message->kind) {
    case WIRE_MESSAGE_HELLO:
        fake_welcome(server, route);
        return;
    case WIRE_MESSAGE_REQUEST:
        if (wire_command_decode(message->as.request.body, &server->command) != STATUS_OK) {
            fake_reply(server, route, message->group,
                       (struct wire_reply){.id = message->as.request.id,
                                           .outcome = WIRE_OUTCOME_MALFORMED});
        } else if (message->group.value == 0) {
            fake_on_oracle(server, route, &message->as.request);
        } else {
            fake_on_partition(server, route, message->group, &message->as.request);
        }
        return;
    case WIRE_MESSAGE_WATCH_REQUEST:
        fake_on_watch(server, route, message->group, &message->as.watch_request);
        return;
    case WIRE_MESSAGE_STATUS_REQUEST:
        reply.kind = WIRE_MESSAGE_STATUS_REPLY;
        reply.as.status_reply = (struct wire_status_reply){.node = {1}, .uptime_ms = 5};
        fake_send(server, route, &reply);
        return;
    case WIRE_MESSAGE_BACKUP_REQUEST:
        reply.kind = WIRE_MESSAGE_BACKUP_REPLY;
        server->prepared |= UINT64_C(1) << message->group.value;
        reply.as.backup_reply.state = server->prepared == (UINT64_C(2) << server->partitions) - 1
                                          ? WIRE_BACKUP_READY
                                          : WIRE_BACKUP_WORKING;
        fake_send(server, route, &reply);
        return;
    case WIRE_MESSAGE_TRANSFER_REQUEST:
        reply.kind = WIRE_MESSAGE_TRANSFER_REPLY;
        server->counts.transfers++;
        reply.as.transfer_reply.started = message->as.transfer_request.target.value != 2;
        fake_send(server, route, &reply);
        return;
    default:
        return;
    }
}

static void *fake_main(void *argument)
{
    struct fake_server *server = argument;
    struct net_route route;
    struct wire_message message;
    kv_slice frame;
    bool stopped = false;
    while (!stopped) {
        net_server_wait(server->net, server->wake, 1000 * 1000);
        (void)pthread_mutex_lock(&server->mutex);
        while (net_server_receive(server->net, &route, &frame) == STATUS_OK) {
            if (wire_frame_open(&server->reader, frame) != STATUS_OK) {
                continue;
            }
            server->counts.frames++;
            while (wire_frame_next(&server->reader, &message) == STATUS_OK) {
                fake_on_message(server, &route, &message);
            }
        }
        stopped = server->stopped;
        (void)pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

struct fake_server *fake_server_start(const char *endpoint)
{
    return fake_server_start_with(endpoint, 1);
}

struct fake_server *fake_server_start_with(const char *endpoint, uint32_t partitions)
{
    struct fake_server *server = kv_alloc_zero(1, sizeof *server);
    const enum status status = net_server_open(endpoint, &server->net);
    KV_ASSERT(status == STATUS_OK);
    server->clock = 1000;
    server->partitions = partitions;
    server->wake = eventfd(0, EFD_CLOEXEC);
    (void)snprintf(server->address, sizeof server->address, "%s",
                   net_server_endpoint(server->net) + strlen("tcp://"));
    (void)pthread_mutex_init(&server->mutex, NULL);
    const int failed = pthread_create(&server->thread, NULL, fake_main, server);
    KV_ASSERT(failed == 0);
    return server;
}

void fake_server_stop(struct fake_server **server_ref)
{
    struct fake_server *server = *server_ref;
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&server->mutex);
    server->stopped = true;
    (void)pthread_mutex_unlock(&server->mutex);
    const ssize_t written = write(server->wake, &one, sizeof one);
    KV_ASSERT(written == (ssize_t)sizeof one);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->wake);
    (void)pthread_mutex_destroy(&server->mutex);
    net_server_close(&server->net);
    wire_frame_reader_close(&server->reader);
    wire_frame_writer_close(&server->writer);
    kv_buffer_close(&server->body);
    kv_free(server);
    *server_ref = NULL;
}

const char *fake_server_endpoint(const struct fake_server *server)
{
    return net_server_endpoint(server->net);
}

const char *fake_server_address(const struct fake_server *server)
{
    return server->address;
}

void fake_server_script(struct fake_server *server, const char *script)
{
    (void)pthread_mutex_lock(&server->mutex);
    (void)snprintf(server->script, sizeof server->script, "%s", script);
    (void)pthread_mutex_unlock(&server->mutex);
}

void fake_server_watch(struct fake_server *server, const char *script)
{
    (void)pthread_mutex_lock(&server->mutex);
    (void)snprintf(server->watch_script, sizeof server->watch_script, "%s", script);
    server->watched = 0;
    (void)pthread_mutex_unlock(&server->mutex);
}

void fake_server_locks(struct fake_server *server, const char *script)
{
    (void)pthread_mutex_lock(&server->mutex);
    (void)snprintf(server->lock_script, sizeof server->lock_script, "%s", script);
    (void)pthread_mutex_unlock(&server->mutex);
}

struct fake_counts fake_server_counts(struct fake_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    const struct fake_counts counts = server->counts;
    (void)pthread_mutex_unlock(&server->mutex);
    return counts;
}
