/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of a worker's virtual clients.
 *
 *   begin_operation -> submit_part -> (driver) -> on_done -> finish_part -> finish_operation -> begin_operation
 *
 * A READ-MODIFY-WRITE has two parts, every other operation one. In an open loop a virtual client that has finished waits among
 * the free ones until an operation is due; one that is due while none is free begins late. */
#include "bench/worker.h"

#include <sys/prctl.h>
#include <time.h>

#include "bench/arrivals.h"
#include "bench/keys.h"
#include "bench/value.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* Longest stay in the library before pausing virtual clients and the stop flag are looked at. */
#define TURN_US 10000

enum player_state {
    PLAYER_WAITING,  /* its operation is in flight */
    PLAYER_PAUSING,  /* begins its next operation in the next turn */
    PLAYER_FREE,     /* open loop: begins the next operation that is due */
    PLAYER_FINISHED, /* has nothing more to do in this phase */
};

/* A virtual client. */
struct player {
    struct bench_worker *worker;
    enum player_state state;
    enum bench_op op;
    enum bench_op part; /* what is in flight: op, or of a READ_MODIFY_WRITE its READ or UPDATE */
    uint64_t record;    /* INSERT */
    struct bench_keys keys; /* hashes of records: they name keys and mark values */
    bool crosses;           /* keys are on several partitions */
    uint64_t begun_us;      /* of the operation: when it was due; decides whether it is measured */
    uint64_t part_us;       /* of the part */
    uint64_t sent_us;  /* of the part: part_us, or later if it was due before a client was free */
    uint32_t rows;     /* SCAN */
    uint32_t attempts; /* load: sendings of the record; 0: none is held */
};

struct bench_worker {
    const struct bench_settings *settings;
    const struct bench_driver *driver;
    void *connection;
    struct kv_prng prng;
    struct bench_values values;
    struct bench_chooser chooser;
    struct player *players;
    uint32_t player_count;
    struct player **free; /* open loop */
    uint32_t free_count;
    struct bench_arrivals arrivals;
    bool arrivals_ended;
    uint32_t index;
    uint32_t in_flight;
    uint64_t last_us; /* when the last answer came */
    struct bench_plan *plan;
    struct bench_measures *measures;
    _Atomic uint64_t finished, failed;
};

static void begin_operation(struct player *player, uint64_t due, uint64_t now);
static void submit_part(struct player *player, enum bench_op part, uint64_t due, uint64_t now);

static bool is_open_loop(const struct bench_worker *worker)
{
    return worker->plan->rate > 0;
}

static bool is_measured(const struct player *player)
{
    return player->begun_us >= player->worker->plan->measure_from_us;
}

static void count(struct player *player, enum bench_op op, enum bench_outcome outcome,
                  uint64_t since_us, uint64_t now)
{
    if (is_measured(player)) {
        bench_series_add(&player->worker->measures->series[op], outcome, now - since_us);
    }
}

/* The operation has ended, for those who count operations. */
static void count_operation(const struct player *player, enum bench_outcome outcome, uint64_t now)
{
    bool failed = outcome != BENCH_OUTCOME_OK;
    struct bench_measures *measures = player->worker->measures;
    const struct bench_plan *plan = player->worker->plan;

    measures->operations++;
    measures->failed += failed;
    if (!failed) {
        bench_histogram_add(&measures->all, now - player->begun_us);
    }
    if (player->crosses) {
        bench_series_add(&measures->multi, outcome, now - player->begun_us);
    }
    bench_timeline_add(&measures->timeline, (now - plan->measure_from_us) / plan->interval_us,
                       failed, now - player->begun_us);
}

