/* SPDX-License-Identifier: Apache-2.0 */
/* fake_client: a store that is one sorted array. */
#include "tests/unit/kvctl/fake_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "multicast/base/bytes.h"

#define ROWS_MAX    4096
#define PENDING_MAX 1024

struct fake fake;

struct row {
    struct kv_buffer key, value;
    bool present;
    uint32_t partition; /* 0: at home */
};

static struct row rows[ROWS_MAX];
static uint32_t row_count;
static uint64_t write_count;

struct kv_result {
    uint32_t references;
    uint32_t count;
    struct row *rows;
    int64_t number;
    bool more;
    uint64_t index, timestamp;
    uint32_t place_count;
    kv_place *places;
};

/* A submitted operation, already executed: only its completion is late. */
struct pending {
    kv_done done;
    void *context;
    kv_status status;
    kv_result *result;
    bool write;
};

struct kv_client {
    int descriptor;
    uint32_t pending_count;
    struct pending pending[PENDING_MAX];
};

struct kv_cluster_status {
    int unused;
};

void fake_reset(void)
{
    for (uint32_t i = 0; i < row_count; i++) {
        kv_buffer_close(&rows[i].key);
        kv_buffer_close(&rows[i].value);
    }
    memset(rows, 0, sizeof(rows));
    row_count = 0;
    write_count = 0;
    memset(&fake, 0, sizeof(fake));
    fake.partitions = 2;
}

const char *kv_status_name(kv_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case KV_##name:                                                                                \
        return #name;
        KV_STATUS_MAP(X)
#undef X
    }
    return "";
}

const char *kv_status_text(kv_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case KV_##name:                                                                                \
        return text;
        KV_STATUS_MAP(X)
#undef X
    }
    return "";
}

bool kv_status_in_doubt(kv_status status)
{
    return status == KV_IN_DOUBT || status == KV_PROTOCOL;
}

uint64_t kv_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

const char *kv_client_error(const kv_client *client)
{
    (void)client;
    return "";
}

kv_status kv_client_open(const char *endpoints, const kv_client_options *options, kv_client **ret)
{
    *ret = NULL;
    snprintf(fake.endpoints, sizeof(fake.endpoints), "%s", endpoints);
    snprintf(fake.cluster_name, sizeof(fake.cluster_name), "%s",
             options->cluster_name == NULL ? "" : options->cluster_name);
    fake.timeout_ms = options->timeout_ms;
    if (fake.open_status != KV_OK) {
        return fake.open_status;
    }
    *ret = kv_alloc_zero(1, sizeof(**ret));
    (*ret)->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return KV_OK;
}

void kv_client_close(kv_client **client)
{
    if (*client == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*client)->pending_count; i++) {
        const struct pending *pending = &(*client)->pending[i];
        pending->done(pending->context, pending->write ? KV_IN_DOUBT : KV_CLOSED, NULL);
        kv_result_free(pending->result);
    }
    close((*client)->descriptor);
    kv_free(*client);
    *client = NULL;
}

/* ---- The store ---- */

static kv_bytes bytes_of(const struct kv_buffer *buffer)
{
    return kv_bytes_of(buffer->data, buffer->size);
}

static int compare(kv_bytes a, kv_bytes b)
{
    return kv_slice_compare(kv_slice_of(a.data, a.size), kv_slice_of(b.data, b.size));
}

/* The place of a key, or where it belongs. */
static bool find(kv_bytes key, uint32_t *ret)
{
    uint32_t i = 0;
    while (i < row_count && compare(bytes_of(&rows[i].key), key) < 0) {
        i++;
    }
    *ret = i;
    return i < row_count && compare(bytes_of(&rows[i].key), key) == 0;
}

static void set(kv_bytes key, kv_bytes value)
{
    uint32_t i;
    if (!find(key, &i)) {
        memmove(&rows[i + 1], &rows[i], (row_count - i) * sizeof(rows[0]));
        memset(&rows[i], 0, sizeof(rows[i]));
        kv_buffer_append(&rows[i].key, key.data, key.size);
        row_count++;
    }
    struct kv_buffer old = rows[i].value; /* value may point into it */
    rows[i].value = (struct kv_buffer){0};
    kv_buffer_append(&rows[i].value, value.data, value.size);
    kv_buffer_close(&old);
}

