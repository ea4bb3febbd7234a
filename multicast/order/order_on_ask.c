/* SPDX-License-Identifier: Apache-2.0 */
/* ASK and TELL: is a message whose sequence is below the session's floor still waited for? [placement rule X9]
 *
 * While the asked group has not resolved it, no destination can have forgotten its fact; so if it is unknown here, it was
 * never proposed here, and proposing it now is the first time. A member that is behind would call anything unresolved, so
 * only a leader answers, and only after its group has confirmed that it still leads (order_confirm.c). */
#include "multicast/order/order_internal.h"

/* A grant waits for the next SOFT of its message, which comes within ORDER_RETRY_US_MAX; after twice that it is not coming. A
 * granted question younger than that keeps its slot, so that however many ask, some always get through. */
#define QUESTION_KEPT_US (2 * ORDER_RETRY_US_MAX)

void order_on_ask(struct order *order, const struct wire_message *message)
{
    const struct wire_ask *ask = &message->as.ask;
    order_confirm(order, &(struct order_doubt){.kind = WIRE_MESSAGE_ASK,
                                               .id = ask->id,
                                               .group = ask->speaker.group,
                                               .from = message->from,
                                               .nonce = ask->nonce});
}

void order_answer_ask(struct order *order, const struct order_doubt *doubt)
{
    const struct order_message *known = order_messages_find(&order->messages, doubt->id);
    struct wire_tell *tell =
        &order_emit(order, WIRE_MESSAGE_TELL, doubt->group, doubt->from, 0)->as.tell;
    tell->id = doubt->id;
    tell->nonce = doubt->nonce;
    tell->unresolved = known != NULL && !known->has_final;
}

void order_on_tell(struct order *order, const struct wire_message *message)
{
    const struct wire_tell *tell = &message->as.tell;
    struct order_question *question = order_question_of(order, tell->id);
    if (question == NULL || question->nonce != tell->nonce) {
        return;
    }
    question->granted = tell->unresolved; /* the next SOFT is proposed, or asked about again */
    if (!tell->unresolved) {
        question->nonce = 0;
    }
}

struct order_question *order_question_of(struct order *order, kv_message_id id)
{
    for (uint32_t i = 0; i < ORDER_QUESTIONS_MAX; i++) {
        if (order->questions[i].nonce != 0 && kv_message_id_equal(order->questions[i].id, id)) {
            return &order->questions[i];
        }
    }
    return NULL;
}

struct order_question *order_question_new(struct order *order, kv_message_id id)
{
    struct order_question *chosen = NULL;
    for (uint32_t i = 0; i < ORDER_QUESTIONS_MAX; i++) {
        struct order_question *question =
            &order->questions[order->question_next++ % ORDER_QUESTIONS_MAX];
        bool old =
            kv_instant_reached(kv_instant_add(question->asked_at, QUESTION_KEPT_US), order->now);
        if (question->nonce == 0 || old) {
            chosen = question;
            break;
        }
        if (chosen == NULL && !question->granted) {
            chosen = question;
        }
    }
    if (chosen == NULL) {
        return NULL;
    }
    order->questions_open = true;
    *chosen = (struct order_question){
        .id = id, .nonce = kv_prng_next(&order->prng) | 1, .asked_at = order->now};
    return chosen;
}

void order_question_settled(struct order *order, kv_message_id id)
{
    bool open = false;
    for (uint32_t i = 0; i < ORDER_QUESTIONS_MAX && order->questions_open; i++) {
        struct order_question *question = &order->questions[i];
        if (kv_message_id_equal(question->id, id)) {
            question->nonce = 0;
        }
        open = open || question->nonce != 0;
    }
    order->questions_open = open;
}

void order_questions_drop(struct order *order)
{
    for (uint32_t i = 0; i < ORDER_QUESTIONS_MAX; i++) {
        order->questions[i].nonce = 0;
    }
    order->questions_open = false;
}
