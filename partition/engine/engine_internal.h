/* SPDX-License-Identifier: Apache-2.0 */
/* engine_internal: what the files of the engine share.
 *
 * 1. engine_deliver.c is the beginning of a delivered message's life, engine_run.c the rest of it: turn, vote, execution.
 * 2. engine_queue.c are the queues of variables, engine_gate.c a line in the deliveries behind which nobody has a turn, for engine_scan.c
 *    and engine_cut.c; engine_signal.c the votes of others and the own ones, engine_timer.c what is
 *    said again.
 * 3. engine_session.c is the table of sessions, engine_record.c the messages of one session.
 * 4. engine_save.c and engine_load.c make bytes of all of it and back, engine_check.c asserts the invariants. */
#ifndef KV_ENGINE_ENGINE_INTERNAL_H
#define KV_ENGINE_ENGINE_INTERNAL_H

#include "partition/engine/engine_effects.h"
#include "partition/engine/engine_gate.h"
#include "partition/engine/engine_jobs.h"
#include "partition/engine/engine_lock.h"
#include "partition/engine/engine_queue.h"
#include "partition/engine/engine_session.h"

/* Messages known only by votes that are not in the log: beyond it new ones are dropped, and come again. */
#define ENGINE_EXPECTED_MAX 16384

/* ---- Runs ---- */

/* Life of a message that is more than executed at once.
 *
 *   EXPECTED -> QUEUED             [engine_deliver.c]  a vote came before the message
 *   QUEUED   -> GRANTED            [engine_run.c]      first in all of its queues: it votes, once (E7)
 *   GRANTED  -> FINISHED           [engine_run.c]      executed, with all votes that it awaits
 *   GRANTED  -> WORKING -> GRANTED [engine_jobs.c]     before that its computation was out (E9)
 *   GRANTED  -> HELD -> FINISHED   [engine_lock.c]     executed, and it keeps its places until it is released (E10)
 *   FINISHED -> gone               [engine_run.c]      nobody needs anything of it (E8)
 *   EXPECTED -> gone               [engine_signal.c]   never delivered: the vote was a forgery */
enum engine_run_state {
    ENGINE_RUN_EXPECTED,
    ENGINE_RUN_QUEUED,
    ENGINE_RUN_GRANTED,
    ENGINE_RUN_FINISHED,
    ENGINE_RUN_WORKING, /* saved as GRANTED */
    ENGINE_RUN_HELD
};

/* The vote of another group. */
struct engine_signal {
    kv_group_id group;
    bool present;
    bool logged;   /* it is in the committed log */
    bool appended; /* by this member, as the leader that it is */
    uint8_t verdict;
    struct kv_buffer payload;
};

/* The own vote, as another group needs it. */
struct engine_owed {
    kv_group_id group;
    bool ready;
    bool acknowledged;
    uint64_t
        sent; /* the step in which it was sent last: what that left behind borrows the payload */
    uint8_t verdict;
    struct kv_buffer payload;
};

struct engine_run {
    struct kv_message_key key;
    kv_message_id id;
    enum engine_run_state state;
    bool local;               /* a parked read of this member: no message */
    uint64_t token;           /* of the read */
    kv_slice body;            /* of the entry, or of the read (owned) */
    struct wire_entry *entry; /* a reference, until executed; NULL: EXPECTED, FINISHED, local */
    kv_timestamp timestamp;   /* final; of a read: the cursor at which it came */
    kv_index index;
    kv_group_set destinations;
    kv_group_set awaits, tells, reports;
    bool answers;
    enum wire_verdict refusal; /* OK, or why it must not run: known at its delivery */
    bool has_session;
    uint32_t place_count;
    uint32_t blocked; /* places that are not granted */
    struct engine_place *places;
    enum wire_verdict verdict; /* GRANTED: its vote */
    struct kv_buffer no;       /* GRANTED with a NO: what it has to remember of it */
    uint32_t signal_count, signal_capacity;
    struct engine_signal *signals;
    uint32_t owed_count;
    struct engine_owed *owed; /* tells and reports */
    kv_instant retry_at;
    uint32_t retries;
    TAILQ_ENTRY(engine_run) link;  /* in `waiting` (QUEUED to WORKING), `expected` or `done` */
    TAILQ_ENTRY(engine_run) ready; /* in `ready`, or in `jobs.wanting` */
    bool is_ready;
    bool gated;      /* delivered behind the gate: it is in `gated`, through `ready` */
    bool everything; /* of a read: it is in `scans` */
    bool known;      /* the id was delivered before: its client breaks the rules */
    bool computes, wants_job;
    struct engine_lock *lock;      /* of one that holds */
    struct engine_inside *insides; /* inside of others; of one with a token one */
    uint32_t inside_count;
    bool inside_waits; /* it has a token, and not its turn inside */
    bool releases, mere;
    enum engine_open open; /* as what it is counted (engine_gate.h) */
    uint64_t job;          /* WORKING: its number */
    uint64_t time_us;      /* at its delivery */
    uint64_t position; /* of the delivery, counted by this engine; of a read: of the last before */
    UT_hash_handle hh;
};

