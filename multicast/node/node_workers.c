/* SPDX-License-Identifier: Apache-2.0 */
/* node_workers: see the header.
 *
 * Sleeping. Whoever sleeps says so first and looks at his ring once more; whoever fills the ring looks afterwards whether he sleeps.
 * These four accesses are sequentially consistent: one of the two sees the other. */
#include "multicast/node/node_workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* So many jobs more than another one, and a worker is passed over: below that the shard's caches count. */
#define SHARD_PREFERENCE 2

/* Looks at an empty ring before a worker sleeps: some 20 us, less than a wake-up takes. */
#define SPINS      2000

#define CACHE_LINE 64

struct item {
    struct node_work work;
    uint64_t added_ns, began_ns, ended_ns;
};

/* One producer, one consumer; each counts on a line of his own. */
struct ring {
    atomic_uint filled;
    uint8_t filled_line[CACHE_LINE];
    atomic_uint emptied;
    uint8_t emptied_line[CACHE_LINE];
    struct item items[NODE_WORKER_JOBS_MAX];
};

struct worker {
    struct ring in, out;
    uint8_t ring_line[CACHE_LINE];
    atomic_bool sleeps;
    atomic_bool retires; /* end when the ring is empty */
    atomic_bool quits;   /* end before the next job */
    atomic_bool ended;
    int wake_fd;
    struct node_workers *pool;
    pthread_t thread;
    uint8_t shared_line[CACHE_LINE];
    unsigned added; /* put into `in`, flushed or not; the rest is the node's, too */
    uint32_t has;   /* jobs that have not been taken from it */
    struct worker *next_retired;
};

/* Jobs that no worker has, oldest first. */
struct backlog {
    struct item *items;
    uint32_t first, count, capacity;
};

