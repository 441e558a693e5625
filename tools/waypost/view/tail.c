/*
 * tail.c - `waypost tail`: what the programs log, as text that can be read.
 *
 * Reads the journal by journalctl(1), or standard input (`waypost tail -`)
 * where something else gathers standard error, as around containers. A line in,
 * a line out; what is no line of ours comes through as it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"

enum { LINE_MAX_BYTES = 65536, CLOCK_AT = 11, CLOCK_LEN = 12, UNIT_MAX = 80 };

static const struct {
	const char *name;
	enum wp_colour colour;
} levels[] = {
	{ "error", WP_BAD },
	{ "warn", WP_WARN },
	{ "info", WP_PLAIN },
	{ "debug", WP_DIM },
};
enum { LEVELS = sizeof(levels) / sizeof(levels[0]) };

struct tail {
	const struct wp_cli_args *args;
	struct wp_style style;
	size_t max_level; /* of levels */
	struct wp_buf out;
};

/* Its place in levels; LEVELS: it is none. */
static size_t find_level(const char *name)
{
	size_t i = 0;

	while (i < LEVELS && strcmp(levels[i].name, name) != 0)
		i++;
	return i;
}

/* A text of a line, borrowed; "" when it has none of that name. */
static const char *text_of(struct json_object *line, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(line, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static bool is_wanted(const struct tail *tail, struct json_object *line)
{
	const struct wp_cli_args *args = tail->args;
	const char *service = text_of(line, "service");

	if (find_level(text_of(line, "level")) > tail->max_level)
		return false;
	if (args->request != NULL &&
	    strcmp(text_of(line, "request_id"), args->request) != 0)
		return false;
	return args->program == NULL || strcmp(service, args->program) == 0 ||
	       (strncmp(service, "waypost-", 8) == 0 &&
		strcmp(service + 8, args->program) == 0);
}

/* ---- a line ---- */

static void add(struct tail *tail, const char *text)
{
	(void)wp_style_add(&tail->out, text, strlen(text), 0);
}

static bool is_head(const char *name)
{
	static const char *const heads[] = { "time", "level", "service",
					     "msg" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strcmp(name, heads[i]) == 0)
			return true;
	return false;
}

static void add_fields(struct tail *tail, struct json_object *line,
		       const char *gap)
{
	bool is_first = true;

	json_object_object_foreach(line, name, value)
	{
		const char *text = json_object_get_string(value);

		if (is_head(name))
			continue;
		wp_buf_add_str(&tail->out, is_first ? gap : " ");
		is_first = false;
		wp_buf_add_str(&tail->out,
			       wp_colour_code(&tail->style, WP_DIM));
		add(tail, name);
		wp_buf_add_char(&tail->out, '=');
		wp_buf_add_str(&tail->out,
			       wp_colour_code(&tail->style, WP_PLAIN));
		add(tail, text != NULL ? text : "null");
	}
}

/* For people the time of day, unless they want all of it. */
static void add_time(struct tail *tail, const char *time)
{
	if (tail->style.is_for_people && !tail->style.is_utc &&
	    strlen(time) > CLOCK_AT + CLOCK_LEN)
		(void)wp_style_add(&tail->out, time + CLOCK_AT, CLOCK_LEN, 0);
	else
		add(tail, time);
}

static void add_line(struct tail *tail, struct json_object *line)
{
	const char *gap = tail->style.is_for_people ? "  " : "\t";
	size_t level = find_level(text_of(line, "level"));
	enum wp_colour colour =
		level < LEVELS ? levels[level].colour : WP_PLAIN;

	add_time(tail, text_of(line, "time"));
	wp_buf_add_str(&tail->out, gap);
	add(tail, text_of(line, "service"));
	wp_buf_add_str(&tail->out, gap);
	wp_buf_add_str(&tail->out, wp_colour_code(&tail->style, colour));
	add(tail, text_of(line, "level"));
	wp_buf_add_str(&tail->out, gap);
	add(tail, text_of(line, "msg"));
	wp_buf_add_str(&tail->out, wp_colour_code(&tail->style, WP_PLAIN));
	add_fields(tail, line, gap);
	wp_buf_add_char(&tail->out, '\n');
}

/* "<4>" of sd-daemon(3), where nobody has taken it away. */
static const char *skip_priority(const char *text)
{
	return text[0] == '<' && text[1] >= '0' && text[1] <= '7' &&
			       text[2] == '>'
		       ? text + 3
		       : text;
}

/* text has len bytes, without the end of the line. */
static void hear(struct tail *tail, const char *text, size_t len)
{
	const char *json = skip_priority(text);
	struct json_object *line = json_tokener_parse(json);

	if (!json_object_is_type(line, json_type_object)) {
		/* Of whom it is nobody knows. */
		if (tail->args->program == NULL &&
		    tail->args->request == NULL && !tail->args->is_json) {
			(void)wp_style_add(&tail->out, text, len, 0);
			wp_buf_add_char(&tail->out, '\n');
		}
	} else if (is_wanted(tail, line)) {
		if (tail->args->is_json)
			wp_buf_printf(&tail->out, "%s\n", json);
		else
			add_line(tail, line);
	}
	json_object_put(line);
}

/* ---- all lines ---- */

static enum wp_err hear_all(struct tail *tail, FILE *in, struct wp_error *err)
{
	char *text = malloc(LINE_MAX_BYTES);
	enum wp_err rc = WP_OK;

	if (text == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	/* A longer line is heard in pieces, which are no JSON. */
	while (rc == WP_OK && fgets(text, LINE_MAX_BYTES, in) != NULL) {
		size_t len = strcspn(text, "\n");

		text[len] = '\0';
		hear(tail, text, len);
		rc = wp_cli_put_out(&tail->out, err);
		if (rc == WP_OK && fflush(stdout) == EOF)
			rc = wp_error_sys(err, "standard output");
	}
	free(text);
	return rc;
}

/* The child of read_journal(): does not return. */
static void become_journalctl(const struct wp_cli_args *args, int out)
{
	char unit[UNIT_MAX] = "--unit=waypost*";
	char name[] = "journalctl", follow[] = "--follow", lines[] = "--lines",
	     n[] = "20", output[] = "--output=cat", quiet[] = "--quiet",
	     said[] = "_TRANSPORT=stdout";
	/* What systemd says of a unit has no level here, and comes by
	 * another way: systemd.journal-fields(7). The last words of a program
	 * that fails are no JSON either, and are shown. */
	char *ours = args->level != NULL ? said : NULL;
	char *argv[] = {
		name, follow, lines, n, output, quiet, unit, ours, NULL
	};

	if (args->program != NULL)
		(void)snprintf(unit, sizeof(unit), "--unit=%s%s*",
			       strncmp(args->program, "waypost", 7) == 0
				       ? ""
				       : "waypost-",
			       args->program);
	if (dup2(out, STDOUT_FILENO) != -1)
		(void)execvp(name, argv);
	_exit(127);
}

static enum wp_err read_journal(struct tail *tail, struct wp_error *err)
{
	enum wp_err rc;
	FILE *in = NULL;
	int status = 0;
	int ends[2];
	pid_t child;

	if (pipe(ends) == -1)
		return wp_error_sys(err, "pipe");
	child = fork();
	if (child == 0) {
		(void)close(ends[0]);
		become_journalctl(tail->args, ends[1]);
	}
	rc = child == -1 ? wp_error_sys(err, "fork") : WP_OK;
	(void)close(ends[1]);
	if (rc == WP_OK)
		in = fdopen(ends[0], "r");
	if (in == NULL)
		(void)close(ends[0]);
	if (rc == WP_OK)
		rc = in != NULL ? hear_all(tail, in, err)
				: wp_error_sys(err, "fdopen");
	if (in != NULL)
		(void)fclose(in); /* a journalctl that still writes ends */
	while (child > 0 && waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (rc == WP_OK && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		rc = wp_error_set(err, WP_ERR_SYS,
				  "journalctl does not run here; have the log "
				  "on standard input and say: waypost tail -");
	return rc;
}

enum wp_err wp_cli_tail(const struct wp_cli_args *args, struct wp_error *err)
{
	struct tail tail = { .args = args, .max_level = LEVELS };
	enum wp_err rc;

	if (args->level != NULL)
		tail.max_level = find_level(args->level);
	wp_style_of(&tail.style, STDOUT_FILENO, args->is_utc);
	wp_buf_init(&tail.out, 0);
	if (args->file != NULL)
		rc = hear_all(&tail, stdin, err);
	else
		rc = read_journal(&tail, err);
	wp_buf_release(&tail.out);
	return rc;
}