/* Ordered time [locks.md, K4]: the sum of the TICKs that counted, and when the last two of them were delivered. */
struct engine_clock {
    uint64_t now_us;
    kv_timestamp last, before_last;
};

struct engine {
    kv_group_id group;
    uint64_t steps; /* counted */
    struct machine machine;
    struct engine_sessions sessions;
    kv_timestamp cursor; /* final timestamp of the last delivery */
    struct engine_clock clock;
    uint64_t
        delivered; /* position of the last delivery, or counted since this engine began: orders runs and reads */
    uint64_t
        begun; /* position of the first delivery since then; 0: none, or positions are not told */

    struct engine_run *by_id;        /* uthash: messages to several groups */
    struct engine_run_list expected; /* EXPECTED, oldest first */
    struct engine_run_list
        waiting; /* QUEUED and GRANTED, in the order of delivery; reads are not among them */
    struct engine_run_list held;  /* HELD: `locks` has them all, and those that are to be */
    struct engine_lock *locks;    /* uthash, by token */
    struct engine_run_list done;  /* FINISHED, and not yet forgotten */
    struct engine_run_list reads; /* parked reads, in the order of their arrival */
    struct engine_run_list scans; /* those of everything */
    struct engine_run_list gated; /* QUEUED behind the gate, in the order of delivery */
    struct engine_gate gate;
    struct engine_cut cut;        /* of the last mark */
    struct engine_run_list ready; /* all places granted: their turn has come */
    struct engine_queue *queues;  /* uthash, by key */
    struct engine_jobs jobs;
    uint32_t run_count, waiting_count, expected_count, gated_count;
    uint32_t open[ENGINE_OPENS];     /* of `waiting`; of NOTHING it says nothing */
    const struct engine_run *opened; /* whose command the machine has open; NULL: another's */

    kv_instant now;
    bool leads;
    kv_instant wake;
    uint64_t dispatched; /* number of the last command that was handed on for the machine */
    kv_instant
        dispatch_at; /* when all of them are handed on again, unless they are delivered by then */
    uint32_t dispatch_retries;
    kv_instant time_from, time_at;  /* a leader's measure of time for its machine; NEVER: none */
    kv_timestamp time_since;        /* the cursor at time_from */
    bool time_sent;                 /* the last TICK has not come back */
    struct engine_effects *effects; /* of the running step */

    struct kv_buffer answer_bytes;
    struct kv_buffer scratch;
    struct machine_footprint
        footprint; /* scratch: tens of KB, so neither on the stack nor ever cleared */
    struct wire_answer answer;
    struct machine_vote votes[KV_GROUPS_MAX];
};

/* Whether the opened command may compute; whether it is to be a run for that, since its computation may go out. */
static inline bool engine_job_is_possible(const struct engine *engine)
{
    return engine->machine.ops->take != NULL && engine->footprint.computes;
}

static inline bool engine_job_may_go_out(const struct engine *engine)
{
    return engine_job_is_possible(engine) && engine->jobs.max > 0;
}

/* ---- engine_deliver.c ---- */

void engine_on_deliver(struct engine *engine, const struct engine_event *event);

/* ---- engine_run.c ---- */

struct engine_run *engine_run_find(const struct engine *engine, kv_message_id id);

/* A run for a message to several groups, EXPECTED; or for a parked read. */
struct engine_run *engine_run_new(struct engine *engine, kv_message_id id);
struct engine_run *engine_run_new_read(struct engine *engine, uint64_t token, kv_slice body,
                                       bool everything);

/* Out of every list and queue, and freed. */
void engine_run_free(struct engine *engine, struct engine_run *run);

/* The machine opens the run's command, unless it has it open. */
void engine_run_open(struct engine *engine, struct engine_run *run);

