/* SPDX-License-Identifier: Apache-2.0 */
/* kvbench chirper: a social network. 85 % timelines, 7.5 % posts, 3.75 % follow, 3.75 % unfollow.
 *
 * 1. A user has three keys: his timeline, how many he follows and how many follow him. Their names are chosen so that they live, at
 *    home, in the partition of his community: a follow inside of it is on one partition, a post on those of the followers.
 * 2. A post appends to the timelines of the author and of all followers, in one transaction. Following adds to two numbers in one
 *    transaction. Who follows whom is kept here, in the graph.
 * 3. A user's post or follow waits for the one before it; one that is in doubt is his last. So posts of one author are in order,
 *    and in the end the numbers have to be those of the graph. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/chirper_graph.h"
#include "bench/chirper_timeline.h"
#include "bench/service.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

enum chirper_op { TIMELINE, POST, FOLLOW, UNFOLLOW, CUT };

static const char *const op_names[] = {
    [TIMELINE] = "timeline", [POST] = "post", [FOLLOW] = "follow",
    [UNFOLLOW] = "unfollow", [CUT] = "cut",   NULL};

/* Of 10000 operations. */
#define POSTS     750
#define FOLLOWS   375
#define UNFOLLOWS 375

/* Endings that a key's name may have, until it is in the right partition. */
#define ENDINGS_MAX 4096

/* Keys of one command of the beginning and the end. */
#define BATCH      300

#define NAME_BYTES (SERVICE_PREFIX_BYTES_MAX + 24)

/* Draws of a user for an operation, because some are busy or follow nobody. */
#define DRAWS_MAX 20

enum { KEY_TIMELINE, KEY_FOLLOWING, KEY_FOLLOWERS, KEYS };

struct user {
    uint16_t endings[KEYS];    /* of the names of his keys */
    bool posting, following;   /* such an operation of his is in flight, or in doubt */
    uint32_t posts;            /* numbers that were given */
    struct chirper_post shown; /* the last one that was answered and is in his timeline */
    uint32_t doubt_following, doubt_followers; /* changes of his numbers that are in doubt */
};

/* What a virtual client has asked. */
struct asked {
    uint32_t user, other;
    struct chirper_post post; /* POST: it; TIMELINE: one that has to be there */
    kv_result *long_timeline; /* to be cut next; NULL: none */
    uint32_t *followers;      /* POST: whose timelines it goes to */
    uint32_t follower_count;
};

struct chirper {
    struct chirper_graph graph;
    struct user *users;
    struct asked *asked;
    kv_step *steps;            /* scratch of a post */
    char (*names)[NAME_BYTES]; /* scratch of a command */
};

static size_t name_key(const struct service *service, uint32_t user, int key, uint32_t ending,
                       char ret[NAME_BYTES])
{
    static const char letters[KEYS] = {'t', 'g', 'r'};

    return (size_t)snprintf(ret, NAME_BYTES, "%s%c%u~%u", service->settings->prefix, letters[key],
                            user, ending);
}

static kv_bytes key_of(const struct service *service, uint32_t user, int key, char ret[NAME_BYTES])
{
    const struct chirper *chirper = service->data;

    return kv_bytes_of(ret, name_key(service, user, key, chirper->users[user].endings[key], ret));
}

/* An ending with which the key lives in the partition of the user's community. */
static void choose_ending(const struct service *service, uint32_t user, int key)
{
    struct chirper *chirper = service->data;
    const uint32_t wanted = user % chirper->graph.communities + 1;

    for (uint32_t ending = 0; ending < ENDINGS_MAX; ending++) {
        char name[NAME_BYTES];
        const size_t size = name_key(service, user, key, ending, name);

        if (kv_client_partition_of(service->client, kv_bytes_of(name, size)) == wanted) {
            chirper->users[user].endings[key] = (uint16_t)ending;
            return;
        }
    }
}

static size_t first_value(const struct chirper *chirper, uint32_t user, int key, char ret[16])
{
    const uint32_t number = key == KEY_FOLLOWING ? chirper->graph.following[user].count
                                                 : chirper->graph.followers[user].count;

    return key == KEY_TIMELINE ? 0 : (size_t)snprintf(ret, 16, "%u", number);
}

