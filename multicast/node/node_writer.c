/* SPDX-License-Identifier: Apache-2.0 */
/* node_writer: see the header.
 *
 *   free -> running -> done -> free     `running` is the thread's, the others are the node's */
#include "multicast/node/node_writer.h"

#include <pthread.h>

#include "multicast/node/node_internal.h"

enum writer_state { WRITER_FREE, WRITER_RUNNING, WRITER_DONE, WRITER_END };

struct node_writer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum writer_state state;
    enum node_job job;
    struct node_member *member;
    enum status result; /* DONE */
};

static enum status run_job(enum node_job job, struct node_member *member)
{
    const struct node_application *application = &member->application;
    switch (job) {
    case NODE_JOB_NONE:
        break;
    case NODE_JOB_WRITE:
        return application->ops->write(application->state);
    case NODE_JOB_SCRUB:
        return application->ops->scrub(application->state);
    case NODE_JOB_SWEEP:
        application->ops->sweep(application->state);
        return STATUS_OK;
    case NODE_JOB_DUMP:
        return node_transfer_dump(member);
    case NODE_JOB_PREPARE:
        return node_transfer_prepare(member);
    case NODE_JOB_BACKUP:
        return node_backup_dump(member);
    }
    KV_UNREACHABLE();
}

static void *run_writer(void *context)
{
    struct node_writer *writer = context;
    pthread_mutex_lock(&writer->mutex);
    while (writer->state != WRITER_END) {
        if (writer->state != WRITER_RUNNING) {
            pthread_cond_wait(&writer->changed, &writer->mutex);
            continue;
        }
        const enum node_job job = writer->job;
        struct node_member *member = writer->member;
        pthread_mutex_unlock(&writer->mutex);
        const enum status result = run_job(job, member);
        pthread_mutex_lock(&writer->mutex);
        writer->result = result;
        writer->state = WRITER_DONE;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static enum writer_state look(struct node_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    const enum writer_state state = writer->state;
    pthread_mutex_unlock(&writer->mutex);
    return state;
}

void node_writer_open(struct node *node)
{
    bool any = false;
    for (uint32_t i = 0; i < node->member_count; i++) {
        any = any || node->members[i].application.ops->freeze != NULL;
        node->members[i].cut.at = node->now;
        node->members[i].cut.scrub_at = node->now; /* what is on disk has not been looked at yet */
    }
    if (!any) {
        return;
    }
    node->writer = kv_alloc_zero(1, sizeof *node->writer);
    pthread_mutex_init(&node->writer->mutex, NULL);
    pthread_cond_init(&node->writer->changed, NULL);
    const int failed = pthread_create(&node->writer->thread, NULL, run_writer, node->writer);
    KV_ASSERT(failed == 0); /* a machine without room for one thread */
}

void node_writer_close(struct node *node)
{
    struct node_writer *writer = node->writer;
    if (writer == NULL) {
        return;
    }
    pthread_mutex_lock(&writer->mutex);
    while (writer->state == WRITER_RUNNING) {
        pthread_cond_wait(&writer->changed, &writer->mutex);
    }
    writer->state = WRITER_END;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    kv_free(writer);
    node->writer = NULL;
}

bool node_writer_is_free(const struct node *node)
{
    return node->writer != NULL && look(node->writer) == WRITER_FREE;
}

bool node_writer_has(const struct node *node, const struct node_member *member)
{
    return node->writer != NULL && look(node->writer) != WRITER_FREE &&
           node->writer->member == member;
}

void node_writer_start(struct node *node, struct node_member *member, enum node_job job)
{
    struct node_writer *writer = node->writer;
    pthread_mutex_lock(&writer->mutex);
    KV_ASSERT(writer->state == WRITER_FREE);
    writer->job = job;
    writer->member = member;
    writer->state = WRITER_RUNNING;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
}

static void on_done(struct node *node)
{
    struct node_writer *writer = node->writer;
    struct node_member *member = writer->member;
    const enum node_job job = writer->job;
    const enum status result = writer->result;
    pthread_mutex_lock(&writer->mutex);
    writer->state = WRITER_FREE;
    pthread_mutex_unlock(&writer->mutex);
    switch (job) {
    case NODE_JOB_NONE:
        KV_UNREACHABLE();
    case NODE_JOB_WRITE:
        node_checkpoint_on_written(node, member, result);
        return;
    case NODE_JOB_SCRUB:
        node_checkpoint_on_scrubbed(node, member, result);
        return;
    case NODE_JOB_SWEEP:
        return;
    case NODE_JOB_DUMP:
        node_transfer_on_dumped(node, member, result);
        return;
    case NODE_JOB_PREPARE:
        node_transfer_on_prepared(node, member, result);
        return;
    case NODE_JOB_BACKUP:
        node_backup_on_dumped(node, member, result);
        return;
    }
}

void node_writer_turn(struct node *node)
{
    if (node->writer == NULL || node->failure != STATUS_OK) {
        return;
    }
    if (look(node->writer) == WRITER_DONE) {
        on_done(node);
    }
    node_backup_turn(node);
    if (node->stop_by.us != KV_INSTANT_NEVER.us || node->failure != STATUS_OK) {
        return;
    }
    for (uint32_t i = 0; i < node->member_count && node_writer_is_free(node); i++) {
        node_backup_begin_due(node,
                              &node->members[i]); /* first: their live layers grow meanwhile */
    }
    for (uint32_t i = 0; i < node->member_count && node_writer_is_free(node); i++) {
        /* In turn: a busy member must not keep the others from theirs. */
        struct node_member *member = &node->members[(node->writer_next + i) % node->member_count];
        node_transfer_begin_due(node, member);
        if (node_writer_is_free(node)) {
            node_checkpoint_begin_due(node, member);
        }
        if (!node_writer_is_free(node)) {
            node->writer_next = (uint32_t)(member - node->members) + 1;
        }
    }
}
