# The planted bugs of the cores: each replaces a passage of a source file. The copies are made when kvsim-mutants is built, so
# the cores themselves carry no hooks. A passage that is no longer there stops the build: adapt it here.
#
#   mutate(FILE OLD NEW)
#
# Run as: cmake -DROOT=... -DFILE=multicast/raft/x.c -DOUT=... -P mutants.cmake

# A line and its continuation are one line here, so that a passage is found however the source is wrapped.
function(unwrap text result)
  string(REGEX REPLACE "([^\\\\])\n +" "\\1 " text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

file(READ ${ROOT}/${FILE} text)
unwrap("${text}" text)
string(PREPEND text "#include \"tests/sim/mutants/planted.h\"\n")

function(mutate file old new)
  if(NOT file STREQUAL FILE)
    return()
  endif()
  unwrap("${old}" old)
  string(STRIP "${old}" old)
  string(FIND "${text}" "${old}" first)
  string(FIND "${text}" "${old}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "a planted bug must find its passage exactly once in ${file}:\n${old}")
  endif()
  string(REPLACE "${old}" "${new}" changed "${text}")
  set(text "${changed}" PARENT_SCOPE)
endfunction()

# commit_old_term [Raft thesis, figure 3.7]
mutate(multicast/raft/raft_replicate.c
  "commit.value < raft->term_start.value) {"
  "(commit.value < raft->term_start.value && !PLANTED(COMMIT_OLD_TERM))) {")
mutate(multicast/raft/raft_replicate.c
  "KV_ASSERT(raft_log_term(&raft->log, commit).value == raft->term.value);"
  "KV_ASSERT(PLANTED(COMMIT_OLD_TERM) || raft_log_term(&raft->log, commit).value == raft->term.value);")

# The NOOP of a new term hides the bug nearly always, because it travels with the older entries.
mutate(multicast/raft/raft_election.c
  "raft_append_entry(raft, noop);"
  "if (PLANTED(COMMIT_OLD_TERM) && raft->log.last.value > 0) {
      raft->term_start = raft->log.last;
  } else {
      raft_append_entry(raft, noop);
  }")

mutate(multicast/raft/raft_invariants.c
  "KV_ASSERT(last->index.value < raft->term_start.value ||"
  "KV_ASSERT(PLANTED(COMMIT_OLD_TERM) || last->index.value < raft->term_start.value ||")

# quorum_too_small
mutate(multicast/raft/raft_replicate.c
  "return sorted[count / 2];"
  "return sorted[PLANTED(QUORUM_TOO_SMALL) && count > 1 ? count / 2 - 1 : count / 2];")

# leader_counts_unsynced
mutate(multicast/raft/raft_replicate.c
  "raft->log.durable.value : raft->peers[i].match.value;"
  "(PLANTED(LEADER_COUNTS_UNSYNCED) ? raft->log.last.value : raft->log.durable.value) : raft->peers[i].match.value;")

# half_elects
mutate(multicast/raft/raft_election.c
  "if (granted <= raft_voter_count(raft) / 2) {"
  "if (PLANTED(HALF_ELECTS) ? granted < raft_voter_count(raft) / 2 : granted <= raft_voter_count(raft) / 2) {")

# vote_for_any_log
mutate(multicast/raft/raft_on_vote_request.c
  "    return request->last_term.value > last_term.value ||"
  "    return PLANTED(VOTE_FOR_ANY_LOG) || request->last_term.value > last_term.value ||")

# append_unchecked
mutate(multicast/raft/raft_on_append.c
  "    if (previous.value >= log->base.value &&
        raft_log_term(log, previous)"
  "    if (!PLANTED(APPEND_UNCHECKED) && previous.value >= log->base.value &&
        raft_log_term(log, previous)")

# commit_unverified
mutate(multicast/raft/raft_on_append.c
  "    kv_index commit = append->commit.value < equal.value ? append->commit : equal;"
  "    kv_index commit = append->commit.value < equal.value ? append->commit : equal;
    if (PLANTED(COMMIT_UNVERIFIED)) {
        commit = append->commit.value < raft->log.last.value ? append->commit : raft->log.last;
    }")

# duplicate_truncates
mutate(multicast/raft/raft_on_append.c
  "        if (index.value <= log->last.value &&
            raft_log_term(log, index).value == append->entries[i]->term.value) {"
  "        if (index.value <= log->last.value && !(PLANTED(DUPLICATE_TRUNCATES) && index.value > raft->commit.value) &&
            raft_log_term(log, index).value == append->entries[i]->term.value) {")

# read_of_new_leader
mutate(multicast/raft/raft_read.c
  "    if (raft->read_count == 0 || !raft_can_serve(raft)) {"
  "    if (raft->read_count == 0 || (!raft_can_serve(raft) && !PLANTED(READ_OF_NEW_LEADER))) {")
mutate(multicast/raft/raft_read.c
  "        kv_index index = read->index.value > raft->term_start.value ? read->index : raft->term_start;"
  "        kv_index index = read->index.value > raft->term_start.value ? read->index : raft->term_start;
        if (PLANTED(READ_OF_NEW_LEADER)) {
            index = read->index;
        }")

# clock_below_tail
mutate(multicast/order/order_submit.c
  "    entry->timestamp.clock.value = now > above_tail ? now : above_tail;"
  "    entry->timestamp.clock.value = now > above_tail || PLANTED(CLOCK_BELOW_TAIL) ? now : above_tail;")
mutate(multicast/order/order_submit.c
  "    KV_ASSERT(entry->timestamp.clock.value > order_tail_reach(order).value); /* O1 */"
  "    KV_ASSERT(PLANTED(CLOCK_BELOW_TAIL) || entry->timestamp.clock.value > order_tail_reach(order).value);")
mutate(multicast/order/order.c
  "    KV_ASSERT(entry->reach.value >= order_tail_reach(order).value);"
  "    KV_ASSERT(PLANTED(CLOCK_BELOW_TAIL) || entry->reach.value >= order_tail_reach(order).value);")

# floor_ignored: order remembers delivered ids too, so the bug has to be in both
mutate(multicast/order/order_submit.c
  "    if (order_leads(order) && was_here) {"
  "    if (order_leads(order) && was_here && !PLANTED(FLOOR_IGNORED)) {")
mutate(partition/engine/engine_judge.c
  "    if (id.sequence <= floor) {"
  "    if (PLANTED(FLOOR_IGNORED) && id.sequence <= floor) {
        *ret = NULL;
        return ENGINE_JUDGED_EXECUTE;
    }
    if (id.sequence <= floor) {")
mutate(partition/engine/engine_run.c
  "    if (session == NULL) {
        return;
    }"
  "    if (session == NULL || (PLANTED(FLOOR_IGNORED) && reply->id.sequence <= session->floor)) {
        return;
    }")

# record_forgotten
mutate(partition/engine/engine_run.c
  "    engine_record_put(&engine->sessions, session, reply, verdict);"
  "    engine_record_put(&engine->sessions, session, reply, verdict);
    if (PLANTED(RECORD_FORGOTTEN)) {
        engine_record_prune(&engine->sessions, session, reply->id.sequence);
    }")

# session_comes_back
mutate(partition/engine/engine_session.c
  "    return kv_session_compare(id, sessions->floor) > 0;"
  "    return PLANTED(SESSION_COMES_BACK) || kv_session_compare(id, sessions->floor) > 0;")

file(WRITE ${OUT} "${text}")
