/* SPDX-License-Identifier: Apache-2.0 */
/* client: sends messages, again and again under one id, until some member has delivered them.
 *
 * A message goes first to one member of each group that the client reaches, later to all of their members. Some clients die
 * after the first sending; some give a message up, and let their floor pass it. The floor of the others obeys X5. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/multicast/world.h"

#define FRESH_CLIENT (WORLD_CLIENTS_MAX - 1)

_Static_assert(WORLD_CLIENTS_MAX *WORLD_SEQUENCES_MAX <= CHECK_MESSAGES_MAX,
               "messages have numbers");

static kv_message_id id_of(uint32_t number)
{
    return (kv_message_id){.session = {{{1 + number / WORLD_SEQUENCES_MAX}, {0}}},
                           .sequence = number % WORLD_SEQUENCES_MAX};
}

uint32_t world_message_number(kv_message_id id)
{
    uint64_t client = id.session.registered.clock.value;
    return client == 0 ? 0 : (uint32_t)((client - 1) * WORLD_SEQUENCES_MAX + id.sequence);
}

static uint64_t all_groups(const struct world *world)
{
    return (UINT64_C(1) << world->parameters.groups) - 1;
}

void world_clients_begin(struct world *world)
{
    const struct world_parameters *p = &world->parameters;
    for (uint32_t c = 0; c < p->clients; c++) {
        struct world_client *client = &world->clients[c];
        client->alive = true;
        client->planned = (uint32_t)p->operations;
        for (uint32_t g = 0; g < p->groups; g++) {
            client->reach |=
                kv_prng_below(&world->prng, 100) < p->reach_percent ? UINT64_C(1) << g : 0;
        }
        world_push(world, (struct world_event){.at = world->now +
                                                     kv_prng_below(&world->prng, p->safety_us / 4),
                                               .kind = WORLD_EVENT_CLIENT,
                                               .actor = c});
    }
}

/* Every client that lives reaches everybody now, and one more begins: a message to each group, and some to several. */
void world_clients_mended(struct world *world)
{
    for (uint32_t c = 0; c < WORLD_CLIENTS_MAX; c++) {
        struct world_client *client = &world->clients[c];
        client->reach = all_groups(world);
        client->planned = client->begun;
    }
    struct world_client *fresh = &world->clients[FRESH_CLIENT];
    fresh->alive = true;
    fresh->planned = (uint32_t)world->parameters.groups + 3;
    world_push(world, (struct world_event){
                          .at = world->now, .kind = WORLD_EVENT_CLIENT, .actor = FRESH_CLIENT});
}

static uint64_t draw_destinations(struct world *world, uint32_t client, uint32_t sequence)
{
    uint64_t all = all_groups(world),
             one = UINT64_C(1) << kv_prng_below(&world->prng, world->parameters.groups);
    if (client == FRESH_CLIENT && sequence <= world->parameters.groups) {
        return UINT64_C(1) << (sequence - 1);
    }
    if (client != FRESH_CLIENT &&
        kv_prng_below(&world->prng, 100) >= world->parameters.multi_percent) {
        return one;
    }
    uint64_t some = one | (UINT64_C(1) << kv_prng_below(&world->prng, world->parameters.groups)) |
                    (kv_prng_chance(&world->prng, 1, 3) ? all : 0);
    return some == one ? all : some;
}

static void send_to(struct world *world, uint32_t number, uint32_t member, uint64_t floor)
{
    const struct world_parameters *p = &world->parameters;
    if (!world->mended && kv_prng_below(&world->prng, 1000) < p->loss_permille) {
        return;
    }
    world_push(world, (struct world_event){.at = world->now + kv_prng_between(&world->prng,
                                                                              p->delay_us_min,
                                                                              p->delay_us_max),
                                           .kind = WORLD_EVENT_REQUEST,
                                           .actor = member,
                                           .number = number | floor << 32});
}

/* First to the member that leads as far as anyone can tell, later to all. */
static void send_message(struct world *world, uint32_t c, uint32_t sequence, bool everyone)
{
    const struct world_client *client = &world->clients[c];
    const uint64_t destinations = client->operations[sequence].destinations;
    const bool oracle_first = world->parameters.oracle_first != 0 && (destinations & 1) != 0;
    uint64_t reached = (oracle_first ? 1 : destinations) & client->reach;
    uint32_t replicas = (uint32_t)world->parameters.replicas;
    for (uint32_t g = 0; g < world->parameters.groups; g++) {
        if (((reached >> g) & 1) == 0) {
            continue;
        }
        uint32_t chosen = (uint32_t)kv_prng_below(&world->prng, replicas);
        for (uint32_t r = 0; r < replicas; r++) {
            chosen = world_member_leads(&world->members[g * replicas + r]) ? r : chosen;
        }
        for (uint32_t r = 0; r < replicas; r++) {
            if (everyone || r == chosen) {
                send_to(world, c * WORLD_SEQUENCES_MAX + sequence, g * replicas + r, client->floor);
            }
        }
    }
}

