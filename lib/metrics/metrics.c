/*
 * metrics.c - cells in shared memory and their text for Prometheus.
 *
 * Knows the exposition format. Knows no metric by name: the programs' tables
 * say what is counted. A histogram takes a run of cells (one per bucket, the
 * count being their sum, and the sum of all observations).
 *
 * Source: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4
 */
#include "lib/metrics/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Upper bounds of the buckets; one more cell takes what exceeds them all. */
static const struct {
	uint64_t us;
	const char *le;
} buckets[] = {
	{ 100, "0.0001" },  { 250, "0.00025" }, { 500, "0.0005" },
	{ 1000, "0.001" },  { 2500, "0.0025" }, { 5000, "0.005" },
	{ 10000, "0.01" },  { 25000, "0.025" }, { 50000, "0.05" },
	{ 100000, "0.1" },  { 250000, "0.25" }, { 500000, "0.5" },
	{ 1000000, "1" },   { 2500000, "2.5" }, { 5000000, "5" },
	{ 10000000, "10" },
};

enum {
	BUCKETS = sizeof(buckets) / sizeof(buckets[0]),
	SUM = BUCKETS + 1, /* behind the buckets and the one for the rest */
	HISTOGRAM_CELLS,
};

/* Alone in a struct, so that a pointer to it says what it points to. */
struct cell {
	_Atomic int64_t value;
};

struct wp_metrics {
	const struct wp_metric_desc *descs; /* borrowed for ever */
	size_t n;
	size_t *first;      /* index of each metric's first cell */
	struct cell *cells; /* shared with forked children */
	size_t map_bytes;   /* of cells */

	size_t rows;         /* of processes; 0: there is only one */
	struct cell *seated; /* as many as rows, of which each has n behind */
	size_t seated_bytes;
	struct cell *own; /* the n of the row that we sit in; or NULL */
};

static bool is_gauge(const struct wp_metric_desc *desc)
{
	return desc->type == WP_GAUGE || desc->type == WP_LEAST_GAUGE ||
	       desc->type == WP_LAST_GAUGE;
}

