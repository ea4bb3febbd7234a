/* SPDX-License-Identifier: Apache-2.0 */
/* engine: executes delivered messages exactly once on a machine, together with other groups where a message has several. A pure
 * core, the same for oracle and partitions.
 *
 * Sessions. A message belongs to a session (kv_session_id: final timestamp of its registration at
 * the oracle) and has a sequence number in it. For each session the engine keeps the floor (all
 * sequences up to it have been answered at the client) and a record {sequence, attempt, verdict,
 * answer} of every message above it (docs/execution.md, X3-X10). A group accepts an
 * unknown session if its id is above the session floor: the largest id that was ever dropped from
 * the table. When the table holds KV_SESSIONS_MAX, the session whose last delivery is oldest is
 * dropped. All of it is replicated, deterministic state.
 *
 * A message without a session (SESSION_OPEN) is deduplicated by the oracle machine through its
 * nonce.
 *
 * Turns. A message takes a place in the queue of each variable that it touches here, at its delivery. When it is first in all of
 * them (readers share), it has its turn: a message to one group is executed, one to several groups votes, and is executed when
 * the votes that it needs are in (docs/protocol/placement.md, V1-V4). Nothing blocks: who waits is parked as data. Most
 * messages meet no queue and are executed at once.
 *
 * Jobs. What a command computes may leave the step as a job, for another thread, and come back at any time; meanwhile it holds its
 * places and nothing else (engine_jobs.c). The number of jobs under way and their order change neither answers nor state.
 *
 * Cuts. A mark is a message to all groups. A member that leads at its delivery brings its state to the moment between all that was
 * delivered before it and all behind, and keeps it there for a while (engine_cut).
 *
 * Votes are sent to other groups until they acknowledge them, and come into the own log as REMOTE entries (S1-S6).
 *
 * Model.      engine_step(event) -> effects; one thread; time is an input and moves only retries.
 * Invariants. E1 A message id is executed at most once.
 *             E2 The floor of a session never decreases.
 *             E3 Every record has a sequence above its session's floor.
 *             E4 The digest is a function of the delivered sequence, whenever all that was delivered is finished.
 *             E5 Sessions <= KV_SESSIONS_MAX; records of a session <= KV_SESSION_OUTSTANDING_MAX.
 *             E6 In each queue the granted places are the first one, or the leading readers.
 *             E7 A message votes once, when all its places are granted, and executes only with every vote that it awaits.
 *             E8 A message is forgotten only when it has executed, the votes that it awaited are committed in the log, and
 *                those that it owes are acknowledged.
 *             E9 A message whose computation is out holds all its places until the result is applied.
 *             E10 The places of a lock that is held are granted, so nobody else has a turn on what it holds alone.
 *             E11 A command with a token has its turn only inside of that lock, while it is held; one at a time.
 *             Asserted in engine_check.c, engine_lock.c, engine_queue.c and engine_run.c.
 * Ownership.  Inputs are borrowed until the call returns (entries may be kept by reference); effects until the next step or
 *             engine_load. */
#ifndef KV_ENGINE_ENGINE_H
#define KV_ENGINE_ENGINE_H

#include "multicast/wire/message.h"
#include "partition/engine/machine.h"

struct engine;

/* First and longest pause between two signals about one message, for a leader; and for others. */
#define ENGINE_RETRY_US          50000
#define ENGINE_RETRY_US_MAX      2000000
#define ENGINE_FOLLOWER_RETRY_US 3000000

/* How often a leader tells its machine how much time has passed, and how much at most at a time: it may have been stopped. */
#define ENGINE_TIME_US     100000
#define ENGINE_TIME_US_MAX 1000000

/* Messages that wait for a turn or for votes, beyond which a leader answers BUSY: each holds its body. */
#define ENGINE_RUNS_MAX 65536

/* Computations that may be out at a time: enough to keep many workers busy for the time of a turn. Those behind them wait. */
#define ENGINE_JOBS_MAX 1024

enum engine_event_kind {
    ENGINE_EVENT_DELIVER, /* `entry`, `timestamp`: the next message of the delivered sequence */
    ENGINE_EVENT_REMOTE,  /* `entry`: a REMOTE entry of the group's log is committed */
    ENGINE_EVENT_MESSAGE, /* `message`: SIGNAL, SIGNAL_REQUEST, SIGNAL_ACK or FORWARD of another group */
    ENGINE_EVENT_READ, /* `token`, `body`: a linearizable read; all that it must see is delivered */
    ENGINE_EVENT_WORKED, /* `token`, `job`: its work has been done; results come in any order */
    ENGINE_EVENT_TICK    /* time has passed, or the member's role may have changed */
};