static void raise_floor(struct world_client *client)
{
    while (client->floor < client->begun && (client->operations[client->floor + 1].answered ||
                                             client->operations[client->floor + 1].given_up)) {
        client->floor++;
    }
}

static void begin_one(struct world *world, uint32_t c)
{
    struct world_client *client = &world->clients[c];
    uint32_t sequence = ++client->begun;
    struct world_operation *operation = &client->operations[sequence];
    operation->destinations = draw_destinations(world, c, sequence);
    operation->resend_at = world->now + world->parameters.resend_us;
    world->checks.messages[c * WORLD_SEQUENCES_MAX + sequence].destinations =
        operation->destinations;
    WORLD_TRACE(world, "client %u sends message %u to groups 0x%llx, floor %llu", c,
                c * WORLD_SEQUENCES_MAX + sequence, (unsigned long long)operation->destinations,
                (unsigned long long)client->floor);
    send_message(world, c, sequence, false);
    if (c != FRESH_CLIENT && kv_prng_below(&world->prng, 100) < world->parameters.dies_percent) {
        client->alive = false;
    }
}

static void look_at(struct world *world, uint32_t c, uint32_t sequence)
{
    struct world_client *client = &world->clients[c];
    struct world_operation *operation = &client->operations[sequence];
    if (operation->answered || operation->given_up || world->now < operation->resend_at) {
        return;
    }
    if (!world->mended && kv_prng_below(&world->prng, 100) < world->parameters.gives_up_percent) {
        operation->given_up = true;
        WORLD_TRACE(world, "client %u gives up message %u", c, c * WORLD_SEQUENCES_MAX + sequence);
        return;
    }
    operation->resend_at = world->now + world->parameters.resend_us;
    send_message(world, c, sequence, true);
}

void world_client_looks(struct world *world, uint32_t c)
{
    struct world_client *client = &world->clients[c];
    if (!client->alive) {
        return;
    }
    uint32_t open = 0;
    for (uint32_t s = (uint32_t)client->floor + 1; s <= client->begun; s++) {
        look_at(world, c, s);
        open += !client->operations[s].answered && !client->operations[s].given_up;
    }
    raise_floor(client);
    if (client->begun < client->planned &&
        open < (c == FRESH_CLIENT ? WORLD_SEQUENCES_MAX : world->parameters.window)) {
        begin_one(world, c);
        open++;
    }
    if (client->begun == client->planned && open == 0) {
        return;
    }
    uint64_t pause = world->parameters.client_us;
    world_push(world, (struct world_event){.at = world->now + pause / 2 +
                                                 kv_prng_below(&world->prng, pause),
                                           .kind = WORLD_EVENT_CLIENT,
                                           .actor = c});
}

void world_client_answered(struct world *world, uint32_t c, uint64_t message)
{
    struct world_client *client = &world->clients[c];
    client->operations[message % WORLD_SEQUENCES_MAX].answered = true;
    raise_floor(client);
}

static void answer(struct world *world, uint32_t message)
{
    const struct world_parameters *p = &world->parameters;
    uint32_t c = message / WORLD_SEQUENCES_MAX;
    if (world->clients[c].operations[message % WORLD_SEQUENCES_MAX].answered ||
        (!world->mended && kv_prng_below(&world->prng, 1000) < p->loss_permille)) {
        return;
    }
    world_push(world, (struct world_event){.at = world->now + kv_prng_between(&world->prng,
                                                                              p->delay_us_min,
                                                                              p->delay_us_max),
                                           .kind = WORLD_EVENT_ANSWER,
                                           .actor = c,
                                           .number = message});
}

void world_member_delivered(struct world *world, struct world_member *member, uint32_t message)
{
    const struct raft *raft = order_raft(member->order);
    world->counters.deliveries_behind += raft_leader(raft).value == 0;
    answer(world, message);
}

void world_request_arrives(struct world *world, uint32_t m, uint64_t number)
{
    struct world_member *member = &world->members[m];
    uint32_t message = (uint32_t)number;
    uint32_t position = world->checks.messages[message].positions[member->group.value];
    if (member->order == NULL) {
        return;
    }
    if (position != 0 && position <= member->delivered) {
        answer(world, message);
    }
    if (!world_member_leads(member)) {
        return;
    }
    struct order_submit submit = {.id = id_of(message),
                                  .destinations = {world->checks.messages[message].destinations},
                                  .floor = number >> 32,
                                  .body = kv_slice_of(&message, sizeof message)};
    (void)world_member_step(world, member,
                            (struct order_event){.kind = ORDER_EVENT_SUBMIT, .submit = submit});
}

bool world_clients_done(const struct world *world, char *text, size_t size)
{
    for (uint32_t c = 0; c < WORLD_CLIENTS_MAX; c++) {
        const struct world_client *client = &world->clients[c];
        for (uint32_t s = 1; s <= client->begun && client->alive; s++) {
            if (!client->operations[s].answered && !client->operations[s].given_up) {
                snprintf(text, size, "message %u has no answer", c * WORLD_SEQUENCES_MAX + s);
                return false;
            }
        }
    }
    return world->clients[FRESH_CLIENT].begun == world->clients[FRESH_CLIENT].planned;
}
