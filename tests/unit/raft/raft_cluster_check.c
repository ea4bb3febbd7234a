/* SPDX-License-Identifier: Apache-2.0 */
/* raft_cluster_check: the properties C1-C7 of raft_cluster.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster_internal.h"

void cluster_fail(struct cluster *cluster, const char *what)
{
    if (cluster->trace.text.size > 0) {
        fprintf(stderr, "%.*s", (int)cluster->trace.text.size,
                (const char *)cluster->trace.text.data);
    }
    fail_msg("seed %llu, %llu us: %s", (unsigned long long)cluster->options.seed,
             (unsigned long long)cluster->now.us, what);
}

void cluster_disk_apply(struct cluster_disk *disk, const struct raft_persist *persist)
{
    switch (persist->kind) {
    case RAFT_PERSIST_HARD_STATE:
        disk->term = persist->term;
        disk->vote = persist->vote;
        return;
    case RAFT_PERSIST_ENTRY:
        disk->terms[persist->entry->index.value] = persist->entry->term;
        disk->last = persist->entry->index;
        return;
    case RAFT_PERSIST_SNAPSHOT:
        disk->base = persist->point.index;
        disk->terms[disk->base.value] = persist->point.term;
        if (!persist->keeps_log || disk->last.value < disk->base.value) {
            disk->last = disk->base;
        }
        return;
    }
}

void cluster_check_promise(struct cluster *cluster, uint32_t node,
                           const struct cluster_message *message)
{
    const struct cluster_disk *disk = cluster->members[node].disk;
    const struct wire_append_reply *reply = &message->as.append_reply;
    switch ((int)message->kind) {
    case WIRE_MESSAGE_VOTE_REQUEST:
        if (!message->as.vote_request.pre &&
            (disk->term.value < message->as.vote_request.term.value ||
             (disk->term.value == message->as.vote_request.term.value &&
              disk->vote.value != node))) {
            cluster_fail(cluster, "C4: a candidacy left before it was durable");
        }
        return;
    case WIRE_MESSAGE_VOTE_REPLY:
        if (!message->as.vote_reply.pre && message->as.vote_reply.granted &&
            disk->term.value == message->as.vote_reply.term.value &&
            disk->vote.value != message->to.value) {
            cluster_fail(cluster, "C4: a vote left before it was durable");
        }
        if (disk->term.value < message->as.vote_reply.term.value && !message->as.vote_reply.pre) {
            cluster_fail(cluster, "C4: a vote left before its term was durable");
        }
        return;
    case WIRE_MESSAGE_APPEND_REPLY:
        /* If a later term has begun meanwhile, the log may have changed since: the promise was
         * kept when it was made. */
        if (reply->success && raft_term(cluster->members[node].raft).value == reply->term.value &&
            reply->match.value > disk->base.value) {
            const struct wire_entry *entry = raft_entry(cluster->members[node].raft, reply->match);
            if (disk->last.value < reply->match.value ||
                (entry != NULL && disk->terms[reply->match.value].value != entry->term.value)) {
                cluster_fail(cluster, "C4: an acknowledged entry is not durable");
            }
        }
        return;
    default:
        return;
    }
}

static uint64_t cluster_digest(uint64_t before, const struct wire_entry *entry)
{
    uint64_t digest = before;
    const uint64_t parts[] = {entry->index.value, entry->term.value, (uint64_t)entry->kind,
                              entry->reach.value, entry->id.sequence};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        digest = (digest ^ parts[i]) * UINT64_C(0x9E3779B97F4A7C15);
        digest ^= digest >> 29;
    }
    return digest;
}

/* C2: what this member has newly committed is what everybody else has committed there. */
static void cluster_check_commit(struct cluster *cluster, uint32_t node)
{
    struct cluster_member *member = &cluster->members[node];
    kv_index commit = raft_commit(member->raft);
    if (commit.value >= CLUSTER_LOG_MAX) {
        cluster_fail(cluster, "the log of the fixture is full");
    }
    for (uint64_t i = member->commit.value + 1; i <= commit.value; i++) {
        const struct wire_entry *entry = raft_entry(member->raft, (kv_index){i});
        if (entry == NULL) {
            continue; /* covered by a snapshot, which C7 compares */
        }
        uint64_t digest = cluster_digest(cluster->committed[i - 1].digest, entry);
        if (i > cluster->committed_last.value) {
            cluster->committed[i] = (struct cluster_committed){entry->term, digest};
            cluster->committed_last.value = i;
        } else if (cluster->committed[i].digest != digest) {
            cluster_fail(cluster, "C2: two members have committed different entries");
        }
    }
    if (commit.value < member->commit.value) {
        cluster_fail(cluster, "R4: the commit index went back");
    }
    member->commit = commit;
}

