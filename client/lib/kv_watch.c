/* SPDX-License-Identifier: Apache-2.0 */
/* kv_watch: the changes of keys, group by group.
 *
 * 1. Each partition is asked for what is behind a position; there is one question at a time to each, and the next one only when its changes
 *    have been taken. So the watcher sets the pace, and nothing is kept for it anywhere.
 * 2. Any member may answer. One that does not, or cannot, is left for the next node, with the same position: indexes are the same at
 *    all members, so nothing is seen twice and nothing is missed.
 * 3. A member that has forgotten says so, and the others are asked. A gap is told when nobody is left to ask, or those who are left
 *    have not answered for WATCH_GAP_US. */
#include <string.h>

#include "client/lib/kv_internal.h"
#include "multicast/base/limits.h"

/* A node answers within a second (node_watch.h) if it is alive; then the next one is asked. */
#define WATCH_ANSWER_US (2 * 1000 * 1000)

/* Pause when all nodes have been asked in vain: an election takes that long. */
#define WATCH_PAUSE_US (50 * 1000)

/* How long a member that does not answer is waited for when the others have forgotten. */
#define WATCH_GAP_US (5 * 1000 * 1000)

struct watch_group {
    uint32_t group;
    uint64_t position; /* index of the first change that the caller has not had; 0: not known yet */
    kv_node_id node;   /* that is asked */
    uint64_t number;   /* of the question that is out; 0: none */
    uint64_t until_us; /* when it is given up; with none out: when the next may be asked */
    kv_node_id round;  /* where the round over all nodes began */
    bool forgotten;    /* a node of this round, or of one before, has forgotten */
    bool silent;       /* a node of this round may know, and has not said */
    uint64_t first;    /* forgotten: least of what they have; and since when that is known */
    uint64_t since_us;
    bool gap; /* to be told */
    struct kv_buffer changes;
    kv_slice left; /* of them */
    uint64_t next; /* behind them */
};

struct kv_watch {
    struct kv_listener listener;
    kv_client *client;
    struct kv_buffer prefix;
    uint32_t turn; /* the group that is looked at first */
    uint32_t group_count;
    struct watch_group groups[KV_GROUPS_MAX];
};

/* ---- Questions ---- */

static void begin_round(kv_watch *watch, struct watch_group *group)
{
    if (group->node.value == 0 ||
        client_node_endpoint(watch->client->core, group->node).size == 0) {
        group->node = client_leader_of(watch->client->core, (kv_group_id){(uint16_t)group->group});
    }
    if (group->node.value == 0 ||
        client_node_endpoint(watch->client->core, group->node).size == 0) {
        group->node = kv_next_node(watch->client, KV_NODE_NONE);
    }
    group->round = group->node;
    group->silent = false;
}

static void ask(kv_watch *watch, struct watch_group *group)
{
    struct wire_message *question = &watch->client->message_out;
    if (group->round.value == 0) {
        begin_round(watch, group);
    }
    if (group->node.value == 0) {
        group->until_us = kv_now_us() + WATCH_PAUSE_US;
        return;
    }
    question->kind = WIRE_MESSAGE_WATCH_REQUEST;
    question->group = (kv_group_id){(uint16_t)group->group};
    question->from = KV_NODE_NONE;
    question->to = group->node;
    question->as.watch_request =
        (struct wire_watch_request){.number = ++watch->client->watch_questions,
                                    .prefix = kv_buffer_slice(&watch->prefix),
                                    .from = group->position,
                                    .bytes = WIRE_WATCH_BYTES_MAX};
    group->number = watch->client->watch_questions;
    group->until_us = kv_now_us() + WATCH_ANSWER_US;
    (void)kv_ask(watch->client, group->node, question);
}

bool kv_is_round_over(kv_node_id from, kv_node_id to, kv_node_id began)
{
    if (to.value == 0) {
        return true; /* there are none */
    }
    return from.value < to.value ? from.value < began.value && began.value <= to.value
                                 : from.value < began.value || began.value <= to.value;
}

/* This node has nothing to say: on to the next one, at once, or behind a pause when it was the last. */
static void ask_another(kv_watch *watch, struct watch_group *group)
{
    const uint64_t now_us = kv_now_us();
    group->number = 0;
    group->until_us = now_us;
    const kv_node_id next = kv_next_node(watch->client, group->node);
    const bool over = kv_is_round_over(group->node, next, group->round);
    group->node = next;
    if (!over) {
        return;
    }
    if (group->forgotten && (!group->silent || now_us - group->since_us >= WATCH_GAP_US)) {
        group->gap = true;
    }
    group->round = KV_NODE_NONE;
    group->until_us = now_us + WATCH_PAUSE_US;
}

