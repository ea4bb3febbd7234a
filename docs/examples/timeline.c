/* SPDX-License-Identifier: Apache-2.0 */
/* timeline: see the header. What a machine has to tell the engine is in machine.h; here is all of it for a small service.
 *
 * 1. open says which users a command touches here. The engine makes commands on one user wait for each other, and no others.
 * 2. vote: only the partition of WHO knows WHO's followers. If they are others than the command says, nobody does anything.
 * 3. read ranks, which takes long: take copies the timeline, work ranks the copy on any thread, apply makes it the answer. */
#include "docs/examples/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "partition/engine/engine_session.h"

#define WORD_BYTES    32
#define USERS_MAX     256 /* of one partition */
#define FOLLOWERS_MAX 8
#define POSTS_MAX     32 /* that a timeline has: the newest */
#define WORDS_MAX     (3 + FOLLOWERS_MAX)

/* Both without padding: their bytes are hashed and saved as they are. */
struct post {
    uint64_t clock, rank;
    char author[WORD_BYTES], text[WORD_BYTES];
};

struct user {
    char name[WORD_BYTES];
    uint64_t follower_count, post_count; /* posts that there ever were */
    char followers[FOLLOWERS_MAX][WORD_BYTES];
    struct post posts[POSTS_MAX]; /* a ring */
};

struct timeline {
    kv_group_id group;
    uint32_t partitions;
    uint32_t user_count;
    struct user users[USERS_MAX]; /* by name */
    struct machine_context context;
    enum { FOLLOW, POST, READ, NOTHING } what; /* the command that is open */
    uint32_t count, named;                     /* words; and users among them, from the second on */
    char words[WORDS_MAX][WORD_BYTES];
};

static void decode(struct timeline *timeline, kv_slice body)
{
    static const char *const names[] = {"follow", "post", "read"};
    static const uint32_t fewest[] = {3, 3, 2}, most[] = {3, WORDS_MAX, 2};
    char line[WORDS_MAX * WORD_BYTES] = {0}, *rest = line, *word;
    memset(timeline->words, 0, sizeof timeline->words);
    timeline->count = 0;
    memcpy(line, body.data, body.size < sizeof line ? body.size : 0);
    while (timeline->count < WORDS_MAX && (word = strsep(&rest, "\n")) != NULL) {
        memcpy(timeline->words[timeline->count++], word, strnlen(word, WORD_BYTES - 1));
    }
    for (timeline->what = FOLLOW; timeline->what < NOTHING; timeline->what++) {
        if (strcmp(timeline->words[0], names[timeline->what]) == 0 &&
            timeline->count >= fewest[timeline->what] && timeline->count <= most[timeline->what]) {
            break;
        }
    }
    timeline->named = timeline->what == NOTHING ? 0 : timeline->count - 1;
    timeline->named -= timeline->what == POST ? 1 : 0; /* the last word is the text */
}

static kv_group_id home(const struct timeline *timeline, const char *name)
{
    return wire_home_of(kv_slice_of_text(name), timeline->partitions);
}

static bool is_mine(const struct timeline *timeline, const char *name)
{
    return kv_group_equal(home(timeline, name), timeline->group);
}

static kv_group_set destinations(const struct timeline *timeline)
{
    kv_group_set set = {0};
    for (uint32_t i = 1; i <= timeline->named; i++) {
        set.bits |= kv_group_set_of(home(timeline, timeline->words[i])).bits;
    }
    return set;
}

kv_group_set timeline_destinations(kv_slice command, uint32_t partitions)
{
    static struct timeline timeline;
    timeline.partitions = partitions;
    decode(&timeline, command);
    return destinations(&timeline);
}

