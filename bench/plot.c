/* SPDX-License-Identifier: Apache-2.0 */
/* Scales, ticks, polylines. */
#include "bench/plot.h"

#include <math.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* Of the drawing, and of what is around the lines in it. */
#define WIDTH  760.0
#define HEIGHT 320.0
#define LEFT   70.0
#define RIGHT  15.0
#define TOP    15.0
#define BOTTOM 45.0

/* What a position on an axis is made of. */
struct scale {
    enum plot_axis axis;
    double low, high; /* after transform() */
    double from, to;  /* in the drawing */
};

/* Least y on a logarithmic axis: a microsecond, or one operation. */
#define LOG_MIN 1.0

/* A percentile of 100 stands where 99.999 would. */
#define NINES_MAX 5.0

static double transform(enum plot_axis axis, double value)
{
    switch (axis) {
    case PLOT_LINEAR:
        return value;
    case PLOT_LOG:
        return log10(value < LOG_MIN ? LOG_MIN : value);
    case PLOT_NINES:
        return value >= 100 ? NINES_MAX : fmin(NINES_MAX, -log10(1 - value / 100));
    case PLOT_DOUBLES:
        return log2(value < LOG_MIN ? LOG_MIN : value);
    }
    KV_UNREACHABLE();
}

static double place(const struct scale *scale, double value)
{
    const double range = scale->high - scale->low;
    const double share = (transform(scale->axis, value) - scale->low) / (range > 0 ? range : 1);

    return scale->from + share * (scale->to - scale->from);
}

struct plot_line *plot_line_add(struct plot *plot, const char *name)
{
    struct plot_line *line;

    if (plot->line_count == PLOT_LINES_MAX) {
        return NULL;
    }
    line = &plot->lines[plot->line_count++];
    snprintf(line->name, sizeof line->name, "%s", name);
    line->points = kv_alloc_zero(PLOT_POINTS_MAX, sizeof *line->points);
    return line;
}

void plot_point_add(struct plot_line *line, double x, double y)
{
    if (line->count < PLOT_POINTS_MAX && isfinite(x) && isfinite(y)) {
        line->points[line->count][0] = x;
        line->points[line->count++][1] = y;
    }
}

void plot_mark_add(struct plot *plot, double x, const char *text)
{
    if (plot->mark_count < PLOT_MARKS_MAX) {
        struct plot_mark *mark = &plot->marks[plot->mark_count++];

        mark->x = x;
        snprintf(mark->text, sizeof mark->text, "%s", text);
    }
}

void plot_close(struct plot *plot)
{
    for (uint32_t i = 0; i < plot->line_count; i++) {
        kv_free(plot->lines[i].points);
    }
    plot->line_count = plot->mark_count = 0;
}

void plot_write_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* The range of all points. */
static void fit(const struct plot *plot, int dimension, struct scale *scale)
{
    bool first = true;

    for (uint32_t i = 0; i < plot->line_count; i++) {
        for (uint32_t k = 0; k < plot->lines[i].count; k++) {
            const double value = transform(scale->axis, plot->lines[i].points[k][dimension]);

            scale->low = first || value < scale->low ? value : scale->low;
            scale->high = first || value > scale->high ? value : scale->high;
            first = false;
        }
    }
    switch (scale->axis) {
    case PLOT_LINEAR:
        scale->low = fmin(0, scale->low);
        scale->high = scale->high > scale->low ? scale->high : scale->low + 1;
        return;
    case PLOT_LOG:
        scale->low = floor(scale->low);
        scale->high = fmax(ceil(scale->high), scale->low + 1);
        return;
    case PLOT_NINES:
        scale->low = 0;
        return;
    case PLOT_DOUBLES:
        return;
    }
}

/* 1, 2 or 5 times a power of ten, such that there are about six of them. */
static double step_of(double range)
{
    const double power = pow(10, floor(log10(range / 6)));
    const double share = range / 6 / power;

    return power * (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1);
}

/* "12", "3.5", "20k", "1M". */
static void write_number(FILE *out, double value)
{
    if (fabs(value) >= 1e6) {
        fprintf(out, "%.4gM", value / 1e6);
    } else if (fabs(value) >= 1e4) {
        fprintf(out, "%.4gk", value / 1e3);
    } else {
        fprintf(out, "%.6g", value);
    }
}

static void write_tick(FILE *out, const struct scale *scale, double value, bool is_x)
{
    const double at = place(scale, value);

    if (is_x) {
        fprintf(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' class='grid'/>", at, at, TOP,
                HEIGHT - BOTTOM);
        fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle'>", at, HEIGHT - BOTTOM + 16);
    } else {
        fprintf(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' class='grid'/>", LEFT,
                WIDTH - RIGHT, at, at);
        fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='end'>", LEFT - 6, at + 4);
    }
    write_number(out, value);
    fputs("</text>\n", out);
}

