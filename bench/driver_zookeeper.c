/* SPDX-License-Identifier: Apache-2.0 */
/* ZooKeeper as a driver, with the single-threaded C client: a key is a node below /kvbench.
 *
 * 1. A session with each server of the endpoints, used in turn, because a session is served by one server only. Commands of one session
 *    are pipelined.
 * 2. A put is a set, and, if there is no such node, a create. Gets are answered by the session's server from what it has: they may be old, unlike
 *    those of the other systems. MPUT is a multi of sets.
 * 3. A command whose session was lost is answered IN_DOUBT, and not sent again. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#include "bench/driver.h"
#include "bench/options.h"
#include "multicast/base/bytes.h"

#define SESSIONS_MAX 16
#define ROOT         "/kvbench"
#define PATH_BYTES   64

struct session {
    zhandle_t *handle;
    bool connected;
};

struct flight {
    struct connection *connection;
    struct session *session;
    bench_done done;
    void *context;
    char path[PATH_BYTES];
    uint8_t *value; /* of a put, for the create that may follow */
    size_t value_size;
    zoo_op_t *multi;
    zoo_op_result_t *results;
    struct flight *next; /* free ones */
};

struct connection {
    uint64_t timeout_ms;
    struct session sessions[SESSIONS_MAX];
    uint32_t session_count;
    uint32_t turn;
    uint32_t completed;
    struct flight *free;
    struct flight flights[BENCH_OUTSTANDING_MAX];
};

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    struct session *session = context;

    (void)handle;
    (void)path;
    if (type == ZOO_SESSION_EVENT) {
        session->connected = state == ZOO_CONNECTED_STATE;
    }
}

static void close_all(void **connection)
{
    struct connection *mine = *connection;

    if (mine == NULL) {
        return;
    }
    for (uint32_t i = 0; i < mine->session_count; i++) {
        zookeeper_close(mine->sessions[i].handle);
    }
    kv_free(mine);
    *connection = NULL;
}

static kv_status open_all(const struct bench_target *target, void **ret)
{
    struct connection *mine = kv_alloc_zero(1, sizeof *mine);
    const char *next = target->endpoints;

    *ret = mine;
    mine->timeout_ms = target->timeout_ms;
    for (uint32_t i = BENCH_OUTSTANDING_MAX; i-- > 0;) {
        mine->flights[i] = (struct flight){.connection = mine, .next = mine->free};
        mine->free = &mine->flights[i];
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    while (*next != '\0' && mine->session_count < SESSIONS_MAX) {
        struct session *session = &mine->sessions[mine->session_count];
        const size_t size = strcspn(next, ",");
        char endpoint[256];

        snprintf(endpoint, sizeof endpoint, "%.*s", (int)size, next);
        next += size + (next[size] == ',');
        session->handle =
            zookeeper_init(endpoint, on_event, (int)mine->timeout_ms, NULL, session, 0);
        if (session->handle == NULL) {
            close_all(ret);
            return KV_NETWORK;
        }
        mine->session_count++;
    }
    return KV_OK;
}

static void run(void *connection, uint64_t timeout_us)
{
    struct connection *mine = connection;
    struct pollfd polls[SESSIONS_MAX];
    uint64_t wait_us = timeout_us;
    struct timespec timeout;

    for (uint32_t i = 0; i < mine->session_count; i++) {
        struct timeval patience = {0};
        int socket = -1, interest = 0;

        (void)zookeeper_interest(mine->sessions[i].handle, &socket, &interest, &patience);
        polls[i] = (struct pollfd){.fd = socket};
        polls[i].events = (short)(((interest & ZOOKEEPER_READ) != 0 ? POLLIN : 0) |
                                  ((interest & ZOOKEEPER_WRITE) != 0 ? POLLOUT : 0));
        if ((uint64_t)patience.tv_sec * 1000000 + (uint64_t)patience.tv_usec < wait_us) {
            wait_us = (uint64_t)patience.tv_sec * 1000000 + (uint64_t)patience.tv_usec;
        }
    }
    timeout = (struct timespec){.tv_sec = (time_t)(wait_us / 1000000),
                                .tv_nsec = (long)(wait_us % 1000000) * 1000};
    if (ppoll(polls, mine->session_count, &timeout, NULL) < 0) {
        return;
    }
    for (uint32_t i = 0; i < mine->session_count; i++) {
        const int events =
            ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 ? ZOOKEEPER_READ : 0) |
            ((polls[i].revents & POLLOUT) != 0 ? ZOOKEEPER_WRITE : 0);

        (void)zookeeper_process(mine->sessions[i].handle, events);
    }
}

static kv_status status_of(int code)
{
    switch (code) {
    case ZOK:
        return KV_OK;
    case ZNONODE:
        return KV_NOT_FOUND;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZCLOSING:
    case ZSESSIONMOVED:
        return KV_IN_DOUBT;
    default:
        return KV_REFUSED;
    }
}

static void complete(struct flight *flight, kv_status status, const struct bench_rows *rows)
{
    const bench_done done = flight->done;
    void *const context = flight->context;

    kv_free(flight->value);
    kv_free(flight->multi);
    kv_free(flight->results);
    flight->value = NULL;
    flight->multi = NULL;
    flight->results = NULL;
    flight->next = flight->connection->free;
    flight->connection->free = flight;
    flight->connection->completed++;
    done(context, status, rows);
}

static const struct bench_rows no_rows;

static bool get_row(const void *source, uint32_t row, kv_bytes *ret_key, kv_bytes *ret_value)
{
    (void)row;
    *ret_key = kv_bytes_of(NULL, 0);
    *ret_value = *(const kv_bytes *)source;
    return true;
}

