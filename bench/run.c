/* SPDX-License-Identifier: Apache-2.0 */
/* Phases, threads and the clock of a benchmark.
 *
 * 1. The workers are opened and connected; they live through both phases, so that no phase pays for connecting.
 * 2. Each phase starts one thread per worker. The calling thread wakes up for progress lines, for the moment where measuring
 *    begins (to read the nodes' counters) and for an interrupt, and waits for the last worker.
 * 3. The measures of all workers are added up. */
#include "bench/run.h"

#include <errno.h>
#include <time.h>

#include "bench/driver.h"
#include "bench/worker.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* Longest sleep of the clock thread: an interrupt is noticed within it. */
#define SLEEP_US  100000

#define SECOND_US 1000000

/* Longest wait for the nodes' counters: a node that is down must not hold the report up. */
#define STATUS_TIMEOUT_MS 2000

/* Before each trial: what the one before has left behind is done by then. */
#define TRIAL_WARMUP_SECONDS 1

struct benchmark {
    const struct bench_settings *settings;
    const volatile sig_atomic_t *interrupt;
    kv_client *control; /* of the calling thread */
    struct bench_worker *workers[BENCH_THREADS_MAX];
    struct bench_result *result;
    bool has_faults;             /* they belong to this phase */
    bool reads_usage;            /* the nodes' counters, where measuring begins */
    char *error;                 /* BENCH_RUN_ERROR_BYTES */
    struct bench_progress shown; /* at the last progress line, or at the beginning of the phase */
    uint64_t shown_us;
};

/* A phase while its threads run. */
struct crew {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t working;
    struct bench_plan *plan;
    struct crew_member {
        struct crew *crew;
        struct bench_worker *worker;
        pthread_t thread;
        bool started;
        uint64_t last_us;
        struct bench_measures measures;
    } * members;
};

static void *work(void *context)
{
    struct crew_member *member = context;
    struct crew *crew = member->crew;

    member->last_us = bench_worker_run(member->worker, crew->plan, &member->measures);
    pthread_mutex_lock(&crew->mutex);
    crew->working--;
    pthread_cond_signal(&crew->changed);
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

/* Sleep until `until_us` of kv_now_us, or until the last worker has ended. False: it has. */
static bool wait_for_crew(struct crew *crew, uint64_t until_us)
{
    struct timespec until = {.tv_sec = (time_t)(until_us / SECOND_US),
                             .tv_nsec = (long)(until_us % SECOND_US) * 1000};
    bool working;

    pthread_mutex_lock(&crew->mutex);
    while (crew->working > 0 && pthread_cond_clockwait(&crew->changed, &crew->mutex,
                                                       CLOCK_MONOTONIC, &until) != ETIMEDOUT) {
    }
    working = crew->working > 0;
    pthread_mutex_unlock(&crew->mutex);
    return working;
}

static struct bench_progress sum_progress(const struct benchmark *benchmark)
{
    struct bench_progress sum = {0};

    for (uint32_t i = 0; i < benchmark->settings->threads; i++) {
        struct bench_progress progress = bench_worker_progress(benchmark->workers[i]);

        sum.finished += progress.finished;
        sum.failed += progress.failed;
    }
    return sum;
}

/* One line on what was done since the last one. */
static void show_progress(struct benchmark *benchmark, const char *phase, uint64_t from_us,
                          uint64_t now)
{
    struct bench_progress sum = sum_progress(benchmark);
    double seconds = (double)(now - benchmark->shown_us) / SECOND_US;

    if (benchmark->settings->progress) {
        fprintf(stderr, "kvbench: %s %llu s, %.0f ops/s, %llu failed\n", phase,
                (unsigned long long)((now - from_us) / SECOND_US),
                (double)(sum.finished - benchmark->shown.finished) / seconds,
                (unsigned long long)(sum.failed - benchmark->shown.failed));
    }
    benchmark->shown = sum;
    benchmark->shown_us = now;
}

/* False: unknown. */
static bool read_usage(struct benchmark *benchmark, struct bench_usage *ret)
{
    return benchmark->control != NULL &&
           bench_usage_read(benchmark->control, STATUS_TIMEOUT_MS, ret) == KV_OK;
}

/* Keep the time of a phase until its last worker has ended. */
static void watch(struct benchmark *benchmark, struct crew *crew, uint64_t from_us)
{
    struct bench_plan *plan = crew->plan;
    uint64_t next_line_us = from_us + SECOND_US;
    bool reads_usage = benchmark->reads_usage && plan->measure_from_us > from_us;
    uint64_t now = from_us;

    while (wait_for_crew(crew, now + SLEEP_US)) {
        now = kv_now_us();
        if (*benchmark->interrupt != 0 && !atomic_exchange(&plan->stop, true)) {
            benchmark->result->interrupted = true;
        }
        if (reads_usage && now >= plan->measure_from_us) {
            reads_usage = false;
            (void)read_usage(benchmark, &benchmark->result->before);
        }
        if (now >= next_line_us) {
            show_progress(benchmark, plan->load ? "load" : "run", from_us, now);
            next_line_us += SECOND_US;
        }
    }
}

/* Start the threads. One that cannot be started stops the phase. */
static void start_crew(struct benchmark *benchmark, struct crew *crew)
{
    uint32_t threads = benchmark->settings->threads;

    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->changed, NULL);
    crew->members = kv_alloc_zero(threads, sizeof *crew->members);
    pthread_mutex_lock(&crew->mutex);
    for (uint32_t i = 0; i < threads; i++) {
        struct crew_member *member = &crew->members[i];

        member->crew = crew;
        member->worker = benchmark->workers[i];
        member->last_us = crew->plan->measure_from_us;
        member->started = pthread_create(&member->thread, NULL, work, member) == 0;
        crew->working += member->started;
        if (!member->started) {
            snprintf(benchmark->error, BENCH_RUN_ERROR_BYTES, "thread %u could not be started",
                     i + 1);
            atomic_store(&crew->plan->stop, true);
        }
    }
    pthread_mutex_unlock(&crew->mutex);
}

