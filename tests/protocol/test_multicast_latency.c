/* SPDX-License-Identifier: Apache-2.0 */
/* How long a message takes, in message delays and syncs, and that docs/protocol/multicast.md says the same.
 *
 * 1. Without load each case runs with two sync times; the difference tells how many syncs are on the way, the rest how many delays.
 * 2. Under load the mean and the worst of many messages are taken, with a short sync.
 * 3. A latency is that of the slowest destination, from the client's sending to the delivery; its answer is one delay more.
 *
 * usage: test_protocol_multicast_latency --print     the table, to be pasted into the page */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/base/bytes.h"
#include "tests/protocol/order_cluster.h"

#define PAGE          KV_SOURCE_DIR "/docs/protocol/multicast.md"
#define PAGE_MARKER   "<!-- table: latency -->\n"

#define SYNC_SHORT_US 10u
#define SYNC_LONG_US  400u

/* Load: one message in each INTERVAL, so that about 8 meet in one delay; measured ones come in between. */
#define LOAD_INTERVAL_US    130u
#define MEASURED_INTERVAL   1.37
#define MEASURED            60u
#define MEASURED_SEQUENCE_1 100000u

enum load { LOAD_NONE, LOAD_SINGLE, LOAD_MULTI };

/* How far group 1 is ahead, against a look-ahead of 5 delays. */
#define LOOK_AHEAD_US  (5 * CLUSTER_UNIT_US)
#define SKEW_WITHIN_US (2 * CLUSTER_UNIT_US)
#define SKEW_BEYOND_US (8 * CLUSTER_UNIT_US)

struct scenario {
    uint32_t destinations; /* groups 1..destinations */
    enum load load;
    uint64_t skew_us;
    bool second;       /* measure the second message: an earlier one has told the clocks */
    bool no_fast_path; /* facts by FIX only */
    const char *clocks;
};

static const struct scenario scenarios[] = {
    {.destinations = 1, .clocks = "any"},
    {.destinations = 2, .clocks = "equal"},
    {.destinations = 4, .clocks = "equal"},
    {.destinations = 2, .skew_us = SKEW_WITHIN_US, .clocks = "apart, within the look-ahead"},
    {.destinations = 4, .skew_us = SKEW_WITHIN_US, .clocks = "apart, within the look-ahead"},
    {.destinations = 2, .skew_us = SKEW_BEYOND_US, .clocks = "apart, beyond it, first message"},
    {.destinations = 4, .skew_us = SKEW_BEYOND_US, .clocks = "apart, beyond it, first message"},
    {.destinations = 2,
     .skew_us = SKEW_BEYOND_US,
     .second = true,
     .clocks = "apart, beyond it, later messages"},
    {.destinations = 4,
     .skew_us = SKEW_BEYOND_US,
     .second = true,
     .clocks = "apart, beyond it, later messages"},
    {.destinations = 2, .no_fast_path = true, .clocks = "equal; facts by FIX only"},
    {.destinations = 1, .load = LOAD_SINGLE, .clocks = "equal"},
    {.destinations = 2, .load = LOAD_SINGLE, .clocks = "equal"},
    {.destinations = 4, .load = LOAD_SINGLE, .clocks = "equal"},
    {.destinations = 2,
     .load = LOAD_SINGLE,
     .skew_us = SKEW_WITHIN_US,
     .clocks = "apart, within the look-ahead"},
    {.destinations = 2,
     .load = LOAD_SINGLE,
     .skew_us = SKEW_BEYOND_US,
     .clocks = "apart, beyond it"},
    {.destinations = 1, .load = LOAD_MULTI, .clocks = "equal"},
    {.destinations = 2, .load = LOAD_MULTI, .clocks = "equal"},
    {.destinations = 4, .load = LOAD_MULTI, .clocks = "equal"},
    {.destinations = 2,
     .load = LOAD_MULTI,
     .skew_us = SKEW_WITHIN_US,
     .clocks = "apart, within the look-ahead"},
    {.destinations = 2,
     .load = LOAD_MULTI,
     .skew_us = SKEW_BEYOND_US,
     .clocks = "apart, beyond it"},
};

#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])

/* In delays; mean and worst are the same without load. */
struct latency {
    double leader_mean, leader_worst;
    double follower_mean, follower_worst;
};

static kv_group_set first_groups(uint32_t count)
{
    return (kv_group_set){((UINT64_C(1) << count) - 1) << 1};
}

static double slowest(struct cluster *cluster, uint64_t sequence, uint32_t groups, bool leaders)
{
    double worst = 0;
    for (uint32_t g = 1; g <= groups; g++) {
        for (uint32_t m = 1; m <= CLUSTER_MEMBERS; m++) {
            uint32_t node = 10 * g + m;
            double latency = cluster_latency(cluster, node, sequence);
            assert_true(latency >= 0); /* it was delivered */
            if ((node == cluster_leader(cluster, g)) == leaders && latency > worst) {
                worst = latency;
            }
        }
    }
    return worst;
}

