/*
 * top.c - `waypost top`: how much goes through the deployment, again and again.
 *
 * On a terminal a screen that is drawn anew, with keys; else a line each time,
 * tabs between its cells. Rates are differences of how many entries ingress has
 * ever had, so that nothing is missed between two looks, and nobody has to
 * count for us.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/view/prom.h"
#include "tools/waypost/view/survey.h"

enum {
	MS_PER_S = 1000,
	PERCENT = 100,
	HISTORY = 60, /* looks that the line of bars shows */
	SLOWEST = 5,  /* partitions that are listed */
	ROWS_DEFAULT = 24,
	BARS = 8,
};

/* By which doors messages come. */
static const struct {
	const char *name, *label;
} doors[] = {
	{ "http", "door=\"http\"" },
	{ "batch", "door=\"batch\"" },
	{ "ws", "door=\"ws\"" },
	{ "inbox", "door=\"inbox\"" },
};
enum { DOORS = sizeof(doors) / sizeof(doors[0]) };

/* What the programs of this host say of themselves, as far as they do. */
struct told {
	double sends[DOORS];
	struct wp_prom_histogram send, route;
};

struct top {
	struct wp_cli *cli;
	struct wp_survey now, before;
	uint64_t now_at_ms, before_at_ms; /* by our clock */
	bool has_before;
	bool is_paused;
	bool by_worker;
	int64_t rates[HISTORY]; /* accepted a second, the last one at the end */
	size_t n_rates;
	struct wp_style style;
	struct told told, told_before;
	bool has_told;       /* somebody did */
	struct wp_error err; /* why the last look failed; "" when it did not */
};

static volatile sig_atomic_t is_told_to_end;

static void on_end(int number)
{
	(void)number;
	is_told_to_end = 1;
}

static void on_resize(int number)
{
	(void)number; /* that it interrupts poll(2) is enough */
}

/* ---- what programs say ---- */

static void hear(struct top *top, const char *address)
{
	struct told *told = &top->told;
	struct wp_buf page;

	wp_buf_init(&page, 0);
	if (address[0] != '\0' && wp_prom_read(&page, address, NULL) == WP_OK) {
		struct wp_prom_histogram one;

		top->has_told = true;
		for (size_t i = 0; i < DOORS; i++)
			told->sends[i] +=
				wp_prom_sum(page.data, "waypost_sends_total",
					    doors[i].label);
		wp_prom_histogram(&one, page.data,
				  "waypost_http_request_duration_seconds",
				  "route=\"send\"");
		if (one.n_buckets > 0)
			told->send = one;
		wp_prom_histogram(&one, page.data,
				  "waypost_worker_route_batch_duration_seconds",
				  "");
		if (one.n_buckets > 0)
			told->route = one;
	}
	wp_buf_release(&page);
}

/* By their doors of metrics; who is of another host is not heard. */
static void hear_all(struct top *top)
{
	const struct wp_conf *conf = &top->cli->conf;

	top->told_before = top->told;
	memset(&top->told, 0, sizeof(top->told));
	top->has_told = false;
	hear(top, conf->handlers.metrics_listen);
	hear(top, conf->websocket.metrics_listen);
	hear(top, conf->worker.metrics_listen);
}

/* ---- looking ---- */

static int64_t rate_of(const struct top *top, int64_t now, int64_t before)
{
	uint64_t ms = top->now_at_ms - top->before_at_ms;
	int64_t risen;

	/* Another life of Redis counts from the beginning. */
	if (!top->has_before || ms == 0 || now < before)
		return 0;
	/* Whoever may write to Redis may have set the count to anything. */
	if (__builtin_mul_overflow(now - before, MS_PER_S, &risen))
		return INT64_MAX;
	return risen / (int64_t)ms;
}

/* What a page says; another program may stand there, and say anything. */
static int64_t whole_of(double n)
{
	return n >= 0 && n < (double)INT64_MAX ? (int64_t)n : 0;
}

static int64_t accepted_per_s(const struct top *top)
{
	return rate_of(top, top->now.added, top->before.added);
}

static void note_rate(struct top *top)
{
	if (top->n_rates == HISTORY)
		memmove(top->rates, top->rates + 1,
			(HISTORY - 1) * sizeof(top->rates[0]));
	else
		top->n_rates++;
	top->rates[top->n_rates - 1] = accepted_per_s(top);
}

static enum wp_err look(struct top *top)
{
	struct wp_survey survey;
	enum wp_err rc;

