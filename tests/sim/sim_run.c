/* SPDX-License-Identifier: Apache-2.0 */
/* sim_run: one seed from beginning to end: set up, safety phase, liveness phase, final checks. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "oracle/oracle_machine.h"
#include "multicast/base/assert.h"
#include "tests/reference/reference_places.h"
#include "tests/sim/check_lives.h"
#include "tests/sim/check_locks.h"
#include "tests/sim/check_once.h"
#include "tests/sim/mutants/planted.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_faults.h"

/* How long a healed cluster may take to answer everything and to agree: R4 of the project, "10 s or
 * 10 election timeouts, whichever is longer", in virtual time. */
#define LIVENESS_US        UINT64_C(10000000)
#define LIVENESS_ELECTIONS 10
/* Locks whose clients have died are granted one behind the other, and each of them lasts for its ttl. */
#define LIVENESS_LOCKS_US UINT64_C(240000000)

/* How often the end of a phase is looked for. */
#define PHASE_US 20000

/* Events of one run: ten times what the busiest good run has; beyond it something goes round in
 * circles. */
#define EVENTS_MAX 5000000

/* Only the broken copies of the cores look at it. */
enum sim_mutant sim_planted = SIM_MUTANT_NONE;

void sim_trace(struct sim *sim, const char *format, ...)
{
    va_list arguments;
    fprintf(sim->options.trace, "%10.3f ", (double)sim->now / 1000.0);
    va_start(arguments, format);
    vfprintf(sim->options.trace, format, arguments);
    va_end(arguments);
    fputc('\n', sim->options.trace);
}

void sim_note(struct sim *sim, uint32_t what, uint64_t a, uint64_t b)
{
    const uint64_t facts[] = {sim->now, what, a, b};
    sim->digest = XXH3_64bits_withSeed(facts, sizeof(facts), sim->digest);
}

/* ---- Set up ---- */

/* Each group starts on a random subset of the nodes. */
static void draw_members(struct sim *sim, struct kv_prng *prng)
{
    uint32_t nodes = (uint32_t)sim->parameters.nodes;
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        struct wire_config *config = &sim->bootstrap[group];
        uint16_t order[SIM_NODES_MAX];
        for (uint32_t n = 0; n < nodes; n++) {
            order[n] = (uint16_t)(n + 1);
        }
        config->count = (uint32_t)sim->parameters.members;
        for (uint32_t i = 0; i < config->count; i++) {
            uint32_t other = i + (uint32_t)kv_prng_below(prng, nodes - i);
            uint16_t chosen = order[other];
            order[other] = order[i];
            order[i] = chosen;
            config->members[i] = (struct wire_config_member){{chosen}, true};
        }
        sim->addressees[group] = *config;
        if (sim->parameters.change_weight > 0) {
            sim->addressees[group].count = nodes;
            for (uint32_t n = 0; n < nodes; n++) {
                sim->addressees[group].members[n] =
                    (struct wire_config_member){{(uint16_t)(n + 1)}, true};
            }
        }
    }
}

static void set_up(struct sim *sim)
{
    const struct sim_parameters *p = &sim->parameters;
    struct kv_prng prng;
    kv_prng_init(&prng, sim->options.seed ^
                            UINT64_C(0x51b0)); /* another stream than that of the parameters */
    kv_prng_init(&sim->faults, kv_prng_next(&prng));
    kv_prng_init(&sim->workload, kv_prng_next(&prng));
    kv_prng_init(&sim->timing, kv_prng_next(&prng));
    kv_prng_init(&sim->layers, sim->options.seed);
    kv_prng_init(&sim->jobs, sim->options.seed);
    struct sim_net_settings settings = {.seed = kv_prng_next(&prng),
                                        .delay_us_min = p->delay_us_min,
                                        .delay_us_max = p->delay_us_max,
                                        .loss_permille = (uint32_t)p->loss_permille,
                                        .double_permille = (uint32_t)p->double_permille,
                                        .straggle_permille = (uint32_t)p->straggle_permille,
                                        .straggle_us_max = p->straggle_us_max,
                                        .replay_permille = (uint32_t)p->replay_permille,
                                        .replay_us_max = p->replay_us_max,
                                        .framed = p->through_codec != 0};
    sim_net_init(&sim->net, &settings, &sim->queue);
    draw_members(sim, &prng);
    sim_workload_keys(sim);
    for (uint32_t group = 0; group < SIM_GROUPS_MAX; group++) {
        sim->raft[group].group = sim->order[group].group = sim->states[group].group =
            (kv_group_id){(uint16_t)group};
    }
    for (uint32_t n = 1; n <= p->nodes; n++) {
        sim_node_start(sim, (kv_node_id){(uint16_t)n});
    }
    sim_clients_start(sim);
    sim_faults_start(sim);
    sim_queue_push(&sim->queue, (struct sim_event){.at = p->safety_us, .kind = SIM_EVENT_PHASE});
}

