/* SPDX-License-Identifier: Apache-2.0 */
/* mutants: bugs that can be planted in copies of the cores (mutants.cmake), to see that the checkers find them.
 *
 * Each breaks one rule of docs/protocol/multicast.md. Those that no run of the default profile is likely to meet have a
 * profile of their own, and those that need many seeds are LONG: ctest runs them only on demand. */
#ifndef KV_MULTICAST_MUTANTS_H
#define KV_MULTICAST_MUTANTS_H

/* X(NAME, name, PROFILE, FACTS, SEEDS, "what is broken")
 * FACTS: whether FIX is checked; without it the damage itself has to be seen. */
#define MULTICAST_MUTANT_MAP(X)                                                                    \
    X(ABOVE_LAST_ONLY, above_last_only, ALL, true, 100,                                            \
      "a timestamp is above the last timestamp, not above the reach (rule 4)")                     \
    X(ABOVE_COMMITTED_ONLY, above_committed_only, ALL, true, 100,                                  \
      "a timestamp is above the reach of the committed log only (rule 4)")                         \
    X(DELIVER_EARLY, deliver_early, ALL, true, 400, "delivery does not wait for F (rule 24)")      \
    X(F_OF_TAIL, f_of_tail, ALL, true, 400, "F is the reach of the uncommitted tail (rule 22)")    \
    X(ACK_ACROSS_TERMS, ack_across_terms, ELECTIONS, true, 8000,                                   \
      "entries of older terms are acknowledged to other groups (rule 17)")                         \
    X(ACK_MINORITY, ack_minority, ALL, true, 400, "half of a group makes a fact (rule 16)")        \
    X(ACK_MINORITY_UNCHECKED, ack_minority_unchecked, ALL, false, 400, "the same, FIX unchecked")  \
    X(COMMIT_OLD_TERM, commit_old_term, ELECTIONS, true, 8000,                                     \
      "entries of older terms are committed by counting (rule 2)")                                 \
    X(ACK_BEFORE_SYNC, ack_before_sync, RESTARTS, true, 800,                                       \
      "acknowledgements do not wait for the sync (rule 1)")                                        \
    X(FACT_UNCOMMITTED, fact_uncommitted, ALL, true, 400,                                          \
      "FIX tells of uncommitted proposals (rule 15)")                                              \
    X(FACT_UNCOMMITTED_UNCHECKED, fact_uncommitted_unchecked, ALL, false, 400,                     \
      "the same, FIX unchecked")                                                                   \
    X(OWN_UNCOMMITTED, own_uncommitted, ALL, true, 400,                                            \
      "the own proposal counts before its commit (rule 19)")                                       \
    X(OWN_UNCOMMITTED_UNCHECKED, own_uncommitted_unchecked, ALL, false, 400,                       \
      "the same, FIX unchecked")                                                                   \
    X(PROPOSED_TWICE, proposed_twice, ALL, true, 400,                                              \
      "only the committed log and the own term are asked whether a message is known (rule 6)")     \
    X(IDS_DROPPED, ids_dropped, ALL, true, 400,                                                    \
      "a snapshot drops the ids of what was delivered (rule 36)")                                  \
    X(FORGET_AT_OWN_RESOLVE, forget_at_own_resolve, FORGETTING, true, 200,                         \
      "a record goes when the own group has resolved it (rule 35)")                                \
    X(SNAPSHOT_WITHOUT_F, snapshot_without_f, ALL, true, 400, "a snapshot loses F (rule 28)")      \
    X(SNAPSHOT_WITHOUT_CURSOR, snapshot_without_cursor, ALL, true, 300,                            \
      "a snapshot does not say what of its messages was delivered (rules 29, 30)")                 \
    X(RECORDS_IGNORED, records_ignored, ALL, true, 200,                                            \
      "a leader does not speak about messages below the snapshot (rules 9, 32)")                   \
    X(REACH_NOT_RAISED, reach_not_raised, ALL, true, 100,                                          \
      "neither RESOLVE nor CLOCK raises the reach (rule 4)")                                       \
    X(NO_RESOLVE, no_resolve, ALL, true, 50, "no RESOLVE is appended (rule 11)")                   \
    X(SOFT_IGNORED, soft_ignored, ALL, true, 200,                                                  \
      "a SOFT does not make an unknown message proposed (rule 8)")                                 \
    X(FLOOR_BLOCKS, floor_blocks, FLOORS, true, 300,                                               \
      "nobody asks about what is below the floor (X9)")                                            \
    X(TELL_UNCONFIRMED, tell_unconfirmed, FLOORS, true, 4000,                                      \
      "members that are behind say that a message is unresolved (X9)")                             \
    X(DONE_UNCONFIRMED, done_unconfirmed, FLOORS, true, 40000,                                     \
      "members that are behind say that a message is resolved (rule 34)")                          \
    X(ORACLE_UNCOMMITTED, oracle_uncommitted, ORACLE, true, 400,                                   \
      "group 0 tells others of proposals that it has not committed (decision 0006)")               \
    X(ORACLE_REPEATED_WRONG, oracle_repeated_wrong, ORACLE, true, 400,                             \
      "a group writes its own proposal into the log as that of group 0 (decision 0006)")

enum multicast_mutant {
    MULTICAST_MUTANT_NONE,
#define X(NAME, name, PROFILE, FACTS, SEEDS, text) MULTICAST_MUTANT_##NAME,
    MULTICAST_MUTANT_MAP(X)
#undef X
};

#endif