/* There is an answer: whoever gave it is asked again. */
static void settle(struct watch_group *group)
{
    group->number = 0;
    group->until_us = 0;
    group->round = KV_NODE_NONE;
    group->forgotten = false;
}

static void hear_gap(kv_watch *watch, struct watch_group *group, uint64_t first)
{
    if (!group->forgotten) {
        group->since_us = kv_now_us();
    }
    group->first = !group->forgotten || first < group->first ? first : group->first;
    group->forgotten = true;
    ask_another(watch, group);
}

static void hear_changes(kv_watch *watch, struct watch_group *group,
                         const struct wire_watch_reply *reply)
{
    kv_slice changes = reply->changes;
    struct wire_change change;
    if (!wire_changes_take(&changes, &change) || change.index < group->position) {
        group->silent = true; /* it does not keep to the rules */
        ask_another(watch, group);
        return;
    }
    settle(group);
    kv_buffer_clear(&group->changes);
    kv_buffer_append(&group->changes, reply->changes.data, reply->changes.size);
    group->left = kv_buffer_slice(&group->changes);
    group->next = reply->next;
}

static void hear(struct kv_listener *listener, uint32_t slot, const struct wire_message *message)
{
    kv_watch *watch = (kv_watch *)listener;
    const struct wire_watch_reply *reply = &message->as.watch_reply;
    const uint32_t at = message->group.value;
    (void)slot; /* the number of a question is that of one node */
    if (at == 0 || at > watch->group_count || watch->groups[at - 1].number == 0 ||
        watch->groups[at - 1].number != reply->number) {
        return;
    }
    struct watch_group *group = &watch->groups[at - 1];
    switch (reply->state) {
    case WIRE_WATCH_CHANGES:
        hear_changes(watch, group, reply);
        return;
    case WIRE_WATCH_NONE:
        settle(group);
        group->position = reply->next > group->position ? reply->next : group->position;
        return;
    case WIRE_WATCH_GAP:
        hear_gap(watch, group, reply->first);
        return;
    case WIRE_WATCH_NOT_HERE:
        ask_another(watch, group);
        return;
    case WIRE_WATCH_LATER:
        group->silent = true;
        ask_another(watch, group);
        return;
    }
}

/* Ask whoever has to be asked. */
static void step(kv_watch *watch)
{
    for (uint32_t i = 0; i < watch->group_count; i++) {
        struct watch_group *group = &watch->groups[i];
        if (group->left.size > 0 || group->gap) {
            continue; /* the caller has something to take first */
        }
        if (group->number != 0 && group->until_us <= kv_now_us()) {
            group->silent = true;
            ask_another(watch, group);
        }
        if (!group->gap && group->number == 0 && group->until_us <= kv_now_us()) {
            ask(watch, group);
        }
    }
}

/* When a step has something to do: at once, if something was heard since the last one. */
static uint64_t next_step_us(const kv_watch *watch)
{
    uint64_t next_us = UINT64_MAX;
    for (uint32_t i = 0; i < watch->group_count; i++) {
        const struct watch_group *group = &watch->groups[i];
        if (group->left.size == 0 && !group->gap && group->until_us < next_us) {
            next_us = group->until_us;
        }
    }
    return next_us;
}

/* ---- Opening ---- */

static bool takes_positions(kv_watch *watch, const kv_watch_position *positions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i].group == 0 || positions[i].group > watch->group_count) {
            kv_set_error(watch->client, "there is no partition %u", positions[i].group);
            return false;
        }
        watch->groups[positions[i].group - 1].position = positions[i].index;
    }
    return true;
}

static bool has_begun(const kv_watch *watch)
{
    for (uint32_t i = 0; i < watch->group_count; i++) {
        if (watch->groups[i].position == 0) {
            return false;
        }
    }
    return true;
}