/* ---- Phases ---- */

uint64_t sim_liveness_us(const struct sim *sim)
{
    const uint64_t elections = LIVENESS_ELECTIONS * sim->parameters.election_us;
    return elections > LIVENESS_US ? elections : LIVENESS_US;
}

static bool is_member(const struct wire_config *config, kv_node_id node)
{
    for (uint32_t i = 0; i < config->count; i++) {
        if (kv_node_equal(config->members[i].node, node)) {
            return true;
        }
    }
    return false;
}

/* Everything delivered is executed, and what the oracle runs for clients; and a leader has nothing more to say about it (followers
 * hear that late, S4). */
static bool is_at_rest(const struct sim_member *member)
{
    const bool leads = raft_role(order_raft(member->order)) == RAFT_LEADER;
    if (kv_group_equal(member->group, KV_GROUP_ORACLE) &&
        oracle_machine_pending(&member->machine) > 0) {
        return false;
    }
    return order_undelivered(member->order) == 0 && engine_unfinished(member->engine) == 0 &&
           (!leads || engine_runs(member->engine) == 0);
}

/* Whoever lost its disk has its place back. */
static bool has_all_voters(const struct sim *sim, uint32_t group, const struct wire_config *config)
{
    bool all = true;
    for (uint32_t i = 0; sim->parameters.change_weight == 0 && i < config->count; i++) {
        all = all && config->members[i].voter;
    }
    return all &&
           (sim->parameters.change_weight > 0 || config->count == sim->bootstrap[group].count);
}

/* Every member of the group's last configuration has delivered everything that anyone has. */
static bool has_converged(const struct sim *sim, uint32_t group)
{
    const struct wire_config *config = NULL;
    kv_index last = {0};
    for (uint64_t n = 1; n <= sim->parameters.nodes; n++) {
        const struct order *order = sim->nodes[n].members[group].order;
        if (order != NULL && raft_can_serve(order_raft(order)) &&
            raft_commit(order_raft(order)).value >= last.value) {
            last = raft_commit(order_raft(order));
            config = raft_config(order_raft(order));
        }
    }
    if (config == NULL || !has_all_voters(sim, group, config)) {
        return false;
    }
    for (uint64_t n = 1; n <= sim->parameters.nodes; n++) {
        const struct order *order = sim->nodes[n].members[group].order;
        if (is_member(config, sim->nodes[n].id) &&
            (order == NULL || order_delivered_index(order).value != last.value ||
             !is_at_rest(&sim->nodes[n].members[group]))) {
            return false;
        }
    }
    return true;
}

static void trace_members(struct sim *sim)
{
    for (uint64_t n = 1; n <= sim->parameters.nodes; n++) {
        for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
            const struct order *order = sim->nodes[n].members[group].order;
            if (order != NULL) {
                const struct raft *raft = order_raft(order);
                SIM_TRACE(sim,
                          "node %" PRIu64 " group %u: role %d term %" PRIu64
                          " leader %u last %" PRIu64 " commit %" PRIu64 " delivered %" PRIu64
                          " undelivered %u unfinished %u remembered %u",
                          n, group, (int)raft_role(raft), raft_term(raft).value,
                          raft_leader(raft).value, raft_last(raft).value, raft_commit(raft).value,
                          order_delivered(order), order_undelivered(order),
                          engine_unfinished(sim->nodes[n].members[group].engine),
                          engine_runs(sim->nodes[n].members[group].engine));
            }
        }
    }
}

