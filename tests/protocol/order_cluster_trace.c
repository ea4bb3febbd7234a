/* SPDX-License-Identifier: Apache-2.0 */
/* order_cluster_trace: what happened, as lines that a person can read.
 *
 *     1      11  appends PROPOSE a 11000
 *     1      11  SOFT a 11000 -> 21
 *     3      11  delivers a 11000@2
 *
 * Time in delays, node, what it did; a clock stands with the group of its timestamp where that may be another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/protocol/order_cluster_internal.h"

static const char *name_of(uint64_t sequence)
{
    static char name[24];
    if (sequence >= 1 && sequence <= 26) {
        snprintf(name, sizeof name, "%c", (char)('a' + sequence - 1));
    } else {
        snprintf(name, sizeof name, "m%llu", (unsigned long long)sequence);
    }
    return name;
}

static bool shows(const struct cluster *cluster, int view)
{
    return cluster->started && (cluster->view & view) != 0;
}

void cluster_trace_line(struct cluster *cluster, uint32_t node, const char *format, ...)
{
    if (!cluster->started) {
        return;
    }
    char what[128], line[192], time[16];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(time, sizeof time, "%g",
             (double)(cluster->now.us - cluster->epoch.us) / CLUSTER_UNIT_US);
    snprintf(line, sizeof line, "%-5s %2u  %s\n", time, node, what);
    kv_buffer_append(&cluster->text, line, strlen(line));
    cluster->line[0] = '\0';
}

/* A send: one more receiver of the line before, or a new line. */
static void trace_receiver(struct cluster *cluster, const struct wire_message *message,
                           const char *what)
{
    char line[sizeof cluster->line];
    snprintf(line, sizeof line, "%llu %u %s", (unsigned long long)cluster->now.us,
             message->from.value, what);
    if (strcmp(line, cluster->line) == 0) {
        char receiver[8];
        snprintf(receiver, sizeof receiver, " %u\n", message->to.value);
        cluster->text.size--; /* its newline */
        kv_buffer_append(&cluster->text, receiver, strlen(receiver));
        return;
    }
    cluster_trace_line(cluster, message->from.value, "%s -> %u", what, message->to.value);
    memcpy(cluster->line, line, sizeof line);
}

void cluster_trace_send(struct cluster *cluster, const struct wire_message *message)
{
    char what[96];
    const char *kind = wire_message_kind_name(message->kind);
    kv_message_id id = {.sequence = 0};
    kv_clock clock = {0};
    int view = CLUSTER_SHOW_TALK;
    switch ((int)message->kind) {
    case WIRE_MESSAGE_SOFT:
        id = message->as.soft.id;
        clock = message->as.soft.lts.clock;
        break;
    case WIRE_MESSAGE_FIX:
        id = message->as.fix.id;
        clock = message->as.fix.lts.clock;
        break;
    case WIRE_MESSAGE_ACK:
        id = message->as.ack.id;
        clock = message->as.ack.lts.clock;
        break;
    case WIRE_MESSAGE_ASK:
        id = message->as.ask.id;
        break;
    case WIRE_MESSAGE_TELL:
        id = message->as.tell.id;
        kind = message->as.tell.unresolved ? "TELL unresolved" : "TELL settled";
        break;
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
        id = message->as.signal.id; /* behind the speaker in all of them */
        break;
    case WIRE_MESSAGE_DONE_REQUEST:
        id = message->as.done_request.id;
        view = CLUSTER_SHOW_DONE;
        break;
    case WIRE_MESSAGE_DONE:
        id = message->as.done.id;
        view = CLUSTER_SHOW_DONE;
        break;
    case WIRE_MESSAGE_FORGET:
        id = message->as.forget.id;
        view = CLUSTER_SHOW_DONE;
        break;
    default:
        return; /* raft's, and requests */
    }
    if (!shows(cluster, view)) {
        return;
    }
    if (clock.value == 0) {
        snprintf(what, sizeof what, "%s %s", kind, name_of(id.sequence));
    } else {
        snprintf(what, sizeof what, "%s %s %llu", kind, name_of(id.sequence),
                 (unsigned long long)clock.value);
    }
    trace_receiver(cluster, message, what);
}

