/* SPDX-License-Identifier: Apache-2.0 */
/* plot: lines as SVG inside of a page, with axes and a legend; no script, nothing from elsewhere. */
#ifndef KV_BENCH_PLOT_H
#define KV_BENCH_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_POINTS_MAX 3600
#define PLOT_LINES_MAX  16
#define PLOT_MARKS_MAX  64
#define PLOT_NAME_BYTES 96

enum plot_axis {
    PLOT_LINEAR,  /* from 0 on */
    PLOT_LOG,     /* by powers of ten */
    PLOT_NINES,   /* percentiles: 0, 90, 99, 99.9 ... at equal distances */
    PLOT_DOUBLES, /* 1, 2, 4, 8 at equal distances */
};

struct plot_line {
    char name[PLOT_NAME_BYTES];
    bool dashed;
    uint32_t count;
    double (*points)[2]; /* x, y; memory of the plot's */
};

/* Zero-initialised, with title, labels and axes set, is a plot without lines. */
struct plot {
    const char *title, *x_label, *y_label;
    enum plot_axis x, y;
    uint32_t line_count;
    struct plot_line lines[PLOT_LINES_MAX];
    uint32_t mark_count; /* vertical lines with a text */
    struct plot_mark {
        double x;
        char text[PLOT_NAME_BYTES];
    } marks[PLOT_MARKS_MAX];
};

/* A new line of the plot; NULL: there are enough. */
struct plot_line *plot_line_add(struct plot *plot, const char *name);

/* A point of it, in the order of x. What does not fit is left out. */
void plot_point_add(struct plot_line *line, double x, double y);
void plot_mark_add(struct plot *plot, double x, const char *text);

/* Write a <figure>; nothing if there are no points. */
void plot_write(FILE *out, const struct plot *plot);
void plot_close(struct plot *plot);

/* A text with what has a meaning in HTML replaced. */
void plot_write_text(FILE *out, const char *text);

#endif
