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

# blank_votes, blank_acknowledges [decision 0009]
mutate(multicast/raft/raft.c
  "    if (raft->blank && raft_ignore_while_blank(raft, message)) {"
  "    bool heard = (PLANTED(BLANK_VOTES) && message->kind == WIRE_MESSAGE_VOTE_REQUEST) ||
                 (PLANTED(BLANK_ACKNOWLEDGES) && message->kind == WIRE_MESSAGE_APPEND);
    if (raft->blank && !heard && raft_ignore_while_blank(raft, message)) {")
mutate(multicast/raft/raft_invariants.c
  "    if (raft->blank) {"
  "    if (raft->blank && !PLANTED(BLANK_VOTES) && !PLANTED(BLANK_ACKNOWLEDGES)) {")
mutate(multicast/raft/raft_on_admitted.c
  "    KV_ASSERT(raft->term.value == 0 && raft->log.last.value == 0);"
  "")

# found_by_majority [decision 0009]
mutate(multicast/raft/raft_roll_call.c
  "    KV_ASSERT(raft->blank && founders->count == raft->settings.bootstrap.count);"
  "")
mutate(multicast/raft/raft_roll_call.c
  "    if (founders.count == bootstrap->count &&"
  "    if ((founders.count == bootstrap->count || (PLANTED(FOUND_BY_MAJORITY) && founders.count > bootstrap->count / 2)) &&")

mutate(multicast/raft/raft_on_roll_reply.c
  "    return sound;"
  "    return sound || (PLANTED(FOUND_BY_MAJORITY) && self != NULL && self->tag.value == raft->settings.tag.value);")

# admitted_uncommitted, former_life_counts [decision 0009]
mutate(multicast/raft/raft_on_vote_request.c
  "    return raft->log.last.value < raft->roll.admitted.value;"
  "    return !PLANTED(ADMITTED_UNCOMMITTED) && raft->log.last.value < raft->roll.admitted.value;")
mutate(multicast/raft/raft_readmit.c
  "    raft_forget_peer(raft, node, call->tag, was_voter);"
  "    raft_forget_peer(raft, node, call->tag, was_voter);
    if (PLANTED(ADMITTED_UNCOMMITTED)) {
        raft_emit_message(raft, WIRE_MESSAGE_ADMITTED, node, 0)->as.admitted = (struct wire_admitted){call->tag, raft->term, {1}};
    }")
mutate(multicast/raft/raft_readmit.c
  "    peer->round_first = ++raft->round;"
  "    ++raft->round;
    peer->round_first = PLANTED(FORMER_LIFE_COUNTS) ? 0 : raft->round;")

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

# floor_includes_current, floor_unanswered
mutate(client/core/client_send.c
  "        .floor = operation->session == NULL ? 0 : operation->session->floor,"
  "        .floor = operation->session == NULL ? 0
                 : PLANTED(FLOOR_INCLUDES_CURRENT) ? operation->id.sequence
                 : PLANTED(FLOOR_UNANSWERED) ? operation->id.sequence - 1
                 : operation->session->floor,")

# retry_as_new
mutate(client/core/client_send.c
  "        .id = operation->id,
        .mode"
  "        .id = PLANTED(RETRY_AS_NEW) && operation->session != NULL && operation->sendings > operation->leg_count
              ? (kv_message_id){operation->id.session, operation->id.sequence + 50u + operation->sendings, 0}
              : operation->id,
        .mode")

# attempt_on_timeout
mutate(client/core/client_send.c
  "    leg->avoid = leg->target;
    leg->around = !alone;"
  "    leg->avoid = leg->target;
    leg->around = !alone;
    operation->id.attempt += PLANTED(ATTEMPT_ON_TIMEOUT) && operation->session != NULL ? 1 : 0;")

# claims_not_executed
mutate(client/core/client_operation.c
  "    if (result == CLIENT_IN_DOUBT && operation->read_only) {"
  "    if (result == CLIENT_IN_DOUBT && (operation->read_only || PLANTED(CLAIMS_NOT_EXECUTED))) {")

# vote_at_delivery
mutate(partition/engine/engine_queue.c
  "    place->run->blocked++;
    TAILQ_INSERT_TAIL"
  "    place->run->blocked +=
        PLANTED(VOTE_AT_DELIVERY) && kv_group_set_count(place->run->destinations) > 1 ? 0 : 1;
    TAILQ_INSERT_TAIL")
mutate(partition/engine/engine_queue.c
  "    if (place->granted) {
        return;
    }"
  "    if (PLANTED(VOTE_AT_DELIVERY) && kv_group_set_count(run->destinations) > 1) {
        place->granted = true;
    }
    if (place->granted) {
        return;
    }")

# votes_not_awaited
mutate(partition/engine/engine_run.c
  "    return present == (uint32_t)kv_group_set_count(run->awaits);"
  "    return PLANTED(VOTES_NOT_AWAITED) || present == (uint32_t)kv_group_set_count(run->awaits);")
mutate(partition/engine/engine_run.c
  "        const struct engine_signal *signal = &run->signals[i];
        engine_run_add_vote("
  "        const struct engine_signal *signal = &run->signals[i];
        if (PLANTED(VOTES_NOT_AWAITED) && !signal->present) {
            continue;
        }
        engine_run_add_vote(")

# job_holds_nothing, job_not_loaded
mutate(partition/engine/engine_jobs.c
  "    run->state = ENGINE_RUN_WORKING;
    run->job ="
  "    if (PLANTED(JOB_HOLDS_NOTHING)) {
        engine_queue_leave(engine, run);
    }
    run->state = ENGINE_RUN_WORKING;
    run->job =")
mutate(partition/engine/engine_jobs.c
  "    if (run->state == ENGINE_RUN_GRANTED && engine_run_has_votes(run)) {"
  "    if (run->state == ENGINE_RUN_GRANTED && engine_run_has_votes(run) && !PLANTED(JOB_NOT_LOADED)) {")

# remote_not_logged
mutate(partition/engine/engine_signal.c
  "    if (!engine->leads || !signal->present"
  "    if (PLANTED(REMOTE_NOT_LOGGED) || !engine->leads || !signal->present")

# ack_before_log
mutate(partition/engine/engine_signal.c
  "    if (finished || (run != NULL && (signal == NULL || signal->logged))) {"
  "    if (PLANTED(ACK_BEFORE_LOG) && run != NULL && signal != NULL) {
        engine_send_ack(engine, heard->id, group, KV_NODE_NONE);
    }
    if (finished || (run != NULL && (signal == NULL || signal->logged))) {")

# forget_unacknowledged
mutate(partition/engine/engine_run.c
  "        needed = needed || !run->owed[i].acknowledged;"
  "        needed = needed || (!run->owed[i].acknowledged && !PLANTED(FORGET_UNACKNOWLEDGED));")

# forget_unlogged
mutate(partition/engine/engine_run.c
  "        needed = needed || !run->signals[i].logged;"
  "        needed = needed || (!run->signals[i].logged && !PLANTED(FORGET_UNLOGGED));")

# hints_recorded
mutate(partition/engine/engine_run.c
  "    if (engine_strip_hints(&engine->answer)) {"
  "    if (!PLANTED(HINTS_RECORDED) && engine_strip_hints(&engine->answer)) {")

# no_not_recorded
mutate(partition/engine/engine_run.c
  "    reply->answer = kv_buffer_slice(&engine->answer_bytes);
    engine_emit_reply(engine, reply);"
  "    reply->answer = kv_buffer_slice(&engine->answer_bytes);
    engine_emit_reply(engine, reply);
    if (PLANTED(NO_NOT_RECORDED) && session != NULL &&
        (verdict == WIRE_VERDICT_STALE || verdict == WIRE_VERDICT_PINNED)) {
        engine_record_unplant(&engine->sessions, session, reply->id.sequence);
        return;
    }")
mutate(partition/engine/engine_run.c
  "#include \"partition/engine/engine_internal.h\""
  "#include \"partition/engine/engine_internal.h\"
void engine_record_unplant(struct engine_sessions *sessions, struct engine_session *session, uint64_t sequence);")
mutate(partition/engine/engine_record.c
  "void engine_record_prune("
  "void engine_record_unplant(struct engine_sessions *sessions, struct engine_session *session, uint64_t sequence);
void engine_record_unplant(struct engine_sessions *sessions, struct engine_session *session, uint64_t sequence)
{
    struct engine_record *record = engine_record_find(session, sequence);
    if (record != NULL) {
        engine_record_drop(sessions, session, record);
    }
}

void engine_record_prune(")

# read_ignores_queues
mutate(partition/engine/engine_execute.c
  "    if (everything ? engine_scan_is_free(engine) : engine_queue_is_free(engine)) {"
  "    if (PLANTED(READ_IGNORES_QUEUES) || (everything ? engine_scan_is_free(engine) : engine_queue_is_free(engine))) {")

# runs_not_saved
mutate(partition/engine/engine_save.c
  "    state_write_u32(ret, engine->run_count);"
  "    state_write_u32(ret, PLANTED(RUNS_NOT_SAVED) ? 0 : engine->run_count);
    if (PLANTED(RUNS_NOT_SAVED)) {
        return;
    }")

# stub_ignored_on_create
mutate(partition/kv/kv_vote.c
  "                (state->present || kv_has_stub(machine, command->keys[i]))) {"
  "                (state->present || (!PLANTED(STUB_IGNORED_ON_CREATE) && kv_has_stub(machine, command->keys[i])))) {")

# stub_ignored
mutate(partition/kv/kv_places.c
  "!kv_has_stub(machine, key)
               ? KV_ABSENT"
  "(PLANTED(STUB_IGNORED) || !kv_has_stub(machine, key))
               ? KV_ABSENT")

# absent_move_is_stale [placement verdict, H1]
mutate(partition/kv/kv_vote.c
  "            if (kv_presence_of(machine, command->keys[i], &unused) == KV_ABSENT) {"
  "            if (kv_presence_of(machine, command->keys[i], &unused) == KV_ABSENT &&
                !(PLANTED(ABSENT_MOVE_IS_STALE) && command->op == WIRE_OP_MOVE)) {")

# move_keeps_source
mutate(partition/kv/kv_execute.c
  "    (void)store_remove(machine->rows, key);
    kv_bind"
  "    if (!PLANTED(MOVE_KEEPS_SOURCE)) {
        (void)store_remove(machine->rows, key);
    }
    kv_bind")

# borrow_not_returned
mutate(partition/kv/kv_execute.c
  "        if ((duties & WIRE_DUTY_OWNER) != 0 && item->has_value) {"
  "        if ((duties & WIRE_DUTY_OWNER) != 0 && item->has_value && !PLANTED(BORROW_NOT_RETURNED)) {")

# create_without_oracle
mutate(multicast/wire/footprint.c
  "        return parties.places ? WIRE_DUTY_ORACLE : 0;"
  "        return parties.places && !(PLANTED(CREATE_WITHOUT_ORACLE) && command->op == WIRE_OP_CREATE) ? WIRE_DUTY_ORACLE : 0;")

# delete_without_home, move_without_home
mutate(multicast/wire/footprint.c
  "    if (kv_group_equal(group, parties.home) && (parties.places || command->op == WIRE_OP_CREATE)) {"
  "    if (kv_group_equal(group, parties.home) && (parties.places || command->op == WIRE_OP_CREATE) &&
        !(PLANTED(DELETE_WITHOUT_HOME) && command->op == WIRE_OP_DELETE) &&
        !(PLANTED(MOVE_WITHOUT_HOME) && command->op == WIRE_OP_MOVE &&
          !kv_group_equal(parties.home, parties.owner) && !kv_group_equal(parties.home, parties.target))) {")

# oracle_deletes_alone
mutate(partition/placement/placement_footprint.c
  "    if (command->policy == WIRE_POLICY_BORROW) {"
  "    if (PLANTED(ORACLE_DELETES_ALONE) && command->op == WIRE_OP_DELETE &&
        kv_group_equal(context->group, KV_GROUP_ORACLE)) {
        ret->awaits = (kv_group_set){0};
    }
    if (command->policy == WIRE_POLICY_BORROW) {")

# pins_ignored
mutate(oracle/oracle_vote.c
  "        } else if (!execution && oracle_is_pinned(machine, command->keys[i])) {"
  "        } else if (!execution && !PLANTED(PINS_IGNORED) && oracle_is_pinned(machine, command->keys[i])) {")

# exec_goes_home
mutate(oracle/oracle_pins.c
  "        const kv_group_id owner = command->op == WIRE_OP_CREATE"
  "        const kv_group_id owner = command->op == WIRE_OP_CREATE || PLANTED(EXEC_GOES_HOME)")

# lock_token_unchecked [locks.md, L4]
mutate(partition/engine/engine_lock.c
  "    } else if (run->refusal == WIRE_VERDICT_OK) {
        run->refusal = WIRE_VERDICT_LOCK_LOST;
    }
    if (engine->gate.closed) {"
  "    } else if (run->refusal == WIRE_VERDICT_OK && !PLANTED(LOCK_TOKEN_UNCHECKED)) {
        run->refusal = WIRE_VERDICT_LOCK_LOST;
    }
    if (engine->gate.closed) {")

# lock_renewal_ignored [locks.md, T4, T5]
mutate(oracle/oracle_leases.c
  "        lease->renewals++;"
  "        if (PLANTED(LOCK_RENEWAL_IGNORED)) {
            leases->digest += lease_hash(lease);
            return;
        }
        lease->renewals++;")

# lock_renewals_add_up, lock_unlock_waits [locks.md, T4, T8]
mutate(oracle/oracle_leases.c
  "    lease->left = (uint64_t)asked->ttl_ms * 1000;"
  "    lease->left = (PLANTED(LOCK_RENEWALS_ADD_UP) ? lease->left : 0) + (uint64_t)asked->ttl_ms * 1000;")
mutate(oracle/oracle_leases.c
  "        lease->unlocked = true;
        lease_end(leases, lease);"
  "        lease->unlocked = true;
        if (!PLANTED(LOCK_UNLOCK_WAITS)) {
            lease_end(leases, lease);
        }")

# lock_time_of_another [locks.md, T2]
mutate(partition/engine/engine_timer.c
  "        engine->time_from = engine->now;
        engine->time_since = engine->cursor;
    }
    uint64_t us"
  "        engine->time_from = PLANTED(LOCK_TIME_OF_ANOTHER) ? (kv_instant){0} : engine->now;
        engine->time_since = engine->cursor;
    }
    uint64_t us")

# life_move_unbinds [locks.md, K7]
mutate(partition/kv/kv_vote.c
  "        item->bond = kv_bond_sent(machine, &state.bond);"
  "        if (!PLANTED(LIFE_MOVE_UNBINDS)) {
            item->bond = kv_bond_sent(machine, &state.bond);
        }")

# life_session_unqueued [locks.md, K3]
mutate(partition/kv/kv_lives.c
  "        add_variable(machine, command->session, false, footprint);"
  "        if (!PLANTED(LIFE_SESSION_UNQUEUED)) {
            add_variable(machine, command->session, false, footprint);
        }")

# life_short [locks.md, K4]
mutate(partition/kv/kv_lives.c
  "    const uint64_t now = machine->context.time_us;
    return us <"
  "    const uint64_t now = machine->context.time_us;
    us -= PLANTED(LIFE_SHORT) ? us / 4 + SLACK_US : 0;
    return us <")

# life_time_of_execution [locks.md, K4]
mutate(partition/engine/engine_run.c
  "        .time_us = run->time_us,"
  "        .time_us = PLANTED(LIFE_TIME_OF_EXECUTION) ? engine->clock.now_us : run->time_us,")

# life_ends_unchecked [locks.md, K5]
mutate(partition/kv/kv_vote.c
  "                    !kv_bond_is_over(&machine->bonds, &state->bond, machine->context.time_us))) {"
  "                    (!PLANTED(LIFE_ENDS_UNCHECKED) &&
                     !kv_bond_is_over(&machine->bonds, &state->bond, machine->context.time_us)))) {")

# life_forward_lost [locks.md, K6]
mutate(partition/engine/engine_signal.c
  "    if (!engine->leads || !kv_message_id_is_own(forward->id) ||"
  "    if (PLANTED(LIFE_FORWARD_LOST) || !engine->leads || !kv_message_id_is_own(forward->id) ||")

file(WRITE ${OUT} "${text}")