	top->err = (struct wp_error){ 0 };
	rc = wp_survey_make(top->cli, &survey, &top->err);
	if (rc != WP_OK) {
		wp_survey_release(&survey);
		return rc;
	}
	wp_survey_release(&top->before);
	top->before = top->now;
	top->before_at_ms = top->now_at_ms;
	top->has_before = top->now.partitions != NULL;
	top->now = survey;
	top->now_at_ms = wp_mono_ms();
	if (isatty(STDOUT_FILENO) == 1)
		hear_all(top);
	if (top->has_before)
		note_rate(top);
	return WP_OK;
}

/* ---- the screen ---- */

static void say(struct top *top, struct wp_buf *out, int64_t n,
		const char *of_what)
{
	wp_style_count(&top->style, out, n);
	wp_buf_add_str(out, of_what);
}

static void say_age(struct top *top, struct wp_buf *out, int64_t at_ms)
{
	if (at_ms > 0)
		wp_style_span(&top->style, out, top->now.now_ms - at_ms);
	else
		wp_buf_add_char(out, '-');
}

static void say_shares(const struct wp_prom_histogram *before,
		       const struct wp_prom_histogram *now, const char *what,
		       struct wp_buf *out)
{
	double half, most;

	if (wp_prom_quantile(before, now, 0.5, &half) &&
	    wp_prom_quantile(before, now, 0.99, &most))
		wp_buf_printf(out, "   %s p50 %.1f ms, p99 %.1f ms", what,
			      half * MS_PER_S, most * MS_PER_S);
}

static void add_told(struct top *top, struct wp_buf *out)
{
	if (!top->has_told || !top->has_before)
		return;
	for (size_t i = 0; i < DOORS; i++) {
		wp_buf_printf(out, "%s%s ",
			      i > 0 ? ", " : "this host: ", doors[i].name);
		say(top, out,
		    rate_of(top, whole_of(top->told.sends[i]),
			    whole_of(top->told_before.sends[i])),
		    "/s");
	}
	wp_buf_add_char(out, '\n');
	say_shares(&top->told_before.send, &top->told.send, "sends", out);
	say_shares(&top->told_before.route, &top->told.route, "routing calls",
		   out);
	wp_buf_add_char(out, '\n');
}

static void add_bars(const struct top *top, struct wp_buf *out)
{
	static const char *const bars[BARS] = { "▁", "▂", "▃", "▄",
						"▅", "▆", "▇", "█" };
	int64_t most = 1;

	for (size_t i = 0; i < top->n_rates; i++)
		most = top->rates[i] > most ? top->rates[i] : most;
	for (size_t i = 0; i < top->n_rates; i++) {
		double share = (double)top->rates[i] / (double)most;

		wp_buf_add_str(out, bars[(size_t)(share * (BARS - 1))]);
	}
	wp_buf_add_char(out, '\n');
}

/* What others wrote; add_frame() takes what has colours as it is. */
static void add_word(struct wp_buf *out, const char *text)
{
	(void)wp_style_add(out, text, strlen(text), 0);
}

static void add_summary(struct top *top, struct wp_buf *out)
{
	const struct wp_survey *now = &top->now;

	wp_buf_add_str(out, "waypost top  ");
	add_word(out, now->mode);
	wp_buf_add_str(out, top->is_paused ? "  paused  redis " : "  redis ");
	add_word(out, now->redis.version);
	wp_buf_add_str(out, "  ");
	wp_style_size(&top->style, out, now->redis.used_bytes);
	if (now->redis.max_bytes > 0)
		wp_buf_printf(out, " (%" PRId64 "%%)",
			      now->redis.used_bytes * PERCENT /
				      now->redis.max_bytes);
	wp_buf_add_str(out, "  ");
	say(top, out, now->redis.ops_per_s, " commands/s\n");
	say(top, out, accepted_per_s(top), " accepted/s   ");
	say(top, out, now->ingress, " to be routed, the oldest for ");
	say_age(top, out, now->first_ms);
	wp_buf_add_str(out, "\n");
	say(top, out, now->connections, " connections   ");
	say(top, out, now->hot, " mailboxes in memory, ");
	say(top, out, now->cold, " on disk, ");
	say(top, out, now->marks, " to be moved   ");
	say(top, out, now->dead + now->dead_inbox, " dead letters\n");
	add_told(top, out);
	add_bars(top, out);
	wp_buf_add_char(out, '\n');
}

/* Is partition a slower than b: an older entry, or more of them? */
static bool is_slower(const struct wp_survey_partition *a,
		      const struct wp_survey_partition *b)
{
	if (a->first_ms != b->first_ms)
		return a->first_ms > 0 &&
		       (b->first_ms == 0 || a->first_ms < b->first_ms);
	return a->ingress > b->ingress;
}

