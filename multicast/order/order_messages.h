/* SPDX-License-Identifier: Apache-2.0 */
/* order_messages: the messages that a member knows, by id, and the undelivered ones of the committed prefix, by key.
 *
 *   APPENDED -> COMMITTED -> DELIVERED -> (forgotten)          CMD: final from the start, forgotten when delivered
 *                    FINAL may come at any time once COMMITTED (rule 19) or by a RESOLVE entry (rule 20)
 *
 *   APPENDED            in the log, not committed; truncation removes it            [order_log.c]
 *   -> committed        the prefix holds it; it is a candidate with key lts          [order_log.c]
 *   -> final            every group's fact is known, or a RESOLVE told: key gts      [order_facts.c]
 *   -> delivered        smallest key, final, clock <= F                              [order_deliver.c]
 *   -> forgotten        delivered, RESOLVE committed, every group reported DONE      [order_facts.c] */
#ifndef KV_ORDER_MESSAGES_H
#define KV_ORDER_MESSAGES_H

#include "multicast/wire/entry.h"

/* What is known of another destination's proposal. */
struct order_fact {
    kv_group_id group;
    bool fixed;
    bool done;        /* that group has committed its RESOLVE (rule 34) */
    kv_timestamp lts; /* fixed: its committed proposal */
    kv_term ack_term; /* fast path: the highest term heard of (rule 18) */
    kv_index ack_index;
    kv_timestamp ack_lts;
    uint16_t acks; /* members of that group, by position in its configuration */
};

struct order_message {
    kv_message_id id;
    struct wire_entry *entry; /* CMD or PROPOSE; its body is dropped with it */
    bool committed;
    bool has_final;
    kv_timestamp final;
    kv_index resolve; /* of its RESOLVE in the log, committed or not; 0: none */
    bool resolve_committed;
    bool delivered;
    bool is_candidate;
    kv_timestamp key;    /* while a candidate */
    uint32_t fact_count; /* other destinations; 0 for a CMD */
    struct order_fact *facts;
    kv_instant retry_at;
    uint32_t retries;
    struct order_message *later,
        *earlier; /* undelivered ones of the committed prefix, in the order of the log */
    struct order_message *next, *previous; /* all PROPOSEs, oldest first: what timers walk over */
    struct order_link {                    /* red-black tree of candidates */
        struct order_message *rbe_left, *rbe_right, *rbe_parent;
        int rbe_color;
    } link;
    struct order_message_hash *hash;
};

struct order_messages {
    struct order_message_hash *by_id;
    struct order_message *first, *last; /* PROPOSEs */
    uint32_t count;
    struct order_message *free; /* recycled CMDs, linked by next */
};

/* A new message for an entry; keeps a reference. `self` is left out of its facts. The id must be unknown (O2), unless it
 * has no session: then any of several may be found. */
struct order_message *order_messages_add(struct order_messages *messages, struct wire_entry *entry,
                                         kv_group_id self);
struct order_message *order_messages_find(const struct order_messages *messages, kv_message_id id);
void order_messages_remove(struct order_messages *messages, struct order_message *message);
void order_messages_close(struct order_messages *messages);

struct order_fact *order_message_fact(struct order_message *message, kv_group_id group);
bool order_message_all_done(const struct order_message *message);
static inline bool order_message_is_command(const struct order_message *message)
{
    return message->entry->kind == WIRE_ENTRY_CMD;
}

struct order_candidates {
    struct order_message *rbh_root;
    struct order_message *earliest, *latest; /* by index */
    uint32_t count;
};

/* Candidates come in the order of the log. */
void order_candidates_insert(struct order_candidates *candidates, struct order_message *message,
                             kv_timestamp key);
/* A candidate's final timestamp became known. */
void order_candidates_rekey(struct order_candidates *candidates, struct order_message *message,
                            kv_timestamp key);
void order_candidates_remove(struct order_candidates *candidates, struct order_message *message);
struct order_message *order_candidates_first(const struct order_candidates *candidates);

#endif
