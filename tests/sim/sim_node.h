/* SPDX-License-Identifier: Apache-2.0 */
/* sim_node: one node: its members, its disk, its clocks, and the loop that a real driver runs.
 *
 *   UP -> PAUSED -> UP  [sim_node_pause, sim_node_resume]  packets wait in the inbox, clocks go on
 *   UP, PAUSED -> DOWN  [sim_node_crash]    memory is lost, and some of what was not synced
 *   DOWN -> UP          [sim_node_restart]  members are restored from the disk */
#ifndef KV_SIM_NODE_H
#define KV_SIM_NODE_H

#include "multicast/order/order.h"
#include "partition/engine/engine.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_packet.h"
#include "tests/unit/store/memory_checkpoint.h"

struct sim;

/* Packets that wait for a node's loop, e.g. during a pause; beyond it they are lost as in a full
 * socket. */
#define SIM_INBOX_MAX 4096u

/* Clients that wait at one member for one answer each; beyond it the oldest is forgotten. */
#define SIM_WAITERS_MAX 256u

/* Reads that wait for a round at one member. */
#define SIM_READS_MAX 256u

enum sim_node_state { SIM_NODE_UP, SIM_NODE_PAUSED, SIM_NODE_DOWN };

/* A send that waits for a sync. */
struct sim_held {
    uint64_t after;
    struct sim_packet *packet;
};

#define SIM_NOBODY UINT32_MAX /* the simulator itself scans, beside its clients */

struct sim_read {
    uint64_t token;
    bool confirmed;
    bool runs;      /* the engine has it */
    kv_index index; /* confirmed: everything up to here must be delivered first */
    uint32_t client;
    kv_message_id id;
    uint64_t asked; /* NOBODY: moment */
    struct kv_buffer body;
};

struct sim_waiter {
    kv_message_id id;
    uint32_t client;
};

/* A snapshot that is being received. */
struct sim_incoming {
    struct raft_snapshot_point point;
    uint64_t total, digest;
    struct kv_buffer bytes;
};

struct sim_member {
    kv_group_id group;
    struct order *order; /* NULL: this node has no member of the group */
    struct engine *engine;
    struct machine machine;              /* the engine's own; for mutants that look behind it */
    struct memory_checkpoint checkpoint; /* that the machine's stores are on */
    struct order_effects effects;
    struct order_effects handled; /* being carried out: what follows from it goes into `effects` */
    bool carrying;
    struct engine_effects executions;    /* of the engine's last step */
    struct kv_buffer remote;             /* scratch: the body of a REMOTE entry */
    uint64_t executed;                   /* position of the last execution */
    kv_index executed_index;             /* order_delivered_index may be ahead of it */
    const struct order_delivery *coming; /* of this step, not yet executed; as in node.c */
    uint32_t coming_count;
    uint64_t durable; /* sequence that the driver knows to be durable */
    struct sim_held *held;
    uint32_t held_count, held_capacity;
    struct sim_waiter waiters[SIM_WAITERS_MAX];
    uint32_t waiter_count;
    struct sim_read reads[SIM_READS_MAX];
    uint32_t read_count;
    uint64_t read_token;
    struct sim_incoming incoming;
    uint64_t snapshot_at; /* virtual time of the next local snapshot */
    bool saving;
    bool touched;       /* since the last flush */
    kv_timestamp early; /* mutant EXECUTE_UNCOMMITTED: executed up to here */
    struct trace trace;
};

struct sim_node {
    kv_node_id id;
    enum sim_node_state state;
    uint64_t incarnation; /* of the process: an event of an earlier one is void */
    struct sim_disk disk;
    bool synced; /* a sync has ended, the loop has not seen it yet */
    uint64_t sync_us_max;
    uint64_t resume_at; /* while PAUSED */
    bool doomed;        /* crashes in the middle of its next sync */
    struct sim_packet *inbox[SIM_INBOX_MAX];
    uint32_t inbox_count;
    uint64_t run_at; /* virtual time of the next loop; UINT64_MAX: none is scheduled */
    int64_t wall_offset_us;
    int64_t rate_permille;              /* deviation of the monotonic clock */
    uint64_t clock_base, clock_base_at; /* local time at a virtual time */
    struct sim_member members[SIM_GROUPS_MAX];
};

void sim_node_start(struct sim *sim, kv_node_id id);
void sim_node_crash(struct sim *sim, struct sim_node *node);
void sim_node_restart(struct sim *sim, struct sim_node *node);
void sim_node_pause(struct sim *sim, struct sim_node *node, uint64_t until);
void sim_node_resume(struct sim *sim, struct sim_node *node);
void sim_node_close(struct sim_node *node);

/* Events of the queue. */
void sim_node_on_packet(struct sim *sim, struct sim_node *node,
                        struct sim_packet *packet); /* takes it over */
