/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between nodes and clients on the loopback, and what hostile or absent peers can do:
 * nothing.
 *
 * No test sleeps: each waits on the object under test, up to PATIENCE_US in total, for the one
 * thing it expects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "multicast/net/net.h"

/* Far more than any step takes, also under sanitizers on a busy machine. */
#define PATIENCE_US (20 * 1000 * 1000)
#define STEP_US     (20 * 1000)

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct net_server *server_on(const char *endpoint)
{
    struct net_server *server = NULL;
    assert_int_equal(net_server_open(endpoint, &server), STATUS_OK);
    return server;
}

static struct net_server *server_new(void)
{
    return server_on("tcp://127.0.0.1:*");
}

static struct net_client *client_of(const struct net_server *server)
{
    struct net_client *client = NULL;
    assert_int_equal(net_client_open(&client), STATUS_OK);
    assert_int_equal(net_client_connect(client, 0, net_server_endpoint(server)), STATUS_OK);
    return client;
}

static kv_slice text(const char *words)
{
    return kv_slice_of(words, strlen(words));
}

static void assert_frame(kv_slice frame, const char *words)
{
    assert_int_equal(frame.size, strlen(words));
    assert_memory_equal(frame.data, words, frame.size);
}

static struct net_route server_expect(struct net_server *server, const char *words)
{
    struct net_route route;
    kv_slice frame;
    const uint64_t until = now_us() + PATIENCE_US;
    while (net_server_receive(server, &route, &frame) != STATUS_OK) {
        assert_true(now_us() < until);
        net_server_wait(server, -1, STEP_US);
    }
    assert_frame(frame, words);
    return route;
}

static uint32_t client_expect(struct net_client *client, const char *words)
{
    uint32_t slot;
    kv_slice frame;
    const uint64_t until = now_us() + PATIENCE_US;
    while (net_client_receive(client, &slot, &frame) != STATUS_OK) {
        assert_true(now_us() < until);
        net_client_wait(client, STEP_US);
    }
    assert_frame(frame, words);
    return slot;
}

/* A raw ZeroMQ socket that obeys none of the rules of net. */
struct stranger {
    void *context;
    void *socket;
};