static struct cluster *cluster_for(const struct scenario *scenario, uint64_t sync_us)
{
    return cluster_new(&(struct cluster_settings){
        .groups = scenario->load == LOAD_NONE ? scenario->destinations : CLUSTER_GROUPS_MAX,
        .sync_us = sync_us,
        .look_ahead_us = LOOK_AHEAD_US,
        .no_fast_path = scenario->no_fast_path,
        .skew_us = {[1] = scenario->skew_us}});
}

static struct latency measure_alone(const struct scenario *scenario, uint64_t sync_us)
{
    struct cluster *cluster = cluster_for(scenario, sync_us);
    uint64_t sequence = 1;
    if (scenario->second) {
        cluster_submit_sequence(cluster, sequence++, first_groups(scenario->destinations));
        cluster_run(cluster, 20);
    }
    cluster_submit_sequence(cluster, sequence, first_groups(scenario->destinations));
    cluster_run(cluster, 20);
    double leader = slowest(cluster, sequence, scenario->destinations, true);
    double follower = slowest(cluster, sequence, scenario->destinations, false);
    cluster_free(&cluster);
    return (struct latency){leader, leader, follower, follower};
}

/* One message to each group, or one to each two neighbours. */
static void submit_load(struct cluster *cluster, enum load load, uint64_t *sequence)
{
    for (uint16_t g = 1; g <= CLUSTER_GROUPS_MAX; g++) {
        kv_group_set to = kv_group_set_of((kv_group_id){g});
        if (load == LOAD_MULTI) {
            uint16_t next = (uint16_t)(g % CLUSTER_GROUPS_MAX + 1);
            to.bits |= kv_group_set_of((kv_group_id){next}).bits;
        }
        if (load != LOAD_MULTI || (*sequence / CLUSTER_GROUPS_MAX + g) % 2 == 0) {
            cluster_submit_sequence(cluster, *sequence, to);
        }
        (*sequence)++;
    }
}

static struct latency measure_loaded(const struct scenario *scenario)
{
    struct cluster *cluster = cluster_for(scenario, SYNC_SHORT_US);
    cluster_show(cluster, 0);
    uint64_t load_sequence = 100, measured = 0;
    double next = 5; /* the load is on by then */
    const double interval = (double)LOAD_INTERVAL_US / CLUSTER_UNIT_US;
    for (double at = 0; measured < MEASURED; at += interval) {
        submit_load(cluster, scenario->load, &load_sequence);
        if (at >= next) {
            next += MEASURED_INTERVAL;
            cluster_submit_sequence(cluster, MEASURED_SEQUENCE_1 + measured++,
                                    first_groups(scenario->destinations));
        }
        cluster_run(cluster, interval);
    }
    cluster_run(cluster, 20);
    struct latency sum = {0};
    for (uint64_t i = 0; i < measured; i++) {
        double leader =
            slowest(cluster, MEASURED_SEQUENCE_1 + i, scenario->destinations, true /* leaders */);
        double follower = slowest(cluster, MEASURED_SEQUENCE_1 + i, scenario->destinations, false);
        sum.leader_mean += leader / MEASURED;
        sum.follower_mean += follower / MEASURED;
        sum.leader_worst = leader > sum.leader_worst ? leader : sum.leader_worst;
        sum.follower_worst = follower > sum.follower_worst ? follower : sum.follower_worst;
    }
    cluster_free(&cluster);
    return sum;
}

/* "3 + s": delays and syncs out of two measurements. */
struct formula {
    long delays, syncs;
};

static struct formula formula_of(double with_short, double with_long)
{
    double short_us = with_short * CLUSTER_UNIT_US, long_us = with_long * CLUSTER_UNIT_US;
    struct formula formula;
    formula.syncs = lround((long_us - short_us) / (SYNC_LONG_US - SYNC_SHORT_US));
    formula.delays = lround((short_us - (double)formula.syncs * SYNC_SHORT_US) / CLUSTER_UNIT_US);
    /* and nothing else is in it */
    assert_int_equal(lround(long_us),
                     formula.delays * (long)CLUSTER_UNIT_US + formula.syncs * (long)SYNC_LONG_US);
    return formula;
}

static struct formula leader_formula(const struct scenario *scenario)
{
    return formula_of(measure_alone(scenario, SYNC_SHORT_US).leader_worst,
                      measure_alone(scenario, SYNC_LONG_US).leader_worst);
}

static struct formula follower_formula(const struct scenario *scenario)
{
    return formula_of(measure_alone(scenario, SYNC_SHORT_US).follower_worst,
                      measure_alone(scenario, SYNC_LONG_US).follower_worst);
}

static void print_formula(char *ret, size_t size, struct formula formula)
{
    if (formula.syncs == 1) {
        snprintf(ret, size, "%ld + s", formula.delays);
    } else {
        snprintf(ret, size, "%ld + %lds", formula.delays, formula.syncs);
    }
}

