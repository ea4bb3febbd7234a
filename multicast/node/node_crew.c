/* SPDX-License-Identifier: Apache-2.0 */
/* node_crew: see the header. */
#include "multicast/node/node_crew.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "multicast/node/node_internal.h"

/* The node's thread computes for so long in one turn, when it has no workers: others wait for its heartbeats. */
#define INLINE_US_MAX 5000

_Static_assert((int)NODE_TUNER_IDLE == (int)WIRE_WORKERS_IDLE &&
                   (int)NODE_TUNER_FEWER == (int)WIRE_WORKERS_FEWER,
               "states are told as they are");

static uint32_t core_count(void)
{
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)count;
}

static void begin_automatic(struct node *node)
{
    struct node_crew *crew = &node->crew;
    crew->automatic = true;
    node_tuner_init(&crew->tuner, core_count(), node_workers_count(crew->workers));
    crew->sampled = node_workers_measure(crew->workers);
    crew->sampled_at = node->now;
}

static void watch(const struct node_crew *crew, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (fd >= 0) {
        const int failed = epoll_ctl(crew->wake_fd, EPOLL_CTL_ADD, fd, &event);
        KV_ASSERT(failed == 0);
    }
}

void node_crew_open(struct node *node)
{
    struct node_crew *crew = &node->crew;
    crew->workers = node_workers_new(node->settings.workers_fixed ? node->settings.workers : 0);
    crew->wake_fd = epoll_create1(EPOLL_CLOEXEC);
    KV_ASSERT(crew->wake_fd >= 0);
    watch(crew, node_workers_fd(crew->workers));
    watch(crew, node->settings.stop_fd);
    if (!node->settings.workers_fixed) {
        begin_automatic(node);
    }
}

void node_crew_close(struct node *node)
{
    struct node_crew *crew = &node->crew;
    if (crew->workers != NULL) {
        node_workers_destroy(&crew->workers);
        close(crew->wake_fd);
    }
}

void node_port_work(const struct node_port *port, const struct node_work *work)
{
    struct node_work owned = *work;
    KV_ASSERT(port->member->application.ops->worked != NULL);
    owned.owner = port->member;
    node_workers_add(port->node->crew.workers, &owned);
}

void node_crew_flush(struct node *node)
{
    node_workers_flush(node->crew.workers);
}

static void tune(struct node *node)
{
    struct node_crew *crew = &node->crew;
    const uint64_t period_us = node->now.us - crew->sampled_at.us;
    if (!crew->automatic || period_us < NODE_TUNER_PERIOD_US) {
        return;
    }
    const struct node_workers_measure now = node_workers_measure(crew->workers);
    const struct node_tuner_sample sample = {
        .period_ns = period_us * 1000,
        .jobs = now.jobs - crew->sampled.jobs,
        .wait_ns = now.wait_ns - crew->sampled.wait_ns,
        .service_ns = now.service_ns - crew->sampled.service_ns,
        .out = node_workers_out(crew->workers),
    };
    crew->sampled = now;
    crew->sampled_at = node->now;
    const uint32_t before = node_workers_count(crew->workers);
    const uint32_t wanted = node_tuner_step(&crew->tuner, &sample);
    if (wanted != before) {
        node_workers_set(crew->workers, wanted);
        node_report(
            node, "workers: %u -> %u: in %llu ms %llu jobs took %llu us each and waited %llu us",
            before, node_workers_count(crew->workers), (unsigned long long)period_us / 1000,
            (unsigned long long)sample.jobs,
            (unsigned long long)(sample.jobs == 0 ? 0 : sample.service_ns / sample.jobs / 1000),
            (unsigned long long)(sample.jobs == 0 ? 0 : sample.wait_ns / sample.jobs / 1000));
    }
}

bool node_crew_collect(struct node *node)
{
    struct node_workers *workers = node->crew.workers;
    struct node_work result;
    bool any = false;
    const bool here = node_workers_count(workers) == 0;
    while (node->failure == STATUS_OK && node_workers_take(workers, &result)) {
        struct node_member *member = result.owner;
        const struct node_port port = node_port_of(node, member);
        member->application.ops->worked(member->application.state, &port, result.number,
                                        result.job);
        any = true;
        if (here && node_clock().us - node->now.us > INLINE_US_MAX) {
            break;
        }
    }
    tune(node);
    return any;
}

bool node_crew_sleep(struct node *node, bool stopping, uint64_t time_us)
{
    struct node_crew *crew = &node->crew;
    bool woken = true; /* a result is about to come */
    if (node_workers_rest(crew->workers)) {
        const int wake_fd = stopping ? node_workers_fd(crew->workers) : crew->wake_fd;
        woken = net_server_wait(node->net, wake_fd, time_us);
        node_workers_rise(crew->workers);
    }
    return woken;
}

struct wire_workers_reply node_crew_status(const struct node *node)
{
    const struct node_crew *crew = &node->crew;
    const struct node_workers_measure measure = node_workers_measure(crew->workers);
    const uint32_t out = node_workers_out(crew->workers);
    return (struct wire_workers_reply){
        .workers = node_workers_count(crew->workers),
        .automatic = crew->automatic,
        .state = crew->automatic ? (enum wire_workers_state)crew->tuner.state
                 : out > 0       ? WIRE_WORKERS_STEADY
                                 : WIRE_WORKERS_IDLE,
        .jobs = measure.jobs,
        .out = out,
        .wait_us = measure.wait_ns / 1000,
        .work_us = measure.service_ns / 1000,
    };
}

void node_crew_on_request(struct node *node, const struct net_route *route,
                          const struct wire_workers_request *request)
{
    struct node_crew *crew = &node->crew;
    struct wire_message reply = {.kind = WIRE_MESSAGE_WORKERS_REPLY};
    switch (request->change) {
    case WIRE_WORKERS_SHOW:
        break;
    case WIRE_WORKERS_SET:
        crew->automatic = false;
        node_workers_set(crew->workers, request->workers);
        node_report(node, "workers: %u, as told", node_workers_count(crew->workers));
        break;
    case WIRE_WORKERS_AUTO:
        begin_automatic(node);
        node_report(node, "workers: automatic, as told");
        break;
    }
    reply.as.workers_reply = node_crew_status(node);
    node_outbox_answer(&node->outbox, route, &reply);
}
