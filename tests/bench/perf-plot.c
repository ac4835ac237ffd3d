/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture: two panels over depth, a step for each one that was measured; IOPS from zero,
 * latencies on a logarithmic scale.
 */
#include "tests/bench/perf.h"

#include <math.h>

#define PLOT_WIDTH  900
#define PLOT_LEFT   90
#define PLOT_RIGHT  (PLOT_WIDTH - 30)
#define PLOT_PANEL  240 /* height */
#define PLOT_TOP    50
#define PLOT_SECOND (PLOT_TOP + PLOT_PANEL + 60)
#define PLOT_HEIGHT (PLOT_SECOND + PLOT_PANEL + 60)

struct plot {
	FILE *out;
	const struct perf_result *results;
	unsigned int n;
	double top;	 /* of the panel, in the picture */
	double from, to; /* values at its bottom and top */
	bool log;
};

static double plot_iops(const struct perf_result *r)
{
	return perf_iops(r);
}

static double plot_average(const struct perf_result *r)
{
	return r->average;
}

static double plot_median(const struct perf_result *r)
{
	return r->percentiles[0];
}

static double plot_99(const struct perf_result *r)
{
	return r->percentiles[3];
}

static double plot_999(const struct perf_result *r)
{
	return r->percentiles[4];
}

static const struct plot_line {
	const char *name, *color;
	double (*value)(const struct perf_result *);
} plot_latencies[] = {
	{"average", "#1f77b4", plot_average},
	{"50 %", "#2ca02c", plot_median},
	{"99 %", "#ff7f0e", plot_99},
	{"99.9 %", "#d62728", plot_999},
};

static const struct plot_line plot_rate = {"IOPS", "#1f77b4", plot_iops};

static double plot_x(const struct plot *plot, unsigned int i)
{
	return PLOT_LEFT + (i + 0.5) * (PLOT_RIGHT - PLOT_LEFT) / plot->n;
}

static double plot_y(const struct plot *plot, double value)
{
	double part = plot->log ? log10(value / plot->from) / log10(plot->to / plot->from)
				: (value - plot->from) / (plot->to - plot->from);

	return plot->top + PLOT_PANEL * (1 - part);
}

static void plot_text(const struct plot *plot, double x, double y, const char *anchor,
		      const char *text)
{
	fprintf(plot->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", plot->out);
			break;
		case '>':
			fputs("&gt;", plot->out);
			break;
		case '&':
			fputs("&amp;", plot->out);
			break;
		default:
			/* control characters have no place in XML */
			putc((unsigned char)*text < 0x20 ? '?' : *text, plot->out);
		}
	}
	fputs("</text>\n", plot->out);
}

/* A line across the panel, with its value. */
static void plot_grid(const struct plot *plot, double value)
{
	double y = plot_y(plot, value);
	char text[32];

	fprintf(plot->out, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n",
		PLOT_LEFT, y, PLOT_RIGHT, y);
	if (value >= 1e6)
		snprintf(text, sizeof(text), "%gM", value / 1e6);
	else if (value >= 1e3)
		snprintf(text, sizeof(text), "%gk", value / 1e3);
	else
		snprintf(text, sizeof(text), "%g", value);
	plot_text(plot, PLOT_LEFT - 8, y + 4, "end", text);
}

/* 1, 2 or 5 times a power of ten, at least `value`. */
static double plot_round(double value)
{
	double power = pow(10, floor(log10(value)));

	for (double step = 1; step < 10; step = step == 2 ? 5 : step * 2) {
		if (value <= step * power)
			return step * power;
	}
	return 10 * power;
}

static void plot_scale(struct plot *plot)
{
	if (plot->log) {
		for (double v = plot->from; v <= plot->to * 1.001; v *= 10)
			plot_grid(plot, v);
	} else {
		for (unsigned int i = 0; i <= 5; i++)
			plot_grid(plot, plot->to * i / 5);
	}
	for (unsigned int i = 0; i < plot->n; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", plot->results[i].depth);
		plot_text(plot, plot_x(plot, i), plot->top + PLOT_PANEL + 18, "middle", text);
	}
	plot_text(plot, (PLOT_LEFT + PLOT_RIGHT) / 2.0, plot->top + PLOT_PANEL + 36, "middle",
		  "commands outstanding");
}

static void plot_draw(const struct plot *plot, const struct plot_line *line)
{
	fprintf(plot->out, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"",
		line->color);
	for (unsigned int i = 0; i < plot->n; i++)
		fprintf(plot->out, "%s%.1f,%.1f", i ? " " : "", plot_x(plot, i),
			plot_y(plot, line->value(&plot->results[i])));
	fputs("\"/>\n", plot->out);
	for (unsigned int i = 0; i < plot->n; i++)
		fprintf(plot->out,
			"<circle r=\"3\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"><title>%s %.6g</title>"
			"</circle>\n",
			line->color, plot_x(plot, i), plot_y(plot, line->value(&plot->results[i])),
			line->name, line->value(&plot->results[i]));
}

static void plot_key(const struct plot *plot, double x, const struct plot_line *line)
{
	fprintf(plot->out,
		"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
		"stroke-width=\"2\"/>\n",
		x, plot->top - 12, x + 20, plot->top - 12, line->color);
	plot_text(plot, x + 26, plot->top - 8, "start", line->name);
}

static void plot_rates(struct plot *plot)
{
	double most = 0;

	for (unsigned int i = 0; i < plot->n; i++)
		most = fmax(most, perf_iops(&plot->results[i]));
	plot->top = PLOT_TOP;
	plot->log = false;
	plot->from = 0;
	plot->to = plot_round(most);
	plot_scale(plot);
	plot_key(plot, PLOT_LEFT, &plot_rate);
	plot_draw(plot, &plot_rate);
}

static void plot_times(struct plot *plot)
{
	double least = INFINITY, most = 0;

	for (unsigned int i = 0; i < plot->n; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(plot_latencies); j++) {
			least = fmin(least, plot_latencies[j].value(&plot->results[i]));
			most = fmax(most, plot_latencies[j].value(&plot->results[i]));
		}
	}
	plot->top = PLOT_SECOND;
	plot->log = true;
	plot->from = pow(10, floor(log10(least)));
	plot->to = fmax(pow(10, ceil(log10(most))), plot->from * 10);
	plot_scale(plot);
	plot_text(plot, PLOT_RIGHT, plot->top - 8, "end", "latency in us");
	for (size_t j = 0; j < ARRAY_SIZE(plot_latencies); j++) {
		plot_key(plot, PLOT_LEFT + 110.0 * (double)j, &plot_latencies[j]);
		plot_draw(plot, &plot_latencies[j]);
	}
}

void perf_print_svg(FILE *out, const struct perf_options *opts, const struct perf_result *results,
		    unsigned int n)
{
	struct perf_result some[PERF_MAX_DEPTHS];
	struct plot plot = {.out = out, .results = some};
	char title[512];

	/* a depth at which nothing completed has no place on a logarithmic scale */
	for (unsigned int i = 0; i < n; i++) {
		if (results[i].commands && results[i].min > 0)
			some[plot.n++] = results[i];
	}
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		PLOT_WIDTH, PLOT_HEIGHT, PLOT_WIDTH, PLOT_HEIGHT);
	snprintf(title, sizeof(title), "%s, %u bytes, %s", opts->workload, opts->size,
		 opts->device);
	plot_text(&plot, PLOT_WIDTH / 2.0, 20, "middle", title);
	if (plot.n) {
		plot_rates(&plot);
		plot_times(&plot);
	}
	fputs("</svg>\n", out);
}
