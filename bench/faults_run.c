/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that waits for the next event's time and runs kvctl. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/faults.h"
#include "client/lib/kv.h"
#include "multicast/base/bytes.h"

extern char **environ;

#define WORD_BYTES 16

struct bench_faults {
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stop;
    const struct bench_fault *faults;
    uint32_t count;
    const char *program;
    const char *directory;
    uint64_t from_us;
    struct bench_fault_result *results;
};

/* Sleep until `until_us`. False: to be stopped. */
static bool wait_until(struct bench_faults *faults, uint64_t until_us)
{
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    bool stop;

    pthread_mutex_lock(&faults->mutex);
    while (!faults->stop && pthread_cond_clockwait(&faults->changed, &faults->mutex,
                                                   CLOCK_MONOTONIC, &until) != ETIMEDOUT) {
    }
    stop = faults->stop;
    pthread_mutex_unlock(&faults->mutex);
    return !stop;
}

/* Exit status of kvctl; -1: there is none. Its results are not those of kvbench: stdout is ours. */
static int act(const struct bench_faults *faults, const struct bench_fault *fault)
{
    char node[WORD_BYTES];
    char *words[] = {(char *)faults->program,
                     (char *)"cluster",
                     (char *)bench_fault_name(fault->verb),
                     node,
                     (char *)"-q",
                     (char *)(faults->directory != NULL ? "--dir" : NULL),
                     (char *)faults->directory,
                     NULL};
    posix_spawn_file_actions_t actions;
    int status = 0, failure;
    pid_t pid;

    snprintf(node, sizeof node, "%u", fault->node);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    failure = posix_spawnp(&pid, faults->program, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) {
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *carry_out(void *context)
{
    struct bench_faults *faults = context;

    for (uint32_t i = 0; i < faults->count; i++) {
        struct bench_fault_result *result = &faults->results[i];

        if (!wait_until(faults, faults->from_us + faults->faults[i].at_ms * 1000)) {
            break;
        }
        result->began_us = kv_now_us() - faults->from_us;
        result->status = act(faults, &faults->faults[i]);
        result->ended_us = kv_now_us() - faults->from_us;
        result->done = true;
    }
    return NULL;
}

struct bench_faults *bench_faults_start(const struct bench_fault *faults, uint32_t count,
                                        const char *program, const char *directory,
                                        uint64_t from_us, struct bench_fault_result *results)
{
    struct bench_faults *ret = kv_alloc_zero(1, sizeof *ret);

    ret->faults = faults;
    ret->count = count;
    ret->program = program;
    ret->directory = directory;
    ret->from_us = from_us;
    ret->results = results;
    pthread_mutex_init(&ret->mutex, NULL);
    pthread_cond_init(&ret->changed, NULL);
    ret->started = pthread_create(&ret->thread, NULL, carry_out, ret) == 0;
    return ret;
}

void bench_faults_stop(struct bench_faults **faults)
{
    struct bench_faults *mine = *faults;

    if (mine == NULL) {
        return;
    }
    pthread_mutex_lock(&mine->mutex);
    mine->stop = true;
    pthread_cond_signal(&mine->changed);
    pthread_mutex_unlock(&mine->mutex);
    if (mine->started) {
        pthread_join(mine->thread, NULL);
    }
    pthread_cond_destroy(&mine->changed);
    pthread_mutex_destroy(&mine->mutex);
    kv_free(mine);
    *faults = NULL;
}