/* The slowest partitions first; returns how many of them something waits in. */
static size_t find_slowest(const struct wp_survey *survey,
			   uint32_t slowest[SLOWEST])
{
	size_t n = 0;

	for (uint32_t p = 0; p < survey->n_partitions; p++) {
		size_t at = n;

		if (survey->partitions[p].ingress == 0)
			continue;
		while (at > 0 &&
		       is_slower(&survey->partitions[p],
				 &survey->partitions[slowest[at - 1]]))
			at--;
		if (at == SLOWEST)
			continue;
		n += n < SLOWEST;
		memmove(slowest + at + 1, slowest + at,
			(n - at - 1) * sizeof(slowest[0]));
		slowest[at] = p;
	}
	return n;
}

static void add_partitions(struct top *top, struct wp_buf *out)
{
	static const struct wp_column columns[] = {
		{ .title = "PARTITION", .is_right = true },
		{ .title = "WAITING", .is_right = true },
		{ .title = "OLDEST", .is_right = true },
		{ .title = "ACCEPTED/S", .is_right = true },
	};
	uint32_t slowest[SLOWEST];
	size_t n = find_slowest(&top->now, slowest);
	struct wp_cli_table table;

	wp_cli_table_begin(&table, &top->style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < n; i++) {
		const struct wp_survey_partition *now =
			&top->now.partitions[slowest[i]];
		int64_t before =
			top->has_before && slowest[i] < top->before.n_partitions
				? top->before.partitions[slowest[i]].added
				: now->added;

		wp_cli_table_printf(&table, "%" PRIu32, slowest[i]);
		wp_cli_table_count(&table, now->ingress);
		wp_cli_table_span(&table, top->now.now_ms - now->first_ms);
		wp_cli_table_count(&table, rate_of(top, now->added, before));
	}
	wp_cli_table_end(&table, out);
}

static void add_workers(struct top *top, struct wp_buf *out)
{
	static const struct wp_column columns[] = {
		{ .title = "WORKER" },
		{ .title = "PARTITIONS", .is_right = true },
		{ .title = "ANNOUNCED" },
	};
	struct wp_cli_table table;

	wp_cli_table_begin(&table, &top->style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < top->now.n_workers; i++) {
		wp_cli_table_text(&table, top->now.workers[i].id);
		wp_cli_table_count(&table, top->now.workers[i].partitions);
		wp_cli_table_time(&table, top->now.workers[i].announced_ms);
	}
	wp_cli_table_end(&table, out);
}

static size_t rows_of(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 1
		       ? size.ws_row
		       : ROWS_DEFAULT;
}

/* Lines in place of those that are there: what fits, nothing of before. */
static void add_frame(const struct top *top, const struct wp_buf *text,
		      struct wp_buf *out)
{
	size_t rows = rows_of(STDOUT_FILENO);
	const char *line = text->data;

	wp_buf_add_str(out, "\033[H");
	for (size_t i = 0; i < rows - 1 && *line != '\0'; i++) {
		size_t len = strcspn(line, "\n");

		/* Tables are cut already, and their colours are in them. */
		if (memchr(line, '\033', len) == NULL)
			(void)wp_style_add(out, line, len, top->style.width);
		else
			wp_buf_add(out, line, len);
		wp_buf_add_str(out, "\033[K\n");
		line += len + (line[len] == '\n');
	}
	wp_buf_add_str(out, "\033[J");
}

static enum wp_err draw(struct top *top, struct wp_error *err)
{
	struct wp_buf text, out;

	wp_style_of(&top->style, STDOUT_FILENO, false);
	top->style.now_ms = top->now.now_ms;
	wp_buf_init(&text, 0);
	wp_buf_init(&out, 0);
	add_summary(top, &text);
	if (top->err.msg[0] != '\0') {
		wp_buf_add_str(&text, "these numbers are old: ");
		add_word(&text, top->err.msg);
		wp_buf_add_str(&text, "\n\n");
	}
	if (top->by_worker)
		add_workers(top, &text);
	else
		add_partitions(top, &text);
	wp_buf_add_str(&text, "\nq ends, p pauses, w shows workers or "
			      "partitions\n");
	if (text.failed)
		out.failed = true;
	else
		add_frame(top, &text, &out);
	wp_buf_release(&text);
	return wp_cli_put_out(&out, err);
}

/* ---- lines ---- */

/* time, accepted/s, to be routed, the oldest of them (s), mailboxes in memory,
 * on disk, connections, bytes of Redis, its commands/s, dead letters */
static enum wp_err put_line(struct top *top, struct wp_error *err)
{
	enum { COLUMNS = 10 };
	static const struct wp_column columns[COLUMNS] = { { .title = NULL } };
	const struct wp_survey *now = &top->now;
	struct wp_cli_table table;
	struct wp_buf out;