static void fail_liveness(struct sim *sim)
{
    trace_members(sim);
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        if (!has_converged(sim, group)) {
            sim_report_fail(&sim->report, "liveness",
                            "group %u: the members have not come together %" PRIu64
                            " ms after the last fault",
                            group, (sim->now - sim->healed_at) / 1000);
        }
    }
    for (uint32_t i = 0; i < sim->history.count; i++) {
        const struct history_operation *operation = &sim->history.operations[i];
        if (operation->state == HISTORY_PENDING) {
            sim_report_fail(&sim->report, "liveness",
                            "operation %u of client %u has no answer %" PRIu64
                            " ms after the last fault",
                            i, operation->client, (sim->now - sim->healed_at) / 1000);
        }
    }
    sim_report_fail(&sim->report, "liveness", "the clients do not come to an end");
}

static void find_engines(struct sim *sim, struct engine **ret)
{
    for (uint32_t group = 0; group <= sim->parameters.partitions; group++) {
        const struct sim_member *longest = NULL;
        for (uint64_t n = 1; n <= sim->parameters.nodes; n++) {
            const struct sim_member *member = &sim->nodes[n].members[group];
            /* One that was removed may wait for votes for ever. */
            if (member->order != NULL && engine_unfinished(member->engine) == 0 &&
                (longest == NULL || member->executed > longest->executed)) {
                longest = member;
            }
        }
        KV_ASSERT(longest != NULL);
        ret[group] = longest->engine;
    }
}

static bool are_lives_over(struct sim *sim)
{
    struct engine *engines[SIM_GROUPS_MAX];
    find_engines(sim, engines);
    return sim_lives_are_over(sim, engines);
}

static void on_phase(struct sim *sim)
{
    if (!sim->healed) {
        SIM_TRACE(sim, "the liveness phase begins: everything is healed");
        sim->healed = true;
        sim->healed_at = sim->now;
        sim_faults_heal(sim);
        sim_clients_heal(sim);
    }
    bool done = sim_clients_idle(sim);
    for (uint32_t group = 0; done && group <= sim->parameters.partitions; group++) {
        done = has_converged(sim, group);
    }
    const bool leases = sim->parameters.locks_percent > 0 || sim->parameters.lives_percent > 0;
    const uint64_t locks = leases ? LIVENESS_LOCKS_US : 0;
    done = done && (sim->parameters.lives_percent == 0 || are_lives_over(sim));
    if (done) {
        sim->finished = true;
    } else if (sim->now - sim->healed_at > sim_liveness_us(sim) + locks) {
        fail_liveness(sim);
    } else {
        sim_queue_push(&sim->queue,
                       (struct sim_event){.at = sim->now + PHASE_US, .kind = SIM_EVENT_PHASE});
    }
}

/* ---- Events ---- */

static void on_deliver(struct sim *sim, struct sim_packet *packet)
{
    sim->counters.packets++;
    sim_note(sim, packet->to, packet->from, packet->size);
    if (sim_endpoint_place(packet->to) < SIM_ENDPOINT_CLIENT) {
        sim_node_on_packet(sim, &sim->nodes[packet->to], packet);
        return;
    }
    struct sim_client *client = &sim->clients[sim_endpoint_place(packet->to) - SIM_ENDPOINT_CLIENT];
    if (sim_packet_open(packet, &sim->reader, &sim->message) != STATUS_OK) {
        sim_report_fail(&sim->report, "codec", "a message of node %u cannot be read back",
                        packet->from);
    } else if (packet->to == client->endpoint) {
        sim_client_on_packet(sim, client, (kv_node_id){(uint16_t)packet->from}, &sim->message);
    }
    sim_packet_drop(&packet);
}

static void on_event(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->actor <= SIM_NODES_MAX ? event->actor : 0];
    switch (event->kind) {
    case SIM_EVENT_DELIVER:
        on_deliver(sim, event->payload);
        return;
    case SIM_EVENT_RUN:
        if (node->incarnation == event->number) {
            sim_node_on_run(sim, node, event->at);
        }
        return;
    case SIM_EVENT_SYNCED:
        if (node->incarnation == event->number) {
            sim_node_on_synced(sim, node);
        }
        return;
    case SIM_EVENT_WORKED:
        sim_jobs_on_worked(sim, node, event);
        return;
    case SIM_EVENT_SAVED:
        sim_node_on_saved(sim, node, event->number, event->payload);
        return;
    case SIM_EVENT_CRASH:
        sim_faults_on_crash(sim, node, event->number);
        return;
    case SIM_EVENT_RESTART:
        sim_faults_on_restart(sim, node, event->number);
        return;
    case SIM_EVENT_RESUME:
        sim_faults_on_resume(sim, node, event->number);
        return;
    case SIM_EVENT_CLIENT:
        sim_client_on_timer(sim, &sim->clients[event->actor], event->at);
        return;
    case SIM_EVENT_FAULT:
        sim_faults_on_event(sim);
        return;
    case SIM_EVENT_MEND:
        sim_faults_on_mend(sim, event->number);
        return;
    case SIM_EVENT_PHASE:
        on_phase(sim);
        return;
    }
    KV_UNREACHABLE();
}