static void add_row(kv_result *result, kv_bytes key, bool present, kv_bytes value)
{
    struct row row = {.present = present};
    kv_buffer_append(&row.key, key.data, key.size);
    if (present) {
        kv_buffer_append(&row.value, value.data, value.size);
    }
    result->rows = kv_realloc(result->rows, (result->count + 1) * sizeof(*result->rows));
    result->rows[result->count++] = row;
}

static kv_status add_number(const kv_op *op, bool found, uint32_t at, kv_result *result)
{
    char text[32] = "0";
    char *end;
    if (found) {
        snprintf(text, sizeof(text), "%.*s", (int)rows[at].value.size,
                 rows[at].value.size == 0 ? "" : (const char *)rows[at].value.data);
    }
    const long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0') {
        return KV_NOT_A_NUMBER;
    }
    if (__builtin_add_overflow((int64_t)number, op->number, &result->number)) {
        return KV_OVERFLOW;
    }
    snprintf(text, sizeof(text), "%" PRId64, result->number);
    set(op->key, kv_bytes_of(text, strlen(text)));
    return KV_OK;
}

static kv_status write_one(const kv_op *op, kv_result *result)
{
    uint32_t at;
    const bool found = find(op->key, &at);
    if (op->code == KV_OP_CAS && !found) {
        return KV_NOT_FOUND;
    }
    const bool differs =
        op->code == KV_OP_CAS && compare(bytes_of(&rows[at].value), op->expect) != 0;
    if (differs || (op->code == KV_OP_PUT_IF_ABSENT && found)) {
        add_row(result, op->key, true, bytes_of(&rows[at].value));
        return differs ? KV_MISMATCH : KV_EXISTS;
    }
    if (op->code == KV_OP_INCR) {
        return add_number(op, found, at, result);
    }
    if (op->code == KV_OP_APPEND && found) {
        kv_buffer_append(&rows[at].value, op->value.data, op->value.size);
    } else {
        set(op->key, op->value);
    }
    return KV_OK;
}

static kv_status scan(const kv_op *op, kv_result *result)
{
    uint32_t at;
    const uint32_t limit = op->limit == 0 ? 1000 : op->limit;
    for (find(op->from, &at); at < row_count; at++) {
        const kv_bytes key = bytes_of(&rows[at].key);
        if (op->to.size > 0 && compare(key, op->to) >= 0) {
            break;
        }
        if (result->count == limit) {
            result->more = true;
            break;
        }
        add_row(result, key, true, bytes_of(&rows[at].value));
    }
    return KV_OK;
}

/* ---- Placement ---- */

/* Where all keys are that were not placed elsewhere. */
#define HOME 1

static void add_place(kv_result *result, kv_status status, uint32_t partition)
{
    result->places =
        kv_realloc(result->places, (result->place_count + 1) * sizeof(*result->places));
    result->places[result->place_count++] =
        (kv_place){.status = status,
                   .partition = status == KV_OK && partition == 0 ? HOME : partition,
                   .version = partition == 0 ? 0 : 77};
}

static kv_status place_one(const kv_op *op, kv_bytes key, kv_result *result)
{
    uint32_t at;
    const bool found = find(key, &at);
    if (op->partition > fake.partitions) {
        return KV_INVALID;
    }
    if (op->code == KV_OP_WHERE) {
        add_place(result, KV_OK, found ? rows[at].partition : 0);
        return KV_OK;
    }
    if (found == (op->code == KV_OP_CREATE)) {
        add_place(result, found ? KV_EXISTS : KV_NOT_FOUND, 0);
        return found ? KV_EXISTS : KV_NOT_FOUND;
    }
    if (op->code == KV_OP_DELETE) {
        add_place(result, KV_OK, 0);
        kv_buffer_close(&rows[at].key);
        kv_buffer_close(&rows[at].value);
        row_count--;
        memmove(&rows[at], &rows[at + 1], (row_count - at) * sizeof(rows[0]));
        return KV_OK;
    }
    if (op->code == KV_OP_CREATE) {
        set(key, op->value);
        find(key, &at);
    }
    rows[at].partition = op->least_loaded ? 2 : op->partition == HOME ? 0 : op->partition;
    add_place(result, KV_OK, rows[at].partition);
    return KV_OK;
}

static kv_status place(const kv_op *op, kv_result *result)
{
    kv_status status = op->count == 0 ? place_one(op, op->key, result) : KV_OK;
    for (uint32_t i = 0; i < op->count; i++) {
        const kv_status one = place_one(op, op->keys[i], result);
        status = status == KV_OK ? one : status;
    }
    return status;
}

