/* SPDX-License-Identifier: Apache-2.0 */
/* workers: commands per second of one engine over the number of workers and the time that each command computes.
 *
 *     kvworkers [ROUNDS [MILLISECONDS]]          the table: every case once in a round, so that what disturbs disturbs all
 *     kvworkers latency N                        from the delivery of one command alone to its answer
 *     kvworkers once WORKERS MICROSECONDS N [CELLS]
 *                                                so many commands, of one cell or several, for counting instructions (docs/execution.md); WORKERS may be
 *                                                "inline": the engine computes in the step, and nothing is handed over
 *
 * The loop is that of a node without network and log: deliver, hand out, take results, sleep if there is nothing to do. Commands are
 * those of a mill, one cell each, so many at a time; so what is measured is engine, hand-over and threads.
 *
 * Ideal: a thread orders, which costs what a command without computation costs alone; workers compute and cost nothing else; all
 * of it on the cores that there are. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/base/prng.h"
#include "multicast/node/node_workers.h"
#include "multicast/wire/entry.h"
#include "partition/engine/engine.h"
#include "tests/unit/engine/mill.h"

#define WINDOW         256 /* commands under way */
#define ROUNDS_DEFAULT 7
#define ROUNDS_MAX     101
#define SPAN_MS        400 /* of one case in one round */
#define TURNS_BEFORE   2   /* of each case, not measured */

/* Between two commands whose latency is measured. */
#define PAUSE_US 200

/* What a record still covers; a session has room for KV_SESSION_OUTSTANDING_MAX. */
#define FLOOR_BEHIND (KV_SESSION_OUTSTANDING_MAX - 1)

static const uint32_t times_us[] = {0, 10, 100, 1000};
static const uint32_t counts[] = {0, 1, 2};
#define TIMES  ((uint32_t)(sizeof times_us / sizeof times_us[0]))
#define COUNTS ((uint32_t)(sizeof counts / sizeof counts[0]))

static const kv_group_id group = {1};

/* Commands per second, and how much of the machine there was for them: others may be at work on it. */
struct figures {
    double rate, cores;
};

struct load {
    struct engine *engine;
    struct engine_effects effects;
    struct node_workers *workers;
    struct kv_prng prng;
    struct kv_buffer body;
    uint32_t rounds; /* of each command */
    uint32_t jobs_max, cells, window;
    uint64_t delivered, answered;
};

static uint64_t time_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return time_ns(CLOCK_MONOTONIC);
}

/* Rounds of a mill in a microsecond. */
static uint32_t rounds_per_us(void)
{
    uint64_t best = UINT64_MAX, value = 1;
    for (uint32_t i = 0; i < 20; i++) {
        const uint64_t begin = now_ns();
        value = mill_rounds(value, 1000000);
        const uint64_t taken = now_ns() - begin;
        best = taken < best ? taken : best;
    }
    KV_ASSERT(value != 0);
    return (uint32_t)(UINT64_C(1000000000) / best);
}

static void step(struct load *load, struct engine_event event)
{
    event.leads = true;
    event.jobs_max = load->jobs_max;
    engine_step(load->engine, &event, &load->effects);
    load->answered += load->effects.reply_count;
    for (uint32_t i = 0; i < load->effects.job_count; i++) {
        const struct engine_job *job = &load->effects.jobs[i];
        node_workers_add(load->workers, &(struct node_work){.work = job->work,
                                                            .drop = job->drop,
                                                            .job = job->job,
                                                            .number = job->number,
                                                            .shard = job->shard});
    }
}