/* The operation has ended: account for it; the virtual client is free. */
static void finish_operation(struct player *player, enum bench_outcome outcome, uint64_t now)
{
    struct bench_worker *worker = player->worker;
    bool failed = outcome != BENCH_OUTCOME_OK;

    if (player->op == BENCH_READ_MODIFY_WRITE) {
        count(player, player->op, outcome, player->begun_us, now);
    }
    if (player->op == BENCH_INSERT && !worker->plan->load) {
        /* Also after a failure, as YCSB does: a gap would hide all records behind it for ever. */
        bench_acknowledged_answer(worker->plan->records, player->record);
    }
    if (is_measured(player)) {
        count_operation(player, outcome, now);
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

    count(player, player->part, outcome, player->part_us, now);
    if (is_open_loop(player->worker) && outcome == BENCH_OUTCOME_OK && is_measured(player)) {
        bench_histogram_add(&player->worker->measures->service[player->part],
                            now - player->sent_us);
    }
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

/* Whether every key has a value that was written under it. */
static bool check_rows(const struct player *player, const struct bench_rows *rows)
{
    if (rows->count != player->keys.count) {
        return false;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        kv_bytes key, value;

        if (!rows->get(rows->source, i, &key, &value) ||
            !bench_value_check(&player->worker->values, value, player->keys.hashes[i])) {
            return false;
        }
    }
    return true;
}

/* What an answer is worth: its status, and whether the values are those that were written. */
static enum bench_outcome judge(const struct player *player, kv_status status,
                                const struct bench_rows *rows)
{
    enum bench_outcome outcome = bench_outcome_of(status);
    bool good = true;

    if (outcome == BENCH_OUTCOME_OK && player->part == BENCH_READ) {
        good = check_rows(player, rows);
    } else if (outcome == BENCH_OUTCOME_OK && player->part == BENCH_SCAN) {
        good =
            bench_scan_check(&player->worker->values, rows, player->keys.hashes[0], player->rows);
    }
    return good ? outcome : BENCH_OUTCOME_CORRUPT;
}

/* Open loop: the virtual client waits for the next operation that is due. */
static void release(struct player *player)
{
    struct bench_worker *worker = player->worker;

    player->state = PLAYER_FREE;
    worker->free[worker->free_count++] = player;
}

/* Open loop: the operation that is due cannot be begun any more, and neither can those behind it. */
static void give_arrivals_up(struct bench_worker *worker)
{
    const struct bench_plan *plan = worker->plan;

    for (; bench_arrivals_due(&worker->arrivals) < plan->end_us;
         bench_arrivals_advance(&worker->arrivals)) {
        worker->measures->unsent++;
    }
    worker->arrivals_ended = true;
}

/* Open loop: begin what is due, as far as there are free virtual clients. */
static void begin_due(struct bench_worker *worker, uint64_t now)
{
    const struct bench_plan *plan = worker->plan;

    while (!worker->arrivals_ended && worker->free_count > 0) {
        uint64_t due = bench_arrivals_due(&worker->arrivals);

        if (due >= plan->end_us ||
            atomic_load_explicit(&worker->plan->stop, memory_order_relaxed)) {
            worker->arrivals_ended = true;
        } else if (due > now) {
            return;
        } else if (now >= plan->give_up_us) {
            give_arrivals_up(worker);
        } else {
            bench_arrivals_advance(&worker->arrivals);
            begin_operation(worker->free[--worker->free_count], due, now);
        }
    }
}

/* The virtual client has nothing in flight: what does it do next? */
static void go_on(struct player *player, uint64_t now)
{
    if (is_open_loop(player->worker)) {
        release(player);
        begin_due(player->worker, now);
    } else {
        begin_operation(player, now, now);
    }
}

static void on_done(void *context, kv_status status, const struct bench_rows *rows)
{
    struct player *player = context;
    struct bench_worker *worker = player->worker;
    uint64_t now = kv_now_us();

    KV_ASSERT(player->state == PLAYER_WAITING);
    KV_ASSERT(worker->in_flight > 0);

    worker->in_flight--;
    worker->last_us = now;
    if (finish_part(player, judge(player, status, rows), now)) {
        go_on(player, now);
    } else if (player->op == BENCH_READ_MODIFY_WRITE) {
        submit_part(player, BENCH_UPDATE, now, now);
    } else {
        player->attempts++;
        submit_part(player, player->op, now, now);
    }
}

/* A question of one command, with what it points to. */
struct question {
    kv_op op;
    char names[BENCH_KEYS_MAX][BENCH_KEY_BYTES];
    kv_bytes keys[BENCH_KEYS_MAX];
    kv_bytes values[BENCH_KEYS_MAX];
};

static void make_question(struct player *player, struct question *ret)
{
    struct bench_worker *worker = player->worker;
    const uint32_t count = player->keys.count;
    KV_ASSERT(count >= 1);
    const bool writes = player->part == BENCH_UPDATE || player->part == BENCH_INSERT;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = player->keys.hashes[i];

        ret->keys[i] = kv_bytes_of(ret->names[i], bench_key_name(hash, ret->names[i]));
        if (writes) {
            ret->values[i] = bench_value_make(&worker->values, i, hash, &worker->prng);
        }
    }
    ret->op = (kv_op){.key = ret->keys[0], .keys = ret->keys, .count = count};
    switch (player->part) {
    case BENCH_READ:
        ret->op.code = count > 1 ? KV_OP_MGET : KV_OP_GET;
        return;
    case BENCH_UPDATE:
    case BENCH_INSERT:
        ret->op.code = count > 1 ? KV_OP_MPUT : KV_OP_PUT;
        ret->op.value = ret->values[0];
        ret->op.values = ret->values;
        return;
    case BENCH_SCAN:
        ret->op.code = KV_OP_SCAN;
        ret->op.from = ret->op.key;
        ret->op.limit = player->rows;
        return;
    case BENCH_READ_MODIFY_WRITE:
    case BENCH_OPS:
        break;
    }
    KV_UNREACHABLE();
}

static void submit_part(struct player *player, enum bench_op part, uint64_t due, uint64_t now)
{
    struct bench_worker *worker = player->worker;
    struct question question;
    kv_status status;

    player->part = part;
    player->part_us = due;
    player->sent_us = now;
    player->state = PLAYER_WAITING;
    make_question(player, &question);
    status = worker->driver->submit(worker->connection, &question.op, on_done, player);
    if (status == KV_OK) {
        worker->in_flight++;
        return;
    }
    /* Never sent. A record of the load phase stays with the player; everything else has ended. */
    player->state = PLAYER_PAUSING;
    if (!finish_part(player, bench_outcome_of(status), now)) {
        player->attempts++;
        return;
    }
    player->attempts = 0;
    if (is_open_loop(worker)) {
        release(player);
    }
}

static void set_key(struct player *player)
{
    player->keys.count = 1;
    player->keys.hashes[0] = bench_hash(player->record);
    player->crosses = false;
}

/* Choose the next operation of a load phase. False: all records are taken. */
static bool choose_load(struct player *player)
{
    struct bench_plan *plan = player->worker->plan;

    player->op = BENCH_INSERT;
    player->record = atomic_fetch_add_explicit(&plan->begun, 1, memory_order_relaxed);
    set_key(player);
    return player->record < plan->settings->records;
}

/* The partition that the client's commands begin in; 0: any. Clients of all workers take turns. */
static uint32_t home_of(const struct player *player)
{
    const struct bench_worker *worker = player->worker;
    const uint32_t partitions = worker->plan->pinned_partitions;
    const uint32_t number =
        (uint32_t)(player - worker->players) * worker->settings->threads + worker->index;

    return partitions == 0 ? 0 : number % partitions + 1;
}

/* Keys for a command of a run: one for an insert and for a scan. */
static void choose_keys(struct player *player, uint64_t last)
{
    struct bench_worker *worker = player->worker;
    const struct bench_settings *settings = worker->settings;
    enum bench_spread spread = BENCH_SPREAD_ANY;
    bool one_key = player->op == BENCH_SCAN || settings->keys_per_command == 1;

    player->keys.count = one_key ? 1 : settings->keys_per_command;
    if (!one_key && settings->has_multi) {
        spread = kv_prng_unit(&worker->prng) * 100 < settings->multi_percent ? BENCH_SPREAD_SEVERAL
                                                                             : BENCH_SPREAD_ONE;
    }
    /* Fewer keys if a small set of records does not have so many. */
    (void)bench_keys_choose(&player->keys, spread, home_of(player), &worker->chooser, last,
                            &worker->prng, worker->driver, worker->connection);
    player->crosses = bench_keys_cross(&player->keys, worker->driver, worker->connection);
}

/* Choose the next operation of a run. False: the window of inserts is full. */
static bool choose_run(struct player *player)
{
    struct bench_worker *worker = player->worker;
    uint64_t last = bench_acknowledged_last(worker->plan->records);

    player->op = bench_chooser_op(&worker->chooser, &worker->prng);
    if (player->op == BENCH_INSERT) {
        bool taken = bench_acknowledged_take(worker->plan->records, &player->record);

        set_key(player);
        return taken;
    }
    choose_keys(player, last);
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

/* Nothing more is to be begun. */
static bool is_over(const struct bench_plan *plan, uint64_t due)
{
    return due >= plan->end_us || atomic_load_explicit(&plan->stop, memory_order_relaxed);
}

/* The record could not be chosen: of a load all are taken; of a run the window of inserts is full. */
static void skip_operation(struct player *player)
{
    struct bench_worker *worker = player->worker;

    if (is_open_loop(worker)) {
        worker->measures->unsent++;
        release(player);
    } else if (!worker->plan->load) {
        player->state = PLAYER_PAUSING;
    }
}

static void begin_operation(struct player *player, uint64_t due, uint64_t now)
{
    struct bench_plan *plan = player->worker->plan;

    player->begun_us = due;
    player->state = PLAYER_FINISHED;
    if (is_over(plan, due)) {
        return;
    }
    if (plan->load ? !choose_load(player) : !choose_run(player)) {
        skip_operation(player);
        return;
    }
    if (is_spent(player)) {
        if (player->op == BENCH_INSERT) {
            bench_acknowledged_answer(plan->records, player->record);
        }
        player->worker->arrivals_ended = true;
        return;
    }
    player->attempts = 1;
    submit_part(player, player->op == BENCH_READ_MODIFY_WRITE ? BENCH_READ : player->op, due, now);
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
            submit_part(player, BENCH_INSERT, now, now);
        } else if (player->state == PLAYER_PAUSING) {
            begin_operation(player, now, now);
        }
        active += player->state != PLAYER_FINISHED;
    }
    return active;
}

