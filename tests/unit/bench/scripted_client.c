/* SPDX-License-Identifier: Apache-2.0 */
/* The map is a sorted array; operations in flight are an unsorted one. Both are small. */
#include "tests/unit/bench/scripted_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"
#include "multicast/base/prng.h"

#define KEY_BYTES   48
#define VALUE_BYTES 64 /* kept of each value */
#define ROWS_MAX    128
#define FLIGHT_MAX  2048
#define MAP_MAX     8192
#define CLOCK_STEP  50

struct pair {
    char key[KEY_BYTES];
    uint8_t value[VALUE_BYTES];
    size_t value_size;
};

struct kv_result {
    uint32_t count;
    struct pair rows[ROWS_MAX];
};

struct flight {
    kv_op_code code;
    uint64_t due_us;
    uint32_t limit;
    uint32_t count;
    struct pair *pairs; /* of the keys; one but for MGET and MPUT */
    kv_done done;
    void *context;
};

struct kv_client {
    struct flight flights[FLIGHT_MAX];
    uint32_t count;
    struct kv_prng prng;
};

struct kv_cluster_status {
    uint32_t reading;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct script script;
static struct script_seen seen;
static _Atomic uint64_t clock_us; /* a benchmark looks at it while its worker moves it on */
static struct pair *map;

struct script *script_begin(void)
{
    script = (struct script){.latency_us = 500, .seed = 1};
    seen = (struct script_seen){.scan_rows_min = UINT32_MAX};
    clock_us = 1000000;
    map = kv_alloc_zero(MAP_MAX, sizeof *map);
    return &script;
}

void script_end(void)
{
    kv_free(map);
    map = NULL;
}

const struct script_seen *script_seen(void)
{
    return &seen;
}

/* Where a key is, or where it belongs. */
static uint64_t place_of(const char *key)
{
    uint64_t low = 0, high = seen.keys;

    while (low < high) {
        uint64_t middle = (low + high) / 2;

        if (strcmp(map[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct pair *find(const char *key)
{
    uint64_t place = place_of(key);

    return place < seen.keys && strcmp(map[place].key, key) == 0 ? &map[place] : NULL;
}

static void put(const struct pair *pair)
{
    uint64_t place = place_of(pair->key);

    if (place == seen.keys || strcmp(map[place].key, pair->key) != 0) {
        KV_ASSERT(seen.keys < MAP_MAX);
        memmove(&map[place + 1], &map[place], (seen.keys - place) * sizeof *map);
        seen.keys++;
    }
    map[place] = *pair;
}

bool script_has(const char *key, size_t *ret_size)
{
    struct pair *pair = find(key);

    *ret_size = pair == NULL ? 0 : pair->value_size;
    return pair != NULL;
}

uint64_t kv_now_us(void)
{
    struct timespec now;

    if (!script.real_clock) {
        return clock_us;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

kv_status kv_client_open(const char *endpoints, const kv_client_options *options, kv_client **ret)
{
    KV_ASSERT(endpoints != NULL && options->struct_size == sizeof *options);
    *ret = NULL;
    if (script.open_status != KV_OK) {
        return script.open_status;
    }
    *ret = kv_alloc_zero(1, sizeof **ret);
    kv_prng_init(&(*ret)->prng, script.seed);
    return KV_OK;
}

void kv_client_close(kv_client **client)
{
    KV_ASSERT(*client == NULL || (*client)->count == 0);
    kv_free(*client);
    *client = NULL;
}

const char *kv_client_error(const kv_client *client)
{
    (void)client;
    return "";
}

const char *kv_status_text(kv_status status)
{
    return status == KV_OK ? "ok" : "not ok";
}

static void copy_key(kv_bytes key, char ret[KEY_BYTES])
{
    KV_ASSERT(key.size < KEY_BYTES);
    memcpy(ret, key.data, key.size);
    ret[key.size] = '\0';
}

static void note(const kv_op *op)
{
    seen.submits++;
    seen.gets += op->code == KV_OP_GET;
    seen.puts += op->code == KV_OP_PUT;
    seen.scans += op->code == KV_OP_SCAN;
    seen.mgets += op->code == KV_OP_MGET;
    seen.mputs += op->code == KV_OP_MPUT;
    seen.outstanding++;
    if (seen.outstanding > seen.outstanding_max) {
        seen.outstanding_max = seen.outstanding;
    }
    if (op->code == KV_OP_SCAN) {
        seen.scan_rows_min = op->limit < seen.scan_rows_min ? op->limit : seen.scan_rows_min;
        seen.scan_rows_max = op->limit > seen.scan_rows_max ? op->limit : seen.scan_rows_max;
    }
    if (script.on_submit != NULL) {
        script.on_submit(op);
    }
}

static void copy_pairs(struct flight *flight, const kv_op *op)
{
    bool several = op->code == KV_OP_MGET || op->code == KV_OP_MPUT;

    flight->count = several ? op->count : 1;
    flight->pairs = kv_alloc_zero(flight->count, sizeof *flight->pairs);
    for (uint32_t i = 0; i < flight->count; i++) {
        kv_bytes key = several ? op->keys[i] : op->code == KV_OP_SCAN ? op->from : op->key;
        kv_bytes value = op->code == KV_OP_MPUT ? op->values[i] : op->value;
        struct pair *pair = &flight->pairs[i];

        copy_key(key, pair->key);
        if (op->code == KV_OP_PUT || op->code == KV_OP_MPUT) {
            pair->value_size = value.size;
            memcpy(pair->value, value.data, value.size < VALUE_BYTES ? value.size : VALUE_BYTES);
        }
    }
}

kv_status kv_submit(kv_client *client, const kv_op *op, kv_done done, void *context)
{
    struct flight *flight = &client->flights[client->count];
    uint64_t jitter;

    pthread_mutex_lock(&mutex);
    if (script.submit_failures > 0) {
        script.submit_failures--;
        pthread_mutex_unlock(&mutex);
        return script.submit_status;
    }
    KV_ASSERT(client->count < FLIGHT_MAX);
    note(op);
    pthread_mutex_unlock(&mutex);

    jitter = script.jitter_us > 0 ? kv_prng_below(&client->prng, script.jitter_us) : 0;
    *flight = (struct flight){.code = op->code,
                              .due_us = kv_now_us() + script.latency_us + jitter,
                              .limit = op->limit,
                              .done = done,
                              .context = context};
    copy_pairs(flight, op);
    client->count++;
    return KV_OK;
}

static void scan(const struct flight *flight, struct kv_result *ret)
{
    uint64_t place = place_of(flight->pairs[0].key);

    while (place < seen.keys && ret->count < flight->limit) {
        ret->rows[ret->count++] = map[place++];
    }
    if (script.reverses_scans && ret->count > 1) {
        struct pair first = ret->rows[0];

        ret->rows[0] = ret->rows[ret->count - 1];
        ret->rows[ret->count - 1] = first;
    }
}

static kv_status execute(const struct flight *flight, struct kv_result *ret)
{
    struct pair *pair;

    if (script.done_failures > 0 && (script.done_code == 0 || script.done_code == flight->code)) {
        script.done_failures--;
        return script.done_status;
    }
    if (flight->code == KV_OP_PUT || flight->code == KV_OP_MPUT) {
        for (uint32_t i = 0; i < flight->count; i++) {
            put(&flight->pairs[i]);
        }
        return KV_OK;
    }
    if (flight->code == KV_OP_SCAN) {
        scan(flight, ret);
        return KV_OK;
    }
    for (uint32_t i = 0; i < flight->count; i++) {
        pair = find(flight->pairs[i].key);
        if (pair == NULL) {
            return KV_NOT_FOUND;
        }
        ret->rows[ret->count++] = script.swaps_values ? map[pair == map ? 1 : 0] : *pair;
    }
    return KV_OK;
}

/* Complete what is due. */
static int complete(kv_client *client)
{
    uint64_t now = kv_now_us();
    int completed = 0;

    for (uint32_t i = 0; i < client->count;) {
        struct flight flight = client->flights[i];
        struct kv_result *result;
        kv_status status;

        if (flight.due_us > now) {
            i++;
            continue;
        }
        client->flights[i] = client->flights[--client->count];
        result = kv_alloc_zero(1, sizeof *result);
        pthread_mutex_lock(&mutex);
        status = execute(&flight, result);
        seen.outstanding--;
        pthread_mutex_unlock(&mutex);
        flight.done(flight.context, status, status == KV_OK ? result : NULL);
        kv_free(result);
        kv_free(flight.pairs);
        completed++;
    }
    return completed;
}

int kv_client_run(kv_client *client, int timeout_ms)
{
    (void)timeout_ms;
    if (!script.real_clock) {
        clock_us += CLOCK_STEP;
    }
    return complete(client);
}

kv_status kv_delete(kv_client *client, kv_bytes key)
{
    (void)client;
    (void)key;
    return script.delete_status == KV_OK ? KV_NOT_FOUND : script.delete_status;
}

/* Nothing to wait for: time passes in kv_client_run. */
int kv_client_fd(kv_client *client)
{
    (void)client;
    return -1;
}

int kv_client_timeout_ms(const kv_client *client)
{
    (void)client;
    return 0;
}

uint32_t kv_client_partition_of(const kv_client *client, kv_bytes key)
{
    (void)client;
    return 1 + ((const uint8_t *)key.data)[key.size - 1] % 2u;
}

bool kv_result_present(const kv_result *result, uint32_t row)
{
    return row < result->count;
}

uint32_t kv_result_count(const kv_result *result)
{
    return result->count;
}

kv_bytes kv_result_key(const kv_result *result, uint32_t row)
{
    return kv_bytes_of(result->rows[row].key, strlen(result->rows[row].key));
}

kv_bytes kv_result_value(const kv_result *result, uint32_t row)
{
    size_t size = result->rows[row].value_size;

    return kv_bytes_of(result->rows[row].value, size < VALUE_BYTES ? size : VALUE_BYTES);
}

kv_status kv_cluster_status_get(kv_client *client, uint64_t timeout_ms, kv_cluster_status **ret)
{
    (void)client;
    (void)timeout_ms;
    *ret = NULL;
    if (script.status_status != KV_OK) {
        return script.status_status;
    }
    *ret = kv_alloc_zero(1, sizeof **ret);
    (*ret)->reading = ++seen.status_reads;
    return KV_OK;
}

const char *kv_cluster_status_name(const kv_cluster_status *status)
{
    (void)status;
    return "scripted";
}

uint32_t kv_cluster_status_partitions(const kv_cluster_status *status)
{
    (void)status;
    return 2;
}

uint32_t kv_cluster_status_nodes(const kv_cluster_status *status)
{
    (void)status;
    return 3;
}

/* Each node syncs ten times and writes a thousand bytes between two readings. */
kv_node_status kv_cluster_status_node(const kv_cluster_status *status, uint32_t i)
{
    uint64_t age = script.restarts_node && i == 1 ? 100 - status->reading : status->reading;

    return (kv_node_status){.node = i + 1,
                            .endpoint = "tcp://127.0.0.1:1",
                            .reachable = true,
                            .uptime_ms = 1000 * age,
                            .log_syncs = 10 * status->reading,
                            .log_bytes = 1000 * status->reading};
}

uint32_t kv_cluster_status_members(const kv_cluster_status *status)
{
    (void)status;
    return 0;
}

kv_member_status kv_cluster_status_member(const kv_cluster_status *status, uint32_t i)
{
    (void)status;
    (void)i;
    return (kv_member_status){0};
}

void kv_cluster_status_free(kv_cluster_status *status)
{
    kv_free(status);
}