/* [V4] Whether a run that has had its turn has left its queues before it is finished. */
bool engine_run_lets_go(const struct engine_run *run);

/* The votes for its execution, in engine->votes; returns how many. */
uint32_t engine_run_votes(struct engine *engine, const struct engine_run *run);
bool engine_run_has_votes(const struct engine_run *run);

/* Execute, or apply its job (else NULL), and answer. */
void engine_run_finish(struct engine *engine, struct engine_run *run, const void *job);

/* Execute if everything that it awaits is in; forget if nobody needs anything of it. */
void engine_run_maybe_finish(struct engine *engine, struct engine_run *run);
void engine_run_maybe_forget(struct engine *engine, struct engine_run *run);

/* Of one that is HELD: out of its queues, FINISHED. */
void engine_run_retire(struct engine *engine, struct engine_run *run);

/* Give everyone the turn whose turn it is, until nothing changes. */
void engine_run_ready(struct engine *engine);

/* Answer a message that was executed, or refused, and record that. */
void engine_answer(struct engine *engine, struct engine_session *session,
                   struct engine_reply *reply, enum wire_verdict verdict);

/* ---- engine_execute.c ---- */

/* Leave the encoded answer that only says `verdict` in engine->answer_bytes. */
void engine_answer_verdict(struct engine *engine, enum wire_verdict verdict);

/* Encode engine->answer into engine->answer_bytes. */
void engine_answer_encode(struct engine *engine);

/* Open the command of a message. False: it is none; the same at every destination. */
bool engine_open(struct engine *engine, kv_slice body, const struct machine_context *context);

/* Run the opened command. */
enum machine_outcome engine_execute(struct engine *engine, const struct machine_vote *votes,
                                    uint32_t count);
enum machine_outcome engine_apply(struct engine *engine, const void *job);

/* A linearizable read whose deliveries are done: answer it, or park it in the queues. */
void engine_on_read(struct engine *engine, uint64_t token, kv_slice body);

/* Answer a read whose command the machine has open. */
void engine_read_answer(struct engine *engine, uint64_t token, kv_timestamp timestamp);

/* ---- engine_signal.c ---- */

void engine_on_message(struct engine *engine, const struct wire_message *message);
void engine_on_remote(struct engine *engine, const struct wire_entry *entry);

struct engine_signal *engine_signal_of(struct engine_run *run, kv_group_id group);
struct engine_signal *engine_signal_add(struct engine_run *run, kv_group_id group);
struct engine_owed *engine_owed_of(struct engine_run *run, kv_group_id group);

/* The awaited groups are known: what others sent goes. */
void engine_signal_keep_awaited(struct engine *engine, struct engine_run *run);

/* The own vote for `group` is ready, with a payload of the machine or without: keep it, and send it. */
void engine_owe(struct engine *engine, struct engine_run *run, kv_group_id group,
                enum wire_verdict verdict, bool payload);

void engine_send_signal(struct engine *engine, struct engine_run *run, struct engine_owed *owed,
                        bool everyone, kv_node_id to);
void engine_send_request(struct engine *engine, const struct engine_run *run, kv_group_id group);

/* Have the oracle's leader order it. */
void engine_send_forward(struct engine *engine, const struct machine_dispatch *dispatch);

/* Put another group's vote into the log, if this member leads and has not done so. */
void engine_maybe_append(struct engine *engine, struct engine_run *run,
                         struct engine_signal *signal);

/* What was said about a message that turned out not to need it. */
void engine_expected_drop(struct engine *engine, kv_message_id id);

/* ---- engine_timer.c ---- */

void engine_schedule(struct engine *engine, struct engine_run *run, uint64_t after_us);

static inline uint64_t engine_first_retry_us(const struct engine *engine)
{
    return engine->leads ? ENGINE_RETRY_US : ENGINE_FOLLOWER_RETRY_US;
}

void engine_on_tick(struct engine *engine);

/* The member has begun or ceased to lead. */
void engine_on_role(struct engine *engine, bool leads);

/* Have what the machine wants to have run ordered; and what a leader has measured of time. */
void engine_maybe_dispatch(struct engine *engine);
void engine_maybe_time(struct engine *engine);

/* ---- engine_load.c ---- */

/* Back to an engine that has delivered nothing, but for parked reads; the machine is emptied too. */
void engine_clear(struct engine *engine);

#endif