/* Wait for the threads, and add up what they measured. */
static void end_crew(struct benchmark *benchmark, struct crew *crew, struct bench_phase *ret)
{
    uint64_t last_us = crew->plan->measure_from_us;

    for (uint32_t i = 0; i < benchmark->settings->threads; i++) {
        struct crew_member *member = &crew->members[i];

        if (!member->started) {
            continue;
        }
        pthread_join(member->thread, NULL);
        bench_measures_merge(&ret->measures, &member->measures);
        bench_measures_close(&member->measures);
        last_us = member->last_us > last_us ? member->last_us : last_us;
    }
    ret->runtime_us = last_us - crew->plan->measure_from_us;
    ret->done = true;
    kv_free(crew->members);
    pthread_cond_destroy(&crew->changed);
    pthread_mutex_destroy(&crew->mutex);
}

static void play(struct benchmark *benchmark, struct bench_plan *plan, uint64_t from_us,
                 struct bench_phase *ret)
{
    const struct bench_settings *settings = benchmark->settings;
    struct crew crew = {.plan = plan};
    struct bench_faults *faults = NULL;

    benchmark->shown = sum_progress(benchmark);
    benchmark->shown_us = from_us;
    start_crew(benchmark, &crew);
    if (benchmark->has_faults) {
        faults = bench_faults_start(settings->faults, settings->fault_count, settings->kvctl,
                                    settings->directory, plan->measure_from_us,
                                    benchmark->result->faults);
    }
    watch(benchmark, &crew, from_us);
    bench_faults_stop(&faults);
    end_crew(benchmark, &crew, ret);
}

static enum bench_end fail(struct benchmark *benchmark, const char *what, const char *why)
{
    snprintf(benchmark->error, BENCH_RUN_ERROR_BYTES, "%s: %s", what, why);
    return BENCH_END_UNAVAILABLE;
}

static enum bench_end load(struct benchmark *benchmark)
{
    uint64_t now = kv_now_us();
    struct bench_plan plan = {.settings = benchmark->settings,
                              .load = true,
                              .measure_from_us = now,
                              .end_us = UINT64_MAX,
                              .interval_us = SECOND_US};
    enum bench_outcome failure;

    play(benchmark, &plan, now, &benchmark->result->load);
    failure = atomic_load(&plan.load_failure);
    if (benchmark->error[0] != '\0') {
        return BENCH_END_UNAVAILABLE;
    }
    if (failure != BENCH_OUTCOME_OK && !benchmark->result->interrupted) {
        return fail(benchmark, "a record could not be inserted", bench_outcome_text(failure));
    }
    return BENCH_END_OK;
}

/* What a run needs beside its plan, and what its trials share: records that one inserts are there for the next. */
struct stage {
    struct bench_acknowledged records;
    struct bench_chooser chooser;
};

static void open_stage(const struct bench_settings *settings, struct stage *stage)
{
    bench_acknowledged_init(&stage->records, settings->records);
    bench_chooser_init(&stage->chooser, settings->workload, settings->distribution,
                       settings->records, settings->operations);
}

