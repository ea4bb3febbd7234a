/* SPDX-License-Identifier: Apache-2.0 */
/* Those who watch a node: they wait for a while, are told where to go on, and are bounded; one question of a connection to a group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/net/net.h"
#include "multicast/node/node_watch.h"
#include "multicast/wire/codec.h"
#include "tests/unit/node/node_rig.h"

/* Connections of one client; two of them are more than a node lets wait. */
#define SLOTS   150
#define CLIENTS 2

/* Indexes that the application knows: nothing below, nothing above, one change in the middle. */
#define FIRST  UINT64_C(1000)
#define CHANGE UINT64_C(2000)
#define END    UINT64_C(3000)

/* Where a look ends before everything has been looked at. */
#define CUT UINT64_C(2500)

struct rig {
    struct node_rig node;
    pthread_t thread;
    char endpoint[64];
    struct net_client *clients[CLIENTS];
    struct wire_frame_writer writer;
    struct wire_frame_reader reader;
    struct wire_message message;
    uint64_t numbers[CLIENTS][SLOTS]; /* of the last question */
    uint64_t asked;
    uint32_t answered, later;       /* answers to last questions, and those that say LATER */
    struct wire_watch_reply answer; /* the last one, without its changes */
    uint32_t changes;               /* bytes of those */
};

static bool app_changes(const void *state, uint64_t position, const struct node_watching *watching,
                        struct kv_buffer *ret_bytes, struct node_changes *ret)
{
    (void)state, (void)position;
    *ret = (struct node_changes){
        .gap =
            watching->from != 0 && watching->from<FIRST, .first = FIRST, .next = watching->from> END
                ? watching->from
                : END};
    if (watching->from == CUT) {
        *ret = (struct node_changes){.first = FIRST, .next = CUT + 1, .more = true};
    }
    if (watching->from >= FIRST && watching->from <= CHANGE) {
        wire_changes_append(ret_bytes, &(struct wire_change){.index = CHANGE,
                                                             .kind = WIRE_CHANGE_DELETED,
                                                             .key = kv_slice_of_text("k")});
    }
    return true;
}

static struct node_application_ops app_ops;

static struct node_application app_new(kv_group_id group, void *context)
{
    (void)group, (void)context;
    return (struct node_application){&app_ops, kv_alloc_zero(1, 1)};
}

/* Where the node is: the system has chosen the port. */
static void report(const char *line, void *context)
{
    struct rig *rig = context;
    const char *at = strstr(line, "serves at ");
    if (at != NULL && sscanf(at, "serves at %63[^ ]", rig->endpoint) == 1) {
        rig->endpoint[strlen(rig->endpoint) - 1] = '\0'; /* the colon behind it */
    }
}

static void *run_node(void *context)
{
    struct rig *rig = context;
    struct node_error error = {{0}};
    const enum status status = node_run(rig->node.node, &error);
    KV_ASSERT(status == STATUS_OK);
    return NULL;
}

static int open_rig(void **state)
{
    struct rig *rig = kv_alloc_zero(1, sizeof *rig);
    app_ops = node_rig_ops();
    app_ops.changes = app_changes;
    node_rig_open(&rig->node, 1,
                  (struct node_settings){.application = app_new,
                                         .report = report,
                                         .report_context = rig,
                                         .workers_fixed = true});
    assert_int_equal(pthread_create(&rig->thread, NULL, run_node, rig), 0);
    for (uint32_t c = 0; c < CLIENTS; c++) {
        assert_int_equal(net_client_open(&rig->clients[c]), STATUS_OK);
    }
    *state = rig;
    return 0;
}

static int close_rig(void **state)
{
    struct rig *rig = *state;
    node_rig_stop(&rig->node);
    assert_int_equal(pthread_join(rig->thread, NULL), 0);
    for (uint32_t c = 0; c < CLIENTS; c++) {
        net_client_close(&rig->clients[c]);
    }
    wire_frame_writer_close(&rig->writer);
    wire_frame_reader_close(&rig->reader);
    node_rig_close(&rig->node);
    kv_free(rig);
    return 0;
}

