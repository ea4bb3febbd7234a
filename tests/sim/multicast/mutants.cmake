# The planted bugs of multicast/order and multicast/raft (mutants.h): each replaces a passage of a source file. The copies are
# made when kvsim-multicast-mutants is built, so the cores themselves carry no hooks. A passage that is no longer there stops
# the build: adapt it here.
#
#   mutate(FILE OLD NEW)
#
# Run as: cmake -DROOT=... -DFILE=multicast/order/x.c -DOUT=... -P mutants.cmake

file(READ ${ROOT}/${FILE} text)
string(PREPEND text "#include \"tests/sim/multicast/planted.h\"\n#line 1 \"${FILE}\"\n")

function(mutate file old new)
  if(NOT file STREQUAL FILE)
    return()
  endif()
  string(FIND "${text}" "${old}" first)
  string(FIND "${text}" "${old}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "a planted bug must find its passage exactly once in ${file}:\n${old}")
  endif()
  string(REPLACE "${old}" "${new}" changed "${text}")
  set(text "${changed}" PARENT_SCOPE)
endfunction()

# above_last_only, above_committed_only: what a new timestamp has to be above of.
mutate(multicast/order/order_submit.c
  "    uint64_t above_tail = order_tail_reach(order).value + 1, now = order_now(order).value;"
  "    uint64_t above_tail = order_tail_reach(order).value + 1, now = order_now(order).value;
    if (PLANTED(ABOVE_COMMITTED_ONLY)) {
        above_tail = order->scanned_reach.value + 1;
    } else if (PLANTED(ABOVE_LAST_ONLY)) {
        above_tail = 1;
        for (uint64_t i = raft_last(order->raft).value; i > raft_snapshot_index(order->raft).value; i--) {
            const struct wire_entry *last = raft_entry(order->raft, (kv_index){i});
            if (last->kind == WIRE_ENTRY_CMD || last->kind == WIRE_ENTRY_PROPOSE) {
                above_tail = last->timestamp.clock.value + 1;
                break;
            }
        }
    }")
mutate(multicast/order/order_submit.c
  "    if (!alone) {"
  "    if (entry->reach.value < order_tail_reach(order).value) {
        entry->reach = order_tail_reach(order); /* only ABOVE_LAST_ONLY and ABOVE_COMMITTED_ONLY come here */
    }
    if (!alone) {")
mutate(multicast/order/order_submit.c
  "    KV_ASSERT(entry->timestamp.clock.value > order_tail_reach(order).value); /* O1 */"
  "")
mutate(multicast/order/order.c
  "    bool above = entry->timestamp.clock.value > before.value;"
  "    bool above = PLANTED(ABOVE_LAST_ONLY) || PLANTED(ABOVE_COMMITTED_ONLY) ||
                 entry->timestamp.clock.value > before.value;")
mutate(multicast/order/order.c
  "groups == 1 && entry->reach.value == entry->timestamp.clock.value;"
  "groups == 1 && entry->reach.value >= entry->timestamp.clock.value;")

# deliver_early
mutate(multicast/order/order_deliver.c
  "            first->key.clock.value > order->scanned_reach.value) {"
  "            (first->key.clock.value > order->scanned_reach.value && !PLANTED(DELIVER_EARLY))) {")
mutate(multicast/order/order_deliver.c
  "                  message->final.clock.value <= order->scanned_reach.value); /* O4 */"
  "                  (PLANTED(DELIVER_EARLY) || message->final.clock.value <= order->scanned_reach.value));")

# f_of_tail
mutate(multicast/order/order_log.c
  "    if (order->scanned.value == commit.value) {"
  "    if (PLANTED(F_OF_TAIL)) {
        order->scanned_reach = order_tail_reach(order);
    }
    if (order->scanned.value == commit.value) {")
mutate(multicast/order/order_log.c
  "        order->scanned_reach = last->reach; /* rule 22 */"
  "        order->scanned_reach = PLANTED(F_OF_TAIL) ? order_tail_reach(order) : last->reach;")

# ack_across_terms
mutate(multicast/order/order_log.c
  "    bool own_term = entry->term.value == raft_term(order->raft).value;"
  "    bool own_term = PLANTED(ACK_ACROSS_TERMS) || entry->term.value == raft_term(order->raft).value;")
mutate(multicast/order/order_send.c
  "            ack->index = entry->index;"
  "            ack->index = entry->index;
            if (PLANTED(ACK_ACROSS_TERMS)) {
                ack->speaker.term = entry->term;
            }")

# ack_minority
mutate(multicast/order/order_on_ack.c
  "    if ((uint32_t)__builtin_popcount(fact->acks) > voters_of(members) / 2) {"
  "    bool fewer = PLANTED(ACK_MINORITY) || PLANTED(ACK_MINORITY_UNCHECKED);
    if ((uint32_t)__builtin_popcount(fact->acks) + fewer > voters_of(members) / 2) {")

# commit_old_term
mutate(multicast/raft/raft_replicate.c
  "commit.value < raft->term_start.value) {"
  "(commit.value < raft->term_start.value && !PLANTED(COMMIT_OLD_TERM))) {")
mutate(multicast/raft/raft_replicate.c
  "KV_ASSERT(raft_log_term(&raft->log, commit).value == raft->term.value);"
  "KV_ASSERT(PLANTED(COMMIT_OLD_TERM) || raft_log_term(&raft->log, commit).value == raft->term.value);")

# ack_before_sync: of appends, and to other groups
mutate(multicast/raft/raft_on_append.c
  "raft_emit_message(raft, WIRE_MESSAGE_APPEND_REPLY, to, after);"
  "raft_emit_message(raft, WIRE_MESSAGE_APPEND_REPLY, to, PLANTED(ACK_BEFORE_SYNC) ? 0 : after);")
mutate(multicast/order/order_send.c
  "                &order_emit(order, WIRE_MESSAGE_ACK, group, to[i], after)->as.ack;"
  "                &order_emit(order, WIRE_MESSAGE_ACK, group, to[i], PLANTED(ACK_BEFORE_SYNC) ? 0 : after)->as.ack;")

# fact_uncommitted
mutate(multicast/order/order_on_soft.c
  "    } else if (known != NULL && known->committed) {"
  "    } else if (known != NULL &&
               (known->committed || PLANTED(FACT_UNCOMMITTED) || PLANTED(FACT_UNCOMMITTED_UNCHECKED))) {")
mutate(multicast/order/order_send.c
  "    KV_ASSERT(message->committed); /* rule 15: never from an uncommitted entry */"
  "")

# own_uncommitted
mutate(multicast/order/order_facts.c
  "    if (message->has_final || !message->committed) {"
  "    bool early = PLANTED(OWN_UNCOMMITTED) || PLANTED(OWN_UNCOMMITTED_UNCHECKED);
    if (message->has_final || (!message->committed && !early)) {")

# A final timestamp that rests on the own proposal outlives its truncation.
mutate(multicast/order/order_log.c
  "static void undo_from(struct order *order, kv_index index)"
  "static struct {
    uint64_t seed;
    kv_message_id id;
    kv_timestamp final;
} outlived[256];
static uint32_t outlived_next;

static void outlive(struct order *order, const struct order_message *message)
{
    uint32_t slot = outlived_next++ % 256;
    outlived[slot].seed = order->settings.raft.seed;
    outlived[slot].id = message->id;
    outlived[slot].final = message->final;
}

static void recall(struct order *order, struct order_message *message)
{
    for (uint32_t i = 0; i < 256; i++) {
        if (outlived[i].seed == order->settings.raft.seed && kv_message_id_equal(outlived[i].id, message->id) &&
            !message->has_final) {
            order_final_known(order, message, outlived[i].final);
        }
    }
}

static void undo_from(struct order *order, kv_index index)")
mutate(multicast/order/order_log.c
  "            order_messages_remove(&order->messages, item->message);"
  "            bool early = PLANTED(OWN_UNCOMMITTED) || PLANTED(OWN_UNCOMMITTED_UNCHECKED);
            if (early && item->message->has_final) {
                outlive(order, item->message);
            }
            order_messages_remove(&order->messages, item->message);")
mutate(multicast/order/order_log.c
  "    order_question_settled(order, entry->id);"
  "    order_question_settled(order, entry->id);
    if (PLANTED(OWN_UNCOMMITTED) || PLANTED(OWN_UNCOMMITTED_UNCHECKED)) {
        recall(order, message);
    }")
mutate(multicast/order/order_facts.c
  "    KV_ASSERT(kv_timestamp_compare(message->entry->timestamp, final) <= 0);"
  "")
mutate(multicast/order/order_facts.c
  "        KV_ASSERT(kv_timestamp_compare(message->final, final) == 0); /* O6 */"
  "")

# proposed_twice: what came from an older term and is not committed counts as unknown
mutate(multicast/order/order_submit.c
  "    if (known != NULL) {
        return"
  "    if (known != NULL && !(PLANTED(PROPOSED_TWICE) && !known->committed &&
                           known->entry->term.value < raft_term(order->raft).value)) {
        return")
mutate(multicast/order/order_on_soft.c
  "    if (known == NULL && order_leads(order)) {"
  "    bool again = PLANTED(PROPOSED_TWICE) && known != NULL && !known->committed &&
                 known->entry->term.value < raft_term(order->raft).value;
    if ((known == NULL || again) && order_leads(order)) {")

# ids_dropped
mutate(multicast/order/order_save.c
  "    order_sessions_save(&order->sessions, ret);"
  "    static const struct order_sessions nothing;
    order_sessions_save(PLANTED(IDS_DROPPED) ? &nothing : &order->sessions, ret);")

# forget_at_own_resolve
mutate(multicast/order/order_facts.c
  "    if (!message->delivered || !message->resolve_committed || !order_message_all_done(message)) {"
  "    if (!message->delivered || !message->resolve_committed ||
        !(order_message_all_done(message) || PLANTED(FORGET_AT_OWN_RESOLVE))) {")

# snapshot_without_f: neither the log nor delivery goes on from the reach at the snapshot
mutate(multicast/raft/raft_log.c
  "    log->base_reach = reach;
    if (log->durable"
  "    log->base_reach = PLANTED(SNAPSHOT_WITHOUT_F) ? (kv_clock){0} : reach;
    if (log->durable")
mutate(multicast/raft/raft_log.c
  "    log->base_reach = reach;
    log->last = index;"
  "    log->base_reach = PLANTED(SNAPSHOT_WITHOUT_F) ? (kv_clock){0} : reach;
    log->last = index;")
mutate(multicast/order/order_invariants.c
  "    KV_ASSERT(order->scanned_reach.value <= order_tail_reach(order).value); /* O1 */"
  "")
mutate(multicast/order/order_save.c
  "    order->scanned_reach.value = reach;"
  "    order->scanned_reach.value = PLANTED(SNAPSHOT_WITHOUT_F) ? 0 : reach;")

# snapshot_without_cursor
mutate(multicast/order/order_save.c
  "    order->cursor = (kv_timestamp){{clock}, {(uint16_t)group}};"
  "    order->cursor = PLANTED(SNAPSHOT_WITHOUT_CURSOR) ? (kv_timestamp){{0}, {0}}
                                                     : (kv_timestamp){{clock}, {(uint16_t)group}};")
mutate(multicast/order/order_save.c
  "        message->delivered = (flags & FLAG_DELIVERED) != 0;"
  "        message->delivered = (flags & (PLANTED(SNAPSHOT_WITHOUT_CURSOR) ? FLAG_RESOLVED : FLAG_DELIVERED)) != 0;")

# records_ignored
mutate(multicast/order/order_timer.c
  "    bool leads = order_leads(order);
    message->retry_at = KV_INSTANT_NEVER;"
  "    bool leads = order_leads(order);
    message->retry_at = KV_INSTANT_NEVER;
    if (PLANTED(RECORDS_IGNORED) && message->entry->index.value <= raft_snapshot_index(order->raft).value) {
        return;
    }")
mutate(multicast/order/order_timer.c
  "        message->retries = 0;
        if (!message->has_final) {"
  "        message->retries = 0;
        if (PLANTED(RECORDS_IGNORED) && message->entry->index.value <= raft_snapshot_index(order->raft).value) {
            continue;
        }
        if (!message->has_final) {")

# reach_not_raised
mutate(multicast/order/order_facts.c
  "        tail.value > message->final.clock.value ? tail : message->final.clock; /* rule 4 */"
  "        tail.value > message->final.clock.value || PLANTED(REACH_NOT_RAISED) ? tail : message->final.clock;")
mutate(multicast/order/order.c
  "    if (!order_leads(order) || wanted.value <= order_tail_reach(order).value) {"
  "    if (!order_leads(order) || wanted.value <= order_tail_reach(order).value || PLANTED(REACH_NOT_RAISED)) {")
mutate(multicast/order/order_submit.c
  "            at_least.value > entry->reach.value ? at_least.value : entry->reach.value;"
  "            at_least.value > entry->reach.value && !PLANTED(REACH_NOT_RAISED) ? at_least.value : entry->reach.value;")
mutate(multicast/order/order.c
  "        return reaches;"
  "        return reaches || PLANTED(REACH_NOT_RAISED);")

# no_resolve
mutate(multicast/order/order_facts.c
  "    if (!order_leads(order) || !message->has_final || message->resolve.value != 0 ||"
  "    if (PLANTED(NO_RESOLVE) || !order_leads(order) || !message->has_final || message->resolve.value != 0 ||")

# soft_ignored
mutate(multicast/order/order_on_soft.c
  "        propose_unknown(order, message);"
  "        if (!PLANTED(SOFT_IGNORED)) {
            propose_unknown(order, message);
        }")

# tell_unconfirmed, done_unconfirmed: members that are behind answer
mutate(multicast/order/order_on_ask.c
  "    order_confirm(order, &(struct order_doubt){.kind = WIRE_MESSAGE_ASK,
                                               .id = ask->id,
                                               .group = ask->speaker.group,
                                               .from = message->from,
                                               .nonce = ask->nonce});"
  "    struct order_doubt doubt = {0, WIRE_MESSAGE_ASK, ask->id, ask->speaker.group, message->from, ask->nonce};
    const struct order_message *known = order_messages_find(&order->messages, ask->id);
    if (PLANTED(TELL_UNCONFIRMED)) {
        if (known != NULL && !known->has_final) {
            order_answer_ask(order, &doubt);
        }
    } else {
        order_confirm(order, &doubt);
    }")
mutate(multicast/order/order_on_done.c
  "            break; /* we are behind: whoever asks has resolved it */"
  "            break;")
mutate(multicast/order/order_on_done.c
  "        case ORDER_ID_BELOW_FLOOR:"
  "        case ORDER_ID_BELOW_FLOOR:
            done = PLANTED(DONE_UNCONFIRMED);")

# floor_blocks
mutate(multicast/order/order_on_soft.c
  "        if (!was_granted(order, message)) {"
  "        if (PLANTED(FLOOR_BLOCKS) || !was_granted(order, message)) {")

# oracle_uncommitted
mutate(multicast/order/order_send.c
  "    if (order_waits_for_commit(order) && !message->committed) {"
  "    if (!PLANTED(ORACLE_UNCOMMITTED) && order_waits_for_commit(order) && !message->committed) {")
mutate(multicast/order/order_send.c
  "        return message->committed ? message->entry->timestamp.clock : (kv_clock){0};"
  "        return PLANTED(ORACLE_UNCOMMITTED) || message->committed ? message->entry->timestamp.clock
                                                                 : (kv_clock){0};")

# oracle_repeated_wrong
mutate(multicast/order/order_submit.c
  "    entry->oracle = oracle;"
  "    entry->oracle = PLANTED(ORACLE_REPEATED_WRONG) && oracle.value != 0 ? entry->timestamp.clock : oracle;")

file(WRITE ${OUT} "${text}")