static void write_ticks(FILE *out, const struct scale *scale, bool is_x)
{
    const double step = step_of(scale->high - scale->low);

    switch (scale->axis) {
    case PLOT_LINEAR:
        for (double value = 0; value <= scale->high; value += step) {
            write_tick(out, scale, value, is_x);
        }
        return;
    case PLOT_LOG:
        for (double power = scale->low; power <= scale->high; power++) {
            write_tick(out, scale, pow(10, power), is_x);
        }
        return;
    case PLOT_NINES:
        for (int nines = 0; nines <= (int)scale->high && nines < (int)NINES_MAX; nines++) {
            write_tick(out, scale, 100 * (1 - pow(10, -nines)), is_x);
        }
        return;
    case PLOT_DOUBLES:
        for (double power = ceil(scale->low); power <= scale->high; power++) {
            write_tick(out, scale, exp2(power), is_x);
        }
        return;
    }
}

static const char *color_of(uint32_t line)
{
    static const char *const colors[] = {"#1f77b4", "#d62728", "#2ca02c", "#ff7f0e",
                                         "#9467bd", "#8c564b", "#17becf", "#7f7f7f"};

    return colors[line % (sizeof colors / sizeof colors[0])];
}

static void write_line(FILE *out, const struct plot_line *line, uint32_t number,
                       const struct scale *x, const struct scale *y)
{
    fprintf(out, "<polyline fill='none' stroke='%s' stroke-width='1.8'%s points='",
            color_of(number), line->dashed ? " stroke-dasharray='6 4'" : "");
    for (uint32_t i = 0; i < line->count; i++) {
        fprintf(out, "%.1f,%.1f ", place(x, line->points[i][0]), place(y, line->points[i][1]));
    }
    fputs("'><title>", out);
    plot_write_text(out, line->name);
    fputs("</title></polyline>\n", out);
    /* A line of one point would not be seen, and of few points one wants to know where they are. */
    for (uint32_t i = 0; line->count <= 12 && i < line->count; i++) {
        fprintf(out, "<circle r='3' fill='%s' cx='%.1f' cy='%.1f'/>", color_of(number),
                place(x, line->points[i][0]), place(y, line->points[i][1]));
    }
}

static void write_marks(FILE *out, const struct plot *plot, const struct scale *x)
{
    for (uint32_t i = 0; i < plot->mark_count; i++) {
        const double at = place(x, plot->marks[i].x);

        if (at < LEFT || at > WIDTH - RIGHT) {
            continue;
        }
        fprintf(out,
                "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' class='mark'/>"
                "<text x='%.1f' y='%.1f' class='mark'>",
                at, at, TOP, HEIGHT - BOTTOM, at + 3, TOP + 12 + 12 * (i % 3));
        plot_write_text(out, plot->marks[i].text);
        fputs("</text>\n", out);
    }
}

static void write_legend(FILE *out, const struct plot *plot)
{
    fputs("<figcaption>", out);
    for (uint32_t i = 0; i < plot->line_count; i++) {
        fprintf(out, "<span><b style='color:%s'>%s</b> ", color_of(i),
                plot->lines[i].dashed ? "- -" : "&#9632;");
        plot_write_text(out, plot->lines[i].name);
        fputs("</span> ", out);
    }
    fputs("</figcaption>\n", out);
}

void plot_write(FILE *out, const struct plot *plot)
{
    struct scale x = {.axis = plot->x, .from = LEFT, .to = WIDTH - RIGHT};
    struct scale y = {.axis = plot->y, .from = HEIGHT - BOTTOM, .to = TOP};
    uint32_t points = 0;

    for (uint32_t i = 0; i < plot->line_count; i++) {
        points += plot->lines[i].count;
    }
    if (points == 0) {
        return;
    }
    fit(plot, 0, &x);
    fit(plot, 1, &y);
    fputs("<figure><h3>", out);
    plot_write_text(out, plot->title);
    fprintf(out, "</h3>\n<svg viewBox='0 0 %.0f %.0f' role='img'>\n", WIDTH, HEIGHT);
    write_ticks(out, &x, true);
    write_ticks(out, &y, false);
    write_marks(out, plot, &x);
    for (uint32_t i = 0; i < plot->line_count; i++) {
        write_line(out, &plot->lines[i], i, &x, &y);
    }
    fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle'>", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 8);
    plot_write_text(out, plot->x_label);
    fprintf(out, "</text><text transform='translate(14 %.1f) rotate(-90)' text-anchor='middle'>",
            (TOP + HEIGHT - BOTTOM) / 2);
    plot_write_text(out, plot->y_label);
    fputs("</text></svg>\n", out);
    write_legend(out, plot);
    fputs("</figure>\n", out);
}
