/* SPDX-License-Identifier: Apache-2.0 */
/* page: results as one HTML page that needs nothing else: a table, plots, and what was measured on what.
 *
 * Input are results of `kvbench run -o json`, also those that bench/compare.sh and bench/scaling.sh have added a name to. Of runs that
 * are repetitions of each other (the same case, or the same partitions and share) the one with the median throughput is shown; the table
 * has the range of all. */
#ifndef KV_BENCH_PAGE_H
#define KV_BENCH_PAGE_H

#include <jansson.h>
#include <stdio.h>

#define PAGE_RESULTS_MAX 1000

/* results: objects, borrowed; names: of the files, for those that have no other. count >= 1. */
void page_write(FILE *out, json_t *const *results, const char *const *names, size_t count);

/* kvbench report FILE...: read them and write the page to stdout. Exit status of kvbench. */
int page_main(int argc, char **argv);

#endif