static bool timeline_open(void *state, const struct machine_context *context, kv_slice body,
                          struct machine_footprint *ret)
{
    struct timeline *timeline = state;
    timeline->context = *context;
    decode(timeline, body);
    const kv_group_set all = destinations(timeline);
    if (all.bits == 0 || all.bits != context->destinations.bits) {
        return false;
    }
    ret->count = 0;
    for (uint32_t i = 1; i <= timeline->named; i++) {
        const char *name = timeline->words[i];
        if (is_mine(timeline, name)) {
            ret->variables[ret->count++] =
                (struct machine_variable){kv_slice_of_text(name), timeline->what != READ};
        }
    }
    ret->cuts = ret->everything = false;
    ret->computes = timeline->what == READ;
    ret->awaits.bits = ret->tells.bits = all.bits & ~kv_group_set_of(timeline->group).bits;
    ret->reports.bits = 0;
    ret->answers = is_mine(timeline, timeline->words[1]);
    return true;
}

static int compare(const void *name, const void *user)
{
    return strcmp(name, ((const struct user *)user)->name);
}

static struct user *find(struct timeline *timeline, const char *name)
{
    return bsearch(name, timeline->users, timeline->user_count, sizeof(struct user), compare);
}

/* NULL: there is no room for another one. */
static struct user *ensure(struct timeline *timeline, const char *name)
{
    uint32_t at = timeline->user_count;
    if (find(timeline, name) != NULL || timeline->user_count == USERS_MAX) {
        return find(timeline, name);
    }
    for (; at > 0 && strcmp(timeline->users[at - 1].name, name) > 0; at--) {
        timeline->users[at] = timeline->users[at - 1];
    }
    timeline->user_count++;
    memset(&timeline->users[at], 0, sizeof(struct user));
    memcpy(timeline->users[at].name, name, WORD_BYTES);
    return &timeline->users[at];
}

static bool has_follower(const struct user *user, const char *name)
{
    bool has = false;
    for (uint64_t i = 0; user != NULL && i < user->follower_count; i++) {
        has = has || strcmp(user->followers[i], name) == 0;
    }
    return has;
}

static enum wire_verdict timeline_vote(void *state)
{
    struct timeline *timeline = state;
    const char *name = timeline->words[timeline->what == FOLLOW ? 2 : 1];
    const struct user *user = find(timeline, name);
    const uint64_t followers = user == NULL ? 0 : user->follower_count;
    if (timeline->what != POST || !is_mine(timeline, name)) {
        return followers == FOLLOWERS_MAX ? WIRE_VERDICT_TOO_LARGE : WIRE_VERDICT_OK;
    }
    bool same = timeline->named - 1 == followers;
    for (uint32_t i = 2; i <= timeline->named; i++) {
        same = same && has_follower(user, timeline->words[i]);
    }
    return same ? WIRE_VERDICT_OK : WIRE_VERDICT_MISMATCH;
}

static void timeline_payload(void *state, kv_group_id to, struct kv_buffer *ret)
{
    (void)state, (void)to, (void)ret; /* the verdict is all that others need */
}

static enum machine_outcome timeline_execute(void *state, const struct machine_vote *votes,
                                             uint32_t count, struct wire_answer *ret)
{
    struct timeline *timeline = state;
    ret->verdict = count > 0 ? WIRE_VERDICT_OK : timeline_vote(state); /* alone: no vote before */
    for (uint32_t i = 0; i < count && ret->verdict == WIRE_VERDICT_OK; i++) {
        ret->verdict = votes[i].verdict;
    }
    for (uint32_t i = 2; i <= timeline->named && ret->verdict == WIRE_VERDICT_OK; i++) {
        const char *name = timeline->words[i];
        struct user *user = is_mine(timeline, name) ? ensure(timeline, name) : NULL;
        if (user != NULL && timeline->what == POST) {
            struct post *post = &user->posts[user->post_count++ % POSTS_MAX];
            post->clock = timeline->context.timestamp.clock.value;
            memcpy(post->author, timeline->words[1], WORD_BYTES);
            memcpy(post->text, timeline->words[timeline->count - 1], WORD_BYTES);
        } else if (user != NULL && !has_follower(user, timeline->words[1])) {
            memcpy(user->followers[user->follower_count++], timeline->words[1], WORD_BYTES);
        }
    }
    return MACHINE_DONE;
}