static void on_value(int code, const char *value, int size, const struct Stat *stat,
                     const void *context)
{
    struct flight *flight = (struct flight *)context;
    const kv_bytes bytes = kv_bytes_of(value, size > 0 ? (size_t)size : 0);
    const struct bench_rows rows = {.count = code == ZOK, .source = &bytes, .get = get_row};

    (void)stat;
    complete(flight, status_of(code), &rows);
}

static void on_set(int code, const struct Stat *stat, const void *context);

static void on_created(int code, const char *path, const void *context)
{
    struct flight *flight = (struct flight *)context;

    (void)path;
    /* Somebody else has made it meanwhile. */
    if (code == ZNODEEXISTS &&
        zoo_aset(flight->session->handle, flight->path, (const char *)flight->value,
                 (int)flight->value_size, -1, on_set, flight) == ZOK) {
        return;
    }
    complete(flight, status_of(code), &no_rows);
}

static void on_set(int code, const struct Stat *stat, const void *context)
{
    struct flight *flight = (struct flight *)context;

    (void)stat;
    if (code == ZNONODE &&
        zoo_acreate(flight->session->handle, flight->path, (const char *)flight->value,
                    (int)flight->value_size, &ZOO_OPEN_ACL_UNSAFE, 0, on_created, flight) == ZOK) {
        return;
    }
    complete(flight, status_of(code), &no_rows);
}

static void on_multi(int code, const void *context)
{
    complete((struct flight *)context, status_of(code), &no_rows);
}

static void make_path(kv_bytes key, char ret[PATH_BYTES])
{
    snprintf(ret, PATH_BYTES, ROOT "/%.*s", (int)key.size, (const char *)key.data);
}

/* The client library copies what a multi says before it returns. */
static int submit_multi(struct flight *flight, const kv_op *op)
{
    char(*paths)[PATH_BYTES] = kv_alloc_zero(op->count, sizeof *paths);
    int code;

    flight->multi = kv_alloc_zero(op->count, sizeof *flight->multi);
    flight->results = kv_alloc_zero(op->count, sizeof *flight->results);
    for (uint32_t i = 0; i < op->count; i++) {
        make_path(op->keys[i], paths[i]);
        zoo_set_op_init(&flight->multi[i], paths[i], op->values[i].data, (int)op->values[i].size,
                        -1, NULL);
    }
    code = zoo_amulti(flight->session->handle, (int)op->count, flight->multi, flight->results,
                      on_multi, flight);
    kv_free(paths);
    return code;
}

static int submit_put(struct flight *flight, const kv_op *op)
{
    flight->value_size = op->value.size;
    flight->value = kv_alloc(op->value.size + 1);
    if (op->value.size > 0) {
        memcpy(flight->value, op->value.data, op->value.size);
    }
    return zoo_aset(flight->session->handle, flight->path, (const char *)flight->value,
                    (int)flight->value_size, -1, on_set, flight);
}

static kv_status submit(void *connection, const kv_op *op, bench_done done, void *context)
{
    struct connection *mine = connection;
    struct flight *flight = mine->free;
    int code;

    if (op->code != KV_OP_GET && op->code != KV_OP_PUT && op->code != KV_OP_MPUT) {
        return KV_REFUSED;
    }
    if (flight == NULL) {
        return KV_BUSY;
    }
    mine->free = flight->next;
    flight->session = &mine->sessions[mine->turn++ % mine->session_count];
    flight->done = done;
    flight->context = context;
    make_path(op->key, flight->path);
    if (op->code == KV_OP_GET) {
        code = zoo_aget(flight->session->handle, flight->path, 0, on_value, flight);
    } else if (op->code == KV_OP_PUT) {
        code = submit_put(flight, op);
    } else {
        code = submit_multi(flight, op);
    }
    if (code == ZOK) {
        return KV_OK;
    }
    kv_free(flight->value);
    kv_free(flight->multi);
    kv_free(flight->results);
    *flight = (struct flight){.connection = mine, .next = mine->free};
    mine->free = flight;
    return KV_UNAVAILABLE;
}

static void on_root(int code, const char *path, const void *context)
{
    (void)path;
    *(int *)context = code;
}

static bool all_connected(const struct connection *mine)
{
    for (uint32_t i = 0; i < mine->session_count; i++) {
        if (!mine->sessions[i].connected) {
            return false;
        }
    }
    return mine->session_count > 0;
}

/* Wait for the sessions, and make the node below which the keys are. */
static kv_status connect_first(void *connection)
{
    struct connection *mine = connection;
    const uint64_t until = kv_now_us() + mine->timeout_ms * 1000;
    int code = 1; /* no code of theirs */

    while (!all_connected(mine) && kv_now_us() < until) {
        run(mine, 10000);
    }
    if (!all_connected(mine) || zoo_acreate(mine->sessions[0].handle, ROOT, "", 0,
                                            &ZOO_OPEN_ACL_UNSAFE, 0, on_root, &code) != ZOK) {
        return KV_UNAVAILABLE;
    }
    while (code == 1 && kv_now_us() < until) {
        run(mine, 10000);
    }
    return code == ZOK || code == ZNODEEXISTS ? KV_OK : KV_UNAVAILABLE;
}

static uint32_t partition_of(const void *connection, kv_bytes key)
{
    (void)connection;
    (void)key;
    return 0;
}

const struct bench_driver bench_driver_zookeeper = {.name = "zookeeper",
                                                    .open = open_all,
                                                    .close = close_all,
                                                    .connect = connect_first,
                                                    .submit = submit,
                                                    .run = run,
                                                    .partition_of = partition_of};
