/* SPDX-License-Identifier: Apache-2.0 */
/* sim_mutants: bugs that can be planted to test the checkers: a simulator that does not find them
 * is broken.
 *
 * DRIVER mutants break the simulated node, which breaks a promise that a real driver has to keep.
 * CORE mutants break a copy of the cores' source at build time (tests/sim/mutants/): they exist
 * only in the program kvsim-mutants. */
#ifndef KV_SIM_MUTANTS_H
#define KV_SIM_MUTANTS_H

/* X(NAME, name, WHERE, "what is broken") */
#define SIM_MUTANT_MAP(X)                                                                          \
    X(ACK_BEFORE_SYNC, ack_before_sync, DRIVER,                                                    \
      "sends leave before the records they depend on are synced")                                  \
    X(VOTE_FORGOTTEN, vote_forgotten, DRIVER, "the vote is not written to the log")                \
    X(DISK_LIES, disk_lies, DRIVER, "a crash may lose records that were reported as synced")       \
    X(EXECUTE_UNCOMMITTED, execute_uncommitted, DRIVER,                                            \
      "a leader executes and answers when it appends")                                             \
    X(DEDUP_SKIPPED, dedup_skipped, DRIVER, "a message that comes again is executed again")        \
    X(READ_UNCONFIRMED, read_unconfirmed, DRIVER,                                                  \
      "a leader reads without confirming that it still leads")                                     \
    X(READ_ANYWHERE, read_anywhere, DRIVER,                                                        \
      "any member answers linearizable reads from its state")                                      \
    X(SNAPSHOT_WITHOUT_SESSIONS, snapshot_without_sessions, DRIVER,                                \
      "a snapshot holds the keys only")                                                            \
    X(SNAPSHOT_POINT_LATE, snapshot_point_late, DRIVER,                                            \
      "a snapshot names the log index of its completion, not of its state")                        \
    X(EXECUTION_DIFFERS, execution_differs, DRIVER, "one node executes with another timestamp")    \
    X(COMMIT_OLD_TERM, commit_old_term, CORE,                                                      \
      "a leader commits entries of older terms by counting")                                       \
    X(QUORUM_TOO_SMALL, quorum_too_small, CORE,                                                    \
      "one member less than a majority commits and confirms")                                      \
    X(LEADER_COUNTS_UNSYNCED, leader_counts_unsynced, CORE,                                        \
      "a leader counts itself before its own sync")                                                \
    X(HALF_ELECTS, half_elects, CORE, "half of the votes elect a leader")                          \
    X(VOTE_FOR_ANY_LOG, vote_for_any_log, CORE, "a vote goes to a candidate whose log is behind")  \
    X(APPEND_UNCHECKED, append_unchecked, CORE,                                                    \
      "a follower does not compare the entry before the new ones")                                 \
    X(COMMIT_UNVERIFIED, commit_unverified, CORE,                                                  \
      "a follower commits entries that the leader has not verified")                               \
    X(DUPLICATE_TRUNCATES, duplicate_truncates, CORE,                                              \
      "a late append removes equal entries and what follows")                                      \
    X(BLANK_VOTES, blank_votes, CORE, "a member whose disk was emptied votes")                     \
    X(BLANK_ACKNOWLEDGES, blank_acknowledges, CORE,                                                \
      "a member whose disk was emptied acknowledges entries")                                      \
    X(FOUND_BY_MAJORITY, found_by_majority, CORE,                                                  \
      "a majority of members with empty disks founds a group")                                     \
    X(ADMITTED_UNCOMMITTED, admitted_uncommitted, CORE,                                            \
      "an emptied member learns and votes before it is known to be no voter")                      \
    X(FORMER_LIFE_COUNTS, former_life_counts, CORE,                                                \
      "what a member said before its disk was emptied is believed")                                \
    X(READ_OF_NEW_LEADER, read_of_new_leader, CORE,                                                \
      "a leader reads before an entry of its term is committed")                                   \
    X(CLOCK_BELOW_TAIL, clock_below_tail, CORE,                                                    \
      "a timestamp is the wall clock, whatever the log's reach")                                   \
    X(FLOOR_IGNORED, floor_ignored, CORE,                                                          \
      "a late duplicate below the session's floor is executed")                                    \
    X(RECORD_FORGOTTEN, record_forgotten, CORE,                                                    \
      "the floor is raised over the operation just executed")                                      \
    X(SESSION_COMES_BACK, session_comes_back, CORE,                                                \
      "a session that was dropped is taken for a new one")                                         \
    X(FLOOR_INCLUDES_CURRENT, floor_includes_current, CORE,                                        \
      "a client's floor covers the operation that it sends")                                       \
    X(FLOOR_UNANSWERED, floor_unanswered, CORE,                                                    \
      "a client's floor covers earlier operations that are not answered")                          \
    X(RETRY_AS_NEW, retry_as_new, CORE, "a client sends again under a new sequence")               \
    X(ATTEMPT_ON_TIMEOUT, attempt_on_timeout, CORE,                                                \
      "a client makes the next attempt without a verdict on the one before")                       \
    X(CLAIMS_NOT_EXECUTED, claims_not_executed, CORE,                                              \
      "a client says that what is in doubt was not executed")                                      \
    X(VOTE_AT_DELIVERY, vote_at_delivery, CORE,                                                    \
      "commands to several groups do not wait for their turn")                                     \
    X(VOTES_NOT_AWAITED, votes_not_awaited, CORE, "a group executes without the votes of others")  \
    X(REMOTE_NOT_LOGGED, remote_not_logged, CORE,                                                  \
      "a leader does not put the votes of others into the log")                                    \
    X(ACK_BEFORE_LOG, ack_before_log, CORE, "a vote is acknowledged before it is in the log")      \
    X(FORGET_UNACKNOWLEDGED, forget_unacknowledged, CORE,                                          \
      "a vote is forgotten before others have acknowledged it")                                    \
    X(FORGET_UNLOGGED, forget_unlogged, CORE,                                                      \
      "a command is forgotten before the votes on it are in the log")                              \
    X(HINTS_RECORDED, hints_recorded, CORE,                                                        \
      "records keep hints, which members know at different times")                                 \
    X(NO_NOT_RECORDED, no_not_recorded, CORE, "STALE and PINNED are not recorded")                 \
    X(JOB_HOLDS_NOTHING, job_holds_nothing, CORE,                                                  \
      "a command whose computation is out holds none of its variables")                            \
    X(JOB_NOT_LOADED, job_not_loaded, CORE,                                                        \
      "a command whose computation was out is forgotten by a snapshot")                            \
    X(READ_IGNORES_QUEUES, read_ignores_queues, CORE,                                              \
      "a read does not wait for what was delivered before it")                                     \
    X(RUNS_NOT_SAVED, runs_not_saved, CORE, "a snapshot has no commands that wait for votes")      \
    X(STUB_IGNORED_ON_CREATE, stub_ignored_on_create, CORE,                                        \
      "home creates a key that lives elsewhere")                                                   \
    X(STUB_IGNORED, stub_ignored, CORE, "home takes a key that lives elsewhere for absent")        \
    X(ABSENT_MOVE_IS_STALE, absent_move_is_stale, CORE,                                            \
      "a MOVE of an absent key is STALE for ever")                                                 \
    X(MOVE_KEEPS_SOURCE, move_keeps_source, CORE, "a moved key stays at its source, too")          \
    X(BORROW_NOT_RETURNED, borrow_not_returned, CORE, "borrowed keys are not returned")            \
    X(CREATE_WITHOUT_ORACLE, create_without_oracle, CORE,                                          \
      "the oracle does not hear of placed keys")                                                   \
    X(DELETE_WITHOUT_HOME, delete_without_home, CORE,                                              \
      "the home of a placed key does not hear of its end")                                         \
    X(MOVE_WITHOUT_HOME, move_without_home, CORE,                                                  \
      "the home of a key does not hear of moves elsewhere")                                        \
    X(ORACLE_DELETES_ALONE, oracle_deletes_alone, CORE,                                            \
      "the oracle does not wait for votes on a DELETE")                                            \
    X(PINS_IGNORED, pins_ignored, CORE,                                                            \
      "keys move although the oracle is about to run a command on them")                           \
    X(EXEC_GOES_HOME, exec_goes_home, CORE, "the oracle runs a command at the homes of its keys")  \
    X(LOCK_TOKEN_UNCHECKED, lock_token_unchecked, CORE, "owners do not look at tokens")            \
    X(LOCK_RENEWAL_IGNORED, lock_renewal_ignored, CORE,                                            \
      "a lock ends whether it has been renewed or not")                                            \
    X(LOCK_RENEWALS_ADD_UP, lock_renewals_add_up, CORE,                                            \
      "a renewal adds the ttl to what is left of it")                                              \
    X(LOCK_UNLOCK_WAITS, lock_unlock_waits, CORE, "an UNLOCK takes effect when the ttl is over")   \
    X(LOCK_TIME_OF_ANOTHER, lock_time_of_another, CORE,                                            \
      "a new leader counts time in which it did not lead")                                         \
    X(LIFE_MOVE_UNBINDS, life_move_unbinds, CORE, "a key that moves forgets what it is bound to")  \
    X(LIFE_SESSION_UNQUEUED, life_session_unqueued, CORE,                                          \
      "who binds to a session does not take its queue")                                            \
    X(LIFE_TIME_OF_EXECUTION, life_time_of_execution, CORE,                                        \
      "a ttl counts from where a member executes the command")                                     \
    X(LIFE_ENDS_UNCHECKED, life_ends_unchecked, CORE, "an EXPIRE does not look at the bond")       \
    X(LIFE_SHORT, life_short, CORE, "a ttl is a quarter shorter")                                  \
    X(LIFE_FORWARD_LOST, life_forward_lost, CORE,                                                  \
      "the oracle does not order what others ask it for")

enum sim_mutant {
    SIM_MUTANT_NONE,
#define X(NAME, name, WHERE, text) SIM_MUTANT_##NAME,
    SIM_MUTANT_MAP(X)
#undef X
};

#endif