struct node_workers {
    uint32_t count;
    struct worker *active[KV_WORKERS_MAX];
    struct worker *retired; /* they have not ended, or their results are not taken */
    struct backlog backlog;
    uint32_t out;
    uint32_t look_at; /* the worker whose results are taken next */
    struct node_workers_measure measure;
    int fd;
    bool had_any; /* there is or was a worker that may ring */
    uint8_t own_line[CACHE_LINE];
    atomic_bool rests;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* ---- Descriptors ---- */

static int open_event(int flags)
{
    const int fd = eventfd(0, EFD_CLOEXEC | flags);
    KV_ASSERT(fd >= 0);
    return fd;
}

static void ring_bell(int fd)
{
    const uint64_t one = 1;
    ssize_t written;
    do {
        written = write(fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
}

static void wait_for_bell(int fd)
{
    uint64_t count;
    ssize_t got;
    do {
        got = read(fd, &count, sizeof count);
    } while (got < 0 && errno == EINTR);
}

/* ---- A worker's side ---- */

static bool has_jobs(struct worker *worker)
{
    return atomic_load(&worker->in.filled) !=
           atomic_load_explicit(&worker->in.emptied, memory_order_relaxed);
}

/* Wait for jobs; false: there will be none. */
static bool wait_for_jobs(struct worker *worker)
{
    for (;;) {
        for (uint32_t i = 0; i < SPINS; i++) {
            if (has_jobs(worker)) {
                return !atomic_load(&worker->quits);
            }
            relax();
        }
        if (atomic_load(&worker->retires)) {
            return has_jobs(worker) && !atomic_load(&worker->quits);
        }
        atomic_store(&worker->sleeps, true);
        if (!has_jobs(worker) && !atomic_load(&worker->retires)) {
            wait_for_bell(worker->wake_fd);
        }
        atomic_store(&worker->sleeps, false);
    }
}

static void give_result(struct worker *worker, const struct item *item)
{
    struct ring *out = &worker->out;
    const unsigned at = atomic_load_explicit(&out->filled, memory_order_relaxed);
    KV_ASSERT(at - atomic_load_explicit(&out->emptied, memory_order_acquire) <
              NODE_WORKER_JOBS_MAX);
    out->items[at % NODE_WORKER_JOBS_MAX] = *item;
    atomic_store(&out->filled, at + 1);
    if (atomic_load(&worker->pool->rests) && atomic_exchange(&worker->pool->rests, false)) {
        ring_bell(worker->pool->fd);
    }
}

/* One after the other, all that are there now, unless it is to quit; the end of one is the beginning of the next. */
static void work_through(struct worker *worker)
{
    struct ring *in = &worker->in;
    unsigned at = atomic_load_explicit(&in->emptied, memory_order_relaxed);
    const unsigned end = atomic_load_explicit(&in->filled, memory_order_acquire);
    uint64_t now = now_ns();
    while (at != end && !atomic_load(&worker->quits)) {
        struct item item = in->items[at % NODE_WORKER_JOBS_MAX];
        at++;
        atomic_store_explicit(&in->emptied, at, memory_order_release);
        item.began_ns = now;
        item.work.work(item.work.job);
        now = now_ns();
        item.ended_ns = now;
        give_result(worker, &item);
    }
}

static void *run_worker(void *context)
{
    struct worker *worker = context;
    while (wait_for_jobs(worker)) {
        work_through(worker);
    }
    atomic_store(&worker->ended, true);
    return NULL;
}

/* ---- Making and ending them ---- */

static void free_worker(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
    close(worker->wake_fd);
    kv_free(worker);
}

static struct worker *new_worker(struct node_workers *workers)
{
    struct worker *worker = kv_alloc_zero(1, sizeof *worker);
    worker->pool = workers;
    worker->wake_fd = open_event(0);
    if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0) {
        close(worker->wake_fd);
        kv_free(worker);
        return NULL;
    }
    return worker;
}

static void wake(struct worker *worker)
{
    if (atomic_load(&worker->sleeps) && atomic_exchange(&worker->sleeps, false)) {
        ring_bell(worker->wake_fd);
    }
}

static void retire(struct node_workers *workers, struct worker *worker)
{
    worker->next_retired = workers->retired;
    workers->retired = worker;
    atomic_store(&worker->retires, true);
    wake(worker);
}

/* Free those who have ended and whose results are taken. */
static void bury_retired(struct node_workers *workers)
{
    struct worker **link = &workers->retired;
    while (*link != NULL) {
        struct worker *worker = *link;
        if (worker->has == 0 && atomic_load(&worker->ended)) {
            *link = worker->next_retired;
            free_worker(worker);
        } else {
            link = &worker->next_retired;
        }
    }
}

struct node_workers *node_workers_new(uint32_t count)
{
    struct node_workers *workers = kv_alloc_zero(1, sizeof *workers);
    workers->fd = open_event(EFD_NONBLOCK);
    node_workers_set(workers, count);
    return workers;
}

void node_workers_set(struct node_workers *workers, uint32_t count)
{
    const uint32_t wanted = count < KV_WORKERS_MAX ? count : KV_WORKERS_MAX;
    node_workers_flush(workers);
    while (workers->count > wanted) {
        retire(workers, workers->active[--workers->count]);
    }
    while (workers->count < wanted) {
        struct worker *worker = new_worker(workers);
        if (worker == NULL) {
            return;
        }
        workers->active[workers->count++] = worker;
        workers->had_any = true;
    }
}

static void drop_ring(struct ring *ring)
{
    const unsigned end = atomic_load(&ring->filled);
    for (unsigned at = atomic_load(&ring->emptied); at != end; at++) {
        const struct node_work *work = &ring->items[at % NODE_WORKER_JOBS_MAX].work;
        work->drop(work->job);
    }
}

static void drop_backlog(struct backlog *backlog)
{
    for (uint32_t i = 0; i < backlog->count; i++) {
        const struct node_work *work =
            &backlog->items[(backlog->first + i) % backlog->capacity].work;
        work->drop(work->job);
    }
    kv_free(backlog->items);
}

void node_workers_destroy(struct node_workers **workers)
{
    struct node_workers *destroyed = *workers;
    *workers = NULL;
    if (destroyed == NULL) {
        return;
    }
    while (destroyed->count > 0) {
        retire(destroyed, destroyed->active[--destroyed->count]);
    }
    for (struct worker *worker = destroyed->retired; worker != NULL;
         worker = worker->next_retired) {
        atomic_store(&worker->quits, true);
    }
    drop_backlog(&destroyed->backlog);
    while (destroyed->retired != NULL) {
        struct worker *worker = destroyed->retired;
        destroyed->retired = worker->next_retired;
        pthread_join(worker->thread, NULL);
        drop_ring(&worker->in);
        drop_ring(&worker->out);
        close(worker->wake_fd);
        kv_free(worker);
    }
    close(destroyed->fd);
    kv_free(destroyed);
}

uint32_t node_workers_count(const struct node_workers *workers)
{
    return workers->count;
}

/* ---- Handing out ---- */

static void backlog_push(struct backlog *backlog, const struct item *item)
{
    if (backlog->count == backlog->capacity) {
        const uint32_t capacity =
            backlog->capacity == 0 ? NODE_WORKER_JOBS_MAX : 2 * backlog->capacity;
        struct item *items = kv_alloc(capacity * sizeof *items);
        for (uint32_t i = 0; i < backlog->count; i++) {
            items[i] = backlog->items[(backlog->first + i) % backlog->capacity];
        }
        kv_free(backlog->items);
        *backlog = (struct backlog){.items = items, .count = backlog->count, .capacity = capacity};
    }
    backlog->items[(backlog->first + backlog->count++) % backlog->capacity] = *item;
}

static struct item backlog_pop(struct backlog *backlog)
{
    KV_ASSERT(backlog->count > 0);
    const struct item item = backlog->items[backlog->first];
    backlog->first = (backlog->first + 1) % backlog->capacity;
    backlog->count--;
    return item;
}

/* Who is to do it; NULL: all are full. */
static struct worker *choose(const struct node_workers *workers, uint64_t shard)
{
    struct worker *preferred = workers->active[shard % workers->count];
    struct worker *least = preferred;
    if (preferred->has < SHARD_PREFERENCE) {
        return preferred;
    }
    for (uint32_t i = 0; i < workers->count; i++) {
        least = workers->active[i]->has < least->has ? workers->active[i] : least;
    }
    if (least->has + SHARD_PREFERENCE > preferred->has && preferred->has < NODE_WORKER_JOBS_MAX) {
        least = preferred;
    }
    return least->has < NODE_WORKER_JOBS_MAX ? least : NULL;
}

/* From the backlog to those who have room. */
static void spread(struct node_workers *workers)
{
    while (workers->count > 0 && workers->backlog.count > 0) {
        struct worker *worker =
            choose(workers, workers->backlog.items[workers->backlog.first].work.shard);
        if (worker == NULL) {
            return;
        }
        worker->in.items[worker->added++ % NODE_WORKER_JOBS_MAX] = backlog_pop(&workers->backlog);
        worker->has++;
    }
}

void node_workers_add(struct node_workers *workers, const struct node_work *work)
{
    backlog_push(&workers->backlog, &(struct item){.work = *work});
    workers->out++;
}

void node_workers_flush(struct node_workers *workers)
{
    if (workers->backlog.count == 0) {
        return;
    }
    const uint64_t now = now_ns();
    for (uint32_t i = workers->backlog.count; i > 0; i--) {
        struct backlog *backlog = &workers->backlog;
        struct item *item = &backlog->items[(backlog->first + i - 1) % backlog->capacity];
        if (item->added_ns != 0) {
            break; /* it and those before it have been flushed before */
        }
        item->added_ns = now;
    }
    spread(workers);
    for (uint32_t i = 0; i < workers->count; i++) {
        struct worker *worker = workers->active[i];
        if (worker->added != atomic_load_explicit(&worker->in.filled, memory_order_relaxed)) {
            atomic_store(&worker->in.filled, worker->added);
            wake(worker);
        }
    }
}

/* ---- Taking results ---- */

static bool take_from(struct node_workers *workers, struct worker *worker, struct item *ret)
{
    struct ring *out = &worker->out;
    const unsigned at = atomic_load_explicit(&out->emptied, memory_order_relaxed);
    if (at == atomic_load(&out->filled)) {
        return false;
    }
    *ret = out->items[at % NODE_WORKER_JOBS_MAX];
    atomic_store_explicit(&out->emptied, at + 1, memory_order_release);
    worker->has--;
    workers->out--;
    workers->measure.jobs++;
    workers->measure.wait_ns +=
        ret->began_ns - (ret->added_ns < ret->began_ns ? ret->added_ns : ret->began_ns);
    workers->measure.service_ns += ret->ended_ns - ret->began_ns;
    return true;
}

static bool take_any(struct node_workers *workers, struct item *ret)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        struct worker *worker = workers->active[workers->look_at % workers->count];
        if (worker->has > 0 && take_from(workers, worker, ret)) {
            return true;
        }
        workers->look_at = (workers->look_at + 1) % workers->count;
    }
    for (struct worker *worker = workers->retired; worker != NULL; worker = worker->next_retired) {
        if (worker->has > 0 && take_from(workers, worker, ret)) {
            return true;
        }
    }
    return false;
}