struct engine_event {
    enum engine_event_kind kind;
    kv_instant now;
    bool leads; /* this member leads its group; for every kind */
    uint32_t
        jobs_max; /* computations that may be out, for every kind; 0: they are done inside of the step. May change at any time */
    struct wire_entry *entry;
    kv_timestamp timestamp; /* DELIVER: final */
    uint64_t position;      /* DELIVER: in the group's delivered sequence; 0: nobody will watch */
    const struct wire_message *message;
    uint64_t token; /* WORKED: the job's number */
    kv_slice body;
    void *job;
};

/* The answer of an executed (or refused) message. */
struct engine_reply {
    kv_message_id id;       /* as the client knows it */
    kv_timestamp timestamp; /* final timestamp of the message */
    kv_index index;         /* of its entry in the group's log */
    bool complete;          /* this is the answer to the client; else another group has it */
    kv_slice answer;        /* encoded wire_answer */
};

/* A message to another group: the driver adds sender, speaker and receivers. */
struct engine_send {
    bool
        everyone; /* to all members of the group, else to its leader; `message.to` if that is set */
    struct wire_message message;
};

/* A REMOTE entry for the own log. */
struct engine_append {
    kv_message_id id;
    kv_group_id source;
    kv_timestamp timestamp;
    uint8_t verdict;
    kv_slice payload;
};

struct engine_read_answer {
    uint64_t token;
    kv_timestamp timestamp; /* of the last message that it has seen */
    kv_slice answer;        /* encoded wire_answer */
};

/* A computation for whoever has time. Each one comes back by WORKED, once, or the engine is destroyed and it is dropped. */
struct engine_job {
    uint64_t number;
    uint64_t shard; /* hash of its first variable: the same caches */
    void *job;
    void (*work)(void *job); /* on any thread, beside everything else */
    void (*drop)(void *job);
};

struct engine_effects {
    struct engine_reply *replies;
    uint32_t reply_count, reply_capacity;
    struct engine_read_answer *reads;
    uint32_t read_count, read_capacity;
    struct engine_send *sends;
    uint32_t send_count, send_capacity;
    struct engine_append *appends; /* leader only */
    uint32_t append_count, append_capacity;
    struct machine_dispatch *submits; /* leader only: order them, whatever floors say */
    uint32_t submit_count, submit_capacity;
    struct engine_job *jobs;
    uint32_t job_count, job_capacity;
    struct kv_buffer bytes; /* of answers */
};

/* The body of that entry; *ret is cleared first. */
void engine_append_body(const struct engine_append *append, struct kv_buffer *ret);

void engine_effects_clear(struct engine_effects *effects);
void engine_effects_close(struct engine_effects *effects);

/* Takes over the machine: engine_destroy destroys it. sessions_max 0: KV_SESSIONS_MAX. */
struct engine *engine_new(kv_group_id group, struct machine machine, uint32_t sessions_max);
void engine_destroy(struct engine **engine);

/* Feed one event; *effects is cleared first. Deliveries come in their order, each one once. */
void engine_step(struct engine *engine, const struct engine_event *event,
                 struct engine_effects *effects);

/* When the next TICK is due. */
kv_instant engine_deadline(const struct engine *engine);

/* What is known about a message before it is ordered. */
enum engine_admission {
    ENGINE_ADMIT,     /* unknown: order it */
    ENGINE_RECORDED,  /* finished: *ret is its reply */
    ENGINE_RUNNING,   /* delivered, its reply comes */
    ENGINE_ELSEWHERE, /* finished: another destination has the answer */
    ENGINE_REFUSED, /* sequence at or below the floor, or the record has lost its body: not ordered
                       */
    ENGINE_SESSION_UNKNOWN, /* the session has ended or was dropped: not ordered */
    ENGINE_SESSION_FULL,    /* more than KV_SESSION_OUTSTANDING_MAX above the floor: not ordered */
    ENGINE_BUSY             /* too much is under way: not ordered */
};

