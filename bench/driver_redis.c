/* SPDX-License-Identifier: Apache-2.0 */
/* Redis as a driver, with hiredis: GET, SET, MGET and MSET.
 *
 * 1. As redis-benchmark does without -P: a connection has one command in flight. As many are opened as there are commands at a time,
 *    and they stay. Several endpoints (replicas) are not used: all go to the first.
 * 2. hiredis packs and parses; sockets are non-blocking and watched by one epoll.
 * 3. A connection that fails answers IN_DOUBT, and its command is not sent again. */
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/driver.h"
#include "bench/options.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

#define EVENTS_MAX 256

#define HOST_BYTES 256

struct connection {
    struct pool *pool;
    redisContext *redis; /* NULL: not open */
    bool wants_write;    /* epoll knows that the command is not out yet */
    bool busy;
    kv_op_code code;
    uint32_t keys;
    bench_done done;
    void *context;
    struct connection *next; /* free ones */
};

struct pool {
    char host[HOST_BYTES];
    int port;
    uint64_t timeout_ms;
    int epoll;
    uint32_t busy;
    struct connection *free;
    struct connection connections[BENCH_OUTSTANDING_MAX];
};

static bool parse_endpoint(const char *endpoints, struct pool *pool)
{
    char text[HOST_BYTES];
    char *end;

    snprintf(text, sizeof text, "%.*s", (int)strcspn(endpoints, ","), endpoints);
    end = strrchr(text, ':');
    if (end == NULL) {
        return false;
    }
    *end = '\0';
    snprintf(pool->host, sizeof pool->host, "%s", text);
    pool->port = atoi(end + 1);
    return pool->port > 0 && pool->port < 65536;
}

static bool set_nonblocking(int socket)
{
    const int flags = fcntl(socket, F_GETFL);

    return flags >= 0 && fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

static bool watch(struct connection *connection, int operation, bool writes)
{
    struct epoll_event event = {.events = EPOLLIN | (writes ? (uint32_t)EPOLLOUT : 0u),
                                .data.ptr = connection};

    connection->wants_write = writes;
    return epoll_ctl(connection->pool->epoll, operation, connection->redis->fd, &event) == 0;
}

static void close_connection(struct connection *connection)
{
    if (connection->redis != NULL) {
        redisFree(connection->redis); /* closes the socket, so epoll forgets it */
        connection->redis = NULL;
    }
}

static bool open_connection(struct connection *connection)
{
    struct pool *pool = connection->pool;
    const struct timeval timeout = {.tv_sec = (time_t)(pool->timeout_ms / 1000),
                                    .tv_usec = (suseconds_t)(pool->timeout_ms % 1000) * 1000};

    if (connection->redis != NULL) {
        return true;
    }
    /* Connecting blocks; everything after it does not. */
    connection->redis = redisConnectWithTimeout(pool->host, pool->port, timeout);
    if (connection->redis == NULL || connection->redis->err != 0) {
        close_connection(connection);
        return false;
    }
    connection->redis->flags &= ~REDIS_BLOCK;
    if (set_nonblocking(connection->redis->fd) && watch(connection, EPOLL_CTL_ADD, false)) {
        return true;
    }
    close_connection(connection);
    return false;
}

static void pool_close(void **connection)
{
    struct pool *pool = *connection;

    if (pool == NULL) {
        return;
    }
    for (uint32_t i = 0; i < BENCH_OUTSTANDING_MAX; i++) {
        close_connection(&pool->connections[i]);
    }
    if (pool->epoll >= 0) {
        close(pool->epoll);
    }
    kv_free(pool);
    *connection = NULL;
}

static kv_status pool_open(const struct bench_target *target, void **ret)
{
    struct pool *pool = kv_alloc_zero(1, sizeof *pool);

    *ret = pool;
    pool->timeout_ms = target->timeout_ms;
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = BENCH_OUTSTANDING_MAX; i-- > 0;) {
        pool->connections[i] = (struct connection){.pool = pool, .next = pool->free};
        pool->free = &pool->connections[i];
    }
    if (pool->epoll < 0 || !parse_endpoint(target->endpoints, pool)) {
        pool_close(ret);
        return KV_INVALID;
    }
    return KV_OK;
}

static kv_status pool_connect(void *connection)
{
    struct pool *pool = connection;

    return open_connection(pool->free) ? KV_OK : KV_UNAVAILABLE;
}