static void make_table(struct kv_buffer *ret)
{
    static const char *loads[] = {"none", "messages to one group", "messages to two groups"};
    char line[256], leader[32], follower[32];
    const char *head = "| destinations | load | clocks | at every leader | at every follower |\n"
                       "|---|---|---|---|---|\n";
    kv_buffer_append(ret, head, strlen(head));
    for (size_t i = 0; i < SCENARIOS; i++) {
        const struct scenario *scenario = &scenarios[i];
        if (scenario->load == LOAD_NONE) {
            print_formula(leader, sizeof leader, leader_formula(scenario));
            print_formula(follower, sizeof follower, follower_formula(scenario));
        } else {
            struct latency latency = measure_loaded(scenario);
            snprintf(leader, sizeof leader, "%.2f / %.2f", latency.leader_mean,
                     latency.leader_worst);
            snprintf(follower, sizeof follower, "%.2f / %.2f", latency.follower_mean,
                     latency.follower_worst);
        }
        snprintf(line, sizeof line, "| %u | %s | %s | %s | %s |\n", scenario->destinations,
                 loads[scenario->load], scenario->clocks, leader, follower);
        kv_buffer_append(ret, line, strlen(line));
    }
    kv_buffer_append(ret, "", 1);
}

static void expect(const struct scenario *scenario, long leader_delays, long follower_delays)
{
    struct formula leader = leader_formula(scenario), follower = follower_formula(scenario);
    assert_int_equal(leader.delays, leader_delays);
    assert_int_equal(leader.syncs, 1);
    assert_int_equal(follower.delays, follower_delays);
    assert_int_equal(follower.syncs, 1);
}

static void three_delays_and_one_sync_order_a_message_to_1_2_or_4_groups(void **state)
{
    (void)state;
    for (uint32_t groups = 1; groups <= 4; groups *= 2) {
        expect(&(struct scenario){.destinations = groups}, 3, 4);
    }
}

static void clocks_apart_by_less_than_the_look_ahead_cost_nothing(void **state)
{
    (void)state;
    for (uint32_t groups = 2; groups <= 4; groups *= 2) {
        expect(&(struct scenario){.destinations = groups, .skew_us = SKEW_WITHIN_US}, 3, 4);
    }
}

static void clocks_further_apart_cost_one_delay_once(void **state)
{
    (void)state;
    for (uint32_t groups = 2; groups <= 4; groups *= 2) {
        struct scenario scenario = {.destinations = groups, .skew_us = SKEW_BEYOND_US};
        expect(&scenario, 4, 5);
        scenario.second = true; /* the first SOFT has told the slower groups what time it is */
        expect(&scenario, 3, 4);
    }
}

static void without_the_fast_path_a_message_takes_one_delay_more(void **state)
{
    (void)state;
    expect(&(struct scenario){.destinations = 2, .no_fast_path = true}, 4, 5);
}

/* The paper bound: 5 delays and a sync, if a message meets others in the worst way; +1 at followers. */
static void under_load_the_mean_stays_close_to_three_delays(void **state)
{
    (void)state;
    for (enum load load = LOAD_SINGLE; load <= LOAD_MULTI; load++) {
        for (uint32_t groups = 1; groups <= 4; groups *= 2) {
            struct latency latency =
                measure_loaded(&(struct scenario){.destinations = groups, .load = load});
            assert_true(latency.leader_mean < 3.3);
            assert_true(latency.leader_worst < 5.1);
            assert_true(latency.follower_mean < 4.3);
            assert_true(latency.follower_worst < 6.1);
        }
    }
}

static void the_page_carries_this_table(void **state)
{
    (void)state;
    struct kv_buffer table = {0}, page = {0};
    make_table(&table);
    FILE *file = fopen(PAGE, "rb");
    assert_non_null(file);
    char bytes[4096];
    size_t size;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0) {
        kv_buffer_append(&page, bytes, size);
    }
    fclose(file);
    kv_buffer_append(&page, "", 1);
    const char *marker = strstr((const char *)page.data, PAGE_MARKER);
    assert_non_null(marker);
    const char *written = marker + strlen(PAGE_MARKER);
    const char *expected = (const char *)table.data;
    if (strncmp(written, expected, strlen(expected)) != 0) {
        fprintf(stderr, "%s should carry, behind its marker:\n%s", PAGE, expected);
        fail_msg("the page and the protocol differ");
    }
    kv_buffer_close(&table);
    kv_buffer_close(&page);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--print") == 0) {
        struct kv_buffer table = {0};
        make_table(&table);
        fputs((const char *)table.data, stdout);
        kv_buffer_close(&table);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_delays_and_one_sync_order_a_message_to_1_2_or_4_groups),
        cmocka_unit_test(clocks_apart_by_less_than_the_look_ahead_cost_nothing),
        cmocka_unit_test(clocks_further_apart_cost_one_delay_once),
        cmocka_unit_test(without_the_fast_path_a_message_takes_one_delay_more),
        cmocka_unit_test(under_load_the_mean_stays_close_to_three_delays),
        cmocka_unit_test(the_page_carries_this_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