/* Look a message up; changes nothing. `floor` is the one that the message carries: a group that has
 * not heard of a session for long knows an old floor and would otherwise refuse what delivery
 * accepts. A hint at a follower or a leader that lags, final at delivery. Whether there is room is asked for the command that
 * engine_fits was asked about last. ret->answer is valid until the next step. */
enum engine_admission engine_admit(const struct engine *engine, kv_message_id id, uint64_t floor,
                                   struct engine_reply *ret);

/* Whether a command may be sent to these destinations at all. */
bool engine_fits(struct engine *engine, kv_slice body, kv_message_id id, kv_group_set destinations);

/* Run a read-only command on the state as it is. `bytes` is an encoded command: if it cannot be
 * decoded or is not read-only the answer is UNSUPPORTED. The answer is valid until the next step or read.
 */
kv_slice engine_read(struct engine *engine, kv_slice bytes);

/* Final timestamp of the last message that it was given: what such a read has seen, but for those that wait. */
kv_timestamp engine_cursor(const struct engine *engine);

/* Changes of keys by their index, behind everything that was delivered before them has executed: `last` and `first` of *watch are filled in.
 * `delivered`: length of the group's delivered sequence, as far as this engine was given it or loaded. from 0: what would be next, and
 * no changes. False: nobody can watch this machine, or what was loaded unfinished has to be finished first. */
bool engine_changes(const struct engine *engine, uint64_t delivered, struct machine_watch *watch,
                    struct kv_buffer *ret_bytes, struct machine_changes *ret);

/* A parked read is not wanted any more. */
void engine_drop_read(struct engine *engine, uint64_t token);

/* Digest of machine, sessions and records (E4). */
uint64_t engine_digest(const struct engine *engine);

/* Delivered messages that have not executed. 0: the digest is that of the delivered sequence. */
uint32_t engine_unfinished(const struct engine *engine);

/* Messages that are remembered, finished or not; votes that came early included. */
uint32_t engine_runs(const struct engine *engine);

uint64_t engine_keys(const struct engine *engine);
uint64_t engine_sessions(const struct engine *engine);

/* Append the whole state to ret; load replaces it, but for reads that are parked. STATUS_CORRUPT: the engine is empty afterwards.
 */
void engine_save(const struct engine *engine, struct kv_buffer *ret);
KV_MUST_CHECK enum status engine_load(struct engine *engine, kv_slice bytes);

/* The same without the rows of the machine's stores, as a checkpoint keeps it; and back onto bases that have them, one for each store in
 * their order. No base of before is used any more, whatever comes of it. */
void engine_save_head(const struct engine *engine, struct kv_buffer *ret);
KV_MUST_CHECK enum status engine_load_head(struct engine *engine, kv_slice bytes,
                                           const struct store_base *bases);

/* The state between what was delivered before a mark and what behind it. */
enum engine_cut_state {
    ENGINE_CUT_NONE,    /* no mark was delivered, or another one's cut was under way then */
    ENGINE_CUT_WAITING, /* something before it has not executed */
    ENGINE_CUT_REACHED, /* the machine's state is that of the cut, until engine_cut_end or the time of engine_cut.at */
    ENGINE_CUT_MISSED, /* it took too long, or the driver did */
    ENGINE_CUT_TAKEN   /* the driver has said so */
};

struct engine_cut {
    enum engine_cut_state state;
    kv_timestamp timestamp; /* final, of the mark: names the cut */
};

/* The cut of the last mark. */
struct engine_cut engine_cut(const struct engine *engine);

/* Of a cut that is REACHED: the driver has what it needs (taken), or cannot have it. Commands go on with the next TICK, which is due
 * now. */
void engine_cut_end(struct engine *engine, bool taken);

/* Of an engine that was loaded from the state of a cut: forget what was under way, the sessions and everything else that clients of
 * before could go on with, and begin behind `anew`, which is not below the cut. CORRUPT: something delivered before the
 * cut had not executed, so the state is not that of a cut; nothing changed. */
KV_MUST_CHECK enum status engine_begin_anew(struct engine *engine, kv_timestamp cut,
                                            kv_timestamp anew);

/* OK, or the damage that a store has met (store.h): then the effects and answers of the last call are void, and so is the state.
 * Ask behind each step, read and admission. */
enum status engine_status(const struct engine *engine);

/* Assert E2, E3, E5-E9 over the whole state; slow, for tests and the simulator. */
void engine_check(const struct engine *engine);

#endif