static void add_text(kv_result *result, const char *key, const char *value)
{
    add_row(result, kv_bytes_of(key, strlen(key)), true, kv_bytes_of(value, strlen(value)));
}

static kv_status count_placed(kv_result *result)
{
    for (uint32_t p = 1; p <= fake.partitions; p++) {
        char number[16], count[16];
        uint32_t placed = 0;
        for (uint32_t i = 0; i < row_count; i++) {
            placed += rows[i].partition == p ? 1 : 0;
        }
        snprintf(number, sizeof(number), "%u", p);
        snprintf(count, sizeof(count), "%u", placed);
        add_text(result, number, count);
    }
    return KV_OK;
}

static kv_status tell_history(const kv_op *op, kv_result *result)
{
    static const char *const changes[] = {"delete 2", "move 1 2", "create 1"};
    const uint32_t limit = op->limit == 0 ? 1000 : op->limit;
    for (uint32_t i = 0; i < 3 && i < limit; i++) {
        add_text(result, "k", changes[i]);
        add_place(result, KV_OK, 2);
    }
    result->more = limit < 3;
    return KV_OK;
}

/* ---- Transactions ---- */

static kv_status execute(const kv_op *op, kv_result *result);

static bool holds(const kv_step *guard)
{
    uint32_t at;
    const bool found = find(guard->key, &at);
    const bool equal = found && compare(bytes_of(&rows[at].value), guard->value) == 0;
    return guard->code == KV_GUARD_EXISTS   ? found
           : guard->code == KV_GUARD_ABSENT ? !found
           : guard->code == KV_GUARD_EQ     ? equal
                                            : !equal;
}

static kv_status run_step(const kv_step *step, kv_result *result)
{
    static const kv_op_code codes[] = {[KV_STEP_GET] = KV_OP_GET,
                                       [KV_STEP_PUT] = KV_OP_PUT,
                                       [KV_STEP_PUT_IF_ABSENT] = KV_OP_PUT_IF_ABSENT,
                                       [KV_STEP_DELETE] = KV_OP_DELETE,
                                       [KV_STEP_CAS] = KV_OP_CAS,
                                       [KV_STEP_INCR] = KV_OP_INCR,
                                       [KV_STEP_APPEND] = KV_OP_APPEND};
    const kv_op op = {.code = codes[step->code],
                      .key = step->key,
                      .value = step->value,
                      .expect = step->expect,
                      .number = step->number};
    kv_result one = {0};
    const kv_status status = execute(&op, &one);
    char sum[32];
    snprintf(sum, sizeof(sum), "%" PRId64, one.number);
    const bool get = step->code == KV_STEP_GET && status == KV_OK;
    add_row(result, step->key, get || step->code == KV_STEP_INCR,
            get ? bytes_of(&one.rows[0].value) : kv_bytes_of(sum, strlen(sum)));
    for (uint32_t i = 0; i < one.count; i++) {
        kv_buffer_close(&one.rows[i].key);
        kv_buffer_close(&one.rows[i].value);
    }
    kv_free(one.rows);
    kv_free(one.places);
    return status == KV_NOT_FOUND && (step->code == KV_STEP_GET || step->code == KV_STEP_DELETE)
               ? KV_OK
               : status;
}

/* Without undoing the steps before one that fails: it is only a fake. */
static kv_status run_txn(const kv_op *op, kv_result *result)
{
    kv_status status = KV_OK;
    result->number = 1;
    for (uint32_t i = 0; i < op->guard_count; i++) {
        result->number = result->number != 0 && holds(&op->guards[i]) ? 1 : 0;
    }
    const kv_step *steps = result->number != 0 ? op->steps : op->otherwise;
    const uint32_t count = result->number != 0 ? op->step_count : op->otherwise_count;
    for (uint32_t i = 0; i < count && status == KV_OK; i++) {
        status = run_step(&steps[i], result);
    }
    return status;
}

