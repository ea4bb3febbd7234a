/* SPDX-License-Identifier: Apache-2.0 */
/* The closed loop of a worker's virtual clients.
 *
 *   begin_operation -> submit_part -> (library) -> on_done -> finish_part -> finish_operation -> begin_operation
 *
 * A READ-MODIFY-WRITE has two parts, every other operation one. */
#include "bench/worker.h"

#include <time.h>

#include "bench/value.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* Longest stay in the library before pausing virtual clients and the stop flag are looked at. */
#define TURN_MS 10

enum player_state {
    PLAYER_WAITING,  /* its operation is in flight */
    PLAYER_PAUSING,  /* begins its next operation in the next turn */
    PLAYER_FINISHED, /* has nothing more to do in this phase */
};

/* A virtual client. */
struct player {
    struct bench_worker *worker;
    enum player_state state;
    enum bench_op op;
    enum bench_op part; /* what is in flight: op, or of a READ_MODIFY_WRITE its READ or UPDATE */
    uint64_t record;
    uint64_t hash;     /* of record: names the key and marks the value */
    uint64_t begun_us; /* of the operation; decides whether it is measured */
    uint64_t part_us;  /* of the part */
    uint32_t rows;     /* SCAN */
    uint32_t attempts; /* load: sendings of the record; 0: none is held */
};

struct bench_worker {
    const struct bench_settings *settings;
    kv_client *client;
    struct kv_prng prng;
    struct bench_values values;
    struct bench_chooser chooser;
    struct player *players;
    uint32_t player_count;
    uint32_t in_flight;
    uint64_t last_us; /* when the last answer came */
    struct bench_plan *plan;
    struct bench_measures *measures;
    _Atomic uint64_t finished, failed;
};

static void begin_operation(struct player *player, uint64_t now);
static void submit_part(struct player *player, enum bench_op part, uint64_t now);

static bool is_measured(const struct player *player)
{
    return player->begun_us >= player->worker->plan->measure_from_us;
}

static void count(struct player *player, enum bench_op op, enum bench_outcome outcome,
                  uint64_t latency_us)
{
    struct bench_measures *measures = player->worker->measures;

    if (is_measured(player)) {
        bench_series_add(&measures->series[op], outcome, latency_us);
    }
}

/* The operation has ended: account for it; the virtual client is free. */
static void finish_operation(struct player *player, enum bench_outcome outcome, uint64_t now)
{
    struct bench_worker *worker = player->worker;
    bool failed = outcome != BENCH_OUTCOME_OK;

    if (player->op == BENCH_READ_MODIFY_WRITE) {
        count(player, player->op, outcome, now - player->begun_us);
    }
    if (player->op == BENCH_INSERT && !worker->plan->load) {
        /* Also after a failure, as YCSB does: a gap would hide all records behind it for ever. */
        bench_acknowledged_answer(worker->plan->records, player->record);
    }
    if (is_measured(player)) {
        worker->measures->operations++;
        worker->measures->failed += failed;
    }
    atomic_fetch_add_explicit(&worker->finished, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&worker->failed, failed, memory_order_relaxed);
}

/* A record of the load phase could not be inserted: try again, or give the phase up. True: it is to be sent again. */
static bool retries_load(struct player *player, enum bench_outcome outcome)
{
    struct bench_plan *plan = player->worker->plan;

    if (!plan->load || outcome == BENCH_OUTCOME_OK) {
        return false;
    }
    if (player->attempts < BENCH_LOAD_ATTEMPTS_MAX && !atomic_load(&plan->stop)) {
        return true;
    }
    atomic_store(&plan->load_failure, outcome);
    atomic_store(&plan->stop, true);
    return false;
}

/* A part has ended, with the library's answer or its refusal. True: the operation has ended, too. */
static bool finish_part(struct player *player, enum bench_outcome outcome, uint64_t now)
{
    bool is_write = player->part == BENCH_UPDATE || player->part == BENCH_INSERT;

    count(player, player->part, outcome, now - player->part_us);
    if (is_write && outcome == BENCH_OUTCOME_OK && is_measured(player)) {
        player->worker->measures->ordered++;
    }
    if (player->op == BENCH_READ_MODIFY_WRITE && player->part == BENCH_READ &&
        outcome == BENCH_OUTCOME_OK) {
        return false;
    }
    if (retries_load(player, outcome)) {
        return false;
    }
    finish_operation(player, outcome, now);
    return true;
}