static void run_events(struct sim *sim)
{
    struct sim_event event;
    while (!sim->finished && !sim->report.failed && sim_queue_pop(&sim->queue, &event)) {
        KV_ASSERT(event.at >= sim->now);
        sim->now = event.at;
        sim_note(sim, event.kind, event.actor, event.number);
        on_event(sim, &event);
        if (++sim->counters.events > EVENTS_MAX) {
            sim_report_fail(&sim->report, "liveness", "%d events and no end", EVENTS_MAX);
        }
    }
}

/* ---- The end ---- */

/* An engine of each group that has delivered everything. */
/* The value of a key, wherever it is. */
static uint32_t final_value(struct sim *sim, struct engine **engines, struct check_linear *linear,
                            const char *key)
{
    struct wire_command *command = &sim->work.command;
    struct kv_buffer body = {0};
    uint32_t value = MODEL_ABSENT;
    wire_command_begin(command, WIRE_OP_GET);
    command->key_count = 1;
    command->keys[0] = kv_slice_of_text(key);
    wire_command_encode(command, &body);
    for (uint32_t group = 1; group <= sim->parameters.partitions; group++) {
        kv_slice answer = engine_read(engines[group], kv_buffer_slice(&body));
        enum status status = wire_answer_decode(answer, &sim->work.answer);
        KV_ASSERT(status == STATUS_OK);
        if (sim->work.answer.verdict == WIRE_VERDICT_OK) {
            value = model_intern(&linear->model.values, sim->work.answer.rows[0].value);
        }
    }
    kv_buffer_close(&body);
    return value;
}

static void check_counts(struct sim *sim, struct engine **engines, struct check_linear *linear)
{
    for (uint32_t group = 1; group <= sim->parameters.partitions; group++) {
        for (uint32_t k = 0; k < SIM_KEYS_MAX; k++) {
            const char *appended = sim->work.keys[group][SIM_FAMILY_APPEND][k];
            const char *counted = sim->work.keys[group][SIM_FAMILY_COUNTER][k];
            check_once_appends(linear, &sim->report,
                               model_intern(&linear->model.keys, kv_slice_of_text(appended)),
                               final_value(sim, engines, linear, appended));
            check_once_increments(linear, &sim->report,
                                  model_intern(&linear->model.keys, kv_slice_of_text(counted)),
                                  final_value(sim, engines, linear, counted));
        }
    }
}

static void check_all_messages(struct sim *sim, struct engine **engines)
{
    char text[REFERENCE_TEXT_BYTES];
    struct check_replay replay = {.chronicles = sim->order,
                                  .history = &sim->history,
                                  .trace = sim->options.trace,
                                  .cuts = &sim->cuts,
                                  .groups = (uint32_t)sim->parameters.partitions + 1,
                                  .sessions_max = (uint32_t)sim->parameters.sessions_max};
    check_replay_run(&replay, &sim->report);
    if (!sim->report.failed &&
        !reference_places_agree(replay.reference, engines, (uint32_t)sim->parameters.partitions,
                                text)) {
        sim_report_fail(&sim->report, "places", "%s", text);
    }
    sim->counters.stale = replay.stale;
    sim->counters.pinned = replay.pinned;
    sim->counters.executions = replay.errands;
    sim->counters.marks = sim->cuts.checked;
    check_replay_close(&replay);
}

/* Instead of the reference, which executes in the order of timestamps and knows nobody who waits for a lock. */
static void check_places(struct sim *sim, struct engine **engines)
{
    char text[REFERENCE_TEXT_BYTES];
    kv_slice keys[SIM_GROUPS_MAX * SIM_FAMILIES * SIM_KEYS_MAX];
    uint32_t count = 0;
    for (uint32_t group = 1; group <= sim->parameters.partitions; group++) {
        for (uint32_t family = 0; family < SIM_FAMILIES; family++) {
            for (uint32_t k = 0; k < SIM_KEYS_MAX; k++) {
                keys[count++] = kv_slice_of_text(sim->work.keys[group][family][k]);
            }
        }
    }
    const uint32_t partitions = (uint32_t)sim->parameters.partitions;
    for (uint32_t k = 0; k < count && !sim->report.failed; k++) {
        if (!reference_place_is_one(keys[k], engines, partitions, text)) {
            sim_report_fail(&sim->report, "places", "%s", text);
        }
    }
    check_cut_places(&sim->cuts, keys, count, partitions + 1, &sim->report);
    sim->counters.marks = sim->cuts.checked;
}