static kv_status execute(const kv_op *op, kv_result *result)
{
    uint32_t at;
    switch (op->code) {
    case KV_OP_GET:
        if (!find(op->key, &at)) {
            return KV_NOT_FOUND;
        }
        add_row(result, op->key, true, bytes_of(&rows[at].value));
        return KV_OK;
    case KV_OP_MGET:
        for (uint32_t i = 0; i < op->count; i++) {
            const bool found = find(op->keys[i], &at);
            add_row(result, op->keys[i], found, found ? bytes_of(&rows[at].value) : op->keys[i]);
        }
        return KV_OK;
    case KV_OP_MPUT:
        for (uint32_t i = 0; i < op->count; i++) {
            set(op->keys[i], op->values[i]);
        }
        return KV_OK;
    case KV_OP_SCAN:
        return scan(op, result);
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_CAS:
    case KV_OP_INCR:
    case KV_OP_APPEND:
        return write_one(op, result);
    case KV_OP_TXN:
        return run_txn(op, result);
    case KV_OP_DELETE:
    case KV_OP_CREATE:
    case KV_OP_MOVE:
    case KV_OP_WHERE:
        return place(op, result);
    case KV_OP_PARTITIONS:
        return count_placed(result);
    case KV_OP_HISTORY:
        return tell_history(op, result);
    case KV_OP_MARK:
    case KV_OP_SESSION:
    case KV_OP_SESSIONS:
    case KV_OP_CLIENT_END:
    case KV_OP_LOCK:
    case KV_OP_UNLOCK:
    case KV_OP_KEEPALIVE:
    case KV_OP_LOCKS:
        return KV_OK;
    }
    return KV_INVALID;
}

/* ---- Submitting and completing ---- */

kv_status kv_submit(kv_client *client, const kv_op *op, kv_done done, void *context)
{
    const uint32_t most = fake.outstanding_max == 0 ? PENDING_MAX : fake.outstanding_max;
    fake.stale_seen = op->stale_ok;
    fake.policy_seen = op->policy;
    fake.partition_seen = op->partition;
    fake.submissions++;
    if (op->partition > fake.partitions && fake.partitions_known) {
        return KV_INVALID;
    }
    if (op->key.size > 480) {
        return KV_TOO_LARGE;
    }
    if (client->pending_count >= most) {
        return KV_BUSY;
    }
    if (fake.busy > 0 && client->pending_count > 0) {
        fake.busy--;
        return KV_BUSY;
    }
    struct pending *pending = &client->pending[client->pending_count++];
    const bool write = op->code != KV_OP_GET && op->code != KV_OP_MGET && op->code != KV_OP_SCAN &&
                       op->code < KV_OP_WHERE;
    *pending = (struct pending){.done = done, .context = context, .write = write};
    if (op->code == KV_OP_MOVE && fake.status_of_move != KV_OK) {
        fake.next_status = fake.status_of_move;
        fake.status_of_move = KV_OK;
    }
    if (fake.next_status != KV_OK) {
        pending->status = fake.next_status;
        fake.next_status = KV_OK;
    } else if (op->partition > fake.partitions) {
        pending->status = KV_REFUSED; /* and the client has learnt how many there are */
        fake.partitions_known = true;
    } else {
        pending->result = kv_alloc_zero(1, sizeof(*pending->result));
        pending->result->references = 1;
        pending->status = execute(op, pending->result);
        write_count += write ? 1 : 0;
        pending->result->index = write_count;
        pending->result->timestamp = write ? 9007199254740993 + write_count : 0;
    }
    if (client->pending_count > fake.outstanding_seen) {
        fake.outstanding_seen = client->pending_count;
    }
    return KV_OK;
}

int kv_client_run(kv_client *client, int timeout_ms)
{
    (void)timeout_ms;
    static uint32_t before;
    const bool growing = client->pending_count > before;
    before = client->pending_count;
    if (client->pending_count < fake.hold && growing) {
        return 0;
    }
    before = 0;
    int completed = 0;
    for (; client->pending_count > 0; completed++) {
        const struct pending first = client->pending[0];
        client->pending_count--;
        memmove(&client->pending[0], &client->pending[1],
                client->pending_count * sizeof(client->pending[0]));
        first.done(first.context, first.status, first.result);
        kv_result_free(first.result);
    }
    return completed;
}

uint32_t kv_client_outstanding(const kv_client *client)
{
    return client->pending_count;
}

int kv_client_fd(kv_client *client)
{
    return client->descriptor;
}

int kv_client_timeout_ms(const kv_client *client)
{
    return client->pending_count > 0 ? 1 : -1;
}

/* ---- Results ---- */

uint32_t kv_result_count(const kv_result *result)
{
    return result == NULL ? 0 : result->count;
}

uint32_t kv_result_places(const kv_result *result)
{
    return result == NULL ? 0 : result->place_count;
}