/* What an answer is worth: its status, and whether the value is one that was written under the key. */
static enum bench_outcome judge(const struct player *player, kv_status status,
                                const kv_result *result)
{
    enum bench_outcome outcome = bench_outcome_of(status);
    bool good = true;

    if (outcome == BENCH_OUTCOME_OK && player->part == BENCH_READ) {
        good = kv_result_count(result) == 1 &&
               bench_value_check(kv_result_value(result, 0), player->hash);
    } else if (outcome == BENCH_OUTCOME_OK && player->part == BENCH_SCAN) {
        good = bench_scan_check(result, player->hash, player->rows);
    }
    return good ? outcome : BENCH_OUTCOME_CORRUPT;
}

static void on_done(void *context, kv_status status, kv_result *result)
{
    struct player *player = context;
    struct bench_worker *worker = player->worker;
    uint64_t now = kv_now_us();

    KV_ASSERT(player->state == PLAYER_WAITING);
    KV_ASSERT(worker->in_flight > 0);

    worker->in_flight--;
    worker->last_us = now;
    if (finish_part(player, judge(player, status, result), now)) {
        begin_operation(player, now);
    } else if (player->op == BENCH_READ_MODIFY_WRITE) {
        submit_part(player, BENCH_UPDATE, now);
    } else {
        player->attempts++;
        submit_part(player, player->op, now);
    }
}

static kv_op make_op(struct player *player, char key[BENCH_KEY_BYTES])
{
    kv_op op = {.key = kv_bytes_of(key, bench_key_name(player->hash, key))};

    switch (player->part) {
    case BENCH_READ:
        op.code = KV_OP_GET;
        break;
    case BENCH_UPDATE:
    case BENCH_INSERT:
        op.code = KV_OP_PUT;
        op.value = bench_value_make(&player->worker->values, player->hash, &player->worker->prng);
        break;
    case BENCH_SCAN:
        op.code = KV_OP_SCAN;
        op.from = op.key;
        op.limit = player->rows;
        break;
    case BENCH_READ_MODIFY_WRITE:
    case BENCH_OPS:
        KV_UNREACHABLE();
    }
    return op;
}

static void submit_part(struct player *player, enum bench_op part, uint64_t now)
{
    struct bench_worker *worker = player->worker;
    char key[BENCH_KEY_BYTES];
    kv_op op;
    kv_status status;

    player->part = part;
    player->part_us = now;
    player->state = PLAYER_WAITING;
    op = make_op(player, key);
    status = kv_submit(worker->client, &op, on_done, player);
    if (status == KV_OK) {
        worker->in_flight++;
        return;
    }
    /* Never sent. A record of the load phase stays with the player; everything else has ended. */
    player->state = PLAYER_PAUSING;
    if (finish_part(player, bench_outcome_of(status), now)) {
        player->attempts = 0;
    } else {
        player->attempts++;
    }
}

/* Choose the next operation of a load phase. False: all records are taken. */
static bool choose_load(struct player *player)
{
    struct bench_plan *plan = player->worker->plan;

    player->op = BENCH_INSERT;
    player->record = atomic_fetch_add_explicit(&plan->begun, 1, memory_order_relaxed);
    return player->record < plan->settings->records;
}

/* Choose the next operation of a run. False: the window of inserts is full. */
static bool choose_run(struct player *player)
{
    struct bench_worker *worker = player->worker;
    uint64_t last = bench_acknowledged_last(worker->plan->records);

    player->op = bench_chooser_op(&worker->chooser, &worker->prng);
    if (player->op == BENCH_INSERT) {
        return bench_acknowledged_take(worker->plan->records, &player->record);
    }
    player->record = bench_chooser_record(&worker->chooser, last, &worker->prng);
    player->rows = (uint32_t)kv_prng_between(&worker->prng, 1, BENCH_SCAN_ROWS_MAX);
    return true;
}

/* Whether the run's operations are used up; takes one of them otherwise. */
static bool is_spent(const struct player *player)
{
    struct bench_plan *plan = player->worker->plan;
    uint64_t operations = plan->settings->operations;

    return !plan->load && operations > 0 && is_measured(player) &&
           atomic_fetch_add_explicit(&plan->begun, 1, memory_order_relaxed) >= operations;
}