/* Over a connection of a client, which is made for it. */
static void ask(struct rig *rig, uint32_t client, uint32_t slot, uint16_t group, uint64_t from)
{
    struct wire_message question = {.kind = WIRE_MESSAGE_WATCH_REQUEST, .group = {group}};
    question.as.watch_request =
        (struct wire_watch_request){.number = ++rig->asked, .from = from, .bytes = 1000};
    if (rig->numbers[client][slot] == 0) {
        assert_int_equal(net_client_connect(rig->clients[client], slot, rig->endpoint), STATUS_OK);
    }
    rig->numbers[client][slot] = rig->asked;
    wire_frame_begin(&rig->writer, (kv_cluster_id){0}, KV_NODE_NONE, KV_NODE_NONE);
    assert_int_equal(wire_frame_add(&rig->writer, &question), STATUS_OK);
    assert_int_equal(net_client_send(rig->clients[client], slot, wire_frame_finish(&rig->writer)),
                     STATUS_OK);
}

static void hear(struct rig *rig, uint32_t client)
{
    uint32_t slot;
    kv_slice frame;
    net_client_wait(rig->clients[client], 10 * 1000);
    while (net_client_receive(rig->clients[client], &slot, &frame) == STATUS_OK) {
        assert_int_equal(wire_frame_open(&rig->reader, frame), STATUS_OK);
        while (wire_frame_next(&rig->reader, &rig->message) == STATUS_OK) {
            assert_int_equal(rig->message.kind, WIRE_MESSAGE_WATCH_REPLY);
            rig->answer = rig->message.as.watch_reply;
            rig->changes = (uint32_t)rig->answer.changes.size;
            assert_int_equal(rig->answer.number, rig->numbers[client][slot]);
            rig->answered++;
            rig->later += rig->answer.state == WIRE_WATCH_LATER ? 1 : 0;
        }
    }
}

static enum wire_watch_state answer_to(struct rig *rig, uint16_t group, uint64_t from)
{
    rig->answered = 0;
    ask(rig, 0, 0, group, from);
    while (rig->answered == 0) {
        hear(rig, 0);
    }
    return rig->answer.state;
}

/* The only member has to elect itself first. */
static void await_leader(struct rig *rig)
{
    while (answer_to(rig, 1, FIRST) == WIRE_WATCH_LATER) {
    }
}

static void what_there_is_is_told_at_once(void **state)
{
    struct rig *rig = *state;
    await_leader(rig);
    assert_int_equal(answer_to(rig, 1, FIRST), WIRE_WATCH_CHANGES);
    assert_true(rig->changes > 0);
    assert_int_equal(rig->answer.next, END);
    assert_int_equal(answer_to(rig, 1, FIRST - 1), WIRE_WATCH_GAP);
    assert_int_equal(rig->answer.first, FIRST);
    assert_int_equal(answer_to(rig, 1, 0), WIRE_WATCH_NONE);
    assert_int_equal(rig->answer.next, END);
    assert_int_equal(answer_to(rig, 9, FIRST), WIRE_WATCH_NOT_HERE);
}

static void who_waits_is_told_where_to_go_on_and_only_the_last_question_counts(void **state)
{
    struct rig *rig = *state;
    await_leader(rig);
    ask(rig, 0, 0, 1, END);
    assert_int_equal(answer_to(rig, 1, CHANGE + 1), WIRE_WATCH_NONE); /* hear looks at the number */
    assert_int_equal(rig->answer.next, END);
    assert_int_equal(rig->answered, 1);
}

static void who_has_not_been_told_everything_does_not_wait(void **state)
{
    struct rig *rig = *state;
    await_leader(rig);
    assert_int_equal(answer_to(rig, 1, CUT), WIRE_WATCH_NONE);
    assert_int_equal(rig->answer.next, CUT + 1); /* behind a wait it would be END */
}

static void no_more_than_the_maximum_waits(void **state)
{
    struct rig *rig = *state;
    await_leader(rig);
    rig->answered = 0;
    rig->later = 0;
    for (uint32_t i = 0; i < CLIENTS * SLOTS; i++) {
        ask(rig, i / SLOTS, i % SLOTS, 1, END);
    }
    while (rig->answered < CLIENTS * SLOTS) {
        hear(rig, 0);
        hear(rig, 1);
    }
    assert_int_equal(rig->later, CLIENTS * SLOTS - NODE_WATCHES_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        TEST(what_there_is_is_told_at_once),
        TEST(who_waits_is_told_where_to_go_on_and_only_the_last_question_counts),
        TEST(who_has_not_been_told_everything_does_not_wait),
        TEST(no_more_than_the_maximum_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