kv_place kv_result_place(const kv_result *result, uint32_t i)
{
    return i < kv_result_places(result) ? result->places[i] : (kv_place){.status = KV_INVALID};
}

uint32_t kv_result_partitions(const kv_result *result)
{
    (void)result;
    return 1;
}

bool kv_result_via_oracle(const kv_result *result)
{
    (void)result;
    return false;
}

const char *kv_client_stats_json(kv_client *client)
{
    (void)client;
    return "{\"submitted\":0}";
}

bool kv_result_present(const kv_result *result, uint32_t row)
{
    return row < kv_result_count(result) && result->rows[row].present;
}

kv_bytes kv_result_key(const kv_result *result, uint32_t row)
{
    return bytes_of(&result->rows[row].key);
}

kv_bytes kv_result_value(const kv_result *result, uint32_t row)
{
    return bytes_of(&result->rows[row].value);
}

int64_t kv_result_number(const kv_result *result)
{
    return result->number;
}
bool kv_result_more(const kv_result *result)
{
    return result->more;
}

uint32_t kv_result_group(const kv_result *result)
{
    (void)result;
    return 1;
}

uint64_t kv_result_index(const kv_result *result)
{
    return result->index;
}
uint64_t kv_result_timestamp(const kv_result *result)
{
    return result->timestamp;
}

uint32_t kv_result_attempts(const kv_result *result)
{
    (void)result;
    return 1;
}

kv_result *kv_result_keep(kv_result *result)
{
    result->references++;
    return result;
}

void kv_result_free(kv_result *result)
{
    if (result == NULL || --result->references > 0) {
        return;
    }
    for (uint32_t i = 0; i < result->count; i++) {
        kv_buffer_close(&result->rows[i].key);
        kv_buffer_close(&result->rows[i].value);
    }
    kv_free(result->rows);
    kv_free(result->places);
    kv_free(result);
}

/* ---- The cluster ---- */

kv_status kv_cluster_status_get(kv_client *client, uint64_t timeout_ms, kv_cluster_status **ret)
{
    (void)client;
    (void)timeout_ms;
    *ret = NULL;
    if (fake.cluster_status != KV_OK) {
        return fake.cluster_status;
    }
    *ret = kv_alloc_zero(1, sizeof(**ret));
    return KV_OK;
}

const char *kv_cluster_status_name(const kv_cluster_status *status)
{
    (void)status;
    return "demo";
}

uint32_t kv_cluster_status_partitions(const kv_cluster_status *status)
{
    (void)status;
    return fake.partitions;
}

uint32_t kv_cluster_status_nodes(const kv_cluster_status *status)
{
    (void)status;
    return fake.node_count;
}

kv_node_status kv_cluster_status_node(const kv_cluster_status *status, uint32_t i)
{
    (void)status;
    return fake.nodes[i];
}

uint32_t kv_cluster_status_members(const kv_cluster_status *status)
{
    (void)status;
    return fake.member_count;
}

kv_member_status kv_cluster_status_member(const kv_cluster_status *status, uint32_t i)
{
    (void)status;
    return fake.members[i];
}

void kv_cluster_status_free(kv_cluster_status *status)
{
    kv_free(status);
}

kv_status kv_set_workers(kv_client *client, uint32_t node, uint32_t workers, uint64_t timeout_ms)
{
    (void)client;
    (void)timeout_ms;
    for (uint32_t i = 0; i < fake.node_count; i++) {
        if (node == 0 || fake.nodes[i].node == node) {
            fake.nodes[i].workers_automatic = workers == KV_WORKERS_AUTOMATIC;
            fake.nodes[i].workers = workers == KV_WORKERS_AUTOMATIC ? 0 : workers;
        }
    }
    return KV_OK;
}

kv_status kv_checkpoint(kv_client *client, uint32_t node, uint64_t timeout_ms)
{
    (void)client;
    (void)timeout_ms;
    return node > 3 ? KV_UNAVAILABLE : KV_OK;
}

kv_status kv_transfer_leader(kv_client *client, uint32_t group, uint32_t node, uint64_t timeout_ms)
{
    (void)client;
    (void)timeout_ms;
    fake.transfer_group = group;
    fake.transfer_node = node;
    for (uint32_t i = 0; i < fake.member_count; i++) {
        if (fake.members[i].group == group) {
            fake.members[i].role = fake.members[i].node == node ? "leader" : "follower";
        }
    }
    return KV_OK;
}