static void begin_operation(struct player *player, uint64_t now)
{
    struct bench_plan *plan = player->worker->plan;

    player->begun_us = now;
    player->state = PLAYER_FINISHED;
    if (now >= plan->end_us || atomic_load_explicit(&plan->stop, memory_order_relaxed)) {
        return;
    }
    if (plan->load ? !choose_load(player) : !choose_run(player)) {
        player->state = plan->load ? PLAYER_FINISHED : PLAYER_PAUSING;
        return;
    }
    if (is_spent(player)) {
        if (player->op == BENCH_INSERT) {
            bench_acknowledged_answer(plan->records, player->record);
        }
        return;
    }
    player->hash = bench_hash(player->record);
    player->attempts = 1;
    submit_part(player, player->op == BENCH_READ_MODIFY_WRITE ? BENCH_READ : player->op, now);
}

/* Let those go on that paused. Returns how many still have something to do. */
static uint32_t wake_players(struct bench_worker *worker)
{
    uint64_t now = kv_now_us();
    uint32_t active = 0;

    for (uint32_t i = 0; i < worker->player_count; i++) {
        struct player *player = &worker->players[i];

        if (player->state == PLAYER_PAUSING && worker->plan->load && player->attempts > 0 &&
            !atomic_load(&worker->plan->stop)) {
            submit_part(player, BENCH_INSERT, now);
        } else if (player->state == PLAYER_PAUSING) {
            begin_operation(player, now);
        }
        active += player->state != PLAYER_FINISHED;
    }
    return active;
}

uint64_t bench_worker_run(struct bench_worker *worker, struct bench_plan *plan,
                          struct bench_measures *measures)
{
    worker->plan = plan;
    worker->measures = measures;
    worker->last_us = plan->measure_from_us;
    if (!plan->load) {
        worker->chooser = *plan->chooser;
    }
    for (uint32_t i = 0; i < worker->player_count; i++) {
        worker->players[i] = (struct player){.worker = worker, .state = PLAYER_PAUSING};
    }
    while (wake_players(worker) > 0) {
        if (worker->in_flight == 0) {
            /* Everything was refused at once; the library may have nothing to wait for. */
            nanosleep(&(struct timespec){.tv_nsec = TURN_MS * 1000000}, NULL);
        }
        kv_client_run(worker->client, TURN_MS);
    }
    KV_ASSERT(worker->in_flight == 0);
    worker->plan = NULL;
    worker->measures = NULL;
    return worker->last_us;
}

kv_status bench_worker_open(const struct bench_settings *settings, uint32_t index,
                            const char *endpoints, const char *cluster, struct bench_worker **ret)
{
    struct bench_worker *worker = kv_alloc_zero(1, sizeof *worker);
    kv_client_options options = {
        .struct_size = sizeof options, .timeout_ms = settings->timeout_ms, .cluster_name = cluster};
    kv_status status;

    worker->settings = settings;
    worker->player_count =
        settings->clients / settings->threads + (index < settings->clients % settings->threads);
    worker->players = kv_alloc_zero(worker->player_count, sizeof *worker->players);
    kv_prng_init(&worker->prng, settings->seed * BENCH_THREADS_MAX + index);
    bench_values_init(&worker->values, settings->value_bytes, &worker->prng);
    status = kv_client_open(endpoints, &options, &worker->client);
    if (status != KV_OK) {
        bench_worker_close(&worker);
    }
    *ret = worker;
    return status;
}

void bench_worker_close(struct bench_worker **worker)
{
    if (*worker == NULL) {
        return;
    }
    kv_client_close(&(*worker)->client);
    bench_values_close(&(*worker)->values);
    kv_free((*worker)->players);
    kv_free(*worker);
    *worker = NULL;
}

kv_status bench_worker_connect(struct bench_worker *worker)
{
    static const char absent[] = "kvbench: a key that nobody writes";
    kv_status status = kv_delete(worker->client, kv_bytes_of(absent, sizeof absent - 1));

    return status == KV_NOT_FOUND ? KV_OK : status;
}

struct bench_progress bench_worker_progress(const struct bench_worker *worker)
{
    return (struct bench_progress){atomic_load_explicit(&worker->finished, memory_order_relaxed),
                                   atomic_load_explicit(&worker->failed, memory_order_relaxed)};
}