static void deliver(struct load *load)
{
    struct mill_command command = {
        .kind = MILL_GRIND, .rounds = load->rounds, .count = load->cells};
    const uint32_t first = (uint32_t)kv_prng_below(&load->prng, MILL_CELLS - load->cells);
    for (uint32_t i = 0; i < load->cells; i++) {
        command.cells[i] = (uint16_t)(first + i);
    }
    kv_buffer_clear(&load->body);
    mill_encode(&command, &load->body);
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_buffer_slice(&load->body));
    const uint64_t sequence = ++load->delivered;
    entry->id =
        (kv_message_id){.session = {{{1}, KV_GROUP_ORACLE}}, .sequence = sequence, .attempt = 1};
    entry->floor = sequence > FLOOR_BEHIND ? sequence - FLOOR_BEHIND : 0;
    entry->destinations = kv_group_set_of(group);
    entry->timestamp = (kv_timestamp){{sequence}, group};
    entry->index.value = sequence;
    step(load, (struct engine_event){
                   .kind = ENGINE_EVENT_DELIVER, .entry = entry, .timestamp = entry->timestamp});
    wire_entry_drop(&entry);
}

/* One turn of the ordering thread: instructions are counted from here. */
__attribute__((noinline)) static void workers_turn(struct load *load, uint64_t until)
{
    struct node_work done;
    bool any = false;
    while (load->delivered < until && load->delivered - load->answered < load->window) {
        deliver(load);
        any = true;
    }
    node_workers_flush(load->workers);
    for (uint32_t i = 0; i < WINDOW && node_workers_take(load->workers, &done); i++) {
        step(load, (struct engine_event){
                       .kind = ENGINE_EVENT_WORKED, .token = done.number, .job = done.job});
        any = true;
    }
    node_workers_flush(load->workers);
    if (!any && load->answered < load->delivered && node_workers_rest(load->workers)) {
        struct pollfd bell = {.fd = node_workers_fd(load->workers), .events = POLLIN};
        poll(&bell, 1, -1);
        node_workers_rise(load->workers);
    }
}

static void open_load(struct load *load, uint32_t workers, uint32_t rounds)
{
    *load =
        (struct load){.rounds = rounds, .jobs_max = ENGINE_JOBS_MAX, .cells = 1, .window = WINDOW};
    load->engine = engine_new(group, mill_new(group, 1), 0);
    load->workers = node_workers_new(workers);
    kv_prng_init(&load->prng, 1);
}

static void close_load(struct load *load)
{
    node_workers_destroy(&load->workers);
    engine_destroy(&load->engine);
    engine_effects_close(&load->effects);
    kv_buffer_close(&load->body);
}

static struct figures measure(uint32_t workers, uint32_t rounds, uint64_t span_ms)
{
    struct load load;
    open_load(&load, workers, rounds);
    for (uint32_t i = 0; i < TURNS_BEFORE; i++) {
        workers_turn(&load, UINT64_MAX);
    }
    const uint64_t begin = now_ns(), before = load.answered,
                   cpu = time_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t end = begin;
    while (end - begin < span_ms * 1000000) {
        workers_turn(&load, UINT64_MAX);
        end = now_ns();
    }
    const struct figures figures = {
        .rate = (double)(load.answered - before) * 1e9 / (double)(end - begin),
        .cores = (double)(time_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)(end - begin)};
    close_load(&load);
    return figures;
}

