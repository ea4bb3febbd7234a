/* SPDX-License-Identifier: Apache-2.0 */
/* client/lib/kv.h as a driver. */
#include <poll.h>
#include <stddef.h>

#include "bench/driver.h"
#include "multicast/base/bytes.h"

/* Below that the library's own wait, in whole milliseconds, is too coarse for the arrivals of an open loop. */
#define COARSE_US 2000

/* An operation in flight. */
struct flight {
    struct connection *connection;
    bench_done done;
    void *context;
    struct flight *next; /* free ones */
};

struct connection {
    kv_client *client;
    struct flight *free;
    struct flight flights[BENCH_OUTSTANDING_MAX];
};

static void close_connection(void **connection)
{
    struct connection *mine = *connection;

    if (mine != NULL) {
        kv_client_close(&mine->client);
        kv_free(mine);
        *connection = NULL;
    }
}

static kv_status open_connection(const struct bench_target *target, void **ret)
{
    const kv_client_options options = {.struct_size = sizeof options,
                                       .timeout_ms = target->timeout_ms,
                                       .cluster_name = target->cluster};
    struct connection *mine = kv_alloc_zero(1, sizeof *mine);
    kv_status status = kv_client_open(target->endpoints, &options, &mine->client);

    for (size_t i = 0; i < BENCH_OUTSTANDING_MAX; i++) {
        mine->flights[i] = (struct flight){.connection = mine, .next = mine->free};
        mine->free = &mine->flights[i];
    }
    *ret = mine;
    if (status != KV_OK) {
        close_connection(ret);
    }
    return status;
}

static kv_status connect_first(void *connection)
{
    static const char absent[] = "kvbench: a key that nobody writes";
    struct connection *mine = connection;
    kv_status status = kv_delete(mine->client, kv_bytes_of(absent, sizeof absent - 1));

    return status == KV_NOT_FOUND ? KV_OK : status;
}

static bool get_row(const void *source, uint32_t row, kv_bytes *ret_key, kv_bytes *ret_value)
{
    const kv_result *result = source;

    *ret_key = kv_result_key(result, row);
    *ret_value = kv_result_value(result, row);
    return kv_result_present(result, row);
}

static void on_done(void *context, kv_status status, kv_result *result)
{
    struct flight *flight = context;
    const struct bench_rows rows = {
        .count = result == NULL ? 0 : kv_result_count(result), .source = result, .get = get_row};
    const bench_done done = flight->done;
    void *const whose = flight->context;

    /* Free before it is answered: the answer begins the next operation. */
    flight->next = flight->connection->free;
    flight->connection->free = flight;
    done(whose, status, &rows);
}

static kv_status submit(void *connection, const kv_op *op, bench_done done, void *context)
{
    struct connection *mine = connection;
    struct flight *flight = mine->free;
    kv_status status;

    if (flight == NULL) {
        return KV_BUSY;
    }
    flight->done = done;
    flight->context = context;
    status = kv_submit(mine->client, op, on_done, flight);
    if (status == KV_OK) {
        mine->free = flight->next;
    }
    return status;
}

static void run(void *connection, uint64_t timeout_us)
{
    struct connection *mine = connection;

    if (timeout_us < COARSE_US) {
        /* What is ready already shows in the library only: look there first. */
        if (kv_client_run(mine->client, 0) > 0) {
            return;
        }
        if (kv_client_timeout_ms(mine->client) != 0) {
            struct pollfd wait = {.fd = kv_client_fd(mine->client), .events = POLLIN};
            const struct timespec until = {.tv_nsec = (long)timeout_us * 1000};

            (void)ppoll(&wait, 1, &until, NULL);
        }
        timeout_us = 0;
    }
    kv_client_run(mine->client, (int)(timeout_us / 1000));
}

static uint32_t partition_of(const void *connection, kv_bytes key)
{
    const struct connection *mine = connection;

    return kv_client_partition_of(mine->client, key);
}

const struct bench_driver bench_driver_kv = {.name = "kv",
                                             .has_status = true,
                                             .open = open_connection,
                                             .close = close_connection,
                                             .connect = connect_first,
                                             .submit = submit,
                                             .run = run,
                                             .partition_of = partition_of};