static kv_status write_users(struct service *service)
{
    struct chirper *chirper = service->data;
    char(*texts)[16] = kv_alloc_zero(BATCH, sizeof *texts);
    kv_bytes *keys = kv_alloc_zero(BATCH, sizeof *keys);
    kv_bytes *values = kv_alloc_zero(BATCH, sizeof *values);
    kv_status status = KV_OK;
    uint32_t count = 0;

    for (uint32_t i = 0; i < service->settings->users * KEYS && status == KV_OK; i++) {
        const uint32_t user = i / KEYS;
        const int key = (int)(i % KEYS);

        keys[count] = key_of(service, user, key, chirper->names[count]);
        values[count] = kv_bytes_of(texts[count], first_value(chirper, user, key, texts[count]));
        if (++count == BATCH || i + 1 == service->settings->users * KEYS) {
            const kv_op op = {.code = KV_OP_MPUT, .keys = keys, .values = values, .count = count};

            status = service_insist(service, &op, NULL);
            count = 0;
        }
    }
    kv_free(texts);
    kv_free(keys);
    kv_free(values);
    return status;
}

static kv_status open_chirper(struct service *service)
{
    const struct service_settings *settings = service->settings;
    struct chirper *chirper = kv_alloc_zero(1, sizeof *chirper);
    kv_result *result = NULL;
    kv_status status;

    service->data = chirper;
    chirper->users = kv_alloc_zero(settings->users, sizeof *chirper->users);
    chirper->asked = kv_alloc_zero(settings->clients, sizeof *chirper->asked);
    chirper->steps = kv_alloc_zero(CHIRPER_FOLLOWERS_MAX + 1, sizeof *chirper->steps);
    chirper->names = kv_alloc_zero(CHIRPER_FOLLOWERS_MAX + 1, sizeof *chirper->names);
    for (uint32_t i = 0; i < settings->clients; i++) {
        chirper->asked[i].followers =
            kv_alloc_zero(CHIRPER_FOLLOWERS_MAX + 1, sizeof *chirper->asked[i].followers);
    }
    chirper_graph_init(&chirper->graph, settings->users, service->partitions,
                       settings->locality_percent / 100, settings->follows, &service->prng);
    /* Where keys live is known from the first answer on. */
    status = service_insist(service, &(kv_op){.code = KV_OP_GET, .key = kv_bytes_of("chirper", 7)},
                            &result);
    kv_result_free(result);
    if (status != KV_OK && status != KV_NOT_FOUND) {
        return status;
    }
    for (uint32_t user = 0; user < settings->users; user++) {
        for (int key = 0; key < KEYS; key++) {
            choose_ending(service, user, key);
        }
    }
    return write_users(service);
}

static void close_chirper(struct service *service)
{
    struct chirper *chirper = service->data;

    if (chirper == NULL) {
        return;
    }
    for (uint32_t i = 0; i < service->settings->clients; i++) {
        kv_result_free(chirper->asked[i].long_timeline);
        kv_free(chirper->asked[i].followers);
    }
    chirper_graph_close(&chirper->graph);
    kv_free(chirper->users);
    kv_free(chirper->asked);
    kv_free(chirper->steps);
    kv_free(chirper->names);
    kv_free(chirper);
    service->data = NULL;
}

/* ---- Questions ---- */

static struct asked *asked_of(const struct service_player *player)
{
    struct chirper *chirper = player->service->data;

    return &chirper->asked[player->number];
}

static kv_status begin_timeline(struct service_player *player)
{
    struct service *service = player->service;
    struct chirper *chirper = service->data;
    struct asked *asked = asked_of(player);
    char name[NAME_BYTES];
    kv_op op = {.code = KV_OP_GET};

    player->op = TIMELINE;
    asked->user = (uint32_t)kv_prng_below(&service->prng, service->settings->users);
    asked->post = chirper->users[asked->user].shown;
    op.key = key_of(service, asked->user, KEY_TIMELINE, name);
    return kv_submit(service->client, &op, service_on_done, player);
}

/* What stays of a timeline that has become long; if somebody has posted meanwhile, the next reader tries again. */
static kv_status begin_cut(struct service_player *player)
{
    struct service *service = player->service;
    struct asked *asked = asked_of(player);
    const kv_bytes old = kv_result_value(asked->long_timeline, 0);
    const size_t kept = CHIRPER_POSTS_KEPT * CHIRPER_POST_BYTES;
    char name[NAME_BYTES];
    const kv_op op = {.code = KV_OP_CAS,
                      .key = key_of(service, asked->user, KEY_TIMELINE, name),
                      .expect = old,
                      .value = kv_bytes_of((const char *)old.data + (old.size - kept), kept)};
    const kv_status status = kv_submit(service->client, &op, service_on_done, player);

    player->op = CUT;
    kv_result_free(asked->long_timeline);
    asked->long_timeline = NULL;
    return status;
}