static int compare_figures(const void *a, const void *b)
{
    const double x = ((const struct figures *)a)->rate, y = ((const struct figures *)b)->rate;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* Commands per second, if ordering costs so many microseconds and handing over nothing. */
static double ideal(uint32_t workers, double time_us, double ordering_us, double cores)
{
    if (workers == 0) {
        return 1e6 / (time_us + ordering_us);
    }
    double rate = least(1e6 / ordering_us, cores * 1e6 / (time_us + ordering_us));
    return time_us > 0 ? least(rate, workers * 1e6 / time_us) : rate;
}

static void print_table(struct figures found[TIMES][COUNTS][ROUNDS_MAX], uint32_t rounds)
{
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    printf("| computation | workers | commands/s | range | ideal | of it | cores got |\n"
           "|---|---|---|---|---|---|---|\n");
    for (uint32_t t = 0; t < TIMES; t++) {
        for (uint32_t c = 0; c < COUNTS; c++) {
            qsort(found[t][c], rounds, sizeof(struct figures), compare_figures);
        }
    }
    const double ordering_us = 1e6 / found[0][0][rounds / 2].rate;
    for (uint32_t t = 0; t < TIMES; t++) {
        for (uint32_t c = 0; c < COUNTS; c++) {
            const struct figures *sorted = found[t][c], *middle = &sorted[rounds / 2];
            const double best = ideal(counts[c], times_us[t], ordering_us, cores);
            printf("| %u us | %u | %.0f | %.0f - %.0f | %.0f | %.0f %% | %.2f |\n", times_us[t],
                   counts[c], middle->rate, sorted[0].rate, sorted[rounds - 1].rate, best,
                   100 * middle->rate / best, middle->cores);
        }
    }
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* One command at a time, so whoever has nothing to do sleeps in between; PAUSE_US apart, longer than a worker spins. */
static void measure_latency(const char *name, uint32_t workers, uint32_t jobs_max,
                            uint64_t commands)
{
    struct load load;
    uint64_t *times = kv_alloc_zero(commands, sizeof *times);
    open_load(&load, workers, 1);
    load.jobs_max = jobs_max;
    load.window = 1;
    for (uint64_t i = 0; i < commands; i++) {
        usleep(PAUSE_US);
        const uint64_t begin = now_ns();
        while (load.answered <= i) {
            workers_turn(&load, i + 1);
        }
        times[i] = now_ns() - begin;
    }
    qsort(times, commands, sizeof *times, compare_times);
    printf("| %s | %.1f us | %.1f us |\n", name, (double)times[commands / 2] / 1000,
           (double)times[commands * 99 / 100] / 1000);
    kv_free(times);
    close_load(&load);
}

static int run_latency(uint64_t commands)
{
    printf("| computed | median | p99 |\n|---|---|---|\n");
    measure_latency("in the step of the engine", 0, 0, commands);
    measure_latency("by the node's thread", 0, ENGINE_JOBS_MAX, commands);
    measure_latency("by a worker", 1, ENGINE_JOBS_MAX, commands);
    return 0;
}

static int run_once(char **words, uint32_t cells)
{
    struct load load;
    const uint32_t workers = (uint32_t)strtoul(words[0], NULL, 10);
    const uint32_t time_us = (uint32_t)strtoul(words[1], NULL, 10);
    const uint64_t commands = strtoull(words[2], NULL, 10);
    open_load(&load, workers, time_us == 0 ? 1 : time_us * rounds_per_us());
    load.cells = cells;
    load.jobs_max = strcmp(words[0], "inline") == 0 ? 0 : ENGINE_JOBS_MAX;
    while (load.answered < commands) {
        workers_turn(&load, commands);
    }
    printf("digest %016" PRIx64 "\n", engine_digest(load.engine));
    close_load(&load);
    return 0;
}

int main(int argc, char **argv)
{
    static struct figures found[TIMES][COUNTS][ROUNDS_MAX];
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "once") == 0) {
        const unsigned long cells = argc == 6 ? strtoul(argv[5], NULL, 10) : 1;
        return run_once(argv + 2, cells > MILL_CELLS_EACH || cells == 0 ? 1 : (uint32_t)cells);
    }
    if (argc == 3 && strcmp(argv[1], "latency") == 0 && strtoull(argv[2], NULL, 10) > 0) {
        return run_latency(strtoull(argv[2], NULL, 10));
    }
    const unsigned long given = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS_DEFAULT;
    const uint64_t span_ms = argc > 2 ? strtoull(argv[2], NULL, 10) : SPAN_MS;
    if (argc > 3 || given == 0 || given > ROUNDS_MAX || span_ms == 0) {
        fputs("usage: kvworkers [ROUNDS [MILLISECONDS]] | kvworkers latency N | "
              "kvworkers once WORKERS|inline MICROSECONDS N [CELLS]\n",
              stderr);
        return 2;
    }
    const uint32_t per_us = rounds_per_us();
    for (uint32_t round = 0; round < given; round++) {
        for (uint32_t t = 0; t < TIMES; t++) {
            for (uint32_t c = 0; c < COUNTS; c++) {
                found[t][c][round] =
                    measure(counts[c], times_us[t] == 0 ? 1 : times_us[t] * per_us, span_ms);
            }
        }
    }
    print_table(found, (uint32_t)given);
    return 0;
}