/* Nobody else is there to do it. */
static void do_it_here(struct node_workers *workers, struct item *ret)
{
    *ret = backlog_pop(&workers->backlog);
    ret->began_ns = now_ns();
    ret->work.work(ret->work.job);
    ret->ended_ns = now_ns();
    workers->out--;
    workers->measure.jobs++;
    workers->measure.wait_ns += ret->added_ns == 0 ? 0 : ret->began_ns - ret->added_ns;
    workers->measure.service_ns += ret->ended_ns - ret->began_ns;
}

bool node_workers_take(struct node_workers *workers, struct node_work *ret)
{
    struct item item;
    if (workers->out == 0 || !take_any(workers, &item)) {
        if (workers->count > 0 || workers->backlog.count == 0) {
            node_workers_flush(workers); /* there is room now for what had to wait */
            bury_retired(workers);
            return false;
        }
        do_it_here(workers, &item);
    }
    *ret = item.work;
    return true;
}

uint32_t node_workers_out(const struct node_workers *workers)
{
    return workers->out;
}

/* ---- Sleeping ---- */

static bool has_result(struct worker *worker)
{
    return worker->has > 0 && atomic_load(&worker->out.filled) !=
                                  atomic_load_explicit(&worker->out.emptied, memory_order_relaxed);
}

bool node_workers_rest(struct node_workers *workers)
{
    bool any = workers->count == 0 && workers->backlog.count > 0;
    atomic_store(&workers->rests, true);
    for (uint32_t i = 0; i < workers->count; i++) {
        any = any || has_result(workers->active[i]);
    }
    for (struct worker *worker = workers->retired; worker != NULL; worker = worker->next_retired) {
        any = any || has_result(worker);
    }
    if (any) {
        node_workers_rise(workers);
    }
    return !any;
}

void node_workers_rise(struct node_workers *workers)
{
    (void)atomic_exchange(&workers->rests, false);
    if (workers->had_any) {
        wait_for_bell(
            workers
                ->fd); /* whoever rings does so behind taking `rests`: it may be for an earlier rest */
    }
}

int node_workers_fd(const struct node_workers *workers)
{
    return workers->fd;
}

struct node_workers_measure node_workers_measure(const struct node_workers *workers)
{
    return workers->measure;
}