static void run_closed(struct bench_worker *worker)
{
    for (uint32_t i = 0; i < worker->player_count; i++) {
        bool plays = worker->plan->clients == 0 || i < worker->plan->clients;

        worker->players[i] =
            (struct player){.worker = worker, .state = plays ? PLAYER_PAUSING : PLAYER_FINISHED};
    }
    while (wake_players(worker) > 0) {
        if (worker->in_flight == 0) {
            /* Everything was refused at once; the driver may have nothing to wait for. */
            nanosleep(&(struct timespec){.tv_nsec = TURN_US * 1000}, NULL);
        }
        worker->driver->run(worker->connection, TURN_US);
    }
}

/* How long the driver may stay away: until an operation is due for which there is a client. */
static uint64_t free_time_us(const struct bench_worker *worker)
{
    uint64_t due = bench_arrivals_due(&worker->arrivals), now = kv_now_us();

    if (worker->arrivals_ended || worker->free_count == 0 || due > now + TURN_US) {
        return TURN_US;
    }
    return due > now ? due - now : 0;
}

static void run_open(struct bench_worker *worker)
{
    const struct bench_plan *plan = worker->plan;

    bench_arrivals_init(&worker->arrivals, plan->rate, plan->settings->poisson, worker->index,
                        plan->settings->threads, plan->from_us, kv_prng_next(&worker->prng));
    worker->free_count = 0;
    worker->arrivals_ended = false;
    for (uint32_t i = worker->player_count; i-- > 0;) {
        worker->players[i] = (struct player){.worker = worker};
        release(&worker->players[i]);
    }
    /* Arrivals are microseconds apart: timers may not be 50 of them late, as Linux allows itself. */
    (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    for (;;) {
        begin_due(worker, kv_now_us());
        if (worker->arrivals_ended && worker->in_flight == 0) {
            return;
        }
        worker->driver->run(worker->connection, free_time_us(worker));
    }
}

uint64_t bench_worker_run(struct bench_worker *worker, struct bench_plan *plan,
                          struct bench_measures *measures)
{
    KV_ASSERT(plan->interval_us > 0);
    worker->plan = plan;
    worker->measures = measures;
    worker->last_us = plan->measure_from_us;
    if (!plan->load) {
        worker->chooser = *plan->chooser;
    }
    (is_open_loop(worker) ? run_open : run_closed)(worker);
    KV_ASSERT(worker->in_flight == 0);
    worker->plan = NULL;
    worker->measures = NULL;
    return worker->last_us;
}

kv_status bench_worker_open(const struct bench_settings *settings, uint32_t index,
                            const char *endpoints, const char *cluster, struct bench_worker **ret)
{
    struct bench_worker *worker = kv_alloc_zero(1, sizeof *worker);
    const struct bench_target target = {
        .endpoints = endpoints, .cluster = cluster, .timeout_ms = settings->timeout_ms};
    kv_status status;

    worker->settings = settings;
    worker->driver = settings->driver;
    worker->index = index;
    worker->player_count =
        settings->clients / settings->threads + (index < settings->clients % settings->threads);
    worker->players = kv_alloc_zero(worker->player_count, sizeof *worker->players);
    worker->free = kv_alloc_zero(worker->player_count, sizeof(struct player *));
    kv_prng_init(&worker->prng, settings->seed * BENCH_THREADS_MAX + index);
    bench_values_init(&worker->values, settings->fields, settings->field_bytes,
                      settings->keys_per_command);
    status = worker->driver->open(&target, &worker->connection);
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
    (*worker)->driver->close(&(*worker)->connection);
    bench_values_close(&(*worker)->values);
    kv_free((*worker)->players);
    kv_free((*worker)->free);
    kv_free(*worker);
    *worker = NULL;
}

kv_status bench_worker_connect(struct bench_worker *worker)
{
    return worker->driver->connect(worker->connection);
}

struct bench_progress bench_worker_progress(const struct bench_worker *worker)
{
    return (struct bench_progress){atomic_load_explicit(&worker->finished, memory_order_relaxed),
                                   atomic_load_explicit(&worker->failed, memory_order_relaxed)};
}
