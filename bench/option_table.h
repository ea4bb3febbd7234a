/* SPDX-License-Identifier: Apache-2.0 */
/* option_table: command lines by a table of options, for all commands of kvbench. */
#ifndef KV_BENCH_OPTION_TABLE_H
#define KV_BENCH_OPTION_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What is wrong with a command line, as a sentence. */
#define BENCH_ERROR_BYTES 256

/* Options of one table at most. */
#define BENCH_OPTION_TABLE_MAX 64

struct bench_option_text {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* NULL: none. "TIME WHAT NODE" may be three words. */
    unsigned kinds;       /* commands that have it, as bits */
    const char *text;
};

struct bench_option_table {
    const struct bench_option_text *texts;
    int count;
    unsigned kind; /* the command: one bit */
};

/* What `set` answers behind an option that makes all others pointless. */
extern const char bench_option_stop[];

/* Take option number `option` of the table; text NULL: it has no argument. NULL, what the argument must be, or bench_option_stop. */
typedef const char *bench_option_set(void *settings, int option, const char *text);

/* Read the options, in any order among other words. Returns where those words begin in argv, which is put in order; 0: something
 * is wrong, and `error` says what. */
int bench_option_table_read(const struct bench_option_table *table, int argc, char *const *argv,
                            bench_option_set *set, void *settings, char error[BENCH_ERROR_BYTES]);

/* The same of a command that takes no other words. */
bool bench_option_table_read_all(const struct bench_option_table *table, int argc,
                                 char *const *argv, bench_option_set *set, void *settings,
                                 char error[BENCH_ERROR_BYTES]);

/* A line for each of them. */
void bench_option_table_help(const struct bench_option_table *table, FILE *out);

/* The argument of an option that is a number of 32 bits. */
bool bench_option_u32(const char *text, uint32_t low, uint32_t high, uint32_t *ret);

#endif