static kv_status begin_post(struct service_player *player)
{
    struct service *service = player->service;
    struct chirper *chirper = service->data;
    struct asked *asked = asked_of(player);
    const struct chirper_list *followers = &chirper->graph.followers[asked->user];
    struct user *author = &chirper->users[asked->user];
    char text[CHIRPER_POST_BYTES];
    kv_op op = {.code = KV_OP_TXN, .steps = chirper->steps};
    kv_status status;

    player->op = POST;
    asked->post = (struct chirper_post){.author = asked->user, .number = author->posts + 1};
    chirper_post_write(asked->post, text);
    asked->followers[0] = asked->user;
    asked->follower_count = followers->count + 1;
    for (uint32_t i = 0; i < followers->count; i++) {
        asked->followers[i + 1] = followers->users[i];
    }
    for (uint32_t i = 0; i < asked->follower_count; i++) {
        chirper->steps[i] = kv_step_of(
            KV_STEP_APPEND, key_of(service, asked->followers[i], KEY_TIMELINE, chirper->names[i]),
            kv_bytes_of(text, sizeof text));
    }
    op.step_count = asked->follower_count;
    status = kv_submit(service->client, &op, service_on_done, player);
    author->posting = status == KV_OK;
    author->posts += status == KV_OK;
    return status;
}

static kv_status begin_follow(struct service_player *player, uint32_t what)
{
    struct service *service = player->service;
    struct chirper *chirper = service->data;
    struct asked *asked = asked_of(player);
    const int64_t by = what == FOLLOW ? 1 : -1;
    char names[2][NAME_BYTES];
    const kv_step steps[] = {
        kv_step_number(KV_STEP_INCR, key_of(service, asked->user, KEY_FOLLOWING, names[0]), by),
        kv_step_number(KV_STEP_INCR, key_of(service, asked->other, KEY_FOLLOWERS, names[1]), by)};
    const kv_op op = {.code = KV_OP_TXN, .steps = steps, .step_count = 2};
    const kv_status status = kv_submit(service->client, &op, service_on_done, player);

    player->op = what;
    chirper->users[asked->user].following = status == KV_OK;
    return status;
}

/* Someone who can do it now. False: nobody was found. */
static bool choose_user(struct service_player *player, uint32_t what)
{
    struct service *service = player->service;
    struct chirper *chirper = service->data;
    struct asked *asked = asked_of(player);

    for (uint32_t i = 0; i < DRAWS_MAX; i++) {
        const uint32_t user = (uint32_t)kv_prng_below(&service->prng, service->settings->users);
        const struct chirper_list *following = &chirper->graph.following[user];

        asked->user = user;
        if (what == POST && !chirper->users[user].posting) {
            return true;
        }
        if (what == FOLLOW && !chirper->users[user].following &&
            chirper_graph_draw(&chirper->graph, user, &service->prng, &asked->other)) {
            return true;
        }
        if (what == UNFOLLOW && !chirper->users[user].following && following->count > 0) {
            asked->other = following->users[kv_prng_below(&service->prng, following->count)];
            return true;
        }
    }
    return false;
}

static kv_status begin(struct service_player *player)
{
    const uint64_t draw = kv_prng_below(&player->service->prng, 10000);
    uint32_t what = TIMELINE;

    if (asked_of(player)->long_timeline != NULL) {
        return begin_cut(player);
    }
    if (draw < POSTS) {
        what = POST;
    } else if (draw < POSTS + FOLLOWS) {
        what = FOLLOW;
    } else if (draw < POSTS + FOLLOWS + UNFOLLOWS) {
        what = UNFOLLOW;
    }
    if (what == TIMELINE || !choose_user(player, what)) {
        return begin_timeline(player);
    }
    return what == POST ? begin_post(player) : begin_follow(player, what);
}

/* ---- Answers ---- */

static enum bench_outcome judge_timeline(struct service_player *player, kv_status status,
                                         kv_result *result)
{
    struct asked *asked = asked_of(player);
    const kv_bytes timeline = kv_result_value(result, 0);
    const char *wrong;

    if (status != KV_OK) {
        return bench_outcome_of(status);
    }
    wrong = chirper_timeline_check(timeline, asked->post);
    if (wrong != NULL) {
        service_complain(player->service, "the timeline of user %u %s", asked->user, wrong);
        return BENCH_OUTCOME_CORRUPT;
    }
    if (timeline.size > CHIRPER_POSTS_MAX * CHIRPER_POST_BYTES) {
        asked->long_timeline = kv_result_keep(result);
    }
    return BENCH_OUTCOME_OK;
}