/* A run of `settings` at a rate (0: closed loop, of `clients` for each worker; 0: all). */
static void run_stage(struct benchmark *benchmark, const struct bench_settings *settings,
                      struct stage *stage, double rate, uint32_t clients, struct bench_phase *ret)
{
    uint64_t now = kv_now_us();
    struct bench_plan plan = {.settings = settings,
                              .records = &stage->records,
                              .chooser = &stage->chooser,
                              .rate = rate,
                              .clients = clients,
                              .from_us = now};

    if (settings->pinned) {
        plan.pinned_partitions = benchmark->result->before.partitions;
    }

    plan.measure_from_us = now + settings->warmup_seconds * SECOND_US;
    plan.end_us =
        settings->seconds == 0 ? UINT64_MAX : plan.measure_from_us + settings->seconds * SECOND_US;
    plan.give_up_us =
        plan.end_us == UINT64_MAX ? UINT64_MAX : plan.end_us + settings->timeout_ms * 1000;
    plan.interval_us = bench_interval_seconds(settings->seconds) * SECOND_US;
    play(benchmark, &plan, now, ret);
    ret->rate = rate;
}

/* A short run whose measures are looked at by the caller. Free it with close_trial. */
static struct bench_phase *try(struct benchmark *benchmark, struct stage *stage, double rate,
                               uint32_t clients)
{
    struct bench_settings settings = *benchmark->settings;
    struct bench_phase *phase = kv_alloc_zero(1, sizeof *phase);

    settings.seconds = settings.step_seconds;
    settings.warmup_seconds = TRIAL_WARMUP_SECONDS;
    settings.operations = 0;
    run_stage(benchmark, &settings, stage, rate, clients, phase);
    return phase;
}

static void close_trial(struct bench_phase **phase)
{
    bench_measures_close(&(*phase)->measures);
    kv_free(*phase);
    *phase = NULL;
}

/* Throughput of a closed loop: where the search begins. 0: nothing was answered. */
static double calibrate(struct benchmark *benchmark, struct stage *stage)
{
    uint32_t threads = benchmark->settings->threads;
    struct bench_phase *phase =
        try(benchmark, stage, 0, (BENCH_CALIBRATION_CLIENTS + threads - 1) / threads);
    double throughput = phase->measures.all.count == 0 ? 0 : bench_throughput(phase);

    close_trial(&phase);
    benchmark->result->calibrated = throughput;
    return throughput;
}

static void try_rate(struct benchmark *benchmark, struct stage *stage, double rate)
{
    const struct bench_settings *settings = benchmark->settings;
    struct bench_phase *phase = try(benchmark, stage, rate, 0);
    const struct bench_measures *measures = &phase->measures;
    struct bench_trial trial = {
        .rate = rate,
        .throughput = bench_throughput(phase),
        .bound_us = bench_histogram_quantile(&measures->all, settings->bound_per_myriad),
        .p50_us = bench_histogram_quantile(&measures->all, 5000),
        .p99_us = bench_histogram_quantile(&measures->all, 9900)};

    trial.kept = trial.bound_us <= settings->bound_us && measures->operations > 0 &&
                 measures->failed + measures->unsent == 0;
    close_trial(&phase);
    if (benchmark->result->interrupted) {
        return;
    }
    if (settings->progress) {
        fprintf(stderr, "kvbench: at %.0f/s: p50 %llu us, p99 %llu us: %s\n", rate,
                (unsigned long long)trial.p50_us, (unsigned long long)trial.p99_us,
                trial.kept ? "keeps the bound" : "does not keep the bound");
    }
    bench_search_note(&benchmark->result->search, &trial);
}

/* The rate of the run; 0: a closed loop. A failure is in benchmark->error. */
static double choose_rate(struct benchmark *benchmark, struct stage *stage)
{
    const struct bench_settings *settings = benchmark->settings;
    struct bench_search *search = &benchmark->result->search;
    double rate = 0;

    if (settings->loop == BENCH_LOOP_RATE || settings->loop == BENCH_LOOP_CLOSED) {
        return settings->loop == BENCH_LOOP_RATE ? (double)settings->rate : 0;
    }
    rate = calibrate(benchmark, stage);
    if (benchmark->result->interrupted || benchmark->error[0] != '\0') {
        return 0;
    }
    if (rate <= 0) {
        fail(benchmark, "the rate", "nothing was answered while it was looked for");
        return 0;
    }
    if (settings->loop == BENCH_LOOP_AUTO) {
        return rate * BENCH_RATE_SHARE;
    }
    bench_search_init(search, rate);
    while (!benchmark->result->interrupted && bench_search_next(search, &rate)) {
        try_rate(benchmark, stage, rate);
    }
    if (search->low <= 0 && !benchmark->result->interrupted) {
        fail(benchmark, "--find-max", "no rate keeps that bound");
    }
    return search->low * BENCH_RATE_SHARE;
}

