/* SPDX-License-Identifier: Apache-2.0 */
/* sim_net: see the header. */
#include "tests/sim/sim_net.h"

#include <string.h>

#include "multicast/base/assert.h"

/* Delays of the liveness phase: a good network is not a point in time. */
#define HEALED_DELAY_US_MAX 2000

void sim_net_init(struct sim_net *net, const struct sim_net_settings *settings,
                  struct sim_queue *queue)
{
    memset(net, 0, sizeof(*net));
    net->settings = *settings;
    net->queue = queue;
    kv_prng_init(&net->prng, settings->seed);
}

static void arrive(struct sim_net *net, uint64_t at, struct sim_packet *packet)
{
    sim_queue_push(net->queue,
                   (struct sim_event){.at = at, .kind = SIM_EVENT_DELIVER, .payload = packet});
}

static uint64_t draw_delay(struct sim_net *net)
{
    const struct sim_net_settings *settings = &net->settings;
    if (kv_prng_chance(&net->prng, settings->straggle_permille, 1000)) {
        return kv_prng_between(&net->prng, settings->delay_us_min, settings->straggle_us_max);
    }
    return kv_prng_between(&net->prng, settings->delay_us_min, settings->delay_us_max);
}

static void send_packet(struct sim_net *net, uint64_t now, struct sim_packet *packet, bool once)
{
    const struct sim_net_settings *settings = &net->settings;
    const uint32_t from = sim_endpoint_place(packet->from), to = sim_endpoint_place(packet->to);
    KV_ASSERT(from < SIM_ENDPOINTS_MAX && to < SIM_ENDPOINTS_MAX);
    net->sent++;
    if (((net->cut[from] >> to) & 1) != 0 ||
        kv_prng_chance(&net->prng, settings->loss_permille, 1000)) {
        net->lost++;
        sim_packet_drop(&packet);
        return;
    }
    if (once) {
        arrive(net, now + draw_delay(net), packet);
        return;
    }
    if (kv_prng_chance(&net->prng, settings->double_permille, 1000)) {
        net->doubled++;
        arrive(net, now + draw_delay(net), sim_packet_keep(packet));
    }
    if (kv_prng_chance(&net->prng, settings->replay_permille, 1000)) {
        net->replayed++;
        arrive(net, now + kv_prng_below(&net->prng, settings->replay_us_max + 1),
               sim_packet_keep(packet));
    }
    arrive(net, now + draw_delay(net), packet);
}

void sim_net_send_packet(struct sim_net *net, uint64_t now, struct sim_packet *packet)
{
    send_packet(net, now, packet, false);
}

/* Clients rely on their connections for this (client/core/client.h, "Assumes"). */
static bool comes_once(const struct wire_message *message)
{
    return message->kind == WIRE_MESSAGE_REQUEST ||
           (message->kind == WIRE_MESSAGE_REPLY &&
            message->as.reply.outcome != WIRE_OUTCOME_ANSWERED);
}

void sim_net_send(struct sim_net *net, uint64_t now, uint32_t from, uint32_t to,
                  const struct wire_message *message)
{
    const bool framed = net->settings.framed || message->kind == WIRE_MESSAGE_WELCOME;
    send_packet(net, now, sim_packet_new(from, to, message, framed), comes_once(message));
}

void sim_net_set_cut(struct sim_net *net, uint32_t from, uint32_t to, bool cut)
{
    uint64_t bit = UINT64_C(1) << to;
    net->cut[from] = cut ? net->cut[from] | bit : net->cut[from] & ~bit;
}

void sim_net_heal(struct sim_net *net)
{
    struct sim_net_settings *settings = &net->settings;
    memset(net->cut, 0, sizeof(net->cut));
    settings->loss_permille = 0;
    settings->double_permille = 0;
    settings->straggle_permille = 0;
    settings->replay_permille = 0;
    if (settings->delay_us_max > HEALED_DELAY_US_MAX) {
        settings->delay_us_max = HEALED_DELAY_US_MAX;
    }
    if (settings->delay_us_min > settings->delay_us_max) {
        settings->delay_us_min = settings->delay_us_max;
    }
}