static void note_post(struct service_player *player, kv_status status)
{
    struct chirper *chirper = player->service->data;
    const struct asked *asked = asked_of(player);

    /* One in doubt may yet be done, behind a later one: it is the author's last. */
    chirper->users[asked->user].posting = kv_status_in_doubt(status);
    for (uint32_t i = 0; status == KV_OK && i < asked->follower_count; i++) {
        chirper->users[asked->followers[i]].shown = asked->post;
    }
}

static void note_follow(struct service_player *player, kv_status status)
{
    struct chirper *chirper = player->service->data;
    const struct asked *asked = asked_of(player);
    struct user *user = &chirper->users[asked->user], *other = &chirper->users[asked->other];
    const bool doubt = kv_status_in_doubt(status);

    user->following = doubt;
    user->doubt_following += doubt;
    other->doubt_followers += doubt;
    if (status == KV_OK && player->op == FOLLOW) {
        chirper_graph_follow(&chirper->graph, asked->user, asked->other);
    } else if (status == KV_OK) {
        chirper_graph_unfollow(&chirper->graph, asked->user, asked->other);
    }
}

static enum bench_outcome judge(struct service_player *player, kv_status status, kv_result *result)
{
    switch ((enum chirper_op)player->op) {
    case TIMELINE:
        return judge_timeline(player, status, result);
    case POST:
        note_post(player, status);
        return bench_outcome_of(status);
    case CUT:
        return bench_outcome_of(status == KV_MISMATCH ? KV_OK : status);
    case FOLLOW:
    case UNFOLLOW:
        note_follow(player, status);
        return bench_outcome_of(status);
    }
    KV_UNREACHABLE();
}

/* ---- The end ---- */

static void check_number(struct service *service, uint32_t user, int key, kv_bytes value)
{
    const struct chirper *chirper = service->data;
    const struct user *who = &chirper->users[user];
    const bool following = key == KEY_FOLLOWING;
    const uint32_t known =
        following ? chirper->graph.following[user].count : chirper->graph.followers[user].count;
    const uint32_t doubt = following ? who->doubt_following : who->doubt_followers;
    char text[16] = "";
    long number;

    snprintf(text, sizeof text, "%.*s", (int)value.size,
             value.size > 0 ? (const char *)value.data : "");
    number = strtol(text, NULL, 10);
    if (number + (long)doubt < (long)known || number > (long)known + (long)doubt) {
        service_complain(service, "user %u %s %u, but the store says %s (%u in doubt)", user,
                         following ? "follows" : "is followed by", known, text, doubt);
    }
}

static kv_status check_batch(struct service *service, uint32_t first, uint32_t count)
{
    struct chirper *chirper = service->data;
    kv_bytes *keys = kv_alloc_zero(2 * (size_t)count, sizeof *keys);
    kv_op op = {.code = KV_OP_MGET, .keys = keys, .count = 2 * count};
    kv_result *result = NULL;
    kv_status status;

    for (uint32_t i = 0; i < count; i++) {
        keys[2 * i] = key_of(service, first + i, KEY_FOLLOWING, chirper->names[2 * i]);
        keys[2 * i + 1] = key_of(service, first + i, KEY_FOLLOWERS, chirper->names[2 * i + 1]);
    }
    status = service_insist(service, &op, &result);
    for (uint32_t i = 0; i < count && status == KV_OK; i++) {
        check_number(service, first + i, KEY_FOLLOWING, kv_result_value(result, 2 * i));
        check_number(service, first + i, KEY_FOLLOWERS, kv_result_value(result, 2 * i + 1));
    }
    kv_result_free(result);
    kv_free(keys);
    return status;
}

static kv_status finish(struct service *service)
{
    const uint32_t users = service->settings->users;
    const struct service_result *result = service->result;
    kv_status status = KV_OK;

    for (uint32_t first = 0; first < users && status == KV_OK; first += BATCH) {
        status = check_batch(service, first, users - first < BATCH ? users - first : BATCH);
    }
    if (status == KV_OK && !result->wrong) {
        snprintf(service->result->verdict, sizeof result->verdict,
                 "all of %" PRIu64 " timelines can be true, who follows whom agrees; %" PRIu64
                 " operations are in doubt",
                 result->series[TIMELINE].ok.count, result->in_doubt);
    }
    return status;
}

const struct service_application service_chirper = {.op_names = op_names,
                                                    .open = open_chirper,
                                                    .close = close_chirper,
                                                    .begin = begin,
                                                    .judge = judge,
                                                    .finish = finish};
