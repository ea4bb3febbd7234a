/* SPDX-License-Identifier: Apache-2.0 */
/* sim_parameters: everything that is drawn from a seed, as one table.
 *
 * Swarm testing: each seed switches a random subset of the faults on, so that a fault that hides
 * another one (a crash hides a slow disk) is often absent. A fault that is off has the value 0. */
#ifndef KV_SIM_PARAMETERS_H
#define KV_SIM_PARAMETERS_H

#include <stdint.h>
#include <stdio.h>

/* X(name, "meaning") All are uint64_t; times are virtual microseconds. */
#define SIM_PARAMETER_MAP(X)                                                                       \
    X(nodes, "nodes of the cluster")                                                               \
    X(partitions, "groups 1..n; each is a partition with a KV machine; group 0 is the oracle")     \
    X(members, "nodes of each group at the start")                                                 \
    X(clients, "clients")                                                                          \
    X(outstanding, "operations that a client has in flight")                                       \
    X(operations, "operations of the safety phase, of all clients")                                \
    X(keys, "keys of each partition and family")                                                   \
    X(reads_percent, "share of reads among the operations")                                        \
    X(multi_percent, "share of mget and mput among the operations")                                \
    X(txn_percent, "share of transactions")                                                        \
    X(place_percent, "share of create, delete and move")                                           \
    X(policy_percent, "commands on several keys that move or borrow them")                         \
    X(stale_reads_percent, "share of the reads that any member answers from its state")            \
    X(lives_percent, "share of what is about keys that do not last, and about sessions")           \
    X(locks_percent, "share of locks, and of what is done under them")                             \
    X(lease_slack_us,                                                                              \
      "what a lock may outlast its ttl by, since nothing fails but clients; 0: there are faults")  \
    X(marks_percent, "share of marks, at which every leader's state is cut and kept")              \
    X(sessions_max, "sessions that an engine keeps; 0: the product's limit")                       \
    X(jobs_max,                                                                                    \
      "every command of a partition computes, and so many of them may be out; 0: none does")       \
    X(job_us_max, "longest time that one is out")                                                  \
    X(unadmitted_percent,                                                                          \
      "requests that are ordered without asking the engine first: admission is only a hint")       \
    X(patience_us, "mean time that a client waits for an answer; 0: for ever")                     \
    X(client_crash_us, "mean time between deaths of clients; 0: none dies")                        \
    X(safety_us, "length of the safety phase")                                                     \
    X(election_us, "election timeout")                                                             \
    X(heartbeat_us, "heartbeat of leaders")                                                        \
    X(news_us, "how long a commit index waits for entries that it can travel with")                \
    X(loop_us, "longest time from an event to the node's loop that handles it")                    \
    X(through_codec, "messages and log entries go through the codec")                              \
    X(carry_each_step, "effects are carried out after each step, not after each loop")             \
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
    X(snapshot_us, "mean time between snapshots of a member; 0: none")                             \
    X(snapshot_save_us, "longest time to write a snapshot")                                        \
    X(chunk_bytes, "bytes of a snapshot chunk")                                                    \
    X(fault_us, "mean time between faults of the kinds below; 0: none")                            \
    X(cut_weight, "random partition into two sides")                                               \
    X(one_way_weight, "random links cut in one direction")                                         \
    X(isolate_weight, "a leader cut off from everybody, or from one direction")                    \
    X(bridge_weight, "two nodes cannot talk, all others can")                                      \
    X(heal_weight, "all links mended")                                                             \
    X(flap_us, "longest life of a cut; 0: until the next heal")                                    \
    X(crash_weight, "a node crashes and loses a part of what it had not synced")                   \
    X(crash_all_weight, "all nodes crash at once: a power cut")                                    \
    X(empty_weight, "a node crashes and its disk is emptied while it is down")                     \
    X(down_us_max, "longest time that a crashed node is down")                                     \
    X(pause_weight, "a node is stopped and goes on later, unaware")                                \
    X(pause_us_max, "longest stop")                                                                \
    X(slow_disk_weight, "the syncs of a node become slow for a while")                             \
    X(slow_sync_us_max, "longest sync of a slow disk")                                             \
    X(clock_jump_weight, "the wall clock of a node jumps")                                         \
    X(clock_skew_us, "largest difference of a wall clock from the true time")                      \
    X(clock_rate_permille, "largest deviation of the rate of a monotonic clock")                   \
    X(transfer_weight, "a leader is asked to hand over")                                           \
    X(change_weight, "a group is asked to add or remove a member")

struct sim_parameters {
#define X(name, meaning) uint64_t name;
    SIM_PARAMETER_MAP(X)
#undef X
};

/* X(NAME, name, "meaning") Which faults a seed may draw. */
#define SIM_PROFILE_MAP(X)                                                                         \
    X(ALL, all, "every fault")                                                                     \
    X(CALM, calm, "no faults: a fast network and healthy nodes")                                   \
    X(NETWORK, network, "faults of the network only")                                              \
    X(CRASH, crash, "crashes, pauses and slow disks only")                                         \
    X(MEMBERSHIP, membership, "every fault, and always changes of members")                        \
    X(LOCKS, locks, "every fault, and clients that lock keys")                                     \
    X(LIVES, lives, "every fault, and keys that do not last")

enum sim_profile {
#define X(NAME, name, meaning) SIM_PROFILE_##NAME,
    SIM_PROFILE_MAP(X)
#undef X
};

/* Draw all parameters of a seed. */
void sim_parameters_draw(uint64_t seed, enum sim_profile profile, struct sim_parameters *ret);

/* One line per parameter: name, value, meaning. */
void sim_parameters_print(const struct sim_parameters *parameters, FILE *out);

#endif
