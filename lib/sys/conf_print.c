/*
 * conf_print.c - the table as --help tells it, and the values in effect as
 * --print-config writes them.
 *
 * A secret shows only whether it is there.
 */
#include "lib/sys/conf_table.h"

#include <inttypes.h>
#include <string.h>

/* Length of the section in a key's name; 0 when it has none. */
static size_t section_len(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL ? 0 : (size_t)(dot - name);
}

/* "error, warn, info or debug", "1 to 64 entries", "true or false" */
static void write_range(struct wp_buf *out, const struct wp_conf_key *key)
{
	size_t i;

	if (key->words != NULL) {
		for (i = 0; key->words[i] != NULL; i++)
			wp_buf_printf(out, "%s%s",
				      i == 0                      ? ""
				      : key->words[i + 1] == NULL ? " or "
								  : ", ",
				      key->words[i]);
		return;
	}
	switch (key->type) {
	case WP_CONF_INT:
		wp_buf_printf(out, "%" PRId64 " to %" PRId64, key->min,
			      key->max);
		if (key->unit != NULL)
			wp_buf_printf(out, " %s", key->unit);
		break;
	case WP_CONF_BOOL:
		wp_buf_add_str(out, "true or false");
		break;
	case WP_CONF_LIST:
		wp_buf_add_str(out, "list; with commas in the environment");
		break;
	case WP_CONF_SECRET:
		wp_buf_printf(out, "secret; or %s_file", key->name);
		break;
	case WP_CONF_STRING:
	case WP_CONF_ENUM:
		wp_buf_add_str(out, "text");
		break;
	}
}

static void write_key(struct wp_buf *out, const struct wp_conf_key *key)
{
	char env[WP_CONF_NAME_MAX];

	wp_conf_env_name(key, "", env);
	wp_buf_printf(out, "  %s (%s", key->name, env);
	if (key->alias != NULL)
		wp_buf_printf(out, ", %s", key->alias);
	wp_buf_add_str(out, ")\n      ");
	write_range(out, key);
	if (key->preset != NULL && key->preset[0] != '\0')
		wp_buf_printf(out, "; default %s", key->preset);
	if (key->is_reloadable)
		wp_buf_add_str(out, "; a reload (SIGHUP) may change it");
	wp_buf_printf(out, "\n      %s\n", key->help);
}

void wp_conf_write_help(struct wp_buf *out,
			const struct wp_conf_program *program)
{
	const struct wp_conf_flag *flag = program->flags;
	size_t i;

	wp_buf_printf(out, "%s: %s\n\nUsage: %s [options]\n\n", program->name,
		      program->summary, program->name);
	wp_buf_add_str(
		out, "Options:\n"
		     "  --config FILE    read this file; else WAYPOST_CONFIG, "
		     "else\n"
		     "                   /etc/waypost/waypost.yaml if it "
		     "exists\n"
		     "  --check          check the configuration and exit\n"
		     "  --print-config   print the values in effect as YAML "
		     "and exit\n"
		     "  --version        print the version and exit\n"
		     "  --help           print this and exit\n");
	for (; flag != NULL && flag->flag != NULL; flag++)
		wp_buf_printf(out, "  %s VALUE\n                   sets %s\n",
			      flag->flag, flag->key);
	wp_buf_add_str(out, "\nKeys of the file, and the environment variables "
			    "that override them:\n");
	for (i = 0; i < wp_conf_keys_n; i++)
		if (wp_conf_uses(program, &wp_conf_keys[i]))
			write_key(out, &wp_conf_keys[i]);
}

static void write_text(struct wp_buf *out, const char *text)
{
	/* A JSON string is a YAML one: YAML 1.2 section 1.3. */
	wp_buf_add_json(out, text, strlen(text));
}

static void write_list(struct wp_buf *out, const struct wp_conf_list *list)
{
	size_t i;

	wp_buf_add_char(out, '[');
	for (i = 0; i < list->n; i++) {
		if (i > 0)
			wp_buf_add_str(out, ", ");
		write_text(out, list->items[i]);
	}
	wp_buf_add_char(out, ']');
}

static void write_value(struct wp_buf *out, const struct wp_conf_key *key,
			const void *at)
{
	switch (key->type) {
	case WP_CONF_INT:
		wp_buf_printf(out, "%" PRId64, *(const int64_t *)at);
		break;
	case WP_CONF_BOOL:
		wp_buf_add_str(out, *(const bool *)at ? "true" : "false");
		break;
	case WP_CONF_ENUM:
		wp_buf_add_str(out, key->words[*(const int64_t *)at]);
		break;
	case WP_CONF_STRING:
		write_text(out, *(char *const *)at);
		break;
	case WP_CONF_LIST:
		write_list(out, at);
		break;
	case WP_CONF_SECRET:
		wp_buf_add_str(out, (*(char *const *)at)[0] != '\0'
					    ? "(set)"
					    : "(not set)");
		break;
	}
	wp_buf_add_char(out, '\n');
}

void wp_conf_write_config(struct wp_buf *out, const struct wp_conf_load *load)
{
	size_t known = 0; /* length of the section written last */
	size_t i;

	for (i = 0; i < wp_conf_keys_n; i++) {
		const struct wp_conf_key *key = &wp_conf_keys[i];
		size_t len = section_len(key->name);
		const char *name = len == 0 ? key->name : key->name + len + 1;
		const char *indent = len == 0 ? "" : "  ";

		if (len > 0 &&
		    (i == 0 || known != len ||
		     memcmp(key->name, wp_conf_keys[i - 1].name, len) != 0))
			wp_buf_printf(out, "%.*s:\n", (int)len, key->name);
		known = len;
		/* As a comment, because the file may not hold the key. */
		wp_buf_printf(out, "%s%s%s: ", indent,
			      key->type == WP_CONF_SECRET ? "# " : "", name);
		write_value(out, key, wp_conf_peek(load->conf, key));
		if (load->secret_path[i] != NULL &&
		    load->secret_path[i][0] != '\0') {
			wp_buf_printf(out, "%s%s_file: ", indent, name);
			write_text(out, load->secret_path[i]);
			wp_buf_add_char(out, '\n');
		}
	}
}