/* C1, C3 */
static void cluster_check_leader(struct cluster *cluster, uint32_t node)
{
    const struct raft *raft = cluster->members[node].raft;
    kv_term term = raft_term(raft);
    if (raft_role(raft) != RAFT_LEADER || term.value >= CLUSTER_LOG_MAX) {
        return;
    }
    if (cluster->leaders[term.value].value == node) {
        return;
    }
    if (cluster->leaders[term.value].value != 0) {
        cluster_fail(cluster, "C1: two leaders in one term");
    }
    cluster->leaders[term.value].value = (uint16_t)node;
    cluster->elections++;
    for (uint64_t i = raft_snapshot_index(raft).value + 1; i <= cluster->committed_last.value;
         i++) {
        const struct wire_entry *entry = raft_entry(raft, (kv_index){i});
        if (entry == NULL || entry->term.value != cluster->committed[i].term.value) {
            cluster_fail(cluster, "C3: a new leader lacks a committed entry");
        }
    }
}

void cluster_check_member(struct cluster *cluster, uint32_t node)
{
    cluster_check_commit(cluster, node);
    cluster_check_leader(cluster, node);
}

void cluster_check_read(struct cluster *cluster, uint32_t node, const struct raft_read *read)
{
    struct cluster_member *member = &cluster->members[node];
    member->reads_ready += read->ready ? 1 : 0;
    member->reads_failed += read->ready ? 0 : 1;
    if (read->ready && read->index.value < cluster->read_floor[read->token].value) {
        cluster_fail(cluster, "C6: a read would miss what was committed before it");
    }
    if (read->ready && read->index.value > raft_commit(member->raft).value) {
        cluster_fail(cluster, "C6: a read waits for what is not committed");
    }
}

void cluster_check_chunk(struct cluster *cluster, uint32_t node,
                         const struct wire_snapshot_chunk *chunk)
{
    if (chunk->index.value <= raft_commit(cluster->members[node].raft).value) {
        cluster_fail(cluster, "a snapshot at or below commit was offered");
    }
    if (chunk->index.value > cluster->committed_last.value ||
        cluster->committed[chunk->index.value].term.value != chunk->index_term.value ||
        chunk->offset + chunk->bytes.size > CLUSTER_SNAPSHOT_SIZE ||
        memcmp(cluster_snapshot_bytes(chunk->index) + chunk->offset, chunk->bytes.data,
               chunk->bytes.size) != 0) {
        cluster_fail(cluster, "C7: a piece of a snapshot is not what was committed");
    }
}

void cluster_check_restored(struct cluster *cluster, uint32_t node)
{
    const struct cluster_member *member = &cluster->members[node];
    bool same = raft_term(member->raft).value == member->disk->term.value &&
                raft_last(member->raft).value == member->disk->last.value &&
                raft_snapshot_index(member->raft).value == member->disk->base.value;
    for (uint64_t i = member->disk->base.value + 1; i <= member->disk->last.value && same; i++) {
        same = raft_entry(member->raft, (kv_index){i})->term.value == member->disk->terms[i].value;
    }
    if (!same) {
        cluster_fail(cluster, "a restart does not have what the disk has");
    }
    raft_check_full(member->raft);
}

void cluster_check_logs(struct cluster *cluster)
{
    for (uint32_t a = 1; a <= cluster->node_count; a++) {
        const struct raft *left = cluster->members[a].raft;
        if (left == NULL) {
            continue;
        }
        raft_check_full(left);
        for (uint32_t b = 1; b < a; b++) {
            const struct raft *right = cluster->members[b].raft;
            bool must_match = false;
            uint64_t last = right == NULL ? 0
                            : raft_last(left).value < raft_last(right).value
                                ? raft_last(left).value
                                : raft_last(right).value;
            for (uint64_t i = last; i > 0 && right != NULL; i--) {
                const struct wire_entry *x = raft_entry(left, (kv_index){i});
                const struct wire_entry *y = raft_entry(right, (kv_index){i});
                if (x == NULL || y == NULL) {
                    break;
                }
                bool same = x->term.value == y->term.value;
                if ((must_match && !same) ||
                    (same && cluster_digest(0, x) != cluster_digest(0, y))) {
                    cluster_fail(cluster, "C5: two logs differ below a common entry");
                }
                must_match = must_match || same;
            }
        }
    }
}
