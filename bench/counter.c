/* SPDX-License-Identifier: Apache-2.0 */
/* kvbench counter: virtual clients count counters, one or two at a time. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/counter_check.h"
#include "bench/service.h"
#include "multicast/base/bytes.h"

enum { COUNT, COUNT_TWO };

static const char *const op_names[] = {[COUNT] = "count", [COUNT_TWO] = "count two", NULL};

/* What a virtual client counts. */
struct asked {
    uint32_t counters[2];
    int64_t floors[2];
};

struct counters {
    char (*names)[SERVICE_PREFIX_BYTES_MAX + 8];
    kv_bytes *keys;
    struct counter_check *checks;
    struct asked *asked; /* by player */
};

static kv_status open_counters(struct service *service)
{
    const uint32_t count = service->settings->counters;
    struct counters *data = kv_alloc_zero(1, sizeof *data);
    kv_bytes *values = kv_alloc_zero(count, sizeof *values);
    kv_op op = {.code = KV_OP_MPUT, .values = values, .count = count};
    kv_status status;

    service->data = data;
    data->names = kv_alloc_zero(count, sizeof *data->names);
    data->keys = kv_alloc_zero(count, sizeof *data->keys);
    data->checks = kv_alloc_zero(count, sizeof *data->checks);
    data->asked = kv_alloc_zero(service->settings->clients, sizeof *data->asked);
    for (uint32_t i = 0; i < count; i++) {
        const int size =
            snprintf(data->names[i], sizeof data->names[i], "%s%u", service->settings->prefix, i);

        data->keys[i] = kv_bytes_of(data->names[i], (size_t)size);
        values[i] = kv_bytes_of("0", 1);
    }
    op.keys = data->keys;
    status = service_insist(service, &op, NULL);
    kv_free(values);
    return status;
}

static void close_counters(struct service *service)
{
    struct counters *data = service->data;

    if (data == NULL) {
        return;
    }
    for (uint32_t i = 0; i < service->settings->counters; i++) {
        counter_check_close(&data->checks[i]);
    }
    kv_free(data->names);
    kv_free(data->keys);
    kv_free(data->checks);
    kv_free(data->asked);
    kv_free(data);
    service->data = NULL;
}

static kv_status begin(struct service_player *player)
{
    struct service *service = player->service;
    struct counters *data = service->data;
    struct asked *asked = &data->asked[player->number];
    const uint32_t count = service->settings->counters;
    kv_step steps[2];
    kv_op op = {.code = KV_OP_INCR, .number = 1};

    player->op =
        kv_prng_unit(&service->prng) * 100 < service->settings->multi_percent ? COUNT_TWO : COUNT;
    asked->counters[0] = (uint32_t)kv_prng_below(&service->prng, count);
    asked->counters[1] =
        (asked->counters[0] + 1 + (uint32_t)kv_prng_below(&service->prng, count - 1)) % count;
    for (uint32_t i = 0; i < 2; i++) {
        asked->floors[i] = data->checks[asked->counters[i]].highest;
        steps[i] = kv_step_number(KV_STEP_INCR, data->keys[asked->counters[i]], 1);
    }
    op.key = data->keys[asked->counters[0]];
    if (player->op == COUNT_TWO) {
        op = (kv_op){.code = KV_OP_TXN, .steps = steps, .step_count = 2};
    }
    return kv_submit(service->client, &op, service_on_done, player);
}

/* A decimal number of 64 bits; false: it is none. */
static bool read_number(kv_bytes text, int64_t *ret)
{
    char copy[24], *end = NULL;

    if (text.size == 0 || text.size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret = strtoll(copy, &end, 10);
    return *end == '\0';
}

static bool sum_of(const struct service_player *player, const kv_result *result, uint32_t i,
                   int64_t *ret)
{
    if (player->op == COUNT) {
        *ret = kv_result_number(result);
        return true;
    }
    return kv_result_count(result) == 2 && read_number(kv_result_value(result, i), ret);
}

static enum bench_outcome judge(struct service_player *player, kv_status status, kv_result *result)
{
    struct counters *data = player->service->data;
    const struct asked *asked = &data->asked[player->number];
    const uint32_t count = player->op == COUNT ? 1 : 2;

    for (uint32_t i = 0; i < count; i++) {
        struct counter_check *check = &data->checks[asked->counters[i]];
        const char *wrong = NULL;
        int64_t sum = 0;

        if (status != KV_OK) {
            check->in_doubt += kv_status_in_doubt(status);
            continue;
        }
        wrong = sum_of(player, result, i, &sum) ? counter_check_answer(check, asked->floors[i], sum)
                                                : "is no number";
        if (wrong != NULL) {
            service_complain(player->service, "counter %u: a count was told %" PRId64 ", which %s",
                             asked->counters[i], sum, wrong);
            return BENCH_OUTCOME_CORRUPT;
        }
    }
    return bench_outcome_of(status);
}

static kv_status finish(struct service *service)
{
    struct counters *data = service->data;
    const kv_op op = {.code = KV_OP_MGET, .keys = data->keys, .count = service->settings->counters};
    kv_result *result = NULL;
    const kv_status status = service_insist(service, &op, &result);
    uint64_t answered = 0;
    int64_t all = 0;

    if (status != KV_OK) {
        return status;
    }
    for (uint32_t i = 0; i < service->settings->counters; i++) {
        int64_t sum = 0;
        const char *wrong = read_number(kv_result_value(result, i), &sum)
                                ? counter_check_end(&data->checks[i], sum)
                                : "is no number";

        if (wrong != NULL) {
            service_complain(service,
                             "counter %u: it ends with %" PRId64 ", which %s: %" PRIu64
                             " counts were answered, %" PRIu64 " are in doubt",
                             i, sum, wrong, data->checks[i].answered, data->checks[i].in_doubt);
        }
        all += sum;
        answered += data->checks[i].answered;
    }
    kv_result_free(result);
    if (!service->result->wrong) {
        snprintf(service->result->verdict, sizeof service->result->verdict,
                 "exactly once: %" PRIu64 " counts were answered, %" PRIu64
                 " operations are in doubt, the counters say %" PRId64,
                 answered, service->result->in_doubt, all);
    }
    return KV_OK;
}

const struct service_application service_counter = {.op_names = op_names,
                                                    .open = open_counters,
                                                    .close = close_counters,
                                                    .begin = begin,
                                                    .judge = judge,
                                                    .finish = finish};
