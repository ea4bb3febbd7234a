/* SPDX-License-Identifier: Apache-2.0 */
/* The closed loop of an application's virtual clients. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "bench/service.h"
#include "bench/usage.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* Longest stay in the library before the clock is looked at. */
#define TURN_MS 10

/* How long the beginning and the end wait for answers. */
#define INSIST_US         (60 * UINT64_C(1000000))

#define STATUS_TIMEOUT_MS 2000

#define SECOND_US         1000000

void service_complain(struct service *service, const char *format, ...)
{
    va_list arguments;

    if (service->result->wrong) {
        return;
    }
    service->result->wrong = true;
    va_start(arguments, format);
    vsnprintf(service->result->verdict, sizeof service->result->verdict, format, arguments);
    va_end(arguments);
}

kv_status service_insist(struct service *service, const kv_op *op, kv_result **ret)
{
    const uint64_t until = kv_now_us() + INSIST_US;
    kv_status status;

    for (;;) {
        status = kv_execute(service->client, op, ret);
        if (status == KV_OK || status == KV_NOT_FOUND || status == KV_INVALID ||
            status == KV_TOO_LARGE || kv_now_us() >= until) {
            return status;
        }
        if (ret != NULL) {
            kv_result_free(*ret);
        }
    }
}

void service_on_done(void *context, kv_status status, kv_result *result)
{
    struct service_player *player = context;
    struct service *service = player->service;
    struct service_result *all = service->result;
    const uint64_t now = kv_now_us();
    const uint64_t interval_us = bench_interval_seconds(service->settings->seconds) * SECOND_US;
    enum bench_outcome outcome;

    KV_ASSERT(player->busy && player->op < SERVICE_OPS_MAX);
    player->busy = false;
    outcome = service->application->judge(player, status, result);
    bench_series_add(&all->series[player->op], outcome, now - player->begun_us);
    bench_timeline_add(&all->timeline, (now - service->begun_us) / interval_us,
                       outcome != BENCH_OUTCOME_OK, now - player->begun_us);
    all->partitions[player->op] += kv_result_partitions(result);
    all->in_doubt += kv_status_in_doubt(status) ? 1 : 0;
}

static uint32_t count_busy(const struct service *service)
{
    uint32_t busy = 0;

    for (uint32_t i = 0; i < service->settings->clients; i++) {
        busy += service->players[i].busy;
    }
    return busy;
}

static void show_progress(const struct service *service, uint64_t now, uint64_t *last)
{
    uint64_t done = 0, failed = 0;

    for (uint32_t i = 0; i < SERVICE_OPS_MAX; i++) {
        done += service->result->series[i].ok.count;
        failed += service->result->series[i].failed.count;
    }
    fprintf(stderr, "kvbench: %" PRIu64 " s, %" PRIu64 " ops/s, %" PRIu64 " failed\n",
            (now - service->begun_us) / SECOND_US, done - *last, failed);
    *last = done;
}

static void begin_all(struct service *service, uint64_t now)
{
    for (uint32_t i = 0; i < service->settings->clients; i++) {
        struct service_player *player = &service->players[i];

        if (!player->busy) {
            player->begun_us = now;
            player->busy = service->application->begin(player) == KV_OK;
        }
    }
}

static void play(struct service *service, const volatile sig_atomic_t *interrupt)
{
    const struct service_settings *settings = service->settings;
    const uint64_t begun = kv_now_us(), end = begun + settings->seconds * SECOND_US;
    struct bench_faults *faults = NULL;
    uint64_t shown = begun, last = 0, now = begun;
    bool stop = false;

    service->begun_us = begun;
    if (settings->fault_count > 0) {
        faults = bench_faults_start(settings->faults, settings->fault_count, settings->kvctl,
                                    settings->directory, begun, service->result->faults);
    }
    while (!stop || count_busy(service) > 0) {
        now = kv_now_us();
        stop = stop || now >= end || *interrupt != 0 || service->result->wrong;
        if (!stop) {
            begin_all(service, now);
        }
        if (settings->progress && now - shown >= SECOND_US) {
            shown = now;
            show_progress(service, now, &last);
        }
        if (count_busy(service) == 0) {
            nanosleep(&(struct timespec){.tv_nsec = TURN_MS * 1000000}, NULL);
        }
        kv_client_run(service->client, TURN_MS);
    }
    service->result->runtime_us = kv_now_us() - begun;
    bench_faults_stop(&faults);
}

static kv_status open_service(struct service *service, const char *endpoints, const char *cluster)
{
    const struct service_settings *settings = service->settings;
    const kv_client_options options = {.struct_size = sizeof options,
                                       .timeout_ms = settings->timeout_ms,
                                       .cluster_name = cluster,
                                       .policy = settings->policy};
    static struct bench_usage usage;
    kv_status status;

    kv_prng_init(&service->prng, settings->seed);
    service->players = kv_alloc_zero(settings->clients, sizeof *service->players);
    for (uint32_t i = 0; i < settings->clients; i++) {
        service->players[i] = (struct service_player){.service = service, .number = i};
    }
    status = kv_client_open(endpoints, &options, &service->client);
    if (status == KV_OK) {
        status = bench_usage_read(service->client, STATUS_TIMEOUT_MS, &usage);
        service->partitions = usage.partitions;
    }
    return status == KV_OK ? service->application->open(service) : status;
}

enum bench_end service_run(const struct service_settings *settings, const char *endpoints,
                           const char *cluster, const volatile sig_atomic_t *interrupt,
                           struct service_result *ret, char error[BENCH_RUN_ERROR_BYTES])
{
    struct service service = {.settings = settings,
                              .application = settings->kind == SERVICE_COUNTER ? &service_counter
                                                                               : &service_chirper,
                              .result = ret};
    enum bench_end end = BENCH_END_OK;
    kv_status status;

    *ret = (struct service_result){.op_names = service.application->op_names};
    status = open_service(&service, endpoints, cluster);
    if (status == KV_OK) {
        play(&service, interrupt);
        status = ret->wrong ? KV_OK : service.application->finish(&service);
    }
    if (status != KV_OK) {
        snprintf(error, BENCH_RUN_ERROR_BYTES, "the keys cannot be used: %s: %s",
                 kv_status_text(status),
                 service.client == NULL ? "" : kv_client_error(service.client));
        end = BENCH_END_UNAVAILABLE;
    } else {
        snprintf(ret->stats, sizeof ret->stats, "%s", kv_client_stats_json(service.client));
    }
    service.application->close(&service);
    kv_client_close(&service.client);
    kv_free(service.players);
    if (end == BENCH_END_OK && ret->wrong) {
        end = BENCH_END_FAILURES;
    }
    return end == BENCH_END_OK && *interrupt != 0 ? BENCH_END_INTERRUPTED : end;
}