/* Pack a command. False: there is no such one. */
static bool append(struct connection *connection, const kv_op *op)
{
    const char *words[2 * BENCH_KEYS_MAX + 1];
    size_t sizes[2 * BENCH_KEYS_MAX + 1];
    const bool several = op->code == KV_OP_MGET || op->code == KV_OP_MPUT;
    const bool puts = op->code == KV_OP_PUT || op->code == KV_OP_MPUT;
    int count = 1;

    if (op->code != KV_OP_GET && op->code != KV_OP_PUT && !several) {
        return false;
    }
    words[0] = puts ? (several ? "MSET" : "SET") : (several ? "MGET" : "GET");
    sizes[0] = strlen(words[0]);
    connection->keys = several ? op->count : 1;
    KV_ASSERT(connection->keys <= BENCH_KEYS_MAX);
    for (uint32_t i = 0; i < connection->keys; i++) {
        const kv_bytes key = several ? op->keys[i] : op->key;
        const kv_bytes value = several && puts ? op->values[i] : op->value;

        words[count] = key.data;
        sizes[count++] = key.size;
        if (puts) {
            words[count] = value.data;
            sizes[count++] = value.size;
        }
    }
    return redisAppendCommandArgv(connection->redis, count, words, sizes) == REDIS_OK;
}

/* Send what is packed. False: the connection has failed. */
static bool send_out(struct connection *connection)
{
    int done = 0;

    if (redisBufferWrite(connection->redis, &done) != REDIS_OK) {
        return false;
    }
    return (done == 0) == connection->wants_write || watch(connection, EPOLL_CTL_MOD, done == 0);
}

static kv_status submit(void *opaque, const kv_op *op, bench_done done, void *context)
{
    struct pool *pool = opaque;
    struct connection *connection = pool->free;

    if (connection == NULL) {
        return KV_BUSY;
    }
    if (!open_connection(connection)) {
        return KV_UNAVAILABLE;
    }
    if (!append(connection, op)) {
        return KV_REFUSED;
    }
    if (!send_out(connection)) {
        close_connection(connection);
        return KV_NETWORK;
    }
    pool->free = connection->next;
    pool->busy++;
    connection->busy = true;
    connection->code = op->code;
    connection->done = done;
    connection->context = context;
    return KV_OK;
}

static bool get_row(const void *source, uint32_t row, kv_bytes *ret_key, kv_bytes *ret_value)
{
    const redisReply *reply = source;

    if (reply->type == REDIS_REPLY_ARRAY) {
        reply = reply->element[row];
    }
    *ret_key = kv_bytes_of(NULL, 0);
    *ret_value =
        kv_bytes_of(reply->str, reply->type == REDIS_REPLY_STRING ? (size_t)reply->len : 0);
    return reply->type == REDIS_REPLY_STRING;
}

static kv_status status_of(const struct connection *connection, const redisReply *reply)
{
    const bool puts = connection->code == KV_OP_PUT || connection->code == KV_OP_MPUT;

    if (reply == NULL) {
        return KV_IN_DOUBT;
    }
    if (puts) {
        return reply->type == REDIS_REPLY_STATUS ? KV_OK : KV_REFUSED;
    }
    if (reply->type == REDIS_REPLY_NIL) {
        return KV_NOT_FOUND;
    }
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_ARRAY ? KV_OK
                                                                                 : KV_REFUSED;
}

/* The command has ended, with a reply or (NULL) with its connection. */
static void complete(struct connection *connection, redisReply *reply)
{
    struct pool *pool = connection->pool;
    const kv_status status = status_of(connection, reply);
    const bool has_rows = reply != NULL && reply->type != REDIS_REPLY_STATUS;
    const struct bench_rows rows = {.count = !has_rows ? 0
                                             : reply->type == REDIS_REPLY_ARRAY
                                                 ? (uint32_t)reply->elements
                                                 : 1,
                                    .source = reply,
                                    .get = get_row};

    connection->busy = false;
    connection->next = pool->free;
    pool->free = connection;
    pool->busy--;
    connection->done(connection->context, status, &rows);
    if (reply != NULL) {
        freeReplyObject(reply);
    }
}

static bool read_in(struct connection *connection)
{
    void *reply = NULL;

    if (redisBufferRead(connection->redis) != REDIS_OK ||
        redisGetReplyFromReader(connection->redis, &reply) != REDIS_OK) {
        return false;
    }
    if (reply != NULL && connection->busy) {
        complete(connection, reply);
    } else if (reply != NULL) {
        freeReplyObject(reply);
    }
    return true;
}

static void run(void *opaque, uint64_t timeout_us)
{
    struct pool *pool = opaque;
    struct epoll_event events[EVENTS_MAX];
    const struct timespec timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                                     .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    const int count = epoll_pwait2(pool->epoll, events, EVENTS_MAX, &timeout, NULL);

    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        bool good = connection->redis != NULL;

        if (good && (events[i].events & EPOLLOUT) != 0) {
            good = send_out(connection);
        }
        if (good && (events[i].events & (uint32_t)~EPOLLOUT) != 0) {
            good = read_in(connection);
        }
        if (!good) {
            close_connection(connection);
            if (connection->busy) {
                complete(connection, NULL);
            }
        }
    }
}

static uint32_t partition_of(const void *connection, kv_bytes key)
{
    (void)connection;
    (void)key;
    return 0;
}

const struct bench_driver bench_driver_redis = {.name = "redis",
                                                .open = pool_open,
                                                .close = pool_close,
                                                .connect = pool_connect,
                                                .submit = submit,
                                                .run = run,
                                                .partition_of = partition_of};
