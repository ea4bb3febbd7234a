/* SPDX-License-Identifier: Apache-2.0 */
/* sim_net: the network double: what happens to each packet is drawn from the seed.
 *
 * A packet may be lost, doubled, delayed (so overtaken), and copied into an attic from which it
 * comes again seconds later. Links are cut one way at a time; a symmetric cut is two of them. A
 * packet that is under way when its link is cut still arrives: that is the nastier choice. Nothing
 * is ever invented or altered: the protocol leaves that to checksums. */
#ifndef KV_SIM_NET_H
#define KV_SIM_NET_H

#include "multicast/base/prng.h"
#include "tests/sim/sim_packet.h"
#include "tests/sim/sim_queue.h"

#define SIM_ENDPOINTS_MAX 64u

struct sim_net_settings {
    uint64_t seed;
    uint64_t delay_us_min;
    uint64_t delay_us_max;
    uint32_t loss_permille;
    uint32_t double_permille;
    uint32_t straggle_permille; /* packets that take up to straggle_us_max instead */
    uint64_t straggle_us_max;
    uint32_t replay_permille; /* packets that come once more, up to replay_us_max later */
    uint64_t replay_us_max;
    bool framed; /* every message goes through the codec */
};

struct sim_net {
    struct sim_net_settings settings;
    struct kv_prng prng;
    struct sim_queue *queue;         /* borrowed: arrivals go here */
    uint64_t cut[SIM_ENDPOINTS_MAX]; /* cut[from]: bit `to` set: nothing passes */
    uint64_t sent, lost, doubled, replayed;
};

void sim_net_init(struct sim_net *net, const struct sim_net_settings *settings,
                  struct sim_queue *queue);

/* Send a message: it arrives as SIM_EVENT_DELIVER zero, one or several times; requests and refusals of clients at most once. */
void sim_net_send(struct sim_net *net, uint64_t now, uint32_t from, uint32_t to,
                  const struct wire_message *message);

/* As sim_net_send for a packet that was made earlier; takes over the reference. */
void sim_net_send_packet(struct sim_net *net, uint64_t now, struct sim_packet *packet);

/* Cut or mend one direction of a link. */
void sim_net_set_cut(struct sim_net *net, uint32_t from, uint32_t to, bool cut);

/* Mend every link and stop losing, doubling and delaying: the network of the liveness phase. */
void sim_net_heal(struct sim_net *net);

#endif
