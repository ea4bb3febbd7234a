/* SPDX-License-Identifier: Apache-2.0 */
/* Growth, then bisection. */
#include "bench/search.h"

#include "multicast/base/assert.h"

#define GROWTH 1.25
#define SHRINK 0.5

/* Rates that differ by less are the same: repeated runs differ by more. */
#define CLOSE 0.03

/* Below that share of the first rate there is nothing to be found: the bound is shorter than one operation takes. */
#define FLOOR (1.0 / 200)

void bench_search_init(struct bench_search *search, double first_rate)
{
    KV_ASSERT(first_rate > 0);
    *search = (struct bench_search){.next = first_rate, .floor = first_rate * FLOOR};
}

bool bench_search_next(const struct bench_search *search, double *ret_rate)
{
    if (search->count == BENCH_TRIALS_MAX || search->next < search->floor) {
        return false;
    }
    if (search->low > 0 && search->high > 0 && search->high - search->low < CLOSE * search->high) {
        return false;
    }
    *ret_rate = search->next;
    return true;
}

void bench_search_note(struct bench_search *search, const struct bench_trial *trial)
{
    KV_ASSERT(search->count < BENCH_TRIALS_MAX);
    search->trials[search->count++] = *trial;
    if (!trial->kept && !search->again) {
        search->again = true;
        return;
    }
    search->again = false;
    if (trial->kept) {
        search->low = search->next;
    } else {
        search->high = search->next;
    }
    if (search->high == 0) {
        search->next = search->low * GROWTH;
    } else if (search->low == 0) {
        search->next = search->high * SHRINK;
    } else {
        search->next = (search->low + search->high) / 2;
    }
}