static struct stranger stranger_to(const struct net_server *server)
{
    struct stranger stranger = {zmq_ctx_new(), NULL};
    stranger.socket = zmq_socket(stranger.context, ZMQ_DEALER);
    const int linger = 0;
    assert_int_equal(zmq_setsockopt(stranger.socket, ZMQ_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(zmq_connect(stranger.socket, net_server_endpoint(server)), 0);
    return stranger;
}

static void stranger_close(struct stranger *stranger)
{
    (void)zmq_close(stranger->socket);
    (void)zmq_ctx_term(stranger->context);
}

/* A plain TCP connection to the server's port. */
static int tcp_to(const struct net_server *server)
{
    const char *port = strrchr(net_server_endpoint(server), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* True when the server has closed the connection; false if it stays open. */
static bool tcp_is_closed(int fd)
{
    const struct timeval patience = {.tv_sec = PATIENCE_US / 1000000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char bytes[256];
    ssize_t received;
    do {
        received = recv(fd, bytes, sizeof bytes, 0);
    } while (received > 0);
    return received == 0 || errno == ECONNRESET;
}

/* A well-behaved client is served, whatever else may still be in the server's queue. */
static void assert_healthy(struct net_server *server)
{
    struct net_client *client = client_of(server);
    struct net_route route;
    kv_slice frame = {NULL, 0};
    const uint64_t until = now_us() + PATIENCE_US;
    assert_int_equal(net_client_send(client, 0, text("still there?")), STATUS_OK);
    while (!kv_slice_equal(frame, text("still there?"))) {
        assert_true(now_us() < until);
        if (net_server_receive(server, &route, &frame) != STATUS_OK) {
            net_server_wait(server, -1, STEP_US);
        }
    }
    net_server_send_route(server, &route, text("yes"));
    (void)client_expect(client, "yes");
    net_client_close(&client);
}

static void a_frame_reaches_the_server_and_its_answer_the_client(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_client *client = client_of(server);
    assert_int_equal(net_client_send(client, 0, text("question")), STATUS_OK);
    const struct net_route route = server_expect(server, "question");
    net_server_send_route(server, &route, text("answer"));
    assert_int_equal(client_expect(client, "answer"), 0);
    const struct net_counters counters = net_server_counters(server);
    assert_int_equal(counters.frames_in, 1);
    assert_int_equal(counters.bytes_in, strlen("question"));
    assert_int_equal(counters.frames_out, 1);
    assert_int_equal(counters.bytes_out, strlen("answer"));
    assert_int_equal(counters.dropped_in + counters.dropped_out, 0);
    net_client_close(&client);
    net_server_close(&server);
    assert_null(server);
    assert_null(client);
}

static void frames_of_one_sender_arrive_in_order(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_client *client = client_of(server);
    char words[32];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(words, sizeof words, "frame %d", i);
        assert_int_equal(net_client_send(client, 0, text(words)), STATUS_OK);
    }
    for (int i = 0; i < 500; i++) {
        (void)snprintf(words, sizeof words, "frame %d", i);
        (void)server_expect(server, words);
    }
    net_client_close(&client);
    net_server_close(&server);
}

static void an_empty_and_a_largest_frame_are_carried(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_client *client = client_of(server);
    assert_int_equal(net_client_send(client, 0, text("")), STATUS_OK);
    (void)server_expect(server, "");
    char *large = malloc(KV_FRAME_BYTES_MAX + 1);
    assert_non_null(large);
    memset(large, 'x', KV_FRAME_BYTES_MAX);
    large[KV_FRAME_BYTES_MAX] = '\0';
    assert_int_equal(net_client_send(client, 0, text(large)), STATUS_OK);
    (void)server_expect(server, large);
    free(large);
    net_client_close(&client);
    net_server_close(&server);
}

static void nodes_talk_to_each_other_through_their_peers(void **state)
{
    (void)state;
    struct net_server *first = server_new();
    struct net_server *second = server_new();
    const kv_node_id second_id = {2};
    assert_int_equal(net_server_connect(first, second_id, net_server_endpoint(second)), STATUS_OK);
    /* A peer that is not connected yet loses frames by contract: send until one is through. */
    struct net_route route;
    kv_slice frame;
    const uint64_t until = now_us() + PATIENCE_US;
    while (net_server_receive(second, &route, &frame) != STATUS_OK) {
        assert_true(now_us() < until);
        net_server_send_peer(first, second_id, text("append"));
        net_server_wait(second, -1, STEP_US);
    }
    assert_frame(frame, "append");
    net_server_close(&first);
    net_server_close(&second);
}

static void a_peer_that_restarts_on_its_port_is_reached_again(void **state)
{
    (void)state;
    struct net_server *first = server_new();
    struct net_server *second = server_new();
    const kv_node_id peer = {KV_NODES_MAX};
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", net_server_endpoint(second));
    assert_int_equal(net_server_connect(first, peer, endpoint), STATUS_OK);
    for (int life = 0; life < 3; life++) {
        struct net_route route;
        kv_slice frame;
        const uint64_t until = now_us() + PATIENCE_US;
        while (net_server_receive(second, &route, &frame) != STATUS_OK) {
            assert_true(now_us() < until);
            net_server_send_peer(first, peer, text("hello"));
            net_server_wait(second, -1, STEP_US);
        }
        net_server_close(&second);
        second = server_on(endpoint);
    }
    net_server_close(&first);
    net_server_close(&second);
}

static void sending_to_a_peer_that_is_down_drops_at_once(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_server *gone = server_new();
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", net_server_endpoint(gone));
    net_server_close(&gone);
    const kv_node_id peer = {7};
    net_server_send_peer(server, peer, text("never named"));
    assert_int_equal(net_server_connect(server, peer, endpoint), STATUS_OK);
    const uint64_t start = now_us();
    for (int i = 0; i < 1000; i++) {
        net_server_send_peer(server, peer, text("nobody there"));
    }
    assert_true(now_us() - start < PATIENCE_US / 4);
    assert_int_equal(net_server_counters(server).dropped_out, 1001);
    assert_int_equal(net_server_counters(server).frames_out, 0);
    net_server_close(&server);
}

static void a_client_queues_for_a_node_that_starts_later(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    char endpoint[128];
    (void)snprintf(endpoint, sizeof endpoint, "%s", net_server_endpoint(server));
    struct net_client *client = client_of(server);
    net_server_close(&server);
    assert_int_equal(net_client_send(client, 0, text("early")), STATUS_OK);
    server = server_on(endpoint);
    (void)server_expect(server, "early");
    net_client_close(&client);
    net_server_close(&server);
}

static void a_client_never_blocks_and_is_told_when_its_queue_is_full(void **state)
{
    (void)state;
    struct net_server *gone = server_new();
    struct net_client *client = client_of(gone);
    net_server_close(&gone);
    enum status status = STATUS_OK;
    uint32_t sent = 0;
    while (status == STATUS_OK && sent < 2 * NET_QUEUE_FRAMES_MAX) {
        status = net_client_send(client, 0, text("x"));
        sent++;
    }
    assert_int_equal(status, STATUS_FULL);
    assert_int_equal(net_client_send(client, 1, text("no such slot")), STATUS_FULL);
    net_client_close(&client);
}

static void a_client_that_changes_an_endpoint_talks_to_the_new_one(void **state)
{
    (void)state;
    struct net_server *first = server_new();
    struct net_server *second = server_new();
    struct net_client *client = client_of(first);
    assert_int_equal(net_client_send(client, 0, text("one")), STATUS_OK);
    (void)server_expect(first, "one");
    assert_int_equal(net_client_connect(client, 0, net_server_endpoint(second)), STATUS_OK);
    assert_int_equal(net_client_send(client, 0, text("two")), STATUS_OK);
    (void)server_expect(second, "two");
    net_client_disconnect(client, 0);
    assert_int_equal(net_client_send(client, 0, text("three")), STATUS_FULL);
    net_client_close(&client);
    net_server_close(&first);
    net_server_close(&second);
}

static void a_client_hears_all_of_its_nodes_in_turn(void **state)
{
    (void)state;
    enum { NODES = 3, FRAMES = 20 };
    struct net_server *servers[NODES];
    struct net_client *client = NULL;
    assert_int_equal(net_client_open(&client), STATUS_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        servers[i] = server_new();
        assert_int_equal(net_client_connect(client, i * 10, net_server_endpoint(servers[i])),
                         STATUS_OK);
        assert_int_equal(net_client_send(client, i * 10, text("go")), STATUS_OK);
        const struct net_route route = server_expect(servers[i], "go");
        for (int frame = 0; frame < FRAMES; frame++) {
            net_server_send_route(servers[i], &route, text("data"));
        }
    }
    uint32_t heard[NODES] = {0};
    for (int i = 0; i < NODES * FRAMES; i++) {
        heard[client_expect(client, "data") / 10]++;
    }
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(heard[i], FRAMES);
        net_server_close(&servers[i]);
    }
    net_client_close(&client);
}

static void the_descriptor_of_a_client_tells_of_frames(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_client *client = client_of(server);
    assert_int_equal(net_client_send(client, 0, text("ask")), STATUS_OK);
    const struct net_route route = server_expect(server, "ask");
    uint32_t slot;
    kv_slice frame;
    while (net_client_receive(client, &slot, &frame) != STATUS_END) {
        fail();
    }
    net_server_send_route(server, &route, text("told"));
    const uint64_t until = now_us() + PATIENCE_US;
    enum status status = STATUS_END;
    while (status != STATUS_OK) {
        assert_true(now_us() < until);
        zmq_pollitem_t item = {.fd = net_client_fd(client), .events = ZMQ_POLLIN};
        assert_int_equal(zmq_poll(&item, 1, PATIENCE_US / 1000), 1);
        status = net_client_receive(client, &slot, &frame);
    }
    assert_frame(frame, "told");
    net_client_close(&client);
    net_server_close(&server);
}

static void messages_of_several_parts_are_dropped_and_counted(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct stranger stranger = stranger_to(server);
    for (int part = 0; part < 2000; part++) {
        assert_int_equal(zmq_send(stranger.socket, "part", 4, part < 1999 ? ZMQ_SNDMORE : 0), 4);
    }
    assert_int_equal(zmq_send(stranger.socket, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(zmq_send(stranger.socket, "two", 3, 0), 3);
    assert_int_equal(zmq_send(stranger.socket, "one", 3, 0), 3);
    (void)server_expect(server, "one"); /* in order, so the others have come and gone */
    assert_int_equal(net_server_counters(server).dropped_in, 2);
    assert_int_equal(net_server_counters(server).frames_in, 1);
    assert_healthy(server);
    stranger_close(&stranger);
    net_server_close(&server);
}

static void a_client_drops_messages_of_several_parts(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    char endpoint[128];
    size_t size = sizeof endpoint;
    assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    struct net_client *client = NULL;
    assert_int_equal(net_client_open(&client), STATUS_OK);
    assert_int_equal(net_client_connect(client, 3, endpoint), STATUS_OK);
    assert_int_equal(net_client_send(client, 3, text("ask")), STATUS_OK);
    char route[64], words[8];
    const int route_size = zmq_recv(router, route, sizeof route, 0);
    assert_int_equal(zmq_recv(router, words, sizeof words, 0), 3);
    for (int i = 0; i < 2; i++) {
        (void)zmq_send(router, route, (size_t)route_size, ZMQ_SNDMORE);
        if (i == 0) {
            (void)zmq_send(router, "bad", 3, ZMQ_SNDMORE);
        }
        (void)zmq_send(router, "good", 4, 0);
    }
    assert_int_equal(client_expect(client, "good"), 3);
    net_client_close(&client);
    (void)zmq_close(router);
    (void)zmq_ctx_term(context);
}

static void a_route_longer_than_ours_is_dropped(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct stranger stranger = {zmq_ctx_new(), NULL};
    stranger.socket = zmq_socket(stranger.context, ZMQ_DEALER);
    const char name[NET_ROUTE_BYTES_MAX + 1] = "a name longer than a route";
    const int linger = 0;
    (void)zmq_setsockopt(stranger.socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_setsockopt(stranger.socket, ZMQ_ROUTING_ID, name, NET_ROUTE_BYTES_MAX + 1),
                     0);
    assert_int_equal(zmq_connect(stranger.socket, net_server_endpoint(server)), 0);
    assert_int_equal(zmq_send(stranger.socket, "hello", 5, 0), 5);
    const uint64_t until = now_us() + PATIENCE_US;
    while (net_server_counters(server).dropped_in == 0) {
        struct net_route route;
        kv_slice frame;
        assert_true(now_us() < until);
        assert_int_equal(net_server_receive(server, &route, &frame), STATUS_END);
        net_server_wait(server, -1, STEP_US);
    }
    assert_healthy(server);
    stranger_close(&stranger);
    net_server_close(&server);
}

static void a_frame_above_the_limit_costs_its_sender_the_connection(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct stranger stranger = stranger_to(server);
    char *large = calloc(1, KV_FRAME_BYTES_MAX + 1);
    assert_non_null(large);
    assert_int_equal(zmq_send(stranger.socket, "before", 6, 0), 6);
    (void)server_expect(server, "before");
    assert_int_equal(zmq_send(stranger.socket, large, KV_FRAME_BYTES_MAX + 1, 0),
                     KV_FRAME_BYTES_MAX + 1);
    /* The stranger reconnects by itself, and what it sends then is heard: the large frame never
     * came. */
    const uint64_t until = now_us() + PATIENCE_US;
    struct net_route route;
    kv_slice frame;
    while (net_server_receive(server, &route, &frame) != STATUS_OK) {
        assert_true(now_us() < until);
        (void)zmq_send(stranger.socket, "after", 5, ZMQ_DONTWAIT);
        net_server_wait(server, -1, STEP_US);
    }
    assert_frame(frame, "after");
    free(large);
    assert_healthy(server);
    stranger_close(&stranger);
    net_server_close(&server);
}

static void bytes_that_are_not_of_the_transport_are_cut_off(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char tls[] =
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and more of a TLS hello ......"
        "................................................................";
    char random[512];
    uint32_t seed = 12345;
    for (size_t i = 0; i < sizeof random; i++) {
        seed = seed * 1664525 + 1013904223;
        random[i] = (char)(seed >> 24);
    }
    random[0] = 'r'; /* not the signature of ZMTP */
    /* A greeting of ZMTP 3.0 with a mechanism, then a frame that claims 2^63 bytes. */
    char claim[64 + 9] = {(char)0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    memcpy(claim + 64, "\x02\x7f\xff\xff\xff\xff\xff\xff\xff", 9);
    const struct {
        const char *bytes;
        size_t size;
    } battery[] = {{http, sizeof http - 1},
                   {tls, sizeof tls - 1},
                   {random, sizeof random},
                   {claim, sizeof claim}};
    struct net_server *server = server_new();
    enum { BATTERY = sizeof battery / sizeof battery[0] };
    int connections[BATTERY + 1];
    for (size_t i = 0; i < BATTERY; i++) {
        connections[i] = tcp_to(server);
        assert_true(send(connections[i], battery[i].bytes, battery[i].size, MSG_NOSIGNAL) > 0);
    }
    connections[BATTERY] = tcp_to(server); /* says nothing: closed after the time for a greeting */
    for (size_t i = 0; i <= BATTERY; i++) {
        assert_true(tcp_is_closed(connections[i]));
        (void)close(connections[i]);
    }
    assert_int_equal(net_server_counters(server).frames_in, 0);
    assert_healthy(server);
    net_server_close(&server);
}

static void an_answer_to_a_client_that_has_gone_is_dropped(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_client *client = client_of(server);
    assert_int_equal(net_client_send(client, 0, text("bye")), STATUS_OK);
    const struct net_route route = server_expect(server, "bye");
    net_client_close(&client);
    const uint64_t until = now_us() + PATIENCE_US;
    while (net_server_counters(server).dropped_out == 0) {
        assert_true(now_us() < until);
        net_server_send_route(server, &route, text("too late"));
        net_server_wait(server, -1, STEP_US);
    }
    const struct net_route nonsense = {.size = 5, .bytes = "never"};
    const uint64_t before = net_server_counters(server).dropped_out;
    net_server_send_route(server, &nonsense, text("nobody"));
    assert_int_equal(net_server_counters(server).dropped_out, before + 1);
    assert_healthy(server);
    net_server_close(&server);
}

static void waiting_ends_by_the_wake_descriptor_and_by_time(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    const int wake = eventfd(1, EFD_CLOEXEC);
    uint64_t start = now_us();
    net_server_wait(server, wake, PATIENCE_US);
    assert_true(now_us() - start < PATIENCE_US / 2);
    (void)close(wake);
    start = now_us();
    net_server_wait(server, -1, 3000);
    assert_true(now_us() - start >= 3000);
    struct net_client *client = NULL;
    assert_int_equal(net_client_open(&client), STATUS_OK);
    start = now_us();
    net_client_wait(client, 3000);
    assert_true(now_us() - start >= 3000);
    net_client_close(&client);
    net_server_close(&server);
}

static void what_cannot_be_bound_or_connected_is_a_status(void **state)
{
    (void)state;
    struct net_server *server = server_new();
    struct net_server *second = NULL;
    assert_int_equal(net_server_open(net_server_endpoint(server), &second), STATUS_NETWORK);
    assert_null(second);
    assert_int_equal(net_server_open("nonsense", &second), STATUS_NETWORK);
    assert_int_equal(net_server_connect(server, (kv_node_id){1}, "nonsense"), STATUS_INVALID);
    struct net_client *client = client_of(server);
    assert_int_equal(net_client_connect(client, 1, "nonsense"), STATUS_INVALID);
    assert_int_equal(net_client_send(client, 1, text("x")), STATUS_FULL);
    net_client_close(&client);
    net_server_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_reaches_the_server_and_its_answer_the_client),
        cmocka_unit_test(frames_of_one_sender_arrive_in_order),
        cmocka_unit_test(an_empty_and_a_largest_frame_are_carried),
        cmocka_unit_test(nodes_talk_to_each_other_through_their_peers),
        cmocka_unit_test(a_peer_that_restarts_on_its_port_is_reached_again),
        cmocka_unit_test(sending_to_a_peer_that_is_down_drops_at_once),
        cmocka_unit_test(a_client_queues_for_a_node_that_starts_later),
        cmocka_unit_test(a_client_never_blocks_and_is_told_when_its_queue_is_full),
        cmocka_unit_test(a_client_that_changes_an_endpoint_talks_to_the_new_one),
        cmocka_unit_test(a_client_hears_all_of_its_nodes_in_turn),
        cmocka_unit_test(the_descriptor_of_a_client_tells_of_frames),
        cmocka_unit_test(messages_of_several_parts_are_dropped_and_counted),
        cmocka_unit_test(a_client_drops_messages_of_several_parts),
        cmocka_unit_test(a_route_longer_than_ours_is_dropped),
        cmocka_unit_test(a_frame_above_the_limit_costs_its_sender_the_connection),
        cmocka_unit_test(bytes_that_are_not_of_the_transport_are_cut_off),
        cmocka_unit_test(an_answer_to_a_client_that_has_gone_is_dropped),
        cmocka_unit_test(waiting_ends_by_the_wake_descriptor_and_by_time),
        cmocka_unit_test(what_cannot_be_bound_or_connected_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