void sim_node_on_run(struct sim *sim, struct sim_node *node, uint64_t at);
void sim_node_on_synced(struct sim *sim, struct sim_node *node);

/* Have the node's loop come round at `at` or before. */
void sim_node_wake(struct sim *sim, struct sim_node *node, uint64_t at);

/* The node's own clocks. */
kv_instant sim_node_now(const struct sim *sim, const struct sim_node *node);
void sim_node_set_rate(struct sim *sim, struct sim_node *node, int64_t rate_permille);

/* ---- sim_member.c: steps and effects ---- */

void sim_member_open(struct sim *sim, struct sim_node *node, kv_group_id group);
void sim_member_close(struct sim_member *member);

/* Restore from one record of the disk. */
void sim_member_restore(struct sim *sim, struct sim_node *node, struct sim_member *member,
                        const struct raft_persist *record);

/* Step and, unless the run gathers effects over a loop, carry them out. Time is set here. */
enum status sim_member_step(struct sim *sim, struct sim_node *node, struct sim_member *member,
                            struct order_event event);
enum status sim_member_step_raft(struct sim *sim, struct sim_node *node, struct sim_member *member,
                                 struct raft_event event);
void sim_member_carry_out(struct sim *sim, struct sim_node *node, struct sim_member *member);

/* The driver learns how far the disk has synced. */
void sim_member_durable(struct sim *sim, struct sim_node *node, struct sim_member *member);

/* ---- sim_snapshot.c: snapshots, made and received ---- */

/* Begin to save the state as it is, if there is anything new in it. */
void sim_member_save(struct sim *sim, struct sim_node *node, struct sim_member *member);

/* A snapshot of the node's process `incarnation` has been written; takes it over. */
void sim_node_on_saved(struct sim *sim, struct sim_node *node, uint64_t incarnation,
                       struct sim_snapshot *snapshot);

/* Load a snapshot file into the engine. */
enum status sim_member_load_order(struct sim_member *member, const struct sim_snapshot *snapshot);
void sim_member_load(struct sim *sim, struct sim_node *node, struct sim_member *member,
                     const struct sim_snapshot *snapshot);

/* Send a piece; take one in. */
void sim_member_chunk_wanted(struct sim *sim, struct sim_node *node, struct sim_member *member,
                             const struct raft_chunk_wanted *wanted);
void sim_member_chunk_received(struct sim *sim, struct sim_node *node, struct sim_member *member,
                               const struct raft_chunk_received *received);

/* ---- sim_serve.c: clients at a node ---- */

void sim_serve_hello(struct sim *sim, struct sim_node *node, uint32_t client,
                     const struct wire_hello *hello);
void sim_serve_request(struct sim *sim, struct sim_node *node, uint32_t client, kv_group_id group,
                       const struct wire_request *request);
void sim_serve_read(struct sim *sim, struct sim_node *node, struct sim_member *member,
                    const struct raft_read *read);

/* Reads that had to wait for deliveries. */
void sim_serve_parked(struct sim *sim, struct sim_node *node, struct sim_member *member);

/* Send an answer to the client that waits for it here. */
void sim_serve_answer(struct sim *sim, struct sim_node *node, struct sim_member *member,
                      const struct engine_reply *answer);
void sim_serve_read_answer(struct sim *sim, struct sim_node *node, struct sim_member *member,
                           const struct engine_read_answer *answer);

/* ---- sim_execute.c: the engine at its member ---- */

/* Step the engine and carry its effects out. Time and role are set here. */
void sim_execute(struct sim *sim, struct sim_node *node, struct sim_member *member,
                 struct engine_event event);
void sim_execute_delivery(struct sim *sim, struct sim_node *node, struct sim_member *member,
                          const struct order_delivery *delivery);

/* What another group's engine says to this one. */
void sim_execute_message(struct sim *sim, struct sim_node *node, struct sim_member *member,
                         const struct wire_message *message);

/* The machine of a group. */
struct machine sim_machine_new(const struct sim *sim, kv_group_id group);

/* ---- sim_jobs.c ---- */

struct sim_job;
struct sim_event;

/* How many computations an engine may have out in its next step. */
uint32_t sim_jobs_max(struct sim *sim);

/* Those of its last step are out. */
void sim_jobs_begin(struct sim *sim, const struct sim_node *node, const struct sim_member *member);

/* An event of the queue; and what is left of one that will not come. */
void sim_jobs_on_worked(struct sim *sim, struct sim_node *node, const struct sim_event *event);
void sim_jobs_drop(struct sim_job *job);

/* ---- sim_layers.c ---- */

/* Maybe the next step of a checkpoint in memory. */
void sim_layers_step(struct sim *sim, struct sim_node *node, struct sim_member *member);

#endif