static size_t cells_of(const struct wp_metric_desc *desc)
{
	return desc->type == WP_HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

enum wp_err wp_metrics_new(struct wp_metrics **out,
			   const struct wp_metric_desc *descs, size_t n,
			   struct wp_error *err)
{
	struct wp_metrics *metrics = calloc(1, sizeof(*metrics));
	enum wp_err rc = WP_ERR_SYS;
	size_t cells = 0;
	size_t i;

	if (metrics != NULL)
		metrics->first = calloc(n + 1, sizeof(*metrics->first));
	if (metrics == NULL || metrics->first == NULL) {
		wp_error_sys(err, "memory for metrics");
		goto out;
	}
	for (i = 0; i < n; i++) {
		metrics->first[i] = cells;
		cells += cells_of(&descs[i]);
	}
	metrics->descs = descs;
	metrics->n = n;
	metrics->map_bytes = (cells + 1) * sizeof(struct cell);
	metrics->cells = mmap(NULL, metrics->map_bytes, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (metrics->cells == MAP_FAILED) {
		wp_error_sys(err, "memory for metrics");
		metrics->cells = NULL;
		goto out;
	}
	*out = metrics;
	metrics = NULL;
	rc = WP_OK;
out:
	wp_metrics_free(&metrics);
	return rc;
}

void wp_metrics_free(struct wp_metrics **metrics)
{
	if (metrics == NULL || *metrics == NULL)
		return;
	if ((*metrics)->cells != NULL)
		(void)munmap((*metrics)->cells, (*metrics)->map_bytes);
	if ((*metrics)->seated != NULL)
		(void)munmap((*metrics)->seated, (*metrics)->seated_bytes);
	free((*metrics)->first);
	free(*metrics);
	*metrics = NULL;
}

static struct cell *cell_at(const struct wp_metrics *metrics, size_t index)
{
	assert(index < metrics->n);
	return &metrics->cells[metrics->first[index]];
}

static int64_t load(const struct cell *at)
{
	return atomic_load_explicit(&at->value, memory_order_relaxed);
}

static void add(struct cell *at, int64_t delta)
{
	(void)atomic_fetch_add_explicit(&at->value, delta,
					memory_order_relaxed);
}

static void store(struct cell *at, int64_t value)
{
	atomic_store_explicit(&at->value, value, memory_order_relaxed);
}

/* ---- rows ---- */

/* Whether somebody sits there, with what he has set behind it. */
static struct cell *row_at(const struct wp_metrics *metrics, size_t row)
{
	assert(row < metrics->rows);
	return &metrics->seated[row * (metrics->n + 1)];
}

enum wp_err wp_metrics_seat(struct wp_metrics *metrics, size_t rows,
			    struct wp_error *err)
{
	size_t bytes = rows * (metrics->n + 1) * sizeof(struct cell);
	void *map;

	assert(metrics->seated == NULL);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return wp_error_sys(err, "memory for metrics");
	metrics->seated = map;
	metrics->seated_bytes = bytes;
	metrics->rows = rows;
	return WP_OK;
}

void wp_metrics_sit(struct wp_metrics *metrics, size_t row)
{
	struct cell *at;

	if (metrics == NULL || metrics->rows == 0)
		return;
	at = row_at(metrics, row);
	store(at, 1);
	metrics->own = at + 1;
}

void wp_metrics_rise(struct wp_metrics *metrics, size_t row)
{
	struct cell *at;

	if (metrics == NULL || metrics->rows == 0)
		return;
	at = row_at(metrics, row);
	for (size_t i = 0; i < metrics->n; i++) {
		if (metrics->descs[i].type == WP_COUNTER)
			add(cell_at(metrics, i), load(&at[1 + i]));
		store(&at[1 + i], 0);
	}
	store(at, 0);
}

/* Of all processes together. */
static int64_t total(const struct wp_metrics *metrics, size_t index)
{
	enum wp_metric_type type = metrics->descs[index].type;
	int64_t sum = load(cell_at(metrics, index)), least = INT64_MAX;
	int64_t last = sum;

	for (size_t i = 0; i < metrics->rows; i++) {
		const struct cell *at = row_at(metrics, i);
		int64_t value = load(&at[1 + index]);

		if (load(at) == 0)
			continue;
		sum += value;
		if (value < least)
			least = value;
		if (value > last)
			last = value;
	}
	if (type == WP_LAST_GAUGE)
		return last;
	return type == WP_LEAST_GAUGE && least != INT64_MAX ? least : sum;
}

/* ---- values ---- */

void wp_metric_add(struct wp_metrics *metrics, size_t index, int64_t delta)
{
	if (metrics == NULL)
		return;
	assert(index < metrics->n &&
	       metrics->descs[index].type != WP_HISTOGRAM);
	add(cell_at(metrics, index), delta);
}

void wp_metric_set(struct wp_metrics *metrics, size_t index, int64_t value)
{
	if (metrics == NULL)
		return;
	assert(index < metrics->n &&
	       metrics->descs[index].type != WP_HISTOGRAM);
	store(metrics->own != NULL ? &metrics->own[index]
				   : cell_at(metrics, index),
	      value);
}

void wp_metric_observe_us(struct wp_metrics *metrics, size_t index, uint64_t us)
{
	wp_metric_observe_n(metrics, index, us, 1);
}

void wp_metric_observe_n(struct wp_metrics *metrics, size_t index, uint64_t us,
			 int64_t n)
{
	size_t i = 0;
	struct cell *cells;

	if (metrics == NULL)
		return;
	assert(index < metrics->n &&
	       metrics->descs[index].type == WP_HISTOGRAM);
	cells = cell_at(metrics, index);
	while (i < BUCKETS && us > buckets[i].us)
		i++;
	add(&cells[i], n);
	add(&cells[SUM], (int64_t)us * n);
}

/* Of a histogram: how often something was observed. */
static int64_t count(const struct cell *cells)
{
	int64_t total = 0;
	size_t i;

	for (i = 0; i <= BUCKETS; i++)
		total += load(&cells[i]);
	return total;
}

int64_t wp_metric_get(const struct wp_metrics *metrics, size_t index)
{
	const struct cell *cells;

	if (metrics == NULL)
		return 0;
	cells = cell_at(metrics, index);
	if (metrics->descs[index].type == WP_HISTOGRAM)
		return count(cells);
	return metrics->own != NULL && is_gauge(&metrics->descs[index])
		       ? load(&metrics->own[index])
		       : total(metrics, index);
}

/* HELP text: backslash and line feed are escaped. */
static void write_help(struct wp_buf *out, const char *help)
{
	for (; *help != '\0'; help++) {
		if (*help == '\\')
			wp_buf_add_str(out, "\\\\");
		else if (*help == '\n')
			wp_buf_add_str(out, "\\n");
		else
			wp_buf_add_char(out, *help);
	}
}

static void write_head(struct wp_buf *out, const struct wp_metric_desc *desc)
{
	static const char *const types[] = {
		[WP_COUNTER] = "counter",  [WP_SPARSE_COUNTER] = "counter",
		[WP_GAUGE] = "gauge",      [WP_LEAST_GAUGE] = "gauge",
		[WP_LAST_GAUGE] = "gauge", [WP_HISTOGRAM] = "histogram",
	};

	if (desc->help != NULL) {
		wp_buf_printf(out, "# HELP %s ", desc->name);
		write_help(out, desc->help);
		wp_buf_add_char(out, '\n');
	}
	wp_buf_printf(out, "# TYPE %s %s\n", desc->name, types[desc->type]);
}

/* name + suffix, with the labels of desc and le (both may be NULL) */
static void write_name(struct wp_buf *out, const struct wp_metric_desc *desc,
		       const char *suffix, const char *le)
{
	const char *labels = desc->labels;
	bool has_labels = labels != NULL && labels[0] != '\0';

	wp_buf_printf(out, "%s%s", desc->name, suffix);
	if (!has_labels && le == NULL)
		return;
	wp_buf_add_char(out, '{');
	if (has_labels)
		wp_buf_add_str(out, labels);
	if (le != NULL)
		wp_buf_printf(out, "%sle=\"%s\"", has_labels ? "," : "", le);
	wp_buf_add_char(out, '}');
}

static void write_histogram(struct wp_buf *out,
			    const struct wp_metric_desc *desc,
			    const struct cell *cells)
{
	uint64_t sum = (uint64_t)load(&cells[SUM]);
	int64_t total = 0;
	size_t i;

	/* Each bucket is read once, so that the text agrees with itself. */
	for (i = 0; i <= BUCKETS; i++) {
		total += load(&cells[i]);
		write_name(out, desc, "_bucket",
			   i < BUCKETS ? buckets[i].le : "+Inf");
		wp_buf_printf(out, " %" PRId64 "\n", total);
	}
	write_name(out, desc, "_sum", NULL);
	wp_buf_printf(out, " %" PRIu64 ".%06" PRIu64 "\n", sum / 1000000,
		      sum % 1000000);
	write_name(out, desc, "_count", NULL);
	wp_buf_printf(out, " %" PRId64 "\n", total);
}

void wp_metrics_write(const struct wp_metrics *metrics, struct wp_buf *out)
{
	const struct wp_metric_desc *head = NULL; /* of this name */
	bool has_head = false;
	size_t i;

	if (metrics == NULL)
		return;
	for (i = 0; i < metrics->n; i++) {
		const struct wp_metric_desc *desc = &metrics->descs[i];
		const struct cell *cells = cell_at(metrics, i);

		if (head == NULL || strcmp(desc->name, head->name) != 0) {
			head = desc;
			has_head = false;
		}
		if (desc->type == WP_SPARSE_COUNTER && total(metrics, i) == 0)
			continue;
		if (!has_head)
			write_head(out, head);
		has_head = true;
		if (desc->type == WP_HISTOGRAM) {
			write_histogram(out, desc, cells);
			continue;
		}
		write_name(out, desc, "", NULL);
		wp_buf_printf(out, " %" PRId64 "\n", total(metrics, i));
	}
}