void cluster_trace_append(struct cluster *cluster, const struct cluster_member *member,
                          const struct wire_entry *entry)
{
    if (!shows(cluster, CLUSTER_SHOW_LOG) || raft_role(order_raft(member->order)) != RAFT_LEADER) {
        return;
    }
    const char *kind = wire_entry_kind_name(entry->kind);
    switch (entry->kind) {
    case WIRE_ENTRY_CMD:
    case WIRE_ENTRY_PROPOSE:
    case WIRE_ENTRY_RESOLVE:
        cluster_trace_line(cluster, member->node.value, "appends %s %s %llu", kind,
                           name_of(entry->id.sequence),
                           (unsigned long long)entry->timestamp.clock.value);
        return;
    case WIRE_ENTRY_CLOCK:
        cluster_trace_line(cluster, member->node.value, "appends CLOCK %llu",
                           (unsigned long long)entry->reach.value);
        return;
    case WIRE_ENTRY_NOOP:
    case WIRE_ENTRY_CONFIG:
    case WIRE_ENTRY_REMOTE:
        return;
    }
}

/* The last entry that a leader has newly committed says it for all before it. */
void cluster_trace_commit(struct cluster *cluster, struct cluster_member *member)
{
    const struct raft *raft = order_raft(member->order);
    bool leads = raft_role(raft) == RAFT_LEADER;
    if (leads && !member->led && shows(cluster, CLUSTER_SHOW_DELIVERIES)) {
        cluster_trace_line(cluster, member->node.value, "leads term %llu",
                           (unsigned long long)raft_term(raft).value);
    }
    member->led = leads;
    kv_index from = member->commit_told, to = raft_commit(raft);
    member->commit_told = to;
    if (!leads || !shows(cluster, CLUSTER_SHOW_LOG)) {
        return;
    }
    for (uint64_t i = from.value + 1; i <= to.value; i++) {
        const struct wire_entry *entry = raft_entry(raft, (kv_index){i});
        if (entry == NULL ||
            (entry->kind != WIRE_ENTRY_CMD && entry->kind != WIRE_ENTRY_PROPOSE &&
             entry->kind != WIRE_ENTRY_RESOLVE) ||
            !cluster_is_scripted(entry->id)) {
            continue;
        }
        cluster_trace_line(cluster, member->node.value, "commits %s %s",
                           wire_entry_kind_name(entry->kind), name_of(entry->id.sequence));
    }
}

void cluster_trace_delivery(struct cluster *cluster, const struct cluster_member *member,
                            const struct order_delivery *delivery)
{
    if (shows(cluster, CLUSTER_SHOW_DELIVERIES) && cluster_is_scripted(delivery->entry->id)) {
        cluster_trace_line(cluster, member->node.value, "delivers %s %llu@%u",
                           name_of(delivery->entry->id.sequence),
                           (unsigned long long)delivery->timestamp.clock.value,
                           delivery->timestamp.group.value);
    }
}

void cluster_show(struct cluster *cluster, int view)
{
    cluster->view = view;
}

void cluster_forget_trace(struct cluster *cluster)
{
    kv_buffer_clear(&cluster->text);
    cluster->line[0] = '\0';
}

void cluster_expect(struct cluster *cluster, const char *expected)
{
    kv_buffer_append(&cluster->text, "", 1);
    const char *text = (const char *)cluster->text.data;
    if (strcmp(text, expected) != 0) {
        fprintf(stderr, "expected:\n%s\nhappened:\n%s\n", expected, text);
        fail_msg("the trace is not the expected one");
    }
    cluster_forget_trace(cluster);
}