static enum bench_end run(struct benchmark *benchmark)
{
    const struct bench_settings *settings = benchmark->settings;
    struct bench_result *result = benchmark->result;
    struct stage stage;
    double rate;

    open_stage(settings, &stage);
    rate = choose_rate(benchmark, &stage);
    if (benchmark->error[0] == '\0' && !result->interrupted) {
        benchmark->reads_usage = true;
        benchmark->has_faults = settings->fault_count > 0;
        (void)read_usage(benchmark, &result->before);
        run_stage(benchmark, settings, &stage, rate, 0, &result->run);
        result->has_usage =
            read_usage(benchmark, &result->after) &&
            bench_usage_between(&result->before, &result->after, &result->syncs, &result->bytes);
    }
    bench_acknowledged_close(&stage.records);
    if (benchmark->error[0] != '\0') {
        return BENCH_END_UNAVAILABLE;
    }
    return result->run.measures.failed + result->run.measures.unsent > 0 ? BENCH_END_FAILURES
                                                                         : BENCH_END_OK;
}

/* A client of the calling thread, and what the nodes say of themselves. */
static enum bench_end open_control(struct benchmark *benchmark, const char *endpoints,
                                   const char *cluster)
{
    const struct bench_settings *settings = benchmark->settings;
    kv_client_options options = {
        .struct_size = sizeof options, .timeout_ms = settings->timeout_ms, .cluster_name = cluster};
    kv_status status = kv_client_open(endpoints, &options, &benchmark->control);

    if (status != KV_OK) {
        return fail(benchmark, endpoints, kv_status_text(status));
    }
    status = bench_usage_read(benchmark->control, settings->timeout_ms, &benchmark->result->before);
    if (status != KV_OK) {
        const char *why = kv_client_error(benchmark->control);

        return fail(benchmark, endpoints, why[0] != '\0' ? why : "no node answers");
    }
    if (settings->multi_percent > 0 && benchmark->result->before.partitions < 2) {
        return fail(benchmark, "--multi", "the cluster has one partition only");
    }
    return BENCH_END_OK;
}

/* Open the clients, and make sure that there is a cluster behind them. */
static enum bench_end open_all(struct benchmark *benchmark, const char *endpoints,
                               const char *cluster)
{
    const struct bench_settings *settings = benchmark->settings;
    enum bench_end end = BENCH_END_OK;
    kv_status status;

    if (settings->driver->has_status) {
        end = open_control(benchmark, endpoints, cluster);
    }
    if (end != BENCH_END_OK) {
        return end;
    }
    for (uint32_t i = 0; i < settings->threads; i++) {
        status = bench_worker_open(settings, i, endpoints, cluster, &benchmark->workers[i]);
        if (status == KV_OK) {
            status = bench_worker_connect(benchmark->workers[i]);
        }
        if (status != KV_OK) {
            return fail(benchmark, "the first command failed", kv_status_text(status));
        }
    }
    return BENCH_END_OK;
}

static void close_all(struct benchmark *benchmark)
{
    for (uint32_t i = 0; i < BENCH_THREADS_MAX; i++) {
        bench_worker_close(&benchmark->workers[i]);
    }
    kv_client_close(&benchmark->control);
}

enum bench_end bench_run(const struct bench_settings *settings, const char *endpoints,
                         const char *cluster, const volatile sig_atomic_t *interrupt,
                         struct bench_result **ret, char error[BENCH_RUN_ERROR_BYTES])
{
    struct benchmark benchmark = {.settings = settings,
                                  .interrupt = interrupt,
                                  .result = kv_alloc_zero(1, sizeof *benchmark.result),
                                  .error = error};
    enum bench_end end;

    error[0] = '\0';
    *ret = benchmark.result;
    end = open_all(&benchmark, endpoints, cluster);
    if (end == BENCH_END_OK && !settings->no_load) {
        end = load(&benchmark);
    }
    if (end == BENCH_END_OK && !settings->load_only && !benchmark.result->interrupted) {
        end = run(&benchmark);
    }
    close_all(&benchmark);
    return benchmark.result->interrupted ? BENCH_END_INTERRUPTED : end;
}

void bench_result_free(struct bench_result *result)
{
    bench_measures_close(&result->load.measures);
    bench_measures_close(&result->run.measures);
    kv_free(result);
}