static void final_checks(struct sim *sim)
{
    struct check_linear linear;
    struct engine *engines[SIM_GROUPS_MAX];
    find_engines(sim, engines);
    check_linear_begin(&linear, &sim->report, &sim->history);
    linear.trace = sim->options.trace;
    if (sim_checks(sim, SIM_CHECK_ONCE) && !sim->report.failed) {
        check_counts(sim, engines, &linear);
    }
    if (sim_checks(sim, SIM_CHECK_WGL) && !sim->report.failed) {
        check_linear_keys(&linear, &sim->report);
    }
    /* The chronicle is written by check_order, so without that there is nothing to replay. */
    struct check_locks_found found;
    check_locks_run(&sim->history, sim->parameters.clock_rate_permille, &sim->report, &found);
    sim->counters.locks = found.granted;
    sim->counters.locks_lost = found.lost;
    sim->counters.locks_refused = found.refused;
    struct check_lives_found lives;
    check_lives_run(&sim->history, sim->parameters.clock_rate_permille, &sim->report, &lives);
    sim->counters.brief_keys = lives.bound;
    sim->counters.brief_keys_gone = lives.gone;
    if ((sim->parameters.locks_percent > 0 || sim->parameters.lives_percent > 0) &&
        !sim->report.failed) {
        check_places(sim, engines);
    } else if (sim_checks(sim, SIM_CHECK_REPLAY) && sim_checks(sim, SIM_CHECK_ORDER) &&
               !sim->report.failed) {
        check_all_messages(sim, engines);
    }
    sim->counters.wgl_gave_up = linear.wgl_gave_up;
    check_linear_close(&linear);
}

static void drain(struct sim *sim)
{
    struct sim_event event;
    while (sim_queue_pop(&sim->queue, &event)) {
        if (event.kind == SIM_EVENT_DELIVER) {
            struct sim_packet *packet = event.payload;
            sim_packet_drop(&packet);
        } else if (event.kind == SIM_EVENT_WORKED) {
            sim_jobs_drop(event.payload);
        } else if (event.kind == SIM_EVENT_SAVED) {
            struct sim_snapshot *snapshot = event.payload;
            sim_snapshot_destroy(&snapshot);
        }
    }
    sim_queue_close(&sim->queue);
}

static void tear_down(struct sim *sim)
{
    drain(sim);
    for (uint32_t n = 1; n <= SIM_NODES_MAX; n++) {
        sim_node_close(&sim->nodes[n]);
    }
    for (uint32_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        sim_client_close(&sim->clients[i]);
    }
    check_cut_close(&sim->cuts);
    check_leases_close(&sim->leases);
    for (uint32_t group = 0; group < SIM_GROUPS_MAX; group++) {
        sim->counters.elections += sim->raft[group].elections;
        check_raft_close(&sim->raft[group]);
        check_order_close(&sim->order[group]);
        check_digest_close(&sim->states[group]);
    }
    history_close(&sim->history);
    wire_frame_reader_close(&sim->reader);
}

void sim_run(const struct sim_options *options, struct sim_result *ret)
{
    struct sim *sim = kv_alloc_zero(1, sizeof(*sim));
    sim->options = *options;
    sim_planted = options->mutant;
    sim_parameters_draw(options->seed, options->profile, &sim->parameters);
    if (options->print) {
        sim_parameters_print(&sim->parameters, stdout);
    }
    set_up(sim);
    run_events(sim);
    if (!sim->report.failed) {
        final_checks(sim);
    }
    if (sim->report.failed) {
        SIM_TRACE(sim, "VIOLATION %s: %s", sim->report.checker, sim->report.text);
    }
    sim->counters.lost = sim->net.lost;
    tear_down(sim);
    *ret = (struct sim_result){sim->report, sim->counters, sim->digest, sim->now};
    kv_free(sim);
}