static void *timeline_take(void *state, const struct machine_vote *votes, uint32_t count)
{
    const struct user *user = find(state, ((struct timeline *)state)->words[1]);
    struct user *copy = kv_alloc_zero(1, sizeof *copy);
    (void)votes, (void)count;
    *copy = user == NULL ? *copy : *user;
    return copy;
}

/* Who posts rarely comes first; of equals, the newest. */
static int by_interest(const void *first, const void *second)
{
    const struct post *a = first, *b = second;
    return a->rank != b->rank ? (a->rank < b->rank ? -1 : 1) : (a->clock > b->clock ? -1 : 1);
}

static void timeline_work(void *job)
{
    struct user *user = job;
    user->post_count = user->post_count < POSTS_MAX ? user->post_count : POSTS_MAX;
    for (uint64_t i = 0; i < user->post_count; i++) {
        for (uint64_t j = 0; j < user->post_count; j++) {
            user->posts[i].rank += strcmp(user->posts[i].author, user->posts[j].author) == 0;
        }
    }
    qsort(user->posts, user->post_count, sizeof(struct post), by_interest);
}

static enum machine_outcome timeline_apply(void *state, const void *job, struct wire_answer *ret)
{
    const struct user *user = job;
    (void)state;
    for (; ret->row_count < user->post_count; ret->row_count++) {
        const struct post *post = &user->posts[ret->row_count];
        ret->rows[ret->row_count] =
            (struct wire_row){kv_slice_of_text(post->author), kv_slice_of_text(post->text), true};
    }
    return MACHINE_DONE;
}

static bool timeline_read(void *state, struct wire_answer *ret)
{
    (void)state, (void)ret;
    return false; /* a read is ordered, so that another thread may compute */
}

static uint64_t timeline_digest(const void *state)
{
    const struct timeline *timeline = state;
    return engine_hash(timeline->users, timeline->user_count * sizeof(struct user));
}

static uint64_t timeline_keys(const void *state)
{
    return ((const struct timeline *)state)->user_count;
}

static uint32_t timeline_stores(void *state, struct machine_store ret[MACHINE_STORES_MAX])
{
    (void)state, (void)ret;
    return 0; /* save writes all of it */
}

static void timeline_save(const void *state, bool rows, struct kv_buffer *ret)
{
    const struct timeline *timeline = state;
    (void)rows;
    kv_buffer_append(ret, timeline->users, timeline->user_count * sizeof(struct user));
}

static enum status timeline_load(void *state, kv_slice bytes, const struct store_base *bases)
{
    struct timeline *timeline = state;
    const bool sound =
        bytes.size % sizeof(struct user) == 0 && bytes.size <= sizeof timeline->users;
    (void)bases;
    timeline->user_count = sound ? (uint32_t)(bytes.size / sizeof(struct user)) : 0;
    memmove(timeline->users, bytes.size > 0 ? bytes.data : (const uint8_t *)timeline->users,
            timeline->user_count * sizeof(struct user));
    return sound ? STATUS_OK : STATUS_CORRUPT;
}

static void timeline_renew(void *state)
{
    (void)state; /* it keeps nothing of clients */
}

/* clang-format off */
static const struct machine_ops timeline_ops = {
    .open = timeline_open, .vote = timeline_vote, .payload = timeline_payload, .execute = timeline_execute,
    .take = timeline_take, .work = timeline_work, .apply = timeline_apply, .drop = kv_free,
    .read = timeline_read, .digest = timeline_digest, .keys = timeline_keys, .stores = timeline_stores,
    .save = timeline_save, .load = timeline_load, .renew = timeline_renew, .destroy = kv_free,
};
/* clang-format on */

struct machine timeline_new(kv_group_id group, uint32_t partitions)
{
    struct timeline *timeline = kv_alloc_zero(1, sizeof *timeline);
    timeline->group = group;
    timeline->partitions = partitions;
    return (struct machine){.ops = &timeline_ops, .state = timeline};
}