	top->style = (struct wp_style){ .now_ms = now->now_ms };
	wp_buf_init(&out, 0);
	wp_cli_table_begin(&table, &top->style, columns, COLUMNS);
	wp_cli_table_time(&table, now->now_ms);
	wp_cli_table_count(&table, accepted_per_s(top));
	wp_cli_table_count(&table, now->ingress);
	wp_cli_table_span(&table,
			  now->first_ms > 0 ? now->now_ms - now->first_ms : 0);
	wp_cli_table_count(&table, now->hot);
	wp_cli_table_count(&table, now->cold);
	wp_cli_table_count(&table, now->connections);
	wp_cli_table_count(&table, now->redis.used_bytes);
	wp_cli_table_count(&table, now->redis.ops_per_s);
	wp_cli_table_count(&table, now->dead + now->dead_inbox);
	wp_cli_table_end(&table, &out);
	return wp_cli_put_out(&out, err);
}

/* ---- again and again ---- */

struct screen {
	bool is_ours; /* it is to be given back */
	bool has_keys;
	struct termios before;
};

static void take_screen(struct screen *screen)
{
	struct termios keys;

	screen->is_ours = true;
	screen->has_keys = isatty(STDIN_FILENO) == 1 &&
			   tcgetattr(STDIN_FILENO, &screen->before) == 0;
	if (screen->has_keys) {
		keys = screen->before;
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	}
	/* The other screen, without a cursor: xterm's control sequences. */
	(void)fputs("\033[?1049h\033[?25l", stdout);
}

static void give_back_screen(const struct screen *screen)
{
	if (!screen->is_ours)
		return;
	(void)fputs("\033[?25h\033[?1049l", stdout);
	(void)fflush(stdout);
	if (screen->has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

static void hear_key(struct top *top)
{
	char key = '\0';

	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
		is_told_to_end = 1;
	else if (key == 'p')
		top->is_paused = !top->is_paused;
	else if (key == 'w')
		top->by_worker = !top->by_worker;
}

/* Until the time has come, a key was pressed, or something happened to us.
 * Returns: the time has come */
static bool rest(struct top *top, const struct screen *screen, uint64_t due_ms)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now_ms = wp_mono_ms();
	int n;

	if (now_ms >= due_ms)
		return true;
	n = poll(&keys, screen->has_keys ? 1 : 0, (int)(due_ms - now_ms));
	if (n > 0)
		hear_key(top);
	return n == 0;
}

static enum wp_err show(struct top *top, const struct screen *screen,
			struct wp_error *err)
{
	enum wp_err rc = screen->is_ours ? draw(top, err) : put_line(top, err);

	if (rc == WP_OK && fflush(stdout) == EOF)
		rc = wp_error_sys(err, "standard output");
	return rc;
}

/* The first look must succeed; later ones may fail while Redis is away, which
 * a screen says, and a line that is missing. */
static enum wp_err go_on(struct top *top, const struct screen *screen,
			 struct wp_error *err)
{
	uint64_t every_ms = (uint64_t)top->cli->args.every_s * MS_PER_S;
	uint64_t due_ms = wp_mono_ms() + every_ms;
	int64_t left = top->cli->args.times;
	enum wp_err rc = screen->is_ours ? show(top, screen, err) : WP_OK;

	while (rc == WP_OK && !is_told_to_end) {
		bool is_due = rest(top, screen, due_ms);
		enum wp_err seen = WP_OK;

		if (is_due)
			due_ms += every_ms;
		if (is_due && !top->is_paused)
			seen = look(top);
		if (is_told_to_end || (!is_due && !screen->is_ours))
			continue;
		if (seen == WP_OK || screen->is_ours)
			rc = show(top, screen, err);
		else
			fprintf(stderr, "waypost: %s\n", top->err.msg);
		if (is_due && left > 0 && --left == 0)
			break;
	}
	return rc;
}

enum wp_err wp_cli_top(struct wp_cli *cli, struct wp_error *err)
{
	const struct sigaction end = { .sa_handler = on_end };
	const struct sigaction resize = { .sa_handler = on_resize };
	struct screen screen = { .is_ours = false };
	struct top *top = calloc(1, sizeof(*top));
	enum wp_err rc;

	if (top == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	top->cli = cli;
	rc = look(top);
	if (rc != WP_OK) {
		*err = top->err;
		goto out;
	}
	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGWINCH, &resize, NULL);
	if (isatty(STDOUT_FILENO) == 1)
		take_screen(&screen);
	rc = go_on(top, &screen, err);
	give_back_screen(&screen);
out:
	wp_survey_release(&top->now);
	wp_survey_release(&top->before);
	free(top);
	return rc;
}
