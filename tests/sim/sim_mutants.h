/* SPDX-License-Identifier: Apache-2.0 */
/* sim_mutants: bugs that can be planted to test the checkers: a simulator that does not find them is broken.
 *
 * DRIVER mutants break the simulated node, which breaks a promise that a real driver has to keep. CORE mutants break a copy
 * of the cores' source at build time (tests/sim/mutants/): they exist only in the program kvsim-mutants. */
#ifndef KV_SIM_MUTANTS_H
#define KV_SIM_MUTANTS_H

/* X(NAME, name, WHERE, "what is broken") */
#define SIM_MUTANT_MAP(X)                                                                          \
    X(ACK_BEFORE_SYNC, ack_before_sync, DRIVER, "sends leave before the records they depend on are synced") \
    X(VOTE_FORGOTTEN, vote_forgotten, DRIVER, "the vote is not written to the log")                \
    X(DISK_LIES, disk_lies, DRIVER, "a crash may lose records that were reported as synced")       \
    X(EXECUTE_UNCOMMITTED, execute_uncommitted, DRIVER, "a leader executes and answers when it appends") \
    X(DEDUP_SKIPPED, dedup_skipped, DRIVER, "a message that comes again is executed again")        \
    X(READ_UNCONFIRMED, read_unconfirmed, DRIVER, "a leader reads without confirming that it still leads") \
    X(READ_ANYWHERE, read_anywhere, DRIVER, "any member answers linearizable reads from its state") \
    X(SNAPSHOT_WITHOUT_SESSIONS, snapshot_without_sessions, DRIVER, "a snapshot holds the keys only") \
    X(SNAPSHOT_POINT_LATE, snapshot_point_late, DRIVER, "a snapshot names the log index of its completion, not of its state") \
    X(EXECUTION_DIFFERS, execution_differs, DRIVER, "one node executes with another timestamp")    \
    X(FLOOR_INCLUDES_CURRENT, floor_includes_current, DRIVER, "a client's floor covers the operation that it sends") \
    X(FLOOR_UNANSWERED, floor_unanswered, DRIVER, "a client's floor covers earlier operations that are not answered") \
    X(RETRY_AS_NEW, retry_as_new, DRIVER, "a client sends again under a new sequence")

enum sim_mutant {
    SIM_MUTANT_NONE,
#define X(NAME, name, WHERE, text) SIM_MUTANT_##NAME,
    SIM_MUTANT_MAP(X)
#undef X
};

#endif