kv_status kv_watch_open(kv_client *client, kv_bytes prefix, const kv_watch_position *positions,
                        uint32_t count, uint64_t timeout_ms, kv_watch **ret)
{
    *ret = NULL;
    if (client == NULL || client->in_callback || prefix.size > KV_KEY_BYTES_MAX ||
        client->watcher != NULL) {
        return client != NULL && client->watcher != NULL ? KV_BUSY : KV_INVALID;
    }
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    if (!kv_find_cluster(client, until_us)) {
        return client_refusal(client->core)[0] != '\0' ? KV_REFUSED : KV_UNAVAILABLE;
    }
    kv_watch *watch = kv_alloc_zero(1, sizeof *watch);
    watch->listener.hear = hear;
    watch->client = client;
    watch->group_count = client_partitions(client->core);
    kv_buffer_append(&watch->prefix, prefix.data, prefix.size);
    for (uint32_t i = 0; i < watch->group_count; i++) {
        watch->groups[i].group = i + 1;
    }
    client->watcher = &watch->listener;
    kv_status status = takes_positions(watch, positions, count) ? KV_OK : KV_INVALID;
    while (status == KV_OK && !has_begun(watch)) {
        step(watch);
        kv_turn(client);
        const uint64_t wake_us = next_step_us(watch);
        if (!has_begun(watch) && kv_now_us() >= until_us) {
            kv_set_error(client, "not every partition has said where it is");
            status = KV_UNAVAILABLE;
        } else if (!has_begun(watch)) {
            kv_wait(client, wake_us < until_us ? wake_us : until_us);
        }
    }
    if (status != KV_OK) {
        kv_watch_close(&watch);
        return status;
    }
    *ret = watch;
    return KV_OK;
}

void kv_watch_close(kv_watch **watch_ref)
{
    kv_watch *watch = *watch_ref;
    if (watch == NULL || watch->client->in_callback) {
        return;
    }
    watch->client->watcher = NULL;
    for (uint32_t i = 0; i < watch->group_count; i++) {
        kv_buffer_close(&watch->groups[i].changes);
    }
    kv_buffer_close(&watch->prefix);
    kv_free(watch);
    *watch_ref = NULL;
}

/* ---- Taking ---- */

static void tell_gap(struct watch_group *group, kv_change *ret)
{
    *ret = (kv_change){.kind = KV_CHANGE_GAP,
                       .group = group->group,
                       .index = group->position,
                       .first = group->first};
    group->position = group->first;
    group->gap = false;
    group->forgotten = false;
}

static void tell_change(struct watch_group *group, kv_change *ret)
{
    struct wire_change change = {.index = 0};
    const bool taken = wire_changes_take(&group->left, &change);
    KV_ASSERT(taken); /* the codec has looked at all of them */
    *ret = (kv_change){.kind = change.kind == WIRE_CHANGE_PUT ? KV_CHANGE_PUT : KV_CHANGE_DELETED,
                       .group = group->group,
                       .index = change.index,
                       .version = change.version.clock.value,
                       .version_group = change.version.group.value,
                       .key = kv_bytes_of(change.key.data, change.key.size),
                       .value = kv_bytes_of(change.value.data, change.value.size)};
    const bool last = group->left.size == 0;
    group->position = last && group->next > change.index ? group->next : change.index + 1;
}

static bool take(kv_watch *watch, kv_change *ret)
{
    for (uint32_t i = 0; i < watch->group_count; i++) {
        struct watch_group *group = &watch->groups[(watch->turn + i) % watch->group_count];
        if (group->gap) {
            tell_gap(group, ret);
        } else if (group->left.size > 0) {
            tell_change(group, ret);
        } else {
            continue;
        }
        watch->turn = group->left.size > 0 ? group->group - 1 : group->group;
        return true;
    }
    return false;
}

bool kv_watch_next(kv_watch *watch, int timeout_ms, kv_change *ret)
{
    kv_client *client = watch->client;
    if (client->in_callback) {
        return false;
    }
    const uint64_t until_us =
        timeout_ms < 0 ? UINT64_MAX : kv_now_us() + (uint64_t)timeout_ms * 1000;
    for (;;) {
        kv_turn(client); /* what has come counts before anybody is called silent */
        if (take(watch, ret)) {
            return true;
        }
        step(watch);
        kv_turn(client);
        if (take(watch, ret)) {
            return true;
        }
        if (kv_now_us() >= until_us) {
            return false;
        }
        const uint64_t wake_us = next_step_us(watch);
        kv_wait(client, wake_us < until_us ? wake_us : until_us);
    }
}

uint32_t kv_watch_positions(const kv_watch *watch, kv_watch_position *ret, uint32_t capacity)
{
    for (uint32_t i = 0; i < watch->group_count && i < capacity; i++) {
        ret[i] = (kv_watch_position){watch->groups[i].group, watch->groups[i].position};
    }
    return watch->group_count;
}
