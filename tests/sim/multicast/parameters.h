/* SPDX-License-Identifier: Apache-2.0 */
/* parameters: what a seed draws before a run of the multicast simulator begins.
 *
 * Times are virtual microseconds. Weights are relative chances among the faults; 0 switches a fault off. */
#ifndef KV_MULTICAST_PARAMETERS_H
#define KV_MULTICAST_PARAMETERS_H

#include <stdint.h>
#include <stdio.h>

/* X(name, "meaning") */
#define WORLD_PARAMETER_MAP(X)                                                                     \
    X(groups, "groups")                                                                            \
    X(replicas, "members of each group")                                                           \
    X(nodes, "nodes; fewer than members: a node hosts members of several groups")                  \
    X(clients, "clients")                                                                          \
    X(operations, "messages of each client")                                                       \
    X(window, "messages that a client has under way at one time")                                  \
    X(multi_percent, "messages to several groups")                                                 \
    X(reach_percent, "chance that a client reaches a group")                                       \
    X(dies_percent, "clients that die after the first sending of a message")                       \
    X(gives_up_percent, "clients that give messages up and let their floor pass them")             \
    X(client_us, "pause of a client between two looks at its messages")                            \
    X(resend_us, "time after which a client sends again, to all members of the destinations")      \
    X(safety_us, "length of the phase with faults")                                                \
    X(election_us, "election timeout")                                                             \
    X(heartbeat_us, "heartbeat of leaders")                                                        \
    X(news_us, "how long a commit index waits for entries that it can travel with")                \
    X(retry_us, "first pause between two SOFTs")                                                   \
    X(look_ahead_us, "look-ahead of a PROPOSE")                                                    \
    X(fast_path, "facts by acknowledgements of a majority")                                        \
    X(oracle_first, "messages to group 0 and others are ordered by group 0 first")                 \
    X(clock_mode, "wall clocks: 0 none, 1 equal, 2 skewed, 3 standing still")                      \
    X(clock_skew_us, "largest difference of a wall clock from the true time")                      \
    X(loop_us, "longest time from an event to the flush of its batch")                             \
    X(through_codec, "messages go through the codec")                                              \
    X(delay_us_min, "shortest delay of a packet")                                                  \
    X(delay_us_max, "longest delay of a packet that does not straggle")                            \
    X(loss_permille, "packets that are lost")                                                      \
    X(double_permille, "packets that arrive twice")                                                \
    X(straggle_permille, "packets that are overtaken by far")                                      \
    X(straggle_us_max, "longest delay of those")                                                   \
    X(replay_permille, "packets that come again much later")                                       \
    X(replay_us_max, "latest second coming")                                                       \
    X(sync_us_min, "shortest sync")                                                                \
    X(sync_us_max, "longest sync of a healthy disk")                                               \
    X(slow_sync_us_max, "longest sync of a slow disk")                                             \
    X(snapshot_us, "mean time between snapshots of a member; 0: none")                             \
    X(save_us_max, "longest time to write a snapshot")                                             \
    X(chunk_bytes, "bytes of a piece of a snapshot")                                               \
    X(fault_us, "mean time between faults of the kinds below; 0: none")                            \
    X(cut_weight, "random partition into two sides")                                               \
    X(one_way_weight, "random links cut in one direction")                                         \
    X(isolate_weight, "a leader cut off from everybody, or from one direction")                    \
    X(own_group_weight, "a leader cut off from its own group only")                                \
    X(pair_weight, "two groups cannot talk to each other")                                         \
    X(heal_weight, "all links mended")                                                             \
    X(crash_leader_weight,                                                                         \
      "the node of a leader crashes and loses a part of what it had not synced")                   \
    X(crash_weight, "random nodes crash, a minority")                                              \
    X(crash_group_weight, "all nodes of a group crash at once")                                    \
    X(ambush_percent,                                                                              \
      "leaders that crash or are cut off from their group as soon as they are elected")            \
    X(down_us_max, "longest time that a crashed node is down")                                     \
    X(pause_weight, "a node is stopped and goes on later, unaware")                                \
    X(pause_us_max, "longest stop")                                                                \
    X(slow_disk_weight, "the syncs of a node become slow for a while")                             \
    X(clock_jump_weight, "the wall clock of a node jumps")                                         \
    X(transfer_weight, "a leader is asked to hand over")

struct world_parameters {
#define X(name, meaning) uint64_t name;
    WORLD_PARAMETER_MAP(X)
#undef X
};

/* X(NAME, name, "meaning") How a seed is drawn. */
#define WORLD_PROFILE_MAP(X)                                                                       \
    X(ALL, all, "every fault")                                                                     \
    X(CALM, calm, "no faults")                                                                     \
    X(ELECTIONS, elections, "leaders fall as soon as they have proposed; few messages")            \
    X(RESTARTS, restarts, "crashes that lose unsynced records, snapshots, slow disks")             \
    X(FORGETTING, forgetting, "groups that cannot talk to each other while others forget")         \
    X(FLOORS, floors,                                                                              \
      "old messages come again when floors have passed them; members that are far behind")         \
    X(ORACLE, oracle, "group 0 orders first what concerns it, and often has no quorum")

enum world_profile {
#define X(NAME, name, meaning) WORLD_PROFILE_##NAME,
    WORLD_PROFILE_MAP(X)
#undef X
};

void world_parameters_draw(uint64_t seed, enum world_profile profile, struct world_parameters *ret);

/* One line for each parameter. */
void world_parameters_print(const struct world_parameters *parameters, FILE *out);

#endif
